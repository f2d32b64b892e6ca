package cluster

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// env is one test's part of the shared control plane: two namespaces of its own
// and an administrator's way in, for fixtures.
type env struct {
	*testing.T
	ctx    context.Context
	config *rest.Config
	admin  *Client
	ns     string // for objects
	state  string // Killick's own
}

func newEnv(t *testing.T) *env {
	t.Helper()
	return newEnvOn(t, testenv.Cluster(t))
}

func newEnvOn(t *testing.T, cluster *testenv.ControlPlane) *env {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	e := &env{T: t, ctx: ctx, config: cluster.RESTConfig(), ns: cluster.NewNamespace(t), state: cluster.NewNamespace(t)}
	e.admin = e.connect(Options{})
	e.patch(drift.ID{Kind: "Namespace", Name: e.ns}, "v1", "kubectl-label", "{metadata: {labels: {team: shop}}}")
	return e
}

// connect makes a client as administrator.
func (e *env) connect(options Options) *Client {
	e.Helper()
	return e.connectAs("", options)
}

// connectAs makes a client whose own identity is the given user.
func (e *env) connectAs(user string, options Options) *Client {
	e.Helper()
	config := rest.CopyConfig(e.config)
	config.Impersonate.UserName = user
	options.StateNamespace = e.state
	options.Version = "test"
	client, err := connect(e.ctx, config, options)
	if err != nil {
		e.Fatal(err)
	}
	return client
}

// object reads a manifest; "namespace: NS" stands for the test's namespace.
func (e *env) object(manifest string) drift.Object {
	e.Helper()
	content := tree(e.T, strings.ReplaceAll(manifest, "namespace: NS", "namespace: "+e.ns))
	group, version, err := drift.ParseAPIVersion(text(content, "apiVersion"))
	if err != nil {
		e.Fatal(err)
	}
	return drift.Object{Version: version, Manifest: content, ID: drift.ID{Group: group, Kind: text(content, "kind"),
		Namespace: text(content, "metadata", "namespace"), Name: text(content, "metadata", "name")}}
}

// members are objects labelled as members of an app.
func (e *env) member(client *Client, app, manifest string) drift.Object {
	e.Helper()
	object := e.object(manifest)
	labels := map[string]any{partOfLabel: client.PartOf(app)}
	for name, value := range branch(object.Manifest, "metadata", "labels") {
		labels[name] = value
	}
	object.Manifest["metadata"].(map[string]any)["labels"] = labels
	return object
}

// apply writes an object as Killick does, whatever is there.
func (e *env) apply(client *Client, object drift.Object) map[string]any {
	e.Helper()
	seen := client.Get(e.ctx, drift.App{}, object.ID, object.Version)
	stored, err := client.Apply(e.ctx, drift.ApplyRequest{Object: object, UID: uidOf(seen.Live), ResourceVersion: versionOf(seen.Live)})
	if err != nil {
		e.Fatal(err)
	}
	return stored
}

// create makes an object as somebody else would.
func (e *env) create(manifest string) map[string]any {
	e.Helper()
	object := e.object(manifest)
	of, err := e.admin.resource(e.ctx, object.Kind())
	if err != nil {
		e.Fatal(err)
	}
	where, err := of.path(object.ID.Namespace)
	if err != nil {
		e.Fatal(err)
	}
	return e.send(http.MethodPost, where, "kubectl-create", "application/json", object.Manifest)
}

// patch edits an object as somebody else would: a merge patch by a manager.
func (e *env) patch(id drift.ID, version, manager, change string) map[string]any {
	e.Helper()
	of, err := e.admin.resource(e.ctx, drift.Kind{Group: id.Group, Version: version, Kind: id.Kind})
	if err != nil {
		e.Fatal(err)
	}
	where, err := of.object(id.Namespace, id.Name)
	if err != nil {
		e.Fatal(err)
	}
	sort := "application/merge-patch+json"
	if manager == "kubectl-edit-strategic" {
		sort = "application/strategic-merge-patch+json"
	}
	return e.send(http.MethodPatch, where, manager, sort, tree(e.T, change))
}

func (e *env) remove(id drift.ID, version string) {
	e.Helper()
	of, err := e.admin.resource(e.ctx, drift.Kind{Group: id.Group, Version: version, Kind: id.Kind})
	if err != nil {
		e.Fatal(err)
	}
	where, err := of.object(id.Namespace, id.Name)
	if err != nil {
		e.Fatal(err)
	}
	e.send(http.MethodDelete, where, "kubectl", "application/json", map[string]any{"apiVersion": "v1", "kind": "DeleteOptions"})
}

