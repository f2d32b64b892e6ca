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
// not depend on where it is made, so the process has none (DESIGN §4).
func init() { time.Local = time.UTC } //nolint:gochecknoinits // before any policy can be evaluated

// removed are builtins beyond the nondeterministic ones: certificate checks
// read the clock without being marked so, and the others look outside the
// input or into the engine.
var removed = []string{
	"crypto.x509.parse_and_verify_certificates",
	"crypto.x509.parse_and_verify_certificates_with_options",
	"http.send",
	"opa.runtime",
	"rego.parse_module",
	"trace",
}

// capabilities is what policies may use: Rego v1 and pure builtins. AllowNet is
// empty and not nil: nil lets schemas refer to any host (OPA capabilities.go).
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion(ast.CapabilitiesRegoVersion(ast.RegoV1))
	c.AllowNet = []string{}
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool { return impure(b.Name) })
	c.Features = slices.DeleteFunc(c.Features, func(feature string) bool {
		return feature == ast.FeatureRegoV2 || feature == ast.FeatureRegoV2Import
	})
	// "not", "and" and "or" of later versions change what a file means.
	c.FutureKeywords = []string{}
	return c
}

func impure(name string) bool {
	b, known := ast.BuiltinMap[name]
	return known && b.IsNondeterministic() || slices.Contains(removed, name) || strings.HasPrefix(name, "net.")
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
	case impure(name):
		return "the same input must always give the same decision, so this builtin is switched off"
	}
	names := make([]string, 0, len(ast.Builtins))
	for _, b := range capabilities().Builtins {
		if b.Infix == "" && !strings.HasPrefix(b.Name, "internal.") {
			names = append(names, b.Name)
		}
	}
	return strings.TrimPrefix(suggestion(name, names), ", ")
}
