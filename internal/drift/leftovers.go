package drift

import (
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// emptyListsOf are the empty lists of a manifest that stand in the live object without our
// owning them: a server-side apply cannot own an empty list that merges by key or as a
// set (structured-merge-diff, typed/tofieldset.go), so that one which drops it leaves it.
func emptyListsOf(manifest, live map[string]any, entries []managed, shape *fieldpath.Set) []Path {
	if !hasEmptyList(manifest) {
		return nil // most have none
	}
	owned := namedPaths(ownFields(entries))
	return slices.DeleteFunc(emptyLists(nil, shape, comparable(live)), func(path Path) bool {
		want, named := wantedValue(manifest, path)
		return !named || !isEmptyList(want) || owned(path)
	})
}

func hasEmptyList(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, item := range v {
			if hasEmptyList(item) {
				return true
			}
		}
	case []any:
		return len(v) == 0 || slices.ContainsFunc(v, hasEmptyList)
	}
	return false
}

// emptyLists are the places of empty lists in a live object, as far as fields and the
// keys of list items lead to them.
func emptyLists(at Path, shape *fieldpath.Set, v any) []Path {
	var found []Path
	switch v := v.(type) {
	case map[string]any:
		for _, key := range unionKeys(v, nil) {
			found = append(found, emptyLists(at.Field(key), shape.WithPrefix(fieldElement(key)), v[key])...)
		}
	case []any:
		if len(v) == 0 {
			return []Path{at}
		}
		list := shapeOf(shape)
		for _, item := range v {
			if element, ok := list.elementFor(item); ok {
				found = append(found, emptyLists(at.with(elementOf(element)), shape.WithPrefix(element), item)...)
			}
		}
	}
	return found
}

func isEmptyList(v any) bool {
	items, isList := v.([]any)
	return isList && len(items) == 0
}

// leftovers are empty lists that we applied, that Git does not name any more and that an
// apply leaves where they are. Only the memo can tell them from defaults and from what a
// controller keeps there.
func (c Comparison) leftovers(entries []managed, told []FieldChange) []FieldChange {
	if c.Row == nil || c.Row.UID != UIDOf(c.Observation.Live) {
		return nil
	}
	var sets []*fieldpath.Set
	for _, entry := range entries {
		sets = append(sets, entry.fields)
	}
	owned := namedPaths(sets...)
	var left []FieldChange
	for _, path := range c.Row.EmptyLists {
		_, wanted := wantedValue(c.Object.Manifest, path)
		live, _ := ValueAt(c.Observation.Live, path)
		if wanted || owned(path) || covered(told, path) || c.Noise.isQuiet(path) || !isEmptyList(live) {
			continue
		}
		left = append(left, FieldChange{Path: path, Op: OpAdd, Live: []any{}, Cause: CauseGit, Leftover: true, Note: leftByApply})
	}
	return left
}
