package reconcile_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/drift"
)

// leaveCase is a commit after which several things leave at once, or while others move.
type leaveCase struct {
	why    string
	before map[string]string // in Git at first, with the ConfigMaps "keep" and "gone"
	from   func(s *site)
	do     func(s *site)
	after  map[string]string // the commit from which "gone" is missing
	budget time.Duration     // what is not to become healthy is not waited for
	only   []string
	want   []string // the run after it
	then   func(s *site)
	last   []string // the run after that
}

const (
	goes  = "ConfigMap gone: extra/git prune pruned"
	stays = "ConfigMap gone: extra/git alert-only skipped"
)

var leaveCases = []leaveCase{
	{why: "what uses it leaves too, and never worked",
		before: map[string]string{"web.yaml": stuck(web(mounting))}, after: map[string]string{"web.yaml": deleted},
		want: []string{goes, "Deployment web: extra/git prune pruned"}},
	{why: "what uses it leaves too, and somebody's finalizer holds it: what acts on it may need both",
		before: map[string]string{"web.yaml": web(mounting)}, after: map[string]string{"web.yaml": deleted},
		do: func(s *site) {
			s.merge("operator", "apps/v1 Deployment web", `{metadata: {finalizers: [example.com/hold]}}`)
		},
		want: []string{stays, "Deployment web: extra/git prune pruned"},
		then: func(s *site) {
			s.merge("operator", "apps/v1 Deployment web", `{metadata: {finalizers: null}}`)
			s.absent("apps/v1 Deployment web")
			s.unmounted()
		},
		last: []string{goes}},
	{why: "what uses it is to leave too, and cannot be deleted",
		before: map[string]string{"web.yaml": stuck(web(mounting))}, after: map[string]string{"web.yaml": deleted},
		do: func(s *site) {
			s.intercept(&between{delete: func(r drift.DeleteRequest, _ int) error {
				if r.ID.Kind == "Deployment" {
					return &drift.Refusal{Kind: drift.ErrForbidden, Message: "no"}
				}
				return nil
			}})
		},
		want: []string{stays, "Deployment web: extra/git prune failed"},
		then: func(s *site) { s.wrap = nil },
		last: []string{goes, "Deployment web: extra/git prune pruned"}},
	{why: "what uses it is to leave too, and a mark keeps it, although it never worked",
		before: map[string]string{"web.yaml": strings.Replace(stuck(web(mounting)), "metadata: {name: web}", "metadata: {name: web, annotations: {helm.sh/resource-policy: keep}}", 1)},
		after:  map[string]string{"web.yaml": deleted},
		want:   []string{stays, "Deployment web: extra/git alert-only skipped"}},
	{why: "the rollout to its successor is waited for", budget: longEnough,
		before: map[string]string{"web.yaml": web(mounting)},
		after:  map[string]string{"web.yaml": web(strings.Replace(mounting, "gone", "fresh", 1)), "fresh.yaml": configMap("fresh")},
		want:   []string{"ConfigMap fresh: missing/git sync applied", goes, "Deployment web: modified/git sync applied"}},
	{why: "the rollout to its successor does not end",
		before: map[string]string{"web.yaml": web(mounting)},
		after:  map[string]string{"web.yaml": stuck(web(strings.Replace(mounting, "gone", "fresh", 1))), "fresh.yaml": configMap("fresh")},
		want:   []string{"ConfigMap fresh: missing/git sync applied", stays, "Deployment web: modified/git sync applied"},
		last:   []string{stays}},
	{why: "another app lets go of it in the same run, perhaps after this one", budget: longEnough,
		from:   func(s *site) { s.app("other") },
		before: map[string]string{"other/web.yaml": web(mounting)}, after: map[string]string{"other/web.yaml": web("")},
		want: []string{"shop: " + stays, "other: Deployment web: modified/git sync applied"},
		then: func(s *site) { s.unmounted() },
		last: []string{"shop: " + goes}},
	{why: "an app that this one depends on lets go of it in the same run", budget: longEnough,
		from:   func(s *site) { s.app("other"); s.app("shop", after("other")) },
		before: map[string]string{"other/web.yaml": web(mounting)}, after: map[string]string{"other/web.yaml": web("")},
		want: []string{"other: Deployment web: modified/git sync applied", "shop: " + goes}},
	{why: "an app that --app leaves out uses it, and does not start",
		from:   func(s *site) { s.app("other") },
		before: map[string]string{"other/set.yaml": existing("apps/v1", "StatefulSet", "set", "spec: {serviceName: x, selector: {matchLabels: {app: x}}, "+stuckPod+`}]`+mounting+`}}}`)},
		after:  map[string]string{},
		only:   []string{"shop"}, want: []string{stays}},
	{why: "a Role and its binding leave, and a Pod that runs with them has not ended",
		before: map[string]string{"role.yaml": `{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: r}, rules: []}`,
			"binding.yaml": `{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: r}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}, subjects: [{kind: ServiceAccount, name: default, namespace: $NS}]}`},
		after: map[string]string{"role.yaml": deleted, "binding.yaml": deleted},
		do:    func(s *site) { s.create("kubectl-create", bare("theirs", never, "")) },
		want:  []string{goes, "Role r: extra/git alert-only skipped", "RoleBinding r: extra/git alert-only skipped"},
		then:  func(s *site) { s.remove("v1 Pod theirs") },
		last:  []string{"Role r: extra/git prune pruned", "RoleBinding r: extra/git prune pruned"}},
}

var stuckPod = strings.Replace(pod, "metadata: {labels: {app: x}}", `metadata: {labels: {app: x}, annotations: {testenv.killick.dev/stuck: ""}}`, 1)

// unmounted waits until no Pod or ReplicaSet has volumes any more.
func (s *site) unmounted() {
	s.Helper()
	s.cluster.Eventually(s.T, "nothing mounts it", func(ctx context.Context) error {
		pods, err := s.cluster.Client().CoreV1().Pods(s.ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, pod := range pods.Items {
			if slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.ConfigMap != nil }) {
				return errors.New(pod.Name)
			}
		}
		sets, err := s.cluster.Client().AppsV1().ReplicaSets(s.ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, set := range sets.Items {
			if len(set.Spec.Template.Spec.Volumes) > 0 && set.Status.Replicas > 0 {
				return errors.New(set.Name)
			}
		}
		return nil
	})
}

// TestUsesThatLeave: what leaves with its users leaves with them, and stays as long as
// one of them does.
func TestUsesThatLeave(t *testing.T) {
	t.Parallel()
	for _, test := range leaveCases {
		t.Run(test.why, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.budget = test.budget
			s.guards.Prune.Floor = 10
			if test.from != nil {
				test.from(s)
			}
			test.before["keep.yaml"], test.before["gone.yaml"] = configMap("keep"), configMap("gone")
			s.commit(test.before)
			s.run()
			if test.do != nil {
				test.do(s)
			}
			test.after["gone.yaml"] = deleted
			s.commit(test.after)
			s.run(test.only...).expect("the run", test.want...)
			if test.then != nil {
				test.then(s)
			}
			if test.last != nil {
				s.run(test.only...).expect("the run after it", test.last...)
			}
		})
	}
}
