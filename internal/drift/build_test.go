package drift

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
)

// inputFrame is DESIGN §4's document: every field it shows, with the type it has
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
	s := synced(t, deploymentYAML)
	s.set("kubectl/scale", "spec replicas", int64(5))
	c := s.comparison(deploymentYAML)
	c.Observation.NamespaceLabels = map[string]string{"team": "a"}
	change := Compare(c)
	now := time.Date(2026, 11, 6, 9, 30, 0, 5, time.FixedZone("CET", 3600))
	input := BuildInput(c.Object, c.Observation, change, InputFacts{
		Now: now, Cluster: "prod-eu", Renderer: RendererKustomize,
		Revision:  Revision{Ref: "main", Commit: "c0ffee", Author: "Ada", Time: testStart},
		App:       App{Name: "storefront", Path: "apps/storefront"},
		Health:    Health{Status: HealthCurrent, Reason: "ready"},
		Controls:  Controls{Suspend: Control{Active: true, Until: testStart, Reason: "migration"}},
		FirstSeen: testStart, Healed24h: 2, Approval: "abc",
	})
	if diff := cmp.Diff(shapeOfDocument(document(t, tree(t, inputFrame)), "", freeContent), shapeOfDocument(document(t, input), "", freeContent)); diff != "" {
		t.Errorf("the document differs from DESIGN §4 (-want +got):\n%s", diff)
	}
	input.Desired, input.Live = nil, nil
	want := Input{
		Version:  InputVersion,
		Run:      InputRun{TimeNS: now.UnixNano(), Weekday: "Friday", HourUTC: 8, MinuteUTC: 30, Cluster: "prod-eu"},
		Revision: InputRevision{Ref: "main", Commit: "c0ffee", Author: "Ada", TimeNS: testStart.UnixNano()},
		App:      InputApp{Name: "storefront", Path: "apps/storefront", Renderer: "kustomize"},
		Resource: InputResource{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "storefront", Name: "web",
			Labels: map[string]string{"app": "web", LabelPartOf: testPartOf}, Annotations: map[string]string{}, NamespaceLabels: map[string]string{"team": "a"}},
		Drift: InputDrift{Type: "modified", Cause: "live"},
		Changes: []InputChange{{Path: []string{"spec", "replicas"}, Pointer: "/spec/replicas", Op: "replace", Desired: int64(3), Live: int64(5),
			Cause: "live", Manager: "kubectl", ManagerClass: "interactive", ChangedNS: testStart.Add(time.Hour).UnixNano()}},
		IgnoredChanges: []InputChange{},
		Ownership:      InputOwnership{Tracked: true, Managers: []string{"killick", "kubectl"}},
		Health:         InputHealth{Status: "Current", Reason: "ready"},
		History:        InputHistory{FirstSeenNS: testStart.UnixNano(), Healed24h: 2},
		Controls:       InputControls{Suspend: InputControl{Active: true, UntilNS: testStart.UnixNano(), Reason: "migration"}},
		Approval:       InputApproval{ID: "abc"},
		Incomplete:     []string{},
	}
	if diff := cmp.Diff(want, input); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Nothing is ever null but the absent side of a change, whatever is not known.
func TestBuildInputIsNeverNull(t *testing.T) {
	t.Parallel()
	for name, input := range map[string]Input{
		"nothing":  BuildInput(Object{}, Observation{}, Change{}, InputFacts{}),
		"a change": BuildInput(Object{}, Observation{}, Change{Fields: []FieldChange{{Op: OpAdd, Desired: "x", Live: "y"}}}, InputFacts{}),
		"missing":  BuildInput(desired(t, configMapYAML), Observation{State: Absent}, Change{Type: Missing}, InputFacts{}),
		"extra":    BuildInput(Object{}, Observation{State: Present, Live: tree(t, configMapYAML)}, Change{Type: Extra}, InputFacts{}),
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
		change := drawChange(rt)
		for i := range change.Fields {
			change.Fields[i].Desired, change.Fields[i].Live = "x", "y"
		}
		for at, kind := range shapeOfDocument(document(t, BuildInput(Object{}, Observation{}, change, InputFacts{})), "", nil) {
			if kind == "null" {
				rt.Fatalf("%s is null for %+v", at, change)
			}
		}
	})
}

