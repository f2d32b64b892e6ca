package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/drift"
)

// mutation is a MutatingAdmissionPolicy for one kind in the site's namespace.
type mutation struct {
	group, version, resource string
	when                     string // CEL; "" is always
	patch                    string // CEL of a JSON patch's operations
}

// mutate lets the API server rewrite what anybody writes, and waits until it
// does: shows is asked until it sees the mutation at work. The answer takes the
// policy away again.
func (s *site) mutate(m mutation, shows func() bool) (stop func()) {
	s.Helper()
	admission := s.cluster.Client().AdmissionregistrationV1()
	fail := admissionv1.Fail
	policy := &admissionv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: s.ns},
		Spec: admissionv1.MutatingAdmissionPolicySpec{
			FailurePolicy: &fail, ReinvocationPolicy: admissionv1.NeverReinvocationPolicy,
			MatchConstraints: &admissionv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: s.ns}},
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{m.group}, APIVersions: []string{m.version}, Resources: []string{m.resource}},
				}}},
			},
			Mutations: []admissionv1.Mutation{{PatchType: admissionv1.PatchTypeJSONPatch, JSONPatch: &admissionv1.JSONPatch{Expression: m.patch}}},
		},
	}
	if m.when != "" {
		policy.Spec.MatchConditions = []admissionv1.MatchCondition{{Name: "when", Expression: m.when}}
	}
	binding := &admissionv1.MutatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: s.ns},
		Spec: admissionv1.MutatingAdmissionPolicyBindingSpec{PolicyName: s.ns}}
	if _, err := admission.MutatingAdmissionPolicies().Create(s.Context(), policy, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	if _, err := admission.MutatingAdmissionPolicyBindings().Create(s.Context(), binding, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		ctx := context.Background() // the test's own may be over
		if err := errors.Join(
			admission.MutatingAdmissionPolicyBindings().Delete(ctx, s.ns, metav1.DeleteOptions{}),
			admission.MutatingAdmissionPolicies().Delete(ctx, s.ns, metav1.DeleteOptions{}),
		); err != nil {
			s.Error(err)
		}
	}
	s.Cleanup(stop)
	s.cluster.Eventually(s.T, "the policy mutates", func(context.Context) error {
		if !shows() {
			return errors.New("not yet")
		}
		return nil
	})
	return stop
}

// rewrites says whether a write of a ConfigMap passes through the mutation.
func (s *site) rewrites(key, want string) func() bool {
	return func() bool {
		maps := s.cluster.Client().CoreV1().ConfigMaps(s.ns)
		probe := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "probe-"}, Data: map[string]string{key: "probe"}}
		made, err := maps.Create(s.Context(), probe, metav1.CreateOptions{})
		if err != nil {
			s.Fatal(err)
		}
		if err := maps.Delete(s.Context(), made.Name, metav1.DeleteOptions{}); err != nil {
			s.Fatal(err)
		}
		return made.Data[key] == want
	}
}

// locking rewrites data.mode of every ConfigMap that has it.
func locking(when string) mutation {
	if when == "" {
		when = "has(object.data) && 'mode' in object.data"
	} else {
		when = "has(object.data) && 'mode' in object.data && (" + when + ")"
	}
	return mutation{version: "v1", resource: "configmaps", when: when,
		patch: `[JSONPatch{op: "replace", path: "/data/mode", value: "locked"}]`}
}

// warned demands exactly these warnings of a run about its only app.
func (r result) warned(reason string, want ...string) {
	r.Helper()
	if len(r.Report.Apps) != 1 {
		r.Fatalf("%s: %s", reason, r.details())
	}
	if diff := cmp.Diff(want, r.Report.Apps[0].Warnings); diff != "" {
		r.Errorf("%s: warnings (-want +got):\n%s", reason, diff)
	}
}

const loops = "admission changed our own write: healing would loop; the cluster does not keep what Git says at "

// TestAdmissionRewritesOurWrite: a dry-run passes through the same admission as
// the write, so prediction and live object agree with each other and not with
// Git. That is said in one line, and nothing is written again and again.
func TestAdmissionRewritesOurWrite(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stop := s.mutate(locking(""), s.rewrites("mode", "locked"))
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", "data: {mode: open, other: x}"),
		"plain.yaml": existing("v1", "ConfigMap", "plain", "data: {other: x}")})
	s.run().expect("the first run", "ConfigMap plain: missing/git sync applied", "ConfigMap settings: missing/git sync applied")
	for _, s.trust = range []drift.Trust{drift.TrustMemo, drift.TrustNothing} {
		tape := s.record()
		r := s.run()
		r.expect("in sync, as far as writing goes")
		r.warned("one line", "ConfigMap "+s.ns+"/settings: "+loops+"data.mode")
		for _, line := range tape.wrote {
			if strings.Contains(line, "/namespaces/"+s.ns+"/") {
				t.Errorf("it was written again: %s", line)
			}
		}
	}
	s.merge("kubectl-edit", settingsRef, "{data: {other: z}}")
	r := s.run()
	r.expect("what a hand changed beside it is healed", "ConfigMap settings: modified/live heal applied")
	resource := r.of("ConfigMap settings")
	if diff := cmp.Diff([]string{"replace /data/other by kubectl-edit"}, fields(resource)); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{loops + "data.mode"}, resource.Findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	stop()
	s.cluster.Eventually(t, "the policy is gone", func(context.Context) error {
		if s.rewrites("mode", "locked")() {
			return errors.New("it still mutates")
		}
		return nil
	})
	s.trust = drift.TrustMemo
	r = s.run()
	r.expect("without the policy Git's value can be put back", "ConfigMap settings: modified/live heal applied")
	if field := r.of("ConfigMap settings").Fields[0]; field.Note != "admission changed what we own: it can come back after healing" || field.Desired != "open" || field.Live != "locked" {
		t.Errorf("%+v", field)
	}
	s.quiet("and then all is well")
}

