package notify

import (
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
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
