package drift

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// A Gadget is a custom resource whose CRD uses everything that schemas offer for
// merging: lists keyed by a number, by two keys of which one has a default, lists
// inside keyed items, sets of texts and of numbers, maps of lists, atomic maps
// inside keyed items, structures inside them, and free content.
const gadgetSchema = `{
  "type": "object",
  "x-kubernetes-group-version-kind": [{"group": "example.com", "version": "v1", "kind": "Gadget"}],
  "properties": {
    "apiVersion": {"type": "string"}, "kind": {"type": "string"},
    "metadata": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
      "name": {"type": "string"}, "namespace": {"type": "string"},
      "labels": {"type": "object", "additionalProperties": {"type": "string"}},
      "annotations": {"type": "object", "additionalProperties": {"type": "string"}}}},
    "spec": {"type": "object", "properties": {
      "mode": {"type": "string"},
      "slots": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"],
        "items": {"type": "object", "properties": {
          "id": {"type": "integer"}, "label": {"type": "string"},
          "wires": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["colour"],
            "items": {"type": "object", "properties": {"colour": {"type": "string"}, "length": {"type": "number"}}}},
          "part": {"type": "object", "properties": {
            "names": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}, "size": {"type": "integer"}}},
          "fixed": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}}}}},
      "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
        "items": {"type": "object", "properties": {
          "port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"}, "note": {"type": "string"}}}},
      "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
      "numbers": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "integer"}},
      "groups": {"type": "object", "additionalProperties": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}},
      "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}`

// gadgets is the field manager's view of the schema.
func gadgets(t testing.TB) managedfields.TypeConverter {
	t.Helper()
	schema := &spec.Schema{}
	if err := json.Unmarshal([]byte(gadgetSchema), schema); err != nil {
		t.Fatal(err)
	}
	converter, err := managedfields.NewTypeConverter(map[string]*spec.Schema{"com.example.v1.Gadget": schema}, false)
	if err != nil {
		t.Fatal(err)
	}
	return converter
}

const gadgetYAML = `
apiVersion: example.com/v1
kind: Gadget
metadata: {name: lamp, namespace: storefront}
spec:
  mode: bright
  slots:
  - id: 1
    label: left
    wires: [{colour: red, length: 1.5}, {colour: blue, length: 2}]
    fixed: {a: x}
  - {id: 2, label: right}
  ports: [{port: 80, note: web}, {port: 53, protocol: UDP}]
  tags: [a, "b/c", "80"]
  numbers: [1, 2]
  groups: {first: [x, "y z"]}
  free: {any: {thing: [1, 2]}}
`

