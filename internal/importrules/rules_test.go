package importrules

import (
	"fmt"
	"slices"
	"strings"
)

// modulePath is the module's own name.
const modulePath = "github.com/killick-dev/killick"

// sourceFile is one Go file that is built into the program: no test, and no part
// of the test environment.
type sourceFile struct {
	pkg     string // relative to the module: "internal/drift"
	name    string // "compare.go"
	imports []imported
}

// imported is one import with its line.
type imported struct {
	path string
	line int
}

// house is what one package may import besides the standard library.
type house struct {
	// own are packages of this module.
	own []string
	// libraries are its own third-party libraries: a path, or a path and all
	// below it when it ends in "/".
	libraries []string
	// pure packages may not use the parts of the standard library that reach
	// outside the process or start something.
	pure bool
	// rule is ARCHITECTURE.md in words.
	rule string
}

// pure are the packages that compute and touch nothing, from the bottom: each may import
// those before it, none behind it.
var pure = []string{
	"internal/nested",     // paths and values inside objects
	"internal/githost",    // links to what a Git host shows
	"internal/drift",      // the nouns
	"internal/redact",     // what may be shown
	"internal/ownership",  // managedFields
	"internal/dependency", // which objects need which
	"internal/diff",       // desired against live
	"internal/decide",     // the table from verdicts to actions
	"internal/guard",      // what may never be deleted, and how much at once
	"internal/write",      // the request of a write
	"internal/summary",    // results to a report
}

// pureRule is ARCHITECTURE.md for them.
const pureRule = "a pure package imports the standard library (no context, I/O, logger), apimachinery, structured-merge-diff's fieldpath and value, and the pure packages below it only"

// stageRule is ARCHITECTURE.md for the stages.
const stageRule = "a stage imports the pure packages, the standard library and its own third-party library only, never another stage"

// houses are the packages of ARCHITECTURE.md and what each may import; the pure ones are added.
var houses = withPure(map[string]house{
	"internal/config": {own: pure, rule: stageRule,
		libraries: []string{"go.yaml.in/yaml/v3", "sigs.k8s.io/yaml", "github.com/spf13/pflag"}},
	"internal/source": {own: pure, rule: stageRule,
		libraries: []string{"github.com/go-git/", "golang.org/x/crypto/ssh/", "github.com/skeema/knownhosts"}},
	"internal/render": {own: pure, rule: stageRule,
		libraries: []string{"sigs.k8s.io/kustomize/", "helm.sh/helm/", "go.yaml.in/yaml/v2", "go.yaml.in/yaml/v3", "sigs.k8s.io/yaml", "sigs.k8s.io/json",
			"github.com/Masterminds/sprig/v3", "github.com/santhosh-tekuri/jsonschema/v6/", "golang.org/x/text/", "golang.org/x/sys/unix"}},
	"internal/cluster": {own: pure, rule: stageRule,
		libraries: []string{"k8s.io/client-go/", "k8s.io/apimachinery/", "sigs.k8s.io/json", "golang.org/x/sync/errgroup"}},
	"internal/policy": {own: append(slices.Clone(pure), "policies"), rule: stageRule + "; policy may import policies",
		libraries: []string{"github.com/open-policy-agent/opa/"}},
	"internal/health": {own: pure, rule: stageRule},
	"internal/report": {own: pure, rule: stageRule, libraries: []string{"go.yaml.in/yaml/v3"}},
	"notify":          {own: pure, rule: stageRule, libraries: []string{"github.com/slack-go/slack/"}},
	"reconcile": {own: pure, libraries: []string{"golang.org/x/sync/errgroup"},
		rule: "reconcile imports the pure packages, the standard library and errgroup only; collaborators enter through its interfaces"},
	"policies": {rule: "policies holds Rego; its one Go file embeds it and imports the standard library only"},
	"cmd/killick": {
		own: append(slices.Clone(pure), "internal/config", "internal/source", "internal/render", "internal/cluster", "internal/policy", "internal/health",
			"internal/report", "notify", "reconcile", "policies"),
		libraries: []string{"github.com/spf13/cobra", "github.com/spf13/pflag", "golang.org/x/term", "sigs.k8s.io/yaml"},
		rule:      "cmd wires the stages and the command line; it uses no stage's library"},
})

