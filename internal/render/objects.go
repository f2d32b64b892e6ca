package render

import (
	"context"
	"fmt"
	"slices"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/redact"
)

// objects turns one pass's documents into objects in normal form, sorted and
// unique.
func (r *Renderer) objects(ctx context.Context, j job, scopes scopes, flat []document) (drift.Rendered, error) {
	for i := range flat {
		flat[i].origin.Repository = j.app.Repository
	}
	if err := checkPreset(flat); err != nil {
		return drift.Rendered{}, err
	}
	var rendered drift.Rendered
	secrets := 0
	for _, doc := range flat {
		if ctx.Err() != nil {
			return drift.Rendered{}, ctx.Err()
		}
		if doc.leftOut {
			rendered.Skipped++
			if id, named := leftOutID(j, scopes, doc); named {
				rendered.LeftOut = append(rendered.LeftOut, id)
			}
			if doc.manifest["apiVersion"] == "v1" { // a hook may have no name yet
				rendered.Secrets = append(rendered.Secrets, redact.SecretValues(drift.ID{Kind: text(doc.manifest["kind"])}, doc.manifest)...)
			}
			continue
		}
		object, warnings, err := r.object(j, scopes, doc)
		if err != nil {
			return drift.Rendered{}, err
		}
		rendered.Warnings = append(rendered.Warnings, warnings...)
		if isSecret(object.ID) && j.app.Secrets != drift.SecretsManage {
			secrets++
			rendered.LeftOut = append(rendered.LeftOut, object.ID)
			rendered.Secrets = append(rendered.Secrets, redact.SecretValues(object.ID, object.Manifest)...)
			continue
		}
		rendered.Objects = append(rendered.Objects, object)
	}
	if secrets > 0 {
		rendered.Skipped += secrets
		rendered.Warnings = append(rendered.Warnings, drift.Warning{
			Origin:  drift.Origin{Repository: j.app.Repository, File: j.folder},
			Message: fmt.Sprintf("%s skipped: neither read nor written; set secrets: manage for this app to include them", plural(secrets, "Secret is", "Secrets are")),
		})
	}
	slices.SortStableFunc(rendered.Objects, func(a, b drift.Object) int { return a.ID.Compare(b.ID) })
	return rendered, unique(rendered.Objects)
}

// leftOutID is the identity of what is left out, its namespace settled as for a
// managed object. Helm runs hooks that have none, such as those with a generated
// name.
func leftOutID(j job, scopes scopes, doc document) (drift.ID, bool) {
	id, version, err := identify(doc)
	if err != nil {
		return drift.ID{}, false
	}
	id, _, err = place(j, scopes, id, version, doc)
	return id, err == nil
}

// onlyLeftOut sorts IDs and takes out doubles and what the app manages after
// all: a chart may have a hook and an object under one ID.
func onlyLeftOut(left []drift.ID, objects []drift.Object) []drift.ID {
	slices.SortFunc(left, drift.ID.Compare)
	return slices.DeleteFunc(slices.Compact(left), func(id drift.ID) bool {
		_, managed := slices.BinarySearchFunc(objects, id, func(object drift.Object, id drift.ID) int { return object.ID.Compare(id) })
		return managed
	})
}

// expandAll takes the lists apart.
func expandAll(documents []document, limits Limits) ([]document, error) {
	var flat []document
	for _, doc := range documents {
		expanded, err := expand(doc)
		if err != nil {
			return nil, err
		}
		flat = append(flat, expanded...)
		if len(flat) > limits.Objects {
			return nil, problem(doc.origin, "split the app", "the app has more than %d objects", limits.Objects)
		}
	}
	return flat, nil
}

// object checks and normalises one document.
func (r *Renderer) object(j job, scopes scopes, doc document) (drift.Object, []drift.Warning, error) {
	id, version, err := identify(doc)
	if err != nil {
		return drift.Object{}, nil, err
	}
	if err := checkMetadata(id, doc); err != nil {
		return drift.Object{}, nil, err
	}
	id, warnings, err := place(j, scopes, id, version, doc)
	if err != nil {
		return drift.Object{}, nil, err
	}
	if reason := (drift.Installation{StateNamespace: r.options.StateNamespace}).Owns(id, doc.manifest); reason != "" {
		return drift.Object{}, nil, problem(doc.origin, "an app cannot manage what Killick itself runs on; rename or remove the object",
			"%s is %s", id.Short(), reason)
	}
	// The content of a Secret that is left out is nobody's business here.
	if !isSecret(id) || j.app.Secrets == drift.SecretsManage {
		if err := normalise(id, doc); err != nil {
			return drift.Object{}, nil, err
		}
	}
	return drift.Object{
		ID:       id,
		Version:  version,
		Manifest: doc.manifest,
		Origin:   doc.origin,
	}, warnings, nil
}

// place settles the object's namespace. It is never guessed: an object that
// needs one and has none is an error, because "default" would be somebody
// else's namespace.
func place(j job, scopes scopes, id drift.ID, version string, doc document) (drift.ID, []drift.Warning, error) {
	var warnings []drift.Warning
	warn := func(format string, args ...any) {
		warnings = append(warnings, drift.Warning{Origin: doc.origin, Message: fmt.Sprintf(format, args...)})
	}
	metadata := doc.manifest["metadata"].(map[string]any) //nolint:forcetypeassert // identify has checked it
	kind := drift.Kind{Group: id.Group, Version: version, Kind: id.Kind}
	switch scopes.of(kind) {
	case clusterScoped:
		if id.Namespace != "" {
			warn("%s is cluster-scoped: its namespace %q is left out, as the API server does", id.Short(), id.Namespace)
			delete(metadata, "namespace")
			id.Namespace = ""
		}
		return id, warnings, nil
	case unknownScope:
		warn("%s is neither served by the cluster nor defined by this app: it is taken for namespaced", kind)
	}
	if id.Namespace == "" {
		if j.app.Namespace == "" {
			return id, nil, problem(doc.origin, "set namespace: for the app, or metadata.namespace in the manifest",
				"%s is namespaced, but neither its manifest nor the app names a namespace", id.Short())
		}
		id.Namespace = j.app.Namespace
		metadata["namespace"] = id.Namespace
	}
	return id, warnings, nil
}

// unique refuses two documents with one ID: which of them wins would depend on
// their order (the InfluxDB Cloud outage of 2022 began like that).
func unique(objects []drift.Object) error {
	for i := 1; i < len(objects); i++ {
		if objects[i].ID == objects[i-1].ID {
			first, second := objects[i-1].Origin, objects[i].Origin
			return problem(second, "remove or rename one of the two",
				"%s is defined twice: also in %s", objects[i].ID.Short(), drift.FileLine(first.File, first.Line))
		}
	}
	return nil
}

func isSecret(id drift.ID) bool { return id.Group == "" && id.Kind == "Secret" }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
