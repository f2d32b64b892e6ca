package reconcile_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// deny makes an admission policy that refuses ConfigMaps named "denied" in the
// site's namespace, where the condition holds too, and waits until it works.
func (s *site) deny(condition string) {
	s.Helper()
	name := s.ns + "-deny"
	s.create("kubectl-create", `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: `+name+`}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: $NS}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  validations: [{expression: 'object.metadata.name != "denied" || !(`+condition+`)', message: the four-eyes rule says no}]
`)
	s.create("kubectl-create", `{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: `+name+`}, spec: {policyName: `+name+`, validationActions: [Deny]}}`)
	s.Cleanup(func() {
		client := s.cluster.Client().AdmissionregistrationV1()
		_ = client.ValidatingAdmissionPolicyBindings().Delete(context.Background(), name, deleteNow)
		_ = client.ValidatingAdmissionPolicies().Delete(context.Background(), name, deleteNow)
	})
	resource, _ := s.resource("v1 ConfigMap denied")
	s.cluster.Eventually(s.T, "the policy works", func(ctx context.Context) error {
		object := s.manifest(configMap("denied"))
		options := createDry
		if strings.Contains(condition, "dryRun") {
			options = createNow
		}
		_, err := resource.Create(ctx, unstructuredOf(object), options)
		if err == nil {
			_ = resource.Delete(ctx, "denied", deleteNow)
			return errors.New("not denied")
		}
		return nil
	})
}

// TestOneObjectsFailureIsItsOwn: what admission refuses is told, the rest is
// done, and nothing of the app is pruned.
func TestOneObjectsFailureIsItsOwn(t *testing.T) {
	t.Parallel()
	tests := []struct {
		why, condition  string
		action, outcome string
	}{
		{why: "refused in the dry-run already", condition: "true", action: "alert-only", outcome: "skipped"},
		{why: "refused in the write only", condition: "!has(request.dryRun) || !request.dryRun", action: "sync", outcome: "failed"},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.commit(map[string]string{"keep.yaml": configMap("keep"), "gone.yaml": configMap("gone")})
			s.converge()
			s.deny(test.condition)
			s.commit(map[string]string{"gone.yaml": deleted, "denied.yaml": configMap("denied"), "new.yaml": configMap("new"),
				"svc.yaml": existing("v1", "Service", "new", service)})
			r := s.run()
			r.expect("one of three is refused",
				"ConfigMap denied: missing/git "+test.action+" "+test.outcome, "ConfigMap gone: extra/git alert-only skipped",
				"ConfigMap new: missing/git sync applied", "Service new: missing/git sync applied")
			if resource := r.of("ConfigMap denied"); !strings.Contains(resource.Error, "the four-eyes rule says no") || !strings.Contains(resource.Error, "denied.yaml:1") {
				t.Errorf("the error is %q", resource.Error)
			}
			if refused := r.of("ConfigMap gone").Reason; !strings.Contains(refused, "P2") {
				t.Errorf("the prune is refused because of %q", refused)
			}
			if r.code != reconcile.ExitPartial {
				t.Errorf("exit code %d", r.code)
			}
			s.live(gone)
			want := []string{"ConfigMap denied", "ConfigMap gone", "ConfigMap keep", "ConfigMap new", "Service new"}
			if test.action == "alert-only" {
				want = want[1:]
			}
			if diff := cmp.Diff(want, s.inventoried("shop")); diff != "" {
				t.Errorf("the inventory (-want +got):\n%s", diff)
			}
			if r.Report.Apps[0].Complete && test.action == "alert-only" {
				t.Error("the app counts as complete")
			}
		})
	}
}

// TestUnservedKind: a kind that nobody serves fails its object only.
func TestUnservedKind(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"a.yaml": configMap("a"), "widget.yaml": "{apiVersion: $NS.example.com/v1, kind: Widget, metadata: {name: w, namespace: $NS}}"})
	r := s.run()
	if got := r.of("ConfigMap a"); got.Outcome != "applied" {
		t.Errorf("the other object: %s %s", got.Outcome, got.Error)
	}
	if got := r.of("Widget w"); got.Drift != "unknown" || got.Action != "alert-only" || !strings.Contains(got.Error, "does not serve") {
		t.Errorf("%s %s: %s", got.Drift, got.Action, got.Error)
	}
	if r.code != reconcile.ExitPartial {
		t.Errorf("exit code %d", r.code)
	}
}

