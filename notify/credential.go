package notify

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// credential is a bot token or a webhook URL. It never formats as itself.
type credential struct {
	secret string
	source string // `file "/etc/killick/slack/token"`, `environment variable "SLACK_TOKEN"`
}

// String hides the secret from %v and %s.
func (c credential) String() string { return "[redacted]" }

// GoString hides the secret from %#v.
func (c credential) GoString() string { return "[redacted]" }

// readCredential reads the one credential the config names. Its errors name the
// source, never the content.
func readCredential(s SlackConfig, options Options) (credential, error) {
	what := "Slack token"
	if s.webhook() {
		what = "Slack webhook URL"
	}
	var c credential
	switch {
	case s.TokenFile != "" || s.WebhookFile != "":
		file := s.TokenFile + s.WebhookFile
		content, err := options.ReadFile(file)
		if err != nil {
			return credential{}, problem(fmt.Errorf("reading the %s: %w", what, err),
				"mount the Secret that holds it, or name another file in notify.slack")
		}
		c = credential{secret: strings.TrimSpace(string(content)), source: fmt.Sprintf("file %q", file)}
	default:
		name := s.TokenEnv + s.WebhookEnv
		c = credential{secret: strings.TrimSpace(options.Getenv(name)), source: fmt.Sprintf("environment variable %q", name)}
	}
	if err := c.check(s.webhook()); err != nil {
		return credential{}, problem(fmt.Errorf("reading the %s: %s: %w", what, c.source, err), "")
	}
	return c, nil
}

func (c credential) check(webhook bool) error {
	switch {
	case c.secret == "":
		return errors.New("it is empty")
	case strings.ContainsFunc(c.secret, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("it holds more than one line or word")
	case webhook:
		if err := checkEndpoint(c.secret); err != nil {
			return fmt.Errorf("not a webhook URL: %w", err)
		}
	case !strings.HasPrefix(c.secret, "xox"):
		return errors.New("not a Slack token: it does not start with xoxb-")
	}
	return nil
}

// scrub takes the credential out of an error. The error of an HTTP client
// quotes the URL, which is the secret of a webhook; it is replaced by its cause.
func (c credential) scrub(err error) error {
	if err == nil {
		return nil
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	text := err.Error()
	clean := text
	for _, secret := range c.parts() {
		clean = strings.ReplaceAll(clean, secret, "[redacted]")
	}
	if clean == text {
		return err
	}
	return errors.New(clean)
}

// parts are the strings that must not appear: the whole secret, and for a
// webhook also its path, which is the secret part of the URL.
func (c credential) parts() []string {
	if c.secret == "" {
		return nil
	}
	parts := []string{c.secret}
	if u, err := url.Parse(c.secret); err == nil && len(u.Path) > 1 && u.Host != "" {
		parts = append(parts, u.Path, u.EscapedPath())
	}
	return parts
}

func problem(err error, hint string) error {
	return &drift.Problem{Stage: "notify", Err: err, Hint: hint}
}
