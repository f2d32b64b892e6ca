package cluster

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes/scheme"

	"github.com/killick-dev/killick/internal/drift"
)

// Answers that real servers give are lists, and what proxies and broken servers make
// of them is not.
func TestListsOfRealServers(t *testing.T) {
	pods := resource{Kind: drift.Kind{Group: "metrics.k8s.io", Version: "v1beta1", Kind: "PodMetrics"},
		KindInfo: drift.KindInfo{Resource: "pods", Namespaced: true, Verbs: []string{"get", "list"}}}
	kites := resource{Kind: drift.Kind{Group: "drift.example.com", Version: "v1", Kind: "Kite"},
		KindInfo: drift.KindInfo{Resource: "kites", Namespaced: true, Verbs: []string{"get", "list", "patch", "delete"}}}
	for _, c := range []struct {
		why     string
		of      resource
		body    string
		ok      bool
		partial bool
	}{
		{"an empty list of the API server", configMaps, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[]}`, true, false},
		{"items that Go left nil", configMaps, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":null}`, true, false},
		{"measurements have neither UID nor resourceVersion", pods,
			`{"kind":"PodMetricsList","apiVersion":"metrics.k8s.io/v1beta1","metadata":{},"items":[{"metadata":{"name":"a","namespace":"b"},"window":"1s"}]}`, true, true},
		{"a CRD that names its lists otherwise", kites, `{"kind":"Flock","apiVersion":"drift.example.com/v1","metadata":{"resourceVersion":"7"},"items":[]}`, true, false},
		{"items of custom resources repeat their kind", kites,
			`{"kind":"KiteList","apiVersion":"drift.example.com/v1","metadata":{"resourceVersion":"7"},"items":[{"kind":"Kite","apiVersion":"drift.example.com/v1","metadata":{"name":"a","namespace":"b","uid":"u","resourceVersion":"1"}}]}`, true, false},
		{"an empty object", configMaps, `{}`, false, false},
		{"null", configMaps, `null`, false, false},
		{"nothing", configMaps, ``, false, false},
		{"a page of a proxy", configMaps, `<html>busy</html>`, false, false},
		{"a list that nobody filled in", configMaps, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"}}`, false, false},
		{"a list of another kind", configMaps, `{"kind":"SecretList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[]}`, false, false},
		{"a list of nothing", configMaps, `{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[]}`, false, false},
		{"a list of another version", kites, `{"kind":"KiteList","apiVersion":"drift.example.com/v2","metadata":{"resourceVersion":"7"},"items":[]}`, false, false},
		{"one object", kites, `{"kind":"Kite","apiVersion":"drift.example.com/v1","metadata":{"resourceVersion":"7"},"items":[]}`, false, false},
		{"a failure called success", kites, `{"kind":"Status","apiVersion":"drift.example.com/v1","status":"Failure","items":[]}`, false, false},
		{"an object of another kind in it", kites,
			`{"kind":"KiteList","apiVersion":"drift.example.com/v1","metadata":{"resourceVersion":"7"},"items":[{"kind":"Kit","apiVersion":"drift.example.com/v1","metadata":{"name":"a","namespace":"b","uid":"u","resourceVersion":"1"}}]}`, false, false},
		{"an object without a name", configMaps, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"namespace":"b","uid":"u","resourceVersion":"1"}}]}`, false, false},
		{"an object without a UID", configMaps, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a","namespace":"b","resourceVersion":"1"}}]}`, false, false},
		{"a namespaced object without a namespace", configMaps, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a","uid":"u","resourceVersion":"1"}}]}`, false, false},
		{"no object at all", configMaps, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[null]}`, false, false},
		{"it was cut, and says so", configMaps, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7","remainingItemCount":3},"items":[]}`, false, false},
		{"no resourceVersion", configMaps, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{},"items":[]}`, true, true},
	} {
		var found collection
		said, err := found.addPage([]byte(c.body), c.of, "", nil)
		var at moment
		if err == nil {
			err = at.add(said.Metadata.ResourceVersion, "", said.Metadata.Continue)
		}
		if (err == nil) != c.ok || (at.partial != nil) != c.partial {
			t.Errorf("%s: %v, partial: %v", c.why, err, at.partial)
		}
	}
}

func TestPagesOfOneMoment(t *testing.T) {
	for _, c := range []struct {
		why     string
		pages   [][2]string // resourceVersion, continue
		ok      bool
		partial bool
	}{
		{"two pages", [][2]string{{"7", "a"}, {"7", ""}}, true, false},
		{"another moment", [][2]string{{"7", "a"}, {"8", ""}}, true, true},
		{"a page without", [][2]string{{"7", "a"}, {"", ""}}, true, true},
		{"a token that leads to itself", [][2]string{{"7", "a"}, {"7", "a"}}, false, false},
	} {
		var at moment
		var err error
		token := ""
		for _, page := range c.pages {
			err = errors.Join(err, at.add(page[0], token, page[1]))
			token = page[1]
		}
		if (err == nil) != c.ok || (at.partial != nil) != c.partial {
			t.Errorf("%s: %v, partial: %v", c.why, err, at.partial)
		}
	}
}

// The table of built-in groups has every group that this client-go knows.
func TestBuiltInGroups(t *testing.T) {
	for _, version := range scheme.Scheme.PrioritizedVersionsAllGroups() {
		if !drift.BuiltInGroup(version.Group) {
			t.Errorf("%q is missing", version.Group)
		}
	}
	for _, group := range []string{"gateway.networking.k8s.io", "snapshot.storage.k8s.io", "metrics.k8s.io", "example.com"} {
		if drift.BuiltInGroup(group) {
			t.Errorf("%q is served by others", group)
		}
	}
}

// answering answers every matching request in the server's place.
func answering(body string, match func(*http.Request) bool) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		if !match(r) {
			return nil, nil
		}
		return answer(r, 200, body), nil
	}
}

func isList(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/configmaps")
}

// gets matches GETs of one object.
func gets(path string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, path) }
}

const (
	emptyList   = `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[]}`
	emptyHeads  = `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"7"},"items":[]}`
	withoutRV   = `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{},"items":[]}`
	nakedHeads  = `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1"}`
	secretsList = `{"kind":"SecretList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[]}`
)

