package drift

import (
	"slices"
)

// builtInGroups are the API groups that the API server itself serves, those of earlier
// releases included (k8s.io/api, and apiextensions and apiregistration beside it). Other
// *.k8s.io groups, as gateway.networking.k8s.io, are those of CRDs.
var builtInGroups = []string{
	"", "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "apps",
	"auditregistration.k8s.io", "authentication.k8s.io", "authorization.k8s.io", "autoscaling", "batch",
	"certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "extensions",
	"flowcontrol.apiserver.k8s.io", "imagepolicy.k8s.io", "internal.apiserver.k8s.io", "lifecycle.k8s.io", "networking.k8s.io",
	"node.k8s.io", "policy", "rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io",
	"settings.k8s.io", "storage.k8s.io", "storagemigration.k8s.io",
}

// BuiltInGroup says that no CRD defines the group's kinds: one that discovery lacks went
// with an upgrade of the API server, as PodSecurityPolicy did, or was switched off.
func BuiltInGroup(group string) bool { return slices.Contains(builtInGroups, group) }
