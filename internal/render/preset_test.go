package render

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// TestPresetAtOnce: an exported folder is refused once, with everything that has to go.
func TestPresetAtOnce(t *testing.T) {
	export := func(name, metadata string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + ", namespace: shop" + metadata + "}\nstatus: {a: 1}\n"
	}
	var many []string
	for i := range 25 {
		many = append(many, export(fmt.Sprintf("m%02d", i), ", uid: x"))
	}
	for _, c := range []struct {
		reason, manifest, want, hint string
	}{
		{"one field", export("a", ", uid: x"), "app/a.yaml:1: ConfigMap shop/a: metadata.uid is preset", "remove it"},
		{"all fields of one document", export("a", ", uid: x, resourceVersion: '1', selfLink: /x, managedFields: [{}], creationTimestamp: 2020-01-01T00:00:00Z, generation: 4"),
			"app/a.yaml:1: ConfigMap shop/a: metadata.uid, metadata.resourceVersion, metadata.managedFields and metadata.selfLink are preset", "kubectl get -o yaml"},
		{"of all documents", export("a", ", uid: x") + "---\n" + export("b", "") + "---\n" + export("c", ", uid: x, resourceVersion: '1'"),
			"app/a.yaml:1: ConfigMap shop/a: metadata.uid is preset\napp/a.yaml:11: ConfigMap shop/c: metadata.uid and metadata.resourceVersion are preset", "remove them"},
		{"a list, as kubectl exports several", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: shop, uid: x}}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: b, namespace: shop, uid: y}}\n",
			"app/a.yaml:1: ConfigMap shop/a: metadata.uid is preset\napp/a.yaml:1: ConfigMap shop/b: metadata.uid is preset", "remove them"},
		{"empty ones are none", export("a", ", uid: '', resourceVersion: null, ownerReferences: []"), "", ""},
	} {
		_, err := renderTree(files("app/a.yaml", c.manifest), drift.App{Namespace: "shop"})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
		if problem, ok := errors.AsType[*drift.Problem](err); c.hint != "" && (!ok || !strings.Contains(problem.Hint, c.hint)) {
			t.Errorf("%s: the hint is missing: %v", c.reason, err)
		}
	}
	_, err := renderTree(files("app/a.yaml", strings.Join(many, "---\n")), drift.App{Namespace: "shop"})
	if err == nil || !strings.HasSuffix(err.Error(), "and 5 more documents") || strings.Count(err.Error(), "\n") != mostPreset {
		t.Errorf("an error about many documents is not bounded: %v", err)
	}
}
