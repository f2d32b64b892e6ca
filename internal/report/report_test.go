package report_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/report"
)

var update = flag.Bool("update", false, "rewrite the golden files and the published schema")

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run the test with -update to write it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); run the test with -update if the change is meant:\n%s", path, diff)
	}
}

func write(t interface {
	Helper()
	Fatal(...any)
}, r drift.Report, options report.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, r, options); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for _, c := range []struct {
		file    string
		why     string
		report  drift.Report
		options report.Options
	}{
		{"rich.txt", "every sort of resource, worst first", richReport(), report.Options{}},
		{"rich.narrow.txt", "long values go on lines of their own and are cut", richReport(), report.Options{Width: 60}},
		{"rich.ascii.txt", "the C locale", richReport(), report.Options{ASCII: true}},
		{"rich.color.txt", "a terminal", richReport(), report.Options{Color: true}},
		{"rich.json", "the document itself", richReport(), report.Options{Format: report.FormatJSON}},
		{"rich.yaml", "the same document in the same order", richReport(), report.Options{Format: report.FormatYAML}},
		{"detect.txt", "nobody takes what a run only detects for done", detectReport(), report.Options{}},
		{"many.txt", "equal changes are told once", manyReport(), report.Options{}},
		{"rich.short.txt", "one line per resource", richReport(), report.Options{Format: report.FormatShort}},
		{"plan.txt", "a plan speaks of what would be done", planReport(), report.Options{Format: report.FormatText}},
		{"broken.txt", "no apps, one error with its hint", brokenReport(), report.Options{}},
		{"hostile.txt", "control sequences are shown, not obeyed", hostileReport(), report.Options{}},
	} {
		t.Run(c.file, func(t *testing.T) {
			golden(t, filepath.Join("testdata", c.file), write(t, c.report, c.options))
		})
	}
}

func TestJSONRoundTrip(t *testing.T) {
	for name, r := range map[string]drift.Report{
		"rich": richReport(), "plan": planReport(), "broken": brokenReport(), "hostile": hostileReport(),
		"a number that int64 and float64 both know": {Apps: []drift.ReportApp{{Resources: []drift.ReportResource{{
			Fields: []drift.ReportField{{Desired: 1.0, Live: int64(9007199254740993)}, {Desired: 1e300, Live: 0.1}},
		}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			checkRoundTrip(t, r)
		})
	}
}

func checkRoundTrip(t interface {
	Helper()
	Fatal(...any)
	Errorf(string, ...any)
}, r drift.Report) {
	t.Helper()
	first := write(t, r, report.Options{Format: report.FormatJSON})
	back, err := report.Read(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(first), string(write(t, back, report.Options{Format: report.FormatJSON}))); diff != "" {
		t.Errorf("written, read and written again differs (-first +second):\n%s", diff)
	}
	asJSON, err := yaml.YAMLToJSON(write(t, r, report.Options{Format: report.FormatYAML}))
	if err != nil {
		t.Fatal(err)
	}
	fromYAML, err := report.Read(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(back, fromYAML); diff != "" {
		t.Errorf("JSON and YAML hold different reports (-json +yaml):\n%s", diff)
	}
}

// TestPropertyViews holds for any text in any place: JSON and YAML round-trip,
// and the text view shows no character that a terminal could obey.
func TestPropertyViews(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyReport(t)
		checkRoundTrip(t, r)
		for _, b := range string(write(t, r, report.Options{Width: rapid.IntRange(-1, 200).Draw(t, "width")})) {
			if b != '\n' && !unicode.IsPrint(b) {
				t.Fatalf("the text view holds %U", b)
			}
		}
		for _, b := range write(t, r, report.Options{ASCII: true}) {
			if b != '\n' && (b < ' ' || b > '~') {
				t.Fatalf("the ASCII view holds byte %#x", b)
			}
		}
	})
}

func anyReport(t *rapid.T) drift.Report {
	text := rapid.OneOf(
		rapid.String(),
		rapid.StringOf(rapid.RuneFrom([]rune("\x00\x07\x1b[]m\r\n\t \u007f\u0085\u009b\u200b\u202e\ufeff\U0001f600é:-#yesno0123'\"{}"))),
		rapid.SampledFrom([]string{"", "true", "null", "~", "1e3", "0x1f", "2026-01-02", "- a", "a: b", "a\nb\nc", "a\nX\nc\n", "\xff", "<<", "!!str x", "*a", "&a", "|\n", "yes"}),
	)
	value := rapid.Deferred(func() *rapid.Generator[any] { return anyValue(text, 3) })
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		return finished.Add(-time.Duration(rapid.Int64Range(-1e15, 1e17).Draw(t, "ago")))
	})
	field := rapid.Custom(func(t *rapid.T) drift.ReportField {
		f := drift.ReportField{
			Path: "/" + text.Draw(t, "path"), Op: rapid.SampledFrom([]string{"add", "remove", "replace"}).Draw(t, "op"),
			Desired: value.Draw(t, "desired"), Live: value.Draw(t, "live"), Cause: "live",
			Manager: text.Draw(t, "manager"), ManagerClass: text.Draw(t, "class"), Note: text.Draw(t, "note"),
		}
		if rapid.Bool().Draw(t, "timed") {
			when := moment.Draw(t, "time")
			f.ManagerTime = &when
		}
		return f
	})
	resource := rapid.Custom(func(t *rapid.T) drift.ReportResource {
		return drift.ReportResource{
			Kind: text.Draw(t, "kind"), Namespace: text.Draw(t, "namespace"), Name: text.Draw(t, "name"),
			Drift: text.Draw(t, "drift"), Action: text.Draw(t, "action"), Outcome: text.Draw(t, "outcome"),
			Reason: text.Draw(t, "reason"), Error: text.Draw(t, "error"), Severity: text.Draw(t, "severity"),
			Fields:   rapid.SliceOfN(field, 0, 3).Draw(t, "fields"),
			Ignored:  rapid.SliceOfN(field, 0, 1).Draw(t, "ignored"),
			Refused:  rapid.SliceOfN(text, 0, 2).Draw(t, "refused"),
			Findings: rapid.SliceOfN(text, 0, 2).Draw(t, "findings"),
			Rules:    []drift.ReportRule{{Verb: text.Draw(t, "verb"), Reason: text.Draw(t, "why"), Rule: text.Draw(t, "rule"), Ref: text.Draw(t, "ref")}},
			Origin:   drift.Origin{File: text.Draw(t, "file"), Chart: text.Draw(t, "chart"), Template: text.Draw(t, "template")},
			Health:   drift.HealthStatus(text.Draw(t, "health")), HealthReason: text.Draw(t, "because"), Approval: text.Draw(t, "approval"),
		}
	})
	report := frame(rapid.SampledFrom([]string{"run", "plan"}).Draw(t, "mode"), rapid.IntRange(0, 9).Draw(t, "exit"))
	report.Cluster.Name = text.Draw(t, "cluster")
	report.Apps = []drift.ReportApp{{
		Name: text.Draw(t, "app"), Path: text.Draw(t, "app path"), Suspended: text.Draw(t, "suspended"),
		Revision:  drift.ReportRevision{Commit: text.Draw(t, "commit"), Ref: text.Draw(t, "git ref"), Author: text.Draw(t, "author"), Subject: text.Draw(t, "subject")},
		Resources: rapid.SliceOfN(resource, 0, 2).Draw(t, "resources"),
		Warnings:  rapid.SliceOfN(text, 0, 1).Draw(t, "warnings"),
	}}
	report.Errors = []drift.ReportError{{App: text.Draw(t, "failed app"), Stage: text.Draw(t, "stage"), Message: text.Draw(t, "message"), File: text.Draw(t, "at"), Hint: text.Draw(t, "hint")}}
	return report
}

