package render

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// files makes a checkout of name → content pairs.
func files(pairs ...string) fstest.MapFS {
	tree := fstest.MapFS{}
	for i := 0; i+1 < len(pairs); i += 2 {
		tree[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return tree
}

func renderTree(tree fs.FS, app drift.App) (drift.Rendered, error) {
	return renderWith(tree, app, drift.Capabilities{}, Limits{})
}

func renderWith(tree fs.FS, app drift.App, capabilities drift.Capabilities, limits Limits) (drift.Rendered, error) {
	if app.Name == "" {
		app.Name = "shop"
	}
	if app.Path == "" {
		app.Path = "app"
	}
	return New(Options{Limits: limits}).Render(context.Background(),
		drift.RenderRequest{App: app, Checkout: drift.Checkout{FS: tree}, Capabilities: capabilities})
}

func mustRender(t *testing.T, tree fs.FS, app drift.App) drift.Rendered {
	t.Helper()
	rendered, err := renderTree(tree, app)
	if err != nil {
		t.Fatal(err)
	}
	return rendered
}

func ids(rendered drift.Rendered) []string {
	var all []string
	for _, object := range rendered.Objects {
		all = append(all, object.ID.String())
	}
	return all
}

// leftOut are the IDs that a render names as left out.
func leftOut(rendered drift.Rendered) []string {
	var out []string
	for _, id := range rendered.LeftOut {
		out = append(out, id.String())
	}
	return out
}

func messages(rendered drift.Rendered) []string {
	var all []string
	for _, warning := range rendered.Warnings {
		all = append(all, warning.Message)
	}
	return all
}

func configMap(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n"
}

const chartYAML = "apiVersion: v2\nname: shop\nversion: 1.0.0\n"

var shop = drift.App{Namespace: "shop"}

func TestRendererIsChosenByTheFolder(t *testing.T) {
	tests := []struct {
		name string
		tree fstest.MapFS
		want drift.Renderer
	}{
		{"a kustomization wins over a chart", files("app/kustomization.yaml", "resources: [a.yaml]", "app/a.yaml", configMap("a"), "app/Chart.yaml", chartYAML), drift.RendererKustomize},
		{"the short ending", files("app/kustomization.yml", "resources: [a.yaml]", "app/a.yaml", configMap("a")), drift.RendererKustomize},
		{"the old name", files("app/Kustomization", "resources: [a.yaml]", "app/a.yaml", configMap("a")), drift.RendererKustomize},
		{"a chart", files("app/Chart.yaml", chartYAML, "app/templates/a.yaml", configMap("a")), drift.RendererHelm},
		{"anything else", files("app/a.yaml", configMap("a")), drift.RendererYAML},
		{"a folder of that name is no kustomization", files("app/a.yaml", configMap("a"), "app/Kustomization/b.txt", ""), drift.RendererYAML},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rendered := mustRender(t, test.tree, shop)
			if rendered.Renderer != test.want || len(rendered.Objects) != 1 {
				t.Errorf("rendered %d objects by %s, want one by %s", len(rendered.Objects), rendered.Renderer, test.want)
			}
		})
	}
}

func TestPathsOfTheRootAndWithSlashes(t *testing.T) {
	for _, path := range []string{".", "/", "./", ""} {
		app := drift.App{Name: "shop", Namespace: "shop", Path: path}
		rendered, err := New(Options{}).Render(context.Background(),
			drift.RenderRequest{App: app, Checkout: drift.Checkout{FS: files("a.yaml", configMap("a"))}})
		if err != nil || len(rendered.Objects) != 1 || rendered.Objects[0].Origin.File != "a.yaml" {
			t.Errorf("path %q: %v, %v", path, rendered.Objects, err)
		}
	}
}

