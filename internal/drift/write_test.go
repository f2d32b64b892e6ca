package drift

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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

// An empty list in a map that Git empties is nobody's, and goes with the write;
// nothing else of the map does.
func TestWriteTakesLeftovers(t *testing.T) {
	t.Parallel()
	live := map[string]any{"metadata": map[string]any{}, "spec": map[string]any{
		"held": map[string]any{"mode": "auto", "listeners": []any{}, "items": []any{"x"}, "deep": map[string]any{"list": []any{}, "size": int64(1)}},
		"kept": map[string]any{"list": []any{}},
	}}
	manifest := map[string]any{"metadata": map[string]any{}, "spec": map[string]any{
		"held": map[string]any{}, "kept": map[string]any{"list": []any{}}, "absent": map[string]any{},
	}}
	var got []string
	for _, operation := range (Noise{}).Removals(live, manifest, nil) {
		got = append(got, operation.Op+" "+operation.Path)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"remove /spec/held/deep/list", "remove /spec/held/listeners"}, got); diff != "" {
		t.Error(diff)
	}
}
