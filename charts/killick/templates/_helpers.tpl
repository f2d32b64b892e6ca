{{- define "killick.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* Object names. A CronJob's name may have 52 characters, because its Jobs' names add 11. */}}
{{- define "killick.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "killick.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "killick.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Names outside the release namespace: two releases of one name in two namespaces must not share them. */}}
{{- define "killick.clusterName" -}}
{{- $name := include "killick.fullname" . }}
{{- if eq $name .Release.Namespace }}
{{- $name }}
{{- else }}
{{- printf "%s-%s" .Release.Namespace $name }}
{{- end }}
{{- end }}

{{- define "killick.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "killick.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is required when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "killick.selectorLabels" -}}
app.kubernetes.io/name: {{ include "killick.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "killick.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "killick.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "killick.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* What cannot be expressed in values.schema.json, or only with messages that nobody understands. */}}
{{- define "killick.validate" -}}
{{- if not .Values.repo }}
{{- fail "repo is required: the https or ssh URL of the repository that holds the config" }}
{{- end }}
{{- if and (ne .Values.git.auth "none") (not .Values.git.existingSecret) }}
{{- fail (printf "git.existingSecret is required with git.auth=%s" .Values.git.auth) }}
{{- end }}
{{- if and .Values.git.ca.existingConfigMap .Values.git.ca.existingSecret }}
{{- fail "git.ca.existingConfigMap and git.ca.existingSecret are both set; choose one" }}
{{- end }}
{{- if and (ne .Values.slack.auth "none") (not .Values.slack.existingSecret) }}
{{- fail (printf "slack.existingSecret is required with slack.auth=%s" .Values.slack.auth) }}
{{- end }}
{{- if and (not .Values.timeout) (le (int .Values.activeDeadlineSeconds) 60) }}
{{- fail "activeDeadlineSeconds must be more than 60, or timeout must be set" }}
{{- end }}
{{- include "killick.validateDetect" . }}
{{- end }}

{{- define "killick.timeout" -}}
{{- default (printf "%ds" (sub (int .Values.activeDeadlineSeconds) 30)) .Values.timeout }}
{{- end }}

{{/* Credentials always have the same paths, whatever the keys of the Secrets are called. */}}
{{- define "killick.gitItems" -}}
{{- with .Values.git }}
{{- if eq .auth "token" }}
- {key: {{ .tokenKey | quote }}, path: token}
{{- else if eq .auth "basic" }}
- {key: {{ .usernameKey | quote }}, path: username}
- {key: {{ .passwordKey | quote }}, path: password}
{{- else if eq .auth "ssh" }}
- {key: {{ .sshKeyKey | quote }}, path: ssh-key}
- {key: {{ .knownHostsKey | quote }}, path: known_hosts}
{{- end }}
{{- end }}
{{- end }}

{{- define "killick.gitSources" -}}
{{- with .Values.git }}
{{- if ne .auth "none" }}
- secret:
    name: {{ .existingSecret }}
    items:
      {{- include "killick.gitItems" $ | trim | nindent 6 }}
{{- end }}
{{- if .ca.existingConfigMap }}
- configMap:
    name: {{ .ca.existingConfigMap }}
    items: [{key: {{ .ca.key | quote }}, path: ca.crt}]
{{- else if .ca.existingSecret }}
- secret:
    name: {{ .ca.existingSecret }}
    items: [{key: {{ .ca.key | quote }}, path: ca.crt}]
{{- end }}
{{- end }}
{{- end }}

{{- define "killick.args" -}}
- run
- {{ printf "--repo=%s" .Values.repo | quote }}
- {{ printf "--ref=%s" .Values.ref | quote }}
- {{ printf "--config=%s" .Values.config | quote }}
- {{ printf "--state-namespace=%s" .Release.Namespace | quote }}
- {{ printf "--timeout=%s" (include "killick.timeout" .) | quote }}
- {{ printf "--output=%s" .Values.output | quote }}
{{- if eq .Values.preset "detect" }}
- --detect
{{- end }}
{{- if eq .Values.git.auth "token" }}
- --git-token-file=/etc/killick/git/token
{{- else if eq .Values.git.auth "basic" }}
- --git-username-file=/etc/killick/git/username
- --git-password-file=/etc/killick/git/password
{{- else if eq .Values.git.auth "ssh" }}
- --git-ssh-key-file=/etc/killick/git/ssh-key
- --git-known-hosts-file=/etc/killick/git/known_hosts
{{- end }}
{{- if or .Values.git.ca.existingConfigMap .Values.git.ca.existingSecret }}
- --git-ca-file=/etc/killick/git/ca.crt
{{- end }}
{{- if eq .Values.slack.auth "token" }}
- --slack-token-file=/etc/killick/slack/token
{{- else if eq .Values.slack.auth "webhook" }}
- --slack-webhook-file=/etc/killick/slack/webhook
{{- end }}
{{- if and .Values.slack.channel (eq .Values.slack.auth "token") }}
- {{ printf "--slack-channel=%s" .Values.slack.channel | quote }}
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}
