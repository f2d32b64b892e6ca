package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// keeping is an object of which Git drops something.
type keeping struct {
	why      string
	ref      string
	one, two string // bodies
	fields   []string
	reason   string // empty: nothing is told
}

func fixedAt(path string) string {
	return path + " cannot be changed in place, and no policy grants replace"
}

var keepings = []keeping{
	{why: "a headless Service", ref: "v1 Service headless", one: serving(", clusterIP: None"), two: serving(""),
		fields: []string{"add /spec/clusterIP by killick"}, reason: fixedAt("spec.clusterIP")},
	{why: "a headless Service, by both names", ref: "v1 Service both", one: serving(", clusterIP: None, clusterIPs: [None]"), two: serving(""),
		fields: []string{"add /spec/clusterIP by killick", "add /spec/clusterIPs by killick"}, reason: fixedAt("spec.clusterIP")},
	{why: "a port of every node", ref: "v1 Service node", one: "spec: {type: NodePort, selector: {app: x}, ports: [{port: 80, nodePort: 30071}]}",
		two:    "spec: {type: NodePort, selector: {app: x}, ports: [{port: 80}]}",
		fields: []string{"add /spec/ports/[port=80,protocol=TCP]/nodePort by killick"}, reason: fixedAt("spec.ports[port=80,protocol=TCP].nodePort")},
	{why: "a port for health checks", ref: "v1 Service checked", one: serving(", type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 30072"),
		two: serving(", type: LoadBalancer, externalTrafficPolicy: Local"), fields: []string{"add /spec/healthCheckNodePort by killick"}, reason: fixedAt("spec.healthCheckNodePort")},
	{why: "a family policy that is not the default", ref: "v1 Service families", one: serving(", ipFamilyPolicy: PreferDualStack"), two: serving(""),
		fields: []string{"add /spec/ipFamilyPolicy by killick"}, reason: fixedAt("spec.ipFamilyPolicy")},
	{why: "defaults that Git named", ref: "v1 Service defaults", one: serving(", ipFamilyPolicy: SingleStack, ipFamilies: [IPv4], sessionAffinity: None, internalTrafficPolicy: Cluster"), two: serving("")},
	{why: "defaults of a workload that Git named", ref: "apps/v1 Deployment defaults",
		one: strategy("revisionHistoryLimit: 10, strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%}}"), two: strategy("minReadySeconds: 0")},
	{why: "an address range that goes", ref: "v1 Service ranges", one: serving(`, type: LoadBalancer, loadBalancerIP: 192.0.2.9`), two: serving(", type: LoadBalancer")},
}

// TestKeptByServer: what Git drops and the server keeps is told in every run, as Git's, with
// what to do about it, and fails nothing; what came back by default is in sync.
func TestKeptByServer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.budget = 0
	s.guards.Prune.Floor = 10 // replacements count
	one, two := map[string]string{}, map[string]string{}
	for i, k := range keepings {
		parts, name := strings.Fields(k.ref), fmt.Sprintf("%02d.yaml", i)
		one[name], two[name] = existing(parts[0], parts[1], parts[2], k.one), existing(parts[0], parts[1], parts[2], k.two)
	}
	s.commit(one)
	s.converge()
	s.commit(two)
	for i, trust := range []drift.Trust{drift.TrustMemo, drift.TrustNothing, drift.TrustMemo} {
		s.trust = trust
		for _, r := range []result{s.plan(), s.run()} {
			for _, k := range keepings {
				parts := strings.Fields(k.ref)
				name := parts[1] + " " + parts[2]
				if k.reason == "" {
					if got := r.line(name); got != "" && !(i == 0 && strings.Contains(got, "modified/git sync")) {
						s.Errorf("%s: %q\n%s", k.why, got, r.one(name))
					}
					continue
				}
				if got, want := r.line(name), name+": modified/git alert-only skipped"; got != want {
					s.Errorf("%s: %q, want %q\n%s", k.why, got, want, r.one(name))
					continue
				}
				resource := r.of(name)
				if diff := cmp.Diff(k.fields, fields(resource)); diff != "" {
					s.Errorf("%s (-want +got):\n%s", k.why, diff)
				}
				if resource.Reason != k.reason || resource.Fields[0].Note != "Git dropped it, and the server keeps it" ||
					!strings.HasPrefix(resource.Hint, "name the field in Git again, or ") {
					s.Errorf("%s: reason %q, note %q, hint %q", k.why, resource.Reason, resource.Fields[0].Note, resource.Hint)
				}
			}
			if r.code != reconcile.ExitDrift || r.Tally.Partial {
				s.Errorf("exit code %d, partial %t\n%s", r.code, r.Tally.Partial, r.details())
			}
		}
	}
	// The rest of the object goes on, and what is kept is not forgotten by it.
	s.commit(map[string]string{"00.yaml": "{apiVersion: v1, kind: Service, metadata: {name: headless, labels: {team: a}}, " + serving("") + "}"})
	if got := s.run().line("Service headless"); got != "Service headless: modified/git sync applied" {
		s.Errorf("beside it: %q", got)
	}
	if got := s.run().line("Service headless"); got != "Service headless: modified/git alert-only skipped" {
		s.Errorf("after that: %q", got)
	}
	s.rego += replacement
	if got := s.run().line("Service headless"); got != "Service headless: modified/git sync applied" {
		s.Errorf("with replace: %q", got)
	}
	if got := s.value("v1 Service headless", "spec clusterIP"); got == "None" {
		s.Error("it is still headless")
	}
	s.quiet("replaced")
}

