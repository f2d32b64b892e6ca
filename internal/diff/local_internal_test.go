package diff

import (
	"testing"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/ownership"
)

// Where nothing is ours any more, an empty map of texts that live lacks was not stored;
// an empty structure was.
func TestEmptyMapsThatNobodyOwns(t *testing.T) {
	t.Parallel()
	service := func(spec map[string]any) map[string]any {
		return map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{}, "spec": spec}
	}
	budget := func(spec map[string]any) map[string]any {
		return map[string]any{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": map[string]any{}, "spec": spec}
	}
	for _, c := range []struct {
		why            string
		manifest, live map[string]any
		found          int
	}{
		{"a map of texts", service(map[string]any{"selector": map[string]any{}}), service(map[string]any{}), 0},
		{"one with something in it", service(map[string]any{"selector": map[string]any{"app": "web"}}), service(map[string]any{}), 1},
		{"a selector of all pods is a structure", budget(map[string]any{"selector": map[string]any{}}), budget(map[string]any{}), 1},
		{"a zero value may mean something", service(map[string]any{"publishNotReadyAddresses": false}), service(map[string]any{}), 1},
	} {
		if got := localDiff(c.manifest, c.live, nil, false).found; len(got) != c.found {
			t.Errorf("%s: found %v", c.why, got)
		}
	}
}

// What live has in an atomic value of ours beyond the manifest are defaults, but for
// the labels of a selector, which has none.
func TestAtomicValuesOfOurs(t *testing.T) {
	t.Parallel()
	labels := func(pairs ...string) map[string]any {
		found := map[string]any{}
		for _, pair := range pairs {
			found[pair] = "x"
		}
		return found
	}
	selector := func(pairs ...string) map[string]any { return map[string]any{"matchLabels": labels(pairs...)} }
	rule := func(pairs ...string) any {
		return []any{map[string]any{"from": []any{map[string]any{"podSelector": selector(pairs...)}}}}
	}
	for _, c := range []struct {
		why, apiVersion, kind, field string
		desired, live                any
		same                         bool
	}{
		{"a Service's selector lost a label in Git", "v1", "Service", "selector", labels("app"), labels("app", "tier"), false},
		{"and is the same", "v1", "Service", "selector", labels("app"), labels("app"), true},
		{"another Service's selector may have defaults", "example.com/v1", "Service", "selector", labels("app"), labels("app", "tier"), true},
		{"a LabelSelector", "policy/v1", "PodDisruptionBudget", "selector", selector("app"), selector("app", "tier"), false},
		{"one in a list", "networking.k8s.io/v1", "NetworkPolicy", "ingress", rule("app"), rule("app", "tier"), false},
		{"one that is the same", "networking.k8s.io/v1", "NetworkPolicy", "ingress", rule("app"), rule("app"), true},
		{"one of nothing is not stored", "policy/v1", "PodDisruptionBudget", "selector", selector(), map[string]any{}, true},
		{"a list of the name data has defaults", "external-secrets.io/v1", "ExternalSecret", "data",
			[]any{map[string]any{"secretKey": "a"}}, []any{map[string]any{"secretKey": "a", "metadataPolicy": "None"}}, true},
	} {
		object := func(v any) map[string]any {
			return map[string]any{"apiVersion": c.apiVersion, "kind": c.kind, "metadata": map[string]any{}, "spec": map[string]any{c.field: v}}
		}
		ours := ownership.Entry{Manager: drift.FieldManager, Operation: "Apply", Class: drift.ClassSelf, Fields: fieldpath.NewSet(fieldpath.MakePathOrDie("spec", c.field))}
		found := localDiff(object(c.desired), object(c.live), []ownership.Entry{ours}, true).found
		if (len(found) == 0) != c.same {
			t.Errorf("%s: found %v", c.why, found)
		}
	}
}