// A list that is not one says nothing, and one that lacks a member is not believed
// about others; what a GET finds is there in any case.
func TestListsThatTellNothing(t *testing.T) {
	for _, c := range []struct {
		why, body string
		state     drift.State // of a member that is there, and of one that is gone
		gone      drift.State
		problem   string
	}{
		{"an empty object", `{}`, drift.Unreadable, drift.Unreadable, "not what was asked for"},
		{"another kind", secretsList, drift.Unreadable, drift.Unreadable, `kind "SecretList"`},
		{"heads where objects were asked for", emptyHeads, drift.Unreadable, drift.Unreadable, "PartialObjectMetadataList"},
		{"no resourceVersion", withoutRV, drift.Present, drift.Absent, "no resourceVersion"},
		{"an empty list of the right kind", emptyList, drift.Present, drift.Absent, "lacks ConfigMap"},
	} {
		t.Run(c.why, func(t *testing.T) {
			e := newEnv(t)
			lines := &wire{}
			client := e.connect(Options{Transport: lines.wrap})
			there, extra := e.member(client, "shop", configMap("there")), e.member(client, "shop", configMap("extra"))
			stripped, gone := e.object(configMap("stripped")), e.object(configMap("gone"))
			want := drift.Want{App: drift.App{Name: "shop"}, PartOf: client.PartOf("shop"), Objects: []drift.Object{there, stripped, gone},
				Inventory: drift.Inventory{Known: true}}
			for _, object := range []drift.Object{there, stripped, extra} {
				want.Inventory.Entries = append(want.Inventory.Entries, drift.Entry{ID: object.ID, Version: "v1", UID: uidOf(e.apply(client, object))})
			}
			if seen := e.observe(client, want); len(seen.Problems) > 0 {
				t.Fatalf("before the fault: %v", seen.Problems)
			}
			lines.fail(answering(c.body, isList))
			seen := e.observe(client, want)
			for i, state := range []drift.State{c.state, c.state, c.gone} {
				if o := seen.Objects[i]; o.State != state {
					t.Errorf("%s: state %v, %v", o.ID.Name, o.State, o.Err)
				}
			}
			if o := seen.Extras[0]; o.State != c.state {
				t.Errorf("extra: state %v, %v", o.State, o.Err)
			}
			var said []string
			for _, problem := range seen.Problems {
				said = append(said, problem.Message)
				if strings.Contains(problem.Message, "stripped") {
					t.Errorf("a member without its label is found by name as ever: %s", problem.Message)
				}
			}
			if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, c.problem) }) {
				t.Errorf("problems %q, not %q", said, c.problem)
			}
		})
	}
}

