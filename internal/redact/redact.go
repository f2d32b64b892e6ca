package redact

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// minSecret is the shortest text the redactor looks for by itself, in bytes: shorter
// ones would blank ordinary words. They are hidden beside their key.
const minSecret = 6

// Redactor removes known secrets from text. It stands last before every sink. A secret
// is found in every encoding that a reading of the text can undo, in either case, and
// in parts: the lines of a key, the password in a URL, the values of a configuration.
// The zero Redactor knows no secrets. A Redactor is immutable: With returns a new one.
type Redactor struct {
	learnt map[drift.SecretValue]bool
	// starts are the texts to look for by their first bytes, in lower case, the longest
	// first; sieve answers faster that there is none.
	starts map[uint64][]string
	sieve  []uint64
	beside map[string][]beside // by name
	short  map[string]bool     // whole values that are too short to look for, in lower case
	// told are the texts of one report: most of them stand there many times.
	told map[string]string
}

// With is a redactor that also knows these secrets, of which no key is known.
func (r Redactor) With(secrets ...string) Redactor {
	values := make([]drift.SecretValue, len(secrets))
	for i, secret := range secrets {
		values[i].Value = secret
	}
	return r.WithValues(values...)
}

// WithValues is a redactor that also knows these secrets.
func (r Redactor) WithValues(values ...drift.SecretValue) Redactor {
	return r.with(learner.learn, values)
}

// with learns values in one of the learner's ways.
func (r Redactor) with(learn func(learner, drift.SecretValue), values []drift.SecretValue) Redactor {
	l := learner{learnt: maps.Clone(r.learnt), short: maps.Clone(r.short), sought: map[string]bool{}, beside: map[string][]beside{}}
	if l.learnt == nil {
		l.learnt, l.short = map[drift.SecretValue]bool{}, map[string]bool{}
	}
	for _, texts := range r.starts {
		for _, text := range texts {
			l.sought[text] = true
		}
	}
	for key, all := range r.beside {
		l.beside[key] = slices.Clone(all)
	}
	for _, value := range values {
		learn(l, value)
	}
	next := Redactor{learnt: l.learnt, beside: l.beside, short: l.short, starts: make(map[uint64][]string, len(l.sought))}
	next.sieve = make([]uint64, 1<<bits.Len(uint(len(l.sought)/2+64)))
	for text := range l.sought {
		start := startOf(text)
		next.starts[start] = append(next.starts[start], text)
		word, bit := next.place(start)
		next.sieve[word] |= bit
	}
	for _, texts := range next.starts {
		slices.SortFunc(texts, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	}
	return next
}

// startOf packs the first bytes of a text of at least minSecret bytes.
func startOf(text string) uint64 {
	var start uint64
	for i := range minSecret {
		start = start<<8 | uint64(text[i])
	}
	return start
}

// place is where the sieve has its bit for a start.
func (r Redactor) place(start uint64) (word int, bit uint64) {
	mixed := start * 0x9e3779b97f4a7c15 // Fibonacci hashing
	return int(mixed>>32) & (len(r.sieve) - 1), 1 << (mixed >> 26 & 63)
}

// span is a part of a text, as byte offsets.
type span struct{ from, to int }

// String removes every known secret from a text.
func (r Redactor) String(text string) string {
	if len(r.learnt) == 0 || text == "" {
		return text
	}
	clean, known := r.told[text]
	if known {
		return clean
	}
	clean = r.clean(text)
	if r.told != nil {
		r.told[text] = clean
	}
	return clean
}

func (r Redactor) clean(text string) string {
	// Nearly every text holds none, and to know that costs less than to know where.
	if look := (search{Redactor: r, blind: true}); !look.in(&unveiled{text: []byte(text), blind: true}, mostUnveilings) {
		return text
	}
	look := search{Redactor: r}
	look.in(&unveiled{text: []byte(text)}, mostUnveilings)
	slices.SortFunc(look.found, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to)) })
	var out strings.Builder
	end := 0
	for _, s := range look.found {
		if s.from >= end { // else it overlaps what is hidden already
			out.WriteString(text[end:s.from])
			out.WriteString(drift.Redacted)
		}
		end = max(end, s.to)
	}
	out.WriteString(text[end:])
	return out.String()
}

// search looks for secrets in one text.
type search struct {
	Redactor
	blind bool // the first one found is enough
	found []span
	// read are the readings looked at, with how deep: undoing two encodings one way round
	// or the other gives the same text, and four of them would give hundreds of texts.
	read map[uint64]int
}

var readingSeed = maphash.MakeSeed()

// again says that a reading was looked at before, as deep as now.
func (s *search) again(u *unveiled, depth int) bool {
	key := maphash.Bytes(readingSeed, u.text)
	if known, ok := s.read[key]; ok && known >= depth {
		return true
	}
	if s.read == nil {
		s.read = map[uint64]int{}
	}
	s.read[key] = depth
	return false
}

// in looks in a reading, and in what it may be the encoding of; done says that enough was
// found.
func (s *search) in(u *unveiled, depth int) (done bool) {
	if s.scan(u); s.blind && len(s.found) > 0 || depth == 0 {
		return s.blind && len(s.found) > 0
	}
	for _, inner := range u.unveil() {
		if s.again(&inner, depth-1) {
			continue
		}
		legible := inner.legible()
		if len(legible.text) < len(inner.text) {
			s.scan(&inner)
		}
		if len(legible.text) >= minSecret && s.in(&legible, depth-1) || s.blind && len(s.found) > 0 {
			return true
		}
	}
	return false
}

