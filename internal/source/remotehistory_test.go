package source

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// sentKinds notes the kinds of objects in each pack that a server sends.
func sentKinds(t *testing.T, kinds *[]string) gitserver.Fault {
	return gitserver.OnlyPacks(func(w http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		_, pack, _ := strings.Cut(answer.Body.String(), pktLine("NAK\n"))
		found, err := unpack(t.Context(), sideband.NewDemuxer(sideband.Sideband64k, strings.NewReader(pack)), Options{}.withDefaults())
		if err != nil {
			t.Errorf("reading git's own pack: %v", err)
		} else {
			for _, kind := range []plumbing.ObjectType{plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject} {
				iterator, _ := found.IterEncodedObjects(kind) // never an error in memory
				count := 0
				_ = iterator.ForEach(func(plumbing.EncodedObject) error { count++; return nil })
				*kinds = append(*kinds, fmt.Sprintf("%d %ss", count, kind))
			}
		}
		w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		_, _ = w.Write(answer.Body.Bytes())
	})
}

// Where a server filters, it sends commits alone; one that refuses a filter
// although it can filter is asked for the next best.
func TestHistoryIsCommitsAlone(t *testing.T) {
	cases := []struct {
		name    string
		refused string
		filters []string
		sent    []string
	}{
		{"GitHub and GitLab", "", []string{"filter tree:0"}, []string{"6 commits", "0 trees", "0 blobs"}},
		{"no filter of trees", "uploadpackfilter.tree.allow", []string{"filter tree:0", "filter blob:none"}, []string{"6 commits", "10 trees", "0 blobs"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := gitserver.New(t)
			repo := server.Repo("app")
			commits := newFamily(t, repo)
			s := descending(t, Repository{URL: repo.URL(), Ref: commits["last"]})
			if c.refused != "" {
				if err := repo.Configure(c.refused, "false"); err != nil {
					t.Fatal(err)
				}
			}
			server.Forget()
			got, err := s.Descends(t.Context(), "", commits["root"])
			if err != nil || !got {
				t.Errorf("got %v, %v, want true", got, err)
			}
			if diff := cmp.Diff(c.filters, asked(packs(server), "filter")); diff != "" {
				t.Errorf("filters (-want +got):\n%s", diff)
			}
			var sent []string
			server.Break(sentKinds(t, &sent))
			if c.refused != "" {
				return
			}
			got, err = descending(t, Repository{URL: repo.URL(), Ref: commits["last"]}).Descends(t.Context(), "", commits["root"])
			if err != nil || !got {
				t.Errorf("got %v, %v, want true", got, err)
			}
			if diff := cmp.Diff(c.sent, sent[3:]); diff != "" {
				t.Errorf("sent for the history (-want +got):\n%s", diff)
			}
		})
	}
}

// chain makes a line of commits on main in one process and returns them, the
// newest first.
func chain(t *testing.T, dir string, length int) []string {
	t.Helper()
	var stream strings.Builder
	for i := range length {
		fmt.Fprintf(&stream, "commit refs/heads/main\nmark :%d\ncommitter Ada Example <ada@example.com> %d +0000\ndata 1\nx\n", i+1, 1_700_000_000+i)
		if i > 0 {
			fmt.Fprintf(&stream, "from :%d\n", i)
		}
		fmt.Fprintf(&stream, "M 100644 inline f\ndata <<end\n%d\nend\n\n", i)
	}
	gitOutput(t, dir, stream.String(), "fast-import", "--quiet", "--force")
	return strings.Fields(gitOutput(t, dir, "", "rev-list", "main"))
}

