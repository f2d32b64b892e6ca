package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// resolved asks for the commit of one repository under its own Source.
func resolved(t *testing.T, repository Repository, options Options) (string, error) {
	t.Helper()
	return New(map[string]Repository{"": repository}, options).Resolve(t.Context(), "")
}

// The answer of a poll is the commit that a checkout would give, whatever the
// ref, the transport and the version of the protocol.
func TestResolveAgreesWithCheckout(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	first := repo.Commit("first", map[string]string{"f": "1"})
	second := repo.Commit("second", map[string]string{"f": "2"})
	third := repo.Commit("third", map[string]string{"f": "3"})
	repo.Branch("main2", first)
	repo.Branch("release/1.0", first)
	repo.Tag("v1", first)
	repo.Tag("v10", second)
	tag := repo.AnnotatedTag("v2", second, "two")
	repo.AnnotatedTag("v2-signed", tag, "a tag of a tag")
	repo.Branch("same", second)
	repo.AnnotatedTag("same", second, "the same commit as the branch")
	if err := repo.SetRef("refs/pull/7/head", first); err != nil {
		t.Fatal(err)
	}
	cases := []struct{ ref, commit, reason string }{
		{"", third, "no ref means HEAD"},
		{"HEAD", third, "HEAD by name"},
		{"main", third, "a branch, not the longer names that begin with it"},
		{"release/1.0", first, "a branch with a slash"},
		{"refs/heads/main", third, "a full branch name"},
		{"refs/pull/7/head", first, "a full name of another kind"},
		{"v1", first, "a light tag, not the longer names that begin with it"},
		{"v2", second, "an annotated tag is peeled"},
		{"refs/tags/v2", second, "a full tag name is peeled"},
		{"v2-signed", second, "nested tags are peeled"},
		{"same", second, "a branch and a tag of one commit do not contradict each other"},
		{strings.ToUpper(first), first, "a commit is its own answer"},
	}
	for _, via := range []struct {
		name  string
		url   string
		auth  Auth
		fault gitserver.Fault
	}{
		{"http, version 2", repo.URL(), Auth{}, nil},
		{"http, version 1", repo.URL(), Auth{}, gitserver.Speak("1")},
		{"http, version 0", repo.URL(), Auth{}, gitserver.Speak("0")},
		{"https", repo.HTTPSURL(), Auth{CAFile: server.CAFile()}, nil},
		{"ssh", repo.SSHURL(), sshAuth(server), nil},
		{"disk", repo.Path(), Auth{}, nil},
	} {
		server.Break(via.fault)
		for _, c := range cases {
			repository := Repository{URL: via.url, Ref: c.ref, Auth: via.auth}
			got, err := resolved(t, repository, Options{})
			if err != nil || got != c.commit {
				t.Errorf("%s, %s: got %q, %v, want %s", via.name, c.reason, got, err, c.commit)
			}
			if want := mustCheckout(t, repository).Revision.Commit; got != want {
				t.Errorf("%s, %s: a checkout has %s, a poll %s", via.name, c.reason, want, got)
			}
		}
	}
}

