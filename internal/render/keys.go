package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	yamlv2 "go.yaml.in/yaml/v2"
	yamlv3 "go.yaml.in/yaml/v3"

	"github.com/killick-dev/killick/internal/drift"
)

// grammar is how YAML of one origin is read.
type grammar struct {
	limits Limits
	// tellEqual makes a key that is given twice with equal values a warning: in what
	// a template made, and in a Kustomize tree, whose author may be somebody else.
	// With different values it is an error everywhere.
	tellEqual bool
	// kustomizeKeys compares keys as Kustomize's parser does, by their text, so that
	// `y` and `yes` are two keys. Helm and kubectl read both as "true".
	kustomizeKeys bool
	// endsAsItIs keeps a last line without a line break, as Helm does in value files.
	endsAsItIs bool
	notes      *notes
}

// notes are what a render has to say about its input and what stops nothing.
type notes struct {
	warnings []drift.Warning
	known    map[drift.Warning]bool
}

// add keeps a warning, once: charts are rendered several times.
func (n *notes) add(warning drift.Warning) {
	if n == nil || n.known[warning] {
		return
	}
	if n.known == nil {
		n.known = map[drift.Warning]bool{}
	}
	n.known[warning] = true
	n.warnings = append(n.warnings, warning)
}

// own is the grammar of plain manifests.
func (j job) own() grammar { return grammar{limits: j.limits, notes: j.notes} }

// values is the grammar of value files.
func (j job) values() grammar { return grammar{limits: j.limits, notes: j.notes, endsAsItIs: true} }

// others is the grammar of what a template made, and of the files of a chart.
func (j job) others() grammar { return grammar{limits: j.limits, notes: j.notes, tellEqual: true} }

// kustomize is the grammar of the resources and patches of a Kustomize tree.
func (j job) kustomize() grammar {
	return grammar{limits: j.limits, notes: j.notes, tellEqual: true, kustomizeKeys: true}
}

// repeat is a key that one mapping gives twice.
type repeat struct {
	key           string
	first, second int // lines
	equal         bool
}

// keyed evaluates a document node by node. It is for those documents in which the
// parsers see a key twice: they take a key that YAML's merge key (`<<`) brings for one
// that is given again, and do not say which two lines are meant.
type keyed struct {
	grammar
	above   int // lines above the text
	repeats []repeat
	hidden  []repeat // own values that stand before a merge of the same key
	seen    map[repeat]bool
	labels  bool     // inside labels or annotations, whose values are text
	letters []repeat // plain y and n there
}

// errNotRead: the text is not YAML to the parser that gives nodes.
var errNotRead = errors.New("the document cannot be read node by node")

// nodesOf parses a text into its documents. What a YAML alias may blow up is refused
// before anything is evaluated.
func nodesOf(text []byte, limits Limits) ([]*yamlv3.Node, error) {
	decoder := yamlv3.NewDecoder(bytes.NewReader(text))
	var documents []*yamlv3.Node
	for {
		var node yamlv3.Node
		err := decoder.Decode(&node)
		if err != nil {
			if len(documents) == 0 || node.Kind != 0 || !errors.Is(err, io.EOF) {
				return documents, errNotRead
			}
			return documents, nil
		}
		w := weigher{limit: 2 * limits.DocumentBytes, depth: limits.Depth,
			known: map[*yamlv3.Node]int{}, open: map[*yamlv3.Node]bool{}}
		if _, err := w.weigh(&node, 0); err != nil {
			return nil, err
		}
		documents = append(documents, &node)
	}
}

// value is what a node says, in the form in which go-yaml v2 gives it.
func (k *keyed) value(node *yamlv3.Node) (any, error) {
	switch node.Kind {
	case yamlv3.DocumentNode:
		return k.value(node.Content[0])
	case yamlv3.AliasNode:
		return k.value(node.Alias)
	case yamlv3.MappingNode:
		return k.mapping(node)
	case yamlv3.SequenceNode:
		list := make([]any, len(node.Content))
		for i, item := range node.Content {
			v, err := k.value(item)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	}
	return k.scalar(node)
}

// mapping is a mapping with its merges: its own keys win, wherever the merge stands
// (https://yaml.org/type/merge.html).
func (k *keyed) mapping(node *yamlv3.Node) (map[string]any, error) {
	own, merged := map[string]any{}, map[string]any{}
	lines := map[string]int{}
	clashes := map[string]repeat{} // what two merge keys bring with different values
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, line := node.Content[i], k.above+node.Content[i].Line
		if key.Tag == "!!merge" {
			if first, twice := lines[key.Value]; twice && k.kustomizeKeys {
				k.note(&k.repeats, repeat{key: key.Value, first: first, second: line})
			}
			brought := map[string]any{}
			if err := k.merge(node.Content[i+1], brought); err != nil {
				return nil, err
			}
			for name, v := range brought {
				if before, both := merged[name]; both && !reflect.DeepEqual(before, v) {
					clashes[name] = repeat{key: name, first: lines[key.Value], second: line}
				}
				merged[name] = v
			}
			lines[key.Value] = line
			for name, v := range own {
				if brought, both := merged[name]; both && !reflect.DeepEqual(brought, v) {
					k.note(&k.hidden, repeat{key: name, first: lines[name], second: line})
				}
			}
			continue
		}
		name, err := k.name(key)
		if err != nil {
			return nil, err
		}
		v, err := k.under(name, node.Content[i+1])
		if err != nil {
			return nil, err
		}
		if before, twice := own[name]; twice {
			k.note(&k.repeats, repeat{key: name, first: lines[name], second: line, equal: reflect.DeepEqual(before, v)})
		}
		own[name], lines[name] = v, line
	}
	for _, name := range slices.Sorted(maps.Keys(clashes)) {
		if _, settled := own[name]; !settled {
			k.note(&k.repeats, clashes[name])
		}
	}
	maps.Copy(merged, own)
	return merged, nil
}

