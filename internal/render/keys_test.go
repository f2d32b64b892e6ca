package render

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

const merging = "l: &l {a: 1, b: 2}\nk: &k {b: 3, c: 4}\n"

func TestMergeKeys(t *testing.T) {
	for name, test := range map[string]struct {
		text     string
		want     string // of "m"
		warnings []string
	}{
		"an own value behind the merge": {merging + "m:\n  <<: *l\n  b: own\n", `{"a":1,"b":"own"}`, nil},
		"an own value before the merge": {merging + "m:\n  b: own\n  <<: *l\n", `{"a":1,"b":"own"}`,
			[]string{`a.yaml:4: key "b" stands before the merge key << in line 5: its own value is taken, as YAML says, where Helm and kubectl take the merged one; write << first, where all agree`}},
		"the same value before the merge":                 {merging + "m:\n  b: 2\n  <<: *l\n", `{"a":1,"b":2}`, nil},
		"of several mappings the first wins":              {merging + "m:\n  <<: [*l, *k]\n  c: own\n", `{"a":1,"b":2,"c":"own"}`, nil},
		"a mapping written out":                           {"m:\n  <<: {a: 1, b: 2}\n  b: 3\n", `{"a":1,"b":3}`, nil},
		"a merge of what merged":                          {merging + "n: &n\n  <<: *l\n  b: own\nm:\n  <<: *n\n  a: own\n", `{"a":"own","b":"own"}`, nil},
		"deep inside lists":                               {merging + "m: [[{<<: *l, a: own}]]\n", `[[{"a":"own","b":2}]]`, nil},
		"a null of its own":                               {merging + "m:\n  <<: *l\n  b: null\n", `{"a":1,"b":null}`, nil},
		"two merges, and an own value of what both bring": {merging + "m:\n  <<: *l\n  <<: *k\n  b: own\n", `{"a":1,"b":"own","c":4}`, nil},
		"two merges that bring one value":                 {merging + "n: &n {b: 2, d: 5}\nm:\n  <<: *l\n  <<: *n\n", `{"a":1,"b":2,"d":5}`, nil},
		"dashes and dots are text":                        {merging + "m:\n  <<: *l\n  a: ---\n  b: ...\n  d: --- x\n", `{"a":"---","b":"...","d":"--- x"}`, nil},
		"what is a list or a mapping by itself is text":   {merging + "m:\n  <<: *l\n  a: [-, x:, \"y\"]\n  1:: z\n  -: w\n", `{"-":"w","1:":"z","a":["-","x:","y"],"b":2}`, nil},
		"a text in two paragraphs":                        {merging + "m:\n  <<: *l\n  a: x\n\n    y\n", `{"a":"x\ny","b":2}`, nil},
		"words and numbers as the reader takes them":      {merging + "m:\n  <<: *l\n  a: yes\n  b: 010\n  d: 1e3\n  e: 0x1F\n  f: .5\n  g: ~\n  h: \"on\"\n  i: 2001-01-01\n", `{"a":true,"b":8,"d":1000,"e":31,"f":0.5,"g":null,"h":"on","i":"2001-01-01"}`, nil},
		"keys as the reader takes them":                   {merging + "m:\n  <<: *l\n  a: own\n  80: x\n  yes: z\n", `{"80":"x","a":"own","b":2,"true":"z"}`, nil},
		"explicit types":                                  {merging + "m:\n  <<: *l\n  a: !!str 5\n  b: !!binary YQ==\n", `{"a":"5","b":"a"}`, nil},
		"blocks and folds":                                {merging + "m:\n  <<: *l\n  a: |\n    x\n    y\n  b: >-\n    x\n    y\n", `{"a":"x\ny\n","b":"x y"}`, nil},
		"a key in quotes is a key like any other":         {merging + "m:\n  \"<<\": *l\n", `{"<<":{"a":1,"b":2}}`, nil},
		"in the second document that dots have ended":     {"x: 1\n...\n---\n" + merging + "m:\n  <<: *l\n  b: own\n", `{"a":1,"b":"own"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			told := &notes{}
			values, err := decode("a.yaml", []byte(test.text), grammar{limits: testLimits, notes: told})
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(values[len(values)-1].tree.(map[string]any)["m"])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, strings.NewReplacer(`\u003c`, "<").Replace(string(got))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(test.warnings, located(told.warnings)); diff != "" {
				t.Errorf("warnings, -want +got:\n%s", diff)
			}
		})
	}
}

func located(warnings []drift.Warning) []string {
	var told []string
	for _, warning := range warnings {
		told = append(told, drift.FileLine(warning.Origin.File, warning.Origin.Line)+": "+warning.Message)
	}
	return told
}

var valued = drift.App{Namespace: "shop", Helm: drift.HelmOptions{ValueFiles: []string{"v.yaml"}}}

// What a key that is given twice is depends on who wrote it, and on whether the two
// values are equal.
func TestRepeatedKeys(t *testing.T) {
	const different = `%s: reading YAML: key "b" is given twice with different values: also in line 1`
	overlay := func(fields string) string {
		return "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n" + fields
	}
	const merge = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n"
	for name, test := range map[string]struct {
		files    []string
		app      drift.App
		want     string // of the first object's data
		warnings []string
		err      string
	}{
		"equal ones in a plain manifest": {[]string{"app/a.yaml", configMap("a") + "data: {k: v}\ndata: {k: v}\n"}, shop, "", nil,
			`app/a.yaml:5: reading YAML: key "data" is given twice: also in line 4`},
		"different ones in a plain manifest": {[]string{"app/a.yaml", configMap("a") + "data: {k: v}\ndata: {k: w}\n"}, shop, "", nil,
			`app/a.yaml:5: reading YAML: key "data" is given twice with different values: also in line 4`},
		"different ones in JSON": {[]string{"app/a.json", "\n{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"a\"},\n\"data\": {\"k\": \"v\",\n\"k\": \"w\"}}"}, shop, "", nil,
			`app/a.json:4: reading YAML: key "k" is given twice with different values: also in line 3`},
		"a number and its text": {[]string{"app/a.yaml", configMap("a") + "data:\n  80: a\n  \"80\": b\n"}, shop, "", nil,
			`app/a.yaml:6: reading YAML: key "80" is given twice with different values: also in line 5`},
		"y and yes to kubectl": {[]string{"app/a.yaml", configMap("a") + "data:\n  y: a\n  yes: b\n"}, shop, "", nil,
			`app/a.yaml:6: reading YAML: key "true" is given twice with different values: also in line 5`},
		"different ones from two merges": {[]string{"app/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels:\n    <<: {k: v}\n    <<: {k: w}\n"}, shop, "", nil,
			`app/a.yaml:7: reading YAML: key "k" is given twice with different values: also in line 6`},
		"equal ones that a template made": {[]string{"app/Chart.yaml", chartYAML, "app/templates/a.yaml", configMap("a") + "data:\n  k: v\n  k: v\n"}, shop, `{"k":"v"}`,
			[]string{`app/templates/a.yaml: what the template made, line 6: key "k" is given twice with one value, first in line 5: remove one of the two`}, ""},
		"different ones that a template made": {[]string{"app/Chart.yaml", chartYAML, "app/templates/a.yaml", configMap("a") + "data:\n  k: v\n  k: w\n"}, shop, "", nil,
			`app/templates/a.yaml: what the template made, line 6: reading YAML: key "k" is given twice with different values: also in line 5`},
		"equal ones in a value file": {[]string{"app/Chart.yaml", chartYAML, "app/v.yaml", "b: 1\nb: 1\n"}, valued, "", nil,
			`app/v.yaml:2: reading YAML: key "b" is given twice: also in line 1`},
		"different ones in a value file": {[]string{"app/Chart.yaml", chartYAML, "app/v.yaml", "b: 1\nb: 2\n"}, valued, "", nil,
			strings.Replace(different, "%s", "app/v.yaml:2", 1)},
		"a merge in a value file": {[]string{"app/Chart.yaml", chartYAML, "app/v.yaml", "a: &a {k: merged, l: merged}\nb:\n  k: own\n  <<: *a\n",
			"app/templates/a.yaml", configMap("a") + "data: {{ toJson .Values.b }}\n"}, valued, `{"k":"own","l":"merged"}`,
			[]string{`app/v.yaml:3: key "k" stands before the merge key << in line 4: its own value is taken, as YAML says, where Helm and kubectl take the merged one; write << first, where all agree`}, ""},
		"characters that YAML takes only escaped, in a value file": {[]string{"app/Chart.yaml", chartYAML, "app/v.yaml", "b: \"a\\x7fb\\N c\\u2028d\\ufeffe\\u00a0f\U0001f600\"\n",
			"app/templates/a.yaml", configMap("a") + "data: {k: {{ .Values.b | b64enc }}}\n"}, valued, `{"k":"YX9iwoUgY+KAqGTvu79lwqBm8J+YgA=="}`, nil, ""},
		"both in default values": {[]string{"app/Chart.yaml", chartYAML, "app/values.yaml", "a: 1\na: 1\nb: 1\nb: 2\n", "app/templates/a.yaml", configMap("a") + "data: {b: {{ .Values.b | quote }}}\n"}, shop, `{"b":"2"}`,
			[]string{`app/values.yaml:2: key "a" is given twice with one value, first in line 1: remove one of the two`,
				`app/values.yaml:4: key "b" is given twice with different values, of which Helm takes the last, first in line 3: remove one of the two`}, ""},
		"equal ones in a resource": {[]string{"app/kustomization.yaml", overlay(""), "app/a.yaml", "# c\n" + merge + "  k: v\n  k: v\n---\n" + configMap("b")}, shop, `{"k":"v"}`,
			[]string{`app/a.yaml:7: key "k" is given twice with one value, first in line 6: remove one of the two`}, ""},
		"different ones in a resource": {[]string{"app/kustomization.yaml", overlay(""), "app/a.yaml", merge + "  k: v\n  k: w\n"}, shop, "", nil,
			`app/a.yaml:6: reading YAML: key "k" is given twice with different values: also in line 5`},
		"equal ones in a kustomization": {[]string{"app/kustomization.yaml", overlay("namePrefix: x-\nnamePrefix: x-\n"), "app/a.yaml", merge + "  k: v\n"}, shop, `{"k":"v"}`,
			[]string{`app/kustomization.yaml:5: key "namePrefix" is given twice with one value, first in line 4: remove one of the two`}, ""},
		"different ones in a kustomization": {[]string{"app/kustomization.yaml", overlay("namePrefix: x-\nnamePrefix: y-\n"), "app/a.yaml", merge + "  k: v\n"}, shop, "", nil,
			`app/kustomization.yaml:5: reading YAML: key "namePrefix" is given twice with different values: also in line 4`},
		"equal ones in a patch": {[]string{"app/kustomization.yaml", overlay("patches: [{path: p.yaml}]\n"), "app/a.yaml", merge + "  k: v\n", "app/p.yaml", merge + "  k: w\n  k: w\n"}, shop, `{"k":"w"}`,
			[]string{`app/p.yaml:6: key "k" is given twice with one value, first in line 5: remove one of the two`}, ""},
		"different ones in a patch": {[]string{"app/kustomization.yaml", overlay("patches: [{path: p.yaml}]\n"), "app/a.yaml", merge + "  k: v\n", "app/p.yaml", merge + "  k: w\n  k: x\n"}, shop, "", nil,
			`app/p.yaml:6: reading YAML: key "k" is given twice with different values: also in line 5`},
		"different ones in an inline patch": {[]string{"app/kustomization.yaml", overlay("patches: [{target: {kind: ConfigMap}, patch: '[{\"op\": \"add\", \"op\": \"remove\", \"path\": \"/data\"}]'}]\n"), "app/a.yaml", merge + "  k: v\n"}, shop, "", nil,
			`app/kustomization.yaml: in an inline patch, line 1: reading YAML: key "op" is given twice with different values: also in line 1`},
		"equal ones in an inline patch": {[]string{"app/kustomization.yaml", overlay("patchesStrategicMerge: [\"apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: a}\\ndata: {k: w, k: w}\\n\"]\n"), "app/a.yaml", merge + "  k: v\n"}, shop, `{"k":"w"}`,
			[]string{`app/kustomization.yaml: in an inline patch, line 4: key "k" is given twice with one value, first in line 4: remove one of the two`}, ""},
		"a merge in a resource": {[]string{"app/kustomization.yaml", overlay(""), "app/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: &l {k: merged, l: merged}}\ndata:\n  k: own\n  <<: *l\n"}, shop, `{"k":"own","l":"merged"}`, nil, ""},
		"a merge in a patch": {[]string{"app/kustomization.yaml", overlay("patches: [{path: p.yaml}]\n"), "app/a.yaml", merge + "  k: v\n",
			"app/p.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: &l {k: merged, l: merged}}\ndata:\n  <<: *l\n  k: own\n"}, shop, `{"k":"own","l":"merged"}`, nil, ""},
		"y, yes, on and 1 to Kustomize": {[]string{"app/kustomization.yaml", overlay(""), "app/a.yaml", merge + "  y: a\n  yes: b\n  on: c\n  off: d\n  \"1\": e\n"}, shop, `{"1":"e","off":"d","on":"c","y":"a","yes":"b"}`, nil, ""},
		"a number as a key to Kustomize": {[]string{"app/kustomization.yaml", overlay(""), "app/a.yaml", configMap("b") + "---\n" + merge + "  x: y\n  22: v\n"}, shop, "", nil,
			`app/a.yaml:10: building the kustomization: key 22 in data is not text, and Kustomize cannot write it as JSON`},
		"a number and its text to Kustomize": {[]string{"app/kustomization.yaml", overlay(""), "app/a.yaml", merge + "  22: v\n  \"22\": v\n"}, shop, "", nil,
			`app/a.yaml:5: building the kustomization: key 22 in data is not text, and Kustomize cannot write it as JSON`},
		"a word and its text to Kustomize": {[]string{"app/kustomization.yaml", overlay(""), "app/a.yaml", merge + "  yes: v\n  \"yes\": w\n"}, shop, "", nil,
			`app/a.yaml:6: building the kustomization: key "yes" in data is given twice, and Kustomize cannot write it`},
		"a label that Kustomize makes of a word": {[]string{"app/kustomization.yaml", overlay("commonLabels: {yes: a}\n"), "app/a.yaml", merge + "  k: v\n"}, shop, "", nil,
			`app/a.yaml:1: building the kustomization: key true in metadata.labels is not text, and Kustomize cannot write it as JSON`},
		"a letter as a label": {[]string{"app/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels: {tier: y}\ndata: {k: v}\n"}, shop, `{"k":"v"}`,
			[]string{`app/a.yaml:5: y is taken for text, which every label and annotation is, where kubectl reads a truth value: put it in quotes`}, ""},
		"a word as a label": {[]string{"app/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels: {tier: yes}\n"}, shop, "", nil,
			`app/a.yaml:1: ConfigMap a: metadata.labels: the value of "tier" is not text`},
	} {
		t.Run(name, func(t *testing.T) {
			rendered, err := renderTree(files(test.files...), test.app)
			if err != nil || test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) || test.err == "" {
					t.Fatalf("error %v, want %q", err, test.err)
				}
				return
			}
			got, err := json.Marshal(rendered.Objects[0].Manifest["data"])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(test.warnings, located(rendered.Warnings)); diff != "" {
				t.Errorf("warnings, -want +got:\n%s", diff)
			}
		})
	}
}
