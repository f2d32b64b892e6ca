package notify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/summary"
)

// card is what a message says, before it is laid out for Slack or a terminal.
// All of its strings are cleaned and bounded, and none is markup.
type card struct {
	mark  mark
	title string
	facts []line // below the title
	items []item // most urgent first
	noun  string // what an item is: "resource", "app", "error"
	tail  []line // below the items
	foot  string
}

// item is one resource, app or error.
type item struct {
	mark    mark
	head    string // "Deployment shop/web"
	verdict string // "healed · was modified in the cluster"
	group   string // the word that counts it when it is cut: "healed"
	isNew   bool
	number  int // of things that it stands for; 0 is one
	lines   []line
}

// titleLimit leaves room in a header (150 characters) for the mark.
const titleLimit = 140

// mark is a symbol for a glance: an emoji for Slack, one narrow character for a
// terminal.
type mark struct{ emoji, text string }

var (
	markFailed    = mark{"🔥", "✗"}
	markCritical  = mark{"🚨", "‼"}
	markAttention = mark{"⚠️", "!"}
	markReplaced  = mark{"♻️", "±"}
	markHealed    = mark{"🛠️", "~"}
	markPruned    = mark{"🗑️", "-"}
	markSynced    = mark{"🚀", "+"}
	markResolved  = mark{"✅", "✓"}
	markFirst     = mark{"⚓", "*"}
)

func (c class) mark() mark {
	return [...]mark{markFailed, markFailed, markAttention, markReplaced, markHealed, markPruned, markSynced}[c]
}

// tally counts findings by class in words, each with what policies called critical or a
// warning: "1 failed (critical), 2 need attention (1 warning)".
func tally(list []finding) string {
	var byClass [synced + 1][]finding
	for _, f := range list {
		byClass[f.class] = append(byClass[f.class], f)
	}
	words := [...]string{"failed", "unhealthy", "need attention", replacedVerdict, "healed", "pruned", "synced"}
	var parts []string
	for c, of := range byClass {
		word := words[c]
		if len(of) == 1 && class(c) == attention {
			word = "needs attention"
		}
		if len(of) > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", len(of), word)+parenthesized(severities(of)))
		}
	}
	return strings.Join(parts, ", ")
}

// severities counts what policies called critical or a warning: "1 critical, 2 warning",
// or the one word for a single finding.
func severities(list []finding) string {
	var parts []string
	for _, severity := range []string{"critical", "warning"} {
		n := 0
		for _, f := range list {
			if f.resource.Severity == severity {
				n++
			}
		}
		switch {
		case n > 0 && len(list) == 1:
			return severity
		case n > 0:
			parts = append(parts, fmt.Sprintf("%d %s", n, severity))
		}
	}
	return strings.Join(parts, ", ")
}

// tallyOf counts them over several apps; it is empty, or begins with a colon.
func tallyOf(list []news) string {
	var all []finding
	for _, n := range list {
		all = append(all, n.findings...)
	}
	if len(all) == 0 {
		return ""
	}
	return ": " + tally(all)
}

// worst is the mark of a card about these findings: that of the most urgent class, and
// another where what policy calls critical waits for somebody.
func worst(list []finding) mark {
	for _, f := range list {
		if f.open() && f.resource.Severity == "critical" {
			return markCritical
		}
	}
	return list[0].class.mark()
}

// appCard is the card of one app with news.
func appCard(report drift.Report, n news) card {
	c := card{mark: markResolved, facts: lines(slices.Concat(appFacts(n), incompleteFact(report, n.app), clearedFact(n))), noun: "resource", foot: foot(report)}
	if len(n.findings) > 0 {
		c.mark = worst(n.findings)
	}
	c.title = title(report, n.app.Name, headline(n))
	c.facts, c.tail = commitFacts(n, c.facts)
	known := len(n.was.open) > 0
	said := map[string]string{} // errors, and the item that tells each
	for _, group := range alike(n.findings, known) {
		entry := groupItem(withoutSaid(group, said), known)
		c.items = append(c.items, entry)
		if text := summary.ErrorText(group[0].resource); text != "" && said[text] == "" {
			said[text] = namedAs(group)
		}
	}
	return c
}

