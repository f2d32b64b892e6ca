package drift

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the tables in docs/drift.md")

var driftDoc = filepath.Join("..", "..", "docs", "drift.md")

// quietTable and managerTable are what docs/drift.md says of the built-in table.
func quietTable() string {
	var b strings.Builder
	b.WriteString("| path | left behind by |\n|---|---|\n")
	for _, rule := range BuiltinQuiet() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", rule.Path.Pointer(), rule.Why)
	}
	return b.String()
}

func managerTable() string {
	var b strings.Builder
	b.WriteString("| class | field managers | what it adds |\n|---|---|---|\n")
	adds := map[Class]string{ClassInteractive: "drift", ClassPipeline: "drift", ClassUnknown: "drift",
		ClassDeployer: "not drift; taken over when the object is adopted", ClassController: "not drift", ClassSelf: "Git's"}
	names := map[Class][]string{ClassSelf: {FieldManager, ParentFieldManager}}
	for _, rule := range BuiltinManagers() {
		names[rule.Class] = append(names[rule.Class], rule.Pattern)
	}
	for _, class := range []Class{ClassSelf, ClassInteractive, ClassPipeline, ClassDeployer, ClassController, ClassUnknown} {
		shown := "every other name"
		if class != ClassUnknown {
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
		noOwner, orderOnly, sayRewritten([]Path{{"PATH"}}), noteRewritten, noteAdmission, noteBeside, saidStripped, saidRecreated, saidDeleted,
		saidNobodyWrote, saidNothingOfOurs, saidTaken, saidMerged, saidChance, leftByApply, leftToPeople, notVerifiedAddition, keptByServer, keptAsAccount, saidUnsure, excludedByGit, strings.TrimPrefix(saysFixed(nil), " "), strings.TrimPrefix(saysUnsure(nil), " "),
		saidUntried, ErrNotVerified.Error(), Decide(WithoutDryRun(Change{Type: InSync, Err: ErrForbidden}, true), Verdict{}, Facts{}).Reason,
		Decide(Change{Type: Modified, Cause: CauseGit, Fields: []FieldChange{{Path: at("spec size"), Cause: CauseGit}}}, Verdict{}, Facts{Applied24h: 3}).Reason,
		Decide(Change{Type: Modified, Cause: CauseLive, Fields: []FieldChange{{Path: at("spec replicas"), Cause: CauseLive, Manager: "tuner"}}}, Verdict{}, Facts{Healed24h: 3}).Reason,
		Decide(Change{Type: Modified, Cause: CauseLive, Terminating: true}, Verdict{}, Facts{}).Reason,
		Decide(Change{Type: Modified, Cause: CauseLive}, Verdict{}, Facts{}).Reason,
		Decide(Change{Type: Modified, Cause: CauseLive, Ownership: Ownership{Recreated: true}}, Verdict{}, Facts{}).Reason,
		Decide(Change{Type: Modified, Cause: CauseBoth, Fields: []FieldChange{{Cause: CauseBoth}}, Ownership: Ownership{Tracked: true}}, Verdict{}, Facts{}).Reason,
	} {
		if !strings.Contains(text, strings.TrimSuffix(words, " at PATH")) {
			t.Errorf("docs/drift.md does not explain %q", words)
		}
	}
}
