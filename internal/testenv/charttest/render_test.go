package charttest

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	sigsyaml "sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const repo = "repo: https://git.example.com/platform.git\n"

// examples are the chart's own ci/*-values.yaml.
func examples(t *testing.T) map[string]install {
	t.Helper()
	files, err := filepath.Glob(chartDir + "/ci/*-values.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no example values: %v", err)
	}
	all := map[string]install{}
	for _, file := range files {
		values, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), "-values.yaml")
		all[name] = install{release: "killick", namespace: "killick", values: string(values)}
	}
	return all
}

func TestGolden(t *testing.T) {
	for name, in := range examples(t) {
		t.Run(name, func(t *testing.T) {
			got := dump(t, render(t, in))
			file := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v (run the test with -update to write it)", err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s differs (-want +got); run the test with -update if the change is meant:\n%s", file, diff)
			}
		})
	}
}

func TestRefusedValues(t *testing.T) {
	for _, c := range []struct{ why, values, want string }{
		{"a typo at the top", repo + "presett: heal", "presett"},
		{"a typo below", repo + "rbac: {secret: true}", "secret"},
		{"a preset that does not exist", repo + "preset: write", "preset"},
		{"two writers at once", repo + "concurrencyPolicy: Allow", "concurrencyPolicy"},
		{"a schedule that is none", repo + "schedule: hourly", "schedule"},
		{"Kubernetes ignores start deadlines below ten seconds", repo + "startingDeadlineSeconds: 5", "startingDeadlineSeconds"},
		{"git over plain http shows credentials to everybody in between", "repo: http://git.example.com/platform.git", "repo"},
		{"nothing to read", "{}", "repo is required"},
		{"a credential without its Secret", repo + "git: {auth: token}", "git.existingSecret is required"},
		{"Slack without its Secret", repo + "slack: {auth: webhook}", "slack.existingSecret is required"},
		{"two CAs", repo + "git: {ca: {existingSecret: a, existingConfigMap: b}}", "choose one"},
		{"no time left for a run", repo + "activeDeadlineSeconds: 40", "activeDeadlineSeconds must be more than 60"},
		{"an account that nobody creates", repo + "serviceAccount: {create: false}", "serviceAccount.name is required"},
		{"detect with a wildcard could patch its own policy", repo + "rbac: {extraRules: [{apiGroups: ['*'], resources: [things]}]}", "no wildcards"},
		{"detect with a wildcard of resources", repo + "rbac: {extraRules: [{apiGroups: [example.com], resources: ['*']}]}", "no wildcards"},
		{"a dry-run of a token subresource returns a token", repo + "rbac: {extraRules: [{apiGroups: [''], resources: [serviceaccounts/token], verbs: [create]}]}", "no subresources"},
		{"detect never deletes", repo + "rbac: {extraRules: [{apiGroups: [a.io], resources: [b], verbs: [delete]}]}", `not "delete"`},
		{"an impersonated account is not confined", repo + "rbac: {extraRules: [{apiGroups: [''], resources: [serviceaccounts], verbs: [impersonate]}]}", `not "impersonate"`},
		{"nothing holds writers of policies to dry-runs", repo + "rbac: {extraRules: [{apiGroups: [admissionregistration.k8s.io], resources: [mutatingadmissionpolicies]}]}", "may only read mutatingadmissionpolicies"},
		{"no right to write without the policy", repo + "detect: {admissionPolicy: false}\nrbac: {extraRules: [{apiGroups: [a.io], resources: [b], verbs: [patch]}]}", "without detect.admissionPolicy"},
	} {
		t.Run(c.why, func(t *testing.T) {
			_, err := renderText(t, install{release: "killick", namespace: "killick", values: c.values})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want one that says %q", err, c.want)
			}
		})
	}
}

