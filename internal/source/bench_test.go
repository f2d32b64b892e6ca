package source

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// counting adds up the bytes of all answers.
func counting(received *atomic.Int64, inner gitserver.Fault) gitserver.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler, closed <-chan struct{}) {
		counted := &countedWriter{w, received}
		if inner != nil {
			inner(counted, r, next, closed)
			return
		}
		next.ServeHTTP(counted, r)
	}
}

type countedWriter struct {
	http.ResponseWriter
	received *atomic.Int64
}

func (w *countedWriter) Write(p []byte) (int, error) {
	w.received.Add(int64(len(p)))
	return w.ResponseWriter.Write(p)
}

// BenchmarkCheckout compares a fetch of everything with one of the files that
// are read, over a repository of 5,000 files and one of 30.
func BenchmarkCheckout(b *testing.B) {
	small := map[string]string{}
	for file := range 30 {
		small[fmt.Sprintf("apps/app%02d/file%02d.yaml", file/10, file)] = manifest(file/10, file)
	}
	server := gitserver.New(b)
	large := server.Repo("large")
	monorepo(large, 50)
	tiny := server.Repo("small")
	tiny.Commit("everything", small)
	for _, c := range []struct {
		name string
		repo *gitserver.Repo
		read string
	}{
		{"5000 files, 100 read", large, "apps/app07"},
		{"5000 files, all read", large, "."},
		{"30 files, 10 read", tiny, "apps/app01"},
		{"30 files, all read", tiny, "."},
	} {
		for _, way := range []struct {
			name  string
			inner gitserver.Fault
		}{{"whole", lacking(b, capability.Filter)}, {"late", nil}} {
			for _, delay := range []time.Duration{0, 20 * time.Millisecond} {
				b.Run(fmt.Sprintf("%s/%s/%s", c.name, way.name, delay), func(b *testing.B) {
					var received atomic.Int64
					server.Break(counting(&received, func(w http.ResponseWriter, r *http.Request, next http.Handler, closed <-chan struct{}) {
						time.Sleep(delay) // a round trip to a server that is not next door
						if way.inner != nil {
							way.inner(w, r, next, closed)
							return
						}
						next.ServeHTTP(w, r)
					}))
					for b.Loop() {
						got, err := New(map[string]Repository{"": {URL: c.repo.URL()}}, Options{}).Checkout(b.Context(), "")
						if err != nil {
							b.Fatal(err)
						}
						sub, err := fs.Sub(got.FS, c.read)
						if err := errors.Join(err, readAll(sub)); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(received.Load())/float64(b.N)/1024, "KiB/op")
				})
			}
		}
	}
}
