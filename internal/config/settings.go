package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/killick-dev/killick/internal/drift"
)

// Settings are the flags that several commands share. The zero value is not
// ready for use; the Add… methods register flags and set the defaults.
type Settings struct {
	Repo       string // https or ssh URL, or the path of a local repository
	Ref        string // branch, tag, full commit or HEAD
	ConfigPath string // of the config file, from the repository's root
	Worktree   bool   // local repository: files as they are, not as committed

	GitTokenFile      string
	GitTokenEnv       string
	GitUsernameFile   string
	GitPasswordFile   string
	GitSSHKeyFile     string
	GitKnownHostsFile string
	GitCAFile         string

	RepositoryValues []string // NAME.FIELD=VALUE, over what the config says of a repository

	Kubeconfig     string // file; empty: KUBECONFIG, in the cluster the pod's own identity, else ~/.kube/config
	Context        string // of the kubeconfig; empty: its current one
	StateNamespace string // where Killick keeps its state
	Timeout        time.Duration

	Namespace string   // only objects in this namespace; empty: all
	Apps      []string // only these apps; empty: all

	Trust string // what may stand in for the API server's answer: a word of drift.ParseTrust

	Output  []string // FORMAT, or FORMAT=FILE; at most one without a file
	NoColor bool

	SlackTokenFile   string // the bootstrap route, for when the config cannot be read
	SlackTokenEnv    string
	SlackWebhookFile string
	SlackWebhookEnv  string
	SlackChannel     string

	// Which flags a command has: only those can be wrong.
	hasSource, hasCluster bool
}

// Defaults of the flags.
const (
	DefaultRepo           = "."
	DefaultRef            = "HEAD"
	DefaultConfigPath     = "killick.yaml"
	DefaultStateNamespace = "killick"
	DefaultTimeout        = 10 * time.Minute
)

// OutputFormats are the words that --output takes.
var OutputFormats = []string{"text", "short", "json", "yaml"}

// AddSourceFlags registers the flags that say where the config is and how its
// repository is read.
func (s *Settings) AddSourceFlags(fs *pflag.FlagSet) {
	s.hasSource = true
	fs.StringVar(&s.Repo, "repo", DefaultRepo, "repository with the config: an https or ssh `URL`, or a local path")
	fs.StringVar(&s.Ref, "ref", DefaultRef, "branch, tag or full commit to read")
	fs.StringVar(&s.ConfigPath, "config", DefaultConfigPath, "`path` of the config in the repository")
	fs.BoolVar(&s.Worktree, "worktree", false, "read a local repository's files as they are on disk, not as committed")
	fs.StringVar(&s.GitTokenFile, "git-token-file", "", "`file` with an access token for --repo (https)")
	fs.StringVar(&s.GitTokenEnv, "git-token-env", "", "`name` of an environment variable with an access token for --repo (https)")
	fs.StringVar(&s.GitUsernameFile, "git-username-file", "", "`file` with a user name for --repo (https)")
	fs.StringVar(&s.GitPasswordFile, "git-password-file", "", "`file` with a password for --repo (https)")
	fs.StringVar(&s.GitSSHKeyFile, "git-ssh-key-file", "", "`file` with a private key for --repo (ssh)")
	fs.StringVar(&s.GitKnownHostsFile, "git-known-hosts-file", "", "`file` with the host keys to accept for --repo (ssh)")
	fs.StringVar(&s.GitCAFile, "git-ca-file", "", "`file` with PEM certificates to trust for --repo beside the system's (https)")
	fs.StringArrayVar(&s.RepositoryValues, "repository", nil,
		"`override` of a repository in the config: NAME.FIELD=VALUE (repeatable)")
}

// AddClusterFlags registers the flags that say which cluster is read.
func (s *Settings) AddClusterFlags(fs *pflag.FlagSet) {
	s.hasCluster = true
	fs.StringVar(&s.Kubeconfig, "kubeconfig", "", "kubeconfig `file` (default: KUBECONFIG, the pod's own identity, or ~/.kube/config)")
	fs.StringVar(&s.Context, "context", "", "`name` of the context in the kubeconfig")
	fs.StringVar(&s.StateNamespace, "state-namespace", DefaultStateNamespace, "`namespace` in which Killick keeps its state")
	fs.DurationVar(&s.Timeout, "timeout", DefaultTimeout, "stop after this `duration`")
}

// AddFilterFlags registers the flags that narrow what is looked at.
func (s *Settings) AddFilterFlags(fs *pflag.FlagSet) {
	fs.StringVarP(&s.Namespace, "namespace", "n", "", "only objects in this `namespace`")
	fs.StringSliceVar(&s.Apps, "app", nil, "only this `app` (repeatable)")
}

