package health_test

import (
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/killick-dev/killick/internal/health"
)

// TestSince: how long an object has been as it is stands in the condition that says so.
func TestSince(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 8, 21, 12, 0, 0, 0, time.UTC)
	const created = "metadata: {generation: 1, creationTimestamp: 2026-08-01T00:00:00Z"
	for _, c := range []struct {
		reason, live, since string
	}{
		{"the condition whose words are the reason", `{apiVersion: example.com/v1, kind: Boat, ` + created + `}, status: {conditions: [
			{type: Painted, status: "False", reason: Later, message: later, lastTransitionTime: 2026-08-21T11:00:00Z},
			{type: Ready, status: "False", reason: Leak, message: it leaks, lastTransitionTime: 2026-08-20T00:00:00Z}]}}`, "2026-08-20T00:00:00Z"},
		{"counters have no time, the condition beside them has", `{apiVersion: apps/v1, kind: Deployment, ` + created + `}, spec: {replicas: 2}, status: {observedGeneration: 1,
			replicas: 2, updatedReplicas: 2, readyReplicas: 1, availableReplicas: 1, conditions: [
			{type: Progressing, status: "True", lastTransitionTime: 2026-08-21T11:30:00Z},
			{type: Available, status: "False", reason: MinimumReplicasUnavailable, message: no, lastTransitionTime: 2026-08-21T10:00:00Z}]}}`, "2026-08-21T10:00:00Z"},
		{"an autoscaler of version v1", `{apiVersion: autoscaling/v1, kind: HorizontalPodAutoscaler, ` + created + `, annotations: {autoscaling.alpha.kubernetes.io/conditions:
			'[{"type":"AbleToScale","status":"False","reason":"FailedGetScale","message":"no","lastTransitionTime":"2026-08-21T08:00:00Z"}]'}}}`, "2026-08-21T08:00:00Z"},
		{"no condition tells", `{apiVersion: v1, kind: Service, ` + created + `}, spec: {type: LoadBalancer, clusterIP: 10.0.0.1}}`, ""},
		{"a condition without a time", `{apiVersion: example.com/v1, kind: Boat, ` + created + `}, status: {conditions: [{type: Ready, status: "False", message: no}]}}`, ""},
		{"a deletion", `{apiVersion: v1, kind: ConfigMap, ` + created + `, deletionTimestamp: 2026-08-21T09:00:00Z}}`, "2026-08-21T09:00:00Z"},
	} {
		var live map[string]any
		if err := yaml.Unmarshal([]byte(c.live), &live); err != nil {
			t.Fatal(err)
		}
		got := health.Of(live, now)
		since := ""
		if !got.Since.IsZero() {
			since = got.Since.UTC().Format(time.RFC3339)
		}
		if since != c.since || got.Created.IsZero() {
			t.Errorf("%s: %s since %q, created %v; want %q", c.reason, got.Status, since, got.Created, c.since)
		}
	}
}
