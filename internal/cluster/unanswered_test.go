package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// answersNothing answers nothing to the requests that match, and does not make the test wait
// for it: the error is the one that comes when the time of a request is over.
func answersNothing(match func(*http.Request) bool) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		if !match(r) {
			return nil, nil
		}
		return nil, context.DeadlineExceeded
	}
}

func asks(verb, suffix string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.Method == verb && strings.HasSuffix(r.URL.Path, suffix) }
}

// TestUnansweredRequestsAreNamed: whichever request of those that begin a run gets no
// answer, the error names it and how long it was waited for; it is no interruption, and
// nothing is taken for absent.
func TestUnansweredRequestsAreNamed(t *testing.T) {
	e := newEnv(t)
	inState := func(resource string) string { return "/api/v1/namespaces/" + e.state + "/" + resource }
	legacy := func(then func(*http.Request) (*http.Response, error)) func(*http.Request) (*http.Response, error) {
		return func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/api" || r.URL.Path == "/apis" {
				r.Header.Set("Accept", "application/json") // as an API server before 1.26 hears it
			}
			return then(r)
		}
	}
	own := func(name string) func(*http.Request) bool { // by the list of all, or by name
		return func(r *http.Request) bool {
			return asks("GET", inState("configmaps"))(r) || asks("GET", inState("configmaps/"+name))(r)
		}
	}
	load := func(c *Client) error { _, _, err := c.Load(e.ctx, "shop"); return err }
	capabilities := func(c *Client) error { _, err := c.Capabilities(e.ctx); return err }
	for _, c := range []struct {
		why   string
		wire  func(*http.Request) (*http.Response, error)
		call  func(*Client) error
		names string
	}{
		{"the version", answersNothing(asks("GET", "/version")), func(c *Client) error { return c.ping(e.ctx) }, "GET /version"},
		{"the cluster's identity", answersNothing(asks("GET", "/kube-system")), func(c *Client) error { _, err := c.Identity(e.ctx); return err },
			"GET /api/v1/namespaces/kube-system"},
		{"discovery of the core", answersNothing(asks("GET", "/api")), capabilities, "GET /api"},
		{"discovery of the groups", answersNothing(asks("GET", "/apis")), capabilities, "GET /apis"},
		{"one group-version, where each is asked for", legacy(answersNothing(asks("GET", "/apis/apps/v1"))), func(c *Client) error {
			served, err := c.Capabilities(e.ctx)
			if err != nil || len(served.Degraded) != 1 || len(served.Kinds) == 0 {
				return fmt.Errorf("degraded %v, %d kinds, %w", served.Degraded, len(served.Kinds), err)
			}
			return errors.Join(errors.New(served.Degraded["apps/v1"]), &noAnswer{}) // it is kept as text
		}, "GET /apis/apps/v1"},
		{"the record of the last run", answersNothing(own("killick-run")), func(c *Client) error { _, err := c.LoadRun(e.ctx); return err },
			"GET " + inState("configmaps/killick-run")},
		{"an app's state", answersNothing(own("killick-app-shop")), load, "GET " + inState("configmaps/killick-app-shop")},
		{"the key", answersNothing(asks("GET", inState("secrets/killick-key"))), func(c *Client) error { _, err := c.Key(e.ctx, true); return err },
			"GET " + inState("secrets/killick-key")},
		{"the parents", answersNothing(asks("GET", inState("configmaps"))), func(c *Client) error { _, err := c.Parents(e.ctx); return err },
			"GET " + inState("configmaps")},
		{"the lease", answersNothing(asks("GET", "/leases/killick")), func(c *Client) error { _, _, err := c.AcquireLease(e.ctx, "r", time.Minute); return err },
			"GET /apis/coordination.k8s.io/v1/namespaces/" + e.state + "/leases/killick"},
		{"the middle of an answer", func(r *http.Request) (*http.Response, error) {
			if !own("killick-app-shop")(r) {
				return nil, nil
			}
			cut := answer(r, 200, "")
			cut.Body, cut.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(`{"kind":"ConfigMapList","items":[`), late{})), -1
			return cut, nil
		}, load, "GET " + inState("configmaps/killick-app-shop")},
	} {
		t.Run(c.why, func(t *testing.T) {
			lines := &wire{}
			client := e.connect(Options{Transport: lines.wrap})
			lines.fail(c.wire)
			err := c.call(client)
			if err == nil || !strings.Contains(err.Error(), "the API server did not answer "+c.names+" within 45s") {
				t.Fatalf("%v", err)
			}
			if !isTimeout(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, errNotFound) {
				t.Errorf("taken for something else: %v", err)
			}
		})
	}
}

// late is a body whose rest does not come in time.
type late struct{}

func (late) Read([]byte) (int, error) { return 0, context.DeadlineExceeded }

