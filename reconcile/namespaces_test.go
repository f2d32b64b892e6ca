package reconcile_test

import (
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// TestMissingNamespaceNamesItsApp: what is refused because its namespace is not there says
// which app has the namespace, and what to do about the order of the two.
func TestMissingNamespaceNamesItsApp(t *testing.T) {
	t.Parallel()
	const noNamespaces = `package drift.test

sync contains "Git says so" if input.resource.kind != "Namespace"
`
	made := func(s *site) func(*drift.App) { return func(a *drift.App) { a.Namespace = s.ns + "-made" } }
	namespace := `{apiVersion: v1, kind: Namespace, metadata: {name: $NS-made}}`
	tests := []struct {
		reason string
		rego   string
		shop   []string // dependsOn
		infra  []string // dependsOn
		files  map[string]string
		only   []string
		want   string
	}{
		{"another app has it, and nothing puts the two in order", noNamespaces, nil, nil,
			map[string]string{"a.yaml": configMap("a"), "infra/ns.yaml": namespace}, nil,
			`namespace "$NS-made" is in app "infra": name that app in dependsOn of app "shop", so that it is written first`},
		{"the same, of one app alone", grants, nil, nil,
			map[string]string{"a.yaml": configMap("a"), "infra/ns.yaml": namespace}, []string{"shop"},
			`namespace "$NS-made" is in app "infra": name that app in dependsOn of app "shop", so that it is written first`},
		{"the order is there, and the other app has not been applied", grants, []string{"infra"}, nil,
			map[string]string{"a.yaml": configMap("a"), "infra/ns.yaml": namespace}, []string{"shop"},
			`namespace "$NS-made" is in app "infra", on which this one depends and which has not created it: look at that app first`},
		{"the order is the other way round", grants, nil, []string{"shop"},
			map[string]string{"a.yaml": configMap("a"), "infra/ns.yaml": namespace}, []string{"shop"},
			`namespace "$NS-made" is in app "infra", which depends on this one: move the namespace's manifest here, or into an app that both depend on`},
		{"its own app has it, and may not create it", noNamespaces, nil, nil,
			map[string]string{"a.yaml": configMap("a"), "ns.yaml": namespace, "infra/b.yaml": `{apiVersion: v1, kind: ConfigMap, metadata: {name: b, namespace: $NS}}`}, nil,
			`namespace "$NS-made" is in this app, and was not created: look at it first`},
		{"nobody has it", grants, nil, nil,
			map[string]string{"a.yaml": configMap("a"), "infra/b.yaml": `{apiVersion: v1, kind: ConfigMap, metadata: {name: b, namespace: $NS}}`}, nil,
			`create the namespace "$NS-made", or add its manifest to this app; where another app has it, name that app in dependsOn of this one`},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.rego = test.rego
			s.app("shop", made(s), after(test.shop...))
			s.app("infra", after(test.infra...))
			s.commit(test.files)
			r := s.run(test.only...)
			got := r.of("ConfigMap a")
			if hint := s.short(got.Hint); hint != test.want {
				t.Errorf("hint %q, want %q; error: %s", hint, test.want, got.Error)
			}
			if strings.Contains(got.Error, "hint") || got.Error == "" {
				t.Errorf("error %q", got.Error)
			}
		})
	}
}
