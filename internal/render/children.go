package render

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// ChildOptions are what Children need besides a render's own options. Zero values
// take the defaults.
type ChildOptions struct {
	Options
	// Count is how many children there may be; default the processors', from 2 to 4,
	// or fewer where the container's memory is short.
	Count int
	// Memory is what one child may take, in bytes: on Linux a hard limit. By default
	// the children share half of the container's, and the other half is this process's;
	// or they have 1 GiB each.
	Memory int64
	// Time bounds one render; default 2 minutes. It is also at most half of what the
	// caller's context leaves, so that a render that waits for a hanging one still has
	// time for itself.
	Time time.Duration
}

// Children render apps in child processes of this program: what kills or fills a
// process, or never ends, costs the app that does it. A child has no credentials, no
// environment, no cluster and no network; the checkout's files come to it over its
// standard input, and plain values go back.
//
// A child renders one app after the other, because its start costs more than most
// renders. An app during which a child dies is rendered once more in a child that has
// rendered nothing else, unless it was one already; so is an app that changes
// the process for those after it (Kustomize keeps its OpenAPI schema in package
// variables), and that child then ends.
//
// Calls may overlap. The program's main must give way to Serve where IsChild says so.
type Children struct {
	options ChildOptions
	part    int
	slots   chan struct{} // one is held while a child renders

	mu     sync.Mutex
	idle   []*child // the last used one last
	busy   int      // children that render, or whose end is awaited
	all    sync.WaitGroup
	closed bool
}

const (
	renderTime = 2 * time.Minute
	// childMemory is the limit of one child where the container has none.
	childMemory = 1 << 30
	// leastMemory lets Kustomize's schema and a chart of some size be read.
	leastMemory = 128 << 20
	// fairMemory is what each child should have before there are more of them.
	fairMemory = 256 << 20
)

func (o ChildOptions) withDefaults() ChildOptions {
	o.Options = o.Options.withDefaults()
	if o.Time <= 0 {
		o.Time = renderTime
	}
	available := containerMemory()
	if limit := debug.SetMemoryLimit(-1); limit < 1<<50 { // GOMEMLIMIT, as the chart sets it
		available = limit
	}
	available /= 2
	if o.Count <= 0 {
		o.Count = min(max(runtime.GOMAXPROCS(0), 2), 4)
		if available > 0 {
			o.Count = min(o.Count, max(int(available/fairMemory), min(int(available/leastMemory), 2), 1))
		}
	}
	if o.Memory <= 0 {
		o.Memory = childMemory
		if available > 0 {
			o.Memory = min(max(available/int64(o.Count), leastMemory), childMemory)
		}
	}
	return o
}

// NewChildren makes a renderer in child processes. None is started before there is
// something to render.
func NewChildren(options ChildOptions) *Children {
	options = options.withDefaults()
	return &Children{options: options, part: partObjects, slots: make(chan struct{}, options.Count)}
}

// Render renders one app, as Renderer.Render does, in a child process.
func (c *Children) Render(ctx context.Context, request drift.RenderRequest) (drift.Rendered, error) {
	rendered, err := c.render(ctx, request)
	if err != nil {
		return drift.Rendered{}, asProblem(request.App.Path, err)
	}
	return rendered, nil
}

var errNoChild = errors.New("a child that renders starts no children of its own; does main call render.Serve?")

func (c *Children) render(ctx context.Context, request drift.RenderRequest) (drift.Rendered, error) {
	if request.Checkout.FS == nil {
		return drift.Rendered{}, errNoCheckout
	}
	// A program whose main does not know Serve would start itself without end.
	if IsChild(os.Args[1:]) {
		return drift.Rendered{}, errNoChild
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return drift.Rendered{}, tooSlow(context.Cause(ctx), true)
	}
	alone := false
	for {
		out := c.try(ctx, request, alone)
		again := out.needsOwn || out.died && !out.fresh
		switch {
		case out.needsOwn && ctx.Err() != nil: // without an error of its own
			return drift.Rendered{}, tooSlow(context.Cause(ctx), false)
		case !again || alone || ctx.Err() != nil:
			return out.rendered, out.err
		}
		alone = true
	}
}

// try renders in an idle child or a new one; alone asks for a new one that renders
// nothing else afterwards.
func (c *Children) try(ctx context.Context, request drift.RenderRequest, alone bool) outcome {
	limit := c.options.Time
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it took longer than %s: %w",
		limit.Round(time.Millisecond), context.DeadlineExceeded))
	defer cancel()
	worker, err := c.worker(ctx, alone)
	if err != nil {
		return outcome{err: err}
	}
	out := worker.render(ctx, request, alone, c.options)
	c.release(worker, !out.died && !alone)
	return out
}

// worker is a child to render with, to be released. Before another one is started,
// idle ones end, so that there are never more than Count: the caller holds a slot.
func (c *Children) worker(ctx context.Context, fresh bool) (*child, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errors.New("rendering is over")
	}
	for !fresh && len(c.idle) > 0 {
		worker := c.idle[len(c.idle)-1]
		c.idle = c.idle[:len(c.idle)-1]
		if worker.lives() {
			c.busy++
			return worker, nil
		}
		worker.kill()
	}
	if ctx.Err() != nil {
		return nil, tooSlow(context.Cause(ctx), false)
	}
	for len(c.idle) > 0 && len(c.idle)+c.busy >= c.options.Count {
		c.idle[0].kill()
		c.idle = c.idle[1:]
	}
	c.all.Add(1)
	worker, err := start(c.options, c.part, c.all.Done)
	if err != nil {
		return nil, fmt.Errorf("starting a process to render in: %w", err)
	}
	c.busy++
	return worker, nil
}

// release puts a child aside for the next app, or ends it.
func (c *Children) release(worker *child, keep bool) {
	if !keep {
		worker.kill() // and nobody waits for that
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy--
	switch {
	case keep && c.closed:
		worker.kill()
	case keep:
		c.idle = append(c.idle, worker)
	}
}

// Close ends all children and waits for their end. Renders under way end with their
// contexts.
func (c *Children) Close() {
	c.mu.Lock()
	c.closed = true
	idle := c.idle
	c.idle = nil
	c.mu.Unlock()
	for _, worker := range idle {
		worker.kill()
	}
	c.all.Wait()
}
