package drift_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/guard"
	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/internal/testenv/model"
)

func TestKindsAndIDs(t *testing.T) {
	t.Parallel()
	web := drift.ID{Group: "apps", Kind: "Deployment", Namespace: "storefront", Name: "web"}
	ns := drift.ID{Kind: "Namespace", Name: "storefront"}
	if web.String() != "Deployment.apps storefront/web" || ns.String() != "Namespace storefront" {
		t.Errorf("%s, %s", web, ns)
	}
	if web.Short() != "Deployment storefront/web" || web.GroupKind() != "Deployment.apps" || ns.GroupKind() != "Namespace" {
		t.Errorf("%s %s", web.Short(), web.GroupKind())
	}
	kind := drift.Kind{Group: "apps", Version: "v1", Kind: "Deployment"}
	if kind.String() != "apps/v1 Deployment" || kind.GroupKind() != "Deployment.apps" || (drift.Kind{Version: "v1", Kind: "Pod"}).APIVersion() != "v1" {
		t.Errorf("%s %s", kind, kind.GroupKind())
	}
	if got := (drift.Object{ID: web, Version: "v1"}).Kind(); got != kind {
		t.Errorf("%v", got)
	}
	order := []drift.ID{
		ns,
		{Kind: "ConfigMap", Namespace: "a", Name: "z"},
		{Kind: "Secret", Namespace: "a", Name: "a"},
		{Group: "apps", Kind: "Deployment", Namespace: "a", Name: "a"},
		{Kind: "ConfigMap", Namespace: "b", Name: "a"},
	}
	for i := range order {
		for j := range order {
			if got := order[i].Compare(order[j]); (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("%s and %s: %d", order[i], order[j], got)
			}
		}
	}
	for text, want := range map[string][2]string{"v1": {"", "v1"}, "apps/v1": {"apps", "v1"}, "a.b.c/v1beta1": {"a.b.c", "v1beta1"}} {
		group, version, err := drift.ParseAPIVersion(text)
		if err != nil || group != want[0] || version != want[1] {
			t.Errorf("%s: %q %q %v", text, group, version, err)
		}
	}
	for _, bad := range []string{"", "/", "/v1", "apps/", "a/b/c"} {
		if group, version, err := drift.ParseAPIVersion(bad); err == nil {
			t.Errorf("%q was read as %q %q", bad, group, version)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(label string) drift.ID {
			part := rapid.StringMatching(`[a-z]{0,2}`)
			return drift.ID{Group: part.Draw(rt, label+"g"), Kind: part.Draw(rt, label+"k"), Namespace: part.Draw(rt, label+"n"), Name: part.Draw(rt, label+"m")}
		}
		a, b := draw("a"), draw("b")
		if (a.Compare(b) == 0) != (a == b) || a.Compare(b) != -b.Compare(a) {
			rt.Fatalf("%v and %v: %d, %d", a, b, a.Compare(b), b.Compare(a))
		}
	})
}

// Zero values are the safest ones: a forgotten assignment only makes a run do
// less.
func TestZeroValues(t *testing.T) {
	t.Parallel()
	if (drift.Observation{}).State != drift.Unreadable || (drift.Observation{}).Prediction != drift.NotPredicted {
		t.Error("an observation that says nothing is unreadable")
	}
	if (drift.Change{}).Type != drift.Unknown || (drift.Change{}).Cause != drift.CauseNone || (drift.Change{}).Ownership.Tracked {
		t.Error("a change that says nothing is unknown, and not ours")
	}
	if (drift.Decision{}).Action != drift.AlertOnly || (drift.Decision{}).Action.Writes() {
		t.Error("a decision that says nothing is alert-only")
	}
	if (drift.Result{}).Outcome != drift.Skipped {
		t.Error("a result that says nothing is skipped")
	}
	if (drift.Inventory{}).Known {
		t.Error("an inventory that says nothing is not known")
	}
	if (drift.Suspension{}).Active(model.TestStart) || (drift.Control{}).Active {
		t.Error("nothing is suspended by default")
	}
	if got := guard.RefusePrune(guard.PruneFacts{}, drift.Step{}); len(got) == 0 {
		t.Error("facts that say nothing refuse every prune")
	}
	id := drift.ID{Name: "x"}
	if got := guard.Withhold(drift.Guards{}, "", []drift.Candidates{{App: "a", Delete: []drift.Candidate{{ID: id}}}}); len(got.Against("a", id)) == 0 {
		t.Error("a budget that says nothing allows nothing")
	}
	if guard.RefuseSource(drift.GuardState{}, drift.Provenance{}, "", id) == "" {
		t.Error("an unknown source is not this one")
	}
	if d := decide.Decide(drift.Change{}, drift.Verdict{}, decide.Facts{}); d.Action != drift.AlertOnly {
		t.Error("nothing known, nothing done")
	}
	if (redact.Redactor{}).String("text") != "text" {
		t.Error("a redactor that knows nothing hides nothing")
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		drift.Unknown.String(): "unknown", drift.InSync.String(): "in-sync", drift.Missing.String(): "missing", drift.Modified.String(): "modified", drift.Extra.String(): "extra",
		drift.CauseNone.String(): "none", drift.CauseGit.String(): "git", drift.CauseLive.String(): "live", drift.CauseBoth.String(): "both",
		drift.AlertOnly.String(): "alert-only", drift.Ignore.String(): "ignore", drift.Sync.String(): "sync", drift.Heal.String(): "heal", drift.Prune.String(): "prune",
		drift.Skipped.String(): "skipped", drift.Planned.String(): "planned", drift.Applied.String(): "applied", drift.Pruned.String(): "pruned", drift.Failed.String(): "failed",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for action, writes := range map[drift.Action]bool{drift.AlertOnly: false, drift.Ignore: false, drift.Sync: true, drift.Heal: true, drift.Prune: true} {
		if action.Writes() != writes {
			t.Errorf("%s writes: %t", action, !writes)
		}
	}
	if drift.CauseGit|drift.CauseLive != drift.CauseBoth {
		t.Error("both is git and live")
	}
}
