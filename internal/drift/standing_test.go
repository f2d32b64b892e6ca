package drift

import (
	"testing"
)

func TestDigestOf(t *testing.T) {
	t.Parallel()
	a := Head{ID: ID{Kind: "ConfigMap", Namespace: "n", Name: "a"}, UID: "u", Version: "1"}
	b := Head{ID: ID{Kind: "ConfigMap", Namespace: "n", Name: "b"}, UID: "v", Version: "2"}
	digest := DigestOf([]Head{a, b})
	if DigestOf([]Head{b, a}) != digest {
		t.Error("the order of heads counts")
	}
	for why, change := range map[string]func(*Head){
		"account":   func(h *Head) { h.Account = "n/deployer" },
		"group":     func(h *Head) { h.ID.Group = "apps" },
		"kind":      func(h *Head) { h.ID.Kind = "Secret" },
		"namespace": func(h *Head) { h.ID.Namespace = "m" },
		"name":      func(h *Head) { h.ID.Name = "c" },
		"uid":       func(h *Head) { h.UID = "w" },
		"state":     func(h *Head) { h.Version = "3" },
		"border":    func(h *Head) { h.ID.Namespace, h.ID.Name = "n\" \"b", "" },
	} {
		other := b
		change(&other)
		if DigestOf([]Head{a, other}) == digest {
			t.Errorf("another %s gives the same digest", why)
		}
	}
	if DigestOf([]Head{a}) == digest || DigestOf([]Head{a, b, b}) == digest || DigestOf(nil) == digest {
		t.Error("another number of heads gives the same digest")
	}
}

// A row has a head only where the head says all that the row does.
func TestRowHead(t *testing.T) {
	t.Parallel()
	id := ID{Group: "apps", Kind: "Deployment", Namespace: "n", Name: "web"}
	full := Row{UID: "u", Version: "7", Proof: true, Health: HealthSuspended}
	head, ok := full.Head("n/deployer", id)
	if want := (Head{Account: "n/deployer", ID: id, UID: "u", Version: "7"}); head != want || !ok {
		t.Errorf("%+v, %v", head, ok)
	}
	belief := Belief{Trust: TrustMemo}
	if !belief.Same(full, "u", "7") || belief.Same(full, "u", "8") || belief.Same(full, "v", "7") {
		t.Error("a row is of one state of one object")
	}
	if (Belief{Trust: TrustProof}).Same(full, "u", "7") {
		t.Error("the memo is not to be believed")
	}
	for why, change := range map[string]func(*Row){
		"proves nothing":            func(r *Row) { r.Proof = false },
		"relies on an autoscaler":   func(r *Row) { r.Autoscaled = true },
		"its health ages":           func(r *Row) { r.Aging = true },
		"names no state":            func(r *Row) { r.Version = "" },
		"is of a Job that was gone": func(r *Row) { *r = Row{Proof: true, Gone: true} },
	} {
		row := full
		change(&row)
		if _, ok := row.Head("", id); ok {
			t.Errorf("a row that %s has a head", why)
		}
		if belief.Same(row, row.UID, row.Version) {
			t.Errorf("a row that %s is known by its head", why)
		}
	}
}
