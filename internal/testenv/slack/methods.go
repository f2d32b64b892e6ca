package slack

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// textLimit is Slack's limit for the top-level text of a message
// (https://docs.slack.dev/reference/methods/chat.postMessage).
const textLimit = 40000

// known arguments per method; Slack ignores others, here they are mistakes.
var known = map[string][]string{
	"chat.postMessage": {"channel", "text", "blocks", "parse", "mrkdwn", "link_names", "unfurl_links", "unfurl_media",
		"thread_ts", "reply_broadcast"},
	"chat.update": {"channel", "ts", "text", "blocks", "parse", "mrkdwn", "link_names"},
	"auth.test":   {},
	"webhook":     {"text", "blocks", "parse", "mrkdwn", "link_names", "unfurl_links", "unfurl_media"},
}

// authorize checks the token and a scope; "" needs no scope.
func (s *Server) authorize(c call, scope string) answer {
	if c.token == "" {
		return failure("not_authed")
	}
	scopes, ok := s.options.Tokens[c.token]
	if !ok {
		return failure("invalid_auth")
	}
	if scope != "" && !slices.Contains(scopes, scope) {
		a := failure("missing_scope")
		a["needed"], a["provided"] = scope, strings.Join(scopes, ",")
		return a
	}
	return checkArguments(c.method, c.arguments)
}

func checkArguments(method string, arguments map[string]any) answer {
	for name := range arguments {
		if !slices.Contains(known[method], name) {
			return invalid("invalid_arguments", []string{"[ERROR] invalid argument: " + name})
		}
	}
	for _, name := range []string{"mrkdwn", "link_names", "unfurl_links", "unfurl_media", "reply_broadcast"} {
		value, given := arguments[name]
		if !given {
			continue
		}
		if _, isBool := value.(bool); !isBool && !slices.Contains([]string{"true", "false", "1", "0"}, fmt.Sprint(value)) {
			return invalid("invalid_arguments", []string{"[ERROR] must be a boolean: " + name})
		}
	}
	if parse, given := arguments["parse"]; given && parse != "none" && parse != "full" {
		return invalid("invalid_arguments", []string{"[ERROR] parse must be none or full"})
	}
	return nil
}

func (s *Server) authTest(c call) answer {
	if problem := s.authorize(c, ""); problem != nil {
		return problem
	}
	return answer{"ok": true, "url": "https://fake.slack.com/", "team": "Fake", "user": "killick",
		"team_id": "T0FAKE001", "user_id": "U0FAKE001", "bot_id": "B0FAKE001", "is_enterprise_install": false}
}

func (s *Server) postMessage(c call) answer {
	if problem := s.authorize(c, "chat:write"); problem != nil {
		return problem
	}
	channel, problem := s.channel(c, true)
	if problem != nil {
		return problem
	}
	message, problem := content(c.arguments)
	if problem != nil {
		return problem
	}
	if thread, _ := c.arguments["thread_ts"].(string); thread != "" {
		if _, found := s.find(channel.ID, thread); !found {
			return failure("thread_not_found")
		}
		message.Thread = thread
	}
	message.Channel, message.token = channel.ID, c.token
	stored, wait := s.store(message)
	if wait > 0 {
		a := failure("ratelimited")
		a["retry_after"] = wait
		return a
	}
	return answer{"ok": true, "channel": channel.ID, "ts": stored.TS, "message": map[string]any{
		"type": "message", "bot_id": "B0FAKE001", "text": stored.Text, "ts": stored.TS}}
}

