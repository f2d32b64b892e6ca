package drift

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
)

const testPEM = `-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj
MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu
-----END PRIVATE KEY-----
`

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
		{"JSON", []string{secret}, `{"p":` + short(secret) + `}`, `{"p":"[redacted]"}`},
		{"JSON without HTML escapes", []string{secret}, `{"p":"p@ss/w\"ord+<1> =x"}`, `{"p":"[redacted]"}`},
		{"a quoted error", []string{secret}, fmt.Sprintf("invalid value %q", secret), `invalid value "[redacted]"`},
		{"a quoted error with control characters", []string{"a\x01bcdefgh"}, fmt.Sprintf("%q", "a\x01bcdefgh"), `"[redacted]"`},
		{"with blanks around it", []string{"  hunter22\n"}, "x hunter22 y", "x [redacted] y"},
		{"a key's lines by themselves", []string{testPEM}, "bad line MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj in key", "bad line [redacted] in key"},
		{"a key as a whole", []string{testPEM}, "key:\n" + testPEM + "end", "key:\n[redacted]end"},
		{"what a configuration says is hidden where it is said", []string{"mode: production\nlevel: debug of something\n"}, "mode: production", "mode: [redacted]"},
		{"and ordinary words stay elsewhere", []string{"mode: production\nlevel: debug of something\n"}, "level of production", "level of production"},
		{"the longest first", []string{"secret1", "secret1-and-more"}, "secret1-and-more", "[redacted]"},
		{"too short to look for", []string{"admin"}, "admin page", "admin page"},
		{"empty", []string{"", " "}, "a b", "a b"},
		{"nothing known", nil, "anything", "anything"},
	}
	for _, c := range cases {
		if got := (Redactor{}).With(c.secrets...).String(c.text); got != c.want {
			t.Errorf("%s: %s", c.reason, got)
		}
	}
}

func TestRedactorIsImmutable(t *testing.T) {
	t.Parallel()
	first := Redactor{}.With("hunter22")
	second := first.With("letmein99")
	if got := first.String("hunter22 letmein99"); got != "[redacted] letmein99" {
		t.Errorf("the first learned from the second: %s", got)
	}
	if got := second.String("hunter22 letmein99"); got != "[redacted] [redacted]" {
		t.Errorf("the second forgot: %s", got)
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
	"JSON":         func(s string) string { return short(map[string]any{"a": s}) },
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
		return short(map[string]any{"kind": "Secret", "data": map[string]any{"a": base64.StdEncoding.EncodeToString([]byte(s))}})
	},
	"a registry's login": func(s string) string {
		auth := base64.StdEncoding.EncodeToString([]byte("robot:" + s))
		return short(map[string]any{"auths": map[string]any{"registry.example.com": map[string]any{"auth": auth}}})
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
		redactor := Redactor{}.With(append(others, secret)...)
		if i := slices.IndexFunc(chain, func(name string) bool { return lossy[name] }); i >= 0 {
			chain = chain[i : i+1]
		}
		said := secret
		for _, name := range chain {
			said = wrappings[name](said)
		}
		got := redactor.String("before " + said + " behind")
		if !strings.Contains(got, Redacted) {
			rt.Fatalf("%v: %q is told as %q", chain, secret, got)
		}
		if again := (Redactor{}).With(secret).String(got); again != got {
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
	report := func(text string, value any) Report {
		field := ReportField{Path: "/data/" + text, Op: "replace", Desired: value, Live: value, Cause: "live", Manager: text, ManagerClass: "unknown", Note: text}
		rule := ReportRule{Verb: "heal", Reason: text, Rule: "policies/storefront.rego:3", Ref: text}
		return Report{
			Schema: ReportSchema, Cluster: ReportCluster{Name: word, UID: word}, Run: ReportRun{ID: word, Mode: "run"},
			Apps: []ReportApp{{
				Name: word, Path: "apps/storefront", Suspended: text, Warnings: []string{text},
				Revision: ReportRevision{Ref: word, Commit: word, Author: text, Subject: text, Time: at},
				Resources: []ReportResource{{
					Group: word, Version: word, Kind: word, Namespace: word, Name: word, Drift: "modified",
					Reason: text, Error: text, HealthReason: text, Findings: []string{text}, Refused: []string{text},
					Rules: []ReportRule{rule}, Overruled: []ReportRule{rule}, Fields: []ReportField{field}, Ignored: []ReportField{field},
					Origin: Origin{File: "apps/storefront/web.yaml", Chart: word}, Routes: []string{word}, Severity: word,
				}},
			}},
			Errors: []ReportError{{App: word, Stage: "act", Message: text, Hint: text, File: "apps/storefront/web.yaml"}},
		}
	}
	value := func(text string) any {
		return map[string]any{text: []any{text, int64(5), true, nil, map[string]any{"deep": text}}}
	}
	in := report(said, value(said))
	before := short(in)
	got := Redactor{}.With(word).Report(in)
	if diff := cmp.Diff(report(hidden, value(hidden)), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if short(in) != before {
		t.Error("the report was changed in place")
	}
	if diff := cmp.Diff(in, Redactor{}.Report(in)); diff != "" {
		t.Errorf("who knows nothing changes nothing (-want +got):\n%s", diff)
	}
	empty := short(Redactor{}.With(word).Report(Report{Apps: []ReportApp{}, Errors: []ReportError{}}))
	if strings.Contains(empty, `"apps":null`) || strings.Contains(empty, `"errors":null`) {
		t.Errorf("lists are never null: %s", empty)
	}
}

// A text with every sort of escape in it costs little: encodings that do not depend on each
// other are undone once, not in every order.
func TestRedactorReadsOnce(t *testing.T) {
	t.Parallel()
	redactor := Redactor{}.With("hunter22-hunter22")
	look := search{Redactor: redactor, blind: true}
	text := []byte(strings.Repeat(`\u0025%25+&amp;\\ `, 50))
	if look.in(&unveiled{text: text, blind: true}, mostUnveilings) {
		t.Error("there is no secret in it")
	}
	if len(look.read) > 100 {
		t.Errorf("%d readings of one text", len(look.read))
	}
}
