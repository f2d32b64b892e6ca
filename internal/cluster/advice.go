package cluster

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/killick-dev/killick/internal/drift"
)

// advice is what a person can do about a refusal, by the API server's own words. Hints
// name fields and never values, which may be secret.
type advice struct {
	words *regexp.Regexp
	hint  func(kind drift.Kind, found []string, fields naming) string
}

// naming gives the names of the fields that a kind has at a place; nil where they are not
// known.
type naming func(kind drift.Kind, place string) []string

func says(hint string) func(drift.Kind, []string, naming) string {
	return func(drift.Kind, []string, naming) string { return hint }
}

// advices are asked in order. The words are those of structured-merge-diff (typed), of
// apimachinery's validation and of etcd.
var advices = []advice{
	{regexp.MustCompile(`(\S*)\.([^.\s\[\]]+): field not declared in schema`), func(kind drift.Kind, found []string, fields naming) string {
		text := fmt.Sprintf("%q is not a field of %s there: misspelt, or indented under the wrong parent?", found[2], kind.Kind)
		if near := drift.Near(found[2], fields(kind, found[1])); len(near) > 0 {
			text += fmt.Sprintf(" Did you mean %q?", near[0])
		}
		return text
	}},
	{regexp.MustCompile(`(\S+): expected string, got (?:&value\.valueUnstructured\{Value:)?(map|\[\]|list|a )?`), func(_ drift.Kind, found []string, _ naming) string {
		if found[2] != "" {
			return fmt.Sprintf("%s takes text, not a list or a map", found[1])
		}
		return fmt.Sprintf("quote the value: %s takes text, and YAML reads a bare number, true, false, yes or no as something else", found[1])
	}},
	{regexp.MustCompile(`(\S+): expected numeric \(int or float\), got string`), func(_ drift.Kind, found []string, _ naming) string {
		return fmt.Sprintf("take the quotes away: %s takes a number", found[1])
	}},
	{regexp.MustCompile(`(\S+): expected boolean`), func(_ drift.Kind, found []string, _ naming) string {
		return fmt.Sprintf("%s takes true or false, without quotes", found[1])
	}},
	{regexp.MustCompile(`(\S+): expected (list|map)`), func(_ drift.Kind, found []string, _ naming) string {
		if found[2] == "list" {
			return fmt.Sprintf("%s takes a list: begin each entry with a dash", found[1])
		}
		return fmt.Sprintf("%s takes a map of fields, not a single value or a list", found[1])
	}},
	{regexp.MustCompile(`(\S+): duplicate entries for key (\[.*?\])(?:\s|$|;|,)`), func(_ drift.Kind, found []string, _ naming) string {
		return fmt.Sprintf("%s stands twice in %s: remove one of the two, also where an overlay or a chart adds it", found[2], found[1])
	}},
	{regexp.MustCompile(`quantities must match|unable to parse quantity`), says("a quantity is a number with an optional suffix: 500m, 2, 64Mi, 1Gi (not 1GB or 1GiB)")},
	{regexp.MustCompile(`metadata\.annotations: Too long`), says("all annotations together take at most 256 KiB: keep large texts in a ConfigMap")},
	{regexp.MustCompile(`[Rr]equest entity too large|[Tt]runk size exceeded|message larger than max|request is too large|Too long: (?:must have|may not be more than) 1048576|exceeds? the maximum|trying to send message larger`),
		says("an object is too large for the API server (3 MiB) or its storage (about 1.5 MiB; ConfigMaps and Secrets 1 MiB): split it, or keep the content elsewhere, such as in an image or a volume")},
	{regexp.MustCompile("`selector` does not match template `labels`|must match template"), says("every label in spec.selector.matchLabels must stand in spec.template.metadata.labels as well")},
	{regexp.MustCompile(`metadata\.name: .*RFC 10?\d+|metadata\.name: Invalid value`), says("rename it: a name has lower-case letters, digits, - and (for most kinds) dots, begins and ends with a letter or digit (a Service begins with a letter), and has at most 253 characters (a Service or namespace 63)")},
	{regexp.MustCompile(`a valid label must|must be no more than 63 (?:characters|bytes)`), says("a label's value has at most 63 letters, digits, -, _ and dots, and begins and ends with a letter or digit: put free text into an annotation")},
	{regexp.MustCompile(`name part must consist of|prefix part`), says("a label's or annotation's key reads NAME or example.com/NAME, of letters, digits, -, _ and dots")},
	{regexp.MustCompile(`namespaces "([^"]*)" not found`), func(_ drift.Kind, found []string, _ naming) string {
		return fmt.Sprintf("create the namespace %q, or add its manifest to this app", found[1])
	}},
}

// adviceFor is the hint about a refusal, or "".
func adviceFor(kind drift.Kind, err error, fields naming) string {
	refusal, ok := errors.AsType[*drift.Refusal](err)
	if !ok || !errors.Is(refusal, drift.ErrInvalid) {
		return ""
	}
	texts := []string{refusal.Message}
	for _, cause := range refusal.Causes {
		texts = append(texts, cause.Field+": "+cause.Message)
	}
	for _, one := range advices {
		for _, text := range texts {
			if found := one.words.FindStringSubmatch(text); found != nil {
				return one.hint(kind, found, fields)
			}
		}
	}
	return ""
}

var keyed = regexp.MustCompile(`\[[^\]]*\]`)

// fieldsAt are the fields that a built-in kind has at a place such as
// ".spec.template.spec.containers[name="web"]", from the Go types of client-go. Nil for
// custom resources, of which the API server knows (survey.fieldsAt).
func fieldsAt(kind drift.Kind, place string) []string {
	object, err := scheme.Scheme.New(schema.GroupVersionKind{Group: kind.Group, Version: kind.Version, Kind: kind.Kind})
	if err != nil {
		return nil
	}
	typ := reflect.TypeOf(object)
	for _, name := range strings.FieldsFunc(keyed.ReplaceAllString(place, ""), func(r rune) bool { return r == '.' }) {
		if typ = fieldNamed(typ, name); typ == nil {
			return nil
		}
	}
	names := slices.Collect(func(yield func(string) bool) {
		eachField(typ, func(name string, _ reflect.Type) bool { return yield(name) })
	})
	slices.Sort(names)
	return names
}

func fieldNamed(typ reflect.Type, name string) (found reflect.Type) {
	eachField(typ, func(other string, of reflect.Type) bool {
		if other == name {
			found = of
		}
		return found == nil
	})
	return found
}

// eachField goes through the fields that a type has as JSON, until told to stop.
func eachField(typ reflect.Type, visit func(name string, of reflect.Type) bool) bool {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
		return true
	}
	for i := range typ.NumField() {
		field := typ.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case strings.Contains(options, "inline"), field.Anonymous && name == "":
			if !eachField(field.Type, visit) {
				return false
			}
		case name != "" && name != "-" && !visit(name, field.Type):
			return false
		}
	}
	return true
}
