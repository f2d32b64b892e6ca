package reconcile

import (
	"context"
	"time"

	"github.com/killick-dev/killick/internal/dependency"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// Source gives one commit of a repository of the config; "" names the config's
// own repository. Calls for the same repository share one fetch.
type Source interface {
	Checkout(ctx context.Context, repository string) (drift.Checkout, error)
	// Descends says whether the commit that Checkout gives is a commit, or descends
	// from it. An error means that it is not known.
	Descends(ctx context.Context, repository, ancestor string) (bool, error)
}

// Renderer turns an app's folder into objects.
type Renderer interface {
	Render(ctx context.Context, request drift.RenderRequest) (drift.Rendered, error)
}

// Reader asks the cluster.
type Reader interface {
	// Observe reads all apps at once: one LIST per kind, version and identity.
	// What cannot be read is Unreadable in the answer, never left out.
	Observe(ctx context.Context, wants []drift.Want) ([]drift.Seen, error)
	// Get reads one object afresh.
	Get(ctx context.Context, app drift.App, id drift.ID, version string) drift.Observation
	// KindIsGone says that the kind was taken out of the cluster, and its objects with it.
	KindIsGone(ctx context.Context, id drift.ID) bool
	// DryPatch answers what a JSON patch would make of the live object.
	DryPatch(ctx context.Context, app drift.App, id drift.ID, version string, live map[string]any, patch []nested.PatchOp) (map[string]any, error)
	// DryCreate answers what the object would be if it were created afresh.
	DryCreate(ctx context.Context, app drift.App, object drift.Object) (map[string]any, error)
	// Occupied says what foreign objects a Namespace, or a CRD's kind, holds; ""
	// means none. An error means that it is not known.
	Occupied(ctx context.Context, app drift.App, id drift.ID, live map[string]any) (string, error)
}

// Pods finds what outlasts the manifest that it was made from.
type Pods interface {
	// Using lists the live Pods and ReplicaSets of a namespace, of all when it is "",
	// that refer to one of the targets. An error means that it is not known.
	Using(ctx context.Context, app drift.App, namespace string, targets []dependency.Target) ([]map[string]any, error)
}

// Writer changes the cluster, one object at a time. A write that has begun is
// finished although the run was told to stop: its outcome must be known.
type Writer interface {
	// Apply writes one object and returns it as the server stored it.
	Apply(ctx context.Context, request drift.ApplyRequest) (map[string]any, error)
	// Delete removes one object under its preconditions.
	Delete(ctx context.Context, request drift.DeleteRequest) error
	// AwaitCRD waits until a CRD is established and its kinds are served.
	AwaitCRD(ctx context.Context, app drift.App, name string) error
}

// Memory keeps what one run leaves to the next.
type Memory interface {
	Load(ctx context.Context, app string) (drift.Inventory, drift.AppState, error)
	SaveInventory(ctx context.Context, app string, inventory drift.Inventory) error
	SaveState(ctx context.Context, app string, state drift.AppState) error
	// ForgetApp deletes what is kept of an app that was loaded, unless somebody wrote it
	// since.
	ForgetApp(ctx context.Context, app string) error
}

// Policies asks Rego.
type Policies interface {
	// Speakers are the areas in whose scope the objects of a namespace lie; only
	// these are asked about one.
	Speakers(namespace string) []string
	// NotAsked are the other areas that define a verb.
	NotAsked(namespace string) []string
	IgnoreFields(ctx context.Context, input drift.Input) ([]drift.Reason, error)
	Evaluate(ctx context.Context, input drift.Input) drift.Verdict
}

// Notifier tells people; it returns what has been told now. Its failure never
// changes a run's outcome.
type Notifier interface {
	Notify(ctx context.Context, report drift.Report, told drift.Told) (drift.Told, error)
}

// Health judges one live object.
type Health func(live map[string]any, now time.Time) drift.Health

// Progress hears which app is at which stage.
type Progress interface {
	Stage(app, stage, detail string)
}
