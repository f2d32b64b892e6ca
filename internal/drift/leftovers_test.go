package drift

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func gadgetOf(spec string) string {
	return "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: lamp, namespace: storefront}\nspec: " + spec + "\n"
}

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
		edits         func(*server)
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
			edits:  func(s *server) { s.set("kubectl-label", "metadata labels team", "a") },
			fields: []string{`add metadata.labels.team: "a" → null, live kubectl-label`, left("spec.ports")}, patch: []string{"/spec/ports"}},
		{name: "filled meanwhile", reason: "what stands there is somebody else's", before: "{mode: x, tags: []}", after: "{mode: x}",
			edits: func(s *server) { s.set("gadget-controller", "spec tags", []any{"a"}) }},
		{name: "written again", reason: "an update that adds an empty list owns it", before: "{mode: x, tags: []}", after: "{mode: x}",
			edits: func(s *server) {
				s.set("gadget-controller", "spec tags", nil)
				s.set("gadget-controller", "spec tags", []any{})
			}},
		{name: "gone", reason: "nothing is left", before: "{mode: x, tags: []}", after: "{mode: x}",
			edits: func(s *server) { s.set("gadget-controller", "spec tags", nil) }},
		{name: "made again", reason: "the memo is of another object", before: "{mode: x, tags: []}", after: "{mode: x}",
			edits: func(s *server) { metadata(s.live)["uid"] = "another" }},
		{name: "a default", reason: "Git never named it", before: "{mode: x}", after: "{}",
			edits:  func(s *server) { put(s.t, s.live, at("spec tags"), []any{}) },
			fields: []string{`replace spec: {"mode":"x","tags":[]} → {}, git killick`}, patch: []string{"/spec/tags", "/spec/mode"}},
		{name: "an atomic list", reason: "our entry names it", before: "{mode: x, free: {list: []}}", after: "{mode: x}",
			fields: []string{`add spec.free: {"list":[]} → null, git killick`}, patch: []string{"/spec/free"}},
		{name: "without the memo", reason: "nobody can tell it from a default", forgotten: true, before: "{mode: x, ports: []}", after: "{mode: x}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := synced(t, gadgetOf(c.before))
			row := s.row(gadgetOf(c.before))
			if c.edits != nil {
				c.edits(s)
			}
			if c.forgotten {
				row = nil
			}
			compared := s.remembering(gadgetOf(c.after), row)
			change := Compare(compared)
			if diff := cmp.Diff(c.fields, told(change.Fields), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: %s", c.reason, diff)
			}
			var patch []string
			for _, op := range standard.Removals(s.live, compared.Object.Manifest, change.Fields) {
				if op.Op != "remove" {
					t.Errorf("%s: the patch has %v", c.reason, op)
				}
				patch = append(patch, op.Path)
			}
			if c.edits == nil {
				if diff := cmp.Diff(c.patch, patch); diff != "" {
					t.Errorf("%s: %s", c.reason, diff)
				}
				s.takeOver(compared.Object, change, change.Fields, false)
				if again := s.compare(gadgetOf(c.after)); c.fields != nil && again.Type != InSync {
					t.Errorf("%s: after the write %v", c.reason, told(again.Fields))
				}
			}
		})
	}
}

// Sync alone takes what Git dropped also where a hand wrote elsewhere.
func TestLeftoversAreGits(t *testing.T) {
	t.Parallel()
	s := synced(t, gadgetOf("{ports: []}"))
	row := s.row(gadgetOf("{ports: []}"))
	s.set("kubectl-label", "metadata labels team", "a")
	change := Compare(s.remembering(gadgetOf("{}"), row))
	decision := Decide(change, granting(VerbSync), Facts{})
	if len(decision.Granted) != 1 || !decision.Granted[0].Path.Equal(at("spec ports")) {
		t.Errorf("%v: granted %v", decision.Action, told(decision.Granted))
	}
	if diff := cmp.Diff([]Path{at("metadata labels team"), at("spec ports")}, Additions(change)); diff != "" {
		t.Errorf("the server is asked whether they are defaults (-want +got):\n%s", diff)
	}
}

// While the API server refuses an apply because of the null it would make, the list goes
// with what else Git dropped.
func TestLeftoversWhileRefused(t *testing.T) {
	t.Parallel()
	s := synced(t, gadgetOf("{mode: x, ports: []}"))
	row := s.row(gadgetOf("{mode: x, ports: []}"))
	c := s.remembering(gadgetOf("{}"), row)
	c.Observation.Predicted, c.Observation.Prediction = nil, ByComparison
	c.Observation.Err = &Refusal{Kind: ErrInvalid, Causes: []RefusalCause{{Field: "spec", Type: "FieldValueTypeInvalid",
		Message: `Invalid value: "null": spec in body must be of type object: "null"`}}}
	change := Compare(c)
	decision := Decide(change, granting(VerbSync), Facts{})
	var patch []string
	for _, op := range standard.Removals(s.live, c.Object.Manifest, decision.Granted) {
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
		s := synced(t, gadgetOf("{mode: x, groups: {}}"))
		row := s.row(gadgetOf("{mode: x, groups: {}}"))
		s.set("kubectl-edit", "spec groups first", []any{})
		compared := s.remembering(gadgetOf(c.git), row)
		put(t, compared.Observation.Predicted, at("spec groups"), nil) // an apply makes null of it
		change := Compare(compared)
		i := slices.IndexFunc(change.Fields, func(f FieldChange) bool { return f.Path.Equal(at("spec groups")) })
		if i < 0 || change.Fields[i].Cause.String() != c.cause {
			t.Errorf("%s: %v", c.git, told(change.Fields))
		}
	}
}

// A list that a schema requires stays, and is no drift: what Git says without it is what
// stands there.
func TestLeftoversThatAreRequired(t *testing.T) {
	t.Parallel()
	s := synced(t, gadgetOf("{mode: x, ports: [], tags: []}"))
	c := s.remembering(gadgetOf("{mode: z}"), s.row(gadgetOf("{mode: x, ports: [], tags: []}")))
	for _, answer := range []struct {
		refuses error
		want    int
	}{
		{nil, 3}, {&Refusal{Kind: ErrInvalid, Causes: []RefusalCause{{Field: "spec.ports", Message: "Required value"}}}, 1},
		{&Refusal{Kind: ErrForbidden}, 3},
	} {
		got, err := withoutDefaults(Compare(c), func([]Path) (map[string]any, error) { return map[string]any{}, answer.refuses })
		if len(got.Fields) != answer.want || !errors.Is(err, answer.refuses) {
			t.Errorf("%v: %v, %v", answer.refuses, told(got.Fields), err)
		}
	}
}

func TestQuietLeftovers(t *testing.T) {
	t.Parallel()
	s := synced(t, gadgetOf("{mode: x, tags: []}"))
	c := s.remembering(gadgetOf("{mode: x}"), s.row(gadgetOf("{mode: x, tags: []}")))
	c.Noise = Noise{Quiet: []Path{at("spec tags")}}
	if change := Compare(c); change.Type != InSync {
		t.Errorf("%v", told(change.Fields))
	}
}

// What an apply left is not applied, whoever may own it.
func TestLeftoversRemain(t *testing.T) {
	t.Parallel()
	s := synced(t, gadgetOf("{mode: x, tags: []}"))
	c := s.remembering(gadgetOf("{mode: x}"), s.row(gadgetOf("{mode: x, tags: []}")))
	change := Compare(c)
	if diff := cmp.Diff([]Path{at("spec tags")}, standard.Remaining(change.Fields, c.Object.Manifest, s.live, nil)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
