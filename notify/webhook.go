package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackutilsx"
)

// webhook posts to an incoming webhook. The library's own sender is not used: it
// puts the URL, which is the secret, into errors and drops Slack's answer.
type webhook struct {
	url    credential
	client *http.Client
}

// payload is the body of an incoming webhook's request
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
type payload struct {
	Text        string        `json:"text"`
	Blocks      []slack.Block `json:"blocks,omitempty"`
	Parse       string        `json:"parse"`
	Mrkdwn      bool          `json:"mrkdwn"`
	UnfurlLinks bool          `json:"unfurl_links"`
	UnfurlMedia bool          `json:"unfurl_media"`
}

// answerWord is how a webhook names its errors: one lower-case word in the body.
var answerWord = regexp.MustCompile(`^[a-z][a-z_]{2,60}$`)

func (w webhook) post(ctx context.Context, _ string, f form) error {
	body, err := json.Marshal(payload{Text: slackutilsx.EscapeMessage(f.text), Blocks: f.blocks, Parse: "none"})
	if err != nil {
		return fmt.Errorf("encoding the message: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.secret, bytes.NewReader(body))
	if err != nil {
		return w.url.scrub(fmt.Errorf("preparing the request: %w", err))
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	response, err := w.client.Do(request)
	if err != nil {
		return w.url.scrub(err)
	}
	defer response.Body.Close() //nolint:errcheck // the answer is read, or its error told
	// The answer is one word; more than a little is some proxy's error page.
	answer, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		return w.url.scrub(fmt.Errorf("reading Slack's answer: %w", err))
	}
	return answerError(response, strings.TrimSpace(string(answer)))
}

// answerError turns a webhook's answer into the errors the library uses for the
// API, so that both are treated alike.
func answerError(response *http.Response, answer string) error {
	switch {
	case response.StatusCode == http.StatusOK && answer == "ok":
		return nil
	case response.StatusCode == http.StatusTooManyRequests:
		seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
		if err != nil {
			seconds = 1
		}
		return &slack.RateLimitedError{RetryAfter: time.Duration(seconds) * time.Second}
	case response.StatusCode >= http.StatusInternalServerError, !answerWord.MatchString(answer):
		return slack.StatusCodeError{Code: response.StatusCode, Status: response.Status}
	}
	return slack.SlackErrorResponse{Err: answer}
}
