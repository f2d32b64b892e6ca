package source

import (
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

func TestRefs(t *testing.T) {
	for _, plain := range []bool{false, true} {
		name := "server allows any commit"
		if plain {
			name = "server allows tips only"
		}
		t.Run(name, func(t *testing.T) {
			server := gitserver.NewWith(t, gitserver.Options{PlainUploadPack: plain})
			repo := server.Repo("app")
			first := repo.Commit("first", map[string]string{"f": "1"})
			second := repo.Commit("second", map[string]string{"f": "2"})
			third := repo.Commit("third", map[string]string{"f": "3"})
			repo.Branch("release/1.0", first)
			repo.Tag("v1", first)
			tag := repo.AnnotatedTag("v2", second, "two")
			repo.AnnotatedTag("v2-signed", tag, "a tag of a tag")
			repo.Branch("same", second)
			repo.AnnotatedTag("same", second, "the same commit as the branch")
			cases := []struct {
				ref, commit, reason string
			}{
				{"", third, "no ref means HEAD"},
				{"HEAD", third, "HEAD by name"},
				{"main", third, "a branch"},
				{"release/1.0", first, "a branch with a slash"},
				{"refs/heads/main", third, "a full branch name"},
				{"v1", first, "a light tag"},
				{"v2", second, "an annotated tag is peeled"},
				{"refs/tags/v2", second, "a full tag name"},
				{"v2-signed", second, "nested tags are peeled"},
				{"same", second, "a branch and a tag of one commit do not contradict each other"},
				{third, third, "a commit that is a tip"},
				{second, second, "a commit that is a tip of a tag only, peeled"},
				{strings.ToUpper(first), first, "upper-case digits"},
			}
			for _, via := range []struct {
				name string
				url  string
				auth Auth
			}{
				{"http", repo.URL(), Auth{}},
				{"ssh", repo.SSHURL(), sshAuth(server)},
				{"disk", repo.Path(), Auth{}},
			} {
				for _, c := range cases {
					got, err := checkout(t, Repository{URL: via.url, Ref: c.ref, Auth: via.auth})
					if err != nil {
						t.Errorf("%s, %s: %v", via.name, c.reason, err)
						continue
					}
					if got.Revision.Commit != c.commit {
						t.Errorf("%s, %s: got commit %s, want %s", via.name, c.reason, got.Revision.Commit, c.commit)
					}
				}
			}
		})
	}
}

func TestCommitInTheMiddleOfHistory(t *testing.T) {
	server := gitserver.NewWith(t, gitserver.Options{PlainUploadPack: true})
	repo := server.Repo("app")
	oldest := repo.Commit("oldest", map[string]string{"f": "old"})
	for range historyStep + 2 {
		repo.Commit("more", map[string]string{"f": "new"})
	}
	recent, err := repo.Resolve("main~3")
	if err != nil {
		t.Fatal(err)
	}
	for _, via := range []Repository{
		{URL: repo.URL()},
		{URL: repo.SSHURL(), Auth: sshAuth(server)},
	} {
		for _, commit := range []string{recent, oldest} {
			via.Ref = commit
			if got := mustCheckout(t, via); got.Revision.Commit != commit {
				t.Errorf("got commit %s, want %s", got.Revision.Commit, commit)
			}
		}
		via.Ref = strings.Repeat("0123", 10)
		_, err := checkout(t, via)
		wantProblem(t, err, "is on no branch or tag", "pushed")
	}
}

func TestRefProblems(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	first := repo.Commit("first", map[string]string{"f": "1"})
	second := repo.Commit("second", map[string]string{"f": "2"})
	repo.Branch("release-1", first)
	repo.Branch("v1", second)
	repo.Tag("v1", first)
	blob, err := repo.Object("blob", []byte("not a commit"))
	if err != nil {
		t.Fatal(err)
	}
	repo.AnnotatedTag("readme", blob, "a tag of a file")
	server.Repo("empty")
	cases := []struct {
		name, url, ref, text, hint string
	}{
		{"a typo names the nearest", "app", "mian", `no branch or tag "mian"`, `did you mean "main"`},
		{"half a ref names the branch", "app", "heads/main", `no branch or tag "heads/main"`, `did you mean "main"`},
		{"a branch of a remote names the branch", "app", "origin/main", `no branch or tag "origin/main"`, `did you mean "main"`},
		{"a tracking ref names the branch", "app", "refs/remotes/origin/main", `no branch or tag "refs/remotes/origin/main"`, `did you mean "main"`},
		{"a tag that is a branch names the branch", "app", "tags/main", `no branch or tag "tags/main"`, `did you mean "main"`},
		{"nothing near lists some", "app", "production", `no branch or tag "production"`, `there are "main"`},
		{"an abbreviated commit", "app", first[:10], "no branch or tag", "40 digits"},
		{"a full name that is not there", "app", "refs/heads/releaze-1", "no branch or tag", `"release-1"`},
		{"a branch and a tag of different commits", "app", "v1", "branch and a tag of different commits", "refs/tags/v1"},
		{"a tag of a file", "app", "readme", "names a blob, not a commit", "a tag of a commit"},
		{"an empty repository", "empty", "main", "the repository is empty", "push"},
		{"control characters are not repeated", "app", "a\x1b[31mb", `"a[31mb"`, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, via := range []Repository{
				{URL: server.URL() + "/" + c.url + ".git"},
				{URL: server.SSHURL() + "/" + c.url + ".git", Auth: sshAuth(server)},
				{URL: server.Repo(c.url).Path()},
			} {
				via.Ref = c.ref
				_, err := checkout(t, via)
				wantProblem(t, err, c.text, c.hint)
			}
		})
	}
}
