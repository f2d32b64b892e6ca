package drift

import (
	"regexp"
	"strings"
	"testing"
)

func TestPlainWords(t *testing.T) {
	t.Parallel()
	leaks := regexp.MustCompile(`interface \{\}|valueUnstructured|0x[0-9a-f]|\(nil\)|[a-z]\.[A-Z]\w+\{|\]string\{|Go (struct|value)`)
	for _, c := range []struct{ reason, message, want string }{
		{"a number where text belongs", `failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.env[name="PORT"].value: expected string, got &value.valueUnstructured{Value:8080}`,
			`.spec.env[name="PORT"].value: expected string, got 8080`},
		{"a list where text belongs", `.image: expected string, got &value.valueUnstructured{Value:[]interface {}{"a"}}`, `.image: expected string, got a list`},
		{"a map in a map", `.x: expected list, got &value.valueUnstructured{Value:map[string]interface {}{"a":map[string]interface {}{"b":"}"}}} here`, `.x: expected list, got a map here`},
		{"several at once", "errors:\n  .a: expected string, got &value.valueUnstructured{Value:1}\n  .b: expected string, got &value.valueUnstructured{Value:true}",
			"errors:\n  .a: expected string, got 1\n  .b: expected string, got true"},
		{"a struct", `spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{"app":"x"}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable`,
			`spec.selector: Invalid value: an object: field is immutable`},
		{"a pointer", `Invalid value: (*int32)(0xc000123456): x`, `Invalid value: a value: x`},
		{"nothing", `Invalid value: []string(nil): x`, `Invalid value: nothing: x`},
		{"an empty map", `Invalid value: map[string]interface {}{}: x`, `Invalid value: a map without content: x`},
		{"decoding", `json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string`, `spec.containers.env.value is given as number, and must be string`},
		{"a quantity", `failed to convert new object (a/b; /v1, Kind=PersistentVolumeClaim) to proper version: unable to convert unstructured object to /v1, Kind=PersistentVolumeClaim: quantities must match`, `quantities must match`},
		{"JSON and words stay", `spec: Invalid value: {"a":{"b":1}}: x in {y}`, `spec: Invalid value: {"a":{"b":1}}: x in {y}`},
		{"what never ends", `got &value.valueUnstructured{Value:map[string]interface {}{"a":"`, `got a map`},
	} {
		got := plainWords(c.message)
		if got != c.want {
			t.Errorf("%s: %s", c.reason, got)
		}
		if leaks.MatchString(got) {
			t.Errorf("%s: Go syntax is left: %s", c.reason, got)
		}
		refusal := &Refusal{Kind: ErrInvalid, Message: c.message}
		if strings.Contains(refusal.Error(), "valueUnstructured") || refusal.Message != c.message {
			t.Errorf("%s: the refusal says %s", c.reason, refusal.Error())
		}
	}
}