// unchangeable is what a hand did and nobody can take back in place.
type unchangeable struct {
	why    string
	ref    string
	body   string
	make   func(*site)
	edit   func(*site, string)
	fields []string
	reason string
	hint   string // its beginning
	// beside says that something else of the object is put right first.
	beside bool
}

func podOf(rest string) string {
	return `spec: {` + rest + `containers: [{name: app, image: "example.com/app:1"}]}`
}

func debugging(s *site, ref string) {
	s.send(types.StrategicMergePatchType, "kubectl-debug", ref, `{spec: {ephemeralContainers: [{name: debugger, image: "example.com/debug:1"}]}}`, "ephemeralcontainers")
}

const debugger = "spec.ephemeralContainers[name=debugger]"

var unchangeables = []unchangeable{
	{why: "a claim was grown", ref: "v1 PersistentVolumeClaim grown",
		body: "spec: {accessModes: [ReadWriteOnce], storageClassName: $NS-grow, resources: {requests: {storage: 1Gi}}}",
		make: func(s *site) {
			s.create("kubectl-create", `{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: $NS-grow}, provisioner: kubernetes.io/no-provisioner, allowVolumeExpansion: true, volumeBindingMode: Immediate}`)
			s.create("kubectl-create", `{apiVersion: v1, kind: PersistentVolume, metadata: {name: $NS-grow}, spec: {storageClassName: $NS-grow, capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /tmp}}}`)
			s.Cleanup(func() {
				_ = s.cluster.Client().StorageV1().StorageClasses().Delete(context.Background(), s.ns+"-grow", deleteNow)
				_ = s.cluster.Client().CoreV1().PersistentVolumes().Delete(context.Background(), s.ns+"-grow", deleteNow)
			})
		},
		edit: func(s *site, ref string) {
			s.cluster.Eventually(s.T, "the claim is bound", func(context.Context) error {
				if s.value(ref, "status phase") != "Bound" {
					return errors.New("not bound")
				}
				return nil
			})
			s.merge("kubectl-patch", ref, "{spec: {resources: {requests: {storage: 5Gi}}}}")
		},
		fields: []string{"replace /spec/resources/requests/storage by kubectl-patch"}, reason: fixedAt("spec.resources.requests.storage"), hint: "a claim does not shrink: "},
	{why: "a Secret that was edited and made immutable", ref: "v1 Secret sealed", body: `stringData: {a: "1"}`,
		edit:   merging("kubectl-edit", `{stringData: {a: "2"}, immutable: true}`),
		fields: []string{"add /immutable by kubectl-edit", "replace /data/a by kubectl-edit"}, reason: fixedAt("data.a"), hint: "write the live value to Git; or "},
	{why: "a debug container", ref: "v1 Pod debugged", body: podOf(""), edit: debugging,
		fields: []string{"add /spec/ephemeralContainers/[name=debugger] by kubectl-debug"}, reason: fixedAt(debugger), hint: "a debug container goes with its Pod: "},
	{why: "a debug container, beside another image, which is put back", ref: "v1 Pod imaged", body: podOf(""), beside: true,
		edit: func(s *site, ref string) {
			debugging(s, ref)
			s.strategic("kubectl-edit", ref, `{spec: {containers: [{name: app, image: "example.com/app:2"}]}}`)
		},
		fields: []string{"add /spec/ephemeralContainers/[name=debugger] by kubectl-debug"}, reason: fixedAt(debugger), hint: "a debug container goes with its Pod: "},
	{why: "a Pod's deadline, which may be set and not taken away", ref: "v1 Pod deadline", body: podOf(""),
		edit:   merging("kubectl-edit", "{spec: {activeDeadlineSeconds: 100000}}"),
		fields: []string{"add /spec/activeDeadlineSeconds by kubectl-edit"}, reason: fixedAt("spec.activeDeadlineSeconds"), hint: "delete the object"},
	{why: "a Pod's toleration", ref: "v1 Pod tolerant", body: podOf("tolerations: [{key: a, operator: Exists}], "),
		edit:   patching("kubectl-edit", `[{op: add, path: /spec/tolerations/-, value: {key: b, operator: Exists}}]`),
		fields: []string{"replace /spec/tolerations by kubectl-edit"}, reason: fixedAt("spec.tolerations"), hint: "write the live value to Git; or "},
	{why: "a ConfigMap that was edited and made immutable", ref: "v1 ConfigMap frozen", body: `data: {a: "1"}`,
		edit:   merging("kubectl-edit", `{data: {a: "2"}, immutable: true}`),
		fields: []string{"add /immutable by kubectl-edit", "replace /data/a by kubectl-edit"}, reason: fixedAt("data.a"), hint: "write the live value to Git; or "},
	{why: "a ConfigMap that was made immutable, and a label that is put back", ref: "v1 ConfigMap labelled", body: `data: {a: "1"}`, beside: true,
		edit:   merging("kubectl-edit", `{metadata: {labels: {team: other}}, immutable: true}`),
		fields: []string{"add /immutable by kubectl-edit"}, reason: fixedAt("immutable"), hint: "delete the object"},
}

