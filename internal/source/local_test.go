package source

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// clone is a working tree with one commit, and changes that are not committed.
func clone(t *testing.T) (dir, commit string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "clone")
	gitOutput(t, ".", "", "init", "--quiet", "--initial-branch=main", dir)
	put(t, dir, "apps/web/deploy.yaml", "committed")
	put(t, dir, "base/k.yaml", "base")
	if err := os.Symlink("../../base", filepath.Join(dir, "apps/web/base")); err != nil {
		t.Fatal(err)
	}
	put(t, dir, ".gitignore", "ignored/\n")
	gitOutput(t, dir, "", "add", ".")
	gitOutput(t, dir, "", "commit", "--quiet", "--message=First")
	commit = strings.TrimSpace(gitOutput(t, dir, "", "rev-parse", "HEAD"))
	put(t, dir, "apps/web/deploy.yaml", "edited")
	put(t, dir, "apps/web/new.yaml", "untracked")
	put(t, dir, "ignored/x", "ignored")
	return dir, commit
}

func put(t *testing.T, dir, name, content string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLocalCommit(t *testing.T) {
	dir, commit := clone(t)
	linked := filepath.Join(t.TempDir(), "linked")
	gitOutput(t, dir, "", "worktree", "add", "--quiet", "-b", "side", linked)
	bare := filepath.Join(dir, "nested", "bare.git")
	gitOutput(t, dir, "", "clone", "--quiet", "--bare", dir, bare)
	shared := filepath.Join(t.TempDir(), "shared")
	gitOutput(t, ".", "", "clone", "--quiet", "--shared", dir, shared)
	twice := filepath.Join(t.TempDir(), "twice")
	gitOutput(t, ".", "", "clone", "--quiet", "--shared", shared, twice)
	packed := filepath.Join(t.TempDir(), "packed.git")
	gitOutput(t, ".", "", "clone", "--quiet", "--bare", "--no-local", dir, packed)
	shallow := filepath.Join(t.TempDir(), "shallow")
	gitOutput(t, ".", "", "clone", "--quiet", "--depth=1", "file://"+dir, shallow)
	cases := []struct{ name, path, ref string }{
		{"the working tree", dir, ""},
		{"a folder below it", filepath.Join(dir, "apps/web"), "main"},
		{"a linked working tree", linked, ""},
		{"a branch made in a linked working tree", linked, "side"},
		{"a bare repository inside a working tree", bare, "main"},
		{"a clone that borrows objects", shared, "main"},
		{"a clone that borrows from a clone that borrows", twice, "main"},
		{"a remote-tracking branch", shared, "origin/main"},
		{"packed objects and refs", packed, "main"},
		{"a shallow clone, as CI makes them", shallow, ""},
		{"a full commit", dir, commit},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := mustCheckout(t, Repository{URL: c.path, Ref: c.ref})
			if got.Revision.Commit != commit || got.Revision.Worktree {
				t.Errorf("got %+v, want commit %s", got.Revision, commit)
			}
			if got := read(t, got, "apps/web/deploy.yaml"); got != "committed" {
				t.Errorf("the file reads %q", got)
			}
			if err := fstest.TestFS(got.FS, "apps/web/deploy.yaml", "apps/web/base/k.yaml", ".gitignore"); err != nil {
				t.Error(err)
			}
			if _, err := fs.Stat(got.FS, "apps/web/new.yaml"); err == nil {
				t.Error("an untracked file is served")
			}
		})
	}
}

