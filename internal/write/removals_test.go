package write_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
	"github.com/killick-dev/killick/internal/write"
)

// What a server-side apply leaves, or takes too much of, found by the oracle
// (internal/testenv/oracle) on a real API server: each case names a seed.
func TestRemovals(t *testing.T) {
	t.Parallel()
	add := func(path string, live any) drift.FieldChange {
		return drift.FieldChange{Path: model.At(path), Op: drift.OpAdd, Live: live, Addition: true}
	}
	dropped := func(path string, live any) drift.FieldChange {
		return drift.FieldChange{Path: model.At(path), Op: drift.OpAdd, Live: live}
	}
	cases := []struct {
		reason, live, manifest string
		granted                []drift.FieldChange
		want                   []string
	}{
		{"an apply removes it, and the map keeps another member", "{spec: {a: 1, b: 2}}", "{spec: {a: 1}}",
			[]drift.FieldChange{add("spec b", int64(2))}, nil},
		{"the manifest names the map as empty: null would be left (seeds 16, 18)", "{spec: {part: {a: x}}}", "{spec: {part: {}}}",
			[]drift.FieldChange{add("spec part a", "x")}, []string{"/spec/part/a"}},
		{"beside an empty list only, which nobody can own (seed 2948)", "{spec: {numbers: [], labels: {c: x}}}", "{spec: {numbers: []}}",
			[]drift.FieldChange{add("spec labels", map[string]any{"c": "x"})}, []string{"/spec/labels"}},
		{"all items of a list that Git does not name (seed 353)", "{spec: {mode: x, tags: [a, b]}}", "{spec: {mode: x}}",
			[]drift.FieldChange{add("spec tags [=a]", "a"), add("spec tags [=b]", "b")}, []string{"/spec/tags"}},
		{"one item of such a list", "{spec: {mode: x, tags: [a, b]}}", "{spec: {mode: x}}",
			[]drift.FieldChange{add("spec tags [=a]", "a")}, nil},
		{"all items, where the apply brings Git's own (seed 3349)", "{spec: {ports: [{port: 81}]}}", "{spec: {ports: [{port: 80}]}}",
			[]drift.FieldChange{add("spec ports [port=81]", map[string]any{"port": int64(81)})}, nil},
		{"an empty list, which an apply cannot name (seed 1198)", "{spec: {a: 1, tags: []}}", "{spec: {a: 1}}",
			[]drift.FieldChange{add("spec tags", []any{})}, []string{"/spec/tags"}},
		{"the only member of what only additions hold", "{spec: {a: 1, outer: {inner: {leaf: x}}}}", "{spec: {a: 1}}",
			[]drift.FieldChange{add("spec outer inner leaf", "x")}, []string{"/spec/outer"}},
		{"Git dropped the last key and keeps the map (seed 1479)", "{spec: {part: {a: x}}}", "{spec: {part: {}}}",
			[]drift.FieldChange{{Path: model.At("spec part"), Op: drift.OpReplace, Desired: map[string]any{}, Live: map[string]any{"a": "x"}}}, []string{"/spec/part/a"}},
		{"what others have in that map stays", "{spec: {part: {a: x, theirs: y}}}", "{spec: {part: {}}}",
			[]drift.FieldChange{{Path: model.At("spec part"), Op: drift.OpReplace, Desired: map[string]any{}, Live: map[string]any{"a": "x", "theirs": "y"}}}, []string{"/spec/part/a"}},
		{"the same with a list below (seed 14870)", "{spec: {mode: auto, tags: [c]}}", "{spec: {tags: []}}",
			[]drift.FieldChange{{Path: model.At("spec"), Op: drift.OpReplace, Desired: model.Tree(t, "{tags: []}"), Live: model.Tree(t, "{mode: auto, tags: [c]}")}}, []string{"/spec/tags", "/spec/mode"}},
		{"a service account that Git dropped has two names (seed 2659)", "{spec: {x: y, serviceAccountName: a, serviceAccount: a}}", "{spec: {x: y}}",
			[]drift.FieldChange{dropped("spec serviceAccountName", "a")}, []string{"/spec/serviceAccount", "/spec/serviceAccountName"}},
		{"a change of value is the apply's business", "{spec: {a: 2}}", "{spec: {a: 1}}",
			[]drift.FieldChange{{Path: model.At("spec a"), Op: drift.OpReplace, Desired: int64(1), Live: int64(2)}}, nil},
	}
	for _, c := range cases {
		live := model.Tree(t, c.live)
		live["metadata"] = map[string]any{"managedFields": []any{map[string]any{"manager": "mesh-operator", "operation": "Update",
			"fieldsType": "FieldsV1", "fieldsV1": map[string]any{"f:spec": map[string]any{"f:part": map[string]any{"f:theirs": map[string]any{}}}}}}}
		var got []string
		for _, op := range write.Removals(model.Standard, live, model.Tree(t, c.manifest), c.granted) {
			got = append(got, op.Path)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
}

// Items that are there twice are removed twice: what is left of them must not
// look like a default that came back (seed 1055).
func TestRemovalPatchDuplicates(t *testing.T) {
	t.Parallel()
	live := model.Tree(t, "{spec: {env: [{name: A}, {name: B}, {name: A}]}}")
	want := []nested.PatchOp{{Op: "remove", Path: "/spec/env/0"}, {Op: "remove", Path: "/spec/env/1"}}
	if diff := cmp.Diff(want, nested.RemovalPatch(live, []nested.Path{model.At("spec env [name=A]")})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What one patch removes the other puts back, in its place.
func TestUndoPatch(t *testing.T) {
	t.Parallel()
	live := model.Tree(t, "{spec: {env: [{name: A}, {name: B}, {name: A}, {name: C}], mode: x, open: false, gone: null, tags: []}}")
	removals := nested.RemovalPatch(live, []nested.Path{model.At("spec env [name=A]"), model.At("spec env [name=C]"), model.At("spec gone"), model.At("spec mode"), model.At("spec open"), model.At("spec tags")})
	without := model.ApplyPatch(t, nested.CloneMap(live), removals)
	if diff := cmp.Diff(model.Tree(t, "{spec: {env: [{name: B}]}}"), without); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	delete(live["spec"].(map[string]any), "gone")
	if diff := cmp.Diff(live, model.ApplyPatch(t, without, nested.UndoPatch(live, removals))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Seeds 196 and 2659: the server says that dropping serviceAccountName changes
// nothing, because it keeps the value under the deprecated name.
func TestDroppedServiceAccountName(t *testing.T) {
	t.Parallel()
	named := model.With(t, model.ExplicitYAML, "      containers:\n", "      serviceAccountName: builder\n      containers:\n")
	s := model.Synced(t, named)
	model.Put(t, s.Live, model.At("spec template spec serviceAccount"), "builder")
	c := s.Comparison(model.ExplicitYAML)
	model.Put(t, c.Observation.Predicted, model.At("spec template spec serviceAccountName"), "builder")
	model.Put(t, c.Observation.Predicted, model.At("spec template spec serviceAccount"), "builder")
	change := diff.Compare(c)
	if len(change.Fields) != 1 || change.Fields[0].Op != drift.OpAdd || !change.Fields[0].Path.Equal(model.At("spec template spec serviceAccountName")) {
		t.Errorf("found %v", change.Fields)
	}
	if change := diff.Compare(s.Comparison(named)); change.Type != drift.InSync {
		t.Errorf("named by Git: %v", change.Fields)
	}
}
