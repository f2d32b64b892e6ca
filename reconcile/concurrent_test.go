package reconcile_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// together is a renderer in which two apps must be at once before either goes on.
type together struct {
	reconcile.Renderer
	mu      sync.Mutex
	waiting int
	both    chan struct{}
}

func (r *together) Render(ctx context.Context, request drift.RenderRequest) (drift.Rendered, error) {
	r.mu.Lock()
	if r.waiting++; r.waiting == 2 {
		close(r.both)
	}
	r.mu.Unlock()
	select {
	case <-r.both:
		return r.Renderer.Render(ctx, request)
	case <-ctx.Done():
		return drift.Rendered{}, ctx.Err()
	}
}

// TestAppsRenderConcurrently: an app need not wait until another one is rendered.
func TestAppsRenderConcurrently(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("blog")
	s.commit(map[string]string{
		"settings.yaml":   existing("v1", "ConfigMap", "settings", "data: {a: b}"),
		"blog/posts.yaml": existing("v1", "ConfigMap", "posts", "data: {a: b}"),
	})
	s.wrap = func(r reconcile.Reconciler) reconcile.Reconciler {
		r.Renderer = &together{Renderer: r.Renderer, both: make(chan struct{})}
		return r
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // one at a time would wait for ever
	defer cancel()
	s.do(ctx, reconcile.Plan, nil).expect("both are rendered",
		"shop: ConfigMap settings: missing/git sync planned", "blog: ConfigMap posts: missing/git sync planned")
}
