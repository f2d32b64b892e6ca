package testenv

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// modulePath, below the repository's root, is the control plane's own module.
	modulePath = "internal/testenv/controlplane"
	// cacheVariable names a folder to use instead of the user's cache folder.
	cacheVariable = "KILLICK_CACHE"

	versionPackage = "k8s.io/component-base/version"
	// kubernetesVersion must match k8s.io/kubernetes in the module's go.mod. It is
	// stamped because clients cannot parse the version that an unstamped API
	// server reports.
	kubernetesVersion = "v1.36.3"
)

var buildFlags = []string{
	"-trimpath", "-buildvcs=false",
	"-ldflags=-s -w" +
		" -X " + versionPackage + ".gitVersion=" + kubernetesVersion +
		" -X " + versionPackage + ".gitMajor=1" +
		" -X " + versionPackage + ".gitMinor=36",
}

// progressInterval is how often a build says that it is still at work.
const progressInterval = 15 * time.Second

// Build gives the path of the control plane's multi-call binary, and builds it
// first if the cache has none for this source, Go version and platform. A first
// build takes minutes; logf, which may be nil, hears about its progress.
// Concurrent calls, in this process or another, wait for one build.
func Build(ctx context.Context, logf func(format string, args ...any)) (string, error) {
	if logf == nil {
		logf = func(string, ...any) {}
	}
	module, err := findModule()
	if err != nil {
		return "", fmt.Errorf("building the control plane: %w", err)
	}
	binary, err := cachePath(ctx, module)
	if err != nil {
		return "", fmt.Errorf("building the control plane: %w", err)
	}
	if isFile(binary) {
		return binary, nil
	}
	unlock, err := lock(ctx, binary+".lock", func() { logf("waiting for another build of the control plane") })
	if err != nil {
		return "", fmt.Errorf("building the control plane: %w", err)
	}
	defer unlock()
	if isFile(binary) { // built while we waited
		return binary, nil
	}
	if err := compile(ctx, module, binary, logf); err != nil {
		return "", fmt.Errorf("building the control plane: %w", err)
	}
	return binary, nil
}

// compile builds beside the binary's final path and renames, so that the path
// never holds half a file.
func compile(ctx context.Context, module, binary string, logf func(string, ...any)) error {
	start := time.Now()
	logf("building the control plane (Kubernetes %s); a first build takes minutes", kubernetesVersion)
	scratch, err := os.MkdirTemp(filepath.Dir(binary), "build-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	output := filepath.Join(scratch, "controlplane")
	command := exec.CommandContext(ctx, "go", append(append([]string{"build", "-v", "-o", output}, buildFlags...), ".")...)
	command.Dir = module
	// A workspace or a vendor flag of the caller's is not meant for this module.
	command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	stderr, err := command.StderrPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	said := watch(stderr, logf)
	if err := command.Wait(); err != nil {
		return fmt.Errorf("go build: %w:\n%s", err, said)
	}
	if err := os.Rename(output, binary); err != nil {
		return err
	}
	logf("built the control plane in %s", time.Since(start).Round(time.Second))
	return nil
}

// watch reads what `go build -v` says until it ends, reports progress, and
// returns the last lines.
func watch(stderr io.Reader, logf func(string, ...any)) string {
	var packages atomic.Int64
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(progressInterval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				logf("still building the control plane: %d packages compiled", packages.Load())
			}
		}
	}()
	var last []string
	for lines := bufio.NewScanner(stderr); lines.Scan(); packages.Add(1) {
		last = append(last, lines.Text())
		last = last[max(0, len(last)-quotedLines):]
	}
	close(done)
	<-stopped
	return strings.Join(last, "\n")
}

// findModule looks for the control plane's module from the working directory
// upwards: go test runs in the package's folder, the demo at the root.
func findModule() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		module := filepath.Join(dir, filepath.FromSlash(modulePath))
		if isFile(filepath.Join(module, "go.mod")) {
			return module, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no %q in the working directory or above it: run inside a checkout of the repository", modulePath)
		}
		dir = parent
	}
}

// cachePath is where the binary of exactly this source and toolchain belongs.
func cachePath(ctx context.Context, module string) (string, error) {
	base := os.Getenv(cacheVariable)
	if base == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("finding a cache folder (or set %s): %w", cacheVariable, err)
		}
		base = filepath.Join(user, "killick")
	}
	hash, err := sourceHash(ctx, module)
	if err != nil {
		return "", err
	}
	return filepath.Abs(filepath.Join(base, "controlplane", hash, "controlplane"))
}

// sourceHash covers everything the binary depends on; go.sum stands for the
// dependencies' content.
func sourceHash(ctx context.Context, module string) (string, error) {
	command := exec.CommandContext(ctx, "go", "env", "-json", "GOVERSION", "GOOS", "GOARCH", "CGO_ENABLED")
	command.Dir = module
	command.Env = append(os.Environ(), "GOWORK=off")
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("asking go for its version: %w", err)
	}
	var toolchain map[string]string
	if err := json.Unmarshal(out, &toolchain); err != nil {
		return "", fmt.Errorf("reading go's version: %w", err)
	}
	sum := sha256.New()
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		content, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d\n%s\n", name, len(content), content)
	}
	fmt.Fprintf(sum, "%q %q\n", toolchain, buildFlags) // maps print sorted
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// lock takes an exclusive lock on a file, which it makes, and calls waiting once
// if it has to wait. The system releases the lock of a process that dies.
func lock(ctx context.Context, path string, waiting func()) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	unlock = func() { _ = file.Close() } // closing unlocks
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for first := true; ; first = false {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return unlock, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			unlock()
			return nil, fmt.Errorf("locking %q: %w", path, err)
		}
		if first {
			waiting()
		}
		select {
		case <-ctx.Done():
			unlock()
			return nil, fmt.Errorf("locking %q: %w", path, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}
