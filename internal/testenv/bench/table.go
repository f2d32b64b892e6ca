package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// results of one call, in the order in which they are told.
type results struct {
	began      time.Time
	conditions []string
	sections   []section
}

// section is one scenario with its rows.
type section struct {
	scenario scenario
	rows     []row
}

// find is the row of a tool on unchanged objects (part ""), or in another part.
func (r results) find(axis, part, tool string) (row, bool) {
	for _, s := range r.sections {
		if s.scenario.axis != axis {
			continue
		}
		for _, row := range s.rows {
			if row.part == part && row.tool == tool {
				return row, true
			}
		}
	}
	return row{}, false
}

func printTo(w io.Writer, r results) error {
	_, err := io.WriteString(w, markdown(r))
	return err
}

const (
	begin = "<!-- bench:begin -->"
	stop  = "<!-- bench:end -->"
)

// writeDocs puts the tables between the markers of performance.md and draws the
// plot beside it.
func writeDocs(dir string, r results) error {
	path := filepath.Join(dir, "performance.md")
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	replaced, err := between(string(page), markdown(r))
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	if err := os.WriteFile(path, []byte(replaced), 0o644); err != nil {
		return err
	}
	drawing := plot(r)
	if drawing == "" {
		return nil // the base workload was not measured
	}
	return os.WriteFile(filepath.Join(dir, "performance.svg"), []byte(drawing), 0o644)
}

// between replaces what stands between the markers.
func between(page, text string) (string, error) {
	before, rest, found := strings.Cut(page, begin)
	_, after, ended := strings.Cut(rest, stop)
	if !found || !ended {
		return "", errors.New("the markers " + begin + " and " + stop + " are not there")
	}
	return before + begin + "\n" + text + stop + after, nil
}

func markdown(r results) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s:\n\n", r.began.UTC().Format("2006-01-02"))
	for _, condition := range r.conditions {
		fmt.Fprintf(&b, "- %s\n", condition)
	}
	b.WriteString(targetTable(r))
	for _, s := range r.sections {
		part := "-"
		for _, row := range s.rows {
			if row.part != part {
				part = row.part
				b.WriteString(heading(s.scenario.title, part))
			}
			b.WriteString(row.line())
		}
	}
	b.WriteString(wayTable(r))
	return b.String()
}

func heading(title, part string) string {
	if part != "" {
		title += ", " + part
	}
	return "\n### " + title + "\n\n" +
		"| | wall, s | min–max | CPU, s | peak RSS, MB | API server CPU, s | requests | MB | false clean | false drift |\n" +
		"|---|--:|---|--:|--:|--:|---|--:|--:|--:|\n"
}

func (r row) line() string {
	if len(r.samples) == 0 {
		return fmt.Sprintf("| %s | | | | | | | | | |\n", r.tool)
	}
	lowest, median, highest := spread(r.samples, func(s sample) time.Duration { return s.wall })
	server, sent, transferred := seconds(r.serverCPU()), r.requests().String(), fmt.Sprintf("%.1f", float64(r.bytes())/1e6)
	if r.requests() == nil { // no server in this row
		server, sent, transferred = "", "", ""
	}
	between := fmt.Sprintf("%s–%s (%d×)", seconds(lowest), seconds(highest), len(r.samples))
	clean, drift := r.verdict.cells()
	if r.healed != nil {
		sent += fmt.Sprintf("; put back %d of %d", r.healed.undone, r.healed.edits)
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %d | %s | %s | %s | %s | %s |\n",
		r.tool, seconds(median), between, seconds(r.cpu()), r.rss()/1e6, server, sent, transferred, clean, drift)
}

// cells say how many answers were false, of how many there were to find.
func (v *verdict) cells() (clean, drift string) {
	if v == nil {
		return "", ""
	}
	clean, drift = "", fmt.Sprint(v.falseDrift)
	if v.known > 0 {
		clean = fmt.Sprintf("%d of %d", v.falseClean, v.known)
	}
	if v.stopped > 0 {
		clean += fmt.Sprintf(" (%d error)", v.stopped)
	}
	if v.unjudged > 0 {
		drift += fmt.Sprintf(" (%d error)", v.unjudged)
	}
	return clean, drift
}

// seconds with the digits that mean something.
func seconds(d time.Duration) string {
	switch s := d.Seconds(); {
	case s >= 10:
		return fmt.Sprintf("%.1f", s)
	case s >= 1:
		return fmt.Sprintf("%.2f", s)
	default:
		return fmt.Sprintf("%.3f", s)
	}
}

// wayTable shows which kinds of edits each tool saw, from the part with most.
func wayTable(r results) string {
	var rows []row
	for _, s := range r.sections {
		for _, row := range s.rows {
			if row.verdict == nil || row.verdict.known == 0 || row.healed != nil {
				continue
			}
			if len(rows) > 0 && row.part != rows[0].part {
				rows = nil
			}
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n### Seen, by kind of edit, at %s\n\n|", rows[0].part)
	for _, way := range ways {
		b.WriteString(" | " + way.name)
	}
	b.WriteString(" |\n|---" + strings.Repeat("|--:", len(ways)) + "|\n")
	for _, row := range rows {
		b.WriteString("| " + row.tool)
		for _, way := range ways {
			v := row.verdict
			fmt.Fprintf(&b, " | %d of %d", v.seen[way.name], v.of[way.name])
			if n := v.refused[way.name]; n > 0 {
				fmt.Fprintf(&b, " (%d error)", n)
			}
		}
		b.WriteString(" |\n")
	}
	return b.String()
}
