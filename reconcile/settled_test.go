package reconcile

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// Each reason by itself keeps an app from being settled.
func TestSettledClauses(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	id := drift.ID{Kind: "ConfigMap", Namespace: "shop", Name: "settings"}
	other := drift.ID{Kind: "ConfigMap", Namespace: "shop", Name: "other"}
	type given struct {
		app   app
		state drift.AppState
	}
	base := func() given {
		result := drift.Result{Step: drift.Step{Change: drift.Change{ID: id, Type: drift.InSync}}}
		return given{
			app:   app{results: []drift.Result{result}, inventory: drift.Inventory{Known: true, Entries: []drift.Entry{{ID: id}}}},
			state: drift.AppState{Rows: map[string]drift.Row{id.String(): {Proof: true}}},
		}
	}
	for why, change := range map[string]func(*given){
		"it waits for another app":         func(g *given) { g.app.waits = "for base" },
		"a guard stopped it":               func(g *given) { g.app.withheld = []drift.Withheld{{Guard: drift.GuardBudget}} },
		"its render is empty":              func(g *given) { g.app.empty = true },
		"it is suspended":                  func(g *given) { g.app.config.Suspend = drift.Suspension{Until: now.Add(time.Hour), Reason: "x"} },
		"something is incomplete":          func(g *given) { g.app.incomplete = []string{"x"} },
		"something failed":                 func(g *given) { g.app.failed = []error{errors.New("x")} },
		"something could not be read":      func(g *given) { g.app.problems = []drift.ReportError{{}} },
		"a lost inventory was not rebuilt": func(g *given) { g.app.forgotten = []string{"Secret"} },
		"an object is contested":           func(g *given) { g.app.contested = map[drift.ID][]string{id: {"blog"}} },
		"an object drifted":                func(g *given) { g.app.results[0].Step.Change.Type = drift.Modified },
		"an object was written":            func(g *given) { g.app.results[0].Outcome = drift.Applied },
		"an object has no row":             func(g *given) { g.state.Rows = nil },
		"a row proves nothing":             func(g *given) { g.state.Rows[id.String()] = drift.Row{} },
		"the inventory lacks an object":    func(g *given) { g.app.inventory.Entries = nil },
		"the inventory has another object": func(g *given) { g.app.inventory.Entries[0].ID = other },
		"the inventory has one more":       func(g *given) { g.app.inventory.Entries = append(g.app.inventory.Entries, drift.Entry{ID: other}) },
	} {
		g := base()
		if !g.app.settled(g.state, now) {
			t.Fatal("an app in sync is not settled")
		}
		change(&g)
		if g.app.settled(g.state, now) {
			t.Errorf("%s, and the app is settled", why)
		}
	}
}

// A run says what to list, each kind once per identity, and what it found there.
func TestStandingOfApps(t *testing.T) {
	t.Parallel()
	result := func(version, kind, name string) drift.Result {
		id := drift.ID{Group: "autoscaling", Kind: kind, Namespace: "shop", Name: name}
		return drift.Result{Step: drift.Step{Object: drift.Object{ID: id, Version: version}, Change: drift.Change{ID: id, Type: drift.InSync}}}
	}
	apps := []app{
		{config: drift.App{Name: "shop"}, results: []drift.Result{result("v2", "Scaler", "a"), result("v1", "Scaler", "b"), result("v1", "Budget", "c")}},
		{config: drift.App{Name: "blog", ServiceAccount: "blog/deployer"}, results: []drift.Result{result("v2", "Scaler", "d")}},
	}
	states := map[string]drift.AppState{}
	for _, a := range apps {
		rows := map[string]drift.Row{}
		for _, r := range a.results {
			rows[r.Step.Change.ID.String()] = drift.Row{UID: "u-" + r.Step.Change.ID.Name, Version: "7", Proof: true}
		}
		states[a.config.Name] = drift.AppState{Rows: rows}
	}
	left := standing(apps, states)
	want := map[string][]drift.Kind{
		"":              {{Group: "autoscaling", Version: "v1", Kind: "Budget"}, {Group: "autoscaling", Version: "v1", Kind: "Scaler"}},
		"blog/deployer": {{Group: "autoscaling", Version: "v2", Kind: "Scaler"}},
	}
	if diff := cmp.Diff(want, left.Kinds); diff != "" {
		t.Errorf("kinds to list (-want +got):\n%s", diff)
	}
	id := apps[1].results[0].Step.Change.ID
	states["blog"].Rows[id.String()] = drift.Row{UID: "u-d", Version: "8", Proof: true}
	if again := standing(apps, states); again.Objects == left.Objects {
		t.Error("an object was written, and its digest is the same")
	}
	states["blog"].Rows[id.String()] = drift.Row{UID: "u-d", Version: "8", Proof: true, Autoscaled: true}
	if again := standing(apps, states); again != nil {
		t.Errorf("an autoscaler may leave, and the record says %+v", again)
	}
}
