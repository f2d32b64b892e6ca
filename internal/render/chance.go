package render

import (
	"cmp"
	"maps"
	"reflect"
	"slices"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// markChance notes the fields of objects that a second render made otherwise. differ are
// the templates whose text was another one: everything else is the same. An object that
// only one of the two renders has cannot be managed at all: each run would create a new
// one and prune the last.
func markChance(objects, again []drift.Object, differ map[drift.Origin]bool) error {
	second := map[drift.ID]drift.Object{}
	for _, object := range again {
		second[object.ID] = object
	}
	for i, object := range objects {
		if !differ[object.Origin] {
			continue
		}
		other, both := second[object.ID]
		if !both || other.Version != object.Version {
			return unstable(object)
		}
		delete(second, object.ID)
		objects[i].Nondeterministic = differences(nil, object.Manifest, other.Manifest)
	}
	for _, id := range slices.SortedFunc(maps.Keys(second), drift.ID.Compare) {
		return unstable(second[id])
	}
	return nil
}

func unstable(object drift.Object) error {
	return problem(object.Origin,
		"give the object a fixed name, namespace and version: a name that is random or taken from the clock makes a new object in every run",
		"%s: its identity differs from one render to the next", object.ID.GroupKind())
}

// differences are the smallest fields in which two renders of one object differ.
func differences(at nested.Path, a, b any) []nested.Path {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			break
		}
		if len(without(a, b)) > 0 && len(without(b, a)) > 0 && ownKeys(at) {
			break // chance makes names in it: those of the live object stand in neither
		}
		var found []nested.Path
		for _, name := range slices.Sorted(maps.Keys(a)) {
			if other, both := b[name]; both {
				found = append(found, differences(at.Field(name), a[name], other)...)
			}
		}
		for _, name := range slices.Concat(without(a, b), without(b, a)) {
			found = append(found, at.Field(name))
		}
		slices.SortFunc(found, func(x, y nested.Path) int { return cmp.Compare(x.Pointer(), y.Pointer()) })
		return found
	case []any:
		b, ok := b.([]any)
		if !ok || reflect.DeepEqual(a, b) {
			break
		}
		keys := itemKeys(a, b)
		if keys == nil {
			break
		}
		var found []nested.Path
		for i := range a {
			found = append(found, differences(at.Key(keys[i]), a[i], b[i])...)
		}
		return found
	}
	if reflect.DeepEqual(a, b) {
		return nil
	}
	return []nested.Path{slices.Clone(at)}
}

// without are the names in a map that another one lacks.
func without(a, b map[string]any) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(a)), func(name string) bool { _, both := b[name]; return both })
}

// ownKeys says that the names in a map may be left alone with it: not those of the object
// itself, and not its labels, among which is the app's.
func ownKeys(at nested.Path) bool {
	return len(at) > 1 && !slices.Equal(at, nested.Path{"metadata", "labels"}) || len(at) == 1 && at[0] != "metadata"
}

// listKeys are the fields by which Kubernetes' own lists, and most of others, tell their
// items apart (kubernetes, x-kubernetes-list-map-keys).
var listKeys = [][]string{
	{"name"}, {"mountPath"}, {"devicePath"}, {"containerPort"}, {"containerPort", "protocol"}, {"port"}, {"port", "protocol"},
	{"key"}, {"type"}, {"ip"}, {"host"}, {"topologyKey"}, {"id"},
}

// itemKeys tell the items of a list apart, when both renders have the same ones in the
// same order; nil when nothing does, so that the list is one value.
func itemKeys(a, b []any) []map[string]any {
	if len(a) != len(b) {
		return nil
	}
	for _, names := range listKeys {
		keys, others := keysBy(names, a), keysBy(names, b)
		if keys != nil && reflect.DeepEqual(keys, others) {
			return keys
		}
	}
	return nil
}

// keysBy are the items' values of some fields; nil unless all have them and no two the
// same.
func keysBy(names []string, items []any) []map[string]any {
	var all []map[string]any
	seen := map[string]bool{}
	for _, item := range items {
		fields, _ := item.(map[string]any)
		keys := map[string]any{}
		for _, name := range names {
			switch v := fields[name].(type) {
			case string, int64, float64, bool:
				keys[name] = v
			default:
				return nil
			}
		}
		element := nested.Path(nil).Key(keys)[0]
		if seen[element] {
			return nil
		}
		seen[element] = true
		all = append(all, keys)
	}
	return all
}
