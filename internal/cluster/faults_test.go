package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/killick-dev/killick/internal/drift"
)

const unavailable = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"ServiceUnavailable","code":503,"message":"busy"}`

// fail makes every request fail from now on.
func (w *wire) fail(with func(*http.Request) (*http.Response, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before = with
}

// lose drops the server's answer to the n-th matching request, after the server
// has done its work.
func lose(n int, match func(*http.Request) bool) func(*http.Request, *http.Response) (*http.Response, error) {
	seen := 0
	return func(r *http.Request, answer *http.Response) (*http.Response, error) {
		if !match(r) {
			return answer, nil
		}
		if seen++; seen != n {
			return answer, nil
		}
		_ = answer.Body.Close()
		return nil, errors.New("read: connection reset by peer")
	}
}

// refuse loses the n-th matching request before the server sees it.
func refuse(n int, match func(*http.Request) bool) func(*http.Request) (*http.Response, error) {
	seen := 0
	return func(r *http.Request) (*http.Response, error) {
		if !match(r) {
			return nil, nil
		}
		if seen++; seen != n {
			return nil, nil
		}
		return nil, errors.New("write: connection reset by peer")
	}
}

func isApply(r *http.Request) bool {
	return r.Method == http.MethodPatch && r.URL.Query().Get("dryRun") == "" && strings.Contains(r.Header.Get("Content-Type"), "apply")
}

func isMove(r *http.Request) bool {
	return r.Method == http.MethodPatch && strings.Contains(r.Header.Get("Content-Type"), "json-patch")
}

func isDelete(r *http.Request) bool { return r.Method == http.MethodDelete }

// A write whose answer was lost is looked up before anything is said about it.
func TestWriteWithUnknownOutcome(t *testing.T) {
	e := newEnv(t)
	meddle := func(id drift.ID) { e.patch(id, "v1", "kubectl-edit", "{data: {a: meddled}}") }
	for _, c := range []struct {
		why    string
		create bool
		wire   func(*wire, drift.ID)
		is     error
		data   string
	}{
		{"an update that happened", false, func(w *wire, _ drift.ID) { w.after = lose(1, isApply) }, nil, "new"},
		{"a create that happened", true, func(w *wire, _ drift.ID) { w.after = lose(1, isApply) }, nil, "new"},
		{"an update that did not is sent again", false, func(w *wire, _ drift.ID) { w.before = refuse(1, isApply) }, nil, "new"},
		{"a create that did not is sent again", true, func(w *wire, _ drift.ID) { w.before = refuse(1, isApply) }, nil, "new"},
		{"an update that happened, and somebody edited it at once", false, func(w *wire, id drift.ID) {
			drop := lose(1, isApply)
			w.after = func(r *http.Request, answer *http.Response) (*http.Response, error) {
				answer, err := drop(r, answer)
				if err != nil {
					meddle(id)
				}
				return answer, err
			}
		}, drift.ErrConflict, "meddled"},
		{"an update that did not, and somebody edited it meanwhile", false, func(w *wire, id drift.ID) {
			drop := refuse(1, isApply)
			w.before = func(r *http.Request) (*http.Response, error) {
				answer, err := drop(r)
				if err != nil {
					meddle(id)
				}
				return answer, err
			}
		}, drift.ErrConflict, "meddled"},
		{"storage gave up on an update that did not happen", false, func(w *wire, _ drift.ID) {
			n := 0
			w.before = func(r *http.Request) (*http.Response, error) {
				if isApply(r) {
					if n++; n == 1 {
						return answer(r, 504, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Timeout","code":504,"message":"etcdserver: request timed out"}`), nil
					}
				}
				return nil, nil
			}
		}, nil, "new"},
	} {
		lines := &wire{}
		client := e.connect(Options{Transport: lines.wrap})
		name := "c" + hexOf(c.why) + hexOf(c.why[len(c.why)/2:])
		object := e.object(configMap(name))
		r := drift.ApplyRequest{Object: object}
		if !c.create {
			r = update(object, e.apply(client, object))
		}
		object.Manifest = deepCopy(object.Manifest).(map[string]any)
		object.Manifest["data"] = map[string]any{"a": "new"}
		r.Object = object
		c.wire(lines, object.ID)
		stored, err := client.Apply(e.ctx, r)
		if !errors.Is(err, c.is) || (c.is == nil) != (err == nil) {
			t.Errorf("%s: %v", c.why, err)
		}
		live := e.live(object)
		if text(live, "data", "a") != c.data {
			t.Errorf("%s: live has %q", c.why, text(live, "data", "a"))
		}
		if err == nil && (versionOf(stored) != versionOf(live) || uidOf(stored) != uidOf(live)) {
			t.Errorf("%s: what is returned is not what is stored", c.why)
		}
	}
}

