package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Where and what the tests build: this repository, for the processor that they run on.
const testVersion = "v0.0.0-test"

// host is the platform of the image that the tests build.
var host = target{"linux", runtime.GOARCH}

const (
	// enterVariable makes this test binary a process that enters a container's file
	// system and becomes the program in it.
	enterVariable = "KILLICK_TEST_ENTER"
	// exitNotEntered is its exit code when it could not; Killick has no such code.
	exitNotEntered = 125
)

func TestMain(m *testing.M) {
	if order := os.Getenv(enterVariable); order != "" {
		fmt.Fprintln(os.Stderr, enter(order)) // returns only what went wrong
		os.Exit(exitNotEntered)
	}
	flag.Parse()
	scratch, err := os.MkdirTemp("", "killick-release-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shared.scratch = scratch
	code := m.Run()
	if err := os.RemoveAll(scratch); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// shared is the image of this repository, which several tests look at.
var shared struct {
	scratch string
	once    sync.Once
	out     string
	digest  string
	image   v1.Image
	binary  []byte
	err     error
}

func repositoryRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// testSource is a source with a commit of its own, so that nothing depends on the
// checkout in which the tests run.
func testSource(dir string) source {
	return source{dir: dir, version: testVersion, revision: "0123456789abcdef0123456789abcdef01234567", created: time.Unix(1767600000, 0).UTC()}
}

// buildHost builds the image of one platform into a folder.
func buildHost(ctx context.Context, dir, out string) (string, *builder, error) {
	chain, err := findToolchain(ctx, dir)
	if err != nil {
		return "", nil, err
	}
	b := &builder{source: testSource(dir), toolchain: chain, platforms: []target{host}, logf: func(string, ...any) {}}
	b.scratch, b.out = filepath.Join(out, "binaries"), filepath.Join(out, "out")
	if err := os.MkdirAll(b.out, 0o700); err != nil {
		return "", nil, err
	}
	digest, err := b.image(ctx)
	return digest, b, err
}

// hostImage builds this repository's image once.
func hostImage(t *testing.T) {
	t.Helper()
	shared.once.Do(func() {
		var b *builder
		root := repositoryRoot(t)
		if shared.digest, b, shared.err = buildHost(context.WithoutCancel(t.Context()), root, shared.scratch); shared.err != nil {
			return
		}
		shared.out = b.out
		if shared.binary, shared.err = b.binary(t.Context(), host); shared.err != nil {
			return
		}
		shared.image, shared.err = imageOf(b.source, host, shared.binary)
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
}
