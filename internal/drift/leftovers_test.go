package drift

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// An empty list that merges stands in no fieldset. Where Git empties the map around
// it, the list is told, and the write takes it; elsewhere nobody can know whose it is.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	gadget := func(spec string) string {
		return "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: lamp, namespace: storefront}\nspec: " + spec + "\n"
	}
	for _, c := range []struct {
		name, reason  string
		before, after string
		edits         func(*server)
		fields        []string
		patch         []string
	}{
		{name: "a map emptied", reason: "an apply of {} would leave the list, and make null of the map the next time",
			before: "{ports: []}", after: "{}",
			fields: []string{"add spec.ports: [] → null, git"}, patch: []string{"remove /spec/ports"}},
		{name: "a map emptied in an item", reason: "paths go through the item's key",
			before: "{mode: x, slots: [{id: 2, label: r}, {id: 1, label: l, part: {names: []}}]}",
			after:  "{mode: x, slots: [{id: 2, label: r}, {id: 1, label: l, part: {}}]}",
			fields: []string{"add spec.slots[id=1].part.names: [] → null, git"}, patch: []string{"remove /spec/slots/1/part/names"}},
		{name: "several lists", reason: "each is told",
			before: "{ports: [], tags: []}", after: "{}",
			fields: []string{"add spec.ports: [] → null, git", "add spec.tags: [] → null, git"}, patch: []string{"remove /spec/tags", "remove /spec/ports"}},
		{name: "a map that keeps something", reason: "nobody can tell who wrote the list",
			before: "{mode: x, ports: []}", after: "{mode: x}"},
		{name: "a map that goes with its last member", reason: "what the server says it would remove is told once",
			before: "{mode: x, ports: []}", after: "{}",
			fields: []string{`replace spec: {"mode":"x","ports":[]} → {}, git killick`}, patch: []string{"remove /spec/ports", "remove /spec/mode"}},
		{name: "what others own stays", reason: "an update that adds an empty list owns it",
			before: "{ports: []}", after: "{}",
			edits:  func(s *server) { s.set("gadget-controller", "spec tags", []any{}) },
			fields: []string{"add spec.ports: [] → null, git"}, patch: []string{"remove /spec/ports"}},
		{name: "the map was empty before", reason: "the list is not what Git dropped",
			before: "{}", after: "{}",
			edits: func(s *server) {
				s.set("gadget-controller", "spec mode", "auto")
				put(s.t, s.live, at("spec tags"), []any{}) // a default is nobody's
			}},
		{name: "never ours", reason: "nothing was applied that Git could have dropped",
			before: "{ports: []}", after: "{}",
			edits: func(s *server) { delete(metadata(s.live), "managedFields") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := synced(t, gadget(c.before))
			if c.edits != nil {
				c.edits(s)
			}
			compared := s.comparison(gadget(c.after))
			change := Compare(compared)
			if diff := cmp.Diff(c.fields, told(change.Fields), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: %s", c.reason, diff)
			}
			var patch []string
			for _, op := range (Noise{}).Removals(s.live, compared.Object.Manifest, change.Fields) {
				patch = append(patch, op.Op+" "+op.Path)
			}
			if diff := cmp.Diff(c.patch, patch); diff != "" {
				t.Errorf("%s: %s", c.reason, diff)
			}
		})
	}
}
