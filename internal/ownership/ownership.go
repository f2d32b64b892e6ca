package ownership

import (
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// LiveOwnership reads what a live object says of itself.
func LiveOwnership(live map[string]any, entries []Entry) drift.Ownership {
	return drift.Ownership{
		PartOf:     nested.Labels(live)[drift.LabelPartOf],
		Tool:       ToolOf(live),
		Managers:   managerNames(entries),
		Controlled: controlled(live),
		LabelOwned: labelOwned(entries),
	}
}

// labelOwned says whether our own Apply entry wrote the part-of label
// (docs/guards.md, P4): controllers copy labels from parents to what they create, and a copy is
// owned by the controller that copied.
func labelOwned(entries []Entry) bool {
	path := fieldpath.MakePathOrDie("metadata", "labels", drift.LabelPartOf)
	return OwnFields(entries).Has(path)
}

func controlled(live map[string]any) bool {
	references, _ := nested.Metadata(live)["ownerReferences"].([]any)
	for _, item := range references {
		if reference, ok := item.(map[string]any); ok && reference["controller"] == true {
			return true
		}
	}
	return false
}

// deployerMarks are labels and annotations by which other deployers mark their
// objects; sources: each project's documentation of its tracking metadata.
var deployerMarks = []struct{ key, value, tool string }{
	{"argocd.argoproj.io/tracking-id", "", "Argo CD"},
	{"argocd.argoproj.io/instance", "", "Argo CD"},
	{"kustomize.toolkit.fluxcd.io/name", "", "Flux"},
	{"helm.toolkit.fluxcd.io/name", "", "Flux"},
	{"configmanagement.gke.io/managed", "enabled", "Config Sync"},
	{"kapp.k14s.io/app", "", "kapp"},
	{"config.k8s.io/owning-inventory", "", "cli-utils"},
	{"meta.helm.sh/release-name", "", "Helm"},
	{"kluctl.io/discriminator", "", "kluctl"},
}

// ToolOf names the deployment tool whose label or annotation an object carries; "" for none.
func ToolOf(live map[string]any) string {
	labels, annotations := nested.Labels(live), nested.Annotations(live)
	for _, mark := range deployerMarks {
		for _, values := range []map[string]string{labels, annotations} {
			if v, ok := values[mark.key]; ok && (mark.value == "" || v == mark.value) {
				return mark.tool
			}
		}
	}
	return ""
}

// keepMarks are the annotations by which deployers are told never to delete an
// object. Values: Helm "keep"; Argo CD Prune=false or Delete=false among its
// comma-separated sync options; Flux "disabled"; cli-utils "detach" and "keep";
// kapp "orphan" (docs/guards.md, P6). Compared without regard to
// case, as Helm does: a mark that is meant must not fail for its spelling.
var keepMarks = []struct{ key, value string }{
	{"helm.sh/resource-policy", "keep"},
	{"argocd.argoproj.io/sync-options", "Prune=false"},
	{"argocd.argoproj.io/sync-options", "Prune=confirm"},
	{"argocd.argoproj.io/sync-options", "Delete=false"},
	{"argocd.argoproj.io/sync-options", "Delete=confirm"},
	{"kustomize.toolkit.fluxcd.io/prune", "disabled"},
	{"client.lifecycle.config.k8s.io/deletion", "detach"},
	{"cli-utils.sigs.k8s.io/on-remove", "keep"},
	{"kapp.k14s.io/delete-strategy", "orphan"},
	{"kluctl.io/skip-delete", "true"},
	{"werf.io/resource-policy", "keep"},
}

// KeepMark is the annotation that forbids deleting the object, or "".
func KeepMark(object map[string]any) string {
	for _, values := range []map[string]string{nested.Annotations(object), nested.Labels(object)} {
		for _, mark := range keepMarks {
			for option := range strings.SplitSeq(values[mark.key], ",") {
				if strings.EqualFold(strings.TrimSpace(option), mark.value) {
					return mark.key + "=" + mark.value
				}
			}
		}
	}
	return ""
}
