package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/killick-dev/killick/internal/drift"
)

// Observe reads all apps at once: one LIST per kind, version and identity, a
// GET for what the lists lack, and for each desired object the API server's own
// answer to what an apply would store. The answers are in the order of wants.
//
// What cannot be read is Unreadable in the answer and named in its Problems; so is what
// got no answer within the time that is kept for it, which leaves a third of the run's
// to what comes after. The error is for what ends a run: an unreachable cluster, an
// ended context, an identity that cannot be assumed.
func (c *Client) Observe(ctx context.Context, wants []drift.Want) ([]drift.Seen, error) {
	served, err := c.known(ctx)
	if err != nil {
		return nil, err
	}
	seen, err := c.observe(ctx, served, wants)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for i := range seen {
		seen[i] = withUnlisted(seen[i], wants[i])
	}
	for i := range seen {
		if lost(seen[i]) {
			// One lost answer may be bad luck; a cluster that is gone ends the run.
			if err := c.ping(ctx); err != nil {
				return nil, err
			}
			break
		}
	}
	pend(wants, seen)
	return seen, nil
}

// observe makes all lists and looks, within two thirds of the time that is left.
func (c *Client) observe(ctx context.Context, served drift.Capabilities, wants []drift.Want) ([]drift.Seen, error) {
	ctx, cancel := stepOf(ctx, "observing the cluster", 2, 3)
	defer cancel()
	surveys, err := c.surveys(ctx, served, wants)
	if err != nil {
		return nil, err
	}
	seen := make([]drift.Seen, len(wants))
	looks, ctx := errgroup.WithContext(ctx)
	looks.SetLimit(readsAtOnce)
	for i, want := range wants {
		user, err := c.userOf(want.App)
		if err != nil {
			return nil, err
		}
		seen[i] = c.startLooks(ctx, looks, surveys[user], want)
	}
	return seen, looks.Wait()
}

// startLooks looks at every object of one app, one slot each.
func (c *Client) startLooks(ctx context.Context, looks *errgroup.Group, survey *survey, want drift.Want) drift.Seen {
	extras := extrasOf(want)
	gaps := survey.rebuildGaps(ctx, want, c.wroteBefore(want.App.Name))
	seen := drift.Seen{
		App:               want.App.Name,
		Objects:           make([]drift.Observation, len(want.Objects)),
		Extras:            make([]drift.Observation, len(extras)),
		Labelled:          survey.labelled(want),
		Problems:          append(survey.problems(want), gaps.problems...),
		RebuildIncomplete: gaps.kinds,
	}
	look := func(slot *drift.Observation, work func(context.Context) drift.Observation) {
		looks.Go(func() error {
			return inTurn(ctx, c.reads, func() {
				seen := survey.surround(work(ctx))
				seen.Autoscaled = seen.Autoscaled || want.Scaled[seen.ID]
				*slot = seen
			})
		})
	}
	for i, object := range want.Objects {
		ask := question{object: object, row: want.Row(i), belief: want.Belief, scaled: want.Scaled[object.ID]}
		look(&seen.Objects[i], func(ctx context.Context) drift.Observation { return c.look(ctx, survey, ask) })
	}
	for i, entry := range extras {
		look(&seen.Extras[i], func(ctx context.Context) drift.Observation { return survey.lookExtra(ctx, entry) })
	}
	return seen
}

// withUnlisted tells of members that a LIST lacked: what else that list lacks is not
// known either, so the app is incomplete. One that came between the LIST and the GET
// counts as well; the next run knows.
func withUnlisted(seen drift.Seen, want drift.Want) drift.Seen {
	for _, one := range slices.Concat(seen.Objects, seen.Extras) {
		if !one.Unlisted {
			continue
		}
		seen.Problems = append(seen.Problems, problem(seen.App, &drift.Problem{Stage: "observe",
			Hint: "if the next run says the same, find out what stands between Killick and the API server",
			Err:  fmt.Errorf("listing %s: the list lacks %s, which is there and has the label that was listed by", one.ID.GroupKind(), one.ID.Short())}))
		if !want.Inventory.Known {
			seen.RebuildIncomplete = append(seen.RebuildIncomplete, one.ID.GroupKind())
		}
	}
	slices.Sort(seen.RebuildIncomplete)
	seen.RebuildIncomplete = slices.Compact(seen.RebuildIncomplete)
	return seen
}

