package gitserver

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// sshServer speaks the SSH protocol in process and runs git upload-pack behind
// it. An installed sshd would add nothing that a Git client could see, and would
// need a privileged user, host keys and a configuration of its own on every
// machine that runs the tests.
type sshServer struct {
	host     *Host
	address  string
	listener net.Listener
	config   *ssh.ServerConfig

	mu          sync.Mutex
	connections map[net.Conn]struct{}
}

func startSSH(h *Host) (*sshServer, error) {
	hostKey, err := newSigner()
	if err != nil {
		return nil, err
	}
	otherKey, err := newSigner()
	if err != nil {
		return nil, err
	}
	clientKey, err := writeKey(h.ClientKeyFile())
	if err != nil {
		return nil, err
	}
	if _, err := writeKey(h.StrangerKeyFile()); err != nil {
		return nil, err
	}
	listener, err := listenLocal()
	if err != nil {
		return nil, err
	}
	s := &sshServer{
		host:        h,
		address:     listener.Addr().String(),
		listener:    listener,
		config:      serverConfig(clientKey),
		connections: map[net.Conn]struct{}{},
	}
	s.config.AddHostKey(hostKey)
	for file, key := range map[string]ssh.Signer{h.KnownHostsFile(): hostKey, h.WrongKnownHostsFile(): otherKey} {
		line := knownhosts.Line([]string{s.address}, key.PublicKey()) + "\n"
		if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
			return nil, errors.Join(err, listener.Close())
		}
	}
	h.serving.Add(1)
	go s.accept()
	return s, nil
}

// serverConfig lets in whoever holds the private half of one key.
func serverConfig(client ssh.PublicKey) *ssh.ServerConfig {
	return &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if string(key.Marshal()) != string(client.Marshal()) {
				return nil, errors.New("unknown public key")
			}
			return &ssh.Permissions{}, nil
		},
	}
}

func (s *sshServer) accept() {
	defer s.host.serving.Done()
	for {
		connection, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		if !s.adopt(connection) {
			return
		}
		go s.serve(connection)
	}
}

// adopt notes a connection for close to end, or ends it when close came first.
func (s *sshServer) adopt(connection net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.host.begin() {
		_ = connection.Close()
		return false
	}
	s.connections[connection] = struct{}{}
	return true
}

// close ends the listener and every connection; a connection's end is the end of
// the git processes that write to it.
func (s *sshServer) close() error {
	err := s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for connection := range s.connections {
		_ = connection.Close() // may be closed already by its own goroutine
	}
	return err
}

func (s *sshServer) serve(connection net.Conn) {
	defer s.host.serving.Done()
	defer func() {
		_ = connection.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.connections, connection)
	}()
	_, channels, requests, err := ssh.NewServerConn(connection, s.config)
	if err != nil {
		return // the client distrusts us, or we distrust it
	}
	go ssh.DiscardRequests(requests)
	var sessions sync.WaitGroup
	for offered := range channels {
		if offered.ChannelType() != "session" {
			_ = offered.Reject(ssh.UnknownChannelType, "only sessions are served")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			break
		}
		sessions.Go(func() { s.session(channel, requests) })
	}
	sessions.Wait()
}

// session serves one channel: environment first, then one command.
func (s *sshServer) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer func() { _ = channel.Close() }()
	protocol := ""
	for request := range requests {
		switch request.Type {
		case "env":
			var variable struct{ Name, Value string }
			known := ssh.Unmarshal(request.Payload, &variable) == nil && variable.Name == "GIT_PROTOCOL"
			if known {
				protocol = variable.Value
			}
			_ = request.Reply(known, nil)
		case "exec":
			var command struct{ Line string }
			err := ssh.Unmarshal(request.Payload, &command)
			_ = request.Reply(err == nil, nil)
			status := struct{ Status uint32 }{s.uploadPack(channel, command.Line, protocol)}
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status))
			return
		default:
			_ = request.Reply(false, nil)
		}
	}
}

// uploadPack runs git upload-pack for the line that every Git client sends,
// `git-upload-pack '/app.git'`, and returns its exit status.
func (s *sshServer) uploadPack(channel ssh.Channel, line, protocol string) uint32 {
	argument, found := strings.CutPrefix(line, "git-upload-pack ")
	if !found {
		fmt.Fprintf(channel.Stderr(), "only git-upload-pack is served, not %q\n", line)
		return 128
	}
	name := strings.Trim(argument, "'")
	s.host.record(Request{Protocol: "ssh", Path: name})
	local := strings.TrimPrefix(name, "/")
	_, err := os.Stat(filepath.Join(s.host.root, local, "HEAD"))
	if !filepath.IsLocal(local) || err != nil {
		fmt.Fprintf(channel.Stderr(), "repository %q not found\n", name)
		return 128
	}
	command := exec.Command("git", "upload-pack", "--strict", filepath.Join(s.host.root, local))
	command.Env = append(Env(s.host.home), "GIT_PROTOCOL="+protocol)
	command.Stdout, command.Stderr = channel, channel.Stderr()
	stdin, err := command.StdinPipe()
	if err != nil {
		return 128
	}
	if err := command.Start(); err != nil {
		return 128
	}
	// Not command.Stdin: Wait would then wait for the client to close its side,
	// which waits for our exit status.
	go func() {
		_, _ = io.Copy(stdin, channel)
		_ = stdin.Close()
	}()
	if err := command.Wait(); err != nil {
		return 128
	}
	return 0
}

func newSigner() (ssh.Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generating an SSH key: %w", err)
	}
	return ssh.NewSignerFromKey(key)
}

// writeKey makes a key pair, stores the private half and returns the public one.
func writeKey(file string) (ssh.PublicKey, error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generating an SSH key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(key, "killick test")
	if err != nil {
		return nil, fmt.Errorf("encoding an SSH key: %w", err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, fmt.Errorf("storing an SSH key: %w", err)
	}
	return ssh.NewPublicKey(public)
}
