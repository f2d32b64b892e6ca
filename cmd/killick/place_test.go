package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"github.com/killick-dev/killick/internal/testenv"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
	"github.com/killick-dev/killick/internal/testenv/slack"
)

// place is all that one script or test has for itself: a namespace to manage, a
// namespace for state, a repository, a Slack workspace, and credentials that may
// appear nowhere.
type place struct {
	cp        *testenv.ControlPlane
	admin     dynamic.Interface
	mapper    *restmapper.DeferredDiscoveryRESTMapper
	id        string
	namespace string
	state     string
	git       *gitserver.Host
	repo      *gitserver.Repository
	twin      *gitserver.Repository // another with the same commits
	slack     *slack.Server
	work      string // the script's folder
	dir       string // beside it: the repository, and what must not be in it

	committed []string          // files of the last commit
	versions  map[string]string // what remember saw
	made      []*unstructured.Unstructured
	offset    time.Duration // of the clock
	tape      *tape         // nil until a script records

	mu   sync.Mutex
	said bytes.Buffer // everything any killick printed, wrote or sent
}

type placeKey struct{}

// newPlace builds a place; when it fails, close removes what was there already.
func newPlace(cp *testenv.ControlPlane, work string) (*place, error) {
	id := random()
	p := &place{cp: cp, id: id, namespace: "cli-" + id, state: "cli-" + id + "-state", work: work}
	config := cp.RESTConfig()
	config.WarningHandler = rest.NoWarnings{}
	var err error
	if p.admin, err = dynamic.NewForConfig(config); err != nil {
		return p, err
	}
	p.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(cp.Client().Discovery()))
	if p.dir, err = os.MkdirTemp("", "killick-cli-"); err != nil {
		return p, err
	}
	if p.git, err = gitserver.Start(p.dir, gitserver.Options{Credentials: gitserver.Credentials{Username: "git", Password: p.canary("git")}}); err != nil {
		return p, err
	}
	if p.repo, err = p.git.Create("platform"); err != nil {
		return p, err
	}
	if p.twin, err = p.git.Create("twin"); err != nil {
		return p, err
	}
	p.slack, err = slack.Start(slack.Options{
		Tokens: map[string][]string{p.canary("slack"): {slack.DefaultScope}},
		Channels: []slack.Channel{
			{ID: slack.DefaultChannel, Name: "drift", Member: true}, {ID: "C0SHOP000001", Name: "shop", Member: true},
		},
	})
	if err != nil {
		return p, err
	}
	for name, secret := range map[string]string{"git-token": p.canary("git"), "slack-token": p.canary("slack"), "hook": p.slack.WebhookURL()} {
		if err := os.WriteFile(p.file(name), []byte(secret+"\n"), 0o600); err != nil {
			return p, err
		}
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.namespace}}
	_, err = cp.Client().CoreV1().Namespaces().Create(context.Background(), namespace, metav1.CreateOptions{})
	return p, err
}

// variables stand in the script's files and, as $NAME, in its commands.
func (p *place) variables() map[string]string {
	return map[string]string{
		"WORK": p.work, "NS": p.namespace, "STATE": p.state, "CANARY": p.canary("value"),
		"GIT": p.repo.Path(), "TWIN": p.twin.HTTPSURL(), "CA": p.git.CAFile(), "nl": "\n", "NOW": time.Now().UTC().Format("2006-01-02T15:04:05.000000Z07:00"),
	}
}

// environment is what killick finds in its process: where everything is.
func (p *place) environment() map[string]string {
	return map[string]string{
		"KILLICK_REPO": p.repo.URL(), "KILLICK_REF": "main", "KILLICK_GIT_TOKEN_FILE": p.file("git-token"),
		"KILLICK_KUBECONFIG": p.cp.Kubeconfig(), "KILLICK_STATE_NAMESPACE": p.state,
		"SLACK_API_URL":           p.slack.APIURL(),
		"KUBERNETES_SERVICE_HOST": "192.0.2.1", // as in a Pod: nobody looks at what a run prints
	}
}

// canary is a secret of this place alone.
func (p *place) canary(of string) string {
	return "xoxb-canary-" + of + "-" + p.id // Slack's client expects the prefix
}

func (p *place) canaries() []string {
	return []string{p.canary("value"), p.canary("git"), p.canary("slack"), p.slack.WebhookURL(), "canary-"}
}

// file is a path in the script's folder.
func (p *place) file(name string) string { return filepath.Join(p.work, name) }

func (p *place) now() time.Time { return time.Now().Add(p.offset) }

// hear keeps what was printed or sent, for the canaries.
func (p *place) hear(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said.WriteString(text)
}

// close looks for canaries in everything that was said or stored, and removes
// the place.
func (p *place) close(t interface{ Fatal(args ...any) }) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var wrong []error
	if p.slack != nil && p.git != nil {
		wrong = append(wrong, p.noCanaries(ctx))
	}
	if err := errors.Join(append(wrong, p.remove(ctx))...); err != nil {
		t.Fatal(err)
	}
}

