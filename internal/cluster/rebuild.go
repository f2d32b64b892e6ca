package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
)

// rebuilding are the kinds to look through when an app's inventory is not known:
// what the app owned can then be found by its label alone.
func (s *survey) rebuilding() []drift.Kind {
	var kinds []drift.Kind
	for _, want := range s.wants {
		kinds = append(kinds, s.rebuildingFor(want)...)
	}
	slices.SortFunc(kinds, drift.Kind.Compare)
	return slices.Compact(kinds)
}

// rebuildingFor are the kinds to look through for one app: all that can have
// members. A member was applied and read back, so a kind without patch or get has
// none (componentstatuses, reviews, metrics). Secrets only if the app manages
// them.
func (s *survey) rebuildingFor(want drift.Want) []drift.Kind {
	if want.Inventory.Known {
		return nil
	}
	return slices.DeleteFunc(listable(s.served), func(kind drift.Kind) bool {
		info := s.served.Kinds[kind]
		return !can(info, "patch") || !can(info, "get") ||
			kind.GroupKind() == "Secret" && want.App.Secrets != drift.SecretsManage
	})
}

// rebuildGaps are what the search for an app's lost objects could not see.
type rebuildGaps struct {
	kinds    []string // sorted; for drift.Seen
	problems []drift.ReportError
}

// rebuildGaps finds what could not be looked through for an app whose inventory
// is not known.
//
// Having no inventory is normal before the first write, and then an identity
// that may read a few kinds only, as those of the chart's presets, misses
// nothing: a refusal is no gap, nor is a kind that is not served. The inventory
// counts as lost where something tells of an earlier write: an object with the
// app's label, or a state that remembers what was written (wrote). That there is a
// state at all says nothing: runs that only alert leave one, and no inventory, each
// time. Then a kind is no gap only if its CRD is gone, and all its objects with it.
// Other failures are problems in any case.
func (s *survey) rebuildGaps(ctx context.Context, want drift.Want, wrote bool) rebuildGaps {
	var gaps rebuildGaps
	if want.Inventory.Known {
		return gaps
	}
	lost := wrote || s.anyLabelled(want.PartOf)
	told := map[string]bool{} // by problems, when the whole list failed
	for _, id := range idsOf(want) {
		told[id.GroupKind()] = true
	}
	for _, kind := range s.rebuildingFor(want) {
		name := kind.GroupKind()
		whole, err := s.unseen(kind)
		unserved := errors.Is(err, drift.ErrNotServed)
		if err == nil || !lost && (forbidden(err) || unserved || errors.Is(err, errPartial)) ||
			unserved && s.kindIsGone(ctx, drift.ID{Group: kind.Group, Kind: kind.Kind}) {
			continue
		}
		if lost {
			gaps.kinds = append(gaps.kinds, name)
		}
		if !whole || !told[name] {
			gaps.problems = append(gaps.problems, problem(want.App.Name, fmt.Errorf(diff.Rebuilding+"%w", err)))
		}
	}
	if lost {
		for _, apiVersion := range s.silentAPIs() {
			gaps.kinds = append(gaps.kinds, "everything of "+apiVersion)
			gaps.problems = append(gaps.problems, problem(want.App.Name, fmt.Errorf(
				diff.Rebuilding+"the API %q does not answer: %s", apiVersion, s.served.Degraded[apiVersion])))
		}
	}
	return gaps
}

// silentAPIs are the group-versions whose kinds are not known, sorted, without
// those that serve measurements: nothing is applied there.
func (s *survey) silentAPIs() []string {
	var silent []string
	for apiVersion := range s.served.Degraded {
		group, _, err := drift.ParseAPIVersion(apiVersion)
		if err != nil || group != "metrics.k8s.io" && !strings.HasSuffix(group, ".metrics.k8s.io") {
			silent = append(silent, apiVersion)
		}
	}
	slices.Sort(silent)
	return silent
}

// unseen says why not every object of a kind was seen, nil when one version of
// it was listed everywhere; whole, that none was. What was listed in some
// namespaces only is not enough: the app may have had objects in others.
func (s *survey) unseen(kind drift.Kind) (whole bool, err error) {
	for _, of := range slices.SortedFunc(maps.Keys(s.listings), drift.Kind.Compare) {
		listing := s.listings[of]
		switch {
		case of.GroupKind() != kind.GroupKind():
		case listing.err != nil:
			whole, err = true, listing.err
		case listing.narrowed != nil:
			whole, err = false, listing.narrowed
		case listing.partial != nil:
			whole, err = false, listing.partial
		default:
			return false, nil
		}
	}
	return whole, err
}

// anyLabelled says whether any listed object, wanted or not, carries the app's
// part-of label.
func (s *survey) anyLabelled(partOf string) bool {
	for _, listing := range s.listings {
		for _, live := range listing.objects {
			if partOf != "" && text(live, "metadata", "labels", partOfLabel) == partOf {
				return true
			}
		}
	}
	return false
}
