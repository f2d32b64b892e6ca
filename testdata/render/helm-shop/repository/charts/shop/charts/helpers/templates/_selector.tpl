{{- define "helpers.selector" -}}
app: {{ .Release.Name }}
{{- end -}}
