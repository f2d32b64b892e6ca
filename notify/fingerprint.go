package notify

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// fingerprint identifies one thing that was told. It is short, since a ledger
// keeps one per open resource: 48 bits, where a collision would at worst hide
// one message.
func fingerprint(parts ...any) string {
	// Marshalling plain strings and slices cannot fail; a value that cannot be
	// marshalled was not in a report that round-trips through JSON.
	encoded, err := json.Marshal(parts)
	if err != nil {
		encoded = []byte(err.Error())
	}
	sum := sha256.Sum256(encoded)
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

// resourceFingerprint covers what a person would call the same finding: which
// object, how it differs, what Git wants there and what was decided and done.
// Live values are left out so that a flapping value is one finding; times,
// durations, field managers, revisions and rule lines are left out as well.
func resourceFingerprint(resource drift.ReportResource) string {
	fields := make([][]any, 0, len(resource.Fields))
	for _, field := range resource.Fields {
		desired := field.Desired
		if resource.Group == "" && resource.Kind == "Secret" {
			desired = nil // a marker for a redacted value need not be stable
		}
		fields = append(fields, []any{field.Path, field.Op, desired})
	}
	slices.SortFunc(fields, func(a, b []any) int {
		return strings.Compare(a[0].(string)+" "+a[1].(string), b[0].(string)+" "+b[1].(string))
	})
	return fingerprint(resource.ID(), resource.Drift, resource.Action, resource.Outcome, fields,
		normaliseAll(resource.Findings), normaliseAll(resource.Refused), normalise(resource.Error),
		resource.Approval, unhealthy(resource))
}

var lineNumber = regexp.MustCompile(`(:\d+)+$`)

// errorFingerprint covers stage, app, file and the message without what changes
// from run to run. The line number is left out: an edit above it is not news.
func errorFingerprint(e drift.ReportError) string {
	return fingerprint(e.App, e.Stage, lineNumber.ReplaceAllString(e.File, ""), normalise(e.Message))
}

// volatile are the parts of messages that differ each time although nothing
// does: request IDs, times, addresses, hashes, pod names, counters (reports of
// floods caused by each: fluxcd/notification-controller#509 and #1386).
var volatile = []struct {
	pattern     *regexp.Regexp
	placeholder string
}{
	{regexp.MustCompile(`(?i)\b(request|trace|correlation)[-_ ]?id["']?[:=]?\s*["']?[^\s"',;)]+`), "REQUEST"},
	{regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "UUID"},
	{regexp.MustCompile(`\b\d{4}[-/]\d{2}[-/]\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?( ?(Z|UTC|[+-]\d{2}:?\d{2}))?`), "TIME"},
	{regexp.MustCompile(`\b\d{1,2}:\d{2}:\d{2}(\.\d+)?\b`), "TIME"},
	{regexp.MustCompile(`\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b`), "ADDRESS"},
	{regexp.MustCompile(`(?i)\[[0-9a-f:]*:[0-9a-f:]*\](:\d+)?`), "ADDRESS"},
	{regexp.MustCompile(`\b(\d+(\.\d+)?(ns|µs|μs|us|ms|s|m|h))+\b`), "DURATION"},
	// A pod of a ReplicaSet: the alphabet is k8s.io/apimachinery/pkg/util/rand's.
	{regexp.MustCompile(`-[bcdfghjklmnpqrstvwxz2456789]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b`), "-POD"},
	{regexp.MustCompile(`(?i)\b(0x)?[0-9a-f]{8,}\b`), "HEX"},
	{regexp.MustCompile(`\b\d{4,}\b`), "NUMBER"},
	{regexp.MustCompile(`\s+`), " "},
}

// normalise replaces the volatile parts of a message by placeholders.
func normalise(message string) string {
	for _, v := range volatile {
		message = v.pattern.ReplaceAllString(message, v.placeholder)
	}
	return strings.TrimSpace(message)
}

func normaliseAll(messages []string) []string {
	normal := make([]string, len(messages))
	for i, message := range messages {
		normal[i] = normalise(message)
	}
	slices.Sort(normal)
	return normal
}
