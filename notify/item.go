package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/summary"
)

const (
	fieldLimit = 6 // field changes shown per resource
	ruleLimit  = 3 // rules shown per resource
	noteLimit  = 3 // findings and refusals shown per resource, each
)

// findingItem is one resource: how it differs, who wrote that, what was done
// and which rule decided it. markNew is set when other findings were told before
// and a reader needs to see which one is new.
func findingItem(f finding, markNew bool) item {
	r := f.resource
	entry := item{mark: worst([]finding{f}), head: cut(clean(r.ID().Short()), lineLimit), group: f.verdict,
		isNew: markNew && f.fresh}
	entry.verdict = strings.Join(nonEmpty(f.verdict, whatMoved(r), severityText(r.Severity)), " · ")
	var once sentences
	entry.lines = slices.Concat(lostLines(r), fieldLines(r), errorLines(f, &once), whyLines(f, &once), originLines(f))
	return entry
}

// sentences are what an item has said so far: an error, a refusal and the reason of
// the decision are often one text, and a reader looks for the difference.
type sentences []string

// repeats says whether the text stands in one that was said before, and notes it
// otherwise. Short texts repeat by chance, and only count when they are the same.
func (s *sentences) repeats(text string) bool {
	const chance = 16 // bytes
	said := slices.ContainsFunc(*s, func(before string) bool {
		return before == text || len(text) >= chance && strings.Contains(before, text)
	})
	if !said {
		*s = append(*s, text)
	}
	return said
}

// whatMoved says in words how the object differs, and on whose side.
func whatMoved(r drift.ReportResource) string {
	byHand := r.Cause == drift.CauseLive.String()
	switch r.Drift {
	case drift.Unknown.String():
		return "could not be compared"
	case drift.Extra.String():
		return "no longer in Git"
	case drift.Missing.String():
		if byHand {
			return "deleted in the cluster"
		}
		return "not in the cluster yet"
	case drift.Modified.String():
		switch {
		case byHand:
			return "modified in the cluster"
		case r.Cause == drift.CauseBoth.String():
			return "modified in Git and in the cluster"
		}
		return "modified in Git"
	}
	return ""
}

func severityText(severity string) string {
	if severity == "critical" || severity == "warning" {
		return severity
	}
	return ""
}

// fieldLines are "path: live → desired (field manager …)"; a field manager that
// wrote all of them is named once, below.
func fieldLines(r drift.ReportResource) []line {
	shown := r.Fields[:min(len(r.Fields), fieldLimit)]
	common, shared := commonManager(shown)
	var lines []line
	for _, field := range shown {
		tail := ""
		if !shared {
			tail = parenthesized(managerText(field))
		}
		texts := fieldTexts(field)
		for i, text := range texts {
			lines = append(lines, coded(text))
			if i == len(texts)-1 && tail != "" {
				lines[len(lines)-1] = append(coded(text), span{text: tail})
			}
		}
		if field.Note != "" {
			lines = append(lines, words(prose(field.Note)))
		}
	}
	if hidden := len(r.Fields) - len(shown); hidden > 0 {
		lines = append(lines, words("…and "+count(hidden, "more field")))
	}
	if shared && common != "" {
		lines = append(lines, words(common))
	}
	return lines
}

// lostLines are what goes with an object that is deleted and created again.
func lostLines(r drift.ReportResource) []line {
	if len(r.Lost) == 0 {
		return nil
	}
	return []line{strongly("lost: " + prose(strings.Join(r.Lost, "; ")))}
}

// commonManager is the manager text that all fields share, if they do.
func commonManager(fields []drift.ReportField) (text string, shared bool) {
	for i, field := range fields {
		who := managerText(field)
		if i > 0 && who != text {
			return "", false
		}
		text = who
	}
	return text, true
}

// managerText names the field manager and its last write. Our own manager is
// not worth naming, and a value that is gone has none.
func managerText(field drift.ReportField) string {
	switch {
	case field.ManagerClass == string(drift.ClassSelf):
		return ""
	case field.Manager == "" && field.Op == string(drift.OpRemove):
		return ""
	case field.Manager == "":
		return "no field manager"
	}
	text := "field manager " + cut(clean(field.Manager), valueLimit)
	if field.ManagerTime != nil && !field.ManagerTime.IsZero() {
		text += ", last write " + timeText(*field.ManagerTime)
	}
	return text
}

