package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// override is one value of --repository: where a run reads a repository of the config that
// is not the place, or not the credential, that the config names for the pod.
type override struct{ name, field, value string }

// elsewhere are the fields that name another repository than the config does.
var elsewhere = []string{"url", "ref"}

// fieldOf is a field of a repository by its name in the file; nil when it has none such.
func (r *Repository) fieldOf(name string) *string {
	return map[string]*string{
		"url": &r.URL, "ref": &r.Ref, "tokenFile": &r.TokenFile, "tokenEnv": &r.TokenEnv,
		"usernameFile": &r.UsernameFile, "passwordFile": &r.PasswordFile,
		"sshKeyFile": &r.SSHKeyFile, "knownHostsFile": &r.KnownHostsFile, "caFile": &r.CAFile,
	}[name]
}

// overridable are the names that fieldOf knows.
var overridable = []string{"url", "ref", "tokenFile", "tokenEnv", "usernameFile", "passwordFile", "sshKeyFile", "knownHostsFile", "caFile"}

// parseOverride reads NAME.FIELD=VALUE. Its errors leave the value out: people write
// credentials where a file is wanted.
func parseOverride(text string) (override, *drift.Problem) {
	place, value, ok := strings.Cut(text, "=")
	name, field, dotted := strings.Cut(place, ".")
	wrong := func(hint, says string, args ...any) (override, *drift.Problem) {
		return override{}, &drift.Problem{Stage: "config", Hint: hint, Err: fmt.Errorf("--repository "+says, args...)}
	}
	switch {
	case !ok || !dotted || name == "":
		return wrong("for example --repository charts.tokenFile=/home/ada/charts-token; the config's own repository is --repo", "takes NAME.FIELD=VALUE")
	case (&Repository{}).fieldOf(field) == nil:
		hint := didYouMean(field, overridable)
		if want := literal(field, overridable); want != "" {
			hint = inAFile + ": " + want
		}
		return wrong(hint, "%s.%s: a repository has no such field", name, field)
	case field == "tokenEnv" && value != "" && !formats["envName"].pattern.MatchString(value):
		return wrong(formats["envName"].hint, "%s.%s must be %s", name, field, formats["envName"].says)
	case field == "url" && remote(value):
		if c := checkRepoFlag(value); c != nil {
			return wrong(c.hint, "%s.url must be an https or ssh URL or a local path, but its value %s", name, c.says)
		}
	case slices.Contains(elsewhere, field) && value == "":
		return wrong("", "%s.%s must not be empty", name, field)
	}
	return override{name: name, field: field, value: value}, nil
}

// ReadsElsewhere says that --repository names another repository or ref than the config
// does, and not only other credentials.
func (s Settings) ReadsElsewhere() bool {
	return slices.ContainsFunc(s.RepositoryValues, func(text string) bool {
		o, problem := parseOverride(text)
		return problem == nil && slices.Contains(elsewhere, o.field)
	})
}

// WithRepositories is the config as it is read with values of --repository. Another way to
// log in takes the place of what the config names, whole; another URL gets none of the
// config's credentials, which are meant for that one. The error is a Problems.
func (c Config) WithRepositories(values []string) (Config, error) {
	if len(values) == 0 {
		return c, nil
	}
	var problems Problems
	given := map[string][]override{}
	for _, text := range values {
		o, problem := parseOverride(text)
		if _, known := c.Repositories[o.name]; problem == nil && !known {
			problem = &drift.Problem{Stage: "config", Hint: didYouMean(o.name, slices.Sorted(maps.Keys(c.Repositories))),
				Err: fmt.Errorf("--repository %s.%s: the config has no repository %q", o.name, o.field, o.name)}
		}
		if problem != nil {
			problems = append(problems, problem)
			continue
		}
		given[o.name] = append(given[o.name], o)
	}
	c.Repositories = maps.Clone(c.Repositories)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		repository := c.Repositories[name].with(given[name])
		c.Repositories[name] = repository
		for _, m := range repository.combination() {
			problems = append(problems, &drift.Problem{Stage: "config", Hint: m.hint, Err: fmt.Errorf("--repository %s: %s %s", name, m.field, m.says)})
		}
		if !remote(repository.URL) && repository != (Repository{URL: repository.URL, Ref: repository.Ref}) {
			problems = append(problems, &drift.Problem{Stage: "config", Err: errors.New("--repository " + name + ": a local path needs no credentials")})
		}
	}
	if len(problems) > 0 {
		return c, problems
	}
	return c, nil
}

func (r Repository) with(given []override) Repository {
	moved := slices.ContainsFunc(given, func(o override) bool { return o.field == "url" })
	logs := slices.ContainsFunc(given, func(o override) bool { return o.field != "caFile" && !slices.Contains(elsewhere, o.field) })
	if moved || logs {
		kept := Repository{URL: r.URL, Ref: r.Ref, CAFile: r.CAFile, Web: r.Web}
		if moved {
			kept.CAFile, kept.Web = "", nil
		}
		r = kept
	}
	for _, o := range given {
		*r.fieldOf(o.field) = o.value
	}
	return r
}
