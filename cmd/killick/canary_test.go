package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/internal/report"
	"github.com/killick-dev/killick/internal/testenv/slack"
	"github.com/killick-dev/killick/notify"
)

// The values of the Secret whose traces must not be seen: a long one, one with characters
// that encodings escape, and one too short to look for but beside its key.
const (
	canaryToken = "canary-7Hq2vXn0-token"
	canaryPass  = `canary+pa"ss\w/rd&<x>`
	canaryPin   = "4711"
)

func encoded64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// escapedJSON is a text as a JSON string in which every character is escaped.
func escapedJSON(text string) string {
	var b strings.Builder
	for _, r := range text {
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return `"` + b.String() + `"`
}

// hidings are the ways in which a text with a Secret's values stands in another object. What
// views take apart is base64, JSON in a text, maps and lists, after the redactor has seen
// the whole.
func hidings(t *testing.T) map[string]func(token, pass, pin string) any {
	t.Helper()
	asJSON := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	config := func(token, pass, pin string) string {
		return "mode: production\ntoken: " + token + "\npassword: " + pass + "\nDB_PIN=" + pin + "\nport: 5432\n"
	}
	lastApplied := func(token, pass, pin string) string {
		return asJSON(map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "login"},
			"data":       map[string]any{"token": encoded64(token), "password": encoded64(pass), "DB_PIN": encoded64(pin)},
			"stringData": map[string]any{"token": token, "password": pass, "DB_PIN": pin}})
	}
	return map[string]func(token, pass, pin string) any{
		"plain":                        func(a, b, c string) any { return config(a, b, c) },
		"base64":                       func(a, b, c string) any { return encoded64(config(a, b, c)) },
		"base64 at another alignment":  func(a, b, c string) any { return encoded64("x" + config(a, b, c)) },
		"base64 in lines":              func(a, b, c string) any { return wrapped(encoded64(config(a, b, c))) },
		"base64 of base64":             func(a, b, c string) any { return encoded64(encoded64(config(a, b, c))) },
		"base64 of base64 of base64":   func(a, b, c string) any { return encoded64(encoded64(encoded64(config(a, b, c)))) },
		"base64 for URLs":              func(a, b, c string) any { return base64.RawURLEncoding.EncodeToString([]byte(config(a, b, c))) },
		"base64 of the value alone":    func(a, b, c string) any { return []any{encoded64(a), encoded64(b)} },
		"base64 of JSON":               func(a, b, c string) any { return encoded64(lastApplied(a, b, c)) },
		"base64 in JSON in base64":     func(a, b, c string) any { return encoded64(asJSON(map[string]any{"v": encoded64(config(a, b, c))})) },
		"JSON":                         func(a, b, c string) any { return lastApplied(a, b, c) },
		"JSON in JSON":                 func(a, b, c string) any { return asJSON(map[string]any{"last": lastApplied(a, b, c)}) },
		"JSON in JSON in JSON":         func(a, b, c string) any { return asJSON([]any{asJSON(map[string]any{"last": lastApplied(a, b, c)})}) },
		"JSON with escaped characters": func(a, b, c string) any { return `{"token": ` + escapedJSON(a) + `, "x": ` + escapedJSON(b) + `}` },
		"base64 of escaped JSON": func(a, b, c string) any {
			return encoded64(`{"token": ` + escapedJSON(a) + `, "x": ` + escapedJSON(b) + `}`)
		},
		"a map": func(a, b, c string) any {
			return map[string]any{"token": a, "DB_PIN": c, "nested": []any{b, encoded64(a)}}
		},
		"a list of variables": func(a, b, c string) any {
			return []any{map[string]any{"name": "TOKEN", "value": a}, map[string]any{"name": "DB_PIN", "value": c}, map[string]any{"name": "P", "value": b}}
		},
		"a URL": func(a, b, c string) any { return "https://u:" + url.QueryEscape(b) + "@x.example.com/?t=" + a },
		"base64 of a URL": func(a, b, c string) any {
			return encoded64("https://u:" + url.QueryEscape(b) + "@x.example.com/?t=" + a)
		},
		"hex":                 func(a, b, c string) any { return hex.EncodeToString([]byte(config(a, b, c))) },
		"base64 of hex":       func(a, b, c string) any { return encoded64(hex.EncodeToString([]byte(a + b))) },
		"a long line":         func(a, b, c string) any { return strings.Repeat("x ", 400) + a + " " + b + strings.Repeat(" y", 400) },
		"base64 of long text": func(a, b, c string) any { return encoded64(strings.Repeat("line\n", 300) + config(a, b, c)) },
	}
}

// wrapped is a text in lines of 76 characters, as MIME has them.
func wrapped(text string) string {
	var b strings.Builder
	for len(text) > 76 {
		b.WriteString(text[:76] + "\n")
		text = text[76:]
	}
	return b.String() + text + "\n"
}

