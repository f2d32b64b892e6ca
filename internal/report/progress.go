package report

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// progressWidth bounds the updating line: a longer one would wrap, and a
// carriage return only goes back to the start of its last row.
const progressWidth = 78

// Progress tells on stderr what a run is doing: on a terminal one line that is
// overwritten, elsewhere one line per app and stage. It is safe for concurrent
// use, because apps are worked on concurrently. What it cannot write it drops:
// progress never changes an outcome.
type Progress struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	told     map[[2]string]bool
	drawn    bool
}

// NewProgress writes to w, which is a terminal or not.
func NewProgress(w io.Writer, terminal bool) *Progress {
	return &Progress{w: w, terminal: terminal, told: map[[2]string]bool{}}
}

// Stage says that an app entered a stage; app is "" for the run itself, detail
// is optional. Without a terminal a stage of an app is told once, with its
// first detail.
func (p *Progress) Stage(app, stage, detail string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := progressLine(app, stage, detail)
	if p.terminal {
		runes := []rune(line)
		if len(runes) > progressWidth {
			line = string(runes[:progressWidth])
		}
		_, _ = fmt.Fprint(p.w, "\r\x1b[2K", line)
		p.drawn = true
		return
	}
	key := [2]string{app, stage}
	if p.told[key] {
		return
	}
	p.told[key] = true
	_, _ = fmt.Fprintln(p.w, line)
}

// Done removes the updating line, so that the result starts on a clean one.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		_, _ = fmt.Fprint(p.w, "\r\x1b[2K")
		p.drawn = false
	}
}

func progressLine(app, stage, detail string) string {
	parts := make([]string, 0, 3)
	for _, part := range []string{app, stage, detail} {
		if part != "" {
			parts = append(parts, clean(part, false))
		}
	}
	return strings.Join(parts, ": ")
}
