package health

import (
	"fmt"
	"strings"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// Of judges a live object as the API server returned it. The time is the run's,
// for the few rules that depend on how long something has lasted.
func Of(live map[string]any, now time.Time) drift.Health {
	o := newObject(live, now)
	if o.kind == "" {
		return unknown("there is no live object to judge")
	}
	health := o.judged()
	if health.Status != drift.HealthCurrent {
		health.Since, health.Created = o.since(health.Reason), o.moment("metadata", "creationTimestamp")
	}
	return health
}

// since is when what the status rests on began: the last transition of the condition whose
// words the reason gives, else of the last condition that stopped being True. Zero where
// no condition tells; counters have no time.
func (o object) since(reason string) time.Time {
	if at := o.moment("metadata", "deletionTimestamp"); !at.IsZero() {
		return at
	}
	var last time.Time
	for _, c := range o.conditions {
		if told := c.message+c.reason != "" && strings.Contains(reason, c.explain()); told && !c.since.IsZero() {
			return c.since
		}
		if c.status != "True" && c.since.After(last) {
			last = c.since
		}
	}
	return last
}

func (o object) moment(path ...string) time.Time {
	at, _ := time.Parse(time.RFC3339, o.text(path...))
	return at
}

func (o object) judged() drift.Health {
	if o.text("metadata", "deletionTimestamp") != "" {
		return terminating(o)
	}
	if health, decided := o.generic(); decided {
		return health
	}
	if rule, ok := kinds[o.group+"/"+o.kind]; ok {
		return rule(o)
	}
	return o.custom()
}

// severity orders the statuses for Worst. What is known to be broken comes
// before what is not known, and that before what will pass by itself.
var severity = map[drift.HealthStatus]int{
	drift.HealthFailed:      5,
	drift.HealthUnknown:     4,
	drift.HealthTerminating: 3,
	drift.HealthInProgress:  2,
	drift.HealthSuspended:   1,
	drift.HealthCurrent:     0,
}

// Worst is the status of an app whose objects have these statuses: Failed, then
// Unknown, Terminating, InProgress, Suspended, Current. A status that was not
// looked at counts as Unknown, and so does an app without any.
func Worst(statuses ...drift.HealthStatus) drift.HealthStatus {
	if len(statuses) == 0 {
		return drift.HealthUnknown
	}
	worst := drift.HealthCurrent
	for _, status := range statuses {
		if _, known := severity[status]; !known {
			status = drift.HealthUnknown
		}
		if severity[status] > severity[worst] {
			worst = status
		}
	}
	return worst
}

// generic are the rules for every object, before its kind is looked at (kstatus
// generic.go): the generation must have been observed, and Stalled and
// Reconciling are the conventions of the API machinery. Stalled goes first,
// because it is the worse of the two.
func (o object) generic() (drift.Health, bool) {
	if observed, ok := o.observedGeneration(); ok && o.generation != 0 && observed != o.generation {
		return inProgress("its controller has seen generation %d, and the object is at %d", observed, o.generation), true
	}
	if c, ok := o.condition("Stalled"); ok && c.status == "True" && !c.stale {
		return failed("stalled: %s", c.explain()), true
	}
	if c, ok := o.condition("Reconciling"); ok && c.status == "True" {
		return inProgress("reconciling: %s", c.explain()), true
	}
	return drift.Health{}, false
}

func terminating(o object) drift.Health {
	reason := "is being deleted"
	if finalizers := texts(o.list("metadata", "finalizers")); len(finalizers) > 0 {
		reason += ", waiting for " + strings.Join(finalizers, ", ")
	}
	return drift.Health{Status: drift.HealthTerminating, Reason: reason}
}

func current(format string, args ...any) drift.Health {
	return drift.Health{Status: drift.HealthCurrent, Reason: fmt.Sprintf(format, args...)}
}

func inProgress(format string, args ...any) drift.Health {
	return drift.Health{Status: drift.HealthInProgress, Reason: fmt.Sprintf(format, args...)}
}

// outside is in progress as far as anybody can tell, and waits for what no controller of
// Kubernetes itself brings.
func outside(format string, args ...any) drift.Health {
	health := inProgress(format, args...)
	health.Outside = true
	return health
}

func failed(format string, args ...any) drift.Health {
	return drift.Health{Status: drift.HealthFailed, Reason: fmt.Sprintf(format, args...)}
}

func suspended(format string, args ...any) drift.Health {
	return drift.Health{Status: drift.HealthSuspended, Reason: fmt.Sprintf(format, args...)}
}

func unknown(format string, args ...any) drift.Health {
	return drift.Health{Status: drift.HealthUnknown, Reason: fmt.Sprintf(format, args...)}
}
