package notify

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/githost"
	"github.com/killick-dev/killick/internal/testenv/slack"
)

// payloads are what somebody could write into an annotation, a commit subject
// or a file name in order to ping people, fake a link or break the layout.
var payloads = []string{
	"<!channel>", "<!here|here>", "<!everyone>", "<@U0123456789>", "<!subteam^S0123456789>", "<#C0123456789|general>",
	"<https://evil.example/login|Runbook>", "https://evil.example/", "mailto:ceo@example.com", "@here @channel #general",
	"&lt;!channel&gt;", "*bold* _it_ ~no~ `code` ```fence```", ":fire: :rotating_light:", "a\n> quoted\n• faked line",
	"\u202egnp.exe\u202c \u2066x\u2069 \u200b\ufeff\U000e0041", "\x00\x07\x1b[31mred\x7f", "\xff\xfe broken", "", " ",
	strings.Repeat("é🔥\"\\<", 2000),
}

// fillStrings puts text into every string below v, so that a field added to the
// report later is covered as well.
func fillStrings(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(text)
		}
	case reflect.Struct:
		if _, isTime := v.Interface().(time.Time); isTime {
			return
		}
		for i := range v.NumField() {
			fillStrings(v.Field(i), text)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			fillStrings(v.Elem(), text)
		}
	case reflect.Slice:
		for i := range v.Len() {
			fillStrings(v.Index(i), text)
		}
	case reflect.Interface:
		if v.CanSet() {
			v.Set(reflect.ValueOf(any(text)))
		}
	}
}

// hostileReport carries one payload everywhere, except where the report's own
// words decide what kind of message it becomes.
func hostileReport(text string) drift.Report {
	resources := []drift.ReportResource{alertedConfigMap("a"), healedDeployment("b"), failedIngress("c"), prunedService("d")}
	resources[0].Findings, resources[0].Refused = []string{"x"}, []string{"x"}
	resources[0].Fields[0].Note = "x"
	resources[2].HealthReason = "x"
	r := reportOf(appOf("storefront", resources...))
	r.Errors = []drift.ReportError{{App: "x", Stage: "x", Message: "x", File: "x", Hint: "x"}, {}}
	r.Apps[0].Warnings = []string{"x"}
	r.Apps[0].Revision.Web = &githost.Web{}
	r.Run.Config = &drift.ConfigPlace{}
	words := make([]drift.ReportResource, len(resources))
	copy(words, resources)
	fillStrings(reflect.ValueOf(&r).Elem(), text)
	for i := range words {
		got := &r.Apps[0].Resources[i]
		got.Drift, got.Cause, got.Action, got.Outcome = words[i].Drift, words[i].Cause, words[i].Action, words[i].Outcome
		got.Routes = []string{text}
		if strings.HasPrefix(text, "https://") { // a ref is a policy's, and is a link
			for j := range got.Rules {
				got.Rules[j].Ref = ""
			}
			for j := range got.Overruled {
				got.Overruled[j].Ref = ""
			}
		}
		for j := range got.Fields {
			got.Fields[j].Op = words[i].Fields[j].Op
		}
	}
	return r
}

// TestHostileStrings posts every payload in every form through the strict fake:
// nothing is rejected, nobody is mentioned, nothing is a link.
func TestHostileStrings(t *testing.T) {
	for name, configure := range map[string]func(*SlackConfig, *slack.Server){"token": nil, "webhook": webhookMode} {
		for i, text := range payloads {
			t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
				w := newWorkspace(t, slack.Options{}, configure)
				messages, _ := Messages(hostileReport(text), nil, w.config)
				if len(messages) != 2 {
					t.Fatalf("%d messages, want errors and one app", len(messages))
				}
				for _, m := range messages {
					for level, f := range allForms(m) {
						if err := w.sender.poster.post(t.Context(), m.Channel, f); err != nil {
							t.Errorf("form %d of %s: %v %v", level, m.Kind, err, w.Rejected())
						}
					}
					if shown := Text(m); !utf8.ValidString(shown) || strings.ContainsAny(shown, "\x00\x07\x1b\u202e\u2066\u200b") {
						t.Errorf("the terminal text holds control characters: %q", shown)
					}
				}
				for _, m := range w.Messages() {
					if found := append(m.Mentions(), m.Links()...); len(found) > 0 {
						t.Errorf("mentions or links %q in %s", found, m.PlainText())
					}
				}
			})
		}
	}
}

// TestHostileWasRead makes sure that the test above would notice: the same
// payload is a mention when Slack parses it.
func TestHostileWasRead(t *testing.T) {
	w := newWorkspace(t, slack.Options{}, nil)
	messages, _ := Messages(hostileReport("<!channel>"), nil, w.config)
	if err := w.Send(t, messages[1]); err != nil {
		t.Fatal(err)
	}
	text := w.Messages()[0].PlainText()
	if strings.Count(text, "<!channel>") < 10 {
		t.Errorf("the payload is hardly in the message, the test proves little:\n%s", text)
	}
	if found := (slack.Message{Text: text}).Mentions(); len(found) == 0 {
		t.Error("the fake does not find the mention in parsed text")
	}
}

