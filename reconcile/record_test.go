package reconcile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
		if r.Record == nil || !r.Record.Settled || r.Record.Standing == nil {
			t.Errorf("%s, over: the record is %+v\n%s", step.why, r.Record, r.details())
		}
	}
}

// TestStanding: a settled run says how it left the objects, unless the head of one does
// not tell all of it.
func TestStanding(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	web := existing("apps/v1", "Deployment", "web", strings.Replace(quirky, "replicas: 0, ", "", 1))
	var reconciler reconcile.Reconciler
	s.wrap = func(r reconcile.Reconciler) reconcile.Reconciler { reconciler = r; return r }
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", "data: {a: b}"), "web.yaml": web})
	s.converge()
	s.settled()
	s.run().silent("what controllers wrote goes on record")
	r := s.run()
	if r.Record == nil || r.Record.Standing == nil {
		t.Fatalf("nothing is left to do, and the record is %+v\n%s", r.Record, r.details())
	}
	want := []drift.Kind{{Group: "", Version: "v1", Kind: "ConfigMap"}, {Group: "apps", Version: "v1", Kind: "Deployment"}}
	if diff := cmp.Diff(want, r.Record.Standing.Kinds[""]); diff != "" {
		t.Errorf("kinds to list (-want +got):\n%s", diff)
	}
	if again := s.run(); again.Record.Standing == nil || again.Record.Standing.Objects != r.Record.Standing.Objects {
		t.Errorf("nobody wrote anything, and %+v became %+v", r.Record.Standing, again.Record.Standing)
	}
	// What is said of a cluster that stands is what the memo rows would say.
	heads := reconciler.Unmoved(s.recollecting(r), *r.Record).Report
	rows, still := reconciler.Recall(s.Context(), s.recollecting(r), *r.Record)
	heads.Run, rows.Report.Run = drift.ReportRun{}, drift.ReportRun{}
	for i := range rows.Report.Apps {
		rows.Report.Apps[i].Complete = true // as Git has not moved
	}
	if diff := cmp.Diff(rows.Report, heads); diff != "" || !still {
		t.Errorf("still: %v, by rows and by heads:\n%s", still, diff)
	}
	s.merge("kube-controller-manager", settingsRef, `{metadata: {annotations: {seen: "1"}}}`)
	if moved := s.run(); moved.Record.Standing == nil || moved.Record.Standing.Objects == r.Record.Standing.Objects {
		t.Errorf("an object was written, and the record is %+v", moved.Record)
	}
	s.wrap = func(r reconcile.Reconciler) reconcile.Reconciler {
		r.Health = func(map[string]any, time.Time) drift.Health {
			return drift.Health{Status: drift.HealthInProgress, Aging: true}
		}
		return r
	}
	s.merge("kube-controller-manager", settingsRef, `{metadata: {annotations: {seen: "2"}}}`)
	for _, why := range []string{"an object's health changes with time", "and nobody looked since"} {
		if r := s.run(); !r.Record.Settled || r.Record.Standing != nil || r.Report.Apps[0].Health != drift.HealthInProgress {
			t.Errorf("%s: health %s, and the record is %+v", why, r.Report.Apps[0].Health, r.Record)
		}
	}
}

// TestRecallOfNewcomers: an object with an app's label that nobody wrote down is a
// matter for a full run where our own field manager labelled it; a copy of the label
// is not.
func TestRecallOfNewcomers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var reconciler reconcile.Reconciler
	s.wrap = func(r reconcile.Reconciler) reconcile.Reconciler { reconciler = r; return r }
	var files []string
	for i := range 25 { // so many that their heads are listed
		files = append(files, existing("v1", "ConfigMap", fmt.Sprintf("c%d", i), "data: {a: b}"))
	}
	s.commit(map[string]string{"all.yaml": strings.Join(files, "\n---\n")})
	s.converge()
	r := s.run()
	still := func(why string, want bool) {
		t.Helper()
		if _, still := reconciler.Recall(s.Context(), s.recollecting(r), *r.Record); still != want {
			t.Errorf("%s: still is %v", why, still)
		}
	}
	still("nothing moved", true)
	labelled := func(name string) string {
		return existing("v1", "ConfigMap", name+", labels: {"+drift.LabelPartOf+": "+drift.ApplySetID("shop", s.state)+"}", "data: {}")
	}
	s.create("some-operator", labelled("copy"))
	still("a copy of the label", true)
	s.apply(drift.FieldManager, "v1 ConfigMap stray", labelled("stray"))
	still("one of ours that nobody wrote down", false)
}

// recollecting is the task of a run that looks without Git.
func (s *site) recollecting(r result) reconcile.Request {
	s.Helper()
	key, err := s.admin.Key(s.Context(), false)
	if err != nil || r.Record == nil {
		s.Fatalf("no record or no key: %v", err)
	}
	return reconcile.Request{Mode: reconcile.Run, RunID: "test", Version: "test",
		StateNamespace: s.state, Key: key, Cluster: r.Report.Cluster}
}

// TestRecallOfOpenDrift: what Git caused is open, though every object is as its memo
// row says, whatever the record says.
func TestRecallOfOpenDrift(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var reconciler reconcile.Reconciler
	s.wrap = func(r reconcile.Reconciler) reconcile.Reconciler { reconciler = r; return r }
	recall := func(r result) (reconcile.Outcome, bool) {
		return reconciler.Recall(s.Context(), s.recollecting(r), *r.Record)
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
