package source

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

func TestLocalHistory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "clone")
	gitOutput(t, ".", "", "init", "--quiet", "--initial-branch=main", dir)
	commits := chain(t, dir, 10_100)
	shallow := filepath.Join(t.TempDir(), "shallow")
	gitOutput(t, ".", "", "clone", "--quiet", "--depth=5", "file://"+dir, shallow)
	shared := filepath.Join(t.TempDir(), "shared.git")
	gitOutput(t, ".", "", "clone", "--quiet", "--bare", "--shared", dir, shared)
	cases := []struct {
		name, path, ref, ancestor string
		want                      bool
		unproved, hint            string
	}{
		{"the parent", dir, "main", commits[1], true, "", ""},
		{"far away", dir, "main", commits[9_000], true, "", ""},
		{"at the bound", dir, "main", commits[10_000], true, "", ""},
		{"behind the bound", dir, "main", commits[10_001], false, "not among the 10000 commits", ""},
		{"nowhere within the bound", dir, "main", unknownCommit, false, "not among the 10000 commits", ""},
		{"nowhere", dir, commits[9_000], unknownCommit, false, "", ""},
		{"a clone that borrows objects", shared, "main", commits[2_000], true, "", ""},
		{"within a shallow clone", shallow, "", commits[4], true, "", ""},
		{"named by the last commit of a shallow clone", shallow, "", commits[5], true, "", ""},
		{"behind a shallow clone", shallow, "", commits[6], false, "more of it cannot be read", "--unshallow"},
		{"nowhere in a shallow clone", shallow, "", unknownCommit, false, "more of it cannot be read", "--unshallow"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := New(map[string]Repository{"": {URL: c.path, Ref: c.ref}}, Options{})
			for range 2 {
				got, err := s.Descends(t.Context(), "", c.ancestor)
				if c.unproved != "" {
					wantUnproved(t, got, err, c.unproved, c.hint)
				} else if err != nil || got != c.want {
					t.Errorf("got %v, %v, want %v", got, err, c.want)
				}
			}
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		s := descending(t, Repository{URL: dir})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got, err := s.Descends(ctx, "", commits[9_000]); got || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, %v, want Canceled", got, err)
		}
		if got, err := s.Descends(t.Context(), "", commits[9_000]); err != nil || !got {
			t.Errorf("afterwards: got %v, %v, want true", got, err)
		}
	})
}

// A commit that cannot be read hides what is behind it, and nothing beside it.
func TestBrokenCommits(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	commits := newFamily(t, repo)
	body := "author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nbroken\n"
	tree := "tree " + commits["tree of tip"] + "\n"
	object := func(content string) string {
		hash, err := repo.Object("commit", []byte(content))
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	replaced := object(tree + body + "to be replaced")
	forged := object(tree + "parent " + commits["stranger"] + "\n" + body)
	file := func(hash string) string { return filepath.Join(repo.Path(), "objects", hash[:2], hash[2:]) }
	if err := os.Rename(file(forged), file(replaced)); err != nil {
		t.Fatal(err)
	}
	for name, broken := range map[string]string{
		"no tree":                object("parent " + commits["stranger"] + "\n" + body),
		"a short parent":         object(tree + "parent abc\n" + body),
		"empty":                  object(""),
		"under another's hash":   replaced,
		"not there":              unknownCommit[2:] + "00",
		"a tree in its place":    commits["tree of tip"],
		"a folder as its parent": object(tree + "parent " + commits["tree of tip"] + "\n" + body),
	} {
		t.Run(name, func(t *testing.T) {
			ref := object(tree + "parent " + broken + "\nparent " + commits["left"] + "\n" + body)
			s := New(map[string]Repository{"": {URL: repo.Path(), Ref: ref}}, Options{})
			if got, err := s.Descends(t.Context(), "", commits["root"]); err != nil || !got {
				t.Errorf("beside it: got %v, %v, want true", got, err)
			}
			got, err := s.Descends(t.Context(), "", commits["stranger"])
			wantUnproved(t, got, err, "cannot be read", "")
		})
	}
}

func TestParentsOf(t *testing.T) {
	a, b, c := strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("c", 40)
	cases := []struct {
		name, content string
		parents       []string
		unreadable    bool
	}{
		{name: "a first commit", content: "tree " + a + "\nauthor x\n\ntext\n"},
		{name: "a merge", content: "tree " + a + "\nparent " + b + "\nparent " + c + "\nauthor x\n", parents: []string{b, c}},
		{name: "text that looks like parents", content: "tree " + a + "\nparent " + b + "\nauthor x\nparent " + c + "\ngpgsig x\n parent " + c + "\n\nparent " + c + "\n", parents: []string{b}},
		{name: "parents before the tree", content: "parent " + b + "\ntree " + a + "\n", unreadable: true},
		{name: "a parent that is no hash", content: "tree " + a + "\nparent main\n", unreadable: true},
		{name: "a parent with more behind it", content: "tree " + a + "\nparent " + b + " " + c + "\n", unreadable: true},
		{name: "a parent cut off", content: "tree " + a + "\nparent " + b[:39], unreadable: true},
		{name: "nothing", unreadable: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			found, readable := parentsOf([]byte(c.content))
			var got []string
			for _, parent := range found {
				got = append(got, parent.String())
			}
			if readable == c.unreadable || !slices.Equal(got, c.parents) {
				t.Errorf("got %v, %v, want %v", got, readable, c.parents)
			}
		})
	}
}
