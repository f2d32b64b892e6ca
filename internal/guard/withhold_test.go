package guard

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/drift"
)

func ids(namespace string, names ...string) []drift.ID {
	var out []drift.ID
	for _, name := range names {
		out = append(out, drift.ID{Kind: "ConfigMap", Namespace: namespace, Name: name})
	}
	return out
}

func inventoryWith(ids ...[]drift.ID) drift.Inventory {
	inventory := drift.Inventory{Known: true}
	for _, id := range slices.Concat(ids...) {
		inventory.Entries = append(inventory.Entries, drift.Entry{ID: id, UID: id.Name})
	}
	return inventory
}

func numbered(namespace string, n int) []drift.ID {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("n%d", i))
	}
	return ids(namespace, names...)
}

func TestAllowance(t *testing.T) {
	t.Parallel()
	budget := drift.PruneBudget{Percent: 20, Floor: 3, Ceiling: 20, RunCeiling: 50}
	for inventory, want := range map[int]int{0: 3, 1: 3, 15: 3, 19: 3, 20: 4, 24: 4, 25: 5, 99: 19, 100: 20, 105: 20, 1000: 20} {
		if got := allowance(budget, inventory); got != want {
			t.Errorf("of %d: %d, want %d", inventory, got, want)
		}
	}
	if got := allowance(drift.PruneBudget{Percent: 50, Floor: 10, Ceiling: 2}, 100); got != 2 {
		t.Errorf("the ceiling is the last word: %d", got)
	}
	if got := allowance(drift.PruneBudget{}, 1000); got != 0 {
		t.Errorf("nothing allowed by default: %d", got)
	}
}

// candidates are deletions of objects whose UIDs are their names.
func candidates(ids ...[]drift.ID) []drift.Candidate {
	var out []drift.Candidate
	for _, id := range slices.Concat(ids...) {
		out = append(out, drift.Candidate{ID: id, UID: id.Name})
	}
	return out
}

// replaced are the same, created again.
func replaced(ids ...[]drift.ID) []drift.Candidate {
	out := candidates(ids...)
	for i := range out {
		out[i].Replace = true
	}
	return out
}

func saying(why string, ids ...drift.ID) map[drift.ID]string {
	says := map[drift.ID]string{}
	for _, id := range ids {
		says[id] = why
	}
	return says
}

// toldSets is what Withhold says in short: app → "guard reason", with a mark for what comes
// later.
func toldSets(w Withholding) map[string][]string {
	short := map[string][]string{}
	for app, sets := range w.Apps {
		for _, set := range sets {
			line := string(set.Guard) + " " + fmt.Sprint(len(set.Objects)) + ": " + set.Reason
			if set.Later {
				line = "later " + line
			}
			short[app] = append(short[app], line)
		}
	}
	return short
}

