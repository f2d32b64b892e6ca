package redact_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

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

var loginID = drift.ID{Kind: "Secret", Namespace: "storefront", Name: "login"}

func TestMaskFields(t *testing.T) {
	t.Parallel()
	change := func(path string, desired, live any) drift.FieldChange {
		return drift.FieldChange{Path: model.At(path), Op: drift.OpReplace, Desired: desired, Live: live}
	}
	lastApplied := "kubectl.kubernetes.io/last-applied-configuration"
	cases := []struct {
		name, reason string
		id           drift.ID
		in           drift.FieldChange
		desired      any
		live         any
	}{
		{"value", "both sides differ, so that the difference stays visible", loginID, change("data password", "YQ==", "Yg=="), redact.MaskedDesired, redact.MaskedLive},
		{"added value", "an absent side stays absent", loginID, change("data password", nil, "Yg=="), nil, redact.MaskedLive},
		{"all values", "key names may be told", loginID, change("data", map[string]any{"a": "x"}, map[string]any{"b": "y"}),
			map[string]any{"a": redact.MaskedDesired}, map[string]any{"b": redact.MaskedLive}},
		{"stringData", "as in data", loginID, change("stringData password", "a", nil), redact.MaskedDesired, nil},
		{"an unknown field", "what is not known to be plain is not told", loginID, change("extra", "a", []any{"b"}), redact.MaskedDesired, redact.MaskedLive},
		{"metadata as a whole", "what is not known to be plain is not told", loginID,
			change("metadata", map[string]any{"x": "a"}, nil), map[string]any{"x": redact.MaskedDesired}, nil},
		{"label", "labels are public", loginID, change("metadata labels team", "a", "b"), "a", "b"},
		{"annotation", "annotations are public", loginID, change("metadata annotations note", "a", "b"), "a", "b"},
		{"type", "the type is public", loginID, change("type", "Opaque", "b"), "Opaque", "b"},
		{"immutable", "a switch", loginID, change("immutable", true, nil), true, nil},
		{"a copy of the object", "it holds the data", loginID, change("metadata annotations "+lastApplied, nil, `{"data":{}}`), nil, redact.MaskedLive},
		{"annotations with a copy among them", "only the copy is hidden", loginID,
			change("metadata annotations", nil, map[string]any{lastApplied: "{}", "note": "x"}), nil, map[string]any{lastApplied: redact.MaskedLive, "note": "x"}},
		{"a copy on another kind", "it may hold an older Secret's data, or a value that was moved", drift.ID{Kind: "ConfigMap"},
			change("metadata annotations "+lastApplied, "a", "b"), redact.MaskedDesired, redact.MaskedLive},
		{"kapp's copy", "as kubectl's", drift.ID{Kind: "ConfigMap"}, change("metadata annotations kapp.k14s.io/original", "a", "b"), redact.MaskedDesired, redact.MaskedLive},
		{"rancher's copy", "as kubectl's", drift.ID{Kind: "ConfigMap"}, change("metadata annotations objectset.rio.cattle.io/applied", "a", "b"), redact.MaskedDesired, redact.MaskedLive},
		{"a copy deep inside", "in a pod template, too", drift.ID{Group: "apps", Kind: "Deployment"},
			change("spec template", nil, map[string]any{"metadata": map[string]any{"annotations": map[string]any{lastApplied: "{}"}}, "l": []any{map[string]any{lastApplied: "x"}}}),
			nil, map[string]any{"metadata": map[string]any{"annotations": map[string]any{lastApplied: redact.MaskedLive}}, "l": []any{map[string]any{lastApplied: redact.MaskedLive}}}},
		{"another kind", "values are told", drift.ID{Kind: "ConfigMap"}, change("data password", "a", "b"), "a", "b"},
		{"another group's Secret", "only the core kind is a Secret", drift.ID{Group: "example.com", Kind: "Secret"}, change("data password", "a", "b"), "a", "b"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := []drift.FieldChange{c.in}
			got := redact.MaskFields(c.id, in)
			if diff := cmp.Diff([]any{c.desired, c.live}, []any{got[0].Desired, got[0].Live}); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
			if !got[0].Path.Equal(c.in.Path) || got[0].Op != c.in.Op {
				t.Errorf("the rest stays: %+v", got[0])
			}
		})
	}
}

