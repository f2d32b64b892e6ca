package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/drift"
)

// errNotFound is the API server's own NotFound for a named object, and nothing
// else: a 404 without a name speaks of the path, as when a kind's CRD is gone.
var errNotFound = errors.New("not found")

// errExpired is 410: the list's snapshot is gone, and the list starts again.
var errExpired = errors.New("the list expired")

// describe turns what client-go returned into the causes of package drift. The
// server's words are kept whole; redaction comes later, before the sinks.
//
//   - an answer that says no: *drift.Refusal
//   - no answer: drift.ErrUnreachable, with the transport's error
//   - no answer in time: a *noAnswer; the run's step is out of time: *overdue
//   - an ended context: its own error
//   - a failing server, or an answer that is not what was asked for: an error without
//     any of these causes
func describe(err error) error {
	var problem *drift.Problem
	var refusal *drift.Refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &problem), errors.As(err, &refusal):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, errMalformed):
		return err
	}
	if status, ok := errors.AsType[*apierrors.StatusError](err); ok {
		return describeStatus(status)
	}
	if late, ok := errors.AsType[*noAnswer](err); ok {
		return late // what client-go wraps around it says less
	}
	if late, ok := errors.AsType[*overdue](err); ok {
		return late
	}
	if isTimeout(err) {
		return fmt.Errorf("waiting for the API server: %w", err)
	}
	return fmt.Errorf("%w: %w", drift.ErrUnreachable, err)
}

func describeStatus(err *apierrors.StatusError) error {
	status := err.ErrStatus
	switch code := int(status.Code); {
	case code == http.StatusUnauthorized:
		return unreachable(fmt.Errorf("authenticating to the API server: %w", err),
			"the credentials are not accepted: renew the token or the kubeconfig")
	case code == http.StatusNotFound && status.Details != nil && status.Details.Name != "":
		return fmt.Errorf("%w: %w", errNotFound, err)
	case code == http.StatusNotFound:
		return fmt.Errorf("%w: %w", drift.ErrNotServed, err)
	case code == http.StatusGone:
		return fmt.Errorf("%w: %w", errExpired, err)
	case webhookFailed(status):
		return &drift.Refusal{Kind: drift.ErrDenied, Causes: causes(status),
			Message: status.Message + " (the webhook could not be called: check its service, or its failurePolicy)"}
	case code == http.StatusTooManyRequests, code >= http.StatusInternalServerError && !unfit(status):
		return fmt.Errorf("the API server answered %d: %w", code, err)
	}
	return &drift.Refusal{Kind: kindOf(status), Message: status.Message, Causes: causes(status)}
}

// authorizer matches the words of the API server's authorizer
// (apiserver, endpoints/handlers/responsewriters/errors.go), and those of RBAC's
// own check against escalation (kubernetes, pkg/registry/rbac/validation).
var authorizer = regexp.MustCompile(`User "[^"]*" cannot [a-z]+ |attempting to grant RBAC permissions not currently held|cannot (impersonate|bind|escalate) `)

// admission matches the words of webhooks and admission policies
// (apiserver, admission/plugin/webhook/errors and admission/plugin/policy).
func admission(message string) bool {
	return hasAny(message, `admission webhook "`, "ValidatingAdmissionPolicy '", "MutatingAdmissionPolicy '")
}

func kindOf(status metav1.Status) error {
	switch {
	case admission(status.Message):
		return drift.ErrDenied
	case status.Code == http.StatusForbidden && authorizer.MatchString(status.Message):
		return drift.ErrForbidden
	case status.Code == http.StatusForbidden:
		return drift.ErrDenied // quota, limit range, pod security, a terminating namespace
	case status.Code == http.StatusConflict, status.Code == http.StatusPreconditionFailed, otherUID(status):
		return drift.ErrConflict
	}
	return drift.ErrInvalid
}

// otherUID says that the object was replaced by another one of its name: an
// update that carries the old UID is refused as a change of metadata.uid.
func otherUID(status metav1.Status) bool {
	if status.Code != http.StatusUnprocessableEntity || status.Details == nil {
		return false
	}
	for _, cause := range status.Details.Causes {
		if cause.Field == "metadata.uid" {
			return true
		}
	}
	return false
}

// webhookFailed says that an admission webhook could not be called at all
// (apiserver, admission/plugin/webhook/generic: "failed calling webhook").
func webhookFailed(status metav1.Status) bool {
	return status.Code >= http.StatusInternalServerError &&
		hasAny(status.Message, "failed calling webhook", "failed to call webhook")
}

