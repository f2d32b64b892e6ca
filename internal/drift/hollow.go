package drift

import (
	"cmp"
	"slices"
	"strings"
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
func (n Noise) Removals(live, manifest map[string]any, granted []FieldChange) []PatchOp {
	entries, err := n.read(live)
	if err != nil {
		return nil // nothing is known to be in the way; TakeOver reports it
	}
	theirs := namedPaths(othersFields(entries)...)
	var gone, forced []Path
	for _, field := range granted {
		switch {
		case field.Op == OpReplace:
			forced = append(forced, unwanted(field, manifest, theirs)...)
		case field.Op != OpAdd, field.Excluded:
		case hollow(field.Live) || hollowAbove(manifest, field.Path) || isAccountName(field.Path) || field.Kept:
			forced = append(forced, field.Path)
		default:
			gone = append(gone, field.Path)
		}
	}
	return RemovalPatch(live, stranded(live, manifest, append(gone, forced...), forced))
}

// stranded are the paths of forced, and the containers that the manifest does not
// name and that have no members left without the paths of gone.
func stranded(live, manifest map[string]any, gone, forced []Path) []Path {
	rest := any(live)
	for _, path := range gone {
		rest = withoutValue(rest, path, indexIn)
	}
	var paths []Path
	for _, path := range gone {
		last := slices.ContainsFunc(forced, path.Equal)
		for len(path) > 1 {
			container := path[:len(path)-1]
			v, present := ValueAt(rest, container)
			if present && !isEmpty(v) {
				break
			}
			if _, named := wantedValue(manifest, container); named {
				break // the apply fills it again, or the path is forced already
			}
			rest = withoutValue(rest, container, indexIn)
			path, last = container, true
		}
		if last {
			paths = append(paths, path)
		}
	}
	slices.SortFunc(paths, func(a, b Path) int { return cmp.Compare(a.Pointer(), b.Pointer()) })
	return slices.CompactFunc(paths, Path.Equal)
}

// unwanted are the members of a container that Git wants empty, except those of
// controllers. Defaults among them come back by themselves.
func unwanted(field FieldChange, manifest map[string]any, theirs func(Path) bool) []Path {
	want := field.Desired
	if want == nil {
		want, _ = wantedValue(manifest, field.Path)
	}
	if !hollow(want) {
		return nil
	}
	if _, isList := want.([]any); isList && !theirs(field.Path) {
		return []Path{field.Path}
	}
	return membersBeside(want, field.Live, field.Path, theirs)
}

func membersBeside(want, live any, at Path, theirs func(Path) bool) []Path {
	wanted, isMap := want.(map[string]any)
	have, ok := live.(map[string]any)
	if !isMap || !ok {
		return nil
	}
	var paths []Path
	for _, key := range unionKeys(have, nil) {
		below := at.Field(key)
		inner, named := wanted[key]
		switch _, isList := inner.([]any); {
		case !named || isList && !isEmpty(have[key]):
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
func hollowAbove(manifest map[string]any, path Path) bool {
	for i := 1; i < len(path); i++ {
		v, present := wantedValue(manifest, path[:i])
		if !present {
			return false
		}
		if hollow(v) {
			return true
		}
	}
	return false
}

// hollow says that a value is a container which holds nothing but empty
// containers.
func hollow(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, item := range v {
			if !hollow(item) {
				return false
			}
		}
		return true
	case []any:
		return !slices.ContainsFunc(v, func(item any) bool { return !hollow(item) })
	}
	return false
}

// isEmpty says that a container has no members.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// accountNames are the two names of a pod's service account. The API server
// writes the deprecated one itself and reads it where the other is missing
// (kubernetes, pkg/apis/core/v1/conversion.go), so that server-side apply cannot
// remove the field: its dry-run answers that nothing would change.
const (
	accountName       = "serviceAccountName"
	secondAccountName = "serviceAccount"
)

func isAccountName(path Path) bool { return strings.HasSuffix(path.Pointer(), "/spec/"+accountName) }

// secondName is where the account's deprecated name stands in an object.
func secondName(object any, path Path) (Path, bool) {
	second := path[:len(path)-1].Field(secondAccountName)
	_, present := ValueAt(object, second)
	return second, present
}
