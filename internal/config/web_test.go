package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/githost"
)

func TestWebIsChecked(t *testing.T) {
	const page = "the address of the repository's page in a browser, such as https://git.example.com/platform/clusters"
	for _, test := range []refusal{
		{"a host of one's own", "web: {url: https://git.example.com/platform/clusters, host: gitlab}\n", nil},
		{"a public one needs no host", "web: {url: https://github.com/acme/platform}\n", nil},
		{"a mirror inside, pages outside", "repositories:\n  r: {url: https://mirror.example.com/r.git, ref: main, web: {url: https://github.com/acme/r}}\n", nil},
		{"how are addresses built there?", "web: {url: https://git.example.com/platform/clusters}\n", []string{
			"k.yaml:5: web needs host, since its URL is not one of a public service → host: github, gitlab, bitbucket-server, gitea, forgejo or azure-devops: the software that answers there"}},
		{"the same of another repository", "repositories:\n  r: {url: https://git.example.com/r.git, ref: main, web: {url: https://git.example.com/r}}\n", []string{
			"k.yaml:6: repositories.r.web needs host, since its URL is not one of a public service → host: github, gitlab, bitbucket-server, gitea, forgejo or azure-devops: the software that answers there"}},
		{"everybody in the channel would read it", "web: {url: \"https://me:hunter2@git.example.com/r\", host: gitea}\n", []string{
			"k.yaml:5: web.url must be the https or http URL of a page, but its value holds a credential (column 12) → leave user and password out of the URL"}},
		{"a token in the query", "web: {url: \"https://git.example.com/r?private_token=hunter2\", host: gitlab}\n", []string{
			"k.yaml:5: web.url must be the https or http URL of a page, but its value has a query or a fragment (column 12) → give the repository's own page"}},
		{"not what a browser opens", "web: {url: \"git@git.example.com:r.git\", host: gitlab}\n", []string{
			"k.yaml:5: web.url must be the https or http URL of a page, and its value is not (column 12) → " + page}},
	} {
		_, err := Parse("k.yaml", []byte(test.document()))
		if diff := cmp.Diff(test.want, lines(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

func TestWebOf(t *testing.T) {
	config := Config{Repositories: map[string]Repository{
		"public": {URL: "git@github.com:acme/public.git"},
		"inside": {URL: "https://git.example.com/acme/inside.git"},
		"told":   {URL: "ssh://git@git.example.com:7999/ops/told.git", Web: &Web{URL: "https://git.example.com/projects/OPS/repos/told/", Host: githost.BitbucketServer}},
	}}
	own := Config{Web: &Web{URL: "https://github.com/acme/platform.git"}}
	for _, test := range []struct {
		reason string
		config Config
		name   string
		own    string
		want   githost.Web
	}{
		{"from its URL", config, "public", "", githost.Web{URL: "https://github.com/acme/public", Host: githost.GitHub}},
		{"nobody said, and nothing is guessed", config, "inside", "", githost.Web{}},
		{"said", config, "told", "", githost.Web{URL: "https://git.example.com/projects/OPS/repos/told", Host: githost.BitbucketServer}},
		{"the config's own, from the flag", config, "", "https://gitlab.com/acme/platform.git", githost.Web{URL: "https://gitlab.com/acme/platform", Host: githost.GitLab}},
		{"the config's own, said", own, "", "https://mirror.example.com/p.git", githost.Web{URL: "https://github.com/acme/platform", Host: githost.GitHub}},
		{"a local clone", config, "", ".", githost.Web{}},
	} {
		if got := test.config.WebOf(test.name, test.own); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.reason, got, test.want)
		}
	}
}
