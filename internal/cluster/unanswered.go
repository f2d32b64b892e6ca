package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"sync"
	"time"
)

// noAnswer is a request that got no answer, or not the whole of it, in the time that one
// request may take. It tells nothing about what was asked for, and the run's own time is
// not over.
type noAnswer struct {
	asked  string // the request
	after  time.Duration
	unsent bool // others of its sort got no answer, so this one was not sent
}

func (s *noAnswer) Error() string {
	if s.unsent {
		return fmt.Sprintf("not asked: the API server did not answer %d requests like it within %s: %s", enough, s.after, s.asked)
	}
	return fmt.Sprintf("the API server did not answer %s within %s", s.asked, s.after)
}

// Timeout makes it a timeout: asking again takes as long.
func (s *noAnswer) Timeout() bool { return true }

// overdue says that the time for one step of a run is over, and the run's is not.
type overdue struct {
	step string
	time time.Duration
}

func (o *overdue) Error() string {
	return fmt.Sprintf("not asked: the %s that this run has for %s are over", o.time, o.step)
}

// Timeout makes it a timeout.
func (o *overdue) Timeout() bool { return true }

// hintForNoAnswer is what to do about a request that got no answer; "" for other errors.
func hintForNoAnswer(err error) string {
	if _, ok := errors.AsType[*noAnswer](err); ok {
		return "find out what does not answer: an aggregated API's service, a webhook, or a proxy before the API server"
	}
	if _, ok := errors.AsType[*overdue](err); ok {
		return "raise --timeout, or look at the requests that got no answer"
	}
	return ""
}

// The part of the time that is left which one request, and one step, may take. Whatever
// never answers, something is left for what comes after it.
const (
	ofRequest = 4 // a quarter
	briefest  = time.Second
)

// untilAnswer bounds one request: by the time that any may take, and a quarter of what
// is left. Its end is not that of ctx.
func (s *session) untilAnswer(ctx context.Context) (bounded context.Context, bound time.Duration, cancel context.CancelFunc) {
	bound = s.timeout
	if deadline, ok := ctx.Deadline(); ok {
		bound = min(bound, max(time.Until(deadline)/ofRequest, briefest))
	}
	bounded, cancel = context.WithTimeout(ctx, bound)
	return bounded, bound, cancel
}

// stepOf gives one step numerator/denominator of the time that is left.
func stepOf(ctx context.Context, step string, numerator, denominator int64) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	bound := time.Until(deadline) * time.Duration(numerator) / time.Duration(denominator)
	return context.WithTimeoutCause(ctx, bound, &overdue{step, spoken(bound)})
}

// spoken is a duration as people say it.
func spoken(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}

// ended is why ctx ended, nil while only the time of a step of the run is over: then
// everything that was not asked in time says so in its own place.
func ended(ctx context.Context) error {
	if err := why(ctx); ctx.Err() == err { //nolint:errorlint // the very error of a context
		return err
	}
	return nil
}

// why is what ctx's end is told as.
func why(ctx context.Context) error {
	if late, ok := errors.AsType[*overdue](context.Cause(ctx)); ok {
		return late
	}
	return ctx.Err()
}

// inTurn does one task of a step, as one of a bounded number. When the step's time is
// over the task is done all the same, and learns from its requests that it is.
func inTurn(ctx context.Context, places chan struct{}, task func()) error {
	leave, err := enter(ctx, places)
	switch {
	case err == nil:
		defer leave()
	case ended(ctx) != nil:
		return err
	}
	task()
	return ended(ctx)
}

// name is a request as an error message tells it.
func (r request) name() string {
	verb, note := r.verb, ""
	if verb == "" {
		verb = http.MethodGet
	}
	if r.query.Has("dryRun") {
		note = " (dry-run)"
	}
	return verb + " " + r.path + note
}

// sort is the same for requests of which one that is not answered makes it likely that
// the others are not: the lists of one kind, and the dry-runs of one kind in one
// namespace. Any other request is of no sort.
func (r request) sort() string {
	switch {
	case r.query.Has("dryRun"):
		return "dry-run " + path.Dir(r.path)
	case r.query.Has("limit"):
		return "list " + r.path
	}
	return ""
}

// enough is after how many requests of a sort without an answer in between none is sent
// any more: an app of a thousand objects must not wait a thousand times, nor let others
// wait.
const enough = 3

// unanswered counts the requests of each sort that got no answer since one did.
type unanswered struct {
	mu   sync.Mutex
	last map[string]missed
}

// missed are the requests of one sort that got no answer since one did.
type missed struct {
	count int
	after time.Duration // how long the last was waited for
}

// refuse is the error of a request that is not worth sending; nil when it is.
func (u *unanswered) refuse(r request) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	last := u.last[r.sort()]
	if last.count < enough {
		return nil
	}
	if r.query.Has("dryRun") {
		r.path = path.Dir(r.path) // its own name says nothing
	}
	return &noAnswer{asked: r.name(), after: last.after, unsent: true}
}

// note records what became of a request.
func (u *unanswered) note(r request, err error) {
	sort := r.sort()
	if sort == "" {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	late, unheard := errors.AsType[*noAnswer](err)
	switch {
	case !unheard:
		delete(u.last, sort)
	case u.last == nil:
		u.last = map[string]missed{sort: {1, late.after}}
	default:
		u.last[sort] = missed{u.last[sort].count + 1, late.after}
	}
}
