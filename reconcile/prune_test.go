package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/reconcile"
)

// configMap is a manifest of one ConfigMap.
func configMap(name string) string { return existing("v1", "ConfigMap", name, "data: {a: b}") }

// pruneCase is one object that Git no longer has, and why it stays all the same.
type pruneCase struct {
	why   string
	ref   string        // the object that left Git; "v1 ConfigMap gone" when empty
	file  string        // its manifest
	from  func(s *site) // before the first run
	do    func(s *site) // between the first run and the one that would prune
	rule  string        // in the refusal
	code  int
	also  map[string]string // other files, in Git all the time
	twice bool              // ask again: waiting must not help
}

const gone = "v1 ConfigMap gone"

var refusals = []pruneCase{
	{why: "P1: made again by somebody under the same name", rule: "P1", code: reconcile.ExitDrift,
		do: func(s *site) {
			partOf := s.value(gone, "metadata labels "+drift.LabelPartOf).(string)
			s.remove(gone)
			s.create("kubectl-create", `{apiVersion: v1, kind: ConfigMap, metadata: {name: gone, labels: {`+drift.LabelPartOf+": "+partOf+`}}}`)
		}},
	{why: "P2: something of the app cannot be applied", rule: "P2", code: reconcile.ExitPartial,
		do: func(s *site) {
			s.commit(map[string]string{"bad.yaml": existing("v1", "Service", "bad", "spec: {ports: [{port: 99999}]}")})
		}},
	{why: "P2: something of the app stays missing, because policy wants it so", rule: "P2", code: reconcile.ExitDrift,
		do: func(s *site) {
			s.rego = grants + "\nalert_only contains \"not yet\" if input.resource.name == \"later\"\n"
			s.commit(map[string]string{"later.yaml": configMap("later")})
		}},
	{why: "P2: something was applied and is not Current, in this run or in an earlier one", rule: "P2", code: reconcile.ExitDrift, twice: true,
		do: func(s *site) {
			s.budget = 0
			s.commit(map[string]string{"stuck.yaml": existing("apps/v1", "Deployment", "stuck",
				strings.Replace(deployment("", ""), "metadata: {labels: {app: x}}", `metadata: {labels: {app: x}, annotations: {testenv.killick.dev/stuck: ""}}`, 1))})
		}},
	{why: "P3: the render is empty", rule: "P3", code: reconcile.ExitGuard, also: map[string]string{},
		do: func(s *site) { s.commit(map[string]string{"keep.yaml": deleted, "empty.yaml": "# nothing\n"}) }},
	{why: "P4: the label was taken off", rule: "P4", code: reconcile.ExitDrift,
		do: func(s *site) { s.merge("kubectl-label", gone, `{metadata: {labels: {`+drift.LabelPartOf+`: null}}}`) }},
	{why: "P4: the label was taken off and put back by somebody", rule: "P4", code: reconcile.ExitDrift,
		do: func(s *site) {
			partOf := s.value(gone, "metadata labels "+drift.LabelPartOf).(string)
			s.merge("kubectl-label", gone, `{metadata: {labels: {`+drift.LabelPartOf+`: null}}}`)
			s.merge("kubectl-label", gone, `{metadata: {labels: {`+drift.LabelPartOf+": "+partOf+`}}}`)
		}},
	{why: "P4: labelled by hand as another app's", rule: "P4", code: reconcile.ExitDrift, twice: true,
		from: func(s *site) { s.app("other"); s.commit(map[string]string{"other/x.yaml": configMap("x")}) },
		do: func(s *site) {
			s.merge("kubectl-label", gone, `{metadata: {labels: {`+drift.LabelPartOf+`: `+drift.ApplySetID("other", s.state)+`}}}`)
		}},
	{why: "P4: a controller owns it", rule: "P4", code: reconcile.ExitDrift,
		do: func(s *site) {
			s.merge("example-operator", gone, `{metadata: {ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: keep, controller: true, uid: `+
				nested.UIDOf(s.live("v1 ConfigMap keep"))+`}]}}`)
		}},
	{why: "P5: another ref", rule: "P5", code: reconcile.ExitDrift, twice: true,
		do: func(s *site) {
			s.commitTo("release", map[string]string{"gone.yaml": deleted})
			s.ref = "release"
		}},
	{why: "P5: another path", rule: "P5", code: reconcile.ExitDrift, twice: true,
		do: func(s *site) {
			s.commit(map[string]string{"elsewhere/keep.yaml": configMap("keep")})
			s.app("shop", func(a *drift.App) { a.Path = "elsewhere" })
		}},
	{why: "P5: another renderer", rule: "P5", code: reconcile.ExitDrift, twice: true,
		do: func(s *site) { s.commit(map[string]string{"kustomization.yaml": "resources: [keep.yaml]\n"}) }},
	{why: "P6: a kept one, as Helm says it", rule: "P6", code: reconcile.ExitDrift,
		file: `{apiVersion: v1, kind: ConfigMap, metadata: {name: gone, annotations: {helm.sh/resource-policy: keep}}}`},
	{why: "P6: a kept one, as Argo CD says it, put on by hand", rule: "P6", code: reconcile.ExitDrift,
		do: func(s *site) {
			s.merge("kubectl-annotate", gone, `{metadata: {annotations: {argocd.argoproj.io/sync-options: "ServerSideApply=true, Prune=false"}}}`)
		}},
	{why: "P6: a kept one, whose mark somebody took off", rule: "P6", code: reconcile.ExitDrift,
		file: `{apiVersion: v1, kind: ConfigMap, metadata: {name: gone, annotations: {helm.sh/resource-policy: keep}}}`,
		do: func(s *site) {
			s.merge("kubectl-annotate", gone, `{metadata: {annotations: {helm.sh/resource-policy: null}}}`)
		}},
	{why: "P6: a claim holds data", ref: "v1 PersistentVolumeClaim gone", rule: "P6", code: reconcile.ExitDrift,
		file: existing("v1", "PersistentVolumeClaim", "gone", "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}")},
	{why: "P6: a namespace", ref: "v1 Namespace $NS-gone", rule: "P6", code: reconcile.ExitDrift,
		file: `{apiVersion: v1, kind: Namespace, metadata: {name: $NS-gone}}`},
	{why: "P6: a namespace that may be pruned, with somebody's object in it", ref: "v1 Namespace $NS-gone", rule: "P6", code: reconcile.ExitDrift,
		file: `{apiVersion: v1, kind: Namespace, metadata: {name: $NS-gone}}`,
		from: func(s *site) { s.guards.Unprotect = []string{"Namespace/" + s.ns + "-gone"} },
		do: func(s *site) {
			s.create("kubectl-create", `{apiVersion: v1, kind: ConfigMap, metadata: {name: theirs, namespace: $NS-gone}}`)
		}},
	{why: "P6: a CRD", ref: "apiextensions.k8s.io/v1 CustomResourceDefinition widgets.$NS.example.com", rule: "P6", code: reconcile.ExitDrift, file: widgets},
	{why: "P6: kube-system", ref: "v1 ConfigMap kube-system/$NS-gone", rule: "P6", code: reconcile.ExitDrift,
		file: `{apiVersion: v1, kind: ConfigMap, metadata: {name: $NS-gone, namespace: kube-system}}`},
	{why: "P6: Killick's own namespace", ref: "v1 ConfigMap $STATE/gone", rule: "P6", code: reconcile.ExitDrift,
		file: `{apiVersion: v1, kind: ConfigMap, metadata: {name: gone, namespace: $STATE}}`},
	{why: "P7: what another app wants is not known", rule: "P7", code: reconcile.ExitPartial,
		from: func(s *site) { s.app("other"); s.commit(map[string]string{"other/x.yaml": configMap("x")}) },
		do:   func(s *site) { s.commit(map[string]string{"other/x.yaml": "broken: [\n"}) }},
	{why: "P8: no policy grants it", rule: "no policy grants prune", code: reconcile.ExitDrift,
		do: func(s *site) { s.rego = strings.Replace(grants, "prune contains", "# prune contains", 1) }},
	{why: "P8: policy cannot be evaluated for some object of the app", rule: "P2", code: reconcile.ExitPartial,
		do: func(s *site) {
			s.rego = grants + "\nheal contains sprintf(\"%d\", [1 / count(input.desired.data.zero)]) if input.resource.name == \"odd\"\n"
			s.commit(map[string]string{"odd.yaml": existing("v1", "ConfigMap", "odd", `data: {zero: ""}`)})
		}},
	{why: "the budget: a whole namespace would be emptied", ref: "v1 ConfigMap $NS-emptied/gone", rule: "would be emptied", code: reconcile.ExitGuard,
		from: func(s *site) {
			s.commit(map[string]string{"ns.yaml": `{apiVersion: v1, kind: Namespace, metadata: {name: $NS-emptied}}`})
		},
		file: `{apiVersion: v1, kind: ConfigMap, metadata: {name: gone, namespace: $NS-emptied}}`},
	{why: "the budget of the app", rule: "budget: 1 deletion", code: reconcile.ExitGuard,
		do: func(s *site) { s.guards.Prune = drift.PruneBudget{Percent: 1, Floor: 0, Ceiling: 20, RunCeiling: 50} }},
	{why: "the budget of the run", rule: "budget: 1 deletion in this run", code: reconcile.ExitGuard,
		do: func(s *site) { s.guards.Prune.RunCeiling = 0 }},
}

// TestPruneRefusals: an object that Git no longer has stays, and the report says
// which rule kept it.
func TestPruneRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range refusals {
		t.Run(strings.ReplaceAll(test.why, "/", "-"), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			fill := func(text string) string { return strings.ReplaceAll(text, "$STATE", s.state) }
			ref, file := fill(test.ref), fill(test.file)
			if ref == "" {
				ref = gone
			}
			if file == "" {
				file = configMap("gone")
			}
			if test.from != nil {
				test.from(s)
			}
			s.commit(map[string]string{"keep.yaml": configMap("keep"), "gone.yaml": file})
			s.converge()
			before := s.live(ref)
			s.commit(map[string]string{"gone.yaml": deleted})
			if test.do != nil {
				test.do(s)
			}
			runs := 1
			if test.twice {
				runs = 3
			}
			for range runs {
				r := s.run()
				parts := strings.Fields(ref)
				name := parts[2]
				if i := strings.IndexByte(name, '/'); i >= 0 {
					name = name[i+1:]
				}
				resource := r.of(parts[1] + " " + name)
				said := append(slices.Clone(resource.Refused), resource.Reason)
				if resource.Drift != "extra" || resource.Action != "alert-only" || resource.Outcome != "skipped" ||
					!slices.ContainsFunc(said, func(line string) bool { return strings.Contains(line, test.rule) }) {
					t.Errorf("%s %s %s: %q", resource.Drift, resource.Action, resource.Outcome, said)
				}
				if r.code != test.code {
					t.Errorf("exit code %d, want %d\n%s", r.code, test.code, r.details())
				}
				live := s.live(ref)
				if test.rule != "P1" && nested.UIDOf(live) != nested.UIDOf(before) {
					t.Error("the object is another one now")
				}
				if _, doomed := live["metadata"].(map[string]any)["deletionTimestamp"]; doomed {
					t.Error("the object is being deleted")
				}
				if _, listed := s.inventory("shop")[parts[1]+" "+name]; !listed {
					t.Errorf("the inventory forgot it: %q", s.inventoried("shop"))
				}
			}
		})
	}
}

