package report_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/report"
)

const schemaFile = "../../docs/report.schema.json"

// schema is the part of JSON Schema 2020-12 that a report needs; the order of
// the fields is the order in the published file.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	ID          string             `json:"$id,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Ref         string             `json:"$ref,omitempty"`
	Type        any                `json:"type,omitempty"`
	Const       string             `json:"const,omitempty"`
	Format      string             `json:"format,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Properties  ordered            `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Defs        map[string]*schema `json:"$defs,omitempty"`
}

// ordered keeps properties in the order of the Go fields.
type ordered []property

type property struct {
	name   string
	schema *schema
}

func (o ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := json.Marshal(p.schema)
		if err != nil {
			return nil, err
		}
		b.WriteString(`"` + p.name + `":`)
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// enums are the closed vocabularies, from the types that write them. Words
// outside them would be a change of the schema's version.
var enums = map[string][]string{
	"ReportRun.Mode":        {"run", "plan"},
	"ReportResource.Drift":  words(drift.InSync, drift.Missing, drift.Modified, drift.Extra, drift.Unknown),
	"ReportResource.Cause":  words(drift.CauseNone, drift.CauseGit, drift.CauseLive, drift.CauseBoth),
	"ReportField.Cause":     words(drift.CauseNone, drift.CauseGit, drift.CauseLive, drift.CauseBoth),
	"ReportResource.Action": words(drift.AlertOnly, drift.Ignore, drift.Sync, drift.Heal, drift.Prune),
	"ReportResource.Outcome": words(
		drift.Planned, drift.Applied, drift.Pruned, drift.Skipped, drift.Failed),
	"ReportField.Op": {string(drift.OpAdd), string(drift.OpRemove), string(drift.OpReplace)},
	"ReportField.ManagerClass": {string(drift.ClassNone), string(drift.ClassSelf), string(drift.ClassInteractive),
		string(drift.ClassPipeline), string(drift.ClassDeployer), string(drift.ClassController), string(drift.ClassUnknown)},
	"HealthStatus": {"", string(drift.HealthCurrent), string(drift.HealthInProgress), string(drift.HealthFailed),
		string(drift.HealthSuspended), string(drift.HealthTerminating), string(drift.HealthUnknown)},
	"Renderer": {string(drift.RendererKustomize), string(drift.RendererHelm), string(drift.RendererYAML)},
}

// later are fields without which reports were written before they were added: a stored report
// stays valid, whoever checks it. A field that is added later belongs here, or is left out
// where it is empty.
var later = map[string]bool{
	"ReportCounts.Replaced": true,
	"ReportCounts.Waiting":  true,
}

func words[T interface{ String() string }](values ...T) []string {
	var all []string
	for _, value := range values {
		all = append(all, value.String())
	}
	return all
}

// generator turns the report's Go types into a schema; descriptions are the
// types' own comments.
type generator struct {
	docs map[string]string // "Type" and "Type.Field" → comment
	defs map[string]*schema
}

func generate(t *testing.T) []byte {
	t.Helper()
	g := generator{docs: comments(t), defs: map[string]*schema{}}
	root := g.object(reflect.TypeFor[drift.Report]())
	root.Schema = "https://json-schema.org/draft/2020-12/schema"
	root.ID = "https://killick.dev/schemas/report/v1alpha1.json"
	root.Title = "Killick report"
	root.Properties[0].schema.Const = drift.ReportSchema
	root.Defs = g.defs
	var document bytes.Buffer
	encoder := json.NewEncoder(&document)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		t.Fatal(err)
	}
	return document.Bytes()
}

func (g generator) object(typ reflect.Type) *schema {
	s := &schema{Type: "object", Description: g.docs[typ.Name()]}
	for i := range typ.NumField() {
		field := typ.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		value := g.value(field.Type, typ.Name()+"."+field.Name)
		value.Description = g.docs[typ.Name()+"."+field.Name]
		s.Properties = append(s.Properties, property{name, value})
		if !strings.Contains(options, "omitempty") && !later[typ.Name()+"."+field.Name] {
			s.Required = append(s.Required, name)
		}
	}
	return s
}

