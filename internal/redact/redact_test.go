package redact_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/internal/testenv/model"
)

func TestRedactorString(t *testing.T) {
	t.Parallel()
	secret := `p@ss/w"ord+<1> =x`
	std := base64.StdEncoding.EncodeToString([]byte(secret))
	cases := []struct {
		reason  string
		secrets []string
		text    string
		want    string
	}{
		{"as it is", []string{"hunter22"}, "login hunter22 failed", "login [redacted] failed"},
		{"twice", []string{"hunter22"}, "hunter22hunter22", "[redacted][redacted]"},
		{"base64", []string{secret}, "got " + std, "got [redacted]"},
		{"base64 without padding", []string{secret}, "got " + strings.TrimRight(std, "="), "got [redacted]"},
		{"base64 for URLs", []string{"???>>>~~~aaa"}, base64.URLEncoding.EncodeToString([]byte("???>>>~~~aaa")), "[redacted]"},
		{"a URL's query", []string{secret}, "https://x/?t=" + url.QueryEscape(secret), "https://x/?t=[redacted]"},
		{"a URL's path", []string{secret}, "https://x/" + url.PathEscape(secret), "https://x/[redacted]"},
		{"JSON", []string{secret}, `{"p":` + model.Short(secret) + `}`, `{"p":"[redacted]"}`},
		{"JSON without HTML escapes", []string{secret}, `{"p":"p@ss/w\"ord+<1> =x"}`, `{"p":"[redacted]"}`},
		{"a quoted error", []string{secret}, fmt.Sprintf("invalid value %q", secret), `invalid value "[redacted]"`},
		{"a quoted error with control characters", []string{"a\x01bcdefgh"}, fmt.Sprintf("%q", "a\x01bcdefgh"), `"[redacted]"`},
		{"with blanks around it", []string{"  hunter22\n"}, "x hunter22 y", "x [redacted] y"},
		{"a key's lines by themselves", []string{model.TestPEM}, "bad line MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj in key", "bad line [redacted] in key"},
		{"a key as a whole", []string{model.TestPEM}, "key:\n" + model.TestPEM + "end", "key:\n[redacted]end"},
		{"what a configuration says is hidden where it is said", []string{"mode: production\nlevel: debug of something\n"}, "mode: production", "mode: [redacted]"},
		{"and ordinary words stay elsewhere", []string{"mode: production\nlevel: debug of something\n"}, "level of production", "level of production"},
		{"the longest first", []string{"secret1", "secret1-and-more"}, "secret1-and-more", "[redacted]"},
		{"too short to look for", []string{"admin"}, "admin page", "admin page"},
		{"empty", []string{"", " "}, "a b", "a b"},
		{"nothing known", nil, "anything", "anything"},
	}
	for _, c := range cases {
		if got := (redact.Redactor{}).With(c.secrets...).String(c.text); got != c.want {
			t.Errorf("%s: %s", c.reason, got)
		}
	}
}

// wrappings are the encodings in which others print what they were given.
var wrappings = map[string]func(string) string{
	"as it is":     func(s string) string { return s },
	"in a text":    func(s string) string { return "the value " + s + " was refused" },
	"base64":       func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"raw base64":   func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	"base64 URL":   func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"base64, +1":   func(s string) string { return base64.StdEncoding.EncodeToString([]byte("*" + s + "**")) },
	"base64, +2":   func(s string) string { return base64.StdEncoding.EncodeToString([]byte("**" + s + "*")) },
	"hex":          func(s string) string { return hex.EncodeToString([]byte(s)) },
	"HEX":          func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"query":        url.QueryEscape,
	"path":         url.PathEscape,
	"JSON":         func(s string) string { return model.Short(map[string]any{"a": s}) },
	"Go":           func(s string) string { return fmt.Sprintf("%q", s) },
	"Go, ASCII":    func(s string) string { return fmt.Sprintf("%+q", s) },
	"Go, a struct": func(s string) string { return fmt.Sprintf("%#v", struct{ Value any }{s}) },
	"bytes":        func(s string) string { return fmt.Sprintf("%d", []byte(s)) },
	"Go's bytes":   func(s string) string { return fmt.Sprintf("%#v", []byte(s)) },
	"hex pairs":    func(s string) string { return fmt.Sprintf("% x", s) },
	"HTML":         html.EscapeString,
	"lower case":   strings.ToLower,
	"upper case":   strings.ToUpper,
	"base64 in lines": func(s string) string {
		encoded := base64.StdEncoding.EncodeToString([]byte("some text in front of it: " + s + " and behind it"))
		var lines []string
		for part := range slices.Chunk([]byte(encoded), 16) {
			lines = append(lines, "    "+string(part))
		}
		return "certificate: |\n" + strings.Join(lines, "\n")
	},
	"base64 in lower case": func(s string) string {
		return strings.ToLower(base64.StdEncoding.EncodeToString([]byte(s)))
	},
	"a copy of the object": func(s string) string {
		return model.Short(map[string]any{"kind": "Secret", "data": map[string]any{"a": base64.StdEncoding.EncodeToString([]byte(s))}})
	},
	"a registry's login": func(s string) string {
		auth := base64.StdEncoding.EncodeToString([]byte("robot:" + s))
		return model.Short(map[string]any{"auths": map[string]any{"registry.example.com": map[string]any{"auth": auth}}})
	},
	"a URL": func(s string) string { return "postgres://app:" + url.QueryEscape(s) + "@db:5432/shop" },
}