// TestPrune: exactly what left Git goes, with everything else as it was, and the
// inventory forgets it.
func TestPrune(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	files := map[string]string{}
	for i := range 12 {
		name := fmt.Sprintf("c%02d", i)
		files[name+".yaml"] = configMap(name)
	}
	files["web.yaml"] = existing("apps/v1", "Deployment", "web", deployment("", ""))
	files["svc.yaml"] = existing("v1", "Service", "web", service)
	s.commit(files)
	s.converge()
	before := s.states()
	s.commit(map[string]string{"c03.yaml": deleted, "web.yaml": deleted})
	planned := s.plan()
	planned.expect("the plan", "ConfigMap c03: extra/git prune planned", "Deployment web: extra/git prune planned")
	if diff := cmp.Diff(before, s.states()); diff != "" {
		t.Errorf("planning changed objects:\n%s", diff)
	}
	tape := s.record()
	r := s.run()
	r.expect("the run", "ConfigMap c03: extra/git prune pruned", "Deployment web: extra/git prune pruned")
	if r.code != reconcile.ExitOK {
		t.Errorf("exit code %d", r.code)
	}
	var deletions []string
	for _, line := range tape.wrote {
		if strings.HasPrefix(line, "DELETE ") {
			deletions = append(deletions, s.short(line))
		}
	}
	want := []string{"DELETE /apis/apps/v1/namespaces/$NS/deployments/web", "DELETE /api/v1/namespaces/$NS/configmaps/c03"}
	if diff := cmp.Diff(want, deletions); diff != "" {
		t.Errorf("deletions (-want +got):\n%s", diff)
	}
	s.absent("v1 ConfigMap c03")
	s.absent("apps/v1 Deployment web")
	after := s.states()
	for id := range before {
		if strings.HasSuffix(id, "/c03") || strings.HasPrefix(id, "Deployment") {
			delete(before, id)
		}
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("pruning changed other objects, or the inventory still holds what is gone:\n%s", diff)
	}
	s.run().silent("the run after pruning")
}

