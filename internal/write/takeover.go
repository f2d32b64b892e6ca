package write

import (
	"maps"
	"slices"
	"time"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
	"github.com/killick-dev/killick/internal/redact"
)

// TakeOver rewrites an object's managedFields so that the next apply removes
// what others added: the paths move from their managers' entries into our Apply
// entry, and since the manifest does not name them, server-side apply removes
// them (the mechanism of docs/drift.md; one for labels, env vars, tolerations and
// keyed list elements alike). Fields that a controller owns too stay.
//
// With adopt, everything that other deployers own moves as well, so that nobody
// else keeps a claim. The other way round, our entry lets go of a map that we
// applied empty where Git says more by now: when that is empty lists alone, which
// a fieldset cannot name, the apply would take the map for dropped. It answers nil
// when nothing has to move.
func TakeOver(n drift.Noise, live map[string]any, granted []drift.FieldChange, apiVersion string, adopt bool, now time.Time) ([]any, error) {
	entries, err := ownership.Read(n, live)
	if err != nil {
		return nil, err
	}
	var added, kept []nested.Path
	for _, field := range granted {
		if field.Addition {
			added = append(added, field.Path)
		}
		if field.Addition || unnameable(field.Desired) {
			kept = append(kept, above(field)...)
		}
	}
	excluded := excludedPaths(granted)
	taken, touched, letGo := fieldpath.NewSet(), map[int]bool{}, false
	for i, entry := range entries {
		if entry.Ours() {
			entries[i].Fields = without(entry.Fields, kept)
			letGo = letGo || entries[i].Fields.Size() < entry.Fields.Size()
			continue
		}
		moving := fieldpath.NewSet()
		switch {
		case entry.Subresource == "status":
		case adopt && entry.Deployed():
			moving = adoptable(n, entry.Fields).Union(below(entry.Fields, excluded))
		case entry.Human() || entry.Deployed():
			moving = below(entry.Fields, added)
		default:
			moving = below(entry.Fields, excluded)
		}
		if moving.Empty() {
			continue
		}
		taken, touched[i] = taken.Union(moving), true
		entries[i].Fields = entry.Fields.Difference(moving)
	}
	taken = taken.Union(unowned(live, ownership.Structure(entries), granted))
	if taken.Empty() && !letGo {
		return nil, nil
	}
	return writeManaged(live, entries, touched, taken, apiVersion, now)
}

// unowned are granted removals of what stands in nobody's entry, such as replicas that
// were set through the scale subresource, and a default that Git's choice excludes: owned
// by us and not in the manifest, the apply removes them.
func unowned(live map[string]any, root *fieldpath.Set, granted []drift.FieldChange) *fieldpath.Set {
	set := fieldpath.NewSet()
	for _, field := range granted {
		scaled := field.Addition && field.Manager == "" && field.Path.Equal(diff.ReplicasPath)
		if fields, ok := diff.FieldsAt(live, root, field.Path); ok && (scaled || field.Excluded) {
			v, _ := nested.ValueAt(live, field.Path)
			set = set.Union(diff.LeavesAt(fields, v))
		}
	}
	return set
}

// excludedPaths are what a write removes because Git's choice excludes it, whoever owns it.
func excludedPaths(granted []drift.FieldChange) []nested.Path {
	var paths []nested.Path
	for _, field := range granted {
		if field.Excluded {
			paths = append(paths, field.Path)
		}
	}
	return paths
}

// below is the part of a set that lies at or below any of the paths.
func below(set *fieldpath.Set, paths []nested.Path) *fieldpath.Set {
	part := fieldpath.NewSet()
	set.Iterate(func(path fieldpath.Path) {
		written := ownership.PathOf(path)
		for _, prefix := range paths {
			if written.HasPrefix(prefix) {
				part.Insert(path.Copy())
				return
			}
		}
	})
	return part
}

// above are the containers that stay where a change is made.
func above(field drift.FieldChange) []nested.Path {
	var paths []nested.Path
	for i := 1; i < len(field.Path); i++ {
		paths = append(paths, field.Path[:i])
	}
	if field.Op == drift.OpReplace {
		paths = append(paths, field.Path)
	}
	return paths
}

// unnameable says that a fieldset has no path for anything in a value.
func unnameable(v any) bool {
	_, isMap := v.(map[string]any)
	return v != nil && nested.EmptyThroughout(v) && !(isMap && nested.IsEmpty(v))
}

// without is a set in which none of the paths is a leaf.
func without(set *fieldpath.Set, paths []nested.Path) *fieldpath.Set {
	leaves := fieldpath.NewSet()
	set.Leaves().Iterate(func(path fieldpath.Path) {
		if slices.ContainsFunc(paths, ownership.PathOf(path).Equal) {
			leaves.Insert(path.Copy())
		}
	})
	return set.Difference(leaves)
}

// adoptable is what adoption takes from a deployer: all it owns, but for what the
// plan does not list because it is part of the cluster's own work, such as
// finalizers and owner references. Copies of the whole object go: they belong to
// the deployer that wrote them.
func adoptable(n drift.Noise, set *fieldpath.Set) *fieldpath.Set {
	moving := fieldpath.NewSet()
	set.Iterate(func(path fieldpath.Path) {
		written := ownership.PathOf(path)
		if !n.IsQuiet(written) || len(written) > 2 && redact.IsCopy(written[2]) {
			moving.Insert(path.Copy())
		}
	})
	return moving
}

