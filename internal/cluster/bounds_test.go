package cluster

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/killick-dev/killick/internal/drift"
)

// crowd is a transport that keeps the requests of one sort waiting until as many are
// under way as may be, and records the most that ever were.
type crowd struct {
	match func(*http.Request) bool
	limit int

	mu         sync.Mutex
	now, most  int
	full       chan struct{}
	onceIsFull sync.Once
}

func (c *crowd) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if !c.match(r) {
			return next.RoundTrip(r)
		}
		c.mu.Lock()
		c.now++
		c.most = max(c.most, c.now)
		if c.now >= c.limit {
			c.onceIsFull.Do(func() { close(c.full) })
		}
		c.mu.Unlock()
		defer func() {
			c.mu.Lock()
			c.now--
			c.mu.Unlock()
		}()
		select {
		case <-c.full:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
		return next.RoundTrip(r)
	})
}

// TestRequestsUnderWay: as many requests of a sort as the limit allows are under way
// at once, and never more, however many callers there are.
func TestRequestsUnderWay(t *testing.T) {
	e := newEnv(t)
	const many = 4 * max(listsAtOnce, readsAtOnce, writesAtOnce)
	isDry := func(r *http.Request) bool { return r.URL.Query().Has("dryRun") }
	isList := func(r *http.Request) bool { return r.Method == http.MethodGet && r.URL.Query().Has("limit") }
	named := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/namespaces/"+e.ns+"/configmaps/") }
	var objects []drift.Object
	for i := range many {
		objects = append(objects, e.object(configMap(fmt.Sprintf("c%d", i))))
	}
	observe := func(ctx context.Context, client *Client, objects []drift.Object) error {
		_, err := client.Observe(ctx, []drift.Want{{App: drift.App{Name: "shop"}, Objects: objects}})
		return err
	}
	var kinds []drift.Object
	for _, kind := range []string{"ConfigMap", "Secret", "Service", "ServiceAccount", "Endpoints", "LimitRange", "ResourceQuota", "PodTemplate"} {
		kinds = append(kinds, e.object(fmt.Sprintf("{apiVersion: v1, kind: %s, metadata: {name: none, namespace: NS}}", kind)))
	}
	for _, c := range []struct {
		why   string
		limit int
		match func(*http.Request) bool
		calls int // at the same time
		call  func(ctx context.Context, client *Client, i int) error
	}{
		{"lists of several observations", listsAtOnce, isList, 3,
			func(ctx context.Context, client *Client, _ int) error { return observe(ctx, client, kinds) }},
		{"writes", writesAtOnce, func(r *http.Request) bool { return isApply(r) && named(r) }, many,
			func(ctx context.Context, client *Client, i int) error {
				_, err := client.Apply(ctx, drift.ApplyRequest{Object: objects[i]})
				return err
			}},
		{"reads and dry-runs of several observations", readsAtOnce, func(r *http.Request) bool { return named(r) && (r.Method == http.MethodGet || isDry(r)) }, 3,
			func(ctx context.Context, client *Client, _ int) error { return observe(ctx, client, objects) }},
		{"reads of single objects", readsAtOnce, func(r *http.Request) bool { return named(r) && r.Method == http.MethodGet }, many,
			func(ctx context.Context, client *Client, i int) error {
				return client.Get(ctx, drift.App{}, objects[i].ID, "v1").Err
			}},
	} {
		crowd := &crowd{match: c.match, limit: c.limit, full: make(chan struct{})}
		client := e.connect(Options{Transport: crowd.wrap})
		if _, err := client.Capabilities(e.ctx); err != nil {
			t.Fatal(err)
		}
		calls, ctx := errgroup.WithContext(e.ctx)
		for i := range c.calls {
			calls.Go(func() error { return c.call(ctx, client, i) })
		}
		if err := calls.Wait(); err != nil {
			t.Errorf("%s: %v", c.why, err)
		}
		if crowd.most != c.limit {
			t.Errorf("%s: %d were under way at once, and not %d", c.why, crowd.most, c.limit)
		}
	}
}

// TestNoRateLimit: what bounds requests is how many are under way, never a rate:
// client-go's own would make 5 a second of them.
func TestNoRateLimit(t *testing.T) {
	t.Parallel()
	client := newEnv(t).connect(Options{})
	for _, app := range []drift.App{{Name: "own"}, {Name: "impersonated", ServiceAccount: "deployer"}} {
		session, err := client.as(app)
		if err != nil {
			t.Fatal(err)
		}
		if limiter := session.rest.GetRateLimiter(); limiter != nil {
			t.Errorf("requests as %q are limited to %v a second", app.Name, limiter.QPS())
		}
	}
}
