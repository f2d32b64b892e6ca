package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/report"
)

// labelled is an object to which somebody added a label.
func labelled(kind, name string, age time.Duration) drift.ReportResource {
	reason := "hand edits are put back"
	return drift.ReportResource{
		Version: "v1", Kind: kind, Namespace: "storefront", Name: name,
		Drift: "modified", Cause: "live", Action: "heal", Outcome: "applied", Reason: reason,
		Rules: rules(drift.VerbHeal, reason, "policies/drift/shop/shop.rego:7"),
		Fields: []drift.ReportField{{Path: "/metadata/labels/team", Op: "add", Live: "x", Cause: "live",
			Manager: "kubectl-label", ManagerClass: "interactive", ManagerTime: before(age)}},
		Origin: drift.Origin{File: "apps/storefront/" + name + ".yaml", Line: 1}, Health: drift.HealthCurrent, FirstSeen: before(age),
	}
}

// manyReport has three hundred equal edits, and some that are not.
func manyReport() drift.Report {
	r := frame("run", 0)
	app := drift.ReportApp{Name: "storefront", Path: "apps/storefront", Complete: true, Revision: revision(), Health: drift.HealthCurrent,
		Counts: drift.ReportCounts{InSync: 2, Modified: 305, Healed: 304, Failed: 1}}
	for i := range 300 {
		app.Resources = append(app.Resources, labelled("ConfigMap", fmt.Sprintf("settings-%03d", i), time.Duration(i+1)*time.Minute))
	}
	app.Resources = append(app.Resources, labelled("Service", "web", time.Minute))
	other := labelled("ConfigMap", "settings-other", time.Minute)
	other.Fields[0].Live = "y"
	two := labelled("ConfigMap", "settings-two", time.Minute)
	two.Fields[0].Live = "y"
	by := labelled("ConfigMap", "settings-by", time.Minute)
	by.Fields[0].Manager = "Mozilla"
	failed := labelled("ConfigMap", "settings-failed", time.Minute)
	failed.Outcome, failed.Error = "failed", `applying ConfigMap storefront/settings-failed: denied by admission`
	app.Resources = append(app.Resources, other, two, by, failed)
	r.Apps = []drift.ReportApp{app}
	return r
}

// TestGrouped: equal changes are told once, with every name; another value, manager or
// outcome is another change.
func TestGrouped(t *testing.T) {
	text := string(write(t, manyReport(), report.Options{}))
	for i := range 300 {
		if name := fmt.Sprintf("settings-%03d", i); strings.Count(text, name) == 0 {
			t.Fatalf("%s is not named", name)
		}
	}
	for _, want := range []string{"301 objects", "300 ConfigMap in storefront: settings-000, ", "1 Service in storefront: web",
		"ConfigMap storefront/settings-other", "ConfigMap storefront/settings-two", "ConfigMap storefront/settings-by", "ConfigMap storefront/settings-failed"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if lines := strings.Count(text, "\n"); lines > 120 {
		t.Errorf("%d lines for 305 resources", lines)
	}
	summary := "Run: 1 app · 307 objects: 2 in sync, 305 modified"
	if !strings.HasPrefix(text, summary) || strings.Count(text, summary) != 2 || strings.Count(text, "run 20260821-093008-5d1c") != 2 {
		t.Error("the closing lines of a long report do not stand at the top as well")
	}
	json := string(write(t, manyReport(), report.Options{Format: report.FormatJSON}))
	if strings.Count(json, `"kind": "ConfigMap"`) != 304 {
		t.Error("JSON does not have every resource by itself")
	}
	short := string(write(t, manyReport(), report.Options{Format: report.FormatShort}))
	if lines := strings.Count(short, "\n"); lines != 305+2 {
		t.Errorf("the short view has %d lines for 305 resources and the two that close it", lines)
	}
}

// TestGroupedByWhatWasDecided: what is equal but for the object's own name in a message
// belongs together.
func TestGroupedByWhatWasDecided(t *testing.T) {
	r := frame("run", 4)
	var app drift.ReportApp
	for _, name := range []string{"a", "b", "c"} {
		one := labelled("ConfigMap", name, time.Minute)
		one.Outcome, one.Error = "failed", "applying ConfigMap storefront/"+name+": denied by admission"
		app.Resources = append(app.Resources, one)
	}
	r.Apps = []drift.ReportApp{app}
	if text := string(write(t, r, report.Options{})); strings.Count(text, "denied by admission") != 1 || !strings.Contains(text, "a, b, c") {
		t.Errorf("one cause is told more than once:\n%s", text)
	}
}
