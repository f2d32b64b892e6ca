// Command flux measures fluxcd/pkg/ssa, the engine of Flux's controllers, as
// kustomize-controller uses it: a client of controller-runtime that reads from
// the API server, objects normalised first, owner labels, and the clean-up of
// kubectl's field managers when applying. Client-side rate limits are off
// (kustomize-controller's default is 50 requests a second).
//
// Operations: diff is ResourceManager.Diff per object, so many at a time; apply
// is one ResourceManager.ApplyAll per app, app after app, which writes what
// differs. An app whose ApplyAll fails is told with all its objects, and the
// next one begins.
package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/normalize"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/killick-dev/killick/internal/testenv/bench/peer"
)

func main() { peer.Main(run) }

type app struct {
	name    string
	objects []*unstructured.Unstructured
}

func run(options peer.Options, answer *peer.Answer) error {
	ctrl.SetLogger(klog.Background())
	apps, err := read(options)
	if err != nil {
		return err
	}
	manager, err := newManager(options)
	if err != nil {
		return err
	}
	for _, app := range apps {
		if err := normalize.UnstructuredList(app.objects); err != nil {
			return fmt.Errorf("normalising: %w", err)
		}
		manager.SetOwnerLabels(app.objects, app.name, "default")
	}
	if options.Op == "apply" {
		apply(manager, apps, answer)
		return nil
	}
	return diff(manager, apps, options.Concurrency, answer)
}

func read(options peer.Options) ([]app, error) {
	entries, err := options.Read()
	if err != nil {
		return nil, err
	}
	var apps []app
	for _, entry := range entries {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(entry.Object); err != nil {
			return nil, err
		}
		if len(apps) == 0 || apps[len(apps)-1].name != entry.App {
			apps = append(apps, app{name: entry.App})
		}
		last := &apps[len(apps)-1]
		last.objects = append(last.objects, object)
	}
	return apps, nil
}

func newManager(options peer.Options) (*ssa.ResourceManager, error) {
	config, err := clientcmd.BuildConfigFromFlags("", options.Kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, http)
	if err != nil {
		return nil, err
	}
	direct, err := client.New(config, client.Options{HTTPClient: http, Mapper: mapper})
	if err != nil {
		return nil, err
	}
	// Nothing is waited for, so there is no status poller.
	manager := ssa.NewResourceManager(direct, nil, ssa.Owner{Field: options.Manager, Group: "kustomize.toolkit.fluxcd.io"})
	manager.SetConcurrency(options.Concurrency)
	return manager, nil
}

func diff(manager *ssa.ResourceManager, apps []app, concurrency int, answer *peer.Answer) error {
	var group errgroup.Group
	group.SetLimit(concurrency)
	for _, app := range apps {
		for _, object := range app.objects {
			group.Go(func() error {
				entry, _, _, err := manager.Diff(context.Background(), object, ssa.DefaultDiffOptions())
				switch {
				case err != nil:
					answer.Fail(id(object), err)
				case entry.Action != ssa.UnchangedAction:
					answer.Differ(id(object))
				}
				return nil
			})
		}
	}
	return group.Wait()
}

// apply does what kustomize-controller does per Kustomization: what defines
// others first.
func apply(manager *ssa.ResourceManager, apps []app, answer *peer.Answer) {
	options := ssa.DefaultApplyOptions()
	options.Cleanup = ssa.ApplyCleanupOptions{
		Annotations: []string{corev1.LastAppliedConfigAnnotation},
		FieldManagers: []ssa.FieldManager{
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: "before-first-apply", OperationType: metav1.ManagedFieldsOperationUpdate},
		},
	}
	for _, app := range apps {
		var definitions, others []*unstructured.Unstructured
		for _, object := range app.objects {
			if slices.Contains([]string{"Namespace", "CustomResourceDefinition"}, object.GetKind()) {
				definitions = append(definitions, object)
			} else {
				others = append(others, object)
			}
		}
		for _, stage := range [][]*unstructured.Unstructured{definitions, others} {
			changes, err := manager.ApplyAll(context.Background(), stage, options)
			if err != nil {
				for _, object := range app.objects {
					answer.Fail(id(object), err)
				}
				break
			}
			for _, change := range changes.Entries {
				if change.Action != ssa.UnchangedAction {
					of := change.ObjMetadata
					answer.Differ(peer.ID(of.GroupKind.Group, of.GroupKind.Kind, of.Namespace, of.Name))
				}
			}
		}
	}
}

func id(object *unstructured.Unstructured) string {
	kind := object.GroupVersionKind()
	return peer.ID(kind.Group, kind.Kind, object.GetNamespace(), object.GetName())
}
