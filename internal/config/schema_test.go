package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the generated schema to docs/config.schema.json")

var schemaFile = filepath.Join("..", "..", "docs", "config.schema.json")

// generator builds the JSON Schema of the file format: shapes from the Go types,
// rules from their tags, descriptions from their comments.
type generator struct {
	comments map[string]string // "Type" and "Type.Field"
	defs     map[string]any
}

func generate(t *testing.T) []byte {
	t.Helper()
	g := generator{comments: comments(t), defs: map[string]any{}}
	root := g.structure(reflect.TypeFor[Config]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = "https://killick.dev/schemas/config/v1alpha1.json"
	root["title"] = "Killick configuration"
	root["$defs"] = g.defs
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// comments reads the doc comments of the package's types and fields.
func comments(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	ast.Inspect(file, func(node ast.Node) bool {
		declaration, ok := node.(*ast.GenDecl)
		if !ok || declaration.Tok != token.TYPE {
			return true
		}
		for _, spec := range declaration.Specs {
			named := spec.(*ast.TypeSpec)
			found[named.Name.Name] = oneLine(declaration.Doc.Text())
			structure, ok := named.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, field := range structure.Fields.List {
				found[named.Name.Name+"."+field.Names[0].Name] = oneLine(field.Doc.Text())
			}
		}
		return false
	})
	return found
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func (g generator) structure(of reflect.Type) map[string]any {
	properties, required := map[string]any{}, make([]string, 0, of.NumField())
	for _, f := range fieldsOf(of) {
		property := g.value(of.Field(f.index).Type, f.rule)
		property["description"] = g.comments[of.Name()+"."+of.Field(f.index).Name]
		if f.rule.fallback != "" {
			property["default"] = fallback(f.rule.fallback)
		}
		properties[f.name] = property
		if f.rule.required {
			required = append(required, f.name)
		}
	}
	schema := map[string]any{
		"type": "object", "additionalProperties": false, "properties": properties,
		"description": g.comments[of.Name()],
	}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

// fallback reads a default as JSON, or as text.
func fallback(text string) any {
	var value any
	if json.Unmarshal([]byte(text), &value) == nil {
		return value
	}
	return text
}

func (g generator) value(of reflect.Type, r rule) map[string]any {
	switch {
	case of == freeType:
		schema := map[string]any{"type": "object"}
		if r.keys != "" {
			schema["propertyNames"] = text(r.keys)
			schema["additionalProperties"] = map[string]any{"type": "object"}
		}
		return schema
	case of == timeType:
		return map[string]any{"type": "string", "format": "date-time"}
	case of.Kind() == reflect.Pointer:
		return g.value(of.Elem(), r)
	case of.Kind() == reflect.Struct:
		if _, done := g.defs[of.Name()]; !done {
			g.defs[of.Name()] = nil
			g.defs[of.Name()] = g.structure(of)
		}
		return map[string]any{"$ref": "#/$defs/" + of.Name()}
	case of.Kind() == reflect.Map:
		return g.mapping(of, r)
	case of.Kind() == reflect.Slice:
		schema := map[string]any{"type": "array", "items": g.value(of.Elem(), rule{format: r.format})}
		if r.minItems > 0 {
			schema["minItems"] = r.minItems
		}
		if r.unique {
			schema["uniqueItems"] = true
		}
		return schema
	case of.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean"}
	case of.Kind() == reflect.Int:
		schema := map[string]any{"type": "integer"}
		if r.min != nil {
			schema["minimum"] = *r.min
		}
		if r.max != nil {
			schema["maximum"] = *r.max
		}
		return schema
	case len(r.enum) > 0:
		return map[string]any{"type": "string", "enum": r.enum}
	}
	return text(r.format)
}

func (g generator) mapping(of reflect.Type, r rule) map[string]any {
	schema := map[string]any{"type": "object", "additionalProperties": g.value(of.Elem(), rule{format: r.format, enum: r.enum})}
	if r.keys != "" {
		schema["propertyNames"] = text(r.keys)
	}
	if r.minItems > 0 {
		schema["minProperties"] = r.minItems
	}
	return schema
}

func text(name string) map[string]any {
	schema := map[string]any{"type": "string"}
	if f, ok := formats[name]; ok {
		schema["pattern"] = f.pattern.String()
		if f.longest > 0 {
			schema["maxLength"] = f.longest
		}
	}
	return schema
}

func TestSchemaIsGenerated(t *testing.T) {
	want := generate(t)
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("docs/config.schema.json is out of date; run: go test ./internal/config -run Schema -update\n(-want +got):\n%s", diff)
	}
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(generate(t)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("config.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// instance reads YAML as an editor would: YAML 1.2, in which off is a string.
func instance(t *testing.T, text string) any {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(strings.ReplaceAll(text, "syncs: off", `syncs: "off"`)))
	if err != nil {
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestSchemaAcceptsWhatParseAccepts(t *testing.T) {
	schema := compile(t)
	for _, text := range []string{minimal, string(readFull(t))} {
		if err := schema.Validate(instance(t, text)); err != nil {
			t.Errorf("the schema refuses a valid config: %v\n%s", err, text)
		}
	}
}

// An editor shows what the schema refuses before a commit does. What a schema
// cannot say (keys given twice, merge keys, reserved words, paths that lead out)
// is left to Parse.
func TestSchemaRefusesWrongShapes(t *testing.T) {
	schema := compile(t)
	beyond := map[string]bool{
		"a field given twice": true, "a field given twice below": true, "a map key given twice": true, "a manager given twice": true,
		"Killick's own names are nobody else's":                            true,
		"values have no schema, but a key given twice is always a mistake": true,
		"YAML 1.1 booleans are text here":                                  true,
		"a merge key hides where a value comes from":                       true,
		"a value that contains itself":                                     true,
		"an anchor that contains itself":                                   true,
	}
	for _, test := range shapes {
		t.Run(test.reason, func(t *testing.T) {
			value := instance(t, test.document())
			err := schema.Validate(value)
			if (err == nil) != beyond[test.reason] && value != nil {
				t.Errorf("schema says %v, want an error: %v", err, !beyond[test.reason])
			}
		})
	}
}

// Every tag must say something that the decoder and the schema know.
func TestRulesAreKnown(t *testing.T) {
	for _, of := range structs(reflect.TypeFor[Config](), map[reflect.Type]bool{}) {
		for i := range of.NumField() {
			name := of.Name() + "." + of.Field(i).Name
			if json, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ","); json == "" {
				t.Errorf("%s has no name in the file", name)
			}
			if comments(t)[name] == "" {
				t.Errorf("%s has no comment, so the schema has no description", name)
			}
			for part := range strings.SplitSeq(of.Field(i).Tag.Get("rule"), ",") {
				key, value, _ := strings.Cut(part, "=")
				switch key {
				case "", "required", "unique", "enum", "default":
				case "format", "keys":
					if _, ok := formats[value]; !ok {
						t.Errorf("%s: no format %q", name, value)
					}
				case "min", "max", "minItems":
					if number(value) == nil {
						t.Errorf("%s: %s is no number", name, part)
					}
				default:
					t.Errorf("%s: no rule %q", name, part)
				}
			}
		}
	}
}

func structs(of reflect.Type, seen map[reflect.Type]bool) []reflect.Type {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return structs(of.Elem(), seen)
	case reflect.Struct:
		if of == timeType || seen[of] {
			return nil
		}
	default:
		return nil
	}
	seen[of] = true
	all := []reflect.Type{of}
	for i := range of.NumField() {
		all = append(all, structs(of.Field(i).Type, seen)...)
	}
	return all
}

func TestDefaultsInTagsAreTheDefaults(t *testing.T) {
	budget := Config{}.DriftGuards().Prune
	want := map[string]int{"percent": budget.Percent, "floor": budget.Floor, "ceiling": budget.Ceiling, "runCeiling": budget.RunCeiling}
	for _, f := range fieldsOf(reflect.TypeFor[Prune]()) {
		if got := number(f.rule.fallback); got == nil || *got != want[f.name] {
			t.Errorf("%s says default %q, and the default is %d", f.name, f.rule.fallback, want[f.name])
		}
	}
}
