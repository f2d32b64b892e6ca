package drift

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Redacted stands wherever a known secret would have been printed.
const Redacted = "[redacted]"

// minSecret is the shortest text the redactor looks for: shorter ones would
// blank ordinary words.
const minSecret = 6

// minLine is the shortest line of a multi-line secret that is looked for by
// itself. Lines of keys and certificates have 64 characters; those of a
// configuration file ("webhook:") are ordinary words.
const minLine = 24

// Redactor removes known secrets from text. It stands last before every sink.
// The zero Redactor knows no secrets. A Redactor is immutable: With returns a
// new one.
type Redactor struct {
	replacer *strings.Replacer
	known    map[string]bool
}

// With is a redactor that also knows these secrets: as they are, in base64, in
// URL and in JSON escaping, and line by line for multi-line values such as keys.
func (r Redactor) With(secrets ...string) Redactor {
	known := make(map[string]bool, len(r.known)+4*len(secrets))
	for s := range r.known {
		known[s] = true
	}
	for _, secret := range secrets {
		for _, form := range forms(secret) {
			known[form] = true
		}
	}
	ordered := make([]string, 0, len(known))
	for s := range known {
		ordered = append(ordered, s)
	}
	// The longest first: a secret that contains another must go whole.
	sort.Slice(ordered, func(i, j int) bool {
		if len(ordered[i]) != len(ordered[j]) {
			return len(ordered[i]) > len(ordered[j])
		}
		return ordered[i] < ordered[j]
	})
	pairs := make([]string, 0, 2*len(ordered))
	for _, s := range ordered {
		pairs = append(pairs, s, Redacted)
	}
	return Redactor{replacer: strings.NewReplacer(pairs...), known: known}
}

func forms(secret string) []string {
	texts := []string{secret, strings.TrimSpace(secret)}
	for line := range strings.Lines(secret) {
		if trimmed := strings.TrimSpace(line); len(trimmed) >= minLine {
			texts = append(texts, trimmed)
		}
	}
	var out []string
	for _, text := range texts {
		if len(text) < minSecret {
			continue
		}
		raw := []byte(text)
		out = append(out, text, url.QueryEscape(text), url.PathEscape(text),
			base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw),
			base64.URLEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw))
		out = append(out, unquoted(strconv.Quote(text)), unquoted(elementValue(text)))
		if quoted, err := json.Marshal(text); err == nil {
			out = append(out, unquoted(string(quoted)))
		}
	}
	return out
}

// unquoted is a quoted text without its quotes.
func unquoted(s string) string { return strings.TrimSuffix(strings.TrimPrefix(s, `"`), `"`) }

func decodeBase64(s string) []string {
	decoded, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(decoded) == 0 {
		return nil
	}
	return []string{string(decoded)}
}

// String removes every known secret from a text.
func (r Redactor) String(text string) string {
	if r.replacer == nil {
		return text
	}
	return r.replacer.Replace(text)
}

// Report removes every known secret from whatever in a report is free text: all
// values, messages, reasons and paths. Identities (names, kinds, files, rules)
// stay: they are public metadata, and a Secret whose value happens to be the
// word "production" must not blank them.
func (r Redactor) Report(report Report) Report {
	report.Errors = r.errors(report.Errors)
	report.Warnings = r.texts(report.Warnings)
	apps := make([]ReportApp, len(report.Apps))
	for i, app := range report.Apps {
		app.Suspended = r.String(app.Suspended)
		app.Revision.Author, app.Revision.Subject = r.String(app.Revision.Author), r.String(app.Revision.Subject)
		app.Warnings = r.texts(app.Warnings)
		app.Withheld = r.withheld(app.Withheld)
		resources := make([]ReportResource, len(app.Resources))
		for j, resource := range app.Resources {
			resources[j] = r.resource(resource)
		}
		app.Resources = resources
		apps[i] = app
	}
	report.Apps = apps
	return report
}

func (r Redactor) withheld(sets []ReportWithheld) []ReportWithheld {
	out := slices.Clone(sets)
	for i := range out {
		out[i].Reason = r.String(out[i].Reason)
	}
	return out
}

func (r Redactor) errors(errors []ReportError) []ReportError {
	out := make([]ReportError, len(errors))
	for i, e := range errors {
		e.Message, e.Hint = r.String(e.Message), r.String(e.Hint)
		out[i] = e
	}
	return out
}

func (r Redactor) resource(resource ReportResource) ReportResource {
	resource.Reason, resource.Error, resource.Hint = r.String(resource.Reason), r.String(resource.Error), r.String(resource.Hint)
	resource.HealthReason = r.String(resource.HealthReason)
	resource.Rules, resource.Overruled = r.rules(resource.Rules), r.rules(resource.Overruled)
	resource.Fields, resource.Ignored = r.fields(resource.Fields), r.fields(resource.Ignored)
	resource.Findings, resource.Refused = r.texts(resource.Findings), r.texts(resource.Refused)
	return resource
}

func (r Redactor) rules(rules []ReportRule) []ReportRule {
	out := make([]ReportRule, len(rules))
	for i, rule := range rules {
		rule.Reason, rule.Ref = r.String(rule.Reason), r.String(rule.Ref)
		out[i] = rule
	}
	return out
}

func (r Redactor) fields(fields []ReportField) []ReportField {
	if fields == nil {
		return nil
	}
	out := make([]ReportField, len(fields))
	for i, field := range fields {
		field.Path, field.Note = r.String(field.Path), r.String(field.Note)
		field.Manager = r.String(field.Manager)
		field.Desired, field.Live = r.tree(field.Desired), r.tree(field.Live)
		out[i] = field
	}
	return out
}

func (r Redactor) texts(texts []string) []string {
	if texts == nil {
		return nil
	}
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = r.String(text)
	}
	return out
}

func (r Redactor) tree(v any) any {
	switch v := v.(type) {
	case string:
		return r.String(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = r.tree(item)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[r.String(key)] = r.tree(item)
		}
		return out
	}
	return v
}
