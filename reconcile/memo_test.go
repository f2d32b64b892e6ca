package reconcile_test

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// dryRuns are the tape's questions about objects of one name.
func (t *tape) dryRuns(name string) (count int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, line := range t.sent {
		if strings.HasPrefix(line, "PATCH ") && strings.Contains(line, "dryRun") && strings.Contains(line, "/"+name+"?") {
			count++
		}
	}
	return count
}

// quirky is written another way than the server stores it, so that nothing but an
// answer of the server says that it is in sync.
const quirky = `spec: {replicas: 0, selector: {matchLabels: {app: x}}, template: {metadata: {labels: {app: x}}, spec: {hostNetwork: false, containers: [
	{name: app, image: "example.com/app:1", ports: [{containerPort: 80}], resources: {requests: {cpu: 1000m, memory: 1024Mi}}}]}}}`

func TestMemoSparesTheQuestion(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"web.yaml": existing("apps/v1", "Deployment", "web", quirky)})
	s.converge()
	asked := func(what string, want int) {
		t.Helper()
		tape := s.record()
		s.run().silent(what)
		if got := tape.dryRuns("web"); got != want {
			t.Errorf("%s: asked %d times, not %d", what, got, want)
		}
	}
	asked("a row is on record", 0)
	s.trust = drift.TrustProof
	asked("the memo is not to be believed", 1)
	s.trust = drift.TrustMemo

	s.merge("kube-controller-manager", "apps/v1 Deployment web", `{metadata: {annotations: {deployment.kubernetes.io/revision: "7"}}}`)
	asked("a controller's annotation is another version of the same object", 0)
	asked("and the new version is on record", 0)

	s.commit(map[string]string{"web.yaml": existing("apps/v1", "Deployment", "web", strings.Replace(quirky, "1024Mi", "1Gi", 1))})
	asked("Git writes it another way", 1)
	asked("that is on record too", 0)

	s.audit = drift.AuditSince(time.Unix(0, 0), time.Now())
	asked("every object is due", 1)
	s.audit = drift.Audit{}

	s.forget(drift.StateName("shop"))
	asked("the cache is lost", 1)
	asked("and written again", 0)
}

// TestSteadyStateRequests: the whole list of what a run asks for where nothing
// moved. No schema, no object by itself and no dry-run; one LIST per kind for all
// apps, and one of autoscalers and of namespaces, which carry no label.
func TestSteadyStateRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("blog")
	s.commit(map[string]string{
		"crd.yaml":         thingCRD,
		"thing.yaml":       existing("$NS.example.com/v1", "Thing", "thing", "spec: {words: [a, b]}"),
		"web.yaml":         existing("apps/v1", "Deployment", "web", quirky),
		"map.yaml":         existing("v1", "ConfigMap", "map", "data: {a: b}"),
		"blog/posts.yaml":  existing("v1", "ConfigMap", "posts", "data: {a: b}"),
		"blog/second.yaml": existing("v1", "ConfigMap", "second", "data: {a: b}"),
	})
	s.converge()
	s.cluster.Eventually(t, "the controllers are done", func(context.Context) error {
		status, _ := s.value("apps/v1 Deployment web", "status").(map[string]any)
		if fmt.Sprint(status["observedGeneration"]) != fmt.Sprint(s.value("apps/v1 Deployment web", "metadata generation")) ||
			!strings.Contains(fmt.Sprint(status["conditions"]), "NewReplicaSetAvailable") {
			return fmt.Errorf("the Deployment's status is %v", status)
		}
		return nil
	})
	s.quiet("what they left")
	s.cluster.Eventually(t, "all of that is on record", func(context.Context) error {
		tape := s.record()
		if s.run(); len(tape.wrote) > 0 {
			return fmt.Errorf("the run wrote %q", tape.wrote)
		}
		return nil
	})

	selected := "?labelSelector=applyset.kubernetes.io/part-of&limit=500"
	want := []string{
		"GET /version", "GET /api/v1/namespaces/kube-system", "GET /api", "GET /apis",
		"GET /api/v1/namespaces/$STATE/secrets/killick-key",
		"GET /api/v1/namespaces/$STATE/configmaps?labelSelector=app.kubernetes.io/managed-by=killick&limit=500",
		"GET /api/v1/namespaces?limit=500", "GET /apis/autoscaling/v2/horizontalpodautoscalers?limit=500",
		"GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions" + selected, "GET /apis/$NS.example.com/v1/things" + selected,
		"GET /apis/apps/v1/deployments" + selected, "GET /api/v1/configmaps" + selected,
	}
	slices.Sort(want)
	for _, s.trust = range []drift.Trust{drift.TrustMemo, drift.TrustIdle} {
		tape := s.record()
		s.run().silent("nothing moved")
		if diff := cmp.Diff(want, s.asked(tape)); diff != "" {
			t.Errorf("trust %s: the requests (-want +got):\n%s", s.trust, diff)
		}
	}
}

// asked is all that a tape holds, sorted; the further pages of a LIST are left out,
// since other tests fill this cluster too.
func (s *site) asked(t *tape) []string {
	var lines []string
	for _, line := range t.sent {
		words, err := url.QueryUnescape(timeout.ReplaceAllString(line, ""))
		if err != nil {
			s.Fatal(err)
		}
		if !strings.Contains(words, "continue=") {
			lines = append(lines, strings.NewReplacer(s.ns, "$NS", s.state, "$STATE").Replace(words))
		}
	}
	slices.Sort(lines)
	return lines
}

var timeout = regexp.MustCompile(`[?&]timeout=[0-9a-z]+$`)

