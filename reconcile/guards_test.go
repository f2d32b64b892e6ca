package reconcile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// role keeps a render from being empty and no namespace from being emptied.
const role = `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: $NS-role}, rules: []}`

// TestSeveralGuards: what several guards withhold is told with all of them, counted once,
// and goes when all of them are lifted, and not before.
func TestSeveralGuards(t *testing.T) {
	t.Parallel()
	frozen := func(value string) string {
		return existing("v1", "ConfigMap", "frozen", "immutable: true, data: {a: "+value+"}")
	}
	tests := []struct {
		why    string
		apps   []string // beside shop
		budget drift.PruneBudget
		start  map[string]string
		change map[string]string
		move   bool // the change comes from another branch
		// steps are the guards that withhold, each app's in its order, later ones in
		// brackets; the first of them is accepted, then the next.
		steps [][]string
	}{
		{why: "a namespace is emptied, above the budget", budget: drift.PruneBudget{Floor: 1, Ceiling: 1, RunCeiling: 50},
			start:  map[string]string{"role.yaml": role, "a.yaml": configMap("a"), "b.yaml": configMap("b")},
			change: map[string]string{"a.yaml": deleted, "b.yaml": deleted},
			steps:  [][]string{{"shop emptied-namespace", "shop budget"}, {"shop budget"}}},
		{why: "the render is empty, a namespace is emptied, above the budget", budget: drift.PruneBudget{Floor: 1, Ceiling: 1, RunCeiling: 50},
			start:  map[string]string{"a.yaml": configMap("a"), "b.yaml": configMap("b")},
			change: map[string]string{"a.yaml": deleted, "b.yaml": deleted, "empty.yaml": "# nothing\n"},
			steps: [][]string{{"shop empty-render", "(shop emptied-namespace)", "(shop budget)"},
				{"shop emptied-namespace", "shop budget"}, {"shop budget"}}},
		{why: "above the app's budget and the run's, in two apps", apps: []string{"blog"}, budget: drift.PruneBudget{Floor: 1, Ceiling: 1, RunCeiling: 2},
			start: map[string]string{"keep.yaml": configMap("keep"), "a.yaml": configMap("a"), "b.yaml": configMap("b"),
				"blog/keep.yaml": configMap("kept"), "blog/c.yaml": configMap("c")},
			change: map[string]string{"a.yaml": deleted, "b.yaml": deleted, "blog/c.yaml": deleted},
			steps: [][]string{{"shop budget", "shop run-budget", "blog run-budget"},
				{"shop run-budget", "blog run-budget"}}},
		{why: "a deletion and a replacement above the budget, where a namespace is emptied of all else", budget: drift.PruneBudget{Floor: 1, Ceiling: 1, RunCeiling: 1},
			start:  map[string]string{"role.yaml": role, "a.yaml": configMap("a"), "frozen.yaml": frozen("b")},
			change: map[string]string{"a.yaml": deleted, "frozen.yaml": frozen("c")},
			steps:  [][]string{{"shop budget", "shop run-budget"}, {"shop run-budget"}}},
		{why: "another source, and above the budget", budget: drift.PruneBudget{Floor: 1, Ceiling: 1, RunCeiling: 50}, move: true,
			start:  map[string]string{"keep.yaml": configMap("keep"), "a.yaml": configMap("a"), "b.yaml": configMap("b")},
			change: map[string]string{"a.yaml": deleted, "b.yaml": deleted},
			steps:  [][]string{{"shop source", "(shop budget)"}, {"shop budget"}}},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.rego, s.guards.Prune = grants+replacement, test.budget
			for _, name := range test.apps {
				s.app(name)
			}
			s.commit(test.start)
			s.converge()
			if test.move {
				s.ref = "next"
				s.commitTo("next", test.change)
			} else {
				s.commit(test.change)
			}
			for _, step := range test.steps {
				s.guards.Accept = append(s.guards.Accept, s.withholds(s.plan(), step), s.withholds(s.run(), step))
			}
			s.guards.Accept = slices.Compact(s.guards.Accept)
			r := s.run()
			if len(r.Report.Errors) > 0 || r.code != reconcile.ExitOK {
				t.Errorf("all is accepted: exit code %d\n%s", r.code, r.details())
			}
			for name := range test.change {
				_, file, _ := strings.Cut("/"+name, "/")
				file = strings.TrimSuffix(file[strings.LastIndex(file, "/")+1:], ".yaml")
				if file != "frozen" && file != "empty" {
					s.absent("v1 ConfigMap " + file)
				}
			}
			s.guards.Accept = nil
			s.run().silent("the run after that")
		})
	}
}

// withholds demands that a run is withheld by these guards, and answers the hash of the
// first one.
func (s *site) withholds(r result, want []string) string {
	s.Helper()
	var got, stops []string
	hash, reasons := "", map[string][]string{} // by object
	for _, app := range r.Report.Apps {
		for _, set := range app.Withheld {
			name := app.Name + " " + string(set.Guard)
			if set.Later {
				got = append(got, "("+name+")")
				continue
			}
			got = append(got, name)
			if hash == "" {
				hash = set.Hash
			}
			if set.Guard.Stops() {
				stops = append(stops, app.Name+": a guard stopped writes: "+set.Reason)
			}
			for _, object := range set.Objects {
				id := app.Name + " " + object.Kind + " " + object.Name
				reasons[id] = append(reasons[id], set.Reason)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Fatalf("%s: the guards (-want +got):\n%s\n%s", r.Report.Run.Mode, diff, r.details())
	}
	refused, alerted := map[string][]string{}, 0
	for _, app := range r.Report.Apps {
		alerted += app.Counts.Alerted
		if done := app.Counts.Pruned + app.Counts.Replaced + app.Counts.Failed; done > 0 {
			s.Errorf("%s: %d deletions were counted as done or failed:\n%s", r.Report.Run.Mode, done, r.details())
		}
		for _, resource := range app.Resources {
			refused[app.Name+" "+resource.Kind+" "+resource.Name] = resource.Refused
		}
	}
	if diff := cmp.Diff(reasons, refused); diff != "" {
		s.Errorf("%s: what each object is withheld for (-by the guards +by the object):\n%s", r.Report.Run.Mode, diff)
	}
	if alerted != len(reasons) {
		s.Errorf("%s: %d objects are withheld, and %d are counted", r.Report.Run.Mode, len(reasons), alerted)
	}
	var told []string
	for _, one := range r.Report.Errors {
		told = append(told, one.App+": "+one.Message)
	}
	if diff := cmp.Diff(stops, told); diff != "" {
		s.Errorf("%s: the errors (-want +got):\n%s", r.Report.Run.Mode, diff)
	}
	if code := map[bool]int{true: reconcile.ExitGuard, false: reconcile.ExitDrift}[len(stops) > 0]; r.code != code {
		s.Errorf("%s: exit code %d, want %d", r.Report.Run.Mode, r.code, code)
	}
	return hash
}