// writeManaged encodes the entries again: untouched ones as they were, emptied
// ones dropped, ours with what it took.
func writeManaged(live map[string]any, entries []ownership.Entry, touched map[int]bool, taken *fieldpath.Set, apiVersion string, now time.Time) ([]any, error) {
	raw, _ := nested.Metadata(live)["managedFields"].([]any)
	out := make([]any, 0, len(entries)+1)
	found := false
	for i, entry := range entries {
		switch {
		case entry.Ours() && !found:
			found = true
			entry.Fields = entry.Fields.Union(taken)
			entry.ApiVersion = apiVersion // at which what was taken was found
		case !touched[i]:
			out = append(out, raw[i])
			continue
		case entry.Fields.Empty():
			continue
		}
		fields, err := ownership.EncodeFields(entry.Fields)
		if err != nil {
			return nil, err
		}
		original, _ := raw[i].(map[string]any)
		rewritten := nested.ShallowCopy(original)
		rewritten["fieldsV1"] = fields
		if entry.Ours() {
			rewritten["apiVersion"] = entry.ApiVersion
		}
		out = append(out, rewritten)
	}
	if found {
		return out, nil
	}
	fields, err := ownership.EncodeFields(taken)
	if err != nil {
		return nil, err
	}
	return append(out, map[string]any{
		"manager": drift.FieldManager, "operation": "Apply", "apiVersion": apiVersion,
		"time": now.UTC().Format(time.RFC3339), "fieldsType": "FieldsV1", "fieldsV1": fields,
	}), nil
}

// Remaining are the granted changes that an apply did not achieve: what the API
// server stored still differs there.
func Remaining(n drift.Noise, granted []drift.FieldChange, manifest, after map[string]any, predicted map[string]any) []nested.Path {
	claimed := claimedPaths(n, after)
	var left []nested.Path
	for _, field := range granted {
		got, present := nested.ValueAt(after, field.Path)
		done := achieved(field, manifest, predicted, got, present)
		switch {
		case field.Note == drift.NoteOrderOnly:
			done = done || ordered(field.Path, manifest, after)
		case field.Leftover, field.Excluded:
			done = !present || !unchanged(field.Live, got)
		case field.Op == drift.OpAdd:
			// What is there again although nobody who could be asked to claims it
			// is the server's default, or admission's.
			done = !present || !unchanged(field.Live, got) || !claimed(field.Path)
		}
		if !done {
			left = append(left, field.Path)
		}
	}
	return left
}

// achieved says that what Git wants at a path stands there now.
func achieved(field drift.FieldChange, manifest, predicted map[string]any, got any, present bool) bool {
	want, predictable := nested.ValueAt(predicted, field.Path)
	if predicted != nil && predictable == present && nested.EqualValues(got, want) {
		return true // both absent: a zero value that the server does not store
	}
	want, ok := nested.DesiredAt(manifest, field.Path)
	if !ok {
		want = field.Desired // the server fills in a part of the element's keys
	}
	if !present {
		// What Git does not name went with what stood around it, and its default too.
		return ok && diff.IsZero(want) || !ok && field.Op == drift.OpReplace
	}
	if field.Op == drift.OpRemove && !ok && field.Note == drift.NoteBeside {
		return true // the server allocates another port or address than the dry-run said
	}
	return want != nil && diff.Contains(field.Path, got, want)
}

// ordered says that the items which Git names in a list stand in Git's order; what
// is in them and between them are other changes.
func ordered(list nested.Path, manifest, after map[string]any) bool {
	entries, err := ownership.Read(drift.Noise{}, after)
	if err != nil {
		return false
	}
	desired, _ := nested.DesiredAt(manifest, list)
	stored, _ := nested.ValueAt(after, list)
	want, _ := desired.([]any)
	got, _ := stored.([]any)
	places := map[int]int{}
	ownership.Structure(entries).Iterate(func(path fieldpath.Path) {
		written := ownership.PathOf(path)
		if len(written) <= len(list) || !written.HasPrefix(list) {
			return
		}
		item := written[len(list)]
		if i, j := nested.DesiredIndex(want, item), nested.LiveIndex(got, item); i >= 0 && j >= 0 {
			places[i] = j
		}
	})
	order := make([]int, 0, len(places))
	for _, i := range slices.Sorted(maps.Keys(places)) {
		order = append(order, places[i])
	}
	return len(order) == len(want) && slices.IsSorted(order)
}

// unchanged says that a value is what a change reported; of a Secret only its
// presence is known.
func unchanged(reported, got any) bool {
	return nested.EqualValues(reported, got) || nested.EqualValues(reported, redact.MaskLeaves(got, redact.MaskedLive))
}

// claimedPaths answers whether we, a person or another deployer own a path of an
// object. Without managedFields every path counts as claimed.
func claimedPaths(n drift.Noise, object map[string]any) func(nested.Path) bool {
	entries, err := ownership.Read(n, object)
	if err != nil || len(entries) == 0 {
		return func(nested.Path) bool { return true }
	}
	var sets []*fieldpath.Set
	for _, entry := range entries {
		if entry.Ours() || entry.Human() || entry.Deployed() {
			sets = append(sets, entry.Fields)
		}
	}
	return diff.NamedPaths(sets...)
}
