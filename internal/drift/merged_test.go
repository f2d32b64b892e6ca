package drift

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// merge gives an entry the name under which the API server merges the oldest.
func (s *server) merge(manager string) {
	s.t.Helper()
	raw, _ := metadata(s.live)["managedFields"].([]any)
	for _, entry := range raw {
		if fields, _ := entry.(map[string]any); fields["manager"] == manager {
			fields["manager"] = mergedManager
		}
	}
}

// Whose the merged entry is nobody knows: what stands in it alone stays. What we applied
// too and Git drops is Git's change, and adoption takes it as anybody's.
func TestMergedEntry(t *testing.T) {
	t.Parallel()
	before := "{mode: x, slots: [{id: 1, label: l}, {id: 2, label: r, part: {size: 3}}]}"
	for _, c := range []struct {
		name, reason string
		after        string
		edits        func(*server)
		noise        Noise
		untracked    bool
		fields       []string
	}{
		{name: "an addition", reason: "it may be a controller's", after: before,
			edits: func(s *server) { s.set("somebody", "spec tags", []any{"a"}) }},
		{name: "an addition, and the config knows", reason: "the class decides", after: before,
			edits:  func(s *server) { s.set("somebody", "spec tags", []any{"a"}) },
			noise:  Noise{Managers: []ClassRule{{Pattern: mergedManager, Class: ClassInteractive}}},
			fields: []string{`add spec.tags[=a]: "a" → null, live ancient-changes`}},
		{name: "a value of Git's", reason: "whoever it was", after: before,
			edits:  func(s *server) { s.set("somebody", "spec mode", "y") },
			fields: []string{`replace spec.mode: "y" → "x", live ancient-changes`}},
		{name: "Git drops what both applied", reason: "we have a part in it", after: "{slots: [{id: 1, label: l}, {id: 2, label: r, part: {size: 3}}]}",
			edits:  func(s *server) { s.apply("somebody", gadgetOf("{mode: x}")) },
			fields: []string{`add spec.mode: "x" → null, git ancient-changes`}},
		{name: "Git drops an item that both applied", reason: "it goes as a whole, or half an item would stay", after: "{mode: x, slots: [{id: 1, label: l}]}",
			edits:  func(s *server) { s.apply("somebody", gadgetOf("{slots: [{id: 2, label: r}]}")) },
			fields: []string{`add spec.slots[id=2]: {"id":2,"label":"r","part":{"size":3}} → null, git ancient-changes`}},
		{name: "a hand's item around it", reason: "what is in it may be a controller's", after: before,
			edits: func(s *server) {
				s.set("kubectl-edit", "spec slots [id=3]", map[string]any{"id": int64(3), "label": "h"})
				s.set("somebody", "spec slots [id=3] part", map[string]any{"size": int64(1)})
			},
			fields: []string{`add spec.slots[id=3].label: "h" → null, live kubectl-edit`}},
		{name: "never ours", reason: "adoption takes over what its writer left", after: before, untracked: true,
			edits:  func(s *server) { s.set("somebody", "spec tags", []any{"a"}) },
			fields: []string{`add spec.tags[=a]: "a" → null, git ancient-changes`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := synced(t, gadgetOf(before))
			c.edits(s)
			s.merge("somebody")
			compared := s.comparison(gadgetOf(c.after))
			compared.Noise = c.noise
			if c.untracked {
				compared.Entry = nil
				delete(metadata(compared.Observation.Live), "labels")
				delete(metadata(compared.Observation.Predicted), "labels")
			}
			change := Compare(compared)
			if diff := cmp.Diff(c.fields, told(change.Fields), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
			if c.untracked || c.fields == nil {
				return
			}
			s.takeOver(compared.Object, change, change.Fields, false)
			if again := s.compare(gadgetOf(c.after)); again.Type != InSync && c.noise.Managers == nil {
				t.Errorf("%s: after the write %v", c.reason, told(again.Fields))
			}
		})
	}
}