// TestPruneNamespace: a namespace may go when the config says so, and nothing is
// in it.
func TestPruneNamespace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.guards.Unprotect = []string{"Namespace/" + s.ns + "-made"}
	s.commit(map[string]string{
		"keep.yaml": configMap("keep"),
		"ns.yaml":   `{apiVersion: v1, kind: Namespace, metadata: {name: $NS-made}}`,
		"in.yaml":   `{apiVersion: v1, kind: ConfigMap, metadata: {name: inside, namespace: $NS-made}}`,
	})
	s.converge()
	s.commit(map[string]string{"ns.yaml": deleted})
	s.run().expect("its content is still wanted", "Namespace $NS-made: extra/git alert-only skipped")
	s.remove("v1 ConfigMap $NS-made/inside")
	s.commit(map[string]string{"in.yaml": deleted})
	s.cluster.Eventually(t, "the empty namespace is pruned", func(context.Context) error {
		// Kinds of other tests come and go; while what the namespace holds is not
		// known, it stays.
		if r := s.run(); r.of("Namespace $NS-made").Outcome != "pruned" {
			return errors.New(r.details())
		}
		return nil
	})
	s.absent("v1 Namespace $NS-made")
	s.run().silent("the run after that")
}

// TestHandOver: an object that moves from one app to another one lives on.
func TestHandOver(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("other")
	s.commit(map[string]string{"a.yaml": configMap("a"), "keep.yaml": configMap("keep"), "other/b.yaml": configMap("b")})
	s.converge()
	uid := nested.UIDOf(s.live("v1 ConfigMap a"))
	s.commit(map[string]string{"a.yaml": deleted, "other/a.yaml": configMap("a")})
	for i := range 3 {
		r := s.run()
		if got := nested.UIDOf(s.live("v1 ConfigMap a")); got != uid {
			t.Fatalf("run %d: the object was made again", i)
		}
		if r.code != reconcile.ExitOK && i > 0 {
			t.Errorf("run %d: exit code %d\n%s", i, r.code, r.details())
		}
	}
	s.run().silent("when the other app has it")
	if diff := cmp.Diff([]string{"ConfigMap keep"}, s.inventoried("shop")); diff != "" {
		t.Errorf("the inventory of the first app (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ConfigMap a", "ConfigMap b"}, s.inventoried("other")); diff != "" {
		t.Errorf("the inventory of the second app (-want +got):\n%s", diff)
	}
	if got, want := s.value("v1 ConfigMap a", "metadata labels "+drift.LabelPartOf), drift.ApplySetID("other", s.state); got != want {
		t.Errorf("the object is part of %v, want %v", got, want)
	}
	s.commit(map[string]string{"other/a.yaml": deleted})
	s.run().expect("removed from the second app", "other: ConfigMap a: extra/git prune pruned")
}

// TestPruneOnlyOne: a run limited by --app prunes, since every app is rendered;
// and only there.
func TestPruneWithOneApp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("other")
	s.commit(map[string]string{"a.yaml": configMap("a"), "keep.yaml": configMap("keep"), "other/b.yaml": configMap("b"), "other/keep.yaml": configMap("keep2")})
	s.converge()
	s.commit(map[string]string{"a.yaml": deleted, "other/b.yaml": deleted})
	s.run("shop").expect("one app", "ConfigMap a: extra/git prune pruned")
	s.absent("v1 ConfigMap a")
	s.live("v1 ConfigMap b")
}

