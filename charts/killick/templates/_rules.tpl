{{/*
Whether the preset may create and patch. Detect may, because a server-side
dry-run is authorised like the write that it rehearses, but only while the
admission policy is there that denies everything else.
*/}}
{{- define "killick.mayApply" -}}
{{- if or (ne .Values.preset "detect") .Values.detect.admissionPolicy }}true{{ end }}
{{- end }}

{{/* The preset's verbs for an extra rule that names none. */}}
{{- define "killick.presetVerbs" -}}
{{- $verbs := list "get" "list" }}
{{- if include "killick.mayApply" . }}
{{- $verbs = concat $verbs (list "create" "patch") }}
{{- end }}
{{- if eq .Values.preset "prune" }}
{{- $verbs = append $verbs "delete" }}
{{- end }}
{{- $verbs | toJson }}
{{- end }}

{{/* Rules: "items" (kinds as in files/resources.yaml) with "verbs". */}}
{{- define "killick.rules" -}}
{{- $verbs := .verbs }}
{{- range .items }}
- apiGroups: {{ .apiGroups | toJson }}
  resources: {{ .resources | toJson }}
  {{- with get . "resourceNames" }}
  resourceNames: {{ . | toJson }}
  {{- end }}
  verbs: {{ default $verbs (get . "verbs") | toJson }}
{{- end }}
{{- end }}

{{/*
One grant: "name", "title", "namespaced" and "cluster" (rules as text), "root". A
ClusterRole with both, or, limited to namespaces, a Role with the namespaced
rules in each.
*/}}
{{- define "killick.grant" -}}
{{- $root := .root }}
{{- $name := printf "%s-%s" (include "killick.clusterName" $root) .name }}
{{- if $root.Values.rbac.namespaces }}
{{- $rules := .namespaced }}
{{- if trim $rules }}
{{- range $namespace := $root.Values.rbac.namespaces }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name }}
  namespace: {{ $namespace }}
  labels:
    {{- include "killick.labels" $root | nindent 4 }}
rules:
  {{- $rules | trim | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}
  namespace: {{ $namespace }}
  labels:
    {{- include "killick.labels" $root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name }}
subjects:
  {{- include "killick.subject" $root | nindent 2 }}
{{- end }}
{{- end }}
{{- else }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ $name }}
  labels:
    {{- include "killick.labels" $root | nindent 4 }}
rules:
  {{- printf "%s\n%s" (trim .namespaced) (trim .cluster) | trim | nindent 2 }}
---
{{ include "killick.clusterRoleBinding" (dict "root" $root "name" $name) }}
{{- end }}
{{- end }}

{{- define "killick.clusterRoleBinding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ .name }}
  labels:
    {{- include "killick.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ .name }}
subjects:
  {{- include "killick.subject" .root | nindent 2 }}
{{- end }}

{{- define "killick.subject" -}}
- kind: ServiceAccount
  name: {{ include "killick.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/*
What extra rules may not do under the detect preset: anything that the admission
policy cannot hold to dry-runs, or that would let the account remove it.
*/}}
{{- define "killick.validateDetect" -}}
{{- if eq .Values.preset "detect" }}
{{- range .Values.rbac.extraRules }}
{{- range concat .apiGroups .resources }}
{{- if contains "*" . }}
{{- fail "rbac.extraRules: the detect preset takes no wildcards; with one, Killick could patch the policy that confines it" }}
{{- end }}
{{- if contains "/" . }}
{{- fail (printf "rbac.extraRules: the detect preset takes no subresources (%s)" .) }}
{{- end }}
{{- end }}
{{- range default list (get . "verbs") }}
{{- if not (has . (list "get" "list" "watch" "create" "patch")) }}
{{- fail (printf "rbac.extraRules: the detect preset takes get, list, watch, create and patch only, not %q" .) }}
{{- end }}
{{- end }}
{{- $verbs := default (include "killick.presetVerbs" $ | fromJsonArray) (get . "verbs") }}
{{- $writes := or (has "create" $verbs) (has "patch" $verbs) }}
{{- if and $writes (has "admissionregistration.k8s.io" .apiGroups) }}
{{- range .resources }}
{{- if contains "admissionpolic" . }}
{{- fail (printf "rbac.extraRules: the detect preset may only read %s, because no admission policy applies to it" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $writes (not $.Values.detect.admissionPolicy) }}
{{- fail "rbac.extraRules: without detect.admissionPolicy the detect preset takes get, list and watch only" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Whether a policy of its own holds the account, in Killick's namespace, to Killick's
state. The one of the detect preset does that as well.
*/}}
{{- define "killick.statePolicy" -}}
{{- if and .Values.rbac.statePolicy (not (and (eq .Values.preset "detect") .Values.detect.admissionPolicy)) }}true{{ end }}
{{- end }}

{{/* Whether any policy confines what the account writes in Killick's namespace. */}}
{{- define "killick.stateConfined" -}}
{{- if or .Values.rbac.statePolicy (and (eq .Values.preset "detect") .Values.detect.admissionPolicy) }}true{{ end }}
{{- end }}

{{/* What an admission policy takes for Killick's own state. */}}
{{- define "killick.stateVariables" -}}
- name: stateConfigMap
  expression: >-
    request.resource.group == "" && request.resource.resource == "configmaps" &&
    (request.name.startsWith("killick-app-") || request.name.startsWith("killick-state-") || request.name == "killick-run")
# Of type Opaque: Kubernetes puts a token of any account in the namespace
# into a Secret of the type that asks for one.
- name: stateSecret
  expression: >-
    request.resource.group == "" && request.resource.resource == "secrets" && request.name == "killick-key" &&
    (object == null || !has(object.type) || object.type == "Opaque")
- name: stateLease
  expression: >-
    request.resource.group == "coordination.k8s.io" && request.resource.resource == "leases" && request.name == "killick"
- name: state
  expression: >-
    request.namespace == "{{ .Release.Namespace }}" &&
    (variables.stateConfigMap || variables.stateSecret || variables.stateLease)
{{- end }}