func (p *place) remove(ctx context.Context) error {
	var wrong []error
	for _, object := range p.made {
		if client, err := p.client(object); err == nil && object.GetNamespace() == "" {
			wrong = append(wrong, present(client.Delete(ctx, object.GetName(), metav1.DeleteOptions{})))
		}
	}
	for _, name := range []string{p.namespace, p.state} {
		wrong = append(wrong, present(p.cp.Client().CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})))
	}
	if p.tape != nil {
		p.tape.server.Close()
	}
	if p.git != nil {
		wrong = append(wrong, p.git.Close())
	}
	if p.slack != nil {
		wrong = append(wrong, p.slack.Close())
	}
	return errors.Join(append(wrong, os.RemoveAll(p.dir))...)
}

// present forgives that something is gone already.
func present(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// noCanaries fails when a planted secret stands in anything that was printed,
// written, sent or stored.
func (p *place) noCanaries(ctx context.Context) error {
	for _, message := range p.slack.Messages() {
		p.hear(fmt.Sprint(message.Text, message.Blocks))
	}
	for _, namespace := range []string{p.namespace, p.state} {
		if err := p.hearStored(ctx, namespace); err != nil {
			return err
		}
	}
	for _, canary := range p.canaries() {
		if encoded := base64.StdEncoding.EncodeToString([]byte(canary)); strings.Contains(p.said.String(), encoded) {
			return fmt.Errorf("a planted secret was told in base64: %s", encoded)
		}
		if at := strings.Index(p.said.String(), canary); at >= 0 {
			said := p.said.String()
			return fmt.Errorf("a planted secret was told: … %q …", said[max(0, at-200):min(len(said), at+100)])
		}
	}
	return nil
}

// hearStored reads what Killick stored in the cluster: ConfigMaps, unpacked, and
// Events.
func (p *place) hearStored(ctx context.Context, namespace string) error {
	maps, err := p.cp.Client().CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, item := range maps.Items {
		p.hear(fmt.Sprint(item.Annotations, item.Labels, item.Data))
		for _, packed := range item.BinaryData {
			reader, err := gzip.NewReader(bytes.NewReader(packed))
			if err != nil {
				return fmt.Errorf("unpacking ConfigMap %q: %w", item.Name, err)
			}
			text, err := io.ReadAll(reader)
			if err != nil {
				return fmt.Errorf("unpacking ConfigMap %q: %w", item.Name, err)
			}
			p.hear(string(text))
		}
	}
	events, err := p.cp.Client().CoreV1().Events(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, event := range events.Items {
		p.hear(event.Message + event.Reason)
	}
	return nil
}

// commit makes the files in the script's folder repo the repository's content.
func (p *place) commit(message string) (string, error) {
	files := map[string]string{}
	err := walk(p.file("repo"), func(name string, data []byte) error {
		files[name] = string(data)
		return nil
	})
	if err != nil {
		return "", err
	}
	committed := slices.Collect(maps.Keys(files))
	for _, old := range p.committed {
		if _, ok := files[old]; !ok {
			files[old] = gitserver.Deleted
		}
	}
	p.committed = committed
	change := gitserver.Change{Message: message, Files: files,
		Author: gitserver.Person{Name: "Ada Example", Email: "ada@example.com"}}
	if _, err := p.twin.Write(change); err != nil {
		return "", err
	}
	return p.repo.Write(change)
}

// client is the endpoint of an object's kind, in its namespace if it has one.
func (p *place) client(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := p.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		p.mapper.Reset()
		mapping, err = p.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	}
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return p.admin.Resource(mapping.Resource).Namespace(object.GetNamespace()), nil
	}
	return p.admin.Resource(mapping.Resource), nil
}

// named is the endpoint of "KIND", "KIND.group" or a resource name, in the
// place's namespace if it is namespaced.
func (p *place) named(kind string) (dynamic.ResourceInterface, error) {
	mapping, err := p.mapper.RESTMapping(schema.ParseGroupKind(kind))
	if meta.IsNoMatchError(err) {
		p.mapper.Reset()
		mapping, err = p.mapper.RESTMapping(schema.ParseGroupKind(kind))
	}
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return p.admin.Resource(mapping.Resource).Namespace(p.namespace), nil
	}
	return p.admin.Resource(mapping.Resource), nil
}

// watched are the kinds whose objects a script's namespace may hold.
var watched = []schema.GroupVersionResource{
	{Version: "v1", Resource: "configmaps"}, {Version: "v1", Resource: "secrets"}, {Version: "v1", Resource: "services"},
	{Version: "v1", Resource: "serviceaccounts"}, {Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"},
	{Group: "apps", Version: "v1", Resource: "deployments"},
}

// seen are the resourceVersions of all objects of the watched kinds in the
// place's namespace, without those that every namespace gets.
func (p *place) seen(ctx context.Context) (map[string]string, error) {
	versions := map[string]string{}
	for _, resource := range watched {
		list, err := p.admin.Resource(resource).Namespace(p.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for _, item := range list.Items {
			if item.GetName() != "kube-root-ca.crt" && item.GetName() != "default" {
				versions[item.GetKind()+"/"+item.GetName()] = item.GetResourceVersion()
			}
		}
	}
	return versions, nil
}