// Property: whatever others make of a secret, one way or one after the other, nothing is
// left of it: what is printed does not depend on the secret any more.
func TestRedactorFindsAllForms(t *testing.T) {
	t.Parallel()
	names := slices.Sorted(maps.Keys(wrappings))
	rapid.Check(t, func(rt *rapid.T) {
		secret := rapid.StringMatching(`[!-~]([ -~]{8,60})[!-~]`).Draw(rt, "secret")
		others := rapid.SliceOfN(rapid.StringMatching(`[!-~]{6,20}`), 0, 3).Draw(rt, "others")
		chain := rapid.SliceOfN(rapid.SampledFrom(names), 1, 3).Draw(rt, "chain")
		redactor := redact.Redactor{}.With(append(others, secret)...)
		if i := slices.IndexFunc(chain, func(name string) bool { return lossy[name] }); i >= 0 {
			chain = chain[i : i+1]
		}
		said := secret
		for _, name := range chain {
			said = wrappings[name](said)
		}
		got := redactor.String("before " + said + " behind")
		if !strings.Contains(got, drift.Redacted) {
			rt.Fatalf("%v: %q is told as %q", chain, secret, got)
		}
		if again := (redact.Redactor{}).With(secret).String(got); again != got {
			rt.Fatalf("%v: of %q is left: %q", chain, secret, got)
		}
	})
}

// lossy are changes that nobody can undo: another encoding inside them is lost.
var lossy = map[string]bool{"lower case": true, "upper case": true, "base64 in lower case": true}

// Free text is redacted everywhere in a report; identities stay, because a Secret
// whose value happens to be a name must not blank it.
func TestRedactorReport(t *testing.T) {
	t.Parallel()
	const word = "storefront"
	at := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	said := "said " + word
	hidden := "said [redacted]"
	report := func(text string, value any) drift.Report {
		field := drift.ReportField{Path: "/data/" + text, Op: "replace", Desired: value, Live: value, Cause: "live", Manager: text, ManagerClass: "unknown", Note: text}
		rule := drift.ReportRule{Verb: "heal", Reason: text, Rule: "policies/storefront.rego:3", Ref: text}
		return drift.Report{
			Schema: drift.ReportSchema, Cluster: drift.ReportCluster{Name: word, UID: word}, Run: drift.ReportRun{ID: word, Mode: "run"},
			Apps: []drift.ReportApp{{
				Name: word, Path: "apps/storefront", Suspended: text, Warnings: []string{text},
				Revision: drift.ReportRevision{Ref: word, Commit: word, Author: text, Subject: text, Time: at},
				Resources: []drift.ReportResource{{
					Group: word, Version: word, Kind: word, Namespace: word, Name: word, Drift: "modified",
					Reason: text, Error: text, HealthReason: text, Findings: []string{text}, Refused: []string{text},
					Rules: []drift.ReportRule{rule}, Overruled: []drift.ReportRule{rule}, Fields: []drift.ReportField{field}, Ignored: []drift.ReportField{field},
					Origin: drift.Origin{File: "apps/storefront/web.yaml", Chart: word}, Routes: []string{word}, Severity: word,
				}},
			}},
			Errors: []drift.ReportError{{App: word, Stage: "act", Message: text, Hint: text, File: "apps/storefront/web.yaml"}},
		}
	}
	value := func(text string) any {
		return map[string]any{text: []any{text, int64(5), true, nil, map[string]any{"deep": text}}}
	}
	in := report(said, value(said))
	before := model.Short(in)
	got := redact.Redactor{}.With(word).Report(in)
	if diff := cmp.Diff(report(hidden, value(hidden)), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if model.Short(in) != before {
		t.Error("the report was changed in place")
	}
	if diff := cmp.Diff(in, redact.Redactor{}.Report(in)); diff != "" {
		t.Errorf("who knows nothing changes nothing (-want +got):\n%s", diff)
	}
	empty := model.Short(redact.Redactor{}.With(word).Report(drift.Report{Apps: []drift.ReportApp{}, Errors: []drift.ReportError{}}))
	if strings.Contains(empty, `"apps":null`) || strings.Contains(empty, `"errors":null`) {
		t.Errorf("lists are never null: %s", empty)
	}
}
