package summary_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/summary"
	"github.com/killick-dev/killick/internal/testenv/model"
)

func outcomeOf(found drift.Type, action drift.Action, outcome drift.Outcome, name string) drift.Result {
	return drift.Result{Outcome: outcome, Step: drift.Step{Decision: drift.Decision{Action: action},
		Change: drift.Change{Type: found, ID: drift.ID{Kind: "ConfigMap", Namespace: "storefront", Name: name}, Version: "v1"}}}
}

// Counts cover every result; what is in sync and untouched is not listed.
func TestReportOfAppCounts(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, reason string
		result       drift.Result
		want         drift.ReportCounts
		listed       bool
	}{
		{"in sync", "nothing to tell", outcomeOf(drift.InSync, drift.Ignore, drift.Skipped, "a"), drift.ReportCounts{InSync: 1}, false},
		{"in sync, guarded", "a suspension of what needs nothing is no alert", outcomeOf(drift.InSync, drift.AlertOnly, drift.Skipped, "a"), drift.ReportCounts{InSync: 1}, false},
		{"adopted", "in sync, and something was done", outcomeOf(drift.InSync, drift.Sync, drift.Applied, "a"), drift.ReportCounts{InSync: 1, Synced: 1}, true},
		{"adoption planned", "it will be done", outcomeOf(drift.InSync, drift.Sync, drift.Planned, "a"), drift.ReportCounts{InSync: 1}, true},
		{"adoption failed", "a failure is told", outcomeOf(drift.InSync, drift.Sync, drift.Failed, "a"), drift.ReportCounts{InSync: 1, Failed: 1}, true},
		{"created", "", outcomeOf(drift.Missing, drift.Sync, drift.Applied, "a"), drift.ReportCounts{Missing: 1, Synced: 1}, true},
		{"put back", "", outcomeOf(drift.Missing, drift.Heal, drift.Applied, "a"), drift.ReportCounts{Missing: 1, Healed: 1}, true},
		{"synced", "", outcomeOf(drift.Modified, drift.Sync, drift.Applied, "a"), drift.ReportCounts{Modified: 1, Synced: 1}, true},
		{"healed", "", outcomeOf(drift.Modified, drift.Heal, drift.Applied, "a"), drift.ReportCounts{Modified: 1, Healed: 1}, true},
		{"heal planned", "planned is not done", outcomeOf(drift.Modified, drift.Heal, drift.Planned, "a"), drift.ReportCounts{Modified: 1}, true},
		{"heal not made", "the app waited", outcomeOf(drift.Modified, drift.Heal, drift.Skipped, "a"), drift.ReportCounts{Modified: 1}, true},
		{"heal failed", "", outcomeOf(drift.Modified, drift.Heal, drift.Failed, "a"), drift.ReportCounts{Modified: 1, Failed: 1}, true},
		{"alerted", "", outcomeOf(drift.Modified, drift.AlertOnly, drift.Skipped, "a"), drift.ReportCounts{Modified: 1, Alerted: 1}, true},
		{"ignored", "", outcomeOf(drift.Modified, drift.Ignore, drift.Skipped, "a"), drift.ReportCounts{Modified: 1, Ignored: 1}, true},
		{"pruned", "", outcomeOf(drift.Extra, drift.Prune, drift.Pruned, "a"), drift.ReportCounts{Extra: 1, Pruned: 1}, true},
		{"prune failed", "", outcomeOf(drift.Extra, drift.Prune, drift.Failed, "a"), drift.ReportCounts{Extra: 1, Failed: 1}, true},
		{"extra kept", "", outcomeOf(drift.Extra, drift.AlertOnly, drift.Skipped, "a"), drift.ReportCounts{Extra: 1, Alerted: 1}, true},
		{"unknown", "an error is counted by itself and told", outcomeOf(drift.Unknown, drift.AlertOnly, drift.Skipped, "a"), drift.ReportCounts{Unknown: 1, Alerted: 1}, true},
	}
	var all []drift.Result
	var sum drift.ReportCounts
	listed := 0
	for _, c := range cases {
		got := summary.AppOf(summary.AppOutcome{Results: []drift.Result{c.result}})
		if diff := cmp.Diff(c.want, got.Counts); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", c.name, c.reason, diff)
		}
		if (len(got.Resources) == 1) != c.listed {
			t.Errorf("%s: %s: listed %t", c.name, c.reason, !c.listed)
		}
		all = append(all, c.result)
		sum = add(sum, c.want)
		if c.listed {
			listed++
		}
	}
	got := summary.AppOf(summary.AppOutcome{Results: all, Skipped: 7})
	sum.Skipped = 7
	if diff := cmp.Diff(sum, got.Counts); diff != "" {
		t.Errorf("together (-want +got):\n%s", diff)
	}
	if len(got.Resources) != listed {
		t.Errorf("%d resources, want %d", len(got.Resources), listed)
	}
	if total := sum.InSync + sum.Missing + sum.Modified + sum.Extra + sum.Unknown; total != len(all) {
		t.Errorf("%d of %d results are counted", total, len(all))
	}
}

