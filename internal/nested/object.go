package nested

import (
	"math"
	"sort"
)

// Keys are the keys of both maps, sorted, each once.
func Keys(a, b map[string]any) []string {
	keys := make([]string, 0, len(a)+len(b))
	for key := range a {
		keys = append(keys, key)
	}
	for key := range b {
		if _, both := a[key]; !both {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	return keys
}

// KeyOf is an item's key, or what the server makes of one that the manifest
// leaves out: of the keys of Kubernetes' own lists only protocol has a default
// (core/v1, ServicePort and ContainerPort).
func KeyOf(item map[string]any, key string) (any, bool) {
	v, ok := item[key]
	if !ok && key == "protocol" {
		return "TCP", true
	}
	return v, ok
}

// Metadata is an object's metadata map; nil when it has none.
func Metadata(object map[string]any) map[string]any {
	fields, _ := object["metadata"].(map[string]any)
	return fields
}

// StringAt is the text of a key; "" where there is none.
func StringAt(fields map[string]any, key string) string {
	s, _ := fields[key].(string)
	return s
}

// StringMap reads labels or annotations; never nil.
func StringMap(v any) map[string]string {
	out := map[string]string{}
	fields, _ := v.(map[string]any)
	for key, item := range fields {
		if s, ok := item.(string); ok {
			out[key] = s
		}
	}
	return out
}

// Labels of an object; never nil.
func Labels(object map[string]any) map[string]string { return StringMap(Metadata(object)["labels"]) }

// Annotations of an object; never nil.
func Annotations(object map[string]any) map[string]string {
	return StringMap(Metadata(object)["annotations"])
}

// UIDOf is an object's metadata.uid.
func UIDOf(object map[string]any) string { return StringAt(Metadata(object), "uid") }

// ResourceVersionOf is an object's metadata.resourceVersion.
func ResourceVersionOf(object map[string]any) string {
	return StringAt(Metadata(object), "resourceVersion")
}

// Replicas is an object's spec.replicas; nil when it has none.
func Replicas(object map[string]any) *int64 {
	spec, _ := object["spec"].(map[string]any)
	if replicas, ok := spec["replicas"].(int64); ok {
		return &replicas
	}
	return nil
}

// Clone copies a JSON tree: changing the copy leaves the original alone.
func Clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return CloneMap(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = Clone(item)
		}
		return out
	}
	return v
}

// CloneMap copies an object tree; nil stays nil.
func CloneMap(m map[string]any) map[string]any {
	if m == nil {
		return nil
	}
	out := make(map[string]any, len(m))
	for key, item := range m {
		out[key] = Clone(item)
	}
	return out
}

// EqualValues compares JSON trees; numbers compare by value, so that 1 and 1.0
// are equal whichever Go type decoding chose.
func EqualValues(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		other, ok := b.(map[string]any)
		if !ok || len(a) != len(other) {
			return false
		}
		for key, item := range a {
			counterpart, present := other[key]
			if !present || !EqualValues(item, counterpart) {
				return false
			}
		}
		return true
	case []any:
		other, ok := b.([]any)
		if !ok || len(a) != len(other) {
			return false
		}
		for i := range a {
			if !EqualValues(a[i], other[i]) {
				return false
			}
		}
		return true
	}
	if x, ok := Number(a); ok {
		y, ok := Number(b)
		return ok && x == y
	}
	return a == b
}

// Number reads a JSON number as float64 where that is exact.
func Number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		f := float64(v)
		return f, int64(f) == v && math.Abs(f) <= 1<<53
	case int:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
