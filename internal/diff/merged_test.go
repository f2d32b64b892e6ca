package diff_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
	"github.com/killick-dev/killick/internal/testenv/model"
)

// Whose the merged entry is nobody knows: what stands in it alone stays. What we applied
// too and Git drops is Git's change, and adoption takes it as anybody's.
func TestMergedEntry(t *testing.T) {
	t.Parallel()
	before := "{mode: x, slots: [{id: 1, label: l}, {id: 2, label: r, part: {size: 3}}]}"
	for _, c := range []struct {
		name, reason string
		after        string
		edits        func(*model.Server)
		noise        drift.Noise
		untracked    bool
		fields       []string
	}{
		{name: "an addition", reason: "it may be a controller's", after: before,
			edits: func(s *model.Server) { s.Set("somebody", "spec tags", []any{"a"}) }},
		{name: "an addition, and the config knows", reason: "the class decides", after: before,
			edits:  func(s *model.Server) { s.Set("somebody", "spec tags", []any{"a"}) },
			noise:  drift.Noise{Managers: []drift.ClassRule{{Pattern: ownership.MergedManager, Class: drift.ClassInteractive}}},
			fields: []string{`add spec.tags[=a]: "a" → null, live ancient-changes`}},
		{name: "a value of Git's", reason: "whoever it was", after: before,
			edits:  func(s *model.Server) { s.Set("somebody", "spec mode", "y") },
			fields: []string{`replace spec.mode: "y" → "x", live ancient-changes`}},
		{name: "Git drops what both applied", reason: "we have a part in it", after: "{slots: [{id: 1, label: l}, {id: 2, label: r, part: {size: 3}}]}",
			edits:  func(s *model.Server) { s.Apply("somebody", model.GadgetOf("{mode: x}")) },
			fields: []string{`add spec.mode: "x" → null, git ancient-changes`}},
		{name: "Git drops an item that both applied", reason: "it goes as a whole, or half an item would stay", after: "{mode: x, slots: [{id: 1, label: l}]}",
			edits:  func(s *model.Server) { s.Apply("somebody", model.GadgetOf("{slots: [{id: 2, label: r}]}")) },
			fields: []string{`add spec.slots[id=2]: {"id":2,"label":"r","part":{"size":3}} → null, git ancient-changes`}},
		{name: "a hand's item around it", reason: "what is in it may be a controller's", after: before,
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "spec slots [id=3]", map[string]any{"id": int64(3), "label": "h"})
				s.Set("somebody", "spec slots [id=3] part", map[string]any{"size": int64(1)})
			},
			fields: []string{`add spec.slots[id=3].label: "h" → null, live kubectl-edit`}},
		{name: "never ours", reason: "adoption takes over what its writer left", after: before, untracked: true,
			edits:  func(s *model.Server) { s.Set("somebody", "spec tags", []any{"a"}) },
			fields: []string{`add spec.tags[=a]: "a" → null, git ancient-changes`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := model.Synced(t, model.GadgetOf(before))
			c.edits(s)
			s.Merge("somebody")
			compared := s.Comparison(model.GadgetOf(c.after))
			compared.Noise = c.noise
			if c.untracked {
				compared.Entry = nil
				delete(nested.Metadata(compared.Observation.Live), "labels")
				delete(nested.Metadata(compared.Observation.Predicted), "labels")
			}
			change := diff.Compare(compared)
			if diff := cmp.Diff(c.fields, model.Told(change.Fields), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
			if c.untracked || c.fields == nil {
				return
			}
			s.TakeOver(compared.Object, change, change.Fields, false)
			if again := s.Compare(model.GadgetOf(c.after)); again.Type != drift.InSync && c.noise.Managers == nil {
				t.Errorf("%s: after the write %v", c.reason, model.Told(again.Fields))
			}
		})
	}
}
