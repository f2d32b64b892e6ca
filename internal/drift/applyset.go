package drift

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"strings"

	"github.com/killick-dev/killick/internal/nested"
)

// ApplySet keys, as kubectl's code writes them (kubectl pkg/cmd/apply/applyset.go;
// KEP-3659's text names another domain).
const (
	LabelPartOf           = "applyset.kubernetes.io/part-of"
	LabelApplySetID       = "applyset.kubernetes.io/id"
	AnnotationTooling     = "applyset.kubernetes.io/tooling"
	AnnotationGroupKinds  = "applyset.kubernetes.io/contains-group-kinds"
	AnnotationNamespaces  = "applyset.kubernetes.io/additional-namespaces"
	AnnotationInstall     = "killick.dev/installation"
	AnnotationSource      = "killick.dev/source"
	Tooling               = "killick/v1"
	parentNamePrefix      = "killick-app-"
	stateNamePrefix       = "killick-state-"
	RunStateName          = "killick-run"
	KeyName               = "killick-key"
	LeaseName             = "killick"
	approvalNamespaceTail = "-approvals"
)

// ParentName is the ConfigMap that is the app's ApplySet parent.
func ParentName(app string) string { return parentNamePrefix + app }

// StateName is the ConfigMap that is the app's cache.
func StateName(app string) string { return stateNamePrefix + app }

// ApplySetID is the part-of value of an app whose parent ConfigMap stands in
// the state namespace.
func ApplySetID(app, stateNamespace string) string {
	return applySetID(ID{Kind: "ConfigMap", Namespace: stateNamespace, Name: ParentName(app)})
}

// applySetID is KEP-3659's "ApplySet ID" of a parent, with the prefix and suffix
// that kubectl's code adds. A core kind has no group, so its hashed text ends
// with a dot; a cluster-scoped parent has two dots in the middle.
func applySetID(parent ID) string {
	text := strings.Join([]string{parent.Name, parent.Namespace, parent.Kind, parent.Group}, ".")
	sum := sha256.Sum256([]byte(text))
	return "applyset-" + base64.RawURLEncoding.EncodeToString(sum[:]) + "-v1"
}

// WithPartOf is the object with the app's part-of label. A manifest that brings
// a part-of label of its own is an error: membership is not Git's to give.
func WithPartOf(object Object, id string) (Object, error) {
	if own := nested.Labels(object.Manifest)[LabelPartOf]; own != "" {
		return object, &Problem{Stage: "render", File: FileLine(object.Origin.File, object.Origin.Line),
			Hint: "remove the label; Killick sets it",
			Err:  fmt.Errorf("%s sets label %q itself", object.ID, LabelPartOf)}
	}
	manifest := maps.Clone(object.Manifest)
	meta, _ := manifest["metadata"].(map[string]any)
	labels, _ := meta["labels"].(map[string]any)
	meta, labels = cloned(meta), cloned(labels)
	manifest["metadata"], meta["labels"] = meta, labels
	labels[LabelPartOf] = id
	object.Manifest = manifest
	return object, nil
}

func cloned(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return maps.Clone(m)
}
