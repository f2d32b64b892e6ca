package dependency

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// References are what one manifest mounts, names and selects.
type References struct {
	namespace string
	custom    bool // of a kind whose references no table here knows
	named     []reference
	selectors []selection
	// words are the names that may be in free text: annotations, and everything that a
	// custom resource says. hosts are those in what containers are told.
	words, hosts map[string]bool
}

// reference is one object that is named. An empty kind is any kind, an empty
// namespace any namespace.
type reference struct {
	kind, namespace, name string
	how                   string
}

// selection is one label selector; all is one that matches everything.
type selection struct {
	labels.Selector
	all bool
}

// How something uses what is to be pruned, as a report says it.
const (
	ByMount    = "mounts"
	ByName     = "names"
	BySelector = "selects"
	ByAccount  = "runs as"
	ByBinding  = "gets rights from"
)

// kindOfName are the fields that hold the name of an object of one kind. The API names
// them alike wherever they stand.
var kindOfName = map[string]string{
	"secretName": "Secret", "claimName": "PersistentVolumeClaim", "serviceName": "Service",
	"serviceAccountName": "ServiceAccount", "serviceAccount": "ServiceAccount",
	"storageClassName": "StorageClass", "ingressClassName": "IngressClass", "priorityClassName": "PriorityClass",
	"runtimeClassName": "RuntimeClass", "volumeName": "PersistentVolume", "deviceClassName": "DeviceClass",
	"volumeAttributesClassName": "VolumeAttributesClass", "resourceClaimName": "ResourceClaim",
	"resourceClaimTemplateName": "ResourceClaimTemplate", "policyName": "", "secretProviderClass": "SecretProviderClass",
}

// kindOfHolder are the fields that hold an object with the name of another one.
var kindOfHolder = map[string]string{
	"configMap": "ConfigMap", "configMapRef": "ConfigMap", "configMapKeyRef": "ConfigMap",
	"secret": "Secret", "secretRef": "Secret", "secretKeyRef": "Secret", "nodePublishSecretRef": "Secret",
	"nodeStageSecretRef": "Secret", "controllerExpandSecretRef": "Secret", "controllerPublishSecretRef": "Secret",
	"nodeExpandSecretRef": "Secret", "imagePullSecrets": "Secret", "secrets": "Secret", "service": "Service",
	"clusterTrustBundle": "ClusterTrustBundle", "paramRef": "",
}

// builtinWorkload says that a kind is a Pod, or makes Pods, and is no custom resource.
func builtinWorkload(id drift.ID) bool {
	return id.Group == "apps" || id.Group == "batch" || id.GroupKind() == "Pod" || id.GroupKind() == "ReplicationController"
}

func customResource(id drift.ID) bool { return !drift.BuiltInGroup(id.Group) }

// ReferencesOf reads a live object or a manifest.
func ReferencesOf(object map[string]any) References {
	group, _, _ := drift.ParseAPIVersion(nested.StringAt(object, "apiVersion")) // what is malformed is nobody's built-in kind
	id := drift.ID{Group: group, Kind: nested.StringAt(object, "kind")}
	r := References{namespace: nested.StringAt(nested.Metadata(object), "namespace"), custom: customResource(id),
		words: map[string]bool{}, hosts: map[string]bool{}}
	for key, value := range object {
		spec, _ := value.(map[string]any)
		switch {
		case key == "status":
		case key == "metadata":
			r.annotations(spec)
			if r.custom {
				for _, value := range nested.StringMap(spec["labels"]) {
					addWords(r.words, value) // such as the cluster that a member belongs to
				}
			}
			r.walk(place{}, "ownerReferences", spec["ownerReferences"])
		case key == "spec" && builtinWorkload(id):
			// Its own selector finds the Pods that it made.
			spec = maps.Clone(spec)
			delete(spec, "selector")
			r.walk(place{}, key, spec)
		default:
			r.walk(place{all: id.GroupKind() == "PodDisruptionBudget.policy" || id.GroupKind() == "NetworkPolicy.networking.k8s.io"}, key, value)
		}
	}
	return r
}

// kubectlApplied is the manifest that kubectl or another client left on a live object, nil
// when there is none.
func kubectlApplied(live map[string]any) map[string]any {
	var manifest map[string]any
	text := nested.Annotations(live)[drift.LastApplied]
	if text == "" || utiljson.Unmarshal([]byte(text), &manifest) != nil {
		return nil
	}
	return manifest
}

