package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/drift"
)

func status(code int32, message string, causes ...metav1.StatusCause) *apierrors.StatusError {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Message: message,
		Details: &metav1.StatusDetails{Causes: causes}}}
}

func named(err *apierrors.StatusError, kind, name string) *apierrors.StatusError {
	err.ErrStatus.Details.Kind, err.ErrStatus.Details.Name = kind, name
	return err
}

// The messages are the API server's own, copied from answers of 1.36.3.
func TestDescribeTellsCauses(t *testing.T) {
	refused := &url.Error{Op: "Get", URL: "https://127.0.0.1:1", Err: syscall.ECONNREFUSED}
	cases := []struct {
		why  string
		err  error
		is   error
		isnt error
	}{
		{"an object that is not there", named(status(404, `configmaps "x" not found`), "configmaps", "x"), errNotFound, drift.ErrNotServed},
		{"a path that is not there says nothing about objects", status(404, "404 page not found"), drift.ErrNotServed, errNotFound},
		{"the authorizer", status(403, `deployments.apps "web" is forbidden: User "u" cannot patch resource "deployments" in API group "apps" in the namespace "n"`), drift.ErrForbidden, drift.ErrDenied},
		{"RBAC escalation is a missing right too", status(403, `roles.rbac.authorization.k8s.io "r" is forbidden: user "u" (groups=["g"]) is attempting to grant RBAC permissions not currently held:`), drift.ErrForbidden, drift.ErrDenied},
		{"impersonation that is not allowed", status(403, `serviceaccounts "d" is forbidden: User "u" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "n"`), drift.ErrForbidden, drift.ErrDenied},
		{"a webhook that says no", status(403, `admission webhook "w.example.com" denied the request: no`), drift.ErrDenied, drift.ErrForbidden},
		{"a webhook that quotes the authorizer is still a webhook", status(403, `admission webhook "w" denied the request: User "u" cannot patch resource "x"`), drift.ErrDenied, drift.ErrForbidden},
		{"an admission policy", status(422, `deployments.apps "w" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no`), drift.ErrDenied, drift.ErrInvalid},
		{"quota is admission, not a missing right", status(403, `pods "p" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1`), drift.ErrDenied, drift.ErrForbidden},
		{"pod security", status(403, `pods "p" is forbidden: violates PodSecurity "restricted:latest": x`), drift.ErrDenied, drift.ErrForbidden},
		{"a webhook nobody answers", status(500, `Internal error occurred: failed calling webhook "w": failed to call webhook: Post "https://x": connection refused`), drift.ErrDenied, drift.ErrUnreachable},
		{"a webhook that cannot tell whether it has side effects", status(400, `admission webhook "w" does not support dry run`), drift.ErrDenied, drift.ErrInvalid},
		{"a stale resourceVersion", status(409, `Operation cannot be fulfilled on configmaps "a": the object has been modified`), drift.ErrConflict, drift.ErrInvalid},
		{"another object of that name", status(422, `ConfigMap "a" is invalid`, metav1.StatusCause{Field: "metadata.uid", Message: "field is immutable"}), drift.ErrConflict, drift.ErrInvalid},
		{"validation", status(422, "Service \"s\" is invalid", metav1.StatusCause{Field: "spec.ports[1].name", Type: "FieldValueDuplicate"}), drift.ErrInvalid, drift.ErrImmutable},
		{"an immutable field alone does not make it replaceable", status(422, "Deployment is invalid", metav1.StatusCause{Field: "spec.selector", Message: "field is immutable"}), drift.ErrInvalid, drift.ErrImmutable},
		{"an unknown field, although the server calls it 500", status(500, "failed to create typed patch object (/zz; /v1, Kind=ConfigMap): .foo: field not declared in schema"), drift.ErrInvalid, drift.ErrUnreachable},
		{"too large", status(413, "Request entity too large"), drift.ErrInvalid, nil},
		{"a list that expired", status(410, "The provided continue parameter is too old"), errExpired, drift.ErrInvalid},
		{"credentials nobody accepts", status(401, "Unauthorized"), drift.ErrUnreachable, nil},
		{"nobody listens", refused, drift.ErrUnreachable, nil},
		{"told to stop is not unreachable", fmt.Errorf("x: %w", context.Canceled), context.Canceled, drift.ErrUnreachable},
		{"out of time is not unreachable", &url.Error{Err: context.DeadlineExceeded}, context.DeadlineExceeded, drift.ErrUnreachable},
		{"a failing server is none of these", status(503, "the server is currently unable to handle the request"), nil, drift.ErrUnreachable},
	}
	for _, c := range cases {
		got := describe(c.err)
		if c.is != nil && !errors.Is(got, c.is) {
			t.Errorf("%s: got %v, want %v", c.why, got, c.is)
		}
		if c.isnt != nil && errors.Is(got, c.isnt) {
			t.Errorf("%s: got %v, which must not be %v", c.why, got, c.isnt)
		}
		told := got.Error()
		if refusal, ok := errors.AsType[*drift.Refusal](got); ok {
			told = refusal.Message // what is printed leaves out Go's notation
		}
		if said := messageOf(c.err); !strings.Contains(told, said) {
			t.Errorf("%s: %q lost the server's words %q", c.why, got, said)
		}
	}
	if describe(nil) != nil {
		t.Error("no error became one")
	}
}

