package policy

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"

	"github.com/killick-dev/killick/policies"
)

// module is one parsed file.
type module struct {
	file    string // as messages show it
	below   string // its path below the entry's folder
	area    string // the package below drift; "" for the root package drift
	test    bool   // package drift.<area>_test
	shipped bool   // comes with the binary
	library bool   // drift, drift.lib or drift.testing
	text    []byte
	parsed  *ast.Module
}

// set is everything that was read: modules in a fixed order, what each area
// speaks for, and the parameters.
type set struct {
	modules []*module
	scopes  map[string]Area
	params  map[string]any // area → its parameters
	noData  bool           // they are not known
	ignored []string       // files that look like data and are not read
	input   *shape
	schema  any
}

// areas are the names of the areas that may give reasons, sorted.
func (s *set) areas() []string {
	names := map[string]bool{}
	for _, m := range s.modules {
		if !m.library && !m.test {
			names[m.area] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

var areaName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// reserved areas are the binary's own.
var reserved = []string{"lib", "testing"}

// layers are the first elements of packages, which no area is named after: what
// stands in drift/shop/ would otherwise be of an area drift as well.
var layers = []string{"drift", "gate", "health"}

// shippedBytes bounds what the binary itself brings; the user's bound is not
// spent on it.
const shippedBytes = 1 << 20

// read parses all sources and the library.
func read(sources []Source, options Options) (*set, problems) {
	s := &set{scopes: map[string]Area{}, params: map[string]any{}, noData: options.NoData}
	var found problems
	var err error
	if s.input, s.schema, err = readInputShape(); err != nil {
		found.add("", 0, "", "%v", err)
		return s, found
	}
	for _, dir := range []string{"drift/drift.rego", "drift/lib", "drift/testing"} {
		library := Source{Path: "builtin:" + strings.TrimPrefix(dir, "drift/"), FS: policies.FS, Dir: dir}
		files, _ := (&budget{shippedBytes, shippedBytes}).readFiles(library, &found)
		s.modules = append(s.modules, parseAll(files, shippedLibrary, &found)...)
	}
	bytes := &budget{left: options.MaxBytes, total: options.MaxBytes}
	owners := map[string]string{} // area → path of the entry it came from
	labels := Labels(sources)
	for i, source := range sources {
		source.Path = labels[i]
		s.readSource(source, bytes, owners, &found)
	}
	s.applyAreas(sources, &found)
	return s, found
}

// Labels are what the places of each source's rules begin with: its path, numbered where
// folders of one name stand in two repositories and must not hide each other.
func Labels(sources []Source) []string {
	labels, seen := make([]string, len(sources)), map[string]int{}
	for i, source := range sources {
		if source.Builtin != "" || source.Path == "" {
			labels[i] = source.Path
			continue
		}
		name := path.Clean(source.Path)
		labels[i] = name
		if seen[name]++; seen[name] > 1 {
			labels[i] = fmt.Sprintf("%s#%d", name, seen[name])
		}
	}
	return labels
}

// readSource reads one entry: its files and its parameters.
func (s *set) readSource(source Source, bytes *budget, owners map[string]string, found *problems) {
	from := fromUser
	if source.Builtin != "" {
		if !slices.Contains(packs(), source.Builtin) {
			found.add("", 0, "packs: "+strings.Join(packs(), ", "), "there is no pack %q%s",
				source.Builtin, suggestion(source.Builtin, packs()))
			return
		}
		from, bytes = shippedPack, &budget{shippedBytes, shippedBytes}
		source.Path, source.FS, source.Dir = "builtin:"+source.Builtin, policies.FS, "drift/"+source.Builtin
	}
	files, ignored := bytes.readFiles(source, found)
	s.ignored = append(s.ignored, ignored...)
	modules := parseAll(files, from, found)
	s.modules = append(s.modules, modules...)
	oneFolderEach(modules, found)

	areas := map[string]bool{}
	for _, m := range modules {
		if m.test || m.library {
			continue
		}
		if owner, taken := owners[m.area]; taken && !areas[m.area] {
			found.at(m.parsed.Package.Location, "give each package to one entry, or list the common folder once",
				"package drift.%s stands in two policies entries: %q and %q", m.area, owner, source.Path)
			continue
		}
		owners[m.area], areas[m.area] = source.Path, true
	}
	s.readData(source, areas, found)
}

// readData takes over the parameters of the source's areas. An area without
// parameters has none, so that a reference to one is an error.
func (s *set) readData(source Source, areas map[string]bool, found *problems) {
	for area := range areas {
		s.params[area] = map[string]any{}
	}
	names := slices.Sorted(maps.Keys(areas))
	for _, area := range slices.Sorted(maps.Keys(source.Data)) {
		if !areas[area] {
			found.warn(source.Path, 0, "areas found: "+strings.Join(names, ", "),
				"data: %s is no area of this entry%s", area, suggestion(area, names))
			continue
		}
		data, err := copyOf(source.Data[area])
		if err != nil {
			found.add(source.Path, 0, "use what JSON can say", "reading data of area %q: %v", area, err)
			continue
		}
		s.params[area] = data
	}
}

// copyOf passes a value through JSON: nothing of the caller's maps is kept.
func copyOf(value any) (any, error) {
	if value == nil {
		return map[string]any{}, nil
	}
	err := util.RoundTrip(&value)
	return value, err
}

// applyAreas takes over what areas speak for. As soon as any entry says so,
// every area of a user must be listed: one that was forgotten would speak for
// everything. Packs need no entry.
func (s *set) applyAreas(sources []Source, found *problems) {
	names := s.areas()
	for _, source := range sources {
		label := cmp.Or(source.Path, "builtin:"+source.Builtin)
		for _, name := range slices.Sorted(maps.Keys(source.Areas)) {
			area := source.Areas[name]
			if before, again := s.scopes[name]; again {
				if !reflect.DeepEqual(before, area) {
					found.add(label, 0, "list each area once", "areas: %s is listed twice, and differently", name)
				}
				continue
			}
			s.scopes[name] = area
			area.check(label, name, found)
			if !slices.Contains(names, name) {
				found.warn(label, 0, "areas found: "+strings.Join(names, ", "),
					"areas: %s is listed and there is no package drift.%s%s", name, name, suggestion(name, names))
			}
		}
	}
	listed := map[string]bool{}
	for _, m := range s.modules {
		if _, scoped := s.scopes[m.area]; scoped || m.shipped || m.test || listed[m.area] || len(s.scopes) == 0 {
			continue
		}
		listed[m.area] = true
		found.at(m.parsed.Package.Location, "with areas, every area must be listed with what it speaks for",
			"package drift.%s is not listed under areas", m.area)
	}
}

// check refuses an area that speaks for nothing, and patterns that match nothing.
func (a Area) check(label, name string, found *problems) {
	for _, pattern := range a.Namespaces {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			found.add(label, 0, "write a glob such as payments-*", "areas: %s: %q is no namespace pattern", name, pattern)
		}
	}
	if a.All == (len(a.Namespaces) > 0) {
		found.add(label, 0, "write {all: true} or {namespaces: [payments-*]}",
			"areas: %s must speak for all, or for some namespaces", name)
	}
}

// packs are the names of the embedded packs.
func packs() []string {
	entries, err := fs.ReadDir(policies.FS, "drift")
	if err != nil {
		return nil
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() && !slices.Contains(reserved, entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names
}
