package diff_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
	"github.com/killick-dev/killick/internal/write"
)

func TestCompareCustomResources(t *testing.T) {
	t.Parallel()
	for _, c := range []comparing{
		{name: "nothing", reason: "right after the apply", edits: func(*model.Server) {}, want: drift.InSync},
		{name: "a number as key", reason: "JSON reads it as a float, the cluster as an integer", want: drift.Modified, cause: drift.CauseLive,
			edits:  func(s *model.Server) { s.Set("kubectl-edit", "spec slots [id=2] label", "far") },
			fields: []string{`replace spec.slots[id=2].label: "far" → "right", live kubectl-edit`}},
		{name: "a list in a list", reason: "paths go through both keys", want: drift.Modified, cause: drift.CauseLive,
			edits:  func(s *model.Server) { s.Set("kubectl-edit", "spec slots [id=1] wires [colour=red] length", 3.25) },
			fields: []string{`replace spec.slots[id=1].wires[colour=red].length: 3.25 → 1.5, live kubectl-edit`}},
		{name: "an item in a list in a list", reason: "an addition deep inside", want: drift.Modified, cause: drift.CauseLive,
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "spec slots [id=1] wires [colour=green]", map[string]any{"colour": "green", "length": int64(9)})
			},
			fields: []string{`add spec.slots[id=1].wires[colour=green]: {"colour":"green","length":9} → null, live kubectl-edit`}},
		{name: "an item added", reason: "with all that is in it", want: drift.Modified, cause: drift.CauseLive,
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "spec slots [id=3]", map[string]any{"id": int64(3), "wires": []any{map[string]any{"colour": "red"}}})
			},
			fields: []string{`add spec.slots[id=3]: {"id":3,"wires":[{"colour":"red"}]} → null, live kubectl-edit`}},
		{name: "an item removed", reason: "without a memo row it may be new in Git", want: drift.Modified, cause: drift.CauseGit,
			edits:  func(s *model.Server) { s.Set("kubectl-edit", "spec slots [id=2]", nil) },
			fields: []string{`remove spec.slots[id=2]: null → {"id":2,"label":"right"}, git`}},
		{name: "an atomic map in an item", reason: "it is one value", want: drift.Modified, cause: drift.CauseLive,
			edits:  func(s *model.Server) { s.Set("kubectl-edit", "spec slots [id=1] fixed b", "z") },
			fields: []string{`replace spec.slots[id=1].fixed: {"a":"x","b":"z"} → {"a":"x"}, live kubectl-edit`}},
		{name: "a text in a set", reason: "told by its value", want: drift.Modified, cause: drift.CauseLive,
			edits:  func(s *model.Server) { s.Set("kubectl-edit", `spec tags [=new]`, "new") },
			fields: []string{`add spec.tags[=new]: "new" → null, live kubectl-edit`}},
		{name: "a text that needs quoting taken from a set", reason: "told by its value", want: drift.Modified, cause: drift.CauseGit,
			edits:  func(s *model.Server) { s.Set("kubectl-edit", `spec tags [="b/c"]`, nil) },
			fields: []string{`remove spec.tags[="b/c"]: null → "b/c", git`}},
		{name: "a number in a set", reason: "told by its value", want: drift.Modified, cause: drift.CauseLive,
			edits:  func(s *model.Server) { s.Set("kubectl-edit", "spec numbers [=7]", int64(7)) },
			fields: []string{`add spec.numbers[=7]: 7 → null, live kubectl-edit`}},
		{name: "a set in a map", reason: "a map of lists", want: drift.Modified, cause: drift.CauseLive,
			edits:  func(s *model.Server) { s.Set("kubectl-edit", "spec groups first [=v]", "v") },
			fields: []string{`add spec.groups.first[=v]: "v" → null, live kubectl-edit`}},
		{name: "another list in the map", reason: "each item of a list that merges is told by itself", want: drift.Modified, cause: drift.CauseLive,
			edits:  func(s *model.Server) { s.Set("kubectl-edit", "spec groups second", []any{"v"}) },
			fields: []string{`add spec.groups.second[=v]: "v" → null, live kubectl-edit`}},
		{name: "the order of a set", reason: "our order was applied and is not there", want: drift.Modified, cause: drift.CauseGit,
			edits: func(s *model.Server) {
				s.Update("kubectl-edit", func(o map[string]any) { model.Put(t, o, model.At("spec numbers"), []any{int64(2), int64(1)}) })
			},
			fields: []string{`replace spec.numbers: [2,1] → [1,2], git (only the order of the elements differs)`}},
		{name: "Git drops a deep item", reason: "ours, and no longer named", want: drift.Modified, cause: drift.CauseGit,
			git:    func(m string) string { return model.With(t, m, ", {colour: blue, length: 2}]", "]") },
			fields: []string{`add spec.slots[id=1].wires[colour=blue]: {"colour":"blue","length":2} → null, git killick`}},
		{name: "Git drops a list", reason: "each item of it is ours", want: drift.Modified, cause: drift.CauseGit,
			git:    func(m string) string { return model.With(t, m, "  numbers: [1, 2]\n", "") },
			fields: []string{`add spec.numbers: [1,2] → null, git killick`}},
		{name: "free content", reason: "compared like the rest", want: drift.Modified, cause: drift.CauseLive,
			edits:  func(s *model.Server) { s.Set("kubectl-edit", "spec free any thing", []any{int64(1)}) },
			fields: []string{`replace spec.free.any.thing: [1] → [1,2], live kubectl-edit`}},
		{name: "a key with a default", reason: "the schema completes the key where the manifest leaves it out", want: drift.Modified, cause: drift.CauseLive,
			edits: func(s *model.Server) {
				s.Update("kubectl-edit", func(o map[string]any) {
					ports, _ := nested.ValueAt(o, model.At("spec ports"))
					ports.([]any)[0].(map[string]any)["note"] = "by hand"
				})
			},
			fields: []string{`replace spec.ports[port=80].note: "by hand" → "web", live kubectl-edit`}},
	} {
		c.before = model.GadgetYAML
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.name == "a key with a default" {
				// The server would have filled the default in; this one does not.
				c.before = model.With(t, model.GadgetYAML, "{port: 80, note: web}", "{port: 80, protocol: TCP, note: web}")
				c.fields = []string{`replace spec.ports[port=80,protocol=TCP].note: "by hand" → "web", live kubectl-edit`}
			}
			c.run(t)
		})
	}
}

