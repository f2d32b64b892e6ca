// Package importrules enforces the import rules of the architecture. It has tests
// only: they read the import graph of what is built into the program.
package importrules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// listed is what go list says of a package.
type listed struct {
	ImportPath     string
	Dir            string
	GoFiles        []string
	CgoFiles       []string
	IgnoredGoFiles []string // of other systems: they obey the rules, too
}

// root is the module's folder.
func root(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatalf("finding the module: %v", describe(err))
	}
	return strings.TrimSpace(string(out))
}

func describe(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return err
}

// packages lists the module's packages, those that do not compile included.
func packages(t *testing.T) []listed {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Dir,GoFiles,CgoFiles,IgnoredGoFiles", "./...")
	command.Dir = root(t)
	out, err := command.Output()
	if err != nil {
		t.Fatalf("listing packages: %v", describe(err))
	}
	var found []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var one listed
		if err := decoder.Decode(&one); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		found = append(found, one)
	}
}

// program reads the imports of every file that the rules are about.
func program(t *testing.T) []sourceFile {
	t.Helper()
	var files []sourceFile
	for _, one := range packages(t) {
		pkg := strings.TrimPrefix(strings.TrimPrefix(one.ImportPath, modulePath), "/")
		if pkg == "internal/testenv" || strings.HasPrefix(pkg, "internal/testenv/") {
			continue
		}
		for _, name := range slices.Concat(one.GoFiles, one.CgoFiles, one.IgnoredGoFiles) {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			files = append(files, sourceFile{pkg: pkg, name: name, imports: importsOf(t, filepath.Join(one.Dir, name))})
		}
	}
	return files
}

func importsOf(t *testing.T, path string) []imported {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var found []imported
	for _, spec := range file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, imported{path: name, line: set.Position(spec.Pos()).Line})
	}
	return found
}

func TestImports(t *testing.T) {
	t.Parallel()
	files := program(t)
	for _, broken := range violations(files) {
		t.Error(broken)
	}
	built := map[string]bool{}
	for _, file := range files {
		built[file.pkg] = true
	}
	for pkg := range houses {
		if !built[pkg] {
			t.Errorf("ARCHITECTURE.md has %q, and no such package is built: the rules would hold for nothing", pkg)
		}
	}
}

// The pure packages start nothing and wait for nothing.
func TestPurePackagesHaveNoGoroutines(t *testing.T) {
	t.Parallel()
	folder := root(t)
	looked := map[string]bool{}
	for _, file := range program(t) {
		if !houses[file.pkg].pure {
			continue
		}
		data, err := os.ReadFile(filepath.Join(folder, file.pkg, file.name))
		if err != nil {
			t.Fatal(err)
		}
		looked[file.pkg] = true
		for _, broken := range concurrency(t, file.pkg+"/"+file.name, data) {
			t.Error(broken)
		}
	}
	for _, pkg := range pure {
		if !looked[pkg] {
			t.Errorf("no file of %s was looked at", pkg)
		}
	}
}

// concurrency lists goroutines and channels in a file.
func concurrency(t *testing.T, name string, source []byte) []string {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(file, func(node ast.Node) bool {
		what := ""
		switch node := node.(type) {
		case *ast.GoStmt:
			what = "a goroutine"
		case *ast.ChanType, *ast.SendStmt, *ast.SelectStmt:
			what = "a channel"
		case *ast.UnaryExpr:
			if node.Op == token.ARROW {
				what = "a channel"
			}
		}
		if what != "" {
			found = append(found, fmt.Sprintf("%s: %s: a pure package has no goroutine", set.Position(node.Pos()), what))
		}
		return true
	})
	return found
}

