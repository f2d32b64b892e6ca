package drift_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/dependency"
	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
	"github.com/killick-dev/killick/internal/testenv/model"
)

func TestWithPartOf(t *testing.T) {
	t.Parallel()
	object := model.Rendered(t, model.DeploymentYAML)
	before := model.Short(object.Manifest)
	got, err := drift.WithPartOf(object, model.TestPartOf)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"app": "web", drift.LabelPartOf: model.TestPartOf}, nested.Labels(got.Manifest)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if model.Short(object.Manifest) != before {
		t.Error("the manifest was changed in place")
	}
	for name, manifest := range map[string]map[string]any{
		"no metadata": {}, "no labels": {"metadata": map[string]any{"name": "x"}}, "labels null": {"metadata": map[string]any{"labels": nil}},
	} {
		got, err := drift.WithPartOf(drift.Object{Manifest: manifest}, model.TestPartOf)
		if err != nil || nested.Labels(got.Manifest)[drift.LabelPartOf] != model.TestPartOf {
			t.Errorf("%s: %v, %v", name, got.Manifest, err)
		}
	}
	own := model.Rendered(t, model.With(t, model.ConfigMapYAML, "namespace: storefront}", "namespace: storefront, labels: {applyset.kubernetes.io/part-of: mine}}"))
	_, err = drift.WithPartOf(own, model.TestPartOf)
	report := drift.ReportOf("a", "x", err)
	if err == nil || report.Stage != "render" || report.File != "apps/storefront/web.yaml:3" || report.Hint == "" {
		t.Errorf("membership is not Git's to give: %+v", report)
	}
}

func TestReadControls(t *testing.T) {
	t.Parallel()
	now := model.TestStart
	future, past := now.Add(time.Hour).Format(time.RFC3339), now.Add(-time.Hour).Format(time.RFC3339)
	annotated := func(kv ...string) map[string]any {
		annotations := map[string]any{}
		for i := 0; i < len(kv); i += 2 {
			annotations[kv[i]] = kv[i+1]
		}
		return map[string]any{"metadata": map[string]any{"annotations": annotations}}
	}
	cases := []struct {
		name, reason string
		live         map[string]any
		want         drift.Controls
		fails        string
	}{
		{"none", "no switches", map[string]any{}, drift.Controls{}, ""},
		{"no object", "nothing there", nil, drift.Controls{}, ""},
		{"suspended", "until then", annotated(drift.AnnotationSuspendUntil, future, drift.AnnotationSuspendReason, "migration"),
			drift.Controls{Suspend: drift.Control{Active: true, Until: now.Add(time.Hour), Reason: "migration"}}, ""},
		{"over", "read, and not active", annotated(drift.AnnotationSuspendUntil, past, drift.AnnotationSuspendReason, "migration"),
			drift.Controls{Suspend: drift.Control{Until: now.Add(-time.Hour), Reason: "migration"}}, ""},
		{"this very moment", "until, and not longer", annotated(drift.AnnotationSuspendUntil, now.Format(time.RFC3339), drift.AnnotationSuspendReason, "x"),
			drift.Controls{Suspend: drift.Control{Until: now, Reason: "x"}}, ""},
		{"break glass", "its own pair", annotated(drift.AnnotationBreakGlassUntil, future, drift.AnnotationBreakGlassReason, "outage"),
			drift.Controls{BreakGlass: drift.Control{Active: true, Until: now.Add(time.Hour), Reason: "outage"}}, ""},
		{"both", "two pairs", annotated(drift.AnnotationSuspendUntil, past, drift.AnnotationSuspendReason, "a", drift.AnnotationBreakGlassUntil, future, drift.AnnotationBreakGlassReason, "b"),
			drift.Controls{Suspend: drift.Control{Until: now.Add(-time.Hour), Reason: "a"}, BreakGlass: drift.Control{Active: true, Until: now.Add(time.Hour), Reason: "b"}}, ""},
		{"another zone", "RFC 3339 has an offset", annotated(drift.AnnotationSuspendUntil, "2026-11-02T10:00:00+01:00", drift.AnnotationSuspendReason, "x"),
			drift.Controls{Suspend: drift.Control{Active: true, Until: now.Add(time.Hour), Reason: "x"}}, ""},
		{"no reason", "both of a pair are required", annotated(drift.AnnotationSuspendUntil, future), drift.Controls{}, drift.AnnotationSuspendReason},
		{"an empty reason", "an empty one is none", annotated(drift.AnnotationSuspendUntil, future, drift.AnnotationSuspendReason, ""), drift.Controls{}, drift.AnnotationSuspendReason},
		{"no time", "both of a pair are required", annotated(drift.AnnotationBreakGlassReason, "x"), drift.Controls{}, drift.AnnotationBreakGlassUntil},
		{"a day", "not RFC 3339", annotated(drift.AnnotationSuspendUntil, "2026-12-01", drift.AnnotationSuspendReason, "x"), drift.Controls{}, "not an RFC 3339 time"},
		{"a word", "not RFC 3339", annotated(drift.AnnotationBreakGlassUntil, "tomorrow", drift.AnnotationBreakGlassReason, "x"), drift.Controls{}, `"tomorrow"`},
		{"an empty time", "not RFC 3339", annotated(drift.AnnotationSuspendUntil, "", drift.AnnotationSuspendReason, "x"), drift.Controls{}, "not an RFC 3339 time"},
		{"one good, one bad", "a bad value spoils all of them", annotated(drift.AnnotationSuspendUntil, future, drift.AnnotationSuspendReason, "x", drift.AnnotationBreakGlassReason, "y"), drift.Controls{}, drift.AnnotationBreakGlassUntil},
	}
	for _, c := range cases {
		got, err := drift.ReadControls(c.live, now)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", c.name, c.reason, diff)
		}
		if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %s: %v", c.name, c.reason, err)
		}
	}
}