// TestConflicts: what changes between judgement and write is judged again, once;
// nobody's edit is overwritten unjudged.
func TestConflicts(t *testing.T) {
	t.Parallel()
	const ref = "v1 ConfigMap settings"
	edit := func(s *site, body string) { s.merge("kubectl-edit", ref, body) }
	tests := []struct {
		why    string
		start  func(s *site) // after the first run
		apply  func(s *site, n int) error
		again  func(s *site) error // at the second observation
		news   string
		fields []string
		data   map[string]any
		code   int
	}{
		{why: "edited once more: the second edit is judged and healed too",
			start: func(s *site) { edit(s, "{data: {a: one}}") },
			apply: func(s *site, n int) error {
				if n == 1 {
					edit(s, "{data: {b: two}}")
				}
				return nil
			},
			news: "modified/live heal applied", fields: []string{"replace /data/a by kubectl-edit", "replace /data/b by kubectl-edit"},
			data: map[string]any{"a": "1", "b": "2"}},
		{why: "put back by somebody meanwhile: nothing is left to do",
			start: func(s *site) { edit(s, "{data: {a: one}}") },
			apply: func(s *site, n int) error { edit(s, `{data: {a: "1"}}`); return nil },
			news:  "", data: map[string]any{"a": "1", "b": "2"}},
		{why: "suspended meanwhile: the new judgement counts",
			start: func(s *site) { edit(s, "{data: {a: one}}") },
			apply: func(s *site, n int) error {
				edit(s, `{metadata: {annotations: {killick.dev/suspend-until: "2099-01-01T00:00:00Z", killick.dev/suspend-reason: debugging}}}`)
				return nil
			},
			news: "modified/live alert-only skipped", fields: []string{"replace /data/a by kubectl-edit"},
			data: map[string]any{"a": "one", "b": "2"}, code: reconcile.ExitDrift},
		{why: "edited each time: given up, and told",
			start: func(s *site) { edit(s, "{data: {a: one}}") },
			apply: func(s *site, n int) error { edit(s, "{data: {b: "+strings.Repeat("x", n)+"}}"); return nil },
			news:  "modified/live heal failed", fields: []string{"replace /data/a by kubectl-edit", "replace /data/b by kubectl-edit"},
			data: map[string]any{"a": "one", "b": "xx"}, code: reconcile.ExitPartial},
		{why: "an object appeared where none was: it is not ours to overwrite",
			start: func(s *site) {
				s.remove(ref)
				s.forget(drift.ParentName("shop"))
				s.forget(drift.StateName("shop"))
			},
			apply: func(s *site, n int) error {
				s.create("kubectl-create", existing("v1", "ConfigMap", "settings", "data: {a: theirs}"))
				return nil
			},
			news: "modified/git alert-only skipped", fields: []string{"remove /data/b", "replace /data/a by kubectl-create"},
			data: map[string]any{"a": "theirs"}, code: reconcile.ExitDrift},
		{why: "replaced by another object of its name",
			start: func(s *site) { edit(s, "{data: {a: one}}") },
			apply: func(s *site, n int) error {
				s.remove(ref)
				s.create("kubectl-create", existing("v1", "ConfigMap", "settings", "data: {a: theirs}"))
				return nil
			},
			news: "modified/git alert-only skipped", fields: []string{"remove /data/b", "replace /data/a by kubectl-create"},
			data: map[string]any{"a": "theirs"}, code: reconcile.ExitDrift},
		{why: "the second look gets no answer: the conflict is told, not lost",
			start: func(s *site) { edit(s, "{data: {a: one}}") },
			apply: func(s *site, n int) error { edit(s, "{data: {b: two}}"); return nil },
			again: func(*site) error { return errors.New("no answer") },
			news:  "modified/live heal failed", fields: []string{"replace /data/a by kubectl-edit"},
			data: map[string]any{"a": "one", "b": "two"}, code: reconcile.ExitPartial},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.commit(map[string]string{"keep.yaml": configMap("keep"), "settings.yaml": existing("v1", "ConfigMap", "settings", `data: {a: "1", b: "2"}`)})
			s.converge()
			test.start(s)
			s.intercept(&between{
				apply: func(r drift.ApplyRequest, n int) error {
					if r.Object.ID.Name != "settings" {
						return nil
					}
					return test.apply(s, n)
				},
				observe: func(_ []drift.Want, n int) error {
					if n > 1 && test.again != nil {
						return test.again(s)
					}
					return nil
				},
			})
			r := s.run()
			var want []string
			if test.news != "" {
				want = []string{"ConfigMap settings: " + test.news}
				if diff := cmp.Diff(test.fields, fields(r.of("ConfigMap settings"))); diff != "" {
					t.Errorf("fields (-want +got):\n%s", diff)
				}
			}
			r.expect("the run", want...)
			if diff := cmp.Diff(test.data, s.value(ref, "data")); diff != "" {
				t.Errorf("data (-want +got):\n%s", diff)
			}
			if r.code != test.code {
				t.Errorf("exit code %d, want %d", r.code, test.code)
			}
		})
	}
}

// TestChangedWhileJudged: an object that changes while the server is asked what would
// come back by itself is observed again, and judged as it is then.
func TestChangedWhileJudged(t *testing.T) {
	t.Parallel()
	const ref = "v1 ConfigMap settings"
	s := newSite(t)
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", `data: {a: "1"}`)})
	s.converge()
	s.merge("kubectl-edit", ref, "{data: {extra: one}}")
	s.intercept(&between{without: func(_ drift.ID, n int) error {
		if n == 1 {
			s.merge("kubectl-edit", ref, "{data: {more: two}}")
		}
		return nil
	}})
	r := s.plan()
	r.expect("both are seen", "ConfigMap settings: modified/live heal planned")
	want := []string{"add /data/extra by kubectl-edit", "add /data/more by kubectl-edit"}
	if diff := cmp.Diff(want, fields(r.of("ConfigMap settings"))); diff != "" {
		t.Error(diff)
	}
}