var (
	base64Run = regexp.MustCompile(`[A-Za-z0-9+/_-]{12,}`)
	hexRun    = regexp.MustCompile(`(?:[0-9a-f]{2}){8,}`)
	unicodeOf = regexp.MustCompile(`\\+u([0-9a-f]{4})`)
	lineEnds  = regexp.MustCompile(`([A-Za-z0-9+/]{60})(?:\\+n|\s)+`)
)

// told finds what must not be seen in a view, also by somebody who decodes what is shown:
// base64 at any alignment and in lines, hex, escapes and percent signs, one in another.
func told(view string, depth int) string { return search{}.told(view, depth) }

// search remembers what it has decoded: most texts stand in a report many times.
type search map[string]bool

func (seen search) told(view string, depth int) string {
	if seen[view] {
		return ""
	}
	seen[view] = true
	plain := unicodeOf.ReplaceAllStringFunc(view, func(escape string) string {
		code, err := strconv.ParseUint(escape[len(escape)-4:], 16, 16)
		if err != nil {
			return escape
		}
		return string(rune(code))
	})
	readings := []string{plain, strings.ReplaceAll(plain, `\`, "")}
	if text, err := url.QueryUnescape(plain); err == nil {
		readings = append(readings, text)
	}
	for _, reading := range readings {
		for _, form := range []string{canaryToken, canaryPass, strings.ReplaceAll(canaryPass, `\`, "")} {
			if strings.Contains(reading, form) {
				return form
			}
		}
		if found := pinShown.FindString(reading); found != "" {
			return found
		}
	}
	if depth == 0 {
		return ""
	}
	for _, raw := range decodings(lineEnds.ReplaceAllString(plain, "$1")) {
		if form := seen.told(raw, depth-1); form != "" {
			return form
		}
	}
	return ""
}

// decodings are the texts that stand in another as hex or base64.
func decodings(text string) []string {
	var found []string
	keep := func(raw []byte, err error) {
		if err == nil && printable(raw) {
			found = append(found, string(raw))
		}
	}
	for _, run := range hexRun.FindAllString(text, -1) {
		keep(hex.DecodeString(run))
	}
	seen := map[string]bool{}
	for _, run := range base64Run.FindAllString(strings.NewReplacer("-", "+", "_", "/").Replace(text), -1) {
		if seen[run] {
			continue
		}
		seen[run] = true
		for shift := range 4 {
			part := run[shift:]
			keep(base64.StdEncoding.DecodeString(part[:len(part)/4*4]))
		}
	}
	return found
}

// pinShown is the short value beside its key.
var pinShown = regexp.MustCompile(`DB_PIN["\\]*[:=] *["\\]*` + canaryPin + `|name["\\]*: *["\\]*DB_PIN["\\]*, *["\\]*value["\\]*: *["\\]*` + canaryPin)

// printable says that decoded bytes are mostly text: the first may belong to what stood
// before them.
func printable(raw []byte) bool {
	odd := 0
	for _, b := range raw {
		if b < ' ' && b != '\n' && b != '\t' || b >= 0x7f {
			odd++
		}
	}
	return len(raw) > 0 && 4*odd < len(raw)
}

// canaryReport has the values wherever a report holds free text or values of fields.
func canaryReport(hide func(token, pass, pin string) any) drift.Report {
	with, without := hide(canaryToken, canaryPass, canaryPin), hide("a-harmless-token-here", "a-harmless-password", "1111")
	said := fmt.Sprint(with)
	resource := func(kind, name string, field drift.ReportField) drift.ReportResource {
		field.Op, field.Cause, field.Manager, field.ManagerClass = "replace", "live", "kubectl-edit", "interactive"
		return drift.ReportResource{Version: "v1", Kind: kind, Namespace: "shop", Name: name, Drift: "modified", Cause: "live",
			Action: "alert-only", Outcome: "skipped", Fields: []drift.ReportField{field}}
	}
	resources := []drift.ReportResource{
		resource("ConfigMap", "live", drift.ReportField{Path: "/data/x", Live: with, Desired: without}),
		resource("ConfigMap", "git", drift.ReportField{Path: "/data/x", Live: without, Desired: with}),
		resource("ConfigMap", "both", drift.ReportField{Path: "/data/x", Live: with, Desired: hide(canaryToken, canaryPass+"2", canaryPin)}),
		resource("ConfigMap", "added", drift.ReportField{Path: "/data/x", Live: with}),
		resource("ConfigMap", "annotated", drift.ReportField{Path: "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration", Live: with, Desired: without}),
		resource("Secret", "data", drift.ReportField{Path: "/data/token", Live: encoded64(canaryToken), Desired: encoded64("other")}),
		resource("Secret", "stringData", drift.ReportField{Path: "/stringData", Live: map[string]any{"token": canaryToken, "password": canaryPass, "DB_PIN": canaryPin}}),
	}
	texts := resource("ConfigMap", "texts", drift.ReportField{Path: "/data/x", Live: "a", Desired: "b"})
	texts.Reason, texts.Error, texts.Hint, texts.Explanation = "because "+said, "refused: "+said, said, said
	texts.Rules = []drift.ReportRule{{Verb: "alert_only", Reason: said, Rule: "policies/a.rego:1"}}
	texts.Findings, texts.Refused, texts.Health, texts.HealthReason = []string{said}, []string{said}, drift.HealthFailed, said
	texts.Ignored = resources[0].Fields
	resources = append(resources, texts)
	return drift.Report{
		Schema: drift.ReportSchema, Cluster: drift.ReportCluster{Name: "test"}, Run: drift.ReportRun{ID: "r", Mode: "run", ExitCode: 4},
		Apps: []drift.ReportApp{{Name: "shop", Complete: true, Suspended: said, Warnings: []string{said}, Health: drift.HealthFailed,
			Revision:  drift.ReportRevision{Ref: "main", Commit: strings.Repeat("a", 40), Author: said, Subject: said},
			Unhealthy: []drift.ReportHealth{{Kind: "Boat", Namespace: "shop", Name: "b", Health: drift.HealthFailed, Reason: said}}, UnhealthyTotal: 1,
			Withheld: []drift.ReportWithheld{{Guard: drift.GuardBudget, Reason: said, Hash: "h", Objects: []drift.ReportDeletion{}}}, Resources: resources}},
		Errors: []drift.ReportError{{Stage: "cluster", Message: said, Hint: said}}, Warnings: []string{said},
	}
}

// TestCanaryInViews: views take values apart after the redactor has seen them (base64, JSON
// in a text, elements, windows). None of them may show what stood in a Secret, however it
// was wrapped.
func TestCanaryInViews(t *testing.T) {
	secret := map[string]any{"data": map[string]any{"token": encoded64(canaryToken), "DB_PIN": encoded64(canaryPin)},
		"stringData": map[string]any{"password": canaryPass}}
	redactor := redact.Redactor{}.WithValues(redact.SecretValues(drift.ID{Kind: "Secret", Namespace: "shop", Name: "login"}, secret)...)
	for name, hide := range hidings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := canaryReport(hide)
			clean := redactor.Report(raw)
			views := map[string]string{}
			for _, format := range report.Formats() {
				widths := []int{100}
				if format == report.FormatText {
					widths = []int{40, 100, report.LogWidth}
				}
				for _, width := range widths {
					var b bytes.Buffer
					if err := report.Write(&b, clean, report.Options{Format: format, Width: width}); err != nil {
						t.Fatal(err)
					}
					views[fmt.Sprintf("%s, %d wide", format, width)] = b.String()
				}
			}
			var explain bytes.Buffer
			if err := report.Write(&explain, clean, report.Options{Width: 100, Excerpt: true}); err != nil {
				t.Fatal(err)
			}
			views["explain"] = explain.String()
			views["Slack"] = posted(t, clean)
			for view, text := range views {
				if form := told(text, 4); form != "" {
					t.Errorf("%s shows %s:\n%s", view, form, around(text, form))
				}
			}
		})
	}
}

// TestCanaryIsSeenWithoutTheRedactor: what the test looks for is there to be found.
func TestCanaryIsSeenWithoutTheRedactor(t *testing.T) {
	for name, hide := range hidings(t) {
		raw := canaryReport(hide)
		// The Secrets among them, and what is quoted from their values, would hide a miss.
		raw = drift.Report{Apps: []drift.ReportApp{{Resources: []drift.ReportResource{{Kind: "ConfigMap", Name: "live", Fields: raw.Apps[0].Resources[0].Fields}}}}}
		var b bytes.Buffer
		if err := report.Write(&b, raw, report.Options{Format: report.FormatJSON}); err != nil {
			t.Fatal(err)
		}
		if told(b.String(), 4) == "" {
			t.Errorf("%s: the report shows nothing to hide", name)
		}
	}
}

// around is the part of a text about what was found.
func around(text, form string) string {
	at := max(0, strings.Index(text, form))
	return text[max(0, at-150):min(len(text), at+150)]
}

// posted is everything that Slack gets about a report.
func posted(t *testing.T, r drift.Report) string {
	t.Helper()
	server, err := slack.Start(slack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	notifier, err := notify.New(notify.Config{Slack: notify.SlackConfig{TokenFile: "token", APIURL: server.APIURL(),
		Routes: map[string]notify.Route{notify.DefaultRoute: {Channel: slack.DefaultChannel}}}},
		notify.Options{ReadFile: func(string) ([]byte, error) { return []byte(slack.DefaultToken), nil }})
	if err != nil {
		t.Fatal(err)
	}
	state, err := notifier.Notify(t.Context(), r, nil)
	if err != nil {
		t.Fatal(err)
	}
	sent := server.Messages()
	if len(sent) == 0 {
		t.Fatal("Slack was told nothing")
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	for _, message := range sent {
		b.WriteString(message.PlainText())
		if err := encoder.Encode(message.Blocks); err != nil {
			t.Fatal(err)
		}
	}
	return b.String() + fmt.Sprint(state)
}
