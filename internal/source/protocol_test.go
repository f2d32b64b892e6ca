package source

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// offering changes what a server says it can do.
func offering(t testing.TB, change func(*capability.List)) gitserver.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
		if r.Method != http.MethodGet {
			next.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		advertised := packp.NewAdvRefs()
		if err := advertised.Decode(answer.Body); err != nil {
			t.Errorf("reading git's own refs: %v", err)
		}
		change(advertised.Capabilities)
		w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		if err := advertised.Encode(w); err != nil {
			t.Errorf("writing refs: %v", err)
		}
	}
}

func only(kept ...capability.Capability) func(*capability.List) {
	return func(list *capability.List) {
		for _, offered := range list.All() {
			keep := false
			for _, k := range kept {
				keep = keep || k == offered
			}
			if !keep {
				list.Delete(offered)
			}
		}
	}
}

// Servers differ in what they offer; asking for what is not offered, or leaving
// out what a server insists on, ends a fetch.
func TestCapabilitiesAreNegotiatedPerServer(t *testing.T) {
	cases := []struct {
		name   string
		offer  func(*capability.List)
		asks   []string
		avoids []string
	}{
		{"git itself", func(*capability.List) {}, []string{"multi_ack_detailed", "side-band-64k", "ofs-delta", "no-progress", "deepen 1", "agent=killick"}, []string{"thin-pack"}},
		{"multi_ack only, as old servers", only(capability.MultiACK), []string{"multi_ack"}, []string{"multi_ack_detailed", "deepen", "side-band", "ofs-delta", "agent"}},
		{"the small side band", only(capability.Sideband, capability.Shallow), []string{"side-band", "deepen 1"}, []string{"side-band-64k", "multi_ack"}},
		{"nothing", only(), nil, []string{"multi_ack", "deepen", "side-band", "thin-pack"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := gitserver.New(t)
			repo := server.Repo("app")
			repo.Commit("first", map[string]string{"f": strings.Repeat("one line\n", 100)})
			commit := repo.Commit("second", map[string]string{"f": strings.Repeat("one line\n", 100) + "more\n"})
			server.Break(offering(t, c.offer))
			got := mustCheckout(t, Repository{URL: repo.URL(), Ref: "main"})
			if got.Revision.Commit != commit {
				t.Errorf("got commit %s, want %s", got.Revision.Commit, commit)
			}
			if !strings.HasSuffix(read(t, got, "f"), "more\n") {
				t.Error("the file is not the commit's")
			}
			var asked bytes.Buffer
			for _, request := range server.Requests() {
				asked.Write(request.Body)
			}
			for _, word := range c.asks {
				if !strings.Contains(asked.String(), word) {
					t.Errorf("the client did not ask for %s: %q", word, asked.String())
				}
			}
			for _, word := range c.avoids {
				if strings.Contains(asked.String(), word) {
					t.Errorf("the client asked for %s: %q", word, asked.String())
				}
			}
		})
	}
}

// A server that promises commits by hash and then refuses is asked for the
// history of its branches.
func TestRefusedCommitIsFoundInHistory(t *testing.T) {
	server := gitserver.NewWith(t, gitserver.Options{PlainUploadPack: true})
	repo := server.Repo("app")
	first := repo.Commit("first", map[string]string{"f": "1"})
	repo.Commit("second", map[string]string{"f": "2"})
	server.Break(offering(t, func(list *capability.List) {
		if err := list.Set(capability.AllowReachableSHA1InWant); err != nil {
			t.Error(err)
		}
	}))
	got := mustCheckout(t, Repository{URL: repo.URL(), Ref: first})
	if read(t, got, "f") != "1" {
		t.Error("the file is not the commit's")
	}
}

// Where history is too large, the message says what to do about it.
func TestHistoryAboveTheLimit(t *testing.T) {
	server := gitserver.NewWith(t, gitserver.Options{PlainUploadPack: true})
	repo := server.Repo("app")
	first := repo.Commit("first", map[string]string{"f": "1"})
	for range 20 {
		repo.Commit("more", map[string]string{"f": "2"})
	}
	_, err := New(map[string]Repository{"": {URL: repo.URL(), Ref: first}}, Options{MaxBytes: 8000}).Checkout(t.Context(), "")
	wantProblem(t, err, "history of all branches is above the limit", "allowReachableSHA1InWant")
}

func TestLargeAdvertisementIsRefused(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	repo.Commit("first", map[string]string{"f": "1"})
	for _, repository := range []Repository{{URL: repo.URL()}, {URL: repo.SSHURL(), Auth: sshAuth(server)}} {
		_, err := New(map[string]Repository{"": repository}, Options{MaxBytes: 100}).Checkout(t.Context(), "")
		wantProblem(t, err, "the server sends more than 100 bytes", "")
	}
}

// Clients of the network put URLs and proxies into their errors; none of that
// gets through.
func TestClientErrorsLoseTheirURLs(t *testing.T) {
	for _, cause := range []error{
		errors.New(`invalid proxy address "http://user:canary%zz@proxy": parse error`),
		errors.New("connection reset by peer"),
		&redirectError{"the server redirects to another host, ", "https://git.example.com"},
	} {
		err := httpError(&url.Error{Op: "Get", URL: "https://user:canary@git.example.com/a?token=canary", Err: cause})
		noCanary(t, err)
	}
}

func TestShellQuote(t *testing.T) {
	for path, want := range map[string]string{
		"/team/app.git":       `'/team/app.git'`,
		"/it's; rm -rf /":     `'/it'\''s; rm -rf /'`,
		"/wow!$(touch x)`id`": `'/wow'\!'$(touch x)` + "`id`'",
	} {
		if got := shellQuote(path); got != want {
			t.Errorf("%q is quoted as %s, want %s", path, got, want)
		}
	}
}
