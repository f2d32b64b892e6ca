package source

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// lacking takes one capability away from a server.
func lacking(t testing.TB, taken capability.Capability) gitserver.Fault {
	return offering(t, func(list *capability.List) { list.Delete(taken) })
}

// described is everything that can be learned of a file system: per path what a
// listing, Stat and reading say, errors included.
func described(t *testing.T, fsys fs.FS) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			all[name] = "cannot be listed: " + err.Error()
			return fs.SkipDir
		}
		info, infoErr := entry.Info()
		stat, statErr := fs.Stat(fsys, name)
		text := fmt.Sprintf("%s %v %v", fs.FormatDirEntry(entry), infoErr, statErr)
		if infoErr == nil && statErr == nil {
			text += fmt.Sprintf(" %v %d %v %d %s", info.Mode(), info.Size(), stat.Mode(), stat.Size(), stat.ModTime())
		}
		if !entry.IsDir() {
			content, err := fs.ReadFile(fsys, name)
			text += fmt.Sprintf(" %v %q", err, content)
		}
		all[name] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Nobody can tell from a checkout how its files came.
func TestLateFilesAreTheSame(t *testing.T) {
	files := maps.Clone(sample)
	maps.Copy(files, map[string]string{
		"empty":             "",
		"again/deploy.yaml": sample["apps/web/deploy.yaml"],
		"large/big.bin":     strings.Repeat("large file ", 20_000),
		"large/link":        gitserver.Symlink("big.bin"),
		"links/outside":     gitserver.Symlink("../../etc/passwd"),
		"links/circle":      gitserver.Symlink("../links"),
		"links/nowhere":     gitserver.Symlink("nowhere"),
		"links/long":        gitserver.Symlink(strings.Repeat("x/", 1000)),
		"vendor/module":     gitserver.Submodule(strings.Repeat("ab", 20)),
		"deltas/a.yaml":     strings.Repeat("a line that stays the same\n", 500) + "a\n",
		"deltas/b.yaml":     strings.Repeat("a line that stays the same\n", 500) + "b\n",
		"größe":             "ß",
	})
	server := gitserver.New(t)
	repo := server.Repo("platform")
	pinned := repo.Commit("first", files)
	repo.Commit("second", map[string]string{"empty": "no more"})
	options := Options{MaxFileBytes: 100_000}
	for _, ref := range []string{"main", pinned} {
		var want map[string]string
		for _, via := range []struct {
			name string
			Repository
			fault gitserver.Fault
		}{
			{"everything at once", Repository{URL: repo.URL()}, lacking(t, capability.Filter)},
			{"no blobs by hash", Repository{URL: repo.URL()}, lacking(t, capability.AllowReachableSHA1InWant)},
			{"late over http", Repository{URL: repo.URL()}, nil},
			{"late over ssh", Repository{URL: repo.SSHURL(), Auth: sshAuth(server)}, nil},
			{"from disk", Repository{URL: repo.Path()}, nil},
		} {
			server.Break(via.fault)
			via.Ref = ref
			got, err := New(map[string]Repository{"": via.Repository}, options).Checkout(t.Context(), "")
			if err != nil {
				t.Fatalf("%s: %v", via.name, err)
			}
			_, late := got.FS.(*treeFS).contents.(*blobs)
			if late != strings.HasPrefix(via.name, "late") {
				t.Errorf("%s: files come late: %v", via.name, late)
			}
			all := described(t, got.FS)
			if want == nil {
				want = all
			}
			if diff := cmp.Diff(want, all); diff != "" {
				t.Errorf("%s (-want +got):\n%s", via.name, diff)
			}
		}
	}
}

// monorepo has folders of 100 files below apps, and one file at its root.
func monorepo(repo *gitserver.Repo, apps int) (files map[string]string) {
	files = map[string]string{"killick.yaml": "kind: Config\n"}
	for app := range apps {
		for file := range 100 {
			files[fmt.Sprintf("apps/app%02d/file%02d.yaml", app, file)] = manifest(app, file)
		}
	}
	repo.Commit("everything", files)
	return files
}

// manifest has the size and the likeness of what people keep in such files: much
// that repeats, and digests that do not.
func manifest(app, file int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app%02d-file%02d, namespace: app%02d}\ndata:\n", app, file, app)
	for key := range 20 {
		fmt.Fprintf(&b, "  key-%d: the value of one key among many\n", key)
	}
	for image := range 5 {
		fmt.Fprintf(&b, "  image-%d: registry.example.com/app@sha256:%x\n", image, sha256.Sum256([]byte(fmt.Sprint(app, file, image))))
	}
	return b.String()
}

// posts counts requests that fetch packs.
func posts(server *gitserver.Server) (count int) {
	for _, request := range server.Requests() {
		if request.Method == http.MethodPost {
			count++
		}
	}
	return count
}

