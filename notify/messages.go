package notify

import (
	"maps"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// floodLimit is how many apps may have a message of their own in one run and
// route; above it they share one digest.
const floodLimit = 15

// rolloutsSuffix marks the ledger of the rollouts digest beside a route's own.
const rolloutsSuffix = "/syncs"

// Kind says what a message is about.
type Kind string

// The kinds of messages.
const (
	KindApp      Kind = "app"      // news of one app
	KindDigest   Kind = "digest"   // a first run, or many apps with news at once
	KindRollouts Kind = "rollouts" // successful rollouts of a run (syncs: digest)
	KindResolved Kind = "resolved" // an app that was told about is back in sync
	KindErrors   Kind = "errors"   // errors of the run
)

// Message is one message to one channel. It is a value: rendering it ([Text])
// and delivering it ([Sender.Send]) do not change it.
type Message struct {
	Kind    Kind
	App     string // empty when the message is about several apps or the run
	Route   string
	Channel string // empty with a webhook, which knows its channel

	card  card
	tells []telling
}

// telling is what one message changes in a [drift.Told].
type telling struct {
	entry  entry
	value  string         // after delivery; "" forgets the entry
	missed map[string]int // remembered when delivery fails
	since  string
}

// Title is the message's headline: what, where and how much, without values.
func (m Message) Title() string { return m.card.title }

// Delivered is told after the message was delivered.
func (m Message) Delivered(told drift.Told) drift.Told {
	told = clone(told)
	for _, t := range m.tells {
		write(told, t.entry, t.value)
	}
	return told
}

// Lost is told after the message could not be delivered: what it would have
// told stays untold, and what the next report will not repeat is counted.
func (m Message) Lost(told drift.Told) drift.Told {
	told = clone(told)
	for _, t := range m.tells {
		if len(t.missed) > 0 {
			write(told, t.entry, read(told, t.entry).withMissed(t.missed, t.since).String())
		}
	}
	return told
}

// Messages plans what to say about a report, given what was told before. The
// returned Told holds what changes without any message (findings that went away
// while others stay); each message adds its own part once it is delivered.
//
// Nothing new since the last run means no messages. An app that is missing from
// the report, or that could not be evaluated completely, is never resolved.
func Messages(report drift.Report, told drift.Told, config Config) ([]Message, drift.Told) {
	p := planner{report: report, config: config.Slack, before: told, after: clone(told)}
	p.errors()
	for _, app := range report.Apps {
		p.app(app)
	}
	for _, route := range sortedKeys(p.routes) {
		p.route(route)
	}
	return p.messages, p.after
}

// planner collects messages; it lives for one call of Messages.
type planner struct {
	report   drift.Report
	config   SlackConfig
	before   drift.Told
	after    drift.Told
	messages []Message
	routes   map[string]*routeNews
}

// routeNews is what one route gets in this run.
type routeNews struct {
	first    []news // apps seen for the first time
	changed  []news
	resolved []news
	rollouts []news
}

// news is one app's part of one route.
type news struct {
	app      drift.ReportApp
	findings []finding
	was      ledger
	unknown  []string // routes that policies named and the config does not have
	// cleared are the names of what is no longer open, and clearedMore how many more are.
	cleared     []string
	clearedMore int
	telling     telling
}

// app sorts one app's findings into its routes.
func (p *planner) app(app drift.ReportApp) {
	list := findings(app)
	byRoute := map[string][]finding{}
	rollouts := map[string][]finding{}
	unknown := map[string][]string{}
	for _, f := range list {
		f.run = p.report.Run
		routes, strangers := p.routesOf(f.resource)
		if known := p.routesThatKnow(app.Name, f); f.class == failing && len(known) > 0 {
			routes = known
		}
		for _, route := range routes {
			switch {
			case !f.rollout || p.config.syncs() == SyncsEach:
				byRoute[route] = append(byRoute[route], f)
			case p.config.syncs() == SyncsDigest:
				rollouts[route] = append(rollouts[route], f)
			}
		}
		unknown[DefaultRoute] = append(unknown[DefaultRoute], strangers...)
	}
	for route := range p.before[app.Name] {
		name, isRollouts := strings.CutSuffix(route, rolloutsSuffix)
		switch {
		case !p.hasRoute(name):
			write(p.after, entry{app.Name, route}, "") // the route left the config
		case !isRollouts && byRoute[route] == nil:
			byRoute[route] = []finding{}
		case isRollouts && rollouts[name] == nil:
			rollouts[name] = []finding{}
		}
	}
	if app.FirstRun && app.Complete && byRoute[DefaultRoute] == nil {
		byRoute[DefaultRoute] = []finding{}
	}
	for _, route := range sortedKeys(byRoute) {
		p.appRoute(app, route, byRoute[route], sortedUnique(unknown[route]))
	}
	for _, route := range sortedKeys(rollouts) {
		p.appRollouts(app, route, rollouts[route])
	}
}

// appRoute compares one app's findings with what the route was told.
func (p *planner) appRoute(app drift.ReportApp, route string, list []finding, unknown []string) {
	at := entry{app.Name, route}
	_, toldBefore := p.before[app.Name][route]
	was := read(p.before, at)
	now := settle(list).withOpen(stillOpen(app, was)).named(was, list).resolved(was, list)
	list = markFresh(list, was)
	n := news{app: app, findings: list, was: was, unknown: unknown, cleared: now.cleared, clearedMore: now.clearedMore,
		telling: telling{entry: at, value: p.remember(app, now.withoutCleared()), missed: doneCounts(list), since: timeText(p.report.Run.Started)}}
	due := slices.ContainsFunc(list, func(f finding) bool { return f.fresh }) || len(was.missed) > 0
	switch r := p.routeNews(route); {
	case app.FirstRun && !toldBefore:
		r.first = append(r.first, n)
	case due:
		r.changed = append(r.changed, n)
	case len(now.open) == 0 && len(was.open) > 0:
		r.resolved = append(r.resolved, n)
	default:
		write(p.after, at, p.remember(app, now))
	}
}

// appRollouts does the same for the rollouts digest, which only adds up.
func (p *planner) appRollouts(app drift.ReportApp, route string, list []finding) {
	at := entry{app.Name, route + rolloutsSuffix}
	was := read(p.before, at)
	list = markFresh(list, was)
	value := ""
	if now := settle(list); !now.empty() {
		value = now.String()
	}
	n := news{app: app, findings: list, was: was,
		telling: telling{entry: at, value: value, missed: doneCounts(list), since: timeText(p.report.Run.Started)}}
	if !slices.ContainsFunc(list, func(f finding) bool { return f.fresh }) && len(was.missed) == 0 {
		write(p.after, at, value)
		return
	}
	r := p.routeNews(route)
	r.rollouts = append(r.rollouts, n)
}

// remember is the ledger's stored form. Nothing to remember is no entry, except
// in an app's first run: there it says that the first run was told.
func (p *planner) remember(app drift.ReportApp, l ledger) string {
	if l.empty() && !app.FirstRun {
		return ""
	}
	return l.String()
}

func markFresh(list []finding, was ledger) []finding {
	marked := slices.Clone(list)
	for i := range marked {
		f := marked[i]
		marked[i].fresh = !was.knows(f.fingerprint) || f.health != nil && !was.knows(healthFingerprint(f.resource.ID()))
	}
	return marked
}

// routesOf are the routes a resource goes to: those its policies name, else
// default. A name that the config does not have falls to default and is said.
// A webhook has one channel and thus one route.
func (p *planner) routesOf(resource drift.ReportResource) (routes, unknown []string) {
	if p.config.webhook() || len(resource.Routes) == 0 {
		return []string{DefaultRoute}, nil
	}
	for _, name := range resource.Routes {
		if p.hasRoute(name) {
			routes = append(routes, name)
			continue
		}
		routes, unknown = append(routes, DefaultRoute), append(unknown, name)
	}
	return sortedUnique(routes), unknown
}

func (p *planner) hasRoute(name string) bool {
	_, ok := p.config.Routes[name]
	return ok && !p.config.webhook() || name == DefaultRoute
}

func (p *planner) routeNews(route string) *routeNews {
	if p.routes == nil {
		p.routes = map[string]*routeNews{}
	}
	if p.routes[route] == nil {
		p.routes[route] = &routeNews{}
	}
	return p.routes[route]
}

// route turns one route's news into messages: a digest where there is too much
// for one message per app.
func (p *planner) route(route string) {
	r := p.routes[route]
	if len(r.first) > 0 {
		p.add(route, KindDigest, r.first, firstRunCard(p.report, r.first))
	}
	if many := slices.Concat(r.changed, r.resolved); len(many) > floodLimit {
		p.add(route, KindDigest, many, floodCard(p.report, r.changed, r.resolved))
	} else {
		for _, n := range r.changed {
			p.add(route, KindApp, []news{n}, appCard(p.report, n))
		}
		for _, n := range r.resolved {
			p.add(route, KindResolved, []news{n}, resolvedCard(p.report, n))
		}
	}
	if len(r.rollouts) > 0 {
		p.add(route, KindRollouts, r.rollouts, rolloutsCard(p.report, r.rollouts))
	}
}

func (p *planner) add(route string, kind Kind, list []news, c card) {
	m := Message{Kind: kind, Route: route, Channel: p.channel(route), card: c}
	if kind == KindApp || kind == KindResolved {
		m.App = list[0].app.Name
	}
	for _, n := range list {
		m.tells = append(m.tells, n.telling)
	}
	p.messages = append(p.messages, m)
}

func (p *planner) channel(route string) string {
	if p.config.webhook() {
		return ""
	}
	return p.config.Routes[route].Channel
}

// UnknownRoutes are the routes that policies name for something worth telling
// and that the config does not have, sorted.
func UnknownRoutes(report drift.Report, config Config) []string {
	p := planner{config: config.Slack}
	var names []string
	for _, app := range report.Apps {
		for _, f := range findings(app) {
			_, unknown := p.routesOf(f.resource)
			names = append(names, unknown...)
		}
	}
	return sortedUnique(names)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
