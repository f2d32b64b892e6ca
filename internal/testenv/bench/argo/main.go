// Command argo measures gitops-engine, the engine of Argo CD, as its application
// controller uses it: a cluster cache of all kinds, filled by LISTs and kept by
// WATCHes, from which the live objects come, and a diff per object, several at a time.
// Client-side rate limits are off (Argo CD's default is 50 requests a second).
//
// Operations: legacy is the three-way diff on last-applied annotations, Argo CD's
// default; server-side asks the API server for a dry-run per object, through the
// engine's own kubectl.
//
// It is a module of its own because the engine needs k8s.io/kubernetes, at the
// version it was written for.
package main

import (
	"errors"
	"fmt"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/cache"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/killick-dev/killick/internal/testenv/bench/peer"
)

func main() { peer.Main(run) }

func run(options peer.Options, answer *peer.Answer) error {
	entries, err := options.Read()
	if err != nil {
		return err
	}
	targets := make([]*unstructured.Unstructured, len(entries))
	wanted := map[kube.ResourceKey]bool{}
	for i, entry := range entries {
		targets[i] = &unstructured.Unstructured{}
		if err := targets[i].UnmarshalJSON(entry.Object); err != nil {
			return err
		}
		wanted[kube.GetResourceKey(targets[i])] = true
	}
	config, err := clientcmd.BuildConfigFromFlags("", options.Kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	kubectl := &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
	// Argo CD keeps the manifests of objects that carry its tracking mark.
	mark := func(live *unstructured.Unstructured, _ bool) (any, bool) {
		return nil, wanted[kube.GetResourceKey(live)]
	}
	cluster := cache.NewClusterCache(config, cache.SetKubectl(kubectl), cache.SetLogr(logr.Discard()),
		cache.SetPopulateResourceInfoHandler(mark))
	if err := cluster.EnsureSynced(); err != nil {
		return fmt.Errorf("filling the cache: %w", err)
	}
	if err := options.Ready(); err != nil {
		return err
	}
	return compare(options, config, kubectl, cluster, targets, answer)
}

func compare(options peer.Options, config *rest.Config, kubectl *kube.KubectlCmd, cluster cache.ClusterCache, targets []*unstructured.Unstructured, answer *peer.Answer) error {
	live, err := cluster.GetManagedLiveObjs(targets, func(*cache.Resource) bool { return false })
	if err != nil {
		return err
	}
	settings := []diff.Option{diff.WithLogr(logr.Discard()), diff.WithManager(options.Manager), diff.WithGVKParser(cluster.GetGVKParser())}
	switch options.Op {
	case "legacy":
	case "server-side":
		applier, cleanup, err := kubectl.ManageServerSideDiffDryRuns(config)
		if err != nil {
			return err
		}
		defer cleanup()
		settings = append(settings, diff.WithServerSideDiff(true), diff.WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(applier)))
	default:
		return errors.New("the operations are legacy and server-side")
	}
	var group errgroup.Group
	group.SetLimit(options.Concurrency)
	for _, target := range targets {
		group.Go(func() error {
			kind := target.GroupVersionKind()
			id := peer.ID(kind.Group, kind.Kind, target.GetNamespace(), target.GetName())
			result, err := diff.Diff(target, live[kube.GetResourceKey(target)], settings...)
			switch {
			case err != nil:
				answer.Fail(id, err)
			case result.Modified:
				answer.Differ(id)
			}
			return nil
		})
	}
	return group.Wait()
}
