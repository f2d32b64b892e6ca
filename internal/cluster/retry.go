package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// How long the waits are, all together, that one request is told to make: by a server
// that is busy, and by one whose watch cache of a kind is not ready. The latter may never
// be, and the kind must not cost the others' time.
const (
	waitWhenBusy     = 20 * time.Second
	waitForItsCaches = 5 * time.Second
)

// pauses lie between the attempts of a request that may be repeated.
var pauses = []time.Duration{200 * time.Millisecond, 800 * time.Millisecond}

// send makes one request, and again after 429 as the server tells it to. The error is the
// API server's *apierrors.StatusError or the transport's, as it came; where the context
// ended while it was waited, it says both.
func (s *session) send(ctx context.Context, r request) ([]byte, error) {
	var waited time.Duration
	for {
		body, err := s.once(ctx, r)
		rest, told := throttled(err)
		if !told {
			return body, err
		}
		bound := waitWhenBusy
		if initializing(err) {
			if why := s.obstacle(ctx, r); why != nil {
				return nil, why
			}
			bound = waitForItsCaches
		}
		if waited += rest; waited > bound {
			return nil, err
		}
		if ended := pause(ctx, rest); ended != nil {
			return nil, fmt.Errorf("%w, after: %w", ended, err)
		}
	}
}

// read makes a request that changes nothing, and repeats it while the cause
// looks passing. The error is described; that of a request which got no answer in time
// says what the server answered before.
func (s *session) read(ctx context.Context, r request) ([]byte, error) {
	var last error
	for attempt := 0; ; attempt++ {
		body, err := s.send(ctx, r)
		if err == nil {
			return body, nil
		}
		if last != nil && (isTimeout(err) || ctx.Err() != nil) {
			return nil, fmt.Errorf("%w, after: %w", describe(err), last)
		}
		last = describe(err)
		if _, told := throttled(err); told || attempt == len(pauses) || !passing(err) {
			return nil, last
		}
		if ended := pause(ctx, pauses[attempt]); ended != nil {
			return nil, fmt.Errorf("%w, after: %w", ended, last)
		}
	}
}

// throttled says that the server did not look at the request, and when to come again.
func throttled(err error) (rest time.Duration, told bool) {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || status.ErrStatus.Code != http.StatusTooManyRequests || status.ErrStatus.Details == nil {
		return 0, false
	}
	seconds := status.ErrStatus.Details.RetryAfterSeconds
	return time.Duration(seconds) * time.Second, seconds > 0
}

// initializing says that the API server cannot answer from its watch cache of a kind,
// which a LIST with a selector needs (apiserver, storage/cacher, since 1.31).
func initializing(err error) bool {
	return hasAny(err.Error(), "storage is (re)initializing")
}

// obstacle is what keeps the API server from filling its cache of a kind; nil when it
// does not say. A LIST without a selector is answered past the cache, as kubectl's is,
// and fails for the same reason as filling it does: a conversion webhook that is down.
func (s *session) obstacle(ctx context.Context, r request) error {
	_, err := s.once(ctx, request{path: r.path, query: values("limit", strconv.Itoa(pageLimit)), accept: headsOnly})
	if status, ok := errors.AsType[*apierrors.StatusError](err); ok && status.ErrStatus.Code >= http.StatusInternalServerError {
		return err
	}
	return nil
}

// atOnce keeps client-go's discovery from waiting for as long as the server likes: it
// would run into its own deadline and forget the server's words. Of several requests it
// says which one was not answered.
type atOnce struct{ next http.RoundTripper }

func (t atOnce) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	answer, err := t.next.RoundTrip(r)
	if deadline, ok := r.Context().Deadline(); ok && errors.Is(err, context.DeadlineExceeded) {
		return nil, &noAnswer{asked: r.Method + " " + r.URL.Path, after: spoken(deadline.Sub(began))}
	}
	if err == nil {
		answer.Header.Del("Retry-After")
	}
	return answer, err
}
