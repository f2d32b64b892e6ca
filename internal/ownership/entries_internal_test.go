package ownership

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

func TestAppendElementCopies(t *testing.T) {
	t.Parallel()
	parent := make(fieldpath.Path, 1, 8)
	parent[0] = FieldElement("spec")
	a, b := AppendElement(parent, FieldElement("a")), AppendElement(parent, FieldElement("b"))
	if a.String() != ".spec.a" || b.String() != ".spec.b" {
		t.Errorf("siblings share memory: %s %s", a, b)
	}
}

func TestManagerNames(t *testing.T) {
	t.Parallel()
	got := managerNames([]Entry{{Manager: "b"}, {Manager: "a"}, {Manager: "b", Subresource: "status"}})
	if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" {
		t.Errorf("sorted, once each (-want +got):\n%s", diff)
	}
	if got := managerNames(nil); got == nil || len(got) > 0 {
		t.Errorf("never null: %v", got)
	}
}
