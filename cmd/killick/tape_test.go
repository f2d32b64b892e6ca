package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/rest"

	"github.com/killick-dev/killick/internal/testenv"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// tape stands between killick and the API server and records the requests.
type tape struct {
	server  *httptest.Server
	mu      sync.Mutex
	sent    []string // "VERB /path?query", and whether only metadata is wanted
	refused []refusal
}

// refusal is what the API server does not let killick do any more.
type refusal struct {
	verb, name string
	pass       int // so many still pass
}

// refuses says whether a request is to be refused.
func (t *tape) refuses(r *http.Request) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, one := range t.refused {
		if r.Method != one.verb || !strings.HasSuffix(r.URL.Path, "/"+one.name) {
			continue
		}
		if one.pass == 0 {
			return true
		}
		t.refused[i].pass--
	}
	return false
}

// refuse answers as the API server's authorizer does.
func refuse(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403,
		"message": "%s is forbidden: User \"killick\" cannot %s it"}`, path.Base(r.URL.Path), strings.ToLower(r.Method))
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
		if t.refuses(r) {
			refuse(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	return t, nil
}

func line(method, where string, query url.Values) string {
	query.Del("timeout") // how long the API server may take
	if len(query) == 0 {
		return method + " " + where
	}
	words, err := url.QueryUnescape(query.Encode()) // sorted
	if err != nil {
		words = query.Encode()
	}
	return method + " " + where + "?" + words
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
		ts.Check(p.record(ts))
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

// record puts a tape between killick and the API server.
func (p *place) record(ts *testscript.TestScript) error {
	if p.tape != nil {
		return nil
	}
	var err error
	if p.tape, err = startTape(p.cp); err != nil {
		return err
	}
	kubeconfig := p.file("tape.kubeconfig")
	ts.Setenv("KILLICK_KUBECONFIG", kubeconfig)
	return os.WriteFile(kubeconfig, fmt.Appendf(nil, "{apiVersion: v1, kind: Config, current-context: tape, contexts: [{name: tape, context: {cluster: tape}}], "+
		"clusters: [{name: tape, cluster: {server: %q}}]}\n", p.tape.server.URL), 0o600)
}

// refuseVerb takes killick's right to send VERB to what is called NAME away, once PASS more
// were sent.
func refuseVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	p := placeOf(ts)
	ts.Check(p.record(ts))
	p.tape.mu.Lock()
	defer p.tape.mu.Unlock()
	if len(args) == 1 && args[0] == "nothing" {
		p.tape.refused = nil
		return
	}
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: refuse VERB NAME [PASS], refuse nothing")
	}
	one := refusal{verb: args[0], name: args[1]}
	if len(args) == 3 {
		var err error
		one.pass, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	p.tape.refused = append(p.tape.refused, one)
}
