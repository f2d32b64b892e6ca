package diff_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
)

func TestHashManifest(t *testing.T) {
	t.Parallel()
	base := model.Tree(t, model.WidgetYAML)
	hash := model.HashOf(t, base)
	if len(hash) != 6+1+22 {
		t.Errorf("the key's mark and 16 bytes: %s", hash)
	}
	cases := []struct {
		reason string
		other  map[string]any
		same   bool
	}{
		{"itself", model.Tree(t, model.WidgetYAML), true},
		{"1 and 1.0", func() map[string]any {
			o := model.Tree(t, model.WidgetYAML)
			model.Put(t, o, model.At("spec size"), 3.0)
			return o
		}(), true},
		{"another value", model.Tree(t, model.With(t, model.WidgetYAML, "size: 3", "size: 4")), false},
		{"a key more", model.Tree(t, model.With(t, model.WidgetYAML, "size: 3", "size: 3\n  more: 1")), false},
		{"another order in a list", model.Tree(t, model.With(t, model.WidgetYAML, "[/x, /y]", "[/y, /x]")), false},
		{"a number and its text", model.Tree(t, model.With(t, model.WidgetYAML, "size: 3", `size: "3"`)), false},
		{"null and nothing", model.Tree(t, model.With(t, model.WidgetYAML, "size: 3", "size: 3\n  more: null")), false},
		{"nothing", nil, false},
	}
	for _, c := range cases {
		if got := model.HashOf(t, c.other); (got == hash) != c.same {
			t.Errorf("%s: %s and %s", c.reason, hash, got)
		}
	}
	if other, err := diff.HashManifest([]byte("another key"), base); err != nil || other == hash {
		t.Errorf("the key makes the hash: %s, %v", other, err)
	}
	if _, err := diff.HashManifest(model.TestKey, map[string]any{"f": func() {}}); err == nil {
		t.Error("what JSON cannot hold has no hash")
	}
}

