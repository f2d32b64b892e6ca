package source

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// A server that has no more itself is asked in vain once, and then believed to
// have no more: that proves nothing.
func TestServerWithAShallowCopy(t *testing.T) {
	for _, options := range []gitserver.Options{{}, {PlainUploadPack: true}} {
		server := gitserver.NewWith(t, options)
		repo := server.Repo("app")
		commits := newFamily(t, repo)
		if err := os.WriteFile(filepath.Join(repo.Path(), "shallow"), []byte(commits["merge"]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, repository := range []Repository{{URL: repo.URL()}, {URL: repo.SSHURL(), Auth: sshAuth(server)}} {
			s := descending(t, repository)
			if got, err := s.Descends(t.Context(), "", commits["right"]); err != nil || !got {
				t.Errorf("the boundary names its parents: got %v, %v", got, err)
			}
			for _, ancestor := range []string{"root", "unknown", "stranger"} {
				got, err := s.Descends(t.Context(), "", commits[ancestor])
				wantUnproved(t, got, err, "more of it cannot be read", "shallow")
			}
		}
	}
}

// Refs move while a run is at work. The commit of the checkout is what counts.
func TestRefMovedMeanwhile(t *testing.T) {
	for _, plain := range []bool{false, true} {
		for _, overSSH := range []bool{false, true} {
			t.Run(fmt.Sprintf("plain %v, ssh %v", plain, overSSH), func(t *testing.T) {
				server := gitserver.NewWith(t, gitserver.Options{PlainUploadPack: plain})
				repo := server.Repo("app")
				commits := newFamily(t, repo)
				if err := repo.DeleteRef("refs/tags/v1"); err != nil {
					t.Fatal(err)
				}
				repository := Repository{URL: repo.URL(), Ref: "main"}
				if overSSH {
					repository = Repository{URL: repo.SSHURL(), Ref: "main", Auth: sshAuth(server)}
				}
				ahead, rewritten := descending(t, repository), descending(t, repository)
				repo.Commit("newer", map[string]string{"f": "newer"})
				if got, err := ahead.Descends(t.Context(), "", commits["root"]); err != nil || !got {
					t.Errorf("a newer commit: got %v, %v, want true", got, err)
				}
				repo.CommitAs(gitserver.Change{Message: "rewritten", Orphan: true, Files: map[string]string{"f": "rewritten"}})
				got, err := rewritten.Descends(t.Context(), "", commits["root"])
				if !plain {
					if err != nil || !got {
						t.Errorf("a rewritten branch: got %v, %v, want true", got, err)
					}
					return
				}
				wantUnproved(t, got, err, `no longer has the commit in the history of "main"`, "rewritten")
			})
		}
	}
}

// A server cannot make descent up: what it sends counts under its own hash alone.
func TestForgedHistory(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	commits := newFamily(t, repo)
	commit := func(name string, parents ...string) []byte {
		content := "tree " + commits["tree of tip"] + "\n"
		for _, parent := range parents {
			content += "parent " + parent + "\n"
		}
		return []byte(content + "author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\n" + name + "\n")
	}
	real := func(name string) []byte {
		return []byte(gitOutput(t, repo.Path(), "", "cat-file", "commit", commits[name]))
	}
	cases := []struct {
		name string
		sent [][]byte
		text string
	}{
		{"another commit in place of the one that was asked for", [][]byte{commit("tip", commits["stranger"])}, "no longer has the commit"},
		{"a commit between that nobody names", [][]byte{real("tip"), commit("last", commits["stranger"])}, "more of it cannot be read"},
		{"the wanted ancestor without what leads to it", [][]byte{real("tip"), real("stranger")}, "more of it cannot be read"},
		{"nothing", nil, "no longer has the commit"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server.Break(nil)
			s := descending(t, Repository{URL: repo.URL(), Ref: "main"})
			var writer packWriter
			for _, content := range c.sent {
				writer.whole(plumbing.CommitObject, content)
			}
			pack := pktLine("\x01" + string(writer.bytes()))
			server.Break(gitserver.OnlyPacks(typed("application/x-git-upload-pack-result", "0000"+pktLine("NAK\n")+pack+"0000")))
			got, err := s.Descends(t.Context(), "", commits["stranger"])
			wantUnproved(t, got, err, c.text, "")
		})
	}
}

func TestDescendsServerFaults(t *testing.T) {
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	defer elsewhere.Close()
	const result = "application/x-git-upload-pack-result"
	cases := []struct {
		name        string
		fault       gitserver.Fault
		text        string
		unreachable bool
	}{
		{"overloaded", gitserver.Status(503), "503", true},
		{"a pack refused", gitserver.OnlyPacks(gitserver.Status(500)), "500", true},
		{"a pack cut off", gitserver.OnlyPacks(gitserver.Truncate(200)), "broke off", true},
		{"forbidden meanwhile", gitserver.Status(403), "access denied", false},
		{"gone meanwhile", gitserver.Status(404), "no such repository", false},
		{"a redirect to another host", gitserver.Redirect(elsewhere.URL), "redirects to another host", false},
		{"a pack from another host", gitserver.OnlyPacks(gitserver.Redirect(elsewhere.URL)), "redirects a fetch", false},
		{"no depths, though offered", gitserver.OnlyPacks(typed(result, pktLine("ERR no deepening, "+canaryToken+" "))), `the server says "no deepening, ***"`, false},
		{"no filters, though offered", gitserver.OnlyPacks(typed(result, pktLine("ERR filter 'none' not supported"))), `the server says "filter`, false},
		{"a web page", gitserver.OnlyPacks(page("<html>canary-page</html>")), "not that of a Git repository", false},
		{"no pack", gitserver.OnlyPacks(typed(result, "0000"+pktLine("NAK\n")+pktLine("\x01canary-pack")+"0000")), "reading the pack", false},
	}
	server := gitserver.New(t)
	repo := server.Repo("app")
	commits := newFamily(t, repo)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server.Break(nil)
			s := descending(t, Repository{URL: repo.URL(), Ref: "main", Auth: Auth{TokenFile: write(t, "token", canaryToken)}})
			server.Break(c.fault)
			got, err := s.Descends(t.Context(), "", commits["root"])
			wantProblem(t, err, c.text, "")
			if got || errors.Is(err, drift.ErrUnreachable) != c.unreachable {
				t.Errorf("got %v, %v; want ErrUnreachable: %v", got, err, c.unreachable)
			}
			// A run sees one state of a repository.
			server.Break(nil)
			server.Forget()
			if _, err := s.Descends(t.Context(), "", commits["unknown"]); err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("the second time: got %v", err)
			}
			if got := server.Requests(); len(got) > 0 {
				t.Errorf("the server was asked %d times again, want none", len(got))
			}
			if got, err := s.Descends(t.Context(), "", commits["last"]); err != nil || !got {
				t.Errorf("the parent, which is known: got %v, %v", got, err)
			}
		})
	}
}