// TestSecretSeenTwice: what an observation in the middle of a run finds in a Secret
// is kept out of every output as well.
func TestSecretSeenTwice(t *testing.T) {
	t.Parallel()
	const ref, late = "v1 Secret token", "put-there-late"
	s := newSite(t)
	s.app("shop", manageSecrets)
	s.commit(map[string]string{"token.yaml": existing("v1", "Secret", "token", `stringData: {a: first}`)})
	s.converge()
	s.merge("kubectl-edit", ref, "{stringData: {extra: early-on}}")
	s.intercept(&between{without: func(_ drift.ID, n int) error {
		if n == 1 {
			s.merge("kubectl-edit", ref, "{stringData: {more: "+late+"}}")
		}
		return nil
	}})
	r := s.plan()
	r.expect("both are seen", "Secret token: modified/live heal planned")
	if !slices.Contains(r.Secrets, drift.SecretValue{Key: "more", Value: late}) {
		t.Error("the redactor does not know the second value")
	}
}

// TestBusyStatus: a controller that reports while an object is healed does not keep
// it from being healed; one that never stops leaves it to the next run.
func TestBusyStatus(t *testing.T) {
	t.Parallel()
	const ref = "v1 Service web"
	for _, test := range []struct {
		why    string
		writes int // of status, each just before one of ours
		want   string
		sent   int
	}{
		{"for a while", 6, "Service web: modified/live heal applied", 7},
		{"all the time", 100, "Service web: modified/live heal failed", 2 + len(diff.Pauses())},
	} {
		t.Run(test.why, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.commit(map[string]string{"web.yaml": existing("v1", "Service", "web", "spec: {sessionAffinity: None, ports: [{port: 80}]}")})
			s.converge()
			s.merge("kubectl-edit", ref, "{spec: {sessionAffinity: ClientIP}}")
			sent := 0
			s.intercept(&between{apply: func(_ drift.ApplyRequest, n int) error {
				if sent = n; n <= test.writes {
					s.report(ref, n)
				}
				return nil
			}})
			s.run().expect("the run", test.want)
			if sent != test.sent {
				t.Errorf("%d writes were sent, want %d", sent, test.sent)
			}
		})
	}
}

// TestUnguardedReplaceWaits: what becomes a replacement only while a run is at work
// passed no guard of deletion, and is left to the next run.
func TestUnguardedReplaceWaits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.rego = "package drift.test\n\nsync contains \"Git\"\n\nheal contains \"Git\"\n\nreplace contains \"where it must be\"\n\nadopt contains \"ours\"\n"
	job := func(image, labels string) map[string]string {
		return map[string]string{"job.yaml": existing("batch/v1", "Job", "migrate", `spec: {suspend: true, `+labels+`
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: "`+image+`"}]}}}`)}
	}
	s.commit(job("example.com/a:1", ""))
	s.converge()
	s.commit(job("example.com/a:1", "parallelism: 2,"))
	uid := s.value("batch/v1 Job migrate", "metadata uid")
	s.intercept(&between{apply: func(_ drift.ApplyRequest, n int) error {
		if n == 1 {
			s.remove("batch/v1 Job migrate")
			s.create("kubectl-create", existing("batch/v1", "Job", "migrate", `spec: {suspend: true,
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: "example.com/b:1"}]}}}`))
		}
		return nil
	}})
	r := s.run()
	r.expect("it would have to be replaced", "Job migrate: modified/git alert-only skipped")
	r.says("Job migrate", "not replaced: it changed while this run was at work",
		"was deleted and created again by somebody: it is not the object that Killick applied",
		"/spec/completions: not verified: the API server did not say whether it fills this in by itself")
	if s.value("batch/v1 Job migrate", "metadata uid") == uid {
		t.Error("it is the first one still")
	}
}

// TestRefusedTakeOverLeavesNoTrace: when the API server refuses the apply after
// fields were taken over, they are given back; whose they are is not forgotten.
func TestRefusedTakeOverLeavesNoTrace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"denied.yaml": configMap("denied")})
	s.converge()
	s.merge("kubectl-edit", "v1 ConfigMap denied", "{data: {extra: x}}")
	s.wire = func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if writes(r) && strings.HasSuffix(r.URL.Path, "/configmaps/denied") && strings.Contains(r.Header.Get("Content-Type"), "apply") {
				return answer(r, http.StatusUnprocessableEntity, "Invalid", "the four-eyes rule says no"), nil
			}
			return next.RoundTrip(r)
		})
	}
	for range 2 {
		r := s.run()
		r.expect("the removal is refused", "ConfigMap denied: modified/live heal failed")
		if diff := cmp.Diff([]string{"add /data/extra by kubectl-edit"}, fields(r.of("ConfigMap denied"))); diff != "" {
			t.Errorf("fields (-want +got):\n%s", diff)
		}
	}
}
