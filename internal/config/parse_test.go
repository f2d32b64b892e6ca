package config

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

func readFull(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func ptr(n int) *int { return &n }

func TestParseReadsEveryField(t *testing.T) {
	got, err := Parse("killick.yaml", readFull(t))
	if err != nil {
		t.Fatal(err)
	}
	const commit = "0123456789abcdef0123456789abcdef01234567"
	want := Config{
		APIVersion: APIVersion, Kind: Kind,
		Cluster: Cluster{Name: "prod-eu", UID: "6f1c7a52-0d0b-4d8e-9a53-0c6f1d6f7a10"},
		Repositories: map[string]Repository{
			"charts": {URL: "https://git.example.com/charts.git", Ref: "v3", TokenFile: "/etc/killick/git/charts"},
			"legacy": {URL: "https://git.example.com/legacy.git", Ref: "release/2026", UsernameFile: "/etc/killick/git/user",
				PasswordFile: "/etc/killick/git/password", CAFile: "/etc/killick/git/ca.pem"},
			"shared": {URL: "git@git.example.com:platform/shared.git", Ref: commit,
				SSHKeyFile: "/etc/killick/git/key", KnownHostsFile: "/etc/killick/git/known_hosts"},
			"tools":  {URL: "ssh://git@git.example.com:2222/tools.git", Ref: "main", SSHKeyFile: "/k/key", KnownHostsFile: "/k/hosts"},
			"public": {URL: "https://git.example.com/public.git", Ref: "HEAD", TokenEnv: "PUBLIC_TOKEN"},
		},
		Policies: []Policy{
			{Builtin: "baseline"},
			{Path: "policies",
				Areas: map[string]Area{"platform": {All: true}, "payments": {Namespaces: []string{"payments-*", "payments"}}},
				Data:  map[string]any{"payments": map[string]any{"limit": 3.0, "freeze": false}}},
			{Path: "rego", Repository: "shared"},
		},
		Apps: []App{
			{Name: "storefront", Path: "apps/storefront/overlays/prod", Namespace: "storefront", Secrets: drift.SecretsManage,
				ServiceAccount: "storefront-deployer",
				Suspend:        &Suspend{Until: time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC), Reason: "migration"}},
			{Name: "metrics", Repository: "charts", Path: "metrics", Namespace: "monitoring", DependsOn: []string{"storefront"}, HealthTimeout: "5m",
				ServiceAccount: "monitoring/deployer",
				Helm: &Helm{ReleaseName: "metrics", IncludeCRDs: true, SkipSchemaValidation: true,
					ValueFiles: []string{"values/prod.yaml", "../shared/values.yaml", "/clusters/prod/metrics.yaml"},
					// As in a values file: "no" is a boolean, numbers are float64, merge keys work.
					Values: map[string]any{
						"defaults": map[string]any{"replicas": 2.0, "debug": false},
						"server":   map[string]any{"replicas": 2.0, "debug": false, "name": "on", "port": 8080.0},
					}}},
			{Name: "root", Path: "."},
		},
		Guards: Guards{
			Prune: Prune{Percent: ptr(10), Floor: ptr(0), Ceiling: ptr(15), RunCeiling: ptr(40)},
			Unprotect: []string{"Namespace/scratch", "PersistentVolumeClaim", "Certificate.cert-manager.io",
				"ClusterRole.rbac.authorization.k8s.io/web", "ClusterRole/system:web"},
			Accept: []string{"0123456789abcdef0123456789abcdef"},
		},
		Drift: Drift{
			Managers: map[string]drift.Class{"acme-deployer": drift.ClassDeployer, "my-bot*": drift.ClassPipeline,
				"*-bot": drift.ClassController, "my-bot-7": drift.ClassInteractive},
			Quiet: []string{"/metadata/annotations/acme.io~1stamp", "/spec/template/metadata/annotations/*"},
		},
		Notify: Notify{Slack: &Slack{
			TokenFile: "/etc/killick/slack/token", Syncs: SyncsOff,
			Routes: map[string]Route{"default": {Channel: "C0123456789"}, "payments": {Channel: "G0123456789"}},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

// minimal is valid; the cases of TestParseRefuses put their lines after it, so
// that those begin in line 5.
const minimal = `apiVersion: killick.dev/v1alpha1
kind: Config
cluster: {name: prod}
apps: [{name: web, path: apps/web}]
`

func TestParseAcceptsTheSmallestConfig(t *testing.T) {
	if _, err := Parse("killick.yaml", []byte(minimal)); err != nil {
		t.Fatal(err)
	}
}

// lines writes problems as "file:line: message → hint", which is what a user
// sees.
func lines(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("error is %T, want Problems: %v", err, err)
	}
	var out []string
	for _, one := range problems {
		if one.Stage != "config" {
			t.Errorf("stage of %v is %q, want config", one, one.Stage)
		}
		text := one.Error()
		if one.Hint != "" {
			text += " → " + one.Hint
		}
		out = append(out, text)
	}
	return out
}

type refusal struct {
	reason string
	yaml   string // after minimal, unless it begins with "apiVersion"
	want   []string
}

func (r refusal) document() string {
	if strings.HasPrefix(r.yaml, "apiVersion") {
		return r.yaml
	}
	return minimal + r.yaml
}

// showManagers is the hint for a field manager.
const showManagers = "kubectl get -o yaml --show-managed-fields shows who wrote what under metadata.managedFields"

const head = "apiVersion: killick.dev/v1alpha1\nkind: Config\ncluster: {name: prod}\n"

var shapes = []refusal{
	{"a mistyped field names the one that was meant", "polices: []\n",
		[]string{`k.yaml:5: polices is not a known field (column 1) → did you mean "policies"?`}},
	{"letter case counts, and is found", head + "Apps: []\napps: [{name: a, path: a, namespce: b}]\n", []string{
		`k.yaml:4: Apps is not a known field (column 1) → did you mean "apps"?`,
		`k.yaml:5: apps[0].namespce is not a known field (column 27) → did you mean "namespace"?`}},
	{"a field at the wrong level is sent home", head + "apps: [{name: a, path: a, releaseName: b}]\n",
		[]string{`k.yaml:4: apps[0].releaseName is not a known field (column 27) → the field belongs to apps[].helm`}},
	{"a field of the top level further down", head + "apps: [{name: a, path: a, repositories: {}}]\n",
		[]string{`k.yaml:4: apps[0].repositories is not a known field (column 27) → did you mean "repository"?`}},
	{"nothing similar: all names", "cluster2: x\nxyzzy: 1\n", []string{
		`k.yaml:5: cluster2 is not a known field (column 1) → did you mean "cluster"?`,
		`k.yaml:6: xyzzy is not a known field (column 1) → known fields: apiVersion, kind, cluster, web, repositories, policies, apps, guards, drift, notify`}},
	{"an abbreviation is found", head + "apps: [{name: a, path: a, repo: b}]\n",
		[]string{`k.yaml:4: apps[0].repo is not a known field (column 27) → did you mean "repository"?`}},
	{"extends is reserved", "extends: ../base.yaml\n",
		[]string{`k.yaml:5: extends is not supported yet (column 1) → write the whole config into one file`}},
	{"helm.chart is reserved", head + "apps:\n  - name: a\n    path: a\n    helm:\n      chart: redis\n",
		[]string{`k.yaml:8: apps[0].helm.chart is not supported yet (column 7) → vendor the chart into a Git repository and give its folder in path`}},
	{"a field given twice", "guards: {}\nguards: {}\n",
		[]string{`k.yaml:6: guards is given twice, first in line 5 (column 1) → keep one of them`}},
	{"a field given twice below", "guards:\n  unprotect: []\n  unprotect: []\n",
		[]string{`k.yaml:7: guards.unprotect is given twice, first in line 6 (column 3) → keep one of them`}},
	{"a map key given twice", "policies:\n- path: p\n  data:\n    web: {}\n    web: {}\n",
		[]string{`k.yaml:9: policies[0].data.web is given twice, first in line 8 (column 5) → keep one of them`}},
	{"values have no schema, but a key given twice is always a mistake",
		head + "apps:\n  - name: a\n    path: a\n    helm:\n      values:\n        a: {b: [{c: 1, c: 2}]}\n",
		[]string{`k.yaml:9: apps[0].helm.values.a.b[0].c is given twice, first in line 9 (column 24) → keep one of them`}},
	{"missing required fields, all at once", "apiVersion: killick.dev/v1alpha1\nkind: Config\ncluster: {}\napps:\n  - {}\n", []string{
		`k.yaml:3: cluster.name is required and missing (column 10)`,
		`k.yaml:5: apps[0].name is required and missing (column 5)`,
		`k.yaml:5: apps[0].path is required and missing (column 5)`}},
	{"no apps would look like a converged cluster", head + "apps: []\n",
		[]string{`k.yaml:4: apps must have at least 1 entry (column 7)`}},
	{"no apps at all", head, []string{`k.yaml:1: apps is required and missing (column 1)`}},
	{"a field without a value is not the same as no field", "policies:\nguards: ~\n", []string{
		`k.yaml:5: policies has no value (column 10) → give it a value, or remove the line`,
		`k.yaml:6: guards has no value (column 9) → give it a value, or remove the line`}},
	{"a list where a mapping belongs, and the reverse", "repositories: []\nguards: {unprotect: {}, prune: x}\n", []string{
		`k.yaml:5: repositories must be a mapping, not a list (column 15)`,
		`k.yaml:6: guards.unprotect must be a list, not a mapping (column 21)`,
		`k.yaml:6: guards.prune must be a mapping, not a string (column 32)`}},
	{"a number where text belongs", head + "apps: [{name: 1, path: 2026-01-01, namespace: true}]\n", []string{
		`k.yaml:4: apps[0].name must be a string, not a number (column 15) → put it in quotes if it is meant as text`,
		`k.yaml:4: apps[0].path must be a string, not a date (column 24) → put it in quotes if it is meant as text`,
		`k.yaml:4: apps[0].namespace must be a string, not a boolean (column 47) → put it in quotes if it is meant as text`}},
	{"text where a number belongs, and numbers out of range", "guards: {prune: {percent: \"20\", floor: -1, ceiling: 2.5, runCeiling: [1]}}\n", []string{
		`k.yaml:5: guards.prune.percent must be a whole number, not a string (column 27)`,
		`k.yaml:5: guards.prune.floor is -1 and must be at least 0 (column 40)`,
		`k.yaml:5: guards.prune.ceiling must be a whole number, not a number (column 53)`,
		`k.yaml:5: guards.prune.runCeiling must be a whole number, not a list (column 70)`}},
	{"percent above 100", "guards: {prune: {percent: 101}}\n",
		[]string{`k.yaml:5: guards.prune.percent is 101 and must be between 0 and 100 (column 27)`}},
	{"percent below 0", "guards: {prune: {percent: -1}}\n",
		[]string{`k.yaml:5: guards.prune.percent is -1 and must be between 0 and 100 (column 27)`}},
	{"YAML 1.1 booleans are text here", head + "apps: [{name: a, path: a, helm: {includeCRDs: yes}}]\n",
		[]string{`k.yaml:4: apps[0].helm.includeCRDs must be true or false, not a string (column 47)`}},
	{"a choice that does not exist", head + "apps: [{name: a, path: a, secrets: manged}]\n",
		[]string{`k.yaml:4: apps[0].secrets is "manged" and must be one of skip, manage (column 36) → did you mean "manage"?`}},
	{"false is not off", "notify: {slack: {webhookEnv: HOOK, syncs: false}}\n",
		[]string{`k.yaml:5: notify.slack.syncs must be a string, not a boolean (column 43) → put it in quotes if it is meant as text`}},
	{"a name that is no DNS label", head + "apps: [{name: Web_1, path: a}]\n",
		[]string{`k.yaml:4: apps[0].name must be a DNS label: lower-case letters, digits and '-', at most 63 characters, and "Web_1" is not (column 15)`}},
	{"a label of 64 characters", head + "apps: [{name: " + strings.Repeat("a", 64) + ", path: a}]\n",
		[]string{`k.yaml:4: apps[0].name must be a DNS label: lower-case letters, digits and '-', at most 63 characters, and "` + strings.Repeat("a", 64) + `" is not (column 15)`}},
	{"a repository's name is a label too", "repositories: {My Charts: {url: https://h/r, ref: main}}\n",
		[]string{`k.yaml:5: repositories.My Charts must be a DNS label: lower-case letters, digits and '-', at most 63 characters, and "My Charts" is not (column 16)`}},
	{"a path that leads out", head + "apps: [{name: a, path: a/../../b}, {name: b, path: /b}]\n", []string{
		`k.yaml:4: apps[0].path must be a path from the repository's root, without a leading slash, but "a/../../b" leads out of the repository (column 24)`,
		`k.yaml:4: apps[1].path must be a path from the repository's root, without a leading slash, and "/b" is not (column 52)`}},
	{"a cluster UID is a UUID", "apiVersion: killick.dev/v1alpha1\nkind: Config\ncluster: {name: prod, uid: prod}\napps: [{name: a, path: a}]\n",
		[]string{`k.yaml:3: cluster.uid must be a UID such as 6f1c7a52-0d0b-4d8e-9a53-0c6f1d6f7a10, and "prod" is not (column 28) → kubectl get namespace kube-system -o jsonpath={.metadata.uid}`}},
	{"a moment without zone, and only a date", head + "apps:\n- {name: a, path: a, suspend: {until: 2026-12-01T08:00:00, reason: x}}\n- {name: b, path: b, suspend: {until: 2026-12-01, reason: x}}\n- {name: c, path: c, suspend: {until: [], reason: x}}\n", []string{
		`k.yaml:5: apps[0].suspend.until must be a moment, not "2026-12-01T08:00:00" (column 39) → RFC 3339 with a time zone, such as 2026-12-01T08:00:00Z`,
		`k.yaml:6: apps[1].suspend.until must be a moment, not "2026-12-01" (column 39) → RFC 3339 with a time zone, such as 2026-12-01T08:00:00Z`,
		`k.yaml:7: apps[2].suspend.until must be a moment, not a list (column 39) → RFC 3339 with a time zone, such as 2026-12-01T08:00:00Z`}},
	{"a suspension says until when and why", head + "apps: [{name: a, path: a, suspend: {}}]\n", []string{
		`k.yaml:4: apps[0].suspend.reason is required and missing (column 36)`,
		`k.yaml:4: apps[0].suspend.until is required and missing (column 36)`}},
	{"a blank reason says nothing", head + "apps: [{name: a, path: a, suspend: {until: 2026-12-01T08:00:00Z, reason: \" \"}}]\n",
		[]string{`k.yaml:4: apps[0].suspend.reason must be a text of at most 500 characters, and " " is not (column 74)`}},
	{"a part of a hash is none, nor is one given twice", "guards: {accept: [abc1234, 0a23456789abcdef0123456789abcdef, 0a23456789abcdef0123456789abcdef]}\n", []string{
		`k.yaml:5: guards.accept[0] must be a hash as killick plan prints it: 32 lower-case hex digits, and "abc1234" is not (column 19) → killick plan prints the line to paste`,
		`k.yaml:5: guards.accept[2] is given twice, first in line 5 (column 62) → keep one of them`}},
	{"unprotect wants kinds, not resources", "guards: {unprotect: [namespaces, Namespace/, v1/Pod/x, Namespace, Namespace]}\n", []string{
		`k.yaml:5: guards.unprotect[0] must be Kind, Kind.group, Kind/name or Kind.group/name, and "namespaces" is not (column 22) → a kind is written as in a manifest: PersistentVolumeClaim, Certificate.cert-manager.io, Namespace/scratch`,
		`k.yaml:5: guards.unprotect[1] must be Kind, Kind.group, Kind/name or Kind.group/name, and "Namespace/" is not (column 34) → a kind is written as in a manifest: PersistentVolumeClaim, Certificate.cert-manager.io, Namespace/scratch`,
		`k.yaml:5: guards.unprotect[2] must be Kind, Kind.group, Kind/name or Kind.group/name, and "v1/Pod/x" is not (column 46) → a kind is written as in a manifest: PersistentVolumeClaim, Certificate.cert-manager.io, Namespace/scratch`,
		`k.yaml:5: guards.unprotect[4] is given twice, first in line 5 (column 67) → keep one of them`}},
	{"a class that does not exist, and one that nobody can be given", "drift:\n  managers:\n    bot: pipelin\n    twin: self\n    other: 1\n", []string{
		`k.yaml:7: drift.managers.bot is "pipelin" and must be one of interactive, pipeline, deployer, controller, unknown (column 10) → did you mean "pipeline"?`,
		`k.yaml:8: drift.managers.twin is "self" and must be one of interactive, pipeline, deployer, controller, unknown (column 11) → known names: controller, deployer, interactive, pipeline, unknown`,
		`k.yaml:9: drift.managers.other must be a string, not a number (column 12) → put it in quotes if it is meant as text`}},
	{"a pattern has its * at one end, and names something", "drift: {managers: {\"*\": controller, \"a*b\": controller, \"*a*\": controller, \"\": controller}}\n", []string{
		`k.yaml:5: drift.managers.* must be a field manager: its name, NAME* or *NAME, and "*" is not (column 20) → ` + showManagers,
		`k.yaml:5: drift.managers.a*b must be a field manager: its name, NAME* or *NAME, and "a*b" is not (column 37) → ` + showManagers,
		`k.yaml:5: drift.managers.*a* must be a field manager: its name, NAME* or *NAME, and "*a*" is not (column 56) → ` + showManagers,
		`k.yaml:5: drift.managers. must be a field manager: its name, NAME* or *NAME, and "" is not (column 75) → ` + showManagers}},
	{"a manager given twice", "drift:\n  managers:\n    bot: pipeline\n    bot: controller\n",
		[]string{`k.yaml:8: drift.managers.bot is given twice, first in line 7 (column 5) → keep one of them`}},
	{"Killick's own names are nobody else's", "drift:\n  managers: {killick: controller, killick-applyset: unknown}\n", []string{
		`k.yaml:6: drift.managers.killick must be a field manager: its name, NAME* or *NAME, but "killick" is Killick's own name (column 14)`,
		`k.yaml:6: drift.managers.killick-applyset must be a field manager: its name, NAME* or *NAME, but "killick-applyset" is Killick's own name (column 35)`}},
	{"what is quiet is a pointer", "drift:\n  quiet: [metadata.labels, /, /a//b, /a~b, /a/b, /a/b]\n", []string{
		`k.yaml:6: drift.quiet[0] must be a JSON pointer without empty parts, such as /metadata/annotations/example.com~1stamp, and "metadata.labels" is not (column 11) → a / inside a name is written ~1, a ~ is written ~0`,
		`k.yaml:6: drift.quiet[1] must be a JSON pointer without empty parts, such as /metadata/annotations/example.com~1stamp, and "/" is not (column 28) → a / inside a name is written ~1, a ~ is written ~0`,
		`k.yaml:6: drift.quiet[2] must be a JSON pointer without empty parts, such as /metadata/annotations/example.com~1stamp, and "/a//b" is not (column 31) → a / inside a name is written ~1, a ~ is written ~0`,
		`k.yaml:6: drift.quiet[3] must be a JSON pointer without empty parts, such as /metadata/annotations/example.com~1stamp, and "/a~b" is not (column 38) → a / inside a name is written ~1, a ~ is written ~0`,
		`k.yaml:6: drift.quiet[5] is given twice, first in line 6 (column 50) → keep one of them`}},
	{"the section has two fields", "drift: {manager: {}, ignore: []}\n", []string{
		`k.yaml:5: drift.manager is not a known field (column 9) → did you mean "managers"?`,
		`k.yaml:5: drift.ignore is not a known field (column 22) → known fields: managers, quiet`}},
	{"a channel's name is not its ID", "notify: {slack: {tokenEnv: T, routes: {default: {channel: \"#alerts\"}}}}\n",
		[]string{`k.yaml:5: notify.slack.routes.default.channel must be a channel ID such as C0123456789, and "#alerts" is not (column 59) → Slack shows a channel's ID at the bottom of its details; a name can be given to another channel, an ID cannot`}},
	{"areas without an entry would silence every policy", "policies: [{path: p, areas: {}}]\n",
		[]string{`k.yaml:5: policies[0].areas must not be empty (column 29) → add an entry, or remove the field`}},
	{"an area is a Rego package of the user's", "policies:\n- path: p\n  areas: {lib: {all: true}, my-area: {all: true}, with: {all: true}, x_test: {all: true}}\n", []string{
		`k.yaml:7: policies[0].areas.lib must be the name of a Rego package below drift: letters, digits and '_', but "lib" is reserved for Killick's own library (column 11) → choose another name for the area`,
		`k.yaml:7: policies[0].areas.my-area must be the name of a Rego package below drift: letters, digits and '_', and "my-area" is not (column 29)`,
		`k.yaml:7: policies[0].areas.with must be the name of a Rego package below drift: letters, digits and '_', but "with" is a Rego keyword, so no package can have this name (column 51)`,
		`k.yaml:7: policies[0].areas.x_test must be the name of a Rego package below drift: letters, digits and '_', but "x_test" ends in _test (column 70) → packages that end in _test are tests and are not loaded by runs`}},
	{"a namespace pattern is not a regular expression", "policies: [{path: p, areas: {a: {namespaces: [\"^pay.*$\"]}}}]\n",
		[]string{`k.yaml:5: policies[0].areas.a.namespaces[0] must be a namespace, in which * matches any number of characters, and "^pay.*$" is not (column 47)`}},
	{"parameters belong to an area", "policies: [{path: p, data: {max-age: {}, limit: 3}}]\n", []string{
		`k.yaml:5: policies[0].data.max-age must be the name of a Rego package below drift: letters, digits and '_', and "max-age" is not (column 29)`,
		`k.yaml:5: policies[0].data.limit must be a mapping, not a number (column 49)`}},
	{"an expression is not a ref", "repositories:\n  a: {url: https://h/a, ref: main~1}\n  b: {url: https://h/b, ref: refs/heads/../x}\n  c: {url: https://h/c, ref: --upload-pack=x}\n  d: {url: https://h/d, ref: 1.10}\n", []string{
		`k.yaml:6: repositories.a.ref must be a branch, a tag or a full commit, and "main~1" is not (column 30)`,
		`k.yaml:7: repositories.b.ref must be a branch, a tag or a full commit, but "refs/heads/../x" has an empty part, or one that Git does not allow (column 30)`,
		`k.yaml:8: repositories.c.ref must be a branch, a tag or a full commit, and "--upload-pack=x" is not (column 30)`,
		`k.yaml:9: repositories.d.ref must be a string, not a number (column 30) → put it in quotes if it is meant as text`}},
	{"a value file is in the repository", head + "apps: [{name: a, path: a, helm: {valueFiles: [https://x/y.yaml, v/, v.yaml, v.yaml]}}]\n", []string{
		`k.yaml:4: apps[0].helm.valueFiles[0] must be a path relative to the chart, or from the repository's root with a leading slash, but "https://x/y.yaml" is a URL (column 47) → value files are read from the repository only; copy the file there`,
		`k.yaml:4: apps[0].helm.valueFiles[1] must be a path relative to the chart, or from the repository's root with a leading slash, and "v/" is not (column 65)`,
		`k.yaml:4: apps[0].helm.valueFiles[3] is given twice, first in line 4 (column 77) → keep one of them`}},
	{"a time without a unit", head + "apps: [{name: a, path: a, healthTimeout: 90}]\n", []string{"k.yaml:4: apps[0].healthTimeout must be a duration such as 30s, 5m or 1h30m, not a number (column 42) → write a unit, such as 90s; 0s is no time at all"}},
	{"a time in words", head + "apps: [{name: a, path: a, healthTimeout: 5 minutes}]\n", []string{"k.yaml:4: apps[0].healthTimeout must be a duration such as 30s, 5m or 1h30m, and \"5 minutes\" is not (column 42) → write a unit, such as 90s; 0s is no time at all"}},
	{"a time that is none", head + "apps: [{name: a, path: a, healthTimeout: -5m}]\n", []string{"k.yaml:4: apps[0].healthTimeout must be a duration such as 30s, 5m or 1h30m, and \"-5m\" is not (column 42) → write a unit, such as 90s; 0s is no time at all"}},
	{"a release name has Helm's bound", head + "apps: [{name: a, path: a, helm: {releaseName: " + strings.Repeat("r", 54) + "}}]\n",
		[]string{`k.yaml:4: apps[0].helm.releaseName must be a Helm release name: lower-case letters, digits, '-' and '.', at most 53 characters, and "` + strings.Repeat("r", 54) + `" is not (column 47)`}},
	{"a key that is not text", "drift: {managers: {1: x}}\n",
		[]string{`k.yaml:5: drift.managers has a key that is a number, not a string (column 20) → put it in quotes if it is meant as a name`}},
	{"a merge key hides where a value comes from", head + "apps:\n  - &a {name: a, path: a}\n  - {<<: *a, name: b}\n", []string{
		`k.yaml:6: apps[1] uses a YAML merge key, which is not supported here (column 6) → write the fields out`}},
	{"an anchor that contains itself", "guards: &g\n  unprotect: *g\n", []string{
		`k.yaml:5: guards.unprotect must be a list, not a mapping (column 9)`}},
	{"a value that contains itself", head + "apps: [{name: a, path: a, helm: {values: &v {x: [*v]}}}]\n",
		[]string{`k.yaml:4: apps[0].helm.values.x[0].x[0] repeats an anchor that contains itself (column 50)`}},
}

var references = []refusal{
	{"two apps of one name", head + "apps: [{name: a, path: a}, {name: a, path: b}]\n",
		[]string{`k.yaml:4: apps[1].name is the name of apps[0].name too → keep one of them`}},
	{"a repository that is not listed", head + "repositories: {charts: {url: https://h/r, ref: main}}\napps: [{name: a, path: a, repository: chart}]\npolicies: [{path: p, repository: polices}]\n", []string{
		`k.yaml:5: apps[0].repository is "chart", which is not listed in repositories → did you mean "charts"?`,
		`k.yaml:6: policies[0].repository is "polices", which is not listed in repositories → known names: charts`}},
	{"no repositories at all", head + "apps: [{name: a, path: a, repository: chart}]\n",
		[]string{`k.yaml:4: apps[0].repository is "chart", which is not listed in repositories → repositories lists none; leave the field out for the repository that holds this file`}},
	{"an unknown dependency, and oneself", head + "apps:\n- {name: web, path: a, dependsOn: [bd]}\n- {name: db, path: b, dependsOn: [db]}\n", []string{
		`k.yaml:5: apps[0].dependsOn[0] is "bd", which is not an app → did you mean "db"?`,
		`k.yaml:6: apps[1].dependsOn[0] is the app itself`}},
	{"a cycle is shown whole and once", head + "apps:\n- {name: a, path: a, dependsOn: [b]}\n- {name: b, path: b, dependsOn: [c]}\n- {name: c, path: c, dependsOn: [b]}\n- {name: d, path: d, dependsOn: [a, c]}\n",
		[]string{`k.yaml:7: apps[2].dependsOn[0] closes a cycle: b → c → b → remove one of these dependencies`}},
	{"path and builtin, neither, and a repository for a pack", "policies:\n- {path: p, builtin: baseline}\n- {}\n- {builtin: other, repository: r}\nrepositories: {r: {url: https://h/r, ref: main}}\n", []string{
		`k.yaml:6: policies[0].builtin is given beside path → make two entries of it`,
		`k.yaml:7: policies[1] needs path or builtin → path: FOLDER, or builtin: PACK`,
		`k.yaml:8: policies[2].repository is given beside builtin, and packs ship in the binary`}},
	{"the same policies twice, spelled differently", "policies:\n- path: policies\n- path: ./policies/\n- builtin: baseline\n- builtin: baseline\n", []string{
		`k.yaml:7: policies[1] names the same policies as policies[0] → keep one of them`,
		`k.yaml:9: policies[3] names the same policies as policies[2] → keep one of them`}},
	{"an area has one scope, in one entry", "policies:\n- {path: p, areas: {a: {all: true}, b: {all: true, namespaces: [x]}, c: {}, d: {all: false}}}\n- {path: q, areas: {a: {namespaces: [y]}}}\n", []string{
		`k.yaml:6: policies[0].areas.b needs either all: true or namespaces → all: true, or namespaces: [PATTERN]`,
		`k.yaml:6: policies[0].areas.c needs either all: true or namespaces → all: true, or namespaces: [PATTERN]`,
		`k.yaml:6: policies[0].areas.d needs either all: true or namespaces → all: true, or namespaces: [PATTERN]`,
		`k.yaml:7: policies[1].areas.a is an area that policies[0].areas.a lists already → keep one of them`}},
	{"a value file outside the repository", head + "apps: [{name: a, path: charts/a, helm: {valueFiles: [../../v.yaml, ../../../v.yaml, /../v.yaml]}}]\n", []string{
		`k.yaml:4: apps[0].helm.valueFiles[1] is "../../../v.yaml", which leads out of the repository`,
		`k.yaml:4: apps[0].helm.valueFiles[2] is "/../v.yaml", which leads out of the repository`}},
	{"floor above the ceiling", "guards: {prune: {floor: 5, ceiling: 4}}\n",
		[]string{`k.yaml:5: guards.prune.ceiling leaves floor 5 above ceiling 4 → the floor applies however small an app is, so it cannot exceed the ceiling; to delete nothing at all set both to 0`}},
	{"floor above the default ceiling", "guards: {prune: {floor: 21}}\n",
		[]string{`k.yaml:5: guards.prune.floor leaves floor 21 above ceiling 20 → the floor applies however small an app is, so it cannot exceed the ceiling; to delete nothing at all set both to 0`}},
	{"Slack without a way in", "notify: {slack: {routes: {default: {channel: C0123456789}}}}\n",
		[]string{`k.yaml:5: notify.slack needs tokenFile, tokenEnv, webhookFile or webhookEnv → a bot token can post to any channel and edit its messages; a webhook posts to one channel`}},
	{"Slack with two ways in", "notify: {slack: {tokenFile: /t, webhookEnv: HOOK, routes: {default: {channel: C0123456789}}}}\n",
		[]string{`k.yaml:5: notify.slack.webhookEnv is given beside tokenFile → keep one of them`}},
	{"a token needs the default route", "notify:\n  slack:\n    tokenFile: /t\n    routes: {payments: {channel: C0123456789}}\n",
		[]string{`k.yaml:8: notify.slack.routes needs the route "default" → routes: {default: {channel: C0123456789}}`}},
	{"a token without routes", "notify:\n  slack: {tokenFile: /t}\n",
		[]string{`k.yaml:6: notify.slack.routes needs the route "default" → routes: {default: {channel: C0123456789}}`}},
	{"a webhook has its own channel", "notify: {slack: {webhookFile: /w, routes: {default: {channel: C0123456789}}}}\n",
		[]string{`k.yaml:5: notify.slack.routes cannot be used with a webhook, which posts to the channel it was made for → use a bot token to post to several channels`}},
	{"half of a pair", "repositories:\n  a: {url: https://h/a, ref: x, usernameFile: /u}\n  b: {url: https://h/b, ref: x, passwordFile: /p}\n  c: {url: ssh://h/c, ref: x, sshKeyFile: /k}\n", []string{
		`k.yaml:6: repositories.a.usernameFile needs passwordFile beside it`,
		`k.yaml:7: repositories.b.passwordFile needs usernameFile beside it`,
		`k.yaml:8: repositories.c.sshKeyFile needs knownHostsFile beside it`}},
	{"two ways at once", "repositories:\n  a: {url: https://h/a, ref: x, tokenFile: /t, tokenEnv: T}\n  b: {url: https://h/b, ref: x, tokenEnv: T, usernameFile: /u, passwordFile: /p}\n", []string{
		`k.yaml:6: repositories.a.tokenEnv is given beside tokenFile → keep one of them`,
		`k.yaml:7: repositories.b.usernameFile is given beside a token → use a token, or user name and password`}},
	{"credentials that the URL cannot use", "repositories:\n  a: {url: https://h/a, ref: x, sshKeyFile: /k, knownHostsFile: /h}\n  b: {url: \"git@h:b\", ref: x, tokenFile: /t, caFile: /c}\n", []string{
		`k.yaml:6: repositories.a.sshKeyFile is for ssh URLs, and this one is https`,
		`k.yaml:6: repositories.a.knownHostsFile is for ssh URLs, and this one is https`,
		`k.yaml:7: repositories.b.url is ssh, so it needs sshKeyFile and knownHostsFile`,
		`k.yaml:7: repositories.b.tokenFile is for https URLs, and this one is ssh → use sshKeyFile with knownHostsFile`,
		`k.yaml:7: repositories.b.caFile is for https URLs, and this one is ssh → use sshKeyFile with knownHostsFile`}},
}

func TestParseRefuses(t *testing.T) {
	for name, table := range map[string][]refusal{"shape": shapes, "reference": references} {
		for _, test := range table {
			t.Run(name+"/"+test.reason, func(t *testing.T) {
				got, err := Parse("k.yaml", []byte(test.document()))
				if diff := cmp.Diff(test.want, lines(t, err)); diff != "" {
					t.Errorf("problems (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(Config{}, got); diff != "" {
					t.Errorf("a refused config must be empty (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestParseRefusesOtherDocuments(t *testing.T) {
	for _, test := range []struct {
		reason, yaml string
		want         []string
	}{
		{"an empty file", "", []string{`k.yaml: parsing the config: the file is empty → begin with apiVersion: killick.dev/v1alpha1 and kind: Config`}},
		{"only comments", "# nothing\n", []string{`k.yaml: parsing the config: the file is empty → begin with apiVersion: killick.dev/v1alpha1 and kind: Config`}},
		{"a list", "- a\n", []string{`k.yaml:1: the config must be a mapping, not a list (column 1) → begin with apiVersion: killick.dev/v1alpha1 and kind: Config`}},
		{"only null", "~\n", []string{`k.yaml:1: the config must be a mapping, not empty (column 1) → begin with apiVersion: killick.dev/v1alpha1 and kind: Config`}},
		{"a manifest: one problem, not ten", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n",
			[]string{`k.yaml:1: apiVersion is "apps/v1", and this version of Killick reads "killick.dev/v1alpha1" (column 13)`}},
		{"a later version", "apiVersion: killick.dev/v2\nkind: Config\nx: y\n",
			[]string{`k.yaml:1: apiVersion is "killick.dev/v2", and this version of Killick reads "killick.dev/v1alpha1" (column 13)`}},
		{"another kind", "apiVersion: killick.dev/v1alpha1\nkind: Konfig\n",
			[]string{`k.yaml:2: kind is "Konfig", and this version of Killick reads "Config" (column 7)`}},
		{"no version", "kind: Config\ncluster: {name: a}\napps: [{name: a, path: a}]\n",
			[]string{`k.yaml:1: apiVersion is required and missing (column 1)`}},
		{"two documents", minimal + "---\na: b\n",
			[]string{`k.yaml:5: parsing the config: a second document begins here → a config is one YAML document; remove the --- line`}},
		{"broken YAML", minimal + "guards: {prune: [}\n", []string{`k.yaml:5: parsing YAML: did not find expected node content`}},
		{"a tab", minimal + "guards:\n\tprune: {}\n", []string{`k.yaml:6: parsing YAML: found character that cannot start any token`}},
		{"an alias to nothing", minimal + "guards: *nothing\n", []string{`k.yaml:5: parsing YAML: unknown anchor 'nothing' referenced`}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			_, err := Parse("k.yaml", []byte(test.yaml))
			if diff := cmp.Diff(test.want, lines(t, err)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseKeepsCredentialsOutOfItsErrors(t *testing.T) {
	const secret = "s3cr3t-VALUE"
	for _, test := range []struct{ reason, yaml, want string }{
		{"user and password in the URL", "repositories: {r: {url: https://u:" + secret + "@h/r, ref: main}}\n",
			`k.yaml:5: repositories.r.url must be an https or ssh URL, but its value holds a credential (column 25) → leave user and password out of the URL; use tokenFile, or usernameFile with passwordFile`},
		{"a token as user in the URL", "repositories: {r: {url: https://" + secret + "@h/r, ref: main}}\n",
			`k.yaml:5: repositories.r.url must be an https or ssh URL, but its value holds a credential (column 25) → leave user and password out of the URL; use tokenFile, or usernameFile with passwordFile`},
		{"a password in an ssh URL", "repositories: {r: {url: ssh://git:" + secret + "@h/r, ref: main, sshKeyFile: /k, knownHostsFile: /h}}\n",
			`k.yaml:5: repositories.r.url must be an https or ssh URL, but its value holds a credential (column 25) → leave the password out of the URL; use sshKeyFile with knownHostsFile`},
		{"a URL that does not parse", "repositories: {r: {url: \"https://u:" + secret + "@h:x/%zz\", ref: main}}\n",
			`k.yaml:5: repositories.r.url must be an https or ssh URL, but its value is not a URL (column 25) → give an https:// or ssh:// URL of a Git repository`},
		{"a token in a query", "repositories: {r: {url: \"https://h/r?token=" + secret + "\", ref: main}}\n",
			`k.yaml:5: repositories.r.url must be an https or ssh URL, but its value has a query or a fragment (column 25) → the ref is a field of its own, and credentials are named in fields of their own`},
		{"http", "repositories: {r: {url: \"http://u:" + secret + "@h/r\", ref: main}}\n",
			`k.yaml:5: repositories.r.url must be an https or ssh URL, but its value is not encrypted (column 25) → give an https:// or ssh:// URL of a Git repository`},
		{"a local path", "repositories: {r: {url: ../" + secret + ", ref: main}}\n",
			`k.yaml:5: repositories.r.url must be an https or ssh URL, but its value is neither an https nor an ssh URL (column 25) → give an https:// or ssh:// URL of a Git repository`},
		{"a token field", "repositories: {r: {url: https://h/r, ref: main, token: " + secret + "}}\n",
			`k.yaml:5: repositories.r.token is not a field: a credential never stands in the config (column 49) → put the credential into a file and name that file in tokenFile`},
		{"a password field", "repositories: {r: {url: https://h/r, ref: main, password: " + secret + "}}\n",
			`k.yaml:5: repositories.r.password is not a field: a credential never stands in the config (column 49) → put the credential into a file and name that file in passwordFile`},
		{"a key field, spelled another way", "repositories: {r: {url: https://h/r, ref: main, ssh_private_key: " + secret + "}}\n",
			`k.yaml:5: repositories.r.ssh_private_key is not a field: a credential never stands in the config (column 49) → put the credential into a file and name that file in sshKeyFile`},
		{"a webhook's URL", "notify: {slack: {webhookEnv: HOOK, webhookURL: https://h/" + secret + "}}\n",
			`k.yaml:5: notify.slack.webhookURL is not a field: a credential never stands in the config (column 36) → put the credential into a file and name that file in webhookFile`},
		{"the token itself where a file is named", "repositories: {r: {url: https://h/r, ref: main, tokenFile: " + secret + "}}\n",
			`k.yaml:5: repositories.r.tokenFile must be the absolute path of a file, and its value is not (column 60) → credentials never stand in the config: mount the Secret as a file and name that file`},
		{"the token itself where a variable is named", "repositories: {r: {url: https://h/r, ref: main, tokenEnv: " + secret + "}}\n",
			`k.yaml:5: repositories.r.tokenEnv must be the name of an environment variable, and its value is not (column 59) → credentials never stand in the config: name the variable that holds it`},
		{"something in the shape of a token, anywhere", head + "apps: [{name: xoxb-1234567890-" + secret + ", path: a}]\n",
			`k.yaml:4: apps[0].name holds a credential (column 15) → put the credential into a file or an environment variable and name that here`},
		{"a webhook's URL, anywhere", head + "apps: [{name: a, path: hooks.slack.com/services/" + secret + "}]\n",
			`k.yaml:4: apps[0].path holds a credential (column 24) → put the credential into a file or an environment variable and name that here`},
		{"a token of the wrong type", "notify: {slack: {tokenFile: [" + secret + "], routes: {default: {channel: C0123456789}}}}\n",
			`k.yaml:5: notify.slack.tokenFile must be a string, not a list (column 29)`},
		{"the pod's own identity", "repositories: {r: {url: https://h/r, ref: main, tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token}}\n",
			`k.yaml:5: repositories.r.tokenFile must be the absolute path of a file, but its value is not a credential for this (column 60) → name a file of its own, mounted from a Secret, such as /etc/killick/git/token`},
		{"the pod's own identity, around a corner", "repositories: {r: {url: https://h/r, ref: main, tokenFile: /etc/../proc/self/environ}}\n",
			`k.yaml:5: repositories.r.tokenFile must be the absolute path of a file, but its value is not a credential for this (column 60) → name a file of its own, mounted from a Secret, such as /etc/killick/git/token`},
	} {
		t.Run(test.reason, func(t *testing.T) {
			_, err := Parse("k.yaml", []byte(refusal{yaml: test.yaml}.document()))
			got := lines(t, err)
			if diff := cmp.Diff([]string{test.want}, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if strings.Contains(strings.Join(got, "\n"), secret) {
				t.Errorf("the error repeats the credential: %q", got)
			}
		})
	}
}

func TestParseBoundsHostileInput(t *testing.T) {
	bomb := head + "apps:\n- name: a\n  path: a\n  helm:\n    values:\n      l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n"
	for _, level := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		below := string(level[0] - 1)
		bomb += "      l" + level + ": &l" + level + " [" + strings.TrimSuffix(strings.Repeat("*l"+below+", ", 10), ", ") + "]\n"
	}
	many := head + "apps: [{name: a, path: a}]\nguards:\n  unprotect: [" + strings.TrimSuffix(strings.Repeat("x, ", 500), ", ") + "]\n"
	for _, test := range []struct {
		reason, yaml, want string
		count              int
	}{
		{"aliases that multiply", bomb, "larger than 200000 values", 1},
		{"nesting", head + "apps: [{name: a, path: a, helm: {values: {a: " + strings.Repeat("[", 150) + strings.Repeat("]", 150) + "}}}]\n",
			"deeper than 100 levels", 1},
		{"a file above the bound", minimal + strings.Repeat("# filler\n", MaxSize/9), "larger than 1048576 bytes", 1},
		{"very many problems", many, "and 899 more problems", 101},
	} {
		t.Run(test.reason, func(t *testing.T) {
			_, err := Parse("k.yaml", []byte(test.yaml))
			got := lines(t, err)
			if len(got) != test.count || !strings.Contains(strings.Join(got, "\n"), test.want) {
				t.Errorf("got %d problems, want %d with %q; the last is %q", len(got), test.count, test.want, got[max(0, len(got)-1):])
			}
		})
	}
}

func TestLoad(t *testing.T) {
	tree := fstest.MapFS{
		"clusters/prod/killick.yaml": {Data: []byte(minimal)},
		"broken.yaml":                {Data: []byte("apiVersion: [")},
		"large.yaml":                 {Data: []byte(strings.Repeat("#", MaxSize+1))},
		"folder/x":                   {Data: []byte("x")},
		"pointer.yaml":               {Data: []byte(drift.LFSVersion + "\noid sha256:4d7a214614ab\nsize 12345\n")},
	}
	for _, test := range []struct {
		reason, path, want string
		is                 error
	}{
		{reason: "a file", path: "clusters/prod/killick.yaml"},
		{reason: "spelled with dots", path: "./clusters/../clusters/prod/killick.yaml"},
		{reason: "no such file", path: "nope.yaml", is: fs.ErrNotExist,
			want: "nope.yaml: reading the config: open nope.yaml: file does not exist → --config is the path of the file from the repository's root, at the ref that is read"},
		{reason: "a folder", path: "folder",
			want: "folder: reading the config: read folder: invalid argument → --config is the path of the file from the repository's root, at the ref that is read"},
		{reason: "outside", path: "../killick.yaml",
			want: `../killick.yaml: reading the config: "../killick.yaml" is not a path inside the repository → give the path from the repository's root, such as clusters/prod/killick.yaml`},
		{reason: "absolute", path: "/etc/killick.yaml",
			want: `/etc/killick.yaml: reading the config: "/etc/killick.yaml" is not a path inside the repository → give the path from the repository's root, such as clusters/prod/killick.yaml`},
		{reason: "above the bound", path: "large.yaml",
			want: "large.yaml: reading the config: larger than 1048576 bytes → --config is the path of the file from the repository's root, at the ref that is read"},
		{reason: "a Git LFS pointer", path: "pointer.yaml",
			want: "pointer.yaml: reading the config: the file is a Git LFS pointer: its content is not in the repository → " + drift.LFSHint},
		{reason: "broken YAML carries the path", path: "./broken.yaml", want: "broken.yaml:1: parsing YAML: did not find expected node content"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			config, err := Load(tree, test.path)
			if got := strings.Join(lines(t, err), "\n"); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("errors.Is(err, %v) = false", test.is)
			}
			if err == nil && config.Cluster.Name != "prod" {
				t.Errorf("cluster name is %q, want prod", config.Cluster.Name)
			}
		})
	}
}

func TestProblemsAreDriftProblems(t *testing.T) {
	_, err := Parse("k.yaml", []byte(minimal+"polices: []\n"))
	got := drift.ReportOf("", "", err)
	want := drift.ReportError{Stage: "config", Message: "k.yaml:5: polices is not a known field (column 1)", File: "k.yaml:5", Hint: `did you mean "policies"?`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report entry (-want +got):\n%s", diff)
	}
}
