package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/killick-dev/killick/internal/dependency"
	"github.com/killick-dev/killick/internal/drift"
)

var crdResource = resource{
	Kind:     drift.Kind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"},
	KindInfo: drift.KindInfo{Resource: "customresourcedefinitions"},
}

// patience bounds how long one write waits for others in the cluster: for a CRD
// to be served, for finalizers to go. It is a variable for tests.
var patience = 60 * time.Second

// AwaitCRD waits until a CRD is established and its kinds can be written, and
// learns them; for 60 seconds, or as long as ctx lasts. A CRD whose names are
// taken by another one never will be, and fails at once.
func (c *Client) AwaitCRD(ctx context.Context, app drift.App, name string) error {
	session, err := c.as(app)
	if err != nil {
		return err
	}
	waiting, end := context.WithTimeout(ctx, patience)
	defer end()
	var crd map[string]any
	_, err = poll(waiting, func() (struct{}, bool, error) {
		answer, err := session.get(waiting, crdResource, "", name)
		if err != nil {
			return struct{}{}, false, err
		}
		crd = answer
		if reason, refused := condition(crd, "NamesAccepted", "False"); refused {
			return struct{}{}, false, &drift.Refusal{Kind: drift.ErrInvalid, Message: reason}
		}
		_, established := condition(crd, "Established", "True")
		return struct{}{}, established, nil
	})
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		err = &drift.Problem{Stage: "act", Hint: "look at the CRD's status; a run after it is established applies its custom resources",
			Err: fmt.Errorf("not after %v: %s", patience, conditions(crd))}
	}
	if err != nil {
		return fmt.Errorf("waiting for CRD %q to be established: %w", name, err)
	}
	kinds, _, _ := dependency.CRDOf(crd)
	for _, kind := range kinds {
		err := c.awaitKind(waiting, session, kind)
		if err != nil && waiting.Err() != nil && ctx.Err() == nil {
			err = &drift.Problem{Stage: "act", Hint: "a run after the API server serves the kind applies its custom resources",
				Err: fmt.Errorf("not after %v, although CRD %q is established", patience, name)}
		}
		if err != nil {
			return fmt.Errorf("waiting for %s to be served: %w", kind, err)
		}
	}
	return nil
}

// awaitKind waits for discovery to name a kind and for its endpoint to answer;
// the two do not come at the same moment.
func (c *Client) awaitKind(ctx context.Context, session *session, kind drift.Kind) error {
	_, err := poll(ctx, func() (struct{}, bool, error) {
		if err := c.discover(ctx, kind.APIVersion()); err != nil {
			return struct{}{}, false, err
		}
		served, err := c.known(ctx)
		if err != nil {
			return struct{}{}, false, err
		}
		of, err := resolve(served, kind)
		if err != nil {
			return struct{}{}, false, nil //nolint:nilerr // not served yet: asked again
		}
		where, err := of.path("")
		if err != nil {
			return struct{}{}, false, err
		}
		body, err := session.read(ctx, request{path: where, query: values("limit", "1")})
		if err == nil {
			_, err = of.readList(body)
		}
		if err == nil || forbidden(err) {
			return struct{}{}, true, nil
		}
		if errors.Is(err, drift.ErrNotServed) {
			return struct{}{}, false, nil
		}
		return struct{}{}, false, err
	})
	return err
}

// condition finds a condition that has the status, and its message.
func condition(object map[string]any, name, status string) (message string, holds bool) {
	for _, item := range list(object, "status", "conditions") {
		found, _ := item.(map[string]any)
		if text(found, "type") == name && text(found, "status") == status {
			return text(found, "message"), true
		}
	}
	return "", false
}

// conditions quotes an object's conditions.
func conditions(object map[string]any) string {
	var said []string
	for _, item := range list(object, "status", "conditions") {
		found, _ := item.(map[string]any)
		said = append(said, fmt.Sprintf("%s is %s (%s: %q)", text(found, "type"), text(found, "status"), text(found, "reason"), text(found, "message")))
	}
	if len(said) == 0 {
		return "it has no conditions"
	}
	return strings.Join(said, ", ")
}

// poll asks until there is an answer or an error, first quickly, then twice a
// second.
func poll[T any](ctx context.Context, ask func() (T, bool, error)) (T, error) {
	wait := 50 * time.Millisecond
	for {
		answer, done, err := ask()
		if done || err != nil {
			return answer, err
		}
		if err := pause(ctx, wait); err != nil {
			return answer, err
		}
		wait = min(2*wait, 500*time.Millisecond)
	}
}
