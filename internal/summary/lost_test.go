package summary_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/summary"
	"github.com/killick-dev/killick/internal/testenv/model"
)

func TestLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason        string
		id            drift.ID
		live, desired string
		want          []string
	}{
		{"a Deployment's Pods and history", drift.ID{Group: "apps", Kind: "Deployment"}, `status: {replicas: 3}`, `{}`,
			[]string{"its 3 Pods, all at once", "its ReplicaSets: there is no earlier revision to roll back to"}},
		{"a StatefulSet's claims stay", drift.ID{Group: "apps", Kind: "StatefulSet"}, `{status: {replicas: 1}, spec: {volumeClaimTemplates: [{}]}}`, `{}`,
			[]string{"its Pod", "nothing of its volumes: their claims stay as they are, and the new Pods use them"}},
		{"unless it says otherwise", drift.ID{Group: "apps", Kind: "StatefulSet"},
			`{spec: {volumeClaimTemplates: [{}], persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}}}`, `{}`,
			[]string{"its Pods", "the claims of its volumes and their data (its retention policy says Delete)"}},
		{"a DaemonSet counts otherwise", drift.ID{Group: "apps", Kind: "DaemonSet"}, `status: {currentNumberScheduled: 12}`, `{}`, []string{"its 12 Pods, all at once"}},
		{"a Job runs again", drift.ID{Group: "batch", Kind: "Job"}, `{}`, `{}`, []string{"its Pods and their logs, and what it has done: it runs again"}},
		{"what a Service was given", drift.ID{Kind: "Service"},
			`{spec: {clusterIP: 10.0.0.7, ports: [{nodePort: 30080}]}, status: {loadBalancer: {ingress: [{ip: 192.0.2.7}, {hostname: lb.example.com}]}}}`, `{}`,
			[]string{"cluster IP 10.0.0.7", "node ports 30080", "load balancer address 192.0.2.7, lb.example.com"}},
		{"what Git asks for comes back", drift.ID{Kind: "Service"}, `{spec: {clusterIP: 10.0.0.7, ports: [{nodePort: 30080}]}}`,
			`{spec: {clusterIP: 10.0.0.7, ports: [{nodePort: 30080}]}}`, []string{"what others wrote to it; until it is there again, whoever uses it finds nothing"}},
		{"a headless Service has no address", drift.ID{Kind: "Service"}, `{spec: {clusterIP: None}}`, `{}`,
			[]string{"what others wrote to it; until it is there again, whoever uses it finds nothing"}},
		{"a Gateway's address", drift.ID{Group: "gateway.networking.k8s.io", Kind: "Gateway"}, `status: {addresses: [{value: 192.0.2.9}]}`, `{}`, []string{"load balancer address 192.0.2.9"}},
		{"a claim", drift.ID{Kind: "PersistentVolumeClaim"}, `spec: {volumeName: pv-1}`, `{}`, []string{`the data on its volume "pv-1", unless that is retained`}},
		{"a claim that has no volume", drift.ID{Kind: "PersistentVolumeClaim"}, `{}`, `{}`, []string{"what others wrote to it; until it is there again, whoever uses it finds nothing"}},
		{"finalizers say that something is cleaned up", drift.ID{Group: "example.com", Kind: "Database"}, `metadata: {finalizers: [example.com/drop]}`, `{}`,
			[]string{"its status, and what its controller made for it", "whatever its finalizers clean up (example.com/drop)"}},
		{"a binding", drift.ID{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}, `{}`, `{}`, []string{"what others wrote to it; until it is there again, whoever uses it finds nothing"}},
	} {
		if diff := cmp.Diff(c.want, summary.LostByReplacing(c.id, model.Tree(t, c.live), model.Tree(t, c.desired))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
	if lost := summary.LostByReplacing(drift.ID{Kind: "Service"}, nil, nil); lost != nil {
		t.Errorf("nothing is there, and %q goes", lost)
	}
}
