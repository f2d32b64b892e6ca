package render

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// refuseLoader refuses every schema that is not the document itself. Helm's own
// loaders read files and URLs, and take an unknown urn for "anything goes"
// (chartutil/jsonschema.go).
type refuseLoader struct{}

func (refuseLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("the schema refers to %s: only references inside the same file (#/…) are followed", short(url))
}

// schemaName is the document's own address; a name without a scheme would be
// made absolute with the working directory.
const schemaName = "chart:///values.schema.json"

// validateValues checks values against a chart's values.schema.json without any
// I/O. Errors name places and rules, never the values found there.
func validateValues(values map[string]any, schema []byte, limits Limits) error {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return fmt.Errorf("reading the schema: %w", err)
	}
	if err := checkReferences(document, limits.Depth); err != nil {
		return err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(refuseLoader{})
	if err := compiler.AddResource(schemaName, document); err != nil {
		return fmt.Errorf("reading the schema: %w", err)
	}
	compiled, err := compiler.Compile(schemaName)
	if err != nil {
		return fmt.Errorf("reading the schema: %w", err)
	}
	err = compiled.Validate(values)
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		return errors.New(cut(strings.Join(findings(invalid), "; ")))
	}
	return err
}

// literalKeywords hold data, not schemas.
var literalKeywords = map[string]bool{"default": true, "enum": true, "const": true, "examples": true}

// checkReferences refuses every $ref that does not stay in the file.
func checkReferences(schema any, depth int) error {
	if depth < 0 {
		return errors.New("the schema is nested too deeply")
	}
	switch schema := schema.(type) {
	case map[string]any:
		for _, keyword := range slices.Sorted(maps.Keys(schema)) {
			reference, isText := schema[keyword].(string)
			switch {
			case isText && (keyword == "$ref" || keyword == "$dynamicRef" || keyword == "$recursiveRef"):
				if !strings.HasPrefix(reference, "#") {
					_, err := refuseLoader{}.Load(reference)
					return err
				}
			case literalKeywords[keyword]:
			default:
				if err := checkReferences(schema[keyword], depth-1); err != nil {
					return err
				}
			}
		}
	case []any:
		for _, item := range schema {
			if err := checkReferences(item, depth-1); err != nil {
				return err
			}
		}
	}
	return nil
}

// findings are the leaves of a validation error, in order and without the
// values that a chart's user may have meant to keep secret.
func findings(invalid *jsonschema.ValidationError) []string {
	if len(invalid.Causes) > 0 {
		var all []string
		for _, cause := range invalid.Causes {
			all = append(all, findings(cause)...)
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	where := strings.Join(invalid.InstanceLocation, ".")
	if where == "" {
		where = "the values"
	}
	switch rule := invalid.ErrorKind.(type) {
	case *kind.Pattern:
		return []string{fmt.Sprintf("%s: does not match the pattern %q", where, rule.Want)}
	case *kind.Format:
		return []string{fmt.Sprintf("%s: is not a valid %s", where, rule.Want)}
	case *kind.Minimum:
		return []string{where + ": must be at least " + bound(rule.Want)}
	case *kind.Maximum:
		return []string{where + ": must be at most " + bound(rule.Want)}
	case *kind.ExclusiveMinimum:
		return []string{where + ": must be more than " + bound(rule.Want)}
	case *kind.ExclusiveMaximum:
		return []string{where + ": must be less than " + bound(rule.Want)}
	case *kind.MultipleOf:
		return []string{where + ": must be a multiple of " + bound(rule.Want)}
	case *kind.ContentEncoding:
		return []string{fmt.Sprintf("%s: is not encoded as %s", where, rule.Want)}
	case *kind.ContentMediaType:
		return []string{fmt.Sprintf("%s: is not of the media type %s", where, rule.Want)}
	}
	text := invalid.ErrorKind.LocalizedString(message.NewPrinter(language.English))
	return []string{where + ": " + strings.ReplaceAll(text, schemaName, "")}
}

// bound writes a number of a schema.
func bound(n *big.Rat) string {
	f, _ := n.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}
