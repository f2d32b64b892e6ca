package render

import (
	"errors"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

const (
	canary    = "s3cr3t-canary-value"
	canaryURL = "postgres://app:hunter%2secret@db/x"
)

// tells says which part of a canary a text holds, if any.
func tells(text, secret string) string {
	const part = 6
	for i := range len(secret) - part + 1 {
		if strings.Contains(text, secret[i:i+part]) {
			return secret[i : i+part]
		}
	}
	return ""
}

// checkSecrecy requires an error that tells nothing of the canaries and still
// names the file.
func checkSecrecy(t *testing.T, err error, file string) {
	t.Helper()
	var problem *drift.Problem
	if !errors.As(err, &problem) {
		t.Fatalf("error %v, want a problem", err)
	}
	if !strings.HasPrefix(problem.File, file) {
		t.Errorf("file %q, want %q", problem.File, file)
	}
	said := err.Error() + problem.Hint
	for _, secret := range []string{canary, canaryURL, "hunter%2secret", "pässwörd\"quoted", "12345678"} {
		if part := tells(said, secret); part != "" {
			t.Errorf("the error tells %q: %v", part, err)
		}
	}
	if strings.Contains(said, "%2s") {
		t.Errorf("the error tells a fragment: %v", err)
	}
}

// secretValues are values in each shape that a message may quote.
const secretValues = `plain: ` + canary + `
url: ` + canaryURL + `
userinfo: app:hunter%2secret
odd: "pässwörd\"quoted"
number: 12345678
list: [` + canary + `]
encoded: czNjcjN0LWNhbmFyeS12YWx1ZQ==
pattern: "(` + canary + `"
either: "1.x || ` + canary + `"
long: |
  first
  ` + canary + `
  last
broken: "{{ ` + canary + ` }"
runs: '{{ mustToDate   "2006-01-02" "` + canary + `" }}'
calls: '{{ include "` + canary + `" . }}'
yaml: "*` + canary + `"
tagged: "!!int ` + canary + "`" + `x"
repeated: "{` + canary + `: 1, ` + canary + `: 2}"
map: "{{` + canary + `: 1}: 2}"
unclosed: "\"` + canary + `"
`

// Functions quote their arguments in errors. Each of these fails; most of them
// quote.
func TestTemplateErrorsTellNoValues(t *testing.T) {
	for _, expression := range []string{
		`urlParse .Values.url`, `urlParse (printf "mysql://%s@db" .Values.userinfo)`, `urlParse (trimPrefix "postgres" .Values.url)`,
		`mustToDate "2006-01-02" .Values.plain`, `mustToDate "s3c" .Values.plain`, `mustToDate "2006-01-02" .Values.odd`,
		`mustToDate "2006" (.Values.encoded | b64dec)`, `mustToDate "2006" (.Values.plain | b64enc)`, `mustToDate "2006" (.Values.plain | quote)`,
		`mustToDate "2006" (.Values.plain | squote | quote)`, `mustToDate "2006" (.Values.odd | toJson)`, `mustToDate "2006" (.Values.odd | urlquery)`,
		`mustToDate "2006" (.Values.long | nindent 4)`, `mustToDate "2006" (index (splitList "\n" .Values.long) 1)`,
		`mustToDate "2006" (trunc 12 .Values.plain)`, `mustToDate "2006" (toYaml .Values.list)`, `mustToDate "2006" (.Values.number | toString)`,
		`mustToDate "2006" (printf "%.0f" .Values.number)`, `mustDateModify .Values.plain now`,
		`include .Values.plain .`, `include (printf "x-%s" .Values.plain) .`, `template "none"`,
		`tpl .Values.broken .`, `tpl .Values.runs .`, `tpl .Values.calls .`, `tpl (printf "{{ nope }} %s" .Values.plain) .`,
		`tpl (.Files.Get "some.conf") .`,
		`semverCompare .Values.plain "1.0.0"`, `semverCompare .Values.either "1.0.0"`, `semver .Values.plain`,
		`mustRegexMatch .Values.pattern "x"`, `regexMatch .Values.pattern "x"`, `regexReplaceAll .Values.pattern "x" "y"`, `regexFind .Values.pattern "x"`,
		`fail .Values.plain`, `fail (printf "bad: %s" .Values.odd)`, `fail (printf "%v" .Values)`, `fail (toJson .Values)`, `required .Values.plain nil`,
		`index .Values .Values.plain "x" "y"`, `index .Values.list .Values.plain`, `slice .Values.plain 99`, `call .Values.plain`, `len .Values.number`,
		`mustFromJson .Values.plain`, `mustFirst .Values.plain`, `mustHas "x" .Values.plain`, `mustAppend .Values.plain 1`,
		`substr 50 60 .Values.plain`, `atoi .Values.plain | index .Values.list`, `add .Values.list 1 | fail`,
		`mustMergeOverwrite .Values.plain .Values.url`, `buildCustomCert .Values.plain .Values.plain`, `genSignedCert "x" nil nil 1 .Values.plain`,
		`decryptAES "x" .Values.plain | fail`, `derivePassword 1 .Values.plain "x" "y" "z" | fail`, `lt .Values.plain 1`, `eq .Values.plain .Values.list`,
		`range .Values.number.plain`, `.Values.plain.x`, `.Values.list.x`, `toDecimal .Values.list | fail`, `mustToPrettyJson now | fail`,
		`printf "%d" .Values.plain | fail`, `printf "%d" .Values.odd | fail`, `dig .Values.plain "x" .Values.plain | fail`, `get .Values.plain "x"`,
	} {
		t.Run(expression, func(t *testing.T) {
			tree := chartTree("app/templates/a.yaml", "\n{{ "+expression+" }}", "app/some.conf", "{{ nope }} "+canary, "values/secret.yaml", secretValues)
			app := shop
			app.Helm.ValueFiles = []string{"/values/secret.yaml"}
			_, err := renderTree(tree, app)
			checkSecrecy(t, err, "app/templates/a.yaml")
		})
	}
}

// What templates make of values is quoted by parsers, too.
func TestRenderedTextTellsNoValues(t *testing.T) {
	for _, key := range []string{"yaml", "tagged", "repeated", "map", "unclosed"} {
		t.Run(key, func(t *testing.T) {
			tree := chartTree("app/templates/a.yaml", configMap("a")+"data: {{ .Values."+key+" }}", "values/secret.yaml", secretValues)
			app := shop
			app.Helm.ValueFiles = []string{"/values/secret.yaml"}
			_, err := renderTree(tree, app)
			checkSecrecy(t, err, "app/templates/a.yaml")
		})
	}
}

// A value is hidden wherever it is given, even where a later one replaces it.
func TestValuesAreHiddenWhereverTheyAreGiven(t *testing.T) {
	failing := "{{ mustToDate \"2006\" .Values.a.b }}"
	inline := shop
	inline.Helm.Values = map[string]any{"a": map[string]any{"b": canary}}
	replaced := shop
	replaced.Helm.ValueFiles = []string{"one.yaml"}
	replaced.Helm.Values = map[string]any{"a": map[string]any{"b": "else"}}
	scalar := shop
	scalar.Helm.Values = map[string]any{"store": canary}
	number := shop
	number.Helm.Values = map[string]any{"store": 12345678}
	for name, test := range map[string]struct {
		app   drift.App
		pairs []string
		file  string
	}{
		"inline":                          {inline, []string{"app/templates/a.yaml", failing}, "app/templates/a.yaml"},
		"in the chart's own values":       {shop, []string{"app/values.yaml", "a: {b: " + canary + "}", "app/templates/a.yaml", failing}, "app/templates/a.yaml"},
		"replaced, and read as a file":    {replaced, []string{"app/one.yaml", "a: {b: " + canary + "}", "app/templates/a.yaml", `{{ mustToDate "2006" (.Files.Get "one.yaml" | fromYaml).a.b }}`}, "app/templates/a.yaml"},
		"in a dependency's values":        {shop, []string{"app/charts/store/Chart.yaml", storeChart, "app/charts/store/values.yaml", "a: {b: " + canary + "}", "app/charts/store/templates/a.yaml", failing}, "app/charts/store/templates/a.yaml"},
		"text where a dependency's stand": {scalar, []string{"app/charts/store/Chart.yaml", storeChart}, "app/Chart.yaml"},
		"a number where they stand":       {number, []string{"app/charts/store/Chart.yaml", storeChart}, "app/Chart.yaml"},
		"a map as a key":                  {shop, []string{"app/values.yaml", "a: {{" + canary + ": 1}: 2}"}, "app/values.yaml"},
		"a text for a mapping":            {shop, []string{"app/values.yaml", canary}, "app/"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := renderTree(chartTree(test.pairs...), test.app)
			checkSecrecy(t, err, test.file)
		})
	}
}

