package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// jsonView is the canonical document: two spaces of indentation, keys in the
// order of the Go types (free-form values sorted by key), lists never null,
// times in UTC, and a final newline.
func jsonView(report drift.Report) ([]byte, error) {
	document, err := encode(canonical(report))
	if err != nil {
		return nil, fmt.Errorf("encoding the report as JSON: %w", err)
	}
	if !bytes.Contains(document, []byte(`\ufffd`)) {
		return document, nil
	}
	// The encoder writes this escape for bytes that are not UTF-8, and the
	// character itself once they have been replaced: a second pass makes both
	// the same.
	replaced, err := decode(bytes.NewReader(document))
	if err != nil {
		return nil, err
	}
	return encode(replaced)
}

func encode(report drift.Report) ([]byte, error) {
	var document bytes.Buffer
	encoder := json.NewEncoder(&document)
	encoder.SetEscapeHTML(false) // "->" and "<none>" should stay readable
	encoder.SetIndent("", "  ")
	err := encoder.Encode(report)
	return document.Bytes(), err
}

// decode keeps numbers in free-form values as their text.
func decode(r io.Reader) (drift.Report, error) {
	decoder := json.NewDecoder(r)
	decoder.UseNumber()
	var report drift.Report
	if err := decoder.Decode(&report); err != nil {
		return drift.Report{}, fmt.Errorf("reading the report: %w", err)
	}
	return report, nil
}

// Read reads a report back from JSON. Unknown fields are accepted, because
// fields may be added to the schema; a document of another schema is an error.
// Whole numbers in field values become int64, others float64, as Kubernetes'
// own decoder does, so that reading and writing again gives the same bytes.
func Read(r io.Reader) (drift.Report, error) {
	report, err := decode(r)
	if err != nil {
		return drift.Report{}, err
	}
	if report.Schema != drift.ReportSchema {
		return drift.Report{}, fmt.Errorf("reading the report: schema %q is not %q", report.Schema, drift.ReportSchema)
	}
	for a := range report.Apps {
		for r := range report.Apps[a].Resources {
			resource := &report.Apps[a].Resources[r]
			numbersIn(resource.Fields)
			numbersIn(resource.Ignored)
		}
	}
	return canonical(report), nil
}

// numbersIn changes the freshly decoded fields in place.
func numbersIn(fields []drift.ReportField) {
	for i := range fields {
		fields[i].Desired = plainNumbers(fields[i].Desired)
		fields[i].Live = plainNumbers(fields[i].Live)
	}
}

func plainNumbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		return plainNumber(v)
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = plainNumbers(v[key])
		}
	}
	return value
}

// plainNumber keeps a number as text when neither type holds it exactly enough
// to be a number at all (1e999).
func plainNumber(number json.Number) any {
	if i, err := number.Int64(); err == nil && number != "-0" {
		return i
	}
	f, err := strconv.ParseFloat(number.String(), 64)
	if err != nil || math.IsInf(f, 0) {
		return number
	}
	return f
}

// canonical is a copy in the form that round-trips: lists that the schema
// promises are never null, optional ones are absent when empty, times are UTC
// without a monotonic reading.
func canonical(report drift.Report) drift.Report {
	if report.Schema == "" {
		report.Schema = drift.ReportSchema
	}
	report.Run.Started = utc(report.Run.Started)
	report.Run.Finished = utc(report.Run.Finished)
	if own := report.Run.ConfigRevision; own != nil {
		revision := *own
		revision.Time = utc(revision.Time)
		report.Run.ConfigRevision = &revision
	}
	report.Run.Policies = optional(report.Run.Policies)
	for i := range report.Run.Policies {
		report.Run.Policies[i].Revision.Time = utc(report.Run.Policies[i].Revision.Time)
	}
	report.Errors = list(report.Errors)
	report.Apps = list(report.Apps)
	report.Warnings = optional(report.Warnings)
	for i, app := range report.Apps {
		app.Revision.Time = utc(app.Revision.Time)
		app.Warnings = optional(app.Warnings)
		app.Withheld = optional(app.Withheld)
		app.Unhealthy = optional(app.Unhealthy)
		for j := range app.Unhealthy {
			app.Unhealthy[j].Since, app.Unhealthy[j].Created = utcPointer(app.Unhealthy[j].Since), utcPointer(app.Unhealthy[j].Created)
		}
		for j := range app.Withheld {
			app.Withheld[j].Objects = list(app.Withheld[j].Objects)
		}
		app.Resources = list(app.Resources)
		for j := range app.Resources {
			app.Resources[j] = canonicalResource(app.Resources[j])
		}
		report.Apps[i] = app
	}
	report.Run.ForPeople = openFindings(report)
	return report
}

func canonicalResource(resource drift.ReportResource) drift.ReportResource {
	resource.Rules = list(resource.Rules)
	resource.Overruled = list(resource.Overruled)
	resource.Fields = canonicalFields(list(resource.Fields))
	resource.Ignored = canonicalFields(optional(resource.Ignored))
	resource.Findings = optional(resource.Findings)
	resource.Refused = optional(resource.Refused)
	resource.Routes = optional(resource.Routes)
	resource.Lost, resource.NotAsked = optional(resource.Lost), optional(resource.NotAsked)
	resource.FirstSeen = utcPointer(resource.FirstSeen)
	return resource
}

func canonicalFields(fields []drift.ReportField) []drift.ReportField {
	for i := range fields {
		fields[i].ManagerTime = utcPointer(fields[i].ManagerTime)
	}
	return fields
}

// list is a copy that is never nil.
func list[T any](items []T) []T { return append(make([]T, 0, len(items)), items...) }

// optional is a copy that is nil when empty.
func optional[T any](items []T) []T {
	if len(items) == 0 {
		return nil
	}
	return list(items)
}

func utc(t time.Time) time.Time { return t.Round(0).UTC() }

func utcPointer(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := utc(*t)
	return &u
}

// compactJSON writes a value on one line, for people.
func compactJSON(value any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		// Values come from JSON documents, so this is a channel, a function or
		// a NaN that some test put there; show what it is.
		return fmt.Sprintf("%v", value)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
