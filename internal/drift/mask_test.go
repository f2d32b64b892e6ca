package drift

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var loginID = ID{Kind: "Secret", Namespace: "storefront", Name: "login"}

func TestMaskFields(t *testing.T) {
	t.Parallel()
	change := func(path string, desired, live any) FieldChange {
		return FieldChange{Path: at(path), Op: OpReplace, Desired: desired, Live: live}
	}
	lastApplied := "kubectl.kubernetes.io/last-applied-configuration"
	cases := []struct {
		name, reason string
		id           ID
		in           FieldChange
		desired      any
		live         any
	}{
		{"value", "both sides differ, so that the difference stays visible", loginID, change("data password", "YQ==", "Yg=="), maskedDesired, maskedLive},
		{"added value", "an absent side stays absent", loginID, change("data password", nil, "Yg=="), nil, maskedLive},
		{"all values", "key names may be told", loginID, change("data", map[string]any{"a": "x"}, map[string]any{"b": "y"}),
			map[string]any{"a": maskedDesired}, map[string]any{"b": maskedLive}},
		{"stringData", "as in data", loginID, change("stringData password", "a", nil), maskedDesired, nil},
		{"an unknown field", "what is not known to be plain is not told", loginID, change("extra", "a", []any{"b"}), maskedDesired, maskedLive},
		{"metadata as a whole", "what is not known to be plain is not told", loginID,
			change("metadata", map[string]any{"x": "a"}, nil), map[string]any{"x": maskedDesired}, nil},
		{"label", "labels are public", loginID, change("metadata labels team", "a", "b"), "a", "b"},
		{"annotation", "annotations are public", loginID, change("metadata annotations note", "a", "b"), "a", "b"},
		{"type", "the type is public", loginID, change("type", "Opaque", "b"), "Opaque", "b"},
		{"immutable", "a switch", loginID, change("immutable", true, nil), true, nil},
		{"a copy of the object", "it holds the data", loginID, change("metadata annotations "+lastApplied, nil, `{"data":{}}`), nil, maskedLive},
		{"annotations with a copy among them", "only the copy is hidden", loginID,
			change("metadata annotations", nil, map[string]any{lastApplied: "{}", "note": "x"}), nil, map[string]any{lastApplied: maskedLive, "note": "x"}},
		{"a copy on another kind", "it may hold an older Secret's data, or a value that was moved", ID{Kind: "ConfigMap"},
			change("metadata annotations "+lastApplied, "a", "b"), maskedDesired, maskedLive},
		{"kapp's copy", "as kubectl's", ID{Kind: "ConfigMap"}, change("metadata annotations kapp.k14s.io/original", "a", "b"), maskedDesired, maskedLive},
		{"rancher's copy", "as kubectl's", ID{Kind: "ConfigMap"}, change("metadata annotations objectset.rio.cattle.io/applied", "a", "b"), maskedDesired, maskedLive},
		{"a copy deep inside", "in a pod template, too", ID{Group: "apps", Kind: "Deployment"},
			change("spec template", nil, map[string]any{"metadata": map[string]any{"annotations": map[string]any{lastApplied: "{}"}}, "l": []any{map[string]any{lastApplied: "x"}}}),
			nil, map[string]any{"metadata": map[string]any{"annotations": map[string]any{lastApplied: maskedLive}}, "l": []any{map[string]any{lastApplied: maskedLive}}}},
		{"another kind", "values are told", ID{Kind: "ConfigMap"}, change("data password", "a", "b"), "a", "b"},
		{"another group's Secret", "only the core kind is a Secret", ID{Group: "example.com", Kind: "Secret"}, change("data password", "a", "b"), "a", "b"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := []FieldChange{c.in}
			got := maskFields(c.id, in)
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
	secret := tree(t, `
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
	before := short(secret)
	want := tree(t, `
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
	if diff := cmp.Diff(want, MaskObject(loginID, secret)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if short(secret) != before {
		t.Error("the object was changed in place")
	}
	config := tree(t, configMapYAML)
	if diff := cmp.Diff(config, MaskObject(ID{Kind: "ConfigMap"}, config)); diff != "" {
		t.Errorf("other kinds are shown: %s", diff)
	}
	if MaskObject(loginID, nil) != nil {
		t.Error("nothing stays nothing")
	}
	odd := MaskObject(loginID, map[string]any{"data": "not a map", "stringData": []any{"x"}})
	if diff := cmp.Diff(map[string]any{"data": masked, "stringData": masked}, odd); diff != "" {
		t.Errorf("whatever stands there is hidden: %s", diff)
	}
}

func TestSecretValues(t *testing.T) {
	t.Parallel()
	secret := map[string]any{
		"data":       map[string]any{"a": "aHVudGVyMg==", "broken": "%%%", "empty": "", "number": int64(5), "lines": " aHVudGVyMg==\n"},
		"stringData": map[string]any{"b": "plain"},
	}
	got := map[SecretValue]bool{}
	for _, v := range SecretValues(loginID, secret) {
		got[v] = true
	}
	want := map[SecretValue]bool{{"a", "hunter2"}: true, {"broken", "%%%"}: true, {"number", "5"}: true, {"lines", "hunter2"}: true, {"b", "plain"}: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	if SecretValues(ID{Kind: "ConfigMap"}, secret) != nil || SecretValues(loginID, nil) != nil {
		t.Error("only Secrets hold secrets")
	}
}

// canary draws a secret value with whatever characters a value may have.
func canary(t *rapid.T) string {
	return "CANARY" + rapid.StringMatching(`[a-z0-9"\\<>&%/+= \n]{6,30}`).Draw(t, "canary") + "YRANAC"
}

// ◆ SAFETY 5: whatever becomes of a Secret, no value of either side reaches a
// change, the policy input or the report; and what errors say of it, the redactor
// removes.
func TestNoSecretReachesAnyOutput(t *testing.T) {
	t.Parallel()
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	rapid.Check(t, func(rt *rapid.T) {
		gitValue, liveValue, noted := canary(rt), canary(rt), canary(rt)
		manifest := CloneMap(tree(t, secretYAML))
		put(t, manifest, at("data password"), encode(gitValue))
		if rapid.Bool().Draw(rt, "stringData") {
			manifest["stringData"] = map[string]any{"token": gitValue}
		}
		s := newServer(t)
		s.live = nil
		object, err := WithPartOf(Object{ID: loginID, Version: "v1", Manifest: manifest}, testPartOf)
		if err != nil {
			rt.Fatal(err)
		}
		if rapid.Bool().Draw(rt, "exists") {
			s.store(s.merged(rapid.SampledFrom([]string{FieldManager, "helm"}).Draw(rt, "first"), object.Manifest))
			manager := rapid.SampledFrom([]string{"kubectl-edit", "helm", "fixit"}).Draw(rt, "manager")
			s.set(manager, "data password", encode(liveValue))
			s.set(manager, "data extra", encode(liveValue))
			copied, err := json.Marshal(map[string]any{"data": map[string]any{"password": encode(noted)}})
			if err != nil {
				rt.Fatal(err)
			}
			s.update(manager, func(o map[string]any) {
				put(t, o, at("metadata annotations"), map[string]any{"kubectl.kubernetes.io/last-applied-configuration": string(copied), "note": "public"})
			})
		}
		if s.live == nil {
			liveValue = gitValue // nobody has seen another one
		}
		c := Comparison{Object: object, Observation: s.observe(object), PartOf: testPartOf, Family: testFamily}
		if rapid.Bool().Draw(rt, "tracked") {
			c.Entry = &Entry{ID: object.ID, UID: testUID}
		}
		if s.live != nil && rapid.Bool().Draw(rt, "refused") {
			c.Observation.Predicted, c.Observation.Prediction = nil, ByComparison
			c.Observation.Err = refused(ErrDenied)
		}
		change := Compare(c)
		if rapid.Bool().Draw(rt, "ignored") {
			change = WithoutIgnored(change, []Path{at(rapid.SampledFrom([]string{"data", "data password", "data password x", "metadata annotations", "*"}).Draw(rt, "pattern"))})
		}
		decision := Decide(change, granting(VerbSync, VerbHeal, VerbAdopt), Facts{})
		result := Result{Step: Step{Object: object, Observation: c.Observation, Change: change, Decision: decision}, Outcome: Applied,
			After: s.live, Err: fmt.Errorf("the server said: %q is not %s", gitValue, encode(liveValue))}
		redactor := Redactor{}.WithValues(SecretValues(loginID, object.Manifest)...).WithValues(SecretValues(loginID, s.live)...)
		report := redactor.Report(Report{Apps: []ReportApp{ReportOfApp(AppOutcome{Results: []Result{result}})},
			Errors: []ReportError{ReportOf("storefront", "act", errors.New("applying: "+gitValue+" and "+encode(gitValue)))}})
		for name, out := range map[string]any{
			"changes": append(append([]FieldChange{}, change.Fields...), change.Ignored...),
			"granted": decision.Granted, "findings": change.Findings, "reason": decision.Reason,
			"input":  BuildInput(object, c.Observation, change, InputFacts{}),
			"report": report,
		} {
			data, err := json.Marshal(out)
			if err != nil {
				rt.Fatal(err)
			}
			for _, secret := range []string{gitValue, liveValue, noted} {
				for _, form := range []string{secret, encode(secret), unquoted(short(secret)), unquoted(fmt.Sprintf("%q", secret))} {
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