func (g generator) value(typ reflect.Type, where string) *schema {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ == reflect.TypeFor[time.Time]():
		return &schema{Type: "string", Format: "date-time"}
	case enums[where] != nil:
		return &schema{Type: "string", Enum: enums[where]}
	case enums[typ.Name()] != nil:
		return &schema{Type: "string", Enum: enums[typ.Name()]}
	}
	switch typ.Kind() {
	case reflect.String:
		return &schema{Type: "string"}
	case reflect.Bool:
		return &schema{Type: "boolean"}
	case reflect.Int:
		return &schema{Type: "integer"}
	case reflect.Interface:
		return &schema{} // any JSON value
	case reflect.Slice:
		return &schema{Type: "array", Items: g.value(typ.Elem(), where)}
	}
	if g.defs[typ.Name()] == nil {
		g.defs[typ.Name()] = &schema{} // ends recursion
		g.defs[typ.Name()] = g.object(typ)
	}
	return &schema{Ref: "#/$defs/" + typ.Name()}
}

// comments reads the doc and line comments of the report's types, which are drift's but for
// the links.
func comments(t *testing.T) map[string]string {
	t.Helper()
	var files []string
	for _, folder := range []string{"../drift", "../githost"} {
		found, err := filepath.Glob(folder + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	docs := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			declaration, ok := node.(*ast.GenDecl)
			if !ok || declaration.Tok != token.TYPE {
				return true
			}
			for _, spec := range declaration.Specs {
				describe(docs, declaration, spec.(*ast.TypeSpec))
			}
			return false
		})
	}
	return docs
}

func describe(docs map[string]string, declaration *ast.GenDecl, spec *ast.TypeSpec) {
	docs[spec.Name.Name] = text(declaration.Doc)
	structure, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, field := range structure.Fields.List {
		for _, name := range field.Names {
			docs[spec.Name.Name+"."+name.Name] = strings.TrimSpace(text(field.Doc) + " " + text(field.Comment))
		}
	}
}

func text(comment *ast.CommentGroup) string { return strings.Join(strings.Fields(comment.Text()), " ") }

func TestSchemaIsPublished(t *testing.T) {
	golden(t, schemaFile, generate(t))
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(generate(t)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("report.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("report.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func TestReportsFollowTheSchema(t *testing.T) {
	compiled := compileSchema(t)
	for name, r := range map[string]drift.Report{
		"every sort of resource": richReport(), "a plan": planReport(), "no apps": brokenReport(),
	} {
		t.Run(name, func(t *testing.T) {
			document, err := jsonschema.UnmarshalJSON(bytes.NewReader(write(t, r, report.Options{Format: report.FormatJSON})))
			if err != nil {
				t.Fatal(err)
			}
			if err := compiled.Validate(document); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFirstReports: a report that the first version wrote, with one of everything that was
// promised then, still follows the schema and is read.
func TestFirstReports(t *testing.T) {
	first, err := os.ReadFile("testdata/first.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	if err := compileSchema(t).Validate(document); err != nil {
		t.Error(err)
	}
	read, err := report.Read(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	if counts := read.Apps[0].Counts; counts.Healed != 1 || counts.Replaced != 0 || counts.Waiting != 0 {
		t.Errorf("counts %+v", counts)
	}
}

func TestSchemaRefuses(t *testing.T) {
	compiled := compileSchema(t)
	for _, c := range []struct{ why, from, to string }{
		{"an action that does not exist", `"action": "heal"`, `"action": "fix"`},
		{"a count that is not a number", `"inSync": 41`, `"inSync": "41"`},
		{"a document of another version", `report/v1alpha1"`, `report/v2"`},
		{"a missing list", `"errors": []`, `"errors": null`},
		{"a time that is none", `"finished": "2026-08-21T09:30:12.2Z"`, `"finished": "yesterday"`},
		{"a field that is promised", `"exitCode": 1`, `"exit": 1`},
	} {
		t.Run(c.why, func(t *testing.T) {
			good := string(write(t, planReport(), report.Options{Format: report.FormatJSON}))
			bad := strings.Replace(good, c.from, c.to, 1)
			if bad == good {
				t.Fatalf("the report does not contain %s", c.from)
			}
			document, err := jsonschema.UnmarshalJSON(strings.NewReader(bad))
			if err != nil {
				t.Fatal(err)
			}
			if compiled.Validate(document) == nil {
				t.Errorf("%s instead of %s is accepted", c.to, c.from)
			}
		})
	}
}
