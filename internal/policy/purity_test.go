package policy

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/killick-dev/killick/internal/drift"
)

// TestNoImpureBuiltins tries each builtin that could see more than the input.
func TestNoImpureBuiltins(t *testing.T) {
	calls := map[string]string{
		"http.send":                    `http.send({"method": "GET", "url": "http://127.0.0.1"}).status_code == 200`,
		"net.lookup_ip_addr":           `count(net.lookup_ip_addr("localhost")) > 0`,
		"net.cidr_contains":            `net.cidr_contains("10.0.0.0/8", "10.1.1.1")`,
		"opa.runtime":                  `opa.runtime().env.HOME != ""`,
		"rand.intn":                    `rand.intn("x", 10) == 3`,
		"uuid.rfc4122":                 `uuid.rfc4122("x") != ""`,
		"time.now_ns":                  `time.now_ns() > 0`,
		"trace":                        `trace("x")`,
		"rego.parse_module":            `rego.parse_module("x", "package x").package != {}`,
		"io.jwt.decode_verify":         `io.jwt.decode_verify("x", {})[0]`,
		"io.jwt.encode_sign":           `io.jwt.encode_sign({}, {}, {}) != ""`,
		"io.jwt.encode_sign_raw":       `io.jwt.encode_sign_raw("", "", "") != ""`,
		"json.match_schema":            `json.match_schema({}, {})[0]`,
		"json.verify_schema":           `json.verify_schema({})[0]`,
		"crypto.x509.parse_and_verify": `crypto.x509.parse_and_verify_certificates("x")[0]`,
		"crypto.x509.parse_and_verify_certificates_with_options": `crypto.x509.parse_and_verify_certificates_with_options("x", {})[0]`,
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			_, err := Load(shop("heal contains \"x\" if "+call+"\n"), Options{})
			got := strings.Join(lines(err), "\n")
			if !strings.Contains(got, `policies/shop/shop.rego:3: undefined function "`+name) {
				t.Errorf("want an undefined function, got %s", got)
			}
			if strings.Contains(got, "[]") {
				t.Errorf("want a hint that says why: %s", got)
			}
		})
	}
	t.Run("with", func(t *testing.T) {
		_, err := Load(shop("heal contains \"x\" if _upper(\"a\") == \"A\" with upper as http.send\n\n_upper(x) := upper(x)\n"), Options{})
		if err == nil {
			t.Error("a removed builtin came back through with")
		}
	})
}

// TestCapabilities holds the list itself against OPA's: an upgrade that adds an
// impure builtin must not slip through.
func TestCapabilities(t *testing.T) {
	c := capabilities()
	if c.AllowNet == nil || len(c.AllowNet) > 0 {
		t.Errorf("AllowNet must be empty and not nil (nil allows every host): %#v", c.AllowNet)
	}
	for _, b := range c.Builtins {
		if b.IsNondeterministic() {
			t.Errorf("%s is nondeterministic", b.Name)
		}
	}
	var gone []string
	for _, b := range ast.Builtins {
		if !slices.ContainsFunc(c.Builtins, func(kept *ast.Builtin) bool { return kept.Name == b.Name }) {
			gone = append(gone, b.Name)
		}
	}
	slices.Sort(gone)
	want := []string{
		"all", "any", "cast_array", "cast_boolean", "cast_null", "cast_object", "cast_set", "cast_string",
		"crypto.parse_private_keys",
		"crypto.x509.parse_and_verify_certificates", "crypto.x509.parse_and_verify_certificates_with_options",
		"crypto.x509.parse_certificate_request", "crypto.x509.parse_certificates", "crypto.x509.parse_keypair", "crypto.x509.parse_rsa_private_key",
		"graph.reachable_paths",
		"graphql.is_valid", "graphql.parse", "graphql.parse_and_verify", "graphql.parse_query", "graphql.parse_schema", "graphql.schema_is_valid",
		"http.send",
		"io.jwt.decode", "io.jwt.decode_verify", "io.jwt.encode_sign", "io.jwt.encode_sign_raw",
		"io.jwt.verify_eddsa", "io.jwt.verify_es256", "io.jwt.verify_es384", "io.jwt.verify_es512",
		"io.jwt.verify_hs256", "io.jwt.verify_hs384", "io.jwt.verify_hs512",
		"io.jwt.verify_ps256", "io.jwt.verify_ps384", "io.jwt.verify_ps512",
		"io.jwt.verify_rs256", "io.jwt.verify_rs384", "io.jwt.verify_rs512",
		"json.marshal_with_options", "json.match_schema", "json.verify_schema",
		"net.cidr_contains", "net.cidr_contains_matches", "net.cidr_expand", "net.cidr_intersects", "net.cidr_is_valid",
		"net.cidr_merge", "net.cidr_overlap", "net.lookup_ip_addr",
		"opa.runtime", "providers.aws.sign_req", "rand.intn", "re_match", "regex.globs_match", "regex.template_match",
		"rego.parse_module", "set_diff", "strings.render_template", "time.now_ns", "trace", "uuid.rfc4122",
	}
	if diff := cmp.Diff(want, gone); diff != "" {
		t.Errorf("removed builtins (-want +got); look at what OPA changed:\n%s", diff)
	}
	for _, feature := range []string{ast.FeatureRegoV2, ast.FeatureRegoV2Import} {
		if slices.Contains(c.Features, feature) {
			t.Errorf("feature %s changes what policies mean", feature)
		}
	}
}

// TestOneLanguage: a file cannot choose another Rego.
func TestOneLanguage(t *testing.T) {
	for _, line := range []string{"import rego.v2", "import future.keywords.not", "import future.keywords.or"} {
		_, err := Load(shop(line+"\n\nheal contains \"x\" if input.drift.cause == \"live\"\n"), Options{})
		if got := strings.Join(lines(err), "\n"); !strings.Contains(got, "policies/shop/shop.rego:3") {
			t.Errorf("%s: want an error in line 3, got %q", line, got)
		}
	}
	mustLoad(t, shop("import rego.v1\n\nheal contains \"x\" if input.drift.cause == \"live\"\n"))
}

// TestTimeHasNoPlace: whatever zone the machine is in, policies see UTC.
func TestTimeHasNoPlace(t *testing.T) {
	if time.Local != time.UTC {
		t.Fatalf("time.Local is %s", time.Local)
	}
	engine := mustLoad(t, shop(`heal contains reason if reason := sprintf("%v %v %v %d", [
	time.clock([input.run.time_ns, "Local"]), time.clock(input.run.time_ns), time.clock([input.run.time_ns, "Asia/Tokyo"]),
	time.parse_ns("2006-01-02 15:04 MST", "2026-01-02 09:30 CET"),
])
`))
	verdict := engine.Evaluate(context.Background(), scaled())
	reasons := verdict.Reasons[drift.VerbHeal]
	if verdict.Err != nil || len(reasons) != 1 {
		t.Fatalf("got %+v", verdict)
	}
	if want := "[9, 30, 0] [9, 30, 0] [18, 30, 0] 1767346200000000000"; reasons[0].Text != want {
		t.Errorf("want %q, got %q", want, reasons[0].Text)
	}
}
