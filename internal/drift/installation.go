package drift

import (
	"fmt"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/nested"
)

// Installation is what Killick itself runs on and with: no app may manage it (docs/guards.md,
// "Isolation of input"). The chart's names hold where nothing else is known.
type Installation struct {
	StateNamespace string `json:"-"`
	// Account is the user name of the ServiceAccount that runs execute as:
	// "system:serviceaccount:NAMESPACE:NAME". Empty means the chart's default.
	Account string `json:"account,omitempty"`
	// Names are what the installer called its objects, beside "killick".
	Names []string `json:"names,omitempty"`
}

// AccountPrefix begins the user name of every ServiceAccount.
const AccountPrefix = "system:serviceaccount:"

// account is the namespace and name of Killick's ServiceAccount.
func (i Installation) account() (namespace, name string) {
	namespace, name, ok := strings.Cut(strings.TrimPrefix(i.Account, AccountPrefix), ":")
	if !ok || !strings.HasPrefix(i.Account, AccountPrefix) {
		return i.StateNamespace, "killick"
	}
	return namespace, name
}

// Lives says whether a namespace is Killick's: that of its state, of its approvals or of
// its account.
func (i Installation) Lives(namespace string) bool {
	home, _ := i.account()
	return namespace != "" && slices.Contains([]string{home, i.StateNamespace, i.StateNamespace + approvalNamespaceTail}, namespace)
}

// named says whether a name is one that the chart gives to its objects.
func (i Installation) named(name string) bool {
	return slices.ContainsFunc(append([]string{"killick"}, i.Names...), func(own string) bool {
		return own != "" && (name == own || strings.HasPrefix(name, own+"-") || strings.HasPrefix(name, own+":"))
	})
}

// Owns says in words why an app may not manage an object; empty means that it may.
func (i Installation) Owns(id ID, manifest map[string]any) string {
	home, _ := i.account()
	approvals := i.StateNamespace + approvalNamespaceTail
	switch {
	case id.Namespace == approvals:
		return "in the namespace of Killick's approvals"
	case id.GroupKind() == "Namespace" && id.Name == approvals:
		return "the namespace of Killick's approvals"
	case id.GroupKind() == "Namespace" && (id.Name == i.StateNamespace || id.Name == home):
		return "Killick's own namespace"
	case id.Namespace == i.StateNamespace && ownState(id):
		return "Killick's own state"
	case id.Group == "rbac.authorization.k8s.io":
		return i.ownsRights(id, manifest)
	case id.Group == "admissionregistration.k8s.io":
		return i.ownsPolicy(id, manifest)
	case id.Namespace == home || id.Namespace == i.StateNamespace:
		return i.ownsWorkload(id, manifest)
	}
	return ""
}

// ownState are the objects that runs keep their memory in.
func ownState(id ID) bool {
	switch id.GroupKind() {
	case "ConfigMap":
		return id.Name == RunStateName || strings.HasPrefix(id.Name, parentNamePrefix) || strings.HasPrefix(id.Name, stateNamePrefix)
	case "Secret":
		return id.Name == KeyName
	case "Lease.coordination.k8s.io":
		return id.Name == LeaseName
	}
	return false
}

// ownsRights covers the chart's roles by name, and bindings by whom they are for: those of
// an installation under other names are found by that.
func (i Installation) ownsRights(id ID, manifest map[string]any) string {
	home, account := i.account()
	if i.named(id.Name) && (id.Namespace == "" || id.Namespace == i.StateNamespace || id.Namespace == home) {
		return "Killick's own permissions"
	}
	subjects, _ := manifest["subjects"].([]any)
	for _, item := range subjects {
		subject, _ := item.(map[string]any)
		byAccount := subject["kind"] == "ServiceAccount" && subject["name"] == account && subject["namespace"] == home
		if byAccount || subject["kind"] == "User" && subject["name"] == AccountPrefix+home+":"+account {
			return fmt.Sprintf("a binding of Killick's own account %s/%s: whoever installs Killick says what it may do", home, account)
		}
	}
	return ""
}

// ownsPolicy covers the admission policies that confine Killick's account: by name, or
// because they are about requests of that account alone, as the chart's are. A policy that
// mentions the account among others is anybody's.
func (i Installation) ownsPolicy(id ID, manifest map[string]any) string {
	const own = "Killick's own admission policy"
	if !strings.HasPrefix(id.Kind, "ValidatingAdmissionPolicy") {
		return ""
	}
	spec, _ := manifest["spec"].(map[string]any)
	policy, _ := spec["policyName"].(string)
	if i.named(id.Name) || policy != "" && i.named(policy) {
		return own
	}
	home, account := i.account()
	only := fmt.Sprintf("request.userInfo.username == %q", AccountPrefix+home+":"+account)
	conditions, _ := spec["matchConditions"].([]any)
	for _, item := range conditions {
		condition, _ := item.(map[string]any)
		if expression, _ := condition["expression"].(string); strings.TrimSpace(expression) == only {
			return own
		}
	}
	return ""
}

// ownsWorkload covers the CronJob, its account and its network policy, by name or by whom
// they run as.
func (i Installation) ownsWorkload(id ID, manifest map[string]any) string {
	home, account := i.account()
	switch id.GroupKind() {
	case "ServiceAccount":
		if i.named(id.Name) || id.Namespace == home && id.Name == account {
			return "Killick's own ServiceAccount"
		}
	case "CronJob.batch", "NetworkPolicy.networking.k8s.io":
		if i.named(id.Name) {
			return "Killick's own " + id.Kind
		}
	}
	if runsAs := podAccount(manifest); id.Namespace == home && runsAs == account {
		return fmt.Sprintf("run as Killick's own account %s/%s", home, account)
	}
	return ""
}

// podAccount is the ServiceAccount that a workload's Pods run as, "" when it names none.
func podAccount(manifest map[string]any) string {
	for _, path := range []nested.Path{
		{"spec", "jobTemplate", "spec", "template", "spec"}, {"spec", "template", "spec"}, {"spec"},
	} {
		found, _ := nested.ValueAt(manifest, path)
		spec, _ := found.(map[string]any)
		for _, field := range []string{"serviceAccountName", "serviceAccount"} { // the latter is its old name
			if name, _ := spec[field].(string); name != "" {
				return name
			}
		}
	}
	return ""
}
