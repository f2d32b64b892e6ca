package dependency_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/dependency"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/model"
)

func TestOrder(t *testing.T) {
	t.Parallel()
	id := func(kind, namespace, name string) drift.ID {
		kind, group, _ := strings.Cut(kind, ".")
		return drift.ID{Group: group, Kind: kind, Namespace: namespace, Name: name}
	}
	stages := map[dependency.Stage][]string{
		dependency.StageNamespaces: {"Namespace"},
		dependency.StageCRDs:       {"CustomResourceDefinition.apiextensions.k8s.io"},
		dependency.StageFoundations: {"ServiceAccount", "Secret", "ConfigMap", "PersistentVolumeClaim", "PersistentVolume", "ResourceQuota", "LimitRange",
			"Role.rbac.authorization.k8s.io", "ClusterRoleBinding.rbac.authorization.k8s.io", "NetworkPolicy.networking.k8s.io",
			"StorageClass.storage.k8s.io", "PriorityClass.scheduling.k8s.io", "IngressClass.networking.k8s.io", "RuntimeClass.node.k8s.io"},
		dependency.StageServices:  {"Service", "Endpoints", "EndpointSlice.discovery.k8s.io"},
		dependency.StageWorkloads: {"Pod", "Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "ReplicaSet.apps", "ReplicationController", "Job.batch", "CronJob.batch"},
		dependency.StageOthers:    {"Ingress.networking.k8s.io", "HorizontalPodAutoscaler.autoscaling", "Widget.example.com", "Deployment.example.com", "PodDisruptionBudget.policy"},
		dependency.StageAdmission: {"ValidatingWebhookConfiguration.admissionregistration.k8s.io", "MutatingWebhookConfiguration.admissionregistration.k8s.io",
			"ValidatingAdmissionPolicy.admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io",
			"MutatingAdmissionPolicy.admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding.admissionregistration.k8s.io", "APIService.apiregistration.k8s.io"},
	}
	if got := dependency.Stages(); len(got) != len(stages) || !slices.IsSorted(got) || got[0] != dependency.StageNamespaces {
		t.Errorf("%v", got)
	}
	var steps []drift.Step
	for stage, kinds := range stages {
		for _, kind := range kinds {
			if got := dependency.StageOf(id(kind, "a", "x")); got != stage {
				t.Errorf("%s: stage %d, want %d", kind, got, stage)
			}
			for _, name := range []string{"b", "a"} {
				steps = append(steps, drift.Step{Change: drift.Change{ID: id(kind, "", name)}})
			}
		}
	}
	before := slices.Clone(steps)
	sorted := dependency.SortSteps(steps)
	deletions := dependency.DeletionOrder(steps)
	for i := range steps {
		if steps[i].Change.ID != before[i].Change.ID {
			t.Fatal("sorted in place")
		}
	}
	for i := 1; i < len(sorted); i++ {
		a, b := sorted[i-1].Change.ID, sorted[i].Change.ID
		if dependency.StageOf(a) > dependency.StageOf(b) || dependency.StageOf(a) == dependency.StageOf(b) && a.Compare(b) > 0 {
			t.Errorf("%s before %s", a, b)
		}
	}
	for i := range sorted {
		if deletions[len(sorted)-1-i].Change.ID != sorted[i].Change.ID {
			t.Fatal("deletions go the other way")
		}
	}
	if last := deletions[len(deletions)-1].Change.ID.Kind; last != "Namespace" {
		t.Errorf("namespaces go last: %s", last)
	}
}

func TestCRDOf(t *testing.T) {
	t.Parallel()
	crd := model.Tree(t, `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions: [{name: v1, served: true}, {name: v1beta1, served: false}, {name: v2, served: true}]
`)
	kinds, namespaced, ok := dependency.CRDOf(crd)
	want := []drift.Kind{{Group: "example.com", Version: "v1", Kind: "Widget"}, {Group: "example.com", Version: "v2", Kind: "Widget"}}
	if diff := cmp.Diff(want, kinds); diff != "" || !namespaced || !ok {
		t.Errorf("only served versions; namespaced %t, ok %t (-want +got):\n%s", namespaced, ok, diff)
	}
	model.Put(t, crd, model.At("spec scope"), "Cluster")
	if _, namespaced, _ := dependency.CRDOf(crd); namespaced {
		t.Error("scope Cluster")
	}
	for _, other := range []map[string]any{nil, {}, model.Tree(t, model.ConfigMapYAML)} {
		if kinds, _, ok := dependency.CRDOf(other); ok || kinds != nil {
			t.Errorf("no CRD: %v", kinds)
		}
	}
	if kinds, _, ok := dependency.CRDOf(map[string]any{"kind": "CustomResourceDefinition", "spec": map[string]any{"versions": []any{"x", nil}}}); !ok || kinds != nil {
		t.Errorf("a broken CRD defines nothing: %v", kinds)
	}
}