// An empty render is a fact for the guards, not an error; every kind of it.
func TestEmptyRendersAreNoErrors(t *testing.T) {
	for name, tree := range map[string]fstest.MapFS{
		"no manifests":         files("app/README.md", "nothing"),
		"only comments":        files("app/a.yaml", "# nothing\n---\n---\n"),
		"empty kustomization":  files("app/kustomization.yaml", "namespace: x"),
		"chart that is off":    files("app/Chart.yaml", chartYAML, "app/templates/a.yaml", "{{ if .Values.on }}"+configMap("a")+"{{ end }}"),
		"an empty list":        files("app/a.yaml", "apiVersion: v1\nkind: List\nitems: []"),
		"a list of nothing":    files("app/a.yaml", "apiVersion: v1\nkind: ConfigMapList\nitems: null"),
		"everything is a hook": files("app/Chart.yaml", chartYAML, "app/templates/a.yaml", strings.Replace(configMap("a"), "{name: a}", "{name: a, annotations: {helm.sh/hook: post-delete}}", 1)),
	} {
		t.Run(name, func(t *testing.T) {
			rendered, err := renderTree(tree, shop)
			if err != nil || len(rendered.Objects) != 0 {
				t.Errorf("%v, %v, want nothing and no error", ids(rendered), err)
			}
		})
	}
}

func TestMissingFolderNamesTheNearest(t *testing.T) {
	tree := files("apps/storefront/overlays/prod/a.yaml", "", "apps/payments/a.yaml", "")
	for path, want := range map[string]string{
		"apps/storefront/overlays/prd":  `did you mean "apps/storefront/overlays/prod"?`,
		"apps/storefrnt/overlays/prod":  `did you mean "apps/storefront/overlays/prod"?`,
		"apps/paymnets":                 `did you mean "apps/payments"?`,
		"apps/storefront/nothing-alike": `the nearest existing folder is "apps/storefront"`,
		"elsewhere":                     "no part of the path exists; check path: and ref: of the app",
		"app/storefront":                `did you mean "apps/storefront"?`,
	} {
		_, err := renderTree(tree, drift.App{Path: path})
		var problem *drift.Problem
		if !errors.As(err, &problem) || problem.Hint != want || problem.Stage != stage {
			t.Errorf("path %q: %v with %+v, want the hint %q", path, err, problem, want)
		}
	}
}

// A folder that cannot be read is an error: never fewer objects.
func TestUnreadableFilesFailTheApp(t *testing.T) {
	for name, tree := range map[string]fstest.MapFS{
		"yaml":      files("app/a.yaml", configMap("a"), "app/b.yaml", configMap("b")),
		"kustomize": files("app/kustomization.yaml", "resources: [a.yaml, b.yaml]", "app/a.yaml", configMap("a"), "app/b.yaml", configMap("b")),
		"helm":      files("app/Chart.yaml", chartYAML, "app/templates/b.yaml", configMap("b")),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := renderTree(tree, shop); err != nil {
				t.Fatalf("the readable tree: %v", err)
			}
			_, err := renderTree(unreadable{tree}, shop)
			if !errors.Is(err, fs.ErrPermission) {
				t.Errorf("error %v, want permission denied", err)
			}
		})
	}
}

// unreadable refuses files whose name begins with b.
type unreadable struct{ fs.FS }

func (u unreadable) Open(name string) (fs.File, error) {
	if strings.HasPrefix(name[strings.LastIndex(name, "/")+1:], "b") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return u.FS.Open(name)
}

func TestRenderEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, tree := range map[string]fstest.MapFS{
		"yaml":      files("app/a.yaml", configMap("a")),
		"kustomize": files("app/kustomization.yaml", "resources: [a.yaml]", "app/a.yaml", configMap("a")),
		"helm":      files("app/Chart.yaml", chartYAML),
	} {
		_, err := New(Options{}).Render(ctx, drift.RenderRequest{App: drift.App{Path: "app", Namespace: "shop"}, Checkout: drift.Checkout{FS: tree}})
		var problem *drift.Problem
		if !errors.Is(err, context.Canceled) || !errors.As(err, &problem) || problem.Stage != stage {
			t.Errorf("%s: %v, want a problem of cancellation", name, err)
		}
	}
}

