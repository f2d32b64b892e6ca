package reconcile

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/killick-dev/killick/internal/dependency"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// usage is what may be pruned of one app, with whatever may use it: docs/guards.md, P2.
type usage struct {
	targets []dependency.Target
	users   []dependency.User
	used    map[drift.ID]dependency.Use
}

// of is why an object must be kept, "" when nothing could still need it.
func (u usage) of(id drift.ID) string { return u.used[id].Reason }

// after is the usage when one user has become something else: what was to leave and did
// not, or not yet, uses all it names again.
func (u usage) after(user dependency.User) usage {
	if user.Fate == dependency.Leaves {
		return u
	}
	u.users = slices.Clone(u.users)
	for i, known := range u.users {
		if known.ID == user.ID {
			u.users[i] = user
		}
	}
	u.used = dependency.Used(u.targets, u.users)
	return u
}

// keepUsed withdraws, before anything is written, the prunes of what is in use. What this
// app writes is looked at when it is written.
func (r Reconciler) keepUsed(ctx context.Context, apps []app, a app) app {
	use := r.usage(ctx, apps, a, planned(a), false)
	steps := slices.Clone(a.steps)
	for i, step := range steps {
		if used := use.of(step.Change.ID); used != "" && step.Decision.Action == drift.Prune {
			steps[i] = withheld(step, used).Step
		}
	}
	a.steps = steps
	return a
}

// usedAfter asks again after the writes. A rollout of this run may still be taking its
// last old Pods down; it gets the time that health gets.
func (r Reconciler) usedAfter(ctx context.Context, request Request, apps []app, a app) usage {
	use := r.usage(ctx, apps, a, a.results, true)
	waiting, cancel := context.WithTimeout(ctx, a.patience(ctx))
	defer cancel()
	for pause := healthInterval; use.passing(apps, a) && rest(waiting, pause); pause *= 2 {
		use = r.usage(ctx, apps, a, a.results, true)
	}
	return use
}

// passing says that a Pod or ReplicaSet is in the way of which this run has written the
// workload, and that workload is Current.
func (u usage) passing(apps []app, a app) bool {
	results := slices.Clone(a.results)
	for _, other := range apps {
		if other.config.Name != a.config.Name {
			results = append(results, other.results...)
		}
	}
	done := map[string]bool{}
	for _, result := range results {
		if result.Outcome == drift.Applied && result.Health.Status == drift.HealthCurrent {
			done[result.UID] = true
		}
	}
	controller := map[string]string{}
	for _, user := range u.users {
		controller[nested.UIDOf(user.Live)] = dependency.ControllerOf(user.Live).UID
	}
	for _, use := range u.used {
		for _, user := range u.users {
			maker := dependency.ControllerOf(user.Live).UID
			if user.ID == use.By && maker != "" && (done[maker] || done[controller[maker]]) {
				return true
			}
		}
	}
	return false
}

// usage gathers who may use what an app is about to prune: the objects of every app of
// this run, and the Pods and ReplicaSets beside it, whoever made them. Nothing is asked
// where nothing is pruned.
func (r Reconciler) usage(ctx context.Context, apps []app, a app, results []drift.Result, fresh bool) usage {
	var u usage
	for _, result := range results {
		if result.Outcome == drift.Planned && result.Step.Decision.Action == drift.Prune {
			u.targets = append(u.targets, dependency.TargetOf(result.Step.Change.ID, result.Step.Observation.Live))
		}
	}
	if len(u.targets) == 0 {
		return u
	}
	for _, result := range results {
		if user := r.userOf(ctx, a, result, fresh); matters(user) {
			u.users = append(u.users, user)
		}
	}
	for _, other := range apps {
		if other.config.Name != a.config.Name && other.err == nil { // P7 is for what is not known
			u.users = append(u.users, r.usersIn(ctx, apps, a, other, u.targets)...)
		}
	}
	u.users = append(u.users, r.podsUsing(ctx, a.config, u)...)
	u.used = dependency.Used(u.targets, u.users)
	return u
}

// usersIn are the objects of another app. Those that this run writes later, or at the
// same time, use what they use now. Of an app that this run does not look at, those are
// read that name a target in Git.
func (r Reconciler) usersIn(ctx context.Context, apps []app, a, other app, targets []dependency.Target) []dependency.User {
	results := other.results
	if results == nil {
		results = planned(other)
	}
	if !other.selected {
		for _, object := range other.objects {
			references := dependency.ReferencesOf(object.Unpack().Manifest)
			if slices.ContainsFunc(targets, func(t dependency.Target) bool { return references.To(t) != "" }) {
				seen := r.Reader.Get(ctx, other.config, object.ID, object.Version)
				change := drift.Change{ID: object.ID, Version: object.Version, Err: seen.Err}
				results = append(results, drift.Result{Step: drift.Step{Object: object, Observation: seen, Change: change}})
			}
		}
	}
	first := precedes(apps, other, a)
	var users []dependency.User
	for _, result := range results {
		user := r.userOf(ctx, other, result, false)
		user.Wanted = false // it holds up its own app only
		switch {
		case user.Fate == dependency.Leaves && result.Outcome != drift.Pruned:
			user.Fate = dependency.Stays // whether it really goes is its app's to say
		case user.Fate == dependency.Changes && !first:
			user.Fate = dependency.Due
		}
		if matters(user) {
			users = append(users, user)
		}
	}
	return users
}

