package render

import (
	"github.com/killick-dev/killick/internal/drift"
)

type scope int

const (
	unknownScope scope = iota
	namespaced
	clusterScoped
)

type groupKind struct{ group, kind string }

// scopes knows which kinds live in namespaces: what the cluster serves, then
// what CRDs of the same render define, then what Kubernetes ships.
type scopes struct {
	known map[groupKind]scope
}

func newScopes(capabilities drift.Capabilities, documents []document) scopes {
	s := scopes{known: map[groupKind]scope{}}
	for _, doc := range documents {
		group, kind, scoped := definedKind(doc.manifest)
		if kind != "" {
			s.known[groupKind{group, kind}] = scoped
		}
	}
	// The cluster has the last word: the scope of a served kind cannot change.
	for kind, info := range capabilities.Kinds {
		scoped := clusterScoped
		if info.Namespaced {
			scoped = namespaced
		}
		s.known[groupKind{kind.Group, kind.Kind}] = scoped
	}
	return s
}

func (s scopes) of(kind drift.Kind) scope {
	if known, ok := s.known[groupKind{kind.Group, kind.Kind}]; ok {
		return known
	}
	if kinds, ok := builtinClusterKinds[kind.Group]; ok {
		if kinds[kind.Kind] {
			return clusterScoped
		}
		return namespaced
	}
	if builtinNamespacedGroups[kind.Group] {
		return namespaced
	}
	return unknownScope
}

// definedKind is the kind that a CRD defines; empty for anything else.
func definedKind(manifest map[string]any) (group, kind string, scoped scope) {
	if manifest["kind"] != "CustomResourceDefinition" {
		return "", "", unknownScope
	}
	spec, _ := manifest["spec"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	group, _ = spec["group"].(string)
	kind, _ = names["kind"].(string)
	if kind == "" || group == "" {
		return "", "", unknownScope
	}
	if spec["scope"] == "Cluster" {
		return group, kind, clusterScoped
	}
	return group, kind, namespaced
}

func kindSet(kinds ...string) map[string]bool {
	set := make(map[string]bool, len(kinds))
	for _, kind := range kinds {
		set[kind] = true
	}
	return set
}

// builtinClusterKinds are the cluster-scoped kinds of Kubernetes 1.37's own
// groups, for renders without a cluster (`kubectl api-resources
// --namespaced=false`). The other kinds of these groups are namespaced.
var builtinClusterKinds = map[string]map[string]bool{
	"": kindSet("ComponentStatus", "Namespace", "Node", "PersistentVolume"),
	"admissionregistration.k8s.io": kindSet("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "MutatingWebhookConfiguration",
		"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration"),
	"apiextensions.k8s.io":         kindSet("CustomResourceDefinition"),
	"apiregistration.k8s.io":       kindSet("APIService"),
	"authentication.k8s.io":        kindSet("SelfSubjectReview", "TokenReview"),
	"authorization.k8s.io":         kindSet("SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview"),
	"certificates.k8s.io":          kindSet("CertificateSigningRequest", "ClusterTrustBundle"),
	"flowcontrol.apiserver.k8s.io": kindSet("FlowSchema", "PriorityLevelConfiguration"),
	"internal.apiserver.k8s.io":    kindSet("StorageVersion"),
	"networking.k8s.io":            kindSet("IngressClass", "IPAddress", "ServiceCIDR"),
	"node.k8s.io":                  kindSet("RuntimeClass"),
	"policy":                       kindSet("PodSecurityPolicy"),
	"rbac.authorization.k8s.io":    kindSet("ClusterRole", "ClusterRoleBinding"),
	"resource.k8s.io":              kindSet("DeviceClass", "DeviceTaintRule", "ResourceSlice"),
	"scheduling.k8s.io":            kindSet("PriorityClass"),
	"storage.k8s.io":               kindSet("CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"),
	"storagemigration.k8s.io":      kindSet("StorageVersionMigration"),
}

// builtinNamespacedGroups have no cluster-scoped kind.
var builtinNamespacedGroups = map[string]bool{
	"apps": true, "autoscaling": true, "batch": true, "coordination.k8s.io": true, "discovery.k8s.io": true,
	"events.k8s.io": true, "extensions": true,
}
