package source

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// The canaries stand in every credential of these tests; no error may hold one.
const (
	canaryToken    = "canary-token-4f1c"
	canaryPassword = "canary-password-9b2e"
)

// checkout reads one repository under its own Source.
func checkout(t *testing.T, repository Repository) (drift.Checkout, error) {
	t.Helper()
	return New(map[string]Repository{"": repository}, Options{}).Checkout(t.Context(), "")
}

func mustCheckout(t *testing.T, repository Repository) drift.Checkout {
	t.Helper()
	got, err := checkout(t, repository)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// wantProblem checks what every error of this package promises, and that text
// and hint hold the given fragments.
func wantProblem(t *testing.T, err error, text, hint string) {
	t.Helper()
	var problem *drift.Problem
	if !errors.As(err, &problem) {
		t.Fatalf("got %v, want a *drift.Problem", err)
	}
	if problem.Stage != "source" {
		t.Errorf("stage is %q, want source", problem.Stage)
	}
	if !strings.Contains(err.Error(), text) {
		t.Errorf("error %q does not say %q", err, text)
	}
	if !strings.Contains(problem.Hint, hint) {
		t.Errorf("hint %q does not say %q", problem.Hint, hint)
	}
	if errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %q matches fs.ErrNotExist", err)
	}
	noCanary(t, err)
}

// noCanary looks for secrets in an error, its hint and everything below it.
func noCanary(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	texts := []string{err.Error()}
	var problem *drift.Problem
	if errors.As(err, &problem) {
		texts = append(texts, problem.Hint, problem.File)
	}
	for _, text := range texts {
		if strings.Contains(text, "canary") {
			t.Errorf("a secret shows in %q", text)
		}
	}
	switch wrapping := err.(type) {
	case interface{ Unwrap() error }:
		noCanary(t, wrapping.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range wrapping.Unwrap() {
			noCanary(t, inner)
		}
	}
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func read(t *testing.T, checkout drift.Checkout, name string) string {
	t.Helper()
	content, err := fs.ReadFile(checkout.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// readAll reads every file and gives the first error.
func readAll(fsys fs.FS) error {
	if fsys == nil {
		return nil
	}
	return fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			_, err = fs.ReadFile(fsys, name)
		}
		return err
	})
}

func sshAuth(server *gitserver.Server) Auth {
	return Auth{SSHKeyFile: server.ClientKeyFile(), KnownHostsFile: server.KnownHostsFile()}
}

func pktLine(payload string) string { return fmt.Sprintf("%04x%s", len(payload)+4, payload) }

// stall sends the beginning of an answer and then nothing.
func stall(w http.ResponseWriter, r *http.Request, _ http.Handler, closed <-chan struct{}) {
	w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
	_, _ = w.Write([]byte("0000" + pktLine("NAK\n")))
	w.(http.Flusher).Flush()
	select {
	case <-r.Context().Done():
	case <-closed:
	}
}

// silentListener accepts connections and says nothing.
func silentListener(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = connection.Close() })
		}
	}()
	return listener.Addr().String()
}
