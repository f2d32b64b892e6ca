package charttest

import (
	"slices"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// TestRunDetect: without policies everything is told and nothing is wrong.
func TestRunDetect(t *testing.T) {
	for why, values := range map[string]string{
		"with dry-runs":    "",
		"without dry-runs": "detect: {admissionPolicy: false}",
	} {
		t.Run(why, func(t *testing.T) {
			j := runnable(t, values, "")
			before := j.before(t)
			want := map[string]string{"ConfigMap/settings": "alert-only skipped", "ConfigMap/banner": "alert-only skipped"}
			j.expect(t, 0, want)
			j.unchanged(t, before)
			j.expect(t, 0, want)
			j.unchanged(t, before)
		})
	}
}

// TestRunDetectGranted: policies grant what the account may not do. It is told as what
// would be done, once, and fails nothing; nothing in the state says that it was done.
func TestRunDetectGranted(t *testing.T) {
	for why, values := range map[string]string{
		"with dry-runs":    "",
		"without dry-runs": "detect: {admissionPolicy: false}",
	} {
		t.Run(why, func(t *testing.T) {
			j := runnable(t, values, granted+told)
			before := j.before(t)
			want := map[string]string{
				"ConfigMap/settings": "sync planned", "ConfigMap/banner": "sync planned",
				"Service/web": "sync planned", "Deployment/web": "sync planned", // to adopt them
			}
			report := j.expect(t, 0, want)
			if !report.Run.Detect {
				t.Error("the report does not say that the run only detects")
			}
			for _, resource := range report.Apps[0].Resources {
				if resource.Error != "" {
					t.Errorf("%s: %s", resource.ID().Short(), resource.Error)
				}
			}
			first := j.heard(t)
			if !slices.ContainsFunc(first, func(m string) bool { return strings.Contains(m, "2 would sync") }) || len(first) != 1 {
				t.Errorf("Slack was told %q", first)
			}
			j.unchanged(t, before)
			j.expect(t, 0, want)
			if again := j.heard(t); len(again) > 0 {
				t.Errorf("Slack was told again: %q", again)
			}
			j.unchanged(t, before)
			if _, applied := j.versions(t, j.release)["ConfigMap/killick-app-shop"]; applied {
				t.Error("there is an inventory, although nothing was applied")
			}
		})
	}
}

// TestRunDetectAfterPrune: an installation that goes back to detect keeps what it knows: it
// would heal, and would prune what left Git, and does both once it may again.
func TestRunDetectAfterPrune(t *testing.T) {
	j := runnable(t, "preset: prune", granted+told)
	j.expect(t, 0, map[string]string{
		"ConfigMap/settings": "sync applied", "ConfigMap/banner": "sync applied", "Service/web": "sync applied", "Deployment/web": "sync applied",
	})
	j.heard(t)
	j.edit(t, "settings", `{"data":{"a":"by hand"}}`)
	j.repo.Commit("no banner", map[string]string{"shop/banner.yaml": gitserver.Deleted})
	before := j.settledVersions(t)
	state := j.versions(t, j.release)
	for range 2 {
		j.expect(t, 0, map[string]string{"ConfigMap/settings": "heal planned", "ConfigMap/banner": "prune planned"}, "--detect")
		j.unchanged(t, before)
	}
	if told := j.heard(t); len(told) != 1 || !strings.Contains(told[0], "would heal") || !strings.Contains(told[0], "would prune") {
		t.Errorf("Slack was told %q", told)
	}
	if after := j.versions(t, j.release); after["ConfigMap/killick-app-shop"] != state["ConfigMap/killick-app-shop"] {
		t.Error("the inventory was written by a run that only detects")
	}
	j.expect(t, 1, map[string]string{"ConfigMap/settings": "heal planned", "ConfigMap/banner": "prune planned"}, "--detect", "--exit-code")
	j.expect(t, 0, map[string]string{"ConfigMap/settings": "heal applied", "ConfigMap/banner": "prune pruned"})
}

// TestRunWithoutRights: outside the mode that detects, a right that was lost is a failure.
func TestRunWithoutRights(t *testing.T) {
	for why, c := range map[string]struct {
		values, says string
		want         map[string]string
	}{
		"confined by the admission policy": {"", "installed with the detect preset", map[string]string{
			"ConfigMap/settings": "sync failed", "ConfigMap/banner": "sync failed",
			"Service/web": "sync failed", "Deployment/web": "sync failed",
		}},
		"without the right to patch": {"detect: {admissionPolicy: false}", "cannot patch resource", map[string]string{
			"ConfigMap/settings": "alert-only skipped", "ConfigMap/banner": "alert-only skipped",
		}},
	} {
		t.Run(why, func(t *testing.T) {
			j := runnable(t, c.values, granted)
			before := j.before(t)
			report := j.expect(t, 4, c.want, "--detect=false")
			for _, app := range report.Apps {
				for _, resource := range app.Resources {
					if !strings.Contains(resource.Error, c.says) {
						t.Errorf("%s: the error does not say %q: %s", resource.ID().Short(), c.says, resource.Error)
					}
				}
			}
			j.unchanged(t, before)
		})
	}
}
