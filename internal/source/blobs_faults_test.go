package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// afterFirst lets a number of packs through and breaks the later ones.
func afterFirst(packs int64, fault gitserver.Fault) gitserver.Fault {
	var seen atomic.Int64
	return gitserver.OnlyPacks(func(w http.ResponseWriter, r *http.Request, next http.Handler, closed <-chan struct{}) {
		if seen.Add(1) > packs {
			fault(w, r, next, closed)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// wantOnly lets a server see the first want of a request only.
func wantOnly(w http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
	body, _ := io.ReadAll(r.Body)
	lines := bytes.SplitAfter(body, []byte("\n"))
	kept := append(bytes.Clone(lines[0]), "00000009done\n"...)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(kept)), int64(len(kept))
	next.ServeHTTP(w, r)
}

// stallLate sends the beginning of an answer and then nothing.
func stallLate(w http.ResponseWriter, r *http.Request, next http.Handler, closed <-chan struct{}) {
	w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
	_, _ = w.Write([]byte(pktLine("NAK\n")))
	w.(http.Flusher).Flush()
	gitserver.Hang()(w, r, next, closed)
}

// A file that cannot be fetched is unreadable, never absent; what came before
// stays readable, and the server is not asked again.
func TestLateFilesThatFail(t *testing.T) {
	const noAnswer = "no answer"
	cases := []struct {
		name  string
		fault gitserver.Fault
		text  string
		again bool // other files may still come
	}{
		{"overloaded", gitserver.Status(503), "503", false},
		{"forbidden meanwhile", gitserver.Status(403), "access denied", false},
		{"credential refused meanwhile", gitserver.Status(401), "authentication", false},
		{"cut off", gitserver.Truncate(300), "broke off", false},
		{"cut off at the start", gitserver.Truncate(2), "broke off", false},
		{"a web page", page("<html>canary-page</html>"), "not that of a Git repository", false},
		{"a redirect", gitserver.Redirect("http://127.0.0.1:1/canary"), "redirects a fetch", false},
		{noAnswer, gitserver.Hang(), "no answer in time", false},
		{noAnswer + " in the middle", stallLate, "no answer in time", false},
		{"history was rewritten", typed("application/x-git-upload-pack-result", pktLine("ERR upload-pack: not our ref "+strings.Repeat("ab", 20))), "no longer serves the files", false},
		{"an error", typed("application/x-git-upload-pack-result", pktLine("ERR quota exceeded")), "quota exceeded", false},
		{"most files left out", wantOnly, "left out the content", true},
	}
	server := gitserver.New(t)
	repo := server.Repo("mono")
	files := monorepo(repo, 6)
	token := Auth{TokenFile: write(t, "token", canaryToken)}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server.Break(afterFirst(2, c.fault))
			patience := time.Minute
			if strings.HasPrefix(c.name, noAnswer) {
				patience = 3 * time.Second // for the checkout, and then for its files
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			got, err := New(map[string]Repository{"": {URL: repo.URL(), Auth: token}}, Options{}).Checkout(ctx, "")
			cancel() // as a run does once it has the checkout
			if err != nil {
				t.Fatal(err)
			}
			const good, bad, worse = "apps/app03/file07.yaml", "apps/app04/file08.yaml", "apps/app05/file09.yaml"
			read(t, got, good)
			server.Forget()
			failures := 0
			for _, name := range []string{bad, bad, "apps/app04/file09.yaml", worse} {
				_, openErr := got.FS.Open(name)
				_, readErr := fs.ReadFile(got.FS, name)
				_, statErr := fs.Stat(got.FS, name)
				for _, err := range []error{openErr, readErr, statErr} {
					if err == nil {
						continue // one of many was served
					}
					failures++
					wantProblem(t, err, c.text, "")
					if !errors.Is(err, drift.ErrUnreachable) {
						t.Errorf("%v is not ErrUnreachable", err)
					}
				}
			}
			if failures < 9 {
				t.Errorf("%d reads failed, want nearly all", failures)
			}
			if requests := posts(server); requests > 1 && !c.again {
				t.Errorf("the server was asked %d times more", requests)
			}
			if read(t, got, good) != files[good] {
				t.Error("what came before reads differently")
			}
			if _, err := fs.ReadDir(got.FS, "apps/app04"); err != nil {
				t.Errorf("listing needs no files: %v", err)
			}
			if _, err := fs.Stat(got.FS, "apps/app04/none"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("what is not in the commit gives %v", err)
			}
		})
	}
}

// Readers that wait for a request that fails do not repeat it.
func TestLateFilesFailTogether(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("mono")
	monorepo(repo, 6)
	got := mustCheckout(t, Repository{URL: repo.URL()})
	server.Forget()
	server.Break(gitserver.Status(503))
	errs := make([]error, 18)
	var readers sync.WaitGroup
	for i := range errs {
		readers.Go(func() {
			_, errs[i] = fs.ReadFile(got.FS, fmt.Sprintf("apps/app%02d/file%02d.yaml", i%6, i))
		})
	}
	readers.Wait()
	for _, err := range errs {
		wantProblem(t, err, "503", "")
	}
	if requests := posts(server); requests != 1 {
		t.Errorf("the server was asked %d times, want once", requests)
	}
}

// Memory is bounded over all requests of a checkout together.
func TestLateFilesAboveTheLimit(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("mono")
	monorepo(repo, 20)
	got, err := New(map[string]Repository{"": {URL: repo.URL()}}, Options{MaxBytes: 1 << 20}).Checkout(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err = readAll(got.FS)
		wantProblem(t, err, "the repository's files need more than 1.0 MiB", "large files")
		if !errors.Is(err, errLimit) || errors.Is(err, drift.ErrUnreachable) {
			t.Errorf("%v: want the limit, which no other server would change", err)
		}
	}
	late := got.FS.(*treeFS).contents.(*blobs)
	if late.used > 1<<20 {
		t.Errorf("%s are held", mebibytes(late.used))
	}
}

// A run that lost its server over SSH has the same errors.
func TestLateFilesOverBrokenSSH(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	repo.Commit("first", map[string]string{"f": "1"})
	got := mustCheckout(t, Repository{URL: repo.SSHURL(), Auth: sshAuth(server)})
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := fs.ReadFile(got.FS, "f")
	wantProblem(t, err, "unreachable", "host and port")
	if !errors.Is(err, drift.ErrUnreachable) {
		t.Errorf("%v is not ErrUnreachable", err)
	}
}
