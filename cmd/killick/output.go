package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/internal/report"
	"github.com/killick-dev/killick/reconcile"
)

func newProgress(w world) *report.Progress { return report.NewProgress(w.err, w.errTerminal) }

// print redacts a report and writes every view that -o asks for; without -o the
// text goes to standard output. The exit code is the report's own, unless a view
// could not be written.
func (s *session) print(full drift.Report, redactor redact.Redactor) error {
	return s.printViews(full, redactor, report.Options{})
}

// printPart is print for a part of a report, whose totals would mislead.
func (s *session) printPart(part drift.Report, redactor redact.Redactor) error {
	return s.printViews(part, redactor, report.Options{Excerpt: true})
}

func (s *session) printViews(full drift.Report, redactor redact.Redactor, options report.Options) error {
	clean := redactor.Report(full)
	outputs := s.settings.Output
	if len(outputs) == 0 {
		outputs = []string{string(report.FormatText)}
	}
	var failures []error
	for _, output := range outputs {
		name, file, toFile := strings.Cut(output, "=")
		format, err := report.ParseFormat(name)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		if toFile {
			failures = append(failures, writeFile(file, clean, report.Options{Format: format, Width: report.LogWidth, Excerpt: options.Excerpt}))
			continue
		}
		failures = append(failures, report.Write(s.out, clean, report.Options{
			Format: format, Color: s.colored(), Width: s.width, ASCII: s.ascii(), Excerpt: options.Excerpt,
		}))
	}
	if err := errors.Join(failures...); err != nil {
		exitCode := clean.Run.ExitCode
		if exitCode == reconcile.ExitOK || exitCode == reconcile.ExitDrift {
			exitCode = reconcile.ExitPartial
		}
		return &exit{code: exitCode, cause: err}
	}
	return code(clean.Run.ExitCode)
}

func writeFile(name string, r drift.Report, options report.Options) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	defer file.Close() //nolint:errcheck // the explicit Close below tells
	if err := report.Write(io.Writer(file), r, options); err != nil {
		return err
	}
	return file.Close()
}

// colored: only on a terminal, and never against the user's wish
// (https://no-color.org).
func (s *session) colored() bool {
	_, no := s.lookup("NO_COLOR")
	term, _ := s.lookup("TERM")
	return s.outTerminal && !no && !s.settings.NoColor && term != "dumb"
}

// ascii: a C locale shows nothing else.
func (s *session) ascii() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value, ok := s.lookup(name); ok && value != "" {
			return value == "C" || value == "POSIX"
		}
	}
	return false
}
