package notify

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/slack"
	"github.com/killick-dev/killick/reconcile"
)

var _ reconcile.Notifier = (*Notifier)(nil)

// workspace is a fake Slack with two channels and a notifier that posts there.
type workspace struct {
	*slack.Server
	*Notifier
	waits []time.Duration
}

var fakeChannels = []slack.Channel{
	{ID: "C0DRIFT00001", Name: "drift", Member: true},
	{ID: "C0PAYMENTS01", Name: "payments", Member: true},
}

// newWorkspace starts the fake; configure may change the notifier's config.
func newWorkspace(t *testing.T, options slack.Options, configure func(*SlackConfig, *slack.Server)) *workspace {
	t.Helper()
	if options.Channels == nil {
		options.Channels = fakeChannels
	}
	server, err := slack.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &workspace{Server: server}
	config := tokenConfig()
	config.Slack.APIURL = server.APIURL()
	if configure != nil {
		configure(&config.Slack, server)
	}
	files := map[string]string{"token": slack.DefaultToken + "\n", "webhook": server.WebhookURL() + "\n"}
	w.Notifier, err = New(config, Options{
		ReadFile: func(name string) ([]byte, error) { return []byte(files[name]), nil },
		Wait: func(ctx context.Context, d time.Duration) error {
			w.waits = append(w.waits, d)
			return ctx.Err()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// webhookMode makes the notifier post through the incoming webhook.
func webhookMode(config *SlackConfig, _ *slack.Server) { *config = SlackConfig{WebhookFile: "webhook"} }

// posted are the first lines of the messages that arrived.
func (w *workspace) posted() []string {
	var lines []string
	for _, m := range w.Messages() {
		first, _, _ := strings.Cut(m.PlainText(), "\n")
		lines = append(lines, m.Channel+" "+first)
	}
	return lines
}

var newsReport = reportOf(appOf("storefront", alertedConfigMap("app"), healedDeployment("web")))

// TestNotify posts through both ways and stays silent afterwards.
func TestNotify(t *testing.T) {
	const card = "C0DRIFT00001 ⚠️ storefront on prod-eu: 1 needs attention (warning), 1 healed"
	for name, configure := range map[string]func(*SlackConfig, *slack.Server){"token": nil, "webhook": webhookMode} {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t, slack.Options{}, configure)
			told, err := w.Notify(t.Context(), newsReport, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{card}, w.posted()); diff != "" {
				t.Errorf("first run (-want +got):\n%s", diff)
			}
			again, err := w.Notify(t.Context(), newsReport, told)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(told, again); diff != "" {
				t.Errorf("an unchanged run changed what was told (-first +second):\n%s", diff)
			}
			if _, err = w.Notify(t.Context(), reportOf(appOf("storefront")), again); err != nil {
				t.Fatal(err)
			}
			want := []string{card, "C0DRIFT00001 ✅ storefront on prod-eu: back in sync: ConfigMap shop/app"}
			if diff := cmp.Diff(want, w.posted()); diff != "" {
				t.Errorf("after the third run (-want +got):\n%s", diff)
			}
			if n := w.Requests(); n != 2 {
				t.Errorf("%d requests, want 2: a silent run asks Slack nothing", n)
			}
		})
	}
}

// TestNotifyRoutes posts each route to its channel.
func TestNotifyRoutes(t *testing.T) {
	routed := alertedConfigMap("billing")
	routed.Routes = []string{"payments"}
	lost := alertedConfigMap("lost")
	lost.Routes = []string{"nobody"}
	w := newWorkspace(t, slack.Options{}, nil)
	_, err := w.Notify(t.Context(), reportOf(appOf("storefront", routed, lost)), nil)
	want := []string{"C0DRIFT00001 ⚠️ storefront on prod-eu: 1 needs attention (warning)", "C0PAYMENTS01 ⚠️ storefront on prod-eu: 1 needs attention (warning)"}
	if diff := cmp.Diff(want, w.posted()); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if err == nil || !strings.Contains(err.Error(), `"nobody"`) {
		t.Errorf("error %v, want one that names the unknown route", err)
	}
}

// TestRetries checks what is tried again, how long is waited, and what is not.
func TestRetries(t *testing.T) {
	limited := func(seconds int) slack.Fault { return slack.Fault{Status: 429, RetryAfter: seconds} }
	rejected := slack.Fault{Error: "invalid_blocks", Messages: []string{"[ERROR] unsupported type: rich_text [json-pointer:/blocks/3]"}}
	tests := []struct {
		name     string
		reason   string
		faults   []slack.Fault
		want     string // last line of the delivered message; "" when none arrives
		requests int
		waits    []time.Duration
		err      string
		hint     string
	}{
		{"rate limit", "Retry-After is waited for", []slack.Fault{limited(7)}, "rich", 2, []time.Duration{7 * time.Second}, "", ""},
		{"rate limit, three times", "then the next run takes over", []slack.Fault{limited(1), limited(2), limited(3)}, "", 3,
			[]time.Duration{1 * time.Second, 2 * time.Second}, "giving up after 3 attempts", ""},
		{"rate limit, too long", "more than a minute is left to the next run", []slack.Fault{limited(61)}, "", 1, nil, "no time left to wait 1m1s", ""},
		{"server error", "Slack has short outages", []slack.Fault{{Status: 500}, {Status: 503}}, "rich", 3,
			[]time.Duration{1 * time.Second, 2 * time.Second}, "", ""},
		{"invalid blocks", "a plainer form follows", []slack.Fault{rejected}, "sections", 2, nil, "", ""},
		{"too long", "likewise", []slack.Fault{{Error: "msg_blocks_too_long"}}, "sections", 2, nil, "", ""},
		{"invalid twice", "text is the last form", []slack.Fault{rejected, rejected}, "text", 3, nil, "", ""},
		{"invalid everywhere", "and then it is an error", []slack.Fault{rejected, rejected, rejected}, "", 3, nil,
			"invalid_blocks: [ERROR] unsupported type: rich_text", ""},
		{"limited while downgrading", "both at once", []slack.Fault{rejected, limited(1)}, "sections", 3, []time.Duration{time.Second}, "", ""},
		{"bad token", "is not tried again", []slack.Fault{{Error: "invalid_auth"}}, "", 1, nil, "invalid_auth", "check the bot token (xoxb-…) and that it belongs to this workspace"},
		{"missing scope", "names the scope", []slack.Fault{{Error: "missing_scope", Needed: "chat:write", Provided: "users:read"}}, "", 1, nil,
			"needs the scope chat:write, the token has users:read", "add the scope to the Slack app and install it again"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorkspace(t, slack.Options{}, nil)
			w.Fail(test.faults...)
			told, err := w.Notify(t.Context(), newsReport, nil)
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("%s: error %v, want %q", test.reason, err, test.err)
			}
			if diff := cmp.Diff(test.waits, w.waits); diff != "" {
				t.Errorf("%s: waits (-want +got):\n%s", test.reason, diff)
			}
			if w.Requests() != test.requests {
				t.Errorf("%s: %d requests, want %d", test.reason, w.Requests(), test.requests)
			}
			var problem *drift.Problem
			if test.hint != "" && (!errors.As(err, &problem) || problem.Hint != test.hint || problem.Stage != "notify") {
				t.Errorf("%s: problem %+v, want the hint %q", test.reason, problem, test.hint)
			}
			if got := formOf(w.Messages()); got != test.want {
				t.Errorf("%s: delivered as %q, want %q", test.reason, got, test.want)
			}
			if delivered := read(told, entry{"storefront", DefaultRoute}).open != nil; delivered != (test.want != "") {
				t.Errorf("%s: told is %v", test.reason, told)
			}
		})
	}
}

