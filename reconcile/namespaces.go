package reconcile

import (
	"errors"
	"fmt"
	"slices"

	"github.com/killick-dev/killick/internal/drift"
)

// namespaceHint says what to do about a namespace that an app's object needs and that is
// not there; "" where no app of the config has its manifest, or which is not known.
func namespaceHint(apps []app, needs app, namespace string) string {
	holders := holdersOf(apps, namespace)
	if len(holders) == 0 {
		return ""
	}
	name, holder := needs.config.Name, holders[0]
	switch {
	case slices.Contains(holders, name):
		return fmt.Sprintf("namespace %q is in this app, and was not created: look at it first", namespace)
	case dependsOn(apps, name, holder):
		return fmt.Sprintf("namespace %q is in app %q, on which this one depends and which has not created it: look at that app first", namespace, holder)
	case dependsOn(apps, holder, name):
		return fmt.Sprintf("namespace %q is in app %q, which depends on this one: move the namespace's manifest here, or into an app that both depend on", namespace, holder)
	}
	return fmt.Sprintf("namespace %q is in app %q: name that app in dependsOn of app %q, so that it is written first", namespace, holder, name)
}

// holdersOf are the apps whose manifests have the namespace, in the config's order.
func holdersOf(apps []app, namespace string) []string {
	id := drift.ID{Kind: "Namespace", Name: namespace}
	var holders []string
	for _, a := range apps {
		if slices.ContainsFunc(a.objects, func(o drift.Object) bool { return o.ID == id }) {
			holders = append(holders, a.config.Name)
		}
	}
	return holders
}

// dependsOn says whether an app comes after another one, directly or not. The config has
// refused cycles.
func dependsOn(apps []app, name, other string) bool {
	for _, a := range apps {
		if a.config.Name != name {
			continue
		}
		for _, next := range a.config.DependsOn {
			if next == other || dependsOn(apps, next, other) {
				return true
			}
		}
	}
	return false
}

// withHolders names, in the hints of an app's report, the apps that have the namespaces
// which its objects miss.
func withHolders(apps []app, of app, report drift.ReportApp) drift.ReportApp {
	hints := map[drift.ID]string{}
	for _, result := range of.results {
		err := result.Err
		if err == nil {
			err = result.Step.Change.Err
		}
		if missing, ok := errors.AsType[*drift.NoNamespace](err); ok {
			hints[result.Step.Change.ID] = namespaceHint(apps, of, missing.Namespace)
		}
	}
	for i, resource := range report.Resources {
		if hint := hints[resource.ID()]; hint != "" && resource.Error != "" {
			report.Resources[i].Hint = hint
		}
	}
	return report
}
