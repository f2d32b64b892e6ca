package drift

import (
	"fmt"
	"testing"
	"time"
)

// Every object is asked about at least every six hours, on any schedule up to
// hourly, also when runs that find nothing moved ask nobody for an hour.
func TestAuditReachesEveryObject(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 11, 21, 3, 2, 1, 0, time.UTC)
	for _, interval := range []time.Duration{time.Minute, 5 * time.Minute, 7 * time.Minute, 15 * time.Minute, 20 * time.Minute, time.Hour} {
		for _, idle := range []bool{false, true} {
			asked := map[int]time.Time{}
			last := begin
			for object := range 300 {
				asked[object] = begin
			}
			for now := begin; now.Sub(begin) < 26*time.Hour; now = now.Add(interval) {
				if idle && now.Sub(last) < FullEvery {
					continue
				}
				audit := AuditSince(last, now)
				last = now
				for object := range asked {
					if !audit.Due(fmt.Sprintf("uid-%d", object)) {
						continue
					}
					if gap := now.Sub(asked[object]); gap > 6*time.Hour {
						t.Fatalf("every %s, idle %t: object %d was not asked about for %s", interval, idle, object, gap)
					}
					asked[object] = now
				}
			}
			for object, at := range asked {
				if gap := begin.Add(26 * time.Hour).Sub(at); gap > 6*time.Hour {
					t.Fatalf("every %s, idle %t: object %d was not asked about for the last %s", interval, idle, object, gap)
				}
			}
		}
	}
}

func TestAuditShare(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 3, 2, 1, 0, time.UTC)
	count := func(a Audit) (due int) {
		for object := range 4800 {
			if a.Due(fmt.Sprintf("uid-%d", object)) {
				due++
			}
		}
		return due
	}
	for _, c := range []struct {
		name     string
		last     time.Time
		low, top int
	}{
		{"no audit on record: one slot", time.Time{}, 50, 200},
		{"five minutes", now.Add(-5 * time.Minute), 50, 200},
		{"an hour", now.Add(-time.Hour), 1000, 1400},
		{"a day", now.Add(-24 * time.Hour), 4800, 4800},
		{"a moment", now.Add(-time.Second), 0, 0},
		{"a clock that went back", now.Add(time.Hour), 0, 0},
	} {
		if due := count(AuditSince(c.last, now)); due < c.low || due > c.top {
			t.Errorf("%s: %d of 4800 are due", c.name, due)
		}
	}
	if count(Audit{}) != 0 {
		t.Error("the zero value audits nothing")
	}
}

// Settles is T2, T1 and the audit in one: the first that knows answers.
func TestSettles(t *testing.T) {
	t.Parallel()
	// The server stores it in other words, so that nothing but the memo settles it.
	object := desired(t, deploymentYAML)
	fresh := func() (*server, Row) {
		s := synced(t, deploymentYAML)
		row := *s.row(deploymentYAML)
		row.Proof, row.Version = true, ResourceVersionOf(s.live)
		return s, row
	}
	for _, c := range []struct {
		name       string
		change     func(s *server, row *Row, b *Belief)
		autoscaled bool
		want       Prediction
	}{
		{name: "the very version", want: ByMemo, change: func(*server, *Row, *Belief) {}},
		{name: "another version with equal values", want: ByMemo, change: func(s *server, _ *Row, _ *Belief) {
			s.set("kube-controller-manager", "metadata annotations deployment.kubernetes.io/revision", "7")
		}},
		{name: "a value of ours", change: func(s *server, _ *Row, _ *Belief) { s.set("kubectl-edit", "spec replicas", int64(7)) }},
		{name: "an addition by hand", change: func(s *server, _ *Row, _ *Belief) { s.set("kubectl-label", "metadata labels team", "a") }},
		{name: "no row", change: func(_ *server, row *Row, _ *Belief) { *row = Row{} }},
		{name: "a row that proves nothing", change: func(_ *server, row *Row, _ *Belief) { row.Proof = false }},
		{name: "another object", change: func(_ *server, row *Row, _ *Belief) { row.UID = "another" }},
		{name: "on its way out", change: func(s *server, row *Row, _ *Belief) {
			metadata(s.live)["deletionTimestamp"] = "2026-11-02T08:00:00Z"
		}},
		{name: "the autoscaler is there", autoscaled: true, want: ByMemo, change: func(_ *server, row *Row, _ *Belief) { row.Autoscaled = true }},
		{name: "Git asks for the autoscaler, and Git does not answer", want: ByMemo, change: func(_ *server, row *Row, b *Belief) { row.Autoscaled, row.Planned, b.Alone = true, true, true }},
		{name: "Git asked for the autoscaler, and may not any more", change: func(_ *server, row *Row, _ *Belief) { row.Autoscaled, row.Planned = true, true }},
		{name: "the autoscaler is gone", change: func(_ *server, row *Row, _ *Belief) { row.Autoscaled = true }},
		{name: "due for the audit", change: func(_ *server, _ *Row, b *Belief) { b.Audit = Audit{count: auditSlots} }},
		{name: "the memo is not believed", change: func(_ *server, _ *Row, b *Belief) { b.Trust = TrustProof }},
		{name: "another key", change: func(s *server, row *Row, b *Belief) { row.Version, b.Key = "", []byte("another") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, row := fresh()
			belief := Belief{Trust: TrustIdle, Key: testKey}
			c.change(s, &row, &belief)
			if got := belief.Settles(object, row, s.live, c.autoscaled); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
	if got := (Belief{Trust: TrustIdle}).Settles(object, Row{}, nil, false); got != NotPredicted {
		t.Errorf("what was not read is settled: %v", got)
	}
	s := synced(t, explicitYAML)
	proved := desired(t, explicitYAML)
	for _, c := range []struct {
		belief Belief
		want   Prediction
	}{
		{Belief{Trust: TrustProof}, ByProof}, {Belief{Trust: TrustNothing}, NotPredicted},
		{Belief{Trust: TrustIdle, Alone: true}, NotPredicted}, {Belief{Trust: TrustIdle, Audit: Audit{count: auditSlots}}, NotPredicted},
	} {
		if got := c.belief.Settles(proved, Row{}, s.live, false); got != c.want {
			t.Errorf("%+v: %v, want %v", c.belief, got, c.want)
		}
	}
}
