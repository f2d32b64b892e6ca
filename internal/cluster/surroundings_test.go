package cluster

import (
	"net/http"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// What surrounds an object and could not be read is said, never taken for none.
func TestSurroundingsThatCannotBeRead(t *testing.T) {
	const (
		objects    = `{apiGroups: ["", apps, scheduling.k8s.io], resources: [configmaps, deployments, priorityclasses], verbs: [get, list, create, patch]}`
		namespaces = `{apiGroups: [""], resources: [namespaces], verbs: [get, list, create, patch]}`
		scalers    = `{apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: [list]}`
		labels     = `labels of namespace "NS" could not be read`
		scaled     = "whether a HorizontalPodAutoscaler scales it could not be read"
	)
	for _, c := range []struct {
		why       string
		rules     string // in the whole cluster
		local     string // in the namespace
		failing   string // requests for paths with this end answer 503
		configMap []string
		workload  []string
	}{
		{why: "everything can be read", rules: objects + "," + namespaces + "," + scalers},
		{why: "no namespaces", rules: objects + "," + scalers, configMap: []string{labels}, workload: []string{labels}},
		{why: "this namespace by name", rules: objects + "," + scalers, local: namespaces},
		{why: "namespaces answer with failures", rules: objects + "," + namespaces + "," + scalers, failing: "/namespaces",
			configMap: []string{labels}, workload: []string{labels}},
		{why: "no autoscalers", rules: objects + "," + namespaces, workload: []string{scaled}},
		{why: "the autoscalers of this namespace", rules: objects + "," + namespaces, local: scalers},
		{why: "autoscalers answer with failures", rules: objects + "," + namespaces + "," + scalers, failing: "/horizontalpodautoscalers",
			workload: []string{scaled}},
		{why: "neither", rules: objects, configMap: []string{labels}, workload: []string{labels, scaled}},
	} {
		t.Run(c.why, func(t *testing.T) {
			e := newEnv(t)
			user := "around-" + e.ns
			e.allow(user, "", "["+c.rules+"]")
			if c.local != "" {
				e.allow(user, e.ns, "["+c.local+"]")
			}
			lines := &wire{before: func(r *http.Request) (*http.Response, error) {
				if c.failing != "" && strings.HasSuffix(r.URL.Path, c.failing) {
					return answer(r, 503, unavailable), nil
				}
				return nil, nil
			}}
			client := e.connectAs(user, Options{Transport: lines.wrap})
			old := e.member(client, "shop", strings.Replace(webManifest, "name: web", "name: old", 1))
			e.apply(e.admin, old)
			seen := e.observe(client, drift.Want{App: drift.App{Name: "shop"}, PartOf: client.PartOf("shop"),
				Objects: []drift.Object{
					e.object(configMap("a")), e.object(webManifest),
					e.object("{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: " + e.ns + "}, value: 1}"),
				},
				Inventory: drift.Inventory{Known: true, Entries: []drift.Entry{{ID: old.ID, Version: "v1"}}},
			})
			for _, look := range []struct {
				seen drift.Observation
				want []string
			}{{seen.Objects[0], c.configMap}, {seen.Objects[1], c.workload}, {seen.Extras[0], c.workload}, {seen.Objects[2], nil}} {
				if len(look.seen.Incomplete) != len(look.want) {
					t.Errorf("%s: incomplete %q, want %q", look.seen.ID, look.seen.Incomplete, look.want)
					continue
				}
				for i, want := range look.want {
					if want = strings.ReplaceAll(want, "NS", e.ns); !strings.HasPrefix(look.seen.Incomplete[i], want+": ") {
						t.Errorf("%s: incomplete %q, want %q", look.seen.ID, look.seen.Incomplete[i], want)
					}
				}
			}
		})
	}
}

// The labels of a namespace that this plan creates are not unread: it has none.
func TestLabelsOfANamespaceToCome(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	soon := e.ns + "-soon"
	seen := e.observe(client, drift.Want{App: drift.App{Name: "shop"}, Inventory: drift.Inventory{Known: true}, Objects: []drift.Object{
		e.object("{apiVersion: v1, kind: Namespace, metadata: {name: " + soon + "}}"),
		e.object("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: " + soon + "}}"),
	}})
	for _, o := range seen.Objects {
		if len(o.Incomplete) > 0 {
			t.Errorf("%s: incomplete %q", o.ID, o.Incomplete)
		}
	}
}

// What is found by its label alone may stand in a namespace nobody asked for.
func TestLabelsOfAStraysNamespace(t *testing.T) {
	e := newEnv(t)
	user := "stray-" + e.ns
	e.allow(user, "", `[{apiGroups: [""], resources: [configmaps], verbs: [get, list, create, patch]}]`)
	e.allow(user, e.ns, `[{apiGroups: [""], resources: [namespaces], verbs: [get]}]`)
	client := e.connectAs(user, Options{})
	e.apply(e.admin, e.member(client, "shop", strings.ReplaceAll(configMap("stray"), "namespace: NS", "namespace: "+e.state)))
	seen := e.observe(client, drift.Want{App: drift.App{Name: "shop"}, PartOf: client.PartOf("shop"),
		Inventory: drift.Inventory{Known: true}, Objects: []drift.Object{e.object(configMap("a"))}})
	if o := seen.Objects[0]; len(o.Incomplete) > 0 {
		t.Errorf("%s: incomplete %q", o.ID, o.Incomplete)
	}
	if len(seen.Labelled) != 1 || len(seen.Labelled[0].Incomplete) != 1 || !strings.Contains(seen.Labelled[0].Incomplete[0], e.state) {
		t.Errorf("labelled: %+v", seen.Labelled)
	}
}
