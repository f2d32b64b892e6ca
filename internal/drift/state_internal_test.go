package drift

import (
	"strings"
	"testing"
)

// The vectors: kubectl's own test and two more.
func TestApplySetID(t *testing.T) {
	t.Parallel()
	for want, parent := range map[string]ID{
		"applyset-0eFHV8ySqp7XoShsGvyWFQD3s96yqwHmzc4e0HR1dsY-v1": {Kind: "Secret", Namespace: "test", Name: "my-set"},
		"applyset-gixR4KUFBNRxOPyC-scYMHmBW0ziohNNkE_oCmTLycQ-v1": {Kind: "ConfigMap", Namespace: "test", Name: "my-set"},
		"applyset-NJoolFf1AHoJxBrkKuWdTlcLl3OE9YrxDlEdgX3_Pz8-v1": {Group: "company.com", Kind: "ApplySet", Name: "thing"},
	} {
		if got := applySetID(parent); got != want {
			t.Errorf("%v: %s, want %s", parent, got, want)
		}
	}
	got := ApplySetID("storefront", "killick")
	if got != applySetID(ID{Kind: "ConfigMap", Namespace: "killick", Name: "killick-app-storefront"}) {
		t.Errorf("the parent is the app's ConfigMap: %s", got)
	}
	if len(got) != 55 || strings.ContainsAny(got, "=+/") {
		t.Errorf("a label value of 55 characters: %s", got)
	}
	if got == ApplySetID("storefront", "other") || got == ApplySetID("payments", "killick") {
		t.Error("the app and the state namespace make the id")
	}
	if ParentName("a") != "killick-app-a" || StateName("a") != "killick-state-a" {
		t.Errorf("%s %s", ParentName("a"), StateName("a"))
	}
}
