package diff_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
	"github.com/killick-dev/killick/internal/write"
)

// An empty list that merges stands in no fieldset: an apply that drops it leaves it.
// What Killick applied and Git drops is known by the memo; it is told, and the write
// takes it and nothing else.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	left := func(path string) string {
		return "add " + path + ": [] → null, git (an apply cannot own an empty list, so that it leaves it)"
	}
	for _, c := range []struct {
		name, reason  string
		before, after string
		edits         func(*model.Server)
		forgotten     bool
		fields, patch []string
	}{
		{name: "a map emptied", reason: "nothing of the map was ours", before: "{ports: []}", after: "{}",
			fields: []string{left("spec.ports")}, patch: []string{"/spec/ports"}},
		{name: "a map that keeps something", reason: "the list alone is dropped", before: "{mode: x, ports: [], tags: []}", after: "{mode: x, tags: []}",
			fields: []string{left("spec.ports")}, patch: []string{"/spec/ports"}},
		{name: "in an item", reason: "paths go through the item's keys",
			before: "{mode: x, slots: [{id: 2, label: r, wires: []}, {id: 1, label: l, part: {names: []}}]}", after: "{mode: x, slots: [{id: 2, label: r, wires: []}, {id: 1, label: l}]}",
			fields: []string{left("spec.slots[id=1].part.names")}, patch: []string{"/spec/slots/1/part"}},
		{name: "with the item", reason: "what goes as a whole is told once",
			before: "{mode: x, slots: [{id: 2, label: r}, {id: 1, label: l, part: {names: []}}]}", after: "{mode: x, slots: [{id: 2, label: r}]}",
			fields: []string{`add spec.slots[id=1]: {"id":1,"label":"l","part":{"names":[]}} → null, git killick`}},
		{name: "with its map", reason: "what goes as a whole is told once", before: "{mode: x, ports: []}", after: "{}",
			fields: []string{`replace spec: {"mode":"x","ports":[]} → {}, git killick`}, patch: []string{"/spec/ports", "/spec/mode"}},
		{name: "beside a hand", reason: "it is Git's change, whoever wrote elsewhere", before: "{ports: []}", after: "{}",
			edits:  func(s *model.Server) { s.Set("kubectl-label", "metadata labels team", "a") },
			fields: []string{`add metadata.labels.team: "a" → null, live kubectl-label`, left("spec.ports")}, patch: []string{"/spec/ports"}},
		{name: "filled meanwhile", reason: "what stands there is somebody else's", before: "{mode: x, tags: []}", after: "{mode: x}",
			edits: func(s *model.Server) { s.Set("gadget-controller", "spec tags", []any{"a"}) }},
		{name: "written again", reason: "an update that adds an empty list owns it", before: "{mode: x, tags: []}", after: "{mode: x}",
			edits: func(s *model.Server) {
				s.Set("gadget-controller", "spec tags", nil)
				s.Set("gadget-controller", "spec tags", []any{})
			}},
		{name: "gone", reason: "nothing is left", before: "{mode: x, tags: []}", after: "{mode: x}",
			edits: func(s *model.Server) { s.Set("gadget-controller", "spec tags", nil) }},
		{name: "made again", reason: "the memo is of another object", before: "{mode: x, tags: []}", after: "{mode: x}",
			edits: func(s *model.Server) { nested.Metadata(s.Live)["uid"] = "another" }},
		{name: "a default", reason: "Git never named it", before: "{mode: x}", after: "{}",
			edits:  func(s *model.Server) { model.Put(s.T, s.Live, model.At("spec tags"), []any{}) },
			fields: []string{`replace spec: {"mode":"x","tags":[]} → {}, git killick`}, patch: []string{"/spec/tags", "/spec/mode"}},
		{name: "an atomic list", reason: "our entry names it", before: "{mode: x, free: {list: []}}", after: "{mode: x}",
			fields: []string{`add spec.free: {"list":[]} → null, git killick`}, patch: []string{"/spec/free"}},
		{name: "without the memo", reason: "nobody can tell it from a default", forgotten: true, before: "{mode: x, ports: []}", after: "{mode: x}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := model.Synced(t, model.GadgetOf(c.before))
			row := s.Row(model.GadgetOf(c.before))
			if c.edits != nil {
				c.edits(s)
			}
			if c.forgotten {
				row = nil
			}
			compared := s.Remembering(model.GadgetOf(c.after), row)
			change := diff.Compare(compared)
			if diff := cmp.Diff(c.fields, model.Told(change.Fields), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: %s", c.reason, diff)
			}
			var patch []string
			for _, op := range write.Removals(model.Standard, s.Live, compared.Object.Manifest, change.Fields) {
				if op.Op != "remove" {
					t.Errorf("%s: the patch has %v", c.reason, op)
				}
				patch = append(patch, op.Path)
			}
			if c.edits == nil {
				if diff := cmp.Diff(c.patch, patch); diff != "" {
					t.Errorf("%s: %s", c.reason, diff)
				}
				s.TakeOver(compared.Object, change, change.Fields, false)
				if again := s.Compare(model.GadgetOf(c.after)); c.fields != nil && again.Type != drift.InSync {
					t.Errorf("%s: after the write %v", c.reason, model.Told(again.Fields))
				}
			}
		})
	}
}

