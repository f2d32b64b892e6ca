package cluster

import (
	"encoding/json"
	"fmt"
	"maps"

	kjson "sigs.k8s.io/json"

	"github.com/killick-dev/killick/internal/drift"
)

// decode reads a JSON object as apimachinery's unstructured objects hold it:
// whole numbers are int64, other numbers float64.
func decode(body []byte) (map[string]any, error) {
	var tree map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(body, &tree); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return tree, nil
}

// encode writes a JSON body. What JSON cannot hold (NaN) is the object's fault.
func encode(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, &drift.Refusal{Kind: drift.ErrInvalid, Message: err.Error()}
	}
	return body, nil
}

// at is the value below the field names, nil when there is none.
func at(tree map[string]any, fields ...string) any {
	var value any = tree
	for _, field := range fields {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[field]
	}
	return value
}

// text is the string below the field names, "" when there is none.
func text(tree map[string]any, fields ...string) string {
	s, _ := at(tree, fields...).(string)
	return s
}

// branch is the object below the field names, nil when there is none.
func branch(tree map[string]any, fields ...string) map[string]any {
	b, _ := at(tree, fields...).(map[string]any)
	return b
}

// list is the list below the field names, nil when there is none.
func list(tree map[string]any, fields ...string) []any {
	l, _ := at(tree, fields...).([]any)
	return l
}

// stringMap is the map of strings below the field names; other values are left
// out, and the answer is never nil.
func stringMap(tree map[string]any, fields ...string) map[string]string {
	out := map[string]string{}
	for key, value := range branch(tree, fields...) {
		if s, ok := value.(string); ok {
			out[key] = s
		}
	}
	return out
}

// withMeta is the object with metadata fields set to the given values, or
// removed where the value is ""; the object itself stays as it is.
func withMeta(tree map[string]any, fields map[string]string) map[string]any {
	out := maps.Clone(tree)
	if out == nil {
		out = map[string]any{}
	}
	meta := maps.Clone(branch(tree, "metadata"))
	if meta == nil {
		meta = map[string]any{}
	}
	for name, value := range fields {
		if value == "" {
			delete(meta, name)
		} else {
			meta[name] = value
		}
	}
	out["metadata"] = meta
	return out
}

// uidOf and versionOf are the object's identity and the state it was read in.
func uidOf(tree map[string]any) string     { return text(tree, "metadata", "uid") }
func versionOf(tree map[string]any) string { return text(tree, "metadata", "resourceVersion") }
