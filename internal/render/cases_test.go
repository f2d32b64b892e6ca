package render

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
)

var update = flag.Bool("update", false, "write the golden files")
var manyParts = flag.Int("parts", 0, "random kustomizations to compare instead of a few hundred")

const cases = "../../testdata/render"

// caseApp reads a case's app.yaml.
func caseApp(t *testing.T, folder string) drift.App {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, "app.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var described struct {
		Path      string            `json:"path"`
		Namespace string            `json:"namespace"`
		Secrets   drift.SecretsMode `json:"secrets"`
		Helm      struct {
			ReleaseName string         `json:"releaseName"`
			ValueFiles  []string       `json:"valueFiles"`
			Values      map[string]any `json:"values"`
			IncludeCRDs bool           `json:"includeCRDs"`

			SkipSchemaValidation bool `json:"skipSchemaValidation"`
		} `json:"helm"`
	}
	if err := yaml.UnmarshalStrict(data, &described); err != nil {
		t.Fatal(err)
	}
	return drift.App{Name: filepath.Base(folder), Path: described.Path, Namespace: described.Namespace, Secrets: described.Secrets,
		Helm: drift.HelmOptions(described.Helm)}
}

// TestCases compares whole renders with golden files: objects in normal form
// with their provenance, warnings and counts. That the objects are also what
// the upstream libraries build is proved in internal/testenv/parity.
func TestCases(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(cases, "*", "app.yaml"))
	if err != nil || len(folders) < 4 {
		t.Fatalf("found %d cases: %v", len(folders), err)
	}
	for _, file := range folders {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			request := drift.RenderRequest{App: caseApp(t, folder), Checkout: drift.Checkout{FS: os.DirFS(filepath.Join(folder, "repository"))}}
			rendered, err := New(Options{}).Render(context.Background(), request)
			if err != nil {
				t.Fatal(err)
			}
			again, err := New(Options{}).Render(context.Background(), request)
			if err != nil {
				t.Fatal(err)
			}
			got := describe(t, rendered)
			if diff := cmp.Diff(string(got), string(describe(t, again))); diff != "" {
				t.Errorf("a second render differs (-first +second):\n%s", diff)
			}
			golden := filepath.Join(folder, "want.yaml")
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// describe writes a render as text. What is random stays out of it.
func describe(t *testing.T, rendered drift.Rendered) []byte {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "# renderer: %s, objects: %d, skipped: %d\n", rendered.Renderer, len(rendered.Objects), rendered.Skipped)
	for _, warning := range rendered.Warnings {
		fmt.Fprintf(&b, "# warning: %s: %s\n", drift.FileLine(warning.Origin.File, warning.Origin.Line), warning.Message)
	}
	for _, object := range rendered.Objects {
		fmt.Fprintf(&b, "---\n# %s, version %s\n# from %s", object.ID, object.Version, drift.FileLine(object.Origin.File, object.Origin.Line))
		if object.Origin.Chart != "" {
			fmt.Fprintf(&b, ", chart %s, template %s", object.Origin.Chart, object.Origin.Template)
		}
		fmt.Fprintln(&b)
		for _, path := range object.Nondeterministic {
			fmt.Fprintf(&b, "# nondeterministic: %s\n", path)
		}
		text, err := yaml.Marshal(diff.WithoutNondeterministic(object).Manifest)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
	}
	return b.Bytes()
}
