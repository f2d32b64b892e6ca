package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
)

// looksAtMost bounds how often an object that changes while it is looked at is
// looked at again.
const looksAtMost = 3

// predict asks what a forced server-side apply of the desired object would
// store. A refusal leaves the state as it is and stands in Err, with Prediction
// ByComparison: whoever compares has only the manifest to go by.
//
// Where the state is known by proof or memo, nobody is asked.
//
// The dry-run answers for the object as it is now, which may be newer than the
// one listed; then the object is read again, so that live and predicted always
// belong together.
func (c *Client) predict(ctx context.Context, s *survey, of resource, ask question, seen drift.Observation) drift.Observation {
	object := ask.object
	for range looksAtMost {
		if known, ok := s.settled(ask, seen); ok {
			return known
		}
		if ask.belief.Alone {
			return seen
		}
		object = object.Unpack()
		predicted, err := s.dryRun(ctx, of, object.ID, diff.KeepNondeterministic(ask.belief.Noise, object, seen.Live).Manifest)
		if err != nil {
			refusal := c.refused(ctx, s, of, object, seen, err)
			if forbidden(refusal) {
				// An audit asks about what is known; who may not ask goes by what is known.
				ask.belief.Audit = drift.Audit{}
				if known, ok := s.settled(ask, seen); ok {
					return known
				}
			}
			seen.Prediction, seen.Err = drift.ByComparison, refusal
			return seen
		}
		if versionOf(predicted) == versionOf(seen.Live) {
			seen.Predicted, seen.Prediction = predicted, drift.ByDryRun
			return seen
		}
		before := seen.Live
		if seen = s.fetch(ctx, of, object.ID); seen.State == drift.Unreadable {
			seen.Err = unreadable(object, seen.Err)
			return seen
		}
		if diff.SameButStatus(before, seen.Live) {
			// A rollout under way: nothing that is compared has moved.
			seen.Predicted, seen.Prediction = diff.WithStatusOf(predicted, seen.Live), drift.ByDryRun
			return seen
		}
	}
	seen.Prediction = drift.ByComparison
	seen.Err = fmt.Errorf("predicting %s: %w", object.ID.Short(),
		&drift.Refusal{Kind: drift.ErrConflict, Message: "the object changed each time it was looked at"})
	return seen
}

// settled says what is known of an object without asking, if that is enough.
func (s *survey) settled(ask question, seen drift.Observation) (drift.Observation, bool) {
	if seen.State != drift.Present {
		return seen, false
	}
	by := diff.Predict(ask.belief, ask.object, ask.row, seen.Live, ask.scaled || s.autoscaled.targets[ask.object.ID])
	switch seen.Prediction = by; by {
	case drift.ByMemo:
		seen.Memo = ask.row
	case drift.ByProof:
		seen.Predicted = seen.Live
	default:
		return seen, false
	}
	return seen, true
}

// question is what is asked about one desired object, and what may be believed
// without asking.
type question struct {
	object drift.Object
	row    drift.Row
	belief drift.Belief
	scaled bool // by an autoscaler of this plan
}

// dryRun is the object that a forced server-side apply would store. The error
// is as it came: a refusal is classified by who knows the object.
func (s *session) dryRun(ctx context.Context, of resource, id drift.ID, manifest map[string]any) (map[string]any, error) {
	where, err := of.object(id.Namespace, id.Name)
	if err != nil {
		return nil, err
	}
	body, err := encode(withMeta(manifest, map[string]string{"uid": "", "resourceVersion": "", "managedFields": ""}))
	if err != nil {
		return nil, err
	}
	// A dry-run changes nothing, so it may be repeated like a read.
	answer, err := s.read(ctx, request{verb: http.MethodPatch, path: where, query: applyQuery(drift.FieldManager, true),
		contentType: string(types.ApplyPatchType), body: body})
	if err != nil {
		return nil, err
	}
	return asked{of, id.Namespace, id.Name}.tried(answer)
}

// refused explains why the API server would not take the object.
func (c *Client) refused(ctx context.Context, s *survey, of resource, object drift.Object, seen drift.Observation, err error) error {
	if seen.State == drift.Present {
		err = s.immutable(ctx, of, object, err)
	}
	if missing := missingNamespace(err, object.ID); missing != nil {
		return missing
	}
	fields := func(kind drift.Kind, place string) []string { return s.fieldsAt(ctx, kind, place) }
	problem := &drift.Problem{Stage: "observe", File: drift.FileLine(object.Origin.File, object.Origin.Line), Hint: cmp.Or(hint(err), adviceFor(object.Kind(), err, fields))}
	problem.Err = fmt.Errorf("asking what applying %s would do: %w", object.ID.Short(), withhold(object.ID, err))
	return problem
}

// namespaceHint is what to do about a namespace that nobody has created.
func namespaceHint(namespace string) string {
	return fmt.Sprintf("create the namespace %q, or add its manifest to this app; where another app has it, name that app in dependsOn of this one", namespace)
}

// missingNamespace says that an object cannot be created because nobody creates
// its namespace; nil when that is not the cause.
func missingNamespace(err error, id drift.ID) error {
	name := absentNamespace(err)
	if name == "" {
		return nil
	}
	refusal := &drift.Refusal{Kind: drift.ErrInvalid, Message: fmt.Sprintf("namespaces %q not found", name)}
	return &drift.Problem{
		Stage: "observe",
		Hint:  namespaceHint(name),
		Err:   fmt.Errorf("asking what applying %s would do: %w", id.Short(), withNamespace(err, refusal)),
	}
}

// absentNamespace is the namespace whose absence is the cause, or "".
func absentNamespace(err error) string {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || !errors.Is(err, errNotFound) || status.ErrStatus.Details == nil || status.ErrStatus.Details.Kind != "namespaces" {
		return ""
	}
	return status.ErrStatus.Details.Name
}

// withNamespace is what is said of an error, with the namespace whose absence is its cause.
func withNamespace(err, said error) error {
	if name := absentNamespace(err); name != "" {
		return &drift.NoNamespace{Namespace: name, Err: said}
	}
	return said
}
