package config

import (
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// freeform is a part of the file that has no schema, and where it goes.
type freeform struct {
	at     *trail
	target reflect.Value
}

// freeform checks that a part without schema is a mapping without a key given
// twice, and one mapping per key where the keys have a format; its content is
// read by fillFree.
func (d *decoder) freeform(at *trail, node *yaml.Node, target reflect.Value, r rule) {
	if node.Kind != yaml.MappingNode {
		d.wrong(at, node, "", "must be a mapping, not %s", kindOf(node))
		return
	}
	for i := 0; i+1 < len(node.Content) && r.keys != ""; i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		here := at.field(shorten(key.Value))
		d.checkText(here, key, key.Value, r.keys)
		if value.Kind != yaml.MappingNode && value.Kind != yaml.AliasNode {
			d.wrong(here, value, "", "must be a mapping, not %s", kindOf(value))
		}
	}
	d.walk(at, node)
	d.free = append(d.free, freeform{at, target})
}

// walk visits a part without schema: keys given twice, bounds, aliases.
func (d *decoder) walk(at *trail, node *yaml.Node) {
	d.nodes++
	d.depth++
	defer func() { d.depth-- }()
	if d.full || d.tooLarge(at, node) {
		return
	}
	switch node.Kind {
	case yaml.AliasNode:
		d.alias(at, node, func(to *yaml.Node) { d.walk(at, to) })
	case yaml.SequenceNode:
		for i, child := range node.Content {
			d.walk(at.item(i), child)
		}
	case yaml.MappingNode:
		first := map[string]int{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			here := at.field(shorten(key.Value))
			if key.Kind != yaml.ScalarNode {
				d.wrong(at, key, "", "has a key that is %s, not a string", kindOf(key))
				continue
			}
			if line, twice := first[key.Value]; twice && key.ShortTag() != "!!merge" {
				d.wrong(here, key, "keep one of them", "is given twice, first in line %d", line)
			}
			first[key.Value] = key.Line
			d.walk(here, node.Content[i+1])
		}
	}
}

// fillFree reads the parts without schema as Helm reads a values file: with
// sigs.k8s.io/yaml, so that the same text means the same in both places (yes and
// on are booleans, numbers are float64, merge keys work).
func (d *decoder) fillFree(data []byte) {
	if len(d.free) == 0 || len(d.problems) > 0 {
		return
	}
	var tree any
	if err := sigsyaml.Unmarshal(data, &tree); err != nil {
		d.report(d.places[d.free[0].at.String()], fmt.Errorf("%s cannot be read as Helm reads a values file: %w", d.free[0].at, err), "")
		return
	}
	for _, part := range d.free {
		if found, ok := part.at.find(tree).(map[string]any); ok {
			part.target.Set(reflect.ValueOf(found))
		}
	}
}