// rules collects the rules of the rendered roles; unlike for the API server,
// where a rule stands makes no difference.
func rules(t *testing.T, objects []*unstructured.Unstructured) []rbacv1.PolicyRule {
	t.Helper()
	var all []rbacv1.PolicyRule
	for _, object := range objects {
		if kind := object.GetKind(); kind == "Role" || kind == "ClusterRole" {
			var role rbacv1.ClusterRole
			convert(t, object, &role)
			all = append(all, role.Rules...)
		}
	}
	if len(all) == 0 {
		t.Fatal("no rules are rendered")
	}
	return all
}

func convert(t *testing.T, object *unstructured.Unstructured, into any) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, into, true); err != nil {
		t.Fatalf("%s: %v", title(object), err)
	}
}

func TestNoWildcards(t *testing.T) {
	for name, in := range examples(t) {
		for _, rule := range rules(t, render(t, in)) {
			for _, word := range slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs) {
				if strings.Contains(word, "*") {
					t.Errorf("%s: a wildcard in %v", name, rule)
				}
			}
			for _, resource := range rule.Resources {
				if strings.Contains(resource, "/") {
					t.Errorf("%s: a subresource in %v", name, rule)
				}
			}
		}
	}
}

// TestVerbs holds each preset to its verbs, whatever the options.
func TestVerbs(t *testing.T) {
	everything := "rbac: {secrets: true, rbacObjects: true, admissionPolicies: true, deleteProtected: true, extraRules: [{apiGroups: [example.com], resources: [things]}]}\n"
	state := []string{"configmaps", "leases", "secrets"}
	for _, c := range []struct {
		why, values string
		deny        []string
		except      []string // resources that hold Killick's own state
	}{
		{"detect deletes and updates nothing", "preset: detect\n", []string{"delete", "deletecollection", "update", "impersonate"}, state},
		{"without its policy detect writes nothing at all", "preset: detect\ndetect: {admissionPolicy: false}\n",
			[]string{"create", "patch", "delete", "update", "escalate", "bind", "impersonate"}, state},
		{"heal deletes nothing", "preset: heal\n", []string{"delete", "deletecollection", "impersonate"}, state},
		{"prune deletes one by one", "preset: prune\n", []string{"deletecollection", "impersonate"}, nil},
	} {
		t.Run(c.why, func(t *testing.T) {
			objects := render(t, install{release: "killick", namespace: "killick", values: repo + everything + c.values})
			for _, rule := range rules(t, objects) {
				for _, verb := range rule.Verbs {
					if !slices.Contains(c.deny, verb) {
						continue
					}
					for _, resource := range rule.Resources {
						if !slices.Contains(c.except, resource) {
							t.Errorf("%s %s is allowed", verb, resource)
						}
					}
				}
			}
		})
	}
}

func TestDetectWritesNoPolicies(t *testing.T) {
	objects := render(t, install{release: "killick", namespace: "killick", values: repo + "rbac: {admissionPolicies: true}"})
	for _, rule := range rules(t, objects) {
		for _, resource := range rule.Resources {
			if strings.Contains(resource, "admissionpolic") && !cmp.Equal(rule.Verbs, []string{"get", "list"}) {
				t.Errorf("%s: verbs %v, want get and list only", resource, rule.Verbs)
			}
		}
	}
}

func TestSecretsAreOffByDefault(t *testing.T) {
	for _, preset := range []string{"detect", "heal", "prune"} {
		objects := render(t, install{release: "killick", namespace: "killick", values: repo + "preset: " + preset})
		for _, object := range objects {
			if object.GetKind() != "ClusterRole" {
				continue
			}
			for _, rule := range rules(t, []*unstructured.Unstructured{object}) {
				if slices.Contains(rule.Resources, "secrets") {
					t.Errorf("%s: %s grants %v on Secrets", preset, title(object), rule.Verbs)
				}
			}
		}
	}
}

