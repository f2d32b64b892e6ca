package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/killick-dev/killick/internal/dependency"
	"github.com/killick-dev/killick/internal/drift"
)

// foretold is what the plan at hand will create: content of namespaces and
// kinds that do not exist yet is missing, not unreadable.
type foretold struct {
	namespaces map[string]bool
	kinds      map[drift.Kind]bool
}

func foretell(wants []drift.Want) foretold {
	future := foretold{namespaces: map[string]bool{}, kinds: map[drift.Kind]bool{}}
	for _, want := range wants {
		for _, object := range want.Objects {
			switch object.ID.GroupKind() {
			case "Namespace":
				future.namespaces[object.ID.Name] = true
			case "CustomResourceDefinition.apiextensions.k8s.io":
				kinds, _, _ := dependency.CRDOf(object.Manifest)
				for _, kind := range kinds {
					future.kinds[kind] = true
				}
			}
		}
	}
	return future
}

// survey is what one identity's lists said.
type survey struct {
	*session
	served     drift.Capabilities
	future     foretold
	scalable   map[string]bool // by GroupKind
	wants      []drift.Want
	namespaces namespaces
	autoscaled autoscaled
	listings   map[drift.Kind]listing
	published  published
}

// surveys reads everything that is read by LIST: per identity the namespaces,
// the autoscalers where a scalable kind is wanted, and each kind once. The
// answers are in the order of identities, which is that of the wants.
func (c *Client) surveys(ctx context.Context, served drift.Capabilities, wants []drift.Want) (map[string]*survey, error) {
	future, scalable := foretell(wants), scalableKinds(served)
	found := map[string]*survey{}
	var order []*survey
	for _, want := range wants {
		session, err := c.as(want.App)
		if err != nil {
			return nil, err
		}
		if found[session.user] == nil {
			found[session.user] = &survey{session: session, served: served, future: future, scalable: scalable}
			order = append(order, found[session.user])
		}
		found[session.user].wants = append(found[session.user].wants, want)
	}
	for _, survey := range order {
		if !survey.alone() {
			survey.kept.drop() // a full run has fetched and rendered since they were listed
		}
	}
	ctx, cancel := stepOf(ctx, "lists", 1, 2)
	defer cancel()
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.SetLimit(listsAtOnce)
	finish := make([]func(), len(order))
	for i, survey := range order {
		finish[i] = survey.start(ctx, c, tasks)
	}
	if err := tasks.Wait(); err != nil {
		return nil, err
	}
	for _, done := range finish {
		done()
	}
	return found, nil
}

// alone says that no app's manifests are at hand.
func (s *survey) alone() bool {
	return !slices.ContainsFunc(s.wants, func(w drift.Want) bool { return !w.Belief.Alone })
}

// start runs the survey's lists, one slot each; the returned function puts the
// slots into place when all have ended.
func (s *survey) start(ctx context.Context, c *Client, tasks *errgroup.Group) func() {
	task := func(work func()) {
		tasks.Go(func() error { return inTurn(ctx, c.lists, work) })
	}
	task(func() { s.namespaces = s.readNamespaces(ctx) })
	task(func() { s.autoscaled = s.readAutoscalers(ctx) })
	kinds := s.kinds()
	slots := make([]listing, len(kinds))
	memo := s.remembered()
	for i, kind := range kinds {
		task(func() {
			slots[i] = s.list(ctx, kind, memberSelector, s.namespacesOf(kind.Kind), memo[kind.Kind])
		})
	}
	return func() {
		s.listings = make(map[drift.Kind]listing, len(slots))
		for _, slot := range slots {
			s.listings[slot.resource.Kind] = slot
		}
	}
}

// remembered gathers the memo rows of one identity's apps, by kind at the version at
// which it is wanted. What two apps want is looked at. Of an app without an inventory
// a list holds nothing yet.
func (s *survey) remembered() map[drift.Kind]*memoRows {
	partOf, asked := map[string]bool{}, map[string]map[place]bool{} // by GroupKind
	for _, want := range s.wants {
		partOf[want.PartOf] = true
		for _, id := range idsOf(want) {
			if asked[id.GroupKind()] == nil {
				asked[id.GroupKind()] = map[place]bool{}
			}
			asked[id.GroupKind()][place{id.Namespace, id.Name}] = true
		}
	}
	found := map[drift.Kind]*memoRows{}
	for _, want := range s.wants {
		for i, object := range want.Objects {
			of := found[object.Kind()]
			if of == nil {
				of = &memoRows{rows: map[place]func(head) bool{}, added: map[place]bool{}, asked: asked[object.ID.GroupKind()], partOf: partOf}
				found[object.Kind()] = of
			}
			of.add(place{object.ID.Namespace, object.ID.Name}, want.Belief, want.Row(i), want.Inventory.Known)
		}
	}
	return found
}