// lost says whether any object of the app got no answer at all.
func lost(seen drift.Seen) bool {
	gone := func(o drift.Observation) bool { return errors.Is(o.Err, drift.ErrUnreachable) || isTimeout(o.Err) }
	return slices.ContainsFunc(seen.Objects, gone) || slices.ContainsFunc(seen.Extras, gone)
}

// extrasOf are the inventory entries that no object of the app wants.
func extrasOf(want drift.Want) []drift.Entry {
	desired := make(map[drift.ID]bool, len(want.Objects))
	for _, object := range want.Objects {
		desired[object.ID] = true
	}
	var extras []drift.Entry
	for _, entry := range want.Inventory.Entries {
		if !desired[entry.ID] {
			extras = append(extras, entry)
		}
	}
	return extras
}

// labelled are live objects that carry the app's part-of label and stand
// neither in its desired set nor in its inventory.
func (s *survey) labelled(want drift.Want) []drift.Observation {
	known := map[drift.ID]bool{}
	for _, id := range idsOf(want) {
		known[id] = true
	}
	var found []drift.Observation
	for kind, listing := range s.listings {
		for where, live := range listing.objects {
			id := drift.ID{Group: kind.Group, Kind: kind.Kind, Namespace: where.namespace, Name: where.name}
			if known[id] || want.PartOf == "" || text(live, "metadata", "labels", partOfLabel) != want.PartOf {
				continue
			}
			known[id] = true // a kind may be listed at two versions
			found = append(found, s.surround(drift.Observation{ID: id, State: drift.Present, Live: live}))
		}
	}
	slices.SortFunc(found, func(a, b drift.Observation) int { return a.ID.Compare(b.ID) })
	return found
}

// surround adds what the object's surroundings say, and what they could not say:
// a rule that spares some namespaces, or what is autoscaled, must not take
// silence for "no".
func (s *survey) surround(seen drift.Observation) drift.Observation {
	seen.NamespaceLabels = s.namespaces.labels[seen.ID.Namespace]
	seen.Autoscaled = s.autoscaled.targets[seen.ID]
	if err := s.namespaces.unknown(seen.ID.Namespace); err != nil {
		seen.Incomplete = append(seen.Incomplete, fmt.Sprintf("labels of namespace %q could not be read: %v", seen.ID.Namespace, err))
	}
	if err := s.autoscaled.unknown(seen.ID.Namespace); err != nil && s.scalable[seen.ID.GroupKind()] {
		seen.Incomplete = append(seen.Incomplete, fmt.Sprintf("whether a HorizontalPodAutoscaler scales it could not be read: %v", err))
	}
	return seen
}

// look observes one desired object.
func (c *Client) look(ctx context.Context, s *survey, ask question) drift.Observation {
	object := ask.object
	seen := drift.Observation{ID: object.ID}
	of, err := resolve(s.served, object.Kind())
	if err != nil {
		return s.lookUnserved(ctx, object, err)
	}
	where := place{object.ID.Namespace, object.ID.Name}
	listing, listed := s.listings[of.Kind]
	live, same, err := listing.find(where)
	switch {
	case err != nil:
		seen.Err = unreadable(object, err)
		return seen
	case same:
		return drift.Observation{ID: object.ID, State: drift.Present, Prediction: drift.ByMemo, Memo: ask.row}
	case live != nil:
		return c.predict(ctx, s, of, ask, drift.Observation{ID: object.ID, State: drift.Present, Live: live})
	case s.namespaces.absent(where.namespace) && s.future.namespaces[where.namespace]:
		return drift.Observation{ID: object.ID, State: drift.Absent, Prediction: drift.Unverified}
	}
	seen = s.fetch(ctx, of, object.ID)
	if seen.State == drift.Unreadable {
		seen.Err = unreadable(object, seen.Err)
		return seen
	}
	unlisted := listed && listing.lacks(where, seen.Live)
	seen = c.predict(ctx, s, of, ask, seen)
	seen.Unlisted = unlisted
	return seen
}