func add(a, b drift.ReportCounts) drift.ReportCounts {
	x, y := reflect.ValueOf(&a).Elem(), reflect.ValueOf(b)
	for i := range x.NumField() {
		x.Field(i).SetInt(x.Field(i).Int() + y.Field(i).Int())
	}
	return a
}

func TestReportOfApp(t *testing.T) {
	t.Parallel()
	seen := model.TestStart.Add(-time.Hour)
	reason := drift.Reason{Verb: drift.VerbHeal, Area: "shop", Text: "put back", Rule: "policies/shop.rego:7", Ref: "https://runbook"}
	over := drift.Reason{Verb: drift.VerbIgnore, Text: "quiet", Rule: "policies/shop.rego:9"}
	field := drift.FieldChange{Path: model.At("spec replicas"), Op: drift.OpReplace, Desired: int64(3), Live: int64(5), Cause: drift.CauseLive,
		Manager: "kubectl", ManagerClass: drift.ClassInteractive, ManagerTime: model.TestStart, Note: "a note"}
	ignored := drift.FieldChange{Path: model.At("spec paused"), Op: drift.OpAdd, Live: true, Cause: drift.CauseLive}
	healed := drift.Result{Outcome: drift.Applied, Health: drift.Health{Status: drift.HealthInProgress, Reason: "rolling"}, Step: drift.Step{
		Object: drift.Object{Origin: drift.Origin{File: "apps/web.yaml", Line: 3}}, Refused: []string{"P6: x"},
		Change: drift.Change{ID: drift.ID{Group: "apps", Kind: "Deployment", Namespace: "storefront", Name: "web"}, Version: "v1", Type: drift.Modified, Cause: drift.CauseLive,
			Fields: []drift.FieldChange{field}, Ignored: []drift.FieldChange{ignored}, Findings: []string{"a finding"}, Err: errors.New("cured by the write")},
		Decision: drift.Decision{Action: drift.Heal, Reason: "put back", Because: []drift.Reason{reason}, Overruled: []drift.Reason{over}, Severity: "warning", Routes: []string{"platform"}, Approval: "abc"},
	}}
	failed := outcomeOf(drift.Missing, drift.Sync, drift.Failed, "b")
	failed.Err = errors.New("applying: no")
	refusedOne := outcomeOf(drift.Modified, drift.AlertOnly, drift.Skipped, "a")
	refusedOne.Step.Change.Err = errors.New("the server refused")
	key := healed.Step.Change.ID.String()
	got := summary.AppOf(summary.AppOutcome{
		App:      drift.App{Name: "storefront", Path: "apps/storefront", Suspend: drift.Suspension{Until: model.TestStart.Add(time.Hour), Reason: "migration"}},
		Revision: drift.Revision{Repository: "https://git.example.com/x", Ref: "main", Commit: "c", Author: "Ada", Subject: "s", Time: model.TestStart, Worktree: true},
		Rendered: drift.Rendered{Renderer: drift.RendererKustomize}, Complete: true, FirstRun: true, Skipped: 2,
		Results: []drift.Result{healed, failed, refusedOne}, Health: drift.HealthFailed, Warnings: []string{"w"}, Now: model.TestStart,
		State: drift.AppState{Incidents: map[string]drift.Incident{key: {FirstSeen: seen.In(time.FixedZone("x", 3600))}}},
	})
	at := model.TestStart
	first := seen
	want := drift.ReportApp{
		Name: "storefront", Path: "apps/storefront", Renderer: drift.RendererKustomize, Complete: true, FirstRun: true, Health: drift.HealthFailed,
		Revision:  drift.ReportRevision{Repository: "https://git.example.com/x", Ref: "main", Commit: "c", Author: "Ada", Subject: "s", Time: model.TestStart, Worktree: true},
		Suspended: "migration", Warnings: []string{"w"}, UnhealthyTotal: 1,
		Unhealthy: []drift.ReportHealth{{Group: "apps", Kind: "Deployment", Namespace: "storefront", Name: "web", Health: drift.HealthInProgress, Reason: "rolling"}},
		Counts:    drift.ReportCounts{Missing: 1, Modified: 2, Skipped: 2, Healed: 1, Alerted: 1, Failed: 1},
		Resources: []drift.ReportResource{
			{Version: "v1", Kind: "ConfigMap", Namespace: "storefront", Name: "a", Drift: "modified", Cause: "none", Action: "alert-only", Outcome: "skipped",
				Rules: []drift.ReportRule{}, Overruled: []drift.ReportRule{}, Fields: []drift.ReportField{}, Error: "the server refused"},
			{Version: "v1", Kind: "ConfigMap", Namespace: "storefront", Name: "b", Drift: "missing", Cause: "none", Action: "sync", Outcome: "failed",
				Rules: []drift.ReportRule{}, Overruled: []drift.ReportRule{}, Fields: []drift.ReportField{}, Error: "applying: no"},
			{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "storefront", Name: "web", Drift: "modified", Cause: "live", Action: "heal", Outcome: "applied",
				Reason: "put back", Rules: []drift.ReportRule{{Verb: "heal", Reason: "put back", Rule: "policies/shop.rego:7", Ref: "https://runbook"}},
				Overruled: []drift.ReportRule{{Verb: "ignore", Reason: "quiet", Rule: "policies/shop.rego:9"}},
				Fields: []drift.ReportField{{Path: "/spec/replicas", Op: "replace", Desired: int64(3), Live: int64(5), Cause: "live", Manager: "kubectl",
					ManagerClass: "interactive", ManagerTime: &at, Note: "a note"}},
				Ignored:  []drift.ReportField{{Path: "/spec/paused", Op: "add", Live: true, Cause: "live"}},
				Findings: []string{"a finding"}, Refused: []string{"P6: x"}, Origin: drift.Origin{File: "apps/web.yaml", Line: 3},
				Health: drift.HealthInProgress, HealthReason: "rolling", Severity: "warning", Routes: []string{"platform"}, FirstSeen: &first, Approval: "abc"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Resources[2].ID() != healed.Step.Change.ID {
		t.Errorf("%v", got.Resources[2].ID())
	}
	later := summary.AppOf(summary.AppOutcome{App: drift.App{Suspend: drift.Suspension{Until: model.TestStart, Reason: "over"}}, Now: model.TestStart})
	if later.Suspended != "" || later.Resources == nil {
		t.Errorf("%+v", later)
	}
}

// The report round-trips through JSON.
func TestReportRoundTrips(t *testing.T) {
	t.Parallel()
	report := drift.Report{Schema: drift.ReportSchema, Cluster: drift.ReportCluster{Name: "prod-eu", UID: "u"},
		Run: drift.ReportRun{ID: "r", Mode: "run", Version: "v", Started: model.TestStart, Finished: model.TestStart.Add(time.Minute), ExitCode: 4},
		Apps: []drift.ReportApp{summary.AppOf(summary.AppOutcome{App: drift.App{Name: "storefront"}, Revision: drift.Revision{Time: model.TestStart}, Results: []drift.Result{
			outcomeOf(drift.Modified, drift.Heal, drift.Applied, "a"), outcomeOf(drift.Extra, drift.Prune, drift.Pruned, "b"), outcomeOf(drift.Unknown, drift.AlertOnly, drift.Skipped, "c")}})},
		Errors: []drift.ReportError{drift.ReportOf("storefront", "act", errors.New("no"))}}
	data, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var back drift.Report
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report, back); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, field := range []string{`"rules":[]`, `"overruled":[]`, `"fields":[]`, `"approval":""`, `"error":""`, `"health":""`} {
		if !strings.Contains(string(data), field) {
			t.Errorf("the frame has %s always", field)
		}
	}
}
