package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/reconcile"
)

// stranger is an object that somebody else deployed before Git had it.
type stranger struct {
	why  string
	ref  string
	body string // in Git, as a hand's
	make func(s *site, ref string)
	want []string // fields that adopting it changes; nil when it is equal
}

// existing is a manifest with more beside what Git says.
func existing(apiVersion, kind, name, rest string) string {
	return "{apiVersion: " + apiVersion + ", kind: " + kind + ", metadata: {name: " + name + "}, " + rest + "}"
}

func creating(manager, manifest string) func(*site, string) {
	return func(s *site, _ string) { s.create(manager, manifest) }
}

const service = `spec: {selector: {app: x}, ports: [{port: 80}]}`

var strangers = []stranger{
	{why: "made by kubectl create, equal", ref: "v1 ConfigMap equal", body: "data: {a: b}",
		make: creating("kubectl-create", existing("v1", "ConfigMap", "equal", "data: {a: b}"))},
	{why: "made by kubectl create, with a key more and another value", ref: "v1 ConfigMap differs", body: "data: {a: b}",
		make: creating("kubectl-create", existing("v1", "ConfigMap", "differs", "data: {a: c, extra: x}")),
		want: []string{"add /data/extra by kubectl-create", "replace /data/a by kubectl-create"}},
	{why: "a Service made by kubectl create: the defaults it owns stay", ref: "v1 Service web", body: service,
		make: creating("kubectl-create", existing("v1", "Service", "web", service))},
	{why: "applied client-side, with a key that Git does not have", ref: "v1 ConfigMap applied", body: "data: {a: b}",
		make: func(s *site, _ string) { s.applyOld(existing("v1", "ConfigMap", "applied", "data: {a: b, extra: x}")) },
		want: []string{"add /data/extra by kubectl-client-side-apply"}},
	{why: "applied client-side, equal", ref: "apps/v1 Deployment applied", body: deployment("", ""),
		make: func(s *site, _ string) { s.applyOld(existing("apps/v1", "Deployment", "applied", deployment("", ""))) }},
	{why: "deployed by Helm, with its marks and a variable that Git does not have", ref: "apps/v1 Deployment helm", body: deployment("", ""),
		make: creating("helm", `{apiVersion: apps/v1, kind: Deployment, metadata: {name: helm, labels: {app.kubernetes.io/managed-by: Helm},
			annotations: {meta.helm.sh/release-name: shop, meta.helm.sh/release-namespace: $NS}}, `+deployment(`, env: [{name: OLD, value: "1"}]`, "")+"}"),
		want: []string{"add /metadata/annotations/meta.helm.sh~1release-name by helm",
			"add /metadata/annotations/meta.helm.sh~1release-namespace by helm", "add /metadata/labels/app.kubernetes.io~1managed-by by helm",
			"add " + container + "/env/[name=OLD] by helm"}},
	{why: "deployed by Argo CD, server-side", ref: "v1 ConfigMap argo", body: "data: {a: b}",
		make: func(s *site, ref string) {
			s.apply("argocd-controller", ref, `{apiVersion: v1, kind: ConfigMap, metadata: {name: argo, annotations: {argocd.argoproj.io/tracking-id: "shop:/ConfigMap:x/argo"}}, data: {a: b, c: d}}`)
		},
		want: []string{"add /data/c by argocd-controller", "add /metadata/annotations/argocd.argoproj.io~1tracking-id by argocd-controller"}},
	{why: "deployed by Flux, server-side", ref: "v1 ConfigMap flux", body: "data: {a: b}",
		make: func(s *site, ref string) {
			s.apply("kustomize-controller", ref, `{apiVersion: v1, kind: ConfigMap, metadata: {name: flux, labels: {kustomize.toolkit.fluxcd.io/name: shop}}, data: {a: b}}`)
		},
		want: []string{"add /metadata/labels/kustomize.toolkit.fluxcd.io~1name by kustomize-controller"}},
}

