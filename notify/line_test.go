package notify

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/githost"
	"github.com/killick-dev/killick/internal/testenv/slack"
)

// TestLinks: Slack shows links to what is known for sure, and no others.
func TestLinks(t *testing.T) {
	const page, commit = "https://git.example.com/acme/platform", "3f9d2c1aa0b14c7e9f3a5b6c7d8e9f0a1b2c3d4e"
	file := page + "/-/blob/" + commit + "/apps/storefront/base/config.yaml#L4"
	for _, test := range []struct {
		reason string
		change func(*drift.ReportApp)
		want   []string
	}{
		{"commit, file and ref", func(*drift.ReportApp) {}, []string{page + "/-/commit/" + commit, "https://runbooks.example.com/x", file}},
		{"nothing is known of the Git host", func(a *drift.ReportApp) { a.Revision.Web = nil }, []string{"https://runbooks.example.com/x"}},
		{"a host of another version of Killick", func(a *drift.ReportApp) { a.Revision.Web.Host = "cgit" }, []string{"https://runbooks.example.com/x"}},
		{"a ref that is a ticket", func(a *drift.ReportApp) { a.Resources[0].Rules[0].Ref = "RUN-42" }, []string{page + "/-/commit/" + commit, file}},
		{"a ref with a password", func(a *drift.ReportApp) { a.Resources[0].Rules[0].Ref = "https://me:x@runbooks.example.com/" }, []string{page + "/-/commit/" + commit, file}},
		{"a ref that was redacted", func(a *drift.ReportApp) {
			a.Resources[0].Rules[0].Ref = "https://runbooks.example.com/" + drift.Redacted
		}, []string{page + "/-/commit/" + commit, file}},
		{"a ref of another scheme", func(a *drift.ReportApp) { a.Resources[0].Rules[0].Ref = "javascript://x/%0aalert(1)" }, []string{page + "/-/commit/" + commit, file}},
		{"a ref that shows another text", func(a *drift.ReportApp) { a.Resources[0].Rules[0].Ref = "https://runbooks.example.com/\u202egnp" },
			[]string{page + "/-/commit/" + commit, file}},
		{"a page with a password", func(a *drift.ReportApp) { a.Revision.Web.URL = "https://me:x@git.example.com/acme/platform" }, []string{"https://runbooks.example.com/x"}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			resource := alertedConfigMap("app")
			resource.Rules[0].Ref = "https://runbooks.example.com/x"
			app := appOf("storefront", resource)
			app.Revision.Web = &githost.Web{URL: page, Host: githost.GitLab}
			test.change(&app)
			for name, configure := range map[string]func(*SlackConfig, *slack.Server){"token": nil, "webhook": webhookMode} {
				w := newWorkspace(t, slack.Options{}, configure)
				if _, err := w.Notify(t.Context(), reportOf(app), nil); err != nil {
					t.Fatal(err)
				}
				got := w.Messages()[0].Links()
				slices.Sort(got)
				want := slices.Sorted(slices.Values(test.want))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
				if strings.Contains(w.Messages()[0].Text, "http") {
					t.Errorf("the headline holds an address: %s", w.Messages()[0].Text)
				}
			}
		})
	}
}
