package render

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"

	"github.com/killick-dev/killick/internal/drift"
)

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
        - {name: app, image: app:1}
        - {name: sidecar, image: sidecar:1}
`

const containerPatch = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
        - {name: sidecar, image: sidecar:2}
`

// polluting replaces the schema of Deployments: containers merge by image, so
// that a patch of one container appends another.
const polluting = `{"definitions": {"io.k8s.api.apps.v1.Deployment": {
  "x-kubernetes-group-version-kind": [{"group": "apps", "version": "v1", "kind": "Deployment"}],
  "type": "object", "properties": {"spec": {"type": "object", "properties": {"template": {"type": "object", "properties": {
    "spec": {"type": "object", "properties": {"containers": {"type": "array", "x-kubernetes-patch-merge-key": "image",
      "x-kubernetes-patch-strategy": "merge", "items": {"type": "object"}}}}}}}}}}}}`

func patched(extra ...string) fstest.MapFS {
	return files(append([]string{
		"app/kustomization.yaml", "resources: [web.yaml]\npatches: [{path: patch.yaml}]\n",
		"app/web.yaml", deployment, "app/patch.yaml", containerPatch,
	}, extra...)...)
}

func polluted() fstest.MapFS {
	tree := patched("app/schema.json", polluting)
	tree["app/kustomization.yaml"].Data = append(tree["app/kustomization.yaml"].Data, "openapi: {path: schema.json}\n"...)
	return tree
}

// TestSchemasDoNotLeak: an app's own OpenAPI schema must not change how other
// apps' lists merge (the library keeps it in a global).
func TestSchemasDoNotLeak(t *testing.T) {
	openapi.ResetOpenAPI()
	alone := mustRender(t, patched(), shop)
	strange := mustRender(t, polluted(), shop)
	if cmp.Equal(alone.Objects, strange.Objects) {
		t.Fatal("the schema changes nothing: the test proves nothing")
	}
	after := mustRender(t, patched(), shop)
	if diff := cmp.Diff(alone, after); diff != "" {
		t.Errorf("another app's schema changed this app (-alone +after):\n%s", diff)
	}
	// The same when the schema stands in a base, in a plugin's folder, or in an
	// app whose build fails.
	base := polluted()
	base["top/kustomization.yaml"] = &fstest.MapFile{Data: []byte("resources: [../app]")}
	mustRender(t, base, drift.App{Path: "top", Namespace: "shop"})
	plugin := polluted()
	plugin["top/kustomization.yaml"] = &fstest.MapFile{Data: []byte("transformers: [../app]")}
	if _, err := renderTree(plugin, drift.App{Path: "top", Namespace: "shop"}); err == nil {
		t.Error("a Deployment was taken for a transformer")
	}
	failing := polluted()
	failing["app/schema.json"] = &fstest.MapFile{Data: []byte("[]")}
	if _, err := renderTree(failing, shop); err == nil {
		t.Error("a schema that is none was accepted")
	}
	if diff := cmp.Diff(alone, mustRender(t, patched(), shop)); diff != "" {
		t.Errorf("another app's schema changed this app (-alone +after):\n%s", diff)
	}
}

// TestNoHTTPBehindTheScan takes the scan away: Kustomize on its own would fetch,
// and the transport refuses it. Other requests pass.
func TestNoHTTPBehindTheScan(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		_, _ = io.WriteString(w, configMap("remote"))
	}))
	defer server.Close()
	for _, kustomization := range []string{
		"resources: [" + server.URL + "/a.yaml]",
		"resources: [a.yaml]\npatches: [{path: " + server.URL + "/p.yaml}]",
		"configMapGenerator: [{name: a, files: [\"k=" + server.URL + "/f\"]}]",
	} {
		fsys := filesys.MakeFsInMemory()
		for name, content := range map[string]string{"/app/kustomization.yaml": kustomization, "/app/a.yaml": configMap("a")} {
			if err := fsys.WriteFile(name, []byte(content)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fsys, "/app")
		if err == nil || !strings.Contains(err.Error(), errNoNetwork.Error()) {
			t.Errorf("%s: error %v, want %v", kustomization, err, errNoNetwork)
		}
	}
	if requests != 0 {
		t.Errorf("Kustomize made %d requests, want none", requests)
	}
	response, err := http.Get(server.URL) // the default transport is what is tested
	if err != nil {
		t.Fatalf("other requests must pass: %v", err)
	}
	_ = response.Body.Close()
	if requests != 1 {
		t.Errorf("%d requests arrived, want one", requests)
	}
}

