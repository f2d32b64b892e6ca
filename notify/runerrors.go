package notify

import (
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/summary"
)

// runErrors is the app name under which a [drift.Told] keeps errors of the run.
// Each error is an entry of its own whose key is its fingerprint, followed by
// "@app" when the error belongs to one app.
const runErrors = ""

// errors plans the message about errors that were not told yet, or the one
// saying that the errors told earlier are gone. Errors of this package's own
// stage are left out: a broken Slack cannot be told through Slack.
func (p *planner) errors() {
	var now []string
	texts := map[string]string{}
	var fresh []drift.ReportError
	known := 0
	for _, e := range p.report.Errors {
		id := errorID(e)
		if e.Stage == "notify" || slices.Contains(now, id) {
			continue // ours, or the same cause met twice
		}
		now = append(now, id)
		texts[id] = errorText(e)
		if _, told := p.before[runErrors][id]; told {
			known++
		} else {
			fresh = append(fresh, e)
		}
	}
	gone := p.gone(now)
	for _, id := range gone {
		write(p.after, entry{runErrors, id}, "")
	}
	message := Message{Kind: KindErrors, Route: DefaultRoute, Channel: p.channel(DefaultRoute)}
	switch {
	case len(fresh) > 0:
		message.card = errorsCard(p.report, fresh, known)
		for _, id := range now {
			message.tells = append(message.tells, telling{entry: entry{runErrors, id}, value: texts[id]})
		}
	case len(gone) > 0 && len(p.after[runErrors]) == 0:
		message.Kind, message.card = KindResolved, errorsGoneCard(p.report, p.before[runErrors], gone)
		for _, id := range gone { // forgotten only once people know
			write(p.after, entry{runErrors, id}, p.before[runErrors][id])
			message.tells = append(message.tells, telling{entry: entry{runErrors, id}})
		}
	default:
		return
	}
	p.messages = append(p.messages, message)
}

// gone are the errors told earlier that this run would have met again and did
// not. A run that evaluated no app proves nothing about any error, and one that
// failed before it met the apps proves nothing about theirs. The error of an app
// that is not in the report (it left the config, or the run was limited to other
// apps) is forgotten without being called gone.
func (p *planner) gone(now []string) (gone []string) {
	evaluated := map[string]bool{}
	for _, app := range p.report.Apps {
		evaluated[app.Name] = true
	}
	for _, id := range sortedKeys(p.before[runErrors]) {
		_, app, ofApp := strings.Cut(id, "@")
		switch {
		case slices.Contains(now, id):
		case len(evaluated) == 0 && (ofApp || len(now) == 0):
		default:
			if !ofApp || evaluated[app] {
				gone = append(gone, id)
			} else {
				write(p.after, entry{runErrors, id}, "")
			}
		}
	}
	return gone
}

// alikeErrors puts errors together that several apps met in the same words. The order is
// that of the first of each.
func alikeErrors(list []drift.ReportError) [][]drift.ReportError {
	at := map[string]int{}
	var groups [][]drift.ReportError
	for _, e := range list {
		one := e
		one.App = ""
		if e.App != "" {
			one.Message = strings.ReplaceAll(strings.TrimPrefix(e.Message, diff.Rebuilding), `"`+e.App+`"`, "APP")
			one.App = "of an app"
		}
		key := fingerprint(one)
		if i, ok := at[key]; ok && e.App != "" {
			groups[i] = append(groups[i], e)
			continue
		}
		at[key] = len(groups)
		groups = append(groups, []drift.ReportError{e})
	}
	return groups
}

// errorItem is one error, or one that several apps met.
func errorItem(report drift.Report, group []drift.ReportError) item {
	e := group[0]
	entry := item{mark: markFailed, head: prose(e.Stage), group: "error", number: len(group)}
	if e.App != "" {
		entry.head, entry.verdict = prose(e.App), prose(e.Stage)
	}
	if len(group) > 1 {
		names := make([]string, 0, namesShown)
		for _, one := range group[:min(namesShown, len(group))] {
			names = append(names, cut(clean(one.App), nameLimit))
		}
		entry.head = count(len(group), "app")
		text := strings.Join(names, ", ")
		if more := len(group) - len(names); more > 0 {
			text += " …and " + count(more, "more app")
		}
		entry.lines = append(entry.lines, words(text))
	}
	if e.File != "" {
		at := coded(prose(e.File))
		if page := link(prose(e.File), summary.ErrorPage(report, e)); page.address != "" {
			at = line{page}
		}
		entry.lines = append(entry.lines, at)
	}
	entry.lines = append(entry.lines, words(message(strings.TrimPrefix(e.Message, e.File+": "))))
	if e.Hint != "" {
		entry.lines = append(entry.lines, words("hint: "+prose(e.Hint)))
	}
	return entry
}

// incompleteFact says why an app is incomplete, where an error of it tells.
func incompleteFact(report drift.Report, app drift.ReportApp) []string {
	var all []drift.ReportError
	for _, e := range report.Errors {
		if e.App == app.Name {
			all = append(all, e)
		}
	}
	if app.Complete || len(all) == 0 {
		return nil
	}
	told := func(e drift.ReportError) bool {
		return slices.ContainsFunc(app.Resources, func(r drift.ReportResource) bool {
			return r.Error != "" && strings.HasSuffix(e.Message, summary.ErrorText(r))
		})
	}
	if all = slices.DeleteFunc(all, told); len(all) == 0 {
		return nil // the objects that it concerns tell
	}
	text := "first error: " + errorText(drift.ReportError{Stage: all[0].Stage, File: all[0].File, Message: all[0].Message})
	if more := len(all) - 1; more > 0 {
		text += " …and " + count(more, "more error")
	}
	return []string{text}
}

// errorText is an error in few words, for the day on which it is gone.
func errorText(e drift.ReportError) string {
	text := strings.TrimPrefix(e.Message, e.File+": ")
	return fact(strings.Join(nonEmpty(e.App, e.Stage, e.File, text), ": "))
}

func errorID(e drift.ReportError) string {
	if e.App == "" {
		return errorFingerprint(e)
	}
	return errorFingerprint(e) + "@" + e.App
}
