package notify

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// TestNormalise checks that messages which differ only in what changes from run
// to run are the same message.
func TestNormalise(t *testing.T) {
	tests := []struct{ reason, a, b string }{
		{"UUIDs", "denied 1b4e28ba-2fa1-11d2-883f-0016d3cca427", "denied 6fa459ea-ee8a-3ca4-894e-db77e160355e"},
		{"request IDs of any alphabet (notification-controller#1386)", "sts failed, RequestID: 5Z3TK", "sts failed, RequestID: 9QW1A"},
		{"JSON request IDs", `{"request_id":"abc-1"}`, `{"request_id":"def-2"}`},
		{"durations (notification-controller#509)", "finished in 2.084434647s", "finished in 1m3.5s"},
		{"timestamps", "since 2026-11-21T02:13:00Z", "since 2026-11-22T03:14:15.123+01:00"},
		{"addresses and ports", "read tcp 10.0.0.1:43512->10.96.0.1:443: reset", "read tcp 10.0.0.2:50001->10.96.0.1:443: reset"},
		{"IPv6", "dial tcp [fe80::1]:443: refused", "dial tcp [fe80::2]:8443: refused"},
		{"hashes", "commit 3f9d2c1aa0b14c7e9f3a not found", "commit 0123456789abcdef0123 not found"},
		{"pointers", "at 0xc000123456", "at 0xc000654321"},
		{"pods of a ReplicaSet", "pod web-7d4b9c6f5d-x2x8z is not ready", "pod web-6c8d5f7b9c-b4t9q is not ready"},
		{"resource versions", "the object changed: 123456", "the object changed: 123999"},
		{"white space", "a  b\n", "a b"},
	}
	for _, test := range tests {
		if a, b := normalise(test.a), normalise(test.b); a != b {
			t.Errorf("%s: %q and %q", test.reason, a, b)
		}
	}
	for _, pair := range [][2]string{
		{"app storefront failed", "app payments failed"},
		{"line 12", "line 13"},
		{"port 80 refused", "port 81 refused"},
	} {
		if normalise(pair[0]) == normalise(pair[1]) {
			t.Errorf("%q and %q are different messages", pair[0], pair[1])
		}
	}
}

// TestResourceFingerprint checks what makes a finding another one.
func TestResourceFingerprint(t *testing.T) {
	base := func() drift.ReportResource {
		r := alertedConfigMap("app")
		r.Fields = append([]drift.ReportField{{Path: "/data/A", Op: "add", Live: "x"}}, r.Fields...)
		return r
	}
	later := runTime.Add(time.Hour)
	tests := []struct {
		reason string
		change func(*drift.ReportResource)
		same   bool
	}{
		{"another live value", func(r *drift.ReportResource) { r.Fields[1].Live = "trace" }, true},
		{"a later write by another manager", func(r *drift.ReportResource) { r.Fields[1].ManagerTime, r.Fields[1].Manager = &later, "k9s" }, true},
		{"first seen", func(r *drift.ReportResource) { r.FirstSeen = &later }, true},
		{"the rule moved in its file", func(r *drift.ReportResource) { r.Rules[0].Rule = "x.rego:99" }, true},
		{"fields in another order", func(r *drift.ReportResource) { r.Fields[0], r.Fields[1] = r.Fields[1], r.Fields[0] }, true},
		{"the served version changed", func(r *drift.ReportResource) { r.Version = "v2" }, true},
		{"an error with another time in it", func(r *drift.ReportResource) { r.Error = "" }, true},
		{"another desired value", func(r *drift.ReportResource) { r.Fields[1].Desired = "warn" }, false},
		{"a field more", func(r *drift.ReportResource) {
			r.Fields = append(r.Fields, drift.ReportField{Path: "/data/B", Op: "add"})
		}, false},
		{"another operation", func(r *drift.ReportResource) { r.Fields[1].Op = "remove" }, false},
		{"another action", func(r *drift.ReportResource) { r.Action = "heal" }, false},
		{"another outcome", func(r *drift.ReportResource) { r.Outcome = "failed" }, false},
		{"an error", func(r *drift.ReportResource) { r.Error = "denied" }, false},
		{"a refusal", func(r *drift.ReportResource) { r.Refused = []string{"P6"} }, false},
		{"a finding", func(r *drift.ReportResource) { r.Findings = []string{"label stripped"} }, false},
		{"an approval", func(r *drift.ReportResource) { r.Approval = "0123" }, false},
		{"another namespace", func(r *drift.ReportResource) { r.Namespace = "other" }, false},
		{"another group", func(r *drift.ReportResource) { r.Group = "other" }, false},
	}
	want := resourceFingerprint(base())
	for _, test := range tests {
		r := base()
		test.change(&r)
		if same := resourceFingerprint(r) == want; same != test.same {
			t.Errorf("%s: same finding is %v, want %v", test.reason, same, test.same)
		}
	}

	secret := base()
	secret.Kind = "Secret"
	secret.Fields[1].Desired = "redacted #1"
	other := base()
	other.Kind = "Secret"
	other.Fields[1].Desired = "redacted #2"
	if resourceFingerprint(secret) != resourceFingerprint(other) {
		t.Error("a redaction marker makes a Secret another finding")
	}
}

// TestErrorFingerprint checks what makes an error another one.
func TestErrorFingerprint(t *testing.T) {
	base := drift.ReportError{App: "a", Stage: "render", Message: "bad", File: "x.yaml:3", Hint: "h"}
	moved, elsewhere, other, hint := base, base, base, base
	moved.File, elsewhere.File, other.Message, hint.Hint = "x.yaml:30:2", "y.yaml:3", "worse", "i"
	if errorFingerprint(base) != errorFingerprint(moved) || errorFingerprint(base) != errorFingerprint(hint) {
		t.Error("a moved line or another hint makes it another error")
	}
	if errorFingerprint(base) == errorFingerprint(elsewhere) || errorFingerprint(base) == errorFingerprint(other) {
		t.Error("another file or message is the same error")
	}
}

// TestLedger checks that ledgers survive storage, and that anything else reads
// as an empty one.
func TestLedger(t *testing.T) {
	all := []ledger{
		{},
		{open: []string{"AAAAAAAA", "BBBBBBBB!"}},
		{done: []string{"CCCCCCCC"}},
		{open: []string{"AAAA"}, done: []string{"B"}, missed: map[string]int{"healed": 2, "would be pruned": 1}, since: "2026-11-21 02:13 UTC"},
	}
	for _, want := range all {
		if diff := cmp.Diff(want, parseLedger(want.String()), cmp.AllowUnexported(ledger{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", want.String(), diff)
		}
	}
	for _, foreign := range []string{"", "deadbeef", "v2 open=A", "open=A", "v1", "v1 missed=x:y"} {
		if l := parseLedger(foreign); !l.empty() {
			t.Errorf("parseLedger(%q) = %+v, want an empty ledger", foreign, l)
		}
	}
}
