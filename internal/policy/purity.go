package policy

import (
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones of time.clock must not depend on the image

	"github.com/open-policy-agent/opa/v1/ast"
)

// time.parse_ns resolves zone abbreviations, and time.clock the zone "Local",
// by the process' own zone (OPA topdown/time.go, package time). A decision may
// not depend on where it is made, so the process has none (docs/policies.md).
func init() { time.Local = time.UTC } //nolint:gochecknoinits // before any policy can be evaluated

// removed are builtins beyond the nondeterministic ones, each with what to do instead.
// Some look outside the input or into the engine: certificate checks read the clock
// without being marked so. The others cannot be bounded by what they are given, or are
// whole languages and protocols that no decision about drift needs.
var removed = map[string]string{
	"crypto.x509.parse_and_verify_certificates":              notPure,
	"crypto.x509.parse_and_verify_certificates_with_options": notPure,
	"http.send":         notPure,
	"opa.runtime":       notPure,
	"rego.parse_module": notPure,
	"trace":             notPure,

	"graph.reachable_paths":     "there can be more paths than fit into memory: use graph.reachable",
	"strings.render_template":   "a template can run without end: use sprintf, or $\"{input.app.name}\"",
	"regex.globs_match":         "its work cannot be bounded: compare with regex.match or glob.match",
	"regex.template_match":      "write the pattern for regex.match",
	"json.marshal_with_options": "use json.marshal",
	"providers.aws.sign_req":    noNeed,
	"crypto.parse_private_keys": noNeed,
}

// removedPrefixes are families of which all are removed.
var removedPrefixes = map[string]string{
	"crypto.x509.": noNeed, "graphql.": noNeed, "io.jwt.": noNeed, "net.": notPure,
}

const (
	notPure = "the same input must always give the same decision, so this builtin is switched off"
	noNeed  = "its work cannot be bounded, so this builtin is switched off: put the fact under data: of the policies entry"
)

// capabilities is what policies may use: Rego v1 and pure builtins. AllowNet is
// empty and not nil: nil lets schemas refer to any host (OPA capabilities.go).
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion(ast.CapabilitiesRegoVersion(ast.RegoV1))
	c.AllowNet = []string{}
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool { return whyRemoved(b.Name) != "" })
	c.Features = slices.DeleteFunc(c.Features, func(feature string) bool {
		return feature == ast.FeatureRegoV2 || feature == ast.FeatureRegoV2Import
	})
	// "not", "and" and "or" of later versions change what a file means.
	c.FutureKeywords = []string{}
	return c
}

// whyRemoved is why policies do not have a builtin, and what to do instead, or "".
func whyRemoved(name string) string {
	if why, found := removed[name]; found {
		return why
	}
	if b, known := ast.BuiltinMap[name]; known && b.IsNondeterministic() {
		return notPure
	} else if known && b.IsDeprecated() {
		return "it is deprecated, and Rego v1 has another"
	}
	for prefix, why := range removedPrefixes {
		if strings.HasPrefix(name, prefix) {
			return why
		}
	}
	return ""
}

// undefinedFunctionHint says why a function is missing and what to do instead.
func undefinedFunctionHint(name string) string {
	switch {
	case name == "time.now_ns":
		return "policies have no clock: use input.run.time_ns, or lib.clock(zone)"
	case name == "opa.runtime":
		return "policies do not see the environment: put the fact under data: of the policies entry"
	case name == "http.send", strings.HasPrefix(name, "net."):
		return "policies cannot use the network: they see their input and data.params only"
	case strings.HasPrefix(name, "data.drift."):
		return "no such function in the loaded policies"
	case whyRemoved(name) != "":
		return whyRemoved(name)
	}
	names := make([]string, 0, len(ast.Builtins))
	for _, b := range capabilities().Builtins {
		if b.Infix == "" && !strings.HasPrefix(b.Name, "internal.") {
			names = append(names, b.Name)
		}
	}
	return strings.TrimPrefix(suggestion(name, names), ", ")
}
