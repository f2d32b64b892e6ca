package config

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/killick-dev/killick/internal/drift"
)

// Bounds on one file beside MaxSize: nodes visited with every alias followed,
// nesting, and problems listed.
const (
	maxNodes    = 200_000
	maxDepth    = 100
	maxProblems = 100
)

var (
	timeType = reflect.TypeFor[time.Time]()
	freeType = reflect.TypeFor[map[string]any]()
)

// decoder reads one YAML file into a Config, keeps the place of every value, and
// collects what is wrong instead of stopping at the first error.
type decoder struct {
	file     string
	problems []located
	places   map[string]position // by trail
	free     []freeform
	nodes    int
	depth    int
	full     bool // a bound was hit; stop descending
	open     map[*yaml.Node]bool
}

func newDecoder(file string) *decoder {
	return &decoder{file: file, places: map[string]position{}, open: map[*yaml.Node]bool{}}
}

// err is everything found so far, as a Problems, or nil.
func (d *decoder) err() error {
	if len(d.problems) == 0 {
		return nil
	}
	all := ordered(d.problems)
	if cut := len(all) - maxProblems; cut > 0 {
		all = append(all[:maxProblems:maxProblems], &drift.Problem{Stage: "config", File: d.file, Err: fmt.Errorf("and %d more problems", cut)})
	}
	return all
}

func (d *decoder) report(at position, err error, hint string) {
	d.problems = append(d.problems, located{at, &drift.Problem{
		Stage: "config", File: drift.FileLine(d.file, at.line), Hint: hint, Err: err,
	}})
}

// wrong reports a problem with the value at a trail; the message is "trail
// says (column n)".
func (d *decoder) wrong(at *trail, node *yaml.Node, hint, says string, args ...any) {
	text := fmt.Sprintf(says, args...)
	if name := at.String(); name != "" {
		text = name + " " + text
	}
	d.report(position{node.Line, node.Column}, fmt.Errorf("%s (column %d)", text, node.Column), hint)
}

// document parses the file. It says false when the content is so far off that
// checking references would only add noise.
func (d *decoder) document(data []byte) (Config, bool) {
	var config Config
	if len(data) > MaxSize {
		d.report(position{}, fmt.Errorf("reading the config: larger than %d bytes", MaxSize), "")
		return config, false
	}
	root, ok := d.parse(data)
	if !ok || !d.identity(root) {
		return config, false
	}
	d.value(nil, root, reflect.ValueOf(&config).Elem(), rule{})
	if d.full {
		return config, false
	}
	d.fillFree(data)
	return config, true
}

// parse gives the root node of the only document.
func (d *decoder) parse(data []byte) (*yaml.Node, bool) {
	reader := yaml.NewDecoder(strings.NewReader(string(data)))
	var document, second yaml.Node
	if err := reader.Decode(&document); err != nil || len(document.Content) == 0 {
		d.syntax(data, err)
		return nil, false
	}
	if err := reader.Decode(&second); err == nil {
		d.report(position{second.Line, second.Column}, errors.New("parsing the config: a second document begins here"),
			"a config is one YAML document; remove the --- line")
		return nil, false
	} else if !errors.Is(err, io.EOF) {
		d.syntax(data, err)
		return nil, false
	}
	return document.Content[0], true
}

// identity refuses a file that is something else altogether, such as a manifest
// or a later version, with one problem instead of many.
func (d *decoder) identity(root *yaml.Node) bool {
	if root.Kind != yaml.MappingNode {
		d.wrong(nil, root, "begin with apiVersion: "+APIVersion+" and kind: "+Kind, "the config must be a mapping, not %s", kindOf(root))
		return false
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i].Value, root.Content[i+1]
		want := map[string]string{"apiVersion": APIVersion, "kind": Kind}[key]
		if want == "" || value.Kind != yaml.ScalarNode || value.Value == want || credentialShapes.MatchString(value.Value) {
			continue
		}
		d.wrong((*trail)(nil).field(key), value, "", "is %q, and this version of Killick reads %q", value.Value, want)
		return false
	}
	return true
}

// value decodes one node. Every visit counts, so that aliases cannot multiply
// without bound.
func (d *decoder) value(at *trail, node *yaml.Node, target reflect.Value, r rule) {
	d.nodes++
	d.depth++
	defer func() { d.depth-- }()
	if d.full || d.tooLarge(at, node) {
		return
	}
	if _, known := d.places[at.String()]; !known {
		d.places[at.String()] = position{node.Line, node.Column}
	}
	if node.Kind == yaml.AliasNode {
		d.alias(at, node, func(to *yaml.Node) { d.value(at, to, target, r) })
		return
	}
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" {
		d.wrong(at, node, "give it a value, or remove the line", "has no value")
		return
	}
	switch {
	case target.Type() == freeType:
		d.freeform(at, node, target, r)
	case target.Type() == timeType:
		d.time(at, node, target)
	case target.Kind() == reflect.Pointer:
		target.Set(reflect.New(target.Type().Elem()))
		d.value(at, node, target.Elem(), r)
	case target.Kind() == reflect.Struct:
		d.structure(at, node, target)
	case target.Kind() == reflect.Map:
		d.mapping(at, node, target, r)
	case target.Kind() == reflect.Slice:
		d.list(at, node, target, r)
	default:
		d.scalar(at, node, target, r)
	}
}

func (d *decoder) tooLarge(at *trail, node *yaml.Node) bool {
	if d.nodes <= maxNodes && d.depth <= maxDepth {
		return false
	}
	d.full = true
	d.wrong(at, node, "write values out instead of repeating aliases", "makes the file larger than %d values or deeper than %d levels", maxNodes, maxDepth)
	return true
}

