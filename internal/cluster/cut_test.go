package cluster

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/killick-dev/killick/internal/drift"
)

// TestCutAnswersAreNoLists: wherever the answer to a LIST is cut, in JSON or protobuf, what
// is left is an error, or all of it. Only one in which objects are missing and all else is
// whole looks like another list; objects that a list lacks are asked for one by one.
func TestCutAnswersAreNoLists(t *testing.T) {
	e := newEnv(t)
	const many = 5
	e.crowdOf(e.admin, "cart", many)
	of, err := e.admin.resource(e.ctx, configMaps.Kind)
	if err != nil {
		t.Fatal(err)
	}
	where, err := of.path(e.ns)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(accept string) []byte {
		body, err := e.admin.own.read(e.ctx, request{path: where, query: values("limit", "500", "labelSelector", memberSelector), accept: accept})
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	whole, heads := bytes.TrimSpace(ask("application/json")), ask(headsOnly)
	if !bytes.HasPrefix(heads, []byte("k8s\x00")) {
		t.Fatalf("the heads are no protobuf: %q", heads[:4])
	}
	for size := range whole {
		if page, err := of.readList(whole[:size]); err == nil {
			t.Errorf("%d of %d bytes of JSON are a list of %d", size, len(whole), len(page.Items))
		}
	}
	for size := range heads {
		list, said, err := decodeHeads(heads[:size])
		if err != nil {
			continue
		}
		var at moment
		if err := at.add(said.Metadata.ResourceVersion, "", said.Metadata.Continue); err == nil && at.partial == nil && len(list.Items) != many {
			t.Errorf("%d of %d bytes of protobuf are a whole list of %d", size, len(heads), len(list.Items))
		}
	}
}

// TestCutConnections: an answer that ends before its length, chunked or not, or with the
// connection, is no list, whatever is asked for; what was asked for stays unknown.
func TestCutConnections(t *testing.T) {
	e := newEnv(t)
	transport, err := rest.TransportFor(e.config)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		why  string
		head func(whole int) string // what stands before half of the body
	}{
		{"its length is kept", func(whole int) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n", whole) }},
		{"the last chunk is missing", func(whole int) string {
			return fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", whole)
		}},
		{"the connection ends it", func(int) string { return "Connection: close\r\n\r\n" }},
	} {
		cutting := false
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			upstream := r.Clone(r.Context())
			upstream.URL.Scheme, upstream.URL.Host, upstream.RequestURI = "https", strings.TrimPrefix(e.config.Host, "https://"), ""
			upstream.Header.Set("Accept-Encoding", "identity")
			answer, err := transport.RoundTrip(upstream)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			body, _ := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if !cutting || !isList(r) {
				w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
				w.WriteHeader(answer.StatusCode)
				_, _ = w.Write(body)
				return
			}
			connection, wire, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = wire.WriteString("HTTP/1.1 200 OK\r\nContent-Type: " + answer.Header.Get("Content-Type") + "\r\n" + c.head(len(body)))
			_, _ = wire.Write(body[:len(body)/2])
			_ = wire.Flush()
			_ = connection.Close()
		}))
		client, err := connect(e.ctx, &rest.Config{Host: proxy.URL}, Options{StateNamespace: e.state})
		if err != nil {
			t.Fatal(err)
		}
		want := e.crowdOf(client, "cart", 12)
		cutting = true
		for _, memo := range []bool{false, true} {
			asked := want
			if !memo {
				asked.Rows, asked.Belief = nil, drift.Belief{}
			}
			seen, err := client.Observe(e.ctx, []drift.Want{asked})
			if err != nil {
				t.Errorf("%s: %v", c.why, err)
				continue
			}
			for _, o := range seen[0].Objects {
				if o.State != drift.Unreadable {
					t.Errorf("%s, memo %t: %s is %v, by %v", c.why, memo, o.ID.Name, o.State, o.Prediction)
				}
			}
			if len(seen[0].Problems) == 0 {
				t.Errorf("%s, memo %t: the app tells nothing", c.why, memo)
			}
		}
		if _, err := client.Parents(e.ctx); err == nil {
			t.Errorf("%s: the list of apps was believed", c.why)
		}
		proxy.Close()
	}
}

// TestListsAreOfNow: no list is asked for at resourceVersion 0, or any other, which the API
// server may answer from a cache that lags behind.
func TestListsAreOfNow(t *testing.T) {
	e := newEnv(t)
	lines := &wire{}
	client := e.connect(Options{Transport: lines.wrap})
	want := e.crowdOf(client, "cart", 12)
	e.observe(client, want)
	want.Rows, want.Belief, want.Inventory = nil, drift.Belief{}, drift.Inventory{}
	e.observe(client, want)
	if _, err := client.Parents(e.ctx); err != nil {
		t.Fatal(err)
	}
	if n := lines.count("GET", "resourceVersion"); n != 0 {
		t.Errorf("%d requests name a resourceVersion", n)
	}
	if n := lines.count("GET", "limit="); n < 10 {
		t.Errorf("only %d lists were made", n)
	}
}