// A poll sees what was pushed since, and costs two requests that do not grow
// with the number of refs.
func TestResolveAsksAgain(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	first := repo.Commit("first", map[string]string{"f": "1"})
	for i := range 50 {
		repo.Branch(fmt.Sprintf("topic-%d", i), first)
	}
	s := New(map[string]Repository{"": {URL: repo.URL(), Ref: "main"}, "pinned": {URL: repo.URL(), Ref: first}}, Options{MaxBytes: 1000})
	server.Forget()
	for i := range 3 {
		want := repo.Commit("next", map[string]string{"f": fmt.Sprint(i)})
		if got, err := s.Resolve(t.Context(), ""); err != nil || got != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
	var asked []string
	for _, request := range server.Requests() {
		asked = append(asked, request.Method+" "+request.Path+" "+request.Header.Get("Git-Protocol"))
	}
	once := []string{"GET /app.git/info/refs version=2", "POST /app.git/git-upload-pack version=2"}
	want := append(append(append([]string{}, once...), once...), once...)
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	server.Forget()
	if got, err := s.Resolve(t.Context(), "pinned"); err != nil || got != first || len(server.Requests()) > 0 {
		t.Errorf("a pinned commit gave %q, %v and %d requests", got, err, len(server.Requests()))
	}
}

// A fetch behind a poll speaks version 0 again, which go-git reads.
func TestCheckoutAfterResolve(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	commit := repo.Commit("first", map[string]string{"f": "1"})
	s := New(map[string]Repository{"": {URL: repo.URL(), Ref: "main"}}, Options{})
	polled, err := s.Resolve(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Checkout(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if polled != commit || got.Revision.Commit != commit || read(t, got, "f") != "1" {
		t.Errorf("polled %s, checked out %s, want %s", polled, got.Revision.Commit, commit)
	}
}

func TestResolveProblems(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	first := repo.Commit("first", map[string]string{"f": "1"})
	second := repo.Commit("second", map[string]string{"f": "2"})
	repo.Branch("release-1", first)
	repo.Branch("v1", second)
	repo.Tag("v1", first)
	repo.Branch("v2", second)
	repo.AnnotatedTag("v2", first, "another commit than the branch")
	server.Repo("empty")
	headless := server.Repo("headless")
	headless.CommitAs(gitserver.Change{Branch: "trunk", Message: "first", Files: map[string]string{"f": "1"}})
	cases := []struct {
		name, repo, ref, text, hint string
	}{
		{"a typo names the nearest", "app", "mian", `no branch or tag "mian"`, `did you mean "main"`},
		{"a beginning of a name is none", "app", "mai", `no branch or tag "mai"`, `did you mean "main"`},
		{"nothing near lists some", "app", "production", `no branch or tag "production"`, `there are "main"`},
		{"an abbreviated commit", "app", first[:10], "no branch or tag", "40 digits"},
		{"a full name that is not there", "app", "refs/heads/releaze-1", "no branch or tag", `"release-1"`},
		{"a branch and a tag of different commits", "app", "v1", "branch and a tag of different commits", "refs/tags/v1"},
		{"a branch and an annotated tag of different commits", "app", "v2", "branch and a tag of different commits", "refs/tags/v2"},
		{"an empty repository", "empty", "main", "the repository is empty", "push"},
		{"HEAD of an empty repository", "empty", "", "the repository is empty", "push"},
		{"HEAD of a branch that is not there", "headless", "", "HEAD does not point at a commit", `"trunk"`},
		{"control characters are not repeated", "app", "a\x1b[31mb", `"a[31mb"`, ""},
		{"a line break does not end the request", "app", "main\nref-prefix refs/heads/v1", "no branch or tag", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			at := server.Repo(c.repo)
			for _, via := range []struct {
				Repository
				fault gitserver.Fault
			}{
				{Repository{URL: at.URL()}, nil},
				{Repository{URL: at.URL()}, gitserver.Speak("0")},
				{Repository{URL: at.SSHURL(), Auth: sshAuth(server)}, nil},
				{Repository{URL: at.Path()}, nil},
			} {
				server.Break(via.fault)
				via.Ref = c.ref
				got, err := resolved(t, via.Repository, Options{})
				wantProblem(t, err, c.text, c.hint)
				if got != "" {
					t.Errorf("an error comes with commit %q", got)
				}
			}
		})
	}
}

func TestResolveOutsideOfGit(t *testing.T) {
	dir, commit := clone(t)
	_, err := resolved(t, Repository{URL: dir, Worktree: true}, Options{})
	wantProblem(t, err, "files of a working tree are those of no commit", "--worktree")
	if got, err := resolved(t, Repository{URL: dir}, Options{}); err != nil || got != commit {
		t.Errorf("HEAD of a clone is %q, %v, want %s", got, err, commit)
	}
	_, err = resolved(t, Repository{URL: t.TempDir()}, Options{})
	wantProblem(t, err, "not in a Git repository", "")
	_, err = New(nil, Options{}).Resolve(t.Context(), "charts")
	wantProblem(t, err, `repository "charts" is not configured`, "repositories")
	_, err = resolved(t, Repository{URL: "https://git.example.com/a.git", Auth: Auth{TokenFile: "gone"}}, Options{})
	wantProblem(t, err, "reading tokenFile", "mounted")
}

func TestResolveCredentials(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("private")
	commit := repo.Commit("first", map[string]string{"f": "1"})
	token := Auth{TokenFile: write(t, "token", canaryToken), CAFile: server.CAFile()}
	cases := []struct {
		name   string
		demand gitserver.Credentials
		auth   Auth
		text   string
	}{
		{"a token as a password", gitserver.Credentials{Username: "git", Password: canaryToken}, token, ""},
		{"a token as a bearer", gitserver.Credentials{Bearer: canaryToken}, token, ""},
		{"none", gitserver.Credentials{Bearer: canaryToken}, Auth{CAFile: server.CAFile()}, "asks for authentication"},
		{"a wrong one", gitserver.Credentials{Bearer: "other"}, token, "authentication failed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server.Demand(c.demand)
			got, err := resolved(t, Repository{URL: repo.HTTPSURL(), Ref: "main", Auth: c.auth}, Options{})
			if c.text != "" {
				wantProblem(t, err, c.text, "")
				return
			}
			if err != nil || got != commit {
				t.Errorf("got %q, %v, want %s", got, err, commit)
			}
		})
	}
}

// onlyPosts limits a fault to the second request of a poll.
func onlyPosts(fault gitserver.Fault) gitserver.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler, closed <-chan struct{}) {
		if r.Method == http.MethodPost {
			fault(w, r, next, closed)
			return
		}
		next.ServeHTTP(w, r)
	}
}

