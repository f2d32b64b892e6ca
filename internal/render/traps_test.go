package render

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What another tool would act on, and what has no effect here, is told once per app and
// kind, with the first place; what is no trap is not told.
func TestTraps(t *testing.T) {
	annotated := func(name, annotation string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + ", annotations: {" + annotation + "}}\n"
	}
	const overlay = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n"
	for name, test := range map[string]struct {
		files []string
		want  []string // beginnings
	}{
		"a variable in a field": {[]string{"app/a.yaml", "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec: {rules: [{host: 'shop.${DOMAIN:=example.com}'}]}\n"},
			[]string{"app/a.yaml:1: Ingress shop/a has ${DOMAIN} at spec.rules.host: it is taken literally"}},
		"a variable in a value": {[]string{"app/a.yaml", configMap("a") + "data: {domain: '${DOMAIN}'}\n---\n" + configMap("b") + "data: {domain: '${DOMAIN}'}\n"},
			[]string{"app/a.yaml:1: ConfigMap shop/a has ${DOMAIN} at data.domain: it is taken literally"}},
		"a variable with a default in Kustomize": {[]string{"app/kustomization.yaml", overlay, "app/a.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: a, image: 'a:${tag:-1}', args: ['${HOME}']}]}}}\n"},
			[]string{"app/a.yaml:1: Deployment shop/a has ${tag} at spec.template.spec.containers.image: it is taken literally"}},
		"variables of programs": {[]string{"app/a.yaml", configMap("a") + "data:\n  run.sh: |\n    echo ${HOME}\n    echo\n  panel: '{\"datasource\": \"${datasource}\"}'\n  kube: $(NAME)\n"}, nil},
		"variables in a chart":  {[]string{"app/Chart.yaml", chartYAML, "app/templates/a.yaml", configMap("a") + "data: {domain: '${DOMAIN}'}\n"}, nil},
		"Argo CD's hooks and waves": {[]string{"app/a.yaml", annotated("a", `argocd.argoproj.io/hook: PreSync, argocd.argoproj.io/sync-wave: "1"`) + "---\n" + annotated("b", `argocd.argoproj.io/sync-wave: "2"`)},
			[]string{"app/a.yaml:1: ConfigMap shop/a has the annotation argocd.argoproj.io/hook: Killick runs no hooks",
				"app/a.yaml:1: ConfigMap shop/a has the annotation argocd.argoproj.io/sync-wave: it has no effect: Killick writes in the order of stages and references, and apps in that of dependsOn (and in 1 place more)"}},
		"Argo CD's options, but not its keep marks": {[]string{"app/a.yaml", annotated("a", "argocd.argoproj.io/sync-options: Prune=false") + "---\n" + annotated("b", "argocd.argoproj.io/sync-options: Replace=true")},
			[]string{"app/a.yaml:5: ConfigMap shop/b has the annotation argocd.argoproj.io/sync-options: it has no effect here"}},
		"Helm's hooks outside a chart": {[]string{"app/a.yaml", annotated("a", "helm.sh/hook: pre-install")},
			[]string{"app/a.yaml:1: ConfigMap shop/a has the annotation helm.sh/hook: Killick runs no hooks"}},
		"Argo CD's waves in a chart": {[]string{"app/Chart.yaml", chartYAML, "app/templates/a.yaml", annotated("a", `argocd.argoproj.io/sync-wave: "1"`)},
			[]string{"app/templates/a.yaml: ConfigMap shop/a has the annotation argocd.argoproj.io/sync-wave: it has no effect"}},
		"Flux's Kustomization": {[]string{"app/a.yaml", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\n"},
			[]string{"app/a.yaml:1: kustomize.toolkit.fluxcd.io/v1 Kustomization is neither served", "app/a.yaml:1: Kustomization shop/a: what it names is not rendered here"}},
		"a folder of Jsonnet": {[]string{"app/main.jsonnet", "{}", "app/lib/k.libsonnet", "{}", "app/README.md", "x"},
			[]string{"app/lib/k.libsonnet: a file of Jsonnet: it is not read", "app: the app renders no object"}},
		"CUE and Terraform beside manifests": {[]string{"app/a.yaml", configMap("a"), "app/b.cue", "", "app/main.tf", ""},
			[]string{"app/b.cue: a file of CUE: it is not read: Killick runs Kustomize, Helm and plain manifests only; commit what the tool makes (and in 1 place more)"}},
		"code of ytt": {[]string{"app/a.yaml", "#@ load(\"@ytt:data\", \"data\")\n" + configMap("a")}, []string{"app/a.yaml:1: code of ytt (#@): it is a comment here"}},
		"nothing":     {[]string{"app/a.yaml", configMap("a") + "data: {a: $HOME, b: '$${HOME', c: 'costs $5'}\n"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			told := located(mustRender(t, files(test.files...), shop).Warnings)
			if len(told) != len(test.want) || slices.ContainsFunc(test.want, func(want string) bool {
				return !slices.ContainsFunc(told, func(said string) bool { return strings.HasPrefix(said, want) })
			}) {
				t.Errorf("-want +got:\n%s", cmp.Diff(test.want, told))
			}
		})
	}
}

// A file of another tool that is YAML and no manifest is named as such.
func TestFilesOfOtherTools(t *testing.T) {
	_, err := renderTree(files("app/helmfile.yaml", "releases: []\n"), shop)
	if err == nil || !strings.Contains(asPlain(err).Hint, "helmfile") {
		t.Errorf("%v, hint %q", err, asPlain(err).Hint)
	}
}
