package drift

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/killick-dev/killick/internal/nested"
)

// Noise tells hands from programs that do their job: which field managers belong
// to which class, and which additions are never drift. The zero value is the
// built-in table; its fields extend that table. It is a value like the rest of a
// comparison's input, so that two runs with the same table judge the same.
type Noise struct {
	// Managers are asked before the built-in rules, in their order. They cannot
	// give Killick's own names another class.
	Managers []ClassRule `json:"managers,omitempty"`
	// Quiet are further additions that are never drift: paths as policy's
	// ignore_fields writes them ("*" matches one element, the subtree is
	// included). What Git names itself is never quiet.
	Quiet []nested.Path `json:"quiet,omitempty"`
}

// ClassRule gives field managers a class: by exact name, by prefix when the
// pattern ends in "*", by suffix when it begins with one.
type ClassRule struct {
	Pattern string
	Class   Class
}

// QuietRule is one kind of addition that is never drift.
type QuietRule struct {
	Path nested.Path
	// Why says what leaves it behind.
	Why string
}

// ClassOf tells the class of a field manager; a name in no rule is ClassUnknown,
// and the empty name ClassNone.
func (n Noise) ClassOf(manager string) Class {
	switch manager {
	case "":
		return ClassNone
	case FieldManager, ParentFieldManager:
		return ClassSelf
	}
	for _, rules := range [][]ClassRule{n.Managers, builtinManagers} {
		for _, rule := range rules {
			if matchName(rule.Pattern, manager) {
				return rule.Class
			}
		}
	}
	return ClassUnknown
}

// IsQuiet says that an addition at the path is never drift.
func (n Noise) IsQuiet(path nested.Path) bool {
	return slices.ContainsFunc(n.Quiet, path.Matches) ||
		slices.ContainsFunc(builtinQuiet, func(rule QuietRule) bool { return path.Matches(rule.Path) })
}

// Fingerprint is equal for equal tables, the built-in one included: what was
// judged under another table has to be judged again.
func (n Noise) Fingerprint() string {
	sum := sha256.New()
	for _, rules := range [][]ClassRule{n.Managers, builtinManagers} {
		for _, rule := range rules {
			fmt.Fprintf(sum, "%q %q\n", rule.Pattern, rule.Class)
		}
	}
	var paths []string
	for _, path := range n.Quiet {
		paths = append(paths, path.Pointer())
	}
	for _, rule := range builtinQuiet {
		paths = append(paths, rule.Path.Pointer())
	}
	slices.Sort(paths) // any one silences; their order means nothing
	for _, path := range slices.Compact(paths) {
		fmt.Fprintf(sum, "%q\n", path)
	}
	return base64.RawStdEncoding.EncodeToString(sum.Sum(nil)[:16])
}

// BuiltinQuiet are the additions that are never drift whatever the config says.
func BuiltinQuiet() []QuietRule { return slices.Clone(builtinQuiet) }

// BuiltinManagers are the rules that are asked last.
func BuiltinManagers() []ClassRule { return slices.Clone(builtinManagers) }

// builtinQuiet are additions that clients leave behind as part of their job.
var builtinQuiet = []QuietRule{
	{nested.Path{"metadata", "annotations", LastApplied}, "`kubectl apply`, client-side: its copy of the manifest"},
	{nested.Path{"metadata", "annotations", restartedAt}, "`kubectl rollout restart`"},
	{nested.Path{"spec", "template", "metadata", "annotations", restartedAt}, "`kubectl rollout restart`"},
	{nested.Path{"metadata", "annotations", "kubernetes.io/change-cause"}, "`kubectl --record`, and those who write it by hand for `rollout history`"},
	{nested.Path{"metadata", "annotations", "deployment.kubernetes.io/revision"}, "the Deployment controller's count of rollouts; `rollout undo` copies it"},
	{nested.Path{"metadata", "annotations", "deprecated.daemonset.template.generation"}, "the API server's count of a DaemonSet's templates"},
	{nested.Path{"metadata", "annotations", "control-plane.alpha.kubernetes.io/leader"}, "leader election, by whatever program is elected"},
	{nested.Path{"metadata", "annotations", "field.cattle.io/publicEndpoints"}, "Rancher's list of a workload's addresses"},
	{nested.Path{"metadata", "annotations", AnnotationSuspendUntil}, "Killick's own switch"},
	{nested.Path{"metadata", "annotations", AnnotationSuspendReason}, "Killick's own switch"},
	{nested.Path{"metadata", "annotations", AnnotationBreakGlassUntil}, "Killick's own switch"},
	{nested.Path{"metadata", "annotations", AnnotationBreakGlassReason}, "Killick's own switch"},
	{nested.Path{"metadata", "finalizers"}, "whoever must act before the object goes"},
	{nested.Path{"metadata", "ownerReferences"}, "whoever owns the object, and garbage collection"},
	{nested.Path{"status"}, "controllers; Git has no say in it"},
}

const (
	// LastApplied is where kubectl apply, client-side, keeps its copy of a manifest.
	LastApplied = "kubectl.kubernetes.io/last-applied-configuration"
	restartedAt = "kubectl.kubernetes.io/restartedAt"
)
