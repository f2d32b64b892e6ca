package reconcile_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/killick-dev/killick/internal/nested"
)

// scaledWeb is a workload of one container; replicas and resources are parts of its
// spec and of its container, or nothing.
func scaledWeb(kind, replicas, resources string) string {
	more := ""
	if kind == "StatefulSet" {
		more = ", serviceName: web"
	}
	return existing("apps/v1", kind, "web", `spec: {`+replicas+`selector: {matchLabels: {app: web}}, template: {
		metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: "registry.example.com/web:1"`+resources+`}]}}`+more+`}`)
}

func scalerOf(kind string) string {
	return existing("autoscaling/v2", "HorizontalPodAutoscaler", "web", `spec: {scaleTargetRef: {apiVersion: apps/v1, kind: `+kind+`, name: web},
		minReplicas: 4, maxReplicas: 9, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}]}`)
}

// numbers watches an object and answers every number of replicas that it ever had.
func (s *site) numbers(ref string) (stop func() []any) {
	s.Helper()
	where, id := s.resource(ref)
	ctx, cancel := context.WithCancel(s.Context())
	watch, err := where.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + id.Name, ResourceVersion: nested.ResourceVersionOf(s.live(ref))})
	if err != nil {
		s.Fatal(err)
	}
	seen := make(chan []any, 1)
	go func() {
		var numbers []any
		for event := range watch.ResultChan() {
			object, ok := event.Object.(*unstructured.Unstructured)
			if !ok {
				numbers = append(numbers, fmt.Sprintf("the watch ended: %v", event))
				break
			}
			number, _, _ := unstructured.NestedInt64(object.Object, "spec", "replicas")
			if len(numbers) == 0 || numbers[len(numbers)-1] != any(number) {
				numbers = append(numbers, number)
			}
			if object.GetAnnotations()["last"] != "" {
				break
			}
		}
		seen <- numbers
	}()
	return func() []any {
		s.merge("kubectl-annotate", ref, `{metadata: {annotations: {last: seen}}}`)
		numbers := <-seen
		cancel()
		s.merge("kubectl-annotate", ref, `{metadata: {annotations: {last: null}}}`)
		return numbers
	}
}

// TestHandedToAutoscaler: one commit drops the replicas and adds an autoscaler. The number
// never changes on the way, whoever's plan the autoscaler stands in, and whether or not
// policy grants it; what the autoscaler writes then is its own.
func TestHandedToAutoscaler(t *testing.T) {
	t.Parallel()
	tests := []struct {
		why, kind, at string
		rego          string
		granted       bool
	}{
		{"in the same app", "Deployment", "shop/hpa.yaml", "", true},
		{"in another app of the run, judged after it", "Deployment", "tail/hpa.yaml", "", true},
		{"another kind that scales", "StatefulSet", "shop/hpa.yaml", "", true},
		{"policy keeps the autoscaler out", "Deployment", "shop/hpa.yaml", `
alert_only contains "no autoscalers today" if input.resource.kind == "HorizontalPodAutoscaler"
`, false},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.budget = 0
			s.rego = grants + test.rego
			s.app("tail")
			s.commit(map[string]string{"web.yaml": scaledWeb(test.kind, "replicas: 4, ", ""), "tail/a.yaml": configMap("a")})
			s.run()
			ref := "apps/v1 " + test.kind + " web"
			stop := s.numbers(ref)
			s.commit(map[string]string{"web.yaml": scaledWeb(test.kind, "", ""), test.at: scalerOf(test.kind)})
			r := s.run()
			if test.granted {
				s.cluster.Eventually(s.T, "the autoscaler has looked at it", func(context.Context) error {
					if s.value("autoscaling/v2 HorizontalPodAutoscaler web", "status currentReplicas") != any(int64(4)) {
						return fmt.Errorf("not yet")
					}
					return nil
				})
			}
			if diff := cmp.Diff([]any{int64(4)}, stop()); diff != "" {
				t.Errorf("replicas on the way (-want +got):\n%s\n%s", diff, r.details())
			}
			if !test.granted {
				return
			}
			s.merge("kubectl-edit", "autoscaling/v2 HorizontalPodAutoscaler web", "{spec: {minReplicas: 5}}")
			s.cluster.Eventually(s.T, "the autoscaler scales", func(context.Context) error {
				if s.value(ref, "spec replicas") != any(int64(5)) {
					return fmt.Errorf("not yet")
				}
				return nil
			})
			if app := s.run().Report.Apps[0]; app.Counts.Modified > 1 || s.value(ref, "spec replicas") != any(int64(5)) {
				t.Errorf("what the autoscaler set is drift: %+v", app.Resources)
			}
		})
	}
}

