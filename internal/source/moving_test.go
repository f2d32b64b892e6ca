package source

import (
	"net/http"
	"sync"
	"testing"

	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// TestRefThatMovesMeanwhile: a ref that moves after it was looked up, before its commit is
// fetched or while files are, does not mix two commits.
func TestRefThatMovesMeanwhile(t *testing.T) {
	for _, c := range []struct {
		why  string
		move func(t *testing.T, repo *gitserver.Repo)
	}{
		{"a push", func(t *testing.T, repo *gitserver.Repo) { push(t, repo, "main", "2") }},
		{"a push that takes the commit away", func(t *testing.T, repo *gitserver.Repo) {
			if err := repo.SetRef("refs/heads/main", push(t, repo, "other", "3")); err != nil {
				t.Error(err)
			}
		}},
	} {
		t.Run(c.why, func(t *testing.T) {
			server := gitserver.New(t)
			repo := server.Repo("app")
			first := repo.Commit("first", map[string]string{"a": "1", "b": "1"})
			var once sync.Once
			server.Break(gitserver.OnlyPacks(func(w http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
				once.Do(func() { c.move(t, repo) })
				next.ServeHTTP(w, r)
			}))
			got, err := checkout(t, Repository{URL: repo.URL(), Ref: "main", Auth: Auth{TokenFile: write(t, "token", canaryToken)}})
			if err != nil {
				t.Fatal(err)
			}
			if got.Revision.Commit != first {
				t.Errorf("it is at %s, not %s", got.Revision.Commit, first)
			}
			for _, name := range []string{"a", "b"} {
				if text := read(t, got, name); text != "1" {
					t.Errorf("file %s is %q, of another commit", name, text)
				}
			}
		})
	}
}

// push is called while a request is answered, where a test cannot be ended.
func push(t *testing.T, repo *gitserver.Repo, branch, content string) string {
	commit, err := repo.Write(gitserver.Change{Message: content, Branch: branch, Files: map[string]string{"a": content, "b": content}})
	if err != nil {
		t.Error(err)
	}
	return commit
}
