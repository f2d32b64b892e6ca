package source

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

const unknownCommit = "abababababababababababababababababababab"

// family is a repository with every way to descend and not to descend:
//
//	root ── base ── left ──── merge ── last ── tip   main, tag v1
//	           ├─── right ──┘
//	           └─── apart                            apart
//	old                                              main before, on no branch
//	stranger                                         stranger
type family map[string]string

func newFamily(t *testing.T, repo *gitserver.Repo) family {
	t.Helper()
	f := family{"unknown": unknownCommit}
	commit := func(name string, change gitserver.Change) {
		change.Message, change.Files = name, map[string]string{"f": name, "folder/" + name: "large " + strings.Repeat(name, 100)}
		f[name] = repo.CommitAs(change)
	}
	commit("old", gitserver.Change{})
	commit("root", gitserver.Change{Orphan: true})
	commit("base", gitserver.Change{})
	commit("left", gitserver.Change{})
	commit("right", gitserver.Change{Branch: "right", From: f["base"]})
	commit("apart", gitserver.Change{Branch: "apart", From: f["base"]})
	commit("stranger", gitserver.Change{Branch: "stranger", Orphan: true})
	f["merge"] = strings.TrimSpace(gitOutput(t, repo.Path(), "", "commit-tree", "-m", "merge", "-p", f["left"], "-p", f["right"], f["left"]+"^{tree}"))
	repo.Branch("main", f["merge"])
	commit("last", gitserver.Change{})
	commit("tip", gitserver.Change{})
	f["tree of tip"] = strings.TrimSpace(gitOutput(t, repo.Path(), "", "rev-parse", f["tip"]+"^{tree}"))
	repo.AnnotatedTag("v1", f["tip"], "release")
	if err := repo.DeleteRef("refs/heads/right"); err != nil {
		t.Fatal(err)
	}
	return f
}

var familyCases = []struct {
	commit, ancestor string
	want             bool
}{
	{"tip", "tip", true},
	{"tip", "last", true},
	{"tip", "merge", true},
	{"tip", "left", true},
	{"tip", "right", true}, // the second parent of a merge, on no branch any more
	{"tip", "root", true},
	{"tip", "old", false}, // the history was rewritten
	{"tip", "apart", false},
	{"tip", "stranger", false},
	{"tip", "unknown", false},
	{"tip", "tree of tip", false},
	{"apart", "base", true},
	{"apart", "left", false},
	{"base", "tip", false}, // the other way round
	{"root", "root", true},
	{"root", "base", false},
}

func TestDescends(t *testing.T) {
	open := gitserver.New(t)
	plain := gitserver.NewWith(t, gitserver.Options{PlainUploadPack: true})
	filtering := gitserver.NewWith(t, gitserver.Options{PlainUploadPack: true})
	if err := filtering.Repo("app").Configure("uploadpack.allowFilter", "true"); err != nil {
		t.Fatal(err)
	}
	overHTTP := func(_ *gitserver.Server, repo *gitserver.Repo) Repository { return Repository{URL: repo.URL()} }
	overSSH := func(server *gitserver.Server, repo *gitserver.Repo) Repository {
		return Repository{URL: repo.SSHURL(), Auth: sshAuth(server)}
	}
	hosts := []struct {
		name   string
		server *gitserver.Server
		at     func(*gitserver.Server, *gitserver.Repo) Repository
		offer  func(*capability.List)
	}{
		{"HTTP", open, overHTTP, nil},
		{"HTTPS", open, func(server *gitserver.Server, repo *gitserver.Repo) Repository {
			return Repository{URL: repo.HTTPSURL(), Auth: Auth{CAFile: server.CAFile()}}
		}, nil},
		{"HTTP, nothing but refs by hash and no filter", plain, overHTTP, nil},
		{"HTTP, multi_ack only, as old servers", open, overHTTP, only(capability.MultiACK)},
		{"HTTP, a filter and refs by hash alone", filtering, overHTTP, nil},
		{"HTTP, a promise of commits by hash", plain, overHTTP, func(list *capability.List) { _ = list.Set(capability.AllowReachableSHA1InWant) }},
		{"HTTP, nothing offered", plain, overHTTP, only()},
		{"SSH", open, overSSH, nil},
		{"SSH, nothing but refs by hash and no filter", plain, overSSH, nil},
		{"SSH, a filter and refs by hash alone", filtering, overSSH, nil},
		{"a path", open, func(_ *gitserver.Server, repo *gitserver.Repo) Repository { return Repository{URL: repo.Path()} }, nil},
	}
	repos, families := map[*gitserver.Server]*gitserver.Repo{}, map[*gitserver.Server]family{}
	for _, server := range []*gitserver.Server{open, plain, filtering} {
		repos[server] = server.Repo("app")
		families[server] = newFamily(t, repos[server])
	}
	for _, host := range hosts {
		t.Run(host.name, func(t *testing.T) {
			host.server.Break(nil)
			if host.offer != nil {
				host.server.Break(offering(t, host.offer))
			}
			commits := families[host.server]
			refs := map[string]string{"": "tip", "main": "tip", "v1": "tip", "apart": "apart"}
			for _, c := range familyCases {
				refs[commits[c.commit]] = c.commit
			}
			for ref, commit := range refs {
				repository := host.at(host.server, repos[host.server])
				repository.Ref = ref
				s := New(map[string]Repository{"": repository}, Options{})
				for _, c := range familyCases {
					if c.commit != commit {
						continue
					}
					got, err := s.Descends(t.Context(), "", commits[c.ancestor])
					if err != nil || got != c.want {
						t.Errorf("%s at %q descends from %s: got %v, %v, want %v", c.commit, ref, c.ancestor, got, err, c.want)
					}
				}
			}
		})
	}
}

