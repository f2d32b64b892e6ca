// Package gitserver is a real Git host on 127.0.0.1 for tests and the demo:
// smart HTTP and HTTPS by the git binary's own http-backend, and SSH in front of
// the git binary's own upload-pack. What a client sees is what git does, not an
// imitation. It serves fetches only; commits are made from Go.
//
// Tests call New, whose Server and Repo end the test on an error. Programs call
// Start, whose Host and Repository return errors. Nothing of the user's own Git
// configuration is read: see Env.
package gitserver

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/killick-dev/killick/internal/testenv/certs"
)

// Options of a host. The zero value behaves as GitHub and GitLab do, open to
// everybody.
type Options struct {
	// PlainUploadPack leaves git's defaults in place: clients may want only what
	// a ref points at, and no partial clones. GitHub and GitLab allow both
	// (uploadpack.allowAnySHA1InWant, uploadpack.allowFilter).
	PlainUploadPack bool
	// Credentials, when not zero, are demanded of every HTTP and HTTPS request.
	Credentials Credentials
}

// Host serves the repositories below one folder.
type Host struct {
	root    string // bare repositories
	home    string // an empty HOME, and the files that clients need
	options Options
	backend string // path of git-http-backend

	plain   *http.Server
	secure  *http.Server
	httpURL string
	tlsURL  string
	ssh     *sshServer
	serving sync.WaitGroup
	closed  chan struct{}
	once    sync.Once

	mu          sync.Mutex
	credentials Credentials
	fault       Fault
	requests    []Request
	clock       time.Time
}

// Start serves the repositories of a folder, which may be empty, until Close.
func Start(dir string, options Options) (*Host, error) {
	backend, err := httpBackend()
	if err != nil {
		return nil, err
	}
	h := &Host{
		root:        filepath.Join(dir, "repositories"),
		home:        filepath.Join(dir, "home"),
		options:     options,
		backend:     backend,
		closed:      make(chan struct{}),
		credentials: options.Credentials,
		clock:       time.Date(2026, time.January, 5, 8, 0, 0, 0, time.UTC),
	}
	for _, folder := range []string{h.root, h.home} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, fmt.Errorf("starting the git server: %w", err)
		}
	}
	if err := h.listen(); err != nil {
		return nil, fmt.Errorf("starting the git server: %w", errors.Join(err, h.Close()))
	}
	return h, nil
}

func (h *Host) listen() error {
	authority, err := certs.NewAuthority("killick test git server")
	if err != nil {
		return err
	}
	if err := os.WriteFile(h.CAFile(), authority.PEM(), 0o600); err != nil {
		return err
	}
	pair, err := authority.Server("127.0.0.1", "localhost")
	if err != nil {
		return err
	}
	if err := h.serveHTTP(); err != nil {
		return err
	}
	if err := h.serveHTTPS(pair); err != nil {
		return err
	}
	h.ssh, err = startSSH(h)
	return err
}

// Close stops all three servers, ends what they were running and waits for it.
// The repositories stay.
func (h *Host) Close() error {
	var errs []error
	h.once.Do(func() {
		h.mu.Lock()
		close(h.closed)
		h.mu.Unlock()
		for _, server := range []*http.Server{h.plain, h.secure} {
			if server != nil {
				errs = append(errs, server.Close())
			}
		}
		if h.ssh != nil {
			errs = append(errs, h.ssh.close())
		}
		h.serving.Wait()
	})
	return errors.Join(errs...)
}

// URL is where the repositories are served over HTTP, without a final slash.
func (h *Host) URL() string { return h.httpURL }

// HTTPSURL is where the repositories are served over HTTPS.
func (h *Host) HTTPSURL() string { return h.tlsURL }

// SSHURL is where the repositories are served over SSH.
func (h *Host) SSHURL() string { return "ssh://git@" + h.ssh.address }

// CAFile is the certificate that signed the HTTPS server's.
func (h *Host) CAFile() string { return filepath.Join(h.home, "ca.crt") }

// KnownHostsFile holds the SSH server's host key.
func (h *Host) KnownHostsFile() string { return filepath.Join(h.home, "known_hosts") }

// WrongKnownHostsFile names the SSH server with a key that is not its own, as a
// client sees it when somebody stands in between.
func (h *Host) WrongKnownHostsFile() string { return filepath.Join(h.home, "wrong_known_hosts") }

// ClientKeyFile is the private key, without passphrase, that the SSH server
// lets in.
func (h *Host) ClientKeyFile() string { return filepath.Join(h.home, "id_ed25519") }

// StrangerKeyFile is a private key that the SSH server does not let in.
func (h *Host) StrangerKeyFile() string { return filepath.Join(h.home, "stranger_ed25519") }

// now is a clock of its own, one minute per commit, so that the same calls make
// the same commits.
func (h *Host) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock = h.clock.Add(time.Minute)
	return h.clock
}

// Env is the environment in which git reads nothing of the user's or the
// system's configuration and never asks for anything. home becomes HOME.
func Env(home string) []string {
	env := []string{
		"HOME=" + home,
		"XDG_CONFIG_HOME=" + home,
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_TERMINAL_PROMPT=0",
		"LC_ALL=C",
	}
	for _, name := range []string{"PATH", "TMPDIR"} {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// httpBackend finds git-http-backend, which git keeps beside its own commands.
func httpBackend() (string, error) {
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return "", fmt.Errorf("asking git where its commands are: %w", err)
	}
	path := filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("finding git's HTTP server: %w", err)
	}
	return path, nil
}

func listenLocal() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }
