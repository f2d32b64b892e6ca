package guard

import (
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// P5: this very source applied the object last, and the commit descends from that run's.
func TestP5(t *testing.T) {
	t.Parallel()
	id := drift.ID{Kind: "ConfigMap", Namespace: "storefront", Name: "web"}
	source := drift.Provenance{Config: drift.ConfigPlace{Repository: "https://git.example.com/platform.git", Ref: "main", Path: "prod/killick.yaml"},
		App: "storefront", Repository: "https://git.example.com/platform.git", Path: "apps/storefront", Renderer: drift.RendererHelm,
		Release: "storefront", Namespace: "storefront", ValueFiles: []string{"values.yaml"}}
	for _, c := range []struct {
		name, reason string
		edit         func(*drift.Provenance)
		descent      string
		unmarked     bool
		want         string // contained in the refusal; "" when nothing is refused
	}{
		{name: "the same", reason: "it is this source's"},
		{name: "unknown", reason: "a lost copy is not a proof", unmarked: true, want: "P5: which source applied it is not known"},
		{name: "another config repository", reason: "a copy of the config", edit: func(p *drift.Provenance) { p.Config.Repository = "x"; p.Repository = "x" },
			want: `the config's repository was "x", is "https://git.example.com/platform.git"`},
		{name: "another ref", reason: "one run from a laptop", edit: func(p *drift.Provenance) { p.Config.Ref = "feature" }, want: `the config's ref was "feature", is "main"`},
		{name: "another config file", reason: "two clusters' files", edit: func(p *drift.Provenance) { p.Config.Path = "b.yaml" }, want: "the config's path"},
		{name: "another app", reason: "marks lie in the app's own state, and say so", edit: func(p *drift.Provenance) { p.App = "b" }, want: "the app's name"},
		{name: "another repository", reason: "the charts moved", edit: func(p *drift.Provenance) { p.Repository = "b" }, want: "the app's repository"},
		{name: "another path", reason: "the folder moved", edit: func(p *drift.Provenance) { p.Path = "b" }, want: `the app's path was "b", is "apps/storefront"`},
		{name: "another renderer", reason: "a kustomization.yaml came", edit: func(p *drift.Provenance) { p.Renderer = drift.RendererYAML }, want: "the renderer"},
		{name: "another release", reason: "names derive from it", edit: func(p *drift.Provenance) { p.Release = "b" }, want: "the release"},
		{name: "another namespace", reason: "objects without one stand there", edit: func(p *drift.Provenance) { p.Namespace = "b" }, want: "the namespace"},
		{name: "other value files", reason: "what they name, not what they hold", edit: func(p *drift.Provenance) { p.ValueFiles = []string{"b.yaml"} }, want: `the value files was "b.yaml"`},
		{name: "no descent", reason: "history was rewritten", descent: "commit b does not descend from a", want: "P5: commit b does not descend from a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			recorded := source
			if c.edit != nil {
				c.edit(&recorded)
			}
			var known drift.GuardState
			if !c.unmarked {
				known = known.Applied(recorded.String(), []drift.ID{id}, []drift.Entry{{ID: id}})
			}
			got := RefuseSource(known, source, c.descent, id)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("%s: %q, want %q", c.reason, got, c.want)
			}
		})
	}
}
