// Package testenv gives tests, the demo and benchmarks a real local control
// plane: etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok,
// as processes on 127.0.0.1, with RBAC, admission, aggregation and every
// controller switched on. kwok plays two nodes, so Deployments, StatefulSets,
// DaemonSets and Jobs really progress and claims are really bound; no container
// ever runs. A pod annotated testenv.killick.dev/stuck never becomes Ready.
//
// # Tests
//
//	func TestMain(m *testing.M) { testenv.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		cluster := testenv.Cluster(t)
//		namespace := cluster.NewNamespace(t)
//		…
//	}
//
// Cluster is one control plane per test process, started when the first test
// asks and stopped by Main. Tests share it, so they isolate by namespace, give
// cluster-scoped objects names of their own, and limit webhooks and admission
// policies to their namespace by its kubernetes.io/metadata.name label. What
// cannot be limited (a broken APIService, many CRDs) gets a control plane of its
// own from Own.
//
// With KILLICK_TEST_KUBECONFIG set to the path of an admin's kubeconfig, Cluster
// uses that cluster and starts nothing. That is how `make test` boots once for
// all packages:
//
//	go run ./internal/testenv/envctl exec -- go test ./...
//
// # The binary
//
// All components are one multi-call binary, built from Go modules by Build and
// cached outside Git: $KILLICK_CACHE, or else the user's cache folder, then
// controlplane/<hash>/controlplane, where the hash covers the module's files, the
// Go version, the platform and the build flags. A first build compiles most of
// Kubernetes and takes five to fifteen minutes, longer than go test's default
// timeout, so it is a step of its own:
//
//	go run ./internal/testenv/envctl build
//
// Processes that need the binary at the same time wait for one build. With
// KUBEBUILDER_ASSETS set, as for controller-runtime's envtest, the components
// found there are used, and only what is missing comes from the build.
//
// # Git
//
// Package gitserver, below, is the Git host that goes with it.
//
// # Life and death
//
// Each component is ended by its process id. Should the test process die without
// stopping anything, the components die with it: by the kernel's parent-death
// signal on Linux, and everywhere by a pipe that ends with the parent; only the
// folder in the temporary directory then stays. Logs are in that folder (Dir);
// what a component said last is quoted when a start does not succeed.
package testenv
