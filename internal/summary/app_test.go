package summary_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/internal/summary"
	"github.com/killick-dev/killick/internal/testenv/model"
)

// inputFrame is docs/policies.md's document: every field it shows, with the type it has
// there.
const inputFrame = `
version: killick.dev/input/v1
run: {time_ns: 0, weekday: Friday, hour_utc: 9, minute_utc: 30, cluster: prod-eu}
revision: {ref: main, commit: c, author: a, time_ns: 0, signed: false, signed_by: ""}
app: {name: storefront, path: apps/storefront, renderer: kustomize}
resource: {group: apps, version: v1, kind: Deployment, namespace: storefront, name: web, labels: {}, annotations: {}, namespace_labels: {}}
drift: {type: modified, cause: live}
changes: [{path: [spec, replicas], pointer: /spec/replicas, op: replace, desired: 3, live: 5, cause: live, manager: kubectl, manager_class: interactive, changed_ns: 0}]
ignored_changes: []
ownership: {tracked: true, foreign: false, tool: "", managers: [killick], controlled: false, autoscaled: false}
health: {status: Current, reason: ""}
history: {first_seen_ns: 0, healed_24h: 0}
controls: {suspend: {active: false, until_ns: 0, reason: ""}, break_glass: {active: false, until_ns: 0, reason: ""}}
approval: {id: "", granted: false, by: "", claimed: false, expires_ns: 0}
incomplete: []
desired: {}
live: {}
`

// shapeOfDocument is a document's fields with their types; maps of free content
// are not looked into.
func shapeOfDocument(v any, at string, free map[string]bool) map[string]string {
	out := map[string]string{}
	switch v := v.(type) {
	case map[string]any:
		out[at] = "map"
		if free[at] {
			return out
		}
		for key, item := range v {
			for k, t := range shapeOfDocument(item, at+"/"+key, free) {
				out[k] = t
			}
		}
	case []any:
		out[at] = "list"
		if len(v) > 0 {
			for k, t := range shapeOfDocument(v[0], at+"/0", free) {
				out[k] = t
			}
		}
	case float64, int64:
		out[at] = "number"
	case nil:
		out[at] = "null"
	default:
		out[at] = fmt.Sprintf("%T", v)
	}
	return out
}

var freeContent = map[string]bool{"/desired": true, "/live": true, "/resource/labels": true, "/resource/annotations": true, "/resource/namespace_labels": true}

func document(t testing.TB, v any) map[string]any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBuildInputIsComplete(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.DeploymentYAML)
	s.Set("kubectl/scale", "spec replicas", int64(5))
	c := s.Comparison(model.DeploymentYAML)
	c.Observation.NamespaceLabels = map[string]string{"team": "a"}
	change := diff.Compare(c)
	now := time.Date(2026, 11, 6, 9, 30, 0, 5, time.FixedZone("CET", 3600))
	input := decide.InputOf(c.Object, c.Observation, change, decide.InputFacts{
		Now: now, Cluster: "prod-eu", Renderer: drift.RendererKustomize,
		Revision:  drift.Revision{Ref: "main", Commit: "c0ffee", Author: "Ada", Time: model.TestStart},
		App:       drift.App{Name: "storefront", Path: "apps/storefront"},
		Health:    drift.Health{Status: drift.HealthCurrent, Reason: "ready"},
		Controls:  drift.Controls{Suspend: drift.Control{Active: true, Until: model.TestStart, Reason: "migration"}},
		FirstSeen: model.TestStart, Healed24h: 2, Approval: "abc",
	})
	if diff := cmp.Diff(shapeOfDocument(document(t, model.Tree(t, inputFrame)), "", freeContent), shapeOfDocument(document(t, input), "", freeContent)); diff != "" {
		t.Errorf("the document differs from docs/policies.md (-want +got):\n%s", diff)
	}
	input.Desired, input.Live = nil, nil
	want := drift.Input{
		Version:  drift.InputVersion,
		Run:      drift.InputRun{TimeNS: now.UnixNano(), Weekday: "Friday", HourUTC: 8, MinuteUTC: 30, Cluster: "prod-eu"},
		Revision: drift.InputRevision{Ref: "main", Commit: "c0ffee", Author: "Ada", TimeNS: model.TestStart.UnixNano()},
		App:      drift.InputApp{Name: "storefront", Path: "apps/storefront", Renderer: "kustomize"},
		Resource: drift.InputResource{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "storefront", Name: "web",
			Labels: map[string]string{"app": "web", drift.LabelPartOf: model.TestPartOf}, Annotations: map[string]string{}, NamespaceLabels: map[string]string{"team": "a"}},
		Drift: drift.InputDrift{Type: "modified", Cause: "live"},
		Changes: []drift.InputChange{{Path: []string{"spec", "replicas"}, Pointer: "/spec/replicas", Op: "replace", Desired: int64(3), Live: int64(5),
			Cause: "live", Manager: "kubectl", ManagerClass: "interactive", ChangedNS: model.TestStart.Add(time.Hour).UnixNano()}},
		IgnoredChanges: []drift.InputChange{},
		Ownership:      drift.InputOwnership{Tracked: true, Managers: []string{"killick", "kubectl"}},
		Health:         drift.InputHealth{Status: "Current", Reason: "ready"},
		History:        drift.InputHistory{FirstSeenNS: model.TestStart.UnixNano(), Healed24h: 2},
		Controls:       drift.InputControls{Suspend: drift.InputControl{Active: true, UntilNS: model.TestStart.UnixNano(), Reason: "migration"}},
		Approval:       drift.InputApproval{ID: "abc"},
		Incomplete:     []string{},
	}
	if diff := cmp.Diff(want, input); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Nothing is ever null but the absent side of a change, whatever is not known.