// TestCannotBePutBack: what nobody can take back in place is told with a remedy, is no
// failure and does not block: the rest of the object, the app's prunes and the exit code go
// on. A plan says the same.
func TestCannotBePutBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.budget = 0
	s.app("shop", manageSecrets)
	s.guards.Prune.Floor = 10
	files := map[string]string{"leaves.yaml": existing("v1", "ConfigMap", "leaves", `data: {a: "1"}`)}
	for i, k := range unchangeables {
		parts := strings.Fields(k.ref)
		files[fmt.Sprintf("%02d.yaml", i)] = existing(parts[0], parts[1], parts[2], k.body)
		if k.make != nil {
			k.make(s)
		}
	}
	s.commit(files)
	s.converge()
	for _, k := range unchangeables {
		k.edit(s, k.ref)
	}
	if got := s.run().line("ConfigMap labelled"); got != "ConfigMap labelled: modified/live heal applied" {
		s.Errorf("beside what cannot be put back: %q", got)
	}
	s.commit(map[string]string{"leaves.yaml": deleted})
	for i, trust := range []drift.Trust{drift.TrustMemo, drift.TrustNothing, drift.TrustMemo} {
		s.trust = trust
		planned, r := s.plan(), s.run()
		for _, k := range unchangeables {
			parts := strings.Fields(k.ref)
			name := parts[1] + " " + parts[2]
			want := name + ": modified/live alert-only skipped"
			if got := r.line(name); got != want || planned.line(name) != want {
				s.Errorf("%s: %q, planned %q\n%s", k.why, got, planned.line(name), r.one(name))
				continue
			}
			resource := r.of(name)
			if diff := cmp.Diff(k.fields, fields(resource)); diff != "" {
				s.Errorf("%s (-want +got):\n%s", k.why, diff)
			}
			if resource.Reason != k.reason || !strings.HasPrefix(resource.Hint, k.hint) || resource.Error != "" {
				s.Errorf("%s: reason %q, hint %q, error %q", k.why, resource.Reason, resource.Hint, resource.Error)
			}
		}
		if r.Tally.Partial || r.code != reconcile.ExitDrift || planned.code != reconcile.ExitDrift || reconcile.ExitCode(r.Tally, false) != reconcile.ExitOK {
			s.Errorf("partial %t, exit code %d, plan %d\n%s", r.Tally.Partial, r.code, planned.code, r.details())
		}
		if got := r.line("ConfigMap leaves"); i == 0 && got != "ConfigMap leaves: extra/git prune pruned" {
			s.Errorf("what left Git: %q\n%s", got, r.one("ConfigMap leaves"))
		}
	}
	s.rego += replacement
	if got := s.run().line("Pod debugged"); got != "Pod debugged: modified/live heal applied" {
		s.Errorf("with replace: %q", got)
	}
	s.cluster.Eventually(t, "the Pod is there without its debug container", func(context.Context) error {
		// kwok ends Pods by name alone: what it heard late of the first one can end the
		// second one, too. Then the next run makes a third.
		seen := s.find("v1 Pod debugged")
		if seen.State != drift.Present {
			s.run()
			return errors.New("it is not there")
		}
		if got := valueIn(seen.Live, "spec ephemeralContainers"); got != nil {
			return fmt.Errorf("the debug container is still there: %v", got)
		}
		return nil
	})
}

