package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// crowdOf makes many members of one app, and the memo rows that know them.
func (e *env) crowdOf(client *Client, app string, many int) drift.Want {
	e.Helper()
	want := drift.Want{App: drift.App{Name: app}, PartOf: client.PartOf(app), Inventory: drift.Inventory{Known: true},
		Belief: drift.Belief{Trust: drift.TrustMemo, Alone: true}}
	for i := range many {
		object := e.member(client, app, configMap(fmt.Sprintf("%s%02d", app[:1], i)))
		stored := e.apply(client, object)
		want.Objects = append(want.Objects, object)
		want.Rows = append(want.Rows, drift.Row{UID: uidOf(stored), Version: versionOf(stored), Proof: true})
		want.Inventory.Entries = append(want.Inventory.Entries, drift.Entry{ID: object.ID, Version: "v1", UID: uidOf(stored)})
	}
	return want
}

// TestHeads: where memo rows know nearly all objects of a kind, a list of heads is
// enough, and what it leaves open is read object by object.
func TestHeads(t *testing.T) {
	const many = 25
	var whole, heads int // LISTs of ConfigMaps
	var refuse func(*http.Request) (*http.Response, error)
	lines := &wire{before: func(r *http.Request) (*http.Response, error) {
		if r.URL.Path != "/api/v1/configmaps" {
			if refuse != nil {
				return refuse(r)
			}
			return nil, nil
		}
		if !strings.Contains(r.Header.Get("Accept"), "PartialObjectMetadataList") {
			whole++
			return nil, nil
		}
		heads++
		if refuse != nil {
			return refuse(r)
		}
		return nil, nil
	}}
	edit := func(names ...string) func(*env) {
		return func(e *env) {
			for _, name := range names {
				e.patch(drift.ID{Kind: "ConfigMap", Namespace: e.ns, Name: name}, "v1", "kubectl-edit", "{data: {a: edited}}")
			}
		}
	}
	type counts struct{ heads, whole, gets int }
	for _, c := range []struct {
		why    string
		change func(*env)
		rows   func([]drift.Row)
		refuse func(*http.Request) (*http.Response, error)
		want   counts
		seen   map[string]string // what is not known by its head alone
	}{
		{why: "nobody wrote anything", want: counts{heads: 1}},
		{why: "one was edited", change: edit("c03"), want: counts{heads: 1, gets: 1}, seen: map[string]string{"c03": "edited"}},
		{why: "one was deleted", change: func(e *env) { e.remove(drift.ID{Kind: "ConfigMap", Namespace: e.ns, Name: "c03"}, "v1") },
			want: counts{heads: 1, gets: 1}, seen: map[string]string{"c03": "absent"}},
		{why: "one lost its label", change: func(e *env) {
			e.patch(drift.ID{Kind: "ConfigMap", Namespace: e.ns, Name: "c03"}, "v1", "kubectl-label", `{metadata: {labels: {applyset.kubernetes.io/part-of: null}}}`)
		}, want: counts{heads: 1, gets: 1}, seen: map[string]string{"c03": "b"}},
		{why: "a member came that nobody wants", change: func(e *env) { e.apply(e.admin, e.member(e.admin, "cart", configMap("stray"))) },
			want: counts{heads: 1, gets: 1}, seen: map[string]string{"stray": "b"}},
		{why: "another app's members are its own", change: func(e *env) { e.apply(e.admin, e.member(e.admin, "other", configMap("theirs"))) },
			want: counts{heads: 1}},
		{why: "many were edited", change: edit("c01", "c02", "c03"),
			want: counts{heads: 1, whole: 1}, seen: map[string]string{"c01": "edited", "c02": "edited", "c03": "edited"}},
		{why: "many rows know nothing", rows: func(rows []drift.Row) { clear(rows[:3]) },
			want: counts{whole: 1}, seen: map[string]string{"c00": "b", "c01": "b", "c02": "b"}},
		{why: "the health of some changes with time", rows: func(rows []drift.Row) { rows[4].Aging = true },
			want: counts{heads: 1, gets: 1}, seen: map[string]string{"c04": "b"}},
		{why: "a member that came cannot be read: the list tells", change: func(e *env) { e.apply(e.admin, e.member(e.admin, "cart", configMap("stray"))) },
			refuse: func(r *http.Request) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, "/stray") {
					return answer(r, 403, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"User \"u\" cannot get resource"}`), nil
				}
				return nil, nil
			}, want: counts{heads: 1, whole: 1, gets: 1}, seen: map[string]string{"stray": "b"}},
		{why: "the server has no lists of heads", refuse: func(r *http.Request) (*http.Response, error) {
			if r.URL.Path != "/api/v1/configmaps" {
				return nil, nil
			}
			return answer(r, 406, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotAcceptable","code":406,"message":"only the following media types are accepted: application/json"}`), nil
		}, want: counts{heads: 1, whole: 1}},
		{why: "it knows no such form of answer at all", refuse: func(r *http.Request) (*http.Response, error) {
			if r.URL.Path != "/api/v1/configmaps" {
				return nil, nil
			}
			return answer(r, 200, `{"items": []}`), nil
		}, want: counts{heads: 1, whole: 1}},
		{why: "the server sends whole objects all the same", refuse: func(r *http.Request) (*http.Response, error) {
			r.Header.Set("Accept", "application/json")
			return nil, nil
		}, want: counts{heads: 1, whole: 1}},
	} {
		t.Run(c.why, func(t *testing.T) {
			e := newEnv(t)
			client := e.connect(Options{Transport: lines.wrap})
			want := e.crowdOf(client, "cart", many)
			if c.change != nil {
				c.change(e)
			}
			if c.rows != nil {
				c.rows(want.Rows)
			}
			lines.sent, heads, whole, refuse = nil, 0, 0, c.refuse
			seen := e.observe(client, want)
			got := counts{heads, whole, lines.count("GET", "/namespaces/"+e.ns+"/configmaps/")}
			if got != c.want {
				t.Errorf("sent %+v, not %+v", got, c.want)
			}
			shown := 0
			for _, o := range append(seen.Objects, seen.Labelled...) {
				says := text(o.Live, "data", "a")
				if o.State == drift.Absent {
					says = "absent"
				}
				if o.Prediction == drift.ByMemo && o.Live == nil {
					says = ""
				}
				if says != c.seen[o.ID.Name] || o.Err != nil {
					t.Errorf("%s: %v %q, not %q: %v", o.ID.Name, o.State, says, c.seen[o.ID.Name], o.Err)
				}
				if says != "" {
					shown++
				}
			}
			if shown != len(c.seen) {
				t.Errorf("%d objects were looked at, not %d", shown, len(c.seen))
			}
			if len(seen.Problems) > 0 {
				t.Errorf("problems: %v", seen.Problems)
			}
		})
	}
}

