package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/killick-dev/killick/reconcile"
)

// proxied is a kubeconfig for the place's API server behind a proxy. Each request goes
// through handle, which may answer it, or let it pass by calling next.
func (p *place) proxied(t *testing.T, handle func(w http.ResponseWriter, r *http.Request, next http.Handler)) string {
	t.Helper()
	target, err := url.Parse(p.cp.URL())
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(p.cp.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	next := httputil.NewSingleHostReverseProxy(target)
	next.Transport = transport
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, next) }))
	t.Cleanup(server.Close)
	path := p.file("proxied.kubeconfig")
	content := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: %q}}]\ncontexts: [{name: c, context: {cluster: c}}]\n", server.URL)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// shopAndBlog does not let one wait for the other.
var shopAndBlog = strings.Replace(blogAfterShop, ", dependsOn: [shop]", "", 1)

// TestListThatHangs: a proxy that never answers the LIST of one kind costs the app that
// has objects of it, and says which request that was; the other app is reconciled, and
// the run is no interrupted one.
func TestListThatHangs(t *testing.T) {
	t.Parallel()
	p := newTestPlace(t, map[string]string{"killick.yaml": shopAndBlog})
	const list = "/api/v1/services"
	kubeconfig := p.proxied(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path == list && r.URL.Query().Has("limit") {
			<-r.Context().Done() // until whoever asks gives up
			return
		}
		next.ServeHTTP(w, r)
	})
	for _, verb := range []string{"plan", "run"} {
		code, out := p.killick(t.Context(), func(string) {}, verb, "--kubeconfig", kubeconfig, "--timeout", "2m")
		if code != reconcile.ExitPartial || strings.Contains(out, "interrupted") {
			t.Errorf("%s: exit code %d, want 4:\n%s", verb, code, out)
		}
		for _, part := range []string{"shop", "listing Service: the API server did not answer GET " + list + " within ", "/web "} {
			if !strings.Contains(out, part) {
				t.Errorf("%s: it does not say %q:\n%s", verb, part, out)
			}
		}
	}
	p.check(t, []string{"posts"}, nil)
}