// TestAdoption: without the grant nothing of somebody else's is touched, equal
// or not; with it the object becomes ours, and nobody else keeps a claim.
func TestAdoption(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	files := map[string]string{}
	for _, stranger := range strangers {
		stranger.make(s, stranger.ref)
		name := strings.ToLower(strings.NewReplacer(" ", "-", "/", "-").Replace(stranger.ref)) + ".yaml"
		files[name] = s.write(hand{ref: stranger.ref, body: stranger.body})
	}
	s.commit(files)
	s.budget = 0

	before := map[string]map[string]any{}
	for _, stranger := range strangers {
		s.rolledOut(stranger.ref)
		before[stranger.ref] = settled(s.live(stranger.ref))
	}
	r := s.run()
	for _, stranger := range strangers {
		parts := strings.Fields(stranger.ref)
		line := parts[1] + " " + parts[2] + ": "
		listed := strings.Contains(strings.Join(r.news(), "\n"), line)
		switch {
		case stranger.equal() && listed:
			t.Errorf("%s: without adopt, an equal object is reported:\n%s", stranger.why, r.details())
		case !stranger.equal():
			resource := r.of(parts[1] + " " + parts[2])
			if resource.Action != "alert-only" || !strings.Contains(resource.Reason, "never ours") || resource.Cause != "git" {
				t.Errorf("%s: without adopt: %s, cause %s: %s", stranger.why, resource.Action, resource.Cause, resource.Reason)
			}
		}
		if diff := cmp.Diff(before[stranger.ref], settled(s.live(stranger.ref))); diff != "" {
			t.Errorf("%s: without adopt, the object changed:\n%s", stranger.why, diff)
		}
	}
	if got := s.inventoried("shop"); len(got) > 0 {
		t.Errorf("without adopt the inventory holds %q", got)
	}

	s.rego = grants + adoption
	planned := s.plan()
	r = s.run()
	if r.code != reconcile.ExitOK {
		t.Errorf("exit code %d\n%s", r.code, r.details())
	}
	for _, stranger := range strangers {
		parts := strings.Fields(stranger.ref)
		resource := r.of(parts[1] + " " + parts[2])
		if resource.Action != "sync" || resource.Outcome != "applied" {
			t.Errorf("%s: %s %s: %s", stranger.why, resource.Action, resource.Outcome, resource.Error)
		}
		if diff := cmp.Diff(fields(planned.of(parts[1]+" "+parts[2])), fields(resource)); diff != "" {
			t.Errorf("%s: plan and run differ:\n%s", stranger.why, diff)
		}
		if diff := cmp.Diff(stranger.want, fields(resource)); diff != "" {
			t.Errorf("%s: fields (-want +got):\n%s", stranger.why, diff)
		}
		live := s.live(stranger.ref)
		for _, manager := range managersOf(live) {
			switch (drift.Noise{}).ClassOf(manager) {
			case drift.ClassSelf, drift.ClassController:
			default:
				if manager != "kubectl-create" { // interactive: owns the defaults, or what is equal, beside us
					t.Errorf("%s: %q still has an entry", stranger.why, manager)
				}
			}
		}
		if _, kept := nested.Annotations(live)["kubectl.kubernetes.io/last-applied-configuration"]; kept {
			t.Errorf("%s: last-applied is still there", stranger.why)
		}
		for path, want := range s.manifest(stranger.body) {
			if diff := cmp.Diff(want, live[path]); path == "data" && diff != "" {
				t.Errorf("%s: data (-Git +live):\n%s", stranger.why, diff)
			}
		}
	}
	for _, path := range []string{"sessionAffinity", "internalTrafficPolicy", "clusterIP", "type"} {
		if was := before["v1 Service web"]["spec"].(map[string]any)[path]; s.value("v1 Service web", "spec "+path) != was {
			t.Errorf("adopting the Service changed %s from %v", path, was)
		}
	}
	s.quiet("the run after adopting")
}

func (s stranger) equal() bool { return s.want == nil }

// managersOf lists the field managers of an object, status aside.
func managersOf(live map[string]any) []string {
	var managers []string
	meta, _ := live["metadata"].(map[string]any)
	entries, _ := meta["managedFields"].([]any)
	for _, item := range entries {
		entry, _ := item.(map[string]any)
		if entry["subresource"] != "status" {
			managers = append(managers, entry["manager"].(string))
		}
	}
	return managers
}

