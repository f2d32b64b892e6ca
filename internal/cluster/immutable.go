package cluster

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// sayings are the words in which the API server says that a field cannot be
// changed in place. Beside apimachinery's own FieldImmutableErrorMsg
// (apimachinery, api/validation/objectmeta.go) older validation has its own
// words per kind (kubernetes, pkg/apis/*/validation). They are only ever
// believed when a create of the same object under another name would pass.
var sayings = []struct {
	field string // the cause's field, or its parent
	words string
	plain bool // apimachinery's own words: believed even if the create cannot be tried
}{
	{"", "field is immutable", true},
	{"spec", "updates to statefulset spec for fields other than", true},
	{"spec", "is immutable after creation", false},
	{"spec", "pod updates may not change fields other than", false},
	{"spec.clusterIP", "may not change once set", false},
	{"spec.clusterIPs", "may not change once set", false},
	{"spec.persistentvolumesource", "is immutable after creation", false},
	{"roleRef", "cannot change roleRef", false},
	{"parameters", "updates to parameters are forbidden", false},
	{"provisioner", "updates to provisioner are forbidden", false},
	{"reclaimPolicy", "updates to reclaimPolicy are forbidden", false},
	{"value", "may not be changed in an update", false},
	{"data", "field is immutable when `immutable` is set", true},
}

// fixedNames are kinds whose names follow from their content, so that a create
// under another name cannot be tried.
var fixedNames = map[string]bool{
	"CustomResourceDefinition.apiextensions.k8s.io": true,
	"APIService.apiregistration.k8s.io":             true,
}

// immutable gives a refusal the kind drift.ErrImmutable if it says so in every
// cause and the object could be created afresh. A refusal for any other reason
// stays what it is: never every 422 is "immutable", because replacing the
// object would not help and would lose it.
func (s *session) immutable(ctx context.Context, of resource, object drift.Object, err error) error {
	refusal, ok := errors.AsType[*drift.Refusal](err)
	if !ok || !errors.Is(refusal, drift.ErrInvalid) {
		return err
	}
	says, plain := saysImmutable(refusal)
	if !says {
		return err
	}
	if !fixedNames[object.ID.GroupKind()] {
		_, creating := s.wouldCreate(ctx, of, object)
		untried := errors.Is(creating, drift.ErrForbidden) || errors.Is(creating, drift.ErrDenied)
		if creating != nil && (!plain || !untried) {
			return err
		}
	}
	return &drift.Refusal{Kind: drift.ErrImmutable, Message: refusal.Message, Causes: refusal.Causes}
}

// saysImmutable says whether every cause speaks of immutability, and whether
// all do in apimachinery's own words.
func saysImmutable(refusal *drift.Refusal) (says, plain bool) {
	plain = true
	for _, cause := range refusal.Causes {
		matched := false
		for _, saying := range sayings {
			if strings.Contains(cause.Message, saying.words) && below(cause.Field, saying.field) {
				matched, plain = true, plain && saying.plain
				break
			}
		}
		if !matched {
			return false, false
		}
	}
	return len(refusal.Causes) > 0, plain
}

// below says whether a cause's field is the given one or lies under it.
func below(field, parent string) bool {
	if parent == "" || field == parent {
		return true
	}
	rest, found := strings.CutPrefix(field, parent)
	return found && (rest[0] == '.' || rest[0] == '[')
}

// wouldCreate asks whether the object could be created under a name that
// nobody has, and what it would be.
func (s *session) wouldCreate(ctx context.Context, of resource, object drift.Object) (map[string]any, error) {
	random := make([]byte, 8)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}
	id := object.ID
	id.Name = "killick-check-" + hex.EncodeToString(random)
	return s.dryRun(ctx, of, id, withMeta(object.Manifest, map[string]string{"name": id.Name}))
}
