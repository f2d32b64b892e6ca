package drift

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// replicasPath is the field an autoscaler owns.
var replicasPath = Path{"spec", "replicas"}

// WithoutIgnored takes the differences that policy's ignore_fields name, and what is an
// autoscaler's, out of the verdict. They move to Ignored; the manifest is not touched
// (Effective does that when something is written).
func WithoutIgnored(change Change, patterns []Path) Change {
	patterns = append(handedOver(change), patterns...)
	if len(patterns) == 0 || len(change.Fields) == 0 {
		return change
	}
	var kept []FieldChange
	ignored := append([]FieldChange(nil), change.Ignored...)
	for _, whole := range change.Fields {
		for _, field := range withoutMember(whole, patterns) {
			switch rest := ignoring(field, patterns); {
			case rest == nil:
				ignored = append(ignored, field)
			default:
				kept = append(kept, *rest)
			}
		}
	}
	change.Fields, change.Ignored = kept, ignored
	return settle(permitted(change, patterns))
}

// handedOver are the fields that an autoscaler is in charge of: replicas, and resources
// that Git leaves to a vertical one. What we own of them keeps its live value until the
// autoscaler writes it, which takes it from us: without it, the object would have the
// server's default meanwhile (one replica, no requests).
func handedOver(change Change) []Path {
	var paths []Path
	if change.Ownership.Autoscaled {
		paths = append(paths, replicasPath)
	}
	for _, field := range change.Fields {
		if change.Ownership.Sized && left(field) {
			paths = append(paths, field.Path)
		}
	}
	return paths
}

// left says that a field is of what we applied of a container's resources, and that Git
// leaves it out by now.
func left(field FieldChange) bool {
	return field.Op == OpAdd && !field.Addition && field.ManagerClass == ClassSelf && ofContainer(field.Path, "resources")
}

// Held says that what Git wants waits for a vertical autoscaler: the object is not yet as
// Git says, although nothing is to be done about it now.
func (c Change) Held() bool { return c.Ownership.Sized && slices.ContainsFunc(c.Ignored, left) }

// ofContainer says that a path is, or lies below, a field of a container.
func ofContainer(path Path, name string) bool {
	for i := 2; i < len(path); i++ {
		if path[i-2] == "containers" && path[i] == name {
			return true
		}
	}
	return false
}

// permitted takes out the immutable fields that policy ignores: they are sent
// with their live value, so nothing stands against the write any more when there
// are no others.
func permitted(change Change, patterns []Path) Change {
	var left []Path
	for _, path := range change.Immutable {
		if !slices.ContainsFunc(patterns, path.Matches) {
			left = append(left, path)
		}
	}
	if len(change.Immutable) > 0 && len(left) == 0 {
		change.Err = nil
	}
	change.Immutable = left
	return change
}

// split divides a map that was added or removed whole into its fields when a
// pattern names a part of it. An item of a keyed list is one thing.
func split(field FieldChange, patterns []Path) []FieldChange {
	side := field.Live
	if field.Op == OpRemove {
		side = field.Desired
	}
	tree, isMap := side.(map[string]any)
	if !isMap || field.Op == OpReplace || strings.HasPrefix(field.Path[len(field.Path)-1], "[") ||
		!slices.ContainsFunc(within(field.Path, patterns), func(part Path) bool { return names(tree, part) }) {
		return []FieldChange{field}
	}
	var parts []FieldChange
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		part := field
		part.Path = field.Path.Field(key)
		if field.Op == OpRemove {
			part.Desired = tree[key]
		} else {
			part.Live = tree[key]
		}
		parts = append(parts, split(part, patterns)...)
	}
	return parts
}

// withoutMember is split, with the part-of label apart from the labels around it where a
// pattern names them: it is not the policies'.
func withoutMember(field FieldChange, patterns []Path) []FieldChange {
	if slices.ContainsFunc(patterns, field.Path.Matches) {
		patterns = append(slices.Clip(patterns), partOfPath)
	}
	return split(field, patterns)
}

// within are the patterns that reach inside a path, relative to it.
func within(path Path, patterns []Path) []Path {
	var parts []Path
	for _, pattern := range patterns {
		if len(pattern) > len(path) && path.Matches(pattern[:len(path)]) {
			parts = append(parts, pattern[len(path):])
		}
	}
	return parts
}

// names says whether a pattern names something in nested maps.
func names(v any, pattern Path) bool {
	if len(pattern) == 0 {
		return true
	}
	fields, _ := v.(map[string]any)
	for key, item := range fields {
		if (pattern[0] == "*" || pattern[0] == key) && names(item, pattern[1:]) {
			return true
		}
	}
	return false
}