func headline(n news) string {
	if len(n.findings) == 0 {
		return missedText(n.was) + " earlier"
	}
	return tally(n.findings)
}

// resolvedCard says in one line that nothing is left of what was told.
func resolvedCard(report drift.Report, n news) card {
	c := card{mark: markResolved, title: title(report, n.app.Name, resolvedText(n)), noun: "object", foot: foot(report)}
	if fates := n.fates(); len(fates) > 1 {
		c.items = fates
	}
	c.facts, c.tail = commitFacts(n, lines(appFacts(n)))
	if len(c.items) > 0 && n.clearedMore > 0 {
		c.tail = append([]line{words("…and " + count(n.clearedMore, "more object"))}, c.tail...)
	}
	return c
}

// firstRunCard introduces apps that were seen for the first time.
func firstRunCard(report drift.Report, list []news) card {
	c := card{mark: markFirst, noun: "app", foot: foot(report),
		title: title(report, "", "first look at "+count(len(list), "app")+tallyOf(list))}
	for _, n := range list {
		c.items = append(c.items, appItem(n, markSynced))
	}
	return c
}

// floodCard stands for too many messages at once.
func floodCard(report drift.Report, changed, resolved []news) card {
	c := card{mark: markAttention, noun: "app", foot: foot(report)}
	var parts []string
	if len(changed) > 0 {
		parts = append(parts, count(len(changed), "app")+" with news")
	}
	if len(resolved) > 0 {
		parts = append(parts, strconv.Itoa(len(resolved))+" back in sync")
	}
	if len(changed) == 0 {
		c.mark, parts = markResolved, []string{count(len(resolved), "app") + " back in sync"}
	}
	c.title = title(report, "", strings.Join(parts, ", ")+tallyOf(changed))
	for _, n := range changed {
		c.items = append(c.items, appItem(n, markResolved))
	}
	for _, n := range resolved {
		c.items = append(c.items, item{mark: markResolved, head: cut(clean(n.app.Name), 2*nameLimit), verdict: resolvedText(n), group: "back in sync"})
	}
	sortItems(c.items)
	return c
}

// rolloutsCard lists the apps that a run rolled out.
func rolloutsCard(report drift.Report, list []news) card {
	c := card{mark: markSynced, noun: "app", foot: foot(report),
		title: title(report, "", "rolled out "+count(len(list), "app"))}
	for _, n := range list {
		entry := appItem(n, markSynced)
		if commit := authored(n.app.Revision); commit != nil {
			entry.lines = append([]line{commit}, entry.lines...)
		}
		c.items = append(c.items, entry)
	}
	return c
}

// errorsCard lists errors that were not told yet.
func errorsCard(report drift.Report, list []drift.ReportError, known int) card {
	c := card{mark: markFailed, noun: "error", foot: foot(report),
		title: title(report, "", count(len(list), "error")+" in this run")}
	if consequence := exitText(report.Run.ExitCode); consequence != "" {
		c.facts = append(c.facts, words(consequence))
	}
	c.facts = append(c.facts, lines(configFact(report.Run.Config))...)
	if known > 0 {
		c.facts = append(c.facts, words(count(known, "error")+" told earlier "+persists(known)))
	}
	for _, group := range alikeErrors(list) {
		c.items = append(c.items, errorItem(report, group))
	}
	return c
}

func persists(n int) string {
	if n == 1 {
		return "persists"
	}
	return "persist"
}

