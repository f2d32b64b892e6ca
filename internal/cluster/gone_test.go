package cluster

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// withoutGroup takes a group out of aggregated discovery, as an API server answers that
// has not yet filled it in. The documents of single groups stay.
func withoutGroup(t *testing.T, group string) func(*http.Request, *http.Response) (*http.Response, error) {
	return func(r *http.Request, served *http.Response) (*http.Response, error) {
		if r.URL.Path != "/apis" || !strings.Contains(r.Header.Get("Accept"), "APIGroupDiscoveryList") {
			return served, nil
		}
		body, err := io.ReadAll(served.Body)
		if err != nil {
			return nil, err
		}
		var list map[string]any
		if err := json.Unmarshal(body, &list); err != nil {
			t.Errorf("discovery is no JSON: %v", err)
		}
		groups, _ := list["items"].([]any)
		list["items"] = slices.DeleteFunc(groups, func(one any) bool { return text(one.(map[string]any), "metadata", "name") == group })
		if body, err = json.Marshal(list); err != nil {
			return nil, err
		}
		served.Body, served.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		served.Header.Del("Content-Length")
		return served, nil
	}
}

// TestStaleDiscovery: what aggregated discovery lacks is not gone: an object that left Git
// stays in the inventory, nobody's replicas are taken for their own, and a namespace is not
// taken for empty.
func TestStaleDiscovery(t *testing.T) {
	e := newEnv(t)
	entry := func(object drift.Object) drift.Entry {
		return drift.Entry{ID: object.ID, Version: object.Version, UID: uidOf(e.live(object))}
	}
	budget := e.object("{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: a, namespace: NS}, spec: {selector: {matchLabels: {a: b}}}}")
	e.apply(e.admin, budget)
	group := e.ns + ".gone.example.com"
	crd := e.object(crdManifest(group, "v1"))
	t.Cleanup(func() { e.remove(crd.ID, "v1") })
	e.apply(e.admin, crd)
	if err := e.admin.AwaitCRD(e.ctx, drift.App{}, crd.ID.Name); err != nil {
		t.Fatal(err)
	}
	thing := e.object("{apiVersion: " + group + "/v1, kind: Thing, metadata: {name: a, namespace: NS}, spec: {size: 3}}")
	e.apply(e.admin, thing)
	for _, c := range []struct {
		why   string
		group string
		entry drift.Entry
	}{
		{"a built-in kind", "policy", entry(budget)},
		{"a kind of a CRD", group, entry(thing)},
	} {
		lines := &wire{after: withoutGroup(t, c.group)}
		client := e.connect(Options{Transport: lines.wrap})
		seen := e.observe(client, drift.Want{App: drift.App{Name: "shop"}, Inventory: drift.Inventory{Known: true, Entries: []drift.Entry{c.entry}}})
		if o := seen.Extras[0]; o.State != drift.Unreadable || o.Err == nil {
			t.Errorf("%s: state %v, %v", c.why, o.State, o.Err)
		}
		namespace := drift.ID{Kind: "Namespace", Name: e.ns}
		held, err := client.Occupied(e.ctx, drift.App{}, namespace, e.live(drift.Object{ID: namespace, Version: "v1"}))
		if err == nil || !strings.Contains(err.Error(), "discovery lacks \""+c.group+"/v1\"") {
			t.Errorf("%s: the namespace holds %q, %v", c.why, held, err)
		}
	}
	lines := &wire{after: withoutGroup(t, "autoscaling")}
	client := e.connect(Options{Transport: lines.wrap})
	web := e.object("{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: NS}, spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: c}]}}}}")
	seen := e.observe(client, drift.Want{App: drift.App{Name: "shop"}, Objects: []drift.Object{web}, Inventory: drift.Inventory{Known: true}})
	if o := seen.Objects[0]; len(o.Incomplete) != 1 || !strings.Contains(o.Incomplete[0], "HorizontalPodAutoscaler") || len(seen.Problems) != 1 {
		t.Errorf("whether it is autoscaled: %q, %+v", o.Incomplete, seen.Problems)
	}
}
