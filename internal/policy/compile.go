package policy

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// mode says what a compiler is for.
type mode int

const (
	modeRun     mode = iota // no tests, no print
	modeExplain             // no tests, print
	modeTest                // tests and fixtures, print
	modeStrict              // as run, with OPA's strict mode: for warnings
)

// recipe is the one way in which policies are compiled, so that check, run,
// test and explain agree.
func recipe(s *set, m mode) *ast.Compiler {
	schemas := ast.NewSchemaSet()
	schemas.Put(ast.MustParseRef("schema.input"), s.schema)
	return ast.NewCompiler().
		SetErrorLimit(0).
		WithDefaultRegoVersion(ast.RegoV1).
		WithCapabilities(capabilities()).
		WithSchemas(schemas).
		WithUseTypeCheckAnnotations(true).
		WithEnablePrintStatements(m == modeTest || m == modeExplain).
		WithStrict(m == modeStrict)
}

// parsed are the modules that a mode compiles, by file.
func (s *set) parsed(m mode, shippedTests bool) map[string]*ast.Module {
	modules := map[string]*ast.Module{}
	for _, module := range s.modules {
		fixtures := module.library && module.area == "testing"
		if m != modeTest && (module.test || fixtures) || module.test && module.shipped && !shippedTests {
			continue
		}
		modules[module.file] = module.parsed
	}
	return modules
}

// resolved are compiled modules as they were once every name was resolved and
// before OPA rewrote anything: the form in which a rule still says what its
// author wrote.
type resolved map[string]*ast.Module

// captureResolved keeps a copy of the modules at that stage.
func captureResolved(c *ast.Compiler) resolved {
	kept := resolved{}
	c.WithStageAfterID(ast.StageSetRuleTree, ast.CompilerStageDefinition{
		Name: "CaptureResolved", MetricName: "capture_resolved",
		Stage: func(c *ast.Compiler) *ast.Error {
			for file, module := range c.Modules {
				kept[file] = module.Copy()
			}
			return nil
		},
	})
	return kept
}

// thenCompile compiles what was read, unless reading failed, and adds every
// error of the compiler and of our own checks.
func (ps *problems) thenCompile(s *set, m mode) (compiler *ast.Compiler) {
	if ps.failed() {
		return nil
	}
	defer ps.recovered()
	for _, module := range s.modules {
		if !module.test && !module.library {
			ps.checkVerbs(module, s.input)
		}
		if module.test {
			ps.refuseVerbs(module)
		}
	}
	if !ps.checkParts(s) {
		return nil // the compiler would not come back
	}
	compiler = recipe(s, m)
	names := captureResolved(compiler)
	compiler.Compile(s.parsed(m, false))
	if compiler.Failed() {
		ps.fromOPA("", compiler.Errors, false)
	}
	ps.checkReferenced(s, compiler)
	ps.lint(s, names)
	return compiler
}

// sortedRules are the rules of a package's modules in the order of their files
// and lines.
func sortedRules(modules map[string]*ast.Module) []*ast.Rule {
	var rules []*ast.Rule
	for _, file := range slices.Sorted(keys(modules)) {
		rules = append(rules, modules[file].Rules...)
	}
	return rules
}

func keys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name := range m {
			if !yield(name) {
				return
			}
		}
	}
}
