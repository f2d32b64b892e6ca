package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/killick-dev/killick/internal/render"
	"github.com/killick-dev/killick/internal/testenv"
)

var update = flag.Bool("update", false, "rewrite golden files")

// beKillick makes the test binary the killick binary, for tests of signals and
// of what only a process has.
const beKillick = "TEST_BINARY_IS_KILLICK"

func TestMain(m *testing.M) {
	if os.Getenv(beKillick) != "" || render.IsChild(os.Args[1:]) {
		if os.Getenv(hangingBuiltin) != "" {
			hangBuiltin()
		}
		main()
	}
	if os.Getenv(crashes) != "" {
		crash()
	}
	testenv.Main(m)
}

// TestScripts runs the command line in this process against the real control
// plane, a real Git server and the strict Slack. Each script in testdata/script
// has a namespace, a repository, a workspace and credentials of its own; see
// verbs_test.go for its commands. The repository begins as testdata/shop, over
// which the script's own files below repo/ are laid. In all files ${NAME} is
// replaced by the script's variable of that name.
func TestScripts(t *testing.T) {
	runScripts(t, testenv.Cluster(t), "testdata/script")
}

// TestAggregatedAPIDown runs scripts on a control plane of their own, on which an
// aggregated API has nobody behind it: every client's discovery meets it.
func TestAggregatedAPIDown(t *testing.T) {
	runScripts(t, testenv.Own(t, testenv.Options{}), "testdata/aggregated")
}

// TestQuietCluster runs scripts on a control plane of their own: an idle run needs
// that nobody else adds to what the API server serves, as tests of CRDs do.
func TestQuietCluster(t *testing.T) {
	runScripts(t, testenv.Own(t, testenv.Options{}), "testdata/quiet")
}

func runScripts(t *testing.T, cp *testenv.ControlPlane, dir string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		Setup:               func(env *testscript.Env) error { return setUp(cp, env) },
		Cmds:                verbs,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
	})
}

// setUp builds a script's place and tells it where everything is.
func setUp(cp *testenv.ControlPlane, env *testscript.Env) error {
	p, err := newPlace(cp, env.WorkDir)
	if p != nil {
		env.Defer(func() { p.close(env.T()) })
	}
	if err != nil {
		return err
	}
	env.Values[placeKey{}] = p
	variables := p.variables()
	for name, value := range variables {
		env.Setenv(name, value)
	}
	for name, value := range p.environment() {
		env.Setenv(name, value)
	}
	return furnish(env.WorkDir, variables)
}

// furnish lays the sample repository under the script's files and fills in the
// variables everywhere.
func furnish(work string, variables map[string]string) error {
	sample := filepath.Join("testdata", "shop")
	err := walk(sample, func(name string, data []byte) error {
		target := filepath.Join(work, "repo", name)
		if _, err := os.Stat(target); err == nil {
			return nil // the script brings its own
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o600)
	})
	if err != nil {
		return err
	}
	var pairs []string
	for name, value := range variables {
		pairs = append(pairs, "${"+name+"}", value)
	}
	fill := strings.NewReplacer(pairs...)
	return walk(work, func(name string, data []byte) error {
		return os.WriteFile(filepath.Join(work, name), []byte(fill.Replace(string(data))), 0o600)
	})
}

// walk visits every file below a folder with its path in it and its content.
func walk(folder string, visit func(name string, data []byte) error) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		return visit(filepath.ToSlash(name), data)
	})
}

// ignoreEmpty makes no difference between no map and an empty one.
var ignoreEmpty = cmpopts.EquateEmpty()

// random is a short name that no other test has.
func random() string {
	id := make([]byte, 4)
	_, _ = rand.Read(id) // crypto/rand never fails
	return hex.EncodeToString(id)
}

// eventually asks again until the answer is nil, for at most a minute.
func eventually(ctx context.Context, what string, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, errors.Join(err, ctx.Err()))
		case <-tick.C:
		}
	}
}