// formOf names the form in which the only message arrived.
func formOf(messages []slack.Message) string {
	if len(messages) != 1 {
		return ""
	}
	encoded, err := json.Marshal(messages[0].Blocks)
	switch {
	case err != nil:
		return err.Error()
	case len(messages[0].Blocks) == 0:
		return "text"
	case strings.Contains(string(encoded), "rich_text"):
		return "rich"
	}
	return "sections"
}

// TestWebhookFailures checks that a webhook's answers are understood like the
// API's.
func TestWebhookFailures(t *testing.T) {
	tests := []struct {
		name   string
		faults []slack.Fault
		want   string
		err    string
	}{
		{"rate limit", []slack.Fault{{Status: 429, RetryAfter: 3}}, "rich", ""},
		{"server error", []slack.Fault{{Status: 500}}, "rich", ""},
		{"invalid blocks", []slack.Fault{{Status: 400, Error: "invalid_blocks"}}, "sections", ""},
		{"invalid payload twice", []slack.Fault{{Status: 400, Error: "invalid_payload"}, {Status: 400, Error: "invalid_payload"}}, "text", ""},
		{"deleted", []slack.Fault{{Status: 404, Error: "no_service"}}, "", "no_service"},
		{"archived", []slack.Fault{{Status: 410, Error: "channel_is_archived"}}, "", "channel_is_archived"},
		{"a proxy's page", []slack.Fault{{Status: 403, Error: "<html>blocked by policy</html>"}}, "", "403 Forbidden"},
		{"a success that is none", []slack.Fault{{Status: 200, Error: "<html>please log in</html>"}}, "", "200 OK"},
		{"a redirect", []slack.Fault{{Status: 302, Error: "found"}}, "", "found"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorkspace(t, slack.Options{}, webhookMode)
			w.Fail(test.faults...)
			_, err := w.Notify(t.Context(), newsReport, nil)
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error %v, want %q", err, test.err)
			}
			if got := formOf(w.Messages()); got != test.want {
				t.Errorf("delivered as %q, want %q", got, test.want)
			}
		})
	}
}

