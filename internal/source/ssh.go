package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// sshServer runs git-upload-pack over SSH. Host keys are checked against one
// known_hosts file; agents, ssh_config and proxies of the environment are not
// used, so that a run is explained by its configuration alone.
type sshServer struct {
	where       location
	credentials credentials
	limit       int64

	connection *sshConnection // of the last advertise, until it is used
}

// sshConnection is one running git-upload-pack.
type sshConnection struct {
	client  *ssh.Client
	stop    func() bool // ends the watch on the context
	session *ssh.Session
	stdin   io.WriteCloser
	stdout  io.Reader
	stderr  *headBuffer
}

func (c *sshConnection) close() {
	c.stop()
	_ = c.client.Close() // ends the session and its streams
}

func (s *sshServer) close() {
	if s.connection != nil {
		s.connection.close()
		s.connection = nil
	}
}

func (s *sshServer) again() server {
	return &sshServer{where: s.where, credentials: s.credentials, limit: s.limit}
}

func (s *sshServer) advertise(ctx context.Context) (*packp.AdvRefs, error) {
	s.close()
	connection, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	s.connection = connection
	advertised, err := decodeRefs(connection.stdout, s.limit)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		// Hosts say why on standard error, and end the session.
		if said := connection.said(); said != "" {
			return nil, &failure{
				text: fmt.Sprintf("the server says %q", said),
				hint: "check the path in the URL, and that the key may read this repository",
			}
		}
		return nil, serverError(nil, err)
	}
	return advertised, err
}

// refs reads the advertisement, which holds all refs. Version 2 would spare the
// bytes; most SSH servers do not take its environment variable.
func (s *sshServer) refs(ctx context.Context, _ []string) (refs, error) {
	advertised, err := s.advertise(ctx)
	if err != nil {
		return refs{}, err
	}
	return refsOf(advertised), nil
}

// uploadPack uses the connection of the last advertise, which takes one request;
// for another one it connects again.
func (s *sshServer) uploadPack(ctx context.Context, request []byte) (io.ReadCloser, error) {
	if s.connection == nil {
		if _, err := s.advertise(ctx); err != nil {
			return nil, err
		}
	}
	answer := &sshAnswer{s.connection}
	s.connection = nil
	if _, err := answer.connection.stdin.Write(request); err != nil {
		answer.connection.close()
		return nil, unreachable(err)
	}
	if err := answer.connection.stdin.Close(); err != nil && !errors.Is(err, io.EOF) {
		answer.connection.close()
		return nil, unreachable(err)
	}
	return answer, nil
}

// sshAnswer is what a connection sends; closing it ends the connection.
type sshAnswer struct{ connection *sshConnection }

func (a *sshAnswer) Read(p []byte) (int, error) { return a.connection.stdout.Read(p) }

func (a *sshAnswer) Close() error {
	a.connection.close()
	return nil
}

// connect dials, checks the host key, authenticates and starts the command. The
// connection is closed when the context ends, whatever it is waiting for.
func (s *sshServer) connect(ctx context.Context) (*sshConnection, error) {
	address := s.where.address("22")
	raw, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, unreachable(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	var refused error
	config := &ssh.ClientConfig{
		User:              s.where.user,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(s.credentials.signer)},
		HostKeyAlgorithms: s.credentials.hosts.HostKeyAlgorithms(address),
		HostKeyCallback: func(host string, at net.Addr, key ssh.PublicKey) error {
			refused = hostKeyError(host, key, s.credentials.hosts.HostKeyCallback()(host, at, key))
			return refused
		},
		ClientVersion: "SSH-2.0-" + agent,
	}
	channel, channels, requests, err := ssh.NewClientConn(raw, address, config)
	if err != nil {
		stop()
		_ = raw.Close()
		if refused != nil {
			return nil, refused
		}
		return nil, handshakeError(err)
	}
	connection := &sshConnection{client: ssh.NewClient(channel, channels, requests), stop: stop, stderr: &headBuffer{}}
	if err := connection.start(uploadPackService + " " + shellQuote(s.where.path)); err != nil {
		connection.close()
		return nil, unreachable(err)
	}
	return connection, nil
}

func (c *sshConnection) start(command string) error {
	var err error
	if c.session, err = c.client.NewSession(); err != nil {
		return err
	}
	if c.stdin, err = c.session.StdinPipe(); err != nil {
		return err
	}
	if c.stdout, err = c.session.StdoutPipe(); err != nil {
		return err
	}
	c.session.Stderr = c.stderr
	return c.session.Start(command)
}

// said is the first line of standard error, once the server has ended the
// session; the context's end ends the wait.
func (c *sshConnection) said() string {
	_ = c.session.Wait() // the exit status says less than the text
	return c.stderr.line()
}

// hostKeyError explains a refused host key; nil stays nil.
func hostKeyError(host string, key ssh.PublicKey, err error) error {
	if err == nil {
		return nil
	}
	offered := fmt.Sprintf("%s %s", key.Type(), ssh.FingerprintSHA256(key))
	name := knownhosts.Normalize(host)
	var revoked *xknownhosts.RevokedError
	switch {
	case knownhosts.IsHostUnknown(err):
		return &failure{
			text: fmt.Sprintf("the host key of %q (%s) is not in knownHostsFile", name, offered),
			hint: "compare the fingerprint with the host's documentation, then add its line to knownHostsFile (ssh-keyscan prints it)",
		}
	case knownhosts.IsHostKeyChanged(err):
		return &failure{
			text: fmt.Sprintf("the host key of %q has changed: it offers %s, knownHostsFile has another", name, offered),
			hint: "somebody may be in between; replace the line in knownHostsFile only if the host announced a new key",
		}
	case errors.As(err, &revoked):
		return &failure{text: fmt.Sprintf("the host key of %q (%s) is revoked in knownHostsFile", name, offered)}
	}
	return &failure{text: fmt.Sprintf("the host key of %q (%s) is refused: %s", name, offered, clean(err.Error(), 200))}
}

// handshakeError tells authentication from the network; x/crypto/ssh has no
// type for the former on the client's side.
func handshakeError(err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "unable to authenticate"):
		return &failure{text: "authentication failed: the server does not accept the key", hint: "add the public key to the repository as a read-only deploy key, and check the user in the URL"}
	case strings.Contains(text, "no common algorithm"):
		return &failure{text: "no common algorithm with the server: " + clean(text, 200), hint: "knownHostsFile may have a key of another type than the server offers"}
	}
	return unreachable(err)
}

// shellQuote quotes a path for the server's shell as git does (sq_quote_buf in
// git's quote.c): single quotes, with ' and ! taken out of them.
func shellQuote(path string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(path) + "'"
}

// headBuffer keeps the beginning of what is written to it. The SSH session
// writes from its own goroutine.
type headBuffer struct {
	mu   sync.Mutex
	head bytes.Buffer
}

const headBufferSize = 4 << 10

func (b *headBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if room := headBufferSize - b.head.Len(); room > 0 {
		b.head.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// line is the first line with content, without git's prefixes.
func (b *headBuffer) line() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range strings.Lines(b.head.String()) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "remote:")
		line = strings.TrimPrefix(strings.TrimSpace(line), "fatal:")
		line = strings.Trim(strings.TrimSpace(line), "=")
		if line = clean(line, 200); line != "" {
			return line
		}
	}
	return ""
}
