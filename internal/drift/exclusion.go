package drift

import (
	"cmp"
	"slices"
	"strings"
)

// marked are the fields of a change with what the write removes besides, and what it
// leaves as it is.
func marked(change Change, w *whole) []FieldChange {
	fields := slices.Clone(change.Fields)
	for i, field := range fields {
		fields[i].Fixed = field.Fixed || slices.ContainsFunc(w.fixed, field.Path.Equal)
	}
	for _, path := range w.excluded {
		excluded := w.exclusion(change, path)
		fields = slices.DeleteFunc(fields, func(f FieldChange) bool { return f.Path.HasPrefix(path) })
		fields = append(fields, excluded)
	}
	slices.SortFunc(fields, func(a, b FieldChange) int { return strings.Compare(a.Path.Pointer(), b.Path.Pointer()) })
	return fields
}

// exclusion is the change that removes what Git's choice excludes. What nobody else owns
// goes with the choice itself, whoever made the other one; what somebody owns is the
// cluster's, and needs heal.
func (w *whole) exclusion(change Change, path Path) FieldChange {
	live, _ := ValueAt(w.live, path)
	fields, _ := fieldsAt(w.live, w.root, path)
	excluded := FieldChange{Path: path, Op: OpAdd, Live: Clone(live), Excluded: true, Note: excludedByGit}
	others := slices.DeleteFunc(slices.Clone(w.entries), managed.ours)
	switch by := owner(others, w.root, fields); {
	case !change.Ownership.Tracked:
		excluded.Cause = CauseGit // never ours: Git asks for something new
	case by.manager != "":
		excluded.Manager, excluded.ManagerClass, excluded.ManagerTime = by.manager, by.class, by.time
		excluded.Addition, excluded.Cause = true, CauseLive
	default:
		for _, field := range change.Fields {
			if field.Path.HasPrefix(path[:len(path)-1]) {
				excluded.Cause |= field.Cause
			}
		}
		if excluded.Cause == CauseNone {
			excluded.Cause = cmp.Or(change.Cause, CauseGit)
		}
	}
	return excluded
}
