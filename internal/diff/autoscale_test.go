package diff_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/model"
)

func TestScalerOf(t *testing.T) {
	t.Parallel()
	web := drift.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	cases := []struct {
		why, group, kind, spec string
		target                 drift.ID
		vertical, none         bool
	}{
		{why: "a HorizontalPodAutoscaler", group: "autoscaling", kind: "HorizontalPodAutoscaler", spec: "scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}", target: web},
		{why: "a reference's version does not matter", group: "autoscaling", kind: "HorizontalPodAutoscaler", spec: "scaleTargetRef: {apiVersion: apps/v1beta2, kind: Deployment, name: web}", target: web},
		{why: "a reference's group does", group: "autoscaling", kind: "HorizontalPodAutoscaler", spec: "scaleTargetRef: {apiVersion: extensions/v1beta1, kind: Deployment, name: web}",
			target: drift.ID{Group: "extensions", Kind: "Deployment", Namespace: "shop", Name: "web"}},
		{why: "a custom resource is scaled as well", group: "autoscaling", kind: "HorizontalPodAutoscaler", spec: "scaleTargetRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web}",
			target: drift.ID{Group: "argoproj.io", Kind: "Rollout", Namespace: "shop", Name: "web"}},
		{why: "KEDA has defaults", group: "keda.sh", kind: "ScaledObject", spec: "scaleTargetRef: {name: web}", target: web},
		{why: "KEDA scales other kinds", group: "keda.sh", kind: "ScaledObject", spec: "scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: web}",
			target: drift.ID{Group: "apps", Kind: "StatefulSet", Namespace: "shop", Name: "web"}},
		{why: "others took the field over", group: "datadoghq.com", kind: "WatermarkPodAutoscaler", spec: "scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}", target: web},
		{why: "a vertical one", group: "autoscaling.k8s.io", kind: "VerticalPodAutoscaler", spec: "targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}", target: web, vertical: true},
		{why: "a vertical one that sets pods once", group: "autoscaling.k8s.io", kind: "VerticalPodAutoscaler", spec: "updatePolicy: {updateMode: Initial}, targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}", target: web, vertical: true},
		{why: "a vertical one that only watches", group: "autoscaling.k8s.io", kind: "VerticalPodAutoscaler", spec: "updatePolicy: {updateMode: \"Off\"}, targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}", none: true},
		{why: "no name", group: "autoscaling", kind: "HorizontalPodAutoscaler", spec: "scaleTargetRef: {apiVersion: apps/v1, kind: Deployment}", none: true},
		{why: "no kind", group: "autoscaling", kind: "HorizontalPodAutoscaler", spec: "scaleTargetRef: {apiVersion: apps/v1, name: web}", none: true},
		{why: "a reference of another shape", group: "autoscaling", kind: "HorizontalPodAutoscaler", spec: "scaleTargetRef: web", none: true},
		{why: "something else", group: "apps", kind: "Deployment", spec: "replicas: 1", none: true},
	}
	for _, c := range cases {
		id := drift.ID{Group: c.group, Kind: c.kind, Namespace: "shop", Name: "scaler"}
		got, ok := diff.ScalerOf(id, model.Tree(t, "spec: {"+c.spec+"}"))
		want := diff.Scaler{ID: id, Target: c.target, Vertical: c.vertical}
		if c.none {
			want = diff.Scaler{}
		}
		if diff := cmp.Diff(want, got); diff != "" || ok == c.none {
			t.Errorf("%s: %v (-want +got):\n%s", c.why, ok, diff)
		}
	}
}

// What is handed to an autoscaler leaves the verdict; what Git still says does not.
func TestHandedOver(t *testing.T) {
	t.Parallel()
	const cpu = "spec template spec containers [name=app] resources requests cpu"
	change := func(path string, op drift.Op, by drift.Class, addition bool) drift.FieldChange {
		return drift.FieldChange{Path: model.At(path), Op: op, Cause: drift.CauseGit, ManagerClass: by, Addition: addition, Desired: "1", Live: "2"}
	}
	cases := []struct {
		why               string
		field             drift.FieldChange
		autoscaled, sized bool
		ignored           bool
	}{
		{"replicas that Git drops", change("spec replicas", drift.OpAdd, drift.ClassSelf, false), true, false, true},
		{"replicas that Git says beside the autoscaler", change("spec replicas", drift.OpReplace, drift.ClassController, false), true, false, true},
		{"replicas without an autoscaler", change("spec replicas", drift.OpAdd, drift.ClassSelf, false), false, true, false},
		{"requests that Git drops", change(cpu, drift.OpAdd, drift.ClassSelf, false), false, true, true},
		{"requests of a CronJob", change("spec jobTemplate spec template spec containers [name=app] resources", drift.OpAdd, drift.ClassSelf, false), false, true, true},
		{"requests that Git still says", change(cpu, drift.OpReplace, drift.ClassSelf, false), false, true, false},
		{"requests that a person added", change(cpu, drift.OpAdd, drift.ClassInteractive, true), false, true, false},
		{"requests without a vertical autoscaler", change(cpu, drift.OpAdd, drift.ClassSelf, false), true, false, false},
		{"something else of the container", change("spec template spec containers [name=resources] image", drift.OpAdd, drift.ClassSelf, false), false, true, false},
	}
	for _, c := range cases {
		got := diff.WithoutIgnored(drift.Change{Ownership: drift.Ownership{Tracked: true, Autoscaled: c.autoscaled, Sized: c.sized}, Fields: []drift.FieldChange{c.field}}, nil)
		if ignored := len(got.Ignored) == 1; ignored != c.ignored {
			t.Errorf("%s: ignored %v", c.why, ignored)
		}
		if held := c.sized && c.ignored; diff.Held(got) != held {
			t.Errorf("%s: held %v", c.why, diff.Held(got))
		}
	}
}