// History is read in growing steps and never beyond its bound.
func TestHistoryIsBounded(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	commits := chain(t, repo.Path(), 1_200)
	cases := []struct {
		name, ancestor string
		depths         []string
		unproved       bool
	}{
		{"in the first step", commits[60], []string{"deepen 64"}, false},
		{"named by its last commit", commits[64], []string{"deepen 64"}, false},
		{"in the second", commits[65], []string{"deepen 64", "deepen 256"}, false},
		{"in the third", commits[900], []string{"deepen 64", "deepen 256", "deepen 1000"}, false},
		{"named by the last commit that is read", commits[1000], []string{"deepen 64", "deepen 256", "deepen 1000"}, false},
		{"behind the bound", commits[1001], []string{"deepen 64", "deepen 256", "deepen 1000"}, true},
		{"the first commit", commits[1199], []string{"deepen 64", "deepen 256", "deepen 1000"}, true},
		{"nowhere", unknownCommit, []string{"deepen 64", "deepen 256", "deepen 1000"}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := descending(t, Repository{URL: repo.URL(), Ref: "main"})
			server.Forget()
			for range 2 { // what was read serves the second call
				got, err := s.Descends(t.Context(), "", c.ancestor)
				if c.unproved {
					wantUnproved(t, got, err, "not among the 1000 commits", "")
				} else if err != nil || !got {
					t.Errorf("got %v, %v, want true", got, err)
				}
			}
			if diff := cmp.Diff(c.depths, asked(packs(server), "deepen")); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a nearer one after one behind the bound", func(t *testing.T) {
		s := descending(t, Repository{URL: repo.URL(), Ref: "main"})
		if _, err := s.Descends(t.Context(), "", commits[1199]); err == nil {
			t.Error("the first commit was found")
		}
		if got, err := s.Descends(t.Context(), "", commits[700]); err != nil || !got {
			t.Errorf("got %v, %v, want true", got, err)
		}
	})
	t.Run("over SSH", func(t *testing.T) {
		s := descending(t, Repository{URL: repo.SSHURL(), Ref: "main", Auth: sshAuth(server)})
		if got, err := s.Descends(t.Context(), "", commits[900]); err != nil || !got {
			t.Errorf("got %v, %v, want true", got, err)
		}
		got, err := s.Descends(t.Context(), "", commits[1199])
		wantUnproved(t, got, err, "not among the 1000 commits", "")
	})
	t.Run("of exactly that length", func(t *testing.T) {
		s := descending(t, Repository{URL: repo.URL(), Ref: commits[200]})
		if got, err := s.Descends(t.Context(), "", unknownCommit); err != nil || got {
			t.Errorf("got %v, %v, want false: the history was read to its end", got, err)
		}
	})
}

// A history with many merges has its commits in fewer generations. All that were
// sent count; no more are asked for.
func TestWideHistory(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	var stream strings.Builder
	commit := func(mark int, parents ...int) {
		fmt.Fprintf(&stream, "commit refs/heads/main\nmark :%d\ncommitter Ada Example <ada@example.com> %d +0000\ndata 1\nx\n", mark, mark)
		for i, parent := range parents {
			fmt.Fprintf(&stream, "%s :%d\n", []string{"from", "merge"}[min(i, 1)], parent)
		}
		stream.WriteString("\n")
	}
	commit(1)
	for i := 2; i < 2_000; i += 5 {
		for side := range 4 {
			commit(i+side, i-1)
		}
		commit(i+4, i-1, i, i+1, i+2, i+3)
	}
	gitOutput(t, repo.Path(), stream.String(), "fast-import", "--quiet", "--force")
	merges := strings.Fields(gitOutput(t, repo.Path(), "", "rev-list", "--first-parent", "main"))
	side := strings.TrimSpace(gitOutput(t, repo.Path(), "", "rev-parse", merges[200]+"^4"))
	for _, c := range []struct {
		ancestor string
		unproved bool
	}{{merges[250], false}, {side, false}, {merges[300], true}, {unknownCommit, true}} {
		s := descending(t, Repository{URL: repo.URL(), Ref: "main"})
		server.Forget()
		got, err := s.Descends(t.Context(), "", c.ancestor)
		if c.unproved {
			wantUnproved(t, got, err, "not among the 1000 commits", "")
		} else if err != nil || !got {
			t.Errorf("got %v, %v, want true", got, err)
		}
		if diff := cmp.Diff([]string{"deepen 64", "deepen 256"}, asked(packs(server), "deepen")); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
	}
}

// incompressible is text that stays long in a pack.
func incompressible(length int, seed byte) string {
	content := make([]byte, 0, length)
	for sum := sha256.Sum256([]byte{seed}); len(content) < length; sum = sha256.Sum256(sum[:]) {
		content = append(content, sum[:]...)
	}
	return string(content)
}

// Without a filter and without depths the limit on bytes is the bound.
func TestHistoryAboveTheByteLimit(t *testing.T) {
	server := gitserver.NewWith(t, gitserver.Options{PlainUploadPack: true})
	repo := server.Repo("app")
	first := repo.Commit("first", map[string]string{"f": strings.Repeat("first ", 1000)})
	repo.Commit("second", map[string]string{"f": incompressible(20_000, 1)})
	repo.Commit("third", map[string]string{"f": incompressible(20_000, 2)})
	repository := Repository{URL: repo.URL(), Ref: "main"}
	got, err := New(map[string]Repository{"": repository}, Options{MaxBytes: 40_000}).Descends(t.Context(), "", first)
	wantUnproved(t, got, err, "history is above the limit of 40000 bytes", "uploadpack.allowFilter")
	got, err = New(map[string]Repository{"": repository}, Options{}).Descends(t.Context(), "", first)
	if err != nil || !got {
		t.Errorf("got %v, %v, want true", got, err)
	}
}
