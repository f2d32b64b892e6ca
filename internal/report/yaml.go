package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/killick-dev/killick/internal/drift"
)

// yamlView is the JSON document in block style, in the same order. It is built
// from JSON tokens and not by reading JSON as YAML: a YAML parser refuses
// characters that are legal in JSON text, such as DEL, and values come from
// clusters.
func yamlView(report drift.Report) ([]byte, error) {
	document, err := jsonView(report)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	root, err := yamlNode(decoder)
	if err != nil {
		return nil, fmt.Errorf("encoding the report as YAML: %w", err)
	}
	var view bytes.Buffer
	encoder := yaml.NewEncoder(&view)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return nil, fmt.Errorf("encoding the report as YAML: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("encoding the report as YAML: %w", err)
	}
	return view.Bytes(), nil
}

// yamlNode reads one JSON value as a YAML node.
func yamlNode(decoder *json.Decoder) (*yaml.Node, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch value := token.(type) {
	case json.Delim:
		if value == '{' {
			return yamlChildren(decoder, &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"})
		}
		return yamlChildren(decoder, &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"})
	case string:
		return yamlString(value), nil
	case json.Number:
		// Without a tag: which numbers are integers is for the reader to say.
		return &yaml.Node{Kind: yaml.ScalarNode, Value: value.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(value)}, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
}

// yamlChildren reads up to the closing delimiter; keys and values of an object
// follow each other as nodes, which is also how YAML nodes hold a mapping.
func yamlChildren(decoder *json.Decoder, parent *yaml.Node) (*yaml.Node, error) {
	for decoder.More() {
		child, err := yamlNode(decoder)
		if err != nil {
			return nil, err
		}
		parent.Content = append(parent.Content, child)
	}
	if len(parent.Content) == 0 {
		parent.Style = yaml.FlowStyle // {} and []
	}
	_, err := decoder.Token()
	return parent, err
}

// plainWord matches texts that are a string to every YAML reader when they
// stand without quotes; yaml11 is the exception: YAML 1.1, which many readers
// still speak, calls these booleans and null.
var (
	plainWord = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./@-]*$`)
	yaml11    = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null)$`)
)

func yamlString(text string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	switch {
	case strings.Contains(text, "\n") && blockSafe(text):
		node.Style = yaml.LiteralStyle
	case !plainWord.MatchString(text) || yaml11.MatchString(text):
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

// blockSafe says whether a text of several lines survives as a literal block.
// The library writes some blocks that no parser reads back, such as one whose
// first line begins with a tab; texts like that are quoted.
func blockSafe(text string) bool {
	for _, line := range strings.Split(text, "\n") {
		if strings.TrimRight(line, " ") != line {
			return false
		}
	}
	if strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\n") {
		return false
	}
	return strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) < 0
}
