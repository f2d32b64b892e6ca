package charttest

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestReadmeListsEveryValue holds the table to values.yaml, defaults included.
func TestReadmeListsEveryValue(t *testing.T) {
	readme, err := os.ReadFile(chartDir + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(chartDir + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := valuesTable(t, text)
	before, rest, found := strings.Cut(string(readme), "<!-- values -->\n")
	_, after, closed := strings.Cut(rest, "<!-- /values -->")
	if !found || !closed {
		t.Fatal("the README has no values table between its two markers")
	}
	if *update {
		readme = []byte(before + "<!-- values -->\n" + want + "<!-- /values -->" + after)
		if err := os.WriteFile(chartDir+"/README.md", readme, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(string(readme), want) {
		t.Errorf("the values table of the README is not that of values.yaml; run the test with -update. Want:\n%s", want)
	}
}

// valuesTable is the table of the chart's README: one row per value that has a
// "# --" comment in values.yaml. A value without one is an error, unless its
// children have theirs.
func valuesTable(t *testing.T, text []byte) string {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| value | default | meaning |\n|---|---|---|\n")
	valueRows(t, &table, "", document.Content[0])
	return table.String()
}

func valueRows(t *testing.T, table *strings.Builder, prefix string, mapping *yaml.Node) {
	t.Helper()
	for i := 0; i < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		name := prefix + key.Value
		_, comment, described := strings.Cut(key.HeadComment, "-- ")
		if described {
			fmt.Fprintf(table, "| `%s` | %s | %s |\n", name, defaultCell(t, value), meaningCell(comment))
			continue
		}
		if value.Kind != yaml.MappingNode || len(value.Content) == 0 {
			t.Errorf("values.yaml:%d: %s has no comment that begins with \"# --\"", key.Line, name)
			continue
		}
		valueRows(t, table, name+".", value)
	}
}

func defaultCell(t *testing.T, value *yaml.Node) string {
	t.Helper()
	var decoded any
	if err := value.Decode(&decoded); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(decoded)
	if err != nil {
		t.Fatal(err)
	}
	return "`" + string(text) + "`"
}

func meaningCell(comment string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(comment, "\n#", "\n")), " ")
}