// alias follows an alias, unless its anchor contains it.
func (d *decoder) alias(at *trail, node *yaml.Node, follow func(to *yaml.Node)) {
	if d.open[node.Alias] {
		d.wrong(at, node, "", "repeats an anchor that contains itself")
		return
	}
	d.open[node.Alias] = true
	follow(node.Alias)
	delete(d.open, node.Alias)
}

// pairs lists a mapping's keys and values; a key that is not a string, a merge
// key or a second key of the same name is reported and left out.
func (d *decoder) pairs(at *trail, node *yaml.Node) [][2]*yaml.Node {
	if node.Kind != yaml.MappingNode {
		d.wrong(at, node, "", "must be a mapping, not %s", kindOf(node))
		return nil
	}
	var pairs [][2]*yaml.Node
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		switch {
		case key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge":
			d.wrong(at, key, "write the fields out", "uses a YAML merge key, which is not supported here")
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			d.wrong(at, key, "put it in quotes if it is meant as a name", "has a key that is %s, not a string", kindOf(key))
		case first[key.Value] != nil:
			d.wrong(at.field(key.Value), key, "keep one of them", "is given twice, first in line %d", first[key.Value].Line)
		default:
			first[key.Value] = key
			pairs = append(pairs, [2]*yaml.Node{key, value})
		}
	}
	return pairs
}

func (d *decoder) structure(at *trail, node *yaml.Node, target reflect.Value) {
	if node.Kind != yaml.MappingNode {
		d.wrong(at, node, "", "must be a mapping, not %s", kindOf(node))
		return
	}
	fields := fieldsOf(target.Type())
	given := map[string]bool{}
	for _, pair := range d.pairs(at, node) {
		key, value := pair[0], pair[1]
		given[key.Value] = true
		index := slices.IndexFunc(fields, func(f field) bool { return f.name == key.Value })
		if index < 0 {
			d.unknown(at, key, target.Type(), namesOf(fields))
			continue
		}
		d.value(at.field(key.Value), value, target.Field(fields[index].index), fields[index].rule)
	}
	for _, f := range fields {
		if f.rule.required && !given[f.name] && !merges(node) {
			d.wrong(at.field(f.name), node, "", "is required and missing")
		}
	}
}

// merges says whether a mapping has a merge key, which was reported already;
// what it would have brought is not missing.
func merges(node *yaml.Node) bool {
	for i := 0; i < len(node.Content); i += 2 {
		if node.Content[i].ShortTag() == "!!merge" {
			return true
		}
	}
	return false
}

// unknown reports a field that the struct does not have, and what was meant.
func (d *decoder) unknown(at *trail, key *yaml.Node, of reflect.Type, names []string) {
	here := at.field(shorten(key.Value))
	if instead, ok := reserved[of.Name()+"."+key.Value]; ok {
		d.wrong(here, key, instead, "is not supported yet")
		return
	}
	if want := literal(key.Value, names); want != "" {
		d.wrong(here, key, "put the credential into a file and name that file in "+want, "is not a field: a credential never stands in the config")
		return
	}
	hint := "known fields: " + strings.Join(names, ", ")
	if near := drift.Near(key.Value, names); len(near) > 0 {
		hint = "did you mean \"" + near[0] + "\"?"
	} else if home, ok := homes[key.Value]; ok && home != "" {
		hint = "the field belongs to " + home
	} else if ok {
		hint = "the field belongs to the top level of the file"
	}
	d.wrong(here, key, hint, "is not a known field")
}

// shorten keeps a hostile key from flooding the terminal.
func shorten(name string) string {
	const longest = 80
	if len(name) <= longest {
		return name
	}
	return strings.ToValidUTF8(name[:longest], "") + "…"
}

func (d *decoder) mapping(at *trail, node *yaml.Node, target reflect.Value, r rule) {
	pairs := d.pairs(at, node)
	if node.Kind == yaml.MappingNode && len(node.Content)/2 < r.minItems {
		d.wrong(at, node, "add an entry, or remove the field", "must not be empty")
	}
	target.Set(reflect.MakeMapWithSize(target.Type(), len(pairs)))
	for _, pair := range pairs {
		key, value := pair[0], pair[1]
		here := at.field(shorten(key.Value))
		d.checkText(here, key, key.Value, r.keys)
		element := reflect.New(target.Type().Elem()).Elem()
		d.value(here, value, element, rule{format: r.format, enum: r.enum})
		target.SetMapIndex(reflect.ValueOf(key.Value), element)
	}
}

func (d *decoder) list(at *trail, node *yaml.Node, target reflect.Value, r rule) {
	if node.Kind != yaml.SequenceNode {
		d.wrong(at, node, "", "must be a list, not %s", kindOf(node))
		return
	}
	if len(node.Content) < r.minItems {
		d.wrong(at, node, "", "must have at least %d entry", r.minItems)
	}
	items := reflect.MakeSlice(target.Type(), len(node.Content), len(node.Content))
	target.Set(items)
	first := map[string]int{}
	for i, child := range node.Content {
		d.value(at.item(i), child, items.Index(i), rule{format: r.format})
		if !r.unique || items.Index(i).Kind() != reflect.String || items.Index(i).String() == "" {
			continue
		}
		text := items.Index(i).String()
		if earlier, twice := first[text]; twice {
			d.wrong(at.item(i), child, "keep one of them", "is given twice, first in line %d", earlier)
			continue
		}
		first[text] = child.Line
	}
}
