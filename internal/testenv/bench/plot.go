package main

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
	"time"
)

// Measures of the drawing, in its own units.
const (
	plotWidth  = 860
	labelWidth = 330
	barWidth   = 430
	barHeight  = 16
	lineHeight = 24
	panelGap   = 64
)

// bar is one bar of a panel.
type bar struct {
	label string
	value time.Duration
	ours  bool
}

// plot draws wall and API-server CPU of the base workload as bars on a log axis.
// It is empty when that was not measured. Text stays text, and the colours
// follow the reader's theme.
func plot(r results) string {
	var wall, cpu []bar
	title := ""
	for _, s := range r.sections {
		if s.scenario.axis != "base" {
			continue
		}
		title = s.scenario.title
		for _, row := range s.rows {
			if row.part != "" || len(row.samples) == 0 || strings.Contains(row.tool, "first") {
				continue
			}
			label := strings.ReplaceAll(row.tool, "**", "")
			ours := strings.HasPrefix(label, "killick")
			wall = append(wall, bar{label, row.wall(), ours})
			cpu = append(cpu, bar{label, row.serverCPU(), ours})
		}
	}
	if len(wall) == 0 {
		return ""
	}
	panel := len(wall)*lineHeight + panelGap
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="Wall time and API server CPU per run">
<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 14px; }
.tick { font-size: 11px; fill: #59636e; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.ours { fill: #0969da; }
.peer { fill: #8c959f; }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; }
.tick { fill: #9198a1; }
.grid { stroke: #3d444d; }
.ours { fill: #4493f8; }
.peer { fill: #656c76; }
}
</style>
`, plotWidth, 2*panel, plotWidth, 2*panel)
	drawPanel(&b, 0, title+" unchanged: wall time of one run (log scale)", wall)
	drawPanel(&b, panel, title+" unchanged: CPU time of the API server per run (log scale)", cpu)
	b.WriteString("</svg>\n")
	return b.String()
}

func drawPanel(b *strings.Builder, top int, title string, bars []bar) {
	lowest, highest := decades(bars)
	at := func(seconds float64) float64 {
		return float64(labelWidth) + barWidth*(math.Log10(seconds)-lowest)/(highest-lowest)
	}
	bottom := top + 40 + len(bars)*lineHeight
	fmt.Fprintf(b, `<text class="title" x="8" y="%d">%s</text>`+"\n", top+22, escape(title))
	for decade := lowest; decade <= highest; decade++ {
		x := at(math.Pow(10, decade))
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", x, top+34, x, bottom)
		fmt.Fprintf(b, `<text class="tick" x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x, bottom+14, decadeLabel(decade))
	}
	for i, one := range bars {
		y := top + 40 + i*lineHeight
		class := "peer"
		if one.ours {
			class = "ours"
		}
		width := max(1, at(max(one.value.Seconds(), math.Pow(10, lowest)))-labelWidth)
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, labelWidth-8, y+13, escape(one.label))
		fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`, class, labelWidth, y, width, barHeight)
		fmt.Fprintf(b, `<text x="%.1f" y="%d">%s s</text>`+"\n", labelWidth+width+6, y+13, seconds(one.value))
	}
}

// decades are the powers of ten around all values, at least one apart.
func decades(bars []bar) (lowest, highest float64) {
	lowest, highest = math.Inf(1), math.Inf(-1)
	for _, one := range bars {
		if one.value <= 0 {
			continue
		}
		lowest = min(lowest, math.Floor(math.Log10(one.value.Seconds())))
		highest = max(highest, math.Ceil(math.Log10(one.value.Seconds())))
	}
	if math.IsInf(lowest, 0) {
		return -3, 0
	}
	return lowest, max(highest, lowest+1)
}

func decadeLabel(decade float64) string {
	if decade < 0 {
		return fmt.Sprintf("%g ms", math.Pow(10, decade+3))
	}
	return fmt.Sprintf("%g s", math.Pow(10, decade))
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a strings.Builder never fails
	return b.String()
}
