package diff_test

import (
	"testing"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
)

// Settles is T2, T1 and the audit in one: the first that knows answers.
func TestSettles(t *testing.T) {
	t.Parallel()
	// The server stores it in other words, so that nothing but the memo settles it.
	object := model.Desired(t, model.DeploymentYAML)
	fresh := func() (*model.Server, drift.Row) {
		s := model.Synced(t, model.DeploymentYAML)
		row := *s.Row(model.DeploymentYAML)
		row.Proof, row.Version = true, nested.ResourceVersionOf(s.Live)
		return s, row
	}
	for _, c := range []struct {
		name       string
		change     func(s *model.Server, row *drift.Row, b *drift.Belief)
		autoscaled bool
		want       drift.Prediction
	}{
		{name: "the very version", want: drift.ByMemo, change: func(*model.Server, *drift.Row, *drift.Belief) {}},
		{name: "another version with equal values", want: drift.ByMemo, change: func(s *model.Server, _ *drift.Row, _ *drift.Belief) {
			s.Set("kube-controller-manager", "metadata annotations deployment.kubernetes.io/revision", "7")
		}},
		{name: "a value of ours", change: func(s *model.Server, _ *drift.Row, _ *drift.Belief) { s.Set("kubectl-edit", "spec replicas", int64(7)) }},
		{name: "an addition by hand", change: func(s *model.Server, _ *drift.Row, _ *drift.Belief) {
			s.Set("kubectl-label", "metadata labels team", "a")
		}},
		{name: "no row", change: func(_ *model.Server, row *drift.Row, _ *drift.Belief) { *row = drift.Row{} }},
		{name: "a row that proves nothing", change: func(_ *model.Server, row *drift.Row, _ *drift.Belief) { row.Proof = false }},
		{name: "another object", change: func(_ *model.Server, row *drift.Row, _ *drift.Belief) { row.UID = "another" }},
		{name: "on its way out", change: func(s *model.Server, row *drift.Row, _ *drift.Belief) {
			nested.Metadata(s.Live)["deletionTimestamp"] = "2026-11-02T08:00:00Z"
		}},
		{name: "the autoscaler is there", autoscaled: true, want: drift.ByMemo, change: func(_ *model.Server, row *drift.Row, _ *drift.Belief) { row.Autoscaled = true }},
		{name: "Git asks for the autoscaler, and Git does not answer", want: drift.ByMemo, change: func(_ *model.Server, row *drift.Row, b *drift.Belief) {
			row.Autoscaled, row.Planned, b.Alone = true, true, true
		}},
		{name: "Git asked for the autoscaler, and may not any more", change: func(_ *model.Server, row *drift.Row, _ *drift.Belief) { row.Autoscaled, row.Planned = true, true }},
		{name: "the autoscaler is gone", change: func(_ *model.Server, row *drift.Row, _ *drift.Belief) { row.Autoscaled = true }},
		{name: "due for the audit", change: func(_ *model.Server, _ *drift.Row, b *drift.Belief) { b.Audit = drift.Audit{Count: drift.AuditSlots} }},
		{name: "the memo is not believed", change: func(_ *model.Server, _ *drift.Row, b *drift.Belief) { b.Trust = drift.TrustProof }},
		{name: "another key", change: func(s *model.Server, row *drift.Row, b *drift.Belief) { row.Version, b.Key = "", []byte("another") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, row := fresh()
			belief := drift.Belief{Trust: drift.TrustIdle, Key: model.TestKey}
			c.change(s, &row, &belief)
			if got := diff.Predict(belief, object, row, s.Live, c.autoscaled); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
	if got := diff.Predict((drift.Belief{Trust: drift.TrustIdle}), object, drift.Row{}, nil, false); got != drift.NotPredicted {
		t.Errorf("what was not read is settled: %v", got)
	}
	s := model.Synced(t, model.ExplicitYAML)
	proved := model.Desired(t, model.ExplicitYAML)
	for _, c := range []struct {
		belief drift.Belief
		want   drift.Prediction
	}{
		{drift.Belief{Trust: drift.TrustProof}, drift.ByProof}, {drift.Belief{Trust: drift.TrustNothing}, drift.NotPredicted},
		{drift.Belief{Trust: drift.TrustIdle, Alone: true}, drift.NotPredicted}, {drift.Belief{Trust: drift.TrustIdle, Audit: drift.Audit{Count: drift.AuditSlots}}, drift.NotPredicted},
	} {
		if got := diff.Predict(c.belief, proved, drift.Row{}, s.Live, false); got != c.want {
			t.Errorf("%+v: %v, want %v", c.belief, got, c.want)
		}
	}
}