// errorsGoneCard says that errors told earlier did not come back, and which. What an older
// version told has no words.
func errorsGoneCard(report drift.Report, told map[string]string, gone []string) card {
	what := "the error told earlier is gone"
	if len(gone) > 1 {
		what = fmt.Sprintf("the %d errors told earlier are gone", len(gone))
	}
	c := card{mark: markResolved, title: title(report, "", what), noun: "error", foot: foot(report)}
	for _, id := range gone {
		if text := told[id]; strings.Contains(text, " ") {
			c.items = append(c.items, item{mark: markResolved, head: fact(text), group: "error"})
		}
	}
	return c
}

// exitText is what the exit code of a run means for the cluster (docs/report.md).
func exitText(code int) string {
	switch code {
	case 2:
		return "usage, configuration, policies or every app's sources are wrong: nothing was written"
	case 3:
		return "the cluster is unreachable or not the one the config names: nothing was written"
	case 4:
		return "a part of the run failed or could not be read; the rest was done"
	case 5:
		return "a guard stopped writes"
	case 7:
		return "the run was interrupted; what was done stands"
	}
	return ""
}

// title is "storefront on prod-eu: what". Within Slack's header limit the names
// give way, not what is said about them.
func title(report drift.Report, app, what string) string {
	subject := "Killick"
	if app != "" {
		subject = clean(app)
	}
	subject += where(report)
	room := titleLimit - utf8.RuneCountInString(what)
	return cut(cut(subject, max(room, 20))+": "+what, titleLimit)
}

// where is the cluster in words: by its name, else by its UID, else by the config that
// would have named it.
func where(report drift.Report) string {
	switch name, uid := clean(report.Cluster.Name), clean(report.Cluster.UID); {
	case name != "":
		return " on " + name
	case uid != "":
		return " on cluster " + uid
	case report.Run.Config != nil:
		return " for " + clean(report.Run.Config.Path)
	}
	return ""
}

// configFact is where the config stands, for errors that nobody can place otherwise.
func configFact(place *drift.ConfigPlace) []string {
	if place == nil {
		return nil
	}
	return []string{"config " + fact(place.Path) + " at " + fact(place.Ref) + " of " + fact(place.Repository)}
}

// foot names the run, so that a reader finds its report and log.
func foot(report drift.Report) string {
	var parts []string
	if report.Run.ID != "" {
		parts = append(parts, "run "+cut(clean(report.Run.ID), nameLimit))
	}
	if report.Run.Job != "" {
		parts = append(parts, "Job "+cut(clean(report.Run.Job), jobLimit))
	}
	if at := report.Run.Finished; !at.IsZero() {
		parts = append(parts, timeText(at))
	} else if at := report.Run.Started; !at.IsZero() {
		parts = append(parts, timeText(at))
	}
	return strings.Join(parts, " · ")
}

// objectsText names the most urgent objects of an app in a digest, the others by number:
// "ConfigMap shop/app alert only (critical) …and 3 more objects".
func objectsText(list []finding) string {
	const most = 2
	var names []string
	for _, f := range list[:min(most, len(list))] {
		names = append(names, nameOf(f)+" "+f.verdict+parenthesized(severityText(f.resource.Severity)))
	}
	text := strings.Join(names, ", ")
	if more := len(list) - most; more > 0 {
		text += " …and " + count(more, "more object")
	}
	return text
}

// appItem is one app in a digest; quiet is its mark when nothing is left to do.
func appItem(n news, quiet mark) item {
	entry := item{mark: quiet, head: cut(clean(n.app.Name), 2*nameLimit), group: "in sync"}
	entry.verdict = strings.Join(nonEmpty(objectsText(n.findings), countsText(n.app)), " · ")
	if len(n.findings) > 0 {
		entry.mark = worst(n.findings)
		entry.group = [...]string{"with failures", "with unhealthy objects", "in need of attention", replacedVerdict, "healed", "pruned", "synced"}[n.findings[0].class]
	}
	if !n.app.Complete {
		entry.verdict += " · incomplete"
	}
	for _, text := range healthFacts(n.app, 1, nil) {
		entry.lines = append(entry.lines, words(text))
	}
	return entry
}