func TestLocalProblems(t *testing.T) {
	dir, _ := clone(t)
	empty := filepath.Join(t.TempDir(), "empty")
	gitOutput(t, ".", "", "init", "--quiet", empty)
	bare := filepath.Join(t.TempDir(), "bare.git")
	gitOutput(t, dir, "", "clone", "--quiet", "--bare", dir, bare)
	partial := filepath.Join(t.TempDir(), "partial.git")
	gitOutput(t, dir, "", "config", "uploadpack.allowFilter", "true")
	gitOutput(t, ".", "", "clone", "--quiet", "--bare", "--filter=blob:none", "file://"+dir, partial)
	sha256 := filepath.Join(t.TempDir(), "sha256")
	gitOutput(t, ".", "", "init", "--quiet", "--object-format=sha256", sha256)
	file := write(t, "file", "x")
	plain := t.TempDir()
	cases := []struct {
		name       string
		repository Repository
		text, hint string
	}{
		{"no such folder", Repository{URL: filepath.Join(plain, "nothing")}, "there is no such folder", "https://"},
		{"a file", Repository{URL: file}, "it is not a folder", "clone"},
		{"no repository", Repository{URL: plain}, "not in a Git repository", "--worktree"},
		{"no commit yet", Repository{URL: empty}, "the repository is empty", "push"},
		{"an unknown commit", Repository{URL: dir, Ref: strings.Repeat("ab", 20)}, "there is no commit", "fetch it first"},
		{"an unknown ref", Repository{URL: dir, Ref: "mian"}, "no branch or tag", `"main"`},
		{"a partial clone", Repository{URL: partial}, "is missing from the repository", "partial"},
		{"SHA-256", Repository{URL: sha256}, "not supported", ""},
		{"the working tree of a bare repository", Repository{URL: bare, Worktree: true}, "without a working tree", "--worktree"},
		{"the working tree of nothing", Repository{URL: filepath.Join(plain, "nothing"), Worktree: true}, "there is no such folder", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := checkout(t, c.repository)
			wantProblem(t, err, c.text, c.hint)
		})
	}
}

func TestWorktree(t *testing.T) {
	dir, commit := clone(t)
	linked := filepath.Join(t.TempDir(), "linked")
	gitOutput(t, dir, "", "worktree", "add", "--quiet", "-b", "side", linked)
	put(t, linked, "apps/web/deploy.yaml", "edited")
	put(t, linked, "apps/web/new.yaml", "untracked")
	put(t, linked, "ignored/x", "ignored")
	for _, path := range []string{dir, filepath.Join(dir, "apps"), linked} {
		got := mustCheckout(t, Repository{URL: path, Worktree: true})
		want := drift.Revision{
			Repository: path, Ref: "HEAD", Commit: commit, Author: "Ada Example", Subject: "First",
			Time: got.Revision.Time, Worktree: true,
		}
		if diff := cmp.Diff(want, got.Revision); diff != "" {
			t.Errorf("revision (-want +got):\n%s", diff)
		}
		for name, content := range map[string]string{
			"apps/web/deploy.yaml": "edited", "apps/web/new.yaml": "untracked", "ignored/x": "ignored", "apps/web/base/k.yaml": "base",
		} {
			if got := read(t, got, name); got != content {
				t.Errorf("%s reads %q, want %q", name, got, content)
			}
		}
		if _, err := fs.Stat(got.FS, ".git"); err == nil {
			t.Error("Git's own folder is served")
		}
		if err := fstest.TestFS(got.FS, "apps/web/deploy.yaml", "ignored/x"); err != nil {
			t.Error(err)
		}
	}
}

func TestWorktreeWithoutCommits(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	gitOutput(t, ".", "", "init", "--quiet", empty)
	plain := t.TempDir()
	for _, dir := range []string{empty, plain} {
		put(t, dir, "f", "content")
		got := mustCheckout(t, Repository{URL: dir, Worktree: true})
		want := drift.Revision{Repository: dir, Ref: "HEAD", Worktree: true}
		if diff := cmp.Diff(want, got.Revision); diff != "" {
			t.Errorf("revision (-want +got):\n%s", diff)
		}
		if read(t, got, "f") != "content" {
			t.Error("the file is not served")
		}
	}
}

