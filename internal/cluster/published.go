package cluster

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/killick-dev/killick/internal/drift"
)

// published are the schemas that the API server shows to everybody (OpenAPI v3, at
// /openapi/v3/apis/GROUP/VERSION), each read once per survey and only after a refusal: a
// hint is worth a request, and nothing that is in order costs one.
type published struct {
	mu    sync.Mutex
	known map[string]map[string]*publishedSchema // by apiVersion; nil where it could not be read
}

// publishedSchema is the part of a schema that leads to names of fields.
type publishedSchema struct {
	Ref        string                      `json:"$ref"`
	AllOf      []*publishedSchema          `json:"allOf"`
	Properties map[string]*publishedSchema `json:"properties"`
	Items      *publishedSchema            `json:"items"`
	// Additional is a schema, or only says whether there may be other fields.
	Additional json.RawMessage `json:"additionalProperties"`
	Kinds      []struct {
		Group   string `json:"group"`
		Version string `json:"version"`
		Kind    string `json:"kind"`
	} `json:"x-kubernetes-group-version-kind"`
}

// fieldsAt are the fields that a kind has at a place such as
// ".spec.template.spec.containers[name="web"]"; nil where that is not known.
func (s *survey) fieldsAt(ctx context.Context, kind drift.Kind, place string) []string {
	if names := fieldsAt(kind, place); names != nil || drift.BuiltInGroup(kind.Group) {
		return names
	}
	schemas := s.schemasOf(ctx, kind)
	for _, schema := range schemas {
		for _, of := range schema.Kinds {
			if of.Group == kind.Group && of.Version == kind.Version && of.Kind == kind.Kind {
				return schema.fieldsAt(schemas, place)
			}
		}
	}
	return nil
}

// schemasOf reads the schemas of a kind's group and version.
func (s *survey) schemasOf(ctx context.Context, kind drift.Kind) map[string]*publishedSchema {
	s.published.mu.Lock()
	defer s.published.mu.Unlock()
	version := kind.APIVersion()
	if found, asked := s.published.known[version]; asked {
		return found
	}
	if s.published.known == nil {
		s.published.known = map[string]map[string]*publishedSchema{}
	}
	s.published.known[version] = nil
	body, err := s.once(ctx, request{path: "/openapi/v3/apis/" + version})
	if err != nil {
		return nil // a hint without a name is still a hint
	}
	var document struct {
		Components struct {
			Schemas map[string]*publishedSchema `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return nil
	}
	schemas := document.Components.Schemas
	maps.DeleteFunc(schemas, func(_ string, schema *publishedSchema) bool { return schema == nil })
	s.published.known[version] = schemas
	return schemas
}

// fieldsAt follows a place from the schema of its object.
func (p *publishedSchema) fieldsAt(schemas map[string]*publishedSchema, place string) []string {
	at := p
	for _, name := range strings.FieldsFunc(keyed.ReplaceAllString(place, ""), func(r rune) bool { return r == '.' }) {
		if at = at.itself(schemas).field(name); at == nil {
			return nil
		}
	}
	return slices.Sorted(maps.Keys(at.itself(schemas).Properties))
}

// field is the schema of one field, of any where the names are free, or nil.
func (p *publishedSchema) field(name string) *publishedSchema {
	if found := p.Properties[name]; found != nil {
		return found
	}
	var free publishedSchema
	if len(p.Additional) == 0 || json.Unmarshal(p.Additional, &free) != nil {
		return nil
	}
	return &free
}

// itself is what a reference leads to, and the elements of a list. A schema nests no
// deeper than this without going in a circle.
func (p *publishedSchema) itself(schemas map[string]*publishedSchema) *publishedSchema {
	for range 32 {
		ref := p.Ref
		if ref == "" && len(p.AllOf) == 1 && p.AllOf[0] != nil {
			ref = p.AllOf[0].Ref
		}
		next := p.Items
		if ref != "" {
			next = schemas[strings.TrimPrefix(ref, "#/components/schemas/")]
		}
		if next == nil {
			return p
		}
		p = next
	}
	return p
}
