package main

import (
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// kindWords are the names by which kubectl knows a served kind, in lower case: the kind, its
// plural, its singular and its short names.
func kindWords(kind drift.Kind, info drift.KindInfo) []string {
	words := []string{strings.ToLower(kind.Kind), strings.ToLower(info.Resource)}
	for _, name := range info.Names {
		words = append(words, strings.ToLower(name))
	}
	return words
}

// choice is what a person asked about, as KIND/NAME.
type choice struct{ kind, name, namespace string }

// in finds the objects that are meant: of every served kind that goes by the word, alone or
// with its group, or its version and group behind it, in any case. A kind that the cluster
// does not serve goes by its own name. known says that the word means a served kind.
func (c choice) in(served drift.Capabilities) (chosen func(drift.ID) bool, known bool) {
	meant := map[string]bool{}
	asked := strings.ToLower(c.kind)
	for kind, info := range served.Kinds {
		for _, word := range kindWords(kind, info) {
			full := strings.TrimSuffix(word+"."+kind.Version+"."+kind.Group, ".")
			if asked == word || asked == strings.ToLower(full) || kind.Group != "" && asked == word+"."+strings.ToLower(kind.Group) {
				meant[kind.GroupKind()], known = true, true
			}
		}
	}
	return func(id drift.ID) bool {
		return c.name == id.Name && (c.namespace == "" || c.namespace == id.Namespace) &&
			(meant[id.GroupKind()] || strings.EqualFold(c.kind, id.Kind) || strings.EqualFold(c.kind, id.GroupKind()))
	}, known
}

// near are served kinds whose names look like the word.
func (c choice) near(served drift.Capabilities) string {
	var words []string
	for kind, info := range served.Kinds {
		words = append(words, kindWords(kind, info)...)
	}
	slices.Sort(words)
	if found := drift.Near(strings.ToLower(c.kind), slices.Compact(words)); len(found) > 0 {
		return found[0]
	}
	return ""
}
