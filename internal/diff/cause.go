package diff

import (
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// explain adds cause, manager and time to raw differences.
func (c Comparison) explain(found []rawChange, entries []ownership.Entry, shape *fieldpath.Set) []drift.FieldChange {
	fields := make([]drift.FieldChange, 0, len(found))
	for _, raw := range found {
		by, ours := holder(raw, entries, shape)
		if wanted, ok := ownership.ValueAt(c.Object.Manifest, raw.path); ok && raw.op == drift.OpAdd {
			raw.op, raw.desired = drift.OpReplace, nested.Clone(wanted) // Git's zero value, which the server does not store
		}
		field := drift.FieldChange{
			Path: ownership.PathOf(raw.path), Op: raw.op, Desired: raw.desired, Live: raw.live, Note: raw.note,
			Manager: by.Manager, ManagerClass: by.Class, ManagerTime: by.Time,
		}
		field.Cause, field.Note = c.cause(field, ours)
		if field.Cause == drift.CauseBoth && c.gitAdds(raw, by, shape) {
			field.Cause = drift.CauseGit
		}
		if field.Note == "" && field.Manager == "" && field.Op != drift.OpRemove {
			field.Note = elsewhere(entries, c.Object.Kind().APIVersion())
		}
		fields = append(fields, field)
	}
	return fields
}

// holder is the owner of what stands at a difference, and whether our own entry has
// a part in it. Nobody owns an order. Of what is gone an entry may still name fields
// below it: zero values, which the server took and never stored, so that nobody's
// removal takes them out of the entry. And of a list that can only be replaced as one,
// because a key stands twice in it, we may own some items still.
func holder(raw rawChange, entries []ownership.Entry, shape *fieldpath.Set) (ownership.Entry, bool) {
	switch {
	case raw.note == drift.NoteOrderOnly:
		return ownership.Entry{}, false
	case raw.op == drift.OpRemove:
		naming := slices.DeleteFunc(slices.Clone(entries), func(entry ownership.Entry) bool { return !entry.Fields.Has(raw.path) })
		return ownership.Owner(naming, shape, raw.path), ownership.OwnFields(entries).Has(raw.path)
	case raw.op == drift.OpReplace:
		return ownership.Owner(entries, shape, raw.path), ownership.OwnFields(entries).Has(raw.path)
	}
	return ownership.Owner(entries, shape, raw.path), ownership.Touches(ownership.OwnFields(entries), shape, raw.path)
}

// cause is docs/drift.md's rule per field; the first match decides.
func (c Comparison) cause(field drift.FieldChange, ours bool) (drift.Cause, string) {
	known := c.Row != nil
	switch {
	case c.unmoved():
		switch {
		case field.Note != "":
		case ours && field.Op != drift.OpAdd && c.Observation.Predicted != nil:
			return drift.CauseLive, drift.NoteAdmission
		case field.Op == drift.OpRemove && field.Manager == "":
			return drift.CauseLive, drift.NoteNoOwner
		}
		return drift.CauseLive, field.Note
	case ours && usedByOthers(field):
		return drift.CauseBoth, field.Note
	case ours:
		return drift.CauseGit, field.Note
	case known && c.Row.UID == nested.UIDOf(c.Observation.Live) && c.Row.Digest != "" && c.Row.Digest == c.Digest():
		// Nothing we own or people wrote has moved since live and Git were last
		// equal, so the difference is Git's.
		return drift.CauseGit, field.Note
	case known:
		return drift.CauseBoth, field.Note
	case field.ManagerClass == drift.ClassInteractive || field.ManagerClass == drift.ClassUnknown:
		return drift.CauseLive, field.Note
	}
	return drift.CauseGit, field.Note
}

// gitAdds says that Git names a field that it did not name when live and Git were last
// equal, and that nobody wrote there meanwhile: whatever else somebody wrote in the object,
// the field is Git's. What the manifest named and live has not was removed by a hand.
func (c Comparison) gitAdds(raw rawChange, by ownership.Entry, shape *fieldpath.Set) bool {
	path := ownership.PathOf(raw.path)
	if _, named := nested.DesiredAt(c.Object.Manifest, path); !named || c.Row == nil || c.Row.UID != nested.UIDOf(c.Observation.Live) {
		return false
	}
	scaled := path.Equal(ReplicasPath) && c.Row.Replicas != nil && !nested.EqualValues(raw.live, *c.Row.Replicas)
	return !by.Class.Human() && !scaled && LacksAll(c.Row.Named, path, setAt(shape, raw.path), raw.desired)
}

// usedByOthers says that somebody has a part in a map of ours that Git names as empty.
func usedByOthers(field drift.FieldChange) bool {
	want, isMap := field.Desired.(map[string]any)
	return isMap && nested.IsEmpty(want) && field.ManagerClass.Human()
}
