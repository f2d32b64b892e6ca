package testenv

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// KubeconfigVariable names an administrator's kubeconfig file. When it is set,
// Cluster uses that cluster and starts none.
const KubeconfigVariable = "KILLICK_TEST_KUBECONFIG"

// waitLimit bounds what a controller of a healthy control plane may take, on a
// machine that is busy with other things.
const waitLimit = 60 * time.Second

// shared is the control plane of this test process.
var shared struct {
	mu      sync.Mutex
	started bool
	cluster *ControlPlane
	err     error
}

// Main runs a package's tests and stops what Cluster started, also when tests
// fail or the run is interrupted. It is all that a TestMain needs: the testing
// package exits with the tests' result once TestMain returns.
func Main(m *testing.M) {
	defer func() {
		shared.mu.Lock()
		defer shared.mu.Unlock()
		stopShared()
	}()
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	go func() {
		interrupt := <-interrupts
		// A start or build under way holds the lock; its processes die with us.
		if shared.mu.TryLock() {
			stopShared()
		}
		signal.Stop(interrupts)
		// Received again, the signal has its usual effect.
		_ = syscall.Kill(os.Getpid(), interrupt.(syscall.Signal))
	}()
	m.Run()
}

// stopShared needs the lock.
func stopShared() {
	if shared.cluster == nil {
		return
	}
	if err := shared.cluster.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the control plane:", err)
	}
	shared.cluster = nil
}

// Cluster gives a test the control plane that all tests of the process share,
// or, with KubeconfigVariable set, all tests of all processes.
func Cluster(t testing.TB) *ControlPlane {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.started {
		shared.started = true
		shared.cluster, shared.err = openShared(t)
	}
	if shared.err != nil {
		t.Fatalf("no control plane: %v", shared.err)
	}
	return shared.cluster
}

func openShared(t testing.TB) (*ControlPlane, error) {
	if path := os.Getenv(KubeconfigVariable); path != "" {
		return Attach(path)
	}
	return Start(t.Context(), Options{Logf: sayf})
}

// Own boots a control plane for one test and stops it afterwards: for tests that
// break what others need.
func Own(t testing.TB, options Options) *ControlPlane {
	t.Helper()
	if options.Logf == nil {
		options.Logf = sayf
	}
	cp, err := Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Errorf("stopping the control plane: %v", err)
		}
	})
	return cp
}

// Attach uses a cluster that runs already, through an administrator's kubeconfig.
func Attach(kubeconfig string) (*ControlPlane, error) {
	dir, err := os.MkdirTemp("", "killick-cluster-")
	if err != nil {
		return nil, fmt.Errorf("attaching to a cluster: %w", err)
	}
	cp := &ControlPlane{dir: dir, admin: kubeconfig}
	if err := cp.connect(); err != nil {
		_ = cp.Stop()
		return nil, fmt.Errorf("attaching to a cluster: %w", err)
	}
	return cp, nil
}

// sayf goes to standard error and not to a test's log, because a log is shown
// when the test is over and a first build takes minutes.
func sayf(format string, args ...any) { fmt.Fprintf(os.Stderr, "testenv: "+format+"\n", args...) }

// NewNamespace makes a namespace with a name of its own, ready for use, and
// deletes it, without waiting, after the test.
func (cp *ControlPlane) NewNamespace(t testing.TB) string {
	t.Helper()
	namespaces := cp.client.CoreV1().Namespaces()
	template := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	namespace, err := namespaces.Create(t.Context(), template, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating a namespace: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), waitLimit) // the test's own is over
		defer cancel()
		if err := namespaces.Delete(ctx, namespace.Name, metav1.DeleteOptions{}); err != nil {
			t.Logf("deleting namespace %q: %v", namespace.Name, err)
		}
	})
	// Pods and tokens need the service account, which a controller makes.
	cp.Eventually(t, "the namespace has a service account", func(ctx context.Context) error {
		return cp.hasServiceAccount(ctx, namespace.Name)
	})
	return namespace.Name
}

// Eventually asks again and again, for at most a minute, until check returns nil;
// the test ends with its last error if it never does. Use it to wait for what
// controllers do.
func (cp *ControlPlane) Eventually(t testing.TB, what string, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	if err := cp.await(ctx, what, check); err != nil {
		t.Fatal(err)
	}
}
