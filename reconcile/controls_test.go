package reconcile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/reconcile"
)

const settingsRef = "v1 ConfigMap settings"

// edited is a site whose ConfigMap settings was edited by hand.
func edited(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", "data: {a: b}")})
	s.converge()
	s.merge("kubectl-edit", settingsRef, "{data: {a: c}}")
	return s
}

// TestSwitchesOnObjects: a suspended object is left alone and told; break-glass
// is policy's to judge; a switch that cannot be read is treated as thrown; and
// none of them is drift.
func TestSwitchesOnObjects(t *testing.T) {
	t.Parallel()
	future, past := "2099-01-01T00:00:00Z", "2020-01-01T00:00:00Z"
	withGlass := strings.Replace(grants, `heal contains "put it back" if input.drift.cause in {"live", "both"}`,
		"heal contains \"put it back\" if not input.controls.break_glass.active\n"+
			"alert_only contains sprintf(\"the glass is broken: %s\", [input.controls.break_glass.reason]) if input.controls.break_glass.active\n", 1)
	tests := []struct {
		why         string
		annotations map[string]string
		heals       bool
		reason      string
	}{
		{why: "suspended", reason: "suspended: debugging",
			annotations: map[string]string{"killick.dev/suspend-until": future, "killick.dev/suspend-reason": "debugging"}},
		{why: "no longer suspended", heals: true,
			annotations: map[string]string{"killick.dev/suspend-until": past, "killick.dev/suspend-reason": "debugging"}},
		{why: "break-glass, seen by policy", reason: "the glass is broken: incident 7",
			annotations: map[string]string{"killick.dev/break-glass-until": future, "killick.dev/break-glass-reason": "incident 7"}},
		{why: "break-glass that is over", heals: true,
			annotations: map[string]string{"killick.dev/break-glass-until": past, "killick.dev/break-glass-reason": "incident 7"}},
		{why: "not a time", reason: "not an RFC 3339 time",
			annotations: map[string]string{"killick.dev/suspend-until": "tomorrow", "killick.dev/suspend-reason": "x"}},
		{why: "no reason", reason: "needs \"killick.dev/suspend-reason\"",
			annotations: map[string]string{"killick.dev/suspend-until": past}},
		{why: "no time", reason: "needs \"killick.dev/break-glass-until\"",
			annotations: map[string]string{"killick.dev/break-glass-reason": "x"}},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			t.Parallel()
			s := edited(t)
			s.rego = withGlass
			var pairs []string
			for key, value := range test.annotations {
				pairs = append(pairs, fmt.Sprintf("%q: %q", key, value))
			}
			s.merge("kubectl-annotate", settingsRef, "{metadata: {annotations: {"+strings.Join(pairs, ", ")+"}}}")
			r := s.run()
			resource := r.of("ConfigMap settings")
			if diff := cmp.Diff([]string{"replace /data/a by kubectl-edit"}, fields(resource)); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			want, outcome, code := "c", "skipped", reconcile.ExitDrift
			if test.heals {
				want, outcome, code = "b", "applied", reconcile.ExitOK
			}
			if resource.Outcome != outcome || !strings.Contains(resource.Reason, test.reason) || r.code != code {
				t.Errorf("%s: %s, exit code %d", resource.Outcome, resource.Reason, r.code)
			}
			if got := s.value(settingsRef, "data a"); got != want {
				t.Errorf("the value is %v, want %v", got, want)
			}
			for key, value := range test.annotations {
				if got := nested.Annotations(s.live(settingsRef))[key]; got != value {
					t.Errorf("%s is %q now", key, got)
				}
			}
		})
	}
}

// TestSuspendedApp: everything is looked at and told, and nothing is written.
func TestSuspendedApp(t *testing.T) {
	t.Parallel()
	s := edited(t)
	s.commit(map[string]string{"new.yaml": configMap("new")})
	until := time.Now().Add(time.Hour)
	s.app("shop", func(a *drift.App) { a.Suspend = drift.Suspension{Until: until, Reason: "a migration"} })
	tape := s.record()
	r := s.run()
	r.expect("suspended", "ConfigMap new: missing/git alert-only skipped", "ConfigMap settings: modified/live alert-only skipped")
	if got := r.Report.Apps[0].Suspended; got != "a migration" {
		t.Errorf("the app is suspended because of %q", got)
	}
	for _, line := range tape.wrote {
		if !strings.Contains(line, "/namespaces/"+s.state+"/") {
			t.Errorf("a suspended app was written: %s", line)
		}
	}
	s.now = func() time.Time { return until.Add(time.Second) }
	s.run().expect("no longer suspended", "ConfigMap new: missing/git sync applied", "ConfigMap settings: modified/live heal applied")
}

// TestThreeHealsADay: what is put back again and again has somebody else at it.
func TestThreeHealsADay(t *testing.T) {
	t.Parallel()
	s := edited(t)
	start := time.Now()
	for i := range 3 {
		s.now = func() time.Time { return start.Add(time.Duration(i) * 7 * time.Hour) }
		s.run().expect(fmt.Sprintf("heal %d", i+1), "ConfigMap settings: modified/live heal applied")
		s.merge("kubectl-edit", settingsRef, "{data: {a: c}}")
	}
	r := s.run()
	r.expect("the fourth time", "ConfigMap settings: modified/live alert-only skipped")
	if reason := r.of("ConfigMap settings").Reason; !strings.Contains(reason, "put back 3 times within 24 hours") {
		t.Errorf("the reason is %q", reason)
	}
	s.now = func() time.Time { return start.Add(24*time.Hour + time.Minute) }
	s.run().expect("a day after the first", "ConfigMap settings: modified/live heal applied")
}

