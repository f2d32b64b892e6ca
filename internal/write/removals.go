package write

import (
	"cmp"
	"slices"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// Removals are what an apply does not remove, or takes too much of; they are made
// by JSON patch operations on this very object, together with the take-over,
// before the apply. There are two such:
//
//   - a map or list that loses its last member becomes null, also where the
//     manifest names it as empty or a schema does not allow null, and an empty
//     list that merges cannot be named by a fieldset at all (structured-merge-diff,
//     typed/remove.go; seen as `spec: Invalid value: "null"`);
//   - what the server keeps although an apply lets it go, such as a pod's
//     serviceAccountName, which comes back from its deprecated second name.
func Removals(n drift.Noise, live, manifest map[string]any, granted []drift.FieldChange) []nested.PatchOp {
	entries, err := ownership.Read(n, live)
	if err != nil {
		return nil // nothing is known to be in the way; TakeOver reports it
	}
	theirs := diff.NamedPaths(ownership.OthersFields(entries)...)
	var gone, forced []nested.Path
	for _, field := range granted {
		switch {
		case field.Op == drift.OpReplace:
			forced = append(forced, unwanted(field, manifest, theirs)...)
		case field.Op != drift.OpAdd, field.Excluded:
		case nested.EmptyThroughout(field.Live) || hollowAbove(manifest, field.Path) || nested.IsAccountName(field.Path) || field.Kept:
			forced = append(forced, field.Path)
		default:
			gone = append(gone, field.Path)
		}
	}
	return nested.RemovalPatch(live, stranded(live, manifest, append(gone, forced...), forced))
}

// stranded are the paths of forced, and the containers that the manifest does not
// name and that have no members left without the paths of gone.
func stranded(live, manifest map[string]any, gone, forced []nested.Path) []nested.Path {
	rest := any(live)
	for _, path := range gone {
		rest = nested.WithoutValue(rest, path, nested.LiveIndex)
	}
	var paths []nested.Path
	for _, path := range gone {
		last := slices.ContainsFunc(forced, path.Equal)
		for len(path) > 1 {
			container := path[:len(path)-1]
			v, present := nested.ValueAt(rest, container)
			if present && !nested.IsEmpty(v) {
				break
			}
			if _, named := nested.DesiredAt(manifest, container); named {
				break // the apply fills it again, or the path is forced already
			}
			rest = nested.WithoutValue(rest, container, nested.LiveIndex)
			path, last = container, true
		}
		if last {
			paths = append(paths, path)
		}
	}
	slices.SortFunc(paths, func(a, b nested.Path) int { return cmp.Compare(a.Pointer(), b.Pointer()) })
	return slices.CompactFunc(paths, nested.Path.Equal)
}

// unwanted are the members of a container that Git wants empty, except those of
// controllers. Defaults among them come back by themselves.
func unwanted(field drift.FieldChange, manifest map[string]any, theirs func(nested.Path) bool) []nested.Path {
	want := field.Desired
	if want == nil {
		want, _ = nested.DesiredAt(manifest, field.Path)
	}
	if !nested.EmptyThroughout(want) {
		return nil
	}
	if _, isList := want.([]any); isList && !theirs(field.Path) {
		return []nested.Path{field.Path}
	}
	return membersBeside(want, field.Live, field.Path, theirs)
}

func membersBeside(want, live any, at nested.Path, theirs func(nested.Path) bool) []nested.Path {
	wanted, isMap := want.(map[string]any)
	have, ok := live.(map[string]any)
	if !isMap || !ok {
		return nil
	}
	var paths []nested.Path
	for _, key := range nested.Keys(have, nil) {
		below := at.Field(key)
		inner, named := wanted[key]
		switch _, isList := inner.([]any); {
		case !named || isList && !nested.IsEmpty(have[key]):
			if !theirs(below) {
				paths = append(paths, below)
			}
		default:
			paths = append(paths, membersBeside(inner, have[key], below, theirs)...)
		}
	}
	return paths
}

// hollowAbove says whether a container that the manifest names above the path
// holds nothing of its own.
func hollowAbove(manifest map[string]any, path nested.Path) bool {
	for i := 1; i < len(path); i++ {
		v, present := nested.DesiredAt(manifest, path[:i])
		if !present {
			return false
		}
		if nested.EmptyThroughout(v) {
			return true
		}
	}
	return false
}
