package render

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

var testLimits = Limits{}.withDefaults()

var testGrammar = grammar{limits: testLimits, notes: &notes{}}

func TestSplit(t *testing.T) {
	type doc struct {
		Text string
		Line int
	}
	for name, test := range map[string]struct {
		text string
		want []doc
	}{
		"nothing":                     {"", nil},
		"comments and separators":     {"---\n# a\n---\n\n---", nil},
		"one":                         {"a: 1\n", []doc{{"a: 1\n", 1}}},
		"leading separator":           {"---\n\n# c\na: 1\n", []doc{{"\n\n# c\na: 1\n", 4}}},
		"two":                         {"a: 1\n---\nb: 2\n", []doc{{"a: 1\n", 1}, {"\nb: 2\n", 3}}},
		"content on the same line":    {"--- {a: 1}\n--- # c\nb: 2", []doc{{" {a: 1}\n", 1}, {" # c\nb: 2", 3}}},
		"carriage returns":            {"a: 1\r\n---\r\nb: 2\r\n", []doc{{"a: 1\r\n", 1}, {"\r\nb: 2\r\n", 3}}},
		"indented dashes are content": {"a: |\n  ---\n  x\n", []doc{{"a: |\n  ---\n  x\n", 1}}},
		"longer dashes are content":   {"a: 1\n----\n", []doc{{"a: 1\n----\n", 1}}},
		"no newline at the end":       {"a: 1\n---", []doc{{"a: 1\n", 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []doc
			for _, c := range split([]byte(test.text)) {
				got = append(got, doc{string(c.text), c.start})
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	for name, test := range map[string]struct {
		file, text string
		want       []value
		err        string
	}{
		"byte order mark":                {"a.yaml", "\ufeffa: 1", []value{{map[string]any{"a": int64(1)}, 1}}, ""},
		"a version directive":            {"a.yaml", "%YAML 1.1\n# c\n---\na: 1", []value{{map[string]any{"a": int64(1)}, 4}}, ""},
		"documents ended by dots":        {"a.yaml", "a: 1\n...\n---\nb: 2", []value{{map[string]any{"a": int64(1)}, 1}, {map[string]any{"b": int64(2)}, 4}}, ""},
		"documents ended by dots alone":  {"a.yaml", "a: 1\n...\nb: 2", nil, `a document ended, and what follows does not begin with "---"`},
		"UTF-16":                         {"a.yaml", "\xff\xfea\x00", nil, "not UTF-8"},
		"a NUL":                          {"a.yaml", "a: \x00", nil, "control characters are not allowed"},
		"JSON with surrogates":           {"a.JSON", `{"a": "\ud83d\ude00"}`, []value{{map[string]any{"a": "😀"}, 1}}, ""},
		"JSON keeps large integers":      {"a.json", `{"a": 9007199254740993, "b": 1.5, "c": 1e2}`, []value{{map[string]any{"a": int64(9007199254740993), "b": 1.5, "c": int64(100)}, 1}}, ""},
		"a JSON stream":                  {"a.json", "\n{}\n\n[]\nnull", []value{{map[string]any{}, 2}, {[]any{}, 4}}, ""},
		"a JSON error has a line":        {"a.json", "{\n\"a\": 1,\n}", nil, "a.json:3: reading JSON"},
		"JSON in a YAML file":            {"a.yaml", "{\"a\": [1, \"x\"],\n\t\"b\": null}", []value{{map[string]any{"a": []any{int64(1), "x"}, "b": nil}, 1}}, ""},
		"a value in an error is cut out": {"a.yaml", "a: !!int CANARY", nil, "cannot decode !!str `…` as a !!int"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decode(test.file, []byte(test.text), testGrammar)
			if (err == nil) != (test.err == "") || (err != nil && !strings.Contains(err.Error(), test.err)) {
				t.Fatalf("error %v, want %q", err, test.err)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(value{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// FuzzDecode: whatever comes in, decoding ends, stays within its limits, and
// agrees with sigs.k8s.io/yaml, which is what kubectl reads with, wherever both
// read a document.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"a: 1\nb: [x, {y: z}]\n---\nc: yes\n", "--- {a: 1}\n...\n# x\n", "a: &a {x: 1}\nb:\n  <<: *a\n  y: 0x1F\n", "a: &a {x: 1, b: yes}\nb:\n  <<: *a\n  x: 0x1F\n  !!str 5: !!int \"5\"\n",
		"80: a\n1.5: b\ntrue: c\n", "a: 1e3\nb: 010\nc: 18446744073709551615\nd: -0.0\ne: .5\n", "a: |\n  ---\n  x\n", "? [a]\n: b\n", "1: 18017000000000010.0",
		"%YAML 1.1\n---\na: b", "{\"a\": \"\\ud83d\\ude00\"}", "a: 2001-01-01\nb: !!binary YQ==\n", "a: *a", "a: &a [*a]", "\t", "- - - - x", "a: \"\\x41\"",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = decode("a.json", data, testGrammar)
		_, _ = decodeRendered("a", data, testGrammar)
		_ = guardYAML(data, testLimits)
		told := &notes{}
		values, err := decode("a.yaml", data, grammar{limits: testLimits, notes: told})
		if err != nil || len(values) != 1 || len(told.warnings) > 0 {
			return // what is read otherwise than by kubectl is told
		}
		for _, v := range values {
			if v.line < 1 {
				t.Errorf("line %d", v.line)
			}
		}
		chunks := split(data)
		if len(chunks) != 1 || strings.Contains(string(data), "...") {
			return
		}
		asJSON, err := yaml.YAMLToJSON(chunks[0].text)
		if err != nil {
			t.Fatalf("sigs.k8s.io/yaml refuses what was read: %v", err)
		}
		var want any
		if err := kjson.UnmarshalCaseSensitivePreserveInts(asJSON, &want); err != nil {
			return
		}
		got, err := json.Marshal(values[0].tree)
		if err != nil {
			t.Fatal(err)
		}
		wanted, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(wanted), string(got)); diff != "" {
			t.Errorf("differs from kubectl's reading (-kubectl +killick):\n%s", diff)
		}
	})
}

// FuzzRenderYAML and FuzzRenderKustomize hold whole renders against the oracle:
// no panic gets out, and every error is a problem of this stage.
func FuzzRenderYAML(f *testing.F) {
	for _, seed := range []string{configMap("a"), "apiVersion: v1\nkind: List\nitems: [{kind: List, apiVersion: v1, items: []}]", "apiVersion: v1\nkind: Secret\nmetadata: {name: a, labels: {a: null}}\ndata: {a: YQ==}\nstringData: {b: c}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkFuzzed(t, "app/a.yaml", string(data))
	})
}

func FuzzRenderKustomize(f *testing.F) {
	for _, seed := range []string{
		"resources: [a.yaml]\nnamePrefix: x-\n", "resources: [a.yaml]\npatches: [{target: {kind: ConfigMap}, patch: '[{\"op\": \"add\", \"path\": \"/data\", \"value\": {}}]'}]",
		"configMapGenerator: [{name: a, literals: [a=b]}]", "transformers: ['{apiVersion: builtin, kind: PrefixTransformer, metadata: {name: a}, prefix: x}']",
		"resources: [http://127.0.0.1:1/x]", "components: [.]", "replacements: [{source: {kind: ConfigMap}, targets: [{select: {name: a}, fieldPaths: [data.x]}]}]\nresources: [a.yaml]",
	} {
		f.Add([]byte(seed), []byte(configMap("a")))
	}
	f.Fuzz(func(t *testing.T, kustomization, resource []byte) {
		checkFuzzed(t, "app/kustomization.yaml", string(kustomization), "app/a.yaml", string(resource))
	})
}
