package main

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// byHand changes the cluster as people do: each edit carries the field manager
// that the kubectl command of that name sends.
func (s *stage) byHand(ctx context.Context) error {
	config := rest.CopyConfig(s.cluster.RESTConfig())
	config.UserAgent = "kubectl/v1.36.3"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	edits := []struct {
		command string
		do      func() error
	}{
		{"kubectl scale deployment/web --replicas=5", func() error { return scale(ctx, client, "storefront", "web", 5) }},
		{"kubectl edit deployment/api      # image → 3.2.0-hotfix", func() error {
			return patch(ctx, client, "Deployment", "api", types.StrategicMergePatchType,
				`{"spec":{"template":{"spec":{"containers":[{"name":"api","image":"registry.example.com/storefront/api:3.2.0-hotfix"}]}}}}`)
		}},
		{"kubectl delete service/web", func() error {
			return client.CoreV1().Services("storefront").Delete(ctx, "web", metav1.DeleteOptions{})
		}},
		{"kubectl edit service/api         # port 80 → 8080", func() error {
			return patch(ctx, client, "Service", "api", types.JSONPatchType, `[{"op":"replace","path":"/spec/ports/0/port","value":8080}]`)
		}},
		{"kubectl edit deployment/worker   # env DEBUG=1", func() error {
			return patch(ctx, client, "Deployment", "worker", types.StrategicMergePatchType,
				`{"spec":{"template":{"spec":{"containers":[{"name":"worker","env":[{"name":"DEBUG","value":"1"}]}]}}}}`)
		}},
		{"kubectl edit serviceaccount/web  # label on-call=ada", func() error {
			return patch(ctx, client, "ServiceAccount", "web", types.MergePatchType, `{"metadata":{"labels":{"on-call":"ada"}}}`)
		}},
		{"kubectl edit configmap/settings  # LOG_LEVEL → debug", func() error {
			return patch(ctx, client, "ConfigMap", "settings", types.MergePatchType, `{"data":{"LOG_LEVEL":"debug"}}`)
		}},
	}
	for _, edit := range edits {
		fmt.Fprintf(s.out, "$ %s\n", edit.command)
		if err := edit.do(); err != nil {
			return fmt.Errorf("%s: %w", edit.command, err)
		}
	}
	return nil
}

func scale(ctx context.Context, client kubernetes.Interface, namespace, name string, replicas int32) error {
	current, err := client.AppsV1().Deployments(namespace).GetScale(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	current.Spec.Replicas = replicas
	_, err = client.AppsV1().Deployments(namespace).UpdateScale(ctx, name, current, metav1.UpdateOptions{})
	return err
}

// patch edits one object of the storefront as kubectl edit does.
func patch(ctx context.Context, client kubernetes.Interface, kind, name string, sort types.PatchType, body string) error {
	options := metav1.PatchOptions{FieldManager: "kubectl-edit"}
	var err error
	switch kind {
	case "Deployment":
		_, err = client.AppsV1().Deployments("storefront").Patch(ctx, name, sort, []byte(body), options)
	case "Service":
		_, err = client.CoreV1().Services("storefront").Patch(ctx, name, sort, []byte(body), options)
	case "ServiceAccount":
		_, err = client.CoreV1().ServiceAccounts("storefront").Patch(ctx, name, sort, []byte(body), options)
	case "ConfigMap":
		_, err = client.CoreV1().ConfigMaps("storefront").Patch(ctx, name, sort, []byte(body), options)
	default:
		err = fmt.Errorf("no client for kind %q", kind)
	}
	return err
}

// inGit makes the changes that belong in Git: a new image for the orders
// service, and a banner whose summer is over.
func (s *stage) inGit() error {
	fmt.Fprintln(s.out, "$ git commit -m 'orders: 2.1.1; storefront: summer is over'")
	return s.commit("orders: 2.1.1; storefront: summer is over", map[string]string{
		"charts/orders/values-prod.yaml":          "image:\n  tag: 2.1.1\nconsumer:\n  replicas: 2\nconfig:\n  retries: 5\n",
		"apps/storefront/base/banner.yaml":        deleted,
		"apps/storefront/base/kustomization.yaml": withoutBanner,
	})
}

const withoutBanner = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - web.yaml
  - api.yaml
  - worker.yaml
  - network.yaml
  - settings.yaml
labels:
  - pairs: {app.kubernetes.io/part-of: storefront}
    includeSelectors: false
configMapGenerator:
  - name: features
    literals:
      - checkout=v2
      - search=on
generatorOptions:
  disableNameSuffixHash: true
`
