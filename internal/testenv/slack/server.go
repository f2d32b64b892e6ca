// Package slack is a strict stand-in for Slack: a local HTTP server with the few
// methods that Killick uses (chat.postMessage, chat.update, auth.test) and
// incoming webhooks. It stores what was posted and rejects everything that Slack
// documents as invalid, and a little more: a block type, attribute or argument
// that it does not know is an error, so that nothing is sent by accident.
//
// It shares no code with any Slack client, so it also checks the client.
package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// What a server knows when its Options name nothing else.
const (
	DefaultToken   = "xoxb-fake-workspace-token"
	DefaultChannel = "C0DRIFT00001"
	DefaultScope   = "chat:write"
)

// webhookPath stands for the secret part of a webhook URL.
const webhookPath = "/services/T0FAKE001/B0FAKE001/fakeWebhookSecret"

// Options describe the workspace.
type Options struct {
	// Tokens maps each bot token to its scopes; default: DefaultToken with
	// DefaultScope.
	Tokens map[string][]string
	// Channels of the workspace; default: DefaultChannel, with the bot in it.
	Channels []Channel
	// WebhookChannel is where the webhook posts; default: the first channel.
	WebhookChannel string
	// RateLimited enforces one message per second and channel, measured with
	// Clock.
	RateLimited bool
	// Clock tells the time for timestamps and rate limits; default: time.Now.
	Clock func() time.Time
}

// Channel is one channel of the workspace.
type Channel struct {
	ID       string
	Name     string
	Private  bool
	Archived bool
	// Member says that the bot was invited. Without it only a public channel can
	// be posted to, and only with the scope chat:write.public.
	Member bool
}

// Server is a running fake workspace.
type Server struct {
	options  Options
	http     *http.Server
	listener net.Listener
	done     chan struct{} // closed by Close; releases hanging requests

	mu       sync.Mutex
	messages []Message
	faults   []Fault
	requests int
	rejected []string
	lastTS   int64
	lastPost map[string]time.Time // channel ID → last accepted message
}

// Start serves a workspace on a free port of 127.0.0.1 until Close.
func Start(options Options) (*Server, error) {
	if options.Tokens == nil {
		options.Tokens = map[string][]string{DefaultToken: {DefaultScope}}
	}
	if options.Channels == nil {
		options.Channels = []Channel{{ID: DefaultChannel, Name: "drift", Member: true}}
	}
	if options.WebhookChannel == "" {
		options.WebhookChannel = options.Channels[0].ID
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the fake Slack: %w", err)
	}
	s := &Server{options: options, listener: listener, done: make(chan struct{}), lastPost: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.Handle("/api/chat.postMessage", s.method(s.postMessage))
	mux.Handle("/api/chat.update", s.method(s.update))
	mux.Handle("/api/auth.test", s.method(s.authTest))
	mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) { writeAPI(w, failure("unknown_method")) })
	mux.HandleFunc("/services/", s.webhook)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		// Serve always returns an error; after Close it is ErrServerClosed.
		_ = s.http.Serve(listener)
	}()
	return s, nil
}

// Close stops the server and releases requests that hang.
func (s *Server) Close() error {
	select {
	case <-s.done:
		return nil
	default:
		close(s.done)
	}
	if err := s.http.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("stopping the fake Slack: %w", err)
	}
	return nil
}

// APIURL is the base of the Web API, with the trailing slash that clients need.
func (s *Server) APIURL() string { return "http://" + s.listener.Addr().String() + "/api/" }

// WebhookURL is the incoming webhook.
func (s *Server) WebhookURL() string { return "http://" + s.listener.Addr().String() + webhookPath }

// Messages are the accepted messages, oldest first; an updated one is in its
// place as it reads now.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Requests counts every request received, refused and failed ones included.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Rejected lists the errors that were answered because a request was wrong, in
// order; answers of injected faults are not among them.
func (s *Server) Rejected() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rejected)
}

// Reset forgets messages, faults and counters.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages, s.faults, s.requests, s.rejected = nil, nil, 0, nil
	clear(s.lastPost)
}

// Fault replaces the answer to one request.
type Fault struct {
	// Status is the HTTP status, 0 for 200. 429 carries RetryAfter.
	Status     int
	RetryAfter int // seconds
	// Error is answered as ok:false by the API and as the body by the webhook.
	Error    string
	Messages []string // response_metadata.messages
	Needed   string   // scopes, with missing_scope
	Provided string
	// Hang keeps the request open until the client leaves or the server closes.
	Hang bool
	// Arrived, when set, is called as soon as the request is there, so that a test
	// need not guess when it hangs.
	Arrived func()
	// Deliver handles the request as usual before the fault is answered: the
	// message arrived and the client does not learn it.
	Deliver bool
}

