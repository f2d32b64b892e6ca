package source

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// sample is a small platform repository.
var sample = map[string]string{
	"killick.yaml":                "kind: Config\n",
	"apps/web/deploy.yaml":        "kind: Deployment\n",
	"apps/web/run.sh":             gitserver.Executable("#!/bin/sh\n"),
	"apps/web/base":               gitserver.Symlink("../../base"),
	"base/kustomization.yaml":     "resources: []\n",
	"base/deeper/config.yaml":     gitserver.Symlink("../../killick.yaml"),
	"charts/app/templates/a.yaml": "a: 1\n",
}

func TestCheckoutServesTheCommit(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("platform")
	commit := repo.CommitAs(gitserver.Change{
		Message: "Add the web app\n\nWith a body.",
		Files:   sample,
		Author:  gitserver.Person{Name: "Grace Example", Email: "grace@example.com"},
		Time:    time.Date(2026, 3, 4, 5, 6, 7, 0, time.FixedZone("", 2*60*60)),
	})
	cases := []struct {
		name       string
		repository Repository
	}{
		{"http on loopback", Repository{URL: repo.URL()}},
		{"https with the server's own authority", Repository{URL: repo.HTTPSURL(), Auth: Auth{CAFile: server.CAFile()}}},
		{"ssh with a known host", Repository{URL: repo.SSHURL(), Auth: sshAuth(server)}},
		{"a bare repository on disk", Repository{URL: repo.Path()}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.repository.Ref = gitserver.MainBranch
			got := mustCheckout(t, c.repository)
			want := drift.Revision{
				Repository: c.repository.URL, Ref: "main", Commit: commit,
				Author: "Grace Example", Subject: "Add the web app",
				Time: time.Date(2026, 3, 4, 3, 6, 7, 0, time.UTC),
			}
			if diff := cmp.Diff(want, got.Revision); diff != "" {
				t.Errorf("revision (-want +got):\n%s", diff)
			}
			err := fstest.TestFS(got.FS, "killick.yaml", "apps/web/deploy.yaml", "apps/web/base/kustomization.yaml",
				"apps/web/base/deeper/config.yaml", "base/deeper/config.yaml", "charts/app/templates/a.yaml")
			if err != nil {
				t.Error(err)
			}
			if got := read(t, got, "apps/web/base/deeper/config.yaml"); got != sample["killick.yaml"] {
				t.Errorf("a file behind two links reads %q", got)
			}
		})
	}
}

func TestHTTPCredentials(t *testing.T) {
	server := gitserver.NewWith(t, gitserver.Options{})
	repo := server.Repo("private")
	repo.Commit("first", map[string]string{"f": "1"})
	token := write(t, "token", canaryToken+"\n")
	password := write(t, "password", canaryPassword+"\n")
	user := write(t, "user", "deployer\n")
	t.Setenv("KILLICK_TEST_TOKEN", " "+canaryToken+"\n")
	t.Setenv("KILLICK_TEST_WRONG", "canary-wrong")
	basic := gitserver.Credentials{Username: "git", Password: canaryToken}
	cases := []struct {
		name   string
		demand gitserver.Credentials
		auth   Auth
		text   string // of the error; empty for success
		hint   string
	}{
		{name: "token from a file as a password", demand: basic, auth: Auth{TokenFile: token}},
		{name: "token from the environment", demand: basic, auth: Auth{TokenEnv: "KILLICK_TEST_TOKEN"}},
		{name: "token with a user of its own", demand: gitserver.Credentials{Username: "deployer", Password: canaryToken}, auth: Auth{TokenFile: token, UsernameFile: user}},
		{name: "token as a bearer where basic is refused", demand: gitserver.Credentials{Bearer: canaryToken}, auth: Auth{TokenFile: token}},
		{name: "user and password", demand: gitserver.Credentials{Username: "deployer", Password: canaryPassword}, auth: Auth{UsernameFile: user, PasswordFile: password}},
		{name: "no credential where one is needed", demand: basic, text: "asks for authentication", hint: "tokenFile"},
		{name: "a wrong token", demand: basic, auth: Auth{TokenEnv: "KILLICK_TEST_WRONG"}, text: "authentication failed", hint: "expired"},
		{name: "a wrong password", demand: basic, auth: Auth{UsernameFile: user, PasswordFile: password}, text: "authentication failed", hint: "valid"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server.Demand(c.demand)
			c.auth.CAFile = server.CAFile()
			_, err := checkout(t, Repository{URL: repo.HTTPSURL(), Ref: "main", Auth: c.auth})
			if c.text == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantProblem(t, err, c.text, c.hint)
		})
	}
}

