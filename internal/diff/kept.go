package diff

import (
	"errors"
	"slices"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// kept finds what our entry owns and Git does not name any more, where the server says
// that it would stay as it is although an apply lets it go. It is a default that came back,
// or a value that the server never lets go; Ask finds out which.
func (c Comparison) kept(entries []ownership.Entry, shape *fieldpath.Set) []drift.FieldChange {
	if c.Observation.Predicted == nil || c.Observation.Prediction == drift.ByProof {
		return nil // a proof says that we own what Git names
	}
	own := ownership.OwnEntry(entries)
	var found []drift.FieldChange
	own.Fields.Leaves().Iterate(func(leaf fieldpath.Path) {
		path := c.unnamed(leaf)
		if path == nil || slices.ContainsFunc(entries, func(entry ownership.Entry) bool {
			return !entry.Ours() && entry.Subresource != "status" && ownership.Touches(entry.Fields, shape, path)
		}) {
			return
		}
		written := ownership.PathOf(path)
		have, present := ownership.ValueAt(c.Observation.Live, path)
		stays, kept := ownership.ValueAt(c.Observation.Predicted, path)
		if !present || !kept || !nested.EqualValues(have, stays) || c.Noise.IsQuiet(written) || covered(found, written) {
			return
		}
		note := drift.NoteKept
		if second, stored := nested.SecondName(c.Observation.Live, written); nested.IsAccountName(written) && stored {
			if _, both := nested.DesiredAt(c.Object.Manifest, second); both {
				return
			}
			note = drift.NoteKeptAccount
		}
		found = append(found, drift.FieldChange{Path: written, Op: drift.OpAdd, Live: nested.Clone(have), Cause: drift.CauseGit, Kept: true, Unsure: true, Note: note,
			Manager: own.Manager, ManagerClass: own.Class, ManagerTime: own.Time})
	})
	return found
}

// unnamed is the highest value on the way to a leaf that Git does not name; nil where it
// names the leaf. Of metadata, which names the object, a fresh one would tell nothing.
func (c Comparison) unnamed(leaf fieldpath.Path) fieldpath.Path {
	written := ownership.PathOf(leaf)
	if written[0] == "metadata" {
		return nil
	}
	for i := 1; i <= len(leaf); i++ {
		if _, named := nested.DesiredAt(c.Object.Manifest, written[:i]); !named {
			return leaf[:i].Copy()
		}
	}
	return nil
}

// allocated are the fields of a Service that the API server copies from the old object
// into one that does not name them (kubernetes, pkg/registry/core/service,
// patchAllocatedValues and defaultOnRead).
var allocated = []string{"clusterIP", "clusterIPs", "nodePort", "healthCheckNodePort", "ipFamilies", "ipFamilyPolicy"}

// settleKept tells what the server keeps from defaults that came back: a fresh object
// would have those too. What it lets go where a patch removes it is removed by one; the
// rest cannot be changed in place. Where nobody may create such an object, only what a
// Service is known to keep counts. What the server does not answer stays as it was found,
// and the first such error is returned; after ErrConflict nothing more is asked.
func (c Comparison) settleKept(change drift.Change, ask Questions) (drift.Change, error) {
	if !slices.ContainsFunc(change.Fields, func(f drift.FieldChange) bool { return f.Kept }) {
		return change, nil
	}
	fresh, first := ask.Create()
	untold := errors.Is(first, drift.ErrForbidden) || errors.Is(first, drift.ErrFixedName) || refuses(first, c.Observation.Live, nested.Path{"metadata", "name"})
	if first != nil && !untold {
		return unanswered(change, first), first
	}
	first = nil
	var fields []drift.FieldChange
	for _, field := range change.Fields {
		if !field.Kept || errors.Is(first, drift.ErrConflict) {
			fields = append(fields, field)
			continue
		}
		live, _ := nested.ValueAt(c.Observation.Live, field.Path)
		v, present := nested.ValueAt(fresh, field.Path)
		if untold && !c.allocates(field.Path) || !untold && present && nested.EqualValues(v, live) {
			continue
		}
		without, err := ask.Patch(nested.RemovalPatch(c.Observation.Live, []nested.Path{field.Path}))
		v, present = nested.ValueAt(without, field.Path)
		switch {
		case err == nil:
			field.Unsure, field.Fixed = false, present && nested.EqualValues(v, live)
		case refuses(err, c.Observation.Live, field.Path):
			field.Unsure, field.Fixed = false, true
		case first == nil || errors.Is(err, drift.ErrConflict):
			first = err
		}
		fields = append(fields, field)
	}
	change.Fields = fields
	if first != nil {
		change = unanswered(change, first)
	}
	return Classify(change), first
}

// allocates says that the API server copies a field of this object from the old one.
func (c Comparison) allocates(path nested.Path) bool {
	return c.Object.ID.GroupKind() == "Service" && slices.Contains(allocated, path[len(path)-1])
}

// refuses says that the API server found a write invalid at this very path, or below it.
// Any other error tells nothing about the field.
func refuses(err error, live map[string]any, path nested.Path) bool {
	refusal := invalid(err)
	return refusal != nil && slices.ContainsFunc(refusal.Causes, func(cause drift.RefusalCause) bool {
		names := drift.ParseFieldPath(cause.Field)
		if len(names) < len(path) {
			return false
		}
		current := any(live)
		for i, name := range path {
			switch parent := current.(type) {
			case map[string]any:
				if strings.TrimSuffix(strings.TrimPrefix(names[i], "["), "]") != name { // annotations[example.com/a]
					return false
				}
				current = parent[name]
			case []any:
				j := nested.LiveIndex(parent, name)
				if j < 0 || j != nested.LiveIndex(parent, names[i]) {
					return false
				}
				current = parent[j]
			default:
				return false
			}
		}
		return true
	})
}

// unanswered says in a finding that the API server did not tell whether what Git dropped
// can be changed in place. It gives only the kind of the error: its words may hold the
// random name of the object that was to be created, and would differ in every run.
func unanswered(change drift.Change, err error) drift.Change {
	said := drift.NoteRemovalNotVerified
	for _, kind := range []error{drift.ErrConflict, drift.ErrForbidden, drift.ErrDenied, drift.ErrImmutable, drift.ErrInvalid, drift.ErrUnreachable} {
		if errors.Is(err, kind) {
			said += ": " + kind.Error()
			break
		}
	}
	change.Findings = append(slices.Clone(change.Findings), said)
	return change
}
