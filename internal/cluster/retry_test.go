package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

const (
	busy       = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"TooManyRequests","code":429,"message":"too many requests, please try again later"}`
	notReady   = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"TooManyRequests","code":429,"message":"storage is (re)initializing","details":{"retryAfterSeconds":1}}`
	slowEtcd   = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Timeout","code":504,"message":"etcdserver: request timed out"}`
	conversion = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"InternalError","code":500,"message":"conversion webhook for a.example.com/v1, Kind=A failed: service \"none\" not found"}`
)

// TestRetriesAreBounded: what will not get better is asked for once, a server that is
// busy is waited for as long as makes sense, and its words are heard in either case.
func TestRetriesAreBounded(t *testing.T) {
	e := newEnv(t)
	for _, c := range []struct {
		why        string
		code       int
		body       string
		retryAfter string
		requests   int
		says       string
	}{
		{"storage gave up after its whole timeout", 504, slowEtcd, "", 1, "etcdserver: request timed out"},
		{"and says when to come again", 504, slowEtcd, "1", 1, "etcdserver: request timed out"},
		{"a conversion webhook is down", 500, conversion, "", 1, `service "none" not found`},
		{"an admission webhook is down", 500, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":500,"message":"failed calling webhook \"a\""}`, "", 1, "failed calling webhook"},
		{"an aggregated API is down", 503, unavailable, "", 3, "busy"},
		{"the server wants more patience than there is", 429, busy, "3600", 1, "please try again later"},
		{"throttled without a word on when to come again", 429, busy, "", 3, "please try again later"},
		{"the cache of a kind is not ready, for longer than a kind may cost", 429, notReady, "30", 2, "storage is (re)initializing"},
	} {
		lines := &wire{before: func(r *http.Request) (*http.Response, error) {
			if !isList(r) {
				return nil, nil
			}
			if r.URL.Query().Get("labelSelector") == "" {
				return answer(r, 200, emptyHeads), nil // past the cache nothing is in the way
			}
			if c.retryAfter != "" {
				return answer(r, c.code, strings.Replace(c.body, `,"details":{"retryAfterSeconds":1}`, "", 1), "Retry-After", c.retryAfter), nil
			}
			return answer(r, c.code, c.body), nil
		}}
		client := e.connect(Options{Transport: lines.wrap})
		_, err := client.own.collect(e.ctx, configMaps, "", memberSelector, nil)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.why, err)
		}
		if sent := lines.count("GET", "/configmaps"); sent != c.requests {
			t.Errorf("%s: %d requests, not %d", c.why, sent, c.requests)
		}
	}
}

// TestDiscoveryDoesNotWaitInSilence: what client-go would make of this is a timeout.
func TestDiscoveryDoesNotWaitInSilence(t *testing.T) {
	e := newEnv(t)
	lines := &wire{before: func(r *http.Request) (*http.Response, error) {
		if r.URL.Path != "/apis" {
			return nil, nil
		}
		return answer(r, 429, busy, "Retry-After", "3600"), nil
	}}
	_, err := e.connect(Options{Transport: lines.wrap}).Capabilities(e.ctx)
	if err == nil || !strings.Contains(err.Error(), "429") || isTimeout(err) || lines.count("GET", "/apis") != 3 {
		t.Errorf("%d requests, %v", lines.count("GET", "/apis"), err)
	}
}

