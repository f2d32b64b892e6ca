package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/killick-dev/killick/internal/testenv/certs"
)

const (
	// startAttempts bounds how often Start looks for other ports.
	startAttempts = 3
	// startLimit bounds a boot, which takes seconds; a first build comes before.
	startLimit = 2 * time.Minute
	// pollInterval is how often readiness is asked for.
	pollInterval = 50 * time.Millisecond
	// parentPipe tells the control plane's main, which has the same constant, that
	// its standard input ends when we do.
	parentPipe = "KILLICK_PARENT_PIPE"
	// defaultNodes spread a Deployment's pods over more than one node.
	defaultNodes = 2
)

// Options of a control plane. The zero value is what tests want.
type Options struct {
	// Logf hears about progress, such as a first build; nil is silent.
	Logf func(format string, args ...any)
	// Nodes is the number of nodes that kwok plays; 0 means 2.
	Nodes int
	// Flags are added to a component's own by its name ("kube-apiserver"), and
	// win over them.
	Flags map[string][]string
}

// ControlPlane is a cluster that tests may do anything to.
type ControlPlane struct {
	dir       string // of this process; removed by Stop
	admin     string // kubeconfig file
	config    *rest.Config
	client    kubernetes.Interface
	processes []*process // in order of start
	stop      sync.Once
}

// Start boots a control plane and returns when it serves, has Ready nodes and
// gives namespaces their service accounts. ctx bounds the start only; Stop ends
// the control plane.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	found, err := programs(ctx, options.Logf)
	if err != nil {
		return nil, fmt.Errorf("starting a control plane: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("not up after %s", startLimit))
	defer cancel()
	for attempt := 1; ; attempt++ {
		cp, err := startOnce(ctx, found, options)
		if err == nil {
			return cp, nil
		}
		if attempt == startAttempts || !portTaken(err) {
			return nil, fmt.Errorf("starting a control plane: %w", err)
		}
	}
}

func startOnce(ctx context.Context, found map[string]program, options Options) (*ControlPlane, error) {
	dir, err := os.MkdirTemp("", "killick-controlplane-")
	if err != nil {
		return nil, err
	}
	cp := &ControlPlane{dir: dir}
	if err := cp.boot(ctx, found, options); err != nil {
		return nil, errors.Join(err, cp.Stop())
	}
	return cp, nil
}

// boot starts what others depend on first, then the rest at once.
func (cp *ControlPlane) boot(ctx context.Context, found map[string]program, options Options) error {
	l, err := newLayout(cp.dir)
	if err != nil {
		return err
	}
	if err := l.writeFiles(); err != nil {
		return err
	}
	cp.admin = l.kubeconfig(adminUser)
	if err := cp.connect(); err != nil {
		return err
	}
	if err := cp.startComponent(etcd, l, found, options); err != nil {
		return err
	}
	if err := cp.await(ctx, "etcd serves", func(ctx context.Context) error { return etcdHealthy(ctx, l) }); err != nil {
		return err
	}
	if err := cp.startComponent(apiServer, l, found, options); err != nil {
		return err
	}
	if err := cp.await(ctx, "the API server is ready", cp.ready); err != nil {
		return err
	}
	for _, name := range []string{controllerManager, scheduler, kwok} {
		if err := cp.startComponent(name, l, found, options); err != nil {
			return err
		}
	}
	return cp.furnish(ctx, options)
}

// startComponent runs one component under an environment in which nothing of the
// user's configuration is found.
func (cp *ControlPlane) startComponent(name string, l layout, found map[string]program, options Options) error {
	args := slices.Concat(found[name][1:], l.flags(name), options.Flags[name])
	command := exec.Command(found[name][0], args...)
	command.Dir = l.dir
	command.Env = []string{"HOME=" + l.dir, "PATH=" + os.Getenv("PATH"), parentPipe + "=1"}
	p, err := startProcess(l.dir, name, command)
	if err != nil {
		return err
	}
	cp.processes = append(cp.processes, p)
	return nil
}

// writeFiles makes the credentials and configuration that the flags name.
func (l layout) writeFiles() error {
	authority, err := certs.NewAuthority("kubernetes")
	if err != nil {
		return err
	}
	frontProxy, err := certs.NewAuthority("front-proxy-ca")
	if err != nil {
		return err
	}
	private, public, err := certs.SigningKey()
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"ca.crt":              authority.PEM(),
		"front-proxy-ca.crt":  frontProxy.PEM(),
		"service-account.key": private,
		"service-account.pub": public,
		"kwok.yaml":           kwokStages,
	} {
		if err := os.WriteFile(l.file(name), content, 0o600); err != nil {
			return err
		}
	}
	server, err := authority.Server("127.0.0.1", "localhost", "10.96.0.1", "kubernetes.default.svc")
	if err != nil {
		return err
	}
	proxy, err := frontProxy.Client("front-proxy-client")
	if err != nil {
		return err
	}
	if err := errors.Join(server.Write(l.file("server")), proxy.Write(l.file("front-proxy-client"))); err != nil {
		return err
	}
	return l.writeKubeconfigs(authority)
}

// await polls until check succeeds, a component ends or ctx is done.
func (cp *ControlPlane) await(ctx context.Context, what string, check func(context.Context) error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if ended := cp.Running(); ended != nil {
			return fmt.Errorf("waiting until %s: %w", what, ended)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w: %w%s", what, context.Cause(ctx), err, cp.lastWords())
		case <-ticker.C:
		}
	}
}

// lastWords quotes the log of the component that was started last, if any.
func (cp *ControlPlane) lastWords() string {
	if len(cp.processes) == 0 {
		return ""
	}
	last := cp.processes[len(cp.processes)-1]
	return fmt.Sprintf("; the log of %s ends with:\n%s", last.name, last.lastWords())
}

// Running is nil while every component that was started runs; else it says which
// ended, and its last words.
func (cp *ControlPlane) Running() error {
	for _, p := range cp.processes {
		if err := p.running(); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends every component that Start started, last first, and removes their
// files. On a cluster that was not started here it removes only its own files.
func (cp *ControlPlane) Stop() error {
	var err error
	cp.stop.Do(func() {
		for _, p := range slices.Backward(cp.processes) {
			p.stop()
		}
		err = os.RemoveAll(cp.dir)
	})
	return err
}

func etcdHealthy(ctx context.Context, l layout) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.etcdURL()+"/health", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd answers %s", response.Status)
	}
	return nil
}

func (cp *ControlPlane) ready(ctx context.Context) error {
	_, err := cp.client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	return err
}

// furnish adds what a new cluster has when its installer is done: nodes, a
// default storage class and service accounts.
func (cp *ControlPlane) furnish(ctx context.Context, options Options) error {
	nodes := options.Nodes
	if nodes == 0 {
		nodes = defaultNodes
	}
	if err := cp.createStorageClass(ctx); err != nil {
		return err
	}
	if err := cp.createNodes(ctx, nodes); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return cp.await(ctx, "the nodes are Ready", func(ctx context.Context) error { return cp.nodesReady(ctx, nodes) })
	})
	group.Go(func() error {
		return cp.await(ctx, "namespaces have service accounts", func(ctx context.Context) error {
			return cp.hasServiceAccount(ctx, "default")
		})
	})
	return group.Wait()
}