func TestToolOf(t *testing.T) {
	t.Parallel()
	cases := []struct {
		reason, meta, want string
	}{
		{"nobody", "{}", ""},
		{"Argo CD by annotation", "{annotations: {argocd.argoproj.io/tracking-id: x}}", "Argo CD"},
		{"Argo CD by label", "{labels: {argocd.argoproj.io/instance: x}}", "Argo CD"},
		{"Flux", "{labels: {kustomize.toolkit.fluxcd.io/name: x}}", "Flux"},
		{"Flux's Helm", "{labels: {helm.toolkit.fluxcd.io/name: x}}", "Flux"},
		{"Flux before Helm, which it runs", "{labels: {helm.toolkit.fluxcd.io/name: x}, annotations: {meta.helm.sh/release-name: x}}", "Flux"},
		{"Helm", "{annotations: {meta.helm.sh/release-name: x}, labels: {app.kubernetes.io/managed-by: Helm}}", "Helm"},
		{"a label that charts set although nobody ran Helm", "{labels: {app.kubernetes.io/managed-by: Helm}}", ""},
		{"Config Sync", "{annotations: {configmanagement.gke.io/managed: enabled}}", "Config Sync"},
		{"Config Sync let go", "{annotations: {configmanagement.gke.io/managed: disabled}}", ""},
		{"kapp", "{labels: {kapp.k14s.io/app: x}}", "kapp"},
		{"cli-utils", "{annotations: {config.k8s.io/owning-inventory: x}}", "cli-utils"},
		{"kluctl", "{labels: {kluctl.io/discriminator: x}}", "kluctl"},
	}
	for _, c := range cases {
		if got := ownership.ToolOf(model.Tree(t, "metadata: "+c.meta)); got != c.want {
			t.Errorf("%s: %q", c.reason, got)
		}
	}
	own := ownership.LiveOwnership(model.Tree(t, "metadata: {ownerReferences: [{kind: A}, {kind: B, controller: true}], labels: {kapp.k14s.io/app: x}}"), nil)
	if !own.Controlled || own.Tool != "kapp" || own.LabelOwned || own.Managers == nil {
		t.Errorf("%+v", own)
	}
}