func TestCompareCustomResources(t *testing.T) {
	t.Parallel()
	for _, c := range []comparing{
		{name: "nothing", reason: "right after the apply", edits: func(*server) {}, want: InSync},
		{name: "a number as key", reason: "JSON reads it as a float, the cluster as an integer", want: Modified, cause: CauseLive,
			edits:  func(s *server) { s.set("kubectl-edit", "spec slots [id=2] label", "far") },
			fields: []string{`replace spec.slots[id=2].label: "far" → "right", live kubectl-edit`}},
		{name: "a list in a list", reason: "paths go through both keys", want: Modified, cause: CauseLive,
			edits:  func(s *server) { s.set("kubectl-edit", "spec slots [id=1] wires [colour=red] length", 3.25) },
			fields: []string{`replace spec.slots[id=1].wires[colour=red].length: 3.25 → 1.5, live kubectl-edit`}},
		{name: "an item in a list in a list", reason: "an addition deep inside", want: Modified, cause: CauseLive,
			edits: func(s *server) {
				s.set("kubectl-edit", "spec slots [id=1] wires [colour=green]", map[string]any{"colour": "green", "length": int64(9)})
			},
			fields: []string{`add spec.slots[id=1].wires[colour=green]: {"colour":"green","length":9} → null, live kubectl-edit`}},
		{name: "an item added", reason: "with all that is in it", want: Modified, cause: CauseLive,
			edits: func(s *server) {
				s.set("kubectl-edit", "spec slots [id=3]", map[string]any{"id": int64(3), "wires": []any{map[string]any{"colour": "red"}}})
			},
			fields: []string{`add spec.slots[id=3]: {"id":3,"wires":[{"colour":"red"}]} → null, live kubectl-edit`}},
		{name: "an item removed", reason: "without a memo row it may be new in Git", want: Modified, cause: CauseGit,
			edits:  func(s *server) { s.set("kubectl-edit", "spec slots [id=2]", nil) },
			fields: []string{`remove spec.slots[id=2]: null → {"id":2,"label":"right"}, git`}},
		{name: "an atomic map in an item", reason: "it is one value", want: Modified, cause: CauseLive,
			edits:  func(s *server) { s.set("kubectl-edit", "spec slots [id=1] fixed b", "z") },
			fields: []string{`replace spec.slots[id=1].fixed: {"a":"x","b":"z"} → {"a":"x"}, live kubectl-edit`}},
		{name: "a text in a set", reason: "told by its value", want: Modified, cause: CauseLive,
			edits:  func(s *server) { s.set("kubectl-edit", `spec tags [=new]`, "new") },
			fields: []string{`add spec.tags[=new]: "new" → null, live kubectl-edit`}},
		{name: "a text that needs quoting taken from a set", reason: "told by its value", want: Modified, cause: CauseGit,
			edits:  func(s *server) { s.set("kubectl-edit", `spec tags [="b/c"]`, nil) },
			fields: []string{`remove spec.tags[="b/c"]: null → "b/c", git`}},
		{name: "a number in a set", reason: "told by its value", want: Modified, cause: CauseLive,
			edits:  func(s *server) { s.set("kubectl-edit", "spec numbers [=7]", int64(7)) },
			fields: []string{`add spec.numbers[=7]: 7 → null, live kubectl-edit`}},
		{name: "a set in a map", reason: "a map of lists", want: Modified, cause: CauseLive,
			edits:  func(s *server) { s.set("kubectl-edit", "spec groups first [=v]", "v") },
			fields: []string{`add spec.groups.first[=v]: "v" → null, live kubectl-edit`}},
		{name: "another list in the map", reason: "each item of a list that merges is told by itself", want: Modified, cause: CauseLive,
			edits:  func(s *server) { s.set("kubectl-edit", "spec groups second", []any{"v"}) },
			fields: []string{`add spec.groups.second[=v]: "v" → null, live kubectl-edit`}},
		{name: "the order of a set", reason: "our order was applied and is not there", want: Modified, cause: CauseGit,
			edits: func(s *server) {
				s.update("kubectl-edit", func(o map[string]any) { put(t, o, at("spec numbers"), []any{int64(2), int64(1)}) })
			},
			fields: []string{`replace spec.numbers: [2,1] → [1,2], git (only the order of the elements differs)`}},
		{name: "Git drops a deep item", reason: "ours, and no longer named", want: Modified, cause: CauseGit,
			git:    func(m string) string { return with(t, m, ", {colour: blue, length: 2}]", "]") },
			fields: []string{`add spec.slots[id=1].wires[colour=blue]: {"colour":"blue","length":2} → null, git killick`}},
		{name: "Git drops a list", reason: "each item of it is ours", want: Modified, cause: CauseGit,
			git:    func(m string) string { return with(t, m, "  numbers: [1, 2]\n", "") },
			fields: []string{`add spec.numbers: [1,2] → null, git killick`}},
		{name: "free content", reason: "compared like the rest", want: Modified, cause: CauseLive,
			edits:  func(s *server) { s.set("kubectl-edit", "spec free any thing", []any{int64(1)}) },
			fields: []string{`replace spec.free.any.thing: [1] → [1,2], live kubectl-edit`}},
		{name: "a key with a default", reason: "the schema completes the key where the manifest leaves it out", want: Modified, cause: CauseLive,
			edits: func(s *server) {
				s.update("kubectl-edit", func(o map[string]any) {
					ports, _ := ValueAt(o, at("spec ports"))
					ports.([]any)[0].(map[string]any)["note"] = "by hand"
				})
			},
			fields: []string{`replace spec.ports[port=80].note: "by hand" → "web", live kubectl-edit`}},
	} {
		c.before = gadgetYAML
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.name == "a key with a default" {
				// The server would have filled the default in; this one does not.
				c.before = with(t, gadgetYAML, "{port: 80, note: web}", "{port: 80, protocol: TCP, note: web}")
				c.fields = []string{`replace spec.ports[port=80,protocol=TCP].note: "by hand" → "web", live kubectl-edit`}
			}
			c.run(t)
		})
	}
}