// A refusal of a list of heads is a refusal, whatever it is encoded in; and a list
// that expires between two pages starts again.
func TestHeadsThatFail(t *testing.T) {
	e := newEnv(t)
	want := e.crowdOf(e.admin, "cart", 7)
	if _, err := e.connectAs("nobody-"+e.ns, Options{}).own.heads(e.ctx, configMaps, e.ns, ""); !errors.Is(err, drift.ErrForbidden) {
		t.Errorf("forbidden: %v", err)
	}
	expired := false
	lines := &wire{before: func(r *http.Request) (*http.Response, error) {
		query := r.URL.Query()
		query.Set("limit", strconv.Itoa(3))
		r.URL.RawQuery = query.Encode()
		if query.Get("continue") != "" && !expired {
			expired = true
			return answer(r, 410, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410,"message":"too old"}`), nil
		}
		return nil, nil
	}}
	client := e.connect(Options{Transport: lines.wrap})
	heads, err := client.own.heads(e.ctx, configMaps, e.ns, memberSelector)
	if err != nil || len(heads) != len(want.Objects) || !expired {
		t.Errorf("%d heads of %d, expired %v: %v", len(heads), len(want.Objects), expired, err)
	}
	lines.before = nil
	lines.after = func(_ *http.Request, answer *http.Response) (*http.Response, error) {
		body, err := io.ReadAll(answer.Body)
		answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body[:len(body)/2])), int64(len(body)/2)
		return answer, err
	}
	if heads, err := client.own.heads(e.ctx, configMaps, e.ns, memberSelector); err == nil {
		t.Errorf("half an answer was read as %d heads", len(heads))
	}
}

// Custom resources have heads too, at every served version.
func TestHeadsOfCustomResources(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	group := e.ns + ".example.com"
	crd := e.object(crdManifest(group, "v1", "v2"))
	t.Cleanup(func() { e.remove(crd.ID, "v1") })
	e.apply(client, crd)
	if err := client.AwaitCRD(e.ctx, drift.App{}, crd.ID.Name); err != nil {
		t.Fatal(err)
	}
	stored := e.apply(client, e.member(client, "cart", fmt.Sprintf("{apiVersion: %s/v1, kind: Thing, metadata: {name: a, namespace: NS}, spec: {size: 3}}", group)))
	for _, version := range []string{"v1", "v2"} {
		of, err := client.resource(e.ctx, drift.Kind{Group: group, Version: version, Kind: "Thing"})
		if err != nil {
			t.Fatal(err)
		}
		heads, err := client.own.heads(e.ctx, of, "", memberSelector)
		if err != nil || len(heads) != 1 {
			t.Fatalf("%s: %d heads, %v", version, len(heads), err)
		}
		got := heads[0].as("", of.Kind)
		want := drift.Head{ID: drift.ID{Group: group, Kind: "Thing", Namespace: e.ns, Name: "a"}, UID: uidOf(stored), Version: versionOf(stored)}
		if got != want || heads[0].partOf != client.PartOf("cart") {
			t.Errorf("%s: %+v of %q, not %+v", version, got, heads[0].partOf, want)
		}
	}
}

// record is what a run that left these apps in sync, by service account, would write.
func (e *env) record(client *Client, wants map[string]drift.Want) drift.Record {
	e.Helper()
	record := drift.Record{Standing: &drift.Standing{Kinds: map[string][]drift.Kind{}}}
	var heads []drift.Head
	for account, want := range wants {
		record.Apps = append(record.Apps, drift.RecordedApp{Report: drift.ReportApp{Name: want.App.Name}, ServiceAccount: account})
		record.Standing.Kinds[account] = []drift.Kind{configMaps.Kind}
		for i, object := range want.Objects {
			head, ok := want.Rows[i].Head(account, object.ID)
			if !ok {
				e.Fatal("the row has no head")
			}
			heads = append(heads, head)
		}
	}
	record.Standing.Objects, record.Standing.State = drift.DigestOf(heads), client.StateDigest(record)
	return record
}

// Each identity sees the objects of its own apps.
func TestStandsByIdentity(t *testing.T) {
	e := newEnv(t)
	account := e.ns + "/deployer"
	e.allow("system:serviceaccount:"+e.ns+":deployer", "", `[{apiGroups: [""], resources: [configmaps], verbs: [list]}]`)
	shop, blog := e.crowdOf(e.admin, "shop", 2), e.crowdOf(e.admin, "blog", 3)
	record := e.record(e.admin, map[string]drift.Want{"": shop, account: blog})
	if !e.connect(Options{}).Stands(e.ctx, record) {
		t.Error("nothing happened, and it does not stand")
	}
	e.patch(blog.Objects[1].ID, "v1", "kubectl-edit", "{data: {a: c}}")
	if e.connect(Options{}).Stands(e.ctx, record) {
		t.Error("what another identity sees was edited, and it stands")
	}
}

// TestStands: what a run left is recognised by heads alone, and anything that
// happened to an object of ours, or to our own state, shows.
func TestStands(t *testing.T) {
	settings := drift.ID{Kind: "ConfigMap", Name: "c03"}
	for _, c := range []struct {
		why    string
		change func(*env, *drift.Record)
		stands bool
		// unlisted: what the look needs could not be listed, or nothing was asked.
		unlisted bool
	}{
		{why: "nothing happened", stands: true},
		{why: "foreign objects do not matter", stands: true, change: func(e *env, _ *drift.Record) {
			e.apply(e.admin, e.member(e.admin, "other", configMap("theirs")))
			e.create(configMap("bare"))
		}},
		{why: "an object was edited", change: func(e *env, _ *drift.Record) {
			e.patch(drift.ID{Kind: "ConfigMap", Namespace: e.ns, Name: settings.Name}, "v1", "kubectl-edit", "{data: {a: c}}")
		}},
		{why: "edited and edited back: somebody wrote it", change: func(e *env, _ *drift.Record) {
			for _, value := range []string{"c", "b"} {
				e.patch(drift.ID{Kind: "ConfigMap", Namespace: e.ns, Name: settings.Name}, "v1", "kubectl-edit", "{data: {a: "+value+"}}")
			}
		}},
		{why: "an object is gone", change: func(e *env, _ *drift.Record) {
			e.remove(drift.ID{Kind: "ConfigMap", Namespace: e.ns, Name: settings.Name}, "v1")
		}},
		{why: "an object lost its label", change: func(e *env, _ *drift.Record) {
			e.patch(drift.ID{Kind: "ConfigMap", Namespace: e.ns, Name: settings.Name}, "v1", "kubectl-label", `{metadata: {labels: {applyset.kubernetes.io/part-of: null}}}`)
		}},
		{why: "a member came", change: func(e *env, _ *drift.Record) { e.apply(e.admin, e.member(e.admin, "cart", configMap("stray"))) }},
		{why: "the inventory was written", change: func(e *env, _ *drift.Record) {
			e.patch(drift.ID{Kind: "ConfigMap", Namespace: e.state, Name: drift.ParentName("cart")}, "v1", "kubectl-edit", "{metadata: {annotations: {a: b}}}")
		}},
		{why: "the cache is gone", change: func(e *env, _ *drift.Record) {
			e.remove(drift.ID{Kind: "ConfigMap", Namespace: e.state, Name: drift.StateName("cart")}, "v1")
		}},
		{why: "a kind is not served", unlisted: true, change: func(_ *env, record *drift.Record) {
			record.Standing.Kinds[""] = append(record.Standing.Kinds[""], drift.Kind{Group: "example.com", Version: "v1", Kind: "Nothing"})
		}},
		{why: "an account that may not list", unlisted: true, change: func(e *env, record *drift.Record) {
			record.Apps[0].ServiceAccount = e.ns + "/nobody"
			record.Standing.Kinds = map[string][]drift.Kind{e.ns + "/nobody": record.Standing.Kinds[""]}
		}},
		{why: "nothing is on record", unlisted: true, change: func(_ *env, record *drift.Record) { record.Standing = nil }},
	} {
		t.Run(c.why, func(t *testing.T) {
			e := newEnv(t)
			client := e.connect(Options{})
			want := e.crowdOf(client, "cart", 10)
			if _, _, err := client.Load(e.ctx, "cart"); err != nil {
				t.Fatal(err)
			}
			if err := client.SaveInventory(e.ctx, "cart", want.Inventory); err != nil {
				t.Fatal(err)
			}
			if err := client.SaveState(e.ctx, "cart", drift.AppState{Basis: "test"}); err != nil {
				t.Fatal(err)
			}
			record := e.record(client, map[string]drift.Want{"": want})
			if c.change != nil {
				c.change(e, &record)
			}
			lines := &wire{}
			next := e.connect(Options{Transport: lines.wrap})
			if _, err := next.Capabilities(e.ctx); err != nil {
				t.Fatal(err)
			}
			lines.sent = nil
			if stands := next.Stands(e.ctx, record); stands != c.stands {
				t.Errorf("stands: %v", stands)
			}
			if c.stands && len(lines.sent) != 2 {
				t.Errorf("asked %q, not one LIST of the kind and one of the state", lines.sent)
			}
			// What was listed is not listed again by the look that follows, and by no other.
			lists := func() int {
				lines.sent = nil
				e.observe(next, want)
				return lines.count("GET", "/api/v1/configmaps?")
			}
			kept := !c.stands && !c.unlisted
			if got := lists(); got != map[bool]int{true: 0, false: 1}[kept] {
				t.Errorf("%d LISTs to look closer: %q", got, lines.sent)
			}
			if got := lists(); got != 1 {
				t.Errorf("%d LISTs for the next look", got)
			}
			next.Stands(e.ctx, record)
			next.Forget()
			if got := lists(); got != 1 {
				t.Errorf("%d LISTs after what was kept was to be forgotten", got)
			}
			next.Stands(e.ctx, record)
			want.Belief.Alone = false
			if got := lists(); got != 1 {
				t.Errorf("%d LISTs for a full run: it must not use what was listed before it rendered", got)
			}
		})
	}
}

// An identity of some namespaces lists heads in each of them, and what many writes
// cost is reckoned there.
func TestHeadsInSomeNamespaces(t *testing.T) {
	e := newEnv(t)
	want := e.crowdOf(e.admin, "cart", 12)
	user := "tenant-" + e.ns
	e.allow(user, e.ns, `[{apiGroups: [""], resources: [configmaps], verbs: [get, list]}]`)
	lines := &wire{}
	client := e.connectAs(user, Options{Transport: lines.wrap})
	look := func(lists, gets int) {
		t.Helper()
		lines.sent = nil
		for _, o := range e.observe(client, want).Objects {
			if o.State != drift.Present || o.Err != nil {
				t.Errorf("%s: %v, %v", o.ID, o.State, o.Err)
			}
		}
		collection := "/api/v1/namespaces/" + e.ns + "/configmaps"
		if n, m := lines.count("GET", collection+"?"), lines.count("GET", collection+"/"); n != lists || m != gets {
			t.Errorf("%d LISTs and %d GETs, not %d and %d", n, m, lists, gets)
		}
	}
	look(1, 0)
	edit := func(i int) { e.patch(want.Objects[i].ID, "v1", "kubectl-edit", "{data: {a: edited}}") }
	edit(3)
	look(1, 1)
	// Many objects elsewhere make it no cheaper to read two of twelve.
	for i := range 40 {
		elsewhere := want.Objects[0]
		elsewhere.ID.Namespace, elsewhere.ID.Name = e.state, fmt.Sprintf("x%d", i)
		want.Objects, want.Rows = append(want.Objects, elsewhere), append(want.Rows, drift.Row{UID: "u", Version: "1", Proof: true})
	}
	e.allow(user, e.state, `[{apiGroups: [""], resources: [configmaps], verbs: [get, list]}]`)
	edit(4)
	lines.sent = nil
	e.observe(client, want)
	if n := lines.count("GET", "/api/v1/namespaces/"+e.ns+"/configmaps?"); n != 2 {
		t.Errorf("%d LISTs where a sixth of a namespace was written", n)
	}
}
