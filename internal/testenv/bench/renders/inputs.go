package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// makeInputs writes a repository of inputs: charts that ask chance for nothing, for an
// order and a password, and for keys and certificates, and a Kustomize tree above 1 MB.
func makeInputs(dir string) ([]input, error) {
	files := map[string]string{}
	addChart(files, "plain", 300, plainTemplate, "")
	addChart(files, "database", 200, databaseTemplate, "")
	addChart(files, "certificates", 2, databaseTemplate, `  {{- $ca := genCA "ca" 365 }}
  {{- $web := genSignedCert "web" nil (list "web") 365 $ca }}
  certificate: {{ $web.Cert | quote }}
  key: {{ genPrivateKey "rsa" | quote }}
`)
	addTree(files, 1200)
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	if out, err := exec.Command("git", "init", "--quiet", dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("git init: %w: %s", err, out)
	}
	return []input{
		{"chart of 300 ConfigMaps", "plain", true},
		{"chart with keys, values, tpl, a password and its checksum in 200 Deployments", "database", true},
		{"chart with certificates and an RSA key", "certificates", true},
		{"Kustomize tree of 1,200 Deployments below one overlay", "tree", false},
	}, nil
}

func addChart(files map[string]string, name string, count int, template func(int) string, secret string) {
	files[name+"/Chart.yaml"] = "apiVersion: v2\nname: " + name + "\nversion: 1.0.0\n"
	files[name+"/values.yaml"] = `image: web:1
labels: {part: shop, team: web, zone: "{{ .Release.Namespace }}"}
env: {A: "1", B: "2", C: "3", D: "4"}
argument: "--name={{ .Release.Name }}"
`
	if name == "plain" {
		for i := range count {
			files[fmt.Sprintf("%s/templates/%d.yaml", name, i)] = template(i)
		}
		return
	}
	var helpers strings.Builder
	for i := range 60 {
		fmt.Fprintf(&helpers, "{{- define \"labels-%d\" -}}\n{{- range $key := (keys .Values.labels | sortAlpha) }}\n"+
			"{{ $key }}: {{ tpl (get $.Values.labels $key) $ | quote }}\n{{- end }}\n{{- end -}}\n", i)
	}
	files[name+"/templates/_helpers.tpl"] = helpers.String()
	files[name+"/templates/secret.yaml"] = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: {{ randAlphaNum 20 | quote }}\n" + secret
	for i := range count {
		files[fmt.Sprintf("%s/templates/%d.yaml", name, i)] = template(i)
	}
}

func plainTemplate(i int) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c-%d, namespace: {{ .Release.Namespace }}}\ndata:\n", i) +
		strings.Repeat(" ", 2) + "text: |\n" + strings.Repeat("    0123456789012345678901234567890123456789012345678901234567890123456789\n", 20)
}

func databaseTemplate(i int) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-%[1]d
  labels: {{- include "labels-%[2]d" . | nindent 4 }}
  annotations: {values: {{ values .Values.env | sortAlpha | join "," | quote }}}
spec:
  selector: {matchLabels: {app: web-%[1]d}}
  template:
    metadata:
      labels: {app: web-%[1]d}
      annotations: {checksum/secret: {{ include (print $.Template.BasePath "/secret.yaml") . | sha256sum }}}
    spec:
      containers:
      - name: web
        image: {{ .Values.image }}
        args: [{{ tpl .Values.argument . | quote }}]
        env:
        {{- range $key := keys .Values.env | sortAlpha }}
        - {name: {{ $key }}, value: {{ get $.Values.env $key | quote }}}
        {{- end }}
`, i, i%60)
}

func addTree(files map[string]string, count int) {
	var list strings.Builder
	list.WriteString("namespace: shop\nlabels: [{pairs: {team: web}}]\nimages: [{name: web, newTag: \"2\"}]\nresources:\n")
	for i := range count {
		var b strings.Builder
		fmt.Fprintf(&b, `apiVersion: apps/v1
kind: Deployment
metadata: {name: web-%[1]d, labels: {app: web-%[1]d}}
spec:
  selector: {matchLabels: {app: web-%[1]d}}
  template:
    metadata: {labels: {app: web-%[1]d}}
    spec:
      containers:
      - name: web
        image: web:1
        env:
`, i)
		for j := range 12 {
			fmt.Fprintf(&b, "        - {name: V%d, value: \"%s\"}\n", j, strings.Repeat("y", 40))
		}
		files[fmt.Sprintf("tree/%d.yaml", i)] = b.String()
		fmt.Fprintf(&list, "- %d.yaml\n", i)
	}
	files["tree/kustomization.yaml"] = list.String()
}