// TestForeignIsNeverAdopted: an object of another ApplySet is another tool's,
// whatever policy grants.
func TestForeignIsNeverAdopted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.rego = grants + adoption
	s.create("kubectl-create", `{apiVersion: v1, kind: ConfigMap, metadata: {name: theirs, labels: {applyset.kubernetes.io/part-of: applyset-other-v1}}, data: {a: theirs}}`)
	s.commit(map[string]string{"theirs.yaml": existing("v1", "ConfigMap", "theirs", "data: {a: ours}")})
	for range 2 {
		r := s.run()
		r.expect("another ApplySet's object", "ConfigMap theirs: modified/git alert-only skipped")
		if reason := r.of("ConfigMap theirs").Reason; !strings.Contains(reason, "applyset-other-v1") {
			t.Errorf("the reason is %q", reason)
		}
	}
	if got := s.value("v1 ConfigMap theirs", "data a"); got != "theirs" {
		t.Errorf("the object was changed: %v", got)
	}
}

// replacement is one change that the API server does not make in place.
type fixed struct {
	why   string
	ref   string
	body  string
	after string
	path  string // named in the reason
	want  map[string]any
}

var immutables = []fixed{
	{why: "a Deployment's selector", ref: "apps/v1 Deployment web", body: deployment("", ""), path: "spec.selector",
		after: strings.ReplaceAll(deployment("", ""), "app: x", "app: z"), want: map[string]any{"spec selector matchLabels app": "z"}},
	{why: "a Job's template", ref: "batch/v1 Job once", path: "spec.template",
		body:  `spec: {template: {spec: {restartPolicy: Never, containers: [{name: job, image: "example.com/job:1"}]}}}`,
		after: `spec: {template: {spec: {restartPolicy: Never, containers: [{name: job, image: "example.com/job:2"}]}}}`,
		want:  map[string]any{"spec template spec containers [name=job] image": "example.com/job:2"}},
	{why: "a Service that becomes headless", ref: "v1 Service web", body: service, path: "spec.clusterIP",
		after: "spec: {clusterIP: None, selector: {app: x}, ports: [{port: 80}]}", want: map[string]any{"spec clusterIP": "None"}},
	{why: "a binding's role", ref: "rbac.authorization.k8s.io/v1 RoleBinding reader", path: "roleRef",
		body:  `{roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}, subjects: []}`,
		after: `{roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}, subjects: []}`,
		want:  map[string]any{"roleRef name": "edit"}},
	{why: "a frozen ConfigMap", ref: "v1 ConfigMap frozen", body: `{immutable: true, data: {a: "1"}}`, path: "data",
		after: `{immutable: true, data: {a: "2"}}`, want: map[string]any{"data a": "2"}},
	{why: "a StatefulSet's claims", ref: "apps/v1 StatefulSet store", path: "spec",
		body:  "spec: {serviceName: x, replicas: 0, selector: {matchLabels: {app: x}}, " + pod + "}]}}, volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}",
		after: "spec: {serviceName: x, replicas: 0, selector: {matchLabels: {app: x}}, " + pod + "}]}}, volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}}}]}",
		want:  map[string]any{"spec volumeClaimTemplates 0 spec resources requests storage": "2Gi"}},
	{why: "a Secret's type", ref: "v1 Secret typed", body: "{type: Opaque, data: {}}", path: "type", after: "{type: example.com/other, data: {}}",
		want: map[string]any{"type": "example.com/other"}},
}

