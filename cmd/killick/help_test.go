package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// commands are all command lines whose help people read.
var commands = [][]string{
	{}, {"run"}, {"plan"}, {"render"}, {"explain"}, {"policy"}, {"policy", "check"}, {"policy", "test"}, {"version"},
}

func helpOf(t *testing.T, command []string) string {
	t.Helper()
	var out, errs bytes.Buffer
	code := execute(t.Context(), world{args: append(command[:len(command):len(command)], "--help"), out: &out, err: &errs, now: time.Now,
		lookup: func(string) (string, bool) { return "", false }})
	if code != 0 || errs.Len() > 0 {
		t.Fatalf("%v --help: exit code %d: %s", command, code, &errs)
	}
	return out.String()
}

// TestHelp compares every help text with its golden file.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, command := range commands {
		name := strings.Join(append([]string{"killick"}, command...), "-")
		t.Run(name, func(t *testing.T) {
			got := helpOf(t, command)
			golden := filepath.Join("testdata", "help", name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("help differs (-want +got):\n%s", diff)
			}
		})
	}
}

var flagLine = regexp.MustCompile(`(?m)^ +(?:-[a-z], |    )--([a-z-]+)(.*)$`)

// TestFlagsAreDocumented: each says what it does, in its help and in docs.
func TestFlagsAreDocumented(t *testing.T) {
	t.Parallel()
	var docs strings.Builder
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatal("no docs", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		docs.Write(text)
	}
	for _, command := range commands {
		for _, flag := range flagLine.FindAllStringSubmatch(helpOf(t, command), -1) {
			if strings.TrimSpace(flag[2]) == "" {
				t.Errorf("%v: --%s does not say what it does", command, flag[1])
			}
			if flag[1] != "help" && !strings.Contains(docs.String(), "--"+flag[1]) {
				t.Errorf("%v: --%s is not in docs", command, flag[1])
			}
		}
	}
}

// TestHelpFitsATerminal: lines that wrap are hard to read.
func TestHelpFitsATerminal(t *testing.T) {
	t.Parallel()
	for _, command := range commands {
		for line := range strings.Lines(helpOf(t, command)) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > 120 {
				t.Errorf("%v: %d columns: %s", command, n, line)
			}
		}
	}
}
