package reconcile_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// TestSecretDrift: of binary values, of stringData and of immutable Secrets the
// report says which keys differ, and nothing of their values in any spelling.
func TestSecretDrift(t *testing.T) {
	t.Parallel()
	const canary = "canary-of-secret-drift-"
	binary := base64.StdEncoding.EncodeToString([]byte(canary + "\x00\xff\xfe-git"))
	hacked := base64.StdEncoding.EncodeToString([]byte(canary + "\xff\x00\x01-hand"))
	s := newSite(t)
	s.app("shop", manageSecrets)
	s.explain = func(drift.ID) bool { return true }
	s.commit(map[string]string{
		"binary.yaml": existing("v1", "Secret", "binary", "data: {blob: "+binary+"}"),
		"plain.yaml":  existing("v1", "Secret", "plain", "stringData: {a: "+canary+"a, b: "+canary+"b}"),
		"fixed.yaml":  existing("v1", "Secret", "fixed", "immutable: true, stringData: {a: "+canary+"a}"),
		"frozen.yaml": existing("v1", "Secret", "frozen", "stringData: {a: "+canary+"a}"),
		"typed.yaml":  existing("v1", "Secret", "typed", "type: example.com/kind, stringData: {a: "+canary+"a}"),
	})
	s.converge()
	s.merge("kubectl-patch", "v1 Secret binary", "{data: {blob: "+hacked+"}}")
	s.merge("kubectl-edit", "v1 Secret plain", "{data: {a: null}, stringData: {b: "+canary+"x, c: "+canary+"y}}")
	s.merge("kubectl-edit", "v1 Secret frozen", "{immutable: true}")
	s.merge("kubectl-annotate", "v1 Secret typed", "{metadata: {annotations: {note: x}}}")
	s.commit(map[string]string{"fixed.yaml": existing("v1", "Secret", "fixed", "immutable: true, stringData: {a: "+canary+"rotated}")})
	r := s.run()
	got := map[string][]string{}
	for _, resource := range r.Report.Apps[0].Resources {
		got[resource.Name] = append(fields(resource), resource.Action+" "+resource.Outcome)
	}
	want := map[string][]string{
		"binary": {"replace /data/blob by kubectl-patch", "heal applied"},
		"plain":  {"add /data/c by kubectl-edit", "remove /data/a", "replace /data/b by kubectl-edit", "heal applied"},
		"fixed":  {"replace /data/a by killick", "alert-only skipped"},
		"frozen": {"add /immutable by kubectl-edit", "alert-only skipped"},
		"typed":  {"add /metadata/annotations/note by kubectl-annotate", "heal applied"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, r.details())
	}
	if reason := r.of("Secret fixed").Reason; reason != "data cannot be changed in place, and no policy grants replace" {
		t.Errorf("the immutable one: %q", reason)
	}
	if reason := r.of("Secret frozen").Reason; reason != "immutable cannot be changed in place, and no policy grants replace" {
		t.Errorf("the one that was made immutable by hand: %q", reason)
	}
	leaving := []any{r.Report, r.States}
	for _, explained := range r.Explained {
		leaving = append(leaving, explained.Input)
	}
	all, err := json.Marshal(leaving)
	if err != nil {
		t.Fatal(err)
	}
	for _, forbidden := range []string{"canary-of-secret-drift-a", "canary-of-secret-drift-b", "canary-of-secret-drift-x", "canary-of-secret-drift-y",
		"canary-of-secret-drift-rotated", binary, hacked, b64(canary + "a"), b64(canary + "x"), b64(canary)[:20]} {
		if at := strings.Index(string(all), forbidden); at >= 0 {
			t.Errorf("%q is in %.200q", forbidden, all[max(0, at-80):])
		}
	}
	s.rego += replacement
	s.run()
	if got := s.value("v1 Secret fixed", "data a"); got != b64(canary+"rotated") {
		t.Error("with the grant the immutable Secret is replaced")
	}
	if got := s.value("v1 Secret frozen", "immutable"); got != nil {
		t.Errorf("and so is the one that was made immutable: %v", got)
	}
	s.quiet("then all is as Git says")
}

// TestIgnoredFieldsByOwner is docs/drift.md's rule for ignored fields in a write: one
// that we own carries its live value, one that we do not own is left out, of a
// missing object all is Git's, and inside an atomic value the live part is kept.
func TestIgnoredFieldsByOwner(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.rego = grants + `
ignore_fields contains pointer if {
	input.resource.kind == "ConfigMap"
	some pointer in ["/data/ours", "/data/theirs", "/data/new", "/data/dropped"]
}
ignore_fields contains "/rules/0/verbs" if input.resource.kind == "Role"
`
	settings := func(data string) string { return existing("v1", "ConfigMap", "settings", "data: {"+data+"}") }
	role := func(resources string) string {
		return existing("rbac.authorization.k8s.io/v1", "Role", "reader", `rules: [{apiGroups: [""], resources: [`+resources+`], verbs: [get]}]`)
	}
	s.commit(map[string]string{"settings.yaml": settings("a: one, ours: one, theirs: one, dropped: one"), "role.yaml": role("pods")})
	s.converge()
	s.merge("kubectl-edit", settingsRef, "{data: {theirs: two}}")
	roleRef := "rbac.authorization.k8s.io/v1 Role reader"
	s.patch("kubectl-edit", roleRef, `[{op: add, path: /rules/0/verbs/-, value: list}]`)
	s.run().silent("only ignored fields differ")
	s.commit(map[string]string{"settings.yaml": settings("a: two, ours: two, theirs: three, new: one"), "role.yaml": role("pods, services")})
	r := s.run()
	r.expect("something else differs too", "ConfigMap settings: modified/git sync applied", "Role reader: modified/git sync applied")
	want := map[string]any{"a": "two", "ours": "one", "theirs": "two", "dropped": "one"}
	if diff := cmp.Diff(want, s.value(settingsRef, "data")); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	wantRules := []any{map[string]any{"apiGroups": []any{""}, "resources": []any{"pods", "services"}, "verbs": []any{"get", "list"}}}
	if diff := cmp.Diff(wantRules, s.value(roleRef, "rules")); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	var ignored []string
	for _, field := range r.of("ConfigMap settings").Ignored {
		ignored = append(ignored, field.Op+" "+field.Path)
	}
	if diff := cmp.Diff([]string{"add /data/dropped", "remove /data/new", "replace /data/ours", "replace /data/theirs"}, ignored); diff != "" {
		t.Errorf("ignored (-want +got):\n%s", diff)
	}
	s.run().silent("the run after that")
	s.remove(settingsRef)
	s.remove(roleRef)
	s.run().expect("missing", "ConfigMap settings: missing/live heal applied", "Role reader: missing/live heal applied")
	if diff := cmp.Diff(map[string]any{"a": "two", "ours": "two", "theirs": "three", "new": "one"}, s.value(settingsRef, "data")); diff != "" {
		t.Errorf("a missing object gets Git's values (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]any{"get"}, s.value(roleRef, "rules").([]any)[0].(map[string]any)["verbs"]); diff != "" {
		t.Errorf("inside the atomic value too (-want +got):\n%s", diff)
	}
}
