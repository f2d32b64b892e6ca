package policy

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestGuide holds docs/policies.md to what it shows: its policies load, pass
// policy check and their own tests.
func TestGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for i, block := range regexp.MustCompile("(?s)```rego\n(.*?)```").FindAllStringSubmatch(string(guide), -1) {
		name := fmt.Sprintf("block%d.rego", i)
		if strings.Contains(strings.SplitN(block[1], "\n", 2)[0], "_test") {
			name = fmt.Sprintf("block%d_test.rego", i)
		}
		files[name] = block[1]
	}
	if len(files) < 2 {
		t.Fatalf("only %d blocks of Rego", len(files))
	}
	sources := []Source{{Builtin: "baseline"}, folder(files)}
	for _, finding := range Check(sources, Options{}) {
		t.Errorf("%v [%s]", finding.Problem, finding.Problem.Hint)
	}
	report, err := Test(context.Background(), sources, Options{})
	if err != nil || len(report.Tests) < 7 {
		t.Fatalf("%d tests ran, error %v", len(report.Tests), err)
	}
	for _, test := range report.Tests {
		if test.Status != StatusPass {
			t.Errorf("%s.%s: %s: %s", test.Package, test.Name, test.Status, test.Message)
		}
	}
	for _, rule := range report.Coverage {
		if !rule.Covered {
			t.Errorf("%s: no test of the guide makes this rule fire", rule.Rule)
		}
	}
}

// TestGuideNamesVerbs: every verb has its row.
func TestGuideNamesVerbs(t *testing.T) {
	guide, err := os.ReadFile("../../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range verbs {
		if !strings.Contains(string(guide), "| `"+string(verb)+"` |") {
			t.Errorf("docs/policies.md does not explain %s", verb)
		}
	}
}
