package reconcile

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// histories answers from a table: repository and ancestor → whether it descends; what the
// table lacks is not known.
type histories map[string]bool

func (h histories) Checkout(context.Context, string) (drift.Checkout, error) {
	return drift.Checkout{}, errors.New("not asked for")
}

func (h histories) Descends(_ context.Context, repository, ancestor string) (bool, error) {
	known, ok := h[repository+" "+ancestor]
	if !ok {
		return false, drift.ErrUnproved
	}
	return known, nil
}

// The config's commit must descend from the last one; another repository's too, while the
// config names the same ref of it.
func TestUnproved(t *testing.T) {
	t.Parallel()
	chart := func(ref, commit string) drift.AppliedRevision {
		return drift.AppliedRevision{Repository: "https://git.example.com/charts.git", Ref: ref, Commit: commit}
	}
	for _, c := range []struct {
		reason  string
		applied []drift.AppliedCommit
		now     drift.AppliedCommit
		other   string // the app's repository
		known   histories
		want    string
	}{
		{reason: "the same commit is not asked about", applied: []drift.AppliedCommit{{Config: "c1"}}, now: drift.AppliedCommit{Config: "c1"}},
		{reason: "nothing was applied", now: drift.AppliedCommit{Config: "c1"}},
		{reason: "it descends", applied: []drift.AppliedCommit{{Config: "c1"}}, now: drift.AppliedCommit{Config: "c2"}, known: histories{" c1": true}},
		{reason: "it does not", applied: []drift.AppliedCommit{{Config: "c1"}}, now: drift.AppliedCommit{Config: "c2"}, known: histories{" c1": false},
			want: "commit c2 does not descend from c1"},
		{reason: "it is not known", applied: []drift.AppliedCommit{{Config: "c1"}}, now: drift.AppliedCommit{Config: "c2"}, want: "is not proved"},
		{reason: "files on disk are no commit", applied: []drift.AppliedCommit{{Config: "c1"}}, want: "is not proved"},
		{reason: "a run died between its copies: from both", applied: []drift.AppliedCommit{{Config: "c1"}, {Config: "c0"}}, now: drift.AppliedCommit{Config: "c2"},
			known: histories{" c1": true, " c0": false}, want: "c0"},
		{reason: "the charts' branch was rewritten", applied: []drift.AppliedCommit{{Config: "c1", App: chart("main", "a1")}}, other: "charts",
			now: drift.AppliedCommit{Config: "c1", App: chart("main", "a2")}, known: histories{"charts a1": false}, want: "commit a2 does not descend from a1"},
		{reason: "the config names another version of the charts", applied: []drift.AppliedCommit{{Config: "c1", App: chart("v1", "a1")}}, other: "charts",
			now: drift.AppliedCommit{Config: "c2", App: chart("v2", "a2")}, known: histories{" c1": true, "charts a1": false}},
	} {
		a := app{config: drift.App{Repository: c.other}, commit: c.now, guards: drift.GuardState{Commits: c.applied}}
		got := Reconciler{Source: c.known}.unproved(t.Context(), a).why
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.reason, got, c.want)
		}
	}
}
