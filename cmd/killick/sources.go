package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/killick-dev/killick/internal/config"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/policy"
	"github.com/killick-dev/killick/internal/source"
	"github.com/killick-dev/killick/internal/summary"
)

// desired is what Git says: the config, and where everything else is fetched
// from.
type desired struct {
	config  config.Config
	sources sources
	own     drift.Checkout
	seems   string // what a config that is not valid seems to call the cluster
}

// sources gives the config's own commit without fetching it again: the config's
// repository has a Source of its own, since it is read before the others are
// known.
type sources struct {
	own, rest *source.Source
}

func (s sources) of(name string) *source.Source {
	if name == "" {
		return s.own
	}
	return s.rest
}

func (s sources) Checkout(ctx context.Context, name string) (drift.Checkout, error) {
	return s.of(name).Checkout(ctx, name)
}

func (s sources) Descends(ctx context.Context, name, ancestor string) (bool, error) {
	return s.of(name).Descends(ctx, name, ancestor)
}

// readDesired is what Git says, with a warning about misspelt variables: one may
// be why the config is not found.
func (w world) readDesired(ctx context.Context, root *cobra.Command, settings config.Settings) (desired, error) {
	d, err := readDesired(ctx, settings)
	w.warnUnknown(root, d.config)
	return d, err
}

// readDesired fetches the config's repository and reads the config.
func readDesired(ctx context.Context, settings config.Settings) (desired, error) {
	first := source.New(map[string]source.Repository{"": sourceOf(settings.ConfigRepository(), settings.Worktree)}, source.Options{})
	own, err := first.Checkout(ctx, "")
	if err != nil {
		return desired{}, err
	}
	loaded, err := config.Load(own.FS, settings.ConfigPath)
	if err == nil {
		loaded, err = loaded.WithRepositories(settings.RepositoryValues)
	}
	if err != nil {
		return desired{own: own, seems: config.ClusterName(own.FS, settings.ConfigPath)}, err
	}
	repositories := map[string]source.Repository{}
	for name, repository := range loaded.Repositories {
		repositories[name] = sourceOf(repository, false)
	}
	return desired{
		config: loaded, own: own,
		sources: sources{own: first, rest: source.New(repositories, source.Options{})},
	}, nil
}

func sourceOf(r config.Repository, worktree bool) source.Repository {
	return source.Repository{URL: r.URL, Ref: r.Ref, Worktree: worktree, Auth: source.Auth{
		TokenFile: r.TokenFile, TokenEnv: r.TokenEnv, UsernameFile: r.UsernameFile, PasswordFile: r.PasswordFile,
		SSHKeyFile: r.SSHKeyFile, KnownHostsFile: r.KnownHostsFile, CAFile: r.CAFile,
	}}
}

// policySources turns the config's policy entries into what the engine loads, with the
// commit that each is read from.
func policySources(ctx context.Context, d desired) ([]policy.Source, []drift.Revision, error) {
	areas := policyAreas(d.config)
	var out []policy.Source
	var from []drift.Revision
	for _, entry := range d.config.Policies {
		if entry.Builtin != "" {
			out, from = append(out, policy.Source{Builtin: entry.Builtin, Data: entry.Data}), append(from, drift.Revision{})
			continue
		}
		checkout, err := d.sources.Checkout(ctx, entry.Repository)
		if err != nil {
			return nil, nil, err
		}
		if info, err := fs.Stat(checkout.FS, strings.TrimSuffix(entry.Path, "/")); err != nil || !info.IsDir() {
			return nil, nil, &drift.Problem{Stage: "policy", File: entry.Path,
				Hint: "policies[].path names a folder of Rego files, from the repository's root",
				Err:  fmt.Errorf("no such folder in the repository")}
		}
		out = append(out, policy.Source{Path: entry.Path, FS: checkout.FS, Dir: entry.Path, Areas: areas, Data: entry.Data})
		from = append(from, checkout.Revision)
	}
	return out, from, nil
}

// policyFolders are the folders of policies, as reports name them.
func policyFolders(d desired, own string, sources []policy.Source, from []drift.Revision) []drift.ReportPolicies {
	labels := policy.Labels(sources)
	var places []drift.ReportPolicies
	for i, entry := range d.config.Policies {
		if entry.Builtin == "" {
			places = append(places, drift.ReportPolicies{Path: labels[i], Folder: path.Clean(entry.Path),
				Revision: summary.ReportRevisionOf(from[i], d.config.WebOf(entry.Repository, own))})
		}
	}
	return places
}

func policyAreas(c config.Config) map[string]policy.Area {
	var areas map[string]policy.Area
	for name, area := range c.Areas() {
		if areas == nil {
			areas = map[string]policy.Area{}
		}
		areas[name] = policy.Area{All: area.All, Namespaces: area.Namespaces}
	}
	return areas
}

// loadPolicies reads and checks every policy; whatever `policy check` calls an
// error stops a run. Where the policies stand is known also when they are broken.
func (s *session) loadPolicies(ctx context.Context) error {
	list, from, err := policySources(ctx, s.desired)
	if err != nil {
		return err
	}
	s.started.Policies = policyFolders(s.desired, s.settings.Repo, list, from)
	s.policies, err = policy.Load(list, policy.Options{})
	return err
}

// credentials are the secrets a run was given, for the redactor. A file that
// cannot be read is somebody else's error.
func credentials(settings config.Settings, c config.Config, lookup func(string) (string, bool)) []string {
	files := []string{settings.GitTokenFile, settings.GitPasswordFile, settings.GitSSHKeyFile, settings.SlackTokenFile, settings.SlackWebhookFile}
	envs := []string{settings.GitTokenEnv, settings.SlackTokenEnv, settings.SlackWebhookEnv}
	for _, r := range c.Repositories {
		files = append(files, r.TokenFile, r.PasswordFile, r.SSHKeyFile)
	}
	if slack := c.Notify.Slack; slack != nil {
		files = append(files, slack.TokenFile, slack.WebhookFile)
	}
	envs = append(envs, c.EnvNames()...)
	var secrets []string
	for _, name := range files {
		if name == "" {
			continue
		}
		if data, err := os.ReadFile(name); err == nil {
			secrets = append(secrets, string(data))
		}
	}
	for _, name := range envs {
		if value, ok := lookup(name); ok && name != "" {
			secrets = append(secrets, value)
		}
	}
	return secrets
}