func TestTakingOverWithUnknownOutcome(t *testing.T) {
	e := newEnv(t)
	for _, c := range []struct {
		why  string
		wire func(*wire)
		is   error
	}{
		{"it happened: observe again", func(w *wire) { w.after = lose(1, isMove) }, drift.ErrConflict},
		{"it did not: nothing was written", func(w *wire) { w.before = refuse(1, isMove) }, errNotWritten},
	} {
		lines := &wire{}
		client := e.connect(Options{Transport: lines.wrap})
		object := e.object(configMap("m" + hexOf(c.why) + hexOf(c.why[4:])))
		e.apply(client, object)
		live := e.patch(object.ID, "v1", "kubectl-edit", "{data: {by: hand}}")
		r := update(object, live)
		r.ManagedFields = takeOver(live, tree(t, `f:data: {"f:by": {}}`), "kubectl-edit")
		c.wire(lines)
		if _, err := client.Apply(e.ctx, r); !errors.Is(err, c.is) {
			t.Errorf("%s: %v", c.why, err)
		}
		if text(e.live(object), "data", "by") != "hand" {
			t.Errorf("%s: the apply was sent although the patch's outcome was not known", c.why)
		}
	}
}

func TestDeleteWithUnknownOutcome(t *testing.T) {
	e := newEnv(t)
	for _, c := range []struct {
		why  string
		wire func(*wire)
	}{
		{"it happened", func(w *wire) { w.after = lose(1, isDelete) }},
		{"it did not, and is sent again", func(w *wire) { w.before = refuse(1, isDelete) }},
	} {
		lines := &wire{}
		client := e.connect(Options{Transport: lines.wrap})
		object := e.object(configMap("a"))
		live := e.apply(client, object)
		c.wire(lines)
		if err := client.Delete(e.ctx, drift.DeleteRequest{ID: object.ID, Version: "v1", UID: uidOf(live), ResourceVersion: versionOf(live)}); err != nil {
			t.Errorf("%s: %v", c.why, err)
		}
		if o := e.admin.Get(e.ctx, drift.App{}, object.ID, "v1"); o.State != drift.Absent {
			t.Errorf("%s: state %v", c.why, o.State)
		}
	}
}

func TestInventoryWriteWithUnknownOutcome(t *testing.T) {
	e := newEnv(t)
	for _, c := range []struct {
		why  string
		wire func(*wire)
		ok   bool
	}{
		{"it happened", func(w *wire) { w.after = lose(1, isApply) }, true},
		{"it did not: nothing may be applied on it", func(w *wire) { w.before = refuse(1, isApply) }, false},
	} {
		lines := &wire{}
		client := e.connect(Options{Transport: lines.wrap})
		app := "shop-" + hexOf(c.why[3:])
		if _, _, err := client.Load(e.ctx, app); err != nil {
			t.Fatal(err)
		}
		c.wire(lines)
		if err := client.SaveInventory(e.ctx, app, drift.Inventory{Entries: entries(e)}); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.why, err)
		}
		if err := client.SaveInventory(e.ctx, app, drift.Inventory{}); err != nil {
			t.Errorf("%s: the write after it: %v", c.why, err)
		}
	}
}

