package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// TestAutoscalerOwnsReplicas: Git's number is where the Deployment starts, and
// the autoscaler's business afterwards.
func TestAutoscalerOwnsReplicas(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{
		"web.yaml": "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, " + deployment("", "") + "}",
		"hpa.yaml": `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: web}, spec: {minReplicas: 3, maxReplicas: 5,
			scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]}}`,
	})
	s.budget = 0
	s.run().expect("the first run", "Deployment web: missing/git sync applied", "HorizontalPodAutoscaler web: missing/git sync applied")
	s.cluster.Eventually(t, "the autoscaler scaled", func(context.Context) error {
		if got := s.value("apps/v1 Deployment web", "spec replicas"); got != int64(3) {
			return fmt.Errorf("%v replicas", got)
		}
		return nil
	})
	s.run().silent("the autoscaler moved, by the memo from before it did")
	s.quiet("the autoscaler moved")

	s.strategic("kubectl-edit", "apps/v1 Deployment web", `{spec: {template: {spec: {containers: [{name: app, image: "example.com/app:hotfix"}]}}}}`)
	r := s.run()
	r.expect("an edit beside the autoscaler", "Deployment web: modified/live heal applied")
	resource := r.of("Deployment web")
	if diff := cmp.Diff([]string{"replace " + container + "/image by kubectl-edit"}, fields(resource)); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if got := s.value("apps/v1 Deployment web", "spec template spec containers [name=app] image"); got != "example.com/app:1" {
		t.Errorf("the image is %v", got)
	}
	if got := s.value("apps/v1 Deployment web", "spec replicas"); got != int64(3) {
		t.Errorf("healing the image set replicas to %v", got)
	}
	s.run().silent("the run after that")

	s.commit(map[string]string{"web.yaml": "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, " +
		strings.ReplaceAll(deployment("", ""), "app:1", "app:2") + "}"})
	s.run().expect("a rollout beside the autoscaler", "Deployment web: modified/git sync applied")
	if got := s.value("apps/v1 Deployment web", "spec replicas"); got != int64(3) {
		t.Errorf("the rollout set replicas to %v", got)
	}
}

