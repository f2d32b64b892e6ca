package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/drift"
)

// mounting is what a Pod says that mounts the ConfigMap that is to leave.
const mounting = `, volumes: [{name: v, configMap: {name: gone}}]`

// stuck is a workload whose Pods never become ready.
func stuck(manifest string) string {
	return strings.Replace(manifest, "metadata: {labels: {app: x}}", `metadata: {labels: {app: x}, annotations: {testenv.killick.dev/stuck: ""}}`, 1)
}

// web is a Deployment with more in its Pods.
func web(beside string) string {
	return existing("apps/v1", "Deployment", "web", deployment("", beside))
}

// bare is a Pod of its own.
func bare(name, annotations, beside string) string {
	return `{apiVersion: v1, kind: Pod, metadata: {name: ` + name + `, annotations: {` + annotations + `}}, spec: {containers: [{name: app, image: "example.com/app:1"}]` + beside + `}}`
}

const never = `testenv.killick.dev/stuck: ""`

// is waits until a field of an object has a value.
func (s *site) is(ref, path, want string) {
	s.Helper()
	s.cluster.Eventually(s.T, fmt.Sprintf("%s: %s is %s", ref, path, want), func(context.Context) error {
		if got := fmt.Sprint(s.value(ref, path)); got != want {
			return errors.New(got)
		}
		return nil
	})
}

// available waits for the Deployment of a case to be Current.
func available(s *site) {
	s.Helper()
	s.is("apps/v1 Deployment web", "status conditions [type=Progressing] reason", "NewReplicaSetAvailable")
	s.is("apps/v1 Deployment web", "status availableReplicas", "1")
}

// useCase is a ConfigMap "gone" that leaves Git, and what there is beside it.
type useCase struct {
	why   string
	files map[string]string // in Git from the beginning
	from  func(s *site)     // before the first run
	do    func(s *site)     // after the first run, before it leaves
	kept  string            // why it stays, both in the plan and in the run; "" when it is pruned
}