// crdOf defines a kind of any content.
func crdOf(group, version, kind, plural string) string {
	return `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition,
		metadata: {name: ` + plural + "." + group + `, annotations: {api-approved.kubernetes.io: "unapproved, a test"}}, spec: {group: ` + group + `, scope: Namespaced,
		names: {kind: ` + kind + `, plural: ` + plural + `}, versions: [{name: ` + version + `, served: true, storage: true,
		schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}}`
}

// TestHandedToCustomAutoscaler: KEDA makes its HorizontalPodAutoscaler later, and a vertical
// autoscaler needs a while to know what to give; until then what runs stays as it is.
func TestHandedToCustomAutoscaler(t *testing.T) {
	t.Parallel()
	const resources = `, resources: {requests: {cpu: 200m}, limits: {memory: 64Mi}}`
	ref, vpa := "apps/v1 Deployment web", "autoscaling.k8s.io/v1 VerticalPodAutoscaler web"
	s := newSite(t)
	s.budget = 0
	s.commit(map[string]string{
		"web.yaml":  scaledWeb("Deployment", "replicas: 4, ", resources),
		"keda.yaml": crdOf("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects"),
		"vpa.yaml":  crdOf("autoscaling.k8s.io", "v1", "VerticalPodAutoscaler", "verticalpodautoscalers"),
	})
	s.run()
	s.commit(map[string]string{
		"web.yaml":    scaledWeb("Deployment", "", ""),
		"scaler.yaml": existing("keda.sh/v1alpha1", "ScaledObject", "web", "spec: {scaleTargetRef: {name: web}, minReplicaCount: 4}"),
		"sizer.yaml":  existing("autoscaling.k8s.io/v1", "VerticalPodAutoscaler", "web", "spec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}"),
	})
	for _, why := range []string{"the run that adds them", "the next one"} {
		r := s.run()
		if got := s.value(ref, "spec replicas"); got != any(int64(4)) {
			t.Errorf("%s: %v replicas\n%s", why, got, r.details())
		}
		containers := s.value(ref, "spec template spec containers").([]any)
		want := map[string]any{"requests": map[string]any{"cpu": "200m"}, "limits": map[string]any{"memory": "64Mi"}}
		if diff := cmp.Diff(want, containers[0].(map[string]any)["resources"]); diff != "" {
			t.Errorf("%s: resources (-want +got):\n%s\n%s", why, diff, r.details())
		}
	}
	s.merge("recommender", vpa, `{status: {recommendation: {containerRecommendations: [{containerName: c, target: {cpu: 100m}}]}}}`)
	r := s.run()
	containers := s.value(ref, "spec template spec containers").([]any)
	if got := containers[0].(map[string]any)["resources"]; len(got.(map[string]any)) > 0 || s.value(ref, "spec replicas") != any(int64(4)) {
		t.Errorf("Git's wish is refused although the autoscaler recommends: %v\n%s", got, r.details())
	}
	if got := r.of("Deployment web"); got.Action != "sync" || got.Cause != "git" {
		t.Errorf("it is Git that lets go of them, not the cluster:\n%s", r.details())
	}
}