// TestDeadline checks that a Slack that never answers costs no more than the
// time given, is not asked again, and leaves the message due.
func TestDeadline(t *testing.T) {
	for name, configure := range map[string]func(*SlackConfig, *slack.Server){"token": nil, "webhook": webhookMode} {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t, slack.Options{}, configure)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			w.Fail(slack.Fault{Hang: true, Arrived: func() { cancel(context.DeadlineExceeded) }})
			two := reportOf(appOf("payments", alertedConfigMap("app")), appOf("storefront", alertedConfigMap("app")))
			told, err := w.Notify(ctx, two, nil)
			if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v, want the end of the context", err)
			}
			if !strings.Contains(err.Error(), "not trying 1 message more") {
				t.Errorf("error %v does not say that the second message was not tried", err)
			}
			if w.Requests() != 1 || len(told) != 0 {
				t.Errorf("%d requests and told %v, want one request and nothing told", w.Requests(), told)
			}
		})
	}
}

// TestRateLimitWithinDeadline checks that a wait that cannot end in time is not
// begun.
func TestRateLimitWithinDeadline(t *testing.T) {
	w := newWorkspace(t, slack.Options{}, nil)
	w.Fail(slack.Fault{Status: 429, RetryAfter: 30})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := w.Notify(ctx, newsReport, nil)
	if err == nil || !strings.Contains(err.Error(), "no time left to wait 30s") || len(w.waits) != 0 {
		t.Errorf("error %v after waits %v, want none begun", err, w.waits)
	}
}

