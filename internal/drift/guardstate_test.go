package drift_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/model"
)

var guardKey = []byte("0123456789abcdef0123456789abcdef")

// What only one copy of the guards' state says is not known; what can only withhold more
// is taken from either.
func TestRecallGuards(t *testing.T) {
	t.Parallel()
	web, api := drift.ID{Kind: "ConfigMap", Name: "web"}, drift.ID{Kind: "ConfigMap", Name: "api"}
	entries := []drift.Entry{{ID: web}, {ID: api}}
	base := drift.GuardState{Commits: []drift.AppliedCommit{{Config: "c1"}}, Deletions: []drift.Deletions{{At: model.TestStart, Count: 2}},
		Saw: []drift.Served{{KubeVersion: "v1.36.0", APIVersions: []string{"v1"}}}}.Applied("git", []drift.ID{web, api}, entries)
	sealed := func(edit func(*drift.GuardState)) drift.GuardState {
		copied := base
		if edit != nil {
			edit(&copied)
		}
		return copied.Sealed(guardKey, "shop")
	}
	for _, c := range []struct {
		reason           string
		inventory, cache drift.GuardState
		sources          map[drift.ID]string
		commits          []string
		deleted          int
		saw              int
	}{
		{"both agree", sealed(nil), sealed(nil), map[drift.ID]string{web: "git", api: "git"}, []string{"c1"}, 2, 1},
		{"the cache was lost", sealed(nil), drift.GuardState{}, nil, []string{"c1"}, 2, 1},
		{"the inventory was lost", drift.GuardState{}, sealed(nil), nil, []string{"c1"}, 2, 1},
		{"both were lost", drift.GuardState{}, drift.GuardState{}, nil, nil, 0, 0},
		{"a copy without its seal", sealed(nil), base, nil, []string{"c1"}, 2, 1},
		{"a copy of another app", sealed(nil), base.Sealed(guardKey, "blog"), nil, []string{"c1"}, 2, 1},
		{"a copy under another key", sealed(nil), base.Sealed([]byte("x"), "shop"), nil, []string{"c1"}, 2, 1},
		{"a copy that was edited after it was sealed", sealed(nil), func() drift.GuardState { s := sealed(nil); s.Deletions = nil; return s }(), nil, []string{"c1"}, 2, 1},
		{"one object of another source", sealed(nil), sealed(func(s *drift.GuardState) { *s = s.Applied("elsewhere", []drift.ID{api}, entries) }),
			map[drift.ID]string{web: "git"}, []string{"c1"}, 2, 1},
		{"a run died between its copies", sealed(func(s *drift.GuardState) {
			s.Commits = []drift.AppliedCommit{{Config: "c2"}}
			s.Saw = []drift.Served{{KubeVersion: "v1.37.0"}}
			*s = s.Deleting(model.TestStart.Add(time.Hour), 3)
		}), sealed(nil), map[drift.ID]string{web: "git", api: "git"}, []string{"c2", "c1"}, 5, 2},
		{"a run that was to delete more than it did", sealed(func(s *drift.GuardState) { *s = s.Deleting(model.TestStart, 7) }), sealed(nil),
			map[drift.ID]string{web: "git", api: "git"}, []string{"c1"}, 7, 1},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			known := drift.RecallGuards(guardKey, "shop", false, c.inventory, c.cache)
			sources := map[drift.ID]string{}
			for _, id := range []drift.ID{web, api} {
				if source := known.SourceOf(id); source != "" {
					sources[id] = source
				}
			}
			var commits []string
			for _, commit := range known.Commits {
				commits = append(commits, commit.Config)
			}
			if diff := cmp.Diff(c.sources, sources, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("sources (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.commits, commits); diff != "" {
				t.Errorf("commits (-want +got):\n%s", diff)
			}
			if got := known.Deleted(model.TestStart.Add(2 * time.Hour)); got != c.deleted {
				t.Errorf("%d deletions, want %d", got, c.deleted)
			}
			if len(known.Saw) != c.saw {
				t.Errorf("saw %+v, want %d", known.Saw, c.saw)
			}
		})
	}
	if known := drift.RecallGuards([]byte("a person has none"), "shop", true, sealed(nil), sealed(nil)); known.SourceOf(web) != "git" {
		t.Error("a plan without the key does not see what both copies say")
	}
}

// Deletions count for 24 hours, each run once.
func TestDeletions(t *testing.T) {
	t.Parallel()
	var s drift.GuardState
	for hour := range 30 {
		s = s.Deleting(model.TestStart.Add(time.Duration(hour)*time.Hour), 1)
	}
	now := model.TestStart.Add(29 * time.Hour)
	if got := s.Deleted(now); got != 24 {
		t.Errorf("%d deletions in 24 hours of one each", got)
	}
	if got := len(s.Deletions); got != 24 {
		t.Errorf("%d runs are kept", got)
	}
	if got := s.Deleting(now, 0).Deleted(now); got != 23 {
		t.Errorf("a run that deleted nothing after all: %d", got)
	}
	back := now.Add(-48 * time.Hour)
	if got := s.Deleted(back); got != 24 {
		t.Errorf("a clock that went back lifted the budget: %d", got)
	}
	mended := s.Deleting(back, 1).Deleting(back, 2)
	if got := mended.Deleted(back); got != 26 {
		t.Errorf("after a run with the right clock: %d", got)
	}
	if got := mended.Deleted(back.Add(25 * time.Hour)); got != 0 {
		t.Errorf("what a wrong clock dated counts for longer than 24 hours: %d", got)
	}
}

// What left the inventory leaves the sources, and equal states are equal bytes.
func TestAppliedSources(t *testing.T) {
	t.Parallel()
	var all []drift.ID
	var entries []drift.Entry
	for i := range 50 {
		id := drift.ID{Kind: "ConfigMap", Namespace: "shop", Name: fmt.Sprintf("c%d", i)}
		all, entries = append(all, id), append(entries, drift.Entry{ID: id})
	}
	one := drift.GuardState{}.Applied("a", all, entries)
	other := drift.GuardState{}.Applied("a", all[25:], entries).Applied("a", all[:25], entries)
	if !one.Same(other) || one.Sealed(guardKey, "x").Seal != other.Sealed(guardKey, "x").Seal {
		t.Error("the order in which objects were applied shows")
	}
	moved := one.Applied("b", all[:10], entries[:20])
	for i, id := range all {
		want := ""
		switch {
		case i < 10:
			want = "b"
		case i < 20:
			want = "a"
		}
		if got := moved.SourceOf(id); got != want {
			t.Errorf("%s is of %q, want %q", id.Name, got, want)
		}
	}
	if gone := one.Applied("a", nil, nil); !gone.Same(drift.GuardState{}) {
		t.Errorf("nothing is in the inventory, and %+v is kept", gone)
	}
}
