package drift

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The vectors of research/others.md §2.3: kubectl's own test and two more.
func TestApplySetID(t *testing.T) {
	t.Parallel()
	for want, parent := range map[string]ID{
		"applyset-0eFHV8ySqp7XoShsGvyWFQD3s96yqwHmzc4e0HR1dsY-v1": {Kind: "Secret", Namespace: "test", Name: "my-set"},
		"applyset-gixR4KUFBNRxOPyC-scYMHmBW0ziohNNkE_oCmTLycQ-v1": {Kind: "ConfigMap", Namespace: "test", Name: "my-set"},
		"applyset-NJoolFf1AHoJxBrkKuWdTlcLl3OE9YrxDlEdgX3_Pz8-v1": {Group: "company.com", Kind: "ApplySet", Name: "thing"},
	} {
		if got := applySetID(parent); got != want {
			t.Errorf("%v: %s, want %s", parent, got, want)
		}
	}
	got := ApplySetID("storefront", "killick")
	if got != applySetID(ID{Kind: "ConfigMap", Namespace: "killick", Name: "killick-app-storefront"}) {
		t.Errorf("the parent is the app's ConfigMap: %s", got)
	}
	if len(got) != 55 || strings.ContainsAny(got, "=+/") {
		t.Errorf("a label value of 55 characters: %s", got)
	}
	if got == ApplySetID("storefront", "other") || got == ApplySetID("payments", "killick") {
		t.Error("the app and the state namespace make the id")
	}
	if ParentName("a") != "killick-app-a" || StateName("a") != "killick-state-a" {
		t.Errorf("%s %s", ParentName("a"), StateName("a"))
	}
}

func TestWithPartOf(t *testing.T) {
	t.Parallel()
	object := rendered(t, deploymentYAML)
	before := short(object.Manifest)
	got, err := WithPartOf(object, testPartOf)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"app": "web", LabelPartOf: testPartOf}, Labels(got.Manifest)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if short(object.Manifest) != before {
		t.Error("the manifest was changed in place")
	}
	for name, manifest := range map[string]map[string]any{
		"no metadata": {}, "no labels": {"metadata": map[string]any{"name": "x"}}, "labels null": {"metadata": map[string]any{"labels": nil}},
	} {
		got, err := WithPartOf(Object{Manifest: manifest}, testPartOf)
		if err != nil || Labels(got.Manifest)[LabelPartOf] != testPartOf {
			t.Errorf("%s: %v, %v", name, got.Manifest, err)
		}
	}
	own := rendered(t, with(t, configMapYAML, "namespace: storefront}", "namespace: storefront, labels: {applyset.kubernetes.io/part-of: mine}}"))
	_, err = WithPartOf(own, testPartOf)
	report := ReportOf("a", "x", err)
	if err == nil || report.Stage != "render" || report.File != "apps/storefront/web.yaml:3" || report.Hint == "" {
		t.Errorf("membership is not Git's to give: %+v", report)
	}
}