// The root holds the folders of ARCHITECTURE.md, and policies no Go but embed.go.
func TestLayout(t *testing.T) {
	t.Parallel()
	folder := root(t)
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, entry := range entries {
		if entry.IsDir() {
			folders = append(folders, entry.Name())
		}
	}
	ignore, err := os.ReadFile(filepath.Join(folder, ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	for _, stray := range strays(folders, ignoredFolders(string(ignore))) {
		t.Error(stray)
	}
	for _, file := range program(t) {
		if file.pkg == "policies" && file.name != "embed.go" {
			t.Errorf("policies/%s: policies holds Rego and embed.go, and nothing else in Go", file.name)
		}
	}
}

// ignoredFolders are the folders of the root that .gitignore names: "/bin/".
func ignoredFolders(text string) []string {
	var found []string
	for line := range strings.Lines(text) {
		name, anchored := strings.CutPrefix(strings.TrimSpace(line), "/")
		name, folder := strings.CutSuffix(name, "/")
		if anchored && folder && !strings.ContainsAny(name, "/*") {
			found = append(found, name)
		}
	}
	return found
}

// The rule function itself, on graphs that break each rule.
func TestViolations(t *testing.T) {
	t.Parallel()
	drift := modulePath + "/internal/drift"
	cases := []struct {
		name, reason string
		pkg, path    string
		want         string // contained; "" when allowed
	}{
		{"stage, drift", "every stage speaks in the nouns", "internal/config", drift, ""},
		{"stage, standard library", "always", "internal/config", "net/http", ""},
		{"stage, own library", "its own", "internal/config", "go.yaml.in/yaml/v3", ""},
		{"stage, another's library", "another's", "internal/config", "golang.org/x/crypto/ssh", "never another stage"},
		{"stage, another stage", "never each other", "internal/config", modulePath + "/internal/source", "never another stage"},
		{"stage, reconcile", "none reaches back", "internal/cluster", modulePath + "/reconcile", "never another stage"},
		{"stage, policies", "only policy and cmd", "internal/config", modulePath + "/policies", "never another stage"},
		{"policy, policies", "the embed", "internal/policy", modulePath + "/policies", ""},
		{"cmd, policies", "likewise", "cmd/killick", modulePath + "/policies", ""},
		{"cmd, a stage", "cmd wires", "cmd/killick", modulePath + "/internal/source", ""},
		{"cmd, notify", "cmd wires", "cmd/killick", modulePath + "/notify", ""},
		{"cmd, importrules", "tests only", "cmd/killick", modulePath + "/internal/importrules", "cmd wires"},
		{"cmd, go-git", "a stage's library", "cmd/killick", "github.com/go-git/go-git/v5", "go-git lives only in internal/source"},
		{"cmd, client-go", "a stage's library", "cmd/killick", "k8s.io/client-go/rest", "client-go lives only in internal/cluster"},
		{"source, go-git", "its home", "internal/source", "github.com/go-git/go-git/v5/plumbing", ""},
		{"source, billy", "go-git's file systems", "internal/source", "github.com/go-git/go-billy/v5", ""},
		{"render, Kustomize", "its home", "internal/render", "sigs.k8s.io/kustomize/api/krusty", ""},
		{"render, kyaml", "its home", "internal/render", "sigs.k8s.io/kustomize/kyaml/filesys", ""},
		{"source, Kustomize", "only in render", "internal/source", "sigs.k8s.io/kustomize/kyaml/filesys", "Kustomize lives only in internal/render"},
		{"render, Helm", "its home", "internal/render", "helm.sh/helm/v3/pkg/engine", ""},
		{"cluster, Helm", "only in render", "internal/cluster", "helm.sh/helm/v3/pkg/kube", "Helm lives only in internal/render"},
		{"render, client-go", "only in cluster", "internal/render", "k8s.io/client-go/kubernetes", "client-go lives only in internal/cluster"},
		{"cluster, client-go", "its home", "internal/cluster", "k8s.io/client-go", ""},
		{"cluster, apimachinery", "beside client-go", "internal/cluster", "k8s.io/apimachinery/pkg/types", ""},
		{"cluster, OPA", "only in policy", "internal/cluster", "github.com/open-policy-agent/opa/v1/rego", "OPA lives only in internal/policy"},
		{"policy, OPA", "its home", "internal/policy", "github.com/open-policy-agent/opa/v1/rego", ""},
		{"report, slack", "only in notify", "internal/report", "github.com/slack-go/slack", "slack-go lives only in notify"},
		{"notify, slack", "its home", "notify", "github.com/slack-go/slack/slackutilsx", ""},
		{"notify, report", "never each other", "notify", modulePath + "/internal/report", "never another stage"},
		{"health, apimachinery", "health is drift and the standard library", "internal/health", "k8s.io/apimachinery/pkg/types", "own third-party library"},
		{"reconcile, drift", "the nouns", "reconcile", drift, ""},
		{"reconcile, errgroup", "its one library", "reconcile", "golang.org/x/sync/errgroup", ""},
		{"reconcile, semaphore", "not that one", "reconcile", "golang.org/x/sync/semaphore", "collaborators enter through its interfaces"},
		{"reconcile, a stage", "through interfaces", "reconcile", modulePath + "/internal/cluster", "collaborators enter through its interfaces"},
		{"reconcile, log", "the standard library", "reconcile", "log/slog", ""},
		{"drift, JSON", "pure", "internal/drift", "encoding/json", ""},
		{"drift, fs", "a checkout is one", "internal/drift", "io/fs", ""},
		{"drift, url", "it escapes text", "internal/drift", "net/url", ""},
		{"drift, fieldpath", "its library", "internal/drift", "sigs.k8s.io/structured-merge-diff/v6/fieldpath", ""},
		{"drift, value", "its library", "internal/drift", "sigs.k8s.io/structured-merge-diff/v6/value", ""},
		{"drift, typed", "fieldpath and value only", "internal/drift", "sigs.k8s.io/structured-merge-diff/v6/typed", "fieldpath and value, and"},
		{"drift, apimachinery", "its library", "internal/drift", "k8s.io/apimachinery/pkg/api/resource", ""},
		{"drift, something like apimachinery", "a name is not a prefix", "internal/drift", "k8s.io/apimachinery-extras/x", "apimachinery"},
		{"drift, a stage", "nothing of the house", "internal/drift", modulePath + "/internal/health", "the pure packages below it only"},
		{"drift, paths", "a pure package below it", "internal/drift", modulePath + "/internal/nested", ""},
		{"drift, diff", "a pure package above it", "internal/drift", modulePath + "/internal/diff", "the pure packages below it only"},
		{"diff, decide", "it compares, and decides nothing", "internal/diff", modulePath + "/internal/decide", "the pure packages below it only"},
		{"notify, summary", "every stage may use the pure ones", "notify", modulePath + "/internal/summary", ""},
		{"drift, context", "no context", "internal/drift", "context", "no context, I/O, logger"},
		{"drift, io", "no I/O", "internal/drift", "io", "no context, I/O, logger"},
		{"drift, os", "no I/O", "internal/drift", "os", "no context, I/O, logger"},
		{"drift, os/exec", "no I/O", "internal/drift", "os/exec", "no context, I/O, logger"},
		{"drift, net", "no I/O", "internal/drift", "net", "no context, I/O, logger"},
		{"drift, net/http", "no I/O", "internal/drift", "net/http", "no context, I/O, logger"},
		{"drift, log", "no logger", "internal/drift", "log", "no context, I/O, logger"},
		{"drift, slog", "no logger", "internal/drift", "log/slog", "no context, I/O, logger"},
		{"drift, sync", "no goroutine", "internal/drift", "sync", "no context, I/O, logger"},
		{"drift, atomic", "no goroutine", "internal/drift", "sync/atomic", "no context, I/O, logger"},
		{"drift, slices", "pure", "internal/drift", "slices", ""},
		{"policies, embed", "that is all it does", "policies", "embed", ""},
		{"policies, drift", "Rego needs no nouns", "policies", drift, "policies holds Rego"},
		{"policies, OPA", "not there", "policies", "github.com/open-policy-agent/opa/v1/ast", "OPA lives only in internal/policy"},
		{"testenv", "for tests only", "cmd/killick", modulePath + "/internal/testenv", "for tests only"},
		{"below testenv", "for tests only", "internal/cluster", modulePath + "/internal/testenv/gitserver", "for tests only"},
		{"a library nobody has", "everyone's list is closed", "internal/report", "github.com/fatih/color", "own third-party library"},
		{"an unknown package", "every package is named there", "internal/util", "fmt", `ARCHITECTURE.md has no package "internal/util"`},
		{"the root", "no code there", "", "fmt", `ARCHITECTURE.md has no package ""`},
		{"another command", "one small main", "cmd/other", "fmt", `ARCHITECTURE.md has no package "cmd/other"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := violations([]sourceFile{{pkg: c.pkg, name: "x.go", imports: []imported{{"fmt", 3}, {c.path, 7}}}})
			if c.want == "" {
				if len(got) > 0 {
					t.Errorf("%s: %q", c.reason, got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0], c.want) || !strings.HasPrefix(got[0], c.pkg+"/x.go:") {
				t.Errorf("%s: %q", c.reason, got)
			}
			if known := houses[c.pkg].rule; known != "" && !strings.Contains(got[0], fmt.Sprintf("x.go:7: imports %q", c.path)) {
				t.Errorf("it names the file, the line and the import: %q", got)
			}
		})
	}
	several := violations([]sourceFile{
		{pkg: "internal/config", name: "a.go", imports: []imported{{modulePath + "/internal/source", 1}, {modulePath + "/notify", 2}}},
		{pkg: "internal/drift", name: "b.go", imports: []imported{{"os", 1}}},
	})
	if len(several) != 3 {
		t.Errorf("every breach is told: %q", several)
	}
}

func TestStrays(t *testing.T) {
	t.Parallel()
	cases := []struct {
		reason           string
		folders, ignored []string
		want             int
	}{
		{"the house", []string{"cmd", "policies", "reconcile", "notify", "charts", "internal", "testdata", "docs"}, nil, 0},
		{"hidden folders", []string{".git", ".ci", ".github"}, nil, 0},
		{"a folder of build output", []string{"bin"}, []string{"bin"}, 0},
		{"the same, not ignored", []string{"bin"}, []string{"dist"}, 1},
		{"package folders", []string{"pkg", "util", "cmd"}, nil, 2},
	}
	for _, c := range cases {
		if got := strays(c.folders, c.ignored); len(got) != c.want {
			t.Errorf("%s: %q", c.reason, got)
		}
	}
	if diff := cmp.Diff([]string{"bin", "dist"}, ignoredFolders("/bin/\n # x\n/dist/\n*.test\nvendor/\n/coverage*\n/a/b/\n"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("only whole folders of the root (-want +got):\n%s", diff)
	}
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]int{
		"func f() {}":                       0,
		"func f() { go f() }":               1,
		"func f(c chan int) {}":             1,
		"func f() { select {} }":            1,
		"var c = make(chan int)":            1,
		"func f(c chan int) { c <- <-c }":   3,
		"func f() { x := -1; _ = x << 1 }":  0,
		"type T struct { C <-chan string }": 1,
	} {
		if got := concurrency(t, "x.go", []byte("package x\n"+source)); len(got) != want {
			t.Errorf("%s: %q", source, got)
		}
	}
}
