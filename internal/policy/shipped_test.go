package policy

import (
	"bytes"
	"context"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"

	"github.com/killick-dev/killick/policies"
)

// TestShippedRego runs the Rego tests of the library, the fixtures and the
// packs, as policy test runs a user's.
func TestShippedRego(t *testing.T) {
	var sources []Source
	for _, pack := range packs() {
		sources = append(sources, Source{Builtin: pack})
	}
	report, err := Test(context.Background(), sources, Options{shippedTests: true})
	if err != nil {
		t.Fatal(strings.Join(lines(err), "\n"))
	}
	if len(report.Tests) < 60 {
		t.Errorf("only %d tests ran", len(report.Tests))
	}
	for _, test := range report.Tests {
		if test.Status != StatusPass {
			t.Errorf("%s %s.%s: %s: %s\n%s", test.File, test.Package, test.Name, test.Status, test.Message, test.Output)
		}
	}
	for _, rule := range report.Coverage {
		if !rule.Covered {
			t.Errorf("%s: no test makes this %s rule fire", rule.Rule, rule.Verb)
		}
	}
}

// TestShippedRegoStaysQuiet: users see none of our tests.
func TestShippedRegoStaysQuiet(t *testing.T) {
	report, err := Test(context.Background(), []Source{{Builtin: "baseline"}}, Options{})
	if err != nil || len(report.Tests) > 0 || len(report.Coverage) > 0 {
		t.Errorf("got %+v, %v", report, err)
	}
}

// TestShippedFiles: formatted, in the folder of their package, every exported
// rule documented.
func TestShippedFiles(t *testing.T) {
	count := 0
	err := fs.WalkDir(policies.FS, "drift", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		count++
		text, err := fs.ReadFile(policies.FS, name)
		if err != nil {
			return err
		}
		formatted, err := format.Source(name, text)
		if err != nil {
			return err
		}
		if !bytes.Equal(formatted, text) {
			t.Errorf("%s is not formatted (-file +opa fmt):\n%s", name, cmp.Diff(string(text), string(formatted)))
		}
		module, err := ast.ParseModuleWithOpts(name, string(text), ast.ParserOptions{ProcessAnnotation: true})
		if err != nil {
			return err
		}
		want := "data." + strings.ReplaceAll(path.Dir(name), "/", ".")
		if strings.HasSuffix(name, "_test.rego") {
			want += "_test"
		}
		if got := module.Package.Path.String(); got != want {
			t.Errorf("%s: package %s, want %s", name, got, want)
		}
		documented := map[string]bool{}
		for _, rule := range module.Rules {
			ruleName := ruleName(rule.Head)
			documented[ruleName] = documented[ruleName] || len(rule.Annotations) > 0
		}
		for rule, ok := range documented {
			if !ok && !strings.HasPrefix(rule, "_") && !strings.HasSuffix(name, "_test.rego") {
				t.Errorf("%s: %s has no METADATA", name, rule)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count < 7 {
		t.Errorf("only %d files", count)
	}
}

// TestPacks: what config may name.
func TestPacks(t *testing.T) {
	if diff := cmp.Diff([]string{"baseline"}, packs()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCheckShipped: the packs pass the checks that users' policies must.
func TestCheckShipped(t *testing.T) {
	for _, finding := range Check([]Source{{Builtin: "baseline"}}, Options{}) {
		t.Errorf("%v [%s]", finding.Problem, finding.Problem.Hint)
	}
}
