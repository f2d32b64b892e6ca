package source

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// rawEntry is one entry of a tree that git itself would not write.
type rawEntry struct{ mode, name, hash string }

func rawTree(t *testing.T, repo *gitserver.Repo, entries ...rawEntry) string {
	t.Helper()
	var content bytes.Buffer
	for _, entry := range entries {
		hash, err := hex.DecodeString(entry.hash)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&content, "%s %s\x00%s", entry.mode, entry.name, hash)
	}
	return rawObject(t, repo, "tree", content.String())
}

func rawObject(t *testing.T, repo *gitserver.Repo, kind, content string) string {
	t.Helper()
	hash, err := repo.Object(kind, []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func rawCommit(t *testing.T, repo *gitserver.Repo, branch, tree string) {
	t.Helper()
	commit := rawObject(t, repo, "commit", "tree "+tree+"\nauthor A <a@example.com> 0 +0000\ncommitter A <a@example.com> 0 +0000\n\nhostile\n")
	repo.Branch(branch, commit)
}

// A folder with an unsafe name in it is refused as a whole; its siblings are
// served. The same tree is read from a server and from disk.
func TestHostileNames(t *testing.T) {
	cases := []struct {
		name, entry, text string
	}{
		{"Git's folder", ".git", "Git's own folder"},
		{"in capitals", ".GIT", "Git's own folder"},
		{"with characters that HFS+ ignores", ".g\u200cit", "Git's own folder"},
		{"as a short name", "git~1", "Git's own folder"},
		{"as a short name in capitals", "GIT~1", "Git's own folder"},
		{"with trailing dots and spaces", ".git . .", "Git's own folder"},
		{"with an alternate stream", ".git::$INDEX_ALLOCATION", "Git's own folder"},
		{"the parent", "..", "not a file name"},
		{"the folder itself", ".", "not a file name"},
		{"a separator", "a/../../b", "separator"},
		{"a Windows separator", `a\b`, "separator"},
		{"a control character", "a\x1b[2Jb", "control characters"},
		{"a line break", "a\nb", "control characters"},
		{"a delete character", "a\x7f", "control characters"},
		{"invalid UTF-8", "a\xff", "UTF-8"},
		{"a very long name", strings.Repeat("n", 256), "longer than 255"},
	}
	server := gitserver.New(t)
	repo := server.Repo("hostile")
	blob := rawObject(t, repo, "blob", "content\n")
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			branch := fmt.Sprintf("case-%d", i)
			bad := rawTree(t, repo, rawEntry{"100644", c.entry, blob}, rawEntry{"100644", "plain.yaml", blob})
			rawCommit(t, repo, branch, rawTree(t, repo, rawEntry{"40000", "bad", bad}, rawEntry{"100644", "good.yaml", blob}))
			for _, url := range []string{repo.URL(), repo.Path()} {
				got := mustCheckout(t, Repository{URL: url, Ref: branch})
				if read(t, got, "good.yaml") != "content\n" {
					t.Error("the sibling is not served")
				}
				refused(t, got.FS, "bad", c.text)
				refused(t, got.FS, "bad/plain.yaml", c.text)
			}
		})
	}
}

// refused checks that a name is listed as a folder or file, and that every way
// of reading it is an error with a text that does not look like absence.
func refused(t *testing.T, fsys fs.FS, name, text string) {
	t.Helper()
	_, openErr := fsys.Open(name)
	_, readErr := fs.ReadFile(fsys, name)
	_, listErr := fs.ReadDir(fsys, name)
	_, statErr := fs.Stat(fsys, name)
	for operation, err := range map[string]error{"open": openErr, "read": readErr, "list": listErr, "stat": statErr} {
		var pathError *fs.PathError
		if !errors.As(err, &pathError) {
			t.Errorf("%s %q: got %v, want a *fs.PathError", operation, name, err)
			continue
		}
		wantProblem(t, err, text, "")
	}
	walked := fs.WalkDir(fsys, ".", func(_ string, _ fs.DirEntry, err error) error { return err })
	if walked == nil && !strings.Contains(name, ".") {
		t.Errorf("a walk passed %q without an error", name)
	}
}

