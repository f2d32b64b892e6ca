package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// way is how a client writes.
type way string

const (
	strategic way = "strategic merge patch"
	merging   way = "merge patch"
	patching  way = "JSON patch"
	putting   way = "update"
	forcing   way = "forced apply"
	offering  way = "apply"
	scaling   way = "scale"
	deploying way = "client-side apply"
)

// hand is a client: the name it goes by and its way to write.
type hand struct {
	manager string
	way     way
}

func (h hand) String() string { return fmt.Sprintf("%s (%s)", h.manager, h.way) }

// human says whether what the client adds is drift.
func (h hand) human() bool { return drift.Noise{}.ClassOf(h.manager).Human() }

// hands are the clients: kubectl's verbs as kubectl sends them, programs for
// people, scripts, pipelines, programs that nobody knows, and controllers and
// other deployers, whose additions are their own business.
var hands = []hand{
	{"kubectl-edit", strategic}, {"kubectl-edit", strategic}, {"kubectl-patch", merging}, {"kubectl-patch", patching},
	{"kubectl-patch", strategic}, {"kubectl-replace", putting}, {"kubectl-scale", scaling}, {"kubectl-label", merging},
	{"kubectl-client-side-apply", deploying}, {"kubectl", forcing}, {"kubectl", offering}, {"k9s", putting},
	{"Mozilla", putting}, {"curl", patching}, {"python-requests", merging}, {"Terraform", forcing}, {"deploy-script", merging},
	{"deploy-script", forcing}, {"deploy-script", offering}, {"mesh-operator", merging}, {"mesh-operator", forcing},
	{"node-controller", putting}, {"helm", strategic},
}

// chooseHand finds a client that can make the edit.
func chooseHand(r *rand.Rand, k kind, e edit) hand {
	h := hands[r.IntN(len(hands))]
	switch h.way {
	case scaling:
		if !k.scalable || e.op != "change" && e.op != "add" || e.path.written().String() != "spec.replicas" {
			h = hand{"kubectl-edit", strategic}
		}
	case forcing, offering:
		if e.op != "change" && e.op != "add" {
			h.way = merging // an apply cannot take away or reorder
		}
	}
	if k.custom && h.way == strategic {
		h.way = merging // as kubectl does
	}
	return h
}

// endpoint is one object on the server, for a client.
type endpoint struct {
	resource dynamic.ResourceInterface
	kind     kind
	name     string
	ns       string
}

// do makes the act on the object as it is now. refused is the server's no, and
// that the edit does not fit the object any more.
func (o endpoint) do(ctx context.Context, a act) (refused, failed error) {
	for range 5 {
		live, err := o.resource.Get(ctx, o.name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		changed, ok := a.edit.on(o.kind.shape, nested.CloneMap(live.Object))
		if !ok {
			return fmt.Errorf("nothing to edit at %s", a.edit.path.written()), nil
		}
		err = o.send(ctx, a, live.Object, changed.(map[string]any))
		switch {
		case err == nil:
			return nil, nil
		case apierrors.IsConflict(err) && a.hand.way != offering, apierrors.IsServerTimeout(err), apierrors.IsTooManyRequests(err):
			continue // somebody was faster, as with any client
		}
		if status := apierrors.APIStatus(nil); errors.As(err, &status) {
			return err, nil
		}
		return nil, err
	}
	return nil, fmt.Errorf("%s %q changes all the time", o.kind.name, o.name)
}

func (o endpoint) send(ctx context.Context, a act, live, changed map[string]any) error {
	manager := a.hand.manager
	switch a.hand.way {
	case putting:
		_, err := o.resource.Update(ctx, &unstructured.Unstructured{Object: changed}, metav1.UpdateOptions{FieldManager: manager})
		return err
	case forcing, offering:
		tree := o.kind.sparse(a.edit)
		tree["apiVersion"], tree["kind"] = o.kind.apiVersion, o.kind.name
		_, err := o.resource.Apply(ctx, o.name, o.identify(tree), metav1.ApplyOptions{FieldManager: manager, Force: a.hand.way == forcing})
		return err
	case strategic, deploying:
		if a.hand.way == deploying {
			changed = annotated(changed)
		}
		if o.kind.custom {
			return o.patch(ctx, types.MergePatchType, mergePatch(live, changed), manager)
		}
		body, err := o.strategicPatch(live, changed)
		if err != nil {
			return err
		}
		_, err = o.resource.Patch(ctx, o.name, types.StrategicMergePatchType, body, metav1.PatchOptions{FieldManager: manager})
		return err
	case patching:
		ops := jsonPatch(live, changed, "")
		return o.patch(ctx, types.JSONPatchType, ops, manager)
	case scaling:
		spec, _ := changed["spec"].(map[string]any)
		return o.patch(ctx, types.MergePatchType, map[string]any{"spec": map[string]any{"replicas": spec["replicas"]}}, manager, "scale")
	}
	return o.patch(ctx, types.MergePatchType, mergePatch(live, changed), manager)
}

func (o endpoint) patch(ctx context.Context, sort types.PatchType, content any, manager string, subresources ...string) error {
	body, err := json.Marshal(content)
	if err != nil {
		return err
	}
	_, err = o.resource.Patch(ctx, o.name, sort, body, metav1.PatchOptions{FieldManager: manager}, subresources...)
	return err
}

func (o endpoint) identify(tree map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: tree}
	u.SetName(o.name)
	u.SetNamespace(o.ns)
	return u
}

