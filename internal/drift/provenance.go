package drift

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/githost"
)

// Provenance is what an app's objects were rendered from, as names: the config's own
// place, the app's, and what chooses the renderer's output. Contents of values, chart
// versions, digests and commits are not part of it: those come from the commit.
//
// Only what this very source applied may be pruned (docs/guards.md). Two configs that
// share an app name and a state namespace therefore never prune each other's objects.
type Provenance struct {
	Config     ConfigPlace `json:"config"`
	App        string      `json:"app"`
	Repository string      `json:"repository"` // URL or path without credentials
	Path       string      `json:"path"`
	Renderer   Renderer    `json:"renderer"`
	Release    string      `json:"release,omitempty"` // Helm's release name
	Namespace  string      `json:"namespace,omitempty"`
	ValueFiles []string    `json:"valueFiles,omitempty"`
}

// ConfigPlace is where the config file stands.
type ConfigPlace struct {
	Repository string `json:"repository"` // URL or path without credentials
	Ref        string `json:"ref"`
	Path       string `json:"path"`
}

// Same says that two places are one: the same file of the same repository, whatever its
// ref and however its URL is written.
func (c ConfigPlace) Same(other ConfigPlace) bool {
	return path.Clean(c.Path) == path.Clean(other.Path) && repositoryName(c.Repository) == repositoryName(other.Repository)
}

// repositoryName is what the URLs of one repository by https and ssh have in common.
func repositoryName(repository string) string {
	if web := githost.WebOf(repository); web.URL != "" {
		return web.URL
	}
	host, where, _ := githost.SplitGitURL(repository)
	if host == "" { // a port of its own, or a path
		return strings.TrimSuffix(strings.TrimRight(repository, "/"), ".git")
	}
	return strings.ToLower(host) + "/" + strings.TrimSuffix(strings.Trim(where, "/"), ".git")
}

// ProvenanceOf is the source of an app whose folder was read from a repository.
func ProvenanceOf(config ConfigPlace, app App, repository string, renderer Renderer) Provenance {
	source := Provenance{Config: config, App: app.Name, Repository: repository, Path: app.Path,
		Renderer: renderer, Namespace: app.Namespace}
	if renderer == RendererHelm {
		source.Release = cmp.Or(app.Helm.ReleaseName, app.Name)
		source.ValueFiles = slices.Clone(app.Helm.ValueFiles)
	}
	return source
}

// String is the form that is recorded: JSON, equal for equal sources.
func (p Provenance) String() string {
	data, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("a provenance is plain text: %v", err))
	}
	return string(data)
}

// Standing is the source as a plan from a local clone looks at it: where the config and
// the folder are fetched from is what the last run recorded, since that run's successor
// is what the plan is about. Everything else is the clone's own.
func (p Provenance) Standing(recorded string) Provenance {
	var was Provenance
	if json.Unmarshal([]byte(recorded), &was) != nil {
		return p
	}
	if p.Repository == p.Config.Repository {
		p.Repository = was.Repository
	}
	p.Config.Repository, p.Config.Ref = was.Config.Repository, was.Config.Ref
	return p
}

// Differs words in what a recorded source is not this one: `path was "a", is "b"`.
func (p Provenance) Differs(recorded string) string {
	var was Provenance
	if json.Unmarshal([]byte(recorded), &was) != nil {
		return fmt.Sprintf("it was %q", recorded)
	}
	var words []string
	for _, part := range []struct{ name, was, is string }{
		{"the config's repository", was.Config.Repository, p.Config.Repository},
		{"the config's ref", was.Config.Ref, p.Config.Ref},
		{"the config's path", was.Config.Path, p.Config.Path},
		{"the app's name", was.App, p.App},
		{"the app's repository", was.Repository, p.Repository},
		{"the app's path", was.Path, p.Path},
		{"the renderer", string(was.Renderer), string(p.Renderer)},
		{"the release", was.Release, p.Release},
		{"the namespace", was.Namespace, p.Namespace},
		{"the value files", strings.Join(was.ValueFiles, ", "), strings.Join(p.ValueFiles, ", ")},
	} {
		// One repository that moved need not be told twice.
		repeated := part.name == "the app's repository" && len(words) > 0 && was.Repository == was.Config.Repository &&
			p.Repository == p.Config.Repository
		if part.was != part.is && !repeated {
			words = append(words, fmt.Sprintf("%s was %q, is %q", part.name, part.was, part.is))
		}
	}
	return strings.Join(words, "; ")
}
