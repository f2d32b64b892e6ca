package reconcile_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// TestAcceptEmptyRender: nothing of an app that renders nothing is pruned until a person
// accepts the very objects; and a hash that does nothing any more is told.
func TestAcceptEmptyRender(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"a.yaml": configMap("a"), "other/keep.yaml": configMap("keep")})
	s.app("other")
	s.converge()
	s.commit(map[string]string{"a.yaml": deleted, "empty.yaml": "# nothing\n"})
	s.guards.Accept = []string{strings.Repeat("0", 32)}
	planned := s.plan()
	r := s.run()
	r.expect("another set is accepted", "shop: ConfigMap a: extra/git alert-only skipped",
		"error: shop decide: a guard stopped writes: P3: the render is empty")
	if r.code != reconcile.ExitGuard {
		t.Errorf("exit code %d", r.code)
	}
	if len(r.Report.Warnings) != 1 || !strings.Contains(r.Report.Warnings[0], s.guards.Accept[0]+" matches nothing") {
		t.Errorf("a hash that matches nothing is not told: %q", r.Report.Warnings)
	}
	s.live("v1 ConfigMap a")
	s.guards.Accept = planned.hashes(drift.GuardEmpty)
	s.run().expect("accepted, as the plan printed it", "shop: ConfigMap a: extra/git prune pruned")
	s.absent("v1 ConfigMap a")
	r = s.run()
	r.expect("the run after that")
	if len(r.Report.Warnings) != 1 {
		t.Errorf("the used hash is to be removed: %q", r.Report.Warnings)
	}
	s.guards.Accept = nil
	s.run().silent("an app that has nothing any more")
}

// TestAcceptedNamespace: a namespace that leaves Git with all that is in it goes, its
// content first, once a person accepts.
func TestAcceptedNamespace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.guards.Unprotect = []string{"Namespace/" + s.ns + "-left"}
	s.guards.Prune = drift.PruneBudget{Percent: 100, Floor: 50, Ceiling: 50, RunCeiling: 50}
	s.commit(map[string]string{
		"keep.yaml": configMap("keep"),
		"ns.yaml":   `{apiVersion: v1, kind: Namespace, metadata: {name: $NS-left}}`,
		"in.yaml":   `{apiVersion: v1, kind: ConfigMap, metadata: {name: inside, namespace: $NS-left}}`,
	})
	s.converge()
	s.commit(map[string]string{"ns.yaml": deleted, "in.yaml": deleted})
	r := s.run()
	r.expect("the namespace would be emptied", "Namespace $NS-left: extra/git alert-only skipped", "ConfigMap inside: extra/git alert-only skipped",
		"error: shop decide: a guard stopped writes: P3: namespace \""+s.ns+"-left\" would be emptied")
	s.guards.Accept = r.hashes(drift.GuardNamespace)
	if hint := r.Report.Errors[0].Hint; !strings.Contains(hint, `guards: {accept: ["`+s.guards.Accept[0]+`"]}`) {
		t.Errorf("the hint holds no line to paste: %q", hint)
	}
	s.plan().expect("accepted: the plan", "Namespace $NS-left: extra/git prune planned", "ConfigMap inside: extra/git prune planned")
	r = s.run()
	if got := r.of("ConfigMap inside").Outcome; got != "pruned" {
		t.Errorf("the content: %s\n%s", got, r.details())
	}
	s.guards.Accept = nil
	for range 5 { // kinds of other tests come and go; while its content is not known it stays
		if s.find("v1 Namespace $NS-left").State == drift.Absent {
			break
		}
		s.run()
	}
	s.absent("v1 Namespace $NS-left")
}