func TestTLSIsVerified(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	repo.Commit("first", map[string]string{"f": "1"})
	other := gitserver.New(t)
	_, err := checkout(t, Repository{URL: repo.HTTPSURL()})
	wantProblem(t, err, "unknown authority", "caFile")
	_, err = checkout(t, Repository{URL: repo.HTTPSURL(), Auth: Auth{CAFile: other.CAFile()}})
	wantProblem(t, err, "unknown authority", "caFile")
	_, err = checkout(t, Repository{URL: strings.Replace(repo.HTTPSURL(), "127.0.0.1", "[::1]", 1), Auth: Auth{CAFile: server.CAFile()}})
	if err == nil {
		t.Error("a certificate for another address was accepted")
	}
	_, err = checkout(t, Repository{URL: repo.HTTPSURL(), Auth: Auth{CAFile: write(t, "ca", "not PEM")}})
	wantProblem(t, err, "no PEM certificate", "")
}

func TestSSHHostKeysAndKeys(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	repo.Commit("first", map[string]string{"f": "1"})
	good := sshAuth(server)
	cases := []struct {
		name       string
		auth       Auth
		text, hint string
	}{
		{"an unknown host", Auth{SSHKeyFile: good.SSHKeyFile, KnownHostsFile: write(t, "known_hosts", "")}, "is not in knownHostsFile", "ssh-keyscan"},
		{"a changed host key", Auth{SSHKeyFile: good.SSHKeyFile, KnownHostsFile: server.WrongKnownHostsFile()}, "has changed", "in between"},
		{"no known_hosts at all", Auth{SSHKeyFile: good.SSHKeyFile}, "host keys are always checked", "knownHostsFile"},
		{"a key the server does not know", Auth{SSHKeyFile: server.StrangerKeyFile(), KnownHostsFile: good.KnownHostsFile}, "authentication failed", "deploy key"},
		{"no key", Auth{KnownHostsFile: good.KnownHostsFile}, "no private key", "sshKeyFile"},
		{"not a key", Auth{SSHKeyFile: write(t, "key", "canary-key"), KnownHostsFile: good.KnownHostsFile}, "not a private key", "OpenSSH"},
		{"not known_hosts", Auth{SSHKeyFile: good.SSHKeyFile, KnownHostsFile: write(t, "known_hosts", "canary one\ncanary two three\n")}, "known_hosts format", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := checkout(t, Repository{URL: repo.SSHURL(), Auth: c.auth})
			wantProblem(t, err, c.text, c.hint)
		})
	}
}

func TestNoSuchRepository(t *testing.T) {
	server := gitserver.New(t)
	_, err := checkout(t, Repository{URL: server.URL() + "/nothing.git"})
	wantProblem(t, err, "no such repository (404)", "check the URL")
	_, err = checkout(t, Repository{URL: server.SSHURL() + "/nothing.git", Auth: sshAuth(server)})
	wantProblem(t, err, "the server says", "check the path")
}

func TestUnreachable(t *testing.T) {
	server := gitserver.New(t)
	web, secure := server.URL(), server.SSHURL()
	auth := sshAuth(server)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	for _, repository := range []Repository{{URL: web + "/a.git"}, {URL: secure + "/a.git", Auth: auth}} {
		_, err := checkout(t, repository)
		wantProblem(t, err, "unreachable", "host and port")
		if !errors.Is(err, drift.ErrUnreachable) {
			t.Errorf("%v is not ErrUnreachable", err)
		}
	}
}
