package config

import (
	"reflect"
	"strconv"
	"strings"
)

// rule is what one field's tag demands of its value.
type rule struct {
	required bool
	format   string   // of strings: the value, the items or the map's values
	keys     string   // format of a map's keys
	enum     []string // allowed values
	min, max *int
	minItems int
	unique   bool
	fallback string // documented default, as JSON
}

// parseRule reads a tag such as "required,format=label" or
// "enum=skip|manage,default=skip". A test reads every tag, so that a bad one
// cannot ship.
func parseRule(tag string) rule {
	var r rule
	for part := range strings.SplitSeq(tag, ",") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "required":
			r.required = true
		case "unique":
			r.unique = true
		case "format":
			r.format = value
		case "keys":
			r.keys = value
		case "enum":
			r.enum = strings.Split(value, "|")
		case "default":
			r.fallback = value
		case "min":
			r.min = number(value)
		case "max":
			r.max = number(value)
		case "minItems":
			if n := number(value); n != nil {
				r.minItems = *n
			}
		}
	}
	return r
}

func number(text string) *int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil
	}
	return &n
}

// field is one field of a config struct as the file names it.
type field struct {
	name  string
	index int
	rule  rule
}

// fieldsOf lists a struct's fields in their order.
func fieldsOf(t reflect.Type) []field {
	fields := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		fields = append(fields, field{name: name, index: i, rule: parseRule(t.Field(i).Tag.Get("rule"))})
	}
	return fields
}

func namesOf(fields []field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

// reserved are fields of later versions: "Type.field".
var reserved = map[string]string{
	"Config.extends": "write the whole config into one file",
	"Helm.chart":     "vendor the chart into a Git repository and give its folder in path",
}

// homes says in which struct each field belongs, for a field that stands at the
// wrong level: field name → where, such as "apps[].helm".
var homes = collectHomes(reflect.TypeFor[Config](), "", map[string]string{})

func collectHomes(t reflect.Type, at string, found map[string]string) map[string]string {
	switch t.Kind() {
	case reflect.Pointer:
		return collectHomes(t.Elem(), at, found)
	case reflect.Slice:
		return collectHomes(t.Elem(), at+"[]", found)
	case reflect.Map:
		return collectHomes(t.Elem(), at+".NAME", found)
	case reflect.Struct:
		if t == timeType {
			return found
		}
		for _, f := range fieldsOf(t) {
			if _, taken := found[f.name]; !taken {
				found[f.name] = at
			}
		}
		for _, f := range fieldsOf(t) {
			collectHomes(t.Field(f.index).Type, strings.TrimPrefix(at+"."+f.name, "."), found)
		}
	}
	return found
}