func TestNothingToRenderFrom(t *testing.T) {
	_, err := New(Options{}).Render(context.Background(), drift.RenderRequest{App: drift.App{Path: "app"}})
	var problem *drift.Problem
	if !errors.As(err, &problem) || problem.File != "app" {
		t.Errorf("error %v, want a problem", err)
	}
}

// A panic of a library is one app's failure.
func TestPanicsAreProblems(t *testing.T) {
	_, err := renderTree(panics{files("app/a.yaml", configMap("a"))}, shop)
	var problem *drift.Problem
	if !errors.As(err, &problem) || !strings.Contains(err.Error(), "panicked") {
		t.Errorf("error %v, want a problem about a panic", err)
	}
	if strings.Contains(err.Error(), "CANARY") {
		t.Errorf("the error tells the panic's value: %v", err)
	}
}

type panics struct{ fs.FS }

func (p panics) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, ".yaml") {
		panic(fmt.Sprintf("CANARY %s", name))
	}
	return p.FS.Open(name)
}

func TestSecretsAreSkippedUnlessManaged(t *testing.T) {
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: %s}\nstringData: {password: CANARY-secret}\n"
	tree := files("app/a.yaml", configMap("a"), "app/b.yaml", fmt.Sprintf(secret, "b"), "app/c.yaml", fmt.Sprintf(secret, "c"),
		"app/d.yaml", "apiVersion: example.com/v1\nkind: Secret\nmetadata: {name: other-group}")

	rendered := mustRender(t, tree, drift.App{Namespace: "shop", Secrets: drift.SecretsSkip})
	if diff := cmp.Diff([]string{"ConfigMap shop/a", "Secret.example.com shop/other-group"}, ids(rendered)); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	if rendered.Skipped != 2 {
		t.Errorf("skipped %d, want 2", rendered.Skipped)
	}
	if diff := cmp.Diff([]string{"Secret shop/b", "Secret shop/c"}, leftOut(rendered)); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	warned := 0
	for _, message := range messages(rendered) {
		if strings.HasPrefix(message, "2 Secrets are skipped") && strings.Contains(message, "secrets: manage") {
			warned++
		}
	}
	if warned != 1 {
		t.Errorf("warnings %q, want one about both Secrets", messages(rendered))
	}
	if strings.Contains(fmt.Sprintf("%+v", rendered), "CANARY") {
		t.Error("a skipped Secret's value is in the render")
	}
	if diff := cmp.Diff([]drift.SecretValue{{Key: "password", Value: "CANARY-secret"}, {Key: "password", Value: "CANARY-secret"}}, rendered.Secrets); diff != "" {
		t.Errorf("the redactor needs to know what is left out (-want +got):\n%s", diff)
	}

	managed := mustRender(t, tree, drift.App{Namespace: "shop", Secrets: drift.SecretsManage})
	if len(managed.Objects) != 4 || managed.Skipped != 0 || len(managed.LeftOut) != 0 {
		t.Errorf("managed: %v, skipped %d, want all four", ids(managed), managed.Skipped)
	}
}

