package notify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/slack-go/slack"
)

const (
	requestTimeout = 15 * time.Second
	maxAttempts    = 3                // per form; more would hold the run up
	maxRetryAfter  = 60 * time.Second // a longer wait is left to the next run, also without a deadline
)

// poster makes one HTTP request that posts one form. Errors are already free of
// the credential.
type poster interface {
	post(ctx context.Context, channel string, f form) error
}

// Sender delivers messages with one credential.
type Sender struct {
	poster poster
	wait   func(ctx context.Context, d time.Duration) error
}

// newSender picks the way to post that the config names.
func newSender(s SlackConfig, c credential, options Options) *Sender {
	client := httpClient(options.HTTPClient)
	if s.webhook() {
		return &Sender{poster: webhook{url: c, client: client}, wait: options.Wait}
	}
	return &Sender{poster: newBot(s, c, client), wait: options.Wait}
}

// httpClient bounds every request and refuses redirects: the request carries
// the credential, and Slack's API never redirects.
func httpClient(base *http.Client) *http.Client {
	client := http.Client{}
	if base != nil {
		client = *base
	}
	if client.Timeout == 0 {
		client.Timeout = requestTimeout
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// Send delivers one message. A form that Slack rejects as invalid or too long is
// followed by a plainer one; rate limits are waited for as long as the context
// allows, at most a minute each; server errors and refused connections are tried
// three times. After a timeout nothing is tried again, since the message may
// have arrived. The returned error says what Slack answered and what to do, and
// holds no credential.
func (s *Sender) Send(ctx context.Context, m Message) error {
	var err error
	for _, layout := range layouts {
		err = s.deliver(ctx, m.Channel, layout(m))
		if !rejected(err) {
			break
		}
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("sending %q%s: %w", m.Title(), toChannel(m.Channel), explain(err))
}

func toChannel(channel string) string {
	if channel == "" {
		return ""
	}
	return fmt.Sprintf(" to channel %q", channel)
}

// deliver posts one form, with retries.
func (s *Sender) deliver(ctx context.Context, channel string, f form) error {
	for attempt := 1; ; attempt++ {
		err := s.poster.post(ctx, channel, f)
		pause, again := retry(err, attempt)
		if !again {
			return err
		}
		if attempt == maxAttempts {
			return fmt.Errorf("giving up after %d attempts: %w", attempt, err)
		}
		if deadline, ok := ctx.Deadline(); pause > maxRetryAfter || ok && time.Until(deadline) < pause {
			return fmt.Errorf("no time left to wait %s: %w", pause, err)
		}
		if waitErr := s.wait(ctx, pause); waitErr != nil {
			return fmt.Errorf("waiting %s to try again: %w: %w", pause, waitErr, err)
		}
	}
}

// retry says whether to try again, and after how long.
func retry(err error, attempt int) (pause time.Duration, again bool) {
	pause = time.Duration(attempt) * time.Second
	var limited *slack.RateLimitedError
	if errors.As(err, &limited) {
		return max(limited.RetryAfter, time.Second), true
	}
	var status slack.StatusCodeError
	if errors.As(err, &status) {
		return pause, status.Code >= http.StatusInternalServerError || status.Code == http.StatusTooManyRequests
	}
	switch answerCode(err) {
	case "ratelimited", "rate_limited", "service_unavailable", "internal_error", "fatal_error":
		return pause, true
	}
	var dial *net.OpError
	return pause, errors.As(err, &dial) && dial.Op == "dial" && !dial.Timeout()
}

// rejected says whether Slack refused the layout, so that a plainer one may
// pass. no_text is among them: a webhook answers it for blocks it cannot read.
func rejected(err error) bool {
	switch answerCode(err) {
	case "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "invalid_payload", "msg_too_long",
		"no_text", "markdown_text_conflict", "block_mismatch":
		return true
	}
	return false
}

// hopeless says whether the next message would meet the same error, so that a
// run does not spend its time on it.
func hopeless(err error) bool {
	switch answerCode(err) {
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope",
		"no_permission", "not_allowed_token_type", "org_login_required", "ekm_access_denied", "access_denied",
		"team_access_not_granted", "invalid_token", "no_service", "no_team", "action_prohibited", "team_disabled",
		"ratelimited", "rate_limited":
		return true
	}
	var limited *slack.RateLimitedError
	var status slack.StatusCodeError
	var answered slack.SlackErrorResponse
	if errors.As(err, &limited) || errors.As(err, &status) {
		return true
	}
	return !errors.As(err, &answered) // no answer at all: the network, or no time left
}

// answerCode is Slack's word for an error, "" if Slack did not answer with one.
func answerCode(err error) string {
	var answer slack.SlackErrorResponse
	if errors.As(err, &answer) {
		return answer.Err
	}
	return ""
}

// hints say what to do about the errors a user can act on.
var hints = map[string]string{
	"not_in_channel":      "invite the app to the channel (/invite @app), or give it the scope chat:write.public",
	"channel_not_found":   "use the channel's ID (C…); a private channel must invite the app first",
	"is_archived":         "unarchive the channel, or route to another one",
	"channel_is_archived": "unarchive the channel, or create a webhook for another one",
	"missing_scope":       "add the scope to the Slack app and install it again",
	"invalid_auth":        "check the bot token (xoxb-…) and that it belongs to this workspace",
	"not_authed":          "check the bot token (xoxb-…)",
	"token_revoked":       "install the Slack app again and store the new token",
	"token_expired":       "store a fresh token",
	"account_inactive":    "the Slack app was removed from the workspace: install it again",
	"restricted_action":   "a workspace setting forbids the app to post in this channel",
	"no_service":          "the webhook was deleted: create a new one and store its URL",
	"invalid_token":       "the webhook URL is wrong or was revoked: create a new one and store its URL",
	"no_active_hooks":     "the webhook is disabled: enable it, or create a new one",
}

// explain adds what Slack said besides the error word, and a hint.
func explain(err error) error {
	var answer slack.SlackErrorResponse
	if !errors.As(err, &answer) {
		return problem(err, "")
	}
	detailed := err
	if answer.Needed != "" {
		detailed = fmt.Errorf("%w: needs the scope %s, the token has %s", err, prose(answer.Needed), prose(answer.Provided))
	} else if messages := answer.ResponseMetadata.Messages; len(messages) > 0 {
		detailed = fmt.Errorf("%w: %s", err, prose(messages[0]))
	}
	return problem(detailed, hints[answer.Err])
}
