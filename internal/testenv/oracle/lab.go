package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/killick-dev/killick/internal/cluster"
	"github.com/killick-dev/killick/internal/drift"
)

// options of a fuzz run.
type options struct {
	cases   int
	seed    int64
	seeds   []int64  // instead of seed and cases
	scripts []script // instead of seeds
	kind    string
	workers int
	shrink  int
	verbose bool
}

// batchSize is how many cases of one namespace are observed at once.
const batchSize = 24

// batchAttempts bounds how often a batch is run that could not be ended: on a busy
// machine connections are lost, which says nothing about its cases.
const batchAttempts = 3

// appName is the app that all objects belong to.
const appName = "oracle"

// some are the scripts of the batch that begins with case number first.
func (o options) some(first int64) []script {
	var scripts []script
	for i := first; i < first+batchSize; i++ {
		switch {
		case o.scripts != nil:
			if i < int64(len(o.scripts)) {
				scripts = append(scripts, o.scripts[i])
			}
		case o.seeds != nil:
			if i < int64(len(o.seeds)) {
				scripts = append(scripts, newScript(o.seeds[i], o.kind))
			}
		case i < int64(o.cases):
			scripts = append(scripts, newScript(o.seed+i, o.kind))
		}
	}
	return scripts
}

// lab is a control plane with what the cases need.
type lab struct {
	anybody    dynamic.Interface // the other clients
	killick    *cluster.Client
	admin      kubernetes.Interface
	app        drift.App
	noise      drift.Noise // the built-in table
	partOf     string
	namespaces []string
	names      atomic.Int64
}

func newLab(ctx context.Context, kubeconfig string, config *rest.Config, workers int) (*lab, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1
	config.WarningHandlerWithContext = rest.NoWarnings{}
	var err error
	l := &lab{app: drift.App{Name: appName, Secrets: drift.SecretsManage}}
	if l.anybody, err = dynamic.NewForConfig(config); err != nil {
		return nil, err
	}
	if l.admin, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if l.killick, err = cluster.Connect(ctx, cluster.Options{Kubeconfig: kubeconfig, Version: "oracle"}); err != nil {
		return nil, err
	}
	l.partOf = drift.ApplySetID(appName, l.killick.StateNamespace())
	if err := l.defineKinds(ctx); err != nil {
		return nil, errors.Join(err, l.close())
	}
	for range workers {
		template := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "oracle-"}}
		namespace, err := l.admin.CoreV1().Namespaces().Create(ctx, template, metav1.CreateOptions{})
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
		l.namespaces = append(l.namespaces, namespace.Name)
	}
	return l, nil
}

var crdResource = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

func (l *lab) defineKinds(ctx context.Context) error {
	var definitions []struct {
		Name, Kind   string
		Subresources map[string]any
		Schema       map[string]any
	}
	if err := yaml.Unmarshal([]byte(crds), &definitions); err != nil {
		return err
	}
	for _, d := range definitions {
		version := map[string]any{"name": "v1", "served": true, "storage": true, "schema": map[string]any{"openAPIV3Schema": d.Schema}}
		if d.Subresources != nil {
			version["subresources"] = d.Subresources
		}
		crd := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
			"metadata": map[string]any{"name": d.Name + "." + customGroup},
			"spec": map[string]any{"group": customGroup, "scope": "Namespaced", "versions": []any{version},
				"names": map[string]any{"plural": d.Name, "kind": d.Kind}},
		}}
		_, err := l.anybody.Resource(crdResource).Create(ctx, crd, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("defining %s: %w", d.Kind, err)
		}
		if err := l.killick.AwaitCRD(ctx, l.app, crd.GetName()); err != nil {
			return err
		}
	}
	return nil
}

// close deletes what was made; the objects were deleted case by case.
func (l *lab) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the run's own may be over
	defer cancel()
	var failed error
	for _, name := range l.namespaces {
		failed = errors.Join(failed, l.admin.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}))
	}
	for _, k := range customKinds() {
		err := l.anybody.Resource(crdResource).Delete(ctx, k.resource+"."+customGroup, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// endpoint is where an object of the kind stands.
func (l *lab) endpoint(k kind, namespace, name string) endpoint {
	group, version, _ := drift.ParseAPIVersion(k.apiVersion) // a constant
	resource := l.anybody.Resource(schema.GroupVersionResource{Group: group, Version: version, Resource: k.resource})
	if k.cluster {
		return endpoint{resource: resource, kind: k, name: name}
	}
	return endpoint{resource: resource.Namespace(namespace), kind: k, name: name, ns: namespace}
}

// run runs all cases and shortens the first ones that went wrong. What was counted
// until an error is told with it.
func (l *lab) run(ctx context.Context, options options, out io.Writer) (*tally, error) {
	total := newTally()
	var mu sync.Mutex
	var next atomic.Int64
	group, workCtx := errgroup.WithContext(ctx)
	for _, namespace := range l.namespaces {
		group.Go(func() error {
			for {
				first := next.Add(batchSize) - batchSize
				scripts := options.some(first)
				if len(scripts) == 0 {
					return nil
				}
				results, err := l.batch(workCtx, namespace, scripts)
				for i := 1; i < batchAttempts && err != nil && workCtx.Err() == nil; i++ {
					results, err = l.batch(workCtx, namespace, scripts)
				}
				if err != nil {
					return err
				}
				mu.Lock()
				for _, result := range results {
					total.add(result)
					if options.verbose {
						fmt.Fprintln(out, result)
					}
				}
				mu.Unlock()
			}
		})
	}
	if err := group.Wait(); err != nil {
		return total, err
	}
	for i, wrong := range total.inOrder() {
		if i < options.shrink {
			shortest, err := l.shorten(ctx, wrong)
			if err != nil {
				return total, err
			}
			fmt.Fprintln(out, shortest)
		}
	}
	return total, nil
}

// shortenAtMost bounds how many scripts are tried to shorten one.
const shortenAtMost = 150

// shorten finds a shorter script that goes wrong in the same way.
func (l *lab) shorten(ctx context.Context, wrong *subject) (*subject, error) {
	tries := 0
	for again := true; again; {
		again = false
		for _, less := range wrong.script.shorter() {
			if tries++; tries > shortenAtMost {
				return wrong, nil
			}
			results, err := l.batch(ctx, l.namespaces[0], []script{less})
			if err != nil {
				return nil, err
			}
			if results[0].sort() == wrong.sort() {
				wrong, again = results[0], true
				break
			}
		}
	}
	return wrong, nil
}
