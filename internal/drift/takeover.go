package drift

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// TakeOver rewrites an object's managedFields so that the next apply removes
// what others added: the paths move from their managers' entries into our Apply
// entry, and since the manifest does not name them, server-side apply removes
// them (the mechanism of DESIGN §6; one for labels, env vars, tolerations and
// keyed list elements alike). Fields that a controller owns too stay.
//
// With adopt, everything that other deployers own moves as well, so that nobody
// else keeps a claim. The other way round, our entry lets go of a map that we
// applied empty where Git says more by now: when that is empty lists alone, which
// a fieldset cannot name, the apply would take the map for dropped. It answers nil
// when nothing has to move.
func (n Noise) TakeOver(live map[string]any, granted []FieldChange, apiVersion string, adopt bool, now time.Time) ([]any, error) {
	entries, err := n.read(live)
	if err != nil {
		return nil, err
	}
	var added, kept []Path
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
		if entry.ours() {
			entries[i].fields = without(entry.fields, kept)
			letGo = letGo || entries[i].fields.Size() < entry.fields.Size()
			continue
		}
		moving := fieldpath.NewSet()
		switch {
		case entry.subresource == "status":
		case adopt && entry.deployed():
			moving = n.adoptable(entry.fields).Union(below(entry.fields, excluded))
		case entry.human() || entry.deployed():
			moving = below(entry.fields, added)
		default:
			moving = below(entry.fields, excluded)
		}
		if moving.Empty() {
			continue
		}
		taken, touched[i] = taken.Union(moving), true
		entries[i].fields = entry.fields.Difference(moving)
	}
	taken = taken.Union(unowned(live, structure(entries), granted))
	if taken.Empty() && !letGo {
		return nil, nil
	}
	return writeManaged(live, entries, touched, taken, apiVersion, now)
}

// unowned are granted removals of what stands in nobody's entry, such as replicas that
// were set through the scale subresource, and a default that Git's choice excludes: owned
// by us and not in the manifest, the apply removes them.
func unowned(live map[string]any, root *fieldpath.Set, granted []FieldChange) *fieldpath.Set {
	set := fieldpath.NewSet()
	for _, field := range granted {
		scaled := field.Addition && field.Manager == "" && field.Path.Equal(replicasPath)
		if fields, ok := fieldsAt(live, root, field.Path); ok && (scaled || field.Excluded) {
			v, _ := ValueAt(live, field.Path)
			set = set.Union(leavesAt(fields, v))
		}
	}
	return set
}

// excludedPaths are what a write removes because Git's choice excludes it, whoever owns it.
func excludedPaths(granted []FieldChange) []Path {
	var paths []Path
	for _, field := range granted {
		if field.Excluded {
			paths = append(paths, field.Path)
		}
	}
	return paths
}

