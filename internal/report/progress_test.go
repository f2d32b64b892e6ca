package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/killick-dev/killick/internal/report"
)

func TestProgressLines(t *testing.T) {
	var b bytes.Buffer
	p := report.NewProgress(&b, false)
	p.Stage("", "fetch", "https://git.example.com/platform.git")
	p.Stage("storefront", "render", "")
	p.Stage("storefront", "act", "1 of 9")
	p.Stage("storefront", "act", "2 of 9")
	p.Stage("billing", "act", "1 of 1\x1b[2J")
	p.Done()
	want := "fetch: https://git.example.com/platform.git\nstorefront: render\nstorefront: act: 1 of 9\nbilling: act: 1 of 1\\x1b[2J\n"
	if b.String() != want {
		t.Errorf("progress is\n%q, want one line per app and stage:\n%q", b.String(), want)
	}
}

func TestProgressTerminal(t *testing.T) {
	var b bytes.Buffer
	p := report.NewProgress(&b, true)
	p.Done()
	if b.Len() > 0 {
		t.Errorf("done before any stage wrote %q", b.String())
	}
	p.Stage("storefront", "act", strings.Repeat("é", 200))
	p.Done()
	p.Done()
	want := "\r\x1b[2Kstorefront: act: " + strings.Repeat("é", 61) + "\r\x1b[2K"
	if b.String() != want {
		t.Errorf("progress is\n%q, want one line that fits and is removed once:\n%q", b.String(), want)
	}
}

func TestProgressConcurrent(t *testing.T) {
	var b bytes.Buffer
	p := report.NewProgress(&b, false)
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() { p.Stage(fmt.Sprint("app", i), "render", "") })
	}
	group.Wait()
	if lines := strings.Count(b.String(), ": render\n"); lines != 50 {
		t.Errorf("%d whole lines, want 50", lines)
	}
}