func TestMaskObject(t *testing.T) {
	t.Parallel()
	secret := model.Tree(t, `
apiVersion: v1
kind: Secret
metadata:
  name: login
  labels: {app: web}
  annotations: {note: x, kubectl.kubernetes.io/last-applied-configuration: "{}", kapp.k14s.io/original: "{}"}
  managedFields: [{manager: killick}]
type: Opaque
immutable: false
data: {password: YQ==}
stringData: {token: plain}
`)
	before := model.Short(secret)
	want := model.Tree(t, `
apiVersion: v1
kind: Secret
metadata:
  name: login
  labels: {app: web}
  annotations: {note: x, kubectl.kubernetes.io/last-applied-configuration: "***", kapp.k14s.io/original: "***"}
type: Opaque
immutable: false
data: {password: "***"}
stringData: {token: "***"}
`)
	if diff := cmp.Diff(want, redact.MaskObject(loginID, secret)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if model.Short(secret) != before {
		t.Error("the object was changed in place")
	}
	config := model.Tree(t, model.ConfigMapYAML)
	if diff := cmp.Diff(config, redact.MaskObject(drift.ID{Kind: "ConfigMap"}, config)); diff != "" {
		t.Errorf("other kinds are shown: %s", diff)
	}
	if redact.MaskObject(loginID, nil) != nil {
		t.Error("nothing stays nothing")
	}
	odd := redact.MaskObject(loginID, map[string]any{"data": "not a map", "stringData": []any{"x"}})
	if diff := cmp.Diff(map[string]any{"data": redact.Masked, "stringData": redact.Masked}, odd); diff != "" {
		t.Errorf("whatever stands there is hidden: %s", diff)
	}
}

func TestSecretValues(t *testing.T) {
	t.Parallel()
	secret := map[string]any{
		"data":       map[string]any{"a": "aHVudGVyMg==", "broken": "%%%", "empty": "", "number": int64(5), "lines": " aHVudGVyMg==\n"},
		"stringData": map[string]any{"b": "plain"},
	}
	got := map[drift.SecretValue]bool{}
	for _, v := range redact.SecretValues(loginID, secret) {
		got[v] = true
	}
	want := map[drift.SecretValue]bool{{Key: "a", Value: "hunter2"}: true, {Key: "broken", Value: "%%%"}: true, {Key: "number", Value: "5"}: true, {Key: "lines", Value: "hunter2"}: true, {Key: "b", Value: "plain"}: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	if redact.SecretValues(drift.ID{Kind: "ConfigMap"}, secret) != nil || redact.SecretValues(loginID, nil) != nil {
		t.Error("only Secrets hold secrets")
	}
}

// canary draws a secret value with whatever characters a value may have.
func canary(t *rapid.T) string {
	return "CANARY" + rapid.StringMatching(`[a-z0-9"\\<>&%/+= \n]{6,30}`).Draw(t, "canary") + "YRANAC"
}

// ◆ Invariant 5 of docs/guards.md: whatever becomes of a Secret, no value of either side reaches a
// change, the policy input or the report; and what errors say of it, the redactor
// removes.
func TestNoSecretReachesAnyOutput(t *testing.T) {
	t.Parallel()
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	rapid.Check(t, func(rt *rapid.T) {
		gitValue, liveValue, noted := canary(rt), canary(rt), canary(rt)
		manifest := nested.CloneMap(model.Tree(t, model.SecretYAML))
		model.Put(t, manifest, model.At("data password"), encode(gitValue))
		if rapid.Bool().Draw(rt, "stringData") {
			manifest["stringData"] = map[string]any{"token": gitValue}
		}
		s := model.NewServer(t)
		s.Live = nil
		object, err := drift.WithPartOf(drift.Object{ID: loginID, Version: "v1", Manifest: manifest}, model.TestPartOf)
		if err != nil {
			rt.Fatal(err)
		}
		if rapid.Bool().Draw(rt, "exists") {
			s.Store(s.Merged(rapid.SampledFrom([]string{drift.FieldManager, "helm"}).Draw(rt, "first"), object.Manifest))
			manager := rapid.SampledFrom([]string{"kubectl-edit", "helm", "fixit"}).Draw(rt, "manager")
			s.Set(manager, "data password", encode(liveValue))
			s.Set(manager, "data extra", encode(liveValue))
			copied, err := json.Marshal(map[string]any{"data": map[string]any{"password": encode(noted)}})
			if err != nil {
				rt.Fatal(err)
			}
			s.Update(manager, func(o map[string]any) {
				model.Put(t, o, model.At("metadata annotations"), map[string]any{"kubectl.kubernetes.io/last-applied-configuration": string(copied), "note": "public"})
			})
		}
		if s.Live == nil {
			liveValue = gitValue // nobody has seen another one
		}
		c := diff.Comparison{Object: object, Observation: s.Observe(object), PartOf: model.TestPartOf, Family: model.TestFamily}
		if rapid.Bool().Draw(rt, "tracked") {
			c.Entry = &drift.Entry{ID: object.ID, UID: model.TestUID}
		}
		if s.Live != nil && rapid.Bool().Draw(rt, "refused") {
			c.Observation.Predicted, c.Observation.Prediction = nil, drift.ByComparison
			c.Observation.Err = model.Refused(drift.ErrDenied)
		}
		change := diff.Compare(c)
		if rapid.Bool().Draw(rt, "ignored") {
			change = diff.WithoutIgnored(change, []nested.Path{model.At(rapid.SampledFrom([]string{"data", "data password", "data password x", "metadata annotations", "*"}).Draw(rt, "pattern"))})
		}
		decision := decide.Decide(change, model.Granting(drift.VerbSync, drift.VerbHeal, drift.VerbAdopt), decide.Facts{})
		result := drift.Result{Step: drift.Step{Object: object, Observation: c.Observation, Change: change, Decision: decision}, Outcome: drift.Applied,
			After: s.Live, Err: fmt.Errorf("the server said: %q is not %s", gitValue, encode(liveValue))}
		redactor := redact.Redactor{}.WithValues(redact.SecretValues(loginID, object.Manifest)...).WithValues(redact.SecretValues(loginID, s.Live)...)
		report := redactor.Report(drift.Report{Apps: []drift.ReportApp{summary.AppOf(summary.AppOutcome{Results: []drift.Result{result}})},
			Errors: []drift.ReportError{drift.ReportOf("storefront", "act", errors.New("applying: "+gitValue+" and "+encode(gitValue)))}})
		for name, out := range map[string]any{
			"changes": append(append([]drift.FieldChange{}, change.Fields...), change.Ignored...),
			"granted": decision.Granted, "findings": change.Findings, "reason": decision.Reason,
			"input":  decide.InputOf(object, c.Observation, change, decide.InputFacts{}),
			"report": report,
		} {
			data, err := json.Marshal(out)
			if err != nil {
				rt.Fatal(err)
			}
			for _, secret := range []string{gitValue, liveValue, noted} {
				for _, form := range []string{secret, encode(secret), redact.Unquoted(model.Short(secret)), redact.Unquoted(fmt.Sprintf("%q", secret))} {
					if strings.Contains(string(data), form) {
						rt.Fatalf("%s holds %q: %s", name, form, data)
					}
				}
			}
			if strings.Contains(string(data), "CANARY") {
				rt.Fatalf("%s holds a part of a secret: %s", name, data)
			}
		}
	})
}
