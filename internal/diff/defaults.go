package diff

import (
	"cmp"
	"errors"
	"slices"
	"strconv"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// WithoutDefaults leaves out of a change the additions that come back by themselves.
// dryRemove is the server's answer to what the object would be without what stands at
// some paths. The error is its refusal to tell that of some additions, which stay.
func WithoutDefaults(change drift.Change, dryRemove func([]nested.Path) (map[string]any, error)) (drift.Change, error) {
	added := Additions(change)
	if len(added) == 0 {
		return change, nil
	}
	without, err := dryRemove(added)
	if err == nil {
		return Restored(change, added, without), nil
	}
	unknown := added
	if rest := drift.Separable(added, err); len(rest) > 0 {
		without, again := dryRemove(rest)
		switch {
		case again == nil:
			change = Restored(change, rest, without)
			unknown = slices.DeleteFunc(slices.Clone(added), func(p nested.Path) bool { return slices.ContainsFunc(rest, p.Equal) })
		case errors.Is(again, drift.ErrConflict):
			return change, again // the object is another one by now
		}
	}
	return unverified(withoutRequired(change, dryRemove), unknown), err
}

// unverified marks additions of which the API server did not say whether they are defaults.
func unverified(change drift.Change, unknown []nested.Path) drift.Change {
	change.Fields = slices.Clone(change.Fields)
	for i, field := range change.Fields {
		if field.Addition && slices.ContainsFunc(unknown, field.Path.Equal) {
			change.Fields[i].Unverified = true
			change.Fields[i].Note = cmp.Or(field.Note, drift.NoteNotVerified)
		}
	}
	return change
}

// verified takes the marks off what cannot be changed: nobody fills in what nobody may
// take away.
func verified(change drift.Change) drift.Change {
	change.Fields = slices.Clone(change.Fields)
	for i, field := range change.Fields {
		if field.Unverified && field.Fixed {
			change.Fields[i].Unverified = false
			if field.Note == drift.NoteNotVerified {
				change.Fields[i].Note = ""
			}
		}
	}
	return change
}

// withoutRequired leaves out the leftovers that the API server does not let go: where a
// schema requires the list, what Git says without it is what stands there.
func withoutRequired(change drift.Change, dryRemove func([]nested.Path) (map[string]any, error)) drift.Change {
	var left []nested.Path
	for _, field := range change.Fields {
		if field.Leftover {
			left = append(left, field.Path)
		}
	}
	if len(left) == 0 {
		return change
	}
	var refusal *drift.Refusal
	if _, err := dryRemove(left); errors.As(err, &refusal) && errors.Is(refusal, drift.ErrInvalid) {
		change.Fields = slices.DeleteFunc(slices.Clone(change.Fields), func(f drift.FieldChange) bool { return f.Leftover })
		change = Classify(change)
	}
	return change
}

// Restored takes out of a change the additions that the server puts back by
// itself: they are defaults, not somebody's wish. without is the server's answer
// to a dry-run that removes the asked ones at once.
func Restored(change drift.Change, asked []nested.Path, without map[string]any) drift.Change {
	var kept []drift.FieldChange
	for _, field := range change.Fields {
		if slices.ContainsFunc(asked, field.Path.Equal) {
			if v, present := nested.ValueAt(without, field.Path); present && nested.EqualValues(v, field.Live) {
				continue
			}
		}
		kept = append(kept, field)
	}
	if len(kept) == len(change.Fields) {
		return change // nothing came back; what has no fields is not to become in sync
	}
	change.Fields = kept
	return Classify(change)
}

// Additions are the paths of a change at which Git names nothing and that an apply leaves
// as they are: what other managers added, and empty lists that Git dropped. Those of which
// a dry-run of the whole write has shown what becomes of them are left out.
func Additions(change drift.Change) []nested.Path {
	var paths []nested.Path
	for _, field := range change.Fields {
		if (field.Addition || field.Leftover) && !field.Excluded && !field.Fixed {
			paths = append(paths, field.Path)
		}
	}
	return paths
}

// Contains says whether a live value holds everything that the desired value
// asks for; what the server added to it does not matter.
func Contains(path nested.Path, live, desired any) bool {
	switch want := desired.(type) {
	case map[string]any:
		have, ok := live.(map[string]any)
		if !ok {
			return false
		}
		for key, v := range want {
			got, present := have[key]
			if !present && !IsZero(v) || present && !Contains(path.Field(key), got, v) {
				return false
			}
		}
		return true
	case []any:
		have, ok := live.([]any)
		if !ok || len(have) != len(want) {
			return false
		}
		for i := range want {
			if !Contains(path.Field("["+strconv.Itoa(i)+"]"), have[i], want[i]) {
				return false
			}
		}
		return true
	}
	return SameMeaning(path, desired, live)
}
