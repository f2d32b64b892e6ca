// Package parity holds tests that compare Killick's renders with those of the
// upstream libraries' own full build: Kustomize's krusty on disk, and Helm's
// install action in client-only mode. It is a module of its own because Helm's
// action package drags in registries and a Kubernetes client that the product
// does not want.
//
// Every case of testdata/render is compared. Other trees can be given by flag:
//
//	go test ./... -tree ../some/chart -namespace demo -values 'policy: sync'
//
// A tree may be one folder with a kustomization or a chart, or hold several of
// them; folders that the upstream library itself does not build are reported
// and must fail here, too.
package parity