// allForms lays a message out in every way.
func allForms(m Message) []form {
	var all []form
	for _, layout := range layouts {
		all = append(all, layout(m))
	}
	return all
}

// Send delivers one message through the notifier's sender.
func (w *workspace) Send(t *testing.T, m Message) error {
	t.Helper()
	return w.sender.Send(t.Context(), m)
}

// TestLimits posts far too much and checks that Slack takes it as rich text and
// that the numbers of what was cut are exact.
func TestLimits(t *testing.T) {
	wide := strings.Repeat("Größe→", 60)
	tests := []struct {
		name   string
		reason string
		report drift.Report
		shown  int // items visible
	}{
		{"many", "ten resources fit a card", reportOf(appOf("storefront", many(500, "")...)), 10},
		{"wide", "wide values cost items, but at least three are shown", reportOf(appOf("storefront", many(40, wide)...)), 3},
		{"digest", "forty apps fit a digest", reportOf(manyApps(400)...), 40},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorkspace(t, slack.Options{}, nil)
			if _, err := w.Notify(t.Context(), test.report, nil); err != nil {
				t.Fatalf("%s: %v", test.reason, err)
			}
			if got := formOf(w.Messages()); got != "rich" {
				t.Fatalf("delivered as %q, want rich text", got)
			}
			text := w.Messages()[0].PlainText()
			shown := strings.Count(text, "⚠️") - 1 // the headline has one
			if shown < test.shown {
				t.Errorf("%s: %d items shown, want at least %d", test.reason, shown, test.shown)
			}
			total := len(test.report.Apps)
			if total == 1 {
				total = len(test.report.Apps[0].Resources)
			}
			if rest := fmt.Sprintf("…and %d more ", total-shown); !strings.Contains(text, rest) {
				t.Errorf("%s: the message does not say %q:\n%s", test.reason, rest, text)
			}
		})
	}
}

// many are n alerts with a wide value each, and rules and findings to match.
func many(n int, wide string) []drift.ReportResource {
	list := make([]drift.ReportResource, n)
	for i := range list {
		list[i] = alertedConfigMap(fmt.Sprintf("settings-%03d", i))
		list[i].Fields[0].Live = fmt.Sprintf("debug-%03d", i) // equal ones would be one item
		if wide == "" {
			continue
		}
		for range 8 {
			list[i].Fields = append(list[i].Fields, drift.ReportField{Path: "/data/" + wide, Op: "replace", Live: wide, Desired: wide + "!"})
			list[i].Findings = append(list[i].Findings, wide)
			list[i].Rules = append(list[i].Rules, drift.ReportRule{Verb: "alert_only", Reason: wide, Rule: "x.rego:1"})
		}
	}
	return list
}

// TestEveryFormFits checks all forms of all kinds of large messages against the
// fake's limits.
func TestEveryFormFits(t *testing.T) {
	w := newWorkspace(t, slack.Options{}, nil)
	var errs []drift.ReportError
	for i := range 200 {
		errs = append(errs, drift.ReportError{App: fmt.Sprintf("app-%d", i), Stage: "render", Message: strings.Repeat("é", i*20) + fmt.Sprint(i), Hint: "x"})
	}
	report := reportOf(append(manyApps(100), appOf("huge", many(100, strings.Repeat("→", 400))...))...)
	report.Errors = errs
	huge := reportOf(appOf("huge", many(100, strings.Repeat("🔥", 400))...))
	for _, r := range []drift.Report{report, huge} {
		messages, _ := Messages(r, nil, w.config)
		for _, m := range messages {
			for level, f := range allForms(m) {
				if err := w.sender.poster.post(t.Context(), m.Channel, f); err != nil {
					t.Errorf("%s, form %d: %v", m.Kind, level, err)
				}
				if n := utf8.RuneCountInString(f.text); n > textBudget {
					t.Errorf("%s, form %d: the text has %d characters", m.Kind, level, n)
				}
			}
		}
	}
	if diff := cmp.Diff([]string(nil), w.Rejected()); diff != "" {
		t.Errorf("rejected (-want +got):\n%s", diff)
	}
}

// TestBudget sweeps value widths: the blocks never exceed the budget, and come
// close to it before anything is cut.
func TestBudget(t *testing.T) {
	largest := 0
	for width := 0; width < 60; width += 3 {
		messages, _ := Messages(reportOf(appOf("storefront", many(12, strings.Repeat("x", width+1))...)), nil, tokenConfig())
		n := size(richForm(messages[0]).blocks)
		if n > blockBudget {
			t.Errorf("width %d: %d characters of blocks, the budget is %d", width, n, blockBudget)
		}
		largest = max(largest, n)
	}
	if largest < blockBudget*9/10 || blockBudget > 12000 {
		t.Errorf("the largest message has %d of %d characters", largest, blockBudget)
	}
}
