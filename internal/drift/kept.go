package drift

import (
	"slices"

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
		found = append(found, FieldChange{Path: written, Op: OpAdd, Live: Clone(have), Cause: CauseGit, Kept: true, Note: note,
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
// Service is known to keep counts.
func (c Comparison) settleKept(change Change, ask Questions) Change {
	if !slices.ContainsFunc(change.Fields, func(f FieldChange) bool { return f.Kept }) {
		return change
	}
	fresh, err := ask.Create()
	service := change.ID.GroupKind() == "Service"
	var fields []FieldChange
	for _, field := range change.Fields {
		if !field.Kept {
			fields = append(fields, field)
			continue
		}
		live, _ := ValueAt(c.Observation.Live, field.Path)
		v, present := ValueAt(fresh, field.Path)
		if err != nil && !(service && slices.Contains(allocated, field.Path[len(field.Path)-1])) || err == nil && present && equalValues(v, live) {
			continue
		}
		without, refused := ask.Patch(RemovalPatch(c.Observation.Live, []Path{field.Path}))
		v, present = ValueAt(without, field.Path)
		field.Fixed = refused != nil || present && equalValues(v, live)
		fields = append(fields, field)
	}
	change.Fields = fields
	return settle(change)
}
