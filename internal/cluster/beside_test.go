package cluster

import (
	"net/http"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// TestLoadBesideAWrite: whoever reads an app's inventory and state while a run writes them
// never has an inventory that is older than the state: each of a run's two writes falls
// between each pair of the reader's requests once.
func TestLoadBesideAWrite(t *testing.T) {
	for _, c := range []struct {
		why    string
		listed bool // the reader has listed the state before
		first  bool // there is nothing before the run's writes
	}{
		{"a first run, after the reader listed the state", true, true},
		{"a first run, nothing was listed", false, true},
		{"a later run, after the reader listed the state", true, false},
		{"a later run, nothing was listed", false, false},
	} {
		t.Run(c.why, func(t *testing.T) {
			for at := range 4 { // the request before which the run begins to write
				for apart := range 3 { // and how many later it goes on
					e := newEnv(t)
					writer := e.connect(Options{})
					id := func(name string) drift.ID { return drift.ID{Kind: "ConfigMap", Namespace: e.ns, Name: name} }
					write := func(inventory bool, names ...string) {
						var entries []drift.Entry
						rows := map[string]drift.Row{}
						for _, name := range names {
							entries = append(entries, drift.Entry{ID: id(name), Version: "v1", UID: "u"})
							rows[id(name).String()] = drift.Row{UID: "u", Version: "1"}
						}
						var err error
						if inventory {
							err = writer.SaveInventory(e.ctx, "shop", drift.Inventory{Entries: entries})
						} else {
							err = writer.SaveState(e.ctx, "shop", drift.AppState{Rows: rows})
						}
						if err != nil {
							t.Error(err)
						}
					}
					if _, _, err := writer.Load(e.ctx, "shop"); err != nil {
						t.Fatal(err)
					}
					if !c.first {
						write(true, "a")
						write(false, "a")
					}
					lines := &wire{}
					reader := e.connect(Options{Transport: lines.wrap})
					if _, err := reader.Identity(e.ctx); err != nil {
						t.Fatal(err)
					}
					if c.listed {
						if _, err := reader.Parents(e.ctx); err != nil {
							t.Fatal(err)
						}
					}
					asked := 0
					begin := func() {
						if asked == at {
							write(true, "a", "b")
						}
						if asked == at+apart {
							write(false, "a", "b")
						}
						asked++
					}
					begin()
					lines.fail(func(r *http.Request) (*http.Response, error) {
						if strings.Contains(r.URL.Path, "/configmaps") {
							begin()
						}
						return nil, nil
					})
					inventory, state, err := reader.Load(e.ctx, "shop")
					if err != nil {
						t.Fatal(err)
					}
					if len(state.Rows) > len(inventory.Entries) {
						t.Errorf("writes before request %d and %d later: %d rows of %d entries", at, apart, len(state.Rows), len(inventory.Entries))
					}
				}
			}
		})
	}
}
