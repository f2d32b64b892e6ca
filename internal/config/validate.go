package config

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/githost"
)

// validator checks what only several values together can break, and points at
// the value that a user would change.
type validator struct {
	d *decoder
}

// validate checks the references and combinations of a decoded config and
// brings its paths into their clean form.
func validate(d *decoder, c *Config) {
	v := validator{d}
	v.web("web", c.Web)
	for name, repository := range c.Repositories {
		v.web("repositories."+name+".web", repository.Web)
		for _, m := range repository.combination() {
			v.wrong("repositories."+name+"."+m.field, m.hint, "%s", m.says)
		}
	}
	v.policies(c)
	v.apps(c)
	v.cycles(c.Apps)
	v.guards(c)
	if c.Notify.Slack != nil {
		v.slack(*c.Notify.Slack)
	}
}

// wrong reports a problem at a trail, or at the nearest value around it.
func (v validator) wrong(at, hint, says string, args ...any) {
	place, known := v.d.places[at]
	for around := at; !known && around != ""; place, known = v.d.places[around] {
		around = around[:max(strings.LastIndexAny(around, ".["), 0)]
	}
	v.d.report(place, errors.New(at+" "+fmt.Sprintf(says, args...)), hint)
}

func (v validator) repository(at, name string, c *Config) {
	if _, known := c.Repositories[name]; name == "" || known {
		return
	}
	hint := "repositories lists none; leave the field out for the repository that holds this file"
	if len(c.Repositories) > 0 {
		hint = didYouMean(name, keysOf(c.Repositories))
	}
	v.wrong(at, hint, "is %q, which is not listed in repositories", name)
}

// web needs to know how addresses are built: a guess would be a link that leads nowhere.
func (v validator) web(at string, web *Web) {
	if web != nil && web.URL != "" && web.Host == "" && githost.HostOf(web.URL) == "" {
		v.wrong(at, "host: github, gitlab, bitbucket-server, gitea, forgejo or azure-devops: the software that answers there",
			"needs host, since its URL is not one of a public service")
	}
}

func (v validator) policies(c *Config) {
	entries, areas := map[string]string{}, map[string]string{}
	for i := range c.Policies {
		policy, at := &c.Policies[i], fmt.Sprintf("policies[%d]", i)
		v.repository(at+".repository", policy.Repository, c)
		switch {
		case policy.Path == "" && policy.Builtin == "":
			v.wrong(at, "path: FOLDER, or builtin: PACK", "needs path or builtin")
			continue
		case policy.Path != "" && policy.Builtin != "":
			v.wrong(at+".builtin", "make two entries of it", "is given beside path")
		case policy.Builtin != "" && policy.Repository != "":
			v.wrong(at+".repository", "", "is given beside builtin, and packs ship in the binary")
		}
		if policy.Path != "" {
			policy.Path = path.Clean(policy.Path)
		}
		key := "builtin " + policy.Builtin
		if policy.Builtin == "" {
			key = policy.Repository + " " + policy.Path
		}
		v.once(entries, key, at, "names the same policies as %s")
		for name, area := range policy.Areas {
			here := at + ".areas." + name
			v.once(areas, name, here, "is an area that %s lists already")
			if area.All == (len(area.Namespaces) > 0) {
				v.wrong(here, "all: true, or namespaces: [PATTERN]", "needs either all: true or namespaces")
			}
		}
	}
}

// once reports the second of two places that say the same.
func (v validator) once(seen map[string]string, key, at, says string) {
	if earlier, twice := seen[key]; twice {
		v.wrong(at, "keep one of them", says, earlier)
		return
	}
	seen[key] = at
}

func (v validator) apps(c *Config) {
	names := make([]string, len(c.Apps))
	for i, app := range c.Apps {
		names[i] = app.Name
	}
	seen := map[string]string{}
	for i := range c.Apps {
		app, at := &c.Apps[i], fmt.Sprintf("apps[%d]", i)
		if app.Path != "" {
			app.Path = path.Clean(app.Path)
		}
		if app.Name != "" {
			v.once(seen, app.Name, at+".name", "is the name of %s too")
		}
		v.repository(at+".repository", app.Repository, c)
		for j, other := range app.DependsOn {
			here := fmt.Sprintf("%s.dependsOn[%d]", at, j)
			switch {
			case other == "":
			case other == app.Name:
				v.wrong(here, "", "is the app itself")
			case !slices.Contains(names, other):
				v.wrong(here, didYouMean(other, without(names, app.Name)), "is %q, which is not an app", other)
			}
		}
		if app.Helm != nil {
			v.valueFiles(at+".helm.valueFiles", *app)
		}
	}
}