// place is where in an object a value stands.
type place struct {
	volume bool // below volumes or volumeClaimTemplates
	all    bool // an empty selector selects everything here
}

func (r *References) walk(at place, key string, value any) {
	at.volume = at.volume || key == "volumes" || key == "volumeClaimTemplates"
	switch v := value.(type) {
	case map[string]any:
		r.holder(at, key, v)
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if fields, ok := v[name].(map[string]any); ok && name == "metadata" {
				r.annotations(fields)
				continue
			}
			r.walk(at, name, v[name])
		}
	case []any:
		for _, item := range v {
			r.walk(at, key, item)
		}
	case string:
		r.text(at, key, v)
	}
}

// holder reads an object that names, or selects, others.
func (r *References) holder(at place, key string, v map[string]any) {
	how := ByName
	if at.volume {
		how = ByMount
	}
	name := nested.StringAt(v, "name")
	if kind := nested.StringAt(v, "kind"); kind != "" && name != "" {
		r.name(reference{kind: kind, namespace: nested.StringAt(v, "namespace"), name: name, how: how})
	}
	if kind, ok := kindOfHolder[key]; ok && name != "" {
		r.name(reference{kind: kind, namespace: nested.StringAt(v, "namespace"), name: name, how: how})
	}
	if key != "nodeSelector" && (key == "selector" || strings.HasSuffix(key, "Selector")) {
		r.selectors = append(r.selectors, selectionOf(v, at.all))
	}
}

// name notes a reference; one that says no namespace is to its own.
func (r *References) name(to reference) {
	if to.namespace == "" {
		to.namespace = r.namespace
	}
	r.named = append(r.named, to)
}

func (r *References) text(at place, key, value string) {
	if kind, ok := kindOfName[key]; ok {
		to := reference{kind: kind, name: value, how: ByName}
		switch {
		case kind == "ServiceAccount":
			to.how = ByAccount
		case at.volume:
			to.how = ByMount
		}
		r.name(to)
	}
	if r.custom {
		addWords(r.words, value)
	}
	if key == "value" || key == "args" || key == "command" {
		addWords(r.hosts, value)
	}
}

// tellsOnly are the beginnings of annotations that describe an object and configure
// nothing.
var tellsOnly = []string{
	"kubectl.kubernetes.io/", "kubernetes.io/change-cause", "deployment.kubernetes.io/", "meta.helm.sh/", "helm.sh/",
	"argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/", "config.kubernetes.io/",
	"internal.config.kubernetes.io/", "config.k8s.io/", "app.kubernetes.io/", "applyset.kubernetes.io/", "killick.dev/",
}

// annotations may name what a controller or the container runtime is to use, such as
// k8s.v1.cni.cncf.io/networks.
func (r *References) annotations(fields map[string]any) {
	for key, value := range nested.StringMap(fields["annotations"]) {
		if !slices.ContainsFunc(tellsOnly, func(prefix string) bool { return strings.HasPrefix(key, prefix) }) {
			addWords(r.words, value)
		}
	}
}

// addWords adds the names that a text may hold: "web", "shop/web", "web.shop.svc:80".
func addWords(words map[string]bool, text string) {
	for word := range strings.FieldsFuncSeq(text, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_')
	}) {
		word = strings.Trim(word, ".-_")
		words[word] = true
		if host, _, ok := strings.Cut(word, "."); ok {
			words[host] = true
		}
	}
}

// selectionOf reads a selector of either form. One that cannot be read selects
// everything.
func selectionOf(v map[string]any, emptyIsAll bool) selection {
	if v["matchLabels"] == nil && v["matchExpressions"] == nil {
		set := labels.Set(nested.StringMap(v))
		if len(v) == 0 || len(set) != len(v) {
			return selection{Selector: labels.Nothing(), all: len(v) == 0 && emptyIsAll}
		}
		return selection{Selector: set.AsSelector()}
	}
	var parsed metav1.LabelSelector
	data, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(data, &parsed)
	}
	selector, bad := metav1.LabelSelectorAsSelector(&parsed)
	if err != nil || bad != nil {
		return selection{Selector: labels.Nothing(), all: true}
	}
	if selector.Empty() {
		return selection{Selector: labels.Nothing(), all: emptyIsAll}
	}
	return selection{Selector: selector}
}