// update changes a message of the same token. Unlike posting it needs the
// channel's ID.
func (s *Server) update(c call) answer {
	if problem := s.authorize(c, "chat:write"); problem != nil {
		return problem
	}
	channel, problem := s.channel(c, false)
	if problem != nil {
		return problem
	}
	ts, _ := c.arguments["ts"].(string)
	old, found := s.find(channel.ID, ts)
	if !found {
		return failure("message_not_found")
	}
	if old.token != c.token {
		return failure("cant_update_message")
	}
	message, problem := content(c.arguments)
	if problem != nil {
		return problem
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.messages {
		if s.messages[i].Channel == channel.ID && s.messages[i].TS == ts {
			message.Channel, message.TS, message.Thread, message.token = channel.ID, ts, old.Thread, old.token
			message.Edits = old.Edits + 1
			s.messages[i] = message
		}
	}
	return answer{"ok": true, "channel": channel.ID, "ts": ts, "text": message.Text}
}

// channel resolves the channel argument and checks that the bot may post there.
func (s *Server) channel(c call, byName bool) (Channel, answer) {
	name, _ := c.arguments["channel"].(string)
	if name == "" {
		return Channel{}, failure("channel_not_found")
	}
	for _, channel := range s.options.Channels {
		if channel.ID != name && (!byName || channel.Name != strings.TrimPrefix(name, "#")) {
			continue
		}
		switch {
		case channel.Private && !channel.Member:
			return Channel{}, failure("channel_not_found") // Slack does not tell strangers that it exists
		case channel.Archived:
			return Channel{}, failure("is_archived")
		case !channel.Member && !slices.Contains(s.options.Tokens[c.token], "chat:write.public"):
			return Channel{}, failure("not_in_channel")
		}
		return channel, nil
	}
	return Channel{}, failure("channel_not_found")
}

// content checks text and blocks, and makes a message of them.
func content(arguments map[string]any) (Message, answer) {
	var message Message
	text, given := arguments["text"]
	if given {
		asString, ok := text.(string)
		if !ok {
			return message, invalid("invalid_arguments", []string{"[ERROR] text must be a string"})
		}
		message.Text = asString
	}
	if utf8.RuneCountInString(message.Text) > textLimit {
		return message, failure("msg_too_long")
	}
	message.Parse, _ = arguments["parse"].(string)
	message.LinkNames = truthy(arguments["link_names"]) || arguments["parse"] == "full"
	if raw, ok := arguments["blocks"]; ok {
		blocks, isList := raw.([]any)
		if !isList {
			return message, failure("invalid_blocks_format")
		}
		if code, messages := validate(blocks); code != "" {
			return message, invalid(code, messages)
		}
		message.Blocks = blocks
	}
	if message.Text == "" && len(message.Blocks) == 0 {
		return message, failure("no_text")
	}
	return message, nil
}

func truthy(v any) bool { return v == true || v == "true" || v == "1" }

// store keeps a message under a fresh timestamp, or says how many seconds to
// wait: one message per second and channel
// (https://docs.slack.dev/apis/web-api/rate-limits).
func (s *Server) store(message Message) (stored Message, wait int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.options.Clock()
	if last, ok := s.lastPost[message.Channel]; ok && s.options.RateLimited && now.Sub(last) < time.Second {
		return Message{}, 1
	}
	s.lastPost[message.Channel] = now
	// Timestamps identify messages: unique, also for two in one microsecond.
	s.lastTS = max(s.lastTS+1, now.UnixMicro())
	message.TS = fmt.Sprintf("%d.%06d", s.lastTS/1e6, s.lastTS%1e6)
	s.messages = append(s.messages, message)
	return message, 0
}

func (s *Server) find(channel, ts string) (Message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, message := range s.messages {
		if message.Channel == channel && message.TS == ts {
			return message, true
		}
	}
	return Message{}, false
}

// webhook answers in plain text with HTTP statuses, unlike the API
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors).
func (s *Server) webhook(w http.ResponseWriter, r *http.Request) {
	fault, faulty := s.nextFault()
	if faulty && fault.Hang && !fault.Deliver {
		s.hang(r)
		return
	}
	status, word := http.StatusOK, "ok"
	if !faulty || fault.Deliver {
		status, word = s.receive(r)
	}
	switch {
	case faulty && fault.Hang:
		s.hang(r)
		return
	case faulty:
		status, word = webhookFault(fault)
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", strconv.Itoa(fault.RetryAfter))
		}
	case status == http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "1")
	}
	if status != http.StatusOK && !faulty {
		s.note(failure(word))
	}
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, word)
}

func webhookFault(fault Fault) (status int, word string) {
	status, word = fault.Status, fault.Error
	if status == 0 {
		status = http.StatusBadRequest
	}
	if word == "" {
		word = "rollup_error"
	}
	return status, word
}

// receive handles one webhook request: the status and the word of the answer.
func (s *Server) receive(r *http.Request) (status int, word string) {
	if r.URL.Path != webhookPath {
		if strings.Count(r.URL.Path, "/") != strings.Count(webhookPath, "/") {
			return http.StatusNotFound, "no_team"
		}
		return http.StatusForbidden, "invalid_token"
	}
	if r.Method != http.MethodPost {
		return http.StatusBadRequest, "invalid_payload"
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return http.StatusBadRequest, "invalid_payload"
	}
	arguments, ok := webhookArguments(r.Header.Get("Content-Type"), body)
	if !ok || checkArguments("webhook", arguments) != nil {
		return http.StatusBadRequest, "invalid_payload"
	}
	message, problem := content(arguments)
	if problem != nil {
		return http.StatusBadRequest, fmt.Sprint(problem["error"])
	}
	message.Webhook, message.Channel = true, s.options.WebhookChannel
	for _, channel := range s.options.Channels {
		if channel.ID == message.Channel && channel.Archived {
			return http.StatusGone, "channel_is_archived"
		}
	}
	if _, wait := s.store(message); wait > 0 {
		return http.StatusTooManyRequests, "rate_limited"
	}
	return http.StatusOK, "ok"
}

// webhookArguments reads a JSON body, or a form whose payload is JSON.
func webhookArguments(contentType string, body []byte) (map[string]any, bool) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, false
	}
	if media == "application/x-www-form-urlencoded" {
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, false
		}
		body = []byte(values.Get("payload"))
	} else if media != "application/json" {
		return nil, false
	}
	var arguments map[string]any
	if err := json.Unmarshal(body, &arguments); err != nil {
		return nil, false
	}
	return arguments, true
}