func TestWorktreeRules(t *testing.T) {
	dir, _ := clone(t)
	outside := write(t, "outside", "canary")
	for name, target := range map[string]string{
		"links/absolute": outside, "links/outside": "../../../../../../../../etc/passwd",
		"links/dangling": "nothing", "links/self": "self", "links/up": "..",
	} {
		if err := os.MkdirAll(filepath.Join(dir, "links"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, dir, "module/.git", "gitdir: ../.git/modules/module\n")
	put(t, dir, "module/f.yaml", "x")
	put(t, dir, "big/big.bin", strings.Repeat("x", 2000))
	put(t, dir, "odd/a\x01b", "x")
	socket, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()

	s := New(map[string]Repository{"": {URL: dir, Worktree: true}}, Options{MaxFileBytes: 1000})
	got, err := s.Checkout(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if read(t, got, "apps/web/deploy.yaml") != "edited" {
		t.Error("a good file is not served")
	}
	for name, text := range map[string]string{
		"links/absolute": "it is absolute", "links/outside": "outside", "links/dangling": "leads to nothing",
		"links/self": "more than 40 links", "links/up": "back to itself",
		"module": "submodules are not supported", "module/f.yaml": "submodules are not supported",
		"big/big.bin": "more than the limit", "odd": "control characters", "socket": "neither a file",
	} {
		refused(t, got.FS, name, text)
	}

	_, err = New(map[string]Repository{"": {URL: dir, Worktree: true}}, Options{MaxFiles: 5}).Checkout(t.Context(), "")
	wantProblem(t, err, "more than 5 files", "")
}

// What changes on disk between listing and reading is an error, never a way out
// of the folder.
func TestWorktreeRaces(t *testing.T) {
	dir, _ := clone(t)
	outside := write(t, "outside", "canary")
	put(t, dir, "becomes-link", "x")
	put(t, dir, "vanishes", "x")
	put(t, dir, "grows", "x")
	s := New(map[string]Repository{"": {URL: dir, Worktree: true}}, Options{MaxFileBytes: 1000})
	got, err := s.Checkout(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"becomes-link", "vanishes"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "becomes-link")); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "grows", strings.Repeat("x", 2000))
	for _, name := range []string{"becomes-link", "vanishes", "grows"} {
		content, err := fs.ReadFile(got.FS, name)
		if len(content) > 0 {
			t.Errorf("%s reads %q", name, content)
		}
		wantProblem(t, err, "", "")
	}
}

// TestWorktreeWrittenMeanwhile: a file that is written after its folder was listed is an
// error with what to do, whatever it holds; the others read as they are.
func TestWorktreeWrittenMeanwhile(t *testing.T) {
	dir, _ := clone(t)
	const whole = "a: b\n---\nc: d\n"
	for _, name := range []string{"shorter", "longer", "as-long", "untouched"} {
		put(t, dir, name, whole)
	}
	s := New(map[string]Repository{"": {URL: dir, Worktree: true}}, Options{})
	got, err := s.Checkout(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, "shorter", whole[:5])
	put(t, dir, "longer", whole+"---\ne: f\n")
	put(t, dir, "as-long", strings.ToUpper(whole))
	later := time.Now().Add(time.Second) // whatever the file system's clock makes of it
	if err := os.Chtimes(filepath.Join(dir, "as-long"), later, later); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"shorter", "longer", "as-long"} {
		_, err := fs.ReadFile(got.FS, name)
		wantProblem(t, err, "it was written while this command was reading", "run the command again")
	}
	if content, err := fs.ReadFile(got.FS, "untouched"); err != nil || string(content) != whole {
		t.Errorf("another file reads %q, %v", content, err)
	}
}

// go-git does not promise that its storage is safe for concurrent use; a
// checkout is.
func TestLocalConcurrentReads(t *testing.T) {
	dir, _ := clone(t)
	for i := range 50 {
		put(t, dir, fmt.Sprintf("many/%02d.yaml", i), strings.Repeat("same\n", 100)+fmt.Sprint(i))
	}
	gitOutput(t, dir, "", "add", ".")
	gitOutput(t, dir, "", "commit", "--quiet", "--message=Many")
	gitOutput(t, dir, "", "repack", "-adq")
	got := mustCheckout(t, Repository{URL: dir})
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for i := range 50 {
				content, err := fs.ReadFile(got.FS, fmt.Sprintf("many/%02d.yaml", i))
				if err != nil || !strings.HasSuffix(string(content), fmt.Sprint(i)) {
					t.Errorf("file %d: %q, %v", i, content, err)
				}
			}
		})
	}
	readers.Wait()
}
