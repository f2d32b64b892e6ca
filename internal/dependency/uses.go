package dependency

import (
	"fmt"
	"slices"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// Fate is what a run does with a user.
type Fate int

// The zero Fate is Stays.
const (
	Stays   Fate = iota
	Leaves       // it is to be pruned in this run, or was
	Changes      // it is written before anything is pruned: what it is then is asked then
	Due          // it is written in this run, and perhaps only later
	Kept         // it was to leave, and is kept because it is used itself
)

// User is a live object that may use what is to be pruned.
type User struct {
	ID      drift.ID
	Live    map[string]any
	Applied map[string]any // Git's manifest, where it is at hand
	Status  drift.HealthStatus
	// Wanted says that it is the app's own, and in Git.
	Wanted bool
	Fate   Fate
	// Err says that what it uses, or who controls it, could not be read. A User of kind
	// Pod without a name stands for all Pods of its namespace.
	Err error
}

// Use is why a target must be kept, and who uses it.
type Use struct {
	Reason string
	By     drift.ID
}

// Used says which of the targets must be kept, and why: docs/guards.md, P2. What may go is what
// nothing could still need that is not as Git wants it:
//
//   - what names, selects or mounts it must be Current, and as Git says, and must be no Pod
//     or ReplicaSet of an older revision, whose rollout is not finished;
//   - every workload and custom resource of the app must be Current. ("Changed, or not
//     Current, since the candidate left Git" comes to this: what is not Current now was
//     not Current since then, and of what is, nothing is asked.)
//
// Workloads at rest are judged by their Pods alone. What leaves with the target does not
// hold it, unless it is withheld itself.
func Used(targets []Target, users []User) map[drift.ID]Use {
	used := map[drift.ID]Use{}
	u := usage{users: slices.Clone(users), byUID: map[string]int{}}
	for i, user := range u.users {
		if uid := nested.UIDOf(user.Live); uid != "" {
			u.byUID[uid] = i
		}
		u.references = append(u.references, referencesOf(user))
	}
	for changed := true; changed; {
		changed = false
		for _, target := range targets {
			if used[target.ID].Reason != "" {
				continue
			}
			if use := u.of(target); use.Reason != "" {
				used[target.ID], changed = use, true
				u.withhold(target.ID)
			}
		}
	}
	return used
}

// usage is what one judgement knows of the users, each with its references: those of
// the live object first.
type usage struct {
	users      []User
	references [][]References
	byUID      map[string]int
}

// referencesOf reads every form of a user that can matter.
func referencesOf(user User) []References {
	forms := []References{ReferencesOf(user.Live)}
	for _, applied := range []map[string]any{user.Applied, kubectlApplied(user.Live)} {
		if applied != nil {
			form := ReferencesOf(applied)
			form.namespace = user.ID.Namespace // a manifest may leave it out
			forms = append(forms, form)
		}
	}
	return forms
}

func (u usage) withhold(id drift.ID) {
	for i := range u.users {
		if u.users[i].ID == id && u.users[i].Fate == Leaves {
			u.users[i].Fate = Kept
		}
	}
}

// of is the first use of a target that must keep it, zero when there is none.
func (u usage) of(target Target) Use {
	for i, user := range u.users {
		if user.Live == nil && user.Err == nil || user.ID == target.ID || u.excused(i) {
			continue
		}
		if reason := u.use(i, target); reason != "" {
			return Use{Reason: "P2: " + reason, By: user.ID}
		}
	}
	return Use{}
}

// use is why one user keeps the target.
func (u usage) use(i int, target Target) string {
	user, name := u.users[i], u.users[i].ID.Short()
	if user.ID.Name == "" {
		if slices.Contains(target.PodNamespaces(), user.ID.Namespace) {
			return fmt.Sprintf("whether Pods use it could not be read: %v", user.Err)
		}
		return ""
	}
	how := u.how(i, target)
	switch {
	case user.Fate == Kept && how != "":
		return fmt.Sprintf("%s, which %s it, is not pruned either", name, how)
	case user.Fate == Due && how != "":
		return fmt.Sprintf("%s, which %s it, is changed by this run too", name, how)
	case atRest(user):
		return ""
	case user.Err != nil && (how != "" || user.Live == nil && user.Applied == nil && mayUse(user.ID, target)):
		return fmt.Sprintf("whether %s uses it could not be read: %v", name, user.Err)
	case how == "":
		if user.Wanted && (builtinWorkload(user.ID) || customResource(user.ID)) && !asMeant[user.Status] {
			return fmt.Sprintf("%s is %s, and what it ran before may use this", name, user.Status)
		}
		return ""
	case u.behind(i, target):
		return fmt.Sprintf("%s, which %s it, is not as Git says", name, how)
	case u.older(i, target):
		return fmt.Sprintf("%s of an older revision still %s it", name, how)
	case user.Status != drift.HealthCurrent:
		return fmt.Sprintf("%s, which %s it, is %s", name, how, user.Status)
	}
	return ""
}

// asMeant are the statuses of a workload or custom resource that is done with what it
// ran before: somebody suspended it on purpose, or it is as it should be.
var asMeant = map[drift.HealthStatus]bool{"": true, drift.HealthCurrent: true, drift.HealthSuspended: true}

// how says how the user, as it is or as it was applied, uses the target.
func (u usage) how(i int, target Target) string {
	for _, form := range u.references[i] {
		if how := form.To(target); how != "" {
			return how
		}
	}
	return ""
}

// mayUse says that an object of which neither what is live nor what Git says is known may
// use the target.
func mayUse(id drift.ID, target Target) bool {
	return (builtinWorkload(id) || customResource(id)) && target.reached(id.Namespace)
}

// excused says that a user, or what controls it, leaves in this run, or is asked about
// when it has been written.
func (u usage) excused(i int) bool {
	for range len(u.users) { // no object is controlled by itself, but nobody checks
		if fate := u.users[i].Fate; fate == Leaves || fate == Changes {
			return true
		}
		controller, known := u.byUID[ControllerOf(u.users[i].Live).UID]
		if !known {
			return false
		}
		i = controller
	}
	return false
}

// behind says that an object still uses the target because it is not as Git says: what
// Git has would not. Policy may leave it so, and then it is in use however well it is.
func (u usage) behind(i int, target Target) bool {
	return u.users[i].Applied != nil && u.references[i][0].exactly(target) != "" && u.references[i][1].exactly(target) == ""
}

// older says that a Pod or ReplicaSet uses the target and the template of what made it
// does not any more. A Pod may refer to more than its template does, because admission
// injected it; so its revision must differ as well, or, where a Pod tells none, a rollout
// must be under way.
func (u usage) older(i int, target Target) bool {
	maker, known := u.byUID[ControllerOf(u.users[i].Live).UID]
	if kind := u.users[i].ID.Kind; kind != "Pod" && kind != "ReplicaSet" || !known || podTemplate(u.users[maker].Live) == nil {
		return false
	}
	refers := u.references[maker][0].To(target) != ""
	switch {
	case u.users[i].ID.Kind == "ReplicaSet":
		return !refers
	case u.users[maker].ID.Kind == "StatefulSet": // Current below its partition, too
		status, _ := u.users[maker].Live["status"].(map[string]any)
		return !refers && nested.Labels(u.users[i].Live)["controller-revision-hash"] != nested.StringAt(status, "updateRevision")
	case u.users[maker].ID.Kind != "ReplicaSet":
		return !refers && u.users[maker].Status != drift.HealthCurrent
	case refers:
		return u.older(maker, target)
	}
	of, known := u.byUID[ControllerOf(u.users[maker].Live).UID]
	return known && u.users[of].Status != drift.HealthCurrent
}

// atRest says that a workload has nothing to do now that needs what it names: whether
// its Pods do is for them to tell. That are a paused rollout, whatever was left of it, a
// suspended Job or CronJob, pods that wait to be deleted by hand, a Job whose Pods have
// ended, a Pod that has, and a ReplicaSet that was scaled down.
func atRest(user User) bool {
	if !builtinWorkload(user.ID) || user.Live == nil {
		return false
	}
	spec, _ := user.Live["spec"].(map[string]any)
	status, _ := user.Live["status"].(map[string]any)
	none := func(fields map[string]any, key string) bool { n, _ := fields[key].(int64); return n == 0 }
	switch user.ID.Kind {
	case "Pod":
		phase := nested.StringAt(status, "phase")
		return phase == "Succeeded" || phase == "Failed"
	case "ReplicaSet":
		return spec["replicas"] == int64(0) && none(status, "replicas")
	case "Deployment":
		return spec["paused"] == true
	case "Job":
		return (spec["suspend"] == true || ended(status)) && none(status, "active") && none(status, "terminating")
	}
	return user.Status == drift.HealthSuspended
}

// ended says that a Job completed or failed for good.
func ended(status map[string]any) bool {
	conditions, _ := status["conditions"].([]any)
	return slices.ContainsFunc(conditions, func(item any) bool {
		condition, _ := item.(map[string]any)
		name := nested.StringAt(condition, "type")
		return (name == "Complete" || name == "Failed") && condition["status"] == "True"
	})
}

// Controller is an object's controlling owner.
type Controller struct {
	ID      drift.ID
	Version string
	UID     string
}

// ControllerOf reads the owner references; zero when no owner controls the object. An
// owner stands in the same namespace, or in none.
func ControllerOf(live map[string]any) Controller {
	references, _ := nested.Metadata(live)["ownerReferences"].([]any)
	for _, item := range references {
		owner, _ := item.(map[string]any)
		if owner["controller"] != true {
			continue
		}
		group, version, err := drift.ParseAPIVersion(nested.StringAt(owner, "apiVersion"))
		if err != nil {
			return Controller{}
		}
		id := drift.ID{Group: group, Kind: nested.StringAt(owner, "kind"), Namespace: nested.StringAt(nested.Metadata(live), "namespace"), Name: nested.StringAt(owner, "name")}
		return Controller{ID: id, Version: version, UID: nested.StringAt(owner, "uid")}
	}
	return Controller{}
}

// MakesPods says that a controller is of a built-in kind with a template for Pods.
func (c Controller) MakesPods() bool { return c.UID != "" && builtinWorkload(c.ID) }
