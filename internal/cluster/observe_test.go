package cluster

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv"
)

const webManifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NS}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: example.com/web:1
        ports: [{containerPort: 80}]
        env: [{name: MODE, value: "1000m"}]
        resources: {limits: {cpu: 1000m, memory: 1024Mi}}`

const serviceManifest = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: NS}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}`

func configMap(name string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: %s, namespace: NS}, data: {a: b}}", name)
}

func TestObserveSeesEveryState(t *testing.T) {
	e := newEnv(t)
	lines := &wire{}
	client := e.connect(Options{Transport: lines.wrap})
	web := e.member(client, "shop", serviceManifest)
	e.apply(client, web)
	bare := e.member(client, "shop", configMap("bare"))
	e.create(configMap("bare")) // there, without the label
	missing := e.member(client, "shop", configMap("missing"))
	extra := e.member(client, "shop", configMap("extra"))
	e.apply(client, extra)
	stray := e.member(client, "shop", configMap("stray"))
	e.apply(client, stray)
	foreign := e.member(client, "other", configMap("foreign"))
	e.apply(client, foreign)
	want := drift.Want{App: drift.App{Name: "shop"}, PartOf: client.PartOf("shop"), Objects: []drift.Object{web, bare, missing},
		Inventory: drift.Inventory{Known: true, Entries: []drift.Entry{
			{ID: web.ID, Version: "v1"}, {ID: extra.ID, Version: "v1"},
			{ID: drift.ID{Kind: "ConfigMap", Namespace: e.ns, Name: "gone"}, Version: "v1"},
		}}}
	if _, err := client.Capabilities(e.ctx); err != nil {
		t.Fatal(err)
	}
	lines.sent = nil
	seen := e.observe(client, want)

	got := map[string]string{}
	for _, list := range [][]drift.Observation{seen.Objects, seen.Extras, seen.Labelled} {
		for _, o := range list {
			got[o.ID.Name] = fmt.Sprint(o.State, o.Prediction, o.Live != nil, o.Predicted != nil, o.NamespaceLabels["team"], o.Err)
		}
	}
	wantSeen := map[string]string{
		"web":     fmt.Sprint(drift.Present, drift.ByDryRun, true, true, "shop", nil),
		"bare":    fmt.Sprint(drift.Present, drift.ByDryRun, true, true, "shop", nil),
		"missing": fmt.Sprint(drift.Absent, drift.ByDryRun, false, true, "shop", nil),
		"extra":   fmt.Sprint(drift.Present, drift.NotPredicted, true, false, "shop", nil),
		"gone":    fmt.Sprint(drift.Absent, drift.NotPredicted, false, false, "shop", nil),
		"stray":   fmt.Sprint(drift.Present, drift.NotPredicted, true, false, "shop", nil),
	}
	if diff := cmp.Diff(wantSeen, got); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
	if len(seen.Problems) > 0 {
		t.Errorf("problems where everything could be read: %v", seen.Problems)
	}
	if n := lines.count("GET", "/api/v1/configmaps?"); n != 1 {
		t.Errorf("%d LISTs of ConfigMaps, want one for all apps", n)
	}
	if n := lines.count("GET", "/services/web"); n != 0 {
		t.Errorf("%d GETs of what the list holds", n)
	}
	if n := lines.count("PATCH", ""); n != lines.count("PATCH", "dryRun=All") || n != 3 {
		t.Errorf("%d patches, want three and every one a dry-run", n)
	}
}

