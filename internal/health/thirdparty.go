package health

import (
	"github.com/killick-dev/killick/internal/drift"
)

// certificate knows that a renewal that failed leaves Ready at True until the
// old certificate expires (cert-manager: Issuing=False with reason Failed). A
// certificate that is being issued is InProgress whatever Ready's reason says.
func certificate(o object) drift.Health {
	issuing, _ := o.condition("Issuing")
	switch {
	case issuing.status == "True":
		return inProgress("issuing: %s", issuing.explain())
	case issuing.status == "False" && failing(issuing.reason):
		return failed("issuing it failed: %s", issuing.explain())
	}
	return o.custom()
}

// gateway looks at its listeners too (Gateway API: ListenerStatus.conditions). An address
// that was not assigned comes from a load balancer, as a Service's does.
func gateway(o object) drift.Health {
	said := o.custom()
	if c, _ := o.condition("Programmed"); c.status != "True" && c.reason == "AddressNotAssigned" {
		said.Outside = said.Status == drift.HealthInProgress
	}
	for _, item := range o.list("status", "listeners") {
		fields, _ := item.(map[string]any)
		listener := object{tree: fields}
		judged := judge(conditions(listener.list("conditions"), o.generation), false)
		if judged.Status != "" && judged.Status != drift.HealthCurrent {
			judged.Reason = "listener " + listener.text("name") + ": " + judged.Reason
			said = worse(said, judged)
		}
	}
	return said
}

// route is judged by what each parent says about it (Gateway API:
// RouteParentStatus); without any parent nobody has taken it.
func route(o object) drift.Health {
	parents := o.list("status", "parents")
	if len(parents) == 0 {
		return inProgress("no gateway has taken it yet")
	}
	var said drift.Health
	for _, item := range parents {
		fields, _ := item.(map[string]any)
		parent := object{tree: fields}
		judged := judge(conditions(parent.list("conditions"), o.generation), false)
		if judged == (drift.Health{}) {
			judged = inProgress("has not reported yet")
		}
		judged.Reason = "gateway " + parent.text("parentRef", "name") + ": " + judged.Reason
		said = worse(said, judged)
	}
	return said
}

// argoRollout reads the phase that Argo Rollouts works out itself; a pause is
// part of a canary and ends when somebody promotes it.
func argoRollout(o object) drift.Health {
	message := firstOf(o.text("status", "message"), "no reason given")
	switch phase := o.text("status", "phase"); phase {
	case "Healthy":
		return current("healthy")
	case "Degraded":
		return failed("degraded: %s", shorten(message))
	case "Paused":
		return suspended("paused: %s", shorten(message))
	case "Progressing":
		return inProgress("progressing: %s", shorten(message))
	case "":
		return inProgress("its controller has not reported a phase yet")
	default:
		return unknown("phase %q is not known", phase)
	}
}

// argoApplication combines the two words of Argo CD: an application can be
// healthy and not be what Git says.
func argoApplication(o object) drift.Health {
	sync := o.text("status", "sync", "status")
	switch health := o.text("status", "health", "status"); {
	case health == "" || sync == "":
		return inProgress("Argo CD has not looked at it yet")
	case health == "Degraded" || health == "Missing":
		return failed("Argo CD calls it %s: %s", health, firstOf(shorten(o.text("status", "health", "message")), "no reason given"))
	case health == "Suspended":
		return suspended("Argo CD calls it Suspended")
	case health == "Progressing":
		return inProgress("Argo CD calls it Progressing")
	case health != "Healthy" || sync == "Unknown":
		return unknown("Argo CD calls it %s and %s", health, sync)
	case sync != "Synced":
		return inProgress("Argo CD calls it Healthy but %s", sync)
	}
	return current("Argo CD calls it Healthy and Synced")
}

// sealedSecret: its controller gives no reason, only Synced=False with a
// message, when it cannot decrypt.
func sealedSecret(o object) drift.Health {
	c, ok := o.condition("Synced")
	switch {
	case !ok:
		return inProgress("its controller has not looked at it yet")
	case c.status == "True":
		return current("unsealed")
	case c.status == "False":
		return failed("not unsealed: %s", c.explain())
	}
	return inProgress("not unsealed yet: %s", c.explain())
}

// constraintTemplate reads what each Gatekeeper pod found; the kind has no
// conditions.
func constraintTemplate(o object) drift.Health {
	for _, item := range o.list("status", "byPod") {
		fields, _ := item.(map[string]any)
		for _, problem := range (object{tree: fields}).list("errors") {
			message, _ := problem.(map[string]any)
			return failed("Gatekeeper refused it: %s", shorten(firstOf(object{tree: message}.text("message"), "no reason given")))
		}
	}
	if o.flag("status", "created") {
		return current("its constraint kind exists")
	}
	return inProgress("Gatekeeper has not created its constraint kind yet")
}