func TestOtherHostileTrees(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("hostile")
	blob := rawObject(t, repo, "blob", "content\n")
	inner := rawTree(t, repo, rawEntry{"100644", "f", blob})
	cases := []struct {
		name   string
		tree   string
		refuse string // a name that is refused; empty: the checkout is, or reading all of it
		text   string
	}{
		{"two entries of one name", rawTree(t, repo, rawEntry{"40000", "bad", rawTree(t, repo,
			rawEntry{"100644", "a", blob}, rawEntry{"40000", "a", inner})}), "bad", "same name"},
		{"a submodule", rawTree(t, repo, rawEntry{"160000", "module", strings.Repeat("ab", 20)}), "module", "submodules are not supported"},
		{"an unknown mode", rawTree(t, repo, rawEntry{"10644", "pipe", blob}), "pipe", "not supported"},
		{"a missing blob", rawTree(t, repo, rawEntry{"100644", "f", strings.Repeat("cd", 20)}), "", ""},
		{"a truncated tree", rawObject(t, repo, "tree", "100644 f\x00short"), "", ""},
		{"a folder that is a blob", rawTree(t, repo, rawEntry{"40000", "d", blob}), "", ""},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			branch := fmt.Sprintf("case-%d", i)
			rawCommit(t, repo, branch, c.tree)
			for _, url := range []string{repo.URL(), repo.Path()} {
				got, err := checkout(t, Repository{URL: url, Ref: branch})
				if c.refuse == "" {
					wantProblem(t, errors.Join(err, readAll(got.FS)), c.text, "")
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				refused(t, got.FS, c.refuse, c.text)
			}
		})
	}
}

func TestCaseCollidingNamesAreServed(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	repo.Commit("first", map[string]string{"A.yaml": "upper", "a.yaml": "lower"})
	got := mustCheckout(t, Repository{URL: repo.URL()})
	if read(t, got, "A.yaml") != "upper" || read(t, got, "a.yaml") != "lower" {
		t.Error("names that differ in case only are confused")
	}
}

func TestLinks(t *testing.T) {
	link := gitserver.Symlink
	files := map[string]string{
		"top.yaml":       "top",
		"dir/file.yaml":  "file",
		"dir/sub/x.yaml": "x",
		"other/y.yaml":   "y",

		"ok/file":          link("../dir/file.yaml"),
		"ok/dots":          link("./..//dir/./sub/../file.yaml"),
		"ok/folder":        link("../dir/"),
		"ok/chain":         link("file"),
		"ok/through":       link("folder/sub/x.yaml"),
		"ok/parent":        link("folder/../top.yaml"),
		"bad/absolute":     link("/etc/passwd"),
		"bad/environment":  link("/proc/self/environ"),
		"bad/token":        link("/var/run/secrets/kubernetes.io/serviceaccount/token"),
		"bad/zero":         link("/dev/zero"),
		"bad/outside":      link("../../top.yaml"),
		"bad/far":          link("../../../../../../etc/passwd"),
		"bad/turn":         link("../../repo/top.yaml"),
		"bad/dangling":     link("../dir/nothing.yaml"),
		"bad/through-file": link("../top.yaml/x"),
		"bad/self":         link("self"),
		"bad/a":            link("b"),
		"bad/b":            link("a"),
		"bad/long":         link(strings.Repeat("../bad/", 200) + "x"),
		"bad/windows":      link(`\\host\share`),
		"bad/up":           link(".."),
		"bad/here":         link("."),
		"bad/module":       link("../module"),
		"bad/in-module":    link("../module/x"),
		"loop/x/to-y":      link("../y"),
		"loop/y/to-x":      link("../x"),
		"module":           gitserver.Submodule(strings.Repeat("ab", 20)),
	}
	previous := "../top.yaml"
	for i := range 45 {
		name := fmt.Sprintf("chain%02d", i)
		files["chain/"+name] = link(previous)
		previous = name
	}
	server := gitserver.New(t)
	repo := server.Repo("links")
	repo.Commit("links", files)
	served := map[string]string{
		"ok/file": "file", "ok/dots": "file", "ok/folder/file.yaml": "file", "ok/chain": "file",
		"ok/through": "x", "ok/parent": "top", "chain/chain39": "top",
	}
	refusals := map[string]string{
		"bad/absolute":    `"/etc/passwd" is refused: it is absolute`,
		"bad/environment": "absolute", "bad/token": "absolute", "bad/zero": "absolute", "bad/windows": "absolute",
		"bad/outside":      `"../../top.yaml" is refused: it leads outside`,
		"bad/far":          "outside",
		"bad/turn":         "outside",
		"bad/dangling":     `"bad/dangling" to "../dir/nothing.yaml" is refused: it leads to nothing`,
		"bad/through-file": "nothing",
		"bad/self":         "more than 40 links", "bad/a": "more than 40 links", "bad/b": "more than 40 links",
		"chain/chain44": "more than 40 links",
		"bad/long":      "longer than 1024",
		"bad/up":        "back to itself", "bad/here": "back to itself",
		"bad/module":    "submodules are not supported",
		"bad/in-module": "submodules are not supported",
		"loop/x/to-y":   "back to itself", "loop/y/to-x": "back to itself",
		"loop/x/to-y/to-x": "back to itself",
	}
	for _, url := range []string{repo.URL(), repo.Path()} {
		got := mustCheckout(t, Repository{URL: url})
		for name, content := range served {
			if got := read(t, got, name); got != content {
				t.Errorf("%s reads %q, want %q", name, got, content)
			}
		}
		for name, text := range refusals {
			refused(t, got.FS, name, text)
		}
		for name, link := range map[string]string{
			"ok/file": "../dir/file.yaml", "ok/folder": "../dir/", "ok/folder/file.yaml": "", "bad/dangling": "../dir/nothing.yaml", "top.yaml": "", "dir": "",
		} {
			if text, err := got.FS.(*treeFS).ReadLink(name); text != link || (err == nil) != (link != "") {
				t.Errorf("%s: leads to %q, error %v, want %q", name, text, err, link)
			}
		}
	}
}

