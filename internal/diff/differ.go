package diff

import (
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// rawChange is a difference before anybody asked who made it.
type rawChange struct {
	path    fieldpath.Path
	op      drift.Op
	desired any
	live    any
	note    string
}

// differ walks two trees side by side and notes where they differ. Which lists
// merge by key comes from the fieldsets, not from a schema.
type differ struct {
	root  *fieldpath.Set
	found []rawChange
}

// serverFields are metadata fields that the API server alone writes.
var serverFields = map[string]bool{
	"managedFields": true, "resourceVersion": true, "uid": true, "generation": true,
	"creationTimestamp": true, "selfLink": true, "deletionTimestamp": true,
	"deletionGracePeriodSeconds": true,
}

// Comparable is the part of an object that is compared: no status, and none of
// what the server alone writes.
func Comparable(object map[string]any) map[string]any {
	out := make(map[string]any, len(object))
	for key, v := range object {
		if key != "status" && key != "metadata" && key != "apiVersion" && key != "kind" {
			out[key] = v
		}
	}
	kept := map[string]any{}
	for key, v := range nested.Metadata(object) {
		if !serverFields[key] {
			kept[key] = v
		}
	}
	out["metadata"] = kept
	return out
}

func (d *differ) object(desired, live map[string]any) {
	d.mapping(nil, d.root, Comparable(desired), Comparable(live))
}

func (d *differ) note(path fieldpath.Path, op drift.Op, desired, live any, note string) {
	d.found = append(d.found, rawChange{path: path, op: op, desired: nested.Clone(desired), live: nested.Clone(live), note: note})
}

func (d *differ) mapping(path fieldpath.Path, set *fieldpath.Set, desired, live map[string]any) {
	for _, key := range nested.Keys(desired, live) {
		element := ownership.FieldElement(key)
		below := ownership.AppendElement(path, element)
		want, wanted := desired[key]
		have, present := live[key]
		switch {
		case !wanted:
			d.note(below, drift.OpAdd, nil, have, "")
		case !present:
			d.note(below, drift.OpRemove, want, nil, "")
		default:
			d.value(below, set.WithPrefix(element), set.Members.Has(element), want, have)
		}
	}
}

func (d *differ) value(path fieldpath.Path, set *fieldpath.Set, member bool, desired, live any) {
	if nested.EqualValues(desired, live) {
		return
	}
	if member && set.Empty() && !granular(path) {
		d.note(path, drift.OpReplace, desired, live, "") // owned as one value: atomic, or a scalar
		return
	}
	switch want := desired.(type) {
	case map[string]any:
		if have, ok := live.(map[string]any); ok {
			d.mapping(path, set, want, have)
			return
		}
	case []any:
		if have, ok := live.([]any); ok {
			d.list(path, set, want, have)
			return
		}
	}
	d.note(path, drift.OpReplace, desired, live, "")
}

// granular are maps that merge key by key in every kind, although an entry may
// name the map alone: the map was written empty.
func granular(path fieldpath.Path) bool {
	if len(path) < 2 || ownership.ElementOf(path[len(path)-2]) != "metadata" {
		return false
	}
	last := ownership.ElementOf(path[len(path)-1])
	return last == "labels" || last == "annotations"
}

func (d *differ) list(path fieldpath.Path, set *fieldpath.Set, desired, live []any) {
	shape := ownership.ShapeOf(set)
	want, wantOK := ElementsOf(shape, desired)
	have, haveOK := ElementsOf(shape, live)
	if shape.Atomic() || !wantOK || !haveOK {
		d.note(path, drift.OpReplace, desired, live, "")
		return
	}
	before := len(d.found)
	for i, element := range want {
		below := ownership.AppendElement(path, element)
		j := indexOf(have, element)
		if j < 0 {
			d.note(below, drift.OpRemove, desired[i], nil, "")
			continue
		}
		d.value(below, set.WithPrefix(element), set.Members.Has(element), desired[i], live[j])
	}
	for j, element := range have {
		if indexOf(want, element) < 0 {
			d.note(ownership.AppendElement(path, element), drift.OpAdd, nil, live[j], "")
		}
	}
	if len(d.found) == before {
		d.note(path, drift.OpReplace, desired, live, drift.NoteOrderOnly)
	}
}

// ElementsOf gives each item's path element; false when an item has none or two
// items share one, so that the list cannot be compared item by item.
func ElementsOf(shape ownership.ListShape, items []any) ([]fieldpath.PathElement, bool) {
	elements := make([]fieldpath.PathElement, 0, len(items))
	for _, item := range items {
		element, ok := shape.ElementFor(item)
		if !ok || indexOf(elements, element) >= 0 {
			return nil, false
		}
		elements = append(elements, element)
	}
	return elements, true
}

func indexOf(elements []fieldpath.PathElement, element fieldpath.PathElement) int {
	return slices.IndexFunc(elements, func(e fieldpath.PathElement) bool { return e.Equals(element) })
}