// Quantities, defaults and defaulted list keys are no difference: the dry-run
// stores exactly what is there.
func TestDryRunOfUnchangedObjectsIsNoDifference(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	var objects []drift.Object
	for _, manifest := range []string{
		webManifest,
		"{apiVersion: v1, kind: Service, metadata: {name: web, namespace: NS}, spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}}",
		"{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: NS}, stringData: {password: x}}",
		"{apiVersion: batch/v1, kind: CronJob, metadata: {name: c, namespace: NS}, spec: {schedule: '* * * * *', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}}}}",
		"{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: p, namespace: NS}, spec: {maxUnavailable: 25%, selector: {matchLabels: {app: web}}}}",
		"{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h, namespace: NS}, spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}}",
	} {
		object := e.member(client, "shop", manifest)
		e.apply(client, object)
		objects = append(objects, object)
	}
	seen := e.observe(client, drift.Want{App: drift.App{Name: "shop"}, Objects: objects})
	for _, o := range seen.Objects {
		if o.Err != nil || o.Prediction != drift.ByDryRun {
			t.Errorf("%s: %v", o.ID, o.Err)
		}
		if diff := cmp.Diff(withoutBookkeeping(o.Live), withoutBookkeeping(o.Predicted)); diff != "" {
			t.Errorf("%s (-live +predicted):\n%s", o.ID, diff)
		}
		if o.Autoscaled != (o.ID.Kind == "Deployment") {
			t.Errorf("%s: autoscaled = %v", o.ID, o.Autoscaled)
		}
	}
}

func TestProofSparesTheDryRun(t *testing.T) {
	e := newEnv(t)
	lines := &wire{}
	client := e.connect(Options{Transport: lines.wrap})
	proved, other := e.member(client, "shop", configMap("proved")), e.member(client, "shop", configMap("other"))
	e.apply(client, proved)
	e.apply(client, other)
	other.Manifest["data"].(map[string]any)["new"] = "in Git"
	seen := e.observe(client, drift.Want{Objects: []drift.Object{proved, other}, Belief: drift.Belief{Trust: drift.TrustProof}})
	if seen.Objects[0].Prediction != drift.ByProof || seen.Objects[1].Prediction != drift.ByDryRun {
		t.Errorf("predictions %v, %v", seen.Objects[0].Prediction, seen.Objects[1].Prediction)
	}
	if diff := cmp.Diff(seen.Objects[0].Live, seen.Objects[0].Predicted); diff != "" {
		t.Error("a proof predicts the live object:\n" + diff)
	}
	if n := lines.count("PATCH", "/proved?dryRun"); n != 0 {
		t.Errorf("%d dry-runs of what was proved", n)
	}
}

