package reconcile_test

import (
	"testing"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// TestPlanBesideARun: a plan that read what is remembered before a run changed the cluster,
// and looks at the cluster after it, tells what is there: nothing where the run did all that
// Git says, and what a hand did after the run.
func TestPlanBesideARun(t *testing.T) {
	t.Parallel()
	for _, trust := range []drift.Trust{drift.TrustNothing, drift.TrustProof, drift.TrustMemo} {
		for _, c := range []struct {
			why   string
			files map[string]string // committed before the plan
			after func(s *site)     // the run
			want  []string
		}{
			{"a rollout", map[string]string{"a.yaml": existing("v1", "ConfigMap", "a", "data: {x: two}")}, func(*site) {}, nil},
			{"a new object", map[string]string{"b.yaml": configMap("b")}, func(*site) {}, nil},
			{"an edit after it", map[string]string{"a.yaml": existing("v1", "ConfigMap", "a", "data: {x: two}")},
				func(s *site) { s.merge("kubectl-edit", "v1 ConfigMap a", "{data: {x: three}}") },
				[]string{"ConfigMap a: modified"}},
			{"a deletion after it", map[string]string{"b.yaml": configMap("b")},
				func(s *site) { s.remove("v1 ConfigMap b") },
				[]string{"ConfigMap b: missing"}},
		} {
			t.Run(trust.String()+": "+c.why, func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				s.trust = trust
				s.commit(map[string]string{"a.yaml": existing("v1", "ConfigMap", "a", "data: {x: one}"), "other.yaml": configMap("other")})
				s.converge()
				s.commit(c.files)
				s.intercept(&between{observe: func(_ []drift.Want, n int) error {
					if n == 1 {
						wrap := s.wrap
						s.wrap = nil
						s.run()
						s.wrap = wrap
						c.after(s)
					}
					return nil
				}})
				r := s.plan()
				var got []string
				for _, resource := range r.Report.Apps[0].Resources {
					got = append(got, resource.Kind+" "+resource.Name+": "+resource.Drift)
				}
				if len(got) != len(c.want) || len(got) == 1 && got[0] != c.want[0] || len(r.Report.Errors) != 0 {
					t.Errorf("the plan tells %q, not %q\n%s", got, c.want, r.details())
				}
				if clean := r.code == reconcile.ExitOK; clean != (len(c.want) == 0) {
					t.Errorf("exit code %d", r.code)
				}
			})
		}
	}
}
