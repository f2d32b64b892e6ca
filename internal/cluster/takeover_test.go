package cluster

import (
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// Between the two writes of a take-over others may write too.
func TestTakeOverIsFinishedOrUndone(t *testing.T) {
	for _, c := range []struct {
		why     string
		between func(e *env, object drift.Object)
		refuse  bool // the apply is refused
		want    error
		owner   string // of the label in the end; "" is nobody
	}{
		{why: "a controller wrote status: what was judged is the same",
			between: func(e *env, object drift.Object) {
				where := "/apis/apps/v1/namespaces/" + e.ns + "/deployments/web/status"
				e.send(http.MethodPatch, where, "some-controller", "application/merge-patch+json", tree(e.T, "{status: {collisionCount: 7}}"))
			}},
		{why: "somebody edited the object: the edit is not overwritten",
			between: func(e *env, object drift.Object) {
				e.patch(object.ID, "v1", "kubectl-edit", "{metadata: {labels: {other: edit}}}")
			},
			want: drift.ErrConflict, owner: drift.FieldManager},
		{why: "the apply is refused: the label is its writer's again", refuse: true, want: drift.ErrInvalid, owner: "kubectl-label"},
	} {
		t.Run(c.why, func(t *testing.T) {
			e := newEnv(t)
			var once sync.Once
			var object drift.Object
			inject := &wire{}
			client := e.connect(Options{Transport: inject.wrap})
			object = e.member(client, "shop", webManifest)
			object.Manifest["spec"].(map[string]any)["replicas"] = int64(0)
			e.apply(client, object)
			live := e.patch(object.ID, "v1", "kubectl-label", "{metadata: {labels: {by: hand}}}")
			for { // until the Deployment's controller has settled
				again := e.live(object)
				if versionOf(again) == versionOf(live) && at(again, "status", "observedGeneration") == at(again, "metadata", "generation") {
					break
				}
				live = again
			}
			inject.mu.Lock()
			inject.after = func(r *http.Request, answer *http.Response) (*http.Response, error) {
				if r.Method == http.MethodPatch && r.Header.Get("Content-Type") == "application/json-patch+json" && c.between != nil {
					once.Do(func() { c.between(e, object) })
				}
				return answer, nil
			}
			inject.before = func(r *http.Request) (*http.Response, error) {
				if c.refuse && r.Method == http.MethodPatch && r.Header.Get("Content-Type") == "application/apply-patch+yaml" {
					return answer(r, http.StatusUnprocessableEntity, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422,"message":"no"}`, "Content-Type", "application/json"), nil
				}
				return nil, nil
			}
			inject.mu.Unlock()
			r := update(object, live)
			r.ManagedFields = takeOver(live, tree(t, `f:metadata: {f:labels: {"f:by": {}}}`), "kubectl-label")
			_, err := client.Apply(e.ctx, r)
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			owners := []string{}
			for _, item := range list(e.live(object), "metadata", "managedFields") {
				entry := item.(map[string]any)
				if at(entry, "fieldsV1", "f:metadata", "f:labels", "f:by") != nil {
					owners = append(owners, text(entry, "manager"))
				}
			}
			want := []string{}
			if c.owner != "" {
				want = append(want, c.owner)
			}
			if diff := cmp.Diff(want, owners); diff != "" {
				t.Error("owners of the label (-want +got):\n" + diff)
			}
		})
	}
}