// Fail makes the next requests fail, one fault each, in order.
func (s *Server) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

func (s *Server) nextFault() (Fault, bool) {
	fault, faulty := s.takeFault()
	if fault.Arrived != nil {
		fault.Arrived()
	}
	return fault, faulty
}

func (s *Server) takeFault() (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if len(s.faults) == 0 {
		return Fault{}, false
	}
	fault := s.faults[0]
	s.faults = s.faults[1:]
	return fault, true
}

// hang blocks as a server that never answers does.
func (s *Server) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.done:
	}
}

// call is one API request: its arguments and the token it came with.
type call struct {
	token     string
	arguments map[string]any // strings, and for blocks []any
	method    string
}

// answer is the JSON body of an API response.
type answer map[string]any

func failure(code string) answer { return answer{"ok": false, "error": code} }

func invalid(code string, messages []string) answer {
	a := failure(code)
	a["response_metadata"] = map[string]any{"messages": messages}
	return a
}

// method wraps one API method with fault injection and argument parsing.
func (s *Server) method(handle func(call) answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault, faulty := s.nextFault()
		parsed, problem := parseCall(r)
		if faulty && fault.Hang && !fault.Deliver {
			s.hang(r)
			return
		}
		if faulty && !fault.Deliver {
			writeAPIFault(w, fault)
			return
		}
		result := problem
		if result == nil {
			result = handle(parsed)
		}
		switch {
		case faulty && fault.Hang:
			s.hang(r)
		case faulty:
			writeAPIFault(w, fault)
		default:
			s.note(result)
			w.Header().Set("X-OAuth-Scopes", strings.Join(s.options.Tokens[parsed.token], ","))
			writeAPI(w, result)
		}
	})
}

func (s *Server) note(result answer) {
	if result["ok"] == true {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rejected = append(s.rejected, fmt.Sprint(result["error"]))
}

func writeAPIFault(w http.ResponseWriter, fault Fault) {
	a := failure(fault.Error)
	if fault.Messages != nil {
		a = invalid(fault.Error, fault.Messages)
	}
	if fault.Needed != "" {
		a["needed"], a["provided"] = fault.Needed, fault.Provided
	}
	switch {
	case fault.Status == http.StatusTooManyRequests:
		a = failure("ratelimited")
		a["retry_after"] = fault.RetryAfter
	case fault.Status >= 500:
		w.WriteHeader(fault.Status)
		_, _ = io.WriteString(w, "<html>Server Error</html>")
		return
	case fault.Status != 0:
		w.WriteHeader(fault.Status)
	}
	writeAPI(w, a)
}

// writeAPI answers like Slack: 200 with ok true or false, except that a rate
// limit is 429 with Retry-After.
func writeAPI(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if a["error"] == "ratelimited" {
		w.Header().Set("Retry-After", fmt.Sprint(a["retry_after"]))
		delete(a, "retry_after")
		w.WriteHeader(http.StatusTooManyRequests)
	}
	// A client that left does not read the answer; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(a)
}

// parseCall reads the arguments of a form or JSON request. With JSON the token
// must come in the Authorization header; a form may carry it as an argument
// (https://docs.slack.dev/apis/web-api/#post_bodies).
func parseCall(r *http.Request) (call, answer) {
	parsed := call{arguments: map[string]any{}, method: strings.TrimPrefix(r.URL.Path, "/api/")}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		parsed.token = bearer
	}
	if r.Method != http.MethodPost {
		return parsed, failure("invalid_post_type")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return parsed, failure("request_timeout")
	}
	if len(body) == 0 {
		return parsed, nil
	}
	media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return parsed, failure("missing_post_type")
	}
	if charset := parameters["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return parsed, failure("invalid_charset")
	}
	switch media {
	case "application/x-www-form-urlencoded":
		return parseForm(parsed, string(body))
	case "application/json":
		if err := json.Unmarshal(body, &parsed.arguments); err != nil {
			return parsed, failure("invalid_json")
		}
		delete(parsed.arguments, "token")
		return parsed, nil
	}
	return parsed, failure("invalid_post_type")
}

func parseForm(parsed call, body string) (call, answer) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return parsed, failure("invalid_form_data")
	}
	for name, list := range values {
		if len(list) != 1 {
			return parsed, failure("invalid_array_arg")
		}
		if name == "token" {
			parsed.token = list[0]
			continue
		}
		parsed.arguments[name] = list[0]
	}
	if raw, ok := parsed.arguments["blocks"].(string); ok {
		var blocks any
		if err := json.Unmarshal([]byte(raw), &blocks); err != nil {
			return parsed, failure("invalid_blocks_format")
		}
		parsed.arguments["blocks"] = blocks
	}
	return parsed, nil
}
