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

// refuseLoader refuses every schema that neither stands in the document nor is one of
// JSON Schema's own. Helm's loaders read files and URLs, and take an unknown urn for
// "anything goes" (chartutil/jsonschema.go).
type refuseLoader struct{}

func (refuseLoader) Load(url string) (any, error) {
	return nil, &remoteReference{strings.TrimPrefix(url, schemaRoot)}
}

// remoteReference is a reference to a schema that is not at hand.
type remoteReference struct{ to string }

func (r *remoteReference) Error() string {
	return fmt.Sprintf("the schema refers to %s: only references inside the same file are followed (#/… or an $id in it)", short(r.to))
}

// schemaHint says how to go on after an error of validateValues.
func schemaHint(err error) string {
	var remote *remoteReference
	var invalid *invalidValues
	const skip = "helm.skipSchemaValidation: true in the app renders without the check, as `helm template --skip-schema-validation` does"
	switch {
	case errors.As(err, &remote):
		return "a render has no network and reads no other file: copy what is referred to into $defs with its $id; " + skip
	case errors.As(err, &invalid):
		return "change helm.values or the value files; " + skip
	}
	return "correct the chart's values.schema.json; " + skip
}

// invalidValues are values that a schema does not allow.
type invalidValues struct{ findings string }

func (i *invalidValues) Error() string { return i.findings }

// schemaName is the document's own address; a name without a scheme would be
// made absolute with the working directory.
const (
	schemaRoot = "chart:///"
	schemaName = schemaRoot + "values.schema.json"
)

// validateValues checks values against a chart's values.schema.json without any
// I/O. Errors name places and rules, never the values found there.
func validateValues(values map[string]any, schema []byte, limits Limits) error {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return fmt.Errorf("reading the schema: %w", err)
	}
	if err := checkDepth(document, limits.Depth); err != nil {
		return err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(refuseLoader{})
	err = compiler.AddResource(schemaName, document)
	var compiled *jsonschema.Schema
	if err == nil {
		compiled, err = compiler.Compile(schemaName)
	}
	var unloaded *jsonschema.LoadURLError
	switch {
	case errors.As(err, &unloaded): // it does not unwrap
		return unloaded.Err
	case err != nil:
		return fmt.Errorf("reading the schema: %w", err)
	}
	err = compiled.Validate(values)
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		return &invalidValues{cut(strings.Join(findings(invalid), "; "))}
	}
	return err
}

// checkDepth bounds the nesting of a schema.
func checkDepth(schema any, depth int) error {
	if depth < 0 {
		return errors.New("the schema is nested too deeply")
	}
	var below []any
	switch schema := schema.(type) {
	case map[string]any:
		below = slices.Collect(maps.Values(schema))
	case []any:
		below = schema
	}
	for _, item := range below {
		if err := checkDepth(item, depth-1); err != nil {
			return err
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
