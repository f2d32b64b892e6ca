package config

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/githost"
	"github.com/killick-dev/killick/internal/nested"
)

// The prune budget where the file says nothing.
const (
	DefaultPrunePercent    = 20
	DefaultPruneFloor      = 3
	DefaultPruneCeiling    = 20
	DefaultPruneRunCeiling = 50
)

// DefaultHealthTimeout is how long a run waits for an app's health where the file says
// nothing.
const DefaultHealthTimeout = 90 * time.Second

// DriftApps are the apps in the file's order, with defaults filled in. Values of
// Helm charts are shared with the Config and must not be changed.
func (c Config) DriftApps() []drift.App {
	apps := make([]drift.App, len(c.Apps))
	for i, app := range c.Apps {
		apps[i] = app.drift()
	}
	return apps
}

// WebOf is where a repository can be read: what the file says, else what follows from
// its URL. The one without a name, which holds the file, is fetched from own.
func (c Config) WebOf(name, own string) githost.Web {
	web, repository := c.Web, own
	if name != "" {
		web, repository = c.Repositories[name].Web, c.Repositories[name].URL
	}
	if web == nil {
		return githost.WebOf(repository)
	}
	found := githost.Web{URL: strings.TrimRight(web.URL, "/"), Host: cmp.Or(web.Host, githost.HostOf(web.URL))}
	if found.Host != githost.AzureDevOps { // where it can be part of the name
		found.URL = strings.TrimSuffix(found.URL, ".git")
	}
	return found
}

func (a App) drift() drift.App {
	app := drift.App{
		Name:           a.Name,
		Repository:     a.Repository,
		Path:           a.Path,
		Namespace:      a.Namespace,
		Secrets:        a.Secrets,
		ServiceAccount: a.ServiceAccount,
		DependsOn:      slices.Clone(a.DependsOn),
	}
	if app.Secrets == "" {
		app.Secrets = drift.SecretsSkip
	}
	if a.Suspend != nil {
		app.Suspend = drift.Suspension{Until: a.Suspend.Until, Reason: a.Suspend.Reason}
	}
	app.HealthTimeout = DefaultHealthTimeout
	if a.HealthTimeout != "" {
		app.HealthTimeout, _ = time.ParseDuration(a.HealthTimeout) // was validated
	}
	if a.Helm != nil {
		app.Helm = drift.HelmOptions{
			ReleaseName:          a.Helm.ReleaseName,
			ValueFiles:           slices.Clone(a.Helm.ValueFiles),
			Values:               a.Helm.Values,
			IncludeCRDs:          a.Helm.IncludeCRDs,
			SkipSchemaValidation: a.Helm.SkipSchemaValidation,
		}
	}
	return app
}

// DriftGuards are the guards with defaults filled in.
func (c Config) DriftGuards() drift.Guards {
	return drift.Guards{
		Prune: drift.PruneBudget{
			Percent:    or(c.Guards.Prune.Percent, DefaultPrunePercent),
			Floor:      or(c.Guards.Prune.Floor, DefaultPruneFloor),
			Ceiling:    or(c.Guards.Prune.Ceiling, DefaultPruneCeiling),
			RunCeiling: or(c.Guards.Prune.RunCeiling, DefaultPruneRunCeiling),
		},
		Unprotect: slices.Clone(c.Guards.Unprotect),
		Accept:    slices.Clone(c.Guards.Accept),
	}
}

// DriftNoise is the table of what is noise: the file's rules, the most specific
// first, before the built-in ones.
func (c Config) DriftNoise() drift.Noise {
	var noise drift.Noise
	for _, pattern := range keysOf(c.Drift.Managers) {
		noise.Managers = append(noise.Managers, drift.ClassRule{Pattern: pattern, Class: c.Drift.Managers[pattern]})
	}
	slices.SortStableFunc(noise.Managers, func(a, b drift.ClassRule) int {
		if exact := cmp.Compare(strings.Count(a.Pattern, "*"), strings.Count(b.Pattern, "*")); exact != 0 {
			return exact
		}
		return cmp.Compare(len(b.Pattern), len(a.Pattern))
	})
	for _, pointer := range c.Drift.Quiet {
		path, err := nested.ParsePointer(pointer)
		if err == nil { // the format was checked when the file was read
			noise.Quiet = append(noise.Quiet, path)
		}
	}
	return noise
}

func or(value *int, fallback int) int {
	if value == nil {
		return fallback
	}
	return *value
}

// Areas are the policy areas of all entries, by name; nil when no entry has any,
// and then every area speaks for everything.
func (c Config) Areas() map[string]Area {
	var all map[string]Area
	for _, policy := range c.Policies {
		for name, area := range policy.Areas {
			if all == nil {
				all = map[string]Area{}
			}
			all[name] = area
		}
	}
	return all
}

// EnvNames are the environment variables that the file names as holding
// credentials, sorted and unique.
func (c Config) EnvNames() []string {
	var names []string
	for _, repository := range c.Repositories {
		names = append(names, repository.TokenEnv)
	}
	if slack := c.Notify.Slack; slack != nil {
		names = append(names, slack.TokenEnv, slack.WebhookEnv)
	}
	slices.Sort(names)
	return slices.Compact(slices.DeleteFunc(names, func(name string) bool { return name == "" }))
}