// AddTrustFlag registers the flag that says what is believed without asking.
func (s *Settings) AddTrustFlag(fs *pflag.FlagSet) {
	fs.StringVar(&s.Trust, "trust", drift.TrustIdle.String(), "believe none, proof, memo or idle `evidence` instead of asking")
}

// AddOutputFlags registers the flags that say how results are shown.
func (s *Settings) AddOutputFlags(fs *pflag.FlagSet) {
	fs.StringArrayVarP(&s.Output, "output", "o", nil,
		"`format` of the result, or FORMAT=FILE (repeatable): "+strings.Join(OutputFormats, ", "))
	fs.BoolVar(&s.NoColor, "no-color", false, "no colours, also on a terminal")
}

// AddNotifyFlags registers the bootstrap route to Slack, which is used when the
// config cannot be read.
func (s *Settings) AddNotifyFlags(fs *pflag.FlagSet) {
	fs.StringVar(&s.SlackTokenFile, "slack-token-file", "", "`file` with a Slack bot token, to tell when the config cannot be read")
	fs.StringVar(&s.SlackTokenEnv, "slack-token-env", "", "`name` of an environment variable with a Slack bot token, likewise")
	fs.StringVar(&s.SlackWebhookFile, "slack-webhook-file", "", "`file` with the URL of a Slack webhook, likewise")
	fs.StringVar(&s.SlackWebhookEnv, "slack-webhook-env", "", "`name` of an environment variable with the URL of a Slack webhook, likewise")
	fs.StringVar(&s.SlackChannel, "slack-channel", "", "channel `ID` for the bot token")
}

// Remote says whether Repo is a URL and not a local path.
func (s Settings) Remote() bool { return remote(s.Repo) }

func remote(repo string) bool { return strings.Contains(repo, "://") || scpLike.MatchString(repo) }

// ConfigRepository is the repository that holds the config, in the form of the
// others. URL is a path if Remote says no.
func (s Settings) ConfigRepository() Repository {
	return Repository{
		URL: s.Repo, Ref: s.Ref,
		TokenFile: s.GitTokenFile, TokenEnv: s.GitTokenEnv,
		UsernameFile: s.GitUsernameFile, PasswordFile: s.GitPasswordFile,
		SSHKeyFile: s.GitSSHKeyFile, KnownHostsFile: s.GitKnownHostsFile,
		CAFile: s.GitCAFile,
	}
}

// BootstrapNotify is the notify section that the flags describe; nothing is told
// when no flag is given.
func (s Settings) BootstrapNotify() Notify {
	if s.SlackTokenFile == "" && s.SlackTokenEnv == "" && s.SlackWebhookFile == "" && s.SlackWebhookEnv == "" {
		return Notify{}
	}
	slack := &Slack{
		TokenFile: s.SlackTokenFile, TokenEnv: s.SlackTokenEnv,
		WebhookFile: s.SlackWebhookFile, WebhookEnv: s.SlackWebhookEnv,
	}
	if s.SlackChannel != "" {
		slack.Routes = map[string]Route{DefaultRoute: {Channel: s.SlackChannel}}
	}
	return Notify{Slack: slack}
}

// Validate checks values and combinations. Settings whose flags a command does
// not register are empty and pass. The error is a Problems.
func (s Settings) Validate() error {
	var problems Problems
	add := func(flag, hint, says string, args ...any) {
		problems = append(problems, &drift.Problem{Stage: "config", Hint: hint, Err: fmt.Errorf("--"+flag+" "+says, args...)})
	}
	s.validateSource(add)
	for _, value := range s.RepositoryValues {
		if _, problem := parseOverride(value); problem != nil {
			problems = append(problems, problem)
		}
	}
	for flag, value := range map[string]struct{ value, format string }{
		"state-namespace": {s.StateNamespace, "label"},
		"namespace":       {s.Namespace, "label"},
		"slack-channel":   {s.SlackChannel, "channel"},
		"git-token-env":   {s.GitTokenEnv, "envName"},
		"slack-token-env": {s.SlackTokenEnv, "envName"}, "slack-webhook-env": {s.SlackWebhookEnv, "envName"},
	} {
		f := formats[value.format]
		switch {
		case value.value == "" || f.pattern.MatchString(value.value) && (f.longest == 0 || len(value.value) <= f.longest):
		case f.secret:
			add(flag, f.hint, "must be %s", f.says)
		default:
			add(flag, f.hint, "must be %s, and %q is not", f.says, value.value)
		}
	}
	if _, err := drift.ParseTrust(s.Trust); s.Trust != "" && err != nil {
		add("trust", "write none, proof, memo or idle", "is one of four words: %w", err)
	}
	if s.hasCluster && s.Timeout <= 0 {
		add("timeout", "", "is %s and must be positive", s.Timeout)
	}
	for flag, missing := range map[string]bool{
		"repo":            s.hasSource && s.Repo == "",
		"ref":             s.hasSource && s.Ref == "" && !s.Worktree,
		"config":          s.hasSource && s.ConfigPath == "",
		"state-namespace": s.hasCluster && s.StateNamespace == "",
	} {
		if missing {
			add(flag, "", "must not be empty")
		}
	}
	s.validateOutput(add)
	s.validateSlack(add)
	if len(problems) == 0 {
		return nil
	}
	slices.SortStableFunc(problems, func(a, b *drift.Problem) int { return strings.Compare(a.Error(), b.Error()) })
	return problems
}

