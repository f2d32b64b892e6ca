package render

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/killick-dev/killick/internal/drift"
)

const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"

// Wherever the content of a file is needed, a Git LFS pointer in its place is an error that
// names the file; where nothing reads it, it is none.
func TestLFSPointers(t *testing.T) {
	overlay := func(fields string) []string {
		return []string{"app/kustomization.yaml", fields, "app/a.yaml", configMap("a"), "app/x.bin", pointer}
	}
	const is = "the file is a Git LFS pointer: its content is not in the repository"
	for name, test := range map[string]struct {
		tree fstest.MapFS
		err  string
	}{
		"a manifest":                       {files("app/a.yaml", configMap("a"), "app/x.yaml", pointer), "app/x.yaml: " + is},
		"beside manifests":                 {files("app/a.yaml", configMap("a"), "app/x.bin", pointer), ""},
		"a kustomization":                  {files("app/kustomization.yaml", pointer), "app/kustomization.yaml: " + is},
		"a resource":                       {files(overlay("resources: [x.bin]")...), "app/x.bin: " + is},
		"a file of a generator":            {files(overlay("configMapGenerator: [{name: b, files: [x.bin]}]")...), "app/x.bin: " + is},
		"a file of a generator of Secrets": {files(overlay("secretGenerator: [{name: b, files: [k=x.bin]}]")...), "app/x.bin: " + is},
		"an env file":                      {files(overlay("configMapGenerator: [{name: b, envs: [x.bin]}]")...), "app/x.bin: " + is},
		"a patch":                          {files(overlay("resources: [a.yaml]\npatches: [{path: x.bin, target: {kind: ConfigMap}}]")...), "app/x.bin: " + is},
		"a replacement":                    {files(overlay("resources: [a.yaml]\nreplacements: [{path: x.bin}]")...), "app/x.bin: " + is},
		"a transformer":                    {files(overlay("resources: [a.yaml]\ntransformers: [x.bin]")...), "app/x.bin: " + is},
		"in a Kustomize tree, and unused":  {files(overlay("resources: [a.yaml]")...), ""},
		"a Chart.yaml":                     {files("app/Chart.yaml", pointer), "app/Chart.yaml: " + is},
		"default values":                   {chartTree("app/values.yaml", pointer), "app/values.yaml: " + is},
		"a value file":                     {chartTree("app/v.yaml", pointer), "app/v.yaml: " + is},
		"a template":                       {chartTree("app/v.yaml", "", "app/templates/x.tpl", pointer), "app/templates/x.tpl: " + is},
		"a definition":                     {chartTree("app/v.yaml", "", "app/crds/x.yaml", pointer), "app/crds/x.yaml: " + is},
		"a packed dependency":              {chartTree("app/v.yaml", "", "app/charts/sub-1.0.0.tgz", pointer), "app/charts/sub-1.0.0.tgz: " + is},
		"inside a packed dependency": {chartTree("app/v.yaml", "", "app/charts/store-1.0.0.tgz", archive(t, entry{"store/Chart.yaml", storeChart, 0}, entry{"store/templates/a.yaml", pointer, 0})),
			`app/charts/store-1.0.0.tgz: unpacking the dependency: "templates/a.yaml" in it is a Git LFS pointer`},
		"a logo that nothing reads": {chartTree("app/v.yaml", "", "app/logo.png", pointer, "app/templates/a.yaml", configMap("a")), ""},
		"a file that a template reads": {chartTree("app/v.yaml", "", "app/logo.png", pointer, "app/templates/a.yaml", configMap("a")+`data: {l: {{ .Files.Get "logo.png" | quote }}}`),
			"app/templates/a.yaml: ConfigMap shop/a: what stands at data.l is a Git LFS pointer"},
		"and encodes": {chartTree("app/v.yaml", "", "app/logo.png", pointer, "app/templates/a.yaml", configMap("a")+`binaryData: {l: {{ .Files.Get "logo.png" | b64enc }}}`),
			"app/templates/a.yaml: ConfigMap shop/a: what stands at binaryData.l is a Git LFS pointer"},
	} {
		t.Run(name, func(t *testing.T) {
			app := shop
			if test.tree["app/v.yaml"] != nil {
				app = valued
			}
			app.Secrets = drift.SecretsManage
			_, err := renderTree(test.tree, app)
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
}