// below is the part of a set that lies at or below any of the paths.
func below(set *fieldpath.Set, paths []Path) *fieldpath.Set {
	part := fieldpath.NewSet()
	set.Iterate(func(path fieldpath.Path) {
		written := pathOf(path)
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
func above(field FieldChange) []Path {
	var paths []Path
	for i := 1; i < len(field.Path); i++ {
		paths = append(paths, field.Path[:i])
	}
	if field.Op == OpReplace {
		paths = append(paths, field.Path)
	}
	return paths
}

// unnameable says that a fieldset has no path for anything in a value.
func unnameable(v any) bool {
	_, isMap := v.(map[string]any)
	return v != nil && hollow(v) && !(isMap && isEmpty(v))
}

// without is a set in which none of the paths is a leaf.
func without(set *fieldpath.Set, paths []Path) *fieldpath.Set {
	leaves := fieldpath.NewSet()
	set.Leaves().Iterate(func(path fieldpath.Path) {
		if slices.ContainsFunc(paths, pathOf(path).Equal) {
			leaves.Insert(path.Copy())
		}
	})
	return set.Difference(leaves)
}

// adoptable is what adoption takes from a deployer: all it owns, but for what the
// plan does not list because it is part of the cluster's own work, such as
// finalizers and owner references. Copies of the whole object go: they belong to
// the deployer that wrote them.
func (n Noise) adoptable(set *fieldpath.Set) *fieldpath.Set {
	moving := fieldpath.NewSet()
	set.Iterate(func(path fieldpath.Path) {
		written := pathOf(path)
		if !n.isQuiet(written) || len(written) > 2 && isCopy(written[2]) {
			moving.Insert(path.Copy())
		}
	})
	return moving
}

// writeManaged encodes the entries again: untouched ones as they were, emptied
// ones dropped, ours with what it took.
func writeManaged(live map[string]any, entries []managed, touched map[int]bool, taken *fieldpath.Set, apiVersion string, now time.Time) ([]any, error) {
	raw, _ := metadata(live)["managedFields"].([]any)
	out := make([]any, 0, len(entries)+1)
	found := false
	for i, entry := range entries {
		switch {
		case entry.ours() && !found:
			found = true
			entry.fields = entry.fields.Union(taken)
			entry.apiVersion = apiVersion // at which what was taken was found
		case !touched[i]:
			out = append(out, raw[i])
			continue
		case entry.fields.Empty():
			continue
		}
		fields, err := encodeFields(entry.fields)
		if err != nil {
			return nil, err
		}
		original, _ := raw[i].(map[string]any)
		rewritten := shallow(original)
		rewritten["fieldsV1"] = fields
		if entry.ours() {
			rewritten["apiVersion"] = entry.apiVersion
		}
		out = append(out, rewritten)
	}
	if found {
		return out, nil
	}
	fields, err := encodeFields(taken)
	if err != nil {
		return nil, err
	}
	return append(out, map[string]any{
		"manager": FieldManager, "operation": "Apply", "apiVersion": apiVersion,
		"time": now.UTC().Format(time.RFC3339), "fieldsType": "FieldsV1", "fieldsV1": fields,
	}), nil
}

// withoutDefaults leaves out of a change the additions that come back by themselves.
// dryRemove is the server's answer to what the object would be without what stands at
// some paths. The error is its refusal to tell that of some additions, which stay.
func withoutDefaults(change Change, dryRemove func([]Path) (map[string]any, error)) (Change, error) {
	added := Additions(change)
	if len(added) == 0 {
		return change, nil
	}
	without, err := dryRemove(added)
	if err == nil {
		return restored(change, added, without), nil
	}
	unknown := added
	if rest := separable(added, err); len(rest) > 0 {
		without, again := dryRemove(rest)
		switch {
		case again == nil:
			change = restored(change, rest, without)
			unknown = slices.DeleteFunc(slices.Clone(added), func(p Path) bool { return slices.ContainsFunc(rest, p.Equal) })
		case errors.Is(again, ErrConflict):
			return change, again // the object is another one by now
		}
	}
	return unverified(withoutRequired(change, dryRemove), unknown), err
}

// unverified marks additions of which the API server did not say whether they are defaults.
func unverified(change Change, unknown []Path) Change {
	change.Fields = slices.Clone(change.Fields)
	for i, field := range change.Fields {
		if field.Addition && slices.ContainsFunc(unknown, field.Path.Equal) {
			change.Fields[i].Unverified = true
			change.Fields[i].Note = cmp.Or(field.Note, notVerifiedAddition)
		}
	}
	return change
}

// verified takes the marks off what cannot be changed: nobody fills in what nobody may
// take away.
func verified(change Change) Change {
	change.Fields = slices.Clone(change.Fields)
	for i, field := range change.Fields {
		if field.Unverified && field.Fixed {
			change.Fields[i].Unverified = false
			if field.Note == notVerifiedAddition {
				change.Fields[i].Note = ""
			}
		}
	}
	return change
}

// withoutRequired leaves out the leftovers that the API server does not let go: where a
// schema requires the list, what Git says without it is what stands there.
func withoutRequired(change Change, dryRemove func([]Path) (map[string]any, error)) Change {
	var left []Path
	for _, field := range change.Fields {
		if field.Leftover {
			left = append(left, field.Path)
		}
	}
	if len(left) == 0 {
		return change
	}
	var refusal *Refusal
	if _, err := dryRemove(left); errors.As(err, &refusal) && errors.Is(refusal, ErrInvalid) {
		change.Fields = slices.DeleteFunc(slices.Clone(change.Fields), func(f FieldChange) bool { return f.Leftover })
		change = settle(change)
	}
	return change
}

// restored takes out of a change the additions that the server puts back by
// itself: they are defaults, not somebody's wish. without is the server's answer
// to a dry-run that removes the asked ones at once.
func restored(change Change, asked []Path, without map[string]any) Change {
	var kept []FieldChange
	for _, field := range change.Fields {
		if slices.ContainsFunc(asked, field.Path.Equal) {
			if v, present := ValueAt(without, field.Path); present && equalValues(v, field.Live) {
				continue
			}
		}
		kept = append(kept, field)
	}
	if len(kept) == len(change.Fields) {
		return change // nothing came back; what has no fields is not to become in sync
	}
	change.Fields = kept
	return settle(change)
}

// Additions are the paths of a change at which Git names nothing and that an apply leaves
// as they are: what other managers added, and empty lists that Git dropped. Those of which
// a dry-run of the whole write has shown what becomes of them are left out.
func Additions(change Change) []Path {
	var paths []Path
	for _, field := range change.Fields {
		if (field.Addition || field.Leftover) && !field.Excluded && !field.Fixed {
			paths = append(paths, field.Path)
		}
	}
	return paths
}

// Remaining are the granted changes that an apply did not achieve: what the API
// server stored still differs there.
func (n Noise) Remaining(granted []FieldChange, manifest, after map[string]any, predicted map[string]any) []Path {
	claimed := n.claimedPaths(after)
	var left []Path
	for _, field := range granted {
		got, present := ValueAt(after, field.Path)
		done := achieved(field, manifest, predicted, got, present)
		switch {
		case field.Note == orderOnly:
			done = done || ordered(field.Path, manifest, after)
		case field.Leftover, field.Excluded:
			done = !present || !unchanged(field.Live, got)
		case field.Op == OpAdd:
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
func achieved(field FieldChange, manifest, predicted map[string]any, got any, present bool) bool {
	want, predictable := ValueAt(predicted, field.Path)
	if predicted != nil && predictable == present && equalValues(got, want) {
		return true // both absent: a zero value that the server does not store
	}
	want, ok := wantedValue(manifest, field.Path)
	if !ok {
		want = field.Desired // the server fills in a part of the element's keys
	}
	if !present {
		// What Git does not name went with what stood around it, and its default too.
		return ok && isZero(want) || !ok && field.Op == OpReplace
	}
	if field.Op == OpRemove && !ok && field.Note == noteBeside {
		return true // the server allocates another port or address than the dry-run said
	}
	return want != nil && contains(field.Path, got, want)
}

// ordered says that the items which Git names in a list stand in Git's order; what
// is in them and between them are other changes.
func ordered(list Path, manifest, after map[string]any) bool {
	entries, err := Noise{}.read(after)
	if err != nil {
		return false
	}
	desired, _ := wantedValue(manifest, list)
	stored, _ := ValueAt(after, list)
	want, _ := desired.([]any)
	got, _ := stored.([]any)
	places := map[int]int{}
	structure(entries).Iterate(func(path fieldpath.Path) {
		written := pathOf(path)
		if len(written) <= len(list) || !written.HasPrefix(list) {
			return
		}
		item := written[len(list)]
		if i, j := wantedIn(want, item), indexIn(got, item); i >= 0 && j >= 0 {
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
	return equalValues(reported, got) || equalValues(reported, maskLeaves(got, maskedLive))
}

// claimedPaths answers whether we, a person or another deployer own a path of an
// object. Without managedFields every path counts as claimed.
func (n Noise) claimedPaths(object map[string]any) func(Path) bool {
	entries, err := n.read(object)
	if err != nil || len(entries) == 0 {
		return func(Path) bool { return true }
	}
	var sets []*fieldpath.Set
	for _, entry := range entries {
		if entry.ours() || entry.human() || entry.deployed() {
			sets = append(sets, entry.fields)
		}
	}
	return namedPaths(sets...)
}

// contains says whether a live value holds everything that the desired value
// asks for; what the server added to it does not matter.
func contains(path Path, live, desired any) bool {
	switch want := desired.(type) {
	case map[string]any:
		have, ok := live.(map[string]any)
		if !ok {
			return false
		}
		for key, v := range want {
			got, present := have[key]
			if !present && !isZero(v) || present && !contains(path.Field(key), got, v) {
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
			if !contains(path.Field("["+strconv.Itoa(i)+"]"), have[i], want[i]) {
				return false
			}
		}
		return true
	}
	return sameMeaning(path, desired, live)
}