// TestAcceptIsBound: the same objects made anew, or one more, need another hash.
func TestAcceptIsBound(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.guards.Prune = drift.PruneBudget{Floor: 1, Ceiling: 1, RunCeiling: 50}
	s.commit(map[string]string{"keep.yaml": configMap("keep"), "a.yaml": configMap("a"), "b.yaml": configMap("b"), "c.yaml": configMap("c")})
	s.converge()
	s.commit(map[string]string{"a.yaml": deleted, "b.yaml": deleted})
	s.guards.Accept = s.plan().hashes(drift.GuardBudget)
	s.commit(map[string]string{"c.yaml": deleted})
	s.run().expect("one more left Git since", "ConfigMap a: extra/git alert-only skipped", "ConfigMap b: extra/git alert-only skipped",
		"ConfigMap c: extra/git alert-only skipped", "error: shop decide: a guard stopped writes: budget: 3 deletions, and 1 of 4 objects are allowed")
	s.commit(map[string]string{"c.yaml": configMap("c")})
	s.run().expect("exactly what was accepted", "ConfigMap a: extra/git prune pruned", "ConfigMap b: extra/git prune pruned")
}

// TestBudgetRemembers: three commits in a row, each within the budget, do not take an app
// apart.
func TestBudgetRemembers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	files := map[string]string{}
	names := strings.Fields("a b c d e f g h i j k l m o")
	for _, name := range names {
		files[name+".yaml"] = configMap(name)
	}
	s.commit(files)
	s.converge()
	s.commit(map[string]string{"a.yaml": deleted, "b.yaml": deleted})
	s.run().expect("two of three", "ConfigMap a: extra/git prune pruned", "ConfigMap b: extra/git prune pruned")
	s.commit(map[string]string{"c.yaml": deleted, "d.yaml": deleted})
	for range 2 {
		s.run().expect("two more are four", "ConfigMap c: extra/git alert-only skipped", "ConfigMap d: extra/git alert-only skipped",
			"error: shop decide: a guard stopped writes: budget: 2 deletions after 2 in the last 24 hours, and 3 of 12 objects are allowed")
	}
	s.commit(map[string]string{"d.yaml": configMap("d")})
	s.run().expect("the third", "ConfigMap c: extra/git prune pruned")
}

// TestReplacementsCount: what is deleted in order to create it again is deleted.
func TestReplacementsCount(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.rego = grants + replacement
	s.guards.Prune = drift.PruneBudget{Floor: 2, Ceiling: 2, RunCeiling: 50}
	fixed := func(name, value string) string {
		return existing("v1", "ConfigMap", name, `immutable: true, data: {a: "`+value+`"}`)
	}
	s.commit(map[string]string{"a.yaml": fixed("a", "1"), "b.yaml": fixed("b", "1"), "c.yaml": configMap("c"), "keep.yaml": configMap("keep")})
	s.converge()
	s.commit(map[string]string{"a.yaml": fixed("a", "2"), "b.yaml": fixed("b", "2")})
	s.run().expect("two replacements", "ConfigMap a: modified/git sync applied", "ConfigMap b: modified/git sync applied")
	s.commit(map[string]string{"c.yaml": deleted, "a.yaml": fixed("a", "3")})
	r := s.run()
	r.expect("and that was the budget", "ConfigMap a: modified/git alert-only skipped", "ConfigMap c: extra/git alert-only skipped",
		"error: shop decide: a guard stopped writes: budget: 2 deletions after 2 in the last 24 hours, and 2 of 4 objects are allowed")
	s.guards.Accept = r.hashes(drift.GuardBudget)
	s.run().expect("accepted", "ConfigMap a: modified/git sync applied", "ConfigMap c: extra/git prune pruned")
}

// TestEmptiedBesideTheGone: an object that somebody deleted, or that is on its way out,
// does not keep a namespace from being emptied.
func TestEmptiedBesideTheGone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{
		"keep.yaml": configMap("keep"),
		"ns.yaml":   `{apiVersion: v1, kind: Namespace, metadata: {name: $NS-small}}`,
		"a.yaml":    `{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: $NS-small}}`,
		"b.yaml":    `{apiVersion: v1, kind: ConfigMap, metadata: {name: b, namespace: $NS-small}}`,
		"c.yaml":    `{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: $NS-small, finalizers: [example.com/hold]}}`,
	})
	s.converge()
	s.remove("v1 ConfigMap $NS-small/a")
	resource, id := s.resource("v1 ConfigMap $NS-small/c")
	if err := resource.Delete(s.Context(), id.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.commit(map[string]string{"a.yaml": deleted, "b.yaml": deleted, "c.yaml": deleted})
	r := s.run()
	if got := r.of("ConfigMap b"); got.Action != "alert-only" || !strings.Contains(got.Reason, "would be emptied") {
		t.Errorf("%s: %s\n%s", got.Action, got.Reason, r.details())
	}
	s.merge("example-operator", "v1 ConfigMap $NS-small/c", `{metadata: {finalizers: null}}`)
}