// ignoring is what is left of a change; nil when it is ignored whole. A pattern
// that reaches inside a value that merges as one (an atomic list or map) ignores
// only that part: the live value is copied there, and what still differs stays a
// change.
func ignoring(field FieldChange, patterns []Path) *FieldChange {
	if field.Path.Equal(partOfPath) {
		return &field // membership is not the policies' to ignore
	}
	if slices.ContainsFunc(patterns, field.Path.Matches) {
		return nil
	}
	parts := within(field.Path, patterns)
	if field.Op != OpReplace || len(parts) == 0 {
		return &field
	}
	desired := copyParts(field.Desired, field.Live, parts)
	switch {
	case equalValues(desired, field.Live):
		return nil
	case equalValues(desired, field.Desired):
		return &field
	}
	field.Desired, field.Partial = desired, true
	field.IgnoredParts = append(slices.Clone(field.IgnoredParts), parts...)
	return &field
}

// copyParts is desired with live's values wherever one of the patterns matches.
func copyParts(desired, live any, parts []Path) any {
	for _, part := range parts {
		desired = copyAt(desired, live, part)
	}
	return desired
}

// copyAt is desired with live's values wherever the pattern matches.
func copyAt(desired, live any, pattern Path) any {
	if len(pattern) == 0 {
		return Clone(live)
	}
	switch want := desired.(type) {
	case map[string]any:
		have, ok := live.(map[string]any)
		if !ok {
			return desired
		}
		out := shallow(want)
		for key, v := range have {
			if _, wanted := want[key]; (wanted || len(pattern) == 1) && (pattern[0] == "*" || pattern[0] == key) {
				out[key] = copyAt(out[key], v, pattern[1:])
			}
		}
		for key := range want {
			if _, present := have[key]; !present && len(pattern) == 1 && (pattern[0] == "*" || pattern[0] == key) {
				delete(out, key)
			}
		}
		return out
	case []any:
		have, ok := live.([]any)
		if !ok || len(have) != len(want) {
			return desired
		}
		out := append([]any(nil), want...)
		for i := range out {
			if pattern[0] == "*" || pattern[0] == strconv.Itoa(i) || matchesElement(i, want[i], pattern[0]) {
				out[i] = copyAt(out[i], have[i], pattern[1:])
			}
		}
		return out
	}
	return desired
}

// Effective is the manifest to send for a change: ignored fields that our entry
// owns carry their live value (omitting a field we own would delete it), those
// that we do not own are omitted, and a missing object gets Git's values. Writing
// an object that is not ours yet takes over what its deployers own, so that counts
// as ours. What cannot be changed in place carries its live value, too.
func (n Noise) Effective(object Object, change Change, live map[string]any) (Object, error) {
	if live == nil || len(change.Ignored) == 0 && len(change.Fields) == 0 {
		return object, nil
	}
	entries, err := n.read(live)
	if err != nil {
		return object, err
	}
	sets := []*fieldpath.Set{ownFields(entries)}
	for _, entry := range entries {
		if !change.Ownership.Tracked && entry.deployed() {
			sets = append(sets, entry.fields)
		}
	}
	own := namedPaths(sets...)
	tree := any(object.Manifest)
	left := slices.DeleteFunc(slices.Clone(change.Fields), func(f FieldChange) bool { return !f.Left })
	for _, field := range append(left, change.Ignored...) {
		switch v, present := ValueAt(live, field.Path); {
		case present && own(field.Path):
			tree = withValue(tree, field.Path, Clone(v))
		case field.Op != OpAdd: // Git does not have what was added
			tree = withoutValue(tree, field.Path, wantedIn)
		}
	}
	for _, field := range change.Fields {
		switch v, present := ValueAt(live, field.Path); {
		case !carried(field) || field.Addition:
		case present:
			tree = withValue(tree, field.Path, Clone(v))
		default:
			tree = withoutValue(tree, field.Path, wantedIn)
		}
	}
	for _, field := range change.Fields {
		if field.Excluded {
			tree = withoutValue(tree, field.Path, wantedIn) // a null there would keep it
		}
		want, ok := wantedValue(object.Manifest, field.Path)
		if !field.Partial || !ok || field.Left || carried(field) {
			continue // what stays keeps all of its live value
		}
		// The change itself shows masked values: a Secret's are taken from the objects.
		have, _ := ValueAt(live, field.Path)
		tree = withValue(tree, field.Path, Clone(copyParts(want, have, field.IgnoredParts)))
	}
	manifest, _ := tree.(map[string]any)
	object.Manifest = manifest
	return object, nil
}

// namedPaths answers whether any of the sets names a path or something below it.
func namedPaths(sets ...*fieldpath.Set) func(Path) bool {
	named := map[string]bool{}
	for _, set := range sets {
		set.Iterate(func(path fieldpath.Path) {
			for i := 1; i <= len(path); i++ {
				named[pathOf(path[:i]).Pointer()] = true
			}
		})
	}
	return func(path Path) bool { return named[path.Pointer()] }
}
