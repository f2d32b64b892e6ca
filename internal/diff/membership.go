package diff

import (
	"cmp"
	"maps"
	"slices"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// membership is what differs, with the part-of label as people know it: by the names of
// apps. Who wrote a label of an object of ours that Killick did not write is the cluster,
// with or without a record of the object, since every manifest of the app has the same one.
func (c Comparison) membership(fields []drift.FieldChange, own drift.Ownership) []drift.FieldChange {
	named := slices.Clone(fields)
	for i, field := range named {
		if !aboutMembership(field) {
			continue
		}
		named[i].Desired, named[i].Live = c.withAppNames(field.Desired), c.withAppNames(field.Live)
		if own.Tracked && !own.LabelOwned {
			named[i].Cause = drift.CauseLive
		}
	}
	return named
}

// PartOfPath is where the label of membership stands.
var PartOfPath = nested.Path{"metadata", "labels", drift.LabelPartOf}

// aboutMembership says that a difference is the part-of label, alone or as the only one.
func aboutMembership(field drift.FieldChange) bool {
	if field.Path.Equal(PartOfPath) {
		return true
	}
	wanted, _ := field.Desired.(map[string]any)
	_, listed := wanted[drift.LabelPartOf]
	return field.Path.Equal(PartOfPath[:2]) && listed && len(wanted) == 1
}

// withAppNames puts an app's name in place of its ApplySet id; one of nobody's stays.
func (c Comparison) withAppNames(v any) any {
	switch v := v.(type) {
	case string:
		return cmp.Or(c.appOf(v), v)
	case map[string]any:
		named := maps.Clone(v)
		if id, ok := v[drift.LabelPartOf].(string); ok {
			named[drift.LabelPartOf] = cmp.Or(c.appOf(id), id)
		}
		return named
	}
	return v
}

// appOf is the app of this installation with an ApplySet id; "" when there is none.
func (c Comparison) appOf(id string) string {
	if id == c.PartOf {
		return c.App.Name
	}
	return c.Family[id]
}

// saysMembership says what became of an object's membership: it is on its way from another
// app, or somebody took the label off or changed it.
func (c Comparison) saysMembership(own drift.Ownership) []string {
	switch {
	case !own.Tracked || own.PartOf == c.PartOf:
		return nil
	case own.PartOf == "":
		return []string{drift.FindingLabelStripped}
	case own.LabelOwned && c.Contested:
		return nil
	case own.LabelOwned && c.appOf(own.PartOf) != "":
		return []string{drift.FindingHandedOver + c.appOf(own.PartOf) + " to " + c.App.Name}
	}
	return []string{drift.FindingLabelChanged + cmp.Or(c.appOf(own.PartOf), own.PartOf)}
}

// Rebuilding begins an error about what may have been missed when an app's inventory was
// not known.
const Rebuilding = "rebuilding the inventory: "
