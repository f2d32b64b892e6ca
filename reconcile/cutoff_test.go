package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/policy"
	"github.com/killick-dev/killick/reconcile"
)

// under lets runs ask policies of several areas, each with its scope.
func (s *site) under(areas map[string]policy.Area, files map[string]string) {
	s.Helper()
	fsys := fstest.MapFS{}
	for area, text := range files {
		fsys["policies/"+area+"/"+area+".rego"] = &fstest.MapFile{Data: []byte("package drift." + area + "\n\n" + text)}
	}
	engine, err := policy.Load([]policy.Source{{Path: "policies", FS: fsys, Dir: "policies", Areas: areas}}, policy.Options{Steps: 20_000})
	if err != nil {
		s.Fatal(err)
	}
	s.wrap = func(r reconcile.Reconciler) reconcile.Reconciler {
		r.Policies = engine
		return r
	}
}

// TestCutOff: a rule that takes too much work is cut off once. What its area speaks
// for and comes later waits for people, since the area's vetoes are not known; what
// came before and what other areas speak for is done. How the objects were spread over
// threads makes no difference.
func TestCutOff(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other := s.cluster.NewNamespace(t)
	s.app("elsewhere", func(app *drift.App) { app.Namespace = other })
	s.app("zoo")
	const endless = "count([1 | some a in numbers.range(1, 1000); some b in numbers.range(1, 1000); a == b]) > 3"
	s.under(map[string]policy.Area{"all": {All: true}, "slow": {Namespaces: []string{s.ns}}, "slower": {Namespaces: []string{s.ns}}},
		map[string]string{
			"all":    "sync contains \"Git says so\" if input.drift.cause == \"git\"\n",
			"slow":   "alert_only contains \"x\" if {\n\tinput.resource.name in {\"b5\", \"b7\"}\n\t" + endless + "\n}\n",
			"slower": "alert_only contains \"x\" if {\n\tinput.resource.name == \"b6\"\n\t" + endless + "\n}\n",
		})
	files := map[string]string{"elsewhere/z.yaml": configMap("z"), "zoo/z.yaml": configMap("z2")}
	var want []string
	for i := range 10 {
		name := fmt.Sprintf("b%d", i)
		files["shop/"+name+".yaml"] = configMap(name)
		action := "sync planned"
		if i >= 5 {
			action = "alert-only skipped"
		}
		want = append(want, "shop: ConfigMap "+name+": missing/git "+action)
	}
	want = append(want, "elsewhere: ConfigMap z: missing/git sync planned", "zoo: ConfigMap z2: missing/git alert-only skipped")
	s.commit(files)
	for range 5 {
		r := s.plan()
		r.expect("cut off about b5", want...)
		for name, reason := range map[string]string{
			"ConfigMap b5": "policies/slow/slow.rego:3: evaluating policies: alert_only of area slow, at policies/slow/slow.rego:5, takes more than 20000 steps",
			"ConfigMap b6": "area slow is not asked again in this run, since about ConfigMap " + s.ns + "/b5: policies/slow/slow.rego:3: ",
			"ConfigMap b7": "area slow is not asked again in this run, since about ConfigMap " + s.ns + "/b5: ",
			"ConfigMap z2": "area slow is not asked again in this run, since about ConfigMap " + s.ns + "/b5: ",
		} {
			if got := r.of(name).Reason; !strings.Contains(got, reason) {
				t.Errorf("%s: want %q, got %q", name, reason, got)
			}
		}
	}
	if r := s.run(); r.code != reconcile.ExitPartial {
		t.Errorf("exit code %d, want 4:\n%s", r.code, r.details())
	}
}

// hung are policies of which one never answers about one object.
type hung struct {
	reconcile.Policies
	name string
}

func (h hung) Evaluate(ctx context.Context, input drift.Input) drift.Verdict {
	if input.Resource.Name != h.name {
		return h.Policies.Evaluate(ctx, input)
	}
	return drift.Verdict{Err: &drift.Problem{Stage: "policy", File: "policies/shop/shop.rego:3",
		Err: fmt.Errorf("evaluating policies: heal of area shop: %w", drift.ErrRunaway)}}
}

// TestRunaway: a policy that nothing can stop ends the run, which has written nothing
// and says why.
func TestRunaway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"a.yaml": configMap("a"), "b.yaml": configMap("b"), "c.yaml": configMap("c")})
	s.wrap = func(r reconcile.Reconciler) reconcile.Reconciler {
		r.Policies = hung{r.Policies, "b"}
		return r
	}
	r := s.run()
	if r.code != reconcile.ExitInterrupted || r.Record != nil {
		t.Errorf("exit code %d, want 7, record %v:\n%s", r.code, r.Record, r.details())
	}
	var said []string
	for _, e := range r.Report.Errors {
		said = append(said, fmt.Sprintf("%s %s: %s", e.Stage, e.File, e.Message))
	}
	want := "policy policies/shop/shop.rego:3: policies/shop/shop.rego:3: evaluating policies: heal of area shop: " + drift.ErrRunaway.Error()
	if !slices.Contains(said, want) {
		t.Errorf("errors %q, want %q", said, want)
	}
	for _, name := range []string{"a", "b", "c"} {
		seen := s.admin.Get(t.Context(), s.apps[0], drift.ID{Kind: "ConfigMap", Namespace: s.ns, Name: name}, "v1")
		if seen.State != drift.Absent {
			t.Errorf("ConfigMap %s was written", name)
		}
	}
	s.wrap = nil
	if r := s.run(); r.code != reconcile.ExitOK {
		t.Errorf("the next run: exit code %d\n%s", r.code, r.details())
	}
}