// TestAdmissionWouldRewrite: a policy that came after our write has not touched
// the object yet. It stands as Git says, so nothing is drift, and a write would
// not bring Git's value.
func TestAdmissionWouldRewrite(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", "data: {mode: open, other: x}")})
	s.converge()
	s.mutate(locking(""), s.rewrites("mode", "locked"))
	s.trust = drift.TrustNothing
	r := s.run()
	r.expect("it stands as Git says")
	r.warned("and would not after a write", "ConfigMap "+s.ns+"/settings: "+loops+"data.mode")
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", "data: {mode: ajar, other: x}")})
	r = s.run()
	r.expect("Git moves", "ConfigMap settings: modified/git sync applied")
	if field := r.of("ConfigMap settings").Fields[0]; field.Desired != "ajar" || field.Live != "open" || field.Note != "admission changes what Git says here" {
		t.Errorf("%+v", field)
	}
	r = s.run()
	r.expect("once is enough")
	r.warned("and is said", "ConfigMap "+s.ns+"/settings: "+loops+"data.mode")
}

// TestAdmissionBesideGit: what admission adds or stamps beside everything that
// Git names is nobody's drift, not even when it is another value at every write.
func TestAdmissionBesideGit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", "data: {mode: open}")})
	s.converge()
	stamp := mutation{version: "v1", resource: "configmaps", patch: `[JSONPatch{op: "add", path: "/data", value: has(object.data) ? object.data : {"probe": ""}},
		JSONPatch{op: "add", path: "/data/stamp", value: has(object.metadata.resourceVersion) ? object.metadata.resourceVersion + "x" : "new"}]`}
	s.mutate(stamp, s.rewrites("stamp", "new"))
	s.trust = drift.TrustNothing
	s.run().silent("a write would add a stamp")
	s.merge("kubectl-edit", settingsRef, "{data: {mode: shut}}")
	s.run().expect("an edit", "ConfigMap settings: modified/live heal applied")
	if got := s.value(settingsRef, "data stamp"); got == nil {
		t.Error("nothing was stamped")
	}
	s.run().silent("the next write would stamp it anew")
}

// TestWritesInVainEnd: admission that spares dry-runs makes a plan that no write
// can fulfil. Three times a day is enough.
func TestWritesInVainEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", "data: {mode: open}")})
	s.converge()
	s.mutate(locking("!has(request.dryRun) || !request.dryRun"), s.rewrites("mode", "locked"))
	start := time.Now()
	at := func(hours int) { s.now = func() time.Time { return start.Add(time.Duration(hours) * time.Hour) } }
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", "data: {mode: ajar}")})
	for i := range 3 {
		at(i)
		r := s.run()
		r.expect(fmt.Sprintf("write %d", i+1), "ConfigMap settings: modified/git sync failed")
		if got := r.of("ConfigMap settings").Error; !strings.Contains(got, "still differs at data.mode") {
			t.Errorf("write %d: %s", i+1, got)
		}
	}
	at(3)
	tape := s.record()
	r := s.run()
	r.expect("the fourth time", "ConfigMap settings: modified/git alert-only skipped")
	if got := r.of("ConfigMap settings").Reason; got != "applied 3 times within 24 hours from the same manifest, and the cluster does not keep data.mode as Git says" {
		t.Errorf("the reason is %q", got)
	}
	for _, line := range tape.wrote {
		if strings.Contains(line, "/namespaces/"+s.ns+"/") {
			t.Errorf("it was written again: %s", line)
		}
	}
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", "data: {mode: shut}")})
	s.run().expect("another manifest is another matter", "ConfigMap settings: modified/git sync failed")
	at(28)
	s.run().expect("and a day later the first is forgotten", "ConfigMap settings: modified/git sync failed")
}

