package drift

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
)

// Standing is how a run that had nothing left to do left the cluster. A run that
// finds the same heads knows that every object is as its memo row says, and need not
// even read the rows.
type Standing struct {
	// Kinds are what to list, each at one of the versions at which Git wants it, by the
	// apps' service account; "" is Killick's own identity.
	Kinds map[string][]Kind `json:"kinds"`
	// Objects is the digest of the apps' objects, State that of their inventories and
	// caches: DigestOf.
	Objects string `json:"objects"`
	State   string `json:"state"`
}

// Head is one state of one object: as long as its UID and resourceVersion are the
// same, nobody has written it, not even its status.
type Head struct {
	Account string // the service account that sees it
	ID      ID
	UID     string
	Version string // resourceVersion
}

func (h Head) compare(other Head) int {
	return cmp.Or(cmp.Compare(h.Account, other.Account), h.ID.Compare(other.ID),
		cmp.Compare(h.UID, other.UID), cmp.Compare(h.Version, other.Version))
}

// DigestOf is equal for equal sets of heads, in any order.
func DigestOf(heads []Head) string {
	sum := sha256.New()
	for _, h := range slices.SortedFunc(slices.Values(heads), Head.compare) {
		fmt.Fprintf(sum, "%q %q %q %q %q %q %q\n", h.Account, h.ID.Group, h.ID.Kind, h.ID.Namespace, h.ID.Name, h.UID, h.Version)
	}
	return base64.RawStdEncoding.EncodeToString(sum.Sum(nil))
}

// Head is the state that the row confirmed; false where a head does not tell all:
// the object's health changes with time, its autoscaler may leave, or there is no
// object.
func (r Row) Head(account string, id ID) (Head, bool) {
	belief := Belief{Trust: TrustMemo}
	return Head{Account: account, ID: id, UID: r.UID, Version: r.Version}, belief.Same(r, r.UID, r.Version) && r.UID != ""
}
