package drift

import "testing"

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
	if got := run.differs("main apps/shop kustomize"); got != `it was "main apps/shop kustomize"` {
		t.Errorf("a source of an older form: %s", got)
	}
}
