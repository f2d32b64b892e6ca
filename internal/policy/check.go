package policy

import (
	"bytes"
	"slices"

	"github.com/open-policy-agent/opa/v1/format"
)

// Check reports everything that is wrong with the policies, and, as warnings,
// what could be better: tests that do not compile, unused variables and
// imports, formatting. Findings are sorted by file and line.
func Check(sources []Source, options Options) []Finding {
	options = options.withDefaults()
	set, found := read(sources, options)
	found.thenCompile(set, modeRun)
	for _, name := range set.ignored {
		found.warn(name, 0, "parameters go under data: of the policies entry, and are seen as data.params.<area>",
			"data files are not read")
	}
	found.checkFormat(set)
	found.checkApprovals(set)
	if !found.failed() {
		found.checkStrict(set)
		found.checkTests(set)
	}
	return found.findings()
}

// checkFormat compares each file with what opa fmt would write.
func (ps *problems) checkFormat(s *set) {
	for _, module := range s.modules {
		if module.shipped {
			continue
		}
		formatted, err := format.Source(module.file, module.text)
		if err == nil && !bytes.Equal(formatted, module.text) {
			ps.warn(module.file, firstDifference(formatted, module.text), "run opa fmt -w "+module.file, "not formatted as opa fmt does")
		}
	}
}

// firstDifference is the first line that differs, from 1.
func firstDifference(a, b []byte) int {
	common := 0
	for common < len(a) && common < len(b) && a[common] == b[common] {
		common++
	}
	return 1 + bytes.Count(b[:min(common, len(b))], []byte("\n"))
}

// checkStrict adds what only OPA's strict mode minds.
func (ps *problems) checkStrict(s *set) {
	defer ps.recovered()
	compiler := recipe(s, modeStrict)
	compiler.Compile(s.parsed(modeStrict, false))
	if compiler.Failed() {
		ps.fromOPA("", compiler.Errors, true)
	}
}

// checkTests compiles the tests: runs leave them out, so what is wrong with
// them is no reason to stop a run, but policy test will not start.
func (ps *problems) checkTests(s *set) {
	var found problems
	found.compileTests(s, Options{})
	for _, p := range found {
		p.warning = true
		*ps = append(*ps, p)
	}
	tested := slices.ContainsFunc(s.modules, func(m *module) bool { return m.test && !m.shipped })
	written := slices.ContainsFunc(s.modules, func(m *module) bool { return !m.test && !m.shipped })
	if written && !tested {
		ps.warn("", 0, "start with a file policies/drift/<area>/<area>_test.rego; see docs/policies.md", "no policy has a test")
	}
}
