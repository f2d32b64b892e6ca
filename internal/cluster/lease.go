package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

const leaseName = drift.LeaseName

var leases = resource{
	Kind:     drift.Kind{Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"},
	KindInfo: drift.KindInfo{Resource: "leases", Namespaced: true},
}

// microTime is the format of a Lease's times (apimachinery, MicroTime).
const microTime = "2006-01-02T15:04:05.000000Z07:00"

// AcquireLease takes the lease that keeps two runs apart, renews it in the
// background, and returns a context that ends with cause drift.ErrLeaseLost when that
// no longer works. The holder is a name unique to the run, such as the pod's.
// When another run holds the lease, the error is drift.ErrLeaseHeld.
//
// A run that is alive renews its lease after a sixth of the duration, and gives up
// when that has not worked for two thirds. So one that was not renewed for a third, by
// our clock, is watched for two thirds more: if nobody renews it meanwhile, it is a dead
// run's and is taken over, the whole duration after its last renewal. Clocks differ
// between nodes, an observed change does not (client-go, leaderelection): the clock only
// spares watching. Whatever stands in the lease counts for twice ttl at most. The lease
// reduces overlap, it does not fence: every write carries its own preconditions.
//
// Release ends the renewal and gives the lease back; the context ends with it.
func (c *Client) AcquireLease(ctx context.Context, holder string, ttl time.Duration) (held context.Context, release func(context.Context) error, err error) {
	if ttl < time.Second {
		return nil, nil, stateProblem("taking the lease", fmt.Errorf("a lease of %v is too short: seconds are counted", ttl))
	}
	l := lease{client: c, holder: holder, ttl: ttl}
	sent := time.Now()
	current, err := l.take(ctx)
	if err != nil {
		return nil, nil, stateProblem("taking the lease", err)
	}
	held, lose := context.WithCancelCause(ctx)
	stop, stopped := make(chan struct{}), make(chan map[string]any, 1)
	go func() { stopped <- l.keep(held, current, sent, stop, lose) }()
	var once sync.Once
	release = func(ctx context.Context) (err error) {
		once.Do(func() {
			close(stop)
			last := <-stopped
			lost := errors.Is(context.Cause(held), drift.ErrLeaseLost)
			lose(context.Canceled)
			if !lost { // else it is not ours to give back
				err = l.giveBack(ctx, last)
			}
		})
		return err
	}
	return held, release, nil
}

type lease struct {
	client *Client
	holder string
	ttl    time.Duration
}

// take gets the lease, watching an expired one first.
func (l lease) take(ctx context.Context) (map[string]any, error) {
	current, err := l.client.readOwn(ctx, leases, leaseName)
	if err != nil {
		return nil, err
	}
	if current == nil {
		made, err := l.write(ctx, http.MethodPost, l.filled(nil))
		return l.settled(ctx, made, err)
	}
	if other := text(current, "spec", "holderIdentity"); other != "" && other != l.holder {
		if l.fresh(current) {
			return nil, l.heldBy(current)
		}
		if current, err = l.watch(ctx, current); err != nil {
			return nil, err
		}
	}
	taken, err := l.write(ctx, http.MethodPut, l.filled(current))
	return l.settled(ctx, taken, err)
}

// settled looks who was quicker when taking the lease conflicted: another run,
// or our own earlier attempt whose answer was lost.
func (l lease) settled(ctx context.Context, current map[string]any, err error) (map[string]any, error) {
	if !errors.Is(err, drift.ErrConflict) {
		return current, err
	}
	if current, err = l.reread(ctx); errors.Is(err, drift.ErrLeaseLost) || errors.Is(err, drift.ErrConflict) {
		return nil, fmt.Errorf("another run was quicker: %w", drift.ErrLeaseHeld)
	}
	return current, err
}

func (l lease) heldBy(current map[string]any) error {
	return fmt.Errorf("%q has held it since %s and renewed it at %s%s: %w", text(current, "spec", "holderIdentity"),
		text(current, "spec", "acquireTime"), text(current, "spec", "renewTime"), l.cut(current), drift.ErrLeaseHeld)
}

// fresh says whether the lease was renewed lately by our clock. A time further ahead
// than that tells nothing.
func (l lease) fresh(current map[string]any) bool {
	renewed, err := time.Parse(microTime, text(current, "spec", "renewTime"))
	return err == nil && time.Since(renewed).Abs() < l.duration(current)/3
}

// duration is how long a lease lasts after a renewal: as long as it says, and no
// longer than twice as long as ours would.
func (l lease) duration(current map[string]any) time.Duration {
	seconds, _ := at(current, "spec", "leaseDurationSeconds").(int64)
	if seconds <= 0 {
		return l.ttl
	}
	return time.Duration(min(seconds, int64(2*l.ttl/time.Second))) * time.Second
}

// cut says that a lease asks for more than it is given.
func (l lease) cut(current map[string]any) string {
	seconds, _ := at(current, "spec", "leaseDurationSeconds").(int64)
	if time.Duration(seconds) <= l.duration(current)/time.Second {
		return ""
	}
	return fmt.Sprintf(", for %d seconds, of which %v count", seconds, l.duration(current))
}

// watch looks at a lease that nobody renewed lately until a run that is alive would
// have given up; a change means that somebody is alive.
func (l lease) watch(ctx context.Context, seen map[string]any) (map[string]any, error) {
	holder := text(seen, "spec", "holderIdentity")
	deadline := time.Now().Add(2 * l.duration(seen) / 3)
	for time.Now().Before(deadline) {
		if err := pause(ctx, min(l.ttl/10, time.Second)); err != nil {
			return nil, fmt.Errorf("watching whether %q still renews it: %w", holder, err)
		}
		current, err := l.client.readOwn(ctx, leases, leaseName)
		switch {
		case err != nil:
			return nil, err
		case current == nil:
			return nil, fmt.Errorf("it was deleted meanwhile: %w", drift.ErrLeaseHeld)
		case text(current, "spec", "holderIdentity") == "":
			return current, nil
		case versionOf(current) != versionOf(seen):
			return nil, l.heldBy(current)
		}
	}
	if cut := l.cut(seen); cut != "" {
		l.client.note(drift.ReportError{Stage: "cluster", Message: fmt.Sprintf("the lease that %q left was taken over: it was renewed at %s%s",
			holder, text(seen, "spec", "renewTime"), cut), Hint: "find out who wrote such a lease: killick's own last a minute"})
	}
	return seen, nil
}

// keep renews the lease until told to stop, and returns it as last written. It
// gives up when the lease has another holder, or when no renewal has worked for
// two thirds of its duration, counted from before the last one was sent.
func (l lease) keep(held context.Context, current map[string]any, sent time.Time, stop <-chan struct{}, lose context.CancelCauseFunc) map[string]any {
	for every := l.ttl / 6; ; {
		timer := time.NewTimer(every)
		select {
		case <-stop:
			timer.Stop()
			return current
		case <-held.Done():
			// The run is ending; the lease stays ours until it says so.
			timer.Stop()
			<-stop
			return current
		case <-timer.C:
		}
		attempt := time.Now()
		ctx, cancel := context.WithDeadline(held, sent.Add(2*l.ttl/3))
		next, err := l.write(ctx, http.MethodPut, l.filled(current))
		if errors.Is(err, drift.ErrConflict) {
			next, err = l.reread(ctx)
		}
		cancel()
		switch {
		case err == nil:
			current, sent, every = next, attempt, l.ttl/6
		case errors.Is(err, drift.ErrLeaseLost):
			lose(err)
		case time.Since(sent) >= 2*l.ttl/3:
			lose(fmt.Errorf("%w: it could not be renewed: %w", drift.ErrLeaseLost, err))
		default:
			every = l.ttl / 20
		}
	}
}

// reread finds out why a renewal conflicted: an earlier one whose answer was
// lost, or another holder.
func (l lease) reread(ctx context.Context) (map[string]any, error) {
	current, err := l.client.readOwn(ctx, leases, leaseName)
	if err != nil {
		return nil, err
	}
	if current == nil || text(current, "spec", "holderIdentity") != l.holder {
		return nil, fmt.Errorf("%w: it is held by %q", drift.ErrLeaseLost, text(current, "spec", "holderIdentity"))
	}
	return l.write(ctx, http.MethodPut, l.filled(current))
}

// giveBack empties the holder, so that the next run need not wait.
func (l lease) giveBack(ctx context.Context, current map[string]any) error {
	freed := l.filled(current)
	freed["spec"].(map[string]any)["holderIdentity"] = ""
	_, err := l.write(ctx, http.MethodPut, freed)
	if errors.Is(err, drift.ErrConflict) {
		return nil // another run has taken it
	}
	if err != nil {
		return stateProblem("giving back the lease", err)
	}
	return nil
}

// filled is the lease with us as holder, renewed now. A nil lease is made anew.
func (l lease) filled(current map[string]any) map[string]any {
	now := time.Now().UTC().Format(microTime)
	spec := maps.Clone(branch(current, "spec"))
	if spec == nil {
		spec = map[string]any{}
	}
	if text(spec, "holderIdentity") != l.holder {
		transitions, _ := spec["leaseTransitions"].(int64)
		spec["acquireTime"], spec["leaseTransitions"] = now, min(transitions, math.MaxInt32-1)+1 // the API takes an int32
	}
	spec["holderIdentity"], spec["renewTime"] = l.holder, now
	spec["leaseDurationSeconds"] = int64((l.ttl + time.Second - 1) / time.Second)
	next := maps.Clone(current)
	if next == nil {
		next = map[string]any{"apiVersion": leases.APIVersion(), "kind": "Lease", "metadata": map[string]any{
			"name": leaseName, "namespace": l.client.stateNamespace, "labels": map[string]any{managedByLabel: toolingName}}}
	}
	next["spec"] = spec
	return next
}

// write creates or updates the lease; an update carries the resourceVersion it
// was read at.
func (l lease) write(ctx context.Context, verb string, content map[string]any) (map[string]any, error) {
	where, err := leases.path(l.client.stateNamespace)
	if verb == http.MethodPut {
		where, err = leases.object(l.client.stateNamespace, leaseName)
	}
	if err != nil {
		return nil, err
	}
	body, err := encode(content)
	if err != nil {
		return nil, err
	}
	answer, err := l.client.own.send(ctx, request{verb: verb, path: where,
		query: values("fieldManager", drift.FieldManager), contentType: "application/json", body: body})
	if err != nil {
		return nil, describe(err)
	}
	return asked{leases, l.client.stateNamespace, leaseName}.read(answer)
}
