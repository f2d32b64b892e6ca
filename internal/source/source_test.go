package source

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

func TestUnknownName(t *testing.T) {
	_, err := New(nil, Options{}).Checkout(t.Context(), "charts")
	wantProblem(t, err, `repository "charts" is not configured`, "repositories")
}

// advertisements counts how often a server was asked for its refs.
func advertisements(server *gitserver.Server) (count int) {
	for _, request := range server.Requests() {
		if strings.HasSuffix(request.Path, infoRefsPath) {
			count++
		}
	}
	return count
}

func TestConcurrentCallsShareOneFetch(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	commit := repo.Commit("first", map[string]string{"f": "1"})
	same := Repository{URL: repo.URL(), Ref: "main"}
	s := New(map[string]Repository{"": same, "again": same}, Options{})
	var calls sync.WaitGroup
	for i := range 20 {
		calls.Go(func() {
			got, err := s.Checkout(t.Context(), []string{"", "again"}[i%2])
			if err != nil || got.Revision.Commit != commit {
				t.Errorf("got %q, %v", got.Revision.Commit, err)
				return
			}
			if read(t, got, "f") != "1" {
				t.Error("the file reads something else")
			}
		})
	}
	calls.Wait()
	if got := advertisements(server); got != 1 {
		t.Errorf("the server was asked %d times, want once", got)
	}
}

// A run sees one state of a repository, even one that cannot be read.
func TestOutcomeIsKept(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	repo.Commit("first", map[string]string{"f": "1"})
	s := New(map[string]Repository{"": {URL: repo.URL(), Ref: "main"}, "bad": {URL: repo.URL(), Ref: "nothing"}}, Options{})
	for range 3 {
		if _, err := s.Checkout(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Checkout(t.Context(), "bad"); err == nil {
			t.Fatal("an unknown ref was found")
		}
		repo.Branch("nothing", repo.Commit("later", map[string]string{"f": "2"}))
	}
	if got := advertisements(server); got != 2 {
		t.Errorf("the server was asked %d times, want once per ref", got)
	}
}

// Whoever gives up does so for itself: the others still get the repository.
func TestOneCallerGivesUp(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	repo.Commit("first", map[string]string{"f": "1"})
	arrived, hang := make(chan struct{}), true
	var mu sync.Mutex
	server.Break(func(w http.ResponseWriter, r *http.Request, next http.Handler, closed <-chan struct{}) {
		mu.Lock()
		first := hang
		hang = false
		mu.Unlock()
		if !first {
			next.ServeHTTP(w, r)
			return
		}
		close(arrived)
		gitserver.Hang()(w, r, next, closed)
	})
	s := New(map[string]Repository{"": {URL: repo.URL(), Ref: "main"}}, Options{})
	impatient, giveUp := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	calls.Go(func() {
		if _, err := s.Checkout(impatient, ""); !errors.Is(err, context.Canceled) {
			t.Errorf("the first caller got %v, want Canceled", err)
		}
	})
	<-arrived
	for range 3 {
		calls.Go(func() {
			if _, err := s.Checkout(t.Context(), ""); err != nil {
				t.Errorf("a patient caller got %v", err)
			}
		})
	}
	calls.Go(func() {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Checkout(ctx, "")
		wantProblem(t, err, "", "")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a waiting caller that gives up got %v", err)
		}
	})
	giveUp()
	calls.Wait()
}

func TestCredentialProblems(t *testing.T) {
	const https, ssh = "https://git.example.com/a.git", "git@git.example.com:a.git"
	secret := write(t, "secret", canaryToken)
	empty := write(t, "empty", " \n")
	lines := write(t, "lines", canaryToken+"\nsecond line")
	t.Setenv("KILLICK_TEST_EMPTY", "")
	cases := []struct {
		name       string
		repository Repository
		text, file string
	}{
		{"an SSH key for https", Repository{URL: https, Auth: Auth{SSHKeyFile: secret}}, "are for SSH URLs", ""},
		{"a token for ssh", Repository{URL: ssh, Auth: Auth{TokenFile: secret}}, "are for HTTPS URLs", ""},
		{"two tokens", Repository{URL: https, Auth: Auth{TokenFile: secret, TokenEnv: "X"}}, "give one", ""},
		{"a token and a password", Repository{URL: https, Auth: Auth{TokenFile: secret, UsernameFile: secret, PasswordFile: secret}}, "give one", ""},
		{"a password without a user", Repository{URL: https, Auth: Auth{PasswordFile: secret}}, "needs usernameFile", ""},
		{"a user without a password", Repository{URL: https, Auth: Auth{UsernameFile: secret}}, "needs passwordFile", ""},
		{"a missing file", Repository{URL: https, Auth: Auth{TokenFile: secret + "-gone"}}, "reading tokenFile: no such file", secret + "-gone"},
		{"an empty file", Repository{URL: https, Auth: Auth{TokenFile: empty}}, "reading tokenFile: it is empty", empty},
		{"two lines", Repository{URL: https, Auth: Auth{TokenFile: lines}}, "more than one line", lines},
		{"an unset variable", Repository{URL: https, Auth: Auth{TokenEnv: "KILLICK_TEST_UNSET"}}, `"KILLICK_TEST_UNSET": it is empty`, ""},
		{"an empty variable", Repository{URL: https, Auth: Auth{TokenEnv: "KILLICK_TEST_EMPTY"}}, "it is empty", ""},
		{"a missing CA", Repository{URL: https, Auth: Auth{CAFile: secret + "-gone"}}, "reading caFile", secret + "-gone"},
		{"a missing known_hosts", Repository{URL: ssh, Auth: Auth{SSHKeyFile: gitserverKey(t), KnownHostsFile: secret + "-gone"}}, "reading knownHostsFile", secret + "-gone"},
		{"a working tree of a server", Repository{URL: https, Worktree: true}, "not a local path", ""},
		{"credentials in the URL", Repository{URL: "https://u:canary@git.example.com/a"}, "contains credentials", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := checkout(t, c.repository)
			wantProblem(t, err, c.text, "")
			var problem *drift.Problem
			if errors.As(err, &problem) && problem.File != c.file {
				t.Errorf("file is %q, want %q", problem.File, c.file)
			}
		})
	}
}

func gitserverKey(t *testing.T) string {
	t.Helper()
	return gitserver.New(t).ClientKeyFile()
}
