package write_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
	"github.com/killick-dev/killick/internal/write"
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
	s := model.Synced(t, before)
	s.Set("kubectl-edit", "metadata annotations", map[string]any{"note": "x"})
	s.Set("kubectl-edit", "binaryData", map[string]any{"x": "eA=="})
	var got []string
	for _, path := range emptiedBy(t, s.Comparison(after)) {
		got = append(got, path.Pointer())
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"/data"}, got); diff != "" {
		t.Error(diff)
	}
}

// A map that loses its last member which a fieldset can name is lost with the empty
// lists in it that Git still names: they are said as well.
func TestWriteEmptiesAroundLists(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.GadgetOf("{mode: x, ports: [], tags: [], slots: [{id: 1, part: {size: 1, names: []}}]}"))
	for _, c := range []struct {
		after string
		want  []string
	}{
		{"{ports: [], tags: []}", []string{"/spec/ports", "/spec/tags"}},
		{"{mode: x, ports: [], tags: []}", nil},
		{"{mode: x, slots: [{id: 1, part: {size: 1}}]}", nil},
		{"{mode: x, slots: [{id: 1, part: {names: []}}]}", []string{"/spec/slots/[id=1]/part/names"}},
		{"{mode: x, slots: [{id: 1, part: {}}]}", []string{"/spec/slots/[id=1]/part"}},
		{"{slots: []}", []string{"/spec/slots"}},
		{"{numbers: [], tags: []}", []string{"/spec/tags"}}, // the other one is new
	} {
		var got []string
		for _, path := range emptiedBy(t, s.Comparison(model.GadgetOf(c.after))) {
			got = append(got, path.Pointer())
		}
		slices.Sort(got)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.after, diff)
		}
	}
}

func emptiedBy(t *testing.T, c diff.Comparison) []nested.Path {
	t.Helper()
	request, err := write.RequestOf(drift.Noise{}, drift.App{}, drift.Step{Object: c.Object, Observation: c.Observation, Change: diff.Compare(c)}, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return request.Emptied
}

// A map that we applied empty is lost by an apply, too, where nothing but empty lists of
// others stands in it.
func TestWriteEmptiesWhatOthersUse(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.GadgetOf("{mode: x, groups: {}}"))
	s.Set("mesh-operator", "spec groups first", []any{})
	if got := emptiedBy(t, s.Comparison(model.GadgetOf("{mode: x, groups: {}}"))); len(got) != 1 || !got[0].Equal(model.At("spec groups")) {
		t.Errorf("said are %v", got)
	}
}
