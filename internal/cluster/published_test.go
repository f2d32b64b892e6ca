package cluster

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
)

// boatCRD defines a custom resource with nested fields, lists with keys and free names.
func boatCRD(group string) string {
	return fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.%s}
spec:
  group: %s
  scope: Namespaced
  names: {plural: boats, singular: boat, kind: Boat}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              length: {type: integer}
              crew:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string}, watch: {type: object, properties: {hours: {type: integer}}}}
              sails: {type: object, additionalProperties: {type: object, properties: {canvas: {type: string}}}}
`, group, group)
}

// TestAdviceForCustomResources: the nearest field's name is told of custom resources as
// well, from the schema that the API server publishes: asked for after a refusal, once for
// all objects of a kind, and never where nothing is wrong.
func TestAdviceForCustomResources(t *testing.T) {
	e := newEnv(t)
	seen := &wire{}
	client := e.connect(Options{Transport: seen.wrap})
	group := e.ns + ".example.com"
	crd := e.object(boatCRD(group))
	t.Cleanup(func() { e.remove(crd.ID, "v1") })
	e.apply(client, crd)
	if err := client.AwaitCRD(e.ctx, drift.App{}, crd.ID.Name); err != nil {
		t.Fatal(err)
	}
	// The API server publishes a new CRD's schema a moment after it serves the kind.
	session, err := client.as(drift.App{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = poll(e.ctx, func() (struct{}, bool, error) {
		body, err := session.once(e.ctx, request{path: "/openapi/v3/apis/" + group + "/v1"})
		return struct{}{}, err == nil && strings.Contains(string(body), "canvas"), nil
	}); err != nil {
		t.Fatal(err)
	}
	before := seen.count(http.MethodGet, "/openapi/")
	boat := func(name, spec string) drift.Object {
		return e.object(fmt.Sprintf("{apiVersion: %s/v1, kind: Boat, metadata: {name: %s, namespace: NS}, spec: {%s}}", group, name, spec))
	}
	if o := e.look(client, boat("good", "length: 3")); o.Err != nil {
		t.Fatal(o.Err)
	}
	if n := seen.count(http.MethodGet, "/openapi/"); n != before {
		t.Errorf("%d requests for the schema although nothing is wrong", n-before)
	}
	tests := []struct{ reason, spec, hint string }{
		{"below spec", "lengt: 3", `Did you mean "length"?`},
		{"in a list with keys", "crew: [{name: ada, watch: {hour: 4}}]", `Did you mean "hours"?`},
		{"below a free name", "sails: {main: {canvass: red}}", `Did you mean "canvas"?`},
		{"nothing near", "zzz: 3", "misspelt, or indented"},
	}
	want := drift.Want{App: drift.App{Name: "shop"}}
	for i, test := range tests {
		want.Objects = append(want.Objects, boat(fmt.Sprintf("b%d", i), test.spec))
	}
	for i, o := range e.observe(client, want).Objects {
		problem, ok := errors.AsType[*drift.Problem](o.Err)
		if !ok || !strings.Contains(problem.Hint, tests[i].hint) {
			t.Errorf("%s: %#v, want the hint %s", tests[i].reason, problem, tests[i].hint)
		}
	}
	if n := seen.count(http.MethodGet, "/openapi/") - before; n != 1 {
		t.Errorf("%d requests for one schema, want 1", n)
	}

	// Who may not read it gets the hint without a name.
	seen.before = func(r *http.Request) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, "/openapi/") {
			return nil, errors.New("connection reset by peer")
		}
		return nil, nil
	}
	problem, ok := errors.AsType[*drift.Problem](e.look(client, boat("b", "lengt: 3")).Err)
	if !ok || !strings.Contains(problem.Hint, `"lengt" is not a field of Boat there`) || strings.Contains(problem.Hint, "Did you mean") {
		t.Errorf("without the schema: %v", problem)
	}
}