func withPure(stages map[string]house) map[string]house {
	for i, pkg := range pure {
		stages[pkg] = house{pure: true, rule: pureRule, own: pure[:i],
			libraries: []string{"k8s.io/apimachinery/", "sigs.k8s.io/structured-merge-diff/v6/fieldpath", "sigs.k8s.io/structured-merge-diff/v6/value"}}
	}
	return stages
}

// exclusive libraries live in one package only.
var exclusive = []struct{ name, prefix, home string }{
	{"go-git", "github.com/go-git/", "internal/source"},
	{"Kustomize", "sigs.k8s.io/kustomize/", "internal/render"},
	{"Helm", "helm.sh/helm/", "internal/render"},
	{"client-go", "k8s.io/client-go/", "internal/cluster"},
	{"OPA", "github.com/open-policy-agent/opa/", "internal/policy"},
	{"slack-go", "github.com/slack-go/slack/", "notify"},
}

// outside is the part of the standard library that pure code may not use: what
// reaches files, sockets, the environment or a clock's ticks, what logs, and what
// starts or carries something across goroutines. io/fs is only the type of a
// checkout, and net/url only escapes text.
var outside = []string{
	"context", "io", "os/", "net/", "log/", "sync/", "runtime/", "syscall/", "bufio", "embed", "plugin", "testing/", "expvar", "unsafe",
	"path/filepath", "crypto/rand", "math/rand/", "database/", "debug/", "go/", "archive/", "compress/",
}

var harmless = []string{"io/fs", "net/url"}

// below says whether an import is a library: exactly, or anything under one that
// ends in "/".
func below(path, library string) bool {
	return path == library || strings.HasSuffix(library, "/") && (strings.HasPrefix(path, library) || path == strings.TrimSuffix(library, "/"))
}

func anyBelow(path string, libraries []string) bool {
	return slices.ContainsFunc(libraries, func(library string) bool { return below(path, library) })
}

// standard says whether an import is of the standard library: its first element
// has no dot.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// violations are the imports that break ARCHITECTURE.md, one line each.
func violations(files []sourceFile) []string {
	var found []string
	for _, file := range files {
		lives, known := houses[file.pkg]
		if !known {
			found = append(found, fmt.Sprintf("%s/%s: ARCHITECTURE.md has no package %q; add it there and here, or move the file", file.pkg, file.name, file.pkg))
			continue
		}
		for _, in := range file.imports {
			if broken := lives.broken(file.pkg, in.path); broken != "" {
				found = append(found, fmt.Sprintf("%s/%s:%d: imports %q: %s", file.pkg, file.name, in.line, in.path, broken))
			}
		}
	}
	return found
}

// broken is the rule that an import breaks, or "".
func (h house) broken(pkg, path string) string {
	if own, inside := strings.CutPrefix(path, modulePath+"/"); inside {
		switch {
		case own == "internal/testenv" || strings.HasPrefix(own, "internal/testenv/"):
			return "internal/testenv is for tests only"
		case !slices.Contains(h.own, own):
			return h.rule
		}
		return ""
	}
	if standard(path) {
		if h.pure && anyBelow(path, outside) && !slices.Contains(harmless, path) {
			return h.rule
		}
		return ""
	}
	for _, library := range exclusive {
		if below(path, library.prefix) && pkg != library.home {
			return fmt.Sprintf("%s lives only in %s", library.name, library.home)
		}
	}
	if !anyBelow(path, h.libraries) {
		return h.rule
	}
	return ""
}

// topLevel are the folders of the repository's root.
var topLevel = []string{"cmd", "policies", "reconcile", "notify", "charts", "internal", "testdata", "docs"}

// strays are folders in the root that ARCHITECTURE.md does not name; hidden ones and
// those that Git ignores are nobody's business.
func strays(folders, ignored []string) []string {
	var found []string
	for _, folder := range folders {
		if strings.HasPrefix(folder, ".") || slices.Contains(topLevel, folder) || slices.Contains(ignored, folder) {
			continue
		}
		found = append(found, fmt.Sprintf("folder %q: the root holds %s and hidden folders only", folder, strings.Join(topLevel, ", ")))
	}
	return found
}
