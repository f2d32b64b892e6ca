package gitserver

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// Fault stands between HTTP clients and git. It may answer by itself, or let
// next answer. closed is closed when the host closes; a fault that waits must
// stop then. Requests are recorded and credentials are checked before.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler, closed <-chan struct{})

// Break puts a fault in front of every HTTP and HTTPS request from now on; nil
// mends the host.
func (h *Host) Break(fault Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = fault
}

// Status answers every request with an HTTP status, as a host does when it is
// overloaded (503) or refuses (403).
func Status(code int) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
		http.Error(w, http.StatusText(code), code)
	}
}

// Hang accepts requests and never answers.
func Hang() Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler, closed <-chan struct{}) {
		select {
		case <-r.Context().Done():
		case <-closed:
		}
	}
}

// Redirect sends clients to the same path below another base URL.
func Redirect(base string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler, _ <-chan struct{}) {
		http.Redirect(w, r, strings.TrimSuffix(base, "/")+r.URL.RequestURI(), http.StatusFound)
	}
}

// Speak makes the server speak a version of the protocol ("0", "1") to clients
// that ask for another, as a server does that knows no newer one.
func Speak(version string) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
		if r.Header.Get("Git-Protocol") != "" {
			r.Header.Set("Git-Protocol", "version="+version)
		}
		next.ServeHTTP(w, r)
	}
}

// Truncate breaks the connection after the first length bytes of each answer's body.
func Truncate(length int) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
		next.ServeHTTP(&truncated{ResponseWriter: w, left: length}, r)
		panic(http.ErrAbortHandler) // the documented way to drop a connection
	}
}

// OnlyPacks limits a fault to the requests that fetch packs: the list of refs
// arrives whole, which version 2 of the protocol asks for by POST too.
func OnlyPacks(fault Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler, closed <-chan struct{}) {
		body, err := io.ReadAll(r.Body) // bounded already
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err != nil || r.Method != http.MethodPost || bytes.Contains(body, []byte("command=ls-refs")) {
			next.ServeHTTP(w, r)
			return
		}
		fault(w, r, next, closed)
	}
}

// OnlyAt limits a fault to one repository of the host.
func OnlyAt(repository *Repository, fault Fault) Fault {
	below := "/" + repository.Name() + ".git/"
	return func(w http.ResponseWriter, r *http.Request, next http.Handler, closed <-chan struct{}) {
		if !strings.HasPrefix(r.URL.Path, below) {
			next.ServeHTTP(w, r)
			return
		}
		fault(w, r, next, closed)
	}
}

// truncated passes the first bytes on and swallows the rest.
type truncated struct {
	http.ResponseWriter
	left int
}

func (t *truncated) Write(p []byte) (int, error) {
	kept := min(len(p), t.left)
	t.left -= kept
	if kept > 0 {
		if _, err := t.ResponseWriter.Write(p[:kept]); err != nil {
			return 0, err
		}
	}
	if flusher, ok := t.ResponseWriter.(http.Flusher); ok {
		flusher.Flush()
	}
	return len(p), nil
}
