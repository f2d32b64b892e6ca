package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// axisNames are the scenarios that -axis can name.
var axisNames = []string{"start", "base", "rtt", "drift", "objects", "quirky", "foreign", "crds"}

// scenario is one workload on a control plane of its own.
type scenario struct {
	axis, title string
	spec        spec
	// foreign is how many objects of nobody are there as well.
	foreign int
	// sets besides Killick's.
	sets []string
	// tools that are measured on the unchanged objects.
	tools func(*stage) []tool
	// few rounds, because each takes long.
	few bool
	// rtt and drift are measured on the same control plane afterwards.
	rtt, drift bool
}

// row is one line of a table.
type row struct {
	// part of the section; empty for the objects as they were made.
	part string
	tool string
	// objects that were worked on.
	objects int
	samples []sample
	verdict *verdict
	// healed says how many of the edits were undone, after what puts back.
	healed *healing
}

type healing struct{ edits, undone int }

// rttDelay is the round-trip time of the axis "rtt".
const rttDelay = 20 * time.Millisecond

// shares of drifted objects on the axis "drift", in objects per thousand.
var shares = []int{1, 10, 100}

func (b *bench) scenarios() []scenario {
	few := func(s *stage) []tool { return []tool{killickRun(s), lists(), heads(), fluxDiff(4)} }
	full := func(s *stage) []tool {
		if !s.trust.run {
			return few(s)
		}
		return append([]tool{killickMemo(s)}, few(s)...)
	}
	withLoop := func(s *stage) []tool { return append(full(s), loop()) }
	all := []scenario{
		{axis: "start", title: "1,000 objects in 10 apps", spec: spec{objects: 1000, apps: 10}, sets: []string{setFlux, setPlain}, tools: withLoop},
		{
			axis: "base", title: fmt.Sprintf("%s objects in %d apps", thousands(b.objects), sized(b.objects).apps), spec: sized(b.objects),
			sets: []string{setFlux, setPlain, setArgo}, rtt: b.has("rtt"), drift: b.has("drift"),
			tools: func(s *stage) []tool {
				return append(killickModes(s), lists(), heads(), fluxDiff(4), fluxDiff(8), fluxApply(4), fluxApply(8), loop(), kubectlDiff(), argoLegacy(), argoServerSide())
			},
		},
	}
	for _, n := range []int{100, 1000, 20000} {
		all = append(all, scenario{axis: "objects", title: thousands(n) + " objects", spec: sized(n), sets: []string{setFlux}, tools: full, few: n > 5000})
	}
	quirkyThird := sized(b.objects)
	quirkyThird.quirkyThird = true
	all = append(all,
		scenario{axis: "quirky", title: "a third of the objects quirky", spec: quirkyThird, sets: []string{setFlux, setPlain}, few: true,
			tools: func(s *stage) []tool { return append(killickModes(s), lists(), heads(), fluxDiff(4), loop()) }},
		scenario{axis: "foreign", title: "1,000 objects among 50,000 of others", spec: sized(1000), foreign: 50000, sets: []string{setFlux}, tools: few},
		scenario{axis: "crds", title: "1,000 objects, 20 of them large CRDs", spec: spec{objects: 1000, apps: 20, crds: 20}, sets: []string{setFlux}, tools: few},
	)
	return slices.DeleteFunc(all, func(s scenario) bool {
		return !b.has(s.axis) && (s.axis != "base" || !s.rtt && !s.drift)
	})
}

func (b *bench) has(axis string) bool { return slices.Contains(b.axes, axis) }

