package main

import (
	"testing"

	"github.com/killick-dev/killick/internal/config"
	"github.com/killick-dev/killick/internal/drift"
)

// TestBasis: whatever a run depends on beside Git and the objects makes another basis,
// so that the run after it is a whole one.
func TestBasis(t *testing.T) {
	serves := func() drift.Capabilities {
		return drift.Capabilities{KubeVersion: "v1.36.0", APIVersions: []string{"v1"}, Kinds: map[drift.Kind]drift.KindInfo{
			{Version: "v1", Kind: "ConfigMap"}: {Resource: "configmaps", Namespaced: true, Verbs: []string{"list"}}}}
	}
	run := func() session {
		return session{uid: "1", settings: config.Settings{Repo: "https://git.example.com/a.git", Ref: "main", ConfigPath: "killick.yaml", StateNamespace: "killick"}}
	}
	usual := run()
	before := usual.basis(serves())
	if again := usual.basis(serves()); again != before {
		t.Fatalf("the same run has the bases %s and %s", before, again)
	}
	for what, change := range map[string]func(*session, *drift.Capabilities){
		"binary":      func(*session, *drift.Capabilities) { version = "v9.9.9" },
		"cluster":     func(s *session, _ *drift.Capabilities) { s.uid = "2" },
		"repository":  func(s *session, _ *drift.Capabilities) { s.settings.Repo = "https://git.example.com/b.git" },
		"ref":         func(s *session, _ *drift.Capabilities) { s.settings.Ref = "release" },
		"config":      func(s *session, _ *drift.Capabilities) { s.settings.ConfigPath = "prod.yaml" },
		"state":       func(s *session, _ *drift.Capabilities) { s.settings.StateNamespace = "other" },
		"Kubernetes":  func(_ *session, c *drift.Capabilities) { c.KubeVersion = "v1.36.1" },
		"API version": func(_ *session, c *drift.Capabilities) { c.APIVersions = append(c.APIVersions, "apps/v1") },
		"kind": func(_ *session, c *drift.Capabilities) {
			c.Kinds[drift.Kind{Version: "v1", Kind: "Secret"}] = drift.KindInfo{}
		},
		"what a kind can": func(_ *session, c *drift.Capabilities) {
			c.Kinds[drift.Kind{Version: "v1", Kind: "ConfigMap"}] = drift.KindInfo{}
		},
		"API that is down": func(_ *session, c *drift.Capabilities) {
			c.Degraded = map[string]string{"metrics.k8s.io/v1beta1": "503"}
		},
	} {
		s, c, release := run(), serves(), version
		change(&s, &c)
		if s.basis(c) == before {
			t.Errorf("another %s has the same basis", what)
		}
		version = release
	}
}