// nothings are edits that are nobody's drift: controllers at work, values the
// server fills in, programs that do their job, other words for the same.
var nothings = []hand{
	{why: "kubectl rollout restart", ref: "apps/v1 Deployment restarted", body: deployment("", ""),
		edit: strategic("kubectl-rollout", `{spec: {template: {metadata: {annotations: {kubectl.kubernetes.io/restartedAt: "2026-01-01T00:00:00Z"}}}}}`)},
	{why: "the deployment controller's annotation, and a change cause", ref: "apps/v1 Deployment annotated", body: deployment("", ""),
		edit: merging("kubectl-annotate", `{metadata: {annotations: {kubernetes.io/change-cause: "because", deployment.kubernetes.io/revision: "7"}}}`)},
	{why: "the same quantities in other words", ref: "apps/v1 Deployment words", body: deployment(", resources: {limits: {cpu: 1000m, memory: 1024Mi}}", ""),
		edit: containerPatch("kubectl-edit", "resources: {limits: {cpu: 1, memory: 1Gi}}")},
	{why: "defaults written out by hand", ref: "apps/v1 Deployment defaults", body: deployment("", ""),
		edit: containerPatch("kubectl-edit", "imagePullPolicy: IfNotPresent, terminationMessagePath: /dev/termination-log")},
	{why: "another manager applies what Git says", ref: "apps/v1 Deployment agreed", body: deployment("", ""),
		edit: func(s *site, ref string) {
			s.apply("kubectl", ref, `{apiVersion: apps/v1, kind: Deployment, metadata: {name: agreed}, spec: {template: {spec: {containers: [{name: app, image: "example.com/app:1"}]}}}}`)
		}},
	{why: "a controller adds fields of its own", ref: "apps/v1 Deployment injected", body: deployment("", ""),
		edit: strategic("mesh-operator", `{metadata: {labels: {mesh: "on"}}, spec: {template: {spec: {containers: [{name: proxy, image: "example.com/proxy:1"}]}}}}`)},
	{why: "a vertical autoscaler's requests, where Git leaves them out", ref: "apps/v1 Deployment sized", body: deployment("", ""),
		edit: containerPatch("vpa-updater", "resources: {requests: {cpu: 25m}}")},
	{why: "a finished Job, with the selector and labels that its controller gave it", ref: "batch/v1 Job finished",
		body: `spec: {template: {spec: {restartPolicy: Never, containers: [{name: job, image: "example.com/job:1"}]}}}`,
		edit: func(s *site, ref string) {
			s.cluster.Eventually(s.T, "the Job is done", func(context.Context) error {
				if s.value(ref, "status completionTime") == nil {
					return errors.New("not done")
				}
				return nil
			})
		}},
	{why: "leader election", ref: "v1 ConfigMap elected", body: "data: {a: b}",
		edit: merging("any-program", `{metadata: {annotations: {control-plane.alpha.kubernetes.io/leader: "{}"}}}`)},
	{why: "Rancher's list of addresses", ref: "v1 Service listed", body: "spec: {selector: {app: x}, ports: [{port: 80}]}",
		edit: merging("rancher", `{metadata: {annotations: {field.cattle.io/publicEndpoints: "[]"}}}`)},
	{why: "what an autoscaler writes about itself", ref: "autoscaling/v1 HorizontalPodAutoscaler scaler",
		body: "spec: {maxReplicas: 3, targetCPUUtilizationPercentage: 80, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: nobody}}",
		edit: func(s *site, ref string) {
			s.merge("kube-controller-manager", ref, `{status: {currentReplicas: 1, desiredReplicas: 2}}`, "status")
		}},
	{why: "a node port, a cluster IP and a load balancer's address", ref: "v1 Service node", body: "spec: {type: LoadBalancer, selector: {app: x}, ports: [{port: 80}]}",
		edit: func(s *site, ref string) {
			s.merge("cloud-controller-manager", ref, "{status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}}", "status")
		}},
	{why: "a finalizer and an owner that a controller adds", ref: "v1 ConfigMap finalized", body: "data: {a: b}",
		edit: merging("example-operator", `{metadata: {finalizers: [example.com/hold], annotations: {example.com/seen: "yes"}}}`)},
	{why: "kubectl apply, client-side, of the same manifest", ref: "v1 ConfigMap applied", body: "data: {a: b}",
		edit: merging("kubectl-client-side-apply", `{metadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}}, data: {a: b}}`)},
	{why: "Killick's own switches", ref: "v1 ConfigMap switched", body: "data: {a: b}",
		edit: merging("kubectl-annotate", `{metadata: {annotations: {killick.dev/break-glass-until: "2026-01-01T00:00:00Z", killick.dev/break-glass-reason: over}}}`)},
	{why: "status written by hand", ref: "v1 ResourceQuota status", body: "spec: {hard: {configmaps: 1k}}",
		edit: func(s *site, ref string) {
			s.merge("kubectl-edit", ref, "{status: {used: {configmaps: 500}}}", "status")
		}},
	{why: "a webhook's CA, put in by cert-manager", ref: "admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration $NS-check",
		body: `webhooks: [{name: check.example.com, admissionReviewVersions: [v1], sideEffects: None, failurePolicy: Ignore, namespaceSelector: {matchLabels: {never: "$NS"}}, clientConfig: {service: {name: x, namespace: $NS}}, rules: []}]`,
		edit: patching("cert-manager-cainjector", `[{op: add, path: /webhooks/0/clientConfig/caBundle, value: `+caBundle+`}]`)},
	{why: "rules that the aggregation controller fills in", ref: "rbac.authorization.k8s.io/v1 ClusterRole $NS-whole",
		body: `{aggregationRule: {clusterRoleSelectors: [{matchLabels: {aggregate: "$NS"}}]}, rules: []}`,
		edit: func(s *site, _ string) {
			s.create("kubectl-create", `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: $NS-part, labels: {aggregate: $NS}}, rules: [{apiGroups: [""], resources: [nodes], verbs: [get]}]}`)
			s.Cleanup(func() {
				_ = s.cluster.Client().RbacV1().ClusterRoles().Delete(context.Background(), s.ns+"-part", deleteNow)
			})
			s.cluster.Eventually(s.T, "the rules are aggregated", func(context.Context) error {
				if rules, _ := s.value("rbac.authorization.k8s.io/v1 ClusterRole $NS-whole", "rules").([]any); len(rules) == 0 {
					return errors.New("no rules")
				}
				return nil
			})
		}},
	{why: "a claim that was bound", ref: "v1 PersistentVolumeClaim data", body: "spec: {accessModes: [ReadWriteOnce], storageClassName: standard, resources: {requests: {storage: 1024Mi}}}",
		edit: func(s *site, ref string) {
			s.cluster.Eventually(s.T, "the claim is bound", func(context.Context) error {
				if s.value(ref, "status phase") != "Bound" || s.value(ref, "spec volumeName") == nil {
					return errors.New("not bound")
				}
				return nil
			})
		}},
}

// caBundle is any PEM certificate authority, in base64.
const caBundle = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJkVENDQVJ1Z0F3SUJBZ0lVUUFhV0dZRGNpYVcwc2NFSC9UWTNub0hTc05nd0NnWUlLb1pJemowRUF3SXcKRHpFTk1Bc0dBMVVFQXd3RWRHVnpkREFnRncweU5qRXhNakV3TXpJM05UZGFHQTh5TVRJMk1UQXlPREF6TWpjMQpOMW93RHpFTk1Bc0dBMVVFQXd3RWRHVnpkREJaTUJNR0J5cUdTTTQ5QWdFR0NDcUdTTTQ5QXdFSEEwSUFCRFZNCkc1d3BmaTZjOHV1aCt0VHc3TlRXYUJxdW1UVHZVOExYTWJuVFl4a0RCZDFRdlZ1WS9IajIrMDVlbW1ObEJvbXcKSkphekpsOUROamxUVWFsOVM2NmpVekJSTUIwR0ExVWREZ1FXQkJUdFV2Ny9rRmt5VHloUGhFUUEzVVU1TG11eQo0ekFmQmdOVkhTTUVHREFXZ0JUdFV2Ny9rRmt5VHloUGhFUUEzVVU1TG11eTR6QVBCZ05WSFJNQkFmOEVCVEFECkFRSC9NQW9HQ0NxR1NNNDlCQU1DQTBnQU1FVUNJUUR4bmZJck9ISG96WktjUUhZQ1RLNHhqcmFUTy9wRjhiZWgKTjdWbWJGN2R5d0lnR3UzYTFXWWI5a0J5UlNDU0dOa2p1bHJVZmREbTh5dnZqUUhLV2xtQ1JrRT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="

// TestNobodysDriftIsDocumented: docs/drift.md lists every case of the test below.
func TestNobodysDriftIsDocumented(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "docs", "drift.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, hand := range nothings {
		if !strings.Contains(string(data), "\n- "+hand.why+"\n") {
			t.Errorf("docs/drift.md has no line %q", "- "+hand.why)
		}
	}
}

// TestNobodysDrift: what controllers, defaulting and programs that do their job
// leave on objects is not reported and not taken away.
func TestNobodysDrift(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	files := map[string]string{}
	for i, hand := range nothings {
		files[fmt.Sprintf("%02d.yaml", i)] = s.write(hand)
	}
	s.commit(files)
	s.budget = 0 // the load balancer has no address yet
	s.converge()
	for _, hand := range nothings {
		hand.edit(s, hand.ref)
	}
	before := map[string]map[string]any{}
	for _, hand := range nothings {
		before[hand.ref] = settled(s.live(hand.ref))
	}
	// By the memo from before the edits first, then with nobody's word but the
	// server's, by the objects' own entries, and by the memo that those runs wrote.
	for _, s.trust = range []drift.Trust{drift.TrustMemo, drift.TrustNothing, drift.TrustProof, drift.TrustMemo} {
		s.nobodys(before)
	}
}

// nobodys demands that a run tells nothing of nothings, and leaves them as they were.
func (s *site) nobodys(before map[string]map[string]any) {
	s.Helper()
	r := s.run()
	for _, hand := range nothings {
		parts := strings.Fields(hand.ref)
		for _, line := range r.news() {
			if strings.HasPrefix(line, parts[1]+" "+parts[2]+":") {
				s.Errorf("%s (trust %s): %s %q", hand.why, s.trust, line, fields(r.of(parts[1]+" "+parts[2])))
			}
		}
		if diff := cmp.Diff(before[hand.ref], settled(s.live(hand.ref))); diff != "" {
			s.Errorf("%s (trust %s): the object changed:\n%s", hand.why, s.trust, diff)
		}
	}
	if r.code != 0 {
		s.Errorf("trust %s: exit code %d\n%s", s.trust, r.code, r.details())
	}
}

// TestOnesOwnNoise: the config's table says who is a program at its job, and
// what is nobody's business, in everything that a run does.
func TestOnesOwnNoise(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", "data: {a: b}"),
		"plain.yaml": existing("v1", "ConfigMap", "plain", "data: {a: b}")})
	s.converge()
	edit := func() {
		s.merge("acme-deployer", settingsRef, "{data: {theirs: x}, metadata: {labels: {acme: x}}}")
		s.merge("kubectl-annotate", "v1 ConfigMap plain", "{metadata: {annotations: {acme.io/stamp: now}}}")
	}
	edit()
	s.plan().expect("by the built-in table", "ConfigMap plain: modified/live heal planned", "ConfigMap settings: modified/live heal planned")
	s.noise = drift.Noise{Managers: []drift.ClassRule{{Pattern: "acme-*", Class: drift.ClassDeployer}},
		Quiet: []nested.Path{{"metadata", "annotations", "acme.io/stamp"}}}
	s.quiet("by the table of one's own")
	if got := s.value(settingsRef, "data theirs"); got != "x" {
		t.Errorf("a deployer's field is %v", got)
	}
	s.merge("acme-deployer", settingsRef, "{data: {a: c}}")
	s.merge("kubectl-edit", "v1 ConfigMap plain", "{data: {a: c}}")
	r := s.run()
	r.expect("what Git names is Git's whoever writes it", "ConfigMap plain: modified/live heal applied", "ConfigMap settings: modified/live heal applied")
	if got := r.of("ConfigMap settings").Fields[0]; got.Manager != "acme-deployer" || got.ManagerClass != "deployer" {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff(map[string]any{"a": "b", "theirs": "x"}, s.value(settingsRef, "data")); diff != "" {
		t.Errorf("what the deployer added stays (-want +got):\n%s", diff)
	}
	if got := s.value("v1 ConfigMap plain", "metadata annotations acme.io/stamp"); got != "now" {
		t.Errorf("the stamp is %v", got)
	}
	s.quiet("the run after that")
}
