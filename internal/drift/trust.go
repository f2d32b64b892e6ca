package drift

import (
	"fmt"
	"hash/fnv"
	"time"
)

// Trust says what may stand in for the API server's own answer (docs/drift.md). Each
// step believes what the one before it believes, and more.
type Trust int

// The zero Trust believes nothing: the server is asked about every object.
const (
	TrustNothing Trust = iota
	TrustProof         // the object's own managedFields: Proved
	TrustMemo          // and what the last run confirmed: Belief.Settles
	TrustIdle          // and where nothing moved at all, no fetch, no render, no policy
)

var trustNames = []string{"none", "proof", "memo", "idle"}

// String is the word of the --trust flag.
func (t Trust) String() string { return trustNames[t] }

// ParseTrust reads the word of the --trust flag.
func ParseTrust(word string) (Trust, error) {
	for i, name := range trustNames {
		if name == word {
			return Trust(i), nil
		}
	}
	return TrustNothing, fmt.Errorf("%q is none of %q", word, trustNames)
}

// Belief is what a look at the cluster may believe without asking the server.
type Belief struct {
	Trust Trust
	Key   []byte // of the digests in memo rows
	Noise Noise  // by which they were made
	Audit Audit
	// Alone says that no manifests are at hand, because nothing was rendered: what
	// the memo does not settle is left unanswered.
	Alone bool
}

// Same says that an object is the very one that a row confirmed, from its identity
// alone: nobody has written it since, not even its status. Where that is not
// enough to know everything about it (its health changes with time, an
// autoscaler may have left), the object is looked at.
func (b Belief) Same(row Row, uid, resourceVersion string) bool {
	return b.Trust >= TrustMemo && row.Proof && !row.Autoscaled && !row.Aging &&
		row.Version != "" && row.Version == resourceVersion && row.UID == uid && !b.Audit.Due(uid)
}

// The audit asks about every object in turn, whatever is believed of it (docs/drift.md): a
// proof says that an apply would change nothing, not that admission would
// still accept it. Time is cut into slots, and each object belongs to one of
// them. Four hours for all, and about one between two runs that audit, keep every
// answer younger than six.
const (
	// FullEvery is how long runs may find nothing moved before one fetches, renders,
	// compares and audits again.
	FullEvery = time.Hour

	auditSlot  = 5 * time.Minute
	AuditSlots = 48
)

// Audit says which objects are due. The zero value is: none.
type Audit struct {
	first int64 // slot
	Count int64
}

// AuditSince is what is due now when the last audit was at that time: the slots
// that have begun since. Without a last audit the present slot is due.
func AuditSince(last, now time.Time) Audit {
	slot := func(at time.Time) int64 { return at.Unix() / int64(auditSlot/time.Second) }
	if last.IsZero() {
		return Audit{first: slot(now), Count: 1}
	}
	since := slot(now) - slot(last)
	return Audit{first: slot(last) + 1, Count: min(max(since, 0), AuditSlots)}
}

// Due says whether the object with this UID is to be asked about.
func (a Audit) Due(uid string) bool {
	if a.Count == 0 {
		return false
	}
	sum := fnv.New32a()
	sum.Write([]byte(uid))
	at := (int64(sum.Sum32()%AuditSlots) - a.first%AuditSlots + AuditSlots) % AuditSlots
	return at < a.Count
}