// descending makes a Source of one repository whose checkout is there.
func descending(t *testing.T, repository Repository) *Source {
	t.Helper()
	s := New(map[string]Repository{"": repository, "again": repository}, Options{})
	if _, err := s.Checkout(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	return s
}

// wantUnproved checks an error after which nobody may say that it descends.
func wantUnproved(t *testing.T, got bool, err error, text, hint string) {
	t.Helper()
	wantProblem(t, err, text, hint)
	if got || !errors.Is(err, drift.ErrUnproved) || errors.Is(err, drift.ErrUnreachable) {
		t.Errorf("got %v, %v, want ErrUnproved", got, err)
	}
}

// packs are the bodies of the requests for packs.
func packs(server *gitserver.Server) (bodies []string) {
	for _, request := range server.Requests() {
		if request.Method == http.MethodPost {
			bodies = append(bodies, string(request.Body))
		}
	}
	return bodies
}

// asked are the lines of some requests that begin with a word, in order.
func asked(bodies []string, word string) (lines []string) {
	for _, body := range bodies {
		scanner := pktline.NewScanner(strings.NewReader(body))
		for scanner.Scan() {
			if line := strings.TrimSpace(string(scanner.Bytes())); strings.HasPrefix(line, word+" ") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// The commit and its parents came with the checkout.
func TestParentsNeedNoRequest(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	commits := newFamily(t, repo)
	for ref, ancestors := range map[string][]string{"main": {"tip", "last"}, commits["merge"]: {"merge", "left", "right"}, commits["root"]: {"root", "unknown"}} {
		s := descending(t, Repository{URL: repo.URL(), Ref: ref})
		server.Forget()
		server.Break(gitserver.Status(http.StatusServiceUnavailable))
		for _, ancestor := range ancestors {
			got, err := s.Descends(t.Context(), "", strings.ToUpper(commits[ancestor]))
			if want := ancestor != "unknown"; err != nil || got != want {
				t.Errorf("%s at %s: got %v, %v, want %v", ancestor, ref, got, err, want)
			}
		}
		if got := server.Requests(); len(got) > 0 {
			t.Errorf("the server was asked %d times, want none", len(got))
		}
		server.Break(nil)
	}
}

// All apps of a repository ask at the same time, most of them for the same commit.
func TestDescendsIsShared(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	commits := newFamily(t, repo)
	s := descending(t, Repository{URL: repo.URL(), Ref: "main"})
	server.Forget()
	var calls sync.WaitGroup
	for i := range 40 {
		calls.Go(func() {
			c := familyCases[i%11]
			got, err := s.Descends(t.Context(), []string{"", "again"}[i%2], commits[c.ancestor])
			if err != nil || got != c.want {
				t.Errorf("%s: got %v, %v, want %v", c.ancestor, got, err, c.want)
			}
		})
	}
	calls.Wait()
	if got := packs(server); len(got) != 1 {
		t.Errorf("the server was asked for %d packs, want one", len(got))
	}
	if got := advertisements(server); got != 1 {
		t.Errorf("the server was asked %d times for its refs, want once", got)
	}
}

// Whoever gives up does so for itself: the others still get an answer.
func TestOneCallerOfDescendsGivesUp(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	commits := newFamily(t, repo)
	for name, repository := range map[string]Repository{
		"HTTP":                 {URL: repo.URL(), Ref: "main"},
		"HTTP, and no refs":    {URL: repo.URL(), Ref: "main"},
		"HTTP, before a fetch": {URL: repo.URL(), Ref: "main"},
	} {
		t.Run(name, func(t *testing.T) {
			server.Break(nil)
			s := New(map[string]Repository{"": repository}, Options{})
			if name != "HTTP, before a fetch" {
				s = descending(t, repository)
			}
			arrived := make(chan struct{})
			var once sync.Once
			hang := func(w http.ResponseWriter, r *http.Request, next http.Handler, closed <-chan struct{}) {
				first := false
				once.Do(func() { first = true })
				if !first {
					next.ServeHTTP(w, r)
					return
				}
				close(arrived)
				gitserver.Hang()(w, r, next, closed)
			}
			if server.Break(gitserver.OnlyPacks(hang)); name != "HTTP" {
				server.Break(hang)
			}
			impatient, giveUp := context.WithCancel(t.Context())
			var calls sync.WaitGroup
			calls.Go(func() {
				if got, err := s.Descends(impatient, "", commits["root"]); got || !errors.Is(err, context.Canceled) {
					t.Errorf("the first caller got %v, %v, want Canceled", got, err)
				}
			})
			<-arrived
			for range 3 {
				calls.Go(func() {
					if got, err := s.Descends(t.Context(), "", commits["root"]); err != nil || !got {
						t.Errorf("a patient caller got %v, %v, want true", got, err)
					}
				})
			}
			calls.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				got, err := s.Descends(ctx, "", commits["stranger"])
				wantProblem(t, err, "", "")
				if got || !errors.Is(err, context.Canceled) {
					t.Errorf("a waiting caller that gives up got %v, %v", got, err)
				}
			})
			giveUp()
			calls.Wait()
		})
	}
}

// Files that come late and the history are read at the same time.
func TestHistoryBesideLateFiles(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	commits := newFamily(t, repo)
	for _, repository := range []Repository{{URL: repo.URL(), Ref: "main"}, {URL: repo.SSHURL(), Ref: "main", Auth: sshAuth(server)}} {
		s := New(map[string]Repository{"": repository}, Options{})
		got, err := s.Checkout(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		both.Go(func() {
			if err := readAll(got.FS); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() {
			if got, err := s.Descends(t.Context(), "", commits["root"]); err != nil || !got {
				t.Errorf("got %v, %v, want true", got, err)
			}
		})
		both.Wait()
	}
}

func TestDescendsBadInput(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	commits := newFamily(t, repo)
	dir, commit := clone(t)
	s := New(map[string]Repository{
		"": {URL: repo.URL(), Ref: "main"}, "tree": {URL: dir, Worktree: true},
		"no ref": {URL: repo.URL(), Ref: "nothing"}, "nowhere": {URL: filepath.Join(dir, "nowhere")},
	}, Options{})
	for _, ancestor := range []string{"", "main", "HEAD", commits["root"][:12], commits["root"] + "0", strings.Repeat("g", 40), "-" + commits["root"][1:], commits["root"] + "\n"} {
		got, err := s.Descends(t.Context(), "", ancestor)
		wantUnproved(t, got, err, "40 hex digits", "")
	}
	if got := server.Requests(); len(got) > 0 {
		t.Errorf("the server was asked %d times, want none", len(got))
	}
	got, err := s.Descends(t.Context(), "tree", commit)
	wantUnproved(t, got, err, "working tree", "--worktree")
	for name, text := range map[string]string{"unheard of": "is not configured", "no ref": "no branch or tag", "nowhere": "no such folder"} {
		got, err := s.Descends(t.Context(), name, commits["root"])
		if wantProblem(t, err, text, ""); got {
			t.Errorf("%s: it descends", name)
		}
	}
}