// TestDeadlineKeepsTheServersWords: a request that is given up says what the server
// answered before.
func TestDeadlineKeepsTheServersWords(t *testing.T) {
	e := newEnv(t)
	for _, c := range []struct {
		why  string
		then func(r *http.Request, stop func()) (*http.Response, error)
	}{
		{"while it was told to wait", func(r *http.Request, stop func()) (*http.Response, error) {
			stop()
			return answer(r, 429, busy, "Retry-After", "10"), nil
		}},
		{"between two attempts", func(r *http.Request, stop func()) (*http.Response, error) {
			stop()
			return answer(r, 503, strings.Replace(unavailable, "busy", "please try again later", 1)), nil
		}},
	} {
		ctx, stop := context.WithCancel(e.ctx)
		lines := &wire{before: func(r *http.Request) (*http.Response, error) {
			if !isList(r) {
				return nil, nil
			}
			return c.then(r, stop)
		}}
		client := e.connect(Options{Transport: lines.wrap})
		_, err := client.own.collect(ctx, configMaps, "", memberSelector, nil)
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "please try again later") {
			t.Errorf("%s: %v", c.why, err)
		}
		stop()
	}
	n := 0
	lines := &wire{before: func(r *http.Request) (*http.Response, error) {
		if !isList(r) {
			return nil, nil
		}
		if n++; n == 1 {
			return answer(r, 503, unavailable), nil
		}
		return nil, context.DeadlineExceeded
	}}
	_, err := e.connect(Options{Transport: lines.wrap}).own.collect(e.ctx, configMaps, "", memberSelector, nil)
	if !isTimeout(err) || !strings.Contains(err.Error(), "busy") {
		t.Errorf("an attempt that got no answer: %v", err)
	}
}

// TestConversionWebhookThatIsDown: the kind's objects are unreadable, for the reason that
// the server itself gives, at once; nothing else is the worse for it.
func TestConversionWebhookThatIsDown(t *testing.T) {
	e := newEnv(t)
	admin := e.connect(Options{})
	group := e.ns + ".example.com"
	crd := e.object(crdManifest(group, "v1", "v2"))
	t.Cleanup(func() { e.remove(crd.ID, "v1") })
	e.apply(admin, crd)
	if err := admin.AwaitCRD(e.ctx, drift.App{}, crd.ID.Name); err != nil {
		t.Fatal(err)
	}
	thing := func(version string) drift.Object {
		return e.member(admin, "cart", fmt.Sprintf("{apiVersion: %s/%s, kind: Thing, metadata: {name: a, namespace: NS}, spec: {size: 3}}", group, version))
	}
	stored := e.apply(admin, thing("v1"))
	e.patch(crd.ID, "v1", "kubectl", `{spec: {conversion: {strategy: Webhook, webhook: {conversionReviewVersions: [v1], clientConfig: {service: {name: none, namespace: default}}}}}}`)
	const cause = `service "none" not found`
	_, err := poll(e.ctx, func() (struct{}, bool, error) { // until the API server goes by the changed CRD
		o := admin.Get(e.ctx, drift.App{}, thing("v2").ID, "v2")
		return struct{}{}, o.State == drift.Unreadable && strings.Contains(o.Err.Error(), cause), nil
	})
	if err != nil {
		t.Fatal(err)
	}

	settings := e.member(admin, "cart", configMap("settings"))
	e.apply(admin, settings)
	row := drift.Row{UID: uidOf(stored), Version: versionOf(stored), Proof: true}
	for _, c := range []struct {
		why    string
		belief drift.Belief
	}{
		{"listed whole", drift.Belief{}},
		{"listed by heads", drift.Belief{Trust: drift.TrustMemo}},
	} {
		lines := &wire{}
		client := e.connect(Options{Transport: lines.wrap})
		want := drift.Want{App: drift.App{Name: "cart"}, PartOf: client.PartOf("cart"), Belief: c.belief,
			Objects: []drift.Object{thing("v2"), settings}, Rows: []drift.Row{row, {}}, Inventory: drift.Inventory{Known: true,
				Entries: []drift.Entry{{ID: thing("v2").ID, Version: "v1", UID: uidOf(stored)}}}}
		seen := e.observe(client, want)
		if o := seen.Objects[0]; o.State != drift.Unreadable || !strings.Contains(o.Err.Error(), cause) {
			t.Errorf("%s: state %v, %v", c.why, o.State, o.Err)
		}
		if o := seen.Objects[1]; o.State != drift.Present {
			t.Errorf("%s: another kind: state %v, %v", c.why, o.State, o.Err)
		}
		if len(seen.Problems) != 1 || !strings.Contains(seen.Problems[0].Message, cause) || !strings.Contains(seen.Problems[0].Hint, "conversion webhook") {
			t.Errorf("%s: problems %+v", c.why, seen.Problems)
		}
		if sent := lines.count("GET", "/things"); sent > 2 {
			t.Errorf("%s: %d requests for a kind that cannot be read", c.why, sent)
		}
	}
}
