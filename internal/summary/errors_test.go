package summary

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

func met(kind, name, err string) drift.ReportResource {
	r := drift.ReportResource{Kind: kind, Version: "v1", Namespace: "shop", Name: name, Error: err, Origin: drift.Origin{File: "apps/" + name + ".yaml", Line: 3}}
	return r
}

// TestCommonErrors: one cause is one error, whatever each object's message says of that
// object; what differs otherwise is another.
func TestCommonErrors(t *testing.T) {
	app := func(message string) drift.ReportError {
		return drift.ReportError{App: "shop", Stage: "observe", Message: message}
	}
	for _, c := range []struct {
		why     string
		errors  []drift.ReportError
		objects []drift.ReportResource
		want    []string // "text: errors, objects"
	}{
		{"a webhook that is down, connections of which have ports of their own", nil, []drift.ReportResource{
			met("Deployment", "web", `apps/web.yaml:3: asking what applying Deployment shop/web would do: denied by admission: failed calling webhook "a.example.com": Post "https://a": read tcp 127.0.0.1:4711->10.0.0.1:443: connection reset`),
			met("ConfigMap", "db", `apps/db.yaml:3: asking what applying ConfigMap shop/db would do: denied by admission: failed calling webhook "a.example.com": Post "https://a": read tcp 127.0.0.1:4712->10.0.0.1:443: connection reset`),
		}, []string{`denied by admission: failed calling webhook "a.example.com": Post "https://a": read tcp 127.0.0.1:4711->10.0.0.1:443: connection reset: 0 errors, 2 objects`}},
		{"another webhook is another cause", nil, []drift.ReportResource{
			met("ConfigMap", "a", `failed calling webhook "a.example.com": no endpoints`), met("ConfigMap", "b", `failed calling webhook "b.example.com": no endpoints`),
		}, []string{`failed calling webhook "a.example.com": no endpoints: 0 errors, 1 objects`, `failed calling webhook "b.example.com": no endpoints: 0 errors, 1 objects`}},
		{"a list that fails is an error of the app, and of an app that looked for lost objects", []drift.ReportError{
			app("listing Service: the API server did not answer GET /api/v1/services within 10s"),
			{App: "blog", Stage: "observe", Message: "rebuilding the inventory: listing Service: the API server did not answer GET /api/v1/services within 10s"},
		}, []drift.ReportResource{
			met("Service", "web", "apps/web.yaml:3: listing Service: the API server did not answer GET /api/v1/services within 10s"),
			met("Service", "db", "apps/db.yaml:3: listing Service: the API server did not answer GET /api/v1/services within 10s"),
		}, []string{"listing Service: the API server did not answer GET /api/v1/services within 10s: 2 errors, 2 objects"}},
		{"the order in which two apps met it does not matter", []drift.ReportError{
			app("rebuilding the inventory: listing Service: forbidden"), {App: "blog", Stage: "observe", Message: "listing Service: forbidden"},
		}, nil, []string{"rebuilding the inventory: listing Service: forbidden: 2 errors, 0 objects"}},
		{"a namespace that an identity may not list", []drift.ReportError{app(`namespace "shop": listing Service: forbidden`)},
			[]drift.ReportResource{met("Service", "web", "listing Service: forbidden")}, []string{`namespace "shop": listing Service: forbidden: 1 errors, 1 objects`}},
		{"dry-runs without an answer name their objects, and were waited for a little longer or shorter", nil, []drift.ReportResource{
			met("ConfigMap", "a", "asking what applying ConfigMap shop/a would do: the API server did not answer PATCH /api/v1/namespaces/shop/configmaps/a (dry-run) within 10s"),
			met("ConfigMap", "b", "asking what applying ConfigMap shop/b would do: the API server did not answer PATCH /api/v1/namespaces/shop/configmaps/b (dry-run) within 9s"),
		}, []string{"the API server did not answer PATCH /api/v1/namespaces/shop/configmaps/NAME (dry-run) within 10s: 0 errors, 2 objects"}},
		{"a quota, of which each asks something else", nil, []drift.ReportResource{
			met("Pod", "a", `applying Pod shop/a: pods "a" is forbidden: exceeded quota: small, requested: pods=1, used: pods=3, limited: pods=3`),
			met("Pod", "b", `applying Pod shop/b: pods "b" is forbidden: exceeded quota: small, requested: cpu=2,pods=1, used: pods=3, limited: pods=3`),
		}, []string{"exceeded quota: small, requested: pods=1, used: pods=3, limited: pods=3: 0 errors, 2 objects"}},
		{"a namespace that nobody creates", nil, []drift.ReportResource{
			met("ConfigMap", "a", `asking what applying ConfigMap shop/a would do: namespaces "shop" not found`),
			met("Secret", "b", `asking what applying Secret shop/b would do: namespaces "shop" not found`),
		}, []string{`namespaces "shop" not found: 0 errors, 2 objects`}},
		{"no right to a kind", nil, []drift.ReportResource{
			met("Role", "a", `applying Role shop/a: forbidden: roles.rbac.authorization.k8s.io "a" is forbidden: User "u" cannot patch resource "roles"`),
			met("Role", "b", `applying Role shop/b: forbidden: roles.rbac.authorization.k8s.io "b" is forbidden: User "u" cannot patch resource "roles"`),
		}, []string{`forbidden: roles.rbac.authorization.k8s.io NAME is forbidden: User "u" cannot patch resource "roles": 0 errors, 2 objects`}},
		{"a CRD that is missing", []drift.ReportError{app("finding Widget.example.com: the cluster does not serve this kind")}, []drift.ReportResource{
			met("Widget", "a", "finding Widget.example.com: the cluster does not serve this kind"),
		}, []string{"finding Widget.example.com: the cluster does not serve this kind: 1 errors, 1 objects"}},
		{"fields of two objects that are wrong in two ways", nil, []drift.ReportResource{
			met("Service", "a", `Service "a" is invalid: spec.ports[0].nodePort: Invalid value: 80`), met("Service", "b", `Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 81`),
		}, []string{"spec.ports[0].nodePort: Invalid value: 80: 0 errors, 1 objects", "spec.ports[0].nodePort: Invalid value: 81: 0 errors, 1 objects"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			common := CommonErrorsOf(drift.Report{Errors: c.errors, Apps: []drift.ReportApp{{Name: "shop", Resources: c.objects}}})
			var got []string
			for _, one := range common.All {
				got = append(got, fmt.Sprintf("%s: %d errors, %d objects", one.Text, len(one.Errors), len(one.Objects)))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, r := range c.objects {
				if at, shared := common.Of(r); shared != common.All[at].Shared() {
					t.Errorf("%s does not find its error", r.Name)
				}
			}
		})
	}
}

// TestAlikeByError: objects that met one error and differ in nothing else are told as one,
// wherever each stands in Git.
func TestAlikeByError(t *testing.T) {
	var list []drift.ReportResource
	for _, name := range []string{"a", "b", "c"} {
		list = append(list, met("Service", name, "apps/"+name+".yaml:3: asking what applying Service shop/"+name+" would do: no"))
	}
	list = append(list, met("Service", "d", "apps/d.yaml:3: asking what applying Service shop/d would do: yes"))
	if groups := Alike(list); len(groups) != 2 || len(groups[0]) != 3 {
		t.Errorf("%d groups", len(groups))
	}
}
