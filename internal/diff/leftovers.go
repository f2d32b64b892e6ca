package diff

import (
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// emptyListsOf are the empty lists of a manifest that stand in the live object without our
// owning them: a server-side apply cannot own an empty list that merges by key or as a
// set (structured-merge-diff, typed/tofieldset.go), so that one which drops it leaves it.
func emptyListsOf(manifest, live map[string]any, entries []ownership.Entry, shape *fieldpath.Set) []nested.Path {
	if !hasEmptyList(manifest) {
		return nil // most have none
	}
	owned := NamedPaths(ownership.OwnFields(entries))
	return slices.DeleteFunc(emptyLists(nil, shape, Comparable(live)), func(path nested.Path) bool {
		want, named := nested.DesiredAt(manifest, path)
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
func emptyLists(at nested.Path, shape *fieldpath.Set, v any) []nested.Path {
	var found []nested.Path
	switch v := v.(type) {
	case map[string]any:
		for _, key := range nested.Keys(v, nil) {
			found = append(found, emptyLists(at.Field(key), shape.WithPrefix(ownership.FieldElement(key)), v[key])...)
		}
	case []any:
		if len(v) == 0 {
			return []nested.Path{at}
		}
		list := ownership.ShapeOf(shape)
		for _, item := range v {
			if element, ok := list.ElementFor(item); ok {
				found = append(found, emptyLists(at.With(ownership.ElementOf(element)), shape.WithPrefix(element), item)...)
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
func (c Comparison) leftovers(entries []ownership.Entry, told []drift.FieldChange) []drift.FieldChange {
	if c.Row == nil || c.Row.UID != nested.UIDOf(c.Observation.Live) {
		return nil
	}
	var sets []*fieldpath.Set
	for _, entry := range entries {
		sets = append(sets, entry.Fields)
	}
	owned := NamedPaths(sets...)
	var left []drift.FieldChange
	for _, path := range c.Row.EmptyLists {
		_, wanted := nested.DesiredAt(c.Object.Manifest, path)
		live, _ := nested.ValueAt(c.Observation.Live, path)
		if wanted || owned(path) || covered(told, path) || c.Noise.IsQuiet(path) || !isEmptyList(live) {
			continue
		}
		left = append(left, drift.FieldChange{Path: path, Op: drift.OpAdd, Live: []any{}, Cause: drift.CauseGit, Leftover: true, Note: drift.NoteEmptyList})
	}
	return left
}
