package redact

import (
	"strings"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// ManifestRedactor removes known secrets from manifests, and from what is said about
// them. It hides values where values stand: a whole value of a Secret wherever it is a
// value again, and inside longer texts what looks like a secret or is called one. Keys
// and identities stay, since they are public; a Secret with `user: postgres` must not
// rename the Service `postgres`, and what is printed must stay a manifest. Where a name
// is a value (a container's, a label's), only what a machine must have drawn is hidden.
type ManifestRedactor struct {
	whole Redactor // knows all, as the sinks of a report do
	texts Redactor // for longer texts
	names Redactor // for names
}

// Manifests is a redactor for manifests that knows the same secrets.
func (r Redactor) Manifests() ManifestRedactor {
	var values []drift.SecretValue
	for value := range r.learnt {
		values = append(values, value)
	}
	return ManifestRedactor{whole: r, texts: Redactor{}.with(learner.learnPart, values), names: Redactor{}.with(learner.learnDrawn, values)}
}

// String removes secrets from a message about manifests.
func (m ManifestRedactor) String(text string) string { return m.texts.String(text) }

// Object is a manifest without the known secrets, and without a Secret's data.
func (m ManifestRedactor) Object(id drift.ID, manifest map[string]any) map[string]any {
	out, _ := m.mapping(maskData(id, manifest), placeValue).(map[string]any)
	for _, key := range []string{"apiVersion", "kind"} {
		if v, named := manifest[key]; named {
			out[key] = v
		}
	}
	for _, key := range []string{"name", "namespace"} {
		if v, named := nested.Metadata(manifest)[key]; named {
			nested.Metadata(out)[key] = v
		}
	}
	return out
}

// placing is what a text in a manifest is.
type placing int

const (
	placeValue  placing = iota
	placeName           // it names something
	placeLabels         // so do all texts below it
)

// naming are fields that name something in the object or in the cluster.
var naming = map[string]placing{
	"name": placeName, "namespace": placeName, "key": placeName, "kind": placeName, "apiVersion": placeName, "apiGroup": placeName,
	"subPath": placeName, "mountPath": placeName, "path": placeName, "image": placeName, "hostname": placeName, "subdomain": placeName,
	"labels": placeLabels, "matchLabels": placeLabels, "selector": placeLabels, "nodeSelector": placeLabels,
	"resourceNames": placeLabels, "finalizers": placeLabels,
}

func placingOf(key string, above placing) placing {
	if above == placeLabels {
		return above
	}
	if found, known := naming[key]; known {
		return found
	}
	if strings.HasSuffix(key, "Name") || strings.HasSuffix(key, "Namespace") {
		return placeName
	}
	return placeValue
}

func (m ManifestRedactor) tree(v any, at placing) any {
	switch v := v.(type) {
	case string:
		return m.text(v, at)
	case map[string]any:
		return m.mapping(v, at)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = m.tree(item, at)
		}
		return out
	}
	return v
}

func (m ManifestRedactor) mapping(fields map[string]any, at placing) any {
	out := make(map[string]any, len(fields))
	data := at == placeValue && (fields["kind"] == "ConfigMap" || fields["kind"] == "Secret")
	for key, item := range fields {
		below := placingOf(key, at)
		if data && (key == "data" || key == "stringData") {
			out[key] = m.data(item)
			continue
		}
		if below == placeValue {
			item = m.texts.under(key, item)
		}
		out[key] = m.tree(item, below)
	}
	if name, ok := fields["name"].(string); ok && fields["value"] != nil {
		out["value"] = m.tree(m.whole.under(name, fields["value"]), placeValue)
	}
	return out
}

// data is a ConfigMap's or Secret's: whatever its keys are called, these are values.
func (m ManifestRedactor) data(v any) any {
	fields, ok := v.(map[string]any)
	if !ok {
		return m.tree(v, placeValue)
	}
	out := make(map[string]any, len(fields))
	for key, item := range fields {
		out[key] = m.tree(m.whole.under(key, item), placeValue)
	}
	return out
}

func (m ManifestRedactor) text(text string, at placing) any {
	if at != placeValue {
		return m.names.String(text)
	}
	if m.whole.odd(text) || strings.TrimSpace(m.whole.String(text)) == drift.Redacted {
		return drift.Redacted
	}
	return m.texts.String(text)
}
