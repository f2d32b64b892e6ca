package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"github.com/killick-dev/killick/internal/drift"
)

// session is one identity's way into the cluster. All sessions share their
// connections: client-go keeps one TLS transport per TLS configuration, and a
// new connection costs the API server about 4 ms.
type session struct {
	user      string // impersonated user; "" is the client's own identity
	rest      rest.Interface
	discovery *discovery.DiscoveryClient
	timeout   time.Duration // of one request
	kept      keptHeads
	silent    unanswered
}

func newSession(config *rest.Config, user string) (*session, error) {
	config = rest.CopyConfig(config)
	if user != "" {
		// No groups: the API server adds a service account's own groups when
		// none are asked for, and asking would need a right to impersonate
		// groups (apiserver, endpoints/filters/impersonation).
		config.Impersonate = rest.ImpersonationConfig{UserName: user}
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	served, err := discovery.NewDiscoveryClientForConfigAndClient(config, &http.Client{Transport: atOnce{client.Transport}})
	if err != nil {
		return nil, err
	}
	config.NegotiatedSerializer = serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	config.GroupVersion = &schema.GroupVersion{}
	raw, err := rest.UnversionedRESTClientForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	return &session{user: user, rest: raw, discovery: served, timeout: config.Timeout}, nil
}

// account is "name" or "namespace/name", both DNS names.
var account = regexp.MustCompile(`^(?:([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)/)?([a-z0-9](?:[-.a-z0-9]*[a-z0-9])?)$`)

// userOf is the user name of an app's service account, "" when it has none. A
// name that is not one is an error, never the client's own identity.
func (c *Client) userOf(app drift.App) (string, error) {
	if app.ServiceAccount == "" {
		return "", nil
	}
	parts := account.FindStringSubmatch(app.ServiceAccount)
	if parts == nil {
		return "", &drift.Problem{Stage: "config", Hint: "write NAME or NAMESPACE/NAME",
			Err: fmt.Errorf("app %q: serviceAccount %q is not the name of a service account", app.Name, app.ServiceAccount)}
	}
	namespace := parts[1]
	if namespace == "" {
		namespace = c.stateNamespace
	}
	return "system:serviceaccount:" + namespace + ":" + parts[2], nil
}

// as is the session of an app's identity.
func (c *Client) as(app drift.App) (*session, error) {
	user, err := c.userOf(app)
	if err != nil {
		return nil, err
	}
	if user == "" {
		return c.own, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.sessions[user]; known != nil {
		return known, nil
	}
	made, err := newSession(c.config, user)
	if err != nil {
		return nil, fmt.Errorf("preparing the identity %q: %w", user, err)
	}
	c.sessions[user] = made
	return made, nil
}

// request is one call to the API server.
type request struct {
	verb        string // GET when empty
	path        string // absolute
	query       url.Values
	contentType string
	accept      string // application/json when empty
	body        []byte
}

// once makes one request, once: client-go would repeat it ten times where the server
// says Retry-After, and forget its words in the end. The error is the API server's
// *apierrors.StatusError or the transport's, as it came, a *noAnswer where there was no
// answer in time, or *overdue where the time of the run's step is over.
func (s *session) once(ctx context.Context, r request) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, why(ctx)
	}
	if err := s.silent.refuse(r); err != nil {
		return nil, err
	}
	bounded, bound, cancel := s.untilAnswer(ctx)
	defer cancel()
	body, err := s.exchange(bounded, r)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		if ended(ctx) == nil {
			err = why(ctx)
		}
		return nil, err
	case bounded.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		err = &noAnswer{asked: r.name(), after: spoken(bound)}
	}
	s.silent.note(r, err)
	return body, err
}

// exchange sends one request and reads the answer.
func (s *session) exchange(ctx context.Context, r request) ([]byte, error) {
	verb, accept := r.verb, r.accept
	if verb == "" {
		verb = http.MethodGet
	}
	if accept == "" {
		accept = runtime.ContentTypeJSON
	}
	call := s.rest.Verb(verb).AbsPath(r.path).SetHeader("Accept", accept).MaxRetries(0)
	for name, values := range r.query {
		for _, value := range values {
			call = call.Param(name, value)
		}
	}
	if r.body != nil {
		call = call.SetHeader("Content-Type", r.contentType).Body(r.body)
	}
	body, err := call.Do(ctx).Raw()
	if err == nil {
		return body, nil
	}
	if status := statusIn(body); status != nil {
		return nil, &apierrors.StatusError{ErrStatus: withRetryAfter(*status, err)}
	}
	return nil, err
}

// statusIn is the Status that a failed request's body holds, nil when it holds
// none (a proxy's page, a truncated answer).
func statusIn(body []byte) *metav1.Status {
	status := &metav1.Status{}
	if json.Unmarshal(body, status) != nil {
		object, _, err := metaDecoder.Decode(body, nil, nil)
		if found, ok := object.(*metav1.Status); ok && err == nil {
			status = found
			status.Kind = "Status" // protobuf says it beside the object
		}
	}
	if status.Kind != "Status" || status.Status != metav1.StatusFailure {
		return nil
	}
	return status
}

// withRetryAfter adds what client-go read from the header: the body need not repeat it.
func withRetryAfter(status metav1.Status, err error) metav1.Status {
	read, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || read.ErrStatus.Details == nil || read.ErrStatus.Details.RetryAfterSeconds <= 0 {
		return status
	}
	details := metav1.StatusDetails{}
	if status.Details != nil {
		details = *status.Details
	}
	details.RetryAfterSeconds = read.ErrStatus.Details.RetryAfterSeconds
	status.Details = &details
	return status
}

// get reads one object; errors.Is(err, errNotFound) says that it is absent.
func (s *session) get(ctx context.Context, of resource, namespace, name string) (map[string]any, error) {
	where, err := of.object(namespace, name)
	if err != nil {
		return nil, err
	}
	body, err := s.read(ctx, request{path: where})
	if err != nil {
		return nil, elsewhere(err, name)
	}
	return asked{of, namespace, name}.read(body)
}

// elsewhere makes a NotFound that speaks of another object one that says nothing about
// the one that was asked for.
func elsewhere(err error, name string) error {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !errors.Is(err, errNotFound) || !ok || status.ErrStatus.Details.Name == name {
		return err
	}
	return malformed("%v", status)
}

// pause waits, or ends early with why.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return why(ctx)
	case <-timer.C:
		return nil
	}
}

// enter takes one of a bounded number of places; leave gives it back.
func enter(ctx context.Context, places chan struct{}) (leave func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// values builds a query from name, value pairs.
func values(pairs ...string) url.Values {
	query := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	return query
}

// applyQuery is the query of a forced server-side apply.
func applyQuery(manager string, dryRun bool) url.Values {
	query := values("fieldManager", manager, "force", "true", "fieldValidation", "Strict")
	if dryRun {
		query.Set("dryRun", "All")
	}
	return query
}

// isTimeout says whether a deadline, ours or the transport's, ended a request.
func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// hasAny says whether s contains one of the parts.
func hasAny(s string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}