// Lists of heads that tell nothing are no reason to believe memo rows, nor that
// everything stands.
func TestHeadsThatTellNothing(t *testing.T) {
	e := newEnv(t)
	lines := &wire{}
	client := e.connect(Options{Transport: lines.wrap})
	want := e.crowdOf(client, "cart", 12)
	record := e.record(client, map[string]drift.Want{"": want})
	for _, body := range []string{`{}`, nakedHeads, emptyHeads, strings.Replace(emptyHeads, `"resourceVersion":"7"`, "", 1)} {
		lines.fail(answering(body, isList))
		if client.Stands(e.ctx, record) {
			t.Errorf("all stands, by %s", body)
		}
		client.Forget()
		seen := e.observe(client, want)
		if len(seen.Problems) == 0 {
			t.Errorf("no problem with %s", body)
		}
		for _, o := range seen.Objects {
			if o.State == drift.Absent {
				t.Errorf("%s is absent, by %s", o.ID.Name, body)
			}
		}
	}
	lines.fail(nil)
	if seen := e.observe(client, want); len(seen.Problems) > 0 {
		t.Errorf("without a fault: %v", seen.Problems)
	}
}

// A GET's answer that is not the object says neither that it is there nor that it is
// gone.
func TestObjectsThatAreNotTheOneAskedFor(t *testing.T) {
	e := newEnv(t)
	lines := &wire{}
	client := e.connect(Options{Transport: lines.wrap})
	object := e.object(configMap("one"))
	e.apply(client, object)
	good := `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"one","namespace":"` + e.ns + `","uid":"u","resourceVersion":"1"}}`
	for _, c := range []struct{ why, body string }{
		{"an empty object", `{}`},
		{"null", `null`},
		{"half an answer", good[:len(good)/2]},
		{"another kind", strings.Replace(good, `"ConfigMap"`, `"Secret"`, 1)},
		{"another version", strings.Replace(good, `"v1"`, `"v2"`, 1)},
		{"another name", strings.Replace(good, `"one"`, `"two"`, 1)},
		{"another namespace", strings.Replace(good, e.ns, "default", 1)},
		{"no UID", strings.Replace(good, `"uid":"u",`, "", 1)},
		{"no resourceVersion", strings.Replace(good, `,"resourceVersion":"1"`, "", 1)},
		{"a failure called success", `{"kind":"Status","apiVersion":"v1","status":"Failure","code":404,"reason":"NotFound","details":{"name":"one"}}`},
	} {
		lines.fail(answering(c.body, gets("/configmaps/one")))
		if o := client.Get(e.ctx, drift.App{}, object.ID, "v1"); o.State != drift.Unreadable || o.Err == nil || errors.Is(o.Err, drift.ErrUnreachable) {
			t.Errorf("%s: state %v, %v", c.why, o.State, o.Err)
		}
	}
	lines.fail(func(r *http.Request) (*http.Response, error) {
		if !gets("/configmaps/one")(r) {
			return nil, nil
		}
		return answer(r, 404, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":404,"reason":"NotFound","message":"configmaps \"two\" not found","details":{"name":"two","kind":"configmaps"}}`), nil
	})
	if o := client.Get(e.ctx, drift.App{}, object.ID, "v1"); o.State != drift.Unreadable {
		t.Errorf("another object's absence: state %v", o.State)
	}
}

// The answer to a dry-run or a write that is not the object is no answer.
func TestWritesWhoseAnswerIsEmpty(t *testing.T) {
	e := newEnv(t)
	lines := &wire{}
	client := e.connect(Options{Transport: lines.wrap})
	object := e.object(configMap("one"))
	live := e.apply(client, object)

	isDry := func(r *http.Request) bool { return r.URL.Query().Has("dryRun") }
	lines.fail(answering(`{}`, isDry))
	o := e.observe(client, drift.Want{App: drift.App{Name: "shop"}, Objects: []drift.Object{object}}).Objects[0]
	if o.Err == nil || o.Predicted != nil || o.Prediction != drift.ByComparison {
		t.Errorf("dry-run: predicted %v by %v, %v", o.Predicted, o.Prediction, o.Err)
	}

	// Done, or not done: either is found out.
	changed := drift.Object{ID: object.ID, Version: "v1", Manifest: deepCopy(object.Manifest).(map[string]any)}
	changed.Manifest["data"] = map[string]any{"a": "new"}
	n := 0
	lines.fail(answering(`{}`, func(r *http.Request) bool { n++; return isApply(r) && n == 1 }))
	stored, err := client.Apply(e.ctx, update(changed, live))
	if err != nil || text(stored, "data", "a") != "new" {
		t.Errorf("apply: %v, %v", stored["data"], err)
	}
	lines.fail(nil)
	lines.after = func(r *http.Request, real *http.Response) (*http.Response, error) {
		if !isApply(r) {
			return real, nil
		}
		_ = real.Body.Close()
		return answer(r, 200, `{}`), nil
	}
	changed.Manifest["data"] = map[string]any{"a": "newer"}
	if stored, err = client.Apply(e.ctx, update(changed, stored)); err != nil || text(stored, "data", "a") != "newer" {
		t.Errorf("apply that was done: %v, %v", stored["data"], err)
	}
	lines.after = nil

	n = 0
	lines.fail(answering(`{}`, func(r *http.Request) bool {
		if isDelete(r) {
			n++
		}
		return isDelete(r) && n == 1
	}))
	if err := client.Delete(e.ctx, drift.DeleteRequest{ID: object.ID, Version: "v1", UID: uidOf(stored), ResourceVersion: versionOf(stored)}); err != nil {
		t.Errorf("delete: %v", err)
	}
	lines.fail(nil)
	if o := client.Get(e.ctx, drift.App{}, object.ID, "v1"); o.State != drift.Absent {
		t.Errorf("a deletion that was not done was believed: state %v", o.State)
	}
}

// An empty answer about Killick's own objects is never "there is no state".
func TestOwnStateThatTellsNothing(t *testing.T) {
	e := newEnv(t)
	if _, _, err := e.admin.Load(e.ctx, "shop"); err != nil {
		t.Fatal(err)
	}
	if err := e.admin.SaveInventory(e.ctx, "shop", drift.Inventory{Known: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.admin.Key(e.ctx, true); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		why   string
		match func(*http.Request) bool
		call  func(*Client) error
	}{
		{"the inventory", gets("/configmaps/killick-app-shop"), func(c *Client) error { _, _, err := c.Load(e.ctx, "shop"); return err }},
		{"the state", gets("/configmaps/killick-state-shop"), func(c *Client) error { _, _, err := c.Load(e.ctx, "shop"); return err }},
		{"the last run", gets("/configmaps/killick-run"), func(c *Client) error { _, err := c.LoadRun(e.ctx); return err }},
		{"the key", gets("/secrets/killick-key"), func(c *Client) error { _, err := c.Key(e.ctx, true); return err }},
		{"the apps", isList, func(c *Client) error { _, err := c.Parents(e.ctx); return err }},
		{"the cluster", gets("/namespaces/kube-system"), func(c *Client) error { _, err := c.Identity(e.ctx); return err }},
		{"the state namespace", gets("/namespaces/" + e.state), func(c *Client) error { return c.EnsureStateNamespace(e.ctx) }},
		{"the lease", gets("/leases/killick"), func(c *Client) error {
			_, _, err := c.AcquireLease(e.ctx, "pod", defaultTimeout)
			return err
		}},
		{"what is served", func(r *http.Request) bool { return r.URL.Path == "/apis" }, func(c *Client) error { _, err := c.Capabilities(e.ctx); return err }},
		{"what the core serves", func(r *http.Request) bool { return r.URL.Path == "/api" }, func(c *Client) error { _, err := c.Capabilities(e.ctx); return err }},
		{"what one version serves", func(r *http.Request) bool { return r.URL.Path == "/apis/apps/v1" }, func(c *Client) error { return c.discover(e.ctx, "apps/v1") }},
	} {
		lines := &wire{}
		client := e.connect(Options{Transport: lines.wrap})
		lines.fail(answering(`{}`, c.match))
		if err := c.call(client); !errors.Is(err, errMalformed) {
			t.Errorf("%s: %v", c.why, err)
		}
	}
}

// What a namespace holds, and whether a kind is gone, is not known by an empty object.
func TestContentThatIsNotKnown(t *testing.T) {
	e := newEnv(t)
	lines := &wire{}
	client := e.connect(Options{Transport: lines.wrap})
	id, live := e.container(client)
	for _, body := range []string{`{}`, withoutRV, secretsList} {
		lines.fail(answering(body, isList))
		for {
			reason, err := client.Occupied(e.ctx, drift.App{Name: "shop"}, id, live)
			if errors.Is(err, drift.ErrNotServed) {
				continue // a kind of another test went meanwhile
			}
			if err == nil {
				t.Errorf("%s: held %q", body, reason)
			}
			break
		}
	}
	entry := drift.Entry{ID: drift.ID{Group: "gone." + e.ns + ".example.com", Kind: "Thing", Namespace: e.ns, Name: "old"}, Version: "v1"}
	lines.fail(answering(`{}`, gets("/customresourcedefinitions")))
	seen := e.observe(client, drift.Want{Inventory: drift.Inventory{Known: true, Entries: []drift.Entry{entry}}})
	if o := seen.Extras[0]; o.State != drift.Unreadable {
		t.Errorf("a kind that may be defined by a CRD: state %v", o.State)
	}
}

// A built-in kind that went with an upgrade is gone for who may not read CRDs as well;
// one whose API does not answer is not.
func TestBuiltInKindThatIsGone(t *testing.T) {
	e := newEnv(t)
	blind := e.connectAs("nobody-"+e.ns, Options{})
	entries := []drift.Entry{
		{ID: drift.ID{Group: "policy", Kind: "PodSecurityPolicy", Name: "old"}, Version: "v1beta1"},
		{ID: drift.ID{Group: "settings.k8s.io", Kind: "PodPreset", Namespace: e.ns, Name: "old"}, Version: "v1alpha1"},
	}
	seen := e.observe(blind, drift.Want{Inventory: drift.Inventory{Known: true, Entries: entries}})
	for _, o := range seen.Extras {
		if o.State != drift.Absent || o.Err != nil {
			t.Errorf("%s: state %v, %v", o.ID, o.State, o.Err)
		}
	}
	survey := &survey{session: blind.own, served: drift.Capabilities{Degraded: map[string]string{"policy/v1": "down"}}}
	if survey.kindIsGone(e.ctx, entries[0].ID) {
		t.Error("a group that does not answer lacks nothing")
	}
}