func TestHashManifest(t *testing.T) {
	t.Parallel()
	base := model.Tree(t, model.WidgetYAML)
	hash := model.HashOf(t, base)
	if len(hash) != 6+1+22 {
		t.Errorf("the key's mark and 16 bytes: %s", hash)
	}
	cases := []struct {
		reason string
		other  map[string]any
		same   bool
	}{
		{"itself", model.Tree(t, model.WidgetYAML), true},
		{"1 and 1.0", func() map[string]any {
			o := model.Tree(t, model.WidgetYAML)
			model.Put(t, o, model.At("spec size"), 3.0)
			return o
		}(), true},
		{"another value", model.Tree(t, model.With(t, model.WidgetYAML, "size: 3", "size: 4")), false},
		{"a key more", model.Tree(t, model.With(t, model.WidgetYAML, "size: 3", "size: 3\n  more: 1")), false},
		{"another order in a list", model.Tree(t, model.With(t, model.WidgetYAML, "[/x, /y]", "[/y, /x]")), false},
		{"a number and its text", model.Tree(t, model.With(t, model.WidgetYAML, "size: 3", `size: "3"`)), false},
		{"null and nothing", model.Tree(t, model.With(t, model.WidgetYAML, "size: 3", "size: 3\n  more: null")), false},
		{"nothing", nil, false},
	}
	for _, c := range cases {
		if got := model.HashOf(t, c.other); (got == hash) != c.same {
			t.Errorf("%s: %s and %s", c.reason, hash, got)
		}
	}
	if other, err := diff.HashManifest([]byte("another key"), base); err != nil || other == hash {
		t.Errorf("the key makes the hash: %s, %v", other, err)
	}
	if _, err := diff.HashManifest(model.TestKey, map[string]any{"f": func() {}}); err == nil {
		t.Error("what JSON cannot hold has no hash")
	}
}

