package cluster

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// What another run wrote meanwhile is not written over; labels that a program puts on are
// no run's.
func TestStateThatAnotherRunWrote(t *testing.T) {
	e := newEnv(t)
	state := func(hash string) drift.AppState {
		return drift.AppState{Rows: map[string]drift.Row{"ConfigMap a/b": {DesiredHash: hash}}}
	}
	id := drift.ID{Kind: "ConfigMap", Namespace: e.state, Name: "killick-state-shop"}
	for _, c := range []struct {
		why   string
		begun bool // there is a state when the run begins
		by    func(other *Client) error
		is    error
		want  string
	}{
		{"nobody, and there was none", false, func(*Client) error { return nil }, nil, "ours"},
		{"another run, and there was none", false, func(other *Client) error { return other.SaveState(e.ctx, "shop", state("theirs")) }, drift.ErrConflict, "theirs"},
		{"nobody", true, func(*Client) error { return nil }, nil, "ours"},
		{"another run", true, func(other *Client) error { return other.SaveState(e.ctx, "shop", state("theirs")) }, drift.ErrConflict, "theirs"},
		{"a program that labels", true, func(*Client) error {
			e.patch(id, "v1", "some-operator", "{metadata: {labels: {team: shop}}}")
			return nil
		}, nil, "ours"},
	} {
		if c.begun {
			if err := e.connect(Options{}).SaveState(e.ctx, "shop", state("before")); err != nil {
				t.Fatal(err)
			}
		}
		ours, other := e.connect(Options{}), e.connect(Options{})
		for _, client := range []*Client{ours, other} {
			if _, _, err := client.Load(e.ctx, "shop"); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.by(other); err != nil {
			t.Fatal(err)
		}
		if err := ours.SaveState(e.ctx, "shop", state("ours")); !errors.Is(err, c.is) || err != nil && c.is == nil {
			t.Errorf("%s: %v", c.why, err)
		}
		_, got, err := e.connect(Options{}).Load(e.ctx, "shop")
		if diff := cmp.Diff(state(c.want), got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", c.why, err, diff)
		}
		e.remove(id, "v1")
	}
}
