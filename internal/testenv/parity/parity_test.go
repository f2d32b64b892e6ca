package parity

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/render"
)

var (
	treeFlag      = flag.String("tree", "", "compare the kustomizations and charts in this folder, too")
	namespaceFlag = flag.String("namespace", "parity", "the app's namespace for -tree")
	valuesFlag    = flag.String("values", "{}", "Helm values for -tree, as YAML")
)

const cases = "../../../testdata/render"

// appFile describes a case's app; the rest of the case's folder is its
// repository.
type appFile struct {
	Path      string            `json:"path"`
	Namespace string            `json:"namespace"`
	Secrets   drift.SecretsMode `json:"secrets"`
	Helm      struct {
		ReleaseName string         `json:"releaseName"`
		ValueFiles  []string       `json:"valueFiles"`
		Values      map[string]any `json:"values"`
		IncludeCRDs bool           `json:"includeCRDs"`
	} `json:"helm"`
}

func TestCasesEqualUpstream(t *testing.T) {
	apps, err := filepath.Glob(filepath.Join(cases, "*", "app.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range apps {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			compare(t, filepath.Join(folder, "repository"), readApp(t, folder), false)
		})
	}
}

// TestEveryRendererHasCases: a case folder that is lost must not turn the
// comparison into nothing.
func TestEveryRendererHasCases(t *testing.T) {
	found := map[drift.Renderer]int{}
	apps, err := filepath.Glob(filepath.Join(cases, "*", "app.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range apps {
		app := readApp(t, filepath.Dir(file))
		found[upstreamOf(filepath.Join(filepath.Dir(file), "repository", app.Path))]++
	}
	for _, renderer := range []drift.Renderer{drift.RendererKustomize, drift.RendererHelm, drift.RendererYAML} {
		if found[renderer] == 0 {
			t.Errorf("no case is rendered by %s", renderer)
		}
	}
}

// readApp reads a case's app.
func readApp(t *testing.T, folder string) drift.App {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, "app.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var described appFile
	if err := yaml.UnmarshalStrict(data, &described); err != nil {
		t.Fatal(err)
	}
	return drift.App{Name: filepath.Base(folder), Path: described.Path, Namespace: described.Namespace, Secrets: described.Secrets,
		Helm: drift.HelmOptions{ReleaseName: described.Helm.ReleaseName, ValueFiles: described.Helm.ValueFiles,
			Values: described.Helm.Values, IncludeCRDs: described.Helm.IncludeCRDs}}
}

func TestTreeEqualsUpstream(t *testing.T) {
	if *treeFlag == "" {
		return // only on request: see the package comment
	}
	var helmValues map[string]any
	if err := yaml.Unmarshal([]byte(*valuesFlag), &helmValues); err != nil {
		t.Fatal(err)
	}
	for _, folder := range roots(t, *treeFlag) {
		t.Run(folder, func(t *testing.T) {
			app := drift.App{Name: "parity", Path: folder, Namespace: *namespaceFlag, Secrets: drift.SecretsManage,
				Helm: drift.HelmOptions{IncludeCRDs: true, Values: helmValues}}
			compare(t, *treeFlag, app, true)
		})
	}
}

// roots are the folders below tree that have a renderer of their own; the tree
// itself when there is none.
func roots(t *testing.T, tree string) []string {
	t.Helper()
	var found []string
	err := fs.WalkDir(os.DirFS(tree), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if upstreamOf(filepath.Join(tree, name)) != drift.RendererYAML {
			found = append(found, name)
		}
		if upstreamOf(filepath.Join(tree, name)) == drift.RendererHelm {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		return []string{"."}
	}
	return found
}

func upstreamOf(folder string) drift.Renderer {
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			return drift.RendererKustomize
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "Chart.yaml")); err == nil {
		return drift.RendererHelm
	}
	return drift.RendererYAML
}

// compare renders one app with both and compares the objects. Trees of other
// people may fail with both.
func compare(t *testing.T, repository string, app drift.App, mayFail bool) {
	t.Helper()
	folder := filepath.Join(repository, app.Path)
	renderer := upstreamOf(folder)
	var stream []byte
	var manifests []map[string]any
	var upstreamErr error
	switch renderer {
	case drift.RendererKustomize:
		stream, upstreamErr = kustomizeBuild(folder)
	case drift.RendererHelm:
		onDisk := app
		onDisk.Helm.ValueFiles = nil
		for _, file := range app.Helm.ValueFiles {
			if rest, found := strings.CutPrefix(file, "/"); found {
				file = filepath.Join(repository, rest)
			} else {
				file = filepath.Join(folder, file)
			}
			onDisk.Helm.ValueFiles = append(onDisk.Helm.ValueFiles, file)
		}
		stream, upstreamErr = helmTemplate(folder, onDisk)
	default:
		manifests, upstreamErr = kubectlReads(folder)
	}
	if upstreamErr == nil && manifests == nil {
		manifests, upstreamErr = parse(stream)
	}
	rendered, err := render.New(render.Options{}).Render(context.Background(), drift.RenderRequest{
		App:          app,
		Checkout:     drift.Checkout{FS: os.DirFS(repository)},
		Capabilities: drift.Capabilities{KubeVersion: kubeVersion},
	})
	if upstreamErr != nil {
		if err == nil || !mayFail {
			t.Fatalf("upstream fails (%v), Killick: %v", upstreamErr, err)
		}
		t.Logf("both fail: upstream: %v; Killick: %v", upstreamErr, err)
		return
	}
	if err != nil {
		t.Fatalf("upstream builds it, Killick does not: %v", err)
	}
	if rendered.Renderer != renderer {
		t.Errorf("rendered by %s, want %s", rendered.Renderer, renderer)
	}
	want, err := normal(manifests, app)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	for _, object := range rendered.Objects {
		id := object.ID
		key := fmt.Sprintf("%s/%s %s/%s", id.Group, id.Kind, id.Namespace, id.Name)
		if len(object.Nondeterministic) > 0 { // upstream drew other values
			theirs, _ := want[key].(map[string]any)
			want[key] = diff.WithoutNondeterministic(drift.Object{Manifest: theirs, Nondeterministic: object.Nondeterministic}).Manifest
			object = diff.WithoutNondeterministic(object)
		}
		got[key] = object.Manifest
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects differ from upstream (-upstream +killick):\n%s", diff)
	}
	t.Logf("%d objects equal upstream's (%d left out, %d warnings)", len(got), rendered.Skipped, len(rendered.Warnings))
}

// kubectlReads are the manifests that `kubectl apply --recursive -f` reads.
func kubectlReads(folder string) ([]map[string]any, error) {
	var manifests []map[string]any
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		switch filepath.Ext(name) {
		case ".yaml", ".yml", ".json":
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			found, err := parse(data)
			manifests = append(manifests, found...)
			return err
		}
		return nil
	})
	return manifests, err
}
