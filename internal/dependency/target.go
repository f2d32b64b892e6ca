package dependency

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// Target is what is to be pruned, as its users see it.
type Target struct {
	ID       drift.ID
	labels   labels.Set // its own
	pods     labels.Set // of the Pods that it makes, or its own as a Pod
	accounts []drift.ID // whom a binding serves; without a name, all of the namespace; without both, all
}

// TargetOf reads the live object.
func TargetOf(id drift.ID, live map[string]any) Target {
	target := Target{ID: id, labels: nested.Labels(live), accounts: accountsOf(id, live)}
	if id.GroupKind() == "Pod" {
		target.pods = target.labels
	} else if template := podTemplate(live); template != nil {
		target.pods = nested.Labels(template)
	}
	return target
}

// podTemplate is the template of the Pods that an object makes, nil when it has none.
func podTemplate(object map[string]any) map[string]any {
	spec, _ := object["spec"].(map[string]any)
	if job, ok := spec["jobTemplate"].(map[string]any); ok {
		spec, _ = job["spec"].(map[string]any)
	}
	template, _ := spec["template"].(map[string]any)
	if pod, ok := template["spec"].(map[string]any); !ok || pod["containers"] == nil {
		return nil
	}
	return template
}

// accountsOf are the service accounts that a binding gives its role to, by name or by
// one of their groups (kubernetes.io/docs/reference/access-authn-authz/rbac).
func accountsOf(id drift.ID, live map[string]any) []drift.ID {
	if id.Group != "rbac.authorization.k8s.io" {
		return nil
	}
	var accounts []drift.ID
	subjects, _ := live["subjects"].([]any)
	for _, item := range subjects {
		subject, _ := item.(map[string]any)
		name := nested.StringAt(subject, "name")
		switch nested.StringAt(subject, "kind") {
		case "ServiceAccount":
			accounts = append(accounts, drift.ID{Kind: "ServiceAccount", Namespace: nested.StringAt(subject, "namespace"), Name: name})
		case "User":
			if namespace, account, ok := strings.Cut(strings.TrimPrefix(name, "system:serviceaccount:"), ":"); ok && strings.HasPrefix(name, "system:serviceaccount:") {
				accounts = append(accounts, drift.ID{Kind: "ServiceAccount", Namespace: namespace, Name: account})
			}
		case "Group":
			if namespace, ok := strings.CutPrefix(name, "system:serviceaccounts:"); ok {
				accounts = append(accounts, drift.ID{Kind: "ServiceAccount", Namespace: namespace})
			} else if name == "system:serviceaccounts" || name == "system:authenticated" {
				accounts = append(accounts, drift.ID{Kind: "ServiceAccount"})
			}
		}
	}
	return accounts
}

// usedByPods are the built-in kinds that a Pod can refer to; true for those without a
// namespace.
var usedByPods = map[string]bool{
	"ConfigMap": false, "Secret": false, "ServiceAccount": false, "PersistentVolumeClaim": false, "Service": false,
	"ResourceClaim.resource.k8s.io": false, "ResourceClaimTemplate.resource.k8s.io": false,
	"PriorityClass.scheduling.k8s.io": true, "RuntimeClass.node.k8s.io": true, "StorageClass.storage.k8s.io": true,
	"VolumeAttributesClass.storage.k8s.io": true, "DeviceClass.resource.k8s.io": true, "ClusterTrustBundle.certificates.k8s.io": true,
}

// PodNamespaces are the namespaces whose Pods could use it; "" is all of them.
func (t Target) PodNamespaces() []string {
	if t.ID.Group == "rbac.authorization.k8s.io" {
		var namespaces []string
		for _, account := range t.accounts {
			namespaces = append(namespaces, account.Namespace)
		}
		slices.Sort(namespaces)
		return slices.Compact(namespaces)
	}
	everywhere, builtin := usedByPods[t.ID.GroupKind()]
	switch {
	case everywhere:
		return []string{""}
	case builtin, customResource(t.ID) && t.ID.Namespace != "":
		return []string{t.ID.Namespace}
	}
	return nil
}

// To says how the target is used: "mounts", "names", "selects", …; "" when it is not. A
// word that may be its name counts.
func (r References) To(target Target) string {
	if how := r.exactly(target); how != "" {
		return how
	}
	// A namespaced resource names what stands beside it, or says where else.
	reached := target.reached(r.namespace) || r.words[target.ID.Namespace]
	if reached && (r.words[target.ID.Name] || target.ID.GroupKind() == "Service" && r.hosts[target.ID.Name]) {
		return ByName
	}
	return ""
}

// exactly is To without mere words.
func (r References) exactly(target Target) string {
	for _, to := range r.named {
		if to.how == ByAccount && target.serves(to) {
			return ByBinding
		}
		if to.name == target.ID.Name && (to.kind == "" || to.kind == target.ID.Kind) && target.reached(to.namespace) {
			return to.how
		}
	}
	if !target.reached(r.namespace) {
		return ""
	}
	for _, by := range r.selectors {
		if len(target.pods) > 0 && (by.all || by.Matches(target.pods)) || r.custom && by.Matches(target.labels) {
			return BySelector
		}
	}
	return ""
}

// reached says that a name in this namespace may be the target's.
func (t Target) reached(namespace string) bool {
	return t.ID.Namespace == "" || namespace == "" || namespace == t.ID.Namespace
}

// serves says that a binding gives rights to the account that something runs as.
func (t Target) serves(account reference) bool {
	return slices.ContainsFunc(t.accounts, func(id drift.ID) bool {
		return (id.Name == "" || id.Name == account.name) && (id.Namespace == "" || id.Namespace == account.namespace)
	})
}