// What the digest of a live object covers: our fields and people's, the values
// there, the order of lists. Nothing else moves it.
func TestHashLive(t *testing.T) {
	t.Parallel()
	digest := func(t *testing.T, live map[string]any) string {
		t.Helper()
		got, err := diff.HashLive(model.Standard, model.TestKey, live)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	pod := "spec template spec "
	cases := []struct {
		name, reason string
		manifest     string
		edit         func(*model.Server)
		same         bool
	}{
		{"nothing", "the same object", model.DeploymentYAML, func(*model.Server) {}, true},
		{"resourceVersion", "every write moves it", model.DeploymentYAML, func(s *model.Server) { nested.Metadata(s.Live)["resourceVersion"] = "77" }, true},
		{"generation", "likewise", model.DeploymentYAML, func(s *model.Server) { nested.Metadata(s.Live)["generation"] = int64(7) }, true},
		{"status", "controllers write it all day", model.DeploymentYAML, func(s *model.Server) { s.Live["status"] = map[string]any{"replicas": int64(3)} }, true},
		{"times", "an entry's time is not a change", model.DeploymentYAML, func(s *model.Server) { model.EntryOfOurs(s)["time"] = "2027-01-01T00:00:00Z" }, true},
		{"a controller's field", "controllers are not people", model.DeploymentYAML,
			func(s *model.Server) {
				s.Set("kube-controller-manager", "metadata annotations", map[string]any{"deployment.kubernetes.io/revision": "2"})
			}, true},
		{"the order of entries", "the server sorts them by time", model.DeploymentYAML, func(s *model.Server) {
			items := model.ListAt(nested.Metadata(s.Live), "managedFields")
			slices.Reverse(items)
		}, true},
		{"our value by admission", "ownership stays and the value does not", model.DeploymentYAML, func(s *model.Server) { model.Put(s.T, s.Live, model.At(pod+"containers [name=app] image"), "x") }, false},
		{"our value by hand", "ownership moves", model.DeploymentYAML, func(s *model.Server) { s.Set("kubectl-edit", pod+"containers [name=app] image", "x") }, false},
		{"our value removed", "ownership goes", model.DeploymentYAML, func(s *model.Server) { s.Set("kubectl-edit", pod+"containers [name=proxy]", nil) }, false},
		{"an addition", "a hand's field", model.DeploymentYAML, func(s *model.Server) { s.Set("kubectl-label", "metadata labels team", "a") }, false},
		{"an addition's value", "a hand's value", model.DeploymentYAML, func(s *model.Server) { model.Put(s.T, s.Live, model.At("metadata labels by-hand"), "other") }, false},
		{"the order of a keyed list", "it is part of what was applied", model.DeploymentYAML, func(s *model.Server) {
			containers, _ := nested.ValueAt(s.Live, model.At(pod+"containers"))
			slices.Reverse(containers.([]any))
		}, false},
		{"the order of an atomic list", "it is its value", model.WidgetYAML, func(s *model.Server) {
			rules, _ := nested.ValueAt(s.Live, model.At("spec rules"))
			slices.Reverse(rules.([]any))
		}, false},
		{"replicas", "of scalable kinds, whoever wrote them", model.With(t, model.DeploymentYAML, "  replicas: 3\n", ""),
			func(s *model.Server) { s.Set("kube-controller-manager/scale", "spec replicas", int64(9)) }, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := model.Synced(t, c.manifest)
			s.Set("kubectl-edit", "metadata labels by-hand", "x")
			before := digest(t, s.Live)
			c.edit(s)
			if got := digest(t, s.Live); (got == before) != c.same {
				t.Errorf("%s: same %t", c.reason, !c.same)
			}
		})
	}
	t.Run("without our entry", func(t *testing.T) {
		t.Parallel()
		s := model.Synced(t, model.ConfigMapYAML)
		delete(nested.Metadata(s.Live), "managedFields")
		before := digest(t, s.Live)
		s.Live["status"] = "x"
		nested.Metadata(s.Live)["resourceVersion"] = "9"
		if digest(t, s.Live) != before {
			t.Error("status and resourceVersion do not count")
		}
		model.Put(t, s.Live, model.At("data mode"), "x")
		if digest(t, s.Live) == before {
			t.Error("everything else does")
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		t.Parallel()
		if _, err := diff.HashLive(model.Standard, model.TestKey, map[string]any{"metadata": map[string]any{"managedFields": "x"}}); err == nil {
			t.Error("what cannot be read has no digest")
		}
	})
	t.Run("key", func(t *testing.T) {
		t.Parallel()
		live := model.Synced(t, model.SecretYAML).Live
		other, err := diff.HashLive(model.Standard, []byte("another"), live)
		if err != nil || other == digest(t, live) {
			t.Errorf("digests of Secrets are keyed: %v", err)
		}
	})
}

// Property: the digest moves when a hand changes anything, and the same state
// gives the same digest.
func TestHashLiveMoves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := model.Synced(t, model.DeploymentYAML)
		before, err := diff.HashLive(model.Standard, model.TestKey, s.Live)
		if err != nil {
			rt.Fatal(err)
		}
		path := rapid.SampledFrom([]string{"spec replicas", "spec template spec containers [name=app] image", "metadata labels app", "metadata labels new",
			"spec template spec containers [name=app] env [name=MODE] value"}).Draw(rt, "path")
		var v any = rapid.StringMatching(`[a-z]{3,8}`).Draw(rt, "text")
		if path == "spec replicas" {
			v = rapid.Int64Range(4, 9).Draw(rt, "replicas")
		}
		s.Set(rapid.SampledFrom([]string{"kubectl-edit", "fixit", "Terraform"}).Draw(rt, "manager"), path, v)
		after, err := diff.HashLive(model.Standard, model.TestKey, s.Live)
		if err != nil {
			rt.Fatal(err)
		}
		again, err := diff.HashLive(model.Standard, model.TestKey, nested.CloneMap(s.Live))
		if err != nil || again != after {
			rt.Fatal("the same state, another digest")
		}
		if after == before {
			rt.Fatalf("%s became %v and the digest did not move", path, v)
		}
	})
}
