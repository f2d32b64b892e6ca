package report_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/report"
)

// one is a resource of which only what became of it matters.
func one(found, action, outcome string) drift.ReportResource {
	return drift.ReportResource{Version: "v1", Kind: "ConfigMap", Namespace: "shop", Name: found + "-" + action + "-" + outcome,
		Drift: found, Cause: "live", Action: action, Outcome: outcome}
}

// TestForPeople: exit code 0 does not say that nothing is left to do. The last line of every
// text, which is all that many see of a pod's log, and the document count what waits.
func TestForPeople(t *testing.T) {
	waitsForApproval := one("modified", "alert-only", "skipped")
	waitsForApproval.Waiting, waitsForApproval.Name = true, "approval"
	tests := []struct {
		reason    string
		resources []drift.ReportResource
		want      int
	}{
		{"nothing", nil, 0},
		{"what was done or ignored waits for nobody", []drift.ReportResource{one("modified", "heal", "applied"), one("missing", "sync", "applied"),
			one("extra", "prune", "pruned"), one("modified", "ignore", "skipped")}, 0},
		{"what a plan would do is done by the next run", []drift.ReportResource{one("modified", "heal", "planned")}, 0},
		{"one alert", []drift.ReportResource{one("modified", "alert-only", "skipped"), one("modified", "heal", "applied")}, 1},
		{"one of each: alert, held back, failed, unknown, approval", []drift.ReportResource{one("modified", "alert-only", "skipped"),
			one("extra", "prune", "skipped"), one("modified", "sync", "failed"), one("unknown", "alert-only", "skipped"), waitsForApproval}, 5},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			r := frame("run", 0)
			// The second app shows that all apps are counted.
			r.Apps = []drift.ReportApp{{Name: "a", Complete: true, Resources: test.resources}, {Name: "b", Complete: true}}
			counted := ""
			switch test.want {
			case 0:
			case 1:
				counted = " · 1 finding waits for people"
			default:
				counted = fmt.Sprintf(" · %d findings wait for people", test.want)
			}
			want := regexp.MustCompile(`^exit code 0 · everything that policy allowed was done` + counted + ` · \d{4}-`)
			for name, options := range map[string]report.Options{"text": {}, "a pod's log": {Width: -1}, "short": {Format: report.FormatShort}} {
				lines := strings.Split(strings.TrimRight(string(write(t, r, options)), "\n"), "\n")
				if last := lines[len(lines)-1]; !want.MatchString(last) {
					t.Errorf("%s ends with %q, want %s", name, last, want)
				}
			}
			var document struct{ Run struct{ ForPeople int } }
			if err := json.Unmarshal(write(t, r, report.Options{Format: report.FormatJSON}), &document); err != nil {
				t.Fatal(err)
			}
			if document.Run.ForPeople != test.want {
				t.Errorf("run.forPeople is %d, want %d", document.Run.ForPeople, test.want)
			}
		})
	}
}