// errorLines are what went wrong or was refused and what to do about it, and other
// facts.
func errorLines(f finding, once *sentences) []line {
	r := f.resource
	var lines []line
	if r.Error != "" && !once.repeats(r.Error) {
		lines = append(lines, strongly("error: "+message(r.Error)))
	}
	lines = append(lines, limited("refused: ", r.Refused, once)...)
	lines = append(lines, limited("", r.Findings, once)...)
	if f.health != nil {
		lines = append(lines, healthLine(*f.health, once))
	}
	if r.Hint != "" && !once.repeats(r.Hint) {
		lines = append(lines, words("hint: "+prose(r.Hint)))
	}
	return lines
}

func limited(prefix string, texts []string, once *sentences) []line {
	texts = slices.DeleteFunc(slices.Clone(texts), once.repeats)
	var lines []line
	for i, text := range texts {
		if i == noteLimit {
			return append(lines, words(fmt.Sprintf("…and %d more", len(texts)-i)))
		}
		lines = append(lines, words(prefix+message(text)))
	}
	return lines
}

// whyLines give the reason and each rule with its file and line.
func whyLines(f finding, once *sentences) []line {
	r := f.resource
	var lines []line
	said := slices.ContainsFunc(r.Rules, func(rule drift.ReportRule) bool { return rule.Reason == r.Reason })
	if r.Reason != "" && !said && !once.repeats(r.Reason) {
		lines = append(lines, words("why: "+message(r.Reason)))
	}
	lines = append(lines, ruleLines("rule", f.run, r.Rules, once)...)
	lines = append(lines, ruleLines("overruled", f.run, r.Overruled, once)...)
	if len(r.NotAsked) > 0 {
		lines = append(lines, words(prose("not asked, since they do not speak for it: "+strings.Join(r.NotAsked, ", "))))
	}
	if r.Approval != "" {
		lines = append(lines, strongly("waits for approval "+prose(r.Approval)))
	}
	return lines
}

// ruleLines name each rule by its verb, reason and place. A reason that stands above
// already is left out: the place tells the rules apart.
func ruleLines(label string, run drift.ReportRun, rules []drift.ReportRule, once *sentences) []line {
	var lines []line
	for i, rule := range rules {
		if i == ruleLimit {
			return append(lines, words(fmt.Sprintf("…and %s", count(len(rules)-i, "more rule"))))
		}
		text := label + " " + prose(rule.Verb)
		if rule.Reason != "" && !once.repeats(rule.Reason) {
			text += ": " + prose(rule.Reason)
		}
		said := words(text)
		if rule.Rule != "" {
			said = said.then(span{text: " ("}).then(link(prose(rule.Rule), summary.RulePage(run, rule.Rule))).then(span{text: ")"})
		}
		if rule.Ref != "" {
			said = said.then(span{text: " · "}).then(refSpan(rule.Ref))
		}
		lines = append(lines, said)
	}
	return lines
}

// originLines say where in Git a person would look, when a person is needed.
func originLines(f finding) []line {
	origin := f.resource.Origin
	if !f.open() || origin.File == "" {
		return nil
	}
	text, address := prose(drift.FileLine(origin.File, origin.Line)), ""
	if web := f.revision.Web; web != nil {
		address = web.File(f.revision.Commit, origin.File, origin.Line)
	}
	return []line{words("in Git: ").then(link(text, address))}
}

// sortItems puts the most urgent first; equal ones keep their order.
func sortItems(items []item) {
	rank := func(m mark) int {
		return slices.Index([]mark{markCritical, markFailed, markAttention, markReplaced, markHealed, markPruned, markSynced, markResolved}, m)
	}
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(rank(a.mark), rank(b.mark)) })
}

func nonEmpty(texts ...string) []string {
	return slices.DeleteFunc(texts, func(s string) bool { return s == "" })
}
