package diff_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
)

var update = flag.Bool("update", false, "write the tables in docs/drift.md")

var driftDoc = filepath.Join("..", "..", "docs", "drift.md")

// quietTable and managerTable are what docs/drift.md says of the built-in table.
func quietTable() string {
	var b strings.Builder
	b.WriteString("| path | left behind by |\n|---|---|\n")
	for _, rule := range drift.BuiltinQuiet() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", rule.Path.Pointer(), rule.Why)
	}
	return b.String()
}

func managerTable() string {
	var b strings.Builder
	b.WriteString("| class | field managers | what it adds |\n|---|---|---|\n")
	adds := map[drift.Class]string{drift.ClassInteractive: "drift", drift.ClassPipeline: "drift", drift.ClassUnknown: "drift",
		drift.ClassDeployer: "not drift; taken over when the object is adopted", drift.ClassController: "not drift", drift.ClassSelf: "Git's"}
	names := map[drift.Class][]string{drift.ClassSelf: {drift.FieldManager, drift.ParentFieldManager}}
	for _, rule := range drift.BuiltinManagers() {
		names[rule.Class] = append(names[rule.Class], rule.Pattern)
	}
	for _, class := range []drift.Class{drift.ClassSelf, drift.ClassInteractive, drift.ClassPipeline, drift.ClassDeployer, drift.ClassController, drift.ClassUnknown} {
		shown := "every other name"
		if class != drift.ClassUnknown {
			shown = "`" + strings.Join(names[class], "`, `") + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", class, shown, adds[class])
	}
	return b.String()
}

// The tables in docs/drift.md are the Go tables.
func TestDocumentedTables(t *testing.T) {
	data, err := os.ReadFile(driftDoc)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for name, want := range map[string]string{"quiet": quietTable(), "managers": managerTable()} {
		begin, end := "<!-- table "+name+" -->\n\n", "\n<!-- end "+name+" -->"
		before, rest, ok := strings.Cut(text, begin)
		got, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("docs/drift.md has no table %s", name)
		}
		if *update {
			text = before + begin + want + end + after
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("table %s is out of date; run: go test ./internal/drift -run Documented -args -update\n(-want +got):\n%s", name, diff)
		}
	}
	if *update {
		if err := os.WriteFile(driftDoc, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever the comparison says in fixed words is explained in docs/drift.md.
func TestDocumentedWords(t *testing.T) {
	data, err := os.ReadFile(driftDoc)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(data)), " ")
	for _, words := range []string{
		drift.NoteNoOwner, drift.NoteOrderOnly, diff.DescribeRewritten([]nested.Path{{"PATH"}}), drift.NoteRewritten, drift.NoteAdmission, drift.NoteBeside, drift.FindingLabelStripped, drift.FindingRecreated, drift.FindingDeleted,
		drift.FindingNoManagers, drift.FindingNoEntry, drift.FindingOwnershipTaken, drift.FindingMergedEntries, drift.FindingNondeterministic, drift.NoteEmptyList, drift.NoteLeftToPeople, drift.NoteNotVerified, drift.NoteKept, drift.NoteKeptAccount, drift.NoteRemovalNotVerified, drift.NoteExcluded, strings.TrimPrefix(diff.DescribeFixed(nil), " "), strings.TrimPrefix(diff.DescribeUnsure(nil), " "),
		drift.FindingNotDryRun, drift.ErrNotVerified.Error(), decide.Decide(diff.WithoutDryRun(drift.Change{Type: drift.InSync, Err: drift.ErrForbidden}, true), drift.Verdict{}, decide.Facts{}).Reason,
		decide.Decide(drift.Change{Type: drift.Modified, Cause: drift.CauseGit, Fields: []drift.FieldChange{{Path: model.At("spec size"), Cause: drift.CauseGit}}}, drift.Verdict{}, decide.Facts{Applied24h: 3}).Reason,
		decide.Decide(drift.Change{Type: drift.Modified, Cause: drift.CauseLive, Fields: []drift.FieldChange{{Path: model.At("spec replicas"), Cause: drift.CauseLive, Manager: "tuner"}}}, drift.Verdict{}, decide.Facts{Healed24h: 3}).Reason,
		decide.Decide(drift.Change{Type: drift.Modified, Cause: drift.CauseLive, Terminating: true}, drift.Verdict{}, decide.Facts{}).Reason,
		decide.Decide(drift.Change{Type: drift.Modified, Cause: drift.CauseLive}, drift.Verdict{}, decide.Facts{}).Reason,
		decide.Decide(drift.Change{Type: drift.Modified, Cause: drift.CauseLive, Ownership: drift.Ownership{Recreated: true}}, drift.Verdict{}, decide.Facts{}).Reason,
		decide.Decide(drift.Change{Type: drift.Modified, Cause: drift.CauseBoth, Fields: []drift.FieldChange{{Cause: drift.CauseBoth}}, Ownership: drift.Ownership{Tracked: true}}, drift.Verdict{}, decide.Facts{}).Reason,
	} {
		if !strings.Contains(text, strings.TrimSuffix(words, " at PATH")) {
			t.Errorf("docs/drift.md does not explain %q", words)
		}
	}
}