// play measures one scenario.
func (b *bench) play(ctx context.Context, of scenario) (rows []row, failed error) {
	if of.axis == "start" {
		start, err := b.coldStart(ctx)
		if err != nil {
			return nil, err
		}
		rows = append(rows, start)
	}
	s, err := openStage(ctx, b)
	if err != nil {
		return rows, err
	}
	defer func() { failed = errors.Join(failed, s.close()) }()
	first, err := b.prepare(ctx, s, of)
	if err != nil {
		return rows, err
	}
	rows = append(rows, first)
	steady, err := b.rows(ctx, s, b.pick(of.tools(s)), of.few, "")
	rows = append(rows, steady...)
	if err != nil {
		return rows, err
	}
	if of.axis == "base" {
		audit, err := b.audit(ctx, s)
		rows = append(rows, audit...)
		if err != nil {
			return rows, err
		}
	}
	if of.rtt {
		s.relay.setRTT(rttDelay)
		far, err := b.rows(ctx, s, b.pick([]tool{killickRun(s), lists(), heads(), fluxDiff(4), fluxDiff(8)}), true, "20 ms round trip")
		s.relay.setRTT(0)
		rows = append(rows, far...)
		if err != nil {
			return rows, err
		}
	}
	if of.drift {
		drifted, err := b.drifted(ctx, s)
		rows = append(rows, drifted...)
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

func (b *bench) pick(tools []tool) []tool {
	return slices.DeleteFunc(tools, func(t tool) bool { return !b.wants(t) })
}

// coldStart measures the process alone.
func (b *bench) coldStart(ctx context.Context) (row, error) {
	r := row{tool: nameStart}
	for range b.rounds * 4 {
		result, err := execute(ctx, command{args: []string{b.killick, "version"}})
		if err != nil {
			return r, err
		}
		r.samples = append(r.samples, sample{wall: result.Wall, cpu: result.CPU, rss: result.RSS})
	}
	return r, nil
}

// prepare makes the sets; what it measures is Killick's first run.
func (b *bench) prepare(ctx context.Context, s *stage, of scenario) (row, error) {
	if err := s.foreign(ctx, of.foreign); err != nil {
		return row{}, err
	}
	for _, name := range of.sets {
		if !b.wantsSet(name) {
			continue
		}
		b.sayf("%s: making the set %s", of.title, name)
		if err := s.install(ctx, name, of.spec); err != nil {
			return row{}, err
		}
	}
	if err := s.install(ctx, setKillick, of.spec); err != nil {
		return row{}, err
	}
	first := row{tool: "killick run, first (creates everything)", objects: of.spec.objects}
	const attempts = 4
	for i := range attempts {
		sample, result, err := s.measure(ctx, killickRun(s))
		if err != nil {
			return first, err
		}
		if i == 0 {
			first.samples = append(first.samples, sample)
			continue
		}
		differs, unknown, err := killickFound(s, *s.sets[setKillick], result)
		if err != nil {
			return first, err
		}
		if len(differs)+len(unknown) == 0 {
			return first, nil
		}
		if i == attempts-1 {
			return first, fmt.Errorf("after %d runs %d objects are not in sync, such as %s", attempts, len(differs)+len(unknown), append(differs, fmt.Sprint(unknown))[0])
		}
	}
	return first, nil
}

func (b *bench) wantsSet(name string) bool {
	switch name {
	case setFlux:
		return slices.Contains(b.peers, "flux")
	case setArgo:
		return slices.Contains(b.peers, "argo")
	}
	return true
}

// rows measures tools in turn, round by round, so that a disturbance does not hit
// one of them alone.
func (b *bench) rows(ctx context.Context, s *stage, tools []tool, few bool, part string, edits ...map[string][]edit) ([]row, error) {
	rows := make([]row, len(tools))
	for round := range b.rounds {
		for i, t := range tools {
			if round >= b.roundsOf(t, few) {
				continue
			}
			rows[i].part, rows[i].tool, rows[i].objects = part, t.name, len(s.sets[t.set].entries)
			if t.primed {
				if _, _, err := s.measure(ctx, t); err != nil {
					return rows[:i], err
				}
			}
			one, result, err := s.measure(ctx, t)
			if err != nil {
				return rows[:i], err
			}
			rows[i].samples = append(rows[i].samples, one)
			if err := rows[i].judge(s, t, result, edits); err != nil {
				return rows[:i], fmt.Errorf("%s: %w", t.name, err)
			}
			b.sayf("  %s: %s, server %s, %s", t.name, one.wall.Round(time.Millisecond), one.serverCPU.Round(time.Millisecond), one.requests)
		}
	}
	return rows, nil
}

func (b *bench) roundsOf(t tool, few bool) int {
	switch {
	case t.slow && few, t.once:
		return 1
	case t.slow || few:
		return min(b.rounds, 3)
	}
	return b.rounds
}

// judge checks the exit code, so that what fails fast does not look fast, and
// the answer.
func (r *row) judge(s *stage, t tool, result outcome, edits []map[string][]edit) error {
	if result.Exit != 0 && !slices.Contains(t.exits, result.Exit) {
		return fmt.Errorf("exit code %d: %s%s", result.Exit, result.stderr, end(result.stdout))
	}
	if t.found == nil {
		return nil
	}
	of := s.sets[t.set]
	differs, unjudged, err := t.found(s, *of, result)
	if err != nil {
		return err
	}
	var known []edit
	for _, one := range edits {
		known = append(known, one[t.set]...)
	}
	v := judge(known, differs, unjudged)
	if r.verdict == nil || v.falseClean+v.falseDrift+v.unjudged > r.verdict.falseClean+r.verdict.falseDrift+r.verdict.unjudged {
		r.verdict = &v
	}
	return nil
}

func end(text []byte) string { return string(text[max(0, len(text)-2000):]) }

// drifted edits more and more objects by hand, asks every tool which they are,
// and lets those that can put them back.
func (b *bench) drifted(ctx context.Context, s *stage) ([]row, error) {
	var rows []row
	plan := map[string][]edit{}
	before := map[string]map[string]any{}
	total := len(s.sets[setKillick].entries)
	for name, of := range s.sets {
		plan[name] = plannedEdits(of.entries, total*shares[len(shares)-1]/1000)
	}
	done := 0
	made := map[string][]edit{}
	for _, share := range shares {
		count := total * share / 1000
		if count == done {
			continue // so few objects that the share is none
		}
		next := map[string][]edit{}
		for name, edits := range plan {
			next[name] = edits[min(done, len(edits)):min(count, len(edits))]
			made[name] = edits[:min(count, len(edits))]
		}
		done = count
		if err := s.remember(ctx, next, before); err != nil {
			return rows, err
		}
		if err := s.drift(ctx, next); err != nil {
			return rows, err
		}
		tools := []tool{killickPlan(s), fluxDiff(4), loop()}
		if share == shares[len(shares)-1] {
			tools = append(tools, kubectlDiff(), argoLegacy(), argoServerSide())
		}
		part := fmt.Sprintf("%g %% drifted (%d objects)", float64(share)/10, count)
		more, err := b.rows(ctx, s, b.pick(tools), true, part, made)
		rows = append(rows, more...)
		if err != nil {
			return rows, err
		}
	}
	healed, err := b.heal(ctx, s, made, before)
	return append(rows, healed...), err
}

// heal lets Killick and Flux put everything back, once.
func (b *bench) heal(ctx context.Context, s *stage, made map[string][]edit, before map[string]map[string]any) ([]row, error) {
	var rows []row
	for _, t := range b.pick([]tool{killickHeal(s), fluxApply(4)}) {
		r := row{part: fmt.Sprintf("putting %d objects back", len(made[t.set])), tool: t.name, objects: len(s.sets[t.set].entries)}
		one, result, err := s.measure(ctx, t)
		if err != nil {
			return rows, err
		}
		r.samples = append(r.samples, one)
		if err := r.judge(s, t, result, []map[string][]edit{made}); err != nil {
			return rows, err
		}
		r.healed = &healing{edits: len(made[t.set])}
		for _, e := range made[t.set] {
			undone, err := e.undone(ctx, s.client, before[e.entry.id()])
			if err != nil {
				return rows, err
			}
			if undone {
				r.healed.undone++
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// remember reads what the objects are before they are edited.
func (s *stage) remember(ctx context.Context, edits map[string][]edit, before map[string]map[string]any) error {
	for _, some := range edits {
		for _, e := range some {
			object := e.entry.object
			live, err := s.client.Resource(resourceOf(object.GroupVersionKind())).Namespace(object.GetNamespace()).Get(ctx, object.GetName(), metav1.GetOptions{})
			if err != nil {
				return err
			}
			before[e.entry.id()] = content(live)
		}
	}
	return nil
}

// conditions are what the figures depend on.
func (b *bench) conditions(ctx context.Context) []string {
	said := []string{fmt.Sprintf("%d cores%s, loopback, no webhooks, cluster administrator (exempt from API priority and fairness), every client without a rate limit of its own", runtime.NumCPU(), processor())}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		said = append(said, "load average of the machine at the start: "+strings.Join(strings.Fields(string(load))[:3], ", "))
	}
	if out, err := exec.CommandContext(ctx, b.killick, "version").Output(); err == nil {
		said = append(said, strings.TrimSpace(string(out)))
	}
	if !b.trust.run {
		said = append(said, "this killick has no "+trustFlag+": the ablations are left out")
	}
	if out, err := exec.CommandContext(ctx, "kubectl", "version", "--client").Output(); err == nil {
		first, _, _ := strings.Cut(string(out), "\n")
		said = append(said, "kubectl: "+strings.TrimPrefix(first, "Client Version: "))
	} else {
		b.peers = slices.DeleteFunc(b.peers, func(name string) bool { return name == "kubectl" })
		said = append(said, "kubectl is not installed: left out")
	}
	if _, err := os.Stat(filepath.Join(b.bin, "argo")); err != nil && slices.Contains(b.peers, "argo") {
		b.peers = slices.DeleteFunc(b.peers, func(name string) bool { return name == "argo" })
		said = append(said, "gitops-engine could not be built: left out")
	}
	return said
}

func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(info)) {
		if name, found := strings.CutPrefix(line, "model name\t: "); found {
			return " (" + strings.TrimSpace(name) + ")"
		}
	}
	return ""
}

// thousands writes 5000 as 5,000.
func thousands(n int) string {
	text := fmt.Sprint(n)
	if len(text) <= 3 {
		return text
	}
	return thousands(n/1000) + "," + text[len(text)-3:]
}
