package notify

import "strings"

// Text is the message as plain text for a terminal: the same card, whole and
// without markup. It ends with a line break.
func Text(m Message) string { return whole(m.card).text() }

func (v view) text() string {
	var b strings.Builder
	put := func(indent int, text string) {
		b.WriteString(strings.TrimRight(strings.Repeat(" ", indent)+text, " ") + "\n")
	}
	put(0, v.mark.text+" "+v.title)
	for _, fact := range v.facts {
		put(2, fact.String())
	}
	for i, entry := range v.items[:v.shown] {
		if i == 0 || len(entry.lines) > 0 {
			put(0, "")
		}
		put(2, entry.mark.text+" "+entry.headline())
		lines, hidden := v.visible(entry)
		for _, l := range lines {
			put(6, l.String())
		}
		if hidden > 0 {
			put(6, hiddenLines(hidden))
		}
	}
	for i, l := range v.below() {
		if i == 0 {
			put(0, "")
		}
		put(2, l.String())
	}
	return b.String()
}

// headline is "Deployment shop/web: healed · modified in the cluster".
func (i item) headline() string {
	text := i.head
	if i.isNew {
		text += " (new)"
	}
	if i.verdict != "" {
		text += ": " + i.verdict
	}
	return text
}