// Schema errors name the rule, never what broke it.
func TestSchemaErrorsTellNoValues(t *testing.T) {
	for _, rule := range []string{
		`"type": "integer"`, `"enum": ["a", 1]`, `"const": "a"`, `"pattern": "^x$"`, `"format": "uri"`, `"format": "ipv4"`, `"maxLength": 3`, `"minLength": 99`,
		`"not": {}`, `"anyOf": [{"const": 1}, {"pattern": "^x"}]`, `"oneOf": [{"const": 1}, {"const": 2}]`, `"maximum": 3`, `"minimum": 99999999`,
		`"exclusiveMaximum": 3`, `"exclusiveMinimum": 99999999`, `"multipleOf": 7`, `"contains": {"const": 1}`, `"maxItems": 0`, `"items": {"const": 1}`, `"uniqueItems": true`,
		`"contentEncoding": "base64"`, `"contentMediaType": "application/json"`,
	} {
		failed := false
		for _, value := range []string{canary, "12345678", "[" + canary + ", " + canary + "]"} {
			_, err := renderTree(chartTree("app/values.schema.json", `{"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {`+rule+`}}}`,
				"app/values.yaml", "a: "+value), shop)
			if err != nil {
				failed = true
				checkSecrecy(t, err, "app/values.schema.json")
			}
		}
		if !failed && !strings.Contains(rule, "content") && !strings.Contains(rule, "format") {
			t.Errorf("%s: no value broke the rule", rule)
		}
	}
}

