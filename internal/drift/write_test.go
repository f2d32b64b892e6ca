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