func TestMemoIsNoProofOfWhatMoved(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{
		"web.yaml": existing("apps/v1", "Deployment", "web", quirky),
		"map.yaml": existing("v1", "ConfigMap", "map", "data: {a: b}"),
	})
	s.converge()
	s.run().silent("what the second run wrote down")
	edits := []struct {
		name   string
		edit   func()
		expect string
		fields []string
	}{
		{"an owned value", func() {
			s.strategic("kubectl-edit", "apps/v1 Deployment web", `{spec: {template: {spec: {containers: [{name: app, image: "example.com/app:2"}]}}}}`)
		}, "Deployment web: modified/live heal applied", []string{"replace " + container + "/image by kubectl-edit"}},
		{"a label that Git does not have", func() {
			s.merge("kubectl-label", "apps/v1 Deployment web", `{metadata: {labels: {extra: "1"}}}`)
		}, "Deployment web: modified/live heal applied", []string{"add /metadata/labels/extra by kubectl-label"}},
		{"a removed value", func() {
			s.patch("kubectl-patch", "apps/v1 Deployment web", `[{op: remove, path: /spec/template/spec/containers/0/resources/requests/cpu}]`)
		}, "Deployment web: modified/live heal applied", []string{"remove " + container + "/resources/requests/cpu"}},
		{"the object itself, created again by hand with what Git says", func() {
			s.remove("v1 ConfigMap map")
			s.absent("v1 ConfigMap map")
			s.create("kubectl-create", existing("v1", "ConfigMap", "map", "data: {a: b}"))
		}, "ConfigMap map: in-sync/none sync applied", nil},
	}
	s.rego = grants + adoption
	for _, e := range edits {
		e.edit()
		r := s.run()
		r.expect(e.name, e.expect)
		name, _, _ := strings.Cut(e.expect, ":")
		if diff := cmp.Diff(e.fields, fields(r.of(name))); len(e.fields) > 0 && diff != "" {
			t.Errorf("%s (-want +got):\n%s", e.name, diff)
		}
		s.run().silent(e.name + ", put back")
		s.run().silent(e.name + ", on record")
	}
}

// The scale subresource leaves no owner where nobody owned the number, so only the
// memo can tell; and what an autoscaler sets is its own.
func TestScaledByHandWhereGitNamesNoReplicas(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"web.yaml": existing("apps/v1", "Deployment", "web", strings.Replace(deployment("", ""), "replicas: 1, ", "", 1))})
	s.converge()
	for _, s.trust = range []drift.Trust{drift.TrustNothing, drift.TrustProof, drift.TrustMemo} {
		s.scale("apps/v1 Deployment web", "2")
		r := s.run()
		r.expect("scaled by hand", "Deployment web: modified/live heal applied")
		field := r.of("Deployment web").Fields[0]
		want := drift.ReportField{Path: "/spec/replicas", Op: "add", Live: int64(2), Cause: "live",
			Note: "scaled from 1; the scale subresource does not record by whom"}
		if diff := cmp.Diff(want, field); diff != "" {
			t.Errorf("trust %s (-want +got):\n%s", s.trust, diff)
		}
		if got := s.value("apps/v1 Deployment web", "spec replicas"); got != int64(1) {
			t.Errorf("trust %s: healed to %v replicas", s.trust, got)
		}
		s.run().silent("healed")
	}
	s.create("kubectl-create", existing("autoscaling/v2", "HorizontalPodAutoscaler", "web",
		`spec: {maxReplicas: 5, minReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}`))
	s.scale("apps/v1 Deployment web", "3")
	s.run().silent("an autoscaler targets it")
}

// A finished Job that its TTL removed must not run again because a cache was lost.
func TestFinishedJobDoesNotRunAgainWithoutTheCache(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	job := existing("batch/v1", "Job", "once", `spec: {ttlSecondsAfterFinished: 3600, template: {spec: {restartPolicy: Never, containers: [{name: m, image: example.com/m}]}}}`)
	s.commit(map[string]string{"job.yaml": job})
	s.budget = 0
	s.run().expect("the first run", "Job once: missing/git sync applied")
	s.remove("batch/v1 Job once") // as the TTL controller does
	s.absent("batch/v1 Job once")
	s.run().silent("the TTL controller removed it")
	s.forget(drift.StateName("shop"))
	s.run().silent("the cache was lost too")
	s.run().silent("and is back")
	if err := s.cluster.Client().CoreV1().Secrets(s.state).Delete(s.Context(), drift.KeyName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r := s.run()
	r.expect("the key is lost: whether Git wants another Job cannot be told")
	if warnings := r.Report.Apps[0].Warnings; len(warnings) != 1 || !strings.Contains(warnings[0], "the key of the stored hashes was lost") {
		t.Errorf("warnings %q", warnings)
	}
	s.remove("v1 ConfigMap " + s.state + "/" + drift.ParentName("shop"))
	s.commit(map[string]string{"job.yaml": strings.Replace(job, "example.com/m", "example.com/m:2", 1)})
	s.run().expect("Git wants another one", "Job once: missing/git sync applied")
}

// Whoever may write ConfigMaps in the state namespace must not be able to hide a
// change of an object: rows that no run sealed prove nothing.
func TestForgedRowsProveNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"map.yaml": existing("v1", "ConfigMap", "map", "data: {a: b}")})
	s.converge()
	s.run().silent("on record")
	s.merge("kubectl-edit", "v1 ConfigMap map", "{data: {a: changed}}")
	_, state, err := s.admin.Load(s.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	for id, row := range state.Rows {
		row.Version = nested.ResourceVersionOf(s.live("v1 ConfigMap map"))
		state.Rows[id] = row
	}
	if err := s.admin.SaveState(s.Context(), "shop", state); err != nil {
		t.Fatal(err)
	}
	s.run().expect("a forged row", "ConfigMap map: modified/live heal applied")
}