func (e *env) send(verb, where, manager, contentType string, content any) map[string]any {
	e.Helper()
	body, err := encode(content)
	if err != nil {
		e.Fatal(err)
	}
	query := values("fieldManager", manager)
	if verb == http.MethodDelete {
		query = nil
	}
	answer, err := e.admin.own.send(e.ctx, request{verb: verb, path: where, query: query, contentType: contentType, body: body})
	if err != nil {
		e.Fatal(err)
	}
	stored, err := decode(answer)
	if err != nil {
		e.Fatal(err)
	}
	return stored
}

// live reads an object as administrator.
func (e *env) live(object drift.Object) map[string]any {
	e.Helper()
	seen := e.admin.Get(e.ctx, drift.App{}, object.ID, object.Version)
	if seen.State != drift.Present {
		e.Fatalf("%s: state %d, %v", object.ID, seen.State, seen.Err)
	}
	return seen.Live
}

// observe asks about one app.
func (e *env) observe(client *Client, want drift.Want) drift.Seen {
	e.Helper()
	seen, err := client.Observe(e.ctx, []drift.Want{want})
	if err != nil {
		e.Fatal(err)
	}
	return seen[0]
}

// allow lets a user do something: rules as in a Role, in the namespace, or in
// the whole cluster when it is "".
func (e *env) allow(user, namespace, rules string) {
	e.Helper()
	name := fmt.Sprintf("%s-%d", e.ns, time.Now().UnixNano())
	kind, meta := "ClusterRole", "name: "+name
	if namespace != "" {
		kind, meta = "Role", "name: "+name+", namespace: "+namespace
	}
	e.create(fmt.Sprintf("{apiVersion: rbac.authorization.k8s.io/v1, kind: %s, metadata: {%s}, rules: %s}", kind, meta, rules))
	e.create(fmt.Sprintf("{apiVersion: rbac.authorization.k8s.io/v1, kind: %sBinding, metadata: {%s}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: %s, name: %s}, subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: %q}]}",
		kind, meta, kind, name, user))
	e.granted(authorizationv1.SubjectAccessReviewSpec{User: user}, namespace, rules)
}

// granted waits until the API server's own cache has every rule.
func (e *env) granted(who authorizationv1.SubjectAccessReviewSpec, namespace, rules string) {
	e.Helper()
	var all []rbacv1.PolicyRule
	if err := yaml.Unmarshal([]byte(rules), &all); err != nil {
		e.Fatal(err)
	}
	for _, rule := range all {
		who.ResourceAttributes = &authorizationv1.ResourceAttributes{
			Group: rule.APIGroups[0], Resource: rule.Resources[0], Verb: rule.Verbs[0], Namespace: namespace}
		if len(rule.ResourceNames) > 0 {
			who.ResourceAttributes.Name = rule.ResourceNames[0]
		}
		review := &authorizationv1.SubjectAccessReview{Spec: who}
		_, err := poll(e.ctx, func() (struct{}, bool, error) {
			answer, err := kubernetes.NewForConfigOrDie(e.config).AuthorizationV1().SubjectAccessReviews().Create(e.ctx, review, metav1.CreateOptions{})
			return struct{}{}, err == nil && answer.Status.Allowed, err
		})
		if err != nil {
			e.Fatal(err)
		}
	}
}

// tree reads a manifest as the API server's answers are read.
func tree(t *testing.T, manifest string) map[string]any {
	t.Helper()
	body, err := yaml.YAMLToJSON([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	out, err := decode(body)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// wire is a transport that records requests and can answer in the server's
// place.
type wire struct {
	mu   sync.Mutex
	sent []string // "VERB /path?query"
	// before may answer instead of the server; after may change or lose the
	// server's answer. n counts the requests for which match holds, from 1.
	before func(r *http.Request) (*http.Response, error)
	after  func(r *http.Request, answer *http.Response) (*http.Response, error)
}

func (w *wire) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		w.mu.Lock()
		w.sent = append(w.sent, r.Method+" "+r.URL.RequestURI())
		before, after := w.before, w.after
		w.mu.Unlock()
		if before != nil {
			if answer, err := before(r); answer != nil || err != nil {
				return answer, err
			}
		}
		answer, err := next.RoundTrip(r)
		if err == nil && after != nil {
			return after(r, answer)
		}
		return answer, err
	})
}

func (w *wire) count(verb, part string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, line := range w.sent {
		if strings.HasPrefix(line, verb+" ") && strings.Contains(line, part) {
			n++
		}
	}
	return n
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
