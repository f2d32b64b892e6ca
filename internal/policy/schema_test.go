package policy

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/policies"
)

var update = flag.Bool("update", false, "rewrite generated and golden files")

// words are the closed vocabularies of the input, by JSON pointer with "*" for
// an array's items. The nouns of package drift spell most of them.
var words = map[string][]string{
	"/version":              {drift.InputVersion},
	"/run/weekday":          {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"},
	"/app/renderer":         {string(drift.RendererKustomize), string(drift.RendererHelm), string(drift.RendererYAML)},
	"/drift/type":           {drift.Missing.String(), drift.Modified.String(), drift.Extra.String(), drift.InSync.String()},
	"/drift/cause":          causes,
	"/changes/*/op":         ops,
	"/changes/*/cause":      causes,
	"/ignored_changes/*/op": ops,
	"/health/status": {
		"", string(drift.HealthCurrent), string(drift.HealthInProgress), string(drift.HealthFailed),
		string(drift.HealthSuspended), string(drift.HealthTerminating), string(drift.HealthUnknown),
	},
	"/changes/*/manager_class":         classes,
	"/ignored_changes/*/cause":         causes,
	"/ignored_changes/*/manager_class": classes,
}

var (
	causes = []string{
		drift.CauseNone.String(), drift.CauseGit.String(), drift.CauseLive.String(), drift.CauseBoth.String(),
	}
	ops     = []string{string(drift.OpAdd), string(drift.OpRemove), string(drift.OpReplace)}
	classes = []string{
		string(drift.ClassNone), string(drift.ClassSelf), string(drift.ClassInteractive), string(drift.ClassPipeline),
		string(drift.ClassDeployer), string(drift.ClassController), string(drift.ClassUnknown),
	}
)

// inputSchema generates the JSON Schema of drift.Input.
func inputSchema() map[string]any {
	unused := map[string]bool{}
	for pointer := range words {
		unused[pointer] = true
	}
	schema := schemaOf(reflect.TypeFor[drift.Input](), "", unused)
	if len(unused) > 0 {
		panic("words for fields that drift.Input does not have: " + strings.Join(keysOf(unused), ", "))
	}
	schema["$schema"] = "http://json-schema.org/draft-07/schema#"
	schema["title"] = "Input of Killick policies, " + drift.InputVersion
	schema["description"] = "Generated from drift.Input. Times are nanoseconds since 1970; 0 means never."
	return schema
}

func keysOf(set map[string]bool) []string {
	var names []string
	for name := range set {
		names = append(names, name)
	}
	return names
}

func schemaOf(t reflect.Type, pointer string, unused map[string]bool) map[string]any {
	switch t.Kind() {
	case reflect.String:
		schema := map[string]any{"type": "string"}
		if enum, found := words[pointer]; found {
			delete(unused, pointer)
			schema["enum"] = enum
		}
		return schema
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem(), pointer+"/*", unused)}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem(), pointer+"/*", unused)}
	case reflect.Interface:
		return map[string]any{}
	case reflect.Struct:
		properties, required := map[string]any{}, []string{}
		for i := range t.NumField() {
			name := t.Field(i).Tag.Get("json")
			properties[name] = schemaOf(t.Field(i).Type, pointer+"/"+name, unused)
			required = append(required, name)
		}
		return map[string]any{
			"type": "object", "additionalProperties": false, "properties": properties, "required": required,
		}
	}
	panic("no schema for " + t.String())
}

func TestInputSchemaIsGenerated(t *testing.T) {
	want, err := json.MarshalIndent(inputSchema(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("../../policies/input.schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(policies.InputSchema)); diff != "" {
		t.Errorf("policies/input.schema.json is stale (-generated +embedded), run go test -update:\n%s", diff)
	}
}
