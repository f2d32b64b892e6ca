package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"
)

func allFlags(s *Settings) *pflag.FlagSet {
	fs := pflag.NewFlagSet("killick", pflag.ContinueOnError)
	s.AddSourceFlags(fs)
	s.AddClusterFlags(fs)
	s.AddFilterFlags(fs)
	s.AddOutputFlags(fs)
	s.AddNotifyFlags(fs)
	return fs
}

func lookupIn(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { value, ok := env[name]; return value, ok }
}

func TestFlagBeforeEnvironmentBeforeDefault(t *testing.T) {
	defaults := Settings{Repo: ".", Ref: "HEAD", ConfigPath: "killick.yaml", StateNamespace: "killick", Timeout: 10 * time.Minute}
	for _, test := range []struct {
		reason string
		args   []string
		env    map[string]string
		want   func(*Settings)
	}{
		{"defaults", nil, nil, func(*Settings) {}},
		{"environment over default", nil, map[string]string{"KILLICK_STATE_NAMESPACE": "drift", "KILLICK_TIMEOUT": "90s", "KILLICK_NO_COLOR": "true"},
			func(s *Settings) { s.StateNamespace, s.Timeout, s.NoColor = "drift", 90*time.Second, true }},
		{"flag over environment", []string{"--state-namespace=flag"}, map[string]string{"KILLICK_STATE_NAMESPACE": "env"},
			func(s *Settings) { s.StateNamespace = "flag" }},
		{"a flag set to its default is still set", []string{"--ref=HEAD"}, map[string]string{"KILLICK_REF": "main"}, func(*Settings) {}},
		{"lists are split at commas, and a shorthand has its long name", nil, map[string]string{"KILLICK_APP": "a, b", "KILLICK_OUTPUT": "text,json=r.json", "KILLICK_NAMESPACE": "x"},
			func(s *Settings) {
				s.Apps, s.Output, s.Namespace = []string{"a", "b"}, []string{"text", "json=r.json"}, "x"
			}},
		{"a list flag replaces the environment's list", []string{"--app=c"}, map[string]string{"KILLICK_APP": "a,b"}, func(s *Settings) { s.Apps = []string{"c"} }},
		{"an empty variable is not set", nil, map[string]string{"KILLICK_REF": "", "KILLICK_TIMEOUT": ""}, func(*Settings) {}},
		{"every credential of the repository", nil, map[string]string{
			"KILLICK_GIT_TOKEN_FILE": "/1", "KILLICK_GIT_TOKEN_ENV": "T", "KILLICK_GIT_USERNAME_FILE": "/2", "KILLICK_GIT_PASSWORD_FILE": "/3",
			"KILLICK_GIT_SSH_KEY_FILE": "/4", "KILLICK_GIT_KNOWN_HOSTS_FILE": "/5", "KILLICK_GIT_CA_FILE": "/6"},
			func(s *Settings) {
				s.GitTokenFile, s.GitTokenEnv, s.GitUsernameFile, s.GitPasswordFile = "/1", "T", "/2", "/3"
				s.GitSSHKeyFile, s.GitKnownHostsFile, s.GitCAFile = "/4", "/5", "/6"
			}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			var got Settings
			fs := allFlags(&got)
			if err := fs.Parse(test.args); err != nil {
				t.Fatal(err)
			}
			if err := FromEnv(fs, lookupIn(test.env)); err != nil {
				t.Fatal(err)
			}
			want := defaults
			test.want(&want)
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Settings{})); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFromEnvNamesTheVariable(t *testing.T) {
	var s Settings
	fs := allFlags(&s)
	err := FromEnv(fs, lookupIn(map[string]string{"KILLICK_TIMEOUT": "soon-SECRET", "KILLICK_WORKTREE": "maybe-SECRET", "KILLICK_REF": "main"}))
	want := []string{
		"reading the environment variable KILLICK_TIMEOUT: its value is not a valid duration → KILLICK_TIMEOUT sets --timeout: stop after this `duration`",
		"reading the environment variable KILLICK_WORKTREE: its value is not a valid bool → KILLICK_WORKTREE sets --worktree: read a local repository's files as they are on disk, not as committed",
	}
	if diff := cmp.Diff(want, lines(t, err)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if s.Ref != "main" {
		t.Errorf("one bad variable must not keep the others from being read: ref is %q", s.Ref)
	}
}

func TestUnknownEnv(t *testing.T) {
	var s Settings
	fs := allFlags(&s)
	other := pflag.NewFlagSet("other", pflag.ContinueOnError)
	other.Bool("exit-code", false, "")
	got := UnknownEnv([]string{
		"PATH=/bin", "KILLICK_REPO=x", "KILLICK_EXIT_CODE=true", "KILLICK_SLACK=secret", "KILLICK_GIT_TOKN_FILE=secret", "KILLICK_XYZZY=1",
		"KILLICKREF=main",
		// What the chart sets beside flags.
		"KILLICK_OWN_NAMES=killick", "KILLICK_JOB_NAME=killick-29123456", "KILLICK_JOB_NAMESPACE=killick",
		// What Kubernetes adds for Services named killick and killick-metrics.
		"KILLICK_SERVICE_HOST=10.0.0.1", "KILLICK_SERVICE_PORT=443", "KILLICK_SERVICE_PORT_HTTPS=443", "KILLICK_PORT=tcp://10.0.0.1:443",
		"KILLICK_PORT_443_TCP=tcp://10.0.0.1:443", "KILLICK_PORT_443_TCP_PROTO=tcp", "KILLICK_PORT_443_TCP_PORT=443", "KILLICK_PORT_443_TCP_ADDR=10.0.0.1",
		"KILLICK_METRICS_SERVICE_HOST=10.0.0.2", "KILLICK_METRICS_PORT=tcp://10.0.0.2:80",
	}, []string{"KILLICK_SLACK"}, fs, other)
	want := []string{
		"the environment variable KILLICK_GIT_TOKN_FILE sets no flag; did you mean KILLICK_GIT_TOKEN_FILE?",
		"the environment variable KILLICK_XYZZY sets no flag",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestSettingsValidate(t *testing.T) {
	valid := func() Settings {
		var s Settings
		allFlags(&s)
		return s
	}
	for _, test := range []struct {
		reason string
		change func(*Settings)
		want   []string
	}{
		{"defaults", func(*Settings) {}, nil},
		{"a command without flags", func(s *Settings) { *s = Settings{} }, nil},
		{"https with a token", func(s *Settings) { s.Repo, s.GitTokenFile, s.GitCAFile = "https://h/r", "token", "ca.pem" }, nil},
		{"ssh with a key", func(s *Settings) { s.Repo, s.GitSSHKeyFile, s.GitKnownHostsFile = "git@h:r.git", "key", "hosts" }, nil},
		{"a local repository as it is", func(s *Settings) { s.Repo, s.Worktree = "../platform", true }, nil},
		{"credentials in the URL are not repeated", func(s *Settings) { s.Repo = "https://u:SECRET@h/r" },
			[]string{"--repo must be an https or ssh URL or a local path, but its value holds a credential → leave user and password out of the URL; use --git-token-file, or --git-username-file with --git-password-file"}},
		{"http", func(s *Settings) { s.Repo = "http://h/r" },
			[]string{"--repo must be an https or ssh URL or a local path, but its value is not encrypted → give an https:// or ssh:// URL of a Git repository"}},
		{"a file URL", func(s *Settings) { s.Repo = "file:///r" },
			[]string{"--repo must be an https or ssh URL or a local path, but its value is neither an https nor an ssh URL → give an https:// or ssh:// URL of a Git repository"}},
		{"ssh without a key", func(s *Settings) { s.Repo = "ssh://git@h/r" },
			[]string{"--repo is ssh, so it needs --git-ssh-key-file and --git-known-hosts-file"}},
		{"half of a pair", func(s *Settings) { s.Repo, s.GitUsernameFile = "https://h/r", "u" },
			[]string{"--git-username-file needs --git-password-file beside it"}},
		{"credentials for a local repository", func(s *Settings) { s.GitTokenEnv = "TOKEN" },
			[]string{"--git-token-env is for a remote repository, and --repo is a local path → --repo takes an https or ssh URL too"}},
		{"the worktree of a URL", func(s *Settings) { s.Repo, s.Worktree = "https://h/r", true },
			[]string{"--worktree is for a local repository, and --repo is a URL → clone the repository and give the clone's path"}},
		{"a namespace that cannot be one", func(s *Settings) { s.StateNamespace = "Killick" },
			[]string{`--state-namespace must be a DNS label: lower-case letters, digits and '-', at most 63 characters, and "Killick" is not`}},
		{"a token where a variable is named", func(s *Settings) { s.Repo, s.GitTokenEnv = "https://h/r", "se-cret" },
			[]string{"--git-token-env must be the name of an environment variable → credentials never stand in the config: name the variable that holds it"}},
		{"no time at all", func(s *Settings) { s.Timeout = -time.Second }, []string{"--timeout is -1s and must be positive"}},
		{"no timeout would mean none of the work", func(s *Settings) { s.Timeout = 0 }, []string{"--timeout is 0s and must be positive"}},
		{"empty where there is no default to fall back to", func(s *Settings) { s.Repo, s.Ref, s.ConfigPath, s.StateNamespace = "", "", "", "" }, []string{
			"--config must not be empty", "--ref must not be empty", "--repo must not be empty", "--state-namespace must not be empty"}},
		{"outputs", func(s *Settings) { s.Output = []string{"text", "yaml=report.yaml", "json=r.json"} }, nil},
		{"outputs that cannot be", func(s *Settings) { s.Output = []string{"jsn", "text", "yaml="} }, []string{
			`--output "yaml=" names no file → for example json=report.json`,
			`--output is given 2 times without a file, and there is one standard output → write the others to files: -o json=report.json`,
			`--output knows no format "jsn" → did you mean "json"?`}},
		{"a bot token and its channel", func(s *Settings) { s.SlackTokenFile, s.SlackChannel = "t", "C0123456789" }, nil},
		{"a webhook", func(s *Settings) { s.SlackWebhookEnv = "HOOK" }, nil},
		{"a bot token without channel", func(s *Settings) { s.SlackTokenEnv = "T" }, []string{"--slack-token-env needs --slack-channel beside it"}},
		{"a channel alone", func(s *Settings) { s.SlackChannel = "C0123456789" },
			[]string{"--slack-channel needs --slack-token-file or --slack-token-env beside it"}},
		{"a webhook has its own channel", func(s *Settings) { s.SlackWebhookFile, s.SlackChannel = "w", "C0123456789" },
			[]string{"--slack-channel cannot be used with a webhook, which posts to the channel it was made for"}},
		{"two ways to Slack", func(s *Settings) { s.SlackTokenFile, s.SlackWebhookFile, s.SlackChannel = "t", "w", "C0123456789" },
			[]string{"--slack-webhook-file is given beside --slack-token-file → keep one of them"}},
		{"a channel's name", func(s *Settings) { s.SlackTokenFile, s.SlackChannel = "t", "#alerts" },
			[]string{`--slack-channel must be a channel ID such as C0123456789, and "#alerts" is not → Slack shows a channel's ID at the bottom of its details; a name can be given to another channel, an ID cannot`}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			s := valid()
			test.change(&s)
			got := lines(t, s.Validate())
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if strings.Contains(strings.Join(got, "\n"), "SECRET") {
				t.Errorf("the error repeats the credential: %q", got)
			}
		})
	}
}

func TestBootstrapNotify(t *testing.T) {
	for _, test := range []struct {
		reason string
		in     Settings
		want   Notify
	}{
		{"nothing given", Settings{}, Notify{}},
		{"a token and a channel", Settings{SlackTokenFile: "/t", SlackChannel: "C0123456789"},
			Notify{Slack: &Slack{TokenFile: "/t", Routes: map[string]Route{"default": {Channel: "C0123456789"}}}}},
		{"a webhook", Settings{SlackWebhookEnv: "HOOK"}, Notify{Slack: &Slack{WebhookEnv: "HOOK"}}},
	} {
		if diff := cmp.Diff(test.want, test.in.BootstrapNotify()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

func TestConfigRepository(t *testing.T) {
	got := Settings{Repo: "https://h/r", Ref: "main", GitTokenFile: "a", GitTokenEnv: "b", GitUsernameFile: "c", GitPasswordFile: "d",
		GitSSHKeyFile: "e", GitKnownHostsFile: "f", GitCAFile: "g"}.ConfigRepository()
	want := Repository{URL: "https://h/r", Ref: "main", TokenFile: "a", TokenEnv: "b", UsernameFile: "c", PasswordFile: "d",
		SSHKeyFile: "e", KnownHostsFile: "f", CAFile: "g"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("repository (-want +got):\n%s", diff)
	}
}

func TestCheckGitURL(t *testing.T) {
	for value, accepted := range map[string]bool{
		"https://h/r.git": true, "https://h:8443/team/r": true, "ssh://git@h:2222/r": true, "ssh://h/r": true,
		"git@h:team/r.git": true, "h:r": true,
		// A repository must not reach the pod's own ports.
		"http://127.0.0.1:8080/r": false, "http://[::1]:8080/r": false, "http://localhost/r": false,
		"http://u:p@127.0.0.1/r": false, "http://127.0.0.1.example.com/r": false, "http://10.0.0.1/r": false, "http://h/r": false,
		"https://u@h/r": false, "https://u:p@h/r": false, "ssh://git:p@h/r": false,
		"https:///r": false, "https://h": false, "https://h/": false, "https://h/r?x=y": false, "https://h/r#x": false,
		"git://h/r": false, "file:///r": false, "ext::sh -c x": false, "ext::sh": false, "../r": false, "": false, "r": false,
	} {
		if c := checkGitURL(value); (c == nil) != accepted {
			t.Errorf("checkGitURL(%q) says %v, want accepted: %v", value, c, accepted)
		}
	}
}

func TestCheckRepoFlag(t *testing.T) {
	for value, accepted := range map[string]bool{
		"https://h/r.git": true, "git@h:team/r.git": true,
		// Plain HTTP only where nobody stands in between.
		"http://127.0.0.1:8080/r": true, "http://[::1]:8080/r": true, "http://localhost/r": true,
		"http://u:p@127.0.0.1/r": false, "http://127.0.0.1.example.com/r": false, "http://10.0.0.1/r": false, "http://h/r": false,
	} {
		if c := checkRepoFlag(value); (c == nil) != accepted {
			t.Errorf("checkRepoFlag(%q) says %v, want accepted: %v", value, c, accepted)
		}
	}
}

func TestRemote(t *testing.T) {
	for repo, want := range map[string]bool{
		"https://h/r": true, "ssh://h/r": true, "git@h:r": true, "h:team/r.git": true, "file:///r": true,
		".": false, "../r": false, "/srv/r": false, "r": false, "": false, "a/b:c": false,
	} {
		if got := (Settings{Repo: repo}).Remote(); got != want {
			t.Errorf("Remote(%q) = %v, want %v", repo, got, want)
		}
	}
}
