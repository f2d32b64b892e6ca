package summary

import (
	"strings"
)

// LineOp is one line of a comparison: ' ' in both, '-' in live only, '+' in
// desired only.
type LineOp struct {
	Op   byte
	Text string
}

// EndNewline stands for the newline that ends a text, so that a text with and a
// text without it differ in one line that can be shown.
const EndNewline = "\n"

// diffCells bounds the table of the comparison: beyond it, what lies between
// the common start and the common end is shown as replaced as a whole.
const diffCells = 1 << 20

// LineDiff compares two texts line by line: a longest common subsequence
// between the common first and the common last lines.
func LineDiff(live, desired string) []LineOp {
	return sequenceDiff(splitLines(live), splitLines(desired))
}

func sequenceDiff(a, b []string) []LineOp {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	ops := make([]LineOp, 0, len(a)+len(b))
	for _, line := range a[:head] {
		ops = append(ops, LineOp{' ', line})
	}
	ops = append(ops, middleDiff(a[head:len(a)-tail], b[head:len(b)-tail])...)
	for _, line := range a[len(a)-tail:] {
		ops = append(ops, LineOp{' ', line})
	}
	return ops
}

func middleDiff(a, b []string) []LineOp {
	var ops []LineOp
	i, j := 0, 0
	if len(a)*len(b) <= diffCells {
		common := commonLengths(a, b)
		for i < len(a) && j < len(b) {
			switch {
			case a[i] == b[j]:
				ops = append(ops, LineOp{' ', a[i]})
				i, j = i+1, j+1
			case common[i+1][j] >= common[i][j+1]:
				ops = append(ops, LineOp{'-', a[i]})
				i++
			default:
				ops = append(ops, LineOp{'+', b[j]})
				j++
			}
		}
	}
	for ; i < len(a); i++ {
		ops = append(ops, LineOp{'-', a[i]})
	}
	for ; j < len(b); j++ {
		ops = append(ops, LineOp{'+', b[j]})
	}
	return ops
}

// commonLengths holds, at [i][j], the length of the longest common subsequence
// of a[i:] and b[j:].
func commonLengths(a, b []string) [][]int {
	lengths := make([][]int, len(a)+1)
	for i := range lengths {
		lengths[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				lengths[i][j] = lengths[i+1][j+1] + 1
				continue
			}
			lengths[i][j] = max(lengths[i+1][j], lengths[i][j+1])
		}
	}
	return lengths
}

func splitLines(text string) []string {
	lines := strings.Split(text, "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines[last] = EndNewline
	}
	return lines
}

// CompactLines keeps changed lines with one line of context around them; a gap
// becomes one entry with op '@'.
func CompactLines(ops []LineOp) []LineOp {
	var kept []LineOp
	gap := false
	for i, op := range ops {
		if op.Op == ' ' && (op.Text == EndNewline || !nearChange(ops, i)) {
			gap = true
			continue
		}
		if gap && len(kept) > 0 {
			kept = append(kept, LineOp{Op: '@'})
		}
		gap = false
		kept = append(kept, op)
	}
	return kept
}

func nearChange(ops []LineOp, i int) bool {
	return i > 0 && ops[i-1].Op != ' ' || i+1 < len(ops) && ops[i+1].Op != ' '
}
