package cluster

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/drift"
)

// withhold tells of the API server's answer about a Secret who refused and at which
// fields, and nothing else: validation, webhooks and admission policies repeat what they
// were given. What it was stays in the error's chain for errors.Is.
func withhold(id drift.ID, err error) error {
	if err == nil || id.GroupKind() != "Secret" {
		return err
	}
	text := err.Error()
	for _, part := range chain(err) {
		switch said := part.(type) { //nolint:errorlint // chain has unwrapped it already
		case *drift.Refusal:
			text = strings.ReplaceAll(text, said.Error(), said.Kind.Error()+": "+tellable(said.Message, said.Causes))
		case *apierrors.StatusError:
			if said.ErrStatus.Message == "" {
				continue
			}
			text = strings.ReplaceAll(text, said.ErrStatus.Message, tellable(said.ErrStatus.Message, causes(said.ErrStatus)))
		}
	}
	if text == err.Error() {
		return err
	}
	return &withheld{text: text, err: err}
}

// withheld is an error without what others said in it.
type withheld struct {
	text string
	err  error
}

func (w *withheld) Error() string { return w.text }
func (w *withheld) Unwrap() error { return w.err }

// As gives a refusal of which only what may be told is left to print.
func (w *withheld) As(target any) bool {
	into, wanted := target.(**drift.Refusal)
	refusal, found := errors.AsType[*drift.Refusal](w.err)
	if !wanted || !found {
		return false
	}
	told := &drift.Refusal{Kind: refusal.Kind, Message: tellable(refusal.Message, refusal.Causes), Causes: slices.Clone(refusal.Causes)}
	for i, cause := range told.Causes {
		if !secretField.MatchString(cause.Field) {
			told.Causes[i].Field = ""
		}
	}
	*into = told
	return true
}

// chain are an error and all that it wraps.
func chain(err error) []error {
	all := []error{err}
	switch wrapping := err.(type) { //nolint:errorlint // this is what unwraps
	case interface{ Unwrap() error }:
		if inner := wrapping.Unwrap(); inner != nil {
			all = append(all, chain(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range wrapping.Unwrap() {
			all = append(all, chain(inner)...)
		}
	}
	return all
}

// refuser is how the API server names who refuses; names are an administrator's, and the
// object has no part in them (apiserver, admission/plugin/webhook/errors, admission/plugin/
// policy/validating, and admission/plugin/resourcequota).
var refuser = regexp.MustCompile(`admission webhook "[a-z0-9.-]+" denied the request` +
	`|failed calling webhook "[a-z0-9.-]+"` +
	`|(Validating|Mutating)AdmissionPolicy '[a-z0-9.-]+' with binding '[a-z0-9.-]+' denied request` +
	`|exceeded quota: [a-z0-9.-]+` +
	`|unable to create new content in namespace [a-z0-9-]+ because it is being terminated`)

// secretField is a field of a Secret in the API's own notation.
var secretField = regexp.MustCompile(`^(data|stringData|type|immutable|metadata|apiVersion|kind)[A-Za-z0-9_.\[\]/-]*$`)

// faults are what the API can find wrong with a field.
var faults = map[string]string{
	string(metav1.CauseTypeFieldValueNotFound):     "not found",
	string(metav1.CauseTypeFieldValueRequired):     "required",
	string(metav1.CauseTypeFieldValueDuplicate):    "duplicate",
	string(metav1.CauseTypeFieldValueInvalid):      "invalid",
	string(metav1.CauseTypeFieldValueNotSupported): "not supported",
	string(metav1.CauseTypeForbidden):              "forbidden",
	string(metav1.CauseTypeTooLong):                "too long",
	string(metav1.CauseTypeTooMany):                "too many",
	string(metav1.CauseTypeTypeInvalid):            "of a wrong type",
}

// tellable is what may be told of an answer about a Secret.
func tellable(message string, causes []drift.RefusalCause) string {
	if authorizer.MatchString(message) && !admission(message) {
		return message // the authorizer sees no content
	}
	var parts []string
	if who := refuser.FindString(message); who != "" {
		parts = append(parts, who)
	}
	for _, cause := range causes {
		if fault := faults[cause.Type]; fault != "" && secretField.MatchString(cause.Field) {
			parts = append(parts, cause.Field+" is "+fault)
		}
	}
	return strings.Join(append(parts, "the rest of the answer is withheld, since it may repeat the Secret's values"), "; ")
}