// What the digest of a live object covers: our fields and people's, the values
// there, the order of lists. Nothing else moves it.
func TestHashLive(t *testing.T) {
	t.Parallel()
	digest := func(t *testing.T, live map[string]any) string {
		t.Helper()
		got, err := diff.HashLive(model.Standard, model.TestKey, live)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	pod := "spec template spec "
	cases := []struct {
		name, reason string
		manifest     string
		edit         func(*model.Server)
		same         bool
	}{
		{"nothing", "the same object", model.DeploymentYAML, func(*model.Server) {}, true},
		{"resourceVersion", "every write moves it", model.DeploymentYAML, func(s *model.Server) { nested.Metadata(s.Live)["resourceVersion"] = "77" }, true},
		{"generation", "likewise", model.DeploymentYAML, func(s *model.Server) { nested.Metadata(s.Live)["generation"] = int64(7) }, true},
		{"status", "controllers write it all day", model.DeploymentYAML, func(s *model.Server) { s.Live["status"] = map[string]any{"replicas": int64(3)} }, true},
		{"times", "an entry's time is not a change", model.DeploymentYAML, func(s *model.Server) { model.EntryOfOurs(s)["time"] = "2027-01-01T00:00:00Z" }, true},
		{"a controller's field", "controllers are not people", model.DeploymentYAML,
			func(s *model.Server) {
				s.Set("kube-controller-manager", "metadata annotations", map[string]any{"deployment.kubernetes.io/revision": "2"})
			}, true},
		{"the order of entries", "the server sorts them by time", model.DeploymentYAML, func(s *model.Server) {
			items := model.ListAt(nested.Metadata(s.Live), "managedFields")
			slices.Reverse(items)
		}, true},
		{"our value by admission", "ownership stays and the value does not", model.DeploymentYAML, func(s *model.Server) { model.Put(s.T, s.Live, model.At(pod+"containers [name=app] image"), "x") }, false},
		{"our value by hand", "ownership moves", model.DeploymentYAML, func(s *model.Server) { s.Set("kubectl-edit", pod+"containers [name=app] image", "x") }, false},
		{"our value removed", "ownership goes", model.DeploymentYAML, func(s *model.Server) { s.Set("kubectl-edit", pod+"containers [name=proxy]", nil) }, false},
		{"an addition", "a hand's field", model.DeploymentYAML, func(s *model.Server) { s.Set("kubectl-label", "metadata labels team", "a") }, false},
		{"an addition's value", "a hand's value", model.DeploymentYAML, func(s *model.Server) { model.Put(s.T, s.Live, model.At("metadata labels by-hand"), "other") }, false},
		{"the order of a keyed list", "it is part of what was applied", model.DeploymentYAML, func(s *model.Server) {
			containers, _ := nested.ValueAt(s.Live, model.At(pod+"containers"))
			slices.Reverse(containers.([]any))
		}, false},
		{"the order of an atomic list", "it is its value", model.WidgetYAML, func(s *model.Server) {
			rules, _ := nested.ValueAt(s.Live, model.At("spec rules"))
			slices.Reverse(rules.([]any))
		}, false},
		{"replicas", "of scalable kinds, whoever wrote them", model.With(t, model.DeploymentYAML, "  replicas: 3\n", ""),
			func(s *model.Server) { s.Set("kube-controller-manager/scale", "spec replicas", int64(9)) }, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := model.Synced(t, c.manifest)
			s.Set("kubectl-edit", "metadata labels by-hand", "x")
			before := digest(t, s.Live)
			c.edit(s)
			if got := digest(t, s.Live); (got == before) != c.same {
				t.Errorf("%s: same %t", c.reason, !c.same)
			}
		})
	}
	t.Run("without our entry", func(t *testing.T) {
		t.Parallel()
		s := model.Synced(t, model.ConfigMapYAML)
		delete(nested.Metadata(s.Live), "managedFields")
		before := digest(t, s.Live)
		s.Live["status"] = "x"
		nested.Metadata(s.Live)["resourceVersion"] = "9"
		if digest(t, s.Live) != before {
			t.Error("status and resourceVersion do not count")
		}
		model.Put(t, s.Live, model.At("data mode"), "x")
		if digest(t, s.Live) == before {
			t.Error("everything else does")
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		t.Parallel()
		if _, err := diff.HashLive(model.Standard, model.TestKey, map[string]any{"metadata": map[string]any{"managedFields": "x"}}); err == nil {
			t.Error("what cannot be read has no digest")
		}
	})
	t.Run("key", func(t *testing.T) {
		t.Parallel()
		live := model.Synced(t, model.SecretYAML).Live
		other, err := diff.HashLive(model.Standard, []byte("another"), live)
		if err != nil || other == digest(t, live) {
			t.Errorf("digests of Secrets are keyed: %v", err)
		}
	})
}

// Property: the digest moves when a hand changes anything, and the same state
// gives the same digest.
func TestHashLiveMoves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := model.Synced(t, model.DeploymentYAML)
		before, err := diff.HashLive(model.Standard, model.TestKey, s.Live)
		if err != nil {
			rt.Fatal(err)
		}
		path := rapid.SampledFrom([]string{"spec replicas", "spec template spec containers [name=app] image", "metadata labels app", "metadata labels new",
			"spec template spec containers [name=app] env [name=MODE] value"}).Draw(rt, "path")
		var v any = rapid.StringMatching(`[a-z]{3,8}`).Draw(rt, "text")
		if path == "spec replicas" {
			v = rapid.Int64Range(4, 9).Draw(rt, "replicas")
		}
		s.Set(rapid.SampledFrom([]string{"kubectl-edit", "fixit", "Terraform"}).Draw(rt, "manager"), path, v)
		after, err := diff.HashLive(model.Standard, model.TestKey, s.Live)
		if err != nil {
			rt.Fatal(err)
		}
		again, err := diff.HashLive(model.Standard, model.TestKey, nested.CloneMap(s.Live))
		if err != nil || again != after {
			rt.Fatal("the same state, another digest")
		}
		if after == before {
			rt.Fatalf("%s became %v and the digest did not move", path, v)
		}
	})
}

