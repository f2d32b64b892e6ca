package decide_test

import (
	"encoding/json"
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

func TestInputIsComplete(t *testing.T) {
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
func TestInputIsNeverNull(t *testing.T) {
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

func TestInputSides(t *testing.T) {
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
	visit(reflect.TypeFor[drift.Input](), "Input")
}
