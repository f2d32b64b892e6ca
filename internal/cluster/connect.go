package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/killick-dev/killick/internal/drift"
)

// DefaultStateNamespace is Killick's own namespace unless a flag names another.
const DefaultStateNamespace = "killick"

// defaultTimeout bounds one request. It is above the 30 seconds that one
// admission webhook may take (admissionregistration.k8s.io, timeoutSeconds), so
// that the API server's own words about a slow webhook are heard.
const defaultTimeout = 45 * time.Second

// serviceAccountToken is where the kubelet puts the in-cluster identity.
const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// Options say which cluster to talk to and as whom.
type Options struct {
	// Kubeconfig is the --kubeconfig flag. Empty means KUBECONFIG, else the
	// in-cluster identity when running in a pod, else ~/.kube/config.
	Kubeconfig string
	// Context is the kubeconfig context; empty means the current one.
	Context string
	// StateNamespace holds Killick's own objects; empty means "killick".
	StateNamespace string
	// Version is the binary's version, for the user agent.
	Version string
	// UserAgent replaces "killick/VERSION".
	UserAgent string
	// Timeout bounds one request; zero means 45 seconds.
	Timeout time.Duration
	// Transport wraps the HTTP transport: for request counts, and for faults in
	// tests.
	Transport func(http.RoundTripper) http.RoundTripper
}

// Client is one connection to one cluster. It is safe for concurrent use.
type Client struct {
	config         *rest.Config
	stateNamespace string
	reads          chan struct{} // bounds requests for one object, dry-runs included
	lists          chan struct{} // bounds LISTs
	writes         chan struct{} // bounds writes
	own            *session

	mu       sync.Mutex // guards everything below
	sessions map[string]*session
	served   *drift.Capabilities
	uid      string
	version  string                    // of the server
	listed   map[string]map[string]any // own ConfigMaps by name, not yet handed out
	versions map[string]stored         // what Memory last read or wrote, by object name
	wrote    map[string]bool           // apps whose loaded state tells of an earlier write
	notes    []drift.ReportError
}

// How many requests of one sort may be under way. API priority and fairness
// limits concurrency, not rate, so there is no client-side rate limit beside
// these (kubernetes-sigs/controller-runtime#3119).
const (
	listsAtOnce  = 4
	readsAtOnce  = 8
	writesAtOnce = 8
)

// Connect loads the identity, and asks the API server for its version so that a
// cluster that cannot be reached is known before anything else is done. Every
// error is a *drift.Problem of stage "cluster" and drift.ErrUnreachable.
func Connect(ctx context.Context, options Options) (*Client, error) {
	config, err := identity(options)
	if err != nil {
		return nil, unreachable(fmt.Errorf("loading cluster credentials: %w", err),
			"give --kubeconfig, set KUBECONFIG, or run in a pod with a service account")
	}
	return connect(ctx, config, options)
}

// identity finds out who to be. The in-cluster identity is used only where
// nobody named another one (docs/install.md).
func identity(options Options) (*rest.Config, error) {
	named := options.Kubeconfig != "" || options.Context != "" || os.Getenv(clientcmd.RecommendedConfigPathEnvVar) != ""
	if !named && inCluster() {
		return rest.InClusterConfig()
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = options.Kubeconfig
	rules.WarnIfAllMissing = false
	raw, err := rules.Load()
	if err != nil {
		return nil, err
	}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: options.Context}
	return clientcmd.NewNonInteractiveClientConfig(*raw, options.Context, overrides, rules).ClientConfig()
}

func inCluster() bool {
	_, err := os.Stat(serviceAccountToken)
	return err == nil && os.Getenv("KUBERNETES_SERVICE_HOST") != ""
}

func connect(ctx context.Context, config *rest.Config, options Options) (*Client, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1
	config.Timeout = options.Timeout
	if config.Timeout == 0 {
		config.Timeout = defaultTimeout
	}
	config.UserAgent = options.UserAgent
	if config.UserAgent == "" {
		config.UserAgent = "killick/" + options.Version
	}
	config.WarningHandlerWithContext = rest.NoWarnings{}
	if options.Transport != nil {
		config.Wrap(options.Transport)
	}
	client := &Client{
		config:         config,
		stateNamespace: options.StateNamespace,
		reads:          make(chan struct{}, readsAtOnce),
		lists:          make(chan struct{}, listsAtOnce),
		writes:         make(chan struct{}, writesAtOnce),
		sessions:       map[string]*session{},
		versions:       map[string]stored{},
		wrote:          map[string]bool{},
	}
	if client.stateNamespace == "" {
		client.stateNamespace = DefaultStateNamespace
	}
	var err error
	if client.own, err = newSession(config, ""); err != nil {
		return nil, unreachable(fmt.Errorf("preparing the connection to %q: %w", config.Host, err),
			"check the cluster's entry in the kubeconfig")
	}
	if err := client.ping(ctx); err != nil {
		return nil, err
	}
	return client, nil
}

// ping asks for the server's version: the cheapest request that every
// authenticated identity may make.
func (c *Client) ping(ctx context.Context) error {
	body, err := c.own.read(ctx, request{path: "/version"})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var info version.Info
	if err == nil {
		err = json.Unmarshal(body, &info)
	}
	if err == nil && info.GitVersion == "" {
		err = malformed("it names no version of Kubernetes")
	}
	if err == nil {
		c.mu.Lock()
		c.version = info.GitVersion
		c.mu.Unlock()
		return nil
	}
	problem := &drift.Problem{}
	if errors.As(err, &problem) {
		return err
	}
	return unreachable(fmt.Errorf("connecting to %q: %w", c.config.Host, err),
		"check that the cluster is up and that this machine can reach it")
}

// unreachable makes any cause one that stops the run with exit code 3.
func unreachable(err error, hint string) error {
	if !errors.Is(err, drift.ErrUnreachable) {
		err = fmt.Errorf("%w: %w", drift.ErrUnreachable, err)
	}
	return &drift.Problem{Stage: "cluster", Hint: hint, Err: err}
}

// StateNamespace is the namespace of Killick's own objects.
func (c *Client) StateNamespace() string { return c.stateNamespace }

// Identity is the UID of the kube-system namespace, which stands for the
// cluster (SIG Multicluster's KEP-2149 recommends it as a cluster id). It is
// read once.
func (c *Client) Identity(ctx context.Context) (string, error) {
	c.mu.Lock()
	uid := c.uid
	c.mu.Unlock()
	if uid != "" {
		return uid, nil
	}
	namespace, err := c.own.get(ctx, namespaceResource, "", "kube-system")
	if err != nil {
		return "", &drift.Problem{Stage: "cluster", Hint: `allow "get" on the namespace kube-system`,
			Err: fmt.Errorf("reading the cluster's identity: %w", err)}
	}
	uid = uidOf(namespace)
	c.mu.Lock()
	c.uid = uid
	c.mu.Unlock()
	return uid, nil
}