func TestResolveServerFaults(t *testing.T) {
	const first, second = "application/x-git-upload-pack-advertisement", "application/x-git-upload-pack-result"
	greeting := pktLine("# service=git-upload-pack\n") + "0000" + pktLine("version 2\n")
	ref := strings.Repeat("ab", 20) + " refs/heads/main"
	cases := []struct {
		name        string
		fault       gitserver.Fault
		text        string
		unreachable bool
	}{
		{"overloaded", gitserver.Status(503), "503", true},
		{"overloaded at the second request", onlyPosts(gitserver.Status(503)), "503", true},
		{"forbidden", gitserver.Status(403), "access denied", false},
		{"cut in the greeting", gitserver.Truncate(60), "broke off", true},
		{"cut in a length", gitserver.Truncate(36), "broke off", true},
		{"cut in the refs", onlyPosts(gitserver.Truncate(20)), "broke off", true},
		{"cut before the end of the refs", onlyPosts(typed(second, pktLine(ref+"\n"))), "broke off", true},
		{"nothing", typed(first, ""), "broke off", true},
		{"a web page", page("<html>canary-page</html>"), "not that of a Git repository", false},
		{"a page as refs", onlyPosts(typed(second, "<html>canary-page</html>")), "not that of a Git repository", false},
		{"refs of another type", onlyPosts(page(pktLine(ref) + "0000")), "not that of a Git repository", false},
		{"an error", onlyPosts(typed(second, pktLine("ERR quota \x1b[31mexceeded"))), `the server says "quota [31mexceeded"`, false},
		{"a hash that is none", onlyPosts(typed(second, pktLine("canary refs/heads/main\n")+"0000")), "not that of a Git repository", false},
		{"a peeled hash that is none", onlyPosts(typed(second, pktLine(ref+" peeled:canary\n")+"0000")), "not that of a Git repository", false},
		{"an empty line is no end", onlyPosts(typed(second, pktLine("\n")+pktLine(ref)+"0000")), "not that of a Git repository", false},
		{"version 2 without refs", typed(first, greeting+pktLine("fetch=shallow\n")+"0000"), "not that of a Git repository", false},
		{"SHA-256", typed(first, greeting+pktLine("ls-refs\n")+pktLine("object-format=sha256\n")+"0000"), "SHA-256", false},
		{"SHA-256 in version 0", typed(first, pktLine("# service=git-upload-pack\n")+"0000"+
			pktLine(strings.Repeat("ab", 32)+" HEAD\x00 object-format=sha256\n")+"0000"), "SHA-256", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := gitserver.New(t)
			repo := server.Repo("app")
			repo.Commit("first", map[string]string{"f": "1"})
			server.Break(c.fault)
			_, err := resolved(t, Repository{URL: repo.URL(), Ref: "main", Auth: Auth{TokenFile: write(t, "token", canaryToken)}}, Options{})
			wantProblem(t, err, c.text, "")
			if got := errors.Is(err, drift.ErrUnreachable); got != c.unreachable {
				t.Errorf("ErrUnreachable is %v, want %v: %v", got, c.unreachable, err)
			}
		})
	}
}

// What a poll reads is bounded: the greeting, the list of version 0, and an
// endless list of version 2.
func TestResolveLimits(t *testing.T) {
	endless := func(contentType, line string) gitserver.Fault {
		return func(w http.ResponseWriter, r *http.Request, _ http.Handler, _ <-chan struct{}) {
			w.Header().Set("Content-Type", contentType)
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte(strings.Repeat(line, 1000))); err != nil {
					return
				}
			}
		}
	}
	const first = "application/x-git-upload-pack-advertisement"
	for name, fault := range map[string]gitserver.Fault{
		"refs":         onlyPosts(endless("application/x-git-upload-pack-result", pktLine(strings.Repeat("ab", 20)+" refs/heads/main2\n"))),
		"capabilities": endless(first, pktLine("version 2\n")),
		"flushes":      endless(first, "0000"),
		"version 0":    endless(first, pktLine(strings.Repeat("ab", 20)+" HEAD\x00 agent=x\n")),
	} {
		t.Run(name, func(t *testing.T) {
			server := gitserver.New(t)
			repo := server.Repo("app")
			repo.Commit("first", map[string]string{"f": "1"})
			server.Break(fault)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err := New(map[string]Repository{"": {URL: repo.URL(), Ref: "main"}}, Options{MaxBytes: 1 << 20}).Resolve(ctx, "")
			if err == nil || ctx.Err() != nil {
				t.Fatalf("an endless answer gave %v", err)
			}
			wantProblem(t, err, "", "")
		})
	}
}

