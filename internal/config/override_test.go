package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a flag says of a repository takes the place of what the config says, so that the
// pod's files need not be there.
func TestWithRepositories(t *testing.T) {
	charts := Repository{URL: "https://git.example.com/charts.git", Ref: "v3", TokenFile: "/etc/killick/git/charts", CAFile: "/etc/killick/ca",
		Web: &Web{URL: "https://git.example.com/charts", Host: "gitea"}}
	shared := Repository{URL: "ssh://git@git.example.com/shared.git", Ref: "main", SSHKeyFile: "/etc/killick/ssh", KnownHostsFile: "/etc/killick/hosts"}
	tests := []struct {
		why    string
		values []string
		want   map[string]Repository // of those that change
		says   string
	}{
		{why: "nothing given"},
		{why: "another file", values: []string{"charts.tokenFile=token"}, want: map[string]Repository{
			"charts": {URL: charts.URL, Ref: "v3", TokenFile: "token", CAFile: charts.CAFile, Web: charts.Web}}},
		{why: "another way to log in", values: []string{"charts.usernameFile=u", "charts.passwordFile=p=1,2"}, want: map[string]Repository{
			"charts": {URL: charts.URL, Ref: "v3", UsernameFile: "u", PasswordFile: "p=1,2", CAFile: charts.CAFile, Web: charts.Web}}},
		{why: "a variable", values: []string{"charts.tokenEnv=CI_TOKEN", "charts.caFile="}, want: map[string]Repository{
			"charts": {URL: charts.URL, Ref: "v3", TokenEnv: "CI_TOKEN", Web: charts.Web}}},
		{why: "none at all", values: []string{"charts.tokenFile="}, want: map[string]Repository{
			"charts": {URL: charts.URL, Ref: "v3", CAFile: charts.CAFile, Web: charts.Web}}},
		{why: "over ssh instead", values: []string{"charts.sshKeyFile=k", "charts.knownHostsFile=h", "charts.url=git@git.example.com:charts.git"}, want: map[string]Repository{
			"charts": {URL: "git@git.example.com:charts.git", Ref: "v3", SSHKeyFile: "k", KnownHostsFile: "h"}}},
		{why: "another key", values: []string{"shared.sshKeyFile=k", "shared.knownHostsFile=h"}, want: map[string]Repository{
			"shared": {URL: shared.URL, Ref: "main", SSHKeyFile: "k", KnownHostsFile: "h"}}},
		{why: "another server gets none of the credentials", values: []string{"charts.url=https://elsewhere.example.com/charts.git"}, want: map[string]Repository{
			"charts": {URL: "https://elsewhere.example.com/charts.git", Ref: "v3"}}},
		{why: "a clone on disk, at another ref", values: []string{"charts.url=../charts", "charts.ref=feature"}, want: map[string]Repository{
			"charts": {URL: "../charts", Ref: "feature"}}},
		{why: "a clone needs no credentials", values: []string{"charts.url=../charts", "charts.tokenFile=t"}, says: "a local path needs no credentials"},
		{why: "a name that is none", values: []string{"chart.tokenFile=t"}, says: `--repository chart.tokenFile: the config has no repository "chart"; did you mean "charts"?`},
		{why: "a field that is none", values: []string{"charts.tokenfile=t"}, says: `charts.tokenfile: a repository has no such field; did you mean "tokenFile"?`},
		{why: "a credential itself is not repeated", values: []string{"charts.token=ghs_secret"}, says: "charts.token: a repository has no such field; put the credential into a file"},
		{why: "a variable's name that is none is not repeated", values: []string{"charts.tokenEnv=ghs-secret"}, says: "charts.tokenEnv must be"},
		{why: "half a key", values: []string{"shared.sshKeyFile=k"}, says: "sshKeyFile needs knownHostsFile beside it"},
		{why: "half a login", values: []string{"charts.usernameFile=u"}, says: "usernameFile needs passwordFile beside it"},
		{why: "a URL with a credential is not repeated", values: []string{"charts.url=https://ada:secret@git.example.com/charts.git"}, says: "its value holds a credential"},
		{why: "no url", values: []string{"charts.url="}, says: "charts.url must not be empty"},
		{why: "meant for --repo", values: []string{"https://git.example.com/platform.git"}, says: "takes NAME.FIELD=VALUE"},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			before := Config{Repositories: map[string]Repository{"charts": charts, "shared": shared}}
			got, err := before.WithRepositories(test.values)
			said := ""
			if problems, ok := err.(Problems); ok { //nolint:errorlint // always a Problems itself
				for _, p := range problems {
					said += p.Error() + "; " + p.Hint + "\n"
				}
			}
			if strings.Contains(said, "secret") {
				t.Errorf("a credential is repeated: %s", said)
			}
			if test.says != "" {
				if !strings.Contains(said, test.says) {
					t.Errorf("says %q, want %q", said, test.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]Repository{"charts": charts, "shared": shared}
			for name, repository := range test.want {
				want[name] = repository
			}
			if diff := cmp.Diff(want, got.Repositories); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(map[string]Repository{"charts": charts, "shared": shared}, before.Repositories); diff != "" {
				t.Errorf("the config itself was changed:\n%s", diff)
			}
		})
	}
}