// TestRateLimitedWorkspace sends fifteen cards through a workspace that takes
// one message per second: the wait moves its clock.
func TestRateLimitedWorkspace(t *testing.T) {
	now := runTime
	w := newWorkspace(t, slack.Options{RateLimited: true, Clock: func() time.Time { return now }}, nil)
	w.sender.wait = func(_ context.Context, d time.Duration) error {
		now = now.Add(d)
		return nil
	}
	told, err := w.Notify(t.Context(), reportOf(manyApps(15)...), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.Messages()) != 15 || len(told) != 15 {
		t.Errorf("%d messages delivered and %d apps told, want 15", len(w.Messages()), len(told))
	}
	if waited := now.Sub(runTime); waited != 14*time.Second {
		t.Errorf("waited %s, want a second between two messages", waited)
	}
}

// TestOneChannelBroken checks that one route's failure does not hold up others.
func TestOneChannelBroken(t *testing.T) {
	channels := []slack.Channel{{ID: "C0DRIFT00001", Name: "drift"}, {ID: "C0PAYMENTS01", Name: "payments", Member: true}}
	w := newWorkspace(t, slack.Options{Channels: channels}, nil)
	routed := alertedConfigMap("billing")
	routed.Routes = []string{"payments"}
	report := reportOf(appOf("storefront", alertedConfigMap("app"), routed))
	told, err := w.Notify(t.Context(), report, nil)
	var problem *drift.Problem
	if !errors.As(err, &problem) || !strings.Contains(problem.Hint, "invite the app") {
		t.Errorf("error %v, want not_in_channel with its hint", err)
	}
	if len(w.Messages()) != 1 || told["storefront"]["payments"] == "" || told["storefront"][DefaultRoute] != "" {
		t.Errorf("messages %v, told %v: want only the payments route delivered and told", w.posted(), told)
	}
}

// TestLostHealIsToldLater goes through the whole path of a message that a
// broken Slack swallowed.
func TestLostHealIsToldLater(t *testing.T) {
	w := newWorkspace(t, slack.Options{}, nil)
	w.Fail(slack.Fault{Error: "invalid_auth"})
	told, err := w.Notify(t.Context(), reportOf(appOf("storefront", healedDeployment("web"))), nil)
	if err == nil {
		t.Fatal("the failure was not said")
	}
	told, err = w.Notify(t.Context(), reportOf(appOf("storefront")), told)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"C0DRIFT00001 ✅ storefront on prod-eu: 1 healed earlier"}, w.posted()); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if len(told) != 0 {
		t.Errorf("told %v, want nothing left", told)
	}
}

// TestNotTriedIsLostToo checks that messages which were not even tried count as
// lost like the one that failed.
func TestNotTriedIsLostToo(t *testing.T) {
	w := newWorkspace(t, slack.Options{}, nil)
	w.Fail(slack.Fault{Error: "token_revoked"})
	told, err := w.Notify(t.Context(), reportOf(appOf("payments", healedDeployment("api")), appOf("storefront", healedDeployment("web"))), nil)
	if err == nil || w.Requests() != 1 {
		t.Errorf("error %v after %d requests, want one request", err, w.Requests())
	}
	for _, app := range []string{"payments", "storefront"} {
		if diff := cmp.Diff(map[string]int{"healed": 1}, read(told, entry{app, DefaultRoute}).missed); diff != "" {
			t.Errorf("%s: missed (-want +got):\n%s", app, diff)
		}
	}
}

// TestRequestsEnd checks that a request ends without any deadline from outside.
func TestRequestsEnd(t *testing.T) {
	w := newWorkspace(t, slack.Options{}, nil)
	w.Fail(slack.Fault{Hang: true})
	n, err := New(w.config, Options{
		HTTPClient: &http.Client{Timeout: 2 * time.Second},
		ReadFile:   func(string) ([]byte, error) { return []byte(slack.DefaultToken), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Notify(t.Context(), newsReport, nil); err == nil || w.Requests() != 1 {
		t.Errorf("error %v after %d requests, want one request that timed out: the message may have arrived", err, w.Requests())
	}
	if timeout := httpClient(nil).Timeout; timeout != requestTimeout {
		t.Errorf("default timeout %s", timeout)
	}
}
