package reconcile_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// roundTrip is a transport in one function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// writes says whether a request changes the cluster.
func writes(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && !r.URL.Query().Has("dryRun") &&
		!strings.Contains(r.URL.Path, "selfsubject")
}

// tape records a run's requests.
type tape struct {
	mu    sync.Mutex
	sent  []string // "VERB /path?query"
	wrote []string
}

func (t *tape) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		t.mu.Lock()
		line := r.Method + " " + r.URL.RequestURI()
		t.sent = append(t.sent, line)
		if writes(r) {
			t.wrote = append(t.wrote, r.Method+" "+r.URL.Path)
		}
		t.mu.Unlock()
		return next.RoundTrip(r)
	})
}

// record tapes the site's next runs.
func (s *site) record() *tape {
	t := &tape{}
	s.wire = t.wrap
	return t
}

// answer is the API server's no.
func answer(r *http.Request, code int, reason, message string) *http.Response {
	body := fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":%q,"code":%d}`, reason, message, code)
	return &http.Response{StatusCode: code, Status: http.StatusText(code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": []string{"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}
