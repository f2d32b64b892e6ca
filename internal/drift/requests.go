package drift

import (
	"github.com/killick-dev/killick/internal/nested"
)

// RenderRequest is everything a render may depend on: plain values and a
// read-only tree, so that it can move into a child process.
type RenderRequest struct {
	App          App
	Checkout     Checkout
	Capabilities Capabilities
}

// Want is what one app asks the cluster about.
type Want struct {
	App       App
	PartOf    string // the app's ApplySet id
	Objects   []Object
	Inventory Inventory
	// Rows are the memo rows of Objects, in the same order; the zero value where
	// there is none for this manifest. May be nil.
	Rows   []Row
	Belief Belief
	// Scaled are objects whose replicas an autoscaler of this plan sets, of whatever app.
	Scaled map[ID]bool
}

// Row is the memo row of the object at a place; zero when there is none.
func (w Want) Row(i int) Row {
	if i < len(w.Rows) {
		return w.Rows[i]
	}
	return Row{}
}

// Seen answers a Want.
type Seen struct {
	App     string
	Objects []Observation // one per Want.Objects, in the same order
	Extras  []Observation // one per inventory entry that no object of the app wants
	// Labelled are IDs that carry the app's part-of label on the live object but
	// stand neither in the inventory nor in the desired set.
	Labelled []Observation
	// Problems are facts that could not be read: a kind that may not be listed, a
	// group-version that is down. They make the app incomplete.
	Problems []ReportError
	// RebuildIncomplete are kinds that could not be looked through while
	// rebuilding a lost inventory: what was found is not all, and must not be
	// saved as if it were.
	RebuildIncomplete []string
}

// ApplyRequest is one granted write.
type ApplyRequest struct {
	App    App
	Object Object // manifest to send: labelled, ignored fields taken care of
	// UID and ResourceVersion of the judged live object; both empty for a
	// create, which then fails with ErrConflict if an object appeared meanwhile.
	UID             string
	ResourceVersion string
	// ManagedFields, when not nil, replaces the live object's managedFields
	// before the apply, so that the apply removes what others added.
	ManagedFields []any
	// Patch holds further JSON patch operations to send with ManagedFields.
	Patch []nested.PatchOp
	// Emptied are empty values that the manifest names and that the apply may lose: it
	// makes null of the containers that lose their last members by it
	// (structured-merge-diff, typed/remove.go). A second one makes them again, and has
	// the server fill in its defaults there.
	Emptied []nested.Path
	// Replace deletes the judged object and creates it again.
	Replace bool
}

// DeleteRequest is one granted prune, with the preconditions it was judged by.
type DeleteRequest struct {
	App             App
	ID              ID
	Version         string
	UID             string
	ResourceVersion string
}

// Told is what notifications have said already: app → route → fingerprint. The
// app "" holds run-level errors.
type Told map[string]map[string]string
