package summary

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// TestUnhealthy: the list is bounded and its count is not, and what is no object's fault
// is not in it.
func TestUnhealthy(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 8, 21, 9, 0, 0, 0, time.UTC)
	of := func(name string, kind drift.Type, health drift.Health) drift.Result {
		return drift.Result{Step: drift.Step{Change: drift.Change{ID: drift.ID{Kind: "Boat", Name: name}, Type: kind}}, Health: health}
	}
	results := []drift.Result{
		of("current", drift.InSync, drift.Health{Status: drift.HealthCurrent}),
		of("busy", drift.InSync, drift.Health{Status: drift.HealthInProgress, Created: at}),
		of("stuck", drift.Modified, drift.Health{Status: drift.HealthFailed, Since: at, Created: at.Add(-time.Hour), Reason: "no"}),
		of("older", drift.InSync, drift.Health{Status: drift.HealthFailed, Since: at.Add(-time.Hour), Reason: "no"}),
		of("extra", drift.Extra, drift.Health{Status: drift.HealthFailed}),
		of("missing", drift.Missing, drift.Health{}),
	}
	found, total := unhealthy(results)
	var names []string
	for _, object := range found {
		names = append(names, object.Name)
	}
	if diff := cmp.Diff([]string{"older", "stuck", "busy"}, names); diff != "" || total != 3 {
		t.Errorf("%d in all (-want +got):\n%s", total, diff)
	}
	for i := range 300 {
		results = append(results, of(fmt.Sprintf("many-%03d", i), drift.InSync, drift.Health{Status: drift.HealthInProgress}))
	}
	if found, total = unhealthy(results); len(found) != drift.MostUnhealthy || total != 303 {
		t.Errorf("%d of %d", len(found), total)
	}
	if worst := WorstHealth(results); worst != drift.HealthFailed {
		t.Errorf("the app is %s", worst)
	}
	if worst := WorstHealth(results[4:6]); worst != drift.HealthUnknown {
		t.Errorf("an app of which something is missing is %s", worst)
	}
}

// TestRowHealth: what a run knew of an object's health is what the next one reads, and a
// row that was written before there were reasons still holds.
func TestRowHealth(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 8, 21, 9, 0, 0, 0, time.UTC)
	for _, health := range []drift.Health{{Status: drift.HealthCurrent}, {Status: drift.HealthCurrent, Aging: true},
		{Status: drift.HealthFailed, Reason: "no", Since: at, Created: at.Add(-time.Hour)}, {Status: drift.HealthInProgress, Reason: "soon", Aging: true}} {
		row := drift.Row{Health: drift.HealthFailed, HealthReason: "stale", HealthSince: at}.WithHealth(health)
		data, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		var back drift.Row
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(health, back.HealthThen()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	key := []byte("k")
	old := `{"rows":{"Boat a":{"uid":"1","desired":"d","health":"Failed"}}}`
	var state drift.AppState
	if err := json.Unmarshal([]byte(old), &state); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(state.Sealed(key, "shop"))
	if err != nil {
		t.Fatal(err)
	}
	var back drift.AppState
	if err := json.Unmarshal(data, &back); err != nil || !back.Trusted(key, "shop") {
		t.Errorf("a row without a reason is not trusted: %v", err)
	}
}
