package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/killick-dev/killick/internal/drift"
)

// severities are the words a reason may carry.
var severities = []string{"info", "warning", "critical"}

// decodeReason reads one member of a verb's set. A reason is a string, or an
// object with reason, severity and ref; notify takes a route, or an object with
// route and severity; ignore_fields and alert_only_fields take a JSON pointer. Unknown
// keys are errors, because a misspelt severity would be lost.
func decodeReason(verb drift.Verb, value ast.Value) (drift.Reason, error) {
	main, fields := "reason", []string{"reason", "severity", "ref"}
	switch verb {
	case drift.VerbNotify:
		main, fields = "route", []string{"route", "severity"}
	case drift.VerbIgnoreFields, drift.VerbAlertOnlyFields:
		main, fields = "pointer", nil
	}
	reason := drift.Reason{Verb: verb}
	switch value := value.(type) {
	case ast.String:
		reason.Text = string(value)
	case ast.Object:
		if fields == nil {
			return reason, fmt.Errorf("%s: %s is no JSON pointer", verb, value)
		}
		if err := decodeFields(&reason, value, fields); err != nil {
			return reason, err
		}
	default:
		return reason, fmt.Errorf("%s: %s is a %s, not a string", verb, value, ast.ValueName(value))
	}
	if strings.TrimSpace(reason.Text) == "" {
		return reason, fmt.Errorf("%s: the %s is empty", verb, main)
	}
	if verb == drift.VerbIgnoreFields || verb == drift.VerbAlertOnlyFields {
		return reason, checkPattern(verb, reason.Text)
	}
	return reason, nil
}

// decodeFields reads an object; the first of the fields is the reason's text.
func decodeFields(reason *drift.Reason, object ast.Object, fields []string) error {
	verb := reason.Verb
	for _, key := range object.Keys() {
		name, _ := key.Value.(ast.String)
		if !slices.Contains(fields, string(name)) {
			return fmt.Errorf("%s: unknown key %s%s", verb, key, suggestion(string(name), fields))
		}
		text, ok := object.Get(key).Value.(ast.String)
		if !ok {
			return fmt.Errorf("%s: %s must be a string, not %s", verb, name, object.Get(key))
		}
		switch string(name) {
		case fields[0]:
			reason.Text = string(text)
		case "ref":
			reason.Ref = string(text)
		case "severity":
			if !slices.Contains(severities, string(text)) {
				return fmt.Errorf("%s: severity %s is none of %s", verb, text, quoted(severities))
			}
			reason.Severity = string(text)
		}
	}
	return nil
}

// checkPattern validates a pattern of ignore_fields or alert_only_fields: a JSON pointer
// (RFC 6901) whose elements are "*", field names or list keys as drift.Path writes them.
func checkPattern(verb drift.Verb, pattern string) error {
	wrong := func(why string) error {
		return fmt.Errorf("%s: %q: %s", verb, pattern, why)
	}
	rest, found := strings.CutPrefix(pattern, "/")
	if !found {
		return wrong("a JSON pointer starts with /")
	}
	for _, element := range strings.Split(rest, "/") {
		switch {
		case element == "":
			return wrong("an element is empty")
		case strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(element), "~"):
			return wrong("~ must be written ~0, and / inside an element ~1")
		case strings.HasPrefix(element, "[") && (!strings.HasSuffix(element, "]") || len(element) < 3):
			return wrong("a list key is written [name=value]")
		}
	}
	return nil
}

// reasonHint says what a member of a verb's set looks like.
func reasonHint(verb drift.Verb) string {
	switch verb {
	case drift.VerbNotify:
		return `write a route of the config, "oncall", or {"route": "oncall", "severity": "critical"}`
	case drift.VerbIgnoreFields, drift.VerbAlertOnlyFields:
		return `write a JSON pointer such as "/spec/replicas" or "/spec/template/spec/containers/*/image"`
	}
	return `write a sentence, or {"reason": "why", "severity": "warning", "ref": "RUNBOOK-12"}`
}
