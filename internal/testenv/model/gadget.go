package model

import (
	"encoding/json"
	"testing"

	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// A Gadget is a custom resource whose CRD uses everything that schemas offer for
// merging: lists keyed by a number, by two keys of which one has a default, lists
// inside keyed items, sets of texts and of numbers, maps of lists, atomic maps
// inside keyed items, structures inside them, and free content.
const gadgetSchema = `{
  "type": "object",
  "x-kubernetes-group-version-kind": [{"group": "example.com", "version": "v1", "kind": "Gadget"}],
  "properties": {
    "apiVersion": {"type": "string"}, "kind": {"type": "string"},
    "metadata": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
      "name": {"type": "string"}, "namespace": {"type": "string"},
      "labels": {"type": "object", "additionalProperties": {"type": "string"}},
      "annotations": {"type": "object", "additionalProperties": {"type": "string"}}}},
    "spec": {"type": "object", "properties": {
      "mode": {"type": "string"},
      "slots": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"],
        "items": {"type": "object", "properties": {
          "id": {"type": "integer"}, "label": {"type": "string"},
          "wires": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["colour"],
            "items": {"type": "object", "properties": {"colour": {"type": "string"}, "length": {"type": "number"}}}},
          "part": {"type": "object", "properties": {
            "names": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}, "size": {"type": "integer"}}},
          "fixed": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}}}}},
      "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
        "items": {"type": "object", "properties": {
          "port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"}, "note": {"type": "string"}}}},
      "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
      "numbers": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "integer"}},
      "groups": {"type": "object", "additionalProperties": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}},
      "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}`

// gadgets is the field manager's view of the schema.
func gadgets(t testing.TB) managedfields.TypeConverter {
	t.Helper()
	schema := &spec.Schema{}
	if err := json.Unmarshal([]byte(gadgetSchema), schema); err != nil {
		t.Fatal(err)
	}
	converter, err := managedfields.NewTypeConverter(map[string]*spec.Schema{"com.example.v1.Gadget": schema}, false)
	if err != nil {
		t.Fatal(err)
	}
	return converter
}

// GadgetYAML is a custom resource with lists of every kind.
const GadgetYAML = `
apiVersion: example.com/v1
kind: Gadget
metadata: {name: lamp, namespace: storefront}
spec:
  mode: bright
  slots:
  - id: 1
    label: left
    wires: [{colour: red, length: 1.5}, {colour: blue, length: 2}]
    fixed: {a: x}
  - {id: 2, label: right}
  ports: [{port: 80, note: web}, {port: 53, protocol: UDP}]
  tags: [a, "b/c", "80"]
  numbers: [1, 2]
  groups: {first: [x, "y z"]}
  free: {any: {thing: [1, 2]}}
`