// TestPrunePreconditions: what is deleted is exactly what was judged.
func TestPrunePreconditions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		why     string
		hook    func(s *site) *between
		outcome string
		alive   bool
		code    int
	}{
		{why: "changed between the last look and the deletion", outcome: "failed", alive: true, code: reconcile.ExitPartial,
			hook: func(s *site) *between {
				return &between{delete: func(drift.DeleteRequest, int) error {
					s.merge("kubectl-edit", gone, `{data: {a: changed}}`)
					return nil
				}}
			}},
		{why: "made again between the last look and the deletion", outcome: "failed", alive: true, code: reconcile.ExitPartial,
			hook: func(s *site) *between {
				return &between{delete: func(drift.DeleteRequest, int) error {
					s.remove(gone)
					s.create("kubectl-create", configMap("gone"))
					return nil
				}}
			}},
		{why: "kept by an annotation that came after the plan", outcome: "skipped", alive: true, code: reconcile.ExitDrift,
			hook: func(s *site) *between {
				return &between{get: func(drift.ID, int) error {
					s.merge("kubectl-annotate", gone, `{metadata: {annotations: {helm.sh/resource-policy: keep}}}`)
					return nil
				}}
			}},
		{why: "suspended after the plan", outcome: "skipped", alive: true, code: reconcile.ExitDrift,
			hook: func(s *site) *between {
				return &between{get: func(drift.ID, int) error {
					s.merge("kubectl-annotate", gone, `{metadata: {annotations: {killick.dev/suspend-until: "2999-01-01T00:00:00Z", killick.dev/suspend-reason: "incident 4711"}}}`)
					return nil
				}}
			}},
		{why: "what policy vetoes since the plan", outcome: "skipped", alive: true, code: reconcile.ExitDrift,
			hook: func(s *site) *between {
				s.rego = grants + "\nalert_only contains \"in use\" if input.resource.annotations.used == \"yes\"\n"
				return &between{get: func(drift.ID, int) error {
					s.merge("kubectl-annotate", gone, `{metadata: {annotations: {used: "yes"}}}`)
					return nil
				}}
			}},
		{why: "deleted by somebody else meanwhile", outcome: "pruned", code: reconcile.ExitOK,
			hook: func(s *site) *between {
				return &between{get: func(drift.ID, int) error { s.remove(gone); return nil }}
			}},
		{why: "unreadable at the last look", outcome: "failed", alive: true, code: reconcile.ExitPartial,
			hook: func(*site) *between {
				return &between{get: func(drift.ID, int) error { return errors.New("the answer was lost") }}
			}},
		{why: "the API server says no", outcome: "failed", alive: true, code: reconcile.ExitPartial,
			hook: func(*site) *between {
				return &between{delete: func(drift.DeleteRequest, int) error {
					return &drift.Refusal{Kind: drift.ErrForbidden, Message: "no"}
				}}
			}},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.commit(map[string]string{"keep.yaml": configMap("keep"), "gone.yaml": configMap("gone")})
			s.converge()
			s.commit(map[string]string{"gone.yaml": deleted})
			s.intercept(test.hook(s))
			r := s.run()
			if resource := r.of("ConfigMap gone"); resource.Outcome != test.outcome {
				t.Errorf("%s: %s", resource.Outcome, resource.Error)
			}
			if r.code != test.code {
				t.Errorf("exit code %d, want %d\n%s", r.code, test.code, r.details())
			}
			_, listed := s.inventory("shop")["ConfigMap gone"]
			if alive := s.find(gone).State == drift.Present; alive != test.alive || listed != test.alive {
				t.Errorf("alive %t, in the inventory %t, want both %t", alive, listed, test.alive)
			}
		})
	}
}

// TestPruneBesideReports: a controller that writes status between the last look and
// the deletion does not keep the object.
func TestPruneBesideReports(t *testing.T) {
	t.Parallel()
	const ref = "v1 Service web"
	s := newSite(t)
	s.commit(map[string]string{"keep.yaml": configMap("keep"), "web.yaml": existing("v1", "Service", "web", "spec: {ports: [{port: 80}]}")})
	s.converge()
	s.commit(map[string]string{"web.yaml": deleted})
	s.intercept(&between{delete: func(_ drift.DeleteRequest, n int) error {
		if n <= 3 {
			s.report(ref, n)
		}
		return nil
	}})
	s.run().expect("the run", "Service web: extra/git prune pruned")
	s.absent(ref)
}

