package reconcile

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// full is a memory that takes nothing.
type full struct{ Memory }

func (full) SaveInventory(context.Context, string, drift.Inventory) error {
	return errors.New("no space left")
}

// An app is complete where all that failed is the inventory after its writes: beside
// another failure it is not.
func TestUnconfirmedIsCompleteAlone(t *testing.T) {
	t.Parallel()
	id := drift.ID{Kind: "ConfigMap", Namespace: "shop", Name: "settings"}
	written := drift.Result{Step: drift.Step{Change: drift.Change{ID: id, Type: drift.Missing}}, Outcome: drift.Applied, UID: "u"}
	request := Request{Mode: Run, Key: []byte("key")}
	for _, c := range []struct {
		why      string
		failed   []error
		complete bool
	}{
		{"the inventory alone", nil, true},
		{"another failure before it", []error{errors.New("a stage failed")}, false},
	} {
		r := Reconciler{Memory: full{}, Now: time.Now}
		a := r.confirm(t.Context(), request, app{config: drift.App{Name: "shop"}, results: []drift.Result{written}, failed: c.failed})
		if len(a.failed) != len(c.failed)+1 {
			t.Errorf("%s: the failures are %q", c.why, a.failed)
		}
		if got := reportApp(request, a, drift.AppState{}, time.Now()).Complete; got != c.complete {
			t.Errorf("%s: complete is %t", c.why, got)
		}
	}
}
