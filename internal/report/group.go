package report

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/summary"
)

// group writes resources that changed alike: what they have in common once, then the
// names.
func (p *printer) group(group []drift.ReportResource, c columns) {
	first := group[0]
	common := first
	common.Origin, common.FirstSeen = drift.Origin{}, nil
	common.Fields = summary.WithoutTimes(first.Fields)
	p.title(common, p.paint(bold, pad(objects(len(group)), c.name)), c)
	p.names(group)
	p.details(common)
	if from, to := written(group); !from.IsZero() {
		text := p.moment(from)
		if !to.Equal(from) {
			text = "between " + text + " and " + p.moment(to)
		}
		p.note("written", text, plain)
	}
	p.origins(group)
	if since := earliest(group); since != nil {
		p.note("since", p.moment(*since), plain)
	}
}

// names are all of a group's names, by kind and namespace.
func (p *printer) names(group []drift.ReportResource) {
	type place struct{ group, kind, namespace string }
	names := map[place][]string{}
	var places []place
	for _, r := range group {
		at := place{r.Group, r.Kind, r.Namespace}
		if len(names[at]) == 0 {
			places = append(places, at)
		}
		names[at] = append(names[at], r.Name)
	}
	for _, at := range places {
		label := at.kind
		if at.namespace != "" {
			label += " in " + at.namespace
		}
		text := fmt.Sprintf("%d %s: %s", len(names[at]), label, strings.Join(names[at], ", "))
		p.note("objects", wrap(p.clean(text), max(p.width-16, 24)), plain)
	}
}

// wrap breaks a list at its blanks.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Split(text, " ") {
		length := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+length > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += length
	}
	return b.String()
}

// written is when the live values of a group were written: first and last.
func written(group []drift.ReportResource) (from, to time.Time) {
	for _, r := range group {
		for _, field := range r.Fields {
			if at := field.ManagerTime; at != nil {
				if from.IsZero() || at.Before(from) {
					from = *at
				}
				if at.After(to) {
					to = *at
				}
			}
		}
	}
	return from, to
}

func earliest(group []drift.ReportResource) *time.Time {
	var since *time.Time
	for _, r := range group {
		if r.FirstSeen != nil && (since == nil || r.FirstSeen.Before(*since)) {
			since = r.FirstSeen
		}
	}
	return since
}

// origins name the one place in Git that a group comes from, or count them.
func (p *printer) origins(group []drift.ReportResource) {
	places := map[string]bool{}
	for _, r := range group {
		if origin := originWords(r.Origin); origin != "" {
			places[origin] = true
		}
	}
	switch origin := originWords(group[0].Origin); {
	case origin == "":
	case len(places) == 1:
		p.note("origin", origin, plain)
	default:
		p.note("origin", fmt.Sprintf("%s and %d more places; %s", origin, len(places)-1, everything), plain)
	}
}