// TestIgnoredFields: what policy ignores is out of the verdict, and a write for
// another reason leaves it as it is.
func TestIgnoredFields(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.rego = grants + `
ignore_fields contains "/spec/replicas" if input.resource.kind == "Deployment"
ignore_fields contains "/data/theirs" if input.resource.kind == "ConfigMap"
`
	s.commit(map[string]string{
		"web.yaml": existing("apps/v1", "Deployment", "web", deployment("", "")),
		"c.yaml":   existing("v1", "ConfigMap", "settings", "data: {a: b, theirs: x}"),
	})
	s.converge()
	s.scale("apps/v1 Deployment web", "3")
	s.merge("kubectl-edit", settingsRef, "{data: {theirs: z}}")
	s.run().silent("only what is ignored differs")
	s.strategic("kubectl-edit", "apps/v1 Deployment web", `{spec: {template: {spec: {containers: [{name: app, image: "example.com/app:9"}]}}}}`)
	s.merge("kubectl-edit", settingsRef, "{data: {a: c}}")
	r := s.run()
	r.expect("something else differs too", "ConfigMap settings: modified/live heal applied", "Deployment web: modified/live heal applied")
	if got := s.value("apps/v1 Deployment web", "spec replicas"); got != int64(3) {
		t.Errorf("healing changed the ignored replicas to %v", got)
	}
	if diff := cmp.Diff(map[string]any{"a": "b", "theirs": "z"}, s.value(settingsRef, "data")); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	s.run().silent("the run after that")
	s.commit(map[string]string{"c.yaml": existing("v1", "ConfigMap", "settings", "data: {a: d, theirs: x}")})
	s.run().expect("a rollout", "ConfigMap settings: modified/git sync applied")
	if diff := cmp.Diff(map[string]any{"a": "d", "theirs": "z"}, s.value(settingsRef, "data")); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	s.remove(settingsRef)
	s.run().expect("a missing object gets Git's value", "ConfigMap settings: missing/live heal applied")
	if diff := cmp.Diff(map[string]any{"a": "d", "theirs": "x"}, s.value(settingsRef, "data")); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
}

// TestWithoutPolicies: everything is told and nothing is touched.
func TestWithoutPolicies(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.rego = ""
	s.create("kubectl-create", existing("v1", "ConfigMap", "settings", "data: {a: c}"))
	s.commit(map[string]string{"a.yaml": configMap("a"), "c.yaml": existing("v1", "ConfigMap", "settings", "data: {a: b}")})
	tape := s.record()
	r := s.run()
	r.expect("no policy", "ConfigMap a: missing/git alert-only skipped", "ConfigMap settings: modified/git alert-only skipped")
	for _, line := range tape.wrote {
		if !strings.Contains(line, "/namespaces/"+s.state+"/") {
			t.Errorf("something was written: %s", line)
		}
	}
	if r.code != reconcile.ExitDrift {
		t.Errorf("exit code %d", r.code)
	}
}

// TestPlanWritesNothing: not even its own state.
func TestPlanWritesNothing(t *testing.T) {
	t.Parallel()
	s := edited(t)
	s.commit(map[string]string{"new.yaml": configMap("new")})
	tape := s.record()
	s.plan().expect("a plan", "ConfigMap new: missing/git sync planned", "ConfigMap settings: modified/live heal planned")
	if len(tape.wrote) > 0 {
		t.Errorf("planning wrote %q", tape.wrote)
	}
}

// TestGitAndClusterBothMoved: who moved is told per field, and additions by hand
// survive a rollout that policy allows.
func TestGitAndClusterBothMoved(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{
		"settings.yaml": existing("v1", "ConfigMap", "settings", `data: {a: "1", b: "1"}`),
		"added.yaml":    existing("v1", "ConfigMap", "added", `data: {a: "1"}`),
	})
	s.converge()
	s.merge("kubectl-edit", settingsRef, `{data: {b: "9"}}`)
	s.merge("kubectl-edit", "v1 ConfigMap added", `{data: {by-hand: "9"}}`)
	s.commit(map[string]string{
		"settings.yaml": existing("v1", "ConfigMap", "settings", `data: {a: "2", b: "1"}`),
		"added.yaml":    existing("v1", "ConfigMap", "added", `data: {a: "2"}`),
	})
	r := s.run()
	r.expect("both moved", "ConfigMap added: modified/both sync applied", "ConfigMap settings: modified/both sync applied")
	causes := map[string]string{}
	for _, field := range r.of("ConfigMap settings").Fields {
		causes[field.Path] = field.Cause
	}
	if diff := cmp.Diff(map[string]string{"/data/a": "git", "/data/b": "both"}, causes); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"a": "2", "b": "1"}, s.value(settingsRef, "data")); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"a": "2", "by-hand": "9"}, s.value("v1 ConfigMap added", "data")); diff != "" {
		t.Errorf("the rollout took an addition away (-want +got):\n%s", diff)
	}
}
