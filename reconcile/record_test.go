package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// TestSettled: a run says of itself whether the next may do nothing where nothing
// moves. Each step leaves something that is to be looked at again, and the run after
// it nothing.
func TestSettled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	git := func(value string) map[string]string {
		return map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", "data: {a: "+value+"}")}
	}
	s.commit(git("b"))
	s.converge()
	steps := []struct {
		why  string
		do   func()
		news []string
		undo func()
		back string // what putting it right tells, if anything
	}{
		{why: "what was written is looked at once more",
			do: func() { s.merge("kubectl-edit", settingsRef, "{data: {a: c}}") }, news: []string{"ConfigMap settings: modified/live heal applied"}},
		{why: "open drift that Git caused: the object is as it was when it was last in sync",
			do:   func() { s.rego = ""; s.commit(git("c")) },
			news: []string{"ConfigMap settings: modified/git alert-only skipped"},
			undo: func() { s.rego = grants }, back: "ConfigMap settings: modified/git sync applied"},
		{why: "ignored fields: policy may think again",
			do: func() {
				s.rego = grants + "ignore_fields contains \"/data/a\" if input.resource.kind == \"ConfigMap\"\n"
				s.merge("kubectl-edit", settingsRef, "{data: {a: d}}")
			},
			undo: func() { s.rego = grants }, back: "ConfigMap settings: modified/live heal applied"},
		{why: "a suspension ends by the clock",
			do: func() {
				s.app("shop", func(a *drift.App) {
					a.Suspend = drift.Suspension{Until: time.Now().Add(time.Hour), Reason: "migration"}
				})
			},
			undo: func() { s.app("shop") }},
	}
	for _, step := range steps {
		step.do()
		r := s.run()
		r.expect(step.why, step.news...)
		if r.Record == nil || r.Record.Settled {
			t.Errorf("%s: the record is %+v", step.why, r.Record)
		}
		if step.undo != nil {
			step.undo()
		}
		if step.back != "" {
			s.run().expect(step.why+", put right", step.back)
		}
		r = s.run()
		r.expect(step.why + ", over")
		if r.Record == nil || !r.Record.Settled {
			t.Errorf("%s, over: the record is %+v\n%s", step.why, r.Record, r.details())
		}
	}
}

// TestRecallOfOpenDrift: what Git caused is open, though every object is as its memo
// row says, whatever the record says.
func TestRecallOfOpenDrift(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var reconciler reconcile.Reconciler
	s.wrap = func(r reconcile.Reconciler) reconcile.Reconciler { reconciler = r; return r }
	recall := func(r result) (reconcile.Outcome, bool) {
		key, err := s.admin.Key(s.Context(), false)
		if err != nil || r.Record == nil {
			t.Fatalf("no record or no key: %v", err)
		}
		return reconciler.Recall(s.Context(), reconcile.Request{Mode: reconcile.Run, RunID: "test", Version: "test",
			StateNamespace: s.state, Key: key, Cluster: r.Report.Cluster}, *r.Record)
	}
	manifest := existing("v1", "ConfigMap", "settings", "data: {a: b}")
	s.commit(map[string]string{"settings.yaml": manifest})
	s.converge()
	if outcome, still := recall(s.run()); !still || len(outcome.Report.Errors) > 0 {
		t.Errorf("nothing moved, and it is not still: %+v", outcome.Report)
	}
	s.rego = ""
	s.commit(map[string]string{"settings.yaml": strings.Replace(manifest, "b}", "c}", 1)})
	r := s.run()
	r.expect("nobody grants it", "ConfigMap settings: modified/git alert-only skipped")
	if _, still := recall(r); still {
		t.Error("open drift is called still")
	}
}
