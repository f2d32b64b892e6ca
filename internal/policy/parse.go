package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/killick-dev/killick/internal/drift"
)

// origin says whose modules are parsed, and so which packages they may define.
type origin int

const (
	fromUser origin = iota
	shippedPack
	shippedLibrary
)

// parseAll parses files and checks that each stands in a package of its own
// kind. Files with errors are left out.
func parseAll(files []file, from origin, found *problems) (modules []*module) {
	defer found.recovered()
	options := ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1, Capabilities: capabilities()}
	for _, file := range files {
		if drift.IsLFSPointer(file.text) {
			found.add(file.name, 0, drift.LFSHint, "reading policies: %s", drift.LFSWords)
			continue
		}
		if line, err := checkNesting(file.text); err != nil {
			found.add(file.name, line, "split the value into rules of its own", "%v", err)
			continue
		}
		parsed, err := ast.ParseModuleWithOpts(file.name, string(file.text), options)
		if err != nil {
			found.fromOPA(file.name, err, false)
			continue
		}
		if parsed == nil {
			found.add(file.name, 1, "start the file with package drift.<area>", "the file has no package")
			continue
		}
		m := &module{
			file: file.name, below: file.below, text: file.text, parsed: parsed,
			shipped: from != fromUser, library: from == shippedLibrary,
		}
		if m.place(found) {
			modules = append(modules, m)
		}
	}
	return modules
}

// place finds the module's area, and refuses packages that nobody would ask:
// rules in them would silently never fire.
func (m *module) place(found *problems) bool {
	pkg := m.parsed.Package
	if pkg.Location != nil && pkg.Location.File == "" {
		pkg.Location.File = m.file
	}
	elements := make([]string, 0, len(pkg.Path))
	for _, term := range pkg.Path[1:] {
		name, _ := term.Value.(ast.String)
		elements = append(elements, string(name))
	}
	full := strings.Join(elements, ".")
	if m.library && full == "drift" {
		return true
	}
	const hint = "write package drift.<area>, and package drift.<area>_test for its tests"
	switch {
	case elements[0] == "gate":
		found.at(pkg.Location, "remove the package until gates exist; per object, use alert_only in package drift.<area>",
			"package %s: plan-level gates are not supported yet", full)
		return false
	case len(elements) == 1 && elements[0] == "drift":
		found.at(pkg.Location, hint, "package drift belongs to the binary")
		return false
	case elements[0] != "drift":
		found.at(pkg.Location, hint, "package %s is never asked%s", full, suggestion(elements[0], []string{"drift"}))
		return false
	case len(elements) > 2:
		found.at(pkg.Location, "an area is one package; put its files into package drift."+elements[1],
			"package %s is never asked: it lies below an area", full)
		return false
	case !areaName.MatchString(elements[1]):
		found.at(pkg.Location, "use lower-case letters, digits and _", "package %s: %q is no name for an area", full, elements[1])
		return false
	}
	m.area = elements[1]
	m.area, m.test = strings.CutSuffix(m.area, "_test")
	return m.mayHold(found, full) && m.inItsFolder(found, full) && m.testNamesAgree(found, full) && m.schemasUntouched(found)
}

// folders are where an area's packages may stand below the entry's path. Which of
// them an area uses is its own choice, but it is one folder: a line of CODEOWNERS.
func folders(area string) []string { return []string{"drift/" + area, area} }

// folder is the area's folder that holds the module, or "".
func (m *module) folder() string {
	for _, folder := range folders(m.area) {
		if strings.HasPrefix(m.below, folder+"/") {
			return folder
		}
	}
	return ""
}

// inItsFolder: whoever may write in one folder speaks for its area alone. Names are
// compared as bytes, also on disks that make no difference between a and A.
func (m *module) inItsFolder(found *problems, full string) bool {
	if m.shipped || m.folder() != "" {
		return true
	}
	found.at(m.parsed.Package.Location, "move the file, or name its package after its folder: a folder is one area, and a line of CODEOWNERS guards it",
		"package %s must stand in %s/ below the entry's path", full, folders(m.area)[0])
	return false
}

// oneFolderEach refuses an area that stands in both of its folders, since two
// owners would speak for it.
func oneFolderEach(modules []*module, found *problems) {
	first := map[string]*module{}
	for _, m := range modules {
		before := first[m.area]
		if before == nil {
			first[m.area] = m
			continue
		}
		if !m.shipped && before.folder() != m.folder() {
			found.at(m.parsed.Package.Location, "keep an area in one folder",
				"area %s stands in two folders: %s is in %s/, this file in %s/", m.area, before.file, before.folder(), m.folder())
		}
	}
}

// mayHold refuses areas that belong to the binary.
func (m *module) mayHold(found *problems, full string) bool {
	if m.shipped || !slices.Contains(reserved, m.area) && !slices.Contains(layers, m.area) {
		return true
	}
	found.at(m.parsed.Package.Location, "give the area another name; shared helpers may stand in any area",
		"package %s: the area %q is reserved", full, m.area)
	return false
}

// testNamesAgree: runs leave test packages out, so a veto must not get into one
// by the name of its package alone.
func (m *module) testNamesAgree(found *problems, full string) bool {
	testFile := strings.HasSuffix(m.file, "_test.rego")
	if testFile == m.test {
		return true
	}
	if m.test {
		found.at(m.parsed.Package.Location, "rename the file to *_test.rego, or the package if it is no test",
			"package %s is a test package, and runs leave it out, but the file is not named *_test.rego", full)
		return false
	}
	found.at(m.parsed.Package.Location, "write package "+full+"_test and import data."+full,
		"a file named *_test.rego must hold a test package, not package %s", full)
	return false
}

// schemasUntouched: a schema annotation of a policy would replace the input's.
func (m *module) schemasUntouched(found *problems) bool {
	if m.library {
		return true
	}
	for _, annotation := range m.parsed.Annotations {
		if len(annotation.Schemas) > 0 {
			found.at(annotation.Location, "remove schemas: from the METADATA", "the input's schema is fixed and cannot be annotated")
			return false
		}
	}
	return true
}
