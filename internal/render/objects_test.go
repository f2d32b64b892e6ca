package render

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/killick-dev/killick/internal/drift"
)

func one(t *testing.T, manifest string, app drift.App) (drift.Object, drift.Rendered) {
	t.Helper()
	rendered := mustRender(t, files("app/a.yaml", manifest), app)
	if len(rendered.Objects) != 1 {
		t.Fatalf("%d objects, want one", len(rendered.Objects))
	}
	return rendered.Objects[0], rendered
}

func TestNormalForm(t *testing.T) {
	head := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n"
	wrap := func(kind string, metadata, rest map[string]any) map[string]any {
		full := map[string]any{"name": "a", "namespace": "shop"}
		for k, v := range metadata {
			full[k] = v
		}
		manifest := map[string]any{"apiVersion": "v1", "kind": kind, "metadata": full}
		for k, v := range rest {
			manifest[k] = v
		}
		return manifest
	}
	type m = map[string]any
	tests := []struct {
		name, manifest string
		want           m
	}{
		{"status is the cluster's", head + "status: {a: 1}", wrap("ConfigMap", nil, nil)},
		{"what the API server writes, pasted from an export", strings.Replace(head, "}", ", creationTimestamp: 2026-01-01T00:00:00Z, generation: 3, uid: '', resourceVersion: null, ownerReferences: [], managedFields: []}", 1), wrap("ConfigMap", nil, nil)},
		{"an empty generateName is none", strings.Replace(head, "}", ", generateName: ''}", 1), wrap("ConfigMap", nil, nil)},
		{"kubectl's own note", strings.Replace(head, "}", `, annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}", b: c}}`, 1), wrap("ConfigMap", m{"annotations": m{"b": "c"}}, nil)},
		{"the note alone leaves nothing", strings.Replace(head, "}", `, annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}}`, 1), wrap("ConfigMap", nil, nil)},
		{"null in a string map is empty", head + "data: {a: , b: x}\nbinaryData: {c: }", wrap("ConfigMap", nil, m{"data": m{"a": "", "b": "x"}, "binaryData": m{"c": ""}})},
		{"null labels are empty", strings.Replace(head, "}", ", labels: {a: }}", 1), wrap("ConfigMap", m{"labels": m{"a": ""}}, nil)},
		{"null elsewhere is nothing", "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\nspec: {a: null, b: {c: ~, d: [null, {e: null}]}}", wrap("Pod", nil, m{"spec": m{"b": m{"d": []any{nil, m{}}}}})},
		{"empty maps and lists stay", "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\nspec: {a: {}, b: []}", wrap("Pod", nil, m{"spec": m{"a": m{}, "b": []any{}}})},
		{"numbers", "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\nspec: {a: 1, b: 1.5, c: 1e3, d: 9007199254740993, e: 010}", wrap("Pod", nil, m{"spec": m{"a": int64(1), "b": 1.5, "c": int64(1000), "d": int64(9007199254740993), "e": int64(8)}})},
		{"stringData wins and is folded", "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: shop}\ndata: {x: b2xk, q: eQ==}\nstringData: {x: new, z: }", wrap("Secret", nil, m{"data": m{"x": "bmV3", "q": "eQ==", "z": ""}})},
		{"stringData alone", "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: shop}\nstringData: {x: new}", wrap("Secret", nil, m{"data": m{"x": "bmV3"}})},
		{"empty stringData", "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: shop}\nstringData: {}", wrap("Secret", nil, nil)},
		{"base64 has one spelling", "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: shop}\ndata:\n  x: |\n    YWxw\n    aGE=\n", wrap("Secret", nil, m{"data": m{"x": "YWxwaGE="}})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			object, _ := one(t, test.manifest, drift.App{Namespace: "shop", Secrets: drift.SecretsManage})
			if diff := cmp.Diff(test.want, object.Manifest); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestNamespaces(t *testing.T) {
	served := drift.Capabilities{Kinds: map[drift.Kind]drift.KindInfo{
		{Group: "example.com", Version: "v1", Kind: "Fleet"}:   {Namespaced: false},
		{Group: "example.com", Version: "v2", Kind: "Order"}:   {Namespaced: true},
		{Group: "", Version: "v1", Kind: "ConfigMap"}:          {Namespaced: true},
		{Group: "odd.example.com", Version: "v1", Kind: "CRD"}: {Namespaced: true},
	}}
	crd := "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: cars.new.example.com}\nspec: {group: new.example.com, scope: Cluster, names: {kind: Car}}\n---\n"
	tests := []struct {
		name, manifest, namespace string
		want                      string // the last object's namespace
		warning, err              string
	}{
		{"the manifest's own stays", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: own}", "shop", "own", "", ""},
		{"the app's fills in", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}", "shop", "shop", "", ""},
		{"an empty one is none", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: ''}", "shop", "shop", "", ""},
		{"never guessed", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}", "", "", "", "app/a.yaml:1: ConfigMap a is namespaced, but neither its manifest nor the app names a namespace"},
		{"cluster-scoped builtin", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}", "shop", "", "", ""},
		{"cluster-scoped with a namespace, as many charts have it", "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: a, namespace: x}", "shop", "", `its namespace "x" is left out`, ""},
		{"cluster-scoped by the cluster", "apiVersion: example.com/v1\nkind: Fleet\nmetadata: {name: a}", "shop", "", "", ""},
		{"another version of a served kind", "apiVersion: example.com/v1beta1\nkind: Order\nmetadata: {name: a}", "shop", "shop", "", ""},
		{"cluster-scoped by a CRD of the same render", crd + "apiVersion: new.example.com/v1\nkind: Car\nmetadata: {name: a}", "shop", "", "", ""},
		{"the cluster knows better than a CRD", strings.ReplaceAll(strings.ReplaceAll(crd, "new.example.com", "odd.example.com"), "Car}", "CRD}") + "apiVersion: odd.example.com/v1\nkind: CRD\nmetadata: {name: a}", "shop", "shop", "", ""},
		{"unknown is taken for namespaced, and said", "apiVersion: unknown.example.com/v1\nkind: Thing\nmetadata: {name: a}", "shop", "shop", "neither served by the cluster nor defined", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rendered, err := renderWith(files("app/a.yaml", test.manifest), drift.App{Namespace: test.namespace}, served, Limits{})
			if test.err != "" {
				if err == nil || err.Error() != test.err {
					t.Errorf("error %v, want %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, object := range rendered.Objects {
				if object.ID.Name != "a" {
					continue
				}
				written, present := object.Manifest["metadata"].(map[string]any)["namespace"]
				if object.ID.Namespace != test.want || present != (test.want != "") || (present && written != test.want) {
					t.Errorf("namespace %q, in the manifest %v, want %q", object.ID.Namespace, written, test.want)
				}
			}
			if all := strings.Join(messages(rendered), "\n"); !strings.Contains(all, test.warning) || (test.warning == "" && all != "") {
				t.Errorf("warnings %q, want %q", all, test.warning)
			}
		})
	}
}

// The table of cluster-scoped kinds agrees with the schema that Kustomize
// ships, which is generated from Kubernetes' own.
func TestBuiltinScopesAgreeWithTheSchema(t *testing.T) {
	openapi.ResetOpenAPI()
	t.Cleanup(openapi.ResetOpenAPI)
	none := newScopes(drift.Capabilities{}, nil)
	checked := 0
	for name, definition := range openapi.Schema().Definitions {
		extension, ok := definition.Extensions["x-kubernetes-group-version-kind"].([]any)
		if !ok || len(extension) != 1 {
			continue
		}
		gvk, _ := extension[0].(map[string]any)
		kind := drift.Kind{Group: text(gvk["group"]), Version: text(gvk["version"]), Kind: text(gvk["kind"])}
		namespacedThere, known := openapi.IsNamespaceScoped(kyaml.TypeMeta{APIVersion: kind.APIVersion(), Kind: kind.Kind})
		// Options of subresources are no objects.
		if !known || strings.HasSuffix(kind.Kind, "Options") {
			continue
		}
		checked++
		want := clusterScoped
		if namespacedThere {
			want = namespaced
		}
		if got := none.of(kind); got != want {
			t.Errorf("%s (%s): scope %d, want %d", kind, name, got, want)
		}
	}
	if checked < 50 {
		t.Errorf("only %d kinds were compared", checked)
	}
}

// What Killick itself runs on is an error where it stands.
func TestOwnState(t *testing.T) {
	tree := files("app/a.yaml", configMap("a")+"---\n{apiVersion: v1, kind: Namespace, metadata: {name: killick}}\n")
	_, err := renderTree(tree, shop)
	var problem *drift.Problem
	if !errors.As(err, &problem) || problem.File != "app/a.yaml:5" && !strings.HasPrefix(problem.File, "app/a.yaml:") || problem.Hint == "" ||
		!strings.Contains(err.Error(), "Killick's own namespace") {
		t.Errorf("error %v", err)
	}
}

// Renders of several files come out sorted and with their places.
func TestSortedAndPlaced(t *testing.T) {
	tree := files("app/z.yaml", configMap("b")+"---\n# second\n\n"+configMap("a"), "app/a/b.json", `[]`)
	_, err := renderTree(tree, shop)
	var problem *drift.Problem
	if !errors.As(err, &problem) || problem.File != "app/a/b.json:1" {
		t.Errorf("error %v, want one at app/a/b.json:1", err)
	}
	delete(tree, "app/a/b.json")
	app := shop
	app.Repository = "charts"
	rendered := mustRender(t, tree, app)
	var got []drift.Origin
	for _, object := range rendered.Objects {
		got = append(got, object.Origin)
	}
	want := []drift.Origin{{Repository: "charts", File: "app/z.yaml", Line: 7}, {Repository: "charts", File: "app/z.yaml", Line: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
}