func anyValue(text *rapid.Generator[string], depth int) *rapid.Generator[any] {
	scalars := []*rapid.Generator[any]{
		rapid.Just[any](nil), text.AsAny(), rapid.Int64().AsAny(), rapid.Bool().AsAny(),
		// + 0 turns -0 into 0: YAML readers drop the sign.
		rapid.Map(rapid.Float64Range(-1e300, 1e300), func(f float64) any { return f + 0 }),
	}
	if depth == 0 {
		return rapid.OneOf(scalars...)
	}
	child := anyValue(text, depth-1)
	return rapid.OneOf(append(scalars,
		rapid.SliceOfN(child, 0, 3).AsAny(),
		rapid.MapOfN(text, child, 0, 3).AsAny())...)
}

func TestWriteDoesNotChangeTheReport(t *testing.T) {
	r, want := richReport(), richReport()
	for _, format := range report.Formats() {
		write(t, r, report.Options{Format: format})
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("writing changed the report (-before +after):\n%s", diff)
	}
}

func TestUnknownFormat(t *testing.T) {
	var b bytes.Buffer
	err := report.Write(&b, richReport(), report.Options{Format: "html"})
	if want := `output format "html" is not one of text, short, json, yaml`; err == nil || err.Error() != want {
		t.Errorf("error = %v, want %q", err, want)
	}
	if b.Len() > 0 {
		t.Errorf("%d bytes were written before the error", b.Len())
	}
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, why, document, want string }{
		{"later fields", "fields may be added, so an older reader must not refuse them",
			`{"schema":"killick.dev/report/v1alpha1","weather":"fine"}`, ""},
		{"another schema", "a document of another version means something else",
			`{"schema":"killick.dev/report/v2"}`, `schema "killick.dev/report/v2" is not`},
		{"no schema", "any JSON object would otherwise be an empty report", `{}`, `schema "" is not`},
		{"cut short", "an upload may break off", `{"schema":"killick.dev/rep`, "reading the report"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := report.Read(strings.NewReader(c.document))
			switch {
			case c.want == "" && err != nil:
				t.Errorf("error = %v; %s", err, c.why)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error = %v, want %q; %s", err, c.want, c.why)
			}
		})
	}
}

type brokenPipe struct{ err error }

func (b brokenPipe) Write([]byte) (int, error) { return 0, b.err }

func TestWriteError(t *testing.T) {
	cause := errors.New("no space left")
	if err := report.Write(brokenPipe{cause}, richReport(), report.Options{}); !errors.Is(err, cause) {
		t.Errorf("error = %v, want one that wraps %v", err, cause)
	}
}