func TestBuildInputSides(t *testing.T) {
	t.Parallel()
	live := tree(t, with(t, configMapYAML, "namespace: storefront}", "namespace: storefront, labels: {side: live}, annotations: {side: live}}"))
	git := rendered(t, with(t, configMapYAML, "namespace: storefront}", "namespace: storefront, labels: {side: git}, annotations: {side: git}}"))
	seen := Observation{State: Present, Live: live}
	if got := BuildInput(git, seen, Change{Type: Modified}, InputFacts{}).Resource; got.Labels["side"] != "git" || got.Annotations["side"] != "git" {
		t.Errorf("labels are the desired ones: %+v", got)
	}
	if got := BuildInput(Object{}, seen, Change{Type: Extra}, InputFacts{}).Resource; got.Labels["side"] != "live" || got.Annotations["side"] != "live" {
		t.Errorf("for an extra the live ones: %+v", got)
	}
	secret := BuildInput(rendered(t, secretYAML), Observation{Live: tree(t, secretYAML)}, Change{ID: ID{Kind: "Secret"}}, InputFacts{})
	for side, tree := range map[string]map[string]any{"desired": secret.Desired, "live": secret.Live} {
		if got, _ := ValueAt(tree, at("data password")); got != masked {
			t.Errorf("%s: %v", side, got)
		}
	}
	if _, kept := metadata(BuildInput(git, Observation{Live: synced(t, configMapYAML).live}, Change{}, InputFacts{}).Live)["managedFields"]; kept {
		t.Error("managedFields are told as managers")
	}
}

// The Go types are the published document: every field has a JSON name, and none
// is left out when empty.
func TestInputTypesAreClosed(t *testing.T) {
	t.Parallel()
	var visit func(reflect.Type, string)
	visit = func(of reflect.Type, at string) {
		switch of.Kind() {
		case reflect.Struct:
			for i := range of.NumField() {
				field := of.Field(i)
				name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
				if name == "" || name == "-" || options != "" || strings.ToLower(name) != name {
					t.Errorf("%s.%s: json tag %q", at, field.Name, field.Tag.Get("json"))
				}
				visit(field.Type, at+"."+field.Name)
			}
		case reflect.Slice, reflect.Map:
			visit(of.Elem(), at+"[]")
		case reflect.Pointer:
			t.Errorf("%s can be null", at)
		}
	}
	visit(reflect.TypeFor[Input](), "Input")
}

func outcomeOf(drift Type, action Action, outcome Outcome, name string) Result {
	return Result{Outcome: outcome, Step: Step{Decision: Decision{Action: action},
		Change: Change{Type: drift, ID: ID{Kind: "ConfigMap", Namespace: "storefront", Name: name}, Version: "v1"}}}
}

