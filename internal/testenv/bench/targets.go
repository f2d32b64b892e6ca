package main

import (
	"fmt"
	"strings"
	"time"
)

// target is one promise about the figures of one call.
type target struct {
	what, want, got string
	met             bool
}

const megabyte = 1e6

// targets compares what was measured with what was promised; what was not
// measured is left out.
func targets(r results) []target {
	var all []target
	idle, found := r.idle("base")
	if found {
		all = append(all, baseTargets(r, idle)...)
	}
	all = append(all, growthTargets(r, idle)...)
	return append(all, startTargets(r)...)
}

// idle is the default run on an axis, which skips what it can.
func (r results) idle(axis string) (row, bool) {
	for _, name := range []string{nameIdle, nameDefault} {
		if run, found := r.find(axis, "", name); found && len(run.samples) > 0 {
			return run, true
		}
	}
	return row{}, false
}

func baseTargets(r results, idle row) []target {
	var all []target
	if flux, found := r.find("base", "", nameFlux4); found && idle.wall() > 0 && idle.serverCPU() > 0 {
		wall := flux.wall().Seconds() / idle.wall().Seconds()
		cpu := flux.serverCPU().Seconds() / idle.serverCPU().Seconds()
		all = append(all,
			target{"wall, against fluxcd/pkg/ssa at concurrency 4", "≥ 10×", fmt.Sprintf("%.1f×", wall), wall >= 10},
			target{"API server CPU, against the same", "≥ 50×", fmt.Sprintf("%.1f×", cpu), cpu >= 50})
	}
	sent := idle.worst().requests
	all = append(all, target{
		"no PATCH when nothing changed, idle skip", "0", fmt.Sprintf("%d real, %d dry-run", sent.writes(), idle.most("dry-run")),
		sent.writes()+idle.most("dry-run") == 0,
	})
	memo, full := r.find("base", "", nameMemo)
	full = full && len(memo.samples) > 0
	if full {
		all = append(all, ownStateTarget(memo))
	}
	audit, audited := r.find("base", "", nameAudit)
	audited = audited && len(audit.samples) > 0
	if audited {
		all = append(all, auditTarget(audit))
	}
	for _, bare := range []struct{ name, what string }{
		{nameLists, "idle-skip run ÷ bare LISTs, wall"},
		{nameHeads, "idle-skip run ÷ bare LISTs of metadata alone, wall"},
	} {
		if lists, found := r.find("base", "", bare.name); found && lists.wall() > 0 {
			ratio := idle.wall().Seconds() / lists.wall().Seconds()
			all = append(all, target{bare.what, "≤ 1.5", fmt.Sprintf("%.2f", ratio), ratio <= 1.5})
		}
	}
	all = append(all, memoryTarget("peak RSS, idle skip", 120, idle))
	if full {
		all = append(all, memoryTarget("peak RSS, full run by the memo", 120, memo))
	}
	if audited {
		all = append(all, memoryTarget("peak RSS, full run with the audit", 120, audit))
	}
	return all
}

// ownStateTarget is about a full run, which notes in its own state that it was one.
func ownStateTarget(memo row) target {
	worst := memo.worst()
	text := fmt.Sprintf("%d real", worst.requests.writes())
	if own := worst.requests.writes() - worst.otherWrites(); own > 0 {
		text += fmt.Sprintf(" (%d to its own state)", own)
	}
	return target{
		"no real write outside our own state, full run by the memo", "0",
		fmt.Sprintf("%s, %d dry-run", text, worst.requests["dry-run"]), worst.otherWrites() == 0,
	}
}

// auditTarget: a hash chooses the sample, so its size varies. Half of it more or
// less, and ten, is far outside of that.
func auditTarget(audit row) target {
	sent, sample := audit.requests()["dry-run"], audit.objects/auditShare
	return target{
		"dry-runs of a full run with the audit: one sample", fmt.Sprintf("about %d", sample), fmt.Sprint(sent),
		sent >= sample/2-10 && sent <= sample*3/2+10,
	}
}

func memoryTarget(what string, limit int64, of row) target {
	return target{what, fmt.Sprintf("≤ %d MB", limit), fmt.Sprintf("%d MB", of.rss()/megabyte), of.rss() <= limit*megabyte}
}

// growthTargets compare the largest workload with the base one, or, without that,
// with the next largest of the axis: a quarter more than linear is noise.
func growthTargets(r results, idle row) []target {
	large, full, next := row{}, row{}, idle
	for _, s := range r.sections {
		if s.scenario.axis != "objects" {
			continue
		}
		for _, one := range s.rows {
			ours := one.tool == nameIdle || one.tool == nameDefault
			switch {
			case len(one.samples) == 0:
			case ours && one.objects >= 20000:
				large = one
			case one.tool == nameMemo && one.objects >= 20000:
				full = one
			case ours && len(idle.samples) == 0 && one.objects > next.objects:
				next = one
			}
		}
	}
	var all []target
	if len(large.samples) > 0 {
		all = append(all, memoryTarget("peak RSS at 20,000 objects, idle skip", 300, large))
	}
	if len(full.samples) > 0 {
		all = append(all, memoryTarget("peak RSS at 20,000 objects, full run by the memo", 300, full))
	}
	if len(large.samples) == 0 || next.objects == 0 || next.wall() <= 0 || next.serverCPU() <= 0 {
		return all
	}
	linear := float64(large.objects) / float64(next.objects)
	wall := large.wall().Seconds() / next.wall().Seconds()
	cpu := large.serverCPU().Seconds() / next.serverCPU().Seconds()
	return append(all, target{
		fmt.Sprintf("growth from %s to %s objects, idle skip", thousands(next.objects), thousands(large.objects)), fmt.Sprintf("linear (×%.1f)", linear),
		fmt.Sprintf("wall ×%.1f, API server CPU ×%.1f", wall, cpu), max(wall, cpu) <= linear*1.25,
	})
}

// startTargets are those of 1,000 unchanged objects in 10 apps.
func startTargets(r results) []target {
	var all []target
	if start, found := r.find("start", "", nameStart); found && len(start.samples) > 0 {
		all = append(all, target{"cold start", "≤ 60 ms", fmt.Sprintf("%d ms", start.wall().Milliseconds()), start.wall() <= 60*time.Millisecond})
	}
	plain, compared := r.find("start", "", nameLoop)
	compared = compared && plain.wall() > 0
	add := func(what string, run row) {
		if compared {
			ratio := run.wall().Seconds() / plain.wall().Seconds()
			all = append(all, target{"1,000 objects in 10 apps: " + what + " ÷ GET + dry-run loop, wall", "≤ 1.0", fmt.Sprintf("%.2f", ratio), ratio <= 1})
		}
		all = append(all, memoryTarget("1,000 objects in 10 apps: peak RSS, "+what, 200, run))
	}
	if run, found := r.idle("start"); found {
		add("idle skip", run)
	}
	if run, found := r.find("start", "", nameMemo); found && len(run.samples) > 0 {
		add("full run by the memo", run)
	}
	return all
}

func targetTable(r results) string {
	all := targets(r)
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n| target | wanted | measured | |\n|---|---|---|---|\n")
	for _, t := range all {
		verdict := "missed"
		if t.met {
			verdict = "met"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", t.what, t.want, t.got, verdict)
	}
	return b.String()
}