func TestReadControls(t *testing.T) {
	t.Parallel()
	now := testStart
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
		want         Controls
		fails        string
	}{
		{"none", "no switches", map[string]any{}, Controls{}, ""},
		{"no object", "nothing there", nil, Controls{}, ""},
		{"suspended", "until then", annotated(AnnotationSuspendUntil, future, AnnotationSuspendReason, "migration"),
			Controls{Suspend: Control{Active: true, Until: now.Add(time.Hour), Reason: "migration"}}, ""},
		{"over", "read, and not active", annotated(AnnotationSuspendUntil, past, AnnotationSuspendReason, "migration"),
			Controls{Suspend: Control{Until: now.Add(-time.Hour), Reason: "migration"}}, ""},
		{"this very moment", "until, and not longer", annotated(AnnotationSuspendUntil, now.Format(time.RFC3339), AnnotationSuspendReason, "x"),
			Controls{Suspend: Control{Until: now, Reason: "x"}}, ""},
		{"break glass", "its own pair", annotated(AnnotationBreakGlassUntil, future, AnnotationBreakGlassReason, "outage"),
			Controls{BreakGlass: Control{Active: true, Until: now.Add(time.Hour), Reason: "outage"}}, ""},
		{"both", "two pairs", annotated(AnnotationSuspendUntil, past, AnnotationSuspendReason, "a", AnnotationBreakGlassUntil, future, AnnotationBreakGlassReason, "b"),
			Controls{Suspend: Control{Until: now.Add(-time.Hour), Reason: "a"}, BreakGlass: Control{Active: true, Until: now.Add(time.Hour), Reason: "b"}}, ""},
		{"another zone", "RFC 3339 has an offset", annotated(AnnotationSuspendUntil, "2026-11-02T10:00:00+01:00", AnnotationSuspendReason, "x"),
			Controls{Suspend: Control{Active: true, Until: now.Add(time.Hour), Reason: "x"}}, ""},
		{"no reason", "both of a pair are required", annotated(AnnotationSuspendUntil, future), Controls{}, AnnotationSuspendReason},
		{"an empty reason", "an empty one is none", annotated(AnnotationSuspendUntil, future, AnnotationSuspendReason, ""), Controls{}, AnnotationSuspendReason},
		{"no time", "both of a pair are required", annotated(AnnotationBreakGlassReason, "x"), Controls{}, AnnotationBreakGlassUntil},
		{"a day", "not RFC 3339", annotated(AnnotationSuspendUntil, "2026-12-01", AnnotationSuspendReason, "x"), Controls{}, "not an RFC 3339 time"},
		{"a word", "not RFC 3339", annotated(AnnotationBreakGlassUntil, "tomorrow", AnnotationBreakGlassReason, "x"), Controls{}, `"tomorrow"`},
		{"an empty time", "not RFC 3339", annotated(AnnotationSuspendUntil, "", AnnotationSuspendReason, "x"), Controls{}, "not an RFC 3339 time"},
		{"one good, one bad", "a bad value spoils all of them", annotated(AnnotationSuspendUntil, future, AnnotationSuspendReason, "x", AnnotationBreakGlassReason, "y"), Controls{}, AnnotationBreakGlassUntil},
	}
	for _, c := range cases {
		got, err := ReadControls(c.live, now)
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
		if got := toolOf(tree(t, "metadata: "+c.meta)); got != c.want {
			t.Errorf("%s: %q", c.reason, got)
		}
	}
	own := liveOwnership(tree(t, "metadata: {ownerReferences: [{kind: A}, {kind: B, controller: true}], labels: {kapp.k14s.io/app: x}}"), nil)
	if !own.Controlled || own.Tool != "kapp" || own.LabelOwned || own.Managers == nil {
		t.Errorf("%+v", own)
	}
}

func TestHashManifest(t *testing.T) {
	t.Parallel()
	base := tree(t, widgetYAML)
	hash := hashOf(t, base)
	if len(hash) != 6+1+22 {
		t.Errorf("the key's mark and 16 bytes: %s", hash)
	}
	cases := []struct {
		reason string
		other  map[string]any
		same   bool
	}{
		{"itself", tree(t, widgetYAML), true},
		{"1 and 1.0", func() map[string]any { o := tree(t, widgetYAML); put(t, o, at("spec size"), 3.0); return o }(), true},
		{"another value", tree(t, with(t, widgetYAML, "size: 3", "size: 4")), false},
		{"a key more", tree(t, with(t, widgetYAML, "size: 3", "size: 3\n  more: 1")), false},
		{"another order in a list", tree(t, with(t, widgetYAML, "[/x, /y]", "[/y, /x]")), false},
		{"a number and its text", tree(t, with(t, widgetYAML, "size: 3", `size: "3"`)), false},
		{"null and nothing", tree(t, with(t, widgetYAML, "size: 3", "size: 3\n  more: null")), false},
		{"nothing", nil, false},
	}
	for _, c := range cases {
		if got := hashOf(t, c.other); (got == hash) != c.same {
			t.Errorf("%s: %s and %s", c.reason, hash, got)
		}
	}
	if other, err := HashManifest([]byte("another key"), base); err != nil || other == hash {
		t.Errorf("the key makes the hash: %s, %v", other, err)
	}
	if _, err := HashManifest(testKey, map[string]any{"f": func() {}}); err == nil {
		t.Error("what JSON cannot hold has no hash")
	}
}

