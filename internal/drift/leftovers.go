package drift

import (
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Unowned are the empty lists that a manifest names and that stand in the live object
// without our owning them: a server-side apply cannot own an empty list that merges by
// key or as a set (structured-merge-diff, typed/tofieldset.go), so that one which drops
// it leaves it. An error says that the live object's managedFields cannot be read.
func (n Noise) Unowned(manifest, live map[string]any) ([]Path, error) {
	if !hasEmptyList(manifest) {
		return nil, nil
	}
	entries, err := n.read(live)
	if err != nil {
		return nil, err
	}
	own := ownFields(entries)
	owned := namedPaths(own)
	return slices.DeleteFunc(emptyLists(nil, own, comparable(manifest)), func(path Path) bool {
		return owned(path) || !emptyListAt(live, path)
	}), nil
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

// emptyLists are the places of empty lists in a manifest, as far as fields and the keys
// of list items lead to them.
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

func emptyListAt(object map[string]any, path Path) bool {
	v, _ := ValueAt(object, path)
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
	for _, path := range c.Row.Unowned {
		_, wanted := wantedValue(c.Object.Manifest, path)
		if wanted || owned(path) || covered(told, path) || !emptyListAt(c.Observation.Live, path) {
			continue
		}
		left = append(left, FieldChange{Path: path, Op: OpAdd, Live: []any{}, Cause: CauseGit, Note: leftByApply})
	}
	return left
}
