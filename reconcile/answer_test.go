package reconcile_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/cluster"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// says answers 200 with a body in the server's place where match holds.
func says(body string, match func(*http.Request) bool) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if !match(r) {
				return next.RoundTrip(r)
			}
			return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
				Header: http.Header{"Content-Type": []string{"application/json"}}, Body: io.NopCloser(bytes.NewReader([]byte(body))), ContentLength: int64(len(body))}, nil
		})
	}
}

// TestEmptyAnswerEmptiesNoNamespace: what a namespace holds is not known where the API
// server, or what stands before it, answers nothing.
func TestEmptyAnswerEmptiesNoNamespace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.guards.Unprotect = []string{"Namespace/" + s.ns + "-made"}
	s.commit(map[string]string{"keep.yaml": configMap("keep"), "ns.yaml": `{apiVersion: v1, kind: Namespace, metadata: {name: $NS-made}}`})
	s.converge()
	s.create("kubectl-create", "{apiVersion: v1, kind: ConfigMap, metadata: {name: foreign, namespace: $NS-made}, data: {a: b}}")
	s.commit(map[string]string{"ns.yaml": deleted})
	for _, body := range []string{`{}`, `{"kind":"ConfigMapList","apiVersion":"v1","items":[]}`, `{"kind":"SecretList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}`} {
		s.wire = says(body, func(r *http.Request) bool { return r.URL.Path == "/api/v1/namespaces/"+s.ns+"-made/configmaps" })
		r := s.run()
		if got := r.of("Namespace $NS-made"); got.Outcome != "skipped" || !strings.Contains(got.Reason, "is not known") {
			t.Errorf("%s: %s, %q", body, got.Outcome, got.Reason)
		}
		s.live("v1 Namespace $NS-made")
	}
}

// TestMemberThatTheListLacks: a list that lacks a member which is there proves nothing
// about other members, and nothing is pruned by it.
func TestMemberThatTheListLacks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"a.yaml": configMap("a"), "gone.yaml": configMap("gone")})
	s.converge()
	s.commit(map[string]string{"gone.yaml": deleted})
	const list = `{"kind":"%s","apiVersion":"%s","metadata":{"resourceVersion":"%s"},"items":[]}`
	for _, trust := range []drift.Trust{drift.TrustNothing, drift.TrustMemo} {
		s.trust = trust
		for _, c := range []struct{ why, version string }{{"an empty list", "7"}, {"no resourceVersion", ""}} {
			s.wire = says(fmt.Sprintf(list, "ConfigMapList", "v1", c.version), func(r *http.Request) bool {
				return r.Method == http.MethodGet && r.URL.Path == "/api/v1/configmaps"
			})
			r := s.run()
			if got := r.of("ConfigMap gone"); got.Outcome != "skipped" || r.code != reconcile.ExitPartial {
				t.Errorf("%s: %s, exit code %d\n%s", c.why, got.Outcome, r.code, r.details())
			}
			s.live("v1 ConfigMap gone")
		}
	}
	s.wire = nil
	s.run().expect("with the whole list", "ConfigMap gone: extra/git prune pruned")
}

// TestBuiltInKindLeavesTheInventory: what an upgrade of the API server took away does not
// suspend the pruning of a chart for ever.
func TestBuiltInKindLeavesTheInventory(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"Chart.yaml": "{apiVersion: v2, name: shop, version: 1.0.0}",
		"shop/templates/a.yaml": configMap("a"), "shop/templates/gone.yaml": configMap("gone")})
	s.converge()
	inventory, _, err := s.admin.Load(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	inventory.Entries = append(inventory.Entries, drift.Entry{ID: drift.ID{Group: "policy", Kind: "PodSecurityPolicy", Name: s.ns}, Version: "v1beta1", UID: "u"})
	if err := s.admin.SaveInventory(t.Context(), "shop", inventory); err != nil {
		t.Fatal(err)
	}
	s.commit(map[string]string{"shop/templates/gone.yaml": deleted})
	s.run().expect("the run after the upgrade", "ConfigMap gone: extra/git prune pruned")
	fresh := s.connect(cluster.Options{})
	if inventory, _, err = fresh.Load(t.Context(), "shop"); err != nil || len(inventory.Entries) != 1 {
		t.Errorf("the inventory is %v, %v", inventory.Entries, err)
	}
}
