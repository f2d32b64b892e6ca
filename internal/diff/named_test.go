package diff_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
	"github.com/killick-dev/killick/internal/testenv/model"
)

// The row's memory of what a manifest named, in manifests whose lists merge by keys that
// they leave to defaults.
func TestNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, reason string
		before       string
		edits        func(*model.Server) // beside which Git moves
		git          func(string) string
		fields       []string
	}{
		{name: "a variable beside a hand's", reason: "the row's manifest did not name that item", before: model.DeploymentYAML,
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "spec template spec containers [name=app] env [name=DEBUG]", map[string]any{"name": "DEBUG", "value": "1"})
			},
			git: func(m string) string {
				return model.With(t, m, "        env:\n", "        env:\n        - {name: NEW, value: x}\n")
			},
			fields: []string{`add spec.template.spec.containers[name=app].env[name=DEBUG]: {"name":"DEBUG","value":"1"} → null, live kubectl-edit`,
				`remove spec.template.spec.containers[name=app].env[name=NEW]: null → {"name":"NEW","value":"x"}, git`}},
		{name: "a port without its protocol", reason: "the server filled in a key that the row's manifest left out; the item was Git's all the same",
			before: model.DeploymentYAML,
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "spec template spec containers [name=app] ports", []any{map[string]any{"containerPort": int64(9090), "protocol": "TCP"}})
			},
			git: func(m string) string { return model.With(t, m, "web:1.4.0", "web:1.5.0") },
			fields: []string{`replace spec.template.spec.containers[name=app].image: "registry.example.com/web:1.4.0" → "registry.example.com/web:1.5.0", git killick`,
				`remove spec.template.spec.containers[name=app].ports[containerPort=8080,protocol=TCP]: null → {"containerPort":8080,"name":"http","protocol":"TCP"}, both`,
				`add spec.template.spec.containers[name=app].ports[containerPort=9090,protocol=TCP]: {"containerPort":9090,"protocol":"TCP"} → null, live kubectl-edit`}},
		{name: "limits that a hand removed, and requests that Git adds", reason: "the row's manifest named the limits alone", before: model.DeploymentYAML,
			edits: func(s *model.Server) {
				s.Set("kubectl-edit", "spec template spec containers [name=app] resources", nil)
			},
			git: func(m string) string {
				return model.With(t, m, "          limits:", "          requests: {cpu: 100m}\n          limits:")
			},
			fields: []string{`remove spec.template.spec.containers[name=app].resources.limits: null → {"cpu":"1","memory":"256Mi"}, both`,
				`remove spec.template.spec.containers[name=app].resources.requests: null → {"cpu":"100m"}, git`}},
		{name: "the first annotation beside a hand's", reason: "the map is there because of the hand", before: model.DeploymentYAML,
			edits: func(s *model.Server) { s.Set("kubectl-annotate", "metadata annotations team", "a") },
			git: func(m string) string {
				return model.With(t, m, "labels: {app: web}}\nspec:", "labels: {app: web}, annotations: {owner: b}}\nspec:")
			},
			fields: []string{`remove metadata.annotations.owner: null → "b", git`, `add metadata.annotations.team: "a" → null, live kubectl-annotate`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			comparing{reason: c.reason, before: c.before, memo: true, edits: c.edits, git: c.git, want: drift.Modified, cause: drift.CauseBoth, fields: c.fields}.run(t)
		})
	}
}

// A row is small, and survives its JSON.
func TestNamedSize(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.DeploymentYAML)
	row := s.Row(model.DeploymentYAML)
	data, err := json.Marshal(row.Named)
	if err != nil {
		t.Fatal(err)
	}
	if len(row.Named)%nested.NamedBytes != 0 || len(row.Named) == 0 || len(data) > 4*len(row.Named)/3+4 {
		t.Errorf("%d bytes, %d as JSON", len(row.Named), len(data))
	}
	var read nested.PathSums
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	for _, path := range []nested.Path{{"spec", "replicas"}, {"spec", "template", "spec", "containers", "[name=app]", "image"}, {"metadata", "labels", drift.LabelPartOf}} {
		if diff.LacksAll(read, path, ownership.Structure(nil), "x") {
			t.Errorf("%s is named, and not recorded", path)
		}
	}
	for i := range 1000 {
		if path := (nested.Path{"data", fmt.Sprintf("key%d", i)}); !diff.LacksAll(read, path, ownership.Structure(nil), "x") {
			t.Errorf("%s is not named, and recorded", path)
		}
	}
	more := diff.NamedFields(map[string]any{"data": map[string]any{"key1": "x"}}, nil, ownership.Structure(nil))
	if both := read.With(more); diff.LacksAll(both, nested.Path{"data", "key1"}, ownership.Structure(nil), "x") || diff.LacksAll(both, nested.Path{"spec", "replicas"}, ownership.Structure(nil), "x") || !diff.LacksAll(both, nested.Path{"data", "key2"}, ownership.Structure(nil), "x") {
		t.Error("two sets together are not both of them")
	}
	if len(nested.PathSums(nil).With(more)) > 0 {
		t.Error("a row that recorded nothing seems to know all that its manifest named")
	}
	if diff.LacksAll(nested.PathSums(nil), nested.Path{"spec"}, ownership.Structure(nil), "x") {
		t.Error("a row that recorded nothing knows what a manifest lacked")
	}
	if strings.Contains(string(data), "replicas") {
		t.Error("paths stand in full")
	}
}