// What a hand did to a custom resource is put back by what Killick writes.
func TestCustomResourcesConverge(t *testing.T) {
	t.Parallel()
	manifest := with(t, gadgetYAML, "{port: 80, note: web}", "{port: 80, protocol: TCP, note: web}")
	for name, edit := range map[string]func(*server){
		"deep value": func(s *server) { s.set("kubectl-edit", "spec slots [id=1] wires [colour=red] length", 9.5) },
		"deep item": func(s *server) {
			s.set("kubectl-edit", "spec slots [id=1] wires [colour=green]", map[string]any{"colour": "green"})
		},
		"item": func(s *server) { s.set("kubectl-edit", "spec slots [id=3]", map[string]any{"id": int64(3)}) },
		"key edited": func(s *server) {
			s.update("kubectl-edit", func(o map[string]any) { put(t, o, at("spec slots [id=2] id"), int64(7)) })
		},
		"set of texts":   func(s *server) { s.set("kubectl-edit", "spec tags [=new]", "new") },
		"set of numbers": func(s *server) { s.set("kubectl-edit", "spec numbers [=7]", int64(7)) },
		"list in a map":  func(s *server) { s.set("kubectl-edit", "spec groups second", []any{"v", "w"}) },
		"atomic map":     func(s *server) { s.set("kubectl-edit", "spec slots [id=1] fixed b", "z") },
		"everything gone": func(s *server) {
			s.update("kubectl-edit", func(o map[string]any) {
				put(t, o, at("spec slots"), []any{})
				put(t, o, at("spec tags"), nil)
				put(t, o, at("spec free"), nil)
			})
		},
		"the order": func(s *server) {
			s.update("kubectl-edit", func(o map[string]any) { put(t, o, at("spec numbers"), []any{int64(2), int64(1)}) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := synced(t, manifest)
			edit(s)
			object := desired(t, manifest)
			change := s.compare(manifest)
			if change.Type != Modified {
				t.Fatal("nothing was found")
			}
			predicted := s.dryRun(object)
			after := s.takeOver(object, change, change.Fields, false)
			if left := standard.Remaining(change.Fields, object.Manifest, after, predicted); len(left) > 0 {
				t.Errorf("still differs at %v", left)
			}
			if again := s.compare(manifest); again.Type != InSync {
				t.Errorf("afterwards %v", told(again.Fields))
			}
			if !Proved(object, s.live) {
				t.Errorf("and no server needs to be asked: %s", short(s.live))
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
		s := synced(t, gadgetYAML)
		s.set("kubectl-edit", "spec slots [id=1] wires [colour=red] length", 9.5)
		change := WithoutIgnored(s.compare(gadgetYAML), []Path{at(pattern)})
		if (change.Type == InSync) != wanted {
			t.Errorf("%s: %s", pattern, change.Type)
		}
		if !wanted {
			continue
		}
		effective, err := standard.Effective(desired(t, gadgetYAML), change, s.live)
		if err != nil {
			t.Fatal(err)
		}
		wires, _ := ValueAt(effective.Manifest, at("spec slots [id=1] wires"))
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
	add := func(path string, v any) func(*server) {
		return func(s *server) {
			put(s.t, s.live, at("spec mode"), "dim") // as a default
			s.set("kubectl-edit", path, v)
		}
	}
	for name, c := range map[string]struct {
		before, after string
		edit          func(*server)
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
			s := synced(t, frame+c.before)
			if c.edit != nil {
				c.edit(s)
			}
			object := desired(t, frame+c.after)
			predicted := s.dryRun(object)
			change := s.compare(frame + c.after)
			after := s.takeOver(object, change, change.Fields, false)
			if left := (Noise{}).Remaining(change.Fields, object.Manifest, after, predicted); len(left) > 0 {
				t.Errorf("still differs at %v", left)
			}
			if again := s.compare(frame + c.after); again.Type != InSync {
				t.Errorf("afterwards %v", told(again.Fields))
			}
		})
	}
}
