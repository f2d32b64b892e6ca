package cluster

import (
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv"
)

// What other runs left is found by whoever may list that one name, and says nothing where
// it is damaged, or speaks of somewhere else.
func TestOtherRuns(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	shared := testenv.Cluster(t)
	uid, err := e.admin.Identity(e.ctx)
	if err != nil {
		t.Fatal(err)
	}
	left := func(installation func(namespace string) string) string {
		namespace := shared.NewNamespace(t)
		client := e.connect(Options{})
		client.stateNamespace = namespace
		run := drift.RunState{Installation: installation(namespace), Config: &drift.ConfigPlace{Repository: e.ns, Path: "killick.yaml"}}
		if err := client.SaveRun(e.ctx, run); err != nil {
			t.Fatal(err)
		}
		return namespace
	}
	here := func(namespace string) string { return uid + "/" + namespace }
	good, damaged := left(here), left(here)
	left(func(namespace string) string { return "another-cluster/" + namespace })
	left(func(string) string { return here("elsewhere") })
	left(func(string) string { return "" }) // written before it was kept
	e.patch(drift.ID{Kind: "ConfigMap", Namespace: damaged, Name: runName}, "v1", "kubectl-edit",
		`{binaryData: {state.json.gz: "`+base64.StdEncoding.EncodeToString([]byte("x"))+`"}}`)
	if err := e.admin.SaveRun(e.ctx, drift.RunState{Installation: here(e.state), Config: &drift.ConfigPlace{Repository: e.ns}}); err != nil {
		t.Fatal(err)
	}

	named, blind := "named-"+e.ns, "blind-"+e.ns
	e.allow(named, "", `[{apiGroups: [""], resources: [configmaps], verbs: [list], resourceNames: [killick-run]}, {apiGroups: [""], resources: [namespaces], verbs: [get]}]`)
	e.allow(blind, "", `[{apiGroups: [""], resources: [namespaces], verbs: [get], resourceNames: [kube-system]}]`)
	for _, c := range []struct {
		why, user string
		want      []string
	}{
		{"an administrator", "", []string{good}},
		{"who may list this name alone", named, []string{good}},
		{"who may not list", blind, nil},
	} {
		client := e.connectAs(c.user, Options{})
		runs, err := client.OtherRuns(e.ctx)
		maps.DeleteFunc(runs, func(_ string, run drift.RunState) bool { // other tests' runs
			return run.Config == nil || run.Config.Repository != e.ns
		})
		if diff := cmp.Diff(c.want, slices.Sorted(maps.Keys(runs))); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", c.why, err, diff)
		}
	}

	lines := &wire{}
	client := e.connect(Options{Transport: lines.wrap})
	lines.fail(func(*http.Request) (*http.Response, error) { return nil, errors.New("connection reset by peer") })
	if runs, err := client.OtherRuns(e.ctx); err == nil {
		t.Errorf("without an answer: %v", runs)
	}
}

// A namespace is missing only where the API server says so.
func TestStateNamespaceExists(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	blind := "blind-" + e.ns
	e.allow(blind, "", `[{apiGroups: [""], resources: [namespaces], verbs: [get], resourceNames: [kube-system]}]`)
	for _, c := range []struct {
		why, user, namespace string
		want                 bool
	}{
		{"it is there", "", e.state, true},
		{"it is not", "", e.state + "-none", false},
		{"who may not look was given one", blind, e.state + "-none", true},
	} {
		client := e.connectAs(c.user, Options{})
		client.stateNamespace = c.namespace
		if got, err := client.StateNamespaceExists(e.ctx); err != nil || got != c.want {
			t.Errorf("%s: %t, %v", c.why, got, err)
		}
	}
}
