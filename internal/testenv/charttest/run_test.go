package charttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv"
	"github.com/killick-dev/killick/internal/testenv/gitserver"
	"github.com/killick-dev/killick/internal/testenv/slack"
)

// built is the killick binary, compiled when the first test asks.
var built = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(binaries, "killick")
	out, err := exec.Command("go", "build", "-o", binary, "../../../cmd/killick").CombinedOutput()
	if err != nil {
		return binary, fmt.Errorf("building killick: %w\n%s", err, out)
	}
	return binary, nil
})

// job is the CronJob's container: the binary with the chart's own arguments and
// the ServiceAccount's own token. Only the repository is another.
type job struct {
	site
	args       []string
	repo       *gitserver.Repo
	kubeconfig string
	files      map[string]string
	slack      *slack.Server
}

// runnable installs the chart and serves a repository with one app in it: two
// ConfigMaps, a Service and a Deployment.
func runnable(t *testing.T, values, policies string) *job {
	t.Helper()
	s := installed(t, values)
	container := cronJob(t, install{release: "killick", namespace: s.release, values: strings.ReplaceAll(repo+values, "WORK", s.work)}).
		Spec.JobTemplate.Spec.Template.Spec.Containers[0]
	kubeconfig, err := testenv.Cluster(t).TokenKubeconfig(t.Context(), s.release, "killick")
	if err != nil {
		t.Fatal(err)
	}
	j := &job{site: s, args: container.Args, repo: gitserver.New(t).Repo("platform"), kubeconfig: kubeconfig}
	if j.slack, err = slack.Start(slack.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.slack.Close() })
	j.files = map[string]string{
		"killick.yaml": fmt.Sprintf(`{apiVersion: killick.dev/v1alpha1, kind: Config, cluster: {name: test},
apps: [{name: shop, path: shop, namespace: %s}]%s}`, s.work, policies),
		"shop/settings.yaml":            configMap(s.work, "settings"),
		"shop/banner.yaml":              configMap(s.work, "banner"),
		"shop/service.yaml":             service(s.work),
		"shop/web.yaml":                 deployment(s.work),
		"policies/drift/shop/shop.rego": everything,
	}
	j.repo.Commit("the shop opens", j.files)
	return j
}

// everything is granted: what is left undone is what the account may not do.
const everything = `package drift.shop

sync contains "yes" if input.drift.cause in {"none", "git", "both"}

heal contains "yes" if input.drift.cause in {"live", "both"}

prune contains "yes" if input.drift.type == "extra"

adopt contains "yes" if not input.ownership.tracked
`

const (
	granted = ", policies: [{path: policies}]"
	told    = ", notify: {slack: {webhookEnv: SLACK_WEBHOOK}}"
)

func service(namespace string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: Service, metadata: {namespace: %s, name: web}, spec: {selector: {app: web}, ports: [{name: http, port: 80}]}}", namespace)
}

// run starts the job once and reads its report.
func (j *job) run(t *testing.T, more ...string) (int, drift.Report) {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.json")
	args := append(slices.Clone(j.args), "--repo="+j.repo.URL(), "--kubeconfig="+j.kubeconfig, "--output=json="+file)
	args = append(args, more...)
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "SLACK_WEBHOOK=" + j.slack.WebhookURL()}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	t.Logf("exit code %d:\n%s", cmd.ProcessState.ExitCode(), &out)
	var report drift.Report
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &report)
	}
	if err != nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), report
}