var useCases = []useCase{
	{why: "a Service waits for an address that nobody gives, and has no part in it",
		files: map[string]string{"lb.yaml": existing("v1", "Service", "lb", "spec: {type: LoadBalancer, selector: {app: x}, ports: [{port: 80}]}"), "web.yaml": web("")},
		do:    available},
	{why: "a claim waits for its first consumer",
		files: map[string]string{"data.yaml": existing("v1", "PersistentVolumeClaim", "data", "spec: {accessModes: [ReadWriteOnce], storageClassName: none, resources: {requests: {storage: 1Gi}}}")}},
	{why: "a Job failed, and its Pods have ended, although it named it",
		files: map[string]string{"job.yaml": stuck(existing("batch/v1", "Job", "job", "spec: {activeDeadlineSeconds: 1, "+pod+`}], restartPolicy: Never`+mounting+`}}}`))},
		do:    func(s *site) { s.is("batch/v1 Job job", "status conditions [type=Failed] status", "True") }},
	{why: "a paused Deployment never ran, although it names it",
		files: map[string]string{"web.yaml": strings.Replace(web(mounting), "replicas: 1", "replicas: 1, paused: true", 1)}},
	{why: "a suspended CronJob names it",
		files: map[string]string{"cron.yaml": existing("batch/v1", "CronJob", "cron",
			`spec: {suspend: true, schedule: "0 0 * * *", jobTemplate: {spec: {`+pod+`}], restartPolicy: Never`+mounting+`}}}}}`)}},
	{why: "a Deployment that is as Git says names it",
		files: map[string]string{"web.yaml": web(mounting)}, do: available},
	{why: "a Deployment mounts it, Git's does not any more, and policy leaves it so",
		files: map[string]string{"web.yaml": web(mounting)}, kept: "P2: Deployment $NS/web, which mounts it, is not as Git says",
		do: func(s *site) {
			s.rego += "\nalert_only contains \"not yet\" if input.resource.kind == \"Deployment\"\n"
			s.commit(map[string]string{"web.yaml": web("")})
		}},
	{why: "a Deployment does not start, and what it ran before may use it",
		files: map[string]string{"web.yaml": stuck(web(""))}, kept: "P2: Deployment $NS/web is InProgress"},
	{why: "a Deployment that does not start names it",
		files: map[string]string{"web.yaml": stuck(web(mounting))}, kept: "P2: Deployment $NS/web, which mounts it, is InProgress"},
	{why: "a paused rollout runs Pods of an older revision that mount it",
		files: map[string]string{"web.yaml": web(mounting)}, kept: " of an older revision still mounts it",
		do: func(s *site) {
			available(s)
			s.commit(map[string]string{"web.yaml": strings.Replace(web(""), "replicas: 1", "replicas: 1, paused: true", 1)})
			s.run()
			s.is("apps/v1 Deployment web", "status observedGeneration", "2")
		}},
	{why: "a paused rollout runs Pods of an older revision that do not mount it",
		files: map[string]string{"web.yaml": web(", hostname: a")},
		do: func(s *site) {
			available(s)
			s.commit(map[string]string{"web.yaml": strings.Replace(web(", hostname: b"), "replicas: 1", "replicas: 1, paused: true", 1)})
			s.run()
			s.is("apps/v1 Deployment web", "status observedGeneration", "2")
		}},
	{why: "below its partition, a StatefulSet that is Current runs Pods of an older revision",
		files: map[string]string{"set.yaml": existing("apps/v1", "StatefulSet", "set", "spec: {replicas: 1, serviceName: x, selector: {matchLabels: {app: x}}, "+pod+`}]`+mounting+`}}}`)},
		kept:  "P2: Pod $NS/set-0 of an older revision still mounts it",
		do: func(s *site) {
			s.is("apps/v1 StatefulSet set", "status readyReplicas", "1")
			s.commit(map[string]string{"set.yaml": existing("apps/v1", "StatefulSet", "set",
				"spec: {replicas: 1, serviceName: x, updateStrategy: {rollingUpdate: {partition: 1}}, selector: {matchLabels: {app: x}}, "+pod+`}]}}}`)})
			s.run()
			s.is("apps/v1 StatefulSet set", "status observedGeneration", "2")
		}},
	{why: "somebody's Pod mounts it and does not start", kept: "P2: Pod $NS/theirs, which mounts it, is InProgress",
		from: func(s *site) { s.create("kubectl-create", bare("theirs", never, mounting)) }},
	{why: "somebody's Pod reads it into its environment and does not start", kept: "P2: Pod $NS/theirs, which names it, is InProgress",
		from: func(s *site) {
			s.create("kubectl-create", strings.Replace(bare("theirs", never, ""), "name: app,", "name: app, envFrom: [{configMapRef: {name: gone, optional: true}}],", 1))
		}},
	{why: "somebody's Pod mounts it and runs",
		from: func(s *site) { s.create("kubectl-create", bare("theirs", "", mounting)) },
		do:   func(s *site) { s.is("v1 Pod theirs", "status phase", "Running") }},
	{why: "somebody's rollout has not replaced the Pods that mount it", kept: " of an older revision still mounts it",
		from: func(s *site) { s.create("kubectl-create", web(mounting)) },
		do: func(s *site) {
			s.is("apps/v1 Deployment web", "status availableReplicas", "1")
			s.merge("kubectl-edit", "apps/v1 Deployment web", `{spec: {template: {metadata: {annotations: {testenv.killick.dev/stuck: ""}}, spec: {volumes: null}}}}`)
			s.is("apps/v1 Deployment web", "status unavailableReplicas", "1")
		}},
	{why: "a custom resource of the app is not ready", kept: "P2: Widget $NS/w is InProgress",
		files: map[string]string{"w.yaml": configured("")}, from: widgetReports, do: func(s *site) { s.ready("False") }},
	{why: "a custom resource of another app is not ready, and names it", kept: "P2: Widget $NS/w, which names it, is InProgress",
		files: map[string]string{"other/w.yaml": configured("shop/gone")}, from: otherWidgets, do: func(s *site) { s.ready("False") }},
	{why: "a custom resource of another app is not ready, and names something else",
		files: map[string]string{"other/w.yaml": configured("gone-too")}, from: otherWidgets, do: func(s *site) { s.ready("False") }},
	{why: "a custom resource of another app is ready, and names it",
		files: map[string]string{"other/w.yaml": configured("gone")}, from: otherWidgets, do: func(s *site) { s.ready("True") }},
	{why: "whether Pods use it may not be read", kept: "P2: whether Pods use it could not be read: listing Pod: ",
		from: func(s *site) {
			s.account("deployer", `[{apiGroups: [""], resources: [namespaces, configmaps], verbs: ["*"]}]`)
			s.app("shop", func(a *drift.App) { a.ServiceAccount = s.ns + "/deployer" })
		}},
	{why: "whether ReplicaSets use it may not be read", kept: "P2: whether Pods use it could not be read: listing ReplicaSet.apps: ",
		from: func(s *site) {
			s.account("deployer", `[{apiGroups: [""], resources: [namespaces, pods, configmaps], verbs: ["*"]}]`)
			s.app("shop", func(a *drift.App) { a.ServiceAccount = s.ns + "/deployer" })
		}},
	{why: "what another app's Deployment uses that was not Current when it was last seen cannot be read", kept: "P2: whether Deployment $NS/web uses it could not be read: the answer was lost",
		files: map[string]string{"other/web.yaml": stuck(web(""))}, from: func(s *site) { s.app("other") },
		do: func(s *site) {
			s.run() // from here on the memo tells
			s.intercept(&between{get: func(id drift.ID, _ int) error {
				if id.Kind == "Deployment" {
					return errors.New("the answer was lost")
				}
				return nil
			}})
		}},
	{why: "whose revision a ReplicaSet is may not be read", kept: "uses it could not be read: reading Deployment $NS/web: ",
		from: func(s *site) {
			s.account("deployer", `[{apiGroups: [""], resources: [namespaces, pods, configmaps], verbs: ["*"]}, {apiGroups: [apps], resources: [replicasets], verbs: [list]}]`)
			s.app("shop", func(a *drift.App) { a.ServiceAccount = s.ns + "/deployer" })
			s.create("kubectl-create", web(mounting))
			s.is("apps/v1 Deployment web", "status availableReplicas", "1")
		}},
}

