package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chart/loader"

	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// program1 is a program that compiles quickly for any system.
const program1 = "package main\n\nvar version string\n\nfunc main() { println(version) }\n"

// repositoryOf makes a repository of a small program with this repository's chart, and
// gives its root and a way to run git there.
func repositoryOf(t *testing.T) (string, func(...string)) {
	t.Helper()
	dir, home := t.TempDir(), t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "charts"), os.DirFS(filepath.Join(repositoryRoot(t), "charts"))); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"go.mod": "module example.com/small\n\ngo 1.26\n", "cmd/killick/main.go": program1,
		".gitignore": "/dist/\n*.swp\n", "LICENSE": "a licence\n", "README.md": "# Small\n",
	} {
		writeFile(t, filepath.Join(dir, name), content)
	}
	git := func(arguments ...string) {
		t.Helper()
		command := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.com"}, arguments...)...)
		command.Dir = dir
		command.Env = append(gitserver.Env(home), "GIT_COMMITTER_DATE=2026-01-05T08:00:00Z", "GIT_AUTHOR_DATE=2026-01-05T08:00:00Z")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", arguments, err, out)
		}
	}
	git("init", "--quiet")
	git("add", "--all")
	git("commit", "--quiet", "--message=all")
	return dir, git
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(content), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// released makes a release of a repository's commit for some targets.
func released(t *testing.T, root, version string) (string, *builder) {
	t.Helper()
	from, err := release(t.Context(), root, version, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	chain, err := findToolchain(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	// The whole list is for "make release": each system's runtime is compiled once more.
	b := &builder{source: from, toolchain: chain, platforms: []target{host}, archives: []target{host, {"windows", runtime.GOARCH}},
		logf: func(string, ...any) {}}
	place := filepath.Join(t.TempDir(), "dist", version)
	var digest string
	err = b.into(place, func() error {
		digest, err = b.release(t.Context())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.out = place
	return digest, b
}

func TestRelease(t *testing.T) {
	t.Parallel()
	root, git := repositoryOf(t)
	git("tag", "v1.2.3-rc.1")
	// What Git ignores changes nothing.
	writeFile(t, filepath.Join(root, "charts/killick/templates/.cronjob.yaml.swp"), "an editor's")
	writeFile(t, filepath.Join(root, "dist/old"), "an older build's")
	digest, b := released(t, root, "v1.2.3-rc.1")

	var names []string
	err := fs.WalkDir(os.DirFS(b.out), ".", func(path string, one fs.DirEntry, err error) error {
		if one != nil && path == "oci" {
			return fs.SkipDir // TestLayoutIsPushed
		}
		if one != nil && !one.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	archive, windows := "killick-v1.2.3-rc.1-"+host.String()+".tar.gz", "killick-v1.2.3-rc.1-windows-"+runtime.GOARCH+".zip"
	want := []string{
		"SHA256SUMS", "image.digest", "killick-1.2.3-rc.1.tgz", "killick-v1.2.3-rc.1-image-" + host.String() + ".tar", archive, windows,
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files of a release (-want +got):\n%s", diff)
	}
	if got := string(readFile(t, filepath.Join(b.out, "image.digest"))); got != digest+"\n" {
		t.Errorf("image.digest is %q, want %q", got, digest)
	}

	var sums strings.Builder
	for _, name := range names[1:] {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(readFile(t, filepath.Join(b.out, name))), name)
	}
	if diff := cmp.Diff(sums.String(), string(readFile(t, filepath.Join(b.out, "SHA256SUMS")))); diff != "" {
		t.Errorf("SHA256SUMS (-want +got):\n%s", diff)
	}
	unpacked := filepath.Join(t.TempDir(), "killick")
	if err := os.WriteFile(unpacked, checkArchive(t, filepath.Join(b.out, archive)), 0o700); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.CommandContext(t.Context(), unpacked).CombinedOutput(); runtime.GOOS == "linux" && (err != nil || string(said) != "v1.2.3-rc.1\n") {
		t.Errorf("the archive's program says %q, %v", said, err)
	}
	checkZip(t, filepath.Join(b.out, windows))
	checkReleasedChart(t, filepath.Join(b.out, "killick-1.2.3-rc.1.tgz"), digest)
}

// checkArchive gives the program of a tar.gz.
func checkArchive(t *testing.T, path string) []byte {
	t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(readFile(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var program []byte
	for _, one := range filesIn(t, unzipped) {
		got = append(got, fmt.Sprintf("%s %o %s", one.header.Name, one.header.Mode, one.header.ModTime.UTC().Format("2006-01-02")))
		if one.header.Name == "killick" {
			program = one.content
		}
	}
	if diff := cmp.Diff([]string{"LICENSE 644 2026-01-05", "README.md 644 2026-01-05", "killick 755 2026-01-05"}, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
	return program
}

func checkZip(t *testing.T, path string) {
	t.Helper()
	reader, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var got []string
	for _, one := range reader.File {
		got = append(got, fmt.Sprintf("%s %o %s", one.Name, one.Mode(), one.Modified.UTC().Format("2006-01-02")))
		if _, err := fs.ReadFile(reader, one.Name); err != nil { // it checks the sum
			t.Errorf("%s: %v", one.Name, err)
		}
	}
	if diff := cmp.Diff([]string{"LICENSE 644 2026-01-05", "README.md 644 2026-01-05", "killick.exe 755 2026-01-05"}, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func checkReleasedChart(t *testing.T, path, digest string) {
	t.Helper()
	chart, err := loader.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if chart.Metadata.Version != "1.2.3-rc.1" || chart.Metadata.AppVersion != "v1.2.3-rc.1" {
		t.Errorf("chart %s of %s", chart.Metadata.Version, chart.Metadata.AppVersion)
	}
	if image, ok := chart.Values["image"].(map[string]any); !ok || image["digest"] != digest {
		t.Errorf("the chart's image is %v, want the digest %s", chart.Values["image"], digest)
	}
	for _, one := range chart.Raw {
		if one.Name == "README.md" && !strings.Contains(string(one.Data), "| `image.digest` | `\""+digest+"\"` |") {
			t.Error("the chart's table of values has another digest")
		}
		if strings.HasPrefix(one.Name, "ci/") || strings.HasSuffix(one.Name, ".swp") {
			t.Errorf("%s is packed", one.Name)
		}
	}
}

// Another clone of the same commit gives the same release, to the byte.
func TestReleaseIsTheCommits(t *testing.T) {
	t.Parallel()
	root, git := repositoryOf(t)
	clone := filepath.Join(t.TempDir(), "clone")
	git("clone", "--quiet", root, clone)
	_, first := released(t, root, "v1.0.0")
	_, second := released(t, clone, "v1.0.0")
	want, got := readFile(t, filepath.Join(first.out, "SHA256SUMS")), readFile(t, filepath.Join(second.out, "SHA256SUMS"))
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("SHA256SUMS (-first +second):\n%s", diff)
	}
}

func TestReleaseRefuses(t *testing.T) {
	t.Parallel()
	root, git := repositoryOf(t)
	git("tag", "v2.0.0")
	git("commit", "--quiet", "--allow-empty", "--message=more")
	dirty, _ := repositoryOf(t)
	writeFile(t, filepath.Join(dirty, "README.md"), "# Changed\n")
	untracked, _ := repositoryOf(t)
	writeFile(t, filepath.Join(untracked, "cmd/killick/more.go"), "package main\n")
	bare := t.TempDir()
	cases := []struct{ reason, root, version, want string }{
		{"a version without a v", root, "1.2.3", "is not the version of a release"},
		{"not three numbers", root, "v1.2", "is not the version of a release"},
		{"a number with a zero before it", root, "v1.02.3", "is not the version of a release"},
		{"git describe between two tags is a version, but of no release", root, "v1.2.3-4-g0123456-dirty", ""},
		{"a commit", root, "0123456", "is not the version of a release"},
		{"build metadata cannot be an image's tag", root, "v1.2.3+build", "is not the version of a release"},
		{"no version", root, "", "make release VERSION=v1.2.3"},
		{"a path", root, "../../v1.2.3", "is not the version of a release"},
		{"a second line", root, "v1.2.3\nv1.2.4", "is not the version of a release"},
		{"a version that another commit has", root, "v2.0.0", "v2.0.0 is the tag of commit"},
		{"a changed file", dirty, "v1.2.3", "README.md"},
		{"a file that Git does not know", untracked, "v1.2.3", "cmd/killick/more.go"},
		{"no repository", bare, "v1.2.3", "is not a Git repository's root"},
		{"all is well", root, "v2.0.1", ""},
	}
	for _, c := range cases {
		_, err := release(t.Context(), c.root, c.version, t.TempDir())
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.reason, err, c.want)
		}
	}
}

func TestWorkingTree(t *testing.T) {
	t.Parallel()
	root, _ := repositoryOf(t)
	clean, err := workingTree(t.Context(), root, "v1.0.0-3-gabcdef0")
	if err != nil || len(clean.revision) != 40 || clean.created.Format("2006-01-02") != "2026-01-05" {
		t.Errorf("a commit is %+v, %v", clean, err)
	}
	writeFile(t, filepath.Join(root, "README.md"), "# Changed\n")
	if dirty, err := workingTree(t.Context(), root, "devel"); err != nil || dirty.revision != clean.revision+"-dirty" {
		t.Errorf("a changed tree is %+v, %v", dirty, err)
	}
	// Unpacked sources within somebody's repository are not that repository.
	within := filepath.Join(root, "sources")
	if err := os.Mkdir(within, 0o700); err != nil {
		t.Fatal(err)
	}
	if none, err := workingTree(t.Context(), within, "devel"); err != nil || none.revision != "" || !none.created.Equal(epoch) {
		t.Errorf("without a repository it is %+v, %v", none, err)
	}
	for _, version := range []string{"", "a b", "-x", "v1+2", "v1 -X main.other=1"} {
		if _, err := workingTree(t.Context(), root, version); err == nil {
			t.Errorf("%q is taken for a version", version)
		}
	}
}

// A build that fails leaves what was there before, and nothing half done.
func TestFailedBuildLeavesNothing(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	place := filepath.Join(parent, "image")
	writeFile(t, filepath.Join(place, "image.digest"), "before")
	var b builder
	broken := errors.New("broken")
	err := b.into(place, func() error { return errors.Join(b.write("image.digest", []byte("half")), broken) })
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	left, err := os.ReadDir(parent)
	if err != nil || len(left) != 1 || string(readFile(t, filepath.Join(place, "image.digest"))) != "before" {
		t.Errorf("%v is left, %v", left, err)
	}
}