// valueFiles may leave the chart's folder, not the repository.
func (v validator) valueFiles(at string, app App) {
	for i, file := range app.Helm.ValueFiles {
		if file == "" || strings.Contains(file, "://") {
			continue
		}
		inside := path.Join(app.Path, file)
		if strings.HasPrefix(file, "/") {
			inside = path.Clean(strings.TrimLeft(file, "/"))
		}
		if inside == ".." || strings.HasPrefix(inside, "../") {
			v.wrong(fmt.Sprintf("%s[%d]", at, i), "", "is %q, which leads out of the repository", file)
		}
	}
}

// cycles reports each cycle of dependsOn once, at its first app in the file.
func (v validator) cycles(apps []App) {
	index := map[string]int{}
	for i, app := range apps {
		if _, twice := index[app.Name]; !twice {
			index[app.Name] = i
		}
	}
	const (
		unseen = iota
		entered
		left
	)
	state := make([]int, len(apps))
	var way []string
	var visit func(i int)
	visit = func(i int) {
		state[i] = entered
		way = append(way, apps[i].Name)
		for j, name := range apps[i].DependsOn {
			next, known := index[name]
			if !known || next == i {
				continue
			}
			switch state[next] {
			case entered:
				cycle := append(slices.Clone(way[slices.Index(way, name):]), name)
				v.wrong(fmt.Sprintf("apps[%d].dependsOn[%d]", i, j), "remove one of these dependencies",
					"closes a cycle: %s", strings.Join(cycle, " → "))
			case unseen:
				visit(next)
			}
		}
		way = way[:len(way)-1]
		state[i] = left
	}
	for i := range apps {
		if state[i] == unseen {
			visit(i)
		}
	}
}

func (v validator) guards(c *Config) {
	budget := c.DriftGuards().Prune
	if budget.Floor > budget.Ceiling {
		at := "guards.prune.ceiling"
		if c.Guards.Prune.Ceiling == nil {
			at = "guards.prune.floor"
		}
		v.wrong(at, "the floor applies however small an app is, so it cannot exceed the ceiling; to delete nothing at all set both to 0",
			"leaves floor %d above ceiling %d", budget.Floor, budget.Ceiling)
	}
}

func (v validator) slack(s Slack) {
	const at = "notify.slack"
	var ways []string
	for _, way := range []struct{ field, value string }{
		{"tokenFile", s.TokenFile}, {"tokenEnv", s.TokenEnv}, {"webhookFile", s.WebhookFile}, {"webhookEnv", s.WebhookEnv},
	} {
		if way.value != "" {
			ways = append(ways, way.field)
		}
	}
	if len(ways) == 0 {
		if !v.given(at, "tokenFile", "tokenEnv", "webhookFile", "webhookEnv") {
			v.wrong(at, "a bot token can post to any channel and edit its messages; a webhook posts to one channel",
				"needs tokenFile, tokenEnv, webhookFile or webhookEnv")
		}
		return
	}
	for _, extra := range ways[1:] {
		v.wrong(at+"."+extra, "keep one of them", "is given beside %s", ways[0])
	}
	if strings.HasPrefix(ways[0], "webhook") {
		if len(s.Routes) > 0 {
			v.wrong(at+".routes", "use a bot token to post to several channels", "cannot be used with a webhook, which posts to the channel it was made for")
		}
		return
	}
	if _, ok := s.Routes[DefaultRoute]; !ok {
		v.wrong(at+".routes", "routes: {default: {channel: C0123456789}}", "needs the route %q", DefaultRoute)
	}
}

// given says whether any of the fields stands in the file, if only with a value
// that was refused.
func (v validator) given(at string, fields ...string) bool {
	return slices.ContainsFunc(fields, func(field string) bool {
		_, known := v.d.places[at+"."+field]
		return known
	})
}

func keysOf[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(one string) bool { return one == name })
}
