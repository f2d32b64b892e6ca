package reconcile_test

import (
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// Replacing an object deletes it first, so whatever may not be deleted may not be
// replaced either, whatever policy grants (docs/guards.md, P4, P6).
func TestReplaceIsGuarded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.rego = grants + replacement
	claim := existing("v1", "PersistentVolumeClaim", "data", "spec: {accessModes: [ReadWriteOnce], storageClassName: standard, resources: {requests: {storage: 1Gi}}}")
	kept := `{apiVersion: v1, kind: ConfigMap, metadata: {name: kept, annotations: {helm.sh/resource-policy: keep}}, immutable: true, data: {a: "1"}}`
	free := existing("v1", "ConfigMap", "free", `immutable: true, data: {a: "1"}`)
	s.commit(map[string]string{"data.yaml": claim, "kept.yaml": kept, "free.yaml": free})
	s.converge()
	names := []string{"v1 PersistentVolumeClaim data", "v1 ConfigMap kept", "v1 ConfigMap free"}
	before := map[string]string{}
	for _, name := range names {
		before[name] = nested.UIDOf(s.live(name))
	}
	s.commit(map[string]string{
		"data.yaml": strings.Replace(claim, "standard", "other", 1),
		"kept.yaml": strings.Replace(kept, `a: "1"`, `a: "2"`, 1),
		"free.yaml": strings.Replace(free, `a: "1"`, `a: "2"`, 1),
	})
	r := s.run()
	r.expect("only what may be deleted is replaced",
		"ConfigMap free: modified/git sync applied",
		"ConfigMap kept: modified/git alert-only skipped",
		"PersistentVolumeClaim data: modified/git alert-only skipped")
	for name, refused := range map[string]bool{names[0]: true, names[1]: true, names[2]: false} {
		if same := nested.UIDOf(s.live(name)) == before[name]; same != refused {
			t.Errorf("%s: replaced is %v, want %v\n%s", name, !same, !refused, r.details())
		}
	}
	for _, name := range []string{"PersistentVolumeClaim data", "ConfigMap kept"} {
		if !strings.Contains(r.of(name).Reason, "not replaced: P6") {
			t.Errorf("%s does not name the rule: %q", name, r.of(name).Reason)
		}
	}
}

// Whatever comes over an object between the plan and its replacement is looked at: the
// guards are asked again about what the last look returned.
func TestReplaceAsksAgain(t *testing.T) {
	t.Parallel()
	const ref = "v1 ConfigMap frozen"
	for _, test := range []struct{ why, patch, reason string }{
		{"a mark to keep it", `{metadata: {annotations: {helm.sh/resource-policy: keep}}}`, "not replaced: P6: it carries helm.sh/resource-policy=keep"},
		{"a suspension", `{metadata: {annotations: {killick.dev/suspend-until: "2999-01-01T00:00:00Z", killick.dev/suspend-reason: "incident 4711"}}}`, "suspended: incident 4711"},
		{"a suspension that cannot be read", `{metadata: {annotations: {killick.dev/suspend-until: "soon", killick.dev/suspend-reason: x}}}`, "RFC 3339"},
		{"a controller", `{metadata: {ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: keep, controller: true, uid: $KEEP}]}}`, "not replaced: P4: a controller owns it"},
	} {
		t.Run(test.why, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.rego = grants + replacement
			frozen := existing("v1", "ConfigMap", "frozen", `immutable: true, data: {a: "1"}`)
			s.commit(map[string]string{"keep.yaml": configMap("keep"), "frozen.yaml": frozen})
			s.converge()
			s.commit(map[string]string{"frozen.yaml": strings.Replace(frozen, `a: "1"`, `a: "2"`, 1)})
			uid := nested.UIDOf(s.live(ref))
			patch := strings.ReplaceAll(test.patch, "$KEEP", nested.UIDOf(s.live("v1 ConfigMap keep")))
			s.intercept(&between{apply: func(_ drift.ApplyRequest, n int) error {
				if n == 1 {
					s.merge("kubectl-annotate", ref, patch)
				}
				return nil
			}})
			r := s.run()
			if got := r.of("ConfigMap frozen"); got.Action != "alert-only" || got.Outcome != "skipped" || !strings.Contains(got.Reason, test.reason) {
				t.Errorf("%s %s: %q", got.Action, got.Outcome, got.Reason)
			}
			if nested.UIDOf(s.live(ref)) != uid {
				t.Error("it was replaced")
			}
		})
	}
}

// A controller that copies the labels of what it works for makes objects that
// carry our part-of label and are not ours: taking one over needs adopt.
func TestCopiedLabelNeedsAdopt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.rego = grants
	s.commit(map[string]string{"keep.yaml": configMap("keep")})
	s.converge()
	partOf := nested.Labels(s.live("v1 ConfigMap keep"))[drift.LabelPartOf]
	s.create("some-operator", `{apiVersion: v1, kind: ConfigMap, metadata: {name: copied, labels: {`+drift.LabelPartOf+": "+partOf+`}}, data: {a: other}}`)
	s.commit(map[string]string{"copied.yaml": configMap("copied")})
	r := s.run()
	r.expect("sync alone does not take it over", "ConfigMap copied: modified/git alert-only skipped")
	if got := s.live("v1 ConfigMap copied")["data"].(map[string]any)["a"]; got != "other" {
		t.Errorf("the operator's object was changed: %v", got)
	}
}

// An app whose render fails has not let go of anything: another app that wants
// the same object does not get it.
func TestFailedAppKeepsItsObjects(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.rego = grants
	s.app("first")
	s.app("second")
	s.commit(map[string]string{"keep.yaml": configMap("keep"), "first/shared.yaml": configMap("shared"), "second/own.yaml": configMap("own")})
	s.converge()
	owner := nested.Labels(s.live("v1 ConfigMap shared"))[drift.LabelPartOf]
	s.commit(map[string]string{"first/broken.yaml": "{", "second/shared.yaml": existing("v1", "ConfigMap", "shared", "data: {a: c}")})
	r := s.run()
	if got := r.of("ConfigMap shared"); got.Action != "alert-only" || !strings.Contains(got.Reason, `first`) {
		t.Errorf("got %s, %q", got.Action, got.Reason)
	}
	live := s.live("v1 ConfigMap shared")
	if nested.Labels(live)[drift.LabelPartOf] != owner || live["data"].(map[string]any)["a"] != "b" {
		t.Errorf("the object was taken over: %v", live)
	}
}
