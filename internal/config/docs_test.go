package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func readDocs(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// examples are the YAML blocks of the documentation.
func examples(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, part := range strings.Split(readDocs(t), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(part, "```")
		found = append(found, text)
	}
	return found
}

func TestDocumentedExamplesAreValid(t *testing.T) {
	schema := compile(t)
	all := examples(t)
	if len(all) < 3 {
		t.Fatalf("%d examples found, want at least 3", len(all))
	}
	for _, example := range all {
		if _, err := Parse("example", []byte(example)); err != nil {
			t.Errorf("%v\nin:\n%s", err, example)
		}
		if err := schema.Validate(instance(t, example)); err != nil {
			t.Errorf("%v\nin:\n%s", err, example)
		}
	}
}

func TestEveryFieldAndFlagIsDocumented(t *testing.T) {
	docs, example := readDocs(t), examples(t)[0]
	for _, of := range structs(reflect.TypeFor[Config](), map[reflect.Type]bool{}) {
		for _, f := range fieldsOf(of) {
			if !strings.Contains(docs, "`"+f.name+"`") && !strings.Contains(docs, "."+f.name+"`") && f.name != "slack" {
				t.Errorf("%s.%s is not explained", of.Name(), f.name)
			}
			if !strings.Contains(example, f.name+":") && !strings.HasPrefix(f.name, "webhook") && f.name != "tokenEnv" {
				t.Errorf("%s.%s is not in the example with every field", of.Name(), f.name)
			}
		}
	}
	var s Settings
	allFlags(&s).VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(docs, "`--"+f.Name+"` | `"+EnvName(f.Name)+"`") {
			t.Errorf("--%s is not in a table with %s", f.Name, EnvName(f.Name))
		}
	})
}
