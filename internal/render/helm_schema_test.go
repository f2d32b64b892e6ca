package render

import (
	"errors"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// References stay in the file, under whatever name a part of it has.
func TestSchemaReferences(t *testing.T) {
	t.Parallel()
	const d2020, d7 = `"$schema": "https://json-schema.org/draft/2020-12/schema", `, `"$schema": "http://json-schema.org/draft-07/schema#", `
	tests := []struct {
		name, schema string
		refused      string // the reference that is
	}{
		{"bundled, by an absolute $id", `{` + d2020 + `"properties": {"a": {"$ref": "https://example.com/x.json"}}, "$defs": {"x": {"$id": "https://example.com/x.json", "type": "integer"}}}`, ""},
		{"bundled, relative to the file's $id", `{` + d2020 + `"$id": "https://example.com/s/root.json", "properties": {"a": {"$ref": "x.json"}}, "$defs": {"x": {"$id": "x.json", "type": "integer"}}}`, ""},
		{"bundled, absolute where the $id is relative", `{` + d2020 + `"$id": "https://example.com/s/root.json", "properties": {"a": {"$ref": "https://example.com/s/x.json"}}, "$defs": {"x": {"$id": "x.json", "type": "integer"}}}`, ""},
		{"bundled, relative without an $id of the file", `{` + d2020 + `"properties": {"a": {"$ref": "x.json"}}, "$defs": {"x": {"$id": "x.json", "type": "integer"}}}`, ""},
		{"bundled as a urn", `{` + d2020 + `"properties": {"a": {"$ref": "urn:example:x"}}, "$defs": {"x": {"$id": "urn:example:x", "type": "integer"}}}`, ""},
		{"bundled in draft 7", `{` + d7 + `"properties": {"a": {"$ref": "https://example.com/x.json"}}, "definitions": {"x": {"$id": "https://example.com/x.json", "type": "integer"}}}`, ""},
		{"bundled in draft 4", `{"$schema": "http://json-schema.org/draft-04/schema#", "properties": {"a": {"$ref": "https://example.com/x.json"}}, "definitions": {"x": {"id": "https://example.com/x.json", "type": "integer"}}}`, ""},
		{"a part of a bundled one", `{` + d2020 + `"properties": {"a": {"$ref": "https://example.com/x.json#/$defs/n"}}, "$defs": {"x": {"$id": "https://example.com/x.json", "$defs": {"n": {"type": "integer"}}}}}`, ""},
		{"from one bundled one to another", `{` + d2020 + `"properties": {"a": {"$ref": "https://example.com/x.json"}}, "$defs": {"x": {"$id": "https://example.com/x.json", "$ref": "y.json"}, "y": {"$id": "https://example.com/y.json", "type": "integer"}}}`, ""},
		{"the file by its own $id", `{` + d2020 + `"$id": "https://example.com/root.json", "properties": {"a": {"$ref": "https://example.com/root.json#/$defs/n"}}, "$defs": {"n": {"type": "integer"}}}`, ""},
		{"by an anchor", `{` + d2020 + `"properties": {"a": {"$ref": "#n"}}, "$defs": {"n": {"$anchor": "n", "type": "integer"}}}`, ""},
		{"by a pointer", `{` + d2020 + `"properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "integer"}}}`, ""},
		{"where nothing asks, and in data", `{` + d2020 + `"properties": {"a": {"type": "integer", "default": {"$ref": "https://example.com/x.json"}}}, "$defs": {"unused": {"$ref": "https://example.com/x.json"}}}`, ""},
		{"JSON Schema's own", `{` + d7 + `"properties": {"a": {"type": "integer"}, "schema": {"$ref": "http://json-schema.org/draft-07/schema#"}}}`, ""},

		{"remote", `{` + d2020 + `"properties": {"a": {"$ref": "https://example.com/x.json"}}}`, `"https://example.com/x.json"`},
		{"a part of a remote one", `{` + d2020 + `"properties": {"a": {"$ref": "https://example.com/x.json#/$defs/n"}}}`, `"https://example.com/x.json"`},
		{"remote, relative to the file's $id", `{` + d2020 + `"$id": "https://example.com/root.json", "properties": {"a": {"$ref": "y.json"}}}`, `"https://example.com/y.json"`},
		{"another file of the chart", `{` + d2020 + `"properties": {"a": {"$ref": "schemas/x.json"}}}`, `"schemas/x.json"`},
		{"a file", `{` + d2020 + `"properties": {"a": {"$ref": "file:///etc/passwd"}}}`, `"file:///etc/passwd"`},
		{"a urn, which is anything for Helm", `{` + d2020 + `"properties": {"a": {"$ref": "urn:example:x"}}}`, `"urn:example:x"`},
		{"from a bundled one", `{` + d2020 + `"properties": {"a": {"$ref": "https://example.com/x.json"}}, "$defs": {"x": {"$id": "https://example.com/x.json", "$ref": "https://example.org/y.json"}}}`, `"https://example.org/y.json"`},
		{"a dialect of somebody's own", `{"$schema": "https://example.com/dialect.json", "properties": {"a": {"type": "integer"}}}`, `"https://example.com/dialect.json"`},
	}
	const skip = "helm.skipSchemaValidation: true"
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			values := func(text string, options drift.HelmOptions) error {
				_, err := renderTree(chartTree("app/values.schema.json", test.schema, "app/values.yaml", text, "app/templates/a.yaml", configMap("a")), drift.App{Namespace: "shop", Helm: options})
				return err
			}
			if err := values("a: 1", drift.HelmOptions{SkipSchemaValidation: true}); err != nil {
				t.Errorf("skipped: %v", err)
			}
			var problem *drift.Problem
			good, bad := values("a: 1", drift.HelmOptions{}), values("a: x", drift.HelmOptions{})
			if test.refused != "" {
				if !errors.As(good, &problem) || !strings.Contains(good.Error(), `checking the values of chart "shop": the schema refers to `+test.refused+": only references inside the same file") ||
					!strings.Contains(problem.Hint, skip) || !strings.Contains(problem.Hint, "$defs") {
					t.Errorf("error %v", good)
				}
				return
			}
			if good != nil {
				t.Errorf("a valid value: %v", good)
			}
			if !errors.As(bad, &problem) || !strings.Contains(bad.Error(), "a: got string, want integer") || !strings.Contains(problem.Hint, skip) || !strings.Contains(problem.Hint, "helm.values") {
				t.Errorf("an invalid value: %v", bad)
			}
		})
	}
}

