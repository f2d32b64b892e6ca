package dependency

import (
	"slices"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// What a step refers to comes before it; a circle ends, and is cut at the same place
// whatever order it is given in.
func TestWaves(t *testing.T) {
	t.Parallel()
	step := func(kind, name string, refers ...string) drift.Step {
		var items []any
		for _, to := range refers {
			items = append(items, map[string]any{"kind": "Widget", "name": to})
		}
		id := drift.ID{Kind: kind, Namespace: "shop", Name: name}
		return drift.Step{Change: drift.Change{ID: id}, Object: drift.Object{ID: id, Manifest: map[string]any{"spec": map[string]any{"refs": items}}}}
	}
	gone := step("Widget", "gone", "a")
	gone.Observation.Live, gone.Object = gone.Object.Manifest, drift.Object{}
	cases := []struct {
		why   string
		steps []drift.Step
		want  string
	}{
		{"nothing", nil, ""},
		{"nothing refers", []drift.Step{step("Widget", "b"), step("Widget", "a")}, "a b"},
		{"a chain", []drift.Step{step("Widget", "a", "b"), step("Widget", "b", "c"), step("Widget", "c")}, "c; b; a"},
		{"what refers to two comes after both", []drift.Step{step("Widget", "a", "b", "c"), step("Widget", "b", "c"), step("Widget", "c")}, "c; b; a"},
		{"what is no step orders nothing", []drift.Step{step("Widget", "a", "elsewhere"), step("Widget", "b")}, "a b"},
		{"another kind of the name", []drift.Step{step("Widget", "a", "b"), step("Gadget", "b")}, "a b"},
		{"a circle", []drift.Step{step("Widget", "a", "b"), step("Widget", "b", "c"), step("Widget", "c", "a"), step("Widget", "d", "a")}, "c; b; a; d"},
		{"itself", []drift.Step{step("Widget", "a", "a")}, "a"},
		{"what goes refers by what there is", []drift.Step{gone, step("Widget", "a")}, "a; gone"},
	}
	for _, c := range cases {
		for range 2 {
			var waves []string
			for _, places := range Waves(c.steps) {
				var names []string
				for _, i := range places {
					names = append(names, c.steps[i].Change.ID.Name)
				}
				slices.Sort(names)
				waves = append(waves, strings.Join(names, " "))
			}
			if d := diff.Diff(c.want, strings.Join(waves, "; ")); d != "" {
				t.Errorf("%s (-want +got):\n%s", c.why, d)
			}
			c.steps = slices.Clone(c.steps)
			slices.Reverse(c.steps)
		}
	}
	var order []string
	for _, s := range DeletionOrder(cases[2].steps) {
		order = append(order, s.Change.ID.Name)
	}
	if d := diff.Diff("a b c", strings.Join(order, " ")); d != "" {
		t.Errorf("deletions go the other way (-want +got):\n%s", d)
	}
}