// fetch reads one object by name. Only NotFound makes it Absent.
func (s *session) fetch(ctx context.Context, of resource, id drift.ID) drift.Observation {
	live, err := s.get(ctx, of, id.Namespace, id.Name)
	switch {
	case errors.Is(err, errNotFound):
		return drift.Observation{ID: id, State: drift.Absent}
	case err != nil:
		return drift.Observation{ID: id, Err: fmt.Errorf("reading %s: %w", id.Short(), err)}
	}
	return drift.Observation{ID: id, State: drift.Present, Live: live}
}

// lookUnserved observes an object whose kind is not served at its version. It
// is missing if a CRD of this plan will serve the kind and no other version of
// it holds the object already.
func (s *survey) lookUnserved(ctx context.Context, object drift.Object, cause error) drift.Observation {
	if !s.future.kinds[object.Kind()] || !errors.Is(cause, drift.ErrNotServed) {
		return drift.Observation{ID: object.ID, Err: unreadable(object, cause)}
	}
	of, err := s.resolveEntry(drift.Entry{ID: object.ID, Version: object.Version})
	if errors.Is(err, drift.ErrNotServed) {
		return drift.Observation{ID: object.ID, State: drift.Absent, Prediction: drift.Unverified}
	}
	seen := drift.Observation{ID: object.ID, Err: err}
	if err == nil {
		seen = s.fetch(ctx, of, object.ID)
	}
	switch seen.State {
	case drift.Absent:
		seen.Prediction = drift.Unverified
	case drift.Present:
		cause = fmt.Errorf("%s exists at version %q only, until the CRD of this plan is applied: %w", object.ID.Short(), of.Version, cause)
		return drift.Observation{ID: object.ID, Err: unreadable(object, cause)}
	default:
		seen.Err = unreadable(object, seen.Err)
	}
	return seen
}

// lookExtra observes an inventory entry that the app no longer wants.
func (s *survey) lookExtra(ctx context.Context, entry drift.Entry) drift.Observation {
	of, err := s.resolveEntry(entry)
	if errors.Is(err, drift.ErrNotServed) && s.kindIsGone(ctx, entry.ID) {
		return drift.Observation{ID: entry.ID, State: drift.Absent}
	}
	if err != nil {
		return drift.Observation{ID: entry.ID, Err: unreadable(drift.Object{ID: entry.ID}, err)}
	}
	where := place{entry.ID.Namespace, entry.ID.Name}
	var lists []listing
	for kind, listing := range s.listings {
		if kind.Group != entry.ID.Group || kind.Kind != entry.ID.Kind {
			continue
		}
		lists = append(lists, listing)
		live, _, err := listing.find(where)
		if err != nil {
			return drift.Observation{ID: entry.ID, Err: unreadable(drift.Object{ID: entry.ID}, err)}
		}
		if live != nil {
			return drift.Observation{ID: entry.ID, State: drift.Present, Live: live}
		}
	}
	seen := s.fetch(ctx, of, entry.ID)
	if seen.State == drift.Unreadable {
		seen.Err = unreadable(drift.Object{ID: entry.ID}, seen.Err)
	}
	seen.Unlisted = slices.ContainsFunc(lists, func(l listing) bool { return l.lacks(where, seen.Live) })
	return seen
}

// unreadable is the cause with the object's place in the repository and what a
// user can do.
func unreadable(object drift.Object, err error) error {
	var known *drift.Problem
	if errors.As(err, &known) {
		return err
	}
	return &drift.Problem{Stage: "observe", File: drift.FileLine(object.Origin.File, object.Origin.Line), Hint: hint(err), Err: withhold(object.ID, err)}
}
