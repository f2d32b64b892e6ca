package certs_test

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/testenv/certs"
)

// keyPair is what a process would load from the files that Write stores.
func keyPair(t *testing.T, pair certs.Pair) tls.Certificate {
	t.Helper()
	prefix := filepath.Join(t.TempDir(), "pair")
	if err := pair.Write(prefix); err != nil {
		t.Fatal(err)
	}
	loaded, err := tls.LoadX509KeyPair(prefix+".crt", prefix+".key")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(prefix + ".key")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v", info.Mode(), err)
	}
	return loaded
}

// meet lets a client and a server shake hands, and returns the certificate that
// the server saw and the client's error.
func meet(t *testing.T, server, client *tls.Config) (*x509.Certificate, error) {
	t.Helper()
	near, far := net.Pipe()
	seen := make(chan *x509.Certificate, 1)
	go func() {
		defer close(seen)
		defer func() { _ = far.Close() }()
		connection := tls.Server(far, server)
		if connection.Handshake() != nil {
			return
		}
		if peers := connection.ConnectionState().PeerCertificates; len(peers) > 0 {
			seen <- peers[0]
		}
		_, _ = connection.Write([]byte("x"))
	}()
	connection := tls.Client(near, client)
	_, err := io.ReadFull(connection, make([]byte, 1)) // TLS 1.3 reports a refused client here
	_ = near.Close()
	return <-seen, err
}

func TestMutualTLS(t *testing.T) {
	t.Parallel()
	authority, err := certs.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := certs.NewAuthority("test") // the same name, another key
	if err != nil {
		t.Fatal(err)
	}
	serving, err := authority.Server("127.0.0.1", "git.example.com")
	if err != nil {
		t.Fatal(err)
	}
	mine, err := authority.Client("ada", "ops", "devs")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := stranger.Client("ada", "ops")
	if err != nil {
		t.Fatal(err)
	}
	server := &tls.Config{
		Certificates: []tls.Certificate{keyPair(t, serving)},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: authority.Pool(), MinVersion: tls.VersionTLS13,
	}
	tests := map[string]struct {
		host   string
		roots  *x509.CertPool
		client certs.Pair
		works  bool
	}{
		"by address":                  {"127.0.0.1", authority.Pool(), mine, true},
		"by name":                     {"git.example.com", authority.Pool(), mine, true},
		"by another name":             {"evil.example.com", authority.Pool(), mine, false},
		"another authority's roots":   {"127.0.0.1", stranger.Pool(), mine, false},
		"another authority's client":  {"127.0.0.1", authority.Pool(), theirs, false},
		"a server's pair as a client": {"127.0.0.1", authority.Pool(), serving, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// GetClientCertificate, or the client would withhold what is sure to fail.
			certificate := keyPair(t, test.client)
			client := &tls.Config{
				RootCAs: test.roots, ServerName: test.host, MinVersion: tls.VersionTLS13,
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil },
			}
			seen, err := meet(t, server, client)
			if (err == nil) != test.works {
				t.Fatalf("got %v", err)
			}
			if !test.works {
				return
			}
			if seen.Subject.CommonName != "ada" || cmp.Diff([]string{"ops", "devs"}, seen.Subject.Organization) != "" {
				t.Errorf("the server saw %s", seen.Subject)
			}
		})
	}
}

func TestSigningKey(t *testing.T) {
	t.Parallel()
	private, public, err := certs.SigningKey()
	if err != nil {
		t.Fatal(err)
	}
	privateBlock, _ := pem.Decode(private)
	publicBlock, _ := pem.Decode(public)
	if privateBlock == nil || publicBlock == nil {
		t.Fatal("not PEM")
	}
	key, err := x509.ParseECPrivateKey(privateBlock.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	half, err := x509.ParsePKIXPublicKey(publicBlock.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if ours, ok := half.(*ecdsa.PublicKey); !ok || !ours.Equal(key.Public()) {
		t.Error("the halves do not belong together")
	}
}

func TestWriteSaysWhatWentWrong(t *testing.T) {
	t.Parallel()
	if err := (certs.Pair{}).Write(filepath.Join(t.TempDir(), "none", "pair")); err == nil {
		t.Error("a missing folder was written to")
	}
}