// TestGateOpened: what a hand took away and nobody can put back is told likewise.
func TestGateOpened(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.budget = 0
	s.commit(map[string]string{"gated.yaml": existing("v1", "Pod", "gated", podOf("schedulingGates: [{name: example.com/a}, {name: example.com/b}], "))})
	s.converge()
	s.patch("kubectl-edit", "v1 Pod gated", `[{op: remove, path: /spec/schedulingGates/1}]`)
	for range 2 {
		r := s.run()
		r.expect("a gate that a hand opened", "Pod gated: modified/live alert-only skipped")
		r.says("Pod gated", fixedAt(`spec.schedulingGates[name="example.com/b"]`), `/spec/schedulingGates/[name="example.com~1b"]: `+noOwner)
		if r.Tally.Partial {
			t.Error("it counts as a failure")
		}
	}
}

// TestKeptUnanswered: where the API server does not say whether what Git dropped can be
// changed in place, nothing is replaced for it, it is not in sync, and the next run that
// gets an answer tells it.
func TestKeptUnanswered(t *testing.T) {
	t.Parallel()
	const name, ref = "Service headless", "v1 Service headless"
	s := newSite(t)
	s.budget = 0
	s.guards.Prune.Floor = 10 // replacements count
	s.commit(map[string]string{"a.yaml": existing("v1", "Service", "headless", serving(", clusterIP: None"))})
	s.converge()
	s.commit(map[string]string{"a.yaml": existing("v1", "Service", "headless", serving(""))})
	before := s.value(ref, "metadata uid")
	granted := s.rego
	s.rego += replacement
	// The creation is tried under a random name, the removal as a JSON patch.
	removal := func(r *http.Request) bool { return strings.Contains(r.Header.Get("Content-Type"), "json-patch") }
	creation := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/services/killick-check-") }
	for _, c := range []struct {
		why     string
		match   func(*http.Request) bool
		code    int
		message string
	}{
		{"the server is down during the removal", removal, http.StatusServiceUnavailable, "overloaded"},
		{"a webhook is down during the removal", removal, http.StatusInternalServerError, `failed calling webhook "services.example.com": connection refused`},
		{"nobody may patch", removal, http.StatusForbidden, `User "killick" cannot patch resource "services"`},
		{"the server is down during the creation", creation, http.StatusServiceUnavailable, "overloaded"},
		{"a webhook denies the creation", creation, http.StatusForbidden, `admission webhook "names.example.com" denied the request`},
	} {
		s.wire = func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.URL.Query().Has("dryRun") && strings.Contains(r.URL.Path, "/services/") && c.match(r) {
					return answer(r, c.code, "InternalError", c.message), nil
				}
				return next.RoundTrip(r)
			})
		}
		r := s.run()
		if got, want := r.line(name), name+": modified/git alert-only skipped"; got != want {
			s.Errorf("%s: %q, want %q\n%s", c.why, got, want, r.one(name))
			continue
		}
		if got := r.of(name).Reason; !strings.Contains(got, "the API server did not say whether it can be changed in place") {
			s.Errorf("%s: reason %q", c.why, got)
		}
		if got := s.value(ref, "metadata uid"); got != before {
			s.Fatalf("%s: it was replaced", c.why)
		}
	}
	s.wire, s.rego = nil, granted
	r := s.run()
	if got := r.of(name).Reason; got != fixedAt("spec.clusterIP") {
		s.Errorf("with an answer: reason %q\n%s", got, r.one(name))
	}
}