type complain func(flag, hint, says string, args ...any)

func (s Settings) validateSource(add complain) {
	if !s.Remote() {
		for flag, value := range map[string]string{
			"git-token-file": s.GitTokenFile, "git-token-env": s.GitTokenEnv, "git-username-file": s.GitUsernameFile,
			"git-password-file": s.GitPasswordFile, "git-ssh-key-file": s.GitSSHKeyFile,
			"git-known-hosts-file": s.GitKnownHostsFile, "git-ca-file": s.GitCAFile,
		} {
			if value != "" && s.Repo != "" {
				add(flag, "--repo takes an https or ssh URL too", "is for a remote repository, and --repo is a local path")
			}
		}
		return
	}
	if s.Worktree {
		add("worktree", "clone the repository and give the clone's path", "is for a local repository, and --repo is a URL")
	}
	if c := checkRepoFlag(s.Repo); c != nil {
		add("repo", flagHint(c.hint), "must be an https or ssh URL or a local path, but its value %s", c.says)
		return
	}
	for _, m := range s.ConfigRepository().combination() {
		flag := "repo"
		if m.field != "url" {
			flag = flagOf(m.field)
		}
		add(flag, flagHint(m.hint), "%s", flagHint(m.says))
	}
}

// gitFlags are the fields of a Repository by the flag that sets them for the
// config's own repository. Longer names first, for flagHint.
var gitFlags = [][2]string{
	{"knownHostsFile", "git-known-hosts-file"}, {"usernameFile", "git-username-file"},
	{"passwordFile", "git-password-file"}, {"sshKeyFile", "git-ssh-key-file"},
	{"tokenFile", "git-token-file"}, {"tokenEnv", "git-token-env"}, {"caFile", "git-ca-file"},
}

func flagOf(name string) string {
	for _, pair := range gitFlags {
		if pair[0] == name {
			return pair[1]
		}
	}
	return name
}

// flagHint says a text about config fields with the flags' names.
func flagHint(text string) string {
	for _, pair := range gitFlags {
		text = strings.ReplaceAll(text, pair[0], "--"+pair[1])
	}
	return text
}

func (s Settings) validateOutput(add complain) {
	stdout := 0
	for _, output := range s.Output {
		name, file, toFile := strings.Cut(output, "=")
		if !slices.Contains(OutputFormats, name) {
			add("output", didYouMean(name, OutputFormats), "knows no format %q", name)
		}
		if toFile && file == "" {
			add("output", "for example json=report.json", "%q names no file", output)
		}
		if !toFile {
			stdout++
		}
	}
	if stdout > 1 {
		add("output", "write the others to files: -o json=report.json", "is given %d times without a file, and there is one standard output", stdout)
	}
}

func (s Settings) validateSlack(add complain) {
	var ways []string
	for _, way := range [][2]string{
		{"slack-token-file", s.SlackTokenFile}, {"slack-token-env", s.SlackTokenEnv},
		{"slack-webhook-file", s.SlackWebhookFile}, {"slack-webhook-env", s.SlackWebhookEnv},
	} {
		if way[1] != "" {
			ways = append(ways, way[0])
		}
	}
	switch {
	case len(ways) == 0 && s.SlackChannel != "":
		add("slack-channel", "", "needs --slack-token-file or --slack-token-env beside it")
	case len(ways) > 1:
		add(ways[1], "keep one of them", "is given beside --%s", ways[0])
	case len(ways) == 1 && strings.HasPrefix(ways[0], "slack-token") && s.SlackChannel == "":
		add(ways[0], "", "needs --slack-channel beside it")
	case len(ways) == 1 && strings.HasPrefix(ways[0], "slack-webhook") && s.SlackChannel != "":
		add("slack-channel", "", "cannot be used with a webhook, which posts to the channel it was made for")
	}
}