func messageOf(err error) string {
	if status, ok := errors.AsType[*apierrors.StatusError](err); ok {
		return status.ErrStatus.Message
	}
	return err.Error()
}

func TestDescribeKeepsCauses(t *testing.T) {
	err := describe(status(422, "m",
		metav1.StatusCause{Field: "a", Type: "FieldValueInvalid", Message: "x"},
		metav1.StatusCause{Field: "a", Type: "FieldValueInvalid", Message: "x"},
		metav1.StatusCause{Field: "b", Type: "FieldValueRequired", Message: "y"}))
	refusal, _ := errors.AsType[*drift.Refusal](err)
	want := []drift.RefusalCause{{Field: "a", Type: "FieldValueInvalid", Message: "x"}, {Field: "b", Type: "FieldValueRequired", Message: "y"}}
	if diff := cmp.Diff(want, refusal.Causes); diff != "" {
		t.Error("causes are kept field by field, once each (-want +got):\n" + diff)
	}
}

func TestPassingAndUnknownOutcome(t *testing.T) {
	cases := []struct {
		why              string
		err              error
		passing, unknown bool
	}{
		{"nobody listens: not sent", &url.Error{Err: syscall.ECONNREFUSED}, true, false},
		{"reset: may have been sent", &url.Error{Err: syscall.ECONNRESET}, true, true},
		{"out of time: may have been done, and trying again would take as long", &url.Error{Err: context.DeadlineExceeded}, false, true},
		{"told to stop in the middle", context.Canceled, false, true},
		{"a certificate does not get better", errors.New("tls: failed to verify certificate: x509: unknown authority"), false, false},
		{"storage gave up: trying again would take as long", status(504, "etcdserver: request timed out"), false, true},
		{"storage has a new leader", status(500, "etcdserver: leader changed"), true, true},
		{"an aggregated API is down", status(503, "service unavailable"), true, true},
		{"a conversion webhook is down; the answer may be what failed", status(500, `conversion webhook for a.example.com/v1, Kind=A failed: service "none" not found`), false, true},
		{"throttled: refused before it was done", status(429, "too many"), true, false},
		{"a webhook could not be called: not written", status(500, "failed calling webhook"), false, false},
		{"not understood: not written", status(500, "failed to create typed patch object"), false, false},
		{"refused", status(409, "conflict"), false, false},
		{"never sent, the name is none", &drift.Refusal{Kind: drift.ErrInvalid}, true, false},
	}
	for _, c := range cases {
		if got := passing(c.err); got != c.passing && !strings.HasPrefix(c.why, "never sent") {
			t.Errorf("%s: passing = %v", c.why, got)
		}
		if got := unknownOutcome(c.err); got != c.unknown {
			t.Errorf("%s: unknown outcome = %v", c.why, got)
		}
	}
}

func TestSaysImmutable(t *testing.T) {
	cases := []struct {
		why         string
		causes      []drift.RefusalCause
		says, plain bool
	}{
		{"no cause at all", nil, false, true},
		{"a Deployment's selector", []drift.RefusalCause{{Field: "spec.selector", Message: "Invalid value: {}: field is immutable"}}, true, true},
		{"a StatefulSet", []drift.RefusalCause{{Field: "spec", Type: "FieldValueForbidden", Message: "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden"}}, true, true},
		{"a RoleBinding's role", []drift.RefusalCause{{Field: "roleRef", Message: "Invalid value: {}: cannot change roleRef"}}, true, false},
		{"a claim", []drift.RefusalCause{{Field: "spec", Message: "Forbidden: spec is immutable after creation except resources.requests"}}, true, false},
		{"one immutable and one plainly wrong field", []drift.RefusalCause{{Field: "spec.selector", Message: "field is immutable"}, {Field: "spec.replicas", Message: "must be non-negative"}}, false, false},
		{"the words at another field", []drift.RefusalCause{{Field: "spectrum", Message: "is immutable after creation"}}, false, false},
		{"a duplicate", []drift.RefusalCause{{Field: "spec.ports[1]", Type: "FieldValueDuplicate", Message: "Duplicate value"}}, false, false},
	}
	for _, c := range cases {
		says, plain := saysImmutable(&drift.Refusal{Causes: c.causes})
		if says != c.says || (says && plain != c.plain) {
			t.Errorf("%s: says %v, plain %v", c.why, says, plain)
		}
	}
}