func TestLimits(t *testing.T) {
	many := strings.Repeat("---\n"+configMap("a"), 50)
	nested := configMap("a") + "data: " + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000)
	blocks := configMap("a") + "data:\n"
	for i := range 500 {
		blocks += strings.Repeat(" ", i+1) + "a:\n"
	}
	tests := []struct {
		name   string
		tree   fstest.MapFS
		limits Limits
		want   string
	}{
		{"brackets", files("app/a.yaml", nested), Limits{}, "nested more than 100 levels deep"},
		{"blocks", files("app/a.yaml", blocks), Limits{}, "nested more than 100 levels deep"},
		{"JSON brackets", files("app/a.json", `{"a":`+strings.Repeat("[", 9_000)+strings.Repeat("]", 9_000)+`}`), Limits{}, "nested more than 100 levels deep"},
		{"JSON beyond its own decoder", files("app/a.json", `{"a":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`}`), Limits{}, "exceeded max depth"},
		{"brackets in a patch", files("app/kustomization.yaml", "resources: [a.yaml]\npatches: [{path: p.yaml}]", "app/a.yaml", configMap("a"), "app/p.yaml", nested), Limits{}, "nested more than 100 levels deep"},
		{"blocks in a patch", files("app/kustomization.yaml", "resources: [a.yaml]\npatches: [{path: p.yaml}]", "app/a.yaml", configMap("a"), "app/p.yaml", blocks), Limits{}, "nested more than 100 levels deep"},
		{"a large file", files("app/a.yaml", configMap("a")+strings.Repeat("#", 1000)), Limits{FileBytes: 1000}, "more than 1000 bytes in one file"},
		{"many files", files("app/a.yaml", configMap("a"), "app/b.yaml", configMap("b")), Limits{TotalBytes: 60}, "60 bytes in one app"},
		{"a large document", files("app/a.yaml", configMap("a")+"---\n"+configMap("b")+"data: {a: "+strings.Repeat("x", 1000)+"}"), Limits{DocumentBytes: 1000}, "app/a.yaml:5: reading YAML: the document is larger than 1000 bytes"},
		{"a large JSON document", files("app/a.json", `{"a":"`+strings.Repeat("x", 1000)+`"}`), Limits{DocumentBytes: 1000}, "app/a.json:1: reading JSON: the document is larger"},
		{"many documents", files("app/a.yaml", many), Limits{Objects: 49}, "more than 49 objects"},
		{"many items", files("app/a.yaml", "apiVersion: v1\nkind: List\nitems:\n"+strings.Repeat("- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n", 50)), Limits{Objects: 49}, "more than 49 objects"},
		{"many overlays", files("app/kustomization.yaml", "resources: [../b, ../c]", "b/kustomization.yaml", "namePrefix: b", "c/kustomization.yaml", "namePrefix: c"), Limits{Kustomizations: 2}, "more than 2 kustomizations"},
		{"a large build", files("app/kustomization.yaml", "resources: [a.yaml]", "app/a.yaml", configMap("a")), Limits{OutputBytes: 20}, "the kustomization builds more than 20 bytes"},
		{"a large template", files("app/Chart.yaml", chartYAML, "app/templates/a.yaml", "# {{ repeat 5000 \"a\" }}"), Limits{OutputBytes: 4000}, "templates make more than 4000 bytes"},
		{"a large chart file", files("app/Chart.yaml", chartYAML, "app/big", strings.Repeat("x", chartFileBytes+1)), Limits{}, "larger than 5 MiB"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := renderWith(test.tree, shop, drift.Capabilities{}, test.limits)
			var problem *drift.Problem
			if !errors.As(err, &problem) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want a problem with %q", err, test.want)
			}
		})
	}
}

// A file that lies about its size is still bounded.
func TestSizeIsCountedNotBelieved(t *testing.T) {
	tree := files("app/a.yaml", configMap("a")+strings.Repeat("#", 1000))
	_, err := renderWith(smaller{tree}, shop, drift.Capabilities{}, Limits{FileBytes: 1000})
	if err == nil || !strings.Contains(err.Error(), "more than 1000 bytes in one file") {
		t.Errorf("error %v, want one about the size", err)
	}
}

type smaller struct{ fs.FS }

func (s smaller) Open(name string) (fs.File, error) {
	file, err := s.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".yaml") {
		return file, err
	}
	return smallerFile{file}, nil
}

type smallerFile struct{ fs.File }

func (f smallerFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	return smallerInfo{info}, err
}

type smallerInfo struct{ fs.FileInfo }

func (smallerInfo) Size() int64 { return 1 }

func TestManyDocumentsStayFast(t *testing.T) {
	var b strings.Builder
	for i := range 5_000 {
		b.WriteString("---\n" + configMap(fmt.Sprintf("c%d", i)))
	}
	rendered := mustRender(t, files("app/a.yaml", b.String()), shop)
	if len(rendered.Objects) != 5_000 || rendered.Objects[4_999].Origin.Line == 0 {
		t.Errorf("%d objects, want 5000 with lines", len(rendered.Objects))
	}
}