// expect runs the job and compares its exit code and what became of each object:
// "Kind/name": "action outcome".
func (j *job) expect(t *testing.T, code int, want map[string]string, more ...string) drift.Report {
	t.Helper()
	exitCode, report := j.run(t, more...)
	if exitCode != code {
		t.Errorf("exit code %d, want %d", exitCode, code)
	}
	for _, failed := range report.Errors {
		if code == 0 {
			t.Errorf("%s: %s", failed.Stage, failed.Message)
		}
	}
	got := map[string]string{}
	for _, app := range report.Apps {
		for _, resource := range app.Resources {
			got[resource.Kind+"/"+resource.Name] = resource.Action + " " + resource.Outcome
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the report differs (-want +got):\n%s", diff)
	}
	return report
}

// heard are the messages that Slack took since the last call.
func (j *job) heard(t *testing.T) []string {
	t.Helper()
	var texts []string
	for _, message := range j.slack.Messages() {
		texts = append(texts, message.PlainText())
	}
	for _, rejected := range j.slack.Rejected() {
		t.Errorf("Slack rejected a request: %s", rejected)
	}
	j.slack.Reset()
	return texts
}

// versions are the resourceVersions of what is in a namespace.
func (j *job) versions(t *testing.T, namespace string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, resource := range []schema.GroupVersionResource{
		configMaps, secrets, leases, {Version: "v1", Resource: "services"}, {Group: "apps", Version: "v1", Resource: "deployments"},
	} {
		list, err := j.admin.Resource(resource).Namespace(namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range list.Items {
			if item.GetName() != "kube-root-ca.crt" {
				all[item.GetKind()+"/"+item.GetName()] = item.GetResourceVersion()
			}
		}
	}
	return all
}

// settledVersions waits for the Deployment's controller to have looked.
func (j *job) settledVersions(t *testing.T) map[string]string {
	t.Helper()
	j.await(t, func(ctx context.Context) error {
		web, err := j.admin.Resource(deployments).Namespace(j.work).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		status, _ := web.Object["status"].(map[string]any)
		if observed, _ := status["observedGeneration"].(int64); observed != web.GetGeneration() {
			return errors.New("the Deployment was not observed yet")
		}
		return nil
	})
	return j.versions(t, j.work)
}

func (j *job) edit(t *testing.T, name, patch string) {
	t.Helper()
	_, err := j.admin.Resource(configMaps).Namespace(j.work).Patch(t.Context(), name, types.MergePatchType, []byte(patch),
		metav1.PatchOptions{FieldManager: "kubectl-edit"})
	if err != nil {
		t.Fatal(err)
	}
}

// before puts into the cluster what others deployed before Killick came: one
// ConfigMap differs from Git, one is missing.
func (j *job) before(t *testing.T) map[string]string {
	t.Helper()
	for _, manifest := range []string{service(j.work), deployment(j.work),
		fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {namespace: %s, name: settings}, data: {a: by hand}}", j.work)} {
		o := object(manifest)
		client, err := j.client(j.admin, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Apply(t.Context(), o.GetName(), o, metav1.ApplyOptions{FieldManager: "kubectl"}); err != nil {
			t.Fatal(err)
		}
	}
	return j.settledVersions(t)
}

// unchanged: nothing was written but Killick's own state.
func (j *job) unchanged(t *testing.T, before map[string]string) {
	t.Helper()
	if diff := cmp.Diff(before, j.versions(t, j.work)); diff != "" {
		t.Errorf("objects were written (-before +after):\n%s", diff)
	}
	for name := range j.versions(t, j.release) {
		_, own, _ := strings.Cut(name, "/")
		if own != "killick" && own != "probe" && !strings.HasPrefix(own, "killick-") {
			t.Errorf("%s was written beside the state", name)
		}
	}
}

// TestRunHeal: it creates and heals; a deletion that policy grants is refused by
// the API server, reported, and tried again in the next run.
func TestRunHeal(t *testing.T) {
	j := runnable(t, "preset: heal", granted)
	created := map[string]string{
		"ConfigMap/settings": "sync applied", "ConfigMap/banner": "sync applied", "Service/web": "sync applied", "Deployment/web": "sync applied",
	}
	j.expect(t, 0, created)
	before := j.settledVersions(t)
	j.expect(t, 0, map[string]string{})
	j.unchanged(t, before)
	j.edit(t, "settings", `{"data":{"a":"by hand"}}`)
	j.repo.Commit("no banner", map[string]string{"shop/banner.yaml": gitserver.Deleted})
	report := j.expect(t, 4, map[string]string{"ConfigMap/settings": "heal applied", "ConfigMap/banner": "prune failed"})
	for _, resource := range report.Apps[0].Resources {
		if resource.Name == "banner" && !strings.Contains(resource.Error, `cannot delete resource "configmaps"`) {
			t.Errorf("the error does not name the missing right: %s", resource.Error)
		}
	}
	j.expect(t, 4, map[string]string{"ConfigMap/banner": "prune failed"})
	if _, there := j.versions(t, j.work)["ConfigMap/banner"]; !there {
		t.Error("the banner is gone")
	}
}

// TestRunPrune: it deletes too, cluster-wide and in an installation that is
// limited to a namespace.
func TestRunPrune(t *testing.T) {
	for why, values := range map[string]string{
		"in the whole cluster": "preset: prune",
		"in one namespace":     "preset: prune\nrbac: {namespaces: [WORK]}",
	} {
		t.Run(why, func(t *testing.T) {
			j := runnable(t, values, granted)
			j.expect(t, 0, map[string]string{
				"ConfigMap/settings": "sync applied", "ConfigMap/banner": "sync applied", "Service/web": "sync applied", "Deployment/web": "sync applied",
			})
			before := j.settledVersions(t)
			j.expect(t, 0, map[string]string{})
			j.unchanged(t, before)
			j.repo.Commit("no banner", map[string]string{"shop/banner.yaml": gitserver.Deleted})
			j.expect(t, 0, map[string]string{"ConfigMap/banner": "prune pruned"})
			if _, there := j.versions(t, j.work)["ConfigMap/banner"]; there {
				t.Error("the banner is still there")
			}
			j.expect(t, 0, map[string]string{})
		})
	}
}
