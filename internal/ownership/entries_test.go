package ownership_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/ownership"
	"github.com/killick-dev/killick/internal/testenv/model"
)

// managedObject is an object with managedFields as the API server writes them.
func managedObject(t testing.TB, entries string) map[string]any {
	t.Helper()
	return model.Tree(t, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n  managedFields:\n"+entries)
}

const threeManagers = `
  - {manager: killick, operation: Apply, apiVersion: v1, time: "2026-11-02T08:00:00Z", fieldsType: FieldsV1, fieldsV1: {"f:data": {"f:mode": {}}, "f:metadata": {"f:labels": {"f:app": {}}}}}
  - {manager: kube-controller-manager, operation: Update, apiVersion: v1, time: "2026-11-02T10:00:00Z", subresource: status, fieldsType: FieldsV1, fieldsV1: {"f:status": {"f:phase": {}}}}
  - {manager: kubectl-edit, operation: Update, apiVersion: v1, time: "2026-11-02T09:00:00Z", fieldsType: FieldsV1, fieldsV1: {"f:data": {"f:mode": {}, "f:extra": {}}}}
`

func TestReadManaged(t *testing.T) {
	t.Parallel()
	entries, err := ownership.Read(model.Standard, managedObject(t, threeManagers))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 3 {
		t.Fatalf("%d entries", len(entries))
	}
	first, third := entries[0], entries[2]
	if !first.Ours() || first.Human() || first.Deployed() || first.ApiVersion != "v1" || !first.Time.Equal(model.TestStart) {
		t.Errorf("%+v", first)
	}
	if third.Ours() || !third.Human() || third.Operation != "Update" {
		t.Errorf("%+v", third)
	}
	if entries[1].Human() || entries[1].Subresource != "status" {
		t.Errorf("status is nobody's hand: %+v", entries[1])
	}
	if got := third.Fields.String(); got != ".data.extra\n.data.mode" {
		t.Errorf("%s", got)
	}
	for name, c := range map[string]struct {
		entries string
		reason  string
		fails   bool
		count   int
	}{
		"none":             {"    []", "an object nobody applied", false, 0},
		"a scalar":         {"    x", "they are a list", true, 0},
		"not a map":        {"  - x", "an entry is a map", true, 0},
		"no fields":        {"  - {manager: a, operation: Update}", "an entry may be empty", false, 1},
		"fields a text":    {"  - {manager: a, fieldsV1: x}", "a set is a map", true, 0},
		"unknown element":  {`  - {manager: a, fieldsV1: {"z:x": {}}}`, "an element of a kind not known yet is skipped, as the server skips it", false, 1},
		"another format":   {`  - {manager: a, fieldsType: FieldsV2, fieldsV1: {}}`, "a format of the future is not read as the old one", true, 0},
		"a broken key":     {`  - {manager: a, fieldsV1: {"k:{": {}}}`, "a key is JSON", true, 0},
		"a time that isnt": {`  - {manager: a, time: yesterday, fieldsV1: {}}`, "a time only informs", false, 1},
	} {
		got, err := ownership.Read(model.Standard, managedObject(t, c.entries))
		if (err != nil) != c.fails || len(got) != c.count {
			t.Errorf("%s: %s: %d entries, %v", name, c.reason, len(got), err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "reading managedFields") {
			t.Errorf("%s: %v does not say what was read", name, err)
		}
	}
	if got, err := ownership.Read(model.Standard, nil); got == nil && err != nil {
		t.Error("no object has no managers")
	}
}

func TestManagedWhose(t *testing.T) {
	t.Parallel()
	cases := []struct {
		reason               string
		entry                ownership.Entry
		ours, human, deploys bool
	}{
		{"our Apply entry", ownership.Entry{Manager: "killick", Operation: "Apply"}, true, false, false},
		{"our own Update is not an Apply entry, and no hand", ownership.Entry{Manager: "killick", Operation: "Update"}, false, false, false},
		{"our name on a subresource", ownership.Entry{Manager: "killick", Operation: "Apply", Subresource: "scale"}, false, false, false},
		{"a hand", ownership.Entry{Manager: "kubectl-edit", Operation: "Update"}, false, true, false},
		{"a hand on scale", ownership.Entry{Manager: "kubectl", Operation: "Update", Subresource: "scale"}, false, true, false},
		{"a hand on status", ownership.Entry{Manager: "kubectl", Operation: "Update", Subresource: "status"}, false, false, false},
		{"a deployer", ownership.Entry{Manager: "helm", Operation: "Update"}, false, false, true},
		{"a deployer on status", ownership.Entry{Manager: "argocd-controller", Operation: "Apply", Subresource: "status"}, false, false, false},
		{"kubectl apply", ownership.Entry{Manager: "kubectl-client-side-apply", Operation: "Update"}, false, true, true},
		{"what was there before", ownership.Entry{Manager: "before-first-apply", Operation: "Update"}, false, false, true},
		{"a controller", ownership.Entry{Manager: "kube-controller-manager", Operation: "Update"}, false, false, false},
		{"nobody knows", ownership.Entry{Manager: "fixit", Operation: "Update"}, false, true, false},
		{"nobody at all", ownership.Entry{}, false, false, false},
	}
	for _, c := range cases {
		c.entry.Class = model.Standard.ClassOf(c.entry.Manager)
		if c.entry.Ours() != c.ours || c.entry.Human() != c.human || c.entry.Deployed() != c.deploys {
			t.Errorf("%s: ours %t, human %t, deployed %t", c.reason, c.entry.Ours(), c.entry.Human(), c.entry.Deployed())
		}
	}
}

func fieldSet(t testing.TB, fieldsV1 string) *fieldpath.Set {
	t.Helper()
	set := fieldpath.NewSet()
	if err := set.FromJSON(strings.NewReader(fieldsV1)); err != nil {
		t.Fatal(err)
	}
	return set
}

func TestTouches(t *testing.T) {
	t.Parallel()
	port := func(n any) fieldpath.PathElement { return fieldpath.KeyElementByFields("port", n, "protocol", "TCP") }
	set := `{"f:metadata":{"f:annotations":{".":{}}},"f:spec":{"f:selector":{},"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:name":{}}},"f:finalizers":{"v:\"a\"":{}}}}`
	others := `{"f:metadata":{"f:annotations":{"f:theirs":{}}}}`
	cases := []struct {
		reason string
		path   fieldpath.Path
		want   bool
	}{
		{"itself", fieldpath.MakePathOrDie("spec", "selector"), true},
		{"something below it", fieldpath.MakePathOrDie("spec"), true},
		{"inside an atomic value", fieldpath.MakePathOrDie("spec", "selector", "app"), true},
		{"an item", fieldpath.MakePathOrDie("spec", "ports", port(int64(80))), true},
		{"an item whose key was read as a float", fieldpath.MakePathOrDie("spec", "ports", port(80.0)), true},
		{"a named field of an item", fieldpath.MakePathOrDie("spec", "ports", port(int64(80)), "name"), true},
		{"another field of an item", fieldpath.MakePathOrDie("spec", "ports", port(int64(80)), "targetPort"), false},
		{"another item", fieldpath.MakePathOrDie("spec", "ports", port(int64(81))), false},
		{"a member of a set", fieldpath.MakePathOrDie("spec", "finalizers", fieldpath.ValueElement(value.NewValueInterface("a"))), true},
		{"another member", fieldpath.MakePathOrDie("spec", "finalizers", fieldpath.ValueElement(value.NewValueInterface("b"))), false},
		{"another field", fieldpath.MakePathOrDie("spec", "type"), false},
		{"a map that is only named, and others name what is in it", fieldpath.MakePathOrDie("metadata", "annotations", "theirs"), false},
		{"the map itself", fieldpath.MakePathOrDie("metadata", "annotations"), true},
		{"the whole object", fieldpath.Path{}, false},
	}
	mine := fieldSet(t, set)
	shape := mine.Union(fieldSet(t, others))
	for _, c := range cases {
		if got := ownership.Touches(mine, shape, c.path); got != c.want {
			t.Errorf("%s: %s: %t", c.reason, c.path, got)
		}
	}
}

func TestOwner(t *testing.T) {
	t.Parallel()
	entry := func(manager, operation, subresource string, hour int, fields string) ownership.Entry {
		return ownership.Entry{Manager: manager, Operation: operation, Subresource: subresource,
			Time: model.TestStart.Add(time.Duration(hour) * time.Hour), Fields: fieldSet(t, fields)}
	}
	replicas := fieldpath.MakePathOrDie("spec", "replicas")
	us := entry("killick", "Apply", "", 5, `{"f:spec":{"f:replicas":{}}}`)
	early := entry("kubectl-edit", "Update", "", 1, `{"f:spec":{"f:replicas":{}}}`)
	late := entry("k9s", "Update", "", 3, `{"f:spec":{"f:replicas":{}}}`)
	twin := entry("Lens", "Update", "", 3, `{"f:spec":{"f:replicas":{}}}`)
	unnamed := entry("", "Update", "", 0, `{"f:spec":{"f:replicas":{}}}`)
	status := entry("kubelet", "Update", "status", 9, `{"f:spec":{"f:replicas":{}}}`)
	other := entry("fixit", "Update", "", 9, `{"f:spec":{"f:paused":{}}}`)
	cases := []struct {
		reason  string
		entries []ownership.Entry
		want    string
	}{
		{"nobody", nil, ""},
		{"nobody at this path", []ownership.Entry{other}, ""},
		{"ourselves when alone", []ownership.Entry{us, other}, "killick"},
		{"others before ourselves, though older", []ownership.Entry{us, early}, "kubectl-edit"},
		{"in any order", []ownership.Entry{early, us}, "kubectl-edit"},
		{"the latest of others", []ownership.Entry{early, late, us}, "k9s"},
		{"in any order", []ownership.Entry{late, us, early}, "k9s"},
		{"status is not a claim", []ownership.Entry{status, us}, "killick"},
		{"of two at the same second the first by name", []ownership.Entry{late, twin}, "Lens"},
		{"in any order", []ownership.Entry{twin, late}, "Lens"},
		{"a manager without a name gives way to a later one", []ownership.Entry{unnamed, early}, "kubectl-edit"},
		{"and is named when it is the latest", []ownership.Entry{unnamed}, ""},
	}
	for _, c := range cases {
		if got := ownership.Owner(c.entries, ownership.Structure(c.entries), replicas); got.Manager != c.want {
			t.Errorf("%s: %q", c.reason, got.Manager)
		}
	}
}

func TestPathOfAndElements(t *testing.T) {
	t.Parallel()
	cases := []struct {
		reason string
		fields string
		want   []string
	}{
		{"field names", `{"f:metadata":{"f:labels":{"f:app.kubernetes.io/name":{}}}}`, []string{"/metadata/labels/app.kubernetes.io~1name"}},
		{"keys, sorted", `{"f:p":{"k:{\"protocol\":\"TCP\",\"port\":80}":{}}}`, []string{"/p/[port=80,protocol=TCP]"}},
		{"a large number", `{"f:p":{"k:{\"port\":1234567}":{}}}`, []string{"/p/[port=1234567]"}},
		{"a boolean key", `{"f:p":{"k:{\"on\":true}":{}}}`, []string{"/p/[on=true]"}},
		{"a text that needs quoting", `{"f:p":{"k:{\"name\":\"a b\"}":{}}}`, []string{`/p/[name="a b"]`}},
		{"a set", `{"f:p":{"v:\"a/b\"":{},"v:5":{}}}`, []string{`/p/[=5]`, `/p/[="a~1b"]`}},
		{"indexes", `{"f:p":{"i:0":{},"i:12":{}}}`, []string{"/p/[0]", "/p/[12]"}},
	}
	for _, c := range cases {
		var got []string
		fieldSet(t, c.fields).Iterate(func(path fieldpath.Path) { got = append(got, ownership.PathOf(path).Pointer()) })
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
	if ownership.ElementOf(fieldpath.PathElement{}) != "" {
		t.Error("an element of no kind has no name")
	}
}

func TestShapes(t *testing.T) {
	t.Parallel()
	cases := []struct {
		reason string
		fields string
		want   ownership.ListShape
	}{
		{"keyed", `{"k:{\"port\":80,\"protocol\":\"TCP\"}":{}}`, ownership.ListShape{Keys: []string{"port", "protocol"}}},
		{"keyed, with children", `{"k:{\"name\":\"a\"}":{".":{},"f:x":{}}}`, ownership.ListShape{Keys: []string{"name"}}},
		{"keyed, only children", `{"k:{\"name\":\"a\"}":{"f:x":{}}}`, ownership.ListShape{Keys: []string{"name"}}},
		{"a set", `{"v:\"a\"":{}}`, ownership.ListShape{Set: true}},
		{"indexes", `{"i:0":{}}`, ownership.ListShape{}},
		{"nothing", `{}`, ownership.ListShape{}},
		{"a map", `{"f:x":{}}`, ownership.ListShape{}},
	}
	for _, c := range cases {
		got := ownership.ShapeOf(fieldSet(t, c.fields))
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(ownership.ListShape{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
		if got.Atomic() != (len(c.want.Keys) == 0 && !c.want.Set) {
			t.Errorf("%s: atomic %t", c.reason, got.Atomic())
		}
	}
}

func TestElementsOf(t *testing.T) {
	t.Parallel()
	keyed, set := ownership.ListShape{Keys: []string{"name"}}, ownership.ListShape{Set: true}
	item := func(name any) any { return map[string]any{"name": name} }
	cases := []struct {
		reason string
		shape  ownership.ListShape
		items  []any
		ok     bool
	}{
		{"distinct keys", keyed, []any{item("a"), item("b")}, true},
		{"none", keyed, nil, true},
		{"duplicates cannot be told apart", keyed, []any{item("a"), item("a")}, false},
		{"1 and 1.0 are one key", keyed, []any{item(int64(1)), item(1.0)}, false},
		{"1 and \"1\" are two", keyed, []any{item(int64(1)), item("1")}, true},
		{"a key is missing", keyed, []any{map[string]any{"other": "a"}}, false},
		{"not a map", keyed, []any{"a"}, false},
		{"a set", set, []any{"a", int64(1), true}, true},
		{"twice in a set", set, []any{"a", "a"}, false},
		{"a map in a set", set, []any{item("a")}, false},
		{"a null in a set", set, []any{nil}, false},
		{"a list in a set", set, []any{[]any{}}, false},
		{"no shape", ownership.ListShape{}, []any{item("a")}, false},
	}
	for _, c := range cases {
		elements, ok := diff.ElementsOf(c.shape, c.items)
		if ok != c.ok || ok && len(elements) != len(c.items) {
			t.Errorf("%s: %v, %t", c.reason, elements, ok)
		}
	}
}

func TestFieldValueAt(t *testing.T) {
	t.Parallel()
	object := model.Tree(t, `
spec:
  ports: [{port: 80, protocol: TCP, id: a}, {port: 80, protocol: UDP, id: b}]
  set: [a, 5]
  plain: [{id: x}]
`)
	port := func(n any, protocol string) fieldpath.PathElement {
		return fieldpath.KeyElementByFields("port", n, "protocol", protocol)
	}
	cases := []struct {
		reason string
		path   fieldpath.Path
		want   any
		found  bool
	}{
		{"an integer key", fieldpath.MakePathOrDie("spec", "ports", port(int64(80), "UDP"), "id"), "b", true},
		{"the same key as JSON gives it", fieldpath.MakePathOrDie("spec", "ports", port(80.0, "UDP"), "id"), "b", true},
		{"a text is another key", fieldpath.MakePathOrDie("spec", "ports", port("80", "UDP")), nil, false},
		{"a member of a set", fieldpath.MakePathOrDie("spec", "set", fieldpath.ValueElement(value.NewValueInterface(5.0))), int64(5), true},
		{"no such member", fieldpath.MakePathOrDie("spec", "set", fieldpath.ValueElement(value.NewValueInterface("z"))), nil, false},
		{"an index", fieldpath.MakePathOrDie("spec", "plain", 0, "id"), "x", true},
		{"no such index", fieldpath.MakePathOrDie("spec", "plain", 1), nil, false},
		{"a negative index", fieldpath.MakePathOrDie("spec", "plain", -1), nil, false},
		{"a field of a list", fieldpath.MakePathOrDie("spec", "plain", "id"), nil, false},
		{"an item of a map", fieldpath.MakePathOrDie("spec", 0), nil, false},
		{"the root", fieldpath.Path{}, object, true},
	}
	for _, c := range cases {
		if got, found := ownership.ValueAt(object, c.path); found != c.found || !cmp.Equal(got, c.want) {
			t.Errorf("%s: %v, %t", c.reason, got, found)
		}
	}
}

func TestClassOf(t *testing.T) {
	t.Parallel()
	for class, names := range map[drift.Class][]string{
		drift.ClassNone: {""},
		drift.ClassSelf: {"killick", "killick-applyset"},
		drift.ClassInteractive: {"kubectl", "kubectl-edit", "kubectl-patch", "kubectl-replace", "kubectl-set", "kubectl-label", "kubectl-annotate",
			"kubectl-rollout", "kubectl-create", "kubectl-run", "kubectl-expose", "kubectl-autoscale", "kubectl-taint", "kubectl-applyset",
			"k9s", "rancher", "Mozilla", "node-fetch", "lens", "lens-resource-applier", "freelens", "Headlamp", "headlamp", "dashboard",
			"kubernetes-dashboard", "oc"},
		drift.ClassPipeline: {"kubectl-client-side-apply", "kubectl-last-applied", "Terraform", "HashiCorp", "pulumi-kubernetes", "python-requests",
			"OpenAPI-Generator", "curl", "okhttp"},
		drift.ClassDeployer: {"helm", "helm-controller", "argocd-controller", "argocd-application-controller", "kustomize-controller", "flux", "flux-client-side-apply",
			"kluctl", "kapp-server-side-apply", "configsync.gke.io", "configmanagement", "kro.run/applyset", "fleet-agent", "werf", "before-first-apply"},
		drift.ClassController: {"kube-controller-manager", "kube-scheduler", "kube-apiserver", "kubelet", "clusterrole-aggregation-controller",
			"cert-manager-cainjector", "cert-manager-certificates-trigger", "cloud-controller-manager", "replicaset-controller",
			"ingress-controller-manager", "prometheus-operator", "rollouts-manager", "csi-provisioner", "my-scheduler", "cluster-autoscaler",
			"sidecar-webhook", "vpa-recommender", "kwok", "controller", "manager", "pilot-discovery", "kyverno", "gatekeeper",
			"external-secrets"},
		drift.ClassUnknown: {"fixit", "Go-http-client", "unknown", "main", "ancient-changes", "Helm", "killick-", "xkubectl", "argo", "controllers"},
	} {
		for _, name := range names {
			if got := model.Standard.ClassOf(name); got != class {
				t.Errorf("%q is %q, want %q", name, got, class)
			}
		}
	}
	for class, human := range map[drift.Class]bool{drift.ClassNone: false, drift.ClassSelf: false, drift.ClassInteractive: true, drift.ClassPipeline: true,
		drift.ClassDeployer: false, drift.ClassController: false, drift.ClassUnknown: true} {
		if class.Human() != human {
			t.Errorf("additions by %q count as drift: %t", class, !human)
		}
	}
}