// TestHealsInVainEnd: a heal that the server takes and that changes nothing
// counts as one.
func TestHealsInVainEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", "data: {mode: open}")})
	s.converge()
	s.mutate(locking("!has(request.dryRun) || !request.dryRun"), s.rewrites("mode", "locked"))
	s.merge("kubectl-label", settingsRef, "{metadata: {annotations: {killick.dev/break-glass-until: \"2020-01-01T00:00:00Z\", killick.dev/break-glass-reason: x}}}")
	for i := range 3 {
		r := s.run()
		r.expect(fmt.Sprintf("heal %d", i+1), "ConfigMap settings: modified/live heal failed")
		if field := r.of("ConfigMap settings").Fields[0]; field.Note != "admission changed what we own: it can come back after healing" {
			t.Errorf("%+v", field)
		}
	}
	r := s.run()
	r.expect("the fourth time", "ConfigMap settings: modified/live alert-only skipped")
	if got := r.of("ConfigMap settings").Reason; got != "put back 3 times within 24 hours: something else keeps changing data.mode" {
		t.Errorf("the reason is %q", got)
	}
}

// normal are manifests whose values the API server stores in other words. None of
// them is admission's doing.
var normal = map[string]string{
	"quantities": existing("apps/v1", "Deployment", "quantities", deployment(
		", resources: {limits: {cpu: 1000m, memory: 1024Mi}, requests: {cpu: 0.5, memory: 1e3}}", ", volumes: [{name: v, emptyDir: {sizeLimit: 2048Mi}}]")),
	"zeros": existing("apps/v1", "Deployment", "zeros", deployment(
		`, env: [{name: A, value: ""}], stdin: false, livenessProbe: {httpGet: {port: 80, scheme: ""}, periodSeconds: 0}`, `, hostNetwork: false, nodeSelector: {}, tolerations: []`)),
	"mixed":  existing("v1", "Service", "mixed", `spec: {selector: {app: x}, clusterIP: "", ports: [{name: a, port: 80, targetPort: 8080}, {name: b, port: 81, targetPort: http}]}`),
	"binary": existing("v1", "ConfigMap", "binary", "binaryData: {blob: \"AAEC\\nAwQF\"}"),
	"hpa": existing("autoscaling/v2", "HorizontalPodAutoscaler", "hpa", `spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: nobody},
		metrics: [{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 1024Mi}}}]}`),
	"store":  existing("apps/v1", "StatefulSet", "store", "spec: {serviceName: x, replicas: 0, selector: {matchLabels: {app: x}}, volumeClaimTemplates: [{metadata: {name: d}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}}], "+pod+"}]}}}"),
	"limits": existing("v1", "LimitRange", "limits", "spec: {limits: [{type: Container, default: {cpu: 1000m}, max: {cpu: 2000m}}]}"),
	"budget": existing("policy/v1", "PodDisruptionBudget", "budget", "spec: {minAvailable: 50%, selector: {matchLabels: {app: x}}}"),
	"secret": existing("v1", "Secret", "secret", "stringData: {a: b}, data: {c: \"Y2FuYXJ5LXZhbHVlLXRoYXQtaXMtbG9uZy1lbm91Z2g=\"}"),
	"lease":  existing("coordination.k8s.io/v1", "Lease", "lease", `spec: {holderIdentity: me, renewTime: "2026-01-01T02:00:00.000000+02:00"}`),
}

// TestNormalisationIsNotAdmission: no word about values that only look different.
func TestNormalisationIsNotAdmission(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("shop", manageSecrets)
	s.budget = 0
	files := map[string]string{}
	for name, manifest := range normal {
		files[name+".yaml"] = manifest
	}
	s.commit(files)
	s.converge()
	s.trust = drift.TrustNothing
	s.quiet("the server is asked about all")
}

// losing is a CRD whose storage version prunes what the served one takes
// (kubernetes/kubernetes#124605).
const losing = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: sieves.$NS.example.com}
spec:
  group: $NS.example.com
  scope: Namespaced
  names: {kind: Sieve, plural: sieves}
  versions:
    - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}}
    - {name: v2, served: true, storage: false, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`

// TestStorageThatLoses: an apply succeeds, and what Git says is not there. It is
// said, and not tried for ever.
func TestStorageThatLoses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"crd.yaml": losing, "sieve.yaml": existing("$NS.example.com/v2", "Sieve", "sieve", "spec: {size: 3, lost: word}")})
	s.run().expect("the first run", "CustomResourceDefinition sieves.$NS.example.com: missing/git sync applied", "Sieve sieve: missing/git sync applied")
	for _, s.trust = range []drift.Trust{drift.TrustMemo, drift.TrustNothing} {
		tape := s.record()
		r := s.run()
		r.expect("what is stored is what an apply would store")
		r.warned("and not what Git says", "Sieve "+s.ns+"/sieve: "+loops+"spec.lost")
		for _, line := range tape.wrote {
			if strings.Contains(line, "/namespaces/"+s.ns+"/") {
				t.Errorf("it was written again: %s", line)
			}
		}
	}
}