// Provenance survives what overlays do to names, and is removed again.
func TestKustomizeOrigins(t *testing.T) {
	tree := files(
		"app/kustomization.yaml", "namePrefix: p-\nnameSuffix: -s\nresources: [../base, several.yaml]\nconfigMapGenerator:\n- name: made\n  literals: [a=b]\n  options: {disableNameSuffixHash: true}\n",
		"app/several.yaml", "\n# first\n"+configMap("one")+"---\n"+configMap("two")+"---\nkind: List\napiVersion: v1\nitems: [{apiVersion: v1, kind: Service, metadata: {name: one}}]\n",
		"base/kustomization.yaml", "resources: [deep/web.yaml]",
		"base/deep/web.yaml", deployment,
	)
	rendered := mustRender(t, tree, shop)
	got := map[string]string{}
	for _, object := range rendered.Objects {
		got[object.ID.Short()] = drift.FileLine(object.Origin.File, object.Origin.Line)
		if metadata := object.Manifest["metadata"].(map[string]any); metadata["annotations"] != nil {
			t.Errorf("%s carries annotations: %v", object.ID, metadata["annotations"])
		}
	}
	want := map[string]string{
		"ConfigMap shop/p-one-s":  "app/several.yaml:3",
		"ConfigMap shop/p-two-s":  "app/several.yaml:7",
		"Service shop/p-one-s":    "app/several.yaml:11",
		"Deployment shop/p-web-s": "base/deep/web.yaml:1",
		"ConfigMap shop/p-made-s": "app/kustomization.yaml:5",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
}

// What a patch does to annotations must not break the build or the object.
func TestOriginsDoNotDisturbAnnotations(t *testing.T) {
	patch := func(p string) string {
		return "resources: [a.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: |-\n    " + strings.ReplaceAll(p, "\n", "\n    ")
	}
	for name, test := range map[string]struct {
		kustomization string
		want          any
	}{
		"replaced by a JSON patch": {patch("- {op: add, path: /metadata/annotations, value: {x: z}}"), map[string]any{"x": "z"}},
		"removed by a merge patch": {patch("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations: null"), nil},
		"asked for":                {"resources: [a.yaml]\nbuildMetadata: [originAnnotations]", map[string]any{"config.kubernetes.io/origin": "path: a.yaml\n"}},
		"asked for, in other case": {"resources: [a.yaml]\nbuildmetadata: [originAnnotations]", map[string]any{"config.kubernetes.io/origin": "path: a.yaml\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			rendered := mustRender(t, files("app/kustomization.yaml", test.kustomization, "app/a.yaml", configMap("a")), shop)
			metadata := rendered.Objects[0].Manifest["metadata"].(map[string]any)
			if diff := cmp.Diff(test.want, metadata["annotations"]); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
			if rendered.Objects[0].Origin.File == "" {
				t.Error("the object has no origin at all")
			}
		})
	}
}

// Inside the repository files may stand anywhere.
func TestFilesOfTheWholeRepository(t *testing.T) {
	rendered := mustRender(t, files(
		"apps/shop/prod/kustomization.yaml", "resources: [../../../shared/a.yaml]\nconfigMapGenerator: [{name: m, files: [logo@2x.png=../../../shared/logo@2x.png]}]",
		"shared/a.yaml", configMap("a"), "shared/logo@2x.png", "\x89PNG\x00\xff",
	), drift.App{Path: "apps/shop/prod", Namespace: "shop"})
	if len(rendered.Objects) != 2 || !strings.Contains(ids(rendered)[1], "/m-") {
		t.Errorf("objects %v, want two", ids(rendered))
	}
	if data := rendered.Objects[1].Manifest["binaryData"]; data == nil {
		t.Errorf("the picture is not in binaryData: %v", rendered.Objects[1].Manifest)
	}
}

func TestTreeIsReadOnlyAndClosed(t *testing.T) {
	tree := &tree{files: newReader(files("app/a.yaml", "x", "etc/passwd", "the repository's own"), Limits{}.withDefaults()), limits: Limits{}.withDefaults()}
	for name, err := range map[string]error{
		"WriteFile": tree.WriteFile("/repository/x", nil), "Mkdir": tree.Mkdir("/repository/x"),
		"MkdirAll": tree.MkdirAll("/repository/x"), "RemoveAll": tree.RemoveAll("/repository/app"),
	} {
		if !errors.Is(err, errReadOnly) {
			t.Errorf("%s: %v, want %v", name, err, errReadOnly)
		}
	}
	if _, err := tree.Create("x"); !errors.Is(err, errReadOnly) {
		t.Errorf("Create: %v", err)
	}
	if _, err := tree.Open("app/a.yaml"); !errors.Is(err, errReadOnly) {
		t.Errorf("Open: %v", err)
	}
	for _, outside := range []string{"/etc/passwd", "/repository/../etc/passwd", "../etc/passwd", "/repositoryx/etc/passwd", "/", "/proc/self/environ"} {
		if tree.Exists(outside) || tree.IsDir(outside) {
			t.Errorf("%s exists", outside)
		}
		if _, err := tree.ReadFile(outside); err == nil {
			t.Errorf("%s was read", outside)
		}
		if _, _, err := tree.CleanedAbs(outside); err == nil {
			t.Errorf("%s was resolved", outside)
		}
	}
	if found, err := tree.Glob("/repository/*/*"); err != nil || len(found) != 2 {
		t.Errorf("Glob: %v, %v", found, err)
	}
	if found, _ := tree.Glob("/etc/*"); found != nil {
		t.Errorf("Glob outside: %v", found)
	}
	if names, err := tree.ReadDir("/repository"); err != nil || len(names) != 2 {
		t.Errorf("ReadDir: %v, %v", names, err)
	}
	data, err := tree.ReadFile("/repository/app/a.yaml")
	if err != nil || string(data) != "x" {
		t.Fatalf("ReadFile: %q, %v", data, err)
	}
	data[0] = 'y'
	if again, _ := tree.ReadFile("/repository/app/a.yaml"); string(again) != "x" {
		t.Error("a caller can change what the next one reads")
	}
}

func TestGuardYAML(t *testing.T) {
	limits := Limits{DocumentBytes: 1000, Depth: 10}
	for name, test := range map[string]struct{ text, want string }{
		"no YAML at all":         {"&*{[%@`", ""},
		"binary":                 {"\x00\xff&*", ""},
		"plain aliases":          {"a: &a {x: 1}\nb: *a", ""},
		"used often":             {"a: &a " + strings.Repeat("x", 100) + "\nb: [" + strings.Repeat("*a, ", 30) + "]", "too large"},
		"in the second document": {"a: 1\n---\na: &a [*a]", "inside its own anchor"},
		"deep":                   {strings.Repeat("[", 12) + strings.Repeat("]", 12), "levels deep"},
		"deep by dashes":         {strings.Repeat("- ", 12) + "x", "levels deep"},
		"deep through an alias":  {"a: &a [[[[[[x]]]]]]\nb: &b [[[[[[*a]]]]]]", ""},
	} {
		err := guardYAML([]byte(test.text), limits)
		if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func TestMessagesAreScrubbed(t *testing.T) {
	s := &scan{secrets: []string{"hunter22"}}
	for message, want := range map[string]string{
		"open /repository/app/x: hunter22":                                                   "open app/x: …",
		"trouble configuring builtin SecretGenerator with config: `\nliterals:\n- a=b\n`: e": "trouble configuring builtin SecretGenerator: e",
		`unable to parse SM or JSON patch from [patch: "a: b"]`:                              "unable to parse SM or JSON patch from [patch: …]",
		"must specify one of patch and path in\ntarget: x":                                   "must specify one of patch and path",
	} {
		if got := s.scrub(message); got != want {
			t.Errorf("scrub(%q) = %q, want %q", message, got, want)
		}
	}
	if got := s.scrub(strings.Repeat("ä", longestMessage)); len(got) > longestMessage+8 {
		t.Errorf("a message of %d bytes", len(got))
	}
}
