package diff_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
	"github.com/killick-dev/killick/internal/testenv/model"
)

func TestProved(t *testing.T) {
	t.Parallel()
	explicitService := model.With(t, model.ServiceYAML, "{name: http, port: 80, targetPort: 8080}", "{name: http, port: 80, protocol: TCP, targetPort: 8080}")
	cases := []struct {
		name, reason string
		before       string
		edit         func(*model.Server)
		git          string // "" is the same
		want         bool
	}{
		{"deployment", "right after the apply", model.ExplicitYAML, nil, "", true},
		{"service", "two keys, and an atomic selector", explicitService, nil, "", true},
		{"config map", "right after the apply", model.ConfigMapYAML, nil, "", true},
		{"secret", "right after the apply", model.SecretYAML, nil, "", true},
		{"custom resource", "atomic lists and nested maps", model.WidgetYAML, nil, "", true},
		{"a label by hand", "additions do not stop an apply from being a no-op", model.ExplicitYAML,
			func(s *model.Server) { s.Set("kubectl-label", "metadata labels team", "a") }, "", true},
		{"an item by hand", "likewise in a keyed list", model.ExplicitYAML,
			func(s *model.Server) {
				s.Set("kubectl-edit", "spec template spec containers [name=app] env [name=X]", map[string]any{"name": "X", "value": "1"})
			}, "", true},
		{"status", "status is not compared", model.ConfigMapYAML, func(s *model.Server) { s.Live["status"] = map[string]any{"x": "y"} }, "", true},
		{"a default in a key", "the server completes the key, and a proof does not guess", model.ServiceYAML, nil, "", false},
		{"a default in an atomic value", "likewise", model.DeploymentYAML, nil, "", false},
		{"a quantity", "the server rewrites it", model.With(t, model.ExplicitYAML, "replicas: 3", "replicas: 3\n  minReadySeconds: 0"), nil, "", false},
		{"a value by hand", "ownership is gone", model.ConfigMapYAML, func(s *model.Server) { s.Set("kubectl-edit", "data mode", "x") }, "", false},
		{"a value by admission", "ownership is intact and the value is not", model.ConfigMapYAML,
			func(s *model.Server) { model.Put(s.T, s.Live, model.At("data mode"), "x") }, "", false},
		{"removed by hand", "it is missing", model.ConfigMapYAML, func(s *model.Server) { s.Set("kubectl-edit", "data mode", nil) }, "", false},
		{"edited and edited back", "the values are equal and not ours", model.ConfigMapYAML, func(s *model.Server) {
			s.Set("kubectl-edit", "data mode", "x")
			s.Set("kubectl-edit", "data mode", "production")
		}, "", false},
		{"Git changed", "another value", model.ConfigMapYAML, nil, model.With(t, model.ConfigMapYAML, "mode: production", "mode: x"), false},
		{"Git added", "not ours yet", model.ConfigMapYAML, nil, model.With(t, model.ConfigMapYAML, "mode: production", "mode: production, x: z"), false},
		{"Git dropped", "an apply would remove it", model.ConfigMapYAML, nil, model.With(t, model.ConfigMapYAML, "mode: production, ", ""), false},
		{"Git dropped an item", "an apply would remove it", model.ExplicitYAML, nil, model.With(t, model.ExplicitYAML, "        - {name: LEVEL, value: info}\n", ""), false},
		{"Git moved an item", "an apply would move it", model.ExplicitYAML, nil,
			model.With(t, model.With(t, model.ExplicitYAML, "        - {name: MODE, value: production}\n", ""), "        - {name: LEVEL, value: info}\n",
				"        - {name: LEVEL, value: info}\n        - {name: MODE, value: production}\n"), false},
		{"Git repeats an item", "two items of one key", model.ExplicitYAML, nil,
			model.With(t, model.ExplicitYAML, "        - {name: LEVEL, value: info}\n", "        - {name: MODE, value: production}\n"), false},
		{"a null", "null is not nothing", model.ConfigMapYAML, nil, model.With(t, model.ConfigMapYAML, "mode: production", "mode: null"), false},
		{"another version", "paths of another version mean other fields", model.ConfigMapYAML,
			func(s *model.Server) { model.EntryOfOurs(s)["apiVersion"] = "v2" }, "", false},
		{"live at another version", "the values may mean something else", model.ConfigMapYAML,
			func(s *model.Server) { s.Live["apiVersion"] = "v2" }, "", false},
		{"Git brings a status", "a CRD without the subresource stores it", model.WidgetYAML, nil, model.WidgetYAML + "status: {phase: x}\n", false},
		{"an item twice", "by its key the server would find either", model.ExplicitYAML, func(s *model.Server) {
			env, _ := nested.ValueAt(s.Live, model.At("spec template spec containers [name=app] env"))
			model.Put(s.T, s.Live, model.At("spec template spec containers [name=app] env"), append(nested.Clone(env).([]any), nested.Clone(env).([]any)[0]))
		}, "", false},
		{"an item without its key", "the server would not find it", model.ExplicitYAML, func(s *model.Server) {
			env, _ := nested.ValueAt(s.Live, model.At("spec template spec containers [name=app] env"))
			model.Put(s.T, s.Live, model.At("spec template spec containers [name=app] env"), append(nested.Clone(env).([]any), map[string]any{"value": "x"}))
		}, "", false},
		{"terminating", "an apply of what is going changes more than fields", model.ConfigMapYAML,
			func(s *model.Server) { nested.Metadata(s.Live)["deletionTimestamp"] = "2026-11-02T09:00:00Z" }, "", false},
		{"no entry", "managedFields were stripped", model.ConfigMapYAML, func(s *model.Server) { delete(nested.Metadata(s.Live), "managedFields") }, "", false},
		{"two entries", "one manager has one Apply entry", model.ConfigMapYAML, func(s *model.Server) {
			nested.Metadata(s.Live)["managedFields"] = append(model.ListAt(nested.Metadata(s.Live), "managedFields"), model.EntryOfOurs(s))
		}, "", false},
		{"broken entry", "what cannot be read proves nothing", model.ConfigMapYAML, func(s *model.Server) { model.EntryOfOurs(s)["fieldsV1"] = "x" }, "", false},
		{"not ours", "another manager's entry", model.ConfigMapYAML, func(s *model.Server) { model.EntryOfOurs(s)["manager"] = "kubectl" }, "", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := model.Synced(t, c.before)
			if c.edit != nil {
				c.edit(s)
			}
			git := c.git
			if git == "" {
				git = c.before
			}
			if got := diff.Proved(model.Desired(t, git), s.Live); got != c.want {
				t.Errorf("%s: %t", c.reason, got)
			}
		})
	}
	if diff.Proved(model.Desired(t, model.ConfigMapYAML), nil) {
		t.Error("nothing proves nothing")
	}
}

