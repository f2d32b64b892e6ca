package cluster

import (
	"errors"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// workload is a Deployment with something wrong in one place.
func workload(spec, container string) string {
	return `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NS}
spec: {` + spec + `selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: "example.com/web:1"` + container + `}]}}}
`
}

// TestAdvice: what the API server does not take is told without Go's notation, and with
// what to do about it.
func TestAdvice(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	lines := func(n int) string {
		return `data: {a: "` + strings.Repeat("x", n) + `"}`
	}
	for _, c := range []struct{ reason, manifest, says, hint string }{
		{"a number where text belongs", workload("", ", env: [{name: PORT, value: 8080}]"), "got 8080", "quote the value"},
		{"true where text belongs", workload("", ", env: [{name: DEBUG, value: true}]"), "got true", "quote the value"},
		{"text where a number belongs", workload(`replicas: "3", `, ""), "numeric", "take the quotes away"},
		{"a list where text belongs", workload("", ", workingDir: [a]"), "got a list", "takes text, not a list"},
		{"a variable twice", workload("", `, env: [{name: A, value: "1"}, {name: A, value: "2"}]`), "duplicate", `[name="A"] stands twice`},
		{"a port twice", workload("", `, ports: [{containerPort: 80}, {containerPort: 80}]`), "duplicate", "stands twice"},
		{"a field misspelt", workload("replica: 3, ", ""), "not declared", `Did you mean "replicas"?`},
		{"a field misspelt deep in a list", workload("", `, livenessProbe: {httpGet: {path: /, prot: 80}}`), "not declared", `Did you mean "port"?`},
		{"a field of nothing near", workload("", `, livenessProbe: {zzz: 1}`), "not declared", "misspelt, or indented"},
		{"no quantity", workload("", `, resources: {limits: {memory: 1GiB}}`), "quantities", "1Gi"},
		{"a name", "{apiVersion: v1, kind: ConfigMap, metadata: {name: Bad_Name, namespace: NS}}", "RFC 1123", "rename it"},
		{"a label", `{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: NS, labels: {a: "not valid!"}}}`, "valid label", "63 letters"},
		{"a selector that selects nothing of its own", strings.Replace(workload("", ""), "labels: {app: web}", "labels: {app: other}", 1), "selector", "spec.selector.matchLabels"},
		{"too large for a ConfigMap", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: NS}\n" + lines(1100_000), "Too long", "too large"},
		{"too large for a request", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: NS}\n" + lines(3300_000), "too large", "3 MiB"},
		{"too many annotations", `{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: NS, annotations: {a: "` + strings.Repeat("x", 270_000) + `"}}}`, "Too long", "256 KiB"},
		{"a namespace that is not there", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: not-there}}", "not found", "create the namespace"},
	} {
		problem, ok := errors.AsType[*drift.Problem](e.look(client, e.object(c.manifest)).Err)
		if !ok {
			t.Errorf("%s: nothing is wrong with it", c.reason)
			continue
		}
		if said := problem.Error(); !strings.Contains(said, c.says) || strings.Contains(said, "valueUnstructured") || strings.Contains(said, "interface {}") || strings.Contains(said, "typed patch") {
			t.Errorf("%s: %s", c.reason, said)
		}
		if !strings.Contains(problem.Hint, c.hint) {
			t.Errorf("%s: the hint is %q, after %v", c.reason, problem.Hint, problem)
		}
		if !errors.Is(problem, drift.ErrInvalid) {
			t.Errorf("%s: not a refusal: %v", c.reason, problem)
		}
	}
}