// TestPruneHeldByFinalizer: an accepted deletion is not a confirmed one.
func TestPruneHeldByFinalizer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"keep.yaml": configMap("keep"), "gone.yaml": configMap("gone")})
	s.converge()
	s.merge("example-operator", gone, `{metadata: {finalizers: [example.com/hold]}}`)
	s.commit(map[string]string{"gone.yaml": deleted})
	s.run().expect("the deletion is accepted", "ConfigMap gone: extra/git prune pruned")
	if diff := cmp.Diff([]string{"ConfigMap gone", "ConfigMap keep"}, s.inventoried("shop")); diff != "" {
		t.Errorf("while it is there, the inventory holds it (-want +got):\n%s", diff)
	}
	s.run().expect("still there", "ConfigMap gone: extra/git alert-only skipped")
	s.merge("example-operator", gone, `{metadata: {finalizers: null}}`)
	s.absent(gone)
	s.run().silent("gone at last")
	if diff := cmp.Diff([]string{"ConfigMap keep"}, s.inventoried("shop")); diff != "" {
		t.Errorf("the inventory (-want +got):\n%s", diff)
	}
}

// TestCopiedLabelIsNobodysExtra: controllers copy labels to what they make; a
// copy is neither reported nor pruned.
func TestCopiedLabelIsNobodysExtra(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"keep.yaml": configMap("keep")})
	s.converge()
	partOf := s.value("v1 ConfigMap keep", "metadata labels "+drift.LabelPartOf).(string)
	s.create("example-operator", `{apiVersion: v1, kind: ConfigMap, metadata: {name: copy, labels: {`+drift.LabelPartOf+": "+partOf+`}}}`)
	s.run().silent("a copy of the label")
	s.live("v1 ConfigMap copy")
}

// TestLostState: the cache may go at any time, the inventory too. Nothing is
// pruned on a guess, and the next run knows again.
func TestLostState(t *testing.T) {
	t.Parallel()
	t.Run("the cache", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.commit(map[string]string{"keep.yaml": configMap("keep"), "gone.yaml": configMap("gone")})
		s.converge()
		s.forget(drift.StateName("shop"))
		s.run().silent("nothing changed")
		s.forget(drift.StateName("shop"))
		s.merge("kubectl-edit", "v1 ConfigMap keep", "{data: {a: c}}")
		s.run().expect("an edit", "ConfigMap keep: modified/live heal applied")
		s.forget(drift.StateName("shop"))
		s.commit(map[string]string{"gone.yaml": deleted})
		r := s.run()
		for range 2 {
			r.expect("one copy alone does not tell who applied it, nor does waiting", "ConfigMap gone: extra/git alert-only skipped")
			r = s.run()
		}
		s.guards.Accept = r.hashes(drift.GuardSource)
		s.run().expect("accepted", "ConfigMap gone: extra/git prune pruned")
	})
	t.Run("the inventory", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.commit(map[string]string{"keep.yaml": configMap("keep"), "gone.yaml": configMap("gone")})
		s.converge()
		before := s.inventory("shop")
		s.forget(drift.ParentName("shop"))
		s.run().silent("nothing changed")
		if diff := cmp.Diff(before, s.inventory("shop")); diff != "" {
			t.Errorf("the inventory is not what it was (-before +after):\n%s", diff)
		}
	})
	t.Run("the inventory, while an object leaves Git", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.commit(map[string]string{"keep.yaml": configMap("keep"), "gone.yaml": configMap("gone"), "svc.yaml": existing("v1", "Service", "gone", service)})
		s.converge()
		before := s.inventory("shop")
		s.forget(drift.ParentName("shop"))
		s.commit(map[string]string{"gone.yaml": deleted, "svc.yaml": deleted})
		r := s.run()
		r.expect("nothing is pruned in the run that rebuilds the inventory", "ConfigMap gone: extra/git alert-only skipped", "Service gone: extra/git alert-only skipped")
		if diff := cmp.Diff(before, s.inventory("shop")); diff != "" {
			t.Errorf("the inventory is not what it was (-before +after):\n%s", diff)
		}
		for range 2 {
			r = s.run()
			r.expect("it is known again, and not which source applied it", "ConfigMap gone: extra/git alert-only skipped", "Service gone: extra/git alert-only skipped")
		}
		s.guards.Accept = r.hashes(drift.GuardSource)
		s.run().expect("accepted", "ConfigMap gone: extra/git prune pruned", "Service gone: extra/git prune pruned")
	})
	t.Run("both", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.commit(map[string]string{"keep.yaml": configMap("keep")})
		s.converge()
		before := s.inventory("shop")
		s.forget(drift.ParentName("shop"))
		s.forget(drift.StateName("shop"))
		s.run().silent("nothing changed")
		if diff := cmp.Diff(before, s.inventory("shop")); diff != "" {
			t.Errorf("the inventory is not what it was (-before +after):\n%s", diff)
		}
	})
}
