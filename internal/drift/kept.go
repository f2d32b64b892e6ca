package drift

import (
	"errors"
	"slices"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// kept finds what our entry owns and Git does not name any more, where the server says
// that it would stay as it is although an apply lets it go. It is a default that came back,
// or a value that the server never lets go; Ask finds out which.
func (c Comparison) kept(entries []managed, shape *fieldpath.Set) []FieldChange {
	if c.Observation.Predicted == nil || c.Observation.Prediction == ByProof {
		return nil // a proof says that we own what Git names
	}
	own := ownEntry(entries)
	var found []FieldChange
	own.fields.Leaves().Iterate(func(leaf fieldpath.Path) {
		path := c.unnamed(leaf)
		if path == nil || slices.ContainsFunc(entries, func(entry managed) bool {
			return !entry.ours() && entry.subresource != "status" && touches(entry.fields, shape, path)
		}) {
			return
		}
		written := pathOf(path)
		have, present := valueAt(c.Observation.Live, path)
		stays, kept := valueAt(c.Observation.Predicted, path)
		if !present || !kept || !equalValues(have, stays) || c.Noise.isQuiet(written) || covered(found, written) {
			return
		}
		note := keptByServer
		if second, stored := secondName(c.Observation.Live, written); isAccountName(written) && stored {
			if _, both := wantedValue(c.Object.Manifest, second); both {
				return
			}
			note = keptAsAccount
		}
		found = append(found, FieldChange{Path: written, Op: OpAdd, Live: Clone(have), Cause: CauseGit, Kept: true, Unsure: true, Note: note,
			Manager: own.manager, ManagerClass: own.class, ManagerTime: own.time})
	})
	return found
}

// unnamed is the highest value on the way to a leaf that Git does not name; nil where it
// names the leaf. Of metadata, which names the object, a fresh one would tell nothing.
func (c Comparison) unnamed(leaf fieldpath.Path) fieldpath.Path {
	written := pathOf(leaf)
	if written[0] == "metadata" {
		return nil
	}
	for i := 1; i <= len(leaf); i++ {
		if _, named := wantedValue(c.Object.Manifest, written[:i]); !named {
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
func (c Comparison) settleKept(change Change, ask Questions) (Change, error) {
	if !slices.ContainsFunc(change.Fields, func(f FieldChange) bool { return f.Kept }) {
		return change, nil
	}
	fresh, first := ask.Create()
	untold := errors.Is(first, ErrForbidden) || errors.Is(first, ErrFixedName) || refuses(first, c.Observation.Live, Path{"metadata", "name"})
	if first != nil && !untold {
		return unanswered(change, first), first
	}
	first = nil
	var fields []FieldChange
	for _, field := range change.Fields {
		if !field.Kept || errors.Is(first, ErrConflict) {
			fields = append(fields, field)
			continue
		}
		live, _ := ValueAt(c.Observation.Live, field.Path)
		v, present := ValueAt(fresh, field.Path)
		if untold && !c.allocates(field.Path) || !untold && present && equalValues(v, live) {
			continue
		}
		without, err := ask.Patch(RemovalPatch(c.Observation.Live, []Path{field.Path}))
		v, present = ValueAt(without, field.Path)
		switch {
		case err == nil:
			field.Unsure, field.Fixed = false, present && equalValues(v, live)
		case refuses(err, c.Observation.Live, field.Path):
			field.Unsure, field.Fixed = false, true
		case first == nil || errors.Is(err, ErrConflict):
			first = err
		}
		fields = append(fields, field)
	}
	change.Fields = fields
	if first != nil {
		change = unanswered(change, first)
	}
	return settle(change), first
}

// allocates says that the API server copies a field of this object from the old one.
func (c Comparison) allocates(path Path) bool {
	return c.Object.ID.GroupKind() == "Service" && slices.Contains(allocated, path[len(path)-1])
}

// refuses says that the API server found a write invalid at this very path, or below it.
// Any other error tells nothing about the field.
func refuses(err error, live map[string]any, path Path) bool {
	refusal := invalid(err)
	return refusal != nil && slices.ContainsFunc(refusal.Causes, func(cause RefusalCause) bool {
		names := parseFieldPath(cause.Field)
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
				j := indexIn(parent, name)
				if j < 0 || j != indexIn(parent, names[i]) {
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
func unanswered(change Change, err error) Change {
	said := saidUnsure
	for _, kind := range []error{ErrConflict, ErrForbidden, ErrDenied, ErrImmutable, ErrInvalid, ErrUnreachable} {
		if errors.Is(err, kind) {
			said += ": " + kind.Error()
			break
		}
	}
	change.Findings = append(slices.Clone(change.Findings), said)
	return change
}
