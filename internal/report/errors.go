package report

import (
	"fmt"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/summary"
)

// separately are errors of which each is told by itself.
func separately(errors []drift.ReportError) []summary.CommonError {
	common := make([]summary.CommonError, 0, len(errors))
	for _, e := range errors {
		common = append(common, summary.CommonError{Errors: []drift.ReportError{e}, Text: e.Message, Hint: e.Hint})
	}
	return common
}

// objectError writes why an object failed, and what to do. What others failed for as well
// is told once, under Errors.
func (p *printer) objectError(r drift.ReportResource) (shared bool) {
	at, shared := p.common.Of(r)
	if shared {
		p.note("error", underErrors(at), red)
		if r.Hint != "" && r.Hint != p.common.All[at].Hint {
			p.note("hint", r.Hint, cyan)
		}
		return true
	}
	if r.Error != "" {
		p.note("error", r.Error, red)
	}
	if r.Hint != "" {
		p.note("hint", r.Hint, cyan)
	}
	return false
}

// referring is a text that does not repeat an error which is told under Errors.
func (p *printer) referring(text string) string {
	if at, before, found := p.common.Within(text); found && p.common.All[at].Quoted {
		return before + underErrors(at)
	}
	return text
}

func underErrors(at int) string { return fmt.Sprintf("[%d] under Errors", at+1) }

// reference is the number by which objects refer to an error; "" where none does.
func (p *printer) reference(at int) string {
	if e := p.common.All[at]; !e.Shared() && !e.Quoted {
		return ""
	}
	return fmt.Sprintf("[%d] ", at+1)
}

// errors writes the errors of the run and of its apps, and those that several objects
// met: each once, with all that met it.
func (p *printer) errors() {
	begun := false
	for i, e := range p.common.All {
		if !e.Told() {
			continue
		}
		if !begun {
			p.line(p.paint(bold, "Errors"))
			begun = true
		}
		lines := strings.Split(strings.TrimRight(message(e), "\n"), "\n")
		p.line("  " + p.paint(red, p.glyphs.failed) + " " + p.clean(p.reference(i)+place(e)) + ": " + p.clean(lines[0]))
		for _, line := range lines[1:] {
			p.line("      " + p.clean(line))
		}
		if whom := concerned(e); whom != "" {
			p.line("      " + p.clean(whom))
		}
		if e.Hint != "" {
			p.line("      " + p.paint(cyan, "hint: ") + p.clean(e.Hint))
		}
	}
	if begun {
		p.line("")
	}
}

// place says who met an error, and at which stage.
func place(e summary.CommonError) string {
	parts := e.Apps()
	if len(e.Errors) > 0 {
		parts = append(parts, e.Errors[0].Stage)
	}
	return strings.Join(parts, ", ")
}

// message is the error in its own words, with the file where there is one.
func message(e summary.CommonError) string {
	if len(e.Errors) > 0 && e.Errors[0].File != "" && !strings.Contains(e.Words(), e.Errors[0].File) {
		return e.Errors[0].File + ": " + e.Words()
	}
	return e.Words()
}

// concerned counts the objects that met an error, and names the first.
func concerned(e summary.CommonError) string {
	const named = 5
	if !e.Shared() {
		return ""
	}
	names := make([]string, 0, named)
	for _, o := range e.Objects[:min(named, len(e.Objects))] {
		names = append(names, o.ID.Short())
	}
	text := fmt.Sprintf("%s: %s", objects(len(e.Objects)), strings.Join(names, ", "))
	if more := len(e.Objects) - named; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
