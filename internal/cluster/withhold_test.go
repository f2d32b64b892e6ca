package cluster

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/drift"
)

// Of an answer about a Secret only who refused and at which fields is told, whoever
// answers and however the answer is wrapped.
func TestWithhold(t *testing.T) {
	t.Parallel()
	const withheldRest = "the rest of the answer is withheld, since it may repeat the Secret's values"
	secret := drift.ID{Kind: "Secret", Namespace: "shop", Name: "login"}
	invalid := metav1.StatusCause{Field: "data[.dockerconfigjson]", Type: metav1.CauseTypeFieldValueInvalid, Message: `Invalid value: "hunter2": no JSON`}
	cases := []struct {
		why, want string
		id        drift.ID
		err       error
	}{
		{"validation repeats the value", "invalid object: data[.dockerconfigjson] is invalid; " + withheldRest, secret,
			describe(status(422, `Secret "login" is invalid: data[.dockerconfigjson]: Invalid value: "hunter2": no JSON`, invalid))},
		{"a webhook is named, and no more of it told", `denied by admission: admission webhook "check.example.com" denied the request; ` + withheldRest, secret,
			describe(status(400, `admission webhook "check.example.com" denied the request: {"password":"hunter2"}`))},
		{"a webhook chooses its causes itself", `denied by admission: admission webhook "c.example.com" denied the request; ` + withheldRest, secret,
			describe(status(400, `admission webhook "c.example.com" denied the request: x`, metav1.StatusCause{Field: "hunter2", Type: metav1.CauseTypeFieldValueInvalid}, metav1.StatusCause{Field: "data.a", Type: "hunter2"}))},
		{"a policy's message is an expression over the object", "denied by admission: ValidatingAdmissionPolicy 'p' with binding 'b' denied request; " + withheldRest, secret,
			describe(status(422, `secrets "login" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: hunter2`))},
		{"a quota is no content", "denied by admission: exceeded quota: few; " + withheldRest, secret,
			describe(status(403, `secrets "login" is forbidden: exceeded quota: few, requested: secrets=1`))},
		{"the authorizer sees no content", `forbidden: secrets "login" is forbidden: User "system:serviceaccount:a:b" cannot patch resource "secrets"`, secret,
			describe(status(403, `secrets "login" is forbidden: User "system:serviceaccount:a:b" cannot patch resource "secrets"`))},
		{"structured merge prints the whole object", "invalid object: " + withheldRest, secret,
			describe(status(500, `failed to create typed patch object: .data.password: expected string, got &value.valueUnstructured{Value:"hunter2"}`))},
		{"what the storage says", "the API server answered 500: " + withheldRest, secret, describe(status(500, "encrypting hunter2 failed"))},
		{"what it is wrapped in is ours, and stays", "replacing: deleted, and not created again: invalid object: type is invalid; " + withheldRest, secret,
			fmt.Errorf("replacing: deleted, and not created again: %w", describe(status(422, "hunter2", metav1.StatusCause{Field: "type", Type: metav1.CauseTypeFieldValueInvalid})))},
		{"two answers in one sentence", "invalid object: " + withheldRest + "; giving the fields back: invalid object: " + withheldRest, secret,
			fmt.Errorf("%w; giving the fields back: %w", describe(status(422, "hunter2 first")), describe(status(422, "hunter2 second")))},
		{"an answer without a message", "the API server answered 500: ", secret, describe(status(500, ""))},
		{"no answer", "unreachable: dial tcp: refused", secret, fmt.Errorf("%w: dial tcp: refused", drift.ErrUnreachable)},
		{"another kind's answer is told whole", "invalid object: spec: hunter2", drift.ID{Kind: "ConfigMap", Name: "a"}, describe(status(422, "spec: hunter2"))},
	}
	for _, c := range cases {
		got := withhold(c.id, c.err)
		if got.Error() != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.why, got, c.want)
		}
		if c.id == secret && strings.Contains(got.Error(), "hunter2") {
			t.Errorf("%s: the value is told", c.why)
		}
		if refusal, ok := errors.AsType[*drift.Refusal](got); ok && c.id == secret && strings.Contains(refusal.Error(), "hunter2") {
			t.Errorf("%s: the value is told by the refusal alone", c.why)
		}
		for _, cause := range []error{drift.ErrInvalid, drift.ErrDenied, drift.ErrForbidden, drift.ErrUnreachable} {
			if errors.Is(got, cause) != errors.Is(c.err, cause) {
				t.Errorf("%s: %v was lost", c.why, cause)
			}
		}
	}
	if withhold(secret, nil) != nil {
		t.Error("no error became one")
	}
}
