package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// standIn makes the working directory a checkout whose control plane is a small
// program, with an empty cache.
func standIn(t *testing.T, source string) (module string) {
	t.Helper()
	root := t.TempDir()
	module = filepath.Join(root, filepath.FromSlash(modulePath))
	writeFile(t, filepath.Join(module, "go.mod"), "module example.com/standin\n\ngo 1.26.0\n")
	writeFile(t, filepath.Join(module, "go.sum"), "")
	writeFile(t, filepath.Join(module, "main.go"), source)
	below := filepath.Join(root, "internal", "somewhere")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	t.Setenv(cacheVariable, filepath.Join(root, "cache"))
	return module
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

// lines collects what a build says.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) logf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, fmt.Sprintf(format, args...))
}

func (l *lines) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	count := 0
	for _, line := range l.all {
		if strings.Contains(line, part) {
			count++
		}
	}
	return count
}

func TestBuildOnceForManyCallers(t *testing.T) {
	module := standIn(t, "package main\n\nfunc main() {}\n")
	var said lines
	paths := make([]string, 4)
	errs := make([]error, len(paths))
	var callers sync.WaitGroup
	for i := range paths {
		callers.Go(func() { paths[i], errs[i] = Build(t.Context(), said.logf) })
	}
	callers.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{paths[0], paths[0], paths[0], paths[0]}, paths); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if got := said.count("first build takes minutes"); got != 1 {
		t.Errorf("%d builds, want 1:\n%s", got, strings.Join(said.all, "\n"))
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(paths[0]), "build-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}

	writeFile(t, filepath.Join(module, "main.go"), "package main\n\nfunc main() { println() }\n")
	changed, err := Build(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if changed == paths[0] {
		t.Error("another source has the same path")
	}
}

func TestBuildThatDoesNotCompile(t *testing.T) {
	standIn(t, "package main\n\nfunc main() { undefined() }\n")
	binary, err := Build(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "undefined: undefined") {
		t.Errorf("want the compiler's words, got %v", err)
	}
	if binary != "" {
		t.Errorf("a path was returned: %q", binary)
	}
}

func TestBuildOutsideACheckout(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := Build(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "inside a checkout") {
		t.Errorf("want a hint, got %v", err)
	}
}

func TestBuildGivesUpWaitingWithItsContext(t *testing.T) {
	standIn(t, "package main\n\nfunc main() {}\n")
	module, err := findModule()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := cachePath(t.Context(), module)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := lock(t.Context(), binary+".lock", func() { t.Error("a free lock was waited for") })
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	_, err = Build(ctx, func(format string, _ ...any) {
		if strings.HasPrefix(format, "waiting") {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestStampedVersionIsTheModulesVersion(t *testing.T) {
	module, err := findModule()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), "k8s.io/kubernetes "+kubernetesVersion+"\n") {
		t.Errorf("go.mod does not require k8s.io/kubernetes %s", kubernetesVersion)
	}
}

func TestProgramsFromAssets(t *testing.T) {
	standIn(t, "package main\n\nfunc main() {}\n")
	some, all := t.TempDir(), t.TempDir()
	for _, name := range []string{etcd, apiServer} {
		writeFile(t, filepath.Join(some, name), "")
	}
	for _, name := range components {
		writeFile(t, filepath.Join(all, name), "")
	}
	built, err := Build(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		assets string
		want   map[string]program
	}{
		"none: everything is built": {"", map[string]program{
			etcd: {built, etcd}, apiServer: {built, apiServer}, controllerManager: {built, controllerManager},
			scheduler: {built, scheduler}, kwok: {built, kwok},
		}},
		"as envtest has them: the rest is built": {some, map[string]program{
			etcd: {filepath.Join(some, etcd)}, apiServer: {filepath.Join(some, apiServer)},
			controllerManager: {built, controllerManager}, scheduler: {built, scheduler}, kwok: {built, kwok},
		}},
		"all": {all, map[string]program{
			etcd: {filepath.Join(all, etcd)}, apiServer: {filepath.Join(all, apiServer)},
			controllerManager: {filepath.Join(all, controllerManager)}, scheduler: {filepath.Join(all, scheduler)},
			kwok: {filepath.Join(all, kwok)},
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv(assetsVariable, test.assets)
			got, err := programs(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("programs (-want +got):\n%s", diff)
			}
		})
	}
	t.Setenv(assetsVariable, t.TempDir())
	if _, err := programs(t.Context(), nil); err == nil || !strings.Contains(err.Error(), assetsVariable) {
		t.Errorf("an empty folder of assets: %v", err)
	}
}
