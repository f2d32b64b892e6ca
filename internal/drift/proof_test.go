package drift

import (
	"testing"

	"pgregory.net/rapid"
)

// explicitYAML leaves nothing to the server that a proof would have to know.
const explicitYAML = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: storefront, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: registry.example.com/web:1.4.0
        args: [--listen, ":8080"]
        ports:
        - {containerPort: 8080, name: http, protocol: TCP}
        env:
        - {name: MODE, value: production}
        - {name: LEVEL, value: info}
      - name: proxy
        image: registry.example.com/proxy:2.0.1
`

func TestProved(t *testing.T) {
	t.Parallel()
	explicitService := with(t, serviceYAML, "{name: http, port: 80, targetPort: 8080}", "{name: http, port: 80, protocol: TCP, targetPort: 8080}")
	cases := []struct {
		name, reason string
		before       string
		edit         func(*server)
		git          string // "" is the same
		want         bool
	}{
		{"deployment", "right after the apply", explicitYAML, nil, "", true},
		{"service", "two keys, and an atomic selector", explicitService, nil, "", true},
		{"config map", "right after the apply", configMapYAML, nil, "", true},
		{"secret", "right after the apply", secretYAML, nil, "", true},
		{"custom resource", "atomic lists and nested maps", widgetYAML, nil, "", true},
		{"a label by hand", "additions do not stop an apply from being a no-op", explicitYAML,
			func(s *server) { s.set("kubectl-label", "metadata labels team", "a") }, "", true},
		{"an item by hand", "likewise in a keyed list", explicitYAML,
			func(s *server) {
				s.set("kubectl-edit", "spec template spec containers [name=app] env [name=X]", map[string]any{"name": "X", "value": "1"})
			}, "", true},
		{"status", "status is not compared", configMapYAML, func(s *server) { s.live["status"] = map[string]any{"x": "y"} }, "", true},
		{"a default in a key", "the server completes the key, and a proof does not guess", serviceYAML, nil, "", false},
		{"a default in an atomic value", "likewise", deploymentYAML, nil, "", false},
		{"a quantity", "the server rewrites it", with(t, explicitYAML, "replicas: 3", "replicas: 3\n  minReadySeconds: 0"), nil, "", false},
		{"a value by hand", "ownership is gone", configMapYAML, func(s *server) { s.set("kubectl-edit", "data mode", "x") }, "", false},
		{"a value by admission", "ownership is intact and the value is not", configMapYAML,
			func(s *server) { put(s.t, s.live, at("data mode"), "x") }, "", false},
		{"removed by hand", "it is missing", configMapYAML, func(s *server) { s.set("kubectl-edit", "data mode", nil) }, "", false},
		{"edited and edited back", "the values are equal and not ours", configMapYAML, func(s *server) {
			s.set("kubectl-edit", "data mode", "x")
			s.set("kubectl-edit", "data mode", "production")
		}, "", false},
		{"Git changed", "another value", configMapYAML, nil, with(t, configMapYAML, "mode: production", "mode: x"), false},
		{"Git added", "not ours yet", configMapYAML, nil, with(t, configMapYAML, "mode: production", "mode: production, x: z"), false},
		{"Git dropped", "an apply would remove it", configMapYAML, nil, with(t, configMapYAML, "mode: production, ", ""), false},
		{"Git dropped an item", "an apply would remove it", explicitYAML, nil, with(t, explicitYAML, "        - {name: LEVEL, value: info}\n", ""), false},
		{"Git moved an item", "an apply would move it", explicitYAML, nil,
			with(t, with(t, explicitYAML, "        - {name: MODE, value: production}\n", ""), "        - {name: LEVEL, value: info}\n",
				"        - {name: LEVEL, value: info}\n        - {name: MODE, value: production}\n"), false},
		{"Git repeats an item", "two items of one key", explicitYAML, nil,
			with(t, explicitYAML, "        - {name: LEVEL, value: info}\n", "        - {name: MODE, value: production}\n"), false},
		{"a null", "null is not nothing", configMapYAML, nil, with(t, configMapYAML, "mode: production", "mode: null"), false},
		{"another version", "paths of another version mean other fields", configMapYAML,
			func(s *server) { entryOfOurs(s)["apiVersion"] = "v2" }, "", false},
		{"live at another version", "the values may mean something else", configMapYAML,
			func(s *server) { s.live["apiVersion"] = "v2" }, "", false},
		{"Git brings a status", "a CRD without the subresource stores it", widgetYAML, nil, widgetYAML + "status: {phase: x}\n", false},
		{"an item twice", "by its key the server would find either", explicitYAML, func(s *server) {
			env, _ := ValueAt(s.live, at("spec template spec containers [name=app] env"))
			put(s.t, s.live, at("spec template spec containers [name=app] env"), append(Clone(env).([]any), Clone(env).([]any)[0]))
		}, "", false},
		{"an item without its key", "the server would not find it", explicitYAML, func(s *server) {
			env, _ := ValueAt(s.live, at("spec template spec containers [name=app] env"))
			put(s.t, s.live, at("spec template spec containers [name=app] env"), append(Clone(env).([]any), map[string]any{"value": "x"}))
		}, "", false},
		{"terminating", "an apply of what is going changes more than fields", configMapYAML,
			func(s *server) { metadata(s.live)["deletionTimestamp"] = "2026-11-02T09:00:00Z" }, "", false},
		{"no entry", "managedFields were stripped", configMapYAML, func(s *server) { delete(metadata(s.live), "managedFields") }, "", false},
		{"two entries", "one manager has one Apply entry", configMapYAML, func(s *server) {
			metadata(s.live)["managedFields"] = append(listAt(metadata(s.live), "managedFields"), entryOfOurs(s))
		}, "", false},
		{"broken entry", "what cannot be read proves nothing", configMapYAML, func(s *server) { entryOfOurs(s)["fieldsV1"] = "x" }, "", false},
		{"not ours", "another manager's entry", configMapYAML, func(s *server) { entryOfOurs(s)["manager"] = "kubectl" }, "", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := synced(t, c.before)
			if c.edit != nil {
				c.edit(s)
			}
			git := c.git
			if git == "" {
				git = c.before
			}
			if got := Proved(desired(t, git), s.live); got != c.want {
				t.Errorf("%s: %t", c.reason, got)
			}
		})
	}
	if Proved(desired(t, configMapYAML), nil) {
		t.Error("nothing proves nothing")
	}
}

func entryOfOurs(s *server) map[string]any {
	s.t.Helper()
	for _, item := range listAt(metadata(s.live), "managedFields") {
		if entry := item.(map[string]any); entry["manager"] == FieldManager {
			return entry
		}
	}
	s.t.Fatal("no entry of ours")
	return nil
}

// Property: what is proved, the server confirms: an apply would change nothing
// (performance.md §1.2). Edits of both sides are drawn at random.
func TestProvedIsConfirmed(t *testing.T) {
	t.Parallel()
	hands := []func(*server){
		func(s *server) { s.set("kubectl-edit", "spec replicas", int64(5)) },
		func(s *server) { s.set("kubectl-edit", "spec replicas", int64(3)) },
		func(s *server) { s.set("kubectl-edit", "metadata labels team", "a") },
		func(s *server) { s.set("kubectl-edit", "metadata labels app", "b") },
		func(s *server) {
			s.set("kubectl-edit", "spec template spec containers [name=app] env [name=LEVEL]", nil)
		},
		func(s *server) {
			s.set("kubectl-edit", "spec template spec containers [name=app] env [name=LEVEL]", map[string]any{"name": "LEVEL", "value": "info"})
		},
		func(s *server) {
			s.set("kubectl-edit", "spec template spec containers [name=app] env [name=X]", map[string]any{"name": "X", "value": "1"})
		},
		func(s *server) {
			s.set("kubectl-edit", "spec template spec containers [name=app] ports [containerPort=8080,protocol=TCP] name", "web")
		},
		func(s *server) {
			s.update("kubectl-edit", func(o map[string]any) {
				if env, ok := ValueAt(o, at("spec template spec containers [name=app] env")); ok {
					items := env.([]any)
					turned := []any{}
					for i := range items {
						turned = append(turned, items[len(items)-1-i])
					}
					put(s.t, o, at("spec template spec containers [name=app] env"), turned)
				}
			})
		},
		func(s *server) {
			s.apply("kubectl", "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: storefront}, spec: {replicas: 3}}")
		},
		func(s *server) { put(s.t, s.live, at("spec template spec containers [name=app] image"), "admitted") },
	}
	commits := []string{
		explicitYAML,
		with(t, explicitYAML, "replicas: 3", "replicas: 5"),
		with(t, explicitYAML, "        - {name: LEVEL, value: info}\n", ""),
		with(t, explicitYAML, "        - {name: LEVEL, value: info}\n", "        - {name: LEVEL, value: info}\n        - {name: X, value: \"1\"}\n"),
		with(t, explicitYAML, "labels: {app: web}}\nspec:", "labels: {app: web, team: a}}\nspec:"),
		with(t, explicitYAML, "  replicas: 3\n", ""),
	}
	proved := 0
	rapid.Check(t, func(rt *rapid.T) {
		s := synced(t, rapid.SampledFrom(commits).Draw(rt, "before"))
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(hands)-1), 0, 4).Draw(rt, "hands") {
			hands[i](s)
		}
		object := desired(t, rapid.SampledFrom(commits).Draw(rt, "git"))
		if !Proved(object, s.live) {
			return
		}
		proved++
		predicted := s.dryRun(object)
		after, err := standard.read(predicted)
		if err != nil {
			rt.Fatal(err)
		}
		before, err := standard.read(s.live)
		if err != nil {
			rt.Fatal(err)
		}
		// The order of the entries is no difference.
		if !equalValues(comparable(predicted), comparable(s.live)) || !ownFields(after).Equals(ownFields(before)) {
			rt.Fatalf("proved, and the server would store something else:\n%s\n%s", short(predicted), short(s.live))
		}
	})
	if proved == 0 {
		t.Error("nothing was proved, so nothing was tested")
	}
}
