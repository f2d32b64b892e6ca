package drift

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestEqualValues(t *testing.T) {
	t.Parallel()
	m := func(kv ...any) map[string]any {
		out := map[string]any{}
		for i := 0; i < len(kv); i += 2 {
			out[kv[i].(string)] = kv[i+1]
		}
		return out
	}
	cases := []struct {
		reason string
		a, b   any
		want   bool
	}{
		{"texts", "a", "a", true},
		{"other texts", "a", "b", false},
		{"nulls", nil, nil, true},
		{"null and empty", nil, "", false},
		{"null and an empty map", nil, m(), false},
		{"an int64 and a float of one value", int64(3), 3.0, true},
		{"an int and an int64", 3, int64(3), true},
		{"other numbers", int64(3), 3.5, false},
		{"a number and its text", int64(3), "3", false},
		{"a number and a boolean", int64(1), true, false},
		{"numbers that a float cannot hold", int64(1<<53 + 1), float64(1 << 53), false},
		{"large integers", int64(1<<62 + 1), int64(1<<62 + 1), true},
		{"large integers that differ", int64(1<<62 + 1), int64(1 << 62), false},
		{"maps", m("a", int64(1), "b", m("c", "d")), m("b", m("c", "d"), "a", 1.0), true},
		{"a key more", m("a", int64(1)), m("a", int64(1), "b", nil), false},
		{"another key", m("a", nil), m("b", nil), false},
		{"lists", []any{int64(1), "a"}, []any{1.0, "a"}, true},
		{"another order", []any{"a", "b"}, []any{"b", "a"}, false},
		{"another length", []any{"a"}, []any{"a", "a"}, false},
		{"a list and a map", []any{}, m(), false},
		{"a map and a list", m(), []any{}, false},
		{"a map and a text", m(), "x", false},
		{"booleans", true, true, true},
	}
	for _, c := range cases {
		if equalValues(c.a, c.b) != c.want || equalValues(c.b, c.a) != c.want {
			t.Errorf("%s: %v and %v: %t, %t", c.reason, c.a, c.b, equalValues(c.a, c.b), equalValues(c.b, c.a))
		}
	}
}

func TestReadingObjects(t *testing.T) {
	t.Parallel()
	object := tree(t, `
metadata:
  uid: u
  resourceVersion: "7"
  labels: {a: b, n: 5}
  annotations: {c: d}
`)
	if UIDOf(object) != "u" || ResourceVersionOf(object) != "7" {
		t.Errorf("%q %q", UIDOf(object), ResourceVersionOf(object))
	}
	if diff := cmp.Diff(map[string]string{"a": "b"}, Labels(object)); diff != "" {
		t.Errorf("a label is a text: %s", diff)
	}
	if diff := cmp.Diff(map[string]string{"c": "d"}, Annotations(object)); diff != "" {
		t.Error(diff)
	}
	for name, broken := range map[string]map[string]any{
		"nil": nil, "empty": {}, "no map": {"metadata": "x"}, "no maps inside": {"metadata": map[string]any{"labels": "x", "annotations": []any{}}},
	} {
		if UIDOf(broken) != "" || ResourceVersionOf(broken) != "" || Labels(broken) == nil || Annotations(broken) == nil ||
			len(Labels(broken))+len(Annotations(broken)) > 0 {
			t.Errorf("%s: labels and annotations are never null", name)
		}
	}
}

func TestClone(t *testing.T) {
	t.Parallel()
	if CloneMap(nil) != nil {
		t.Error("nil stays nil")
	}
	rapid.Check(t, func(rt *rapid.T) {
		object := drawTree(rt, 3, nil, &[]Path{})
		before, err := json.Marshal(object)
		if err != nil {
			rt.Fatal(err)
		}
		clone := Clone(object)
		if !equalValues(object, clone) {
			rt.Fatal("a clone is equal")
		}
		scribble(clone)
		after, err := json.Marshal(object)
		if err != nil || string(before) != string(after) {
			rt.Fatalf("changing the clone changed the original:\n%s\n%s", before, after)
		}
	})
}

func scribble(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, item := range v {
			scribble(item)
		}
		clear(v)
	case []any:
		for i, item := range v {
			scribble(item)
			v[i] = "scribbled"
		}
	}
}