func TestWithhold(t *testing.T) {
	t.Parallel()
	budget := drift.PruneBudget{Percent: 20, Floor: 3, Ceiling: 20, RunCeiling: 25}
	keep := ids("storefront", "kept")
	emptied := "emptied-namespace %d: P3: namespace \"storefront\" would be emptied"
	cases := []struct {
		name, reason string
		budget       drift.PruneBudget
		apps         []drift.Candidates
		want         map[string][]string
	}{
		{"nothing", "no deletions", budget, []drift.Candidates{{App: "a", Inventory: inventoryWith(numbered("x", 10))}}, nil},
		{"within the floor", "three of a small app", budget,
			[]drift.Candidates{{App: "a", Inventory: inventoryWith(numbered("storefront", 4)), Delete: candidates(numbered("storefront", 3))}}, nil},
		{"above the floor", "four of five", budget,
			[]drift.Candidates{{App: "a", Inventory: inventoryWith(numbered("storefront", 5)), Delete: candidates(numbered("storefront", 4))}},
			map[string][]string{"a": {"budget 4: budget: 4 deletions, and 3 of 5 objects are allowed"}}},
		{"above the percentage", "and below the ceiling", budget,
			[]drift.Candidates{{App: "a", Inventory: inventoryWith(numbered("storefront", 50)), Delete: candidates(numbered("storefront", 11))}},
			map[string][]string{"a": {"budget 11: budget: 11 deletions, and 10 of 50 objects are allowed"}}},
		{"above the ceiling", "of a large app", budget,
			[]drift.Candidates{{App: "a", Inventory: inventoryWith(numbered("storefront", 500)), Delete: candidates(numbered("storefront", 21))}},
			map[string][]string{"a": {"budget 21: budget: 21 deletions, and 20 of 500 objects are allowed"}}},
		{"none allowed", "a zero budget", drift.PruneBudget{RunCeiling: 50},
			[]drift.Candidates{{App: "a", Inventory: inventoryWith(numbered("storefront", 500)), Delete: candidates(numbered("storefront", 1))}},
			map[string][]string{"a": {"budget 1: budget: 1 deletion, and 0 of 500 objects are allowed"}}},
		{"after others", "the budget is for 24 hours", budget,
			[]drift.Candidates{{App: "a", Inventory: inventoryWith(numbered("storefront", 8)), Delete: candidates(numbered("storefront", 2)), Deleted: 2}},
			map[string][]string{"a": {"budget 2: budget: 2 deletions after 2 in the last 24 hours, and 3 of 8 objects are allowed"}}},
		{"replacements", "they delete as well", budget,
			[]drift.Candidates{{App: "a", Inventory: inventoryWith(numbered("storefront", 5)), Delete: replaced(numbered("storefront", 4))}},
			map[string][]string{"a": {"budget 4: budget: 4 deletions, and 3 of 5 objects are allowed"}}},
		{"only one of two", "the other app's deletions go on", budget,
			[]drift.Candidates{
				{App: "a", Inventory: inventoryWith(numbered("a", 5)), Delete: candidates(numbered("a", 4))},
				{App: "b", Inventory: inventoryWith(numbered("b", 5)), Delete: candidates(numbered("b", 2))}},
			map[string][]string{"a": {"budget 4: budget: 4 deletions, and 3 of 5 objects are allowed"}}},
		{"the run's ceiling", "each within its own, together too many", budget,
			[]drift.Candidates{
				{App: "a", Inventory: inventoryWith(numbered("a", 100)), Delete: candidates(numbered("a", 20))},
				{App: "b", Inventory: inventoryWith(numbered("b", 100)), Delete: candidates(numbered("b", 6))},
				{App: "c", Inventory: inventoryWith(numbered("c", 100))}},
			map[string][]string{"a": {"run-budget 20: budget: 26 deletions in this run, and 25 are allowed"},
				"b": {"run-budget 6: budget: 26 deletions in this run, and 25 are allowed"}}},
		{"the run's ceiling exactly", "is allowed", budget,
			[]drift.Candidates{
				{App: "a", Inventory: inventoryWith(numbered("a", 100)), Delete: candidates(numbered("a", 20))},
				{App: "b", Inventory: inventoryWith(numbered("b", 100)), Delete: candidates(numbered("b", 5))}}, nil},
		{"an emptied namespace", "all that is known of it would go", budget,
			[]drift.Candidates{{App: "a", Inventory: inventoryWith(numbered("storefront", 2), numbered("other", 20)), Delete: candidates(numbered("storefront", 2))}},
			map[string][]string{"a": {fmt.Sprintf(emptied, 2)}}},
		{"a namespace emptied by two", "together they take all of it", budget,
			[]drift.Candidates{
				{App: "a", Inventory: inventoryWith(ids("storefront", "x")), Delete: candidates(ids("storefront", "x"))},
				{App: "b", Inventory: inventoryWith(ids("storefront", "y")), Delete: candidates(ids("storefront", "y"))}},
			map[string][]string{"a": {fmt.Sprintf(emptied, 1)}, "b": {fmt.Sprintf(emptied, 1)}}},
		{"another app stays in the namespace", "it is not emptied", budget,
			[]drift.Candidates{
				{App: "a", Inventory: inventoryWith(ids("storefront", "x")), Delete: candidates(ids("storefront", "x"))},
				{App: "b", Inventory: inventoryWith(ids("storefront", "y"))}}, nil},
		{"replaced in the namespace", "it comes back", budget,
			[]drift.Candidates{{App: "a", Inventory: inventoryWith(ids("storefront", "x", "y")), Delete: append(candidates(ids("storefront", "x")), replaced(ids("storefront", "y"))...)}}, nil},
		{"one object in two inventories", "it counts once", budget,
			[]drift.Candidates{
				{App: "a", Inventory: inventoryWith(ids("storefront", "x")), Delete: candidates(ids("storefront", "x"))},
				{App: "b", Inventory: inventoryWith(ids("storefront", "x"))}},
			map[string][]string{"a": {fmt.Sprintf(emptied, 1)}}},
		{"renamed", "the new object is there before the old one goes", budget,
			[]drift.Candidates{{App: "a", Inventory: inventoryWith(ids("storefront", "x")), Delete: candidates(ids("storefront", "x")), Keeps: keep}}, nil},
		{"kept elsewhere", "that is another namespace", budget,
			[]drift.Candidates{{App: "a", Inventory: inventoryWith(ids("storefront", "x")), Delete: candidates(ids("storefront", "x")), Keeps: ids("other", "y")}},
			map[string][]string{"a": {fmt.Sprintf(emptied, 1)}}},
		{"cluster-scoped", "they stand in no namespace", budget,
			[]drift.Candidates{{App: "a", Inventory: inventoryWith(ids("", "x", "y")), Delete: candidates(ids("", "x", "y"))}}, nil},
		{"over budget and emptied", "both must be accepted, so both are told", budget,
			[]drift.Candidates{{App: "a", Inventory: inventoryWith(numbered("storefront", 4)), Delete: candidates(numbered("storefront", 4))}},
			map[string][]string{"a": {fmt.Sprintf(emptied, 4), "budget 4: budget: 4 deletions, and 3 of 4 objects are allowed"}}},
		{"an empty render", "whatever the numbers say", budget,
			[]drift.Candidates{{App: "a", Inventory: inventoryWith(ids("", "x")), Delete: candidates(ids("", "x")), Empty: true}},
			map[string][]string{"a": {"empty-render 1: P3: the render is empty"}}},
		{"an empty render without candidates", "a folder that was never there", budget, []drift.Candidates{{App: "a", Empty: true}},
			map[string][]string{"a": {"empty-render 0: P3: the render is empty"}}},
		{"one object of another source", "the others go", budget,
			[]drift.Candidates{{App: "a", Inventory: inventoryWith(numbered("", 9)), Delete: candidates(numbered("", 3)), Source: saying("P5: other", numbered("", 1)...)}},
			map[string][]string{"a": {"source 1: P5: other"}}},
		{"another source and then a budget", "every hash that is needed, at once", budget,
			[]drift.Candidates{{App: "a", Inventory: inventoryWith(numbered("", 9)), Delete: candidates(numbered("", 5)), Source: saying("P5: other", numbered("", 3)...)}},
			map[string][]string{"a": {"source 3: P5: other", "later budget 5: budget: 5 deletions, and 3 of 9 objects are allowed"}}},
		{"what only the cluster took away", "Git wants it", budget,
			[]drift.Candidates{{App: "a", Inventory: inventoryWith(numbered("", 9)), Delete: candidates(numbered("", 2)), Cluster: saying("P2: gone API", numbered("", 1)...)}},
			map[string][]string{"a": {"cluster 1: P2: gone API"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := Withhold(drift.Guards{Prune: c.budget}, "uid", c.apps)
			if diff := cmp.Diff(c.want, toldSets(w), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
			// Accepting every hash that is told lets everything go, and uses each hash.
			guards := drift.Guards{Prune: c.budget}
			for _, sets := range w.Apps {
				for _, set := range sets {
					guards.Accept = append(guards.Accept, set.Hash)
				}
			}
			accepted := Withhold(guards, "uid", c.apps)
			if len(accepted.Unused) > 0 {
				t.Errorf("%q were told and match nothing", accepted.Unused)
			}
			for _, app := range c.apps {
				for _, candidate := range app.Delete {
					if against := accepted.Against(app.App, candidate.ID); len(against) > 0 {
						t.Errorf("%s stays although everything is accepted: %+v", candidate.ID, against)
					}
				}
			}
		})
	}
}

// A hash is good for one cluster, one app, one guard and those very objects.
func TestAcceptHashIsBound(t *testing.T) {
	t.Parallel()
	objects := candidates(ids("storefront", "x", "y"))
	base := acceptHash("uid", "shop", drift.GuardBudget, objects)
	if len(base) != 32 {
		t.Errorf("%q has not 32 digits", base)
	}
	other := map[string]string{
		"another cluster": acceptHash("uid2", "shop", drift.GuardBudget, objects),
		"another app":     acceptHash("uid", "blog", drift.GuardBudget, objects),
		"another guard":   acceptHash("uid", "shop", drift.GuardNamespace, objects),
		"one object less": acceptHash("uid", "shop", drift.GuardBudget, objects[:1]),
		"one more":        acceptHash("uid", "shop", drift.GuardBudget, candidates(ids("storefront", "x", "y", "z"))),
		"made anew":       acceptHash("uid", "shop", drift.GuardBudget, []drift.Candidate{objects[0], {ID: objects[1].ID, UID: "new"}}),
		"replaced":        acceptHash("uid", "shop", drift.GuardBudget, []drift.Candidate{objects[0], {ID: objects[1].ID, UID: "y", Replace: true}}),
	}
	for why, hash := range other {
		if hash == base {
			t.Errorf("%s: the same hash", why)
		}
	}
	app := []drift.Candidates{{App: "shop", Inventory: inventoryWith(numbered("", 4)), Delete: candidates(numbered("", 4))}}
	w := Withhold(drift.Guards{Accept: []string{base}, Prune: drift.PruneBudget{Floor: 1, Ceiling: 1, RunCeiling: 50}}, "uid", app)
	if diff := cmp.Diff([]string{base}, w.Unused); diff != "" {
		t.Errorf("a hash that matches nothing (-want +got):\n%s", diff)
	}
	if len(w.Against("shop", app[0].Delete[0].ID)) == 0 {
		t.Error("a foreign hash lifted the budget")
	}
}

// ◆ Property: what the guards let through never takes more than an app's share of 24
// hours, than the run's ceiling, the last of a namespace, what another source applied or
// anything of an empty render, unless its very hash was accepted.
func TestWithholdHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		budget := drift.PruneBudget{Percent: rapid.IntRange(0, 100).Draw(rt, "percent"), Floor: rapid.IntRange(0, 5).Draw(rt, "floor"),
			Ceiling: rapid.IntRange(0, 10).Draw(rt, "ceiling"), RunCeiling: rapid.IntRange(0, 12).Draw(rt, "run")}
		var apps []drift.Candidates
		for i := range rapid.IntRange(1, 4).Draw(rt, "apps") {
			app := drift.Candidates{App: fmt.Sprintf("app%d", i), Deleted: rapid.IntRange(0, 3).Draw(rt, "deleted"), Empty: rapid.IntRange(0, 9).Draw(rt, "empty") == 0,
				Source: map[drift.ID]string{}}
			for j := range rapid.IntRange(0, 12).Draw(rt, "objects") {
				id := drift.ID{Kind: "ConfigMap", Namespace: rapid.SampledFrom([]string{"a", "b", "c", ""}).Draw(rt, "namespace"), Name: fmt.Sprintf("o%d-%d", i, j)}
				app.Inventory.Entries = append(app.Inventory.Entries, drift.Entry{ID: id})
				switch rapid.IntRange(0, 5).Draw(rt, "fate") {
				case 0, 1:
					app.Delete = append(app.Delete, drift.Candidate{ID: id})
				case 2:
					app.Delete = append(app.Delete, drift.Candidate{ID: id, Replace: true})
				case 3:
					app.Delete = append(app.Delete, drift.Candidate{ID: id})
					app.Source[id] = "P5: other"
				case 4:
					app.Keeps = append(app.Keeps, id)
				}
			}
			apps = append(apps, app)
		}
		w := Withhold(drift.Guards{Prune: budget}, "uid", apps)
		left := map[string]bool{} // namespaces that keep something
		gone := map[string]bool{}
		total := 0
		for _, app := range apps {
			deleted, pruned := 0, map[drift.ID]bool{}
			for _, candidate := range app.Delete {
				if len(w.Against(app.App, candidate.ID)) > 0 {
					continue
				}
				deleted++
				pruned[candidate.ID] = !candidate.Replace
				if app.Empty || app.Source[candidate.ID] != "" {
					rt.Fatalf("%s loses %s: empty %t, %q", app.App, candidate.ID, app.Empty, app.Source[candidate.ID])
				}
			}
			total += deleted
			if deleted > 0 && deleted+app.Deleted > allowance(budget, len(app.Inventory.Entries)) {
				rt.Fatalf("%s loses %d of %d after %d under %+v", app.App, deleted, len(app.Inventory.Entries), app.Deleted, budget)
			}
			for _, entry := range app.Inventory.Entries {
				left[entry.ID.Namespace] = left[entry.ID.Namespace] || !pruned[entry.ID]
				gone[entry.ID.Namespace] = gone[entry.ID.Namespace] || pruned[entry.ID]
			}
		}
		if total > budget.RunCeiling {
			rt.Fatalf("%d deletions under %+v", total, budget)
		}
		for namespace := range maps.Keys(gone) {
			if namespace != "" && gone[namespace] && !left[namespace] {
				rt.Fatalf("namespace %q is emptied", namespace)
			}
		}
	})
}
