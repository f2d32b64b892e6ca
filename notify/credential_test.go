package notify

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// TestCredential checks how tokens and webhook URLs are read, and that errors
// say where, never what.
func TestCredential(t *testing.T) {
	const secret = "canary-5ecret-value"
	tests := []struct {
		name   string
		config SlackConfig
		file   string
		env    string
		err    string
	}{
		{"missing file", SlackConfig{TokenFile: "/missing"}, "", "", `open /missing: no such file`},
		{"empty file", SlackConfig{TokenFile: "/f"}, " \n", "", `file "/f": it is empty`},
		{"empty variable", SlackConfig{TokenEnv: "SLACK_TOKEN"}, "", "", `environment variable "SLACK_TOKEN": it is empty`},
		{"not a token", SlackConfig{TokenFile: "/f"}, secret, "", "not a Slack token"},
		{"two lines", SlackConfig{TokenEnv: "T"}, "", "xoxb-" + secret + "\nxoxb-2", "more than one line"},
		{"webhook over http", SlackConfig{WebhookFile: "/f"}, "http://hooks.example.com/services/" + secret, "", "must start with https://"},
		{"webhook is no URL", SlackConfig{WebhookEnv: "W"}, "", "hooks" + secret, "not a webhook URL"},
		{"webhook does not parse", SlackConfig{WebhookEnv: "W"}, "", "https://" + secret + "%zz/", "not a webhook URL"},
		{"webhook with a password", SlackConfig{WebhookEnv: "W"}, "", "https://u:" + secret + "@hooks.example.com/x", "must not carry a user"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.config.Routes = map[string]Route{DefaultRoute: {Channel: "C0DRIFT00001"}}
			n, err := New(Config{Slack: test.config}, Options{
				Getenv: func(string) string { return test.env },
				ReadFile: func(name string) ([]byte, error) {
					if name == "/missing" {
						return nil, errors.New("open /missing: no such file or directory")
					}
					return []byte(test.file), nil
				},
			})
			if err != nil {
				t.Fatalf("New: %v; an unreadable credential must not stop a run", err)
			}
			told, err := n.Notify(t.Context(), reportOf(), drift.Told{"a": {"default": "v1 open=x"}})
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want %q even with nothing to tell", err, test.err)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error holds the secret: %v", err)
			}
			if told["a"]["default"] != "v1 open=x" {
				t.Errorf("told %v, want it unchanged", told)
			}
		})
	}
}

// TestNoSecretInErrors provokes every kind of transport failure and looks for
// the credential in the errors.
func TestNoSecretInErrors(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "redirect") {
			http.Redirect(w, r, "http://127.0.0.1:1/stolen"+r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		connection.Close() // no answer at all
	}))
	defer echo.Close()
	const secret = "canary5ecret"
	nobody := "http://127.0.0.1:1" // nobody listens on port 1
	for name, base := range map[string]string{
		"refused": nobody, "closed": echo.URL, "redirect": echo.URL + "/redirect",
	} {
		for _, config := range []SlackConfig{
			{TokenEnv: "TOKEN", APIURL: base + "/api/", Routes: tokenConfig().Slack.Routes},
			{WebhookEnv: "WEBHOOK"},
		} {
			n, err := New(Config{Slack: config}, Options{
				Getenv: func(name string) string {
					return map[string]string{"TOKEN": "xoxb-" + secret, "WEBHOOK": base + "/services/T1/B1/" + secret}[name]
				},
				Wait: func(context.Context, time.Duration) error { return nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = n.Notify(t.Context(), newsReport, nil)
			if err == nil {
				t.Errorf("%s: no error", name)
				continue
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error holds the credential: %v", name, err)
			}
		}
	}
}

// TestValidate checks what a config must have.
func TestValidate(t *testing.T) {
	routes := map[string]Route{DefaultRoute: {Channel: "#drift"}}
	tests := []struct {
		name   string
		config SlackConfig
		err    string
	}{
		{"token", SlackConfig{TokenFile: "f", Routes: routes}, ""},
		{"webhook needs no route", SlackConfig{WebhookEnv: "W"}, ""},
		{"nothing", SlackConfig{}, "got 0"},
		{"two credentials", SlackConfig{TokenFile: "f", WebhookEnv: "W", Routes: routes}, "got 2 (tokenFile, webhookEnv)"},
		{"no default", SlackConfig{TokenFile: "f", Routes: map[string]Route{"a": {"C0123456789"}}}, `"default" is missing`},
		{"no channel", SlackConfig{TokenFile: "f", Routes: map[string]Route{DefaultRoute: {}}}, "names no channel"},
		{"channel URL", SlackConfig{TokenFile: "f", Routes: map[string]Route{DefaultRoute: {"https://x"}}}, "neither a channel ID"},
		{"route name", SlackConfig{TokenFile: "f", Routes: map[string]Route{DefaultRoute: {"#a"}, "a/syncs": {"#a"}}}, "route name"},
		{"syncs", SlackConfig{TokenFile: "f", Routes: routes, Syncs: "all"}, "want off, digest or each"},
		{"API over http", SlackConfig{TokenFile: "f", Routes: routes, APIURL: "http://slack.example.com/api/"}, "must start with https://"},
		{"GovSlack", SlackConfig{TokenFile: "f", Routes: routes, APIURL: "https://slack-gov.com/api/"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := New(Config{Slack: test.config}, Options{ReadFile: func(string) ([]byte, error) { return []byte("xoxb-1"), nil }})
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
	if (Config{}).Enabled() || !(Config{Slack: SlackConfig{WebhookEnv: "W"}}).Enabled() {
		t.Error("Enabled does not follow the credentials")
	}
}

// TestRedirectIsRefused checks that the credential goes nowhere else.
func TestRedirectIsRefused(t *testing.T) {
	reached := make(chan string, 10)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached <- r.URL.Path }))
	defer elsewhere.Close()
	redirecting := httptest.NewServer(http.RedirectHandler(elsewhere.URL+"/stolen", http.StatusPermanentRedirect))
	defer redirecting.Close()
	for _, config := range []SlackConfig{
		{TokenEnv: "xoxb-1", APIURL: redirecting.URL + "/api/", Routes: tokenConfig().Slack.Routes},
		{WebhookEnv: redirecting.URL + "/services/T/B/x"},
	} {
		n, err := New(Config{Slack: config}, Options{Getenv: func(name string) string { return name }})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Notify(t.Context(), newsReport, nil); err == nil || !strings.Contains(err.Error(), "308") {
			t.Errorf("error %v, want the status of the redirect", err)
		}
	}
	if len(reached) > 0 {
		t.Errorf("the redirect to %q was followed", <-reached)
	}
}