func TestOrder(t *testing.T) {
	t.Parallel()
	id := func(kind, namespace, name string) drift.ID {
		kind, group, _ := strings.Cut(kind, ".")
		return drift.ID{Group: group, Kind: kind, Namespace: namespace, Name: name}
	}
	stages := map[dependency.Stage][]string{
		dependency.StageNamespaces: {"Namespace"},
		dependency.StageCRDs:       {"CustomResourceDefinition.apiextensions.k8s.io"},
		dependency.StageFoundations: {"ServiceAccount", "Secret", "ConfigMap", "PersistentVolumeClaim", "PersistentVolume", "ResourceQuota", "LimitRange",
			"Role.rbac.authorization.k8s.io", "ClusterRoleBinding.rbac.authorization.k8s.io", "NetworkPolicy.networking.k8s.io",
			"StorageClass.storage.k8s.io", "PriorityClass.scheduling.k8s.io", "IngressClass.networking.k8s.io", "RuntimeClass.node.k8s.io"},
		dependency.StageServices:  {"Service", "Endpoints", "EndpointSlice.discovery.k8s.io"},
		dependency.StageWorkloads: {"Pod", "Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "ReplicaSet.apps", "ReplicationController", "Job.batch", "CronJob.batch"},
		dependency.StageOthers:    {"Ingress.networking.k8s.io", "HorizontalPodAutoscaler.autoscaling", "Widget.example.com", "Deployment.example.com", "PodDisruptionBudget.policy"},
		dependency.StageAdmission: {"ValidatingWebhookConfiguration.admissionregistration.k8s.io", "MutatingWebhookConfiguration.admissionregistration.k8s.io",
			"ValidatingAdmissionPolicy.admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io",
			"MutatingAdmissionPolicy.admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding.admissionregistration.k8s.io", "APIService.apiregistration.k8s.io"},
	}
	if got := dependency.Stages(); len(got) != len(stages) || !slices.IsSorted(got) || got[0] != dependency.StageNamespaces {
		t.Errorf("%v", got)
	}
	var steps []drift.Step
	for stage, kinds := range stages {
		for _, kind := range kinds {
			if got := dependency.StageOf(id(kind, "a", "x")); got != stage {
				t.Errorf("%s: stage %d, want %d", kind, got, stage)
			}
			for _, name := range []string{"b", "a"} {
				steps = append(steps, drift.Step{Change: drift.Change{ID: id(kind, "", name)}})
			}
		}
	}
	before := slices.Clone(steps)
	sorted := dependency.SortSteps(steps)
	deletions := dependency.DeletionOrder(steps)
	for i := range steps {
		if steps[i].Change.ID != before[i].Change.ID {
			t.Fatal("sorted in place")
		}
	}
	for i := 1; i < len(sorted); i++ {
		a, b := sorted[i-1].Change.ID, sorted[i].Change.ID
		if dependency.StageOf(a) > dependency.StageOf(b) || dependency.StageOf(a) == dependency.StageOf(b) && a.Compare(b) > 0 {
			t.Errorf("%s before %s", a, b)
		}
	}
	for i := range sorted {
		if deletions[len(sorted)-1-i].Change.ID != sorted[i].Change.ID {
			t.Fatal("deletions go the other way")
		}
	}
	if last := deletions[len(deletions)-1].Change.ID.Kind; last != "Namespace" {
		t.Errorf("namespaces go last: %s", last)
	}
}

func TestCRDOf(t *testing.T) {
	t.Parallel()
	crd := model.Tree(t, `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions: [{name: v1, served: true}, {name: v1beta1, served: false}, {name: v2, served: true}]
`)
	kinds, namespaced, ok := dependency.CRDOf(crd)
	want := []drift.Kind{{Group: "example.com", Version: "v1", Kind: "Widget"}, {Group: "example.com", Version: "v2", Kind: "Widget"}}
	if diff := cmp.Diff(want, kinds); diff != "" || !namespaced || !ok {
		t.Errorf("only served versions; namespaced %t, ok %t (-want +got):\n%s", namespaced, ok, diff)
	}
	model.Put(t, crd, model.At("spec scope"), "Cluster")
	if _, namespaced, _ := dependency.CRDOf(crd); namespaced {
		t.Error("scope Cluster")
	}
	for _, other := range []map[string]any{nil, {}, model.Tree(t, model.ConfigMapYAML)} {
		if kinds, _, ok := dependency.CRDOf(other); ok || kinds != nil {
			t.Errorf("no CRD: %v", kinds)
		}
	}
	if kinds, _, ok := dependency.CRDOf(map[string]any{"kind": "CustomResourceDefinition", "spec": map[string]any{"versions": []any{"x", nil}}}); !ok || kinds != nil {
		t.Errorf("a broken CRD defines nothing: %v", kinds)
	}
}
