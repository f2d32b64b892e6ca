package dependency

import (
	"cmp"
	"slices"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// Stage is a step of the write order: every stage ends before the next begins.
type Stage int

// Namespaces come first, then CRDs until they are established, then everything
// else in dependency order, admission configuration last: a webhook applied
// before the service behind it answers would refuse the rest.
const (
	StageNamespaces Stage = iota
	StageCRDs
	StageFoundations // what others refer to: policies, accounts, RBAC, config, storage
	StageServices
	StageWorkloads
	StageOthers // custom resources, routes, autoscalers
	StageAdmission
	stages
)

// Stages lists the write order.
func Stages() []Stage {
	all := make([]Stage, stages)
	for i := range all {
		all[i] = Stage(i)
	}
	return all
}

var stageOf = map[string]Stage{
	"Namespace": StageNamespaces,
	"CustomResourceDefinition.apiextensions.k8s.io": StageCRDs,
	"PriorityClass.scheduling.k8s.io":               StageFoundations,
	"StorageClass.storage.k8s.io":                   StageFoundations,
	"RuntimeClass.node.k8s.io":                      StageFoundations,
	"IngressClass.networking.k8s.io":                StageFoundations,
	"ResourceQuota":                                 StageFoundations,
	"LimitRange":                                    StageFoundations,
	"ServiceAccount":                                StageFoundations,
	"Role.rbac.authorization.k8s.io":                StageFoundations,
	"ClusterRole.rbac.authorization.k8s.io":         StageFoundations,
	"RoleBinding.rbac.authorization.k8s.io":         StageFoundations,
	"ClusterRoleBinding.rbac.authorization.k8s.io":  StageFoundations,
	"ConfigMap":                       StageFoundations,
	"Secret":                          StageFoundations,
	"PersistentVolume":                StageFoundations,
	"PersistentVolumeClaim":           StageFoundations,
	"NetworkPolicy.networking.k8s.io": StageFoundations,
	"Service":                         StageServices,
	"Endpoints":                       StageServices,
	"EndpointSlice.discovery.k8s.io":  StageServices,
	"Pod":                             StageWorkloads,
	"Deployment.apps":                 StageWorkloads,
	"StatefulSet.apps":                StageWorkloads,
	"DaemonSet.apps":                  StageWorkloads,
	"ReplicaSet.apps":                 StageWorkloads,
	"ReplicationController":           StageWorkloads,
	"Job.batch":                       StageWorkloads,
	"CronJob.batch":                   StageWorkloads,
	"MutatingWebhookConfiguration.admissionregistration.k8s.io":     StageAdmission,
	"ValidatingWebhookConfiguration.admissionregistration.k8s.io":   StageAdmission,
	"ValidatingAdmissionPolicy.admissionregistration.k8s.io":        StageAdmission,
	"ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io": StageAdmission,
	"MutatingAdmissionPolicy.admissionregistration.k8s.io":          StageAdmission,
	"MutatingAdmissionPolicyBinding.admissionregistration.k8s.io":   StageAdmission,
	"APIService.apiregistration.k8s.io":                             StageAdmission,
}

// StageOf tells when an object is written.
func StageOf(id drift.ID) Stage {
	if stage, ok := stageOf[id.GroupKind()]; ok {
		return stage
	}
	return StageOthers
}

// SortSteps orders steps for writing: by stage, then by what refers to what, then by ID.
func SortSteps(steps []drift.Step) []drift.Step {
	wave := map[drift.ID]int{}
	for n, places := range Waves(steps) {
		for _, i := range places {
			wave[steps[i].Change.ID] = n
		}
	}
	sorted := slices.Clone(steps)
	slices.SortStableFunc(sorted, func(a, b drift.Step) int {
		return cmp.Or(cmp.Compare(StageOf(a.Change.ID), StageOf(b.Change.ID)),
			cmp.Compare(wave[a.Change.ID], wave[b.Change.ID]), a.Change.ID.Compare(b.Change.ID))
	})
	return sorted
}

// DeletionOrder is the reverse: dependents go before what they depend on, and
// namespaces last.
func DeletionOrder(steps []drift.Step) []drift.Step {
	sorted := SortSteps(steps)
	slices.Reverse(sorted)
	return sorted
}

// CRDOf reads from a CRD manifest which kinds it defines; ok is false when the
// object is no CRD.
func CRDOf(manifest map[string]any) (kinds []drift.Kind, namespaced, ok bool) {
	if nested.StringAt(manifest, "kind") != "CustomResourceDefinition" {
		return nil, false, false
	}
	spec, _ := manifest["spec"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	versions, _ := spec["versions"].([]any)
	for _, item := range versions {
		version, _ := item.(map[string]any)
		if version["served"] == true {
			kinds = append(kinds, drift.Kind{Group: nested.StringAt(spec, "group"), Version: nested.StringAt(version, "name"), Kind: nested.StringAt(names, "kind")})
		}
	}
	return kinds, nested.StringAt(spec, "scope") == "Namespaced", true
}
