package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/killick-dev/killick/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func onCluster(t *testing.T) *lab {
	t.Helper()
	cp := testenv.Cluster(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l, err := newLab(ctx, cp.Kubeconfig(), cp.RESTConfig(), 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.close(); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	return l
}

// TestShortRun is the fuzz with fixed seeds, and every case that ever went wrong.
// The long run is the program.
func TestShortRun(t *testing.T) {
	regressions, err := readScripts("testdata/regressions.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l := onCluster(t)
	for _, run := range []struct {
		name    string
		options options
	}{
		{"regressions", options{scripts: regressions, shrink: 3}},
		{"seeds", options{seed: 1, cases: 400, shrink: 3}},
	} {
		t.Run(run.name, func(t *testing.T) {
			var out bytes.Buffer
			tally, err := l.run(t.Context(), run.options, &out)
			if err != nil {
				t.Fatal(err)
			}
			if len(tally.wrong) > 0 {
				tally.print(&out, time.Minute)
				t.Errorf("%d of %d cases went wrong:\n%s", len(tally.wrong), tally.cases, &out)
			}
			if run.options.scripts != nil && tally.invalid > 0 {
				t.Errorf("the server does not take %d of the scripts: %v", tally.invalid, tally.invalids)
			}
			if run.options.cases > 0 && (len(tally.kinds) < 25 || tally.proved == 0 || tally.modified < tally.cases/3 || tally.invalid > tally.cases/20) {
				tally.print(&out, time.Minute)
				t.Errorf("the run says little:\n%s", &out)
			}
		})
	}
}

// TestScriptsFollowFromSeeds: a seed means one case, also after it was printed
// and read again.
func TestScriptsFollowFromSeeds(t *testing.T) {
	edits := map[string]int{}
	for seed := range int64(3000) {
		s := newScript(seed, "")
		if again := newScript(seed, ""); s.record() != again.record() {
			t.Fatalf("seed %d gives\n%s and\n%s", seed, s, again)
		}
		for _, a := range s.acts {
			edits[a.edit.op]++
		}
	}
	for _, w := range weights {
		if edits[w.op] == 0 {
			t.Errorf("nobody ever does %q", w.op)
		}
	}
}

// TestEditsDoWhatTheySay: the script's own idea of an edit is what the server's
// answer is measured by.
func TestEditsDoWhatTheySay(t *testing.T) {
	for seed := range int64(3000) {
		s := newScript(seed, "")
		before := brief(s.first)
		tree := any(s.first)
		for _, e := range slices.Concat(s.newer, s.git) {
			changed, ok := e.on(s.kind.shape, tree)
			if !ok {
				t.Errorf("seed %d: %s cannot be made in %s", seed, e, brief(tree))
			}
			if equal(changed, tree) && e.op != "reorder" {
				t.Errorf("seed %d: %s changes nothing in %s", seed, e, brief(tree))
			}
			if now, present := s.kind.shape.get(changed, e.path); e.op == "remove" && present || e.op == "change" && !equal(now, e.value) {
				t.Errorf("seed %d: after %s there is %s", seed, e, brief(now))
			}
			tree = changed
		}
		if brief(s.first) != before {
			t.Fatalf("seed %d: an edit changed the manifest it was made of", seed)
		}
	}
}

// TestShorterScriptsEnd: shortening takes away and never adds.
func TestShorterScriptsEnd(t *testing.T) {
	for seed := range int64(200) {
		s := newScript(seed, "")
		for _, less := range s.shorter() {
			if len(less.record()) >= len(s.record()) && !strings.Contains(less.record(), `{}`) {
				t.Errorf("seed %d: not shorter:\n%s\n%s", seed, s, less)
			}
		}
	}
}
