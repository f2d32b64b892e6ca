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
	idle, found := r.find("base", "", nameIdle)
	if !found {
		idle, found = r.find("base", "", nameDefault)
	}
	if found && len(idle.samples) > 0 {
		all = append(all, baseTargets(r, idle)...)
	}
	all = append(all, growthTargets(r, idle)...)
	if start, found := r.find("start", "", "killick version (cold start)"); found {
		all = append(all, target{"cold start", "≤ 60 ms", fmt.Sprintf("%d ms", start.wall().Milliseconds()), start.wall() <= 60*time.Millisecond})
	}
	run, found := r.find("start", "", idle.tool)
	plain, compared := r.find("start", "", nameLoop)
	if found && compared && plain.wall() > 0 {
		ratio := run.wall().Seconds() / plain.wall().Seconds()
		all = append(all, target{"1,000 objects in 10 apps: run ÷ GET + dry-run loop, wall", "≤ 1.0", fmt.Sprintf("%.2f", ratio), ratio <= 1})
	}
	return all
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
	sent := idle.requests()
	all = append(all, target{
		"no PATCH when nothing changed", "0", fmt.Sprintf("%d real, %d dry-run", sent["PATCH"], sent["dry-run"]), sent["PATCH"]+sent["dry-run"] == 0,
	})
	if audit, found := r.find("base", "", nameAudit); found && len(audit.samples) > 0 {
		// A hash chooses the sample, so its size varies; a half more is far outside
		// of that for thousands of objects.
		sent, sample := audit.requests(), idle.objects/auditShare
		all = append(all, target{
			"no dry-run outside the audit sample", fmt.Sprintf("about %d", sample), fmt.Sprint(sent["dry-run"]), sent["dry-run"] <= sample*3/2+10,
		})
	}
	if bare, found := r.find("base", "", nameLists); found && bare.wall() > 0 {
		ratio := idle.wall().Seconds() / bare.wall().Seconds()
		all = append(all, target{"idle-skip run ÷ bare LISTs, wall", "≤ 1.5", fmt.Sprintf("%.2f", ratio), ratio <= 1.5})
	}
	return append(all, target{"peak RSS", "≤ 120 MB", fmt.Sprintf("%d MB", idle.rss()/megabyte), idle.rss() <= 120*megabyte})
}

// growthTargets compare sizes: a quarter more than linear is noise.
func growthTargets(r results, idle row) []target {
	var large row
	for _, s := range r.sections {
		for _, row := range s.rows {
			if s.scenario.axis == "objects" && row.objects >= 20000 && (row.tool == nameIdle || row.tool == nameDefault) {
				large = row
			}
		}
	}
	if len(large.samples) == 0 {
		return nil
	}
	all := []target{{"peak RSS at 20,000 objects", "≤ 300 MB", fmt.Sprintf("%d MB", large.rss()/megabyte), large.rss() <= 300*megabyte}}
	if len(idle.samples) == 0 || idle.objects == 0 {
		return all
	}
	linear := float64(large.objects) / float64(idle.objects)
	wall := large.wall().Seconds() / idle.wall().Seconds()
	cpu := large.serverCPU().Seconds() / idle.serverCPU().Seconds()
	return append(all, target{
		fmt.Sprintf("growth to %s objects (×%.0f)", thousands(large.objects), linear), "linear",
		fmt.Sprintf("wall ×%.1f, API server CPU ×%.1f", wall, cpu), max(wall, cpu) <= linear*1.25,
	})
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
