package notify

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// TestOneSentenceOnce: error, refusal, finding, reason and rules often carry one text.
func TestOneSentenceOnce(t *testing.T) {
	const denied = `the webhook "limits.example.com" denied the request: the memory limit is missing`
	base := func(change func(*drift.ReportResource)) drift.ReportResource {
		r := failedIngress("shop")
		r.Fields, r.Error, r.Origin = nil, "", drift.Origin{}
		change(&r)
		return r
	}
	tests := []struct {
		name   string
		reason string
		of     drift.ReportResource
		want   []string
	}{
		{"hint", "what to do stands below what went wrong", base(func(r *drift.ReportResource) {
			r.Error, r.Hint = "applying: denied", "set a memory limit"
		}), []string{"error: applying: denied", "hint: set a memory limit", "rule sync: Git moved (builtin/baseline/baseline.rego:10)"}},
		{"reason in the error", "an outcome's reason is the error's end", base(func(r *drift.ReportResource) {
			r.Error, r.Reason = "applying: "+denied, denied
		}), []string{"error: applying: " + denied, "rule sync: Git moved (builtin/baseline/baseline.rego:10)"}},
		{"refused twice", "guard and finding say one thing", base(func(r *drift.ReportResource) {
			r.Refused, r.Findings, r.Reason = []string{denied, denied}, []string{denied}, denied
		}), []string{"refused: " + denied, "rule sync: Git moved (builtin/baseline/baseline.rego:10)"}},
		{"two rules, one reason", "the place tells them apart", base(func(r *drift.ReportResource) {
			r.Overruled = []drift.ReportRule{{Verb: "heal", Reason: "Git moved", Rule: "policies/drift/shop/shop.rego:7"}}
		}), []string{"rule sync: Git moved (builtin/baseline/baseline.rego:10)", "overruled heal (policies/drift/shop/shop.rego:7)"}},
		{"a hint that the error gives", "not repeated", base(func(r *drift.ReportResource) {
			r.Error, r.Hint = "applying: denied: "+denied, denied
		}), []string{"error: applying: denied: " + denied, "rule sync: Git moved (builtin/baseline/baseline.rego:10)"}},
		{"a short text inside a long one", "stays: it may be chance", base(func(r *drift.ReportResource) {
			r.Error, r.Findings = "the port 80 is taken", []string{"port 80"}
		}), []string{"error: the port 80 is taken", "port 80", "rule sync: Git moved (builtin/baseline/baseline.rego:10)"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, _ := judge(test.of)
			var got []string
			for _, l := range findingItem(f, false).lines {
				got = append(got, l.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

// TestLongMessageKeepsItsCause: "doing what: cause" has the cause at its end.
func TestLongMessageKeepsItsCause(t *testing.T) {
	text := "applying Deployment shop/web: " + strings.Repeat("and ", 200) + "the quota is used up"
	got := message(text)
	if !strings.HasPrefix(got, "applying Deployment shop/web: ") || !strings.HasSuffix(got, " the quota is used up") {
		t.Errorf("got %q", got)
	}
	if n := len([]rune(got)); n != lineLimit {
		t.Errorf("got %d runes, want %d", n, lineLimit)
	}
}

// TestWhoComesFirst: the first name in a card is taken for whoever did it.
func TestWhoComesFirst(t *testing.T) {
	const author, committed, manager = "by Jane Doe", `"bump api to 1.8"`, "field manager kubectl-edit"
	both := alertedConfigMap("both")
	both.Cause = "both"
	tests := []struct {
		name   string
		reason string
		apps   []drift.ReportResource
		order  []string // in this order
		never  string
	}{
		{"drift", "nobody who committed has to do with it", []drift.ReportResource{alertedConfigMap("app")}, []string{manager, committed}, author},
		{"both", "the hand first, then the commit", []drift.ReportResource{both}, []string{manager, committed, author}, ""},
		{"drift and a rollout that failed", "the same over several objects", []drift.ReportResource{failedIngress("shop"), alertedConfigMap("app")},
			[]string{manager, committed, author}, ""},
		{"a rollout that failed", "the commit is what happened", []drift.ReportResource{failedIngress("shop")}, []string{committed, author, "Ingress"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			messages, _ := Messages(reportOf(appOf("storefront", test.apps...)), nil, tokenConfig())
			text, from := Text(messages[0]), 0
			for _, want := range test.order {
				at := strings.Index(text, want)
				if at < from {
					t.Fatalf("%s: %q is missing or too early in\n%s", test.reason, want, text)
				}
				from = at
			}
			if test.never != "" && strings.Contains(text, test.never) {
				t.Errorf("%s: %q stands in\n%s", test.reason, test.never, text)
			}
		})
	}
}
