package config

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

func (d *decoder) time(at *trail, node *yaml.Node, target reflect.Value) {
	moment, err := time.Parse(time.RFC3339, node.Value)
	if node.Kind != yaml.ScalarNode || err != nil {
		d.wrong(at, node, "RFC 3339 with a time zone, such as 2026-12-01T08:00:00Z", "must be a moment, not %s", d.quote(node))
		return
	}
	target.Set(reflect.ValueOf(moment.UTC()))
}

func (d *decoder) scalar(at *trail, node *yaml.Node, target reflect.Value, r rule) {
	if node.Kind != yaml.ScalarNode {
		d.wrong(at, node, "", "must be %s, not %s", wanted(target.Kind()), kindOf(node))
		return
	}
	switch target.Kind() {
	case reflect.Bool:
		var value bool
		if node.ShortTag() != "!!bool" || node.Decode(&value) != nil {
			d.wrong(at, node, "", "must be true or false, not %s", kindOf(node))
			return
		}
		target.SetBool(value)
	case reflect.Int:
		d.integer(at, node, target, r)
	default:
		d.text(at, node, target, r)
	}
}

func (d *decoder) integer(at *trail, node *yaml.Node, target reflect.Value, r rule) {
	var value int
	if node.ShortTag() != "!!int" || node.Decode(&value) != nil {
		d.wrong(at, node, "", "must be a whole number, not %s", kindOf(node))
		return
	}
	target.SetInt(int64(value))
	switch {
	case r.min != nil && value < *r.min && r.max != nil, r.max != nil && value > *r.max:
		d.wrong(at, node, "", "is %d and must be between %d and %d", value, *r.min, *r.max)
	case r.min != nil && value < *r.min:
		d.wrong(at, node, "", "is %d and must be at least %d", value, *r.min)
	}
}

func (d *decoder) text(at *trail, node *yaml.Node, target reflect.Value, r rule) {
	if node.ShortTag() != "!!str" {
		says, hint := "a string", "put it in quotes if it is meant as text"
		if r.format == "duration" {
			says, hint = formats[r.format].says, formats[r.format].hint
		}
		d.wrong(at, node, hint, "must be %s, not %s", says, kindOf(node))
		return
	}
	target.SetString(node.Value)
	if len(r.enum) > 0 && !slices.Contains(r.enum, node.Value) {
		d.wrong(at, node, didYouMean(node.Value, r.enum), "is %s and must be one of %s", d.quote(node), strings.Join(r.enum, ", "))
		return
	}
	d.checkText(at, node, node.Value, r.format)
}

// checkText reports a string that is a credential or not of the format.
func (d *decoder) checkText(at *trail, node *yaml.Node, value, name string) {
	if credentialShapes.MatchString(value) {
		d.wrong(at, node, inAFile, "holds a credential")
		return
	}
	f, ok := formats[name]
	if !ok {
		return
	}
	shown := "its value"
	if !f.secret {
		shown = strconv.Quote(shorten(value))
	}
	if !f.pattern.MatchString(value) || f.longest > 0 && len(value) > f.longest {
		d.wrong(at, node, f.hint, "must be %s, and %s is not", f.says, shown)
		return
	}
	if f.check == nil {
		return
	}
	if c := f.check(value); c != nil {
		d.wrong(at, node, c.hint, "must be %s, but %s %s", f.says, shown, c.says)
	}
}

// quote shows a scalar unless it looks like a credential.
func (d *decoder) quote(node *yaml.Node) string {
	if node.Kind != yaml.ScalarNode || credentialShapes.MatchString(node.Value) {
		return kindOf(node)
	}
	return strconv.Quote(shorten(node.Value))
}

// kindOf names what a node is, for "must be …, not …".
func kindOf(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch node.ShortTag() {
	case "!!str":
		return "a string"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "a boolean"
	case "!!timestamp":
		return "a date"
	case "!!null":
		return "empty"
	}
	return "a value with a tag of its own"
}

func wanted(kind reflect.Kind) string {
	switch kind {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	}
	return "a string"
}
