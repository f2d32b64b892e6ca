package drift

import (
	"slices"
	"strings"
)

// What stands in place of a Secret's value. Both sides differ, so that a
// difference stays visible without its content, length or hash.
const (
	maskedDesired = "*** (Git)"
	maskedLive    = "*** (live)"
	masked        = "***"
)

// appliedCopies are annotations in which deployers keep a copy of the whole
// object, Secrets' data included (research: security.md §5).
var appliedCopies = []string{
	"kubectl.kubernetes.io/last-applied-configuration",
	"kapp.k14s.io/original",
	"objectset.rio.cattle.io/applied",
}

func isSecret(id ID) bool { return id.Group == "" && id.Kind == "Secret" }

// maskFields hides the values of a Secret's data in field changes.
func maskFields(id ID, fields []FieldChange) []FieldChange {
	out := make([]FieldChange, len(fields))
	for i, field := range fields {
		switch {
		case isSecret(id) && !plainSecretField(field.Path), slices.ContainsFunc(field.Path, isCopy):
			field.Desired = maskLeaves(field.Desired, maskedDesired)
			field.Live = maskLeaves(field.Live, maskedLive)
		default:
			field.Desired = maskCopies(field.Desired, maskedDesired)
			field.Live = maskCopies(field.Live, maskedLive)
		}
		out[i] = field
	}
	return out
}

// maskCopies hides copies of whole objects wherever they stand in a value.
func maskCopies(v any, with string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			if isCopy(key) {
				out[key] = maskLeaves(item, with)
			} else {
				out[key] = maskCopies(item, with)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = maskCopies(item, with)
		}
		return out
	}
	return v
}

// plainSecretField says that a Secret's field is not secret: its labels, its
// type, its immutability and its annotations except copies of the object.
func plainSecretField(path Path) bool {
	if len(path) > 1 && path[0] == "metadata" {
		return path[1] == "labels" || path[1] == "annotations"
	}
	return len(path) > 0 && (path[0] == "type" || path[0] == "immutable")
}

func isCopy(annotation string) bool {
	for _, key := range appliedCopies {
		if annotation == key {
			return true
		}
	}
	return false
}

// maskLeaves keeps the shape (key names may be told) and hides every value.
func maskLeaves(v any, with string) any {
	switch v := v.(type) {
	case nil:
		return nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = maskLeaves(item, with)
		}
		return out
	}
	return with
}

// MaskObject is an object that may be shown: a Secret's data is hidden, and so
// are annotations that copy whole objects. managedFields are left out.
func MaskObject(id ID, object map[string]any) map[string]any {
	if object == nil {
		return nil
	}
	out, _ := maskCopies(object, masked).(map[string]any)
	if meta := metadata(out); meta != nil {
		delete(meta, "managedFields")
	}
	if isSecret(id) {
		for _, key := range []string{"data", "stringData"} {
			if out[key] != nil {
				out[key] = maskLeaves(out[key], masked)
			}
		}
	}
	return out
}

// SecretValues are the strings of a Secret that must never be printed: each
// value as stored and decoded, for the redactor.
func SecretValues(id ID, object map[string]any) []string {
	if !isSecret(id) {
		return nil
	}
	var values []string
	for _, key := range []string{"data", "stringData"} {
		fields, _ := object[key].(map[string]any)
		for _, v := range fields {
			s, ok := v.(string)
			if !ok || s == "" {
				continue
			}
			values = append(values, s)
			if key == "data" {
				values = append(values, decodeBase64(strings.TrimSpace(s))...)
			}
		}
	}
	return values
}