// Throttled requests of every sort wait as long as they are told to, and are then
// done.
func TestRetryAfterIsHonoured(t *testing.T) {
	e := newEnv(t)
	applied := e.object(configMap("applied"))
	live := e.apply(e.admin, applied)
	isDry := func(r *http.Request) bool { return r.Method == http.MethodPatch && r.URL.Query().Has("dryRun") }
	observe := func(client *Client) error {
		o := e.observe(client, drift.Want{App: drift.App{Name: "shop"}, Objects: []drift.Object{applied}}).Objects[0]
		if o.State != drift.Present || o.Prediction != drift.ByDryRun {
			return fmt.Errorf("state %v, prediction %v: %w", o.State, o.Prediction, o.Err)
		}
		return nil
	}
	for _, c := range []struct {
		why   string
		match func(*http.Request) bool
		call  func(*Client) error
	}{
		{"GET", func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/configmaps/applied") }, func(client *Client) error {
			return client.Get(e.ctx, drift.App{}, applied.ID, "v1").Err
		}},
		{"LIST", func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/configmaps") }, observe},
		{"dry-run", isDry, observe},
		{"create", isApply, func(client *Client) error {
			_, err := client.Apply(e.ctx, drift.ApplyRequest{Object: e.object(configMap("created"))})
			return err
		}},
		{"update", isApply, func(client *Client) error {
			_, err := client.Apply(e.ctx, update(applied, live))
			return err
		}},
		{"delete", isDelete, func(client *Client) error {
			return client.Delete(e.ctx, drift.DeleteRequest{ID: applied.ID, Version: "v1", UID: uidOf(live), ResourceVersion: versionOf(live)})
		}},
	} {
		var refused time.Time
		var waited time.Duration
		lines := &wire{before: func(r *http.Request) (*http.Response, error) {
			if !c.match(r) || waited != 0 {
				return nil, nil
			}
			if refused.IsZero() {
				refused = time.Now()
				return answer(r, 429, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"TooManyRequests","code":429,"message":"slow down"}`, "Retry-After", "1"), nil
			}
			waited = time.Since(refused)
			return nil, nil
		}}
		if err := c.call(e.connect(Options{Transport: lines.wrap})); err != nil {
			t.Errorf("%s: %v", c.why, err)
		}
		if waited < time.Second {
			t.Errorf("%s: asked again after %v", c.why, waited)
		}
	}
}

func TestFailingServerIsNeverAnEmptyCluster(t *testing.T) {
	e := newEnv(t)
	for _, c := range []struct {
		why      string
		failures int
		state    drift.State
	}{
		{"a short failure is waited out", 1, drift.Absent},
		{"a lasting one makes the kind unreadable", 1000, drift.Unreadable},
	} {
		failures := c.failures
		lines := &wire{}
		lines.before = func(r *http.Request) (*http.Response, error) {
			lines.mu.Lock()
			defer lines.mu.Unlock()
			if strings.HasSuffix(r.URL.Path, "/configmaps") && failures > 0 {
				failures--
				return answer(r, 503, unavailable), nil
			}
			return nil, nil
		}
		client := e.connect(Options{Transport: lines.wrap})
		seen := e.observe(client, drift.Want{App: drift.App{Name: "shop"}, Objects: []drift.Object{
			e.object(configMap("a")), e.object("{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: NS}}")}})
		if o := seen.Objects[0]; o.State != c.state {
			t.Errorf("%s: state %v, %v", c.why, o.State, o.Err)
		}
		if o := seen.Objects[1]; o.State != drift.Absent || o.Err != nil {
			t.Errorf("%s: another kind goes on: state %v, %v", c.why, o.State, o.Err)
		}
	}
}

func TestClusterThatGoesAwayEndsTheRun(t *testing.T) {
	e := newEnv(t)
	lines := &wire{}
	client := e.connect(Options{Transport: lines.wrap})
	if _, err := client.Capabilities(e.ctx); err != nil {
		t.Fatal(err)
	}
	lines.fail(func(*http.Request) (*http.Response, error) { return nil, errors.New("dial tcp: connection refused") })
	seen, err := client.Observe(e.ctx, []drift.Want{{Objects: []drift.Object{e.object(configMap("a"))}}})
	if !errors.Is(err, drift.ErrUnreachable) || seen != nil {
		t.Errorf("%v, %v", seen, err)
	}
	if _, err := client.Identity(e.ctx); !errors.Is(err, drift.ErrUnreachable) {
		t.Errorf("identity: %v", err)
	}
	if _, err := client.Capabilities(e.ctx); !errors.Is(err, drift.ErrUnreachable) {
		t.Errorf("capabilities: %v", err)
	}
}

func TestEndedContext(t *testing.T) {
	e := newEnv(t)
	lines := &wire{}
	client := e.connect(Options{Transport: lines.wrap})
	object := e.object(configMap("a"))
	live := e.apply(client, object)
	ended, cancel := context.WithCancel(e.ctx)
	cancel()
	writes := lines.count("PATCH", "")
	if _, err := client.Apply(ended, update(object, live)); !errors.Is(err, context.Canceled) {
		t.Errorf("apply: %v", err)
	}
	if err := client.Delete(ended, drift.DeleteRequest{ID: object.ID, Version: "v1", UID: uidOf(live), ResourceVersion: versionOf(live)}); !errors.Is(err, context.Canceled) {
		t.Errorf("delete: %v", err)
	}
	if n := lines.count("PATCH", "") + lines.count("DELETE", ""); n != writes {
		t.Error("a write began after the run was told to stop")
	}
	if seen, err := client.Observe(ended, []drift.Want{{Objects: []drift.Object{object}}}); !errors.Is(err, context.Canceled) || seen != nil {
		t.Errorf("observe: %v, %v", seen, err)
	}

	// A write that has begun is ended properly.
	stopping, stop := context.WithCancel(e.ctx)
	object.Manifest = deepCopy(object.Manifest).(map[string]any)
	object.Manifest["data"] = map[string]any{"a": "last"}
	lines.fail(func(r *http.Request) (*http.Response, error) {
		if isApply(r) {
			stop()
		}
		return nil, nil
	})
	if stored, err := client.Apply(stopping, update(object, live)); err != nil || text(stored, "data", "a") != "last" {
		t.Errorf("a write under way: %v", err)
	}
}

func TestConnect(t *testing.T) {
	t.Setenv("KUBECONFIG", "")
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("HOME", t.TempDir())
	e := newEnv(t)
	dir := t.TempDir()
	write := func(name, server string) string {
		path := filepath.Join(dir, name)
		content := "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: '" + server + "'}}]\ncontexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x\n"
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		why     string
		options Options
	}{
		{"nobody listens there", Options{Kubeconfig: write("refused", "https://127.0.0.1:1")}},
		{"the file does not exist", Options{Kubeconfig: filepath.Join(dir, "none")}},
		{"no such context", Options{Kubeconfig: write("context", "https://127.0.0.1:1"), Context: "other"}},
		{"nothing was given and this is no pod", Options{}},
	} {
		client, err := Connect(e.ctx, c.options)
		problem := &drift.Problem{}
		if client != nil || !errors.Is(err, drift.ErrUnreachable) || !errors.As(err, &problem) || problem.Stage != "cluster" || problem.Hint == "" {
			t.Errorf("%s: %v", c.why, err)
		}
	}

	// Wrong credentials.
	anonymous := rest.AnonymousClientConfig(e.config)
	anonymous.BearerToken = "nobody's"
	if _, err := connect(e.ctx, anonymous, Options{}); !errors.Is(err, drift.ErrUnreachable) || !strings.Contains(err.Error(), "authenticating") {
		t.Errorf("credentials nobody accepts: %v", err)
	}

	// A server that is not Kubernetes; and our name.
	var agent string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agent = r.UserAgent()
		http.NotFound(w, r)
	}))
	defer server.Close()
	if _, err := Connect(e.ctx, Options{Kubeconfig: write("other", server.URL), Version: "1.2.3"}); !errors.Is(err, drift.ErrUnreachable) {
		t.Errorf("not a cluster: %v", err)
	}
	if agent != "killick/1.2.3" {
		t.Errorf("user agent %q", agent)
	}

	uid, err := e.connect(Options{}).Identity(e.ctx)
	live := e.live(drift.Object{ID: drift.ID{Kind: "Namespace", Name: "kube-system"}, Version: "v1"})
	if err != nil || uid != uidOf(live) || uid == "" {
		t.Errorf("identity %q, %v", uid, err)
	}
}
