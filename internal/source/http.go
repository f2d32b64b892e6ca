package source

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"github.com/killick-dev/killick/internal/drift"
)

const (
	uploadPackService = "git-upload-pack"
	// defaultHTTPUser goes with a token where no user is configured; hosts look
	// at the token only.
	defaultHTTPUser = "git"
	infoRefsPath    = "/info/refs"
	// dialTimeout bounds one connection attempt where the context has a later
	// deadline or none.
	dialTimeout = 30 * time.Second
	// maxRedirects is net/http's own number.
	maxRedirects = 10
	// idleTimeout is how long a connection is kept for the next files of a
	// checkout, of which nobody says when it is no longer needed.
	idleTimeout = 30 * time.Second
)

// httpServer speaks smart HTTP (gitprotocol-http). Credentials are sent to the
// configured host only: a redirect to another one is an error.
type httpServer struct {
	client      *http.Client
	base        string // scheme, host and path; changed by redirects of the first request
	credentials credentials
	bearer      bool // the server refused the token as a password
	version2    bool // the conversation offers version 2 of the protocol
	limit       int64
}

func newHTTPServer(where location, loaded credentials, limit int64) (*httpServer, error) {
	trusted, err := rootCAs(loaded.caPEM)
	if err != nil {
		return nil, problem("", fmt.Errorf("reading the certificates for %q: %w", where.display, err))
	}
	host := where.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if where.port != "" {
		host = net.JoinHostPort(where.host, where.port)
	}
	return &httpServer{
		client: &http.Client{
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
				TLSHandshakeTimeout: dialTimeout,
				IdleConnTimeout:     idleTimeout,
				TLSClientConfig:     &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12},
				ForceAttemptHTTP2:   true,
			},
			CheckRedirect: checkRedirect,
		},
		base:        where.scheme + "://" + host + strings.TrimSuffix(where.path, "/"),
		credentials: loaded,
		limit:       limit,
	}, nil
}

// rootCAs are the system's certificates and the given ones; nil means the
// system's.
func rootCAs(pem []byte) (*x509.CertPool, error) {
	if pem == nil {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("caFile holds no PEM certificate")
	}
	return pool, nil
}

func (s *httpServer) close() { s.client.CloseIdleConnections() }

// again keeps what the conversation so far has learned: the place and how to
// authenticate.
func (s *httpServer) again() server {
	other := *s
	return &other
}

func (s *httpServer) advertise(ctx context.Context) (*packp.AdvRefs, error) {
	s.version2 = false
	response, err := s.infoRefs(ctx)
	if err != nil {
		return nil, err
	}
	defer discard(response)
	return s.decodeRefs(&networkBody{response.Body})
}

func (s *httpServer) decodeRefs(body io.Reader) (*packp.AdvRefs, error) {
	advertised, err := decodeRefs(body, s.limit)
	if err != nil {
		return nil, serverError(nil, err) // an empty answer is one that broke off
	}
	return advertised, nil
}

// infoRefs makes the first request of a conversation; the caller discards the
// answer. What follows goes where redirects led and with the credential that was
// let in.
func (s *httpServer) infoRefs(ctx context.Context) (*http.Response, error) {
	const path = infoRefsPath + "?service=" + uploadPackService
	response, err := s.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusUnauthorized && s.credentials.token != "" && !s.bearer {
		discard(response)
		s.bearer = true
		if response, err = s.do(ctx, http.MethodGet, path, nil); err != nil {
			return nil, err
		}
	}
	if err := s.acceptRefs(response); err != nil {
		discard(response)
		return nil, err
	}
	return response, nil
}

// acceptRefs checks the answer to infoRefs. A renamed repository redirects on
// the same host; what follows goes there.
func (s *httpServer) acceptRefs(response *http.Response) error {
	if err := s.checkStatus(response); err != nil {
		return err
	}
	moved, found := strings.CutSuffix(response.Request.URL.Path, infoRefsPath)
	if !found || response.Header.Get("Content-Type") != "application/x-"+uploadPackService+"-advertisement" {
		return notGit()
	}
	final := *response.Request.URL
	final.Path, final.RawPath, final.RawQuery = moved, strings.TrimSuffix(final.RawPath, infoRefsPath), ""
	s.base = final.String()
	return nil
}

func (s *httpServer) uploadPack(ctx context.Context, request []byte) (io.ReadCloser, error) {
	response, err := s.do(ctx, http.MethodPost, "/"+uploadPackService, request)
	if err != nil {
		return nil, err
	}
	if err := s.checkStatus(response); err != nil {
		discard(response)
		return nil, err
	}
	if response.Header.Get("Content-Type") != "application/x-"+uploadPackService+"-result" {
		discard(response)
		return nil, notGit()
	}
	return &networkBody{response.Body}, nil
}

func (s *httpServer) do(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.base+path, content)
	if err != nil {
		return nil, &failure{text: "the repository URL cannot be requested"}
	}
	request.Header.Set("User-Agent", agent)
	if s.version2 {
		request.Header.Set(gitProtocolHeader, askVersion2)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/x-"+uploadPackService+"-request")
		request.Header.Set("Accept", "application/x-"+uploadPackService+"-result")
	}
	s.authorize(request)
	response, err := s.client.Do(request)
	if err != nil {
		return nil, httpError(err)
	}
	return response, nil
}

