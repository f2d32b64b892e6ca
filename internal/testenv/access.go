package testenv

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	api "k8s.io/client-go/tools/clientcmd/api"

	"github.com/killick-dev/killick/internal/testenv/certs"
)

const (
	adminUser = "admin"
	// tokenLifetime of TokenKubeconfig, in seconds: longer than any test.
	tokenLifetime = 24 * 60 * 60
)

// Kubeconfig is the path of a kubeconfig file of an administrator (group
// system:masters).
func (cp *ControlPlane) Kubeconfig() string { return cp.admin }

// URL of the API server.
func (cp *ControlPlane) URL() string { return cp.config.Host }

// CA is the PEM certificate that signed the API server's.
func (cp *ControlPlane) CA() []byte { return append([]byte(nil), cp.config.CAData...) }

// Dir holds the components' logs, credentials and data until Stop. It holds no
// logs for a cluster that was not started here.
func (cp *ControlPlane) Dir() string { return cp.dir }

// PID is the process id of a component ("kube-apiserver"), 0 when it was not
// started here.
func (cp *ControlPlane) PID(component string) int {
	for _, p := range cp.processes {
		if p.name == component {
			return p.pid
		}
	}
	return 0
}

// RESTConfig is a new client configuration of the administrator, without a
// client-side rate limit.
func (cp *ControlPlane) RESTConfig() *rest.Config { return rest.CopyConfig(cp.config) }

// Client is an administrator's client.
func (cp *ControlPlane) Client() kubernetes.Interface { return cp.client }

// TokenKubeconfig writes a kubeconfig with a token that the API server issued for
// an existing service account, and returns its path. The client can do what RBAC
// grants that account and no more.
func (cp *ControlPlane) TokenKubeconfig(ctx context.Context, namespace, serviceAccount string) (string, error) {
	seconds := int64(tokenLifetime)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	issued, err := cp.client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, serviceAccount, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("requesting a token for service account %q in %q: %w", serviceAccount, namespace, err)
	}
	file, err := os.CreateTemp(cp.dir, serviceAccount+"-*.kubeconfig")
	if err != nil {
		return "", fmt.Errorf("storing a kubeconfig: %w", err)
	}
	if err := file.Close(); err != nil {
		return "", fmt.Errorf("storing a kubeconfig: %w", err)
	}
	user := &api.AuthInfo{Token: issued.Status.Token}
	return file.Name(), writeKubeconfig(file.Name(), cp.URL(), cp.config.CAData, serviceAccount, user)
}

// connect reads the administrator's kubeconfig and makes the client of it.
func (cp *ControlPlane) connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", cp.admin)
	if err != nil {
		return fmt.Errorf("reading kubeconfig %q: %w", cp.admin, err)
	}
	if err := rest.LoadTLSFiles(config); err != nil {
		return fmt.Errorf("reading kubeconfig %q: %w", cp.admin, err)
	}
	config.QPS = -1 // the server has its own limits
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("using kubeconfig %q: %w", cp.admin, err)
	}
	cp.config, cp.client = config, client
	return nil
}

// writeKubeconfigs gives every client its own certificate, with the names that
// Kubernetes' own RBAC bindings expect.
func (l layout) writeKubeconfigs(authority *certs.Authority) error {
	for file, subject := range map[string]struct {
		user   string
		groups []string
	}{
		adminUser:         {"kubernetes-admin", []string{"system:masters"}},
		controllerManager: {"system:kube-controller-manager", nil},
		scheduler:         {"system:kube-scheduler", nil},
		kwok:              {"kwok", []string{"system:masters"}}, // plays kubelets and a volume provisioner
	} {
		pair, err := authority.Client(subject.user, subject.groups...)
		if err != nil {
			return err
		}
		user := &api.AuthInfo{ClientCertificateData: pair.Certificate, ClientKeyData: pair.Key}
		if err := writeKubeconfig(l.kubeconfig(file), l.url(), authority.PEM(), subject.user, user); err != nil {
			return err
		}
	}
	return nil
}

func writeKubeconfig(path, url string, ca []byte, name string, user *api.AuthInfo) error {
	config := api.NewConfig()
	config.Clusters["testenv"] = &api.Cluster{Server: url, CertificateAuthorityData: ca}
	config.AuthInfos[name] = user
	config.Contexts["testenv"] = &api.Context{Cluster: "testenv", AuthInfo: name}
	config.CurrentContext = "testenv"
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return fmt.Errorf("storing kubeconfig %q: %w", filepath.Base(path), err)
	}
	return nil
}
