package summary

import (
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// TestRegrouped: an object that moves to another API group under its name is two objects
// to the API server, and one to people.
func TestRegrouped(t *testing.T) {
	t.Parallel()
	of := func(group, name string, kind drift.Type, action drift.Action) drift.Result {
		return drift.Result{Outcome: drift.Planned, Step: drift.Step{Change: drift.Change{ID: drift.ID{Group: group, Kind: "Boat", Namespace: "shop", Name: name}, Type: kind},
			Observation: drift.Observation{Live: map[string]any{}}, Decision: drift.Decision{Action: action}}}
	}
	for _, c := range []struct {
		reason  string
		results []drift.Result
		want    string
	}{
		{"deleted there and created here", []drift.Result{of("old.example.com", "a", drift.Extra, drift.Prune), of("new.example.com", "a", drift.Missing, drift.Sync)},
			`Git has it in API group "new.example.com" now: that one is created, this one is deleted`},
		{"not deleted", []drift.Result{of("old.example.com", "a", drift.Extra, drift.AlertOnly), of("new.example.com", "a", drift.Missing, drift.Sync)}, ""},
		{"another name", []drift.Result{of("old.example.com", "a", drift.Extra, drift.Prune), of("new.example.com", "b", drift.Missing, drift.Sync)}, ""},
	} {
		app := AppOf(AppOutcome{Results: c.results})
		for _, resource := range app.Resources {
			if resource.Group == "old.example.com" && strings.Join(resource.Findings, "") != c.want {
				t.Errorf("%s: findings %q", c.reason, resource.Findings)
			}
			if (len(resource.Lost) > 0) != (c.want != "" && resource.Group == "old.example.com") {
				t.Errorf("%s: %s loses %q", c.reason, resource.Group, resource.Lost)
			}
		}
	}
}