func TestKindsAndIDs(t *testing.T) {
	t.Parallel()
	web := ID{Group: "apps", Kind: "Deployment", Namespace: "storefront", Name: "web"}
	ns := ID{Kind: "Namespace", Name: "storefront"}
	if web.String() != "Deployment.apps storefront/web" || ns.String() != "Namespace storefront" {
		t.Errorf("%s, %s", web, ns)
	}
	if web.Short() != "Deployment storefront/web" || web.GroupKind() != "Deployment.apps" || ns.GroupKind() != "Namespace" {
		t.Errorf("%s %s", web.Short(), web.GroupKind())
	}
	kind := Kind{Group: "apps", Version: "v1", Kind: "Deployment"}
	if kind.String() != "apps/v1 Deployment" || kind.GroupKind() != "Deployment.apps" || (Kind{Version: "v1", Kind: "Pod"}).APIVersion() != "v1" {
		t.Errorf("%s %s", kind, kind.GroupKind())
	}
	if got := (Object{ID: web, Version: "v1"}).Kind(); got != kind {
		t.Errorf("%v", got)
	}
	order := []ID{
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
		group, version, err := ParseAPIVersion(text)
		if err != nil || group != want[0] || version != want[1] {
			t.Errorf("%s: %q %q %v", text, group, version, err)
		}
	}
	for _, bad := range []string{"", "/", "/v1", "apps/", "a/b/c"} {
		if group, version, err := ParseAPIVersion(bad); err == nil {
			t.Errorf("%q was read as %q %q", bad, group, version)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(label string) ID {
			part := rapid.StringMatching(`[a-z]{0,2}`)
			return ID{Group: part.Draw(rt, label+"g"), Kind: part.Draw(rt, label+"k"), Namespace: part.Draw(rt, label+"n"), Name: part.Draw(rt, label+"m")}
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
	if (Observation{}).State != Unreadable || (Observation{}).Prediction != NotPredicted {
		t.Error("an observation that says nothing is unreadable")
	}
	if (Change{}).Type != Unknown || (Change{}).Cause != CauseNone || (Change{}).Ownership.Tracked {
		t.Error("a change that says nothing is unknown, and not ours")
	}
	if (Decision{}).Action != AlertOnly || (Decision{}).Action.Writes() {
		t.Error("a decision that says nothing is alert-only")
	}
	if (Result{}).Outcome != Skipped {
		t.Error("a result that says nothing is skipped")
	}
	if (Inventory{}).Known {
		t.Error("an inventory that says nothing is not known")
	}
	if (Suspension{}).Active(testStart) || (Control{}).Active {
		t.Error("nothing is suspended by default")
	}
	if got := RefusePrune(PruneFacts{}, Step{}); len(got) == 0 {
		t.Error("facts that say nothing refuse every prune")
	}
	id := ID{Name: "x"}
	if got := Withhold(Guards{}, "", []Candidates{{App: "a", Delete: []Candidate{{ID: id}}}}); len(got.Against("a", id)) == 0 {
		t.Error("a budget that says nothing allows nothing")
	}
	if RefuseSource(GuardState{}, Provenance{}, "", id) == "" {
		t.Error("an unknown source is not this one")
	}
	if d := Decide(Change{}, Verdict{}, Facts{}); d.Action != AlertOnly {
		t.Error("nothing known, nothing done")
	}
	if (Redactor{}).String("text") != "text" {
		t.Error("a redactor that knows nothing hides nothing")
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		Unknown.String(): "unknown", InSync.String(): "in-sync", Missing.String(): "missing", Modified.String(): "modified", Extra.String(): "extra",
		CauseNone.String(): "none", CauseGit.String(): "git", CauseLive.String(): "live", CauseBoth.String(): "both",
		AlertOnly.String(): "alert-only", Ignore.String(): "ignore", Sync.String(): "sync", Heal.String(): "heal", Prune.String(): "prune",
		Skipped.String(): "skipped", Planned.String(): "planned", Applied.String(): "applied", Pruned.String(): "pruned", Failed.String(): "failed",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for action, writes := range map[Action]bool{AlertOnly: false, Ignore: false, Sync: true, Heal: true, Prune: true} {
		if action.Writes() != writes {
			t.Errorf("%s writes: %t", action, !writes)
		}
	}
	if CauseGit|CauseLive != CauseBoth {
		t.Error("both is git and live")
	}
}
