package gitserver_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// git runs the git binary as a client would, with more environment if given.
func git(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", args...)
	command.Env = append(gitserver.Env(t.TempDir()), env...)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	return strings.TrimSpace(out.String()), err
}

func mustGit(t *testing.T, env []string, args ...string) string {
	t.Helper()
	out, err := git(t, env, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// sshCommand is what a client sets to use the key and the host keys given.
func sshCommand(key, knownHosts string) []string {
	return []string{"GIT_SSH_COMMAND=ssh -F none -o IdentitiesOnly=yes -o IdentityAgent=none" +
		" -o BatchMode=yes -o StrictHostKeyChecking=yes -o GlobalKnownHostsFile=" + os.DevNull +
		" -o UserKnownHostsFile=" + knownHosts + " -i " + key}
}

func TestCloneByEveryProtocol(t *testing.T) {
	t.Parallel()
	server := gitserver.New(t)
	repo := server.Repo("team/app")
	commit := repo.Commit("first", map[string]string{"apps/web.yaml": "kind: Service\n"})
	tests := map[string]struct {
		url string
		env []string
	}{
		"http":        {repo.URL(), nil},
		"https":       {repo.HTTPSURL(), []string{"GIT_SSL_CAINFO=" + server.CAFile()}},
		"ssh":         {repo.SSHURL(), sshCommand(server.ClientKeyFile(), server.KnownHostsFile())},
		"folder":      {repo.Path(), nil},
		"protocol v0": {repo.URL(), []string{"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=protocol.version", "GIT_CONFIG_VALUE_0=0"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clone := filepath.Join(t.TempDir(), "clone")
			mustGit(t, test.env, "clone", "--quiet", test.url, clone)
			if got := mustGit(t, nil, "-C", clone, "rev-parse", "HEAD"); got != commit {
				t.Errorf("the clone is at %s, want %s", got, commit)
			}
			content, err := os.ReadFile(filepath.Join(clone, "apps/web.yaml"))
			if err != nil || string(content) != "kind: Service\n" {
				t.Errorf("the file reads %q, %v", content, err)
			}
		})
	}
}

func TestClientsThatAreRefused(t *testing.T) {
	t.Parallel()
	server := gitserver.New(t)
	repo := server.Repo("app")
	repo.Commit("first", map[string]string{"a": "1"})
	tests := map[string]struct {
		url  string
		env  []string
		want string
	}{
		"https without the CA":        {repo.HTTPSURL(), nil, "certificate"},
		"ssh with another key":        {repo.SSHURL(), sshCommand(server.StrangerKeyFile(), server.KnownHostsFile()), "Permission denied"},
		"ssh with another host key":   {repo.SSHURL(), sshCommand(server.ClientKeyFile(), server.WrongKnownHostsFile()), "Host key verification failed"},
		"no such repository, http":    {server.URL() + "/other.git", nil, "not found"},
		"no such repository, ssh":     {server.SSHURL() + "/other.git", sshCommand(server.ClientKeyFile(), server.KnownHostsFile()), "not found"},
		"outside the server, by ssh":  {server.SSHURL() + "/../home", sshCommand(server.ClientKeyFile(), server.KnownHostsFile()), "not found"},
		"outside the server, by http": {server.URL() + "/../home", nil, "not found"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := git(t, test.env, "ls-remote", test.url)
			if err == nil || !strings.Contains(out, test.want) {
				t.Errorf("git ls-remote: %v, want %q in:\n%s", err, test.want, out)
			}
		})
	}
}

func TestPushIsRefused(t *testing.T) {
	t.Parallel()
	server := gitserver.New(t)
	repo := server.Repo("app")
	commit := repo.Commit("first", map[string]string{"a": "1"})
	for name, url := range map[string]string{"http": repo.URL(), "ssh": repo.SSHURL()} {
		out, err := git(t, sshCommand(server.ClientKeyFile(), server.KnownHostsFile()),
			"-C", repo.Path(), "push", url, commit+":refs/heads/pushed")
		if err == nil {
			t.Errorf("%s: a push was let in:\n%s", name, out)
		}
	}
}

func TestAnyReachableCommitCanBeWanted(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		options gitserver.Options
		allowed bool
	}{
		"as hosting services": {gitserver.Options{}, true},
		"as plain git":        {gitserver.Options{PlainUploadPack: true}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := gitserver.NewWith(t, test.options).Repo("app")
			first := repo.Commit("first", map[string]string{"a": "1"})
			repo.Commit("second", map[string]string{"a": "2"})
			clone := filepath.Join(t.TempDir(), "clone")
			mustGit(t, nil, "init", "--quiet", clone)
			// Version 2 of the protocol allows it always; the setting is for version 0.
			out, err := git(t, nil, "-C", clone, "-c", "protocol.version=0", "fetch", "--depth=1", repo.URL(), first)
			if (err == nil) != test.allowed {
				t.Errorf("fetching a commit that no ref points at: %v\n%s", err, out)
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	server := gitserver.NewWith(t, gitserver.Options{
		Credentials: gitserver.Credentials{Username: "ci", Password: "s3cret", Bearer: "tok"},
	})
	repo := server.Repo("app")
	repo.Commit("first", map[string]string{"a": "1"})
	tests := map[string]struct {
		user, password, bearer string
		want                   int
	}{
		"nothing":        {want: http.StatusUnauthorized},
		"basic":          {user: "ci", password: "s3cret", want: http.StatusOK},
		"wrong password": {user: "ci", password: "s3cre", want: http.StatusUnauthorized},
		"wrong user":     {user: "cd", password: "s3cret", want: http.StatusUnauthorized},
		"bearer":         {bearer: "tok", want: http.StatusOK},
		"wrong bearer":   {bearer: "to", want: http.StatusUnauthorized},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, repo.URL()+"/info/refs?service=git-upload-pack", nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.user != "" {
				request.SetBasicAuth(test.user, test.password)
			}
			if test.bearer != "" {
				request.Header.Set("Authorization", "Bearer "+test.bearer)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			if response.StatusCode != test.want {
				t.Errorf("answered %d, want %d", response.StatusCode, test.want)
			}
			if asked := response.Header.Get("WWW-Authenticate"); (asked == "") == (test.want == http.StatusUnauthorized) {
				t.Errorf("WWW-Authenticate is %q", asked)
			}
		})
	}
	server.Demand(gitserver.Credentials{})
	mustGit(t, nil, "ls-remote", repo.URL())
}

func TestRequestsAreRecorded(t *testing.T) {
	t.Parallel()
	server := gitserver.New(t)
	repo := server.Repo("app")
	repo.Commit("first", map[string]string{"a": "1"})
	mustGit(t, nil, "clone", "--quiet", repo.URL(), filepath.Join(t.TempDir(), "clone"))
	var got []string
	for _, r := range server.Requests() {
		got = append(got, strings.TrimSpace(strings.Join([]string{r.Protocol, r.Method, r.Path, r.Query}, " ")))
	}
	want := []string{
		"http GET /app.git/info/refs service=git-upload-pack",
		"http POST /app.git/git-upload-pack", // ls-refs
		"http POST /app.git/git-upload-pack", // fetch
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	server.Forget()
	mustGit(t, sshCommand(server.ClientKeyFile(), server.KnownHostsFile()), "ls-remote", repo.SSHURL())
	if diff := cmp.Diff([]gitserver.Request{{Protocol: "ssh", Path: "/app.git"}}, server.Requests()); diff != "" {
		t.Errorf("requests over SSH (-want +got):\n%s", diff)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	elsewhere := gitserver.New(t)
	elsewhere.Repo("app").Commit("first", map[string]string{"a": "1"})
	tests := map[string]struct {
		fault gitserver.Fault
		want  string // in git's output; empty: the clone succeeds
	}{
		"an old protocol":    {gitserver.Speak("0"), ""},
		"status":             {gitserver.Status(http.StatusServiceUnavailable), "503"},
		"redirect":           {gitserver.Redirect(elsewhere.URL()), ""},
		"truncated refs":     {gitserver.Truncate(20), "fatal"},
		"truncated pack":     {gitserver.OnlyPacks(gitserver.Truncate(40)), "fatal"},
		"status, packs only": {gitserver.OnlyPacks(gitserver.Status(http.StatusTeapot)), "418"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := gitserver.New(t)
			repo := server.Repo("app")
			repo.Commit("first", map[string]string{"a": "1"})
			server.Break(test.fault)
			out, err := git(t, nil, "clone", repo.URL(), filepath.Join(t.TempDir(), "clone"))
			if (err == nil) != (test.want == "") || !strings.Contains(out, test.want) {
				t.Errorf("git clone: %v, want %q in:\n%s", err, test.want, out)
			}
			server.Break(nil)
			mustGit(t, nil, "clone", "--quiet", repo.URL(), filepath.Join(t.TempDir(), "clone"))
		})
	}
}

// TestHangEnds shows both ends of a hanging request: the client gives up, or the
// host closes.
func TestHangEnds(t *testing.T) {
	t.Parallel()
	host, err := gitserver.Start(t.TempDir(), gitserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	arrived := make(chan struct{}, 2)
	host.Break(func(w http.ResponseWriter, r *http.Request, next http.Handler, closed <-chan struct{}) {
		arrived <- struct{}{}
		gitserver.Hang()(w, r, next, closed)
	})
	ask := func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, host.URL()+"/app.git/info/refs", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- ask(ctx) }()
	<-arrived
	cancel()
	if err := <-ended; err == nil {
		t.Error("a hanging request was answered")
	}
	go func() { ended <- ask(t.Context()) }()
	<-arrived
	if err := host.Close(); err != nil {
		t.Errorf("closing: %v", err)
	}
	<-ended // whatever it got: Close ended it
	if err := host.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestCloseEndsIdleSSHConnections(t *testing.T) {
	t.Parallel()
	host, err := gitserver.Start(t.TempDir(), gitserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := host.Create("app"); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "ssh", "-F", "none", "-T", "-p", host.SSHURL()[strings.LastIndex(host.SSHURL(), ":")+1:],
		"-o", "BatchMode=yes", "-o", "UserKnownHostsFile="+host.KnownHostsFile(), "-i", host.ClientKeyFile(),
		"git@127.0.0.1", "git-upload-pack '/app.git'")
	command.Env = append(gitserver.Env(t.TempDir()), "GIT_PROTOCOL=")
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, 4)); err != nil {
		t.Fatalf("no answer before the close: %v", err)
	}
	if err := host.Close(); err != nil {
		t.Errorf("closing: %v", err)
	}
	if err := command.Wait(); err == nil {
		t.Error("the client was told that all is well")
	}
	_ = stdin.Close()
}