// What the digest of a live object covers: our fields and people's, the values
// there, the order of lists. Nothing else moves it.
func TestHashLive(t *testing.T) {
	t.Parallel()
	digest := func(t *testing.T, live map[string]any) string {
		t.Helper()
		got, err := standard.HashLive(testKey, live)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	pod := "spec template spec "
	cases := []struct {
		name, reason string
		manifest     string
		edit         func(*server)
		same         bool
	}{
		{"nothing", "the same object", deploymentYAML, func(*server) {}, true},
		{"resourceVersion", "every write moves it", deploymentYAML, func(s *server) { metadata(s.live)["resourceVersion"] = "77" }, true},
		{"generation", "likewise", deploymentYAML, func(s *server) { metadata(s.live)["generation"] = int64(7) }, true},
		{"status", "controllers write it all day", deploymentYAML, func(s *server) { s.live["status"] = map[string]any{"replicas": int64(3)} }, true},
		{"times", "an entry's time is not a change", deploymentYAML, func(s *server) { entryOfOurs(s)["time"] = "2027-01-01T00:00:00Z" }, true},
		{"a controller's field", "controllers are not people", deploymentYAML,
			func(s *server) {
				s.set("kube-controller-manager", "metadata annotations", map[string]any{"deployment.kubernetes.io/revision": "2"})
			}, true},
		{"the order of entries", "the server sorts them by time", deploymentYAML, func(s *server) {
			items := listAt(metadata(s.live), "managedFields")
			slices.Reverse(items)
		}, true},
		{"our value by admission", "ownership stays and the value does not", deploymentYAML, func(s *server) { put(s.t, s.live, at(pod+"containers [name=app] image"), "x") }, false},
		{"our value by hand", "ownership moves", deploymentYAML, func(s *server) { s.set("kubectl-edit", pod+"containers [name=app] image", "x") }, false},
		{"our value removed", "ownership goes", deploymentYAML, func(s *server) { s.set("kubectl-edit", pod+"containers [name=proxy]", nil) }, false},
		{"an addition", "a hand's field", deploymentYAML, func(s *server) { s.set("kubectl-label", "metadata labels team", "a") }, false},
		{"an addition's value", "a hand's value", deploymentYAML, func(s *server) { put(s.t, s.live, at("metadata labels by-hand"), "other") }, false},
		{"the order of a keyed list", "it is part of what was applied", deploymentYAML, func(s *server) {
			containers, _ := ValueAt(s.live, at(pod+"containers"))
			slices.Reverse(containers.([]any))
		}, false},
		{"the order of an atomic list", "it is its value", widgetYAML, func(s *server) {
			rules, _ := ValueAt(s.live, at("spec rules"))
			slices.Reverse(rules.([]any))
		}, false},
		{"replicas", "of scalable kinds, whoever wrote them", with(t, deploymentYAML, "  replicas: 3\n", ""),
			func(s *server) { s.set("kube-controller-manager/scale", "spec replicas", int64(9)) }, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := synced(t, c.manifest)
			s.set("kubectl-edit", "metadata labels by-hand", "x")
			before := digest(t, s.live)
			c.edit(s)
			if got := digest(t, s.live); (got == before) != c.same {
				t.Errorf("%s: same %t", c.reason, !c.same)
			}
		})
	}
	t.Run("without our entry", func(t *testing.T) {
		t.Parallel()
		s := synced(t, configMapYAML)
		delete(metadata(s.live), "managedFields")
		before := digest(t, s.live)
		s.live["status"] = "x"
		metadata(s.live)["resourceVersion"] = "9"
		if digest(t, s.live) != before {
			t.Error("status and resourceVersion do not count")
		}
		put(t, s.live, at("data mode"), "x")
		if digest(t, s.live) == before {
			t.Error("everything else does")
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		t.Parallel()
		if _, err := standard.HashLive(testKey, map[string]any{"metadata": map[string]any{"managedFields": "x"}}); err == nil {
			t.Error("what cannot be read has no digest")
		}
	})
	t.Run("key", func(t *testing.T) {
		t.Parallel()
		live := synced(t, secretYAML).live
		other, err := standard.HashLive([]byte("another"), live)
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
		s := synced(t, deploymentYAML)
		before, err := standard.HashLive(testKey, s.live)
		if err != nil {
			rt.Fatal(err)
		}
		path := rapid.SampledFrom([]string{"spec replicas", "spec template spec containers [name=app] image", "metadata labels app", "metadata labels new",
			"spec template spec containers [name=app] env [name=MODE] value"}).Draw(rt, "path")
		var v any = rapid.StringMatching(`[a-z]{3,8}`).Draw(rt, "text")
		if path == "spec replicas" {
			v = rapid.Int64Range(4, 9).Draw(rt, "replicas")
		}
		s.set(rapid.SampledFrom([]string{"kubectl-edit", "fixit", "Terraform"}).Draw(rt, "manager"), path, v)
		after, err := standard.HashLive(testKey, s.live)
		if err != nil {
			rt.Fatal(err)
		}
		again, err := standard.HashLive(testKey, CloneMap(s.live))
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
	id := func(kind, namespace, name string) ID {
		kind, group, _ := strings.Cut(kind, ".")
		return ID{Group: group, Kind: kind, Namespace: namespace, Name: name}
	}
	stages := map[Stage][]string{
		StageNamespaces: {"Namespace"},
		StageCRDs:       {"CustomResourceDefinition.apiextensions.k8s.io"},
		StageFoundations: {"ServiceAccount", "Secret", "ConfigMap", "PersistentVolumeClaim", "PersistentVolume", "ResourceQuota", "LimitRange",
			"Role.rbac.authorization.k8s.io", "ClusterRoleBinding.rbac.authorization.k8s.io", "NetworkPolicy.networking.k8s.io",
			"StorageClass.storage.k8s.io", "PriorityClass.scheduling.k8s.io", "IngressClass.networking.k8s.io", "RuntimeClass.node.k8s.io"},
		StageServices:  {"Service", "Endpoints", "EndpointSlice.discovery.k8s.io"},
		StageWorkloads: {"Pod", "Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "ReplicaSet.apps", "ReplicationController", "Job.batch", "CronJob.batch"},
		StageOthers:    {"Ingress.networking.k8s.io", "HorizontalPodAutoscaler.autoscaling", "Widget.example.com", "Deployment.example.com", "PodDisruptionBudget.policy"},
		StageAdmission: {"ValidatingWebhookConfiguration.admissionregistration.k8s.io", "MutatingWebhookConfiguration.admissionregistration.k8s.io",
			"ValidatingAdmissionPolicy.admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io",
			"MutatingAdmissionPolicy.admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding.admissionregistration.k8s.io", "APIService.apiregistration.k8s.io"},
	}
	if got := Stages(); len(got) != len(stages) || !slices.IsSorted(got) || got[0] != StageNamespaces {
		t.Errorf("%v", got)
	}
	var steps []Step
	for stage, kinds := range stages {
		for _, kind := range kinds {
			if got := StageOf(id(kind, "a", "x")); got != stage {
				t.Errorf("%s: stage %d, want %d", kind, got, stage)
			}
			for _, name := range []string{"b", "a"} {
				steps = append(steps, Step{Change: Change{ID: id(kind, "", name)}})
			}
		}
	}
	before := slices.Clone(steps)
	sorted := SortSteps(steps)
	deletions := DeletionOrder(steps)
	for i := range steps {
		if steps[i].Change.ID != before[i].Change.ID {
			t.Fatal("sorted in place")
		}
	}
	for i := 1; i < len(sorted); i++ {
		a, b := sorted[i-1].Change.ID, sorted[i].Change.ID
		if StageOf(a) > StageOf(b) || StageOf(a) == StageOf(b) && a.Compare(b) > 0 {
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
	crd := tree(t, `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions: [{name: v1, served: true}, {name: v1beta1, served: false}, {name: v2, served: true}]
`)
	kinds, namespaced, ok := CRDOf(crd)
	want := []Kind{{"example.com", "v1", "Widget"}, {"example.com", "v2", "Widget"}}
	if diff := cmp.Diff(want, kinds); diff != "" || !namespaced || !ok {
		t.Errorf("only served versions; namespaced %t, ok %t (-want +got):\n%s", namespaced, ok, diff)
	}
	put(t, crd, at("spec scope"), "Cluster")
	if _, namespaced, _ := CRDOf(crd); namespaced {
		t.Error("scope Cluster")
	}
	for _, other := range []map[string]any{nil, {}, tree(t, configMapYAML)} {
		if kinds, _, ok := CRDOf(other); ok || kinds != nil {
			t.Errorf("no CRD: %v", kinds)
		}
	}
	if kinds, _, ok := CRDOf(map[string]any{"kind": "CustomResourceDefinition", "spec": map[string]any{"versions": []any{"x", nil}}}); !ok || kinds != nil {
		t.Errorf("a broken CRD defines nothing: %v", kinds)
	}
}