// matters says that an object may hold up anything: most are Current and stay as they
// are, and their references need not be read.
func matters(user dependency.User) bool {
	settled := user.Status == drift.HealthCurrent || user.Status == ""
	return !settled || user.Fate != dependency.Stays || user.Applied != nil || user.Err != nil
}

// precedes says that all writes of one app end before those of another one begin.
func precedes(apps []app, first, then app) bool {
	for _, level := range levels(apps) {
		has := func(a app) bool {
			return slices.ContainsFunc(level, func(i int) bool { return apps[i].config.Name == a.config.Name })
		}
		switch {
		case has(then):
			return false
		case has(first):
			return true
		}
	}
	return false
}

var errUnread = errors.New("it was not answered for")

// userOf is one object as a user. What the memo alone tells about, and is not Current,
// is read; so is, with fresh, whatever was not Current when it was last seen.
func (r Reconciler) userOf(ctx context.Context, a app, result drift.Result, fresh bool) dependency.User {
	result = r.withHealth([]drift.Result{result}, r.Now())[0]
	step := result.Step
	user := dependency.User{ID: step.Change.ID, Live: step.Observation.Live, Wanted: step.Change.Type != drift.Extra, Status: result.Health.Status}
	if step.Change.Type != drift.InSync || len(step.Change.Ignored) > 0 {
		user.Applied = step.Object.Unpack().Manifest // else it says what the live object says
	}
	if result.After != nil {
		user.Live = result.After
	}
	switch {
	case result.Outcome == drift.Pruned && result.After != nil:
		user.Status = drift.HealthTerminating
		return user
	case result.Outcome == drift.Pruned, result.Outcome == drift.Planned && step.Decision.Action == drift.Prune:
		user.Fate = dependency.Leaves
		return user
	case result.Outcome == drift.Planned:
		user.Fate = dependency.Changes
		return user
	case step.Observation.State == drift.Unreadable:
		user.Status, user.Err = drift.HealthUnknown, cmp.Or(step.Change.Err, step.Observation.Err, errUnread)
		return user
	}
	remembered := user.Live == nil && step.Observation.Prediction == drift.ByMemo
	if user.Status == drift.HealthCurrent || user.Status == "" || !remembered && !fresh {
		return user
	}
	seen := r.Reader.Get(ctx, a.config, user.ID, cmp.Or(step.Object.Version, step.Change.Version))
	switch seen.State {
	case drift.Present:
		user.Live, user.Status = seen.Live, r.Health(seen.Live, r.Now()).Status
	case drift.Unreadable:
		user.Err = seen.Err
	}
	return user
}

// podsUsing are the Pods and ReplicaSets that refer to a target, with what made them: it
// tells whether they are of an older revision.
func (r Reconciler) podsUsing(ctx context.Context, config drift.App, u usage) []dependency.User {
	known := map[string]bool{}
	for _, user := range u.users {
		known[nested.UIDOf(user.Live)] = true
	}
	var users []dependency.User
	for _, namespace := range podNamespaces(u.targets) {
		found, err := r.Pods.Using(ctx, config, namespace, u.targets)
		if err != nil {
			users = append(users, dependency.User{ID: drift.ID{Kind: "Pod", Namespace: namespace}, Err: err})
			continue
		}
		for _, live := range found {
			if !known[nested.UIDOf(live)] {
				known[nested.UIDOf(live)] = true
				users = append(users, r.liveUser(live))
			}
		}
		if namespace == "" {
			break // the others are in it
		}
	}
	unread := map[string]error{}
	for i := 0; i < len(users); i++ { // controllers join at the end
		maker := dependency.ControllerOf(users[i].Live)
		if !maker.MakesPods() || known[maker.UID] {
			users[i].Err = cmp.Or(users[i].Err, unread[maker.UID])
			continue
		}
		known[maker.UID] = true
		switch seen := r.Reader.Get(ctx, config, maker.ID, maker.Version); {
		case seen.State == drift.Unreadable:
			users[i].Err, unread[maker.UID] = seen.Err, seen.Err
		case seen.State == drift.Present && nested.UIDOf(seen.Live) == maker.UID:
			users = append(users, r.liveUser(seen.Live))
		}
	}
	return users
}

// liveUser is an object that no app of this run speaks of.
func (r Reconciler) liveUser(live map[string]any) dependency.User {
	return dependency.User{ID: drift.IDOf(live), Live: live, Status: r.Health(live, r.Now()).Status}
}

// podNamespaces are the namespaces whose Pods could use a target; "", which is all, comes
// first.
func podNamespaces(targets []dependency.Target) []string {
	var namespaces []string
	for _, target := range targets {
		namespaces = append(namespaces, target.PodNamespaces()...)
	}
	slices.Sort(namespaces)
	return slices.Compact(namespaces)
}
