package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// TestEverySystemIsSupported type-checks the program for each system of a release, which
// takes seconds where compiling it takes minutes ("make release" does). Of libraries only
// the declarations are read, so that an error in this repository's code is told.
func TestEverySystemIsSupported(t *testing.T) {
	t.Parallel()
	root := repositoryRoot(t)
	checked := map[string]bool{}
	for _, to := range archiveTargets {
		if checked[to.os] { // no file is written for one processor
			continue
		}
		checked[to.os] = true
		t.Run(to.os, func(t *testing.T) {
			for _, broken := range typeErrors(t, root, to) {
				t.Error(broken)
			}
		})
	}
}

// typeErrors are those of this repository's packages for one target.
func typeErrors(t *testing.T, root string, to target) []packages.Error {
	t.Helper()
	loaded, err := packages.Load(&packages.Config{
		Context: t.Context(), Dir: root,
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
			packages.NeedTypes | packages.NeedTypesSizes | packages.NeedSyntax | packages.NeedModule,
		Env: append(os.Environ(), "CGO_ENABLED=0", "GOOS="+to.os, "GOARCH="+to.arch),
		ParseFile: func(set *token.FileSet, name string, content []byte) (*ast.File, error) {
			file, err := parser.ParseFile(set, name, content, parser.SkipObjectResolution)
			if file != nil && !strings.HasPrefix(name, root+string(os.PathSeparator)) {
				withoutBodies(file)
			}
			return file, err
		},
	}, "./cmd/killick")
	if err != nil {
		t.Fatal(err)
	}
	var broken []packages.Error
	own := 0
	packages.Visit(loaded, nil, func(p *packages.Package) {
		if p.Module != nil && p.Module.Main {
			own++
			broken = append(broken, p.Errors...)
		}
	})
	if own < 10 {
		t.Errorf("%d packages of this repository were looked at", own)
	}
	return broken
}

func withoutBodies(file *ast.File) {
	for _, declared := range file.Decls {
		if function, ok := declared.(*ast.FuncDecl); ok {
			function.Body = nil
		}
	}
}
