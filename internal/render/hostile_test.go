package render

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/killick-dev/killick/internal/drift"
)

const hostile = "../../testdata/hostile"

// outsideCanary is what a file beside the repository holds.
const outsideCanary = "CANARY-OUTSIDE-THE-REPOSITORY"

// listener counts connections: a render must make none.
type listener struct {
	address string
	count   atomic.Int64
}

func listen(t *testing.T) *listener {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{address: socket.Addr().String()}
	go func() {
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			l.count.Add(1)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = socket.Close() })
	return l
}

// TestHostileInputs runs the corpus of testdata/hostile. Each
// file says what it is, which error it wants, and what the repository holds.
// For every one holds: a typed error of this stage, no
// panic, no network, no content of a file outside the repository and no secret
// value in any output, and an end within bounded time.
func TestHostileInputs(t *testing.T) {
	server := listen(t)
	children := newChildren(t, ChildOptions{Count: 2})
	for _, kind := range []string{"yaml", "kustomize", "helm"} {
		files, err := filepath.Glob(filepath.Join(hostile, kind, "*.txtar"))
		if err != nil || len(files) < 40 {
			t.Fatalf("found %d cases of %s: %v", len(files), kind, err)
		}
		for _, file := range files {
			t.Run(kind+"/"+strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
				runHostile(t, children, server, file)
			})
		}
	}
	if n := server.count.Load(); n != 0 {
		t.Errorf("the renders made %d connections, want none", n)
	}
}

func runHostile(t *testing.T, children *Children, server *listener, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	archive := txtar.Parse([]byte(strings.ReplaceAll(string(text), "LISTENER", server.address)))
	c := hostileCase(t, string(archive.Comment))
	top := t.TempDir()
	repository := filepath.Join(top, "repository")
	for _, f := range archive.Files {
		name := filepath.Join(repository, filepath.FromSlash(f.Name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, f.Data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{filepath.Join(top, "canary.txt"), filepath.Join(top, "canary.yaml")} {
		if err := os.WriteFile(name, []byte("canary: "+outsideCanary+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	rendered, err := children.Render(ctx, drift.RenderRequest{App: c.app, Checkout: drift.Checkout{FS: os.DirFS(repository)}})
	if out := fmt.Sprintf("%+v", rendered); strings.Contains(out, outsideCanary) {
		t.Errorf("the render holds a file from outside the repository")
	}
	if err == nil {
		if c.want != "" {
			t.Fatalf("no error, want one with %q; %d objects", c.want, len(rendered.Objects))
		}
		return
	}
	checkHostile(t, c, err)
}

// checkHostile holds an error against the oracle.
func checkHostile(t *testing.T, c hostileWant, err error) {
	t.Helper()
	var problem *drift.Problem
	if !errors.As(err, &problem) {
		t.Fatalf("%T is no *drift.Problem: %v", err, err)
	}
	if problem.Stage != "render" || problem.File == "" {
		t.Errorf("stage %q and file %q, want render and a file: %v", problem.Stage, problem.File, err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ran into the test's own deadline: %v", err)
	}
	if !strings.Contains(err.Error(), c.want) {
		t.Errorf("error %q, want one with %q", err, c.want)
	}
	if !strings.Contains(problem.Hint, c.hint) {
		t.Errorf("hint %q, want one with %q", problem.Hint, c.hint)
	}
	here, hereErr := os.Getwd()
	if hereErr != nil {
		t.Fatal(hereErr)
	}
	for _, leak := range []string{"CANARY-", "root:x:0:0", mountPoint, here} {
		if strings.Contains(err.Error()+problem.Hint, leak) {
			t.Errorf("the error tells %q: %v", leak, err)
		}
	}
	if len(err.Error()) > 2*longestMessage {
		t.Errorf("the error is %d bytes long", len(err.Error()))
	}
}

type hostileWant struct {
	want, hint string
	app        drift.App
}

// hostileCase reads a case's comment: prose, then want, hint and app.
func hostileCase(t *testing.T, comment string) hostileWant {
	t.Helper()
	c := hostileWant{app: drift.App{Name: "shop", Path: "app", Namespace: "shop"}}
	found := false
	for line := range strings.Lines(comment) {
		field, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		rest = strings.TrimSpace(rest)
		switch field {
		case "want":
			c.want, found = rest, true
		case "hint":
			c.hint = rest
		case "app":
			if err := json.Unmarshal([]byte(rest), &c.app); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !found {
		t.Fatal("the case does not say which error it wants")
	}
	return c
}

// checkFuzzed renders generated files and holds the outcome against the oracle.
func checkFuzzed(t *testing.T, pairs ...string) {
	t.Helper()
	rendered, err := renderTree(files(pairs...), drift.App{Namespace: "shop", Secrets: drift.SecretsManage})
	if err != nil {
		var problem *drift.Problem
		if !errors.As(err, &problem) || problem.Stage != stage || problem.File == "" {
			t.Fatalf("%T is no problem with a file: %v", err, err)
		}
		return
	}
	for i, object := range rendered.Objects {
		if object.ID.Name == "" || object.ID.Kind == "" || object.Origin.File == "" {
			t.Errorf("object without an identity or an origin: %+v", object)
		}
		if i > 0 && rendered.Objects[i-1].ID.Compare(object.ID) >= 0 {
			t.Errorf("not sorted or not unique: %s before %s", rendered.Objects[i-1].ID, object.ID)
		}
	}
}
