package write

import (
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// Effective is the manifest to send for a change: ignored fields that our entry
// owns carry their live value (omitting a field we own would delete it), those
// that we do not own are omitted, and a missing object gets Git's values. Writing
// an object that is not ours yet takes over what its deployers own, so that counts
// as ours. What cannot be changed in place carries its live value, too.
func Effective(n drift.Noise, object drift.Object, change drift.Change, live map[string]any) (drift.Object, error) {
	if live == nil || len(change.Ignored) == 0 && len(change.Fields) == 0 {
		return object, nil
	}
	entries, err := ownership.Read(n, live)
	if err != nil {
		return object, err
	}
	sets := []*fieldpath.Set{ownership.OwnFields(entries)}
	for _, entry := range entries {
		if !change.Ownership.Tracked && entry.Deployed() {
			sets = append(sets, entry.Fields)
		}
	}
	own := diff.NamedPaths(sets...)
	tree := any(object.Manifest)
	left := slices.DeleteFunc(slices.Clone(change.Fields), func(f drift.FieldChange) bool { return !f.Left })
	for _, field := range append(left, change.Ignored...) {
		switch v, present := nested.ValueAt(live, field.Path); {
		case present && own(field.Path):
			tree = nested.WithValue(tree, field.Path, nested.Clone(v))
		case field.Op != drift.OpAdd: // Git does not have what was added
			tree = nested.WithoutValue(tree, field.Path, nested.DesiredIndex)
		}
	}
	for _, field := range change.Fields {
		switch v, present := nested.ValueAt(live, field.Path); {
		case !diff.KeepsLive(field) || field.Addition:
		case present:
			tree = nested.WithValue(tree, field.Path, nested.Clone(v))
		default:
			tree = nested.WithoutValue(tree, field.Path, nested.DesiredIndex)
		}
	}
	for _, field := range change.Fields {
		if field.Excluded {
			tree = nested.WithoutValue(tree, field.Path, nested.DesiredIndex) // a null there would keep it
		}
		want, ok := nested.DesiredAt(object.Manifest, field.Path)
		if !field.Partial || !ok || field.Left || diff.KeepsLive(field) {
			continue // what stays keeps all of its live value
		}
		// The change itself shows masked values: a Secret's are taken from the objects.
		have, _ := nested.ValueAt(live, field.Path)
		tree = nested.WithValue(tree, field.Path, nested.Clone(diff.CopyParts(want, have, field.IgnoredParts)))
	}
	manifest, _ := tree.(map[string]any)
	object.Manifest = manifest
	return object, nil
}