func (s *httpServer) authorize(request *http.Request) {
	switch {
	case s.credentials.token != "" && s.bearer:
		request.Header.Set("Authorization", "Bearer "+s.credentials.token)
	case s.credentials.token != "":
		request.SetBasicAuth(cmp.Or(s.credentials.username, defaultHTTPUser), s.credentials.token)
	case s.credentials.username != "":
		request.SetBasicAuth(s.credentials.username, s.credentials.password)
	}
}

// redirectError is a redirect that was not followed. Only scheme and host of
// the target are kept: the rest may hold a signed query.
type redirectError struct{ reason, target string }

func (e *redirectError) Error() string { return e.reason + e.target }

// checkRedirect follows redirects of the first request within the same origin,
// as a host does when a repository is renamed, and nothing else: the request
// carries credentials, and a host that was not configured is not to be asked
// (docs/guards.md, isolation of input; CVE-2026-41506).
func checkRedirect(next *http.Request, via []*http.Request) error {
	target := next.URL.Scheme + "://" + next.URL.Host
	first := via[0].URL
	switch {
	case next.Method != http.MethodGet || via[0].Method != http.MethodGet:
		return &redirectError{"the server redirects a fetch to ", target}
	case len(via) >= maxRedirects:
		return &redirectError{"the server redirects without end, at last to ", target}
	case origin(next.URL) != origin(first):
		return &redirectError{"the server redirects to another host, ", target}
	case next.URL.User != nil:
		return &redirectError{"the server redirects to a URL with credentials on ", target}
	}
	return nil
}

// origin is scheme, host and effective port (RFC 6454 §4).
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	return strings.ToLower(u.Scheme) + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// checkStatus reads an answer's status; bodies are not repeated, since a server
// may echo what it was sent.
func (s *httpServer) checkStatus(response *http.Response) error {
	credentialed := s.credentials.token != "" || s.credentials.username != ""
	hint := "configure tokenFile, or usernameFile with passwordFile (--git-token-file and so on); some hosts also answer so when there is no such repository"
	if credentialed {
		hint = "check that the credential is valid, has not expired and may read this repository"
	}
	switch code := response.StatusCode; {
	case code == http.StatusOK:
		return nil
	case code == http.StatusUnauthorized && !credentialed:
		return &failure{text: "the server asks for authentication (401)", hint: hint}
	case code == http.StatusUnauthorized:
		return &failure{text: "authentication failed (401)", hint: hint}
	case code == http.StatusForbidden:
		return &failure{text: "access denied (403)", hint: hint}
	case code == http.StatusNotFound || code == http.StatusGone:
		return &failure{
			text: fmt.Sprintf("no such repository (%d)", code),
			hint: "check the URL; hosts also answer so when the credential may not read the repository",
		}
	case code == http.StatusTooManyRequests || code >= 500:
		return &failure{
			text:   fmt.Sprintf("the server answers %d %s", code, http.StatusText(code)),
			hint:   "the server is overloaded or down; the next run tries again",
			causes: []error{drift.ErrUnreachable},
		}
	default:
		return &failure{text: fmt.Sprintf("the server answers %d %s", code, http.StatusText(code)), hint: notGit().hint}
	}
}

// httpError replaces the client's error, whose text holds the request URL.
func httpError(err error) error {
	var redirect *redirectError
	if errors.As(err, &redirect) {
		return &failure{text: redirect.Error(), hint: "if the repository has moved, write its new URL into the configuration"}
	}
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var wrongHost x509.HostnameError
	switch {
	case errors.As(err, &unknown):
		return &failure{text: "the server's certificate is signed by an unknown authority", hint: "give the authority's certificate with caFile (--git-ca-file)"}
	case errors.As(err, &wrongHost):
		return &failure{text: "the server's certificate is for another host", hint: "check the host in the URL"}
	case errors.As(err, &invalid):
		return &failure{text: "the server's certificate is not valid: " + clean(invalid.Error(), 200), hint: "check the certificate's dates and purpose, and the clock here"}
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if strings.Contains(err.Error(), "invalid proxy") {
		// net/http repeats the proxy's URL, which may hold a password.
		return &failure{text: "the proxy configured in the environment is not a valid URL", hint: "correct HTTPS_PROXY"}
	}
	return unreachable(err)
}

// unreachable is a network error: its text names addresses and causes only.
func unreachable(err error) error {
	return &failure{
		text:   "unreachable: " + clean(err.Error(), 200),
		hint:   "check the host and port, name resolution, proxies and network policies",
		causes: []error{drift.ErrUnreachable},
	}
}

// networkBody turns read errors of a body into failures.
type networkBody struct{ io.ReadCloser }

func (b *networkBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		err = unreachable(err)
	}
	return n, err
}

// discard ends an answer; a little is read so that the connection can be used
// again.
func discard(response *http.Response) {
	_, _ = io.CopyN(io.Discard, response.Body, 4<<10)
	_ = response.Body.Close()
}
