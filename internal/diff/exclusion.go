package diff

import (
	"cmp"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// marked are the fields of a change with what the write removes besides, and what it
// leaves as it is.
func marked(change drift.Change, w *whole) []drift.FieldChange {
	fields := slices.Clone(change.Fields)
	for i, field := range fields {
		fields[i].Fixed = field.Fixed || slices.ContainsFunc(w.fixed, field.Path.Equal)
	}
	for _, path := range w.excluded {
		excluded := w.exclusion(change, path)
		fields = slices.DeleteFunc(fields, func(f drift.FieldChange) bool { return f.Path.HasPrefix(path) })
		fields = append(fields, excluded)
	}
	slices.SortFunc(fields, func(a, b drift.FieldChange) int { return strings.Compare(a.Path.Pointer(), b.Path.Pointer()) })
	return fields
}

// exclusion is the change that removes what Git's choice excludes. What nobody else owns
// goes with the choice itself, whoever made the other one; what somebody owns is the
// cluster's, and needs heal.
func (w *whole) exclusion(change drift.Change, path nested.Path) drift.FieldChange {
	live, _ := nested.ValueAt(w.live, path)
	fields, _ := FieldsAt(w.live, w.root, path)
	excluded := drift.FieldChange{Path: path, Op: drift.OpAdd, Live: nested.Clone(live), Excluded: true, Note: drift.NoteExcluded}
	others := slices.DeleteFunc(slices.Clone(w.entries), ownership.Entry.Ours)
	switch by := ownership.Owner(others, w.root, fields); {
	case !change.Ownership.Tracked:
		excluded.Cause = drift.CauseGit // never ours: Git asks for something new
	case by.Manager != "":
		excluded.Manager, excluded.ManagerClass, excluded.ManagerTime = by.Manager, by.Class, by.Time
		excluded.Addition, excluded.Cause = true, drift.CauseLive
	default:
		for _, field := range change.Fields {
			if field.Path.HasPrefix(path[:len(path)-1]) {
				excluded.Cause |= field.Cause
			}
		}
		if excluded.Cause == drift.CauseNone {
			excluded.Cause = cmp.Or(change.Cause, drift.CauseGit)
		}
	}
	return excluded
}