// configured is a custom resource that names a ConfigMap.
func configured(config string) string {
	return `{apiVersion: $NS.example.com/v1, kind: Widget, metadata: {name: w}, spec: {free: {config: "` + config + `"}}}`
}

// widgetReports installs the CRD in an app of its own.
func widgetReports(s *site) {
	s.app("crds")
	s.commit(map[string]string{"crds/crd.yaml": strings.Replace(widgets, "          type: object\n          properties:", "          type: object\n          x-kubernetes-preserve-unknown-fields: true\n          properties:", 1)})
	s.run()
}

func otherWidgets(s *site) {
	widgetReports(s)
	s.app("other", after("crds"))
}

// ready is the widget's controller, which says whether the widget is.
func (s *site) ready(status string) {
	s.Helper()
	s.merge("controller", widget+"w", `{status: {conditions: [{type: Ready, status: "`+status+`", reason: Looked}]}}`)
}

// account makes a service account that may do some things in the site's namespace, and
// waits until it may.
func (s *site) account(name, rules string) {
	s.Helper()
	s.create("kubectl-create", `{apiVersion: v1, kind: ServiceAccount, metadata: {name: `+name+`}}`)
	s.create("kubectl-create", `{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: `+name+`}, rules: `+rules+`}`)
	s.create("kubectl-create", `{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: `+name+`},
		roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: `+name+`}, subjects: [{kind: ServiceAccount, name: `+name+`, namespace: $NS}]}`)
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               "system:serviceaccount:" + s.ns + ":" + name,
		ResourceAttributes: &authorizationv1.ResourceAttributes{Resource: "configmaps", Verb: "delete", Namespace: s.ns},
	}}
	s.cluster.Eventually(s.T, "the account has its rights", func(ctx context.Context) error {
		answer, err := s.cluster.Client().AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err == nil && !answer.Status.Allowed {
			err = errors.New("not yet")
		}
		return err
	})
}

// TestUses: what is pruned is what nothing could still need that is not as Git wants it,
// and the plan says so already (docs/guards.md, P2).
func TestUses(t *testing.T) {
	t.Parallel()
	for _, test := range useCases {
		t.Run(test.why, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.budget = 0 // each case says itself what it waits for
			if test.from != nil {
				test.from(s)
			}
			files := map[string]string{"keep.yaml": configMap("keep"), "gone.yaml": configMap("gone")}
			for path, content := range test.files {
				files[path] = content
			}
			s.commit(files)
			s.run()
			if test.do != nil {
				test.do(s)
			}
			s.commit(map[string]string{"gone.yaml": deleted})
			for i, r := range []result{s.plan(), s.run()} {
				got := r.of("ConfigMap gone")
				want := []string{"planned", "pruned"}[i]
				if test.kept != "" {
					want = "skipped"
				}
				if got.Outcome != want || !strings.Contains(s.short(got.Reason), test.kept) {
					t.Errorf("%s: %s, %q", []string{"plan", "run"}[i], got.Outcome, got.Reason)
				}
			}
			if alive := s.find(gone).State == drift.Present; alive != (test.kept != "") {
				t.Errorf("it is there: %t", alive)
			}
		})
	}
}