// A folder that a link leads to is listed as a folder, and walks see its files
// under the link's name.
func TestWalkFollowsLinks(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	repo.Commit("first", sample)
	got := mustCheckout(t, Repository{URL: repo.URL()})
	var files []string
	err := fs.WalkDir(got.FS, "apps", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"apps/web/base/deeper/config.yaml", "apps/web/base/kustomization.yaml", "apps/web/deploy.yaml", "apps/web/run.sh"}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	info, err := fs.Stat(got.FS, "apps/web/run.sh")
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o555 {
		t.Errorf("an executable has mode %v", info.Mode())
	}
}

// Links to folders multiply: n levels of two links each are 2^n folders.
func TestLinksThatMultiply(t *testing.T) {
	files := map[string]string{"level00/f": "x"}
	for i := 1; i <= 25; i++ {
		for _, name := range []string{"a", "b"} {
			files[fmt.Sprintf("level%02d/%s", i, name)] = gitserver.Symlink(fmt.Sprintf("../level%02d", i-1))
		}
	}
	server := gitserver.New(t)
	repo := server.Repo("bomb")
	repo.Commit("bomb", files)
	_, err := checkout(t, Repository{URL: repo.URL()})
	wantProblem(t, err, "symbolic links make more than 100000 files", "")
}

// A chain of links to folders may not make paths deeper than the limit.
func TestLinksThatGoDeep(t *testing.T) {
	files := map[string]string{"d00/f": "x"}
	for i := 1; i < 20; i++ {
		files[fmt.Sprintf("d%02d/l", i)] = gitserver.Symlink(fmt.Sprintf("../d%02d", i-1))
	}
	server := gitserver.New(t)
	repo := server.Repo("deep")
	repo.Commit("deep", files)
	got, err := New(map[string]Repository{"": {URL: repo.URL()}}, Options{MaxDepth: 10}).Checkout(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	deepest := 0
	err = fs.WalkDir(got.FS, ".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			deepest = max(deepest, strings.Count(path, "/")+1)
			return nil
		}
		if !strings.Contains(err.Error(), "deeper than 10 levels") {
			t.Errorf("walking: %v", err)
		}
		return fs.SkipDir
	})
	if err != nil {
		t.Fatal(err)
	}
	if deepest != 10 {
		t.Errorf("the deepest path has %d elements, want 10", deepest)
	}
}

