package render

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

func TestHooksAreLeftOutAndCounted(t *testing.T) {
	hook := func(name, annotation string) string {
		return "apiVersion: batch/v1\nkind: Job\nmetadata: {name: " + name + ", annotations: {" + annotation + "}}\n"
	}
	rendered := mustRender(t, chartTree("app/templates/a.yaml", strings.Join([]string{
		hook("migrate", `helm.sh/hook: "pre-install,pre-upgrade"`), hook("check", "helm.sh/hook: test"), hook("odd", "helm.sh/hook: crd-install"),
		hook("empty", `helm.sh/hook: ""`), "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: anew-, annotations: {helm.sh/hook: pre-install}}\n",
		"apiVersion: batch/v1\nkind: Job\nmetadata: {annotations: {helm.sh/hook: pre-install}}\n", "metadata: {annotations: {helm.sh/hook: pre-install}}\n", hook("keep", "helm.sh/resource-policy: keep"),
		"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: inside, annotations: {helm.sh/hook: post-install}}\n",
	}, "---\n"), "app/templates/NOTES.txt", "not: {{ a manifest"[:5]), shop)
	if diff := cmp.Diff([]string{"Job.batch shop/keep"}, ids(rendered)); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	want := []string{
		"Job migrate is a Helm hook (pre-install,pre-upgrade) and left out: Killick keeps objects, it runs none",
		"Job check is a Helm test (test) and left out: Killick keeps objects, it runs none",
		"Job odd is a Helm hook (crd-install) and left out: Killick keeps objects, it runs none",
		"Job empty is a Helm hook (unnamed) and left out: Killick keeps objects, it runs none",
		"Job anew-* is a Helm hook (pre-install) and left out: Killick keeps objects, it runs none",
		"Job without a name is a Helm hook (pre-install) and left out: Killick keeps objects, it runs none",
		"a manifest without a kind is a Helm hook (pre-install) and left out: Killick keeps objects, it runs none",
		"Pod inside is a Helm hook (post-install) and left out: Killick keeps objects, it runs none",
	}
	if diff := cmp.Diff(want, messages(rendered)); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if rendered.Skipped != len(want) {
		t.Errorf("skipped %d, want %d", rendered.Skipped, len(want))
	}
}

// What is left out has the ID under which an inventory would have it.
func TestLeftOutObjectsAreNamed(t *testing.T) {
	object := func(kind, metadata string) string {
		return "apiVersion: " + kind[:strings.LastIndex(kind, "/")] + "\nkind: " + kind[strings.LastIndex(kind, "/")+1:] + "\nmetadata: {" + metadata + "}\n"
	}
	const hook = ", annotations: {helm.sh/hook: pre-install}"
	rendered := mustRender(t, chartTree("app/templates/a.yaml", strings.Join([]string{
		object("batch/v1/Job", "name: migrate"+hook),
		object("batch/v1/Job", "name: migrate, namespace: shop"+hook), // the same once more
		object("batch/v1/Job", "name: elsewhere, namespace: other"+hook),
		object("batch/v1/Job", "generateName: anew-"+hook), // has no ID
		object("rbac.authorization.k8s.io/v1/ClusterRole", "name: wide, namespace: shop"+hook),
		object("v1/ServiceAccount", "name: both"+hook),
		object("v1/ServiceAccount", "name: both"), // managed after all
		object("v1/Secret", "name: skipped"),
		object("v1/Pod", "name: check, annotations: {helm.sh/hook: test}"),
		"{{ if eq (randInt 0 2) 0 }}\n" + object("v1/Pod", "name: sometimes"+hook) + "{{ end }}",
	}, "---\n")), shop)
	got := slices.DeleteFunc(leftOut(rendered), func(id string) bool { return id == "Pod shop/sometimes" })
	want := []string{"ClusterRole.rbac.authorization.k8s.io wide", "Job.batch other/elsewhere", "Pod shop/check", "Secret shop/skipped", "Job.batch shop/migrate"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	if !slices.IsSortedFunc(rendered.LeftOut, drift.ID.Compare) {
		t.Errorf("not sorted: %v", leftOut(rendered))
	}
	if diff := cmp.Diff([]string{"ServiceAccount shop/both"}, ids(rendered)); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}
