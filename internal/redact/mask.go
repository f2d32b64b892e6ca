package redact

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// What stands in place of a Secret's value. Both sides differ, so that a
// difference stays visible without its content, length or hash.
const (
	MaskedDesired = "*** (Git)"
	MaskedLive    = "*** (live)"
	Masked        = "***"
)

// appliedCopies are annotations in which deployers keep a copy of the whole
// object, Secrets' data included.
var appliedCopies = []string{
	"kubectl.kubernetes.io/last-applied-configuration",
	"kapp.k14s.io/original",
	"objectset.rio.cattle.io/applied",
}

// IsSecret says that the object's data are secret values.
func IsSecret(id drift.ID) bool { return id.Group == "" && id.Kind == "Secret" }

// MaskFields hides the values of a Secret's data in field changes.
func MaskFields(id drift.ID, fields []drift.FieldChange) []drift.FieldChange {
	out := make([]drift.FieldChange, len(fields))
	for i, field := range fields {
		switch {
		case IsSecret(id) && !plainSecretField(field.Path), slices.ContainsFunc(field.Path, mayCopy):
			field.Desired = MaskLeaves(field.Desired, MaskedDesired)
			field.Live = MaskLeaves(field.Live, MaskedLive)
		default:
			field.Desired = maskCopies(field.Desired, MaskedDesired)
			field.Live = maskCopies(field.Live, MaskedLive)
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
			if mayCopy(key) {
				out[key] = MaskLeaves(item, with)
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
func plainSecretField(path nested.Path) bool {
	if len(path) > 1 && path[0] == "metadata" {
		return path[1] == "labels" || path[1] == "annotations"
	}
	return len(path) > 0 && (path[0] == "type" || path[0] == "immutable")
}

// IsCopy says that an annotation holds a copy of the whole object, as kubectl keeps one.
func IsCopy(annotation string) bool { return slices.Contains(appliedCopies, annotation) }

// mayCopy says that a name is one under which operators, too, keep a copy of a whole
// object (kopf.zalando.org/last-handled-configuration, banzaicloud.com/last-applied).
func mayCopy(annotation string) bool {
	return IsCopy(annotation) || strings.HasSuffix(annotation, "/last-applied") ||
		strings.HasSuffix(annotation, "last-applied-configuration") || strings.HasSuffix(annotation, "last-handled-configuration")
}

// WithoutOwn hides labels and annotations of a Secret that repeat one of its values.
func WithoutOwn(fields []drift.FieldChange, own Redactor) []drift.FieldChange {
	for i, field := range fields {
		if len(field.Path) > 0 && field.Path[0] == "metadata" && (own.holds(field.Desired) || own.holds(field.Live)) {
			fields[i].Desired, fields[i].Live = MaskLeaves(field.Desired, MaskedDesired), MaskLeaves(field.Live, MaskedLive)
		}
	}
	return fields
}

// holds says that a value repeats a known secret.
func (r Redactor) holds(v any) bool { return v != nil && !nested.EqualValues(v, r.Tree(v)) }

// MaskLeaves keeps the shape (key names may be told) and hides every value.
func MaskLeaves(v any, with string) any {
	switch v := v.(type) {
	case nil:
		return nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = MaskLeaves(item, with)
		}
		return out
	}
	return with
}

// MaskObject is an object that may be shown: a Secret's data is hidden, and so are its
// labels and annotations that repeat it, and annotations that copy whole objects.
// managedFields are left out.
func MaskObject(id drift.ID, object map[string]any) map[string]any {
	out := maskData(id, object)
	if out != nil && IsSecret(id) {
		own := Redactor{}.WithValues(SecretValues(id, object)...)
		for _, key := range []string{"labels", "annotations"} {
			notes, _ := nested.Metadata(out)[key].(map[string]any)
			for name, note := range notes {
				if own.holds(note) {
					notes[name] = Masked
				}
			}
		}
	}
	return out
}

// maskData hides a Secret's data, and copies of whole objects.
func maskData(id drift.ID, object map[string]any) map[string]any {
	if object == nil {
		return nil
	}
	out, _ := maskCopies(object, Masked).(map[string]any)
	if meta := nested.Metadata(out); meta != nil {
		delete(meta, "managedFields")
	}
	if IsSecret(id) {
		for _, key := range []string{"data", "stringData"} {
			if out[key] != nil {
				out[key] = MaskLeaves(out[key], Masked)
			}
		}
	}
	return out
}

// SecretValues are the values of a Secret that must never be printed, for the
// redactor: each as stored and decoded.
func SecretValues(id drift.ID, object map[string]any) []drift.SecretValue {
	if !IsSecret(id) {
		return nil
	}
	var values []drift.SecretValue
	for _, field := range []string{"data", "stringData"} {
		fields, _ := object[field].(map[string]any)
		for key, v := range fields {
			s, ok := v.(string)
			if !ok {
				s = fmt.Sprint(v) // a manifest that nobody has checked
			}
			if s == "" || v == nil {
				continue
			}
			decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s))
			if field == "data" && err == nil && len(decoded) > 0 {
				values = append(values, drift.SecretValue{Key: key, Value: string(decoded)})
				continue // a reading of the text undoes base64
			}
			values = append(values, drift.SecretValue{Key: key, Value: s})
		}
	}
	return values
}