// What is left of a message must still help.
func TestScrubbedMessagesStayReadable(t *testing.T) {
	app := shop
	app.Helm.Values = map[string]any{"secret": canary, "url": canaryURL, "name": "shop", "mode": "date"}
	for template, want := range map[string]string{
		`{{ urlParse .Values.url }}`:               `parse "[value]": invalid URL escape "[value]"`,
		`{{ mustToDate "2006" .Values.secret }}`:   `error calling mustToDate: parsing time "[value]" as "2006": cannot parse "[value]" as "2006"`,
		`{{ include .Values.secret . }}`:           `template: no template "[value]" associated with template "gotpl"`,
		`{{ tpl "{{ nope }}" . }}`:                 `function "nope" not defined`,
		`{{ fail "shop cannot be in this mode" }}`: `rendering the chart: execution error at (shop/templates/a.yaml:1:3): shop cannot be in this mode`,
	} {
		_, err := renderTree(chartTree("app/templates/a.yaml", template), app)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", template, err, want)
		}
	}
}

// A word after an asterisk in a plain manifest may be a password somebody forgot
// to quote, and so may a text with a wrong tag.
func TestYAMLErrorsTellNoValues(t *testing.T) {
	for _, value := range []string{"*" + canary, "!!int " + canary, "!!int \"a`" + canary + "\"", "!!int \"" + canary + "\\n" + canary + "\"", "{{" + canary + ": 1}: 2}"} {
		_, err := renderTree(files("app/a.yaml", configMap("a")+"data: {x: "+value+"}"), shop)
		checkSecrecy(t, err, "app/a.yaml")
	}
}
