package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	yamlv3 "go.yaml.in/yaml/v3"
)

// guardYAML refuses text that Kustomize must not see: its YAML nodes are
// expanded without any bound, so that an alias bomb takes the memory and an
// alias inside its own anchor takes the stack, which no recover survives.
// Text that is not YAML passes; Kustomize has its own words for that.
func guardYAML(data []byte, limits Limits) error {
	if !suspicious(data, limits.Depth) {
		return nil
	}
	decoder := yamlv3.NewDecoder(bytes.NewReader(data))
	for {
		var node yamlv3.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return nil //nolint:nilerr // not YAML: a file for a ConfigMap, or an error that Kustomize explains
		}
		w := weigher{limit: 2 * limits.DocumentBytes, depth: limits.Depth,
			known: map[*yamlv3.Node]int{}, open: map[*yamlv3.Node]bool{}}
		if _, err := w.weigh(&node, 0); err != nil {
			return err
		}
	}
}

// suspicious is a cheap test for text that could need the expensive one: it has
// both anchors and aliases, or could be nested deeply.
func suspicious(data []byte, depth int) bool {
	if bytes.IndexByte(data, '&') >= 0 && bytes.IndexByte(data, '*') >= 0 {
		return true
	}
	brackets := 0
	for line := range bytes.Lines(data) {
		content := bytes.TrimLeft(line, " \t-?:")
		if len(line)-len(content) > depth/2 {
			return true
		}
		brackets += bytes.Count(content, []byte("[")) + bytes.Count(content, []byte("{"))
	}
	return brackets > depth
}

// weigher measures a document as it would be without aliases.
type weigher struct {
	limit, depth int
	known        map[*yamlv3.Node]int
	open         map[*yamlv3.Node]bool
}

func (w weigher) weigh(node *yamlv3.Node, depth int) (int, error) {
	// One level for the document node.
	if depth > w.depth+1 {
		return 0, fmt.Errorf("nested more than %d levels deep", w.depth)
	}
	if node.Kind == yamlv3.AliasNode {
		return w.weigh(node.Alias, depth)
	}
	if w.open[node] {
		return 0, errors.New("a YAML alias stands inside its own anchor")
	}
	if known, ok := w.known[node]; ok {
		return known, nil
	}
	w.open[node] = true
	defer delete(w.open, node)
	total := len(node.Value) + 2
	for _, child := range node.Content {
		weight, err := w.weigh(child, depth+1)
		if err != nil {
			return 0, err
		}
		if total += weight; total > w.limit {
			return 0, errors.New("the document grows too large once its aliases are expanded")
		}
	}
	w.known[node] = total
	return total, nil
}
