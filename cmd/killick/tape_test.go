package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/rest"

	"github.com/killick-dev/killick/internal/testenv"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// tape stands between killick and the API server and records the requests.
type tape struct {
	server *httptest.Server
	mu     sync.Mutex
	sent   []string // "VERB /path?query", and whether only metadata is wanted
}

func startTape(cp *testenv.ControlPlane) (*tape, error) {
	config := cp.RESTConfig()
	target, err := url.Parse(config.Host)
	if err != nil {
		return nil, err
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, err
	}
	t := &tape{}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	t.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.mu.Lock()
		asked := line(r.Method, r.URL.Path, r.URL.Query())
		if strings.Contains(r.Header.Get("Accept"), "PartialObjectMetadataList") {
			asked += " (metadata)"
		}
		t.sent = append(t.sent, asked)
		t.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	return t, nil
}

func line(method, path string, query url.Values) string {
	query.Del("timeout") // how long the API server may take
	if len(query) == 0 {
		return method + " " + path
	}
	words, err := url.QueryUnescape(query.Encode()) // sorted
	if err != nil {
		words = query.Encode()
	}
	return method + " " + path + "?" + words
}

// take is what was sent since the last time, sorted, because many requests go at
// once.
func (t *tape) take() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	sent := t.sent
	t.sent = nil
	slices.Sort(sent)
	return sent
}

// gitLines are what reached a Git server, with the protocol's command.
func gitLines(requests []gitserver.Request) ([]string, error) {
	var lines []string
	for _, r := range requests {
		query, err := url.ParseQuery(r.Query)
		if err != nil {
			return nil, err
		}
		asked := line(r.Method, r.Path, query)
		if at := bytes.Index(r.Body, []byte("command=")); at >= 0 {
			command, _, _ := bytes.Cut(r.Body[at:], []byte("\n"))
			asked += " " + string(command)
		}
		lines = append(lines, asked)
	}
	return lines, nil
}

// requestsVerb prints and forgets what killick sent to the API server and to Git.
func requestsVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	p := placeOf(ts)
	git, err := gitLines(p.git.Requests())
	ts.Check(err)
	switch {
	case len(args) == 1 && args[0] == "record":
		p.tape, err = startTape(p.cp)
		ts.Check(err)
		kubeconfig := p.file("tape.kubeconfig")
		ts.Check(os.WriteFile(kubeconfig, fmt.Appendf(nil, "{apiVersion: v1, kind: Config, current-context: tape, contexts: [{name: tape, context: {cluster: tape}}], "+
			"clusters: [{name: tape, cluster: {server: %q}}]}\n", p.tape.server.URL), 0o600))
		ts.Setenv("KILLICK_KUBECONFIG", kubeconfig)
		p.git.Forget()
	case len(args) == 1 && args[0] == "cluster" && p.tape != nil:
		fmt.Fprintln(ts.Stdout(), strings.Join(p.tape.take(), "\n"))
	case len(args) == 1 && args[0] == "git":
		p.git.Forget()
		fmt.Fprintln(ts.Stdout(), strings.Join(git, "\n"))
	default:
		ts.Fatalf("usage: requests record, and then requests cluster|git")
	}
}
