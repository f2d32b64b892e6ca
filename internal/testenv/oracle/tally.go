package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// tally counts what came out.
type tally struct {
	cases, invalid, edited, acts, refused int
	same, proved, recalled                int
	modified, healed                      int
	judged, attributed, scaled            int
	kinds                                 map[string]int
	problems                              map[string]int
	withheld                              map[string]int
	invalids                              map[string]int
	wrong                                 []*subject
}

func newTally() *tally {
	return &tally{kinds: map[string]int{}, problems: map[string]int{}, withheld: map[string]int{}, invalids: map[string]int{}}
}

func (t *tally) add(s *subject) {
	t.cases++
	name := s.script.kind.name
	if s.invalid != nil {
		t.invalid++
		t.invalids[name+": "+oneLine(s.invalid.Error(), 200)]++
		return
	}
	t.kinds[name]++
	t.acts += len(s.acts)
	t.refused += len(s.acts) - len(s.done)
	if len(s.done)+len(s.git)+len(s.newer) > 0 || s.special != "" {
		t.edited++
	}
	t.judged += s.judged
	if s.scaled {
		t.scaled++
	}
	t.attributed += s.attributed
	if s.same {
		t.same++
	}
	if s.recalled {
		t.recalled++
	}
	if s.proved {
		t.proved++
	}
	if s.change.Type == drift.Modified || s.change.Type == drift.Missing {
		t.modified++
		if s.healed {
			t.healed++
		}
	}
	if s.withheld != "" {
		t.withheld[fmt.Sprintf("%s, seed %d: %s", name, s.seed, oneLine(s.withheld, 300))]++
	}
	if len(s.problems) > 0 {
		t.problems[s.sort()]++
		t.wrong = append(t.wrong, s)
	}
}

func oneLine(text string, limit int) string {
	text = strings.ReplaceAll(text, "\n", " ")
	return text[:min(len(text), limit)]
}

// inOrder are the subjects that went wrong, by kind of problem and seed.
func (t *tally) inOrder() []*subject {
	return slices.SortedFunc(slices.Values(t.wrong), func(a, b *subject) int {
		return cmp.Or(cmp.Compare(a.sort(), b.sort()), cmp.Compare(a.seed, b.seed))
	})
}

func (t *tally) print(out io.Writer, took time.Duration) {
	fmt.Fprintf(out, "%d cases of %d kinds in %s (%.0f/s); %d said nothing, because the server does not take the manifest\n",
		t.cases, len(t.kinds), took.Round(time.Millisecond), float64(t.cases)/took.Seconds(), t.invalid)
	fmt.Fprintf(out, "%d edited, by %d acts (%d refused); %d differed, %d were put back\n", t.edited, t.acts, t.refused, t.modified, t.healed)
	fmt.Fprintf(out, "the dry-run changed nothing in %d, %d of which were proved locally; the memo settled %d\n", t.same, t.proved, t.recalled)
	fmt.Fprintf(out, "%d fields were reported, the manager of %d of which the script knows; %d were scaled where only the memo tells\n",
		t.judged, t.attributed, t.scaled)
	for _, sort := range []string{"false clean", "missed", "invented", "wrong op", "wrong manager", "wrong class", "wrong cause", "not healed", "still differs", "not converged", "wrong value"} {
		fmt.Fprintf(out, "%6d %s\n", t.problems[sort], sort)
	}
	withheld := 0
	for _, n := range t.withheld {
		withheld += n
	}
	fmt.Fprintf(out, "%6d found and not put back, because the server would refuse it\n", withheld)
	for _, s := range t.inOrder() {
		fmt.Fprintf(out, "  %-13s seed %-7d %s: %s\n", s.sort(), s.seed, s.script.kind.name, oneLine(s.problems[0].text, 160))
	}
	printCounts(out, "not put back", t.withheld)
	printCounts(out, "not taken", t.invalids)
}

func printCounts(out io.Writer, title string, counts map[string]int) {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b)) })
	for _, key := range keys[:min(len(keys), 25)] {
		fmt.Fprintf(out, "  %s %d× %s\n", title, counts[key], key)
	}
}