// kinds are the served kinds to list: each desired one at the desired version,
// and those that only inventories name at a served version.
func (s *survey) kinds() []resource {
	chosen := map[drift.Kind]resource{}
	covered := map[string]bool{}
	for _, want := range s.wants {
		for _, object := range want.Objects {
			if of, err := resolve(s.served, object.Kind()); err == nil {
				chosen[of.Kind] = of
				covered[object.ID.GroupKind()] = true
			}
		}
	}
	for _, want := range s.wants {
		for _, entry := range want.Inventory.Entries {
			if covered[entry.ID.GroupKind()] {
				continue
			}
			if of, err := s.resolveEntry(entry); err == nil {
				chosen[of.Kind] = of
				covered[entry.ID.GroupKind()] = true
			}
		}
	}
	for _, kind := range s.rebuilding() {
		if of, err := resolve(s.served, kind); err == nil && !covered[kind.GroupKind()] {
			chosen[of.Kind] = of
		}
	}
	kinds := slices.Collect(maps.Values(chosen))
	slices.SortFunc(kinds, func(a, b resource) int { return a.Kind.Compare(b.Kind) })
	return kinds
}

// resolveEntry finds a version at which an inventory entry can be read: that of
// the entry, else any that is served.
func (s *survey) resolveEntry(entry drift.Entry) (resource, error) {
	of, err := resolve(s.served, drift.Kind{Group: entry.ID.Group, Version: entry.Version, Kind: entry.ID.Kind})
	if !errors.Is(err, drift.ErrNotServed) {
		return of, err
	}
	for _, version := range versionsOf(s.served, entry.ID.Group, entry.ID.Kind) {
		if other, otherErr := resolve(s.served, drift.Kind{Group: entry.ID.Group, Version: version, Kind: entry.ID.Kind}); otherErr == nil {
			return other, nil
		}
	}
	return of, err
}

// namespacesOf are the namespaces in which this identity's apps want or have
// objects of a kind, sorted.
func (s *survey) namespacesOf(kind drift.Kind) []string {
	names := map[string]bool{}
	for _, want := range s.wants {
		for _, id := range idsOf(want) {
			if id.Group == kind.Group && id.Kind == kind.Kind && id.Namespace != "" {
				names[id.Namespace] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// allNamespaces are the namespaces in which this identity's apps want or have
// anything, sorted.
func (s *survey) allNamespaces() []string {
	names := map[string]bool{}
	for _, want := range s.wants {
		for _, id := range idsOf(want) {
			if id.Namespace != "" {
				names[id.Namespace] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// idsOf are the objects an app wants or has.
func idsOf(want drift.Want) []drift.ID {
	ids := make([]drift.ID, 0, len(want.Objects)+len(want.Inventory.Entries))
	for _, object := range want.Objects {
		ids = append(ids, object.ID)
	}
	for _, entry := range want.Inventory.Entries {
		ids = append(ids, entry.ID)
	}
	return ids
}

// problems are the facts that this identity could not read for one app.
func (s *survey) problems(want drift.Want) []drift.ReportError {
	var found []drift.ReportError
	add := func(err error) {
		if err != nil {
			found = append(found, problem(want.App.Name, err))
		}
	}
	ids := idsOf(want)
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id.GroupKind()] = true
	}
	add(s.namespaces.err)
	for _, kind := range slices.SortedFunc(maps.Keys(s.listings), drift.Kind.Compare) {
		listing := s.listings[kind]
		if !wanted[kind.GroupKind()] {
			continue
		}
		add(listing.err)
		add(listing.partial)
		for _, namespace := range slices.Sorted(maps.Keys(listing.denied)) {
			if slices.ContainsFunc(ids, func(id drift.ID) bool { return id.Namespace == namespace && id.GroupKind() == kind.GroupKind() }) {
				add(fmt.Errorf("namespace %q: %w", namespace, listing.denied[namespace]))
			}
		}
	}
	if s.wantsScalable(want) {
		add(s.autoscaled.err)
	}
	return append(found, s.unserved(want)...)
}

// unserved reports each kind of an app that cannot be read at all, once.
func (s *survey) unserved(want drift.Want) []drift.ReportError {
	var found []drift.ReportError
	seen := map[drift.Kind]bool{}
	for _, object := range want.Objects {
		kind := object.Kind()
		if _, err := resolve(s.served, kind); err != nil && !seen[kind] && !s.future.kinds[kind] {
			found = append(found, problem(want.App.Name, err))
		}
		seen[kind] = true
	}
	return found
}

// problem is a report entry of stage observe.
func problem(app string, err error) drift.ReportError {
	entry := drift.ReportOf(app, "observe", err)
	if entry.Hint == "" {
		entry.Hint = hint(err)
	}
	return entry
}