func TestNamespaced(t *testing.T) {
	objects := render(t, install{release: "killick", namespace: "killick", values: repo + `
preset: prune
rbac: {namespaces: [team-a], secrets: true, rbacObjects: true, extraRules: [{apiGroups: [example.com], resources: [things]}]}`})
	for _, object := range objects {
		if object.GetKind() == "ClusterRole" {
			got := rules(t, []*unstructured.Unstructured{object})
			want := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"get"},
				ResourceNames: []string{"kube-system", "killick", "team-a"}}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s grants more than a look at namespaces (-want +got):\n%s", title(object), diff)
			}
		}
	}
	for _, name := range []string{"read", "apply", "delete", "secrets", "rbac-objects", "extra"} {
		find(t, objects, "Role team-a/killick-"+name)
		find(t, objects, "RoleBinding team-a/killick-"+name)
	}
}

func TestTwoReleasesShareNothing(t *testing.T) {
	var seen []string
	for _, in := range []install{
		{"killick", "killick", repo}, {"killick", "team-a", repo}, {"second", "killick", repo},
	} {
		for _, object := range render(t, in) {
			if slices.Contains(seen, title(object)) {
				t.Errorf("%s belongs to two releases", title(object))
			}
			seen = append(seen, title(object))
		}
	}
}

func TestLongReleaseName(t *testing.T) {
	job := cronJob(t, install{release: strings.Repeat("r", 53), namespace: "ops", values: repo})
	if len(job.Name) > 52 {
		t.Errorf("the CronJob's name has %d characters; the API server allows 52", len(job.Name))
	}
}

func TestNotes(t *testing.T) {
	for _, c := range []struct{ why, values, want string }{
		{"a reader should know that nothing is written", "", "writes nothing but its own state"},
		{"a suspended schedule is the reason that nothing happens", "suspend: true", "suspended"},
		{"the power of this option must not be overlooked", "preset: heal\nrbac: {rbacObjects: true}", "can become cluster-admin"},
	} {
		rendered, err := renderText(t, install{release: "killick", namespace: "ops", values: repo + c.values})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(rendered["NOTES.txt"], c.want) {
			t.Errorf("%s: the notes do not say %q:\n%s", c.why, c.want, rendered["NOTES.txt"])
		}
	}
}

// TestManualRun: whoever follows the notes, or docs/install.md, a second time is not told
// that the Job exists: its name is another each time, and the API server takes it.
func TestManualRun(t *testing.T) {
	rendered, err := renderText(t, install{release: strings.Repeat("r", 53), namespace: "ops", values: repo})
	if err != nil {
		t.Fatal(err)
	}
	install, err := os.ReadFile(chartDir + "/../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string]string{"the notes": rendered["NOTES.txt"], "docs/install.md": string(install)} {
		name := ""
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if assigned, ok := strings.CutPrefix(line, "job="); ok {
				name = assigned
			}
			if strings.Contains(line, "create job ") && !strings.HasSuffix(line, ` "$job"`) {
				t.Errorf("%s: a fixed name: %s", where, line)
			}
		}
		prefix, unique := strings.CutSuffix(name, "$(date +%s)")
		if room := 63 - len("1700000000"); !unique || len(prefix) > room {
			t.Errorf("%s: the Job is called %q", where, name)
		}
	}
}

// TestSchemaIsClosed: no section of the values is left open to typos.
func TestSchemaIsClosed(t *testing.T) {
	var schema map[string]any
	if err := sigsyaml.Unmarshal(loadChart(t).Schema, &schema); err != nil {
		t.Fatal(err)
	}
	var check func(where string, schema map[string]any)
	check = func(where string, schema map[string]any) {
		properties, ok := schema["properties"].(map[string]any)
		if !ok {
			return
		}
		if schema["additionalProperties"] != false {
			t.Errorf("%s accepts unknown fields", where)
		}
		for name, child := range properties {
			check(where+"."+name, child.(map[string]any))
		}
	}
	check("values", schema)
}
