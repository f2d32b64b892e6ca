package diff

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// ReplicasPath is the field an autoscaler owns.
var ReplicasPath = nested.Path{"spec", "replicas"}

// WithoutIgnored takes the differences that policy's ignore_fields name, and what is an
// autoscaler's, out of the verdict. They move to Ignored; the manifest is not touched
// (Effective does that when something is written).
func WithoutIgnored(change drift.Change, patterns []nested.Path) drift.Change {
	patterns = append(handedOver(change), patterns...)
	if len(patterns) == 0 || len(change.Fields) == 0 {
		return change
	}
	var kept []drift.FieldChange
	ignored := append([]drift.FieldChange(nil), change.Ignored...)
	for _, whole := range change.Fields {
		for _, field := range WithoutMember(whole, patterns) {
			switch rest := ignoring(field, patterns); {
			case rest == nil:
				ignored = append(ignored, field)
			default:
				kept = append(kept, *rest)
			}
		}
	}
	change.Fields, change.Ignored = kept, ignored
	return Classify(Permitted(change, patterns))
}

// handedOver are the fields that an autoscaler is in charge of: replicas, and resources
// that Git leaves to a vertical one. What we own of them keeps its live value until the
// autoscaler writes it, which takes it from us: without it, the object would have the
// server's default meanwhile (one replica, no requests).
func handedOver(change drift.Change) []nested.Path {
	var paths []nested.Path
	if change.Ownership.Autoscaled {
		paths = append(paths, ReplicasPath)
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
func left(field drift.FieldChange) bool {
	return field.Op == drift.OpAdd && !field.Addition && field.ManagerClass == drift.ClassSelf && ofContainer(field.Path, "resources")
}

// Held says that what Git wants waits for a vertical autoscaler: the object is not yet as
// Git says, although nothing is to be done about it now.
func Held(c drift.Change) bool { return c.Ownership.Sized && slices.ContainsFunc(c.Ignored, left) }

// ofContainer says that a path is, or lies below, a field of a container.
func ofContainer(path nested.Path, name string) bool {
	for i := 2; i < len(path); i++ {
		if path[i-2] == "containers" && path[i] == name {
			return true
		}
	}
	return false
}

// Permitted takes out the immutable fields that policy ignores: they are sent
// with their live value, so nothing stands against the write any more when there
// are no others.
func Permitted(change drift.Change, patterns []nested.Path) drift.Change {
	var left []nested.Path
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

// SplitByPatterns divides a map that was added or removed whole into its fields when a
// pattern names a part of it. An item of a keyed list is one thing.
func SplitByPatterns(field drift.FieldChange, patterns []nested.Path) []drift.FieldChange {
	side := field.Live
	if field.Op == drift.OpRemove {
		side = field.Desired
	}
	tree, isMap := side.(map[string]any)
	if !isMap || field.Op == drift.OpReplace || strings.HasPrefix(field.Path[len(field.Path)-1], "[") ||
		!slices.ContainsFunc(PatternsWithin(field.Path, patterns), func(part nested.Path) bool { return PatternNames(tree, part) }) {
		return []drift.FieldChange{field}
	}
	var parts []drift.FieldChange
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		part := field
		part.Path = field.Path.Field(key)
		if field.Op == drift.OpRemove {
			part.Desired = tree[key]
		} else {
			part.Live = tree[key]
		}
		parts = append(parts, SplitByPatterns(part, patterns)...)
	}
	return parts
}

// WithoutMember is split, with the part-of label apart from the labels around it where a
// pattern names them: it is not the policies'.
func WithoutMember(field drift.FieldChange, patterns []nested.Path) []drift.FieldChange {
	if slices.ContainsFunc(patterns, field.Path.Matches) {
		patterns = append(slices.Clip(patterns), PartOfPath)
	}
	return SplitByPatterns(field, patterns)
}

// PatternsWithin are the patterns that reach inside a path, relative to it.
func PatternsWithin(path nested.Path, patterns []nested.Path) []nested.Path {
	var parts []nested.Path
	for _, pattern := range patterns {
		if len(pattern) > len(path) && path.Matches(pattern[:len(path)]) {
			parts = append(parts, pattern[len(path):])
		}
	}
	return parts
}

// PatternNames says whether a pattern names something in nested maps.
func PatternNames(v any, pattern nested.Path) bool {
	if len(pattern) == 0 {
		return true
	}
	fields, _ := v.(map[string]any)
	for key, item := range fields {
		if (pattern[0] == "*" || pattern[0] == key) && PatternNames(item, pattern[1:]) {
			return true
		}
	}
	return false
}

// ignoring is what is left of a change; nil when it is ignored whole. A pattern
// that reaches inside a value that merges as one (an atomic list or map) ignores
// only that part: the live value is copied there, and what still differs stays a
// change.
func ignoring(field drift.FieldChange, patterns []nested.Path) *drift.FieldChange {
	if field.Path.Equal(PartOfPath) {
		return &field // membership is not the policies' to ignore
	}
	if slices.ContainsFunc(patterns, field.Path.Matches) {
		return nil
	}
	parts := PatternsWithin(field.Path, patterns)
	if field.Op != drift.OpReplace || len(parts) == 0 {
		return &field
	}
	desired := CopyParts(field.Desired, field.Live, parts)
	switch {
	case nested.EqualValues(desired, field.Live):
		return nil
	case nested.EqualValues(desired, field.Desired):
		return &field
	}
	field.Desired, field.Partial = desired, true
	field.IgnoredParts = append(slices.Clone(field.IgnoredParts), parts...)
	return &field
}

// CopyParts is desired with live's values wherever one of the patterns matches.
func CopyParts(desired, live any, parts []nested.Path) any {
	for _, part := range parts {
		desired = CopyAt(desired, live, part)
	}
	return desired
}

// CopyAt is desired with live's values wherever the pattern matches.
func CopyAt(desired, live any, pattern nested.Path) any {
	if len(pattern) == 0 {
		return nested.Clone(live)
	}
	switch want := desired.(type) {
	case map[string]any:
		have, ok := live.(map[string]any)
		if !ok {
			return desired
		}
		out := nested.ShallowCopy(want)
		for key, v := range have {
			if _, wanted := want[key]; (wanted || len(pattern) == 1) && (pattern[0] == "*" || pattern[0] == key) {
				out[key] = CopyAt(out[key], v, pattern[1:])
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
			if pattern[0] == "*" || pattern[0] == strconv.Itoa(i) || nested.MatchesElement(i, want[i], pattern[0]) {
				out[i] = CopyAt(out[i], have[i], pattern[1:])
			}
		}
		return out
	}
	return desired
}

// NamedPaths answers whether any of the sets names a path or something below it.
func NamedPaths(sets ...*fieldpath.Set) func(nested.Path) bool {
	named := map[string]bool{}
	for _, set := range sets {
		set.Iterate(func(path fieldpath.Path) {
			for i := 1; i <= len(path); i++ {
				named[ownership.PathOf(path[:i]).Pointer()] = true
			}
		})
	}
	return func(path nested.Path) bool { return named[path.Pointer()] }
}
