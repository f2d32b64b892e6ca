package render

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// renderYAML reads every YAML and JSON file below the app's folder, as
// `kubectl apply --recursive -f` does.
func renderYAML(ctx context.Context, j job) (output, error) {
	var out output
	var tools traps
	err := fs.WalkDir(j.files.fsys, j.folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return folderProblem(name, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if entry.IsDir() {
			return nestedApp(j, name)
		}
		switch strings.ToLower(path.Ext(name)) {
		case ".yaml", ".yml", ".json":
		default:
			tools.file(j, name)
			return nil
		}
		tools.text(j, name)
		documents, err := readManifests(j, name, j.own())
		out.documents = append(out.documents, documents...)
		return err
	})
	out.warnings = tools.told()
	return out, err
}

// nestedApp refuses folders that need another renderer: their files would
// either fail one by one or, worse, be applied half-rendered.
func nestedApp(j job, folder string) error {
	if folder == j.folder {
		return nil
	}
	renderer, err := chooseRenderer(j.files.fsys, folder)
	if err != nil || renderer == drift.RendererYAML {
		return err
	}
	word := map[drift.Renderer]string{drift.RendererKustomize: "a kustomization", drift.RendererHelm: "a Helm chart"}[renderer]
	return &drift.Problem{File: folder,
		Err:  fmt.Errorf("the folder below a plain YAML app holds %s", word),
		Hint: fmt.Sprintf("make %q an app of its own, or give %q a kustomization.yaml", folder, j.folder)}
}

// readManifests decodes one file into documents, read by a grammar.
func readManifests(j job, name string, g grammar) ([]document, error) {
	data, err := j.files.read(name)
	if err != nil {
		return nil, asProblem(name, err)
	}
	values, err := decode(name, data, g)
	if err != nil {
		return nil, err
	}
	documents := make([]document, len(values))
	for i, v := range values {
		if documents[i], err = asDocument(v, drift.Origin{File: name, Line: v.line}); err != nil {
			return nil, err
		}
	}
	return documents, nil
}