func TestPagingAndExpiry(t *testing.T) {
	e := newEnv(t)
	setup := e.connect(Options{})
	var objects []drift.Object
	for i := range 7 {
		object := e.member(setup, "shop", configMap(fmt.Sprintf("c%d", i)))
		e.apply(setup, object)
		objects = append(objects, object)
	}
	want := drift.Want{App: drift.App{Name: "shop"}, Objects: objects}
	expire := 0
	lines := &wire{before: func(r *http.Request) (*http.Response, error) {
		// Small pages, so that seven objects need several.
		query := r.URL.Query()
		if !strings.HasSuffix(r.URL.Path, "/configmaps") {
			return nil, nil
		}
		if query.Get("continue") != "" && expire > 0 {
			expire--
			return answer(r, 410, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410,"message":"The provided continue parameter is too old"}`), nil
		}
		query.Set("limit", "3")
		r.URL.RawQuery = query.Encode()
		return nil, nil
	}}
	client := e.connect(Options{Transport: lines.wrap})
	for _, c := range []struct {
		why    string
		expire int
		state  drift.State
	}{
		{"several pages", 0, drift.Present},
		{"the second page expires, the list starts again", 1, drift.Present},
		{"it expires each time: unreadable, never absent", 100, drift.Unreadable},
	} {
		expire = c.expire
		seen := e.observe(client, want)
		for _, o := range seen.Objects {
			if o.State != c.state {
				t.Errorf("%s: %s is %v: %v", c.why, o.ID, o.State, o.Err)
			}
		}
		if (len(seen.Problems) > 0) != (c.state == drift.Unreadable) {
			t.Errorf("%s: problems %v", c.why, seen.Problems)
		}
	}
}

func TestForbiddenIsNeverAbsent(t *testing.T) {
	e := newEnv(t)
	e.create("{apiVersion: v1, kind: Secret, metadata: {name: there, namespace: NS}}")
	user := "reader-" + e.ns
	e.allow(user, "", `[{apiGroups: [""], resources: [configmaps, namespaces], verbs: [get, list, patch, create]}]`)
	client := e.connectAs(user, Options{})
	secret := e.object("{apiVersion: v1, kind: Secret, metadata: {name: there, namespace: NS}}")
	readable := e.object(configMap("free"))
	seen := e.observe(client, drift.Want{App: drift.App{Name: "shop"}, Objects: []drift.Object{secret, readable},
		Inventory: drift.Inventory{Entries: []drift.Entry{{ID: drift.ID{Kind: "Secret", Namespace: e.ns, Name: "old"}, Version: "v1"}}}})
	for _, o := range []drift.Observation{seen.Objects[0], seen.Extras[0]} {
		if o.State != drift.Unreadable || !errors.Is(o.Err, drift.ErrForbidden) {
			t.Errorf("%s: state %v, %v", o.ID, o.State, o.Err)
		}
	}
	if o := seen.Objects[1]; o.State != drift.Absent || o.Err != nil {
		t.Errorf("%s: another kind goes on: state %v, %v", o.ID, o.State, o.Err)
	}
	if len(seen.Problems) == 0 || !strings.Contains(seen.Problems[0].Message, `cannot list resource "secrets"`) || seen.Problems[0].Hint == "" {
		t.Errorf("problems %+v", seen.Problems)
	}
}

func TestIdentityOfSomeNamespaces(t *testing.T) {
	e := newEnv(t)
	admin := e.connect(Options{})
	labelled, bare := e.member(admin, "shop", configMap("labelled")), e.member(admin, "shop", configMap("bare"))
	e.apply(admin, labelled)
	e.create(configMap("bare"))
	user := "local-" + e.ns
	e.allow(user, e.ns, `[{apiGroups: [""], resources: [configmaps, namespaces], verbs: [get, list, patch, create]}]`)
	lines := &wire{}
	client := e.connectAs(user, Options{Transport: lines.wrap})
	elsewhere := e.object("{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: default}}")
	seen := e.observe(client, drift.Want{App: drift.App{Name: "shop"}, Objects: []drift.Object{labelled, bare, e.object(configMap("missing")), elsewhere}})
	states := []drift.State{drift.Present, drift.Present, drift.Absent, drift.Unreadable}
	for i, o := range seen.Objects {
		if o.State != states[i] {
			t.Errorf("%s: state %v, want %v: %v", o.ID, o.State, states[i], o.Err)
		}
	}
	if seen.Objects[0].NamespaceLabels["team"] != "shop" {
		t.Errorf("namespace labels are read by name where they cannot be listed: %v", seen.Objects[0].NamespaceLabels)
	}
	if lines.count("GET", "/namespaces/"+e.ns+"/configmaps?") != 1 {
		t.Errorf("one list per namespace: %v", lines.sent)
	}
	if !strings.Contains(fmt.Sprint(seen.Problems), `"default"`) {
		t.Errorf("the namespace that cannot be read is named: %v", seen.Problems)
	}
}

func TestWhatThePlanCreatesIsMissingUnverified(t *testing.T) {
	e := newEnv(t)
	lines := &wire{}
	client := e.connect(Options{Transport: lines.wrap})
	group := e.ns + ".example.com"
	soon := e.ns + "-soon"
	crd := e.object(crdManifest(group, "v1"))
	namespace := e.object("{apiVersion: v1, kind: Namespace, metadata: {name: " + soon + "}}")
	inNamespace := e.object("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: " + soon + "}}")
	thing := e.object("{apiVersion: " + group + "/v1, kind: Thing, metadata: {name: a, namespace: NS}}")
	nobodys := e.object("{apiVersion: nobody." + group + "/v1, kind: Thing, metadata: {name: a, namespace: NS}}")
	nobodys.Origin = drift.Origin{File: "apps/shop/thing.yaml", Line: 3}
	lost := e.object("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: " + e.ns + "-nowhere}}")
	answers, err := client.Observe(e.ctx, []drift.Want{
		{App: drift.App{Name: "platform"}, Objects: []drift.Object{crd, namespace}},
		{App: drift.App{Name: "shop"}, Objects: []drift.Object{inNamespace, thing, nobodys, lost}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range answers[1].Objects[:2] {
		if o.State != drift.Absent || o.Prediction != drift.Unverified || o.Err != nil {
			t.Errorf("%d %s: state %v, prediction %v, %v", i, o.ID, o.State, o.Prediction, o.Err)
		}
	}
	if lines.count("PATCH", soon) != 1 { // the namespace itself
		t.Errorf("content of a namespace to come is not dry-run")
	}
	o := answers[1].Objects[2]
	problem := &drift.Problem{}
	if o.State != drift.Unreadable || !errors.Is(o.Err, drift.ErrNotServed) || !errors.As(o.Err, &problem) || problem.File != "apps/shop/thing.yaml:3" || problem.Hint == "" {
		t.Errorf("a kind that nobody serves: state %v, %v", o.State, o.Err)
	}
	if len(answers[1].Problems) != 1 || len(answers[0].Problems) != 0 {
		t.Errorf("problems %v, %v", answers[0].Problems, answers[1].Problems)
	}
	o = answers[1].Objects[3]
	refusal := &drift.Refusal{}
	if o.State != drift.Absent || !errors.As(o.Err, &refusal) || !errors.As(o.Err, &problem) || !strings.Contains(problem.Hint, e.ns+"-nowhere") {
		t.Errorf("a namespace that nobody creates: state %v, %v", o.State, o.Err)
	}
}

// An aggregated API without endpoints makes its own kinds unknown, and nothing
// else.
func TestDegradedAPI(t *testing.T) {
	e := newEnvOn(t, testenv.Own(t, testenv.Options{}))
	group := e.ns + ".example.com"
	name := "v1." + group
	e.create(fmt.Sprintf("{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: %s}, spec: {group: %s, version: v1, groupPriorityMinimum: 100, versionPriority: 10, insecureSkipTLSVerify: true, service: {name: nobody, namespace: NS}}}", name, group))
	client := e.connect(Options{})
	served, err := poll(e.ctx, func() (drift.Capabilities, bool, error) {
		served, err := client.Capabilities(e.ctx)
		return served, served.Degraded[group+"/v1"] != "", err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := served.Kinds[drift.Kind{Group: "apps", Version: "v1", Kind: "Deployment"}]; !ok || !strings.HasPrefix(served.KubeVersion, "v1.") {
		t.Errorf("other kinds stay known; version %q", served.KubeVersion)
	}
	if !served.Kinds[drift.Kind{Group: "apps", Version: "v1", Kind: "Deployment"}].Scalable {
		t.Error("a Deployment can be scaled")
	}
	fine, down := e.object(configMap("fine")), e.object("{apiVersion: "+group+"/v1, kind: Thing, metadata: {name: a, namespace: NS}}")
	seen := e.observe(client, drift.Want{App: drift.App{Name: "shop"}, Objects: []drift.Object{fine, down},
		Inventory: drift.Inventory{Entries: []drift.Entry{{ID: drift.ID{Group: group, Kind: "Thing", Name: "old"}, Version: "v1"}}}})
	if o := seen.Objects[0]; o.State != drift.Absent || o.Err != nil {
		t.Errorf("%s: state %v, %v", o.ID, o.State, o.Err)
	}
	for _, o := range []drift.Observation{seen.Objects[1], seen.Extras[0]} {
		if o.State != drift.Unreadable || o.Err == nil || errors.Is(o.Err, drift.ErrNotServed) {
			t.Errorf("%s: state %v, %v", o.ID, o.State, o.Err)
		}
	}
	if len(seen.Problems) != 1 || !strings.Contains(seen.Problems[0].Message, group) {
		t.Errorf("problems %v", seen.Problems)
	}
}

// A CRD that is removed between discovery and LIST answers 404 for the path.
func TestListOfAVanishedKindIsNotEmpty(t *testing.T) {
	e := newEnv(t)
	lines := &wire{before: func(r *http.Request) (*http.Response, error) {
		if strings.Contains(r.URL.Path, "/configmaps") {
			return answer(r, 404, "404 page not found\n"), nil
		}
		return nil, nil
	}}
	client := e.connect(Options{Transport: lines.wrap})
	object := e.object(configMap("a"))
	seen := e.observe(client, drift.Want{Objects: []drift.Object{object}})
	if o := seen.Objects[0]; o.State != drift.Unreadable || !errors.Is(o.Err, drift.ErrNotServed) {
		t.Errorf("state %v, %v", o.State, o.Err)
	}
	if o := client.Get(e.ctx, drift.App{}, object.ID, "v1"); o.State != drift.Unreadable {
		t.Errorf("get: state %v, %v", o.State, o.Err)
	}
}

// An object that changes between LIST and dry-run is read again, so that live
// and predicted belong together.
func TestObjectThatMovesWhileItIsLookedAt(t *testing.T) {
	for _, c := range []struct {
		why   string
		moves int
		err   error
	}{
		{"once", 1, nil},
		{"each time", 100, drift.ErrConflict},
	} {
		e := newEnv(t)
		moves := c.moves
		lines := &wire{}
		client := e.connect(Options{Transport: lines.wrap})
		object := e.member(client, "shop", configMap("a"))
		e.apply(client, object)
		lines.before = func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPatch && moves > 0 {
				moves--
				e.patch(object.ID, "v1", "kubectl-edit", fmt.Sprintf("{data: {moved: \"%d\"}}", moves))
			}
			return nil, nil
		}
		o := e.observe(client, drift.Want{Objects: []drift.Object{object}}).Objects[0]
		if o.State != drift.Present || !errors.Is(o.Err, c.err) || (c.err == nil) != (o.Err == nil) {
			t.Errorf("%s: state %v, %v", c.why, o.State, o.Err)
		}
		if c.err == nil && versionOf(o.Live) != versionOf(o.Predicted) {
			t.Errorf("%s: live is %s, predicted %s", c.why, versionOf(o.Live), versionOf(o.Predicted))
		}
	}
}

// What a controller notes beside status while an object is looked at is no
// difference between live and predicted.
func TestObjectThatIsNotedOnWhileItIsLookedAt(t *testing.T) {
	e := newEnv(t)
	lines := &wire{}
	client := e.connect(Options{Transport: lines.wrap})
	service := e.member(client, "shop", serviceManifest)
	e.apply(client, service)
	note := func(r *http.Request, value string) {
		if r.Method == http.MethodPatch {
			e.send(http.MethodPatch, "/api/v1/namespaces/"+e.ns+"/services/"+service.ID.Name+"/status", "controller",
				"application/merge-patch+json", map[string]any{"metadata": map[string]any{"annotations": map[string]any{"example.com/seen": value}},
					"status": map[string]any{"loadBalancer": map[string]any{}}})
		}
	}
	lines.before = func(r *http.Request) (*http.Response, error) { note(r, "once"); return nil, nil }
	lines.after = func(r *http.Request, served *http.Response) (*http.Response, error) {
		note(r, "twice")
		return served, nil
	}
	o := e.observe(client, drift.Want{Objects: []drift.Object{service}}).Objects[0]
	if o.Prediction != drift.ByDryRun || nested.Annotations(o.Live)["example.com/seen"] != "twice" {
		t.Fatalf("the note was not written: %v, %v", o.Prediction, o.Err)
	}
	if diff := cmp.Diff(nested.Annotations(o.Live), nested.Annotations(o.Predicted)); diff != "" {
		t.Errorf("(-live +predicted):\n%s", diff)
	}
}

// answer is a response in the server's place.
func answer(r *http.Request, code int, body string, header ...string) *http.Response {
	response := &http.Response{StatusCode: code, Status: http.StatusText(code), Header: http.Header{}, Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body))}
	response.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		response.Header.Set(header[i], header[i+1])
	}
	return response
}

// withoutBookkeeping leaves aside what a no-op apply may touch, and status.
func withoutBookkeeping(tree map[string]any) map[string]any {
	out := maps.Clone(withMeta(tree, map[string]string{"managedFields": "", "resourceVersion": ""}))
	delete(out, "status")
	return out
}
