package drift

import (
	"strings"
)

// Class groups field managers by who tends to be behind them. The names are
// chosen by clients and prove nothing; they only separate noise from hands.
type Class string

// The classes of docs/drift.md. The zero value belongs to fields nobody owns.
const (
	ClassNone        Class = ""
	ClassSelf        Class = "self"
	ClassInteractive Class = "interactive"
	ClassPipeline    Class = "pipeline"
	ClassDeployer    Class = "deployer"
	ClassController  Class = "controller"
	ClassUnknown     Class = "unknown"
)

// FieldManager is Killick's own field manager for managed objects.
const FieldManager = "killick"

// ParentFieldManager writes the ApplySet parents, named as KEP-3659 asks:
// <tooling name>-applyset.
const ParentFieldManager = "killick-applyset"

// builtinManagers is searched in order. Sources: kubectl's AddFieldManagerFlagVar
// defaults and the API server's rule that a manager without a name is the
// User-Agent up to the first slash (apiserver, handlers/create.go,
// managerOrUserAgent).
var builtinManagers = []ClassRule{
	{"kubectl-client-side-apply", ClassPipeline},
	{"kubectl-last-applied", ClassPipeline},
	{"kubectl*", ClassInteractive},
	{"k9s", ClassInteractive},
	{"rancher", ClassInteractive},
	{"Mozilla", ClassInteractive},
	{"node-fetch", ClassInteractive},
	{"lens*", ClassInteractive},
	{"freelens*", ClassInteractive},
	{"Headlamp*", ClassInteractive},
	{"headlamp*", ClassInteractive},
	{"dashboard*", ClassInteractive},
	{"kubernetes-dashboard*", ClassInteractive},
	{"oc", ClassInteractive},
	{"helm", ClassDeployer},
	{"argocd*", ClassDeployer},
	{"kustomize-controller", ClassDeployer},
	{"helm-controller", ClassDeployer},
	{"flux*", ClassDeployer},
	{"kluctl*", ClassDeployer},
	{"kapp*", ClassDeployer},
	{"configsync*", ClassDeployer},
	{"configmanagement*", ClassDeployer},
	{"kro*", ClassDeployer},
	{"fleet*", ClassDeployer},
	{"werf*", ClassDeployer},
	// What an object without managedFields held when it was first applied, the
	// server's defaults and controllers' fields included: nobody's hand.
	{"before-first-apply", ClassDeployer},
	{"Terraform", ClassPipeline},
	{"HashiCorp", ClassPipeline},
	{"pulumi*", ClassPipeline},
	{"python-requests", ClassPipeline},
	{"OpenAPI-Generator", ClassPipeline},
	{"curl", ClassPipeline},
	{"okhttp", ClassPipeline},
	{"kube-*", ClassController},
	{"kubelet", ClassController},
	{"clusterrole-aggregation-controller", ClassController},
	{"pilot-discovery", ClassController}, // Istio: the CA of its webhooks
	{"kyverno*", ClassController},
	{"gatekeeper*", ClassController},
	{"external-secrets*", ClassController},
	{"cert-manager*", ClassController},
	{"cloud-controller-manager", ClassController},
	{"*-controller", ClassController},
	{"*-controller-manager", ClassController},
	{"*-operator", ClassController},
	{"*-manager", ClassController},
	{"*-provisioner", ClassController},
	{"*-scheduler", ClassController},
	{"*-autoscaler", ClassController},
	{"*-webhook", ClassController},
	{"vpa-*", ClassController},
	{"kwok", ClassController},
	{"controller", ClassController},
	{"manager", ClassController},
}

func matchName(pattern, name string) bool {
	switch {
	case strings.HasPrefix(pattern, "*"):
		return strings.HasSuffix(name, pattern[1:])
	case strings.HasSuffix(pattern, "*"):
		return strings.HasPrefix(name, pattern[:len(pattern)-1])
	}
	return pattern == name
}

// Human says whether additions by this class are drift: a person, a script or a
// program nobody knows wrote them. Controllers and other deployers add fields
// as part of their job.
func (c Class) Human() bool {
	return c == ClassInteractive || c == ClassPipeline || c == ClassUnknown
}
