package reconcile_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

func patience(d time.Duration) func(*drift.App) { return func(a *drift.App) { a.HealthTimeout = d } }

// forEver is longer than any test: who waits so long hangs.
const forEver = 24 * time.Hour

// neverReady is a Deployment whose pods never become ready.
var neverReady = stuck(existing("apps/v1", "Deployment", "db", deployment("", "")))

// TestOutsideHoldsNobody: what only something outside the cluster brings is waited for
// neither by its own app nor by those that depend on it, in the run that applies it and in
// later ones, which know it from their memo. The app is not healthy all the same.
func TestOutsideHoldsNobody(t *testing.T) {
	t.Parallel()
	for why, base := range map[string]string{
		"a load balancer's address":                existing("v1", "Service", "db", "spec: {type: LoadBalancer, selector: {app: x}, ports: [{port: 80, protocol: TCP}]}"),
		"a volume for a claim without a class":     existing("v1", "PersistentVolumeClaim", "db", `spec: {storageClassName: "", accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}`),
		"the volume that a claim names, not there": existing("v1", "PersistentVolumeClaim", "db", `spec: {storageClassName: "", volumeName: nobodys, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}`),
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.app("base", patience(forEver))
			s.app("shop", after("base"), patience(forEver))
			for _, text := range []string{"data: {a: b}", "data: {a: c}", "data: {a: d}"} {
				s.commit(map[string]string{"base/db.yaml": base, "a.yaml": existing("v1", "ConfigMap", "a", text)})
				r := s.run()
				if got := r.of("ConfigMap a"); got.Outcome != "applied" || r.code != reconcile.ExitOK {
					t.Errorf("%s: the dependent app: %s: %q; exit code %d", text, got.Outcome, got.Error, r.code)
				}
				for _, app := range r.Report.Apps {
					if app.Name == "base" && app.Health != drift.HealthInProgress {
						t.Errorf("%s: the app that waits is %s", text, app.Health)
					}
				}
			}
		})
	}
}

// TestHealthTimeout: an app waits as long as its own healthTimeout says, and not for ever
// within a run that has a deadline; what is still in progress is no error, holds who depends
// on it, and is carried to the next run.
func TestHealthTimeout(t *testing.T) {
	t.Parallel()
	for why, timeout := range map[string]time.Duration{
		"a short time of its own": time.Millisecond,
		"half of the run at most": forEver,
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.app("base", patience(timeout))
			s.app("shop", after("base"))
			s.app("apart", patience(forEver))
			s.commit(map[string]string{"base/db.yaml": neverReady, "a.yaml": configMap("a"), "apart/b.yaml": configMap("b")})
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			r := s.do(ctx, reconcile.Run, nil)
			if r.Tally.Interrupted || r.Tally.Partial {
				t.Errorf("the run did not end by itself: %+v\n%s", r.Tally, r.details())
			}
			if got := r.of("ConfigMap a"); got.Outcome != "skipped" || !strings.Contains(got.Error, "Deployment") {
				t.Errorf("the dependent app: %s: %q", got.Outcome, got.Error)
			}
			s.live("v1 ConfigMap b")
			s.commit(map[string]string{"base/db.yaml": existing("apps/v1", "Deployment", "db", deployment("", ""))})
			s.app("base", patience(longEnough))
			if r := s.run(); r.code != reconcile.ExitOK {
				t.Errorf("when it is mended: exit code %d\n%s", r.code, r.details())
			}
			s.live("v1 ConfigMap a")
		})
	}
}
