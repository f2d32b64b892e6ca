package cluster

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// impatient makes waits short for one test.
func impatient(t *testing.T) {
	t.Helper()
	before := patience
	patience = 3 * time.Second
	t.Cleanup(func() { patience = before })
}

// A finalizer that nobody removes does not hold the run.
func TestReplaceDoesNotWaitForever(t *testing.T) {
	e := newEnv(t)
	impatient(t)
	client := e.connect(Options{})
	object := e.object("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: NS, finalizers: [example.com/wait]}, data: {a: b}}")
	r := update(object, e.apply(client, object))
	t.Cleanup(func() { e.patch(object.ID, "v1", "controller", "{metadata: {finalizers: null}}") })
	r.Replace = true
	_, err := client.Apply(e.ctx, r)
	problem := &drift.Problem{}
	if !errors.As(err, &problem) || problem.Hint == "" || problem.Stage != "act" {
		t.Fatalf("no hint: %v", err)
	}
	for _, part := range []string{"not created again", "3s", "example.com/wait"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the run's own deadline has not passed: %v", err)
	}
}

// A CRD that stays as it is does not hold the run; its conditions tell why.
func TestAwaitCRDDoesNotWaitForever(t *testing.T) {
	e := newEnv(t)
	group := e.ns + ".patience.example.com"
	crd := e.object(crdManifest(group, "v1"))
	e.apply(e.admin, crd)
	t.Cleanup(func() { e.remove(crd.ID, "v1") })
	if err := e.admin.AwaitCRD(e.ctx, drift.App{}, crd.ID.Name); err != nil {
		t.Fatal(err)
	}
	impatient(t)
	for _, c := range []struct {
		why  string
		path string // what is changed in the server's answers to it
		with func(r *http.Request, body string) *http.Response
		says []string
	}{
		{"it is never established", "/customresourcedefinitions/" + crd.ID.Name, func(r *http.Request, body string) *http.Response {
			body = strings.ReplaceAll(body, `"type":"Established","status":"True"`, `"type":"Established","status":"False"`)
			return answer(r, 200, strings.ReplaceAll(body, "the initial names have been accepted", "installing takes its time"))
		}, []string{"3s", "Established is False", "installing takes its time"}},
		{"its status stays empty", "/customresourcedefinitions/" + crd.ID.Name, func(r *http.Request, body string) *http.Response {
			return answer(r, 200, strings.ReplaceAll(body, `"conditions"`, `"none"`))
		}, []string{"3s", "no conditions"}},
		{"it is established, and never served", "/things", func(r *http.Request, _ string) *http.Response {
			return answer(r, 404, "404 page not found\n")
		}, []string{"3s", "Thing", crd.ID.Name}},
	} {
		lines := &wire{after: func(r *http.Request, served *http.Response) (*http.Response, error) {
			if !strings.HasSuffix(r.URL.Path, c.path) {
				return served, nil
			}
			body, err := io.ReadAll(served.Body)
			if err != nil {
				return nil, err
			}
			_ = served.Body.Close()
			return c.with(r, string(bytes.TrimSpace(body))), nil
		}}
		err := e.connect(Options{Transport: lines.wrap}).AwaitCRD(e.ctx, drift.App{}, crd.ID.Name)
		problem := &drift.Problem{}
		if !errors.As(err, &problem) || problem.Hint == "" || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		for _, part := range c.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q is not in: %v", c.why, part, err)
			}
		}
	}
}

// The run's own deadline stays what it is.
func TestWaitEndsWithTheRun(t *testing.T) {
	e := newEnv(t)
	group := e.ns + ".deadline.example.com"
	crd := e.object(crdManifest(group, "v1"))
	e.apply(e.admin, crd)
	t.Cleanup(func() { e.remove(crd.ID, "v1") })
	ctx, cancel := context.WithCancel(e.ctx)
	lines := &wire{after: func(r *http.Request, served *http.Response) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, crd.ID.Name) {
			cancel()
		}
		return served, nil
	}}
	if err := e.connect(Options{Transport: lines.wrap}).AwaitCRD(ctx, drift.App{}, crd.ID.Name); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// What has no UID makes nothing: objects without a controller stay foreign.
func TestStrangerBesideAnObjectWithoutUID(t *testing.T) {
	view := occupant{drift.Kind{Version: "v1", Kind: "Endpoints"}, tree(t, "{metadata: {name: view, labels: {"+partOfLabel+": shop}}}")}
	theirs := occupant{drift.Kind{Version: "v1", Kind: "ConfigMap"}, tree(t, "{metadata: {name: theirs, uid: u}}")}
	if got := stranger([]occupant{view, theirs}, "shop"); !strings.Contains(got, "ConfigMap theirs") {
		t.Errorf("occupied by %q, want ConfigMap theirs", got)
	}
}
