package health

import (
	"regexp"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// Conditions by what they mean. A condition that stands in none of these, and
// does not end like one of them, says nothing.
var (
	// good conditions are summaries: all that are there must be True.
	good = []string{"Ready", "Available", "Healthy", "Synced", "Established", "Installed", "Programmed", "Accepted",
		"ResolvedRefs", "Reconciled", "Deployed", "Provisioned", "Valid", "Succeeded", "Complete", "Completed"}
	// bad conditions must not be True.
	bad = []string{"Degraded", "Failed", "Failure", "Error", "Unhealthy", "Invalid", "InvalidRequest", "Denied",
		"Conflicted", "Dangling"}
	// busy conditions say that something is under way while they are True.
	busy = []string{"Progressing", "Issuing", "Pending", "Creating", "Provisioning", "Initializing", "Installing",
		"Deploying", "Updating", "Upgrading", "Scaling", "Deleting", "NotReady"}
	// paused conditions say that nothing will happen while they are True.
	paused = []string{"Paused", "Suspended"}

	goodEndings = []string{"Ready", "Available", "Healthy", "Synced"}
	badEndings  = []string{"Failed", "Failure", "Error", "Degraded", "Unhealthy"}
)

// failureWords are what controllers put into a reason when they have given up
// or cannot go on. A reason is CamelCase.
var failureWords = regexp.MustCompile(`Fail|Error|(^|[a-z])Err[A-Z]|Invalid|Denied|Unauthori[sz]ed|Forbidden|NotFound|` +
	`Misconfigured|Rejected|Unsupported|NotSupported|Conflict|Back[Oo]ff|Exceeded|Crash|Degraded|Unhealthy|Expired|` +
	`Aborted|Refused|NotAllowed|CannotBe|Incompatible`)

// pauseWords mark a reason that says somebody stopped the controller.
var pauseWords = regexp.MustCompile(`Paused|Suspended|Stopped|Hibernat`)

func failing(reason string) bool { return failureWords.MatchString(reason) }

// custom judges a kind without a rule of its own: by its conditions, then by the
// one-word fields that many custom resources have instead. The worst of what is
// said counts. kstatus looks at Ready only and calls the rest Current.
func (o object) custom() drift.Health {
	if strings.HasSuffix(o.group, ".toolkit.fluxcd.io") && o.flag("spec", "suspend") {
		return suspended("spec.suspend is set")
	}
	for _, name := range reports[o.group+"/"+o.kind] {
		if _, ok := o.condition(name); !ok {
			return inProgress("its controller has not reported %s yet", name)
		}
	}
	said := judge(o.conditions, o.strict())
	if words := o.words(); words.Status != drift.HealthUnknown || said == (drift.Health{}) {
		said = worse(said, words)
	}
	said = worse(said, o.counters())
	if said != (drift.Health{}) {
		return said
	}
	if len(o.fields("status")) == 0 {
		return current("reports no status")
	}
	return current("its status says nothing against it")
}

// strict says that the kind follows Knative's convention: False is final, and
// what is under way is Unknown.
func (o object) strict() bool {
	return o.group == "knative.dev" || strings.HasSuffix(o.group, ".knative.dev") || o.group == "tekton.dev"
}

// order ranks what one object says about itself; other than in Worst, something
// paused hides that it is not done.
var order = map[drift.HealthStatus]int{
	drift.HealthFailed: 5, drift.HealthSuspended: 4, drift.HealthTerminating: 3, drift.HealthInProgress: 2,
	drift.HealthUnknown: 1, drift.HealthCurrent: 0,
}

// worse keeps the worse of two statements; the zero Health is none.
func worse(a, b drift.Health) drift.Health {
	switch {
	case a == (drift.Health{}):
		return b
	case b == (drift.Health{}), order[a.Status] >= order[b.Status]:
		return a
	}
	return b
}

// judge gives the worst of what conditions say, or the zero Health when they say
// nothing. Conditions that only end like a known one count if there is no
// summary.
func judge(all []condition, strict bool) drift.Health {
	var said drift.Health
	summary := slices.ContainsFunc(all, func(c condition) bool { return slices.Contains(good, c.name) })
	for _, c := range all {
		switch {
		case slices.Contains(good, c.name), !summary && ends(c.name, goodEndings) && !strings.Contains(c.name, "Not"):
			said = worse(said, goodCondition(c, strict))
		case slices.Contains(bad, c.name), ends(c.name, badEndings):
			if c.status == "True" {
				said = worse(said, badCondition(c))
			}
		case slices.Contains(busy, c.name):
			if c.status == "True" {
				said = worse(said, busyCondition(c))
			}
		case slices.Contains(paused, c.name) && c.status == "True":
			said = worse(said, suspended("%s: %s", c.name, c.explain()))
		}
	}
	return said
}

func ends(name string, endings []string) bool {
	return slices.ContainsFunc(endings, func(ending string) bool { return strings.HasSuffix(name, ending) })
}

func goodCondition(c condition, strict bool) drift.Health {
	switch {
	case c.stale:
		return inProgress("%s was reported for an older generation", c.name)
	case c.status == "True":
		return current("%s", c.name)
	case pauseWords.MatchString(c.reason):
		return suspended("not %s: %s", c.name, c.explain())
	case c.status == "Unknown", c.status == "":
		return inProgress("not %s yet: %s", c.name, c.explain())
	case c.status != "False":
		// Prometheus Operator writes Available=Degraded.
		if failing(c.status) {
			return failed("%s is %s: %s", c.name, c.status, c.explain())
		}
		return unknown("%s is %q, which is not known", c.name, c.status)
	case strict, c.grave, c.name == "Succeeded", failing(c.reason):
		return failed("not %s: %s", c.name, c.explain())
	}
	return inProgress("not %s yet: %s", c.name, c.explain())
}

func badCondition(c condition) drift.Health {
	if c.stale {
		return inProgress("%s was reported for an older generation", c.name)
	}
	return failed("%s: %s", c.name, c.explain())
}

// busyCondition knows that Progressing=True with the reason
// NewReplicaSetAvailable is how a Deployment, and what copies it, says done.
func busyCondition(c condition) drift.Health {
	if c.name == "Progressing" && c.reason == "NewReplicaSetAvailable" {
		return current("%s", c.reason)
	}
	if failing(c.reason) {
		return failed("%s: %s", c.name, c.explain())
	}
	return inProgress("%s: %s", c.name, c.explain())
}

// counters reads other fields that many custom resources share: Cluster API's
// failureReason and failureMessage, a boolean status.ready, and replicas.
func (o object) counters() drift.Health {
	if reason := join(o.text("status", "failureReason"), o.text("status", "failureMessage")); reason != "" {
		return failed("%s", shorten(reason))
	}
	if ready, ok := o.at("status", "ready").(bool); ok && !ready {
		return inProgress("status.ready is false")
	}
	want, hasWant := o.number("spec", "replicas")
	ready, hasReady := o.number("status", "readyReplicas")
	if hasWant && hasReady && ready < want {
		return inProgress("%d of %d replicas are ready", ready, want)
	}
	return drift.Health{}
}
