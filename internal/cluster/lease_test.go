package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// holderOf reads who has the lease.
func (e *env) holderOf() string {
	e.Helper()
	live, err := e.admin.readOwn(e.ctx, leases, leaseName)
	if err != nil {
		e.Fatal(err)
	}
	return text(live, "spec", "holderIdentity")
}

func TestLeaseKeepsRunsApart(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	held, release, err := client.AcquireLease(e.ctx, "pod-1", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.connect(Options{}).AcquireLease(e.ctx, "pod-2", time.Minute); !errors.Is(err, drift.ErrLeaseHeld) || !strings.Contains(err.Error(), "pod-1") {
		t.Errorf("held: %v", err)
	}
	for range 2 { // a deferred release after an explicit one does nothing
		if err := release(e.ctx); err != nil {
			t.Fatal(err)
		}
	}
	if held.Err() == nil || errors.Is(context.Cause(held), drift.ErrLeaseLost) {
		t.Errorf("the context ends with the lease, and it was not lost: %v", context.Cause(held))
	}
	if holder := e.holderOf(); holder != "" {
		t.Errorf("given back, held by %q", holder)
	}
	_, release, err = e.connect(Options{}).AcquireLease(e.ctx, "pod-2", time.Minute)
	if err != nil {
		t.Fatalf("free: %v", err)
	}
	if err := release(e.ctx); err != nil {
		t.Error(err)
	}
}

func TestLeaseIsRenewed(t *testing.T) {
	e := newEnv(t)
	lines := &wire{}
	renewed := make(chan struct{}, 100)
	lines.after = func(r *http.Request, answer *http.Response) (*http.Response, error) {
		if r.Method == http.MethodPut && answer.StatusCode == http.StatusOK {
			renewed <- struct{}{}
		}
		return answer, nil
	}
	held, release, err := e.connect(Options{Transport: lines.wrap}).AcquireLease(e.ctx, "pod-1", 9*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for range 4 { // more than the lease is long
		select {
		case <-renewed:
		case <-held.Done():
			t.Fatalf("lost: %v", context.Cause(held))
		}
	}
	if err := release(e.ctx); err != nil {
		t.Error(err)
	}
}

// abandon leaves a lease as a run that was killed does.
func (e *env) abandon(holder string, renewed time.Time) {
	e.Helper()
	e.lease(fmt.Sprintf(`{holderIdentity: %s, leaseDurationSeconds: 1, renewTime: %q}`, holder, renewed.UTC().Format(microTime)))
}

func (e *env) lease(spec string) {
	e.Helper()
	e.send(http.MethodPost, "/apis/coordination.k8s.io/v1/namespaces/"+e.state+"/leases", "killick", "application/json", tree(e.T,
		"{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: killick}, spec: "+spec+"}"))
}

// A lease is running for a third of its duration by the clock, and is watched for two
// thirds: a run that died keeps others out for the duration, once.
func TestFreshLease(t *testing.T) {
	l := lease{ttl: time.Minute}
	at := func(age time.Duration) string { return time.Now().Add(-age).UTC().Format(microTime) }
	for _, c := range []struct {
		why      string
		spec     map[string]any
		fresh    bool
		duration time.Duration
		cut      bool
	}{
		{"just renewed", map[string]any{"renewTime": at(0), "leaseDurationSeconds": int64(60)}, true, time.Minute, false},
		{"a renewal was missed", map[string]any{"renewTime": at(19 * time.Second), "leaseDurationSeconds": int64(60)}, true, time.Minute, false},
		{"a run that is alive would have renewed it", map[string]any{"renewTime": at(21 * time.Second), "leaseDurationSeconds": int64(60)}, false, time.Minute, false},
		{"our clock is a little slow", map[string]any{"renewTime": at(-10 * time.Second), "leaseDurationSeconds": int64(60)}, true, time.Minute, false},
		{"one of the clocks is wrong", map[string]any{"renewTime": at(-time.Hour), "leaseDurationSeconds": int64(60)}, false, time.Minute, false},
		{"an absurd duration", map[string]any{"renewTime": at(41 * time.Second), "leaseDurationSeconds": int64(2147483647)}, false, 2 * time.Minute, true},
		{"a somewhat longer one", map[string]any{"renewTime": at(21 * time.Second), "leaseDurationSeconds": int64(90)}, true, 90 * time.Second, false},
		{"no duration", map[string]any{"renewTime": at(0)}, true, time.Minute, false},
		{"none to speak of", map[string]any{"renewTime": at(0), "leaseDurationSeconds": int64(0)}, true, time.Minute, false},
		{"never renewed", map[string]any{"leaseDurationSeconds": int64(60)}, false, time.Minute, false},
		{"nothing but a holder", map[string]any{}, false, time.Minute, false},
		{"a time that is none", map[string]any{"renewTime": "yesterday"}, false, time.Minute, false},
	} {
		current := map[string]any{"spec": c.spec}
		if fresh, duration, cut := l.fresh(current), l.duration(current), l.cut(current); fresh != c.fresh || duration != c.duration || (cut != "") != c.cut {
			t.Errorf("%s: fresh %v, %v, cut %q", c.why, fresh, duration, cut)
		}
	}
}

func TestExpiredLease(t *testing.T) {
	t.Run("is taken over once nobody renewed it while we watched", func(t *testing.T) {
		e := newEnv(t)
		e.abandon("dead", time.Now().Add(-time.Hour))
		start := time.Now()
		lines := &wire{}
		_, release, err := e.connect(Options{Transport: lines.wrap}).AcquireLease(e.ctx, "pod-2", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if watched := time.Since(start); watched < 2*time.Second/3 {
			t.Errorf("watched for %v only", watched)
		}
		// A look each tenth of the duration, for two thirds of it.
		if looks := lines.count("GET", "/leases/"); looks > 1+7 {
			t.Errorf("watched for longer than a run that is alive would have needed: %d looks", looks)
		}
		if err := release(e.ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("of a future clock tells nothing, and is watched too", func(t *testing.T) {
		e := newEnv(t)
		e.abandon("dead", time.Now().Add(time.Hour))
		_, release, err := e.connect(Options{}).AcquireLease(e.ctx, "pod-2", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if err := release(e.ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("with an absurd duration is not honoured for ever, and that is said", func(t *testing.T) {
		e := newEnv(t)
		e.lease(fmt.Sprintf("{holderIdentity: dead, leaseDurationSeconds: 2147483647, leaseTransitions: 2147483647, acquireTime: %[1]q, renewTime: %[1]q}",
			time.Now().UTC().Format(microTime)))
		client := e.connect(Options{})
		release, err := poll(e.ctx, func() (func(context.Context) error, bool, error) {
			_, release, err := client.AcquireLease(e.ctx, "pod-2", time.Second)
			if errors.Is(err, drift.ErrLeaseHeld) {
				if !strings.Contains(err.Error(), "2147483647 seconds") {
					t.Errorf("held without a word about its duration: %v", err)
				}
				return nil, false, nil
			}
			return release, true, err
		})
		if err != nil {
			t.Fatal(err)
		}
		if notes := client.Notes(); len(notes) != 1 || !strings.Contains(notes[0].Message, `"dead"`) || !strings.Contains(notes[0].Message, "2147483647 seconds") {
			t.Errorf("notes: %v", notes)
		}
		if err := release(e.ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("without any field is a dead run's", func(t *testing.T) {
		e := newEnv(t)
		e.lease("{holderIdentity: dead}")
		_, release, err := e.connect(Options{}).AcquireLease(e.ctx, "pod-2", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if err := release(e.ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("whose holder only has a slow clock is held", func(t *testing.T) {
		e := newEnv(t)
		e.abandon("alive", time.Now().Add(-time.Hour))
		lines := &wire{}
		client := e.connect(Options{Transport: lines.wrap})
		looks := 0
		lines.before = func(r *http.Request) (*http.Response, error) {
			if looks++; looks == 3 {
				e.patch(drift.ID{Group: "coordination.k8s.io", Kind: "Lease", Namespace: e.state, Name: "killick"}, "v1", "killick",
					fmt.Sprintf("{spec: {renewTime: %q}}", time.Now().Add(-time.Hour).UTC().Format(microTime)))
			}
			return nil, nil
		}
		if _, _, err := client.AcquireLease(e.ctx, "pod-2", time.Second); !errors.Is(err, drift.ErrLeaseHeld) {
			t.Errorf("got %v", err)
		}
		if holder := e.holderOf(); holder != "alive" {
			t.Errorf("taken by %q", holder)
		}
	})
}

func TestLostLeaseEndsTheRun(t *testing.T) {
	t.Run("taken by another", func(t *testing.T) {
		e := newEnv(t)
		held, release, err := e.connect(Options{}).AcquireLease(e.ctx, "pod-1", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		e.patch(drift.ID{Group: "coordination.k8s.io", Kind: "Lease", Namespace: e.state, Name: "killick"}, "v1", "killick", "{spec: {holderIdentity: thief}}")
		<-held.Done()
		if !errors.Is(context.Cause(held), drift.ErrLeaseLost) {
			t.Errorf("cause %v", context.Cause(held))
		}
		if err := release(e.ctx); err != nil {
			t.Error(err)
		}
		if holder := e.holderOf(); holder != "thief" {
			t.Errorf("what is not ours is not given back: held by %q", holder)
		}
	})
	t.Run("cannot be renewed", func(t *testing.T) {
		e := newEnv(t)
		lines := &wire{}
		client := e.connect(Options{Transport: lines.wrap})
		held, release, err := client.AcquireLease(e.ctx, "pod-1", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		lines.fail(func(r *http.Request) (*http.Response, error) { return nil, errors.New("connection reset by peer") })
		<-held.Done()
		if !errors.Is(context.Cause(held), drift.ErrLeaseLost) {
			t.Errorf("cause %v", context.Cause(held))
		}
		if err := release(e.ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("but not by one lost answer", func(t *testing.T) {
		e := newEnv(t)
		lines := &wire{}
		client := e.connect(Options{Transport: lines.wrap})
		puts := make(chan int, 100)
		n := 0
		lines.after = func(r *http.Request, answer *http.Response) (*http.Response, error) {
			if r.Method != http.MethodPut {
				return answer, nil
			}
			n++
			puts <- n
			if n == 2 {
				_ = answer.Body.Close()
				return nil, errors.New("connection reset by peer") // it was written
			}
			return answer, nil
		}
		held, release, err := client.AcquireLease(e.ctx, "pod-1", 9*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < 4; {
			select {
			case i = <-puts:
			case <-held.Done():
				t.Fatalf("lost: %v", context.Cause(held))
			}
		}
		if err := release(e.ctx); err != nil {
			t.Error(err)
		}
	})
}