// under is the value of a key.
func (k *keyed) under(name string, node *yamlv3.Node) (any, error) {
	before := k.labels
	k.labels = k.labels || name == "labels" || name == "annotations"
	defer func() { k.labels = before }()
	return k.value(node)
}

// note keeps a repeat once: what has an anchor is looked at for every alias.
func (k *keyed) note(list *[]repeat, r repeat) {
	if k.seen == nil {
		k.seen = map[repeat]bool{}
	}
	if !k.seen[r] {
		k.seen[r] = true
		*list = append(*list, r)
	}
}

// merge adds what a merge key brings: of several mappings the first wins.
func (k *keyed) merge(node *yamlv3.Node, into map[string]any) error {
	for node.Kind == yamlv3.AliasNode {
		node = node.Alias
	}
	parts := []*yamlv3.Node{node}
	if node.Kind == yamlv3.SequenceNode {
		parts = node.Content
	}
	for i := len(parts) - 1; i >= 0; i-- {
		v, err := k.value(parts[i])
		if err != nil {
			return err
		}
		fields, ok := v.(map[string]any)
		if !ok {
			return errNotRead // the parser has its own words for that
		}
		for name, item := range fields {
			into[name] = item
		}
	}
	return nil
}

// name is the key as its reader keeps it.
func (k *keyed) name(key *yamlv3.Node) (string, error) {
	for key.Kind == yamlv3.AliasNode {
		key = key.Alias
	}
	if key.Kind != yamlv3.ScalarNode {
		return "", errNotRead
	}
	if k.kustomizeKeys {
		return key.Value, nil
	}
	v, err := k.scalar(key)
	if err != nil {
		return "", err
	}
	return keyName(v)
}

// scalar resolves a scalar by the rules of YAML 1.1, as go-yaml v2 does, or by those of
// Kustomize's parser.
func (k *keyed) scalar(node *yamlv3.Node) (any, error) {
	var v any
	tagged := node.Style&yamlv3.TaggedStyle != 0
	quoted := node.Style&(yamlv3.DoubleQuotedStyle|yamlv3.SingleQuotedStyle|yamlv3.LiteralStyle|yamlv3.FoldedStyle) != 0
	switch {
	case k.kustomizeKeys:
		if node.ShortTag() == "!!timestamp" {
			return node.Value, nil
		}
		return v, node.Decode(&v)
	case tagged:
		return v, yamlv2.Unmarshal([]byte(node.Tag+" "+strconv.Quote(node.Value)), &v)
	case quoted:
		return node.Value, nil
	case k.labels && (strings.EqualFold(node.Value, "y") || strings.EqualFold(node.Value, "n")):
		k.note(&k.letters, repeat{key: node.Value, first: k.above + node.Line})
		return node.Value, nil
	}
	return plainScalar(node.Value), nil
}

// plainScalar resolves what stands without quotes. The parser takes documents only: what
// would begin one, end one, or be a list or a mapping by itself is text where it stands.
func plainScalar(text string) any {
	if strings.Contains(text, "\n") || strings.HasPrefix(text, "---") || strings.HasPrefix(text, "...") {
		return text
	}
	var v any
	if yamlv2.Unmarshal([]byte(text), &v) != nil {
		return text
	}
	switch v.(type) {
	case map[any]any, []any:
		return text
	}
	return v
}

// document evaluates one document of a chunk, and refuses or tells what it gives twice.
func (g grammar) document(file string, c chunk, index int) (any, error) {
	nodes, err := nodesOf(c.text, g.limits)
	if err != nil {
		return nil, err
	}
	if index >= len(nodes) {
		return nil, errNotRead
	}
	k := &keyed{grammar: g, above: c.line - 1}
	tree, err := k.value(nodes[index])
	if err != nil {
		return nil, err
	}
	return tree, k.judge(file)
}

// judge turns repeats into an error, or into warnings.
func (k *keyed) judge(file string) error {
	for _, r := range k.repeats {
		if r.equal && k.tellEqual {
			k.notes.add(drift.Warning{Origin: drift.Origin{File: file, Line: r.second},
				Message: fmt.Sprintf("key %q is given twice with one value, first in line %d: remove one of the two", r.key, r.first)})
			continue
		}
		how := " with different values"
		if r.equal {
			how = ""
		}
		return problem(drift.Origin{File: file, Line: r.second}, "remove one of the two: it is unclear which one is meant",
			"reading YAML: key %q is given twice%s: also in line %d", r.key, how, r.first)
	}
	for _, r := range k.letters {
		k.notes.add(drift.Warning{Origin: drift.Origin{File: file, Line: r.first},
			Message: fmt.Sprintf("%s is taken for text, which every label and annotation is, where kubectl reads a truth value: put it in quotes", r.key)})
	}
	for _, r := range k.hidden {
		if k.kustomizeKeys {
			continue // Kustomize reads it in the same way
		}
		k.notes.add(drift.Warning{Origin: drift.Origin{File: file, Line: r.first},
			Message: fmt.Sprintf("key %q stands before the merge key << in line %d: its own value is taken, as YAML says, where Helm and kubectl take the merged one; "+
				"write << first, where all agree", r.key, r.second)})
	}
	return nil
}