// Counts cover every result; what is in sync and untouched is not listed.
func TestReportOfAppCounts(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, reason string
		result       Result
		want         ReportCounts
		listed       bool
	}{
		{"in sync", "nothing to tell", outcomeOf(InSync, Ignore, Skipped, "a"), ReportCounts{InSync: 1}, false},
		{"in sync, guarded", "a suspension of what needs nothing is no alert", outcomeOf(InSync, AlertOnly, Skipped, "a"), ReportCounts{InSync: 1}, false},
		{"adopted", "in sync, and something was done", outcomeOf(InSync, Sync, Applied, "a"), ReportCounts{InSync: 1, Synced: 1}, true},
		{"adoption planned", "it will be done", outcomeOf(InSync, Sync, Planned, "a"), ReportCounts{InSync: 1}, true},
		{"adoption failed", "a failure is told", outcomeOf(InSync, Sync, Failed, "a"), ReportCounts{InSync: 1, Failed: 1}, true},
		{"created", "", outcomeOf(Missing, Sync, Applied, "a"), ReportCounts{Missing: 1, Synced: 1}, true},
		{"put back", "", outcomeOf(Missing, Heal, Applied, "a"), ReportCounts{Missing: 1, Healed: 1}, true},
		{"synced", "", outcomeOf(Modified, Sync, Applied, "a"), ReportCounts{Modified: 1, Synced: 1}, true},
		{"healed", "", outcomeOf(Modified, Heal, Applied, "a"), ReportCounts{Modified: 1, Healed: 1}, true},
		{"heal planned", "planned is not done", outcomeOf(Modified, Heal, Planned, "a"), ReportCounts{Modified: 1}, true},
		{"heal not made", "the app waited", outcomeOf(Modified, Heal, Skipped, "a"), ReportCounts{Modified: 1}, true},
		{"heal failed", "", outcomeOf(Modified, Heal, Failed, "a"), ReportCounts{Modified: 1, Failed: 1}, true},
		{"alerted", "", outcomeOf(Modified, AlertOnly, Skipped, "a"), ReportCounts{Modified: 1, Alerted: 1}, true},
		{"ignored", "", outcomeOf(Modified, Ignore, Skipped, "a"), ReportCounts{Modified: 1, Ignored: 1}, true},
		{"pruned", "", outcomeOf(Extra, Prune, Pruned, "a"), ReportCounts{Extra: 1, Pruned: 1}, true},
		{"prune failed", "", outcomeOf(Extra, Prune, Failed, "a"), ReportCounts{Extra: 1, Failed: 1}, true},
		{"extra kept", "", outcomeOf(Extra, AlertOnly, Skipped, "a"), ReportCounts{Extra: 1, Alerted: 1}, true},
		{"unknown", "an error is counted by itself and told", outcomeOf(Unknown, AlertOnly, Skipped, "a"), ReportCounts{Unknown: 1, Alerted: 1}, true},
	}
	var all []Result
	var sum ReportCounts
	listed := 0
	for _, c := range cases {
		got := ReportOfApp(AppOutcome{Results: []Result{c.result}})
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
	got := ReportOfApp(AppOutcome{Results: all, Skipped: 7})
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

func add(a, b ReportCounts) ReportCounts {
	x, y := reflect.ValueOf(&a).Elem(), reflect.ValueOf(b)
	for i := range x.NumField() {
		x.Field(i).SetInt(x.Field(i).Int() + y.Field(i).Int())
	}
	return a
}

func TestReportOfApp(t *testing.T) {
	t.Parallel()
	seen := testStart.Add(-time.Hour)
	reason := Reason{Verb: VerbHeal, Area: "shop", Text: "put back", Rule: "policies/shop.rego:7", Ref: "https://runbook"}
	over := Reason{Verb: VerbIgnore, Text: "quiet", Rule: "policies/shop.rego:9"}
	field := FieldChange{Path: at("spec replicas"), Op: OpReplace, Desired: int64(3), Live: int64(5), Cause: CauseLive,
		Manager: "kubectl", ManagerClass: ClassInteractive, ManagerTime: testStart, Note: "a note"}
	ignored := FieldChange{Path: at("spec paused"), Op: OpAdd, Live: true, Cause: CauseLive}
	healed := Result{Outcome: Applied, Health: Health{Status: HealthInProgress, Reason: "rolling"}, Step: Step{
		Object: Object{Origin: Origin{File: "apps/web.yaml", Line: 3}}, Refused: []string{"P6: x"},
		Change: Change{ID: ID{Group: "apps", Kind: "Deployment", Namespace: "storefront", Name: "web"}, Version: "v1", Type: Modified, Cause: CauseLive,
			Fields: []FieldChange{field}, Ignored: []FieldChange{ignored}, Findings: []string{"a finding"}, Err: errors.New("cured by the write")},
		Decision: Decision{Action: Heal, Reason: "put back", Because: []Reason{reason}, Overruled: []Reason{over}, Severity: "warning", Routes: []string{"platform"}, Approval: "abc"},
	}}
	failed := outcomeOf(Missing, Sync, Failed, "b")
	failed.Err = errors.New("applying: no")
	refusedOne := outcomeOf(Modified, AlertOnly, Skipped, "a")
	refusedOne.Step.Change.Err = errors.New("the server refused")
	key := healed.Step.Change.ID.String()
	got := ReportOfApp(AppOutcome{
		App:      App{Name: "storefront", Path: "apps/storefront", Suspend: Suspension{Until: testStart.Add(time.Hour), Reason: "migration"}},
		Revision: Revision{Repository: "https://git.example.com/x", Ref: "main", Commit: "c", Author: "Ada", Subject: "s", Time: testStart, Worktree: true},
		Rendered: Rendered{Renderer: RendererKustomize}, Complete: true, FirstRun: true, Skipped: 2,
		Results: []Result{healed, failed, refusedOne}, Health: HealthFailed, Warnings: []string{"w"}, Now: testStart,
		State: AppState{Incidents: map[string]Incident{key: {FirstSeen: seen.In(time.FixedZone("x", 3600))}}},
	})
	at := testStart
	first := seen
	want := ReportApp{
		Name: "storefront", Path: "apps/storefront", Renderer: RendererKustomize, Complete: true, FirstRun: true, Health: HealthFailed,
		Revision:  ReportRevision{Repository: "https://git.example.com/x", Ref: "main", Commit: "c", Author: "Ada", Subject: "s", Time: testStart, Worktree: true},
		Suspended: "migration", Warnings: []string{"w"}, UnhealthyTotal: 1,
		Unhealthy: []ReportHealth{{Group: "apps", Kind: "Deployment", Namespace: "storefront", Name: "web", Health: HealthInProgress, Reason: "rolling"}},
		Counts:    ReportCounts{Missing: 1, Modified: 2, Skipped: 2, Healed: 1, Alerted: 1, Failed: 1},
		Resources: []ReportResource{
			{Version: "v1", Kind: "ConfigMap", Namespace: "storefront", Name: "a", Drift: "modified", Cause: "none", Action: "alert-only", Outcome: "skipped",
				Rules: []ReportRule{}, Overruled: []ReportRule{}, Fields: []ReportField{}, Error: "the server refused"},
			{Version: "v1", Kind: "ConfigMap", Namespace: "storefront", Name: "b", Drift: "missing", Cause: "none", Action: "sync", Outcome: "failed",
				Rules: []ReportRule{}, Overruled: []ReportRule{}, Fields: []ReportField{}, Error: "applying: no"},
			{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "storefront", Name: "web", Drift: "modified", Cause: "live", Action: "heal", Outcome: "applied",
				Reason: "put back", Rules: []ReportRule{{Verb: "heal", Reason: "put back", Rule: "policies/shop.rego:7", Ref: "https://runbook"}},
				Overruled: []ReportRule{{Verb: "ignore", Reason: "quiet", Rule: "policies/shop.rego:9"}},
				Fields: []ReportField{{Path: "/spec/replicas", Op: "replace", Desired: int64(3), Live: int64(5), Cause: "live", Manager: "kubectl",
					ManagerClass: "interactive", ManagerTime: &at, Note: "a note"}},
				Ignored:  []ReportField{{Path: "/spec/paused", Op: "add", Live: true, Cause: "live"}},
				Findings: []string{"a finding"}, Refused: []string{"P6: x"}, Origin: Origin{File: "apps/web.yaml", Line: 3},
				Health: HealthInProgress, HealthReason: "rolling", Severity: "warning", Routes: []string{"platform"}, FirstSeen: &first, Approval: "abc"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Resources[2].ID() != healed.Step.Change.ID {
		t.Errorf("%v", got.Resources[2].ID())
	}
	later := ReportOfApp(AppOutcome{App: App{Suspend: Suspension{Until: testStart, Reason: "over"}}, Now: testStart})
	if later.Suspended != "" || later.Resources == nil {
		t.Errorf("%+v", later)
	}
}

// The report round-trips through JSON.
func TestReportRoundTrips(t *testing.T) {
	t.Parallel()
	report := Report{Schema: ReportSchema, Cluster: ReportCluster{Name: "prod-eu", UID: "u"},
		Run: ReportRun{ID: "r", Mode: "run", Version: "v", Started: testStart, Finished: testStart.Add(time.Minute), ExitCode: 4},
		Apps: []ReportApp{ReportOfApp(AppOutcome{App: App{Name: "storefront"}, Revision: Revision{Time: testStart}, Results: []Result{
			outcomeOf(Modified, Heal, Applied, "a"), outcomeOf(Extra, Prune, Pruned, "b"), outcomeOf(Unknown, AlertOnly, Skipped, "c")}})},
		Errors: []ReportError{ReportOf("storefront", "act", errors.New("no"))}}
	data, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
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

func TestReportOfProblems(t *testing.T) {
	t.Parallel()
	cause := errors.New("unknown field")
	problem := &Problem{Stage: "config", File: "killick.yaml:7", Hint: "did you mean path?", Err: cause}
	cases := []struct {
		reason string
		err    error
		want   ReportError
	}{
		{"a plain error has the caller's stage", cause, ReportError{App: "a", Stage: "act", Message: "unknown field"}},
		{"a problem knows where it is", problem, ReportError{App: "a", Stage: "config", Message: "killick.yaml:7: unknown field", File: "killick.yaml:7", Hint: "did you mean path?"}},
		{"wherever it stands in the chain", fmt.Errorf("loading: %w", problem),
			ReportError{App: "a", Stage: "config", Message: "loading: killick.yaml:7: unknown field", File: "killick.yaml:7", Hint: "did you mean path?"}},
		{"without a stage of its own", &Problem{Err: cause}, ReportError{App: "a", Stage: "act", Message: "unknown field"}},
	}
	for _, c := range cases {
		if diff := cmp.Diff(c.want, ReportOf("a", "act", c.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
	if !errors.Is(problem, cause) {
		t.Error("a problem has its cause")
	}
	for line, want := range map[int]string{0: "a.yaml", -1: "a.yaml", 3: "a.yaml:3"} {
		if got := FileLine("a.yaml", line); got != want {
			t.Errorf("%s", got)
		}
	}
	refusal := &Refusal{Kind: ErrDenied, Message: " no \n"}
	if refusal.Error() != "denied by admission: no" || !errors.Is(refusal, ErrDenied) || errors.Is(refusal, ErrInvalid) {
		t.Errorf("%v", refusal)
	}
}