func TestLimits(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("limits")
	deep := strings.Repeat("d/", 12)
	repo.Commit("files", map[string]string{
		"small.yaml":     "small",
		"large/big.bin":  strings.Repeat("large file ", 20_000),
		deep + "f":       "deep",
		"many/a":         "1",
		"many/b":         "2",
		"many/c":         "3",
		"many/again":     gitserver.Symlink("../large"),
		"large/note.txt": "note",
	})
	cases := []struct {
		name    string
		options Options
		whole   string // error of the checkout, or of reading all of it
		refused map[string]string
	}{
		{"defaults serve everything", Options{}, "", nil},
		{"total", Options{MaxBytes: 100_000}, "more than", nil},
		{"one file", Options{MaxFileBytes: 100_000}, "", map[string]string{"large/big.bin": "more than the limit", "many/again/big.bin": "more than the limit"}},
		{"a file that cannot be opened does not count", Options{MaxFileBytes: 100_000, MaxBytes: 200_000}, "", map[string]string{"large/big.bin": "more than the limit"}},
		{"files", Options{MaxFiles: 10}, "more than 10 files and folders", nil},
		{"depth", Options{MaxDepth: 8}, "", map[string]string{"d/d/d/d/d/d/d/d": "deeper than 8", deep + "f": "deeper than 8"}},
		{"links count again", Options{MaxBytes: 300_000}, "symbolic links followed", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, url := range []string{repo.URL(), repo.Path()} {
				got, err := New(map[string]Repository{"": {URL: url}}, c.options).Checkout(t.Context(), "")
				if c.whole != "" {
					wantProblem(t, errors.Join(err, readAll(got.FS)), c.whole, "")
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if read(t, got, "small.yaml") != "small" || read(t, got, "large/note.txt") != "note" {
					t.Error("what is within the limits is not served")
				}
				for name, text := range c.refused {
					refused(t, got.FS, name, text)
				}
			}
		})
	}
}

// A few trees that contain each other many times unfold to more files than
// there are atoms; they are refused after MaxFiles.
func TestTreeBomb(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("bomb")
	hash := rawObject(t, repo, "blob", "x")
	mode := "100644"
	for range 20 {
		var entries []rawEntry
		for i := range 10 {
			entries = append(entries, rawEntry{mode, fmt.Sprintf("d%d", i), hash})
		}
		hash, mode = rawTree(t, repo, entries...), "40000"
	}
	rawCommit(t, repo, "main", hash)
	_, err := checkout(t, Repository{URL: repo.URL()})
	wantProblem(t, err, "more than 100000 files and folders", "")
}

func TestReadersMayChangeWhatTheyRead(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	repo.Commit("first", map[string]string{"f": "original"})
	got := mustCheckout(t, Repository{URL: repo.URL()})
	content, err := fs.ReadFile(got.FS, "f")
	if err != nil {
		t.Fatal(err)
	}
	copy(content, "CHANGED!")
	if got := read(t, got, "f"); got != "original" {
		t.Errorf("the commit now reads %q", got)
	}
}

func TestCommitFactsAreCleaned(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	tree := rawTree(t, repo, rawEntry{"100644", "f", rawObject(t, repo, "blob", "x")})
	commit := rawObject(t, repo, "commit", "tree "+tree+"\nauthor E\x1b[31mve\u202e <eve@example.com> 1000 +0200\ncommitter A <a@example.com> 2000 -0500\n\n\nSub\x07ject\u200b line "+strings.Repeat("x", 300)+"\nbody\n")
	repo.Branch("main", commit)
	got := mustCheckout(t, Repository{URL: repo.URL()}).Revision
	want := drift.Revision{
		Repository: repo.URL(), Ref: "HEAD", Commit: commit, Author: "E[31mve",
		Subject: "Subject line " + strings.Repeat("x", 187) + "…", Time: got.Time,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("revision (-want +got):\n%s", diff)
	}
	if got.Time.Unix() != 2000 || got.Time.Location().String() != "UTC" {
		t.Errorf("time is %v, want the committer's in UTC", got.Time)
	}
}
