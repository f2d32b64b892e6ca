package health

import (
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// vocabulary are the words of status.phase, status.state, status.status and
// status.health, in lower case without separators.
var vocabulary = map[drift.HealthStatus][]string{
	drift.HealthCurrent: {"ready", "active", "available", "bound", "healthy", "succeeded", "success", "successful", "complete",
		"completed", "deployed", "synced", "established", "valid", "running", "online", "installed", "created", "finished", "ok",
		"provisioned", "connected", "enabled", "green", "normal", "stable", "attached", "accepted", "issued"},
	drift.HealthInProgress: {"pending", "creating", "provisioning", "progressing", "updating", "upgrading", "initializing",
		"initialising", "installing", "reconciling", "inprogress", "waiting", "scaling", "starting", "deploying", "processing",
		"new", "queued", "restoring", "notready", "yellow", "configuring", "bootstrapping", "building", "migrating",
		"scheduling", "scheduled", "binding", "attaching", "detaching", "joining", "uninstalling", "rollingout", "syncing", "finalizing"},
	drift.HealthFailed: {"failed", "failure", "error", "errored", "degraded", "invalid", "unhealthy", "lost", "rejected",
		"denied", "aborted", "red", "crashed", "unavailable", "faulted", "broken", "offline", "disconnected", "expired",
		"partiallyfailed", "failedvalidation", "timeout", "timedout"},
	drift.HealthSuspended:   {"paused", "suspended", "stopped", "hibernated", "disabled", "inactive"},
	drift.HealthTerminating: {"terminating", "deleting"},
}

var separators = strings.NewReplacer(" ", "", "-", "", "_", "")

// words reads the one-word fields. A word that is not known is Unknown: it says
// something, and nobody can tell what.
func (o object) words() drift.Health {
	var said drift.Health
	for _, path := range [][]string{{"status", "phase"}, {"status", "state"}, {"status", "status"}, {"status", "health"}, {"status", "health", "status"}} {
		word := o.text(path...)
		if word == "" {
			continue
		}
		status := meaning(word)
		reason := strings.Join(path, ".") + " is " + shorten(word)
		if status == drift.HealthUnknown {
			reason += ", which is not known"
		}
		said = worse(said, drift.Health{Status: status, Reason: reason})
	}
	return said
}

// meanings is the vocabulary by word.
var meanings = func() map[string]drift.HealthStatus {
	all := map[string]drift.HealthStatus{}
	for status, words := range vocabulary {
		for _, word := range words {
			all[word] = status
		}
	}
	return all
}()

func meaning(word string) drift.HealthStatus {
	if status, ok := meanings[strings.ToLower(separators.Replace(word))]; ok {
		return status
	}
	return drift.HealthUnknown
}
