package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func start(t *testing.T, options Options) *Server {
	t.Helper()
	s, err := Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// reply is one HTTP answer; body is decoded when it is JSON.
type reply struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

func (r reply) errorCode() string { return text(r.body["error"]) }

func send(t *testing.T, target, contentType, token, body string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{status: response.StatusCode, header: response.Header, raw: string(raw)}
	// Webhooks and 5xx answers are not JSON; then body stays nil.
	_ = json.Unmarshal(raw, &r.body)
	return r
}

// post calls chat.postMessage with JSON arguments.
func (s *Server) post(t *testing.T, arguments string) reply {
	t.Helper()
	return send(t, s.APIURL()+"chat.postMessage", "application/json; charset=utf-8", DefaultToken, arguments)
}

// TestPost checks acceptance in both content types, and what is stored.
func TestPost(t *testing.T) {
	s := start(t, Options{})
	blocks := `[{"type":"section","text":{"type":"plain_text","text":"a + b % c & d"}}]`
	form := url.Values{"token": {DefaultToken}, "channel": {"#drift"}, "text": {"x+y"}, "blocks": {blocks}, "mrkdwn": {"false"}, "parse": {"none"}}
	byForm := send(t, s.APIURL()+"chat.postMessage", "application/x-www-form-urlencoded", "", form.Encode())
	byJSON := s.post(t, `{"channel":"`+DefaultChannel+`","text":"x","blocks":`+blocks+`}`)
	for name, r := range map[string]reply{"form": byForm, "JSON": byJSON} {
		if r.status != 200 || r.body["ok"] != true || r.body["channel"] != DefaultChannel || r.body["ts"] == "" {
			t.Errorf("%s: %d %s", name, r.status, r.raw)
		}
		if scopes := r.header.Get("X-OAuth-Scopes"); scopes != DefaultScope {
			t.Errorf("%s: scopes %q", name, scopes)
		}
	}
	messages := s.Messages()
	if len(messages) != 2 || messages[0].TS == messages[1].TS {
		t.Fatalf("stored %+v, want two messages with their own ts", messages)
	}
	if messages[0].Text != "x+y" || messages[0].PlainText() != "a + b % c & d" {
		t.Errorf("stored %q and %q: the form was decoded wrongly", messages[0].Text, messages[0].PlainText())
	}
}

// TestRefused checks the errors that concern the request, not its blocks.
func TestRefused(t *testing.T) {
	const jsonType = "application/json"
	long := strings.Repeat("x", textLimit+1)
	options := Options{
		Tokens: map[string][]string{DefaultToken: {DefaultScope}, "xoxb-poor": {"users:read"}, "xoxb-public": {DefaultScope, "chat:write.public"}},
		Channels: []Channel{{ID: DefaultChannel, Name: "drift", Member: true}, {ID: "C0PUBLIC", Name: "public"},
			{ID: "C0SECRET", Name: "secret", Private: true}, {ID: "C0OLD", Name: "old", Member: true, Archived: true}},
	}
	ok := `"channel":"` + DefaultChannel + `","text":"x"`
	tests := []struct {
		name, contentType, token, body, want string
	}{
		{"fine", jsonType, DefaultToken, `{` + ok + `}`, ""},
		{"no token", jsonType, "", `{` + ok + `}`, "not_authed"},
		{"a token in JSON does not count", jsonType, "", `{"token":"` + DefaultToken + `",` + ok + `}`, "not_authed"},
		{"unknown token", jsonType, "xoxb-other", `{` + ok + `}`, "invalid_auth"},
		{"missing scope", jsonType, "xoxb-poor", `{` + ok + `}`, "missing_scope"},
		{"no content type", "", DefaultToken, `{` + ok + `}`, "missing_post_type"},
		{"wrong content type", "text/plain", DefaultToken, `{` + ok + `}`, "invalid_post_type"},
		{"wrong charset", "application/json; charset=latin-1", DefaultToken, `{` + ok + `}`, "invalid_charset"},
		{"broken JSON", jsonType, DefaultToken, `{`, "invalid_json"},
		{"broken form", "application/x-www-form-urlencoded", DefaultToken, `%zz`, "invalid_form_data"},
		{"argument twice", "application/x-www-form-urlencoded", DefaultToken, `text=a&text=b`, "invalid_array_arg"},
		{"blocks in a form are JSON", "application/x-www-form-urlencoded", DefaultToken, `channel=` + DefaultChannel + `&blocks=x`, "invalid_blocks_format"},
		{"unknown argument", jsonType, DefaultToken, `{` + ok + `,"colour":"red"}`, "invalid_arguments"},
		{"attachments are not ours", jsonType, DefaultToken, `{` + ok + `,"attachments":[]}`, "invalid_arguments"},
		{"parse", jsonType, DefaultToken, `{` + ok + `,"parse":"some"}`, "invalid_arguments"},
		{"boolean", jsonType, DefaultToken, `{` + ok + `,"mrkdwn":"perhaps"}`, "invalid_arguments"},
		{"text is a string", jsonType, DefaultToken, `{"channel":"` + DefaultChannel + `","text":1}`, "invalid_arguments"},
		{"nothing to say", jsonType, DefaultToken, `{"channel":"` + DefaultChannel + `","text":""}`, "no_text"},
		{"text too long", jsonType, DefaultToken, `{"channel":"` + DefaultChannel + `","text":"` + long + `"}`, "msg_too_long"},
		{"no channel", jsonType, DefaultToken, `{"text":"x"}`, "channel_not_found"},
		{"unknown channel", jsonType, DefaultToken, `{"channel":"C0NOBODY","text":"x"}`, "channel_not_found"},
		{"private channel", jsonType, DefaultToken, `{"channel":"C0SECRET","text":"x"}`, "channel_not_found"},
		{"not invited", jsonType, DefaultToken, `{"channel":"C0PUBLIC","text":"x"}`, "not_in_channel"},
		{"not invited, but allowed", jsonType, "xoxb-public", `{"channel":"C0PUBLIC","text":"x"}`, ""},
		{"archived", jsonType, DefaultToken, `{"channel":"C0OLD","text":"x"}`, "is_archived"},
		{"thread of nobody", jsonType, DefaultToken, `{` + ok + `,"thread_ts":"1.000001"}`, "thread_not_found"},
		{"blocks are a list", jsonType, DefaultToken, `{` + ok + `,"blocks":{}}`, "invalid_blocks_format"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, options)
			r := send(t, s.APIURL()+"chat.postMessage", test.contentType, test.token, test.body)
			if r.errorCode() != test.want || r.status != 200 {
				t.Errorf("answered %d %s, want %q", r.status, r.raw, test.want)
			}
			if stored := len(s.Messages()); (stored == 1) != (test.want == "") {
				t.Errorf("%d messages stored", stored)
			}
			if test.want == "missing_scope" && (r.body["needed"] != "chat:write" || r.body["provided"] != "users:read") {
				t.Errorf("answer %s lacks the scopes", r.raw)
			}
			if test.want != "" && !cmp.Equal([]string{test.want}, s.Rejected()) {
				t.Errorf("rejected %v", s.Rejected())
			}
		})
	}
	s := start(t, Options{})
	if r := send(t, s.APIURL()+"chat.delete", jsonType, DefaultToken, `{}`); r.errorCode() != "unknown_method" {
		t.Errorf("a method that nobody uses: %s", r.raw)
	}
}

