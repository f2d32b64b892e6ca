package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template/parse"
)

// emptyFunctions ask the cluster or DNS, and answer empty here as they do in
// `helm template`.
var emptyFunctions = set("lookup", "getHostByName")

// capabilitiesField is what a template says that asks what the cluster serves.
const capabilitiesField = "Capabilities"

// handedOn are functions that only hand what they are given to a template, which is
// looked at itself.
var handedOn = set("include", "tpl")

// growingFunctions make as much as a number says. Nothing can stop them once
// they run, so a number written in a template is checked before.
var growingFunctions = set("repeat", "until", "untilStep", "seq", "randAlphaNum", "randAlpha", "randAscii", "randNumeric", "randBytes",
	"indent", "nindent")

// maxGrowth is far above what any chart needs and far below what hurts.
const maxGrowth = 1_000_000

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}

// analysis knows, from the parsed templates alone, which of them call what. It
// errs on the side of "may call".
type analysis struct {
	templates map[string]*traits
	asks      bool // some template, or text that tpl may run, may read .Capabilities
}

// traits are what one template, or one define, does.
type traits struct {
	empty    map[string]bool // calls of emptyFunctions
	tpl      bool
	includes map[string]bool
	// partly holds literals of include names that are put together at run time:
	// any template whose name contains one of them may be meant.
	partly map[string]bool
	// anything is set when an include's name cannot be told at all.
	anything bool
}

func newAnalysis() *analysis {
	return &analysis{templates: map[string]*traits{}}
}

// add parses one template file and everything it defines.
func (a *analysis) add(name, content string) error {
	a.asks = a.asks || strings.Contains(content, capabilitiesField)
	trees, err := parseTemplate(name, content)
	if err != nil {
		return err
	}
	for _, defined := range slices.Sorted(maps.Keys(trees)) {
		t := a.templates[defined]
		if t == nil {
			t = &traits{empty: map[string]bool{}, includes: map[string]bool{}, partly: map[string]bool{}}
			a.templates[defined] = t
		}
		w := walker{traits: t, analysis: a, atRoot: defined == name}
		w.walk(trees[defined].Root)
		if w.grows != "" {
			return fmt.Errorf("execution error at (%s:%d): %s asks for more than %d of something", name, w.line(content), w.grows, maxGrowth)
		}
	}
	return nil
}

func parseTemplate(name, content string) (map[string]*parse.Tree, error) {
	tree := parse.New(name)
	tree.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	root, err := tree.Parse(content, "", "", trees)
	if err != nil {
		return nil, err
	}
	if trees[name] == nil {
		trees[name] = root // Parse leaves out what is empty but for defines
	}
	return trees, nil
}

// addText looks at a text that templates may hand to tpl: a value, or a file of
// the chart. Most texts are none.
func (a *analysis) addText(content string) *traits {
	// A text without braces may be a part of one.
	a.asks = a.asks || strings.Contains(content, capabilitiesField)
	if !strings.Contains(content, "{{") {
		return nil
	}
	trees, err := parseTemplate("text", content)
	if err != nil {
		return nil
	}
	t := &traits{empty: map[string]bool{}, includes: map[string]bool{}, partly: map[string]bool{}}
	for _, tree := range trees {
		w := walker{traits: t, analysis: a}
		w.walk(tree.Root)
	}
	return t
}

// addValues looks at every text in the values, and refuses texts that run each
// other in a circle: nothing bounds how deep tpl goes, and a stack that is
// exhausted ends the process.
func (a *analysis) addValues(values map[string]any) error {
	calls := map[string][]string{} // value path → value paths that its text hands to tpl
	var visit func(path string, v any)
	visit = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, item := range v {
				visit(path+"."+key, item)
			}
		case []any:
			for _, item := range v {
				visit(path, item)
			}
		case string:
			if t := a.addText(v); t != nil && t.tpl {
				calls[path] = append(calls[path], tplArguments(v)...)
			}
		}
	}
	visit(".Values", values)
	for _, start := range slices.Sorted(maps.Keys(calls)) {
		if reaches(calls, start, start, map[string]bool{}) {
			return fmt.Errorf("the value %s runs itself through tpl without end", short(strings.TrimPrefix(start, ".Values.")))
		}
	}
	return nil
}

func reaches(calls map[string][]string, from, to string, seen map[string]bool) bool {
	for _, next := range calls[from] {
		if next == to {
			return true
		}
		if !seen[next] {
			seen[next] = true
			if reaches(calls, next, to, seen) {
				return true
			}
		}
	}
	return false
}

// emptyCalls are the functions that answer empty which a template, or anything
// it may run, calls.
func (a *analysis) emptyCalls(name string) []string {
	calls := map[string]bool{}
	a.visit(name, map[string]bool{}, func(t *traits) { maps.Copy(calls, t.empty) })
	return slices.Sorted(maps.Keys(calls))
}

func (a *analysis) visit(name string, seen map[string]bool, see func(*traits)) {
	t := a.templates[name]
	if t == nil || seen[name] {
		return
	}
	seen[name] = true
	see(t)
	for include := range t.includes {
		a.visit(include, seen, see)
	}
	if !t.anything && len(t.partly) == 0 {
		return
	}
	for other := range a.templates {
		if t.anything || containsAny(other, t.partly) {
			a.visit(other, seen, see)
		}
	}
}

func containsAny(name string, parts map[string]bool) bool {
	for part := range parts {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
