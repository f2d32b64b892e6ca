package cluster

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv"
)

// container makes a namespace that app shop owns, and removes it in the end.
func (e *env) container(client *Client) (drift.ID, map[string]any) {
	e.Helper()
	name := e.ns + "-held"
	object := e.object("{apiVersion: v1, kind: Namespace, metadata: {name: " + name + "}}")
	object.Manifest["metadata"].(map[string]any)["labels"] = map[string]any{partOfLabel: client.PartOf("shop")}
	live := e.apply(client, object)
	e.Cleanup(func() { e.remove(object.ID, "v1") })
	return object.ID, live
}

// occupied asks until there is an answer: kinds of other tests come and go, and
// while one does, what a namespace holds is not known.
func (e *env) occupied(client *Client, app drift.App, id drift.ID, live map[string]any) string {
	e.Helper()
	for {
		reason, err := client.Occupied(e.ctx, app, id, live)
		if err == nil {
			return reason
		}
		if e.ctx.Err() != nil || !errors.Is(err, drift.ErrNotServed) {
			e.Fatal(err)
		}
	}
}

func TestOccupiedNamespace(t *testing.T) {
	for _, c := range []struct {
		why  string
		fill func(e *env, client *Client, namespace string)
		want string // in the answer; "" is nothing foreign
	}{
		{"empty but for what every namespace has", func(*env, *Client, string) {}, ""},
		{"what the owner applied, with what controllers made of it", func(e *env, client *Client, namespace string) {
			for _, manifest := range []string{webManifest, serviceManifest} {
				e.apply(client, e.member(client, "shop", strings.ReplaceAll(manifest, "namespace: NS", "namespace: "+namespace)))
			}
			// No owner reference ties the Endpoints to anything; the Service's slices
			// come with them.
			endpoints := drift.ID{Kind: "Endpoints", Namespace: namespace, Name: "web"}
			deployment := drift.ID{Group: "apps", Kind: "Deployment", Namespace: namespace, Name: "web"}
			_, err := poll(e.ctx, func() (struct{}, bool, error) {
				pods, _, _ := unstructured.NestedFieldNoCopy(client.Get(e.ctx, drift.App{}, deployment, "v1").Live, "status", "readyReplicas")
				return struct{}{}, pods != nil && client.Get(e.ctx, drift.App{}, endpoints, "v1").State == drift.Present, nil
			})
			if err != nil {
				e.Fatal(err)
			}
		}, ""},
		{"somebody's object", func(e *env, _ *Client, namespace string) {
			e.create("{apiVersion: v1, kind: ConfigMap, metadata: {name: theirs, namespace: " + namespace + "}}")
		}, "ConfigMap theirs"},
		{"another app's object", func(e *env, client *Client, namespace string) {
			e.apply(client, e.member(client, "other", "{apiVersion: v1, kind: ConfigMap, metadata: {name: others, namespace: "+namespace+"}}"))
		}, "ConfigMap others"},
		{"somebody's object that carries a copy of the label", func(e *env, client *Client, namespace string) {
			e.create("{apiVersion: v1, kind: ConfigMap, metadata: {name: copy, namespace: " + namespace + ", labels: {" + partOfLabel + ": " + client.PartOf("shop") + "}}}")
		}, "ConfigMap copy"},
		{"a kind that came after the client looked", func(e *env, client *Client, namespace string) {
			if _, err := client.Capabilities(e.ctx); err != nil {
				e.Fatal(err)
			}
			group := e.ns + ".occupied.example.com"
			crd := e.object(crdManifest(group, "v1"))
			e.apply(e.admin, crd)
			e.Cleanup(func() { e.remove(crd.ID, "v1") })
			if err := e.admin.AwaitCRD(e.ctx, drift.App{}, crd.ID.Name); err != nil {
				e.Fatal(err)
			}
			e.create("{apiVersion: " + group + "/v1, kind: Thing, metadata: {name: t, namespace: " + namespace + "}}")
		}, "Thing t"},
	} {
		t.Run(c.why, func(t *testing.T) {
			e := newEnv(t)
			client := e.connect(Options{})
			id, live := e.container(client)
			c.fill(e, client, id.Name)
			got := e.occupied(client, drift.App{Name: "shop"}, id, live)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("occupied by %q, want %q", got, c.want)
			}
		})
	}
}

func TestOccupiedCRD(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	group := e.ns + ".crd.example.com"
	crd := e.member(client, "shop", crdManifest(group, "v1"))
	live := e.apply(client, crd)
	e.Cleanup(func() { e.remove(crd.ID, "v1") })
	if err := client.AwaitCRD(e.ctx, drift.App{}, crd.ID.Name); err != nil {
		t.Fatal(err)
	}
	shop := drift.App{Name: "shop"}
	if got := e.occupied(client, shop, crd.ID, live); got != "" {
		t.Errorf("nothing of the kind exists, and it is occupied by %q", got)
	}
	e.apply(client, e.member(client, "shop", "{apiVersion: "+group+"/v1, kind: Thing, metadata: {name: ours, namespace: NS}}"))
	if got := e.occupied(client, shop, crd.ID, live); got != "" {
		t.Errorf("the app's own object occupies it: %q", got)
	}
	e.create("{apiVersion: " + group + "/v1, kind: Thing, metadata: {name: theirs, namespace: " + e.state + "}}")
	if got := e.occupied(client, shop, crd.ID, live); !strings.Contains(got, "Thing theirs") {
		t.Errorf("occupied by %q, want Thing theirs of another namespace", got)
	}
}

// What cannot be read is not empty.
func TestOccupiedUnknown(t *testing.T) {
	e := newEnv(t)
	down := &wire{before: func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "-held/pods") {
			return nil, errors.New("connection refused")
		}
		return nil, nil
	}}
	client := e.connect(Options{Transport: down.wrap})
	id, live := e.container(client)
	if reason, err := client.Occupied(e.ctx, drift.App{}, id, live); err == nil {
		t.Errorf("a kind cannot be listed, and the namespace counts as occupied by %q", reason)
	}
	user := "blind-" + e.ns
	e.allow(user, "", `[{apiGroups: [""], resources: [configmaps], verbs: [list]}]`)
	blind := e.connectAs(user, Options{})
	if reason, err := blind.Occupied(e.ctx, drift.App{}, id, live); !errors.Is(err, drift.ErrForbidden) && !errors.Is(err, drift.ErrNotServed) {
		t.Errorf("without the right to list: %q, %v", reason, err)
	}
}

// An API that is down may hold anything in any namespace.
func TestOccupiedWhileAnAPIIsDown(t *testing.T) {
	e := newEnvOn(t, testenv.Own(t, testenv.Options{}))
	client := e.connect(Options{})
	id, live := e.container(client)
	e.create(`{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.nowhere.example.com}, spec: {group: nowhere.example.com, version: v1,
		groupPriorityMinimum: 1000, versionPriority: 15, insecureSkipTLSVerify: true, service: {name: nobody, namespace: NS}}}`)
	for {
		served, err := client.Capabilities(e.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(served.Degraded) > 0 {
			break
		}
	}
	if reason, err := client.Occupied(e.ctx, drift.App{}, id, live); err == nil || !strings.Contains(err.Error(), "not available") {
		t.Errorf("%q, %v", reason, err)
	}
}
