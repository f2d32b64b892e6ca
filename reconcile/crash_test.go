package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// killer is a connection that dies with the run: the first writes pass, and
// from then on nothing goes out any more.
type killer struct {
	mu    sync.Mutex
	left  int // writes that still pass; negative: all
	wrote []string
	end   context.CancelFunc
}

var errKilled = errors.New("dial tcp: connection refused: the run was killed")

func (k *killer) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		k.mu.Lock()
		if k.left == 0 {
			k.mu.Unlock()
			return nil, errKilled
		}
		if !writes(r) {
			k.mu.Unlock()
			return next.RoundTrip(r)
		}
		defer k.mu.Unlock() // one write at a time, so that the last one is the last one
		answer, err := next.RoundTrip(r)
		k.wrote = append(k.wrote, r.Method+" "+r.URL.Path)
		if k.left--; k.left == 0 {
			k.end()
			return nil, errKilled // written, and nobody heard
		}
		return answer, err
	})
}

// runUntil runs until the n-th write was made, and says what was written; with
// n < 0 to the end.
func (s *site) runUntil(n int) []string {
	s.Helper()
	ctx, end := context.WithCancel(s.Context())
	defer end()
	k := &killer{left: n, end: end}
	s.wire = k.wrap
	defer func() { s.wire = nil }()
	_, _ = s.attempt(ctx, reconcile.Run, nil) // its answer died with it
	return k.wrote
}

// crashSite is a world with everything to do at once: objects to create, of two
// stages and with a namespace of their own, one to update, edits to heal with
// one write and with two, one to adopt and one to prune.
func crashSite(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.rego = grants + adoption
	s.commit(map[string]string{
		"changed.yaml": existing("v1", "ConfigMap", "changed", "data: {a: old}"),
		"edited.yaml":  existing("v1", "ConfigMap", "edited", "data: {a: b}"),
		"added.yaml":   existing("v1", "Service", "added", "spec: {selector: {app: x}, ports: [{name: http, port: 80}]}"),
		"gone.yaml":    configMap("gone"),
		"keep.yaml":    configMap("keep"),
	})
	s.run()
	s.commit(map[string]string{
		"ns.yaml":      `{apiVersion: v1, kind: Namespace, metadata: {name: $NS-made}}`,
		"in.yaml":      `{apiVersion: v1, kind: ConfigMap, metadata: {name: inside, namespace: $NS-made}}`,
		"svc.yaml":     existing("v1", "Service", "created", service),
		"changed.yaml": existing("v1", "ConfigMap", "changed", "data: {a: new}"),
		"adopted.yaml": existing("v1", "ConfigMap", "adopted", "data: {a: b}"),
		"gone.yaml":    deleted,
	})
	s.create("helm", existing("v1", "ConfigMap", "adopted", "data: {a: b, old: c}"))
	s.merge("kubectl-edit", "v1 ConfigMap edited", "{data: {a: c, more: d}}")
	s.patch("kubectl-edit", "v1 Service added", `[{op: replace, path: /spec/ports/0/port, value: 8080}]`)
	return s
}

// TestKilledAtEveryWrite is invariant 4 of docs/guards.md: a run killed after any
// write leaves a state from which the next run converges, with no unplanned
// deletion and an inventory that covers every live object of ours.
func TestKilledAtEveryWrite(t *testing.T) {
	t.Parallel()
	whole := crashSite(t)
	all := whole.runUntil(-1)
	want := crashContent(whole)
	if len(all) < 12 {
		t.Fatalf("the scenario makes %d writes only: %q", len(all), all)
	}
	for n := 1; n <= len(all); n++ {
		t.Run(fmt.Sprintf("after %d of %d writes", n, len(all)), func(t *testing.T) {
			t.Parallel()
			s := crashSite(t)
			wrote := s.runUntil(n)
			if len(wrote) != n {
				t.Fatalf("%d writes were made", len(wrote))
			}
			s.covered("after the kill")
			for _, line := range wrote {
				if strings.HasPrefix(line, http.MethodDelete) && !strings.HasSuffix(line, "/configmaps/gone") && !strings.Contains(line, "/leases/") {
					t.Errorf("the killed run made an unplanned deletion: %s", line)
				}
			}
			tape := s.record()
			r := s.run()
			if r.code != reconcile.ExitOK {
				t.Errorf("the next run: exit code %d\n%s", r.code, r.details())
			}
			for _, line := range tape.wrote {
				if strings.HasPrefix(line, http.MethodDelete) && !strings.HasSuffix(line, "/configmaps/gone") {
					t.Errorf("the next run made an unplanned deletion: %s", line)
				}
			}
			s.covered("after the next run")
			if diff := cmp.Diff(want, crashContent(s)); diff != "" {
				t.Errorf("the next run did not converge (-uninterrupted +got):\n%s\n%s", diff, r.details())
			}
			s.run().silent("the run after that")
		})
	}
}

// crashContent is what the site's namespaces hold.
func crashContent(s *site) map[string]any {
	s.Helper()
	content := map[string]any{}
	for _, namespace := range []string{s.ns, s.ns + "-made"} {
		maps, err := s.cluster.Client().CoreV1().ConfigMaps(namespace).List(s.Context(), metav1.ListOptions{})
		if err != nil {
			s.Fatal(err)
		}
		for _, item := range maps.Items {
			if item.Name != "kube-root-ca.crt" {
				content["ConfigMap "+item.Name] = item.Data
			}
		}
		services, err := s.cluster.Client().CoreV1().Services(namespace).List(s.Context(), metav1.ListOptions{})
		if err != nil {
			s.Fatal(err)
		}
		for _, item := range services.Items {
			content["Service "+item.Name] = item.Spec.Ports
		}
	}
	content["inventory"] = s.inventoried("shop")
	return content
}

// covered demands that every live object with the app's label stands in its
// inventory.
func (s *site) covered(when string) {
	s.Helper()
	client, err := dynamic.NewForConfig(s.cluster.RESTConfig())
	if err != nil {
		s.Fatal(err)
	}
	listed := s.inventory("shop")
	label := drift.LabelPartOf + "=" + drift.ApplySetID("shop", s.state)
	for _, resource := range []string{"configmaps", "services", "namespaces"} {
		items, err := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: resource}).List(s.Context(), metav1.ListOptions{LabelSelector: label})
		if err != nil {
			s.Fatal(err)
		}
		for _, item := range items.Items {
			if _, ok := listed[itemName(s, item)]; !ok {
				s.Errorf("%s: %s is live and not in the inventory %q", when, itemName(s, item), slices.Sorted(maps.Keys(listed)))
			}
		}
	}
}

func itemName(s *site, item unstructured.Unstructured) string {
	return item.GetKind() + " " + s.short(item.GetName())
}

// TestKilledAfterCreating: an object whose creation was never confirmed is still
// known as ours, also when Git drops it before the next run.
func TestKilledAfterCreating(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"keep.yaml": configMap("keep")})
	s.converge()
	s.commit(map[string]string{"new.yaml": configMap("new")})
	wrote := s.runUntil(3) // the inventory, the guards' second copy, and the object
	if last := wrote[len(wrote)-1]; !strings.HasSuffix(last, "/configmaps/new") {
		t.Fatalf("the run was killed after %q", wrote)
	}
	s.live("v1 ConfigMap new")
	s.commit(map[string]string{"new.yaml": deleted})
	s.run().expect("what was created is seen, and not pruned on a guess", "ConfigMap new: extra/git alert-only skipped")
	s.run().expect("and pruned once it is confirmed", "ConfigMap new: extra/git prune pruned")
	s.run().silent("the run after that")
}
