package reconcile_test

import (
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// TestUnhealthyIsNamed: an object that keeps its app from being healthy is named although
// it is in sync, by the run that wrote it, by one that asks about it, by one that believes
// the memo, and in what an idle run reports.
func TestUnhealthyIsNamed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.budget = 0
	s.commit(map[string]string{
		"edge.yaml": existing("v1", "Service", "edge", "spec: {type: LoadBalancer, selector: {app: x}, ports: [{port: 80}]}"),
		"a.yaml":    existing("v1", "ConfigMap", "a", "data: {a: b}"),
	})
	named := func(reason string, app drift.ReportApp) {
		t.Helper()
		if app.UnhealthyTotal != 1 || len(app.Unhealthy) != 1 {
			t.Fatalf("%s: health %s, %d objects: %+v", reason, app.Health, app.UnhealthyTotal, app.Unhealthy)
		}
		object := app.Unhealthy[0]
		if object.Name != "edge" || object.Health != drift.HealthInProgress || !strings.Contains(object.Reason, "load balancer") || object.Created == nil {
			t.Errorf("%s: %+v", reason, object)
		}
	}
	named("the run that wrote it", s.run().Report.Apps[0])
	for _, s.trust = range []drift.Trust{drift.TrustNothing, drift.TrustProof, drift.TrustMemo, drift.TrustMemo} {
		r := s.run()
		named("a run with trust "+s.trust.String(), r.Report.Apps[0])
		if r.Record == nil {
			t.Fatal("no record")
		}
		named("what an idle run reports", r.Record.Apps[0].Report)
	}
}