// What a hand did to a custom resource is put back by what Killick writes.
func TestCustomResourcesConverge(t *testing.T) {
	t.Parallel()
	manifest := model.With(t, model.GadgetYAML, "{port: 80, note: web}", "{port: 80, protocol: TCP, note: web}")
	for name, edit := range map[string]func(*model.Server){
		"deep value": func(s *model.Server) { s.Set("kubectl-edit", "spec slots [id=1] wires [colour=red] length", 9.5) },
		"deep item": func(s *model.Server) {
			s.Set("kubectl-edit", "spec slots [id=1] wires [colour=green]", map[string]any{"colour": "green"})
		},
		"item": func(s *model.Server) { s.Set("kubectl-edit", "spec slots [id=3]", map[string]any{"id": int64(3)}) },
		"key edited": func(s *model.Server) {
			s.Update("kubectl-edit", func(o map[string]any) { model.Put(t, o, model.At("spec slots [id=2] id"), int64(7)) })
		},
		"set of texts":   func(s *model.Server) { s.Set("kubectl-edit", "spec tags [=new]", "new") },
		"set of numbers": func(s *model.Server) { s.Set("kubectl-edit", "spec numbers [=7]", int64(7)) },
		"list in a map":  func(s *model.Server) { s.Set("kubectl-edit", "spec groups second", []any{"v", "w"}) },
		"atomic map":     func(s *model.Server) { s.Set("kubectl-edit", "spec slots [id=1] fixed b", "z") },
		"everything gone": func(s *model.Server) {
			s.Update("kubectl-edit", func(o map[string]any) {
				model.Put(t, o, model.At("spec slots"), []any{})
				model.Put(t, o, model.At("spec tags"), nil)
				model.Put(t, o, model.At("spec free"), nil)
			})
		},
		"the order": func(s *model.Server) {
			s.Update("kubectl-edit", func(o map[string]any) { model.Put(t, o, model.At("spec numbers"), []any{int64(2), int64(1)}) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := model.Synced(t, manifest)
			edit(s)
			object := model.Desired(t, manifest)
			change := s.Compare(manifest)
			if change.Type != drift.Modified {
				t.Fatal("nothing was found")
			}
			predicted := s.DryRun(object)
			after := s.TakeOver(object, change, change.Fields, false)
			if left := write.Remaining(model.Standard, change.Fields, object.Manifest, after, predicted); len(left) > 0 {
				t.Errorf("still differs at %v", left)
			}
			if again := s.Compare(manifest); again.Type != drift.InSync {
				t.Errorf("afterwards %v", model.Told(again.Fields))
			}
			if !diff.Proved(object, s.Live) {
				t.Errorf("and no server needs to be asked: %s", model.Short(s.Live))
			}
		})
	}
}

// Paths of a custom resource are what policies name in ignore_fields.
func TestCustomResourceFieldsIgnored(t *testing.T) {
	t.Parallel()
	for pattern, wanted := range map[string]bool{
		"spec slots [id=1] wires [colour=red] length": true,
		"spec slots * wires * length":                 true,
		"spec slots [id=1]":                           true,
		"spec slots [id=2]":                           false,
		"spec slots 0 wires":                          false, // keyed items are named by their keys
	} {
		s := model.Synced(t, model.GadgetYAML)
		s.Set("kubectl-edit", "spec slots [id=1] wires [colour=red] length", 9.5)
		change := diff.WithoutIgnored(s.Compare(model.GadgetYAML), []nested.Path{model.At(pattern)})
		if (change.Type == drift.InSync) != wanted {
			t.Errorf("%s: %s", pattern, change.Type)
		}
		if !wanted {
			continue
		}
		effective, err := write.Effective(model.Standard, model.Desired(t, model.GadgetYAML), change, s.Live)
		if err != nil {
			t.Fatal(err)
		}
		wires, _ := nested.ValueAt(effective.Manifest, model.At("spec slots [id=1] wires"))
		if diff := cmp.Diff([]any{map[string]any{"colour": "red"}, map[string]any{"colour": "blue", "length": int64(2)}}, wires); diff != "" {
			t.Errorf("%s: the hand's field is left to the hand (-want +got):\n%s", pattern, diff)
		}
	}
}

// An apply takes a map for dropped that it cannot name: one with nothing but
// empty lists, where an earlier apply named it as empty (oracle, seed 119347).
func TestMapOfEmptyLists(t *testing.T) {
	t.Parallel()
	frame := "{apiVersion: example.com/v1, kind: Gadget, metadata: {name: lamp, namespace: storefront, labels: {team: a}}, spec: "
	add := func(path string, v any) func(*model.Server) {
		return func(s *model.Server) {
			model.Put(s.T, s.Live, model.At("spec mode"), "dim") // as a default
			s.Set("kubectl-edit", path, v)
		}
	}
	for name, c := range map[string]struct {
		before, after string
		edit          func(*model.Server)
	}{
		"alone":             {"{}}", "{tags: []}}", nil},
		"beside a default":  {"{}}", "{tags: []}}", add("metadata labels team", "b")},
		"added already":     {"{}}", "{tags: []}}", add("spec tags", []any{})},
		"lists":             {"{}}", "{tags: [], numbers: []}}", add("metadata labels team", "b")},
		"in another map":    {"{mode: dim, groups: {}}}", "{mode: dim, groups: {first: []}}}", add("spec groups second", []any{"a"})},
		"what we own stays": {"{groups: {}}}", "{groups: {}}}", add("spec groups second", []any{"a"})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := model.Synced(t, frame+c.before)
			if c.edit != nil {
				c.edit(s)
			}
			object := model.Desired(t, frame+c.after)
			predicted := s.DryRun(object)
			change := s.Compare(frame + c.after)
			after := s.TakeOver(object, change, change.Fields, false)
			if left := write.Remaining((drift.Noise{}), change.Fields, object.Manifest, after, predicted); len(left) > 0 {
				t.Errorf("still differs at %v", left)
			}
			if again := s.Compare(frame + c.after); again.Type != drift.InSync {
				t.Errorf("afterwards %v", model.Told(again.Fields))
			}
		})
	}
}
