package summary

import (
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/githost"
)

// placed is a report whose config, policies and apps come from three repositories.
func placed() drift.Report {
	commit := func(digit string) drift.ReportRevision {
		return ReportRevisionOf(drift.Revision{Commit: strings.Repeat(digit, 40)},
			githost.Web{URL: "https://git.example.com/acme/" + digit, Host: githost.GitLab})
	}
	own := commit("1")
	return drift.Report{
		Run: drift.ReportRun{ConfigRevision: &own, Policies: []drift.ReportPolicies{
			{Path: "policies", Folder: "policies", Revision: own},
			{Path: "policies#2", Folder: "policies", Revision: commit("2")},
			{Path: "teams", Folder: "teams", Revision: own},
			{Path: "teams/shop", Folder: "teams/shop", Revision: commit("2")},
			{Path: "disk", Folder: "disk", Revision: ReportRevisionOf(drift.Revision{Worktree: true}, githost.Web{URL: "https://git.example.com/x", Host: githost.GitLab})},
		}},
		Apps: []drift.ReportApp{{Name: "shop", Revision: commit("3")}},
	}
}

func TestRulePage(t *testing.T) {
	tests := []struct{ name, place, want string }{
		{"a file at its line", "policies/drift/shop/shop.rego:7", "https://git.example.com/acme/1/-/blob/" + strings.Repeat("1", 40) + "/policies/drift/shop/shop.rego#L7"},
		{"the second folder of that name stands in another repository", "policies#2/shop/a.rego:1", "https://git.example.com/acme/2/-/blob/" + strings.Repeat("2", 40) + "/policies/shop/a.rego#L1"},
		{"what ships in the binary has no page", "builtin:baseline/baseline.rego:3", ""},
		{"no folder of this run", "elsewhere/a.rego:1", ""},
		{"a name that only begins alike", "policies-old/a.rego:1", ""},
		{"two entries could have it, in two repositories", "teams/shop/a.rego:1", ""},
		{"one entry could have it", "teams/pay/a.rego:1", "https://git.example.com/acme/1/-/blob/" + strings.Repeat("1", 40) + "/teams/pay/a.rego#L1"},
		{"files as they are on disk", "disk/a.rego:1", ""},
		{"nothing", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := RulePage(placed().Run, test.place); got != test.want {
				t.Errorf("RulePage(%q) = %q, want %q", test.place, got, test.want)
			}
		})
	}
}

// TestRulePageOfTheRoot: policies that stand at their repository's root have no folder in
// front of their places.
func TestRulePageOfTheRoot(t *testing.T) {
	run := drift.ReportRun{Policies: []drift.ReportPolicies{{Path: ".", Folder: ".", Revision: placed().Apps[0].Revision}}}
	want := "https://git.example.com/acme/3/-/blob/" + strings.Repeat("3", 40) + "/shop/a.rego#L2"
	if got := RulePage(run, "shop/a.rego:2"); got != want {
		t.Errorf("RulePage = %q, want %q", got, want)
	}
}

func TestErrorPage(t *testing.T) {
	tests := []struct {
		name string
		e    drift.ReportError
		want string
	}{
		{"the config, at its commit", drift.ReportError{Stage: "config", File: "killick.yaml:9"}, "1/-/blob/" + strings.Repeat("1", 40) + "/killick.yaml#L9"},
		{"a policy", drift.ReportError{Stage: "policy", File: "policies/a.rego:2"}, "1/-/blob/" + strings.Repeat("1", 40) + "/policies/a.rego#L2"},
		{"a rule that could not decide about an app's object", drift.ReportError{App: "shop", Stage: "decide", File: "policies/a.rego:2"}, "1/-/blob/" + strings.Repeat("1", 40) + "/policies/a.rego#L2"},
		{"an app's file, at the app's commit", drift.ReportError{App: "shop", Stage: "render", File: "shop/c.yaml:4"}, "3/-/blob/" + strings.Repeat("3", 40) + "/shop/c.yaml#L4"},
		{"an app that the report does not have", drift.ReportError{App: "pay", Stage: "render", File: "pay/c.yaml:4"}, ""},
		{"no file", drift.ReportError{App: "shop", Stage: "render"}, ""},
		{"a file on the machine that runs Killick", drift.ReportError{Stage: "notify", File: "/etc/killick/token"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := test.want
			if want != "" {
				want = "https://git.example.com/acme/" + want
			}
			if got := ErrorPage(placed(), test.e); got != want {
				t.Errorf("ErrorPage = %q, want %q", got, want)
			}
		})
	}
	config := drift.ReportError{Stage: "config", File: "killick.yaml:9"}
	if got := ErrorPage((drift.Report{}), config); got != "" {
		t.Errorf("without a commit of the config: %q, want none", got)
	}
}
