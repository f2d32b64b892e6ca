// Package report writes the views of a drift.Report: the terminal text that
// people read, and the JSON and YAML that programs read.
//
// A view only shows. It decides nothing, counts nothing that the report does
// not already count, and knows no clock, no terminal and no environment: colour,
// width and character set are options, and ages are told against the time at
// which the run finished. The same report and options give the same bytes.
package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// Format names one view of a report.
type Format string

// The formats that Write knows.
const (
	FormatText  Format = "text"
	FormatShort Format = "short" // one line per resource
	FormatJSON  Format = "json"
	FormatYAML  Format = "yaml"
)

// Formats lists what Write can write, in the order in which help texts name it.
func Formats() []Format { return []Format{FormatText, FormatShort, FormatJSON, FormatYAML} }

// ParseFormat reads the value of an output flag; the error lists the formats.
func ParseFormat(name string) (Format, error) {
	var known []string
	for _, format := range Formats() {
		if string(format) == name {
			return format, nil
		}
		known = append(known, string(format))
	}
	return "", fmt.Errorf("output format %q is not one of %s", name, strings.Join(known, ", "))
}

// DefaultWidth is the line width, in columns, that the text view assumes when
// Options.Width is not set.
const DefaultWidth = 100

// LogWidth is the line width where there is no terminal: in a pod's log, a file or a pipe
// nothing has to fit, and only what nobody would read is cut.
const LogWidth = 2000

// Options choose a view. Color, Width, ASCII and Excerpt concern FormatText
// and FormatShort only.
type Options struct {
	// Format is the view; the zero value is FormatText.
	Format Format
	// Color paints the text with ANSI sequences. The caller decides, from the
	// terminal, NO_COLOR and flags.
	Color bool
	// Width is the terminal's width in columns; 0 means DefaultWidth. Values
	// that do not fit are cut, and the cut is counted.
	Width int
	// ASCII replaces every character outside ASCII, in symbols and in data, for
	// terminals in the C locale.
	ASCII bool
	// Excerpt leaves out the closing lines: the report is a part of a whole, and
	// its totals and exit code would mislead.
	Excerpt bool
}

// Write writes one view of the report. The view is complete in memory before
// the first byte is written, so that w never holds half a document because of
// an encoding error.
func Write(w io.Writer, report drift.Report, options Options) error {
	view, err := render(report, options)
	if err != nil {
		return err
	}
	if _, err := w.Write(view); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func render(report drift.Report, options Options) ([]byte, error) {
	switch options.Format {
	case FormatText, "":
		return textView(report, options), nil
	case FormatShort:
		return shortView(report, options), nil
	case FormatJSON:
		return jsonView(report)
	case FormatYAML:
		return yamlView(report)
	}
	_, err := ParseFormat(string(options.Format))
	return nil, err
}
