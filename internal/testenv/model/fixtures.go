package model

import (
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
	"github.com/killick-dev/killick/internal/write"
)

// OfChance is the object of one render.
func OfChance(t testing.TB, manifest, random string) drift.Object {
	t.Helper()
	object := Desired(t, strings.ReplaceAll(manifest, "RANDOM", random))
	if object.ID.Kind == "Secret" {
		object.Nondeterministic = []nested.Path{At("data password")}
		return object
	}
	web := At("spec template spec containers [name=web]")
	object.Nondeterministic = []nested.Path{
		At("spec template metadata annotations checksum/secret"),
		web.Field("args"), append(web, "env", "[name=SEED]", "value"), append(web, "ports", "[name=http]", "hostIP"),
	}
	return object
}

// Chanced is a comparison with the object of a later render.
func (s *Server) Chanced(manifest string) diff.Comparison {
	s.T.Helper()
	object := OfChance(s.T, manifest, "two")
	c := s.Comparison(strings.ReplaceAll(manifest, "RANDOM", "two"))
	c.Object, c.DesiredHash = object, HashOf(s.T, diff.WithoutNondeterministic(object).Manifest)
	if s.Live != nil {
		c.Observation.Predicted = s.DryRun(diff.KeepNondeterministic(Standard, object, s.Live))
	}
	return c
}

// Written is what a write of everything that differs leaves.
func (s *Server) Written(c diff.Comparison, change drift.Change) map[string]any {
	s.T.Helper()
	request, err := write.RequestOf(Standard, c.App, drift.Step{Object: c.Object, Change: change, Observation: c.Observation, Decision: drift.Decision{Granted: change.Fields}}, s.Clock)
	if err != nil {
		s.T.Fatal(err)
	}
	return s.TakeOver(request.Object, change, change.Fields, false)
}

// With replaces one line of a manifest.
func With(t testing.TB, manifest, old, replacement string) string {
	t.Helper()
	if strings.Count(manifest, old) != 1 {
		t.Fatalf("%q stands %d times in:\n%s", old, strings.Count(manifest, old), manifest)
	}
	return strings.Replace(manifest, old, replacement, 1)
}

// GadgetOf is a custom resource with the given spec in YAML.
func GadgetOf(spec string) string {
	return "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: lamp, namespace: storefront}\nspec: " + spec + "\n"
}

// Merge gives an entry the name under which the API server merges the oldest.
func (s *Server) Merge(manager string) {
	s.T.Helper()
	raw, _ := nested.Metadata(s.Live)["managedFields"].([]any)
	for _, entry := range raw {
		if fields, _ := entry.(map[string]any); fields["manager"] == manager {
			fields["manager"] = ownership.MergedManager
		}
	}
}

// Added is one addition at the path.
func Added(path string) []drift.FieldChange {
	return []drift.FieldChange{{Path: At(path), Op: drift.OpAdd, Addition: true}}
}

// ExplicitYAML leaves nothing to the server that a proof would have to know.
const ExplicitYAML = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: storefront, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: registry.example.com/web:1.4.0
        args: [--listen, ":8080"]
        ports:
        - {containerPort: 8080, name: http, protocol: TCP}
        env:
        - {name: MODE, value: production}
        - {name: LEVEL, value: info}
      - name: proxy
        image: registry.example.com/proxy:2.0.1
`

// EntryOfOurs is Killick's entry in managedFields.
func EntryOfOurs(s *Server) map[string]any {
	s.T.Helper()
	for _, item := range ListAt(nested.Metadata(s.Live), "managedFields") {
		if entry := item.(map[string]any); entry["manager"] == drift.FieldManager {
			return entry
		}
	}
	s.T.Fatal("no entry of ours")
	return nil
}

// TestPEM looks like a private key, and is none.
const TestPEM = `-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj
MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu
-----END PRIVATE KEY-----
`