// TestUnansweredListCostsItsKind: the objects of the kind are unreadable for the reason
// that its app tells once; those of other kinds and apps are observed as ever.
func TestUnansweredListCostsItsKind(t *testing.T) {
	e := newEnv(t)
	lines := &wire{}
	client := e.connect(Options{Transport: lines.wrap})
	shop := e.member(client, "shop", configMap("a"))
	blog := e.member(client, "blog", "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: NS}, spec: {ports: [{port: 80}]}}")
	e.apply(client, shop)
	e.apply(client, blog)
	before := lines.count("GET", "/configmaps/a")
	lines.fail(answersNothing(func(r *http.Request) bool { return asks("GET", "/api/v1/configmaps")(r) && isList(r) }))
	want := func(app string, object drift.Object) drift.Want {
		return drift.Want{App: drift.App{Name: app}, PartOf: client.PartOf(app), Objects: []drift.Object{object}, Inventory: drift.Inventory{Known: true}}
	}
	seen, err := client.Observe(e.ctx, []drift.Want{want("shop", shop), want("blog", blog)})
	if err != nil {
		t.Fatal(err)
	}
	const says = "listing ConfigMap: the API server did not answer GET /api/v1/configmaps within "
	if o := seen[0].Objects[0]; o.State != drift.Unreadable || o.Err == nil || !strings.Contains(o.Err.Error(), says) {
		t.Errorf("the object: state %v, %v", o.State, o.Err)
	}
	if p := seen[0].Problems; len(p) != 1 || !strings.Contains(p[0].Message, says) || p[0].App != "shop" || p[0].Hint == "" {
		t.Errorf("the app tells %+v", p)
	}
	if o := seen[1].Objects[0]; o.State != drift.Present || o.Prediction != drift.ByDryRun || len(seen[1].Problems) != 0 {
		t.Errorf("the other app: state %v, prediction %v, %v, %+v", o.State, o.Prediction, o.Err, seen[1].Problems)
	}
	if sent := lines.count("GET", "/configmaps/a") - before; sent != 0 {
		t.Errorf("%d objects were asked for that the list did not answer for", sent)
	}
}

// TestUnansweredDryRuns: where dry-runs of a kind get no answer, the rest is not sent; one
// that gets none among others that do costs its own object.
func TestUnansweredDryRuns(t *testing.T) {
	e := newEnv(t)
	const many = 40
	var objects []drift.Object
	for i := range many {
		objects = append(objects, e.object(configMap(fmt.Sprintf("c%d", i))))
	}
	objects = append(objects, e.object("{apiVersion: v1, kind: ServiceAccount, metadata: {name: other, namespace: NS}}"))
	for _, c := range []struct {
		why     string
		silent  string // part of the path
		atMost  int    // dry-runs of that sort
		answers int    // objects of which is known what an apply would do
	}{
		{"none is answered", "/configmaps/", enough - 1 + readsAtOnce, 1},
		{"one is not", "/configmaps/c7", many, many},
	} {
		lines := &wire{}
		client := e.connect(Options{Transport: lines.wrap})
		lines.fail(answersNothing(func(r *http.Request) bool {
			return r.Method == http.MethodPatch && (strings.HasSuffix(r.URL.Path, c.silent) || strings.HasSuffix(c.silent, "/") && strings.Contains(r.URL.Path, c.silent))
		}))
		seen := e.observe(client, drift.Want{App: drift.App{Name: "shop"}, Objects: objects, Inventory: drift.Inventory{Known: true}})
		answered := 0
		for _, o := range seen.Objects {
			if o.Prediction == drift.ByDryRun && o.Err == nil {
				answered++
				continue
			}
			if o.Err == nil || !isTimeout(o.Err) || !strings.Contains(o.Err.Error(), "(dry-run)") {
				t.Errorf("%s: %s: %v", c.why, o.ID.Name, o.Err)
			}
		}
		if answered != c.answers {
			t.Errorf("%s: of %d objects is known what an apply would do, not of %d", c.why, answered, c.answers)
		}
		if sent := lines.count("PATCH", "/configmaps/"); sent > c.atMost {
			t.Errorf("%s: %d dry-runs were sent, not %d", c.why, sent, c.atMost)
		}
	}
}

// TestStepsEnd: when the time of a step is over, tasks learn it from their requests and
// the run goes on; when the run ends, none begins.
func TestStepsEnd(t *testing.T) {
	e := newEnv(t)
	run, cancel := context.WithTimeout(e.ctx, time.Hour)
	defer cancel()
	step, end := stepOf(run, "lists", 0, 1) // over at once
	defer end()
	<-step.Done()
	full := make(chan struct{}) // nobody gets a place
	var err error
	if over := inTurn(step, full, func() { _, err = e.admin.own.collect(step, configMaps, "", memberSelector, nil) }); over != nil {
		t.Errorf("the step's end ends the run: %v", over)
	}
	if err == nil || !strings.Contains(err.Error(), "listing ConfigMap: not asked: the 0s that this run has for lists are over") || hint(err) == "" {
		t.Errorf("what was not asked says %v", err)
	}
	cancel()
	step, end = stepOf(run, "lists", 1, 2)
	defer end()
	if over := inTurn(step, full, func() { t.Error("a task began after the run's end") }); !errors.Is(over, context.Canceled) {
		t.Errorf("the run's end: %v", over)
	}
	whole, left, stop := e.admin.own.untilAnswer(e.ctx)
	defer stop()
	if whole.Err() != nil || left > e.admin.own.timeout {
		t.Errorf("a request may take %v", left)
	}
}
