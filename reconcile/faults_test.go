package reconcile_test

import (
	"context"
	"sync"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/reconcile"
)

// between stands between a run and the cluster: each hook runs before the call
// it is named after, on the call's n-th time for that object (from 1), and an
// error of it is the call's.
type between struct {
	reconcile.Reader
	reconcile.Writer
	reconcile.Memory
	apply   func(r drift.ApplyRequest, n int) error
	delete  func(r drift.DeleteRequest, n int) error
	observe func(wants []drift.Want, n int) error
	get     func(id drift.ID, n int) error
	save    func(app string, n int) error
	without func(id drift.ID, n int) error

	mu    sync.Mutex
	calls map[string]int
}

// intercept puts the hooks between the site's next runs and the cluster.
func (s *site) intercept(b *between) {
	s.wrap = func(r reconcile.Reconciler) reconcile.Reconciler {
		b.Reader, b.Writer, b.Memory, b.calls = r.Reader, r.Writer, r.Memory, map[string]int{}
		r.Reader, r.Writer, r.Memory = b, b, b
		return r
	}
}

func (b *between) count(call string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls[call]++
	return b.calls[call]
}

func (b *between) Apply(ctx context.Context, r drift.ApplyRequest) (map[string]any, error) {
	if b.apply != nil {
		if err := b.apply(r, b.count("apply "+r.Object.ID.String())); err != nil {
			return nil, err
		}
	}
	return b.Writer.Apply(ctx, r)
}

func (b *between) Delete(ctx context.Context, r drift.DeleteRequest) error {
	if b.delete != nil {
		if err := b.delete(r, b.count("delete "+r.ID.String())); err != nil {
			return err
		}
	}
	return b.Writer.Delete(ctx, r)
}

func (b *between) Observe(ctx context.Context, wants []drift.Want) ([]drift.Seen, error) {
	if b.observe != nil {
		if err := b.observe(wants, b.count("observe")); err != nil {
			return nil, err
		}
	}
	return b.Reader.Observe(ctx, wants)
}

func (b *between) Get(ctx context.Context, app drift.App, id drift.ID, version string) drift.Observation {
	if b.get != nil {
		if err := b.get(id, b.count("get "+id.String())); err != nil {
			return drift.Observation{ID: id, Err: err}
		}
	}
	return b.Reader.Get(ctx, app, id, version)
}

func (b *between) DryPatch(ctx context.Context, app drift.App, id drift.ID, version string, live map[string]any, patch []nested.PatchOp) (map[string]any, error) {
	if b.without != nil {
		if err := b.without(id, b.count("without "+id.String())); err != nil {
			return nil, err
		}
	}
	return b.Reader.DryPatch(ctx, app, id, version, live, patch)
}

func (b *between) SaveInventory(ctx context.Context, app string, inventory drift.Inventory) error {
	if b.save != nil {
		if err := b.save(app, b.count("save "+app)); err != nil {
			return err
		}
	}
	return b.Memory.SaveInventory(ctx, app, inventory)
}