// TestRefusedDeletionsAreNone: what the API server did not let go is still there, and is
// not counted as deleted.
func TestRefusedDeletionsAreNone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.guards.Prune = drift.PruneBudget{Floor: 2, Ceiling: 2, RunCeiling: 50}
	s.commit(map[string]string{"keep.yaml": configMap("keep"), "a.yaml": configMap("a"), "b.yaml": configMap("b")})
	s.converge()
	s.commit(map[string]string{"a.yaml": deleted})
	s.intercept(&between{delete: func(drift.DeleteRequest, int) error { return &drift.Refusal{Kind: drift.ErrForbidden, Message: "no"} }})
	for range 3 {
		s.run().expect("not allowed", "ConfigMap a: extra/git prune failed")
	}
	s.wrap = nil
	s.commit(map[string]string{"b.yaml": deleted})
	s.run().expect("two are the budget", "ConfigMap a: extra/git prune pruned", "ConfigMap b: extra/git prune pruned")
}

// TestOneAppBesideOthers: a run limited to one app knows that the others keep the
// namespace.
func TestOneAppBesideOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("other")
	s.commit(map[string]string{"a.yaml": configMap("a"), "cluster.yaml": `{apiVersion: v1, kind: Namespace, metadata: {name: $NS-own}}`,
		"other/b.yaml": configMap("b")})
	s.converge()
	s.commit(map[string]string{"a.yaml": deleted})
	s.run("shop").expect("the other app's object stays", "ConfigMap a: extra/git prune pruned")
}

// TestAcceptedInPart: what is left of an accepted set needs no other hash, as long as the
// first one stands in the config; it covers nothing else.
func TestAcceptedInPart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.guards.Prune = drift.PruneBudget{Floor: 1, Ceiling: 1, RunCeiling: 50}
	s.commit(map[string]string{"keep.yaml": configMap("keep"), "a.yaml": configMap("a"), "b.yaml": configMap("b"), "c.yaml": configMap("c")})
	s.converge()
	s.commit(map[string]string{"a.yaml": deleted, "b.yaml": deleted})
	s.guards.Accept = s.plan().hashes(drift.GuardBudget)
	s.intercept(&between{delete: func(r drift.DeleteRequest, _ int) error {
		if r.ID.Name == "a" {
			return &drift.Refusal{Kind: drift.ErrDenied, Message: "not on a Sunday"}
		}
		return nil
	}})
	s.run().expect("one is refused", "ConfigMap a: extra/git prune failed", "ConfigMap b: extra/git prune pruned")
	s.wrap = nil
	s.commit(map[string]string{"c.yaml": deleted})
	s.run().expect("another one beside it", "ConfigMap a: extra/git alert-only skipped", "ConfigMap c: extra/git alert-only skipped",
		"error: shop decide: a guard stopped writes: budget: 2 deletions after 1 in the last 24 hours, and 1 of 3 objects are allowed")
	s.commit(map[string]string{"c.yaml": configMap("c")})
	hash := s.guards.Accept
	s.guards.Accept = nil
	s.plan().expect("without the hash", "ConfigMap a: extra/git alert-only skipped",
		"error: shop decide: a guard stopped writes: budget: 1 deletion after 1 in the last 24 hours, and 1 of 3 objects are allowed")
	s.guards.Accept = hash
	s.run().expect("what is left of the set", "ConfigMap a: extra/git prune pruned")
	if r := s.run(); len(r.Report.Warnings) != 1 {
		t.Errorf("the hash has done its work: %q", r.Report.Warnings)
	}
}
