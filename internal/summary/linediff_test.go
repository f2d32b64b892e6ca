package summary

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func showLines(ops []LineOp) []string {
	var lines []string
	for _, op := range ops {
		lines = append(lines, string(op.Op)+op.Text)
	}
	return lines
}

func TestLineDiff(t *testing.T) {
	for _, c := range []struct {
		why, live, desired string
		want               []string
	}{
		{"one line replaced, with a line of context", "a\nb\nc\nd\n", "a\nB\nc\nd\n", []string{" a", "-b", "+B", " c"}},
		{"far changes are separated", "1\n2\n3\n4\n5\n6\n", "x\n2\n3\n4\n5\ny\n",
			[]string{"-1", "+x", " 2", "@", " 5", "-6", "+y"}},
		{"a line inserted in the middle", "a\nc", "a\nb\nc", []string{" a", "+b", " c"}},
		{"only the last newline differs", "a\nb\n", "a\nb", []string{" b", "-\n"}},
		{"equal texts have no difference", "a\nb\n", "a\nb\n", nil},
	} {
		if diff := cmp.Diff(c.want, showLines(CompactLines(LineDiff(c.live, c.desired)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
}

func TestLineDiffOfHugeTexts(t *testing.T) {
	var live, desired strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&live, "live %d\n", i)
		fmt.Fprintf(&desired, "desired %d\n", i)
	}
	ops := LineDiff(live.String(), desired.String())
	if len(ops) != 6001 {
		t.Errorf("%d lines, want every line of both texts and the common end", len(ops))
	}
}

// TestPropertyLineDiff: whatever the texts, the '-' and ' ' lines are the live
// text and the '+' and ' ' lines the desired one.
func TestPropertyLineDiff(t *testing.T) {
	word := rapid.StringOfN(rapid.RuneFrom([]rune("ab\n")), 0, 30, -1)
	rapid.Check(t, func(t *rapid.T) {
		live, desired := word.Draw(t, "live"), word.Draw(t, "desired")
		var left, right []string
		for _, op := range LineDiff(live, desired) {
			if op.Op != '+' {
				left = append(left, op.Text)
			}
			if op.Op != '-' {
				right = append(right, op.Text)
			}
		}
		if diff := cmp.Diff(splitLines(live), left); diff != "" {
			t.Fatalf("live is lost:\n%s", diff)
		}
		if diff := cmp.Diff(splitLines(desired), right); diff != "" {
			t.Fatalf("desired is lost:\n%s", diff)
		}
	})
}