// unfit says that server-side apply could not make sense of an object. The API
// server answers 500 then, although the fault is the manifest's: a field that is
// not in the schema, a value of the wrong type, a quantity that is none (apimachinery,
// util/managedfields/internal/structuredmerge.go).
func unfit(status metav1.Status) bool {
	return hasAny(status.Message, "failed to create typed patch object", "failed to create typed live object",
		"unable to convert unstructured object to ")
}

// conversionFailed says that objects could not be converted between versions
// (apiextensions-apiserver, pkg/apiserver/conversion). Asking again does not help; but a
// write may have been stored before its answer could not be converted.
func conversionFailed(status metav1.Status) bool {
	return status.Code >= http.StatusInternalServerError && strings.Contains(status.Message, "conversion webhook for ")
}

// outOfTime says that the server, or its storage, gave up waiting: asking again takes
// as long.
func outOfTime(status metav1.Status) bool { return status.Code == http.StatusGatewayTimeout }

// final says that an answer of 500 and above is the server's last word, and
// nothing was written.
func final(status metav1.Status) bool { return webhookFailed(status) || unfit(status) }

func causes(status metav1.Status) []drift.RefusalCause {
	if status.Details == nil || len(status.Details.Causes) == 0 {
		return nil
	}
	var list []drift.RefusalCause
	for _, cause := range status.Details.Causes {
		said := drift.RefusalCause{Field: cause.Field, Type: string(cause.Type), Message: cause.Message}
		if !slices.Contains(list, said) { // some validation says the same twice
			list = append(list, said)
		}
	}
	return list
}

// passing says whether repeating a request that changes nothing may help. A
// webhook that cannot be called is left to the next run, and so is a server that gave up
// waiting: each try may take its whole timeout.
func passing(err error) bool {
	if status, ok := errors.AsType[*apierrors.StatusError](err); ok {
		code := status.ErrStatus.Code
		return !final(status.ErrStatus) && !conversionFailed(status.ErrStatus) && !outOfTime(status.ErrStatus) &&
			(code == http.StatusTooManyRequests || code >= http.StatusInternalServerError)
	}
	return !errors.Is(err, context.Canceled) && !isTimeout(err) && !hasAny(err.Error(), "x509:", "tls:")
}

// unknownOutcome says whether a write may have happened although it failed: the
// answer was lost, or the server gave up waiting for its storage.
func unknownOutcome(err error) bool {
	if status, ok := errors.AsType[*apierrors.StatusError](err); ok {
		return status.ErrStatus.Code >= http.StatusInternalServerError && !final(status.ErrStatus)
	}
	_, refused := errors.AsType[*drift.Refusal](err) // never sent
	return err != nil && !refused && !hasAny(err.Error(), "connection refused", "no such host", "x509:")
}

// forbidden says whether the authorizer said no.
func forbidden(err error) bool { return errors.Is(err, drift.ErrForbidden) }

// hint says what a user can do about a cause; empty when nothing general helps.
func hint(err error) string {
	if known, ok := errors.AsType[*drift.Problem](err); ok && known.Hint != "" {
		return known.Hint // whoever found the cause knows best
	}
	if late := hintForNoAnswer(err); late != "" {
		return late
	}
	switch {
	case absentNamespace(err) != "":
		return namespaceHint(absentNamespace(err))
	case errors.Is(err, drift.ErrForbidden):
		return "grant Killick's identity the verb and resource named in the message"
	case errors.Is(err, drift.ErrNotServed):
		return "install the CRD first, in this app or one it depends on, or correct the apiVersion"
	case strings.Contains(err.Error(), "could not be called"):
		return "" // the message says what to check
	case strings.Contains(err.Error(), "conversion webhook for "):
		return "the CRD's conversion webhook must answer before objects of the kind can be read: check its service, or the CRD's spec.conversion"
	case errors.Is(err, drift.ErrDenied) && !strings.Contains(err.Error(), "does not support dry run"):
		return "an admission webhook or policy, a quota or Pod Security refuses it: change the manifest, or ask who set that rule"
	case strings.Contains(err.Error(), "does not support dry run"):
		return "the webhook must declare sideEffects None or NoneOnDryRun; until then the object is compared locally"
	}
	return ""
}