// A dependency's schema is one of the chart's: it is checked, and skipped.
func TestSchemaOfADependency(t *testing.T) {
	t.Parallel()
	tree := chartTree("app/charts/store/Chart.yaml", storeChart, "app/charts/store/values.schema.json", `{"properties": {"a": {"type": "integer"}}}`,
		"app/charts/store/templates/a.yaml", configMap("a"), "app/values.yaml", "store: {a: x}")
	if _, err := renderTree(tree, shop); err == nil || !strings.Contains(err.Error(), `app/charts/store/values.schema.json: checking the values of chart "store": a: got string, want integer`) {
		t.Errorf("got %v", err)
	}
	if _, err := renderTree(tree, drift.App{Namespace: "shop", Helm: drift.HelmOptions{SkipSchemaValidation: true}}); err != nil {
		t.Error(err)
	}
}

// A schema that is none says so, and how to go on.
func TestBrokenSchema(t *testing.T) {
	t.Parallel()
	for name, schema := range map[string]string{"no JSON": "{", "no schema": `{"type": 3}`, "a pointer to nothing": `{"$ref": "#/$defs/none"}`} {
		_, err := renderTree(chartTree("app/values.schema.json", schema), shop)
		var problem *drift.Problem
		if !errors.As(err, &problem) || !strings.Contains(err.Error(), "reading the schema") || !strings.Contains(problem.Hint, "correct the chart's values.schema.json") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
