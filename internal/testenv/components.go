package testenv

import (
	"context"
	_ "embed"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// assetsVariable names a folder with binaries to use instead of built ones, as
// for controller-runtime's envtest.
const assetsVariable = "KUBEBUILDER_ASSETS"

const (
	etcd              = "etcd"
	apiServer         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
	scheduler         = "kube-scheduler"
	kwok              = "kwok"
)

var components = []string{etcd, apiServer, controllerManager, scheduler, kwok}

//go:embed kwok.yaml
var kwokStages []byte

// program is how a component is run: a path and the arguments before its flags.
type program []string

// programs finds every component: in KUBEBUILDER_ASSETS where it is there, else
// in the multi-call binary.
func programs(ctx context.Context, logf func(string, ...any)) (map[string]program, error) {
	found := map[string]program{}
	assets := os.Getenv(assetsVariable)
	for _, name := range components {
		if path := filepath.Join(assets, name); assets != "" && isFile(path) {
			found[name] = program{path}
		}
	}
	if assets != "" && (found[etcd] == nil || found[apiServer] == nil) {
		return nil, fmt.Errorf("%s is %q, which does not hold %s and %s", assetsVariable, assets, etcd, apiServer)
	}
	if len(found) == len(components) {
		return found, nil
	}
	binary, err := Build(ctx, logf)
	if err != nil {
		return nil, err
	}
	for _, name := range components {
		if found[name] == nil {
			found[name] = program{binary, name}
		}
	}
	return found, nil
}

// layout is where the parts of one control plane find each other.
type layout struct {
	dir      string
	etcdPort int
	peerPort int
	apiPort  int
}

func newLayout(dir string) (layout, error) {
	ports, err := freePorts(3)
	if err != nil {
		return layout{}, err
	}
	return layout{dir: dir, etcdPort: ports[0], peerPort: ports[1], apiPort: ports[2]}, nil
}

func (l layout) file(name string) string { return filepath.Join(l.dir, name) }

func (l layout) kubeconfig(user string) string { return l.file(user + ".kubeconfig") }

func (l layout) url() string { return fmt.Sprintf("https://127.0.0.1:%d", l.apiPort) }

func (l layout) etcdURL() string { return fmt.Sprintf("http://127.0.0.1:%d", l.etcdPort) }

// flags of a component, as near to those of kubeadm as one machine without
// network and kubelets allows; deviations say why.
func (l layout) flags(component string) []string {
	switch component {
	case etcd:
		peer := fmt.Sprintf("http://127.0.0.1:%d", l.peerPort)
		return []string{
			"--name=default", "--data-dir=" + l.file("etcd"), "--log-level=warn",
			"--listen-client-urls=" + l.etcdURL(), "--advertise-client-urls=" + l.etcdURL(),
			"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
			"--unsafe-no-fsync", // the data is thrown away
		}
	case apiServer:
		return l.apiServerFlags()
	case controllerManager:
		return []string{
			"--kubeconfig=" + l.kubeconfig(controllerManager),
			"--use-service-account-credentials", // each controller under its own RBAC role
			"--service-account-private-key-file=" + l.file("service-account.key"),
			"--root-ca-file=" + l.file("ca.crt"),
			"--flex-volume-plugin-dir=" + l.file("flexvolume"), // the default is outside
			"--leader-elect=false", "--secure-port=0",
			"--kube-api-qps=200", "--kube-api-burst=400",
			"--horizontal-pod-autoscaler-sync-period=1s", // 15s would make tests wait
		}
	case scheduler:
		return []string{"--kubeconfig=" + l.kubeconfig(scheduler), "--leader-elect=false", "--secure-port=0",
			"--kube-api-qps=200", "--kube-api-burst=400"}
	case kwok:
		return []string{"--kubeconfig=" + l.kubeconfig(kwok), "--config=" + l.file("kwok.yaml"),
			"--manage-all-nodes", "--node-ip=10.0.0.1",
			"--node-lease-duration-seconds=40"} // or the node controller would evict the pods
	}
	return nil
}

func (l layout) apiServerFlags() []string {
	return []string{
		"--etcd-servers=" + l.etcdURL(),
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", l.apiPort),
		"--tls-cert-file=" + l.file("server.crt"), "--tls-private-key-file=" + l.file("server.key"),
		"--client-ca-file=" + l.file("ca.crt"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + l.file("service-account.pub"),
		"--service-account-signing-key-file=" + l.file("service-account.key"),
		"--service-cluster-ip-range=10.96.0.0/16",
		"--requestheader-client-ca-file=" + l.file("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + l.file("front-proxy-client.crt"),
		"--proxy-client-key-file=" + l.file("front-proxy-client.key"),
		// There is no kube-proxy behind cluster IPs. Routing to endpoints makes a
		// webhook or an aggregated API that nobody serves fail at once, as
		// kube-proxy's rejection does, instead of by timeout.
		"--enable-aggregator-routing",
		// A loopback address is no valid endpoint of the kubernetes Service.
		"--endpoint-reconciler-type=none",
	}
}

// freePorts finds ports on 127.0.0.1 that nobody listens on now. All are held
// open until the last is found, so that they differ; somebody else may still take
// one before a component does, which Start answers by trying again.
func freePorts(count int) ([]int, error) {
	ports := make([]int, 0, count)
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("finding a free port: %w", err)
		}
		defer func() { _ = listener.Close() }()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// portTaken tells whether a component ended because of a port.
func portTaken(err error) bool {
	return err != nil && strings.Contains(err.Error(), "address already in use")
}
