package gitserver_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

func TestFilesOfACommit(t *testing.T) {
	t.Parallel()
	repo := gitserver.New(t).Repo("app")
	repo.Commit("first", map[string]string{
		"keep": "kept", "change": "before", "folder/a": "a", "folder/b": "b", "run.sh": gitserver.Executable("#!/bin/sh\n"),
	})
	repo.Commit("second", map[string]string{
		"change":             "after",
		"folder":             gitserver.Deleted,
		"link":               gitserver.Symlink("keep"),
		"vendor/lib":         gitserver.Submodule(strings.Repeat("1", 40)),
		"naïve \"name\"\n.x": "odd",
	})
	got := mustGit(t, nil, "-C", repo.Path(), "ls-tree", "-r", "--format=%(objectmode) %(path)", "main")
	want := strings.Join([]string{
		"100644 change", "100644 keep", "120000 link", `100644 "na\303\257ve \"name\"\n.x"`, "100755 run.sh", "160000 vendor/lib",
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if got := mustGit(t, nil, "-C", repo.Path(), "show", "main:change"); got != "after" {
		t.Errorf("change holds %q", got)
	}
	if _, err := repo.Write(gitserver.Change{Files: map[string]string{"/etc/passwd": "x"}}); err == nil {
		t.Error("an absolute path was committed")
	}
}

func TestEqualCallsMakeEqualCommits(t *testing.T) {
	t.Parallel()
	make := func() (commit, tag string) {
		repo := gitserver.New(t).Repo("app")
		commit = repo.Commit("first", map[string]string{"a": "1", "b": "2"})
		return commit, repo.AnnotatedTag("v1", commit, "release")
	}
	commit, tag := make()
	commitAgain, tagAgain := make()
	if commit != commitAgain || tag != tagAgain {
		t.Errorf("commits %s and %s, tags %s and %s", commit, commitAgain, tag, tagAgain)
	}
}

func TestAuthorBranchesAndTags(t *testing.T) {
	t.Parallel()
	repo := gitserver.New(t).Repo("app")
	first := repo.Commit("first", map[string]string{"a": "1"})
	when := time.Date(2026, time.March, 1, 12, 30, 0, 0, time.FixedZone("", 2*60*60))
	second := repo.CommitAs(gitserver.Change{
		Message: "second\n\nwith a body", Branch: "release", From: "main",
		Files: map[string]string{"b": "2"}, Author: gitserver.Person{Name: "Zoë Ω", Email: "zoe@example.com"}, Time: when,
	})
	got := mustGit(t, nil, "-C", repo.Path(), "log", "-1", "--format=%an <%ae> %aI %P %s", second)
	if want := "Zoë Ω <zoe@example.com> 2026-03-01T12:30:00+02:00 " + first + " second"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	repo.Branch("copy", second)
	repo.Tag("light", first)
	tag := repo.AnnotatedTag("v1", second, "release 1")
	for ref, want := range map[string]string{
		"refs/heads/main": first, "refs/heads/release": second, "refs/heads/copy": second,
		"refs/tags/light": first, "refs/tags/v1": tag, "refs/tags/v1^{}": second,
	} {
		if got := mustGit(t, nil, "-C", repo.Path(), "rev-parse", ref); got != want {
			t.Errorf("%s is %s, want %s", ref, got, want)
		}
	}
	if tag == second {
		t.Error("an annotated tag has the commit's hash")
	}
	if err := repo.DeleteRef("refs/heads/copy"); err != nil {
		t.Error(err)
	}
	if _, err := repo.Resolve("copy"); err == nil {
		t.Error("a deleted branch still resolves")
	}
}

func TestHistoryCanBeRewritten(t *testing.T) {
	t.Parallel()
	repo := gitserver.New(t).Repo("app")
	first := repo.Commit("first", map[string]string{"a": "1"})
	repo.Commit("second", map[string]string{"a": "2"})
	rewritten := repo.CommitAs(gitserver.Change{Message: "other second", From: first, Files: map[string]string{"b": "1"}})
	if got := mustGit(t, nil, "-C", repo.Path(), "log", "--format=%H", "main"); got != rewritten+"\n"+first {
		t.Errorf("history after rewriting:\n%s", got)
	}
	orphan := repo.CommitAs(gitserver.Change{Message: "new life", Orphan: true, Files: map[string]string{"c": "1"}})
	if got := mustGit(t, nil, "-C", repo.Path(), "log", "--format=%H", "main"); got != orphan {
		t.Errorf("history after an orphan:\n%s", got)
	}
	if got := mustGit(t, nil, "-C", repo.Path(), "ls-tree", "-r", "--name-only", "main"); got != "c" {
		t.Errorf("an orphan holds:\n%s", got)
	}
}

func TestHostileTreesCanBeStored(t *testing.T) {
	t.Parallel()
	repo := gitserver.New(t).Repo("app")
	blob, err := repo.Object("blob", []byte("evil"))
	if err != nil {
		t.Fatal(err)
	}
	var raw []byte
	raw = append(raw, "100644 ..\x00"...)
	for i := 0; i < len(blob); i += 2 {
		raw = append(raw, unhex(blob[i])<<4|unhex(blob[i+1]))
	}
	tree, err := repo.Object("tree", raw)
	if err != nil {
		t.Fatal(err)
	}
	if got := mustGit(t, nil, "-C", repo.Path(), "ls-tree", "--format=%(path)", tree); got != ".." {
		t.Errorf("the tree holds %q", got)
	}
}

func unhex(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

func TestRepositoryNamesStayInside(t *testing.T) {
	t.Parallel()
	server := gitserver.New(t)
	for _, name := range []string{"../out", "/abs", ""} {
		if _, err := server.Create(name); err == nil {
			t.Errorf("repository %q was created", name)
		}
	}
}
