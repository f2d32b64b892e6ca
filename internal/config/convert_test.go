package config

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

func TestDriftApps(t *testing.T) {
	config, err := Parse("killick.yaml", readFull(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []drift.App{
		{Name: "storefront", Path: "apps/storefront/overlays/prod", Namespace: "storefront", Secrets: drift.SecretsManage,
			ServiceAccount: "storefront-deployer",
			HealthTimeout:  DefaultHealthTimeout,
			Suspend:        drift.Suspension{Until: time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC), Reason: "migration"}},
		{Name: "metrics", Repository: "charts", Path: "metrics", Namespace: "monitoring", Secrets: drift.SecretsSkip,
			ServiceAccount: "monitoring/deployer", DependsOn: []string{"storefront"}, HealthTimeout: 5 * time.Minute,
			Helm: drift.HelmOptions{ReleaseName: "metrics", IncludeCRDs: true, SkipSchemaValidation: true,
				ValueFiles: []string{"values/prod.yaml", "../shared/values.yaml", "/clusters/prod/metrics.yaml"},
				Values:     config.Apps[1].Helm.Values}},
		{Name: "root", Path: ".", Secrets: drift.SecretsSkip, HealthTimeout: DefaultHealthTimeout},
	}
	if diff := cmp.Diff(want, config.DriftApps()); diff != "" {
		t.Errorf("apps (-want +got):\n%s", diff)
	}
}

// Rules of the file are asked in an order that its text cannot change: a map has
// none.
func TestDriftNoise(t *testing.T) {
	config, err := Parse("killick.yaml", readFull(t))
	if err != nil {
		t.Fatal(err)
	}
	want := drift.Noise{
		Managers: []drift.ClassRule{
			{Pattern: "acme-deployer", Class: drift.ClassDeployer}, {Pattern: "my-bot-7", Class: drift.ClassInteractive},
			{Pattern: "my-bot*", Class: drift.ClassPipeline}, {Pattern: "*-bot", Class: drift.ClassController},
		},
		Quiet: []nested.Path{{"metadata", "annotations", "acme.io/stamp"}, {"spec", "template", "metadata", "annotations", "*"}},
	}
	if diff := cmp.Diff(want, config.DriftNoise()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, class := range map[string]drift.Class{"my-bot-7": drift.ClassInteractive, "my-bot-8": drift.ClassPipeline,
		"my-bot": drift.ClassPipeline, "a-bot": drift.ClassController, "helm": drift.ClassDeployer} {
		if got := config.DriftNoise().ClassOf(name); got != class {
			t.Errorf("%s is %s, want %s", name, got, class)
		}
	}
	if got := (Config{}).DriftNoise().Fingerprint(); got != (drift.Noise{}).Fingerprint() {
		t.Error("without the section the built-in table stands")
	}
}

func TestDriftGuards(t *testing.T) {
	for _, test := range []struct {
		reason, yaml string
		want         drift.Guards
	}{
		{"defaults", minimal, drift.Guards{Prune: drift.PruneBudget{Percent: 20, Floor: 3, Ceiling: 20, RunCeiling: 50}}},
		{"zero is zero, not the default", minimal + "guards: {prune: {percent: 0, floor: 0, ceiling: 0, runCeiling: 0}}\n", drift.Guards{}},
		{"one of them", minimal + "guards: {prune: {ceiling: 100}, unprotect: [Namespace]}\n",
			drift.Guards{Prune: drift.PruneBudget{Percent: 20, Floor: 3, Ceiling: 100, RunCeiling: 50}, Unprotect: []string{"Namespace"}}},
		{"a set that is accepted", minimal + "guards: {accept: [0a23456789abcdef0123456789abcdef]}\n",
			drift.Guards{Prune: drift.PruneBudget{Percent: 20, Floor: 3, Ceiling: 20, RunCeiling: 50},
				Accept: []string{"0a23456789abcdef0123456789abcdef"}}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			config, err := Parse("killick.yaml", []byte(test.yaml))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, config.DriftGuards()); diff != "" {
				t.Errorf("guards (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConversionsShareNothingThatIsChanged(t *testing.T) {
	config, err := Parse("killick.yaml", readFull(t))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("killick.yaml", readFull(t))
	if err != nil {
		t.Fatal(err)
	}
	apps, guards := config.DriftApps(), config.DriftGuards()
	apps[1].DependsOn[0], apps[1].Helm.ValueFiles[0] = "x", "x"
	guards.Unprotect[0], guards.Accept[0] = "x", "x"
	if diff := cmp.Diff(again, config); diff != "" {
		t.Errorf("changing the result changed the config (-want +got):\n%s", diff)
	}
}

func TestAreas(t *testing.T) {
	config, err := Parse("killick.yaml", readFull(t))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Area{"platform": {All: true}, "payments": {Namespaces: []string{"payments-*", "payments"}}}
	if diff := cmp.Diff(want, config.Areas()); diff != "" {
		t.Errorf("areas (-want +got):\n%s", diff)
	}
	if got := (Config{Policies: []Policy{{Builtin: "baseline"}}}).Areas(); got != nil {
		t.Errorf("without areas every area speaks for everything, so want nil, got %v", got)
	}
}

func TestEnvNames(t *testing.T) {
	config := Config{
		Repositories: map[string]Repository{"a": {TokenEnv: "B"}, "b": {TokenEnv: "A"}, "c": {TokenEnv: "B"}, "d": {}},
		Notify:       Notify{Slack: &Slack{WebhookEnv: "C"}},
	}
	if diff := cmp.Diff([]string{"A", "B", "C"}, config.EnvNames()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// A run keeps the last valid notify section in the cluster, as JSON.
func TestNotifyRoundTrips(t *testing.T) {
	config, err := Parse("killick.yaml", readFull(t))
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(config.Notify)
	if err != nil {
		t.Fatal(err)
	}
	var got Notify
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Notify, got); diff != "" {
		t.Errorf("notify (-want +got):\n%s", diff)
	}
}