// TestUpdate edits only one's own message, addressed by the channel's ID.
func TestUpdate(t *testing.T) {
	s := start(t, Options{Tokens: map[string][]string{DefaultToken: {DefaultScope}, "xoxb-other": {DefaultScope}}})
	posted := s.post(t, `{"channel":"drift","text":"old"}`)
	update := func(token, channel, ts, text string) reply {
		return send(t, s.APIURL()+"chat.update", "application/json", token,
			fmt.Sprintf(`{"channel":%q,"ts":%q,"text":%q}`, channel, ts, text))
	}
	ts := text(posted.body["ts"])
	for _, test := range []struct{ name, token, channel, ts, text, want string }{
		{"by name", DefaultToken, "drift", ts, "new", "channel_not_found"},
		{"no such message", DefaultToken, DefaultChannel, "1.000001", "new", "message_not_found"},
		{"another app's", "xoxb-other", DefaultChannel, ts, "new", "cant_update_message"},
		{"nothing", DefaultToken, DefaultChannel, ts, "", "no_text"},
		{"own", DefaultToken, DefaultChannel, ts, "new", ""},
	} {
		if r := update(test.token, test.channel, test.ts, test.text); r.errorCode() != test.want {
			t.Errorf("%s: %s, want %q", test.name, r.raw, test.want)
		}
	}
	if m := s.Messages(); len(m) != 1 || m[0].Text != "new" || m[0].Edits != 1 || m[0].TS != ts {
		t.Errorf("messages %+v", m)
	}
}

// TestAuthTest names the workspace and the scopes.
func TestAuthTest(t *testing.T) {
	s := start(t, Options{})
	if r := send(t, s.APIURL()+"auth.test", "", DefaultToken, ""); r.body["ok"] != true || r.body["team"] != "Fake" {
		t.Errorf("answered %s", r.raw)
	}
	if r := send(t, s.APIURL()+"auth.test", "", "xoxb-no", ""); r.errorCode() != "invalid_auth" {
		t.Errorf("answered %s", r.raw)
	}
}

