package render

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/killick-dev/killick/internal/drift"
)

// BenchmarkKustomize renders one kustomization of many objects, one file each:
// its resources alone, and below an overlay; as Killick does, and in one go as
// Kustomize does, whose cost grows with the square of their number (kustomize
// #5084). Beside the wall time it reports the CPU seconds of one build, where the
// system tells them: garbage is collected by threads of its own. The first build of a
// process also reads the OpenAPI schema; with -benchtime 1x and one case, that build
// is all there is.
func BenchmarkKustomize(b *testing.B) {
	for _, overlay := range []bool{false, true} {
		for _, objects := range []int{100, 300, 1_000, 3_000} {
			for _, build := range []string{"killick", "whole"} {
				b.Run(fmt.Sprintf("overlay=%t/objects=%d/%s", overlay, objects, build), func(b *testing.B) {
					renderer := New(Options{})
					if build == "whole" {
						renderer.part = objects
					}
					request := drift.RenderRequest{App: drift.App{Name: "shop", Path: "app", Namespace: "shop"},
						Checkout: drift.Checkout{FS: largeApp(objects, overlay)}}
					b.ReportAllocs()
					before, told := cpuTime()
					for b.Loop() {
						rendered, err := renderer.Render(context.Background(), request)
						if err != nil || len(rendered.Objects) != objects {
							b.Fatalf("%d objects, %v", len(rendered.Objects), err)
						}
					}
					if after, _ := cpuTime(); told {
						b.ReportMetric((after-before).Seconds()/float64(b.N), "cpu-s/op")
					}
				})
			}
		}
	}
}

// largeApp is an app of services, each a Deployment, a Service, a ConfigMap, a
// ServiceAccount and an Ingress that name one another.
func largeApp(objects int, overlay bool) fstest.MapFS {
	tree := fstest.MapFS{}
	var base strings.Builder
	base.WriteString("resources:\n")
	for i := range objects {
		service := fmt.Sprintf("service-%04d", i/len(serviceKinds))
		file := fmt.Sprintf("%s-%d.yaml", service, i%len(serviceKinds))
		tree["base/"+file] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(serviceKinds[i%len(serviceKinds)], "NAME", service))}
		base.WriteString("- " + file + "\n")
	}
	tree["base/kustomization.yaml"] = &fstest.MapFile{Data: []byte(base.String())}
	kustomization := "resources: [../base]\n"
	if overlay {
		kustomization += `namespace: shop-prod
labels: [{pairs: {team: shop}, includeTemplates: true}]
images: [{name: registry.example/app, newTag: v2}]
patches:
- path: patch.yaml
`
		tree["app/patch.yaml"] = &fstest.MapFile{Data: []byte(`apiVersion: apps/v1
kind: Deployment
metadata: {name: service-0000}
spec: {template: {spec: {containers: [{name: app, resources: {limits: {memory: 1Gi}}}]}}}
`)}
	}
	tree["app/kustomization.yaml"] = &fstest.MapFile{Data: []byte(kustomization)}
	return tree
}

var serviceKinds = []string{`apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
  labels: {app: NAME}
spec:
  replicas: 2
  selector: {matchLabels: {app: NAME}}
  template:
    metadata:
      labels: {app: NAME}
    spec:
      serviceAccountName: NAME
      containers:
      - name: app
        image: registry.example/app:v1
        ports: [{containerPort: 8080, protocol: TCP}]
        envFrom: [{configMapRef: {name: NAME}}]
        resources: {limits: {cpu: "1", memory: 512Mi}}
`, `apiVersion: v1
kind: Service
metadata:
  name: NAME
  labels: {app: NAME}
spec:
  selector: {app: NAME}
  ports: [{port: 80, targetPort: 8080, protocol: TCP}]
`, `apiVersion: v1
kind: ConfigMap
metadata:
  name: NAME
  labels: {app: NAME}
data:
  LOG_LEVEL: info
  config.yaml: |
    listen: 8080
    upstream: backend
`, `apiVersion: v1
kind: ServiceAccount
metadata:
  name: NAME
  labels: {app: NAME}
`, `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: NAME
  labels: {app: NAME}
spec:
  rules:
  - host: NAME.example
    http:
      paths:
      - path: /
        pathType: Prefix
        backend: {service: {name: NAME, port: {number: 80}}}
`}
