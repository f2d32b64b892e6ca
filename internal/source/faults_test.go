package source

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

func TestServerFaults(t *testing.T) {
	cases := []struct {
		name        string
		fault       gitserver.Fault
		text        string
		unreachable bool
	}{
		{"overloaded", gitserver.Status(503), "503", true},
		{"too many requests", gitserver.Status(429), "429", true},
		{"forbidden", gitserver.Status(403), "access denied", false},
		{"another status", gitserver.Status(418), "418", false},
		{"refs cut off", gitserver.Truncate(40), "broke off", true},
		{"pack cut off", gitserver.OnlyPacks(gitserver.Truncate(200)), "broke off", true},
		{"pack refused", gitserver.OnlyPacks(gitserver.Status(500)), "500", true},
		{"a web page", page("<html>canary-page</html>"), "not that of a Git repository", false},
		{"a page as refs", typed("application/x-git-upload-pack-advertisement", "<html>canary-page</html>"), "not that of a Git repository", false},
		{"refs that are an error", typed("application/x-git-upload-pack-advertisement", pktLine("ERR quota \x1b[31mexceeded")), `the server says "quota [31mexceeded"`, false},
		{"SHA-256", typed("application/x-git-upload-pack-advertisement", pktLine("# service=git-upload-pack\n")+"0000"+
			pktLine(strings.Repeat("ab", 32)+" HEAD\x00 object-format=sha256\n")+"0000"), "SHA-256", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := gitserver.New(t)
			repo := server.Repo("app")
			repo.Commit("first", map[string]string{"f": strings.Repeat("content ", 1000)})
			server.Break(c.fault)
			_, err := checkout(t, Repository{URL: repo.URL(), Ref: "main", Auth: Auth{TokenFile: write(t, "token", canaryToken)}})
			wantProblem(t, err, c.text, "")
			if got := errors.Is(err, drift.ErrUnreachable); got != c.unreachable {
				t.Errorf("ErrUnreachable is %v, want %v: %v", got, c.unreachable, err)
			}
		})
	}
}

func page(body string) gitserver.Fault { return typed("text/html", body) }

func typed(contentType, body string) gitserver.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write([]byte(body))
	}
}

// A server that repeats what it was sent must not get it into our reports.
func TestEchoedCredentialsAreRedacted(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	repo.Commit("first", map[string]string{"f": "1"})
	server.Break(func(w http.ResponseWriter, r *http.Request, _ http.Handler, _ <-chan struct{}) {
		_, password, _ := r.BasicAuth()
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		_, _ = w.Write([]byte(pktLine("ERR token " + password + " in " + r.Header.Get("Authorization") + " is not allowed")))
	})
	_, err := checkout(t, Repository{URL: repo.URL(), Auth: Auth{TokenFile: write(t, "token", canaryToken)}})
	wantProblem(t, err, "token *** in Basic *** is not allowed", "")
}

func TestRedirects(t *testing.T) {
	var leaked []http.Header
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		leaked = append(leaked, r.Header.Clone())
	}))
	defer elsewhere.Close()
	auth := Auth{TokenFile: write(t, "token", canaryToken)}

	t.Run("to another host", func(t *testing.T) {
		server := gitserver.New(t)
		repo := server.Repo("app")
		repo.Commit("first", map[string]string{"f": "1"})
		server.Break(gitserver.Redirect(elsewhere.URL + "/canary-signed"))
		_, err := checkout(t, Repository{URL: repo.URL(), Auth: auth})
		wantProblem(t, err, "redirects to another host, "+elsewhere.URL, "new URL")
		server.Break(gitserver.OnlyPacks(gitserver.Redirect(elsewhere.URL)))
		_, err = checkout(t, Repository{URL: repo.URL(), Auth: auth})
		wantProblem(t, err, "redirects a fetch", "new URL")
		if len(leaked) > 0 {
			t.Errorf("the other host was asked, with %v", leaked)
		}
	})
	t.Run("to another scheme of the same host", func(t *testing.T) {
		server := gitserver.New(t)
		repo := server.Repo("app")
		repo.Commit("first", map[string]string{"f": "1"})
		server.Break(gitserver.Redirect(server.URL()))
		_, err := checkout(t, Repository{URL: repo.HTTPSURL(), Auth: Auth{CAFile: server.CAFile(), TokenFile: auth.TokenFile}})
		wantProblem(t, err, "redirects to another host", "")
	})
	t.Run("to a new name on the same host", func(t *testing.T) {
		server := gitserver.New(t)
		repo := server.Repo("new")
		commit := repo.Commit("first", map[string]string{"f": "1"})
		server.Break(func(w http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
			if rest, old := strings.CutPrefix(r.URL.Path, "/old.git"); old {
				http.Redirect(w, r, "/new.git"+rest+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
				return
			}
			next.ServeHTTP(w, r)
		})
		got := mustCheckout(t, Repository{URL: server.URL() + "/old.git", Ref: "main"})
		if got.Revision.Commit != commit {
			t.Errorf("got commit %s, want %s", got.Revision.Commit, commit)
		}
	})
	t.Run("in a circle", func(t *testing.T) {
		server := gitserver.New(t)
		server.Break(gitserver.Redirect(server.URL()))
		_, err := checkout(t, Repository{URL: server.URL() + "/app.git"})
		wantProblem(t, err, "without end", "")
	})
}

// A server that hangs, wherever it does, ends with the context.
func TestHangEndsWithTheContext(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	repo.Commit("first", map[string]string{"f": "1"})
	silent := silentListener(t)
	cases := []struct {
		name       string
		fault      gitserver.Fault
		repository Repository
	}{
		{"before refs", gitserver.Hang(), Repository{URL: repo.URL()}},
		{"before the pack", gitserver.OnlyPacks(gitserver.Hang()), Repository{URL: repo.URL()}},
		{"in the middle of the pack", gitserver.OnlyPacks(stall), Repository{URL: repo.URL()}},
		{"before the TLS handshake", nil, Repository{URL: "https://" + silent}},
		{"before the SSH handshake", nil, Repository{URL: "ssh://git@" + silent + "/app.git", Auth: sshAuth(server)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server.Break(c.fault)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			_, err := New(map[string]Repository{"": c.repository}, Options{}).Checkout(ctx, "")
			wantProblem(t, err, "no answer in time", "--timeout")
			if !errors.Is(err, drift.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v is not ErrUnreachable and DeadlineExceeded", err)
			}
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		server.Break(nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := New(map[string]Repository{"": {URL: repo.URL()}}, Options{}).Checkout(ctx, "")
		wantProblem(t, err, "interrupted", "")
		if !errors.Is(err, context.Canceled) || errors.Is(err, drift.ErrUnreachable) {
			t.Errorf("%v: want Canceled and not ErrUnreachable", err)
		}
	})
}