// Sync alone takes what Git dropped also where a hand wrote elsewhere.
func TestLeftoversAreGits(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.GadgetOf("{ports: []}"))
	row := s.Row(model.GadgetOf("{ports: []}"))
	s.Set("kubectl-label", "metadata labels team", "a")
	change := diff.Compare(s.Remembering(model.GadgetOf("{}"), row))
	decision := decide.Decide(change, model.Granting(drift.VerbSync), decide.Facts{})
	if len(decision.Granted) != 1 || !decision.Granted[0].Path.Equal(model.At("spec ports")) {
		t.Errorf("%v: granted %v", decision.Action, model.Told(decision.Granted))
	}
	if diff := cmp.Diff([]nested.Path{model.At("metadata labels team"), model.At("spec ports")}, diff.Additions(change)); diff != "" {
		t.Errorf("the server is asked whether they are defaults (-want +got):\n%s", diff)
	}
}

// While the API server refuses an apply because of the null it would make, the list goes
// with what else Git dropped.
func TestLeftoversWhileRefused(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.GadgetOf("{mode: x, ports: []}"))
	row := s.Row(model.GadgetOf("{mode: x, ports: []}"))
	c := s.Remembering(model.GadgetOf("{}"), row)
	c.Observation.Predicted, c.Observation.Prediction = nil, drift.ByComparison
	c.Observation.Err = &drift.Refusal{Kind: drift.ErrInvalid, Causes: []drift.RefusalCause{{Field: "spec", Type: "FieldValueTypeInvalid",
		Message: `Invalid value: "null": spec in body must be of type object: "null"`}}}
	change := diff.Compare(c)
	decision := decide.Decide(change, model.Granting(drift.VerbSync), decide.Facts{})
	var patch []string
	for _, op := range write.Removals(model.Standard, s.Live, c.Object.Manifest, decision.Granted) {
		patch = append(patch, op.Path)
	}
	if diff := cmp.Diff([]string{"/spec/ports", "/spec/mode"}, patch); diff != "" {
		t.Errorf("%v because %s: %s", decision.Action, decision.Reason, diff)
	}
}

// What somebody has in a map of ours that Git names as empty is not Git's change alone,
// wherever Git moved.
func TestMapsOfOursThatOthersUse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ git, cause string }{{"{mode: x, groups: {}}", "live"}, {"{mode: z, groups: {}}", "both"}} {
		s := model.Synced(t, model.GadgetOf("{mode: x, groups: {}}"))
		row := s.Row(model.GadgetOf("{mode: x, groups: {}}"))
		s.Set("kubectl-edit", "spec groups first", []any{})
		compared := s.Remembering(model.GadgetOf(c.git), row)
		model.Put(t, compared.Observation.Predicted, model.At("spec groups"), nil) // an apply makes null of it
		change := diff.Compare(compared)
		i := slices.IndexFunc(change.Fields, func(f drift.FieldChange) bool { return f.Path.Equal(model.At("spec groups")) })
		if i < 0 || change.Fields[i].Cause.String() != c.cause {
			t.Errorf("%s: %v", c.git, model.Told(change.Fields))
		}
	}
}

// A list that a schema requires stays, and is no drift: what Git says without it is what
// stands there.
func TestLeftoversThatAreRequired(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.GadgetOf("{mode: x, ports: [], tags: []}"))
	c := s.Remembering(model.GadgetOf("{mode: z}"), s.Row(model.GadgetOf("{mode: x, ports: [], tags: []}")))
	for _, answer := range []struct {
		refuses error
		want    int
	}{
		{nil, 3}, {&drift.Refusal{Kind: drift.ErrInvalid, Causes: []drift.RefusalCause{{Field: "spec.ports", Message: "Required value"}}}, 1},
		{&drift.Refusal{Kind: drift.ErrForbidden}, 3},
	} {
		got, err := diff.WithoutDefaults(diff.Compare(c), func([]nested.Path) (map[string]any, error) { return map[string]any{}, answer.refuses })
		if len(got.Fields) != answer.want || !errors.Is(err, answer.refuses) {
			t.Errorf("%v: %v, %v", answer.refuses, model.Told(got.Fields), err)
		}
	}
}

func TestQuietLeftovers(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.GadgetOf("{mode: x, tags: []}"))
	c := s.Remembering(model.GadgetOf("{mode: x}"), s.Row(model.GadgetOf("{mode: x, tags: []}")))
	c.Noise = drift.Noise{Quiet: []nested.Path{model.At("spec tags")}}
	if change := diff.Compare(c); change.Type != drift.InSync {
		t.Errorf("%v", model.Told(change.Fields))
	}
}

// What an apply left is not applied, whoever may own it.
func TestLeftoversRemain(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.GadgetOf("{mode: x, tags: []}"))
	c := s.Remembering(model.GadgetOf("{mode: x}"), s.Row(model.GadgetOf("{mode: x, tags: []}")))
	change := diff.Compare(c)
	if diff := cmp.Diff([]nested.Path{model.At("spec tags")}, write.Remaining(model.Standard, change.Fields, c.Object.Manifest, s.Live, nil)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