// TestRateLimit allows one message per second and channel.
func TestRateLimit(t *testing.T) {
	now := time.Date(2026, 11, 21, 2, 13, 0, 0, time.UTC)
	s := start(t, Options{RateLimited: true, Clock: func() time.Time { return now },
		Channels: []Channel{{ID: "C1", Name: "a", Member: true}, {ID: "C2", Name: "b", Member: true}}})
	codes := func(channel string) string {
		r := s.post(t, `{"channel":"`+channel+`","text":"x"}`)
		return fmt.Sprintf("%d %s %s", r.status, r.errorCode(), r.header.Get("Retry-After"))
	}
	got := []string{codes("C1"), codes("C1"), codes("C2")}
	now = now.Add(time.Second)
	got = append(got, codes("C1"))
	want := []string{"200  ", "429 ratelimited 1", "200  ", "200  "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

// TestWebhook checks the answers in plain text.
func TestWebhook(t *testing.T) {
	const jsonType = "application/json"
	s := start(t, Options{})
	base := strings.TrimSuffix(s.WebhookURL(), webhookPath)
	tests := []struct {
		name, target, contentType, body string
		status                          int
		want                            string
	}{
		{"JSON", s.WebhookURL(), jsonType, `{"text":"x","mrkdwn":false}`, 200, "ok"},
		{"form", s.WebhookURL(), "application/x-www-form-urlencoded", "payload=" + url.QueryEscape(`{"text":"x"}`), 200, "ok"},
		{"wrong secret", base + "/services/T0FAKE001/B0FAKE001/guess", jsonType, `{"text":"x"}`, 403, "invalid_token"},
		{"wrong path", base + "/services/T0FAKE001", jsonType, `{"text":"x"}`, 404, "no_team"},
		{"no text", s.WebhookURL(), jsonType, `{}`, 400, "no_text"},
		{"broken", s.WebhookURL(), jsonType, `{`, 400, "invalid_payload"},
		{"content type", s.WebhookURL(), "text/plain", `{"text":"x"}`, 400, "invalid_payload"},
		{"a channel cannot be chosen", s.WebhookURL(), jsonType, `{"text":"x","channel":"#other"}`, 400, "invalid_payload"},
		{"blocks", s.WebhookURL(), jsonType, `{"text":"x","blocks":[{"type":"alert"}]}`, 400, "invalid_blocks"},
	}
	for _, test := range tests {
		if r := send(t, test.target, test.contentType, "", test.body); r.status != test.status || r.raw != test.want {
			t.Errorf("%s: %d %q, want %d %q", test.name, r.status, r.raw, test.status, test.want)
		}
	}
	if m := s.Messages(); len(m) != 2 || !m[0].Webhook || m[0].Channel != DefaultChannel {
		t.Errorf("messages %+v", m)
	}
	archived := start(t, Options{Channels: []Channel{{ID: "C1", Name: "a", Archived: true}}})
	if r := send(t, archived.WebhookURL(), jsonType, "", `{"text":"x"}`); r.status != 410 || r.raw != "channel_is_archived" {
		t.Errorf("archived channel: %d %q", r.status, r.raw)
	}
}

// TestFaults checks that faults come in order and only as often as asked for.
func TestFaults(t *testing.T) {
	s := start(t, Options{})
	s.Fail(Fault{Status: 429, RetryAfter: 7}, Fault{Status: 503}, Fault{Error: "fatal_error"}, Fault{Error: "internal_error", Deliver: true})
	var got []string
	for range 5 {
		r := s.post(t, `{"channel":"drift","text":"x"}`)
		got = append(got, fmt.Sprintf("%d %s%s", r.status, r.errorCode(), r.header.Get("Retry-After")))
	}
	want := []string{"429 ratelimited7", "503 ", "200 fatal_error", "200 internal_error", "200 "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if n := len(s.Messages()); n != 2 {
		t.Errorf("%d messages, want the one behind the last fault and the last", n)
	}
	if s.Requests() != 5 || len(s.Rejected()) != 0 {
		t.Errorf("%d requests, rejected %v", s.Requests(), s.Rejected())
	}
	s.Reset()
	if len(s.Messages()) != 0 || s.Requests() != 0 {
		t.Error("Reset left something")
	}
}

// TestHang keeps a request open until its client gives up, or until Close.
func TestHang(t *testing.T) {
	s := start(t, Options{})
	arrived := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.Fail(Fault{Hang: true, Arrived: cancel}, Fault{Hang: true, Arrived: func() { close(arrived) }})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.WebhookURL(), strings.NewReader(`{"text":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	if response, err := http.DefaultClient.Do(request); err == nil {
		response.Body.Close()
		t.Error("a hanging request was answered")
	}
	finished := make(chan error)
	go func() {
		response, err := http.Post(s.WebhookURL(), "application/json", strings.NewReader(`{"text":"x"}`))
		if err == nil {
			response.Body.Close()
		}
		finished <- err
	}()
	<-arrived
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-finished // returns only because Close released the request
}