// Property: what is proved, the server confirms: an apply would change nothing
// (performance.md §1.2). Edits of both sides are drawn at random.
func TestProvedIsConfirmed(t *testing.T) {
	t.Parallel()
	hands := []func(*model.Server){
		func(s *model.Server) { s.Set("kubectl-edit", "spec replicas", int64(5)) },
		func(s *model.Server) { s.Set("kubectl-edit", "spec replicas", int64(3)) },
		func(s *model.Server) { s.Set("kubectl-edit", "metadata labels team", "a") },
		func(s *model.Server) { s.Set("kubectl-edit", "metadata labels app", "b") },
		func(s *model.Server) {
			s.Set("kubectl-edit", "spec template spec containers [name=app] env [name=LEVEL]", nil)
		},
		func(s *model.Server) {
			s.Set("kubectl-edit", "spec template spec containers [name=app] env [name=LEVEL]", map[string]any{"name": "LEVEL", "value": "info"})
		},
		func(s *model.Server) {
			s.Set("kubectl-edit", "spec template spec containers [name=app] env [name=X]", map[string]any{"name": "X", "value": "1"})
		},
		func(s *model.Server) {
			s.Set("kubectl-edit", "spec template spec containers [name=app] ports [containerPort=8080,protocol=TCP] name", "web")
		},
		func(s *model.Server) {
			s.Update("kubectl-edit", func(o map[string]any) {
				if env, ok := nested.ValueAt(o, model.At("spec template spec containers [name=app] env")); ok {
					items := env.([]any)
					turned := []any{}
					for i := range items {
						turned = append(turned, items[len(items)-1-i])
					}
					model.Put(s.T, o, model.At("spec template spec containers [name=app] env"), turned)
				}
			})
		},
		func(s *model.Server) {
			s.Apply("kubectl", "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: storefront}, spec: {replicas: 3}}")
		},
		func(s *model.Server) {
			model.Put(s.T, s.Live, model.At("spec template spec containers [name=app] image"), "admitted")
		},
	}
	commits := []string{
		model.ExplicitYAML,
		model.With(t, model.ExplicitYAML, "replicas: 3", "replicas: 5"),
		model.With(t, model.ExplicitYAML, "        - {name: LEVEL, value: info}\n", ""),
		model.With(t, model.ExplicitYAML, "        - {name: LEVEL, value: info}\n", "        - {name: LEVEL, value: info}\n        - {name: X, value: \"1\"}\n"),
		model.With(t, model.ExplicitYAML, "labels: {app: web}}\nspec:", "labels: {app: web, team: a}}\nspec:"),
		model.With(t, model.ExplicitYAML, "  replicas: 3\n", ""),
	}
	proved := 0
	rapid.Check(t, func(rt *rapid.T) {
		s := model.Synced(t, rapid.SampledFrom(commits).Draw(rt, "before"))
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(hands)-1), 0, 4).Draw(rt, "hands") {
			hands[i](s)
		}
		object := model.Desired(t, rapid.SampledFrom(commits).Draw(rt, "git"))
		if !diff.Proved(object, s.Live) {
			return
		}
		proved++
		predicted := s.DryRun(object)
		after, err := ownership.Read(model.Standard, predicted)
		if err != nil {
			rt.Fatal(err)
		}
		before, err := ownership.Read(model.Standard, s.Live)
		if err != nil {
			rt.Fatal(err)
		}
		// The order of the entries is no difference.
		if !nested.EqualValues(diff.Comparable(predicted), diff.Comparable(s.Live)) || !ownership.OwnFields(after).Equals(ownership.OwnFields(before)) {
			rt.Fatalf("proved, and the server would store something else:\n%s\n%s", model.Short(predicted), model.Short(s.Live))
		}
	})
	if proved == 0 {
		t.Error("nothing was proved, so nothing was tested")
	}
}
