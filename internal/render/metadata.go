package render

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/killick-dev/killick/internal/drift"
)

var (
	groupPattern   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`) // RFC 1123 subdomain
	versionPattern = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)     // RFC 1035 label
	kindPattern    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`)
	labelPattern   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`) // RFC 1123 label
)

// identify reads the fields that make an ID, and nothing that could be used to
// leave the URL the API server is asked at.
func identify(doc document) (id drift.ID, version string, err error) {
	fail := func(hint, format string, args ...any) (drift.ID, string, error) {
		return drift.ID{}, "", problem(doc.origin, hint, format, args...)
	}
	apiVersion, kind := text(doc.manifest["apiVersion"]), text(doc.manifest["kind"])
	if apiVersion == "" || kind == "" {
		hint := notAManifest
		if tool := manifestOfTool(doc.origin.File); tool != "" {
			hint = "the name is that of a file of " + tool + ", which is not read here; " + notAManifest
		}
		return fail(hint, "not a Kubernetes object: apiVersion and kind must be given, as text")
	}
	group, version, err := drift.ParseAPIVersion(apiVersion)
	if err != nil || (group != "" && !valid(groupPattern, group, 253)) || !valid(versionPattern, version, 63) {
		return fail("it reads like v1 or apps/v1", "apiVersion %s is not valid", short(apiVersion))
	}
	if !valid(kindPattern, kind, 63) {
		return fail("", "kind %s is not valid", short(kind))
	}
	switch group {
	case "killick.dev":
		return fail("let path: name a folder that holds manifests only", "the file is Killick's own configuration, not a manifest")
	case "kustomize.config.k8s.io":
		return fail("name the file kustomization.yaml, or remove it", "%s is an input of Kustomize, not an object", kind)
	}
	metadata, ok := doc.manifest["metadata"].(map[string]any)
	if !ok {
		return fail("give it metadata.name", "%s has no metadata", kind)
	}
	if text(metadata["generateName"]) != "" {
		return fail("give it metadata.name: a generated name makes a new object in every run", "%s uses metadata.generateName", kind)
	}
	name := text(metadata["name"])
	if name == "" {
		return fail("give it metadata.name, as text", "%s has no name", kind)
	}
	if reason := badSegment(name); reason != "" {
		return fail("", "%s: name %s %s", kind, short(name), reason)
	}
	namespace := text(metadata["namespace"])
	if metadata["namespace"] != nil && namespace != "" && !valid(labelPattern, namespace, 63) {
		return fail("a namespace is a DNS label: lower-case letters, digits and dashes", "%s %q: namespace %s is not valid", kind, name, short(namespace))
	}
	if _, wrong := metadata["namespace"].(string); metadata["namespace"] != nil && !wrong {
		return fail("quote it", "%s %q: metadata.namespace is not text", kind, name)
	}
	return drift.ID{Group: group, Kind: kind, Namespace: namespace, Name: name}, version, nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func valid(pattern *regexp.Regexp, s string, longest int) bool {
	return len(s) <= longest && pattern.MatchString(s)
}

// badSegment says why a name cannot stand in a URL path (apimachinery,
// validation/path.IsValidPathSegmentName, and no control characters or blanks).
func badSegment(name string) string {
	switch {
	case len(name) > 253:
		return "is longer than 253 characters"
	case name == ".", name == "..":
		return "is a path of its own"
	case strings.ContainsAny(name, "/%"):
		return `contains "/" or "%"`
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return "contains blanks or unprintable characters"
	}
	return ""
}

// short quotes input for a message, cut so that a message stays readable.
func short(s string) string {
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}

// serverMetadata is written by the API server alone. A manifest that presets it
// is a mistake (a pasted export) or an attack: an ownerReference to an object
// that is about to be deleted deletes this one too.
var serverMetadata = []string{"uid", "resourceVersion", "ownerReferences", "managedFields", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"}

// reservedPrefixes belong to the membership and the live-only controls of
// docs/policies.md and docs/drift.md.
var reservedPrefixes = map[string]string{
	"applyset.kubernetes.io/": "membership is recorded by Killick itself; a manifest cannot claim it",
	"killick.dev/":            "set it on the live object with kubectl: suspending and break-glass are not part of the desired state",
}

// mostPreset bounds the documents that one error names.
const mostPreset = 20

// checkPreset refuses what presets the server's metadata, all of it at once: whoever
// pasted the export of a namespace should not learn of one field per run.
func checkPreset(documents []document) error {
	var first drift.Origin
	var said []string
	fields := 0
	for _, doc := range documents {
		id, _, err := identify(doc)
		if err != nil || doc.leftOut {
			continue // told by itself, or nobody's business
		}
		names := presetIn(doc)
		if len(names) == 0 {
			continue
		}
		text := fmt.Sprintf("%s: %s is preset", id.Short(), names[0])
		if last := len(names) - 1; last > 0 {
			text = fmt.Sprintf("%s: %s and %s are preset", id.Short(), strings.Join(names[:last], ", "), names[last])
		}
		if len(said) == 0 {
			first = doc.origin
		} else {
			text = drift.FileLine(doc.origin.File, doc.origin.Line) + ": " + text
		}
		said, fields = append(said, text), fields+len(names)
	}
	if more := len(said) - mostPreset; more > 0 {
		said = append(said[:mostPreset], "and "+plural(more, "more document", "more documents"))
	}
	switch {
	case len(said) == 0:
		return nil
	case fields == 1:
		return problem(first, "remove it: only the API server writes this field", "%s", said[0])
	}
	return problem(first, "remove them: only the API server writes these fields, and kubectl get -o yaml exports them "+
		"(status, creationTimestamp and generation, which it exports too, are left out anyway)", "%s", strings.Join(said, "\n"))
}

// presetIn are the server's fields in a document.
func presetIn(doc document) []string {
	metadata, _ := doc.manifest["metadata"].(map[string]any)
	var names []string
	for _, field := range serverMetadata {
		if v, present := metadata[field]; present && !empty(v) {
			names = append(names, "metadata."+field)
		}
	}
	return names
}

// checkMetadata refuses other metadata that a manifest may not carry.
func checkMetadata(id drift.ID, doc document) error {
	metadata, _ := doc.manifest["metadata"].(map[string]any)
	for _, field := range []string{"labels", "annotations"} {
		if metadata[field] == nil {
			continue
		}
		entries, ok := metadata[field].(map[string]any)
		if !ok {
			return problem(doc.origin, "", "%s: metadata.%s is not a mapping", id.Short(), field)
		}
		keys := make([]string, 0, len(entries))
		for key := range entries {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			for prefix, hint := range reservedPrefixes {
				if strings.HasPrefix(key, prefix) {
					return problem(doc.origin, hint, "%s: metadata.%s has %s", id.Short(), field, short(key))
				}
			}
			if _, ok := entries[key].(string); !ok && entries[key] != nil {
				return problem(doc.origin, "quote the value", "%s: metadata.%s: the value of %s is not text", id.Short(), field, short(key))
			}
		}
	}
	return nil
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// lastApplied is kubectl's own note; kubectl strips it from manifests, too.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// normalise brings a manifest into the normal form of the package comment. The
// manifest belongs to this render, so it is changed in place.
func normalise(id drift.ID, doc document) error {
	manifest := doc.manifest
	metadata, _ := manifest["metadata"].(map[string]any)
	delete(manifest, "status")
	for _, field := range append([]string{"creationTimestamp", "generation", "generateName"}, serverMetadata...) {
		delete(metadata, field)
	}
	emptyStrings(metadata, "labels")
	emptyStrings(metadata, "annotations")
	if annotations, ok := metadata["annotations"].(map[string]any); ok {
		delete(annotations, lastApplied)
		if len(annotations) == 0 {
			delete(metadata, "annotations")
		}
	}
	if id.Group == "" && (id.Kind == "ConfigMap" || id.Kind == "Secret") {
		emptyStrings(manifest, "data")
		emptyStrings(manifest, "binaryData")
		emptyStrings(manifest, "stringData")
	}
	dropNulls(manifest)
	if id.GroupKind() == "ClusterRole.rbac.authorization.k8s.io" && manifest["aggregationRule"] != nil {
		// The controller fills them in and overwrites whatever stands there
		// (rbac/v1, ClusterRole.AggregationRule); people write "rules: []".
		delete(manifest, "rules")
	}
	if isSecret(id) {
		return mergeSecret(id, doc)
	}
	return nil
}

// emptyStrings makes nulls of a string map what the API server makes of them.
func emptyStrings(parent map[string]any, field string) {
	entries, ok := parent[field].(map[string]any)
	if !ok {
		return
	}
	for key, v := range entries {
		if v == nil {
			entries[key] = ""
		}
	}
}

// dropNulls removes entries without a value at every level. List elements stay:
// their position means something.
func dropNulls(tree any) {
	switch tree := tree.(type) {
	case map[string]any:
		for key, v := range tree {
			if v == nil {
				delete(tree, key)
				continue
			}
			dropNulls(v)
		}
	case []any:
		for _, v := range tree {
			dropNulls(v)
		}
	}
}

// mergeSecret brings a Secret into the form in which the API server keeps it:
// stringData is write-only and wins over data; base64 has one spelling. Its
// errors name keys, never values.
func mergeSecret(id drift.ID, doc document) error {
	data, err := stringMap(id, doc, "data")
	if err != nil {
		return err
	}
	for key, encoded := range data {
		decoded, err := base64.StdEncoding.DecodeString(text(encoded))
		if err != nil {
			return problem(doc.origin, "encode the value with base64, or use stringData", "%s: data key %s is not base64", id.Short(), short(key))
		}
		data[key] = base64.StdEncoding.EncodeToString(decoded)
	}
	plain, err := stringMap(id, doc, "stringData")
	if err != nil {
		return err
	}
	if len(plain) == 0 {
		delete(doc.manifest, "stringData")
		return nil
	}
	if data == nil {
		data = map[string]any{}
		doc.manifest["data"] = data
	}
	for key, v := range plain {
		data[key] = base64.StdEncoding.EncodeToString([]byte(text(v)))
	}
	delete(doc.manifest, "stringData")
	return nil
}

func stringMap(id drift.ID, doc document, field string) (map[string]any, error) {
	if doc.manifest[field] == nil {
		return nil, nil
	}
	entries, ok := doc.manifest[field].(map[string]any)
	if !ok {
		return nil, problem(doc.origin, "", "%s: %s is not a mapping", id.Short(), field)
	}
	for key, v := range entries {
		if _, ok := v.(string); !ok {
			return nil, problem(doc.origin, "quote the value", "%s: the value of %s key %s is not text", id.Short(), field, short(key))
		}
	}
	return entries, nil
}
