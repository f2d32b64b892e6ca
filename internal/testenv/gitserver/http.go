package gitserver

import (
	"bytes"
	"crypto/subtle"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cgi"
	"strings"
	"time"

	"github.com/killick-dev/killick/internal/testenv/certs"
)

// bodyLimit bounds what a fetch may ask for; negotiations take kilobytes.
const bodyLimit = 16 << 20

// Credentials that HTTP requests must carry: basic authentication, or a bearer
// token. When both are set, either lets a request in. The zero value asks for
// nothing.
type Credentials struct {
	Username string
	Password string
	Bearer   string
}

// Request is one request that reached the host, refused ones included.
type Request struct {
	Protocol string // http, https or ssh
	Method   string // of HTTP
	Path     string // "/app.git/info/refs"; for SSH "/app.git"
	Query    string // "service=git-upload-pack"
	Header   http.Header
	Body     []byte // of HTTP: what the client asked for, still gzipped if it was
}

// Demand changes the credentials that HTTP and HTTPS requests must carry.
func (h *Host) Demand(credentials Credentials) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.credentials = credentials
}

// Requests lists what reached the host since the start or the last Forget, in
// order of arrival.
func (h *Host) Requests() []Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Request(nil), h.requests...)
}

// Forget empties the list of requests.
func (h *Host) Forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests = nil
}

func (h *Host) record(r Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests = append(h.requests, r)
}

// begin counts a request that Close must wait for, and refuses it once Close has
// begun to wait.
func (h *Host) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.closed:
		return false
	default:
		h.serving.Add(1)
		return true
	}
}

func (h *Host) serveHTTP() error {
	listener, err := listenLocal()
	if err != nil {
		return err
	}
	h.httpURL = "http://" + listener.Addr().String()
	h.plain = h.serve(listener, "http")
	return nil
}

func (h *Host) serveHTTPS(pair certs.Pair) error {
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		return fmt.Errorf("reading the serving certificate: %w", err)
	}
	listener, err := listenLocal()
	if err != nil {
		return err
	}
	h.tlsURL = "https://" + listener.Addr().String()
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	h.secure = h.serve(tls.NewListener(listener, config), "https")
	return nil
}

func (h *Host) serve(listener net.Listener, protocol string) *http.Server {
	server := &http.Server{
		Handler:           h.handler(protocol),
		ReadHeaderTimeout: time.Minute,
		// Clients that hang up or distrust the certificate are what tests are about.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	h.serving.Add(1)
	go func() {
		defer h.serving.Done()
		_ = server.Serve(listener) // always ErrServerClosed, by Close
	}()
	return server
}

// handler records, checks credentials, lets a fault have its way and hands the
// rest to git.
func (h *Host) handler(protocol string) http.Handler {
	backend := &cgi.Handler{
		Path: h.backend,
		Dir:  h.root,
		Env: append(Env(h.home),
			"GIT_PROJECT_ROOT="+h.root,
			"GIT_HTTP_EXPORT_ALL=1",
		),
		Logger: log.New(io.Discard, "", 0),
		Stderr: io.Discard,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.begin() {
			panic(http.ErrAbortHandler) // the documented way to drop a connection
		}
		defer h.serving.Done()
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
		if err != nil {
			http.Error(w, "reading the request: "+err.Error(), http.StatusBadRequest)
			return
		}
		// CGI needs a length, which clients do not give for large or zipped requests.
		r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		h.record(Request{
			Protocol: protocol,
			Method:   r.Method,
			Path:     r.URL.Path,
			Query:    r.URL.RawQuery,
			Header:   r.Header.Clone(),
			Body:     body,
		})
		h.mu.Lock()
		credentials, fault := h.credentials, h.fault
		h.mu.Unlock()
		if !credentials.admit(r) {
			w.Header().Set("WWW-Authenticate", `Basic realm="killick test git server"`)
			http.Error(w, "authentication required", http.StatusUnauthorized)
			return
		}
		if fault != nil {
			fault(w, r, backend, h.closed)
			return
		}
		backend.ServeHTTP(w, r)
	})
}

func (c Credentials) admit(r *http.Request) bool {
	if c == (Credentials{}) {
		return true
	}
	if token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); found {
		return c.Bearer != "" && equal(token, c.Bearer)
	}
	username, password, found := r.BasicAuth()
	return found && c.Password != "" && equal(username, c.Username) && equal(password, c.Password)
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
