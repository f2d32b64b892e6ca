package drift

import (
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// leftovers finds what stays in a map that Git makes empty: empty lists that merge. An
// apply that names one does not own it, so that one that drops it leaves it; but once we
// own the empty map, the next apply makes null of it, list and all. Defaulting leaves no
// trace either, so that only a map counts that was not empty in Git before, and an object
// of which something is ours.
func (c Comparison) leftovers(entries []managed, told []FieldChange) []FieldChange {
	own, shape := ownFields(entries), structure(entries)
	if own.Empty() || c.Observation.Predicted == nil {
		return nil
	}
	f := leftoverFinder{own: own, shape: shape}
	f.mapping(nil, comparable(c.Object.Manifest), comparable(c.Observation.Live))
	f.found = slices.DeleteFunc(f.found, func(raw rawChange) bool { return covered(told, pathOf(raw.path)) })
	fields := c.explain(f.found, entries, shape)
	for i := range fields {
		fields[i].Addition = true // the server is asked whether it is a default
	}
	return fields
}

type leftoverFinder struct {
	own, shape *fieldpath.Set
	found      []rawChange
}

func (f *leftoverFinder) mapping(at fieldpath.Path, desired, live map[string]any) {
	for _, key := range unionKeys(desired, nil) {
		below := appendElement(at, fieldElement(key))
		switch want := desired[key].(type) {
		case map[string]any:
			have, _ := live[key].(map[string]any)
			switch {
			case len(want) > 0:
				f.mapping(below, want, have)
			case !f.own.Has(below):
				f.emptied(below, have)
			}
		case []any:
			have, _ := live[key].([]any)
			f.list(below, want, have)
		}
	}
}

func (f *leftoverFinder) list(at fieldpath.Path, desired, live []any) {
	list := shapeOf(setAt(f.shape, at))
	for _, want := range desired {
		i := findItem(list, want, live, make([]bool, len(live)))
		if i < 0 {
			continue
		}
		if element, ok := list.elementFor(live[i]); ok && !list.set {
			wanted, _ := want.(map[string]any)
			have, _ := live[i].(map[string]any)
			f.mapping(appendElement(at, element), wanted, have)
		}
	}
}

// emptied looks through a map that Git wants empty.
func (f *leftoverFinder) emptied(at fieldpath.Path, live map[string]any) {
	for _, key := range unionKeys(live, nil) {
		below := appendElement(at, fieldElement(key))
		have, isMap := live[key].(map[string]any)
		switch {
		case !unnameable(live[key]):
			if isMap {
				f.emptied(below, have)
			}
		case !touches(f.shape, f.shape, below):
			f.found = append(f.found, rawChange{path: below, op: OpAdd, live: live[key]})
		}
	}
}