// scan looks for secrets in one reading as it is.
func (s *search) scan(u *unveiled) {
	lower := lowerCase(u.text)
	var start uint64
	for i, b := range lower {
		start = (start<<8 | uint64(b)) & (1<<(8*minSecret) - 1)
		if i < minSecret-1 {
			continue
		}
		if word, bit := s.place(start); s.sieve[word]&bit == 0 {
			continue
		}
		from := i - minSecret + 1
		for _, secret := range s.starts[start] {
			if n := alike(lower[from:], secret); n > 0 {
				s.hit(u, from, from+n)
				break
			}
		}
	}
	s.besideKeys(u, lower)
	s.inQuotes(u, lower)
}

func (s *search) hit(u *unveiled, from, to int) {
	if s.blind {
		s.found = append(s.found, span{})
		return
	}
	s.found = append(s.found, u.span(from, to))
}

// alike is how much of a text is a secret: all of it, or its beginning where the text
// was cut off there.
func alike(text []byte, secret string) int {
	n := 0
	for n < len(secret) && n < len(text) && text[n] == secret[n] {
		n++
	}
	if n == len(secret) {
		return n
	}
	cut := bytes.HasPrefix(text[n:], []byte("...")) || bytes.HasPrefix(text[n:], []byte("…"))
	if n > minSecret && cut || n >= longLine && n == len(text) {
		return n
	}
	return 0
}

// lowerCase is a text with the capitals of ASCII in lower case, byte by byte.
func lowerCase(text []byte) []byte {
	lower := make([]byte, len(text))
	for i, b := range text {
		if b >= 'A' && b <= 'Z' {
			b += 'a' - 'A'
		}
		lower[i] = b
	}
	return lower
}

// Report removes every known secret from whatever in a report is free text: all
// values, messages, reasons and paths. Identities (names, kinds, files, rules)
// stay: they are public metadata, and a Secret whose value happens to be the
// word "production" must not blank them.
func (r Redactor) Report(report drift.Report) drift.Report {
	r.told = map[string]string{}
	report.Errors = r.errors(report.Errors)
	report.Warnings = r.texts(report.Warnings)
	if own := report.Run.ConfigRevision; own != nil {
		revision := r.revision(*own)
		report.Run.ConfigRevision = &revision
	}
	report.Run.Policies = slices.Clone(report.Run.Policies)
	for i, policies := range report.Run.Policies {
		report.Run.Policies[i].Folder = r.String(policies.Folder)
		report.Run.Policies[i].Revision = r.revision(policies.Revision)
	}
	apps := make([]drift.ReportApp, len(report.Apps))
	for i, app := range report.Apps {
		app.Suspended = r.String(app.Suspended)
		app.Revision = r.revision(app.Revision)
		app.Warnings = r.texts(app.Warnings)
		app.Withheld = r.withheld(app.Withheld)
		app.Unhealthy = slices.Clone(app.Unhealthy)
		for j := range app.Unhealthy {
			app.Unhealthy[j].Reason = r.String(app.Unhealthy[j].Reason)
		}
		resources := make([]drift.ReportResource, len(app.Resources))
		for j, resource := range app.Resources {
			resources[j] = r.resource(resource)
		}
		app.Resources = resources
		apps[i] = app
	}
	report.Apps = apps
	return report
}

// revision hides what people wrote. An address of which a part is secret leads nowhere.
func (r Redactor) revision(revision drift.ReportRevision) drift.ReportRevision {
	revision.Author, revision.Subject = r.String(revision.Author), r.String(revision.Subject)
	if web := revision.Web; web != nil && (r.String(web.URL) != web.URL || r.String(string(web.Host)) != string(web.Host)) {
		revision.Web = nil
	}
	if r.String(revision.URL) != revision.URL {
		revision.URL = ""
	}
	return revision
}

func (r Redactor) withheld(sets []drift.ReportWithheld) []drift.ReportWithheld {
	out := slices.Clone(sets)
	for i := range out {
		out[i].Reason = r.String(out[i].Reason)
	}
	return out
}

func (r Redactor) errors(errors []drift.ReportError) []drift.ReportError {
	out := make([]drift.ReportError, len(errors))
	for i, e := range errors {
		e.Message, e.Hint = r.String(e.Message), r.String(e.Hint)
		out[i] = e
	}
	return out
}

func (r Redactor) resource(resource drift.ReportResource) drift.ReportResource {
	resource.Reason, resource.Error, resource.Hint = r.String(resource.Reason), r.String(resource.Error), r.String(resource.Hint)
	resource.HealthReason = r.String(resource.HealthReason)
	resource.Rules, resource.Overruled = r.rules(resource.Rules), r.rules(resource.Overruled)
	resource.Fields, resource.Ignored = r.fields(resource.Fields), r.fields(resource.Ignored)
	resource.Findings, resource.Refused = r.texts(resource.Findings), r.texts(resource.Refused)
	resource.NotAsked = r.texts(resource.NotAsked)
	resource.Lost, resource.Explanation = r.texts(resource.Lost), r.String(resource.Explanation)
	return resource
}

func (r Redactor) rules(rules []drift.ReportRule) []drift.ReportRule {
	out := make([]drift.ReportRule, len(rules))
	for i, rule := range rules {
		rule.Reason, rule.Ref = r.String(rule.Reason), r.String(rule.Ref)
		out[i] = rule
	}
	return out
}

func (r Redactor) fields(fields []drift.ReportField) []drift.ReportField {
	if fields == nil {
		return nil
	}
	out := make([]drift.ReportField, len(fields))
	for i, field := range fields {
		field.Desired, field.Live = r.field(field.Path, field.Desired), r.field(field.Path, field.Live)
		field.Path, field.Note = r.String(field.Path), r.String(field.Note)
		field.Manager = r.String(field.Manager)
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
