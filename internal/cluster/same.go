package cluster

import "github.com/killick-dev/killick/internal/drift"

// ownedByUs says whether our own Apply entry stands in managedFields.
func ownedByUs(live map[string]any) bool { return ownEntry(live) != nil }

// labelledByUs says whether our own Apply entry wrote the part-of label. A
// controller's or a person's copy of the label belongs to who copied it
// (docs/guards.md, P4).
func labelledByUs(live map[string]any) bool {
	return at(ownEntry(live), "fieldsV1", "f:metadata", "f:labels", "f:"+partOfLabel) != nil
}

// ownEntry is our own Apply entry in managedFields, nil when there is none.
func ownEntry(live map[string]any) map[string]any {
	for _, item := range list(live, "metadata", "managedFields") {
		entry, _ := item.(map[string]any)
		if text(entry, "manager") == drift.FieldManager && text(entry, "operation") == "Apply" && text(entry, "subresource") == "" {
			return entry
		}
	}
	return nil
}
