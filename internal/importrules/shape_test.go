package importrules

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What one reader can hold in the head (CONTRIBUTING.md).
const (
	mostFunctionLines = 60
	mostFileLines     = 400
	mostParameters    = 4
)

// wide are the functions that still take more: older than the rule, each to become a struct
// of what it needs when it is next touched. The list only gets shorter.
var wide = map[string]int{
	"cmd/killick: remember":          5,
	"cmd/killick: renderAll":         5,
	"cmd/killick: renderApp":         5,
	"cmd/killick: tell":              5,
	"internal/cluster: DryPatch":     6,
	"internal/cluster: collect":      5,
	"internal/cluster: collectHeads": 5,
	"internal/cluster: dryPatch":     6,
	"internal/cluster: keep":         5,
	"internal/cluster: list":         5,
	"internal/cluster: onePass":      5,
	"internal/cluster: pages":        6,
	"internal/cluster: predict":      5,
	"internal/cluster: refused":      6,
	"internal/cluster: settleDelete": 5,
	"internal/config: wrong":         5,
	"internal/diff: Predict":         5,
	"internal/diff: additions":       5,
	"internal/diff: note":            5,
	"internal/diff: value":           5,
	"internal/drift: RecallGuards":   5,
	"internal/guard: add":            5,
	"internal/policy: add":           5,
	"internal/policy: warn":          5,
	"internal/render: checkEntry":    5,
	"internal/render: place":         5,
	"internal/source: checkoutOf":    6,
	"internal/write: Remaining":      5,
	"internal/write: TakeOver":       6,
	"internal/write: achieved":       5,
	"internal/write: writeManaged":   6,
	"reconcile: again":               5,
	"reconcile: conclude":            5,
	"reconcile: decide":              5,
	"reconcile: deleteSeen":          5,
	"reconcile: prepareApp":          5,
	"reconcile: recorded":            5,
	"reconcile: rejudge":             5,
	"reconcile: usage":               5,
	"reconcile: usersIn":             5,
	"reconcile: write":               5,
	"reconcile: writeStage":          5,
}

// TestShape: no function is longer, and no file, than somebody reads in one go, none takes
// more than four parameters, and whatever a package exports says what it is. Test
// environment and tests are left out, as are generated files.
func TestShape(t *testing.T) {
	t.Parallel()
	folder := root(t)
	looked, left := 0, maps.Clone(wide)
	for _, file := range program(t) {
		data, err := os.ReadFile(filepath.Join(folder, file.pkg, file.name))
		if err != nil {
			t.Fatal(err)
		}
		looked++
		for _, found := range misshapen(t, file.pkg+"/"+file.name, data) {
			if found.parameters > 0 && wide[found.at] == found.parameters {
				delete(left, found.at)
				continue
			}
			t.Error(found)
		}
	}
	if looked == 0 {
		t.Error("no file was looked at")
	}
	for at, parameters := range left {
		t.Errorf("%s does not take %d parameters any more: take it out of the list", at, parameters)
	}
}

// breach is one rule broken at one place.
type breach struct {
	at         string // "package: function"
	line, text string
	parameters int // of a function that takes too many
}

func (b breach) String() string { return b.line + ": " + b.text }

// misshapen lists what is too long, takes too much or does not say what it is.
func misshapen(t *testing.T, name string, source []byte) []breach {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	if ast.IsGenerated(file) {
		return nil
	}
	var found []breach
	tell := func(at token.Pos, format string, args ...any) {
		found = append(found, breach{line: set.Position(at).String(), text: fmt.Sprintf(format, args...)})
	}
	if lines := strings.Count(string(source), "\n"); lines > mostFileLines {
		tell(file.Package, "%d lines: a file has %d at most", lines, mostFileLines)
	}
	for _, declaration := range file.Decls {
		switch declaration := declaration.(type) {
		case *ast.FuncDecl:
			if lines := set.Position(declaration.End()).Line - set.Position(declaration.Pos()).Line + 1; lines > mostFunctionLines {
				tell(declaration.Pos(), "%s has %d lines: a function has %d at most", declaration.Name.Name, lines, mostFunctionLines)
			}
			if n := declaration.Type.Params.NumFields(); n > mostParameters {
				tell(declaration.Pos(), "%s takes %d parameters: more than %d are a struct", declaration.Name.Name, n, mostParameters)
				found[len(found)-1].at, found[len(found)-1].parameters = filepath.Dir(name)+": "+declaration.Name.Name, n
			}
			if declaration.Name.IsExported() && declaration.Doc == nil && exportedReceiver(declaration) {
				tell(declaration.Pos(), "%s is exported and says nothing of itself", declaration.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range declaration.Specs {
				if named, ok := spec.(*ast.TypeSpec); ok && named.Name.IsExported() && declaration.Doc == nil && named.Doc == nil {
					tell(named.Pos(), "%s is exported and says nothing of itself", named.Name.Name)
				}
			}
		}
	}
	return found
}

// exportedReceiver says that a method is one that others see; a function has no receiver.
func exportedReceiver(declaration *ast.FuncDecl) bool {
	if declaration.Recv == nil {
		return true
	}
	receiver := declaration.Recv.List[0].Type
	if pointer, ok := receiver.(*ast.StarExpr); ok {
		receiver = pointer.X
	}
	if generic, ok := receiver.(*ast.IndexExpr); ok {
		receiver = generic.X
	}
	name, ok := receiver.(*ast.Ident)
	return ok && name.IsExported()
}

func TestMisshapen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason, source, want string
	}{
		{"as it should be", "// F is short.\nfunc F(a, b, c, d int) {}\n", ""},
		{"a long function", "func f() {\n" + strings.Repeat("\n", mostFunctionLines) + "}\n", "f has 62 lines"},
		{"a long file", strings.Repeat("\n", mostFileLines), "a file has 400 at most"},
		{"five parameters", "func f(a, b int, c, d, e string) {}\n", "f takes 5 parameters"},
		{"an exported function", "func F() {}\n", "F is exported and says nothing"},
		{"an exported method", "type t struct{}\n\nfunc (t) F() {}\n", ""},
		{"of an exported type", "// T is.\ntype T struct{}\n\nfunc (*T) F() {}\n", "F is exported and says nothing"},
		{"an exported type", "type T struct{}\n", "T is exported and says nothing"},
		{"generated", "func F(a, b, c, d, e int) {}\n", ""},
	} {
		header := "package p\n\n"
		if c.reason == "generated" {
			header = "// Code generated by a tool. DO NOT EDIT.\n\n" + header
		}
		var got []string
		for _, found := range misshapen(t, "p/x.go", []byte(header+c.source)) {
			got = append(got, found.String())
		}
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
			t.Errorf("%s: %q", c.reason, got)
		}
	}
}
