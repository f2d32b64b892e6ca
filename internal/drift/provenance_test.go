package drift

import (
	"testing"
)

// A plan from a clone stands for the run that was last here: only where things are
// fetched from is that run's.
func TestProvenanceStanding(t *testing.T) {
	t.Parallel()
	run := Provenance{Config: ConfigPlace{Repository: "https://git.example.com/platform.git", Ref: "main", Path: "prod/killick.yaml"},
		App: "shop", Repository: "https://git.example.com/platform.git", Path: "apps/shop", Renderer: RendererYAML, Namespace: "shop"}
	charts := run
	charts.Repository = "https://git.example.com/charts.git"
	clone := func(edit func(*Provenance)) Provenance {
		p := run
		p.Config.Repository, p.Config.Ref, p.Repository = "/home/ada/platform", "feature", "/home/ada/platform"
		if edit != nil {
			edit(&p)
		}
		return p
	}
	for _, c := range []struct {
		reason   string
		plan     Provenance
		recorded string
		same     Provenance // what the plan's source is taken for
	}{
		{"the same commit on a laptop", clone(nil), run.String(), run},
		{"an app of another repository", clone(func(p *Provenance) { p.Repository = charts.Repository }), charts.String(), charts},
		{"a folder that moved in the clone", clone(func(p *Provenance) { p.Path = "apps/store" }), run.String(),
			func() Provenance { p := run; p.Path = "apps/store"; return p }()},
		{"another config file", clone(func(p *Provenance) { p.Config.Path = "staging/killick.yaml" }), run.String(),
			func() Provenance { p := run; p.Config.Path = "staging/killick.yaml"; return p }()},
		{"nothing was ever applied", clone(nil), "", clone(nil)},
	} {
		if got := c.plan.Standing(c.recorded); got.String() != c.same.String() {
			t.Errorf("%s: %s, want %s", c.reason, got, c.same)
		}
	}
	if got := run.Differs("main apps/shop kustomize"); got != `it was "main apps/shop kustomize"` {
		t.Errorf("a source of an older form: %s", got)
	}
}

// One config has many addresses; what differs in more than how it is written is another.
func TestConfigPlaceSame(t *testing.T) {
	t.Parallel()
	at := func(repository, path string) ConfigPlace { return ConfigPlace{Repository: repository, Path: path} }
	for _, c := range []struct {
		why  string
		a, b ConfigPlace
		same bool
	}{
		{"the same", at("https://git.example.com/p/q", "killick.yaml"), at("https://git.example.com/p/q", "killick.yaml"), true},
		{"another ref", ConfigPlace{"https://git.example.com/p/q", "main", "killick.yaml"}, ConfigPlace{"https://git.example.com/p/q", "next", "killick.yaml"}, true},
		{"with .git and a slash", at("https://Git.example.com/p/q.git", "killick.yaml"), at("https://git.example.com/p/q/", "./killick.yaml"), true},
		{"by ssh", at("ssh://git@git.example.com:2222/p/q.git", "killick.yaml"), at("https://git.example.com/p/q", "killick.yaml"), true},
		{"in Git's short form", at("git@git.example.com:p/q.git", "killick.yaml"), at("https://git.example.com/p/q", "killick.yaml"), true},
		{"a public service by another of its hosts", at("ssh://git@ssh.github.com:443/p/q.git", "killick.yaml"), at("https://github.com/p/q", "killick.yaml"), true},
		{"a folder on disk", at("/srv/git/q.git/", "killick.yaml"), at("/srv/git/q", "killick.yaml"), true},
		{"another file", at("https://git.example.com/p/q", "prod/killick.yaml"), at("https://git.example.com/p/q", "test/killick.yaml"), false},
		{"another repository", at("https://git.example.com/p/q", "killick.yaml"), at("https://git.example.com/p/r", "killick.yaml"), false},
		{"another host", at("https://git.example.com/p/q", "killick.yaml"), at("https://git.example.org/p/q", "killick.yaml"), false},
		{"another port", at("https://git.example.com:8443/p/q", "killick.yaml"), at("https://git.example.com/p/q", "killick.yaml"), false},
		{"folders that differ in case", at("/srv/git/Q", "killick.yaml"), at("/srv/git/q", "killick.yaml"), false},
	} {
		if c.a.Same(c.b) != c.same || c.b.Same(c.a) != c.same {
			t.Errorf("%s: %v and %v: want %t", c.why, c.a, c.b, c.same)
		}
	}
}
