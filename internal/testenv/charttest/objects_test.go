package charttest

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	sigsyaml "sigs.k8s.io/yaml"
)

// TestObjectsAreAccepted: the API server knows every field of every example, and
// the pods satisfy the standard "restricted", which the site's namespaces
// enforce.
func TestObjectsAreAccepted(t *testing.T) {
	s := installed(t, "")
	for name, in := range examples(t) {
		t.Run(name, func(t *testing.T) {
			for _, object := range render(t, in) {
				if kind := object.GetKind(); kind == "CronJob" || kind == "NetworkPolicy" || kind == "ServiceAccount" {
					object.SetNamespace(s.release)
					s.must(t, s.applyObject(s.admin, object, dryRun))
				}
			}
			s.must(t, s.applyObject(s.admin, s.pod(t, in), dryRun))
		})
	}
}

// pod is what the job controller would make of the CronJob.
func (s site) pod(t *testing.T, in install) *unstructured.Unstructured {
	t.Helper()
	template := cronJob(t, in).Spec.JobTemplate.Spec.Template
	pod := corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Namespace, pod.Name = s.release, "killick-1"
	pod.Spec.ServiceAccountName = "killick" // of the installation at hand
	pod.Spec.PriorityClassName = ""         // which the cluster would have to know
	text, err := sigsyaml.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	manifest := object(string(text))
	delete(manifest.Object, "status")
	return manifest
}

// TestRestrictedIsEnforced keeps the test above honest: a pod that is not
// restricted is refused in the same namespace.
func TestRestrictedIsEnforced(t *testing.T) {
	s := installed(t, "")
	pod := s.pod(t, install{release: "killick", namespace: s.release, values: repo + "podSecurityContext: {runAsUser: 0}"})
	if err := s.applyObject(s.admin, pod, dryRun)(t.Context()); err == nil {
		t.Error("a pod that runs as root is accepted")
	}
}

// resources mirrors files/resources.yaml.
type resources struct {
	Namespaced, Cluster struct{ Plain, Protected []rbacv1.PolicyRule }
	Secrets             []rbacv1.PolicyRule
	RBAC                struct{ Namespaced, Cluster []rbacv1.PolicyRule }
	AdmissionPolicies   []rbacv1.PolicyRule
}

// TestKindsExist: a misspelt resource in a rule grants nothing and says nothing.
func TestKindsExist(t *testing.T) {
	var kinds resources
	for _, file := range loadChart(t).Files {
		if file.Name == "files/resources.yaml" {
			if err := sigsyaml.UnmarshalStrict(file.Data, &kinds); err != nil {
				t.Fatal(err)
			}
		}
	}
	served := servedResources(t)
	check := func(namespaced bool, lists ...[]rbacv1.PolicyRule) {
		t.Helper()
		for _, list := range lists {
			if len(list) == 0 {
				t.Error("a list of kinds is empty")
			}
			for _, rule := range list {
				for _, resource := range rule.Resources {
					if key := resourceKey(rule.APIGroups[0], resource, namespaced); !served[key] {
						t.Errorf("%s is not served", key)
					}
				}
			}
		}
	}
	check(true, kinds.Namespaced.Plain, kinds.Namespaced.Protected, kinds.Secrets, kinds.RBAC.Namespaced)
	check(false, kinds.Cluster.Plain, kinds.Cluster.Protected, kinds.RBAC.Cluster, kinds.AdmissionPolicies)
}

func servedResources(t *testing.T) map[string]bool {
	t.Helper()
	// Groups that cannot be discovered are other tests' broken APIServices.
	_, lists, err := kubernetes.NewForConfigOrDie(admin(t)).Discovery().ServerGroupsAndResources()
	if len(lists) == 0 {
		t.Fatal(err)
	}
	served := map[string]bool{}
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, resource := range list.APIResources {
			served[resourceKey(version.Group, resource.Name, resource.Namespaced)] = true
		}
	}
	return served
}

func resourceKey(group, resource string, namespaced bool) string {
	return fmt.Sprintf("%s.%s namespaced=%t", resource, group, namespaced)
}