// strategicPatch is what kubectl edit sends for a built-in kind.
func (o endpoint) strategicPatch(live, changed map[string]any) ([]byte, error) {
	group, version, err := drift.ParseAPIVersion(o.kind.apiVersion)
	if err != nil {
		return nil, err
	}
	typed, err := scheme.Scheme.New(schema.GroupVersionKind{Group: group, Version: version, Kind: o.kind.name})
	if err != nil {
		return nil, err
	}
	before, err := json.Marshal(live)
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(changed)
	if err != nil {
		return nil, err
	}
	return strategicpatch.CreateTwoWayMergePatch(before, after, typed)
}

// annotated has kubectl apply's own annotation.
func annotated(tree map[string]any) map[string]any {
	u := unstructured.Unstructured{Object: tree}
	notes := u.GetAnnotations()
	if notes == nil {
		notes = map[string]string{}
	}
	notes["kubectl.kubernetes.io/last-applied-configuration"] = "{}"
	u.SetAnnotations(notes)
	return u.Object
}

// sparse is the part of a manifest that makes the edit by an apply.
func (k kind) sparse(e edit) map[string]any {
	tree, _ := grow(e.path, e.value).(map[string]any)
	return tree
}

func grow(p path, v any) any {
	if len(p) == 0 {
		return nested.Clone(v)
	}
	inner := grow(p[1:], v)
	if p[0].name != "" {
		return map[string]any{p[0].name: inner}
	}
	if fields, ok := inner.(map[string]any); ok && p[0].keys != nil {
		for key, v := range p[0].keys {
			fields[key] = v
		}
	}
	return []any{inner}
}

// mergePatch is the RFC 7386 patch from one tree to the other.
func mergePatch(before, after map[string]any) map[string]any {
	patch := map[string]any{}
	for key, old := range before {
		now, ok := after[key]
		switch oldMap, isMap := old.(map[string]any); {
		case !ok:
			patch[key] = nil
		case equal(old, now):
		case isMap:
			if nowMap, ok := now.(map[string]any); ok {
				patch[key] = mergePatch(oldMap, nowMap)
				continue
			}
			patch[key] = now
		default:
			patch[key] = now
		}
	}
	for key, now := range after {
		if _, ok := before[key]; !ok {
			patch[key] = now
		}
	}
	return patch
}

// jsonPatch is an RFC 6902 patch from one tree to the other.
func jsonPatch(before, after any, pointer string) []nested.PatchOp {
	ops := []nested.PatchOp{}
	switch before := before.(type) {
	case map[string]any:
		now, ok := after.(map[string]any)
		if !ok {
			break
		}
		for _, key := range sortedKeys(before, now) {
			below := pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
			old, had := before[key]
			v, has := now[key]
			switch {
			case !has:
				ops = append(ops, nested.PatchOp{Op: "remove", Path: below})
			case !had:
				ops = append(ops, nested.PatchOp{Op: "add", Path: below, Value: v})
			default:
				ops = append(ops, jsonPatch(old, v, below)...)
			}
		}
		return ops
	case []any:
		now, ok := after.([]any)
		if !ok || len(now) != len(before) && !(len(now) == len(before)-1 || len(now) == len(before)+1) {
			break
		}
		i := 0
		for i < min(len(now), len(before)) && equal(now[i], before[i]) {
			i++
		}
		at := pointer + "/" + strconv.Itoa(i)
		switch {
		case len(now) < len(before) && slices.EqualFunc(before[i+1:], now[i:], equal):
			return append(ops, nested.PatchOp{Op: "remove", Path: at})
		case len(now) > len(before) && slices.EqualFunc(before[i:], now[i+1:], equal):
			return append(ops, nested.PatchOp{Op: "add", Path: at, Value: now[i]})
		case len(now) == len(before):
			for i := range now {
				ops = append(ops, jsonPatch(before[i], now[i], pointer+"/"+strconv.Itoa(i))...)
			}
			return ops
		}
	}
	if equal(before, after) {
		return ops
	}
	return append(ops, nested.PatchOp{Op: "replace", Path: pointer, Value: after})
}

func sortedKeys(maps ...map[string]any) []string {
	var keys []string
	for _, m := range maps {
		for key := range m {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
