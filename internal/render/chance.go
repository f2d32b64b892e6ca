package render

import (
	"maps"
	"reflect"
	"slices"

	"github.com/killick-dev/killick/internal/drift"
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
func differences(at drift.Path, a, b any) []drift.Path {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			break
		}
		var found []drift.Path
		names := slices.Sorted(maps.Keys(a))
		for name := range b {
			if _, both := a[name]; !both {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			below, inA := a[name]
			other, inB := b[name]
			if inA != inB {
				found = append(found, at.Field(name))
				continue
			}
			found = append(found, differences(at.Field(name), below, other)...)
		}
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
		var found []drift.Path
		for i := range a {
			found = append(found, differences(at.Key(keys[i]), a[i], b[i])...)
		}
		return found
	}
	if reflect.DeepEqual(a, b) {
		return nil
	}
	return []drift.Path{slices.Clone(at)}
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
		element := drift.Path(nil).Key(keys)[0]
		if seen[element] {
			return nil
		}
		seen[element] = true
		all = append(all, keys)
	}
	return all
}