func TestLateFilesComeInFewRequests(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("mono")
	files := monorepo(repo, 50)
	read := func(fsys fs.FS, prefix string) error {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			content, err := fs.ReadFile(fsys, name)
			if err != nil || string(content) != files[name] {
				return fmt.Errorf("%s reads %q, %w", name, content, err)
			}
		}
		return nil
	}
	cases := []struct {
		name     string
		use      func(fs.FS) error
		requests int // besides the one for commit and trees
		files    int // that came
	}{
		{"nothing is read", func(fsys fs.FS) error { _, err := fs.ReadDir(fsys, "apps/app07"); return err }, 0, 0},
		{"the config", func(fsys fs.FS) error { return read(fsys, "killick.yaml") }, 1, 1},
		{"one folder", func(fsys fs.FS) error { return read(fsys, "apps/app07/") }, 1, 100},
		{"a file that is not there", func(fsys fs.FS) error {
			if _, err := fs.ReadFile(fsys, "apps/app07/none.yaml"); !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("got %w, want fs.ErrNotExist", err)
			}
			return nil
		}, 0, 0},
		{"a walk of all apps", func(fsys fs.FS) error {
			sub, err := fs.Sub(fsys, "apps")
			return errors.Join(err, readAll(sub))
		}, 1, 5000},
		{"all apps, one after the other", func(fsys fs.FS) error { return read(fsys, "apps/") }, 4, 5001},
		{"all apps, each as a walk", func(fsys fs.FS) error {
			for app := range 50 {
				sub, err := fs.Sub(fsys, fmt.Sprintf("apps/app%02d", app))
				if err := errors.Join(err, readAll(sub)); err != nil {
					return err
				}
			}
			return nil
		}, 4, 5001},
		{"a file of every other app", func(fsys fs.FS) error {
			for app := range 20 {
				if err := read(fsys, fmt.Sprintf("apps/app%02d/file07.yaml", 2*app)); err != nil {
					return err
				}
			}
			return nil
		}, 20, 2000},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server.Forget()
			got := mustCheckout(t, Repository{URL: repo.URL()})
			if err := c.use(got.FS); err != nil {
				t.Error(err)
			}
			if requests := posts(server) - 1; requests > c.requests {
				t.Errorf("files came in %d requests, want at most %d", requests, c.requests)
			}
			if held := len(got.FS.(*treeFS).contents.(*blobs).held); held != c.files {
				t.Errorf("%d files came, want %d", held, c.files)
			}
		})
	}
}

// Kustomize reads ../../base from an overlay; symbolic links lead elsewhere too.
func TestLateFilesOutsideTheFolder(t *testing.T) {
	files := map[string]string{"shop/overlay/base": gitserver.Symlink("../../base")}
	for i := range reachPerRequest {
		files[fmt.Sprintf("other/%d", i)] = fmt.Sprint("other", i)
		files[fmt.Sprintf("base/%d", i)] = fmt.Sprint("base", i)
		files[fmt.Sprintf("shop/overlay/%d", i)] = fmt.Sprint("shop", i)
	}
	server := gitserver.New(t)
	repo := server.Repo("app")
	repo.Commit("first", files)
	server.Forget()
	got := mustCheckout(t, Repository{URL: repo.URL()})
	for name, want := range map[string]string{"shop/overlay/5": "shop5", "base/7": "base7", "shop/overlay/base/9": "base9"} {
		if text := read(t, got, name); text != want {
			t.Errorf("%s reads %q, want %q", name, text, want)
		}
	}
	// Commit and trees, the link, then the overlay and the base in either order.
	if requests := posts(server); requests > 4 {
		t.Errorf("%d requests, want at most 4", requests)
	}
}

// Later files come over the connection of the first request.
func TestLateFilesUseOneConnection(t *testing.T) {
	var connections sync.Map
	server := gitserver.New(t)
	repo := server.Repo("mono")
	monorepo(repo, 4)
	server.Break(func(w http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
		connections.Store(r.RemoteAddr, true)
		next.ServeHTTP(w, r)
	})
	got := mustCheckout(t, Repository{URL: repo.HTTPSURL(), Auth: Auth{CAFile: server.CAFile()}})
	for app := range 4 {
		read(t, got, fmt.Sprintf("apps/app%02d/file00.yaml", app))
	}
	count := 0
	connections.Range(func(any, any) bool { count++; return true })
	if count != 1 {
		t.Errorf("%d connections, want 1", count)
	}
}

// Apps that render side by side share requests, and all read what was
// committed. Run under the race detector.
func TestLateFilesConcurrently(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("mono")
	files := monorepo(repo, 20)
	server.Forget()
	for _, via := range []Repository{{URL: repo.URL()}, {URL: repo.SSHURL(), Auth: sshAuth(server)}} {
		got := mustCheckout(t, via)
		names := slices.Sorted(maps.Keys(files))
		var readers sync.WaitGroup
		for reader := range 16 {
			readers.Go(func() {
				for i := range 400 {
					name := names[(reader*313+i*37)%len(names)]
					content, err := fs.ReadFile(got.FS, name)
					if err != nil || string(content) != files[name] {
						t.Errorf("%s reads %q, %v", name, content, err)
						return
					}
					clear(content) // readers may change what they read
					if _, err := fs.ReadDir(got.FS, "apps/app01"); err != nil {
						t.Error(err)
					}
				}
			})
		}
		readers.Wait()
	}
	if requests := posts(server); requests > 10 {
		t.Errorf("16 readers made %d requests", requests)
	}
}
