package cluster

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// A search for lost objects that could not look everywhere says so; a first run
// has nothing to look for.
func TestRebuildThatCannotSeeEverything(t *testing.T) {
	const (
		objects    = `{apiGroups: [""], resources: [configmaps], verbs: [get, list, create, patch]}`
		namespaces = `{apiGroups: [""], resources: [namespaces], verbs: [get, list]}`
		state      = `{apiGroups: [""], resources: [configmaps], verbs: [get, list, create, patch]}`
	)
	stray := func(e *env, client *Client) { e.apply(e.admin, e.member(client, "shop", configMap("stray"))) }
	remembers := func(state drift.AppState) func(*env, *Client) {
		return func(e *env, _ *Client) {
			if err := e.admin.SaveState(e.ctx, "shop", state); err != nil {
				e.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		why     string
		before  func(e *env, client *Client)
		app     drift.App
		known   bool
		local   bool   // the identity's rights are of the namespace only
		failing string // requests for paths with this end answer 503
		gaps    []string
		none    []string
		// problem is in one of them; "" where there are none
		problem string
	}{
		{why: "a first run with few rights"},
		{why: "a run that only alerted before", before: remembers(drift.AppState{Incidents: map[string]drift.Incident{"x": {}}, LastApplied: drift.AppliedRevision{Commit: "c"}})},
		{why: "a first run in one namespace", local: true},
		{why: "a first run while an API fails", failing: "/services", problem: "listing Service"},
		{why: "the inventory is known", known: true, before: stray},
		{why: "an object is there", before: stray, problem: `cannot list resource "services"`,
			gaps: []string{"Service", "Deployment.apps", "ClusterRole.rbac.authorization.k8s.io"},
			none: []string{"ConfigMap", "Namespace", "Secret", "Event", "Event.events.k8s.io", "ComponentStatus", "SelfSubjectReview.authentication.k8s.io"}},
		{why: "an object is there, and the app manages Secrets", before: stray, app: drift.App{Secrets: drift.SecretsManage},
			gaps: []string{"Secret"}, problem: `cannot list resource "secrets"`},
		{why: "nothing that answers tells of an earlier write", before: stray, failing: "/configmaps", problem: "listing ConfigMap"},
		{why: "the state remembers an object", before: remembers(drift.AppState{Rows: map[string]drift.Row{"ConfigMap x": {UID: "u"}}}),
			gaps: []string{"Service"}, none: []string{"ConfigMap"}, problem: `cannot list resource "services"`},
		{why: "the state remembers a write, and an API fails", before: remembers(drift.AppState{Rows: map[string]drift.Row{"ConfigMap x": {UID: "u"}}}),
			failing: "/configmaps", gaps: []string{"ConfigMap", "Service"}, problem: "listing ConfigMap"},
		{why: "the state is damaged", before: func(e *env, client *Client) {
			remembers(drift.AppState{})(e, client)
			e.patch(drift.ID{Kind: "ConfigMap", Namespace: e.state, Name: "killick-state-shop"}, "v1", "kubectl-edit", `{binaryData: {state.json.gz: "AAAA"}}`)
		}, gaps: []string{"Service"}, problem: `cannot list resource "services"`},
		{why: "an object is there, and other namespaces are closed", local: true, before: stray,
			gaps: []string{"ConfigMap", "Service"}, problem: `cannot list resource "configmaps"`},
	} {
		t.Run(c.why, func(t *testing.T) {
			e := newEnv(t)
			user := "rebuilder-" + e.ns
			if c.local {
				e.allow(user, "", "["+namespaces+"]")
				e.allow(user, e.ns, "["+objects+"]")
			} else {
				e.allow(user, "", "["+objects+","+namespaces+"]")
			}
			e.allow(user, e.state, "["+state+"]")
			lines := &wire{}
			client := e.connectAs(user, Options{Transport: lines.wrap})
			if c.before != nil {
				c.before(e, client)
			}
			inventory, _, err := client.Load(e.ctx, "shop")
			if err != nil {
				t.Fatal(err)
			}
			lines.before = func(r *http.Request) (*http.Response, error) {
				if c.failing != "" && strings.HasSuffix(r.URL.Path, c.failing) {
					return answer(r, 503, unavailable), nil
				}
				return nil, nil
			}
			c.app.Name, inventory.Known = "shop", c.known
			seen := e.observe(client, drift.Want{App: c.app, PartOf: client.PartOf("shop"), Inventory: inventory,
				Objects: []drift.Object{e.object(configMap("a"))}})
			for _, kind := range c.gaps {
				if !slices.Contains(seen.RebuildIncomplete, kind) {
					t.Errorf("%s is not among what could not be looked through: %q", kind, seen.RebuildIncomplete)
				}
			}
			for _, kind := range c.none {
				if slices.Contains(seen.RebuildIncomplete, kind) {
					t.Errorf("%s is among what could not be looked through", kind)
				}
			}
			if len(c.gaps) == 0 && len(seen.RebuildIncomplete) > 0 {
				t.Errorf("not looked through: %q", seen.RebuildIncomplete)
			}
			if c.problem == "" && len(seen.Problems) > 0 || !strings.Contains(fmt.Sprint(seen.Problems), c.problem) {
				t.Errorf("problems %v, want one about %q", seen.Problems, c.problem)
			}
			told := map[string]bool{}
			for _, problem := range seen.Problems {
				if told[problem.Message] {
					t.Errorf("said twice: %s", problem.Message)
				}
				told[problem.Message] = true
			}
		})
	}
}

// Who may read everything finds everything.
func TestRebuildOfAnAdministrator(t *testing.T) {
	e := newEnv(t)
	setup := e.connect(Options{})
	e.apply(setup, e.member(setup, "shop", serviceManifest))
	// Kinds of other tests may be going just now, so it may take a few looks.
	_, err := poll(e.ctx, func() (struct{}, bool, error) {
		client := e.connect(Options{})
		seen := e.observe(client, drift.Want{App: drift.App{Name: "shop"}, PartOf: client.PartOf("shop")})
		if !slices.ContainsFunc(seen.Labelled, func(o drift.Observation) bool { return o.ID.GroupKind() == "Service" }) {
			t.Error("the Service was not found by its label")
		}
		return struct{}{}, len(seen.RebuildIncomplete) == 0 && len(seen.Problems) == 0, nil
	})
	if err != nil {
		t.Error(err)
	}
}

// An API that does not answer may hold members, unless it only measures.
func TestRebuildWhileAPIsAreDown(t *testing.T) {
	down := map[string]string{"things.example.com/v1": "no endpoints", "metrics.k8s.io/v1beta1": "no endpoints", "external.metrics.k8s.io/v1beta1": "no endpoints"}
	s := &survey{served: drift.Capabilities{Degraded: down}}
	want := drift.Want{App: drift.App{Name: "shop"}}
	for _, c := range []struct {
		why   string
		known bool
		wrote bool
		kinds []string
	}{
		{"the inventory is lost", false, true, []string{"everything of things.example.com/v1"}},
		{"the inventory is known", true, true, nil},
		{"a first run", false, false, nil},
	} {
		want.Inventory.Known = c.known
		gaps := s.rebuildGaps(t.Context(), want, c.wrote)
		if diff := cmp.Diff(c.kinds, gaps.kinds); diff != "" || len(gaps.problems) != len(c.kinds) {
			t.Errorf("%s: problems %v, kinds (-want +got):\n%s", c.why, gaps.problems, diff)
		}
	}
}