// TestImmutableFields: told and left alone without the grant; deleted and made
// again with it, and then in sync.
func TestImmutableFields(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("shop", manageSecrets)
	s.budget = 0
	s.guards.Prune = drift.PruneBudget{Percent: 100, Floor: 50, Ceiling: 50, RunCeiling: 50}
	commit := func(body func(fixed) string) {
		files := map[string]string{}
		for _, f := range immutables {
			files[strings.ToLower(strings.NewReplacer(" ", "-", "/", "-").Replace(f.ref))+".yaml"] = s.write(hand{ref: f.ref, body: body(f)})
		}
		s.commit(files)
	}
	commit(func(f fixed) string { return f.body })
	s.converge()
	commit(func(f fixed) string { return f.after })
	uids := map[string]string{}
	for _, f := range immutables {
		uids[f.ref] = nested.UIDOf(s.live(f.ref))
	}
	r := s.run()
	for _, f := range immutables {
		parts := strings.Fields(f.ref)
		resource := r.of(parts[1] + " " + parts[2])
		if resource.Action != "alert-only" || !strings.Contains(resource.Reason, f.path) || !strings.Contains(resource.Reason, "cannot be changed in place") {
			t.Errorf("%s: without replace: %s, %s", f.why, resource.Action, resource.Reason)
		}
		if len(resource.Fields) == 0 {
			t.Errorf("%s: no field is named", f.why)
		}
		if nested.UIDOf(s.live(f.ref)) != uids[f.ref] {
			t.Errorf("%s: without replace, the object was replaced", f.why)
		}
	}
	if r.code != reconcile.ExitDrift {
		t.Errorf("without replace: exit code %d", r.code)
	}

	s.rego = grants + replacement
	plan := s.plan()
	for _, f := range immutables {
		parts := strings.Fields(f.ref)
		if resource := plan.of(parts[1] + " " + parts[2]); !resource.Replace || resource.Outcome != "planned" {
			t.Errorf("%s: the plan does not say that it is deleted and created again: %+v", f.why, resource)
		}
	}
	r = s.run()
	if counts := r.Report.Apps[0].Counts; counts.Replaced != len(immutables) || counts.Synced != 0 {
		t.Errorf("%d were replaced, the counts say %+v", len(immutables), counts)
	}
	for _, f := range immutables {
		parts := strings.Fields(f.ref)
		resource := r.of(parts[1] + " " + parts[2])
		if !resource.Replace || len(resource.Lost) == 0 {
			t.Errorf("%s: deleted and created again, and not told: replace %t, lost %q", f.why, resource.Replace, resource.Lost)
		}
		if resource.Action != "sync" || resource.Outcome != "applied" {
			t.Errorf("%s: %s %s: %s", f.why, resource.Action, resource.Outcome, resource.Error)
		}
		live := s.live(f.ref)
		if nested.UIDOf(live) == uids[f.ref] {
			t.Errorf("%s: still the old object", f.why)
		}
		for path, want := range f.want {
			if got := valueIn(live, path); got != want {
				t.Errorf("%s: %s is %v, want %v", f.why, path, got, want)
			}
		}
		if got := s.inventory("shop")[parts[1]+" "+parts[2]]; got != nested.UIDOf(live) {
			t.Errorf("%s: the inventory has UID %q, the object %q", f.why, got, nested.UIDOf(live))
		}
	}
	s.quiet("the run after replacing")
}

// TestReplaceIsOnlyForImmutableFields: what would be refused in a new object
// too is not deleted for it.
func TestReplaceIsOnlyForImmutableFields(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.rego = grants + replacement
	claim := existing("v1", "PersistentVolumeClaim", "data", "spec: {accessModes: [ReadWriteOnce], storageClassName: standard, resources: {requests: {storage: 2Gi}}}")
	s.commit(map[string]string{"web.yaml": existing("apps/v1", "Deployment", "web", deployment("", "")), "data.yaml": claim})
	s.converge()
	web, data := nested.UIDOf(s.live("apps/v1 Deployment web")), nested.UIDOf(s.live("v1 PersistentVolumeClaim data"))
	s.commit(map[string]string{
		"web.yaml":  existing("apps/v1", "Deployment", "web", strings.Replace(deployment("", ""), `matchLabels: {app: x}`, `matchLabels: {app: other}`, 1)),
		"data.yaml": strings.Replace(claim, "2Gi", "1Gi", 1),
	})
	r := s.run()
	r.expect("invalid in any object", "PersistentVolumeClaim data: modified/git alert-only skipped", "Deployment web: modified/git alert-only skipped")
	if !strings.Contains(r.of("Deployment web").Error, "must match template") && !strings.Contains(r.of("Deployment web").Error, "does not match template") {
		t.Errorf("the server's words are missing: %s", r.details())
	}
	if nested.UIDOf(s.live("apps/v1 Deployment web")) != web || nested.UIDOf(s.live("v1 PersistentVolumeClaim data")) != data {
		t.Error("an object was deleted for a change that no new object could have")
	}
}

// rolledOut waits until the controller of a Deployment has written all that is not
// status: a write between the two of a take-over is a conflict, which is judged again.
func (s *site) rolledOut(ref string) {
	s.Helper()
	if !strings.HasPrefix(ref, "apps/v1 Deployment ") {
		return
	}
	s.cluster.Eventually(s.T, "the revision of "+ref, func(context.Context) error {
		live := s.live(ref)
		if nested.Annotations(live)["deployment.kubernetes.io/revision"] == "" || valueIn(live, "status observedGeneration") == nil {
			return errors.New("not yet")
		}
		return nil
	})
}
