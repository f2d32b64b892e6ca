package diff

import (
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// ownershipOf says whose object a live object is. It is ours when it stands in
// the inventory under this UID, or carries the part-of label of an app of this
// installation.
func ownershipOf(c Comparison, live map[string]any, entries []ownership.Entry) drift.Ownership {
	own := ownership.LiveOwnership(live, entries)
	own.Autoscaled, own.Sized = c.Observation.Autoscaled, c.Observation.Sized
	_, family := c.Family[own.PartOf]
	family = family || own.PartOf == c.PartOf
	inventoried := c.Entry != nil && c.Entry.UID != "" && c.Entry.UID == nested.UIDOf(live)
	// Controllers copy labels to what they create: a label proves nothing unless we
	// wrote it (docs/guards.md, P4), or an object of this ID was ours before.
	before := c.Entry != nil && c.Entry.UID != ""
	own.Foreign = own.PartOf != "" && !family
	own.Tracked = family && (own.LabelOwned || before) || !family && inventoried
	own.Recreated = before && !inventoried
	return own
}