// Neither request leaves the configured host, and a renamed repository is
// followed on it.
func TestResolveRedirects(t *testing.T) {
	var leaked []http.Header
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		leaked = append(leaked, r.Header.Clone())
	}))
	defer elsewhere.Close()
	server := gitserver.New(t)
	repo := server.Repo("new")
	commit := repo.Commit("first", map[string]string{"f": "1"})
	auth := Auth{TokenFile: write(t, "token", canaryToken)}

	server.Break(gitserver.Redirect(elsewhere.URL + "/canary-signed"))
	_, err := resolved(t, Repository{URL: repo.URL(), Auth: auth}, Options{})
	wantProblem(t, err, "redirects to another host, "+elsewhere.URL, "new URL")
	server.Break(onlyPosts(gitserver.Redirect(elsewhere.URL)))
	_, err = resolved(t, Repository{URL: repo.URL(), Auth: auth}, Options{})
	wantProblem(t, err, "redirects a fetch", "new URL")
	if len(leaked) > 0 {
		t.Errorf("the other host was asked, with %v", leaked)
	}

	server.Break(func(w http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
		if rest, old := strings.CutPrefix(r.URL.Path, "/old.git"); old {
			http.Redirect(w, r, "/new.git"+rest+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
			return
		}
		next.ServeHTTP(w, r)
	})
	if got, err := resolved(t, Repository{URL: server.URL() + "/old.git", Ref: "main", Auth: auth}, Options{}); err != nil || got != commit {
		t.Errorf("a renamed repository gave %q, %v, want %s", got, err, commit)
	}
}

func TestResolveEndsWithTheContext(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	repo.Commit("first", map[string]string{"f": "1"})
	for name, fault := range map[string]gitserver.Fault{"first request": gitserver.Hang(), "second request": onlyPosts(gitserver.Hang())} {
		server.Break(fault)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err := New(map[string]Repository{"": {URL: repo.URL()}}, Options{}).Resolve(ctx, "")
		cancel()
		wantProblem(t, err, "no answer in time", "--timeout")
		if !errors.Is(err, drift.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v is not ErrUnreachable and DeadlineExceeded", name, err)
		}
	}
}

// Whatever a server answers: refs that were asked for, or an error.
func FuzzResolveAnswers(f *testing.F) {
	hash := strings.Repeat("ab", 20)
	f.Add([]byte(pktLine("# service=git-upload-pack\n")+"0000"+pktLine("version 2\n")+pktLine("ls-refs=unborn\n")+"0000"),
		[]byte(pktLine(hash+" refs/heads/main\n")+pktLine(hash+" refs/heads/main2\n")+"0000"))
	f.Add([]byte(pktLine("version 2")+pktLine("ls-refs")+pktLine("object-format=sha1")+"0000"),
		[]byte(pktLine(hash+" HEAD symref-target:refs/heads/main")+pktLine(hash+" refs/tags/main peeled:"+hash)+"0000"))
	f.Add([]byte(pktLine("version 1\n")+pktLine(hash+" HEAD\x00 agent=x\n")+"0000"), []byte(pktLine("ERR no")))
	f.Add([]byte(pktLine(hash+" HEAD\x00 agent=x\n")+pktLine(hash+" refs/tags/a^{}\n")+"0000"), []byte("00010002"))
	wanted := candidates("main")
	f.Fuzz(func(t *testing.T, greeting, answer []byte) {
		const limit = 1 << 16
		rest, two := readVersion(bytes.NewReader(greeting))
		if !two {
			if advertised, err := decodeRefs(rest, limit); (err == nil) == (advertised == nil) {
				t.Errorf("version 0: got %v and %v", advertised, err)
			}
		} else if capabilities, err := readCapabilities(&limitedReader{reader: rest, left: limit}); err == nil && len(capabilities) == 0 {
			t.Error("version 2: no capability, and no error")
		}
		found, err := readRefs(&limitedReader{reader: bytes.NewReader(answer), left: limit}, wanted)
		if err != nil && found.targets != nil {
			t.Error("refs and an error")
		}
		for name, target := range found.targets {
			if !slices.Contains(wanted, name) || !bytes.Contains(bytes.ToLower(answer), []byte(target.String()+" "+strings.ToLower(name))) {
				t.Errorf("%s %s was not in the answer, or not asked for", target, name)
			}
		}
	})
}