func TestBuildInputIsNeverNull(t *testing.T) {
	t.Parallel()
	for name, input := range map[string]drift.Input{
		"nothing":  decide.InputOf(drift.Object{}, drift.Observation{}, drift.Change{}, decide.InputFacts{}),
		"a change": decide.InputOf(drift.Object{}, drift.Observation{}, drift.Change{Fields: []drift.FieldChange{{Op: drift.OpAdd, Desired: "x", Live: "y"}}}, decide.InputFacts{}),
		"missing":  decide.InputOf(model.Desired(t, model.ConfigMapYAML), drift.Observation{State: drift.Absent}, drift.Change{Type: drift.Missing}, decide.InputFacts{}),
		"extra":    decide.InputOf(drift.Object{}, drift.Observation{State: drift.Present, Live: model.Tree(t, model.ConfigMapYAML)}, drift.Change{Type: drift.Extra}, decide.InputFacts{}),
	} {
		for at, kind := range shapeOfDocument(document(t, input), "", nil) {
			if kind == "null" {
				t.Errorf("%s: %s is null", name, at)
			}
		}
		if input.Health.Status != "Unknown" {
			t.Errorf("%s: health that nobody looked at is %q", name, input.Health.Status)
		}
		if input.Run.TimeNS == 0 && input.History.FirstSeenNS != 0 || input.Revision.TimeNS != 0 {
			t.Errorf("%s: 0 means never: %+v", name, input)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		change := model.DrawChange(rt)
		for i := range change.Fields {
			change.Fields[i].Desired, change.Fields[i].Live = "x", "y"
		}
		for at, kind := range shapeOfDocument(document(t, decide.InputOf(drift.Object{}, drift.Observation{}, change, decide.InputFacts{})), "", nil) {
			if kind == "null" {
				rt.Fatalf("%s is null for %+v", at, change)
			}
		}
	})
}

func TestBuildInputSides(t *testing.T) {
	t.Parallel()
	live := model.Tree(t, model.With(t, model.ConfigMapYAML, "namespace: storefront}", "namespace: storefront, labels: {side: live}, annotations: {side: live}}"))
	git := model.Rendered(t, model.With(t, model.ConfigMapYAML, "namespace: storefront}", "namespace: storefront, labels: {side: git}, annotations: {side: git}}"))
	seen := drift.Observation{State: drift.Present, Live: live}
	if got := decide.InputOf(git, seen, drift.Change{Type: drift.Modified}, decide.InputFacts{}).Resource; got.Labels["side"] != "git" || got.Annotations["side"] != "git" {
		t.Errorf("labels are the desired ones: %+v", got)
	}
	if got := decide.InputOf(drift.Object{}, seen, drift.Change{Type: drift.Extra}, decide.InputFacts{}).Resource; got.Labels["side"] != "live" || got.Annotations["side"] != "live" {
		t.Errorf("for an extra the live ones: %+v", got)
	}
	secret := decide.InputOf(model.Rendered(t, model.SecretYAML), drift.Observation{Live: model.Tree(t, model.SecretYAML)}, drift.Change{ID: drift.ID{Kind: "Secret"}}, decide.InputFacts{})
	for side, tree := range map[string]map[string]any{"desired": secret.Desired, "live": secret.Live} {
		if got, _ := nested.ValueAt(tree, model.At("data password")); got != redact.Masked {
			t.Errorf("%s: %v", side, got)
		}
	}
	if _, kept := nested.Metadata(decide.InputOf(git, drift.Observation{Live: model.Synced(t, model.ConfigMapYAML).Live}, drift.Change{}, decide.InputFacts{}).Live)["managedFields"]; kept {
		t.Error("managedFields are told as managers")
	}
}

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
