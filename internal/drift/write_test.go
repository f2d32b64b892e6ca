package drift

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// What Git empties is said with the write; what was empty before, what only others
// filled and what Git drops altogether is not.
func TestWriteEmpties(t *testing.T) {
	t.Parallel()
	before := `
apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: shop, labels: {team: a}, annotations: {}}
data: {a: "1", b: "2"}
`
	after := `
apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: shop, annotations: {}}
data: {}
binaryData: {}
`
	s := synced(t, before)
	s.set("kubectl-edit", "metadata annotations", map[string]any{"note": "x"})
	s.set("kubectl-edit", "binaryData", map[string]any{"x": "eA=="})
	c := s.comparison(after)
	step := Step{Object: c.Object, Observation: c.Observation, Change: Compare(c)}
	request, err := Noise{}.WriteOf(App{}, step, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, path := range request.Emptied {
		got = append(got, path.Pointer())
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"/data"}, got); diff != "" {
		t.Error(diff)
	}
}

// A map that Git names as empty for the first time, and that holds something which is
// not ours, needs a second apply.
func TestWriteClaims(t *testing.T) {
	t.Parallel()
	own := fieldpath.NewSet(fieldpath.MakePathOrDie("spec", "mine"), fieldpath.MakePathOrDie("spec", "partly", "a"))
	live := map[string]any{"spec": map[string]any{
		"mine": map[string]any{"x": "y"}, "partly": map[string]any{"a": "b"}, "held": map[string]any{"x": "y"},
		"empty": map[string]any{}, "list": []any{"x"}, "deep": map[string]any{"held": map[string]any{"x": "y"}},
	}}
	manifest := map[string]any{"spec": map[string]any{
		"mine": map[string]any{}, "partly": map[string]any{}, "held": map[string]any{}, "empty": map[string]any{},
		"absent": map[string]any{}, "list": []any{}, "deep": map[string]any{"held": map[string]any{}},
	}}
	var got []string
	for _, path := range newlyOurs(own, nil, manifest, live) {
		got = append(got, path.Pointer())
	}
	if diff := cmp.Diff([]string{"/spec/deep/held", "/spec/held"}, got); diff != "" {
		t.Error(diff)
	}
}
