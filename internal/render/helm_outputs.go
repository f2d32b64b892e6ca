package render

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// chartOutput is what the engine made of a chart.
type chartOutput struct {
	version  string // name and version of the chart
	parts    []chartPart
	rendered map[string]string // by the engine's name of the template
	crds     []chartData
	analysis *analysis
	asked    bool // what the cluster serves
}

// chartPart is one chart of a tree of charts.
type chartPart struct {
	path   string // the engine's name: "shop/charts/db"
	home   string // repository path of its folder, or of the archive that holds it
	packed bool
}

// place turns the engine's name of a file ("shop/charts/db/templates/x.yaml")
// into the repository file and the path inside its chart.
func (h *helm) place(parts []chartPart, name string) (file, template string) {
	file, template = h.origin.File, name
	longest := 0
	for _, part := range parts {
		relative, found := strings.CutPrefix(name, part.path+"/")
		if !found || len(part.path) <= longest {
			continue
		}
		longest, template = len(part.path), relative
		if file = part.home; !part.packed {
			file = path.Join(part.home, relative)
		}
	}
	return file, template
}

// differing is what of a second pass has another text than in the first, and from where
// that comes. All the rest need not be read again. Templates of one origin go together: a
// dependency that is used twice has one file for both, and so have the charts in an archive.
func (h *helm) differing(first, second chartOutput) (chartOutput, map[drift.Origin]bool) {
	differ := map[drift.Origin]bool{}
	for name, content := range second.rendered {
		if content != first.rendered[name] {
			differ[h.templateOrigin(second, name)] = true
		}
	}
	rendered := map[string]string{}
	for name, content := range second.rendered {
		if differ[h.templateOrigin(second, name)] {
			rendered[name] = content
		}
	}
	second.rendered = rendered
	return second, differ
}

// templateOrigin is where a template stands.
func (h *helm) templateOrigin(made chartOutput, name string) drift.Origin {
	file, template := h.place(made.parts, name)
	return drift.Origin{Repository: h.job.app.Repository, File: file, Chart: made.version, Template: template}
}

// documents sorts what the templates made: manifests, hooks, notes.
func (h *helm) documents(made chartOutput) (output, error) {
	out := output{asked: made.asked}
	written := int64(0)
	for _, name := range slices.Sorted(maps.Keys(made.rendered)) {
		if strings.HasSuffix(name, "NOTES.txt") {
			continue
		}
		if written += int64(len(made.rendered[name])); written > h.job.limits.OutputBytes {
			return output{}, problem(h.origin, "split the app", "the chart's templates make more than %s", size(h.job.limits.OutputBytes))
		}
		origin := h.templateOrigin(made, name)
		for _, call := range made.analysis.emptyCalls(name) {
			out.warnings = append(out.warnings, drift.Warning{Origin: origin, Message: call + " answers empty: a render asks neither the cluster nor DNS"})
		}
		documents, err := h.manifests(name, made.rendered[name], origin)
		if err != nil {
			return output{}, err
		}
		for _, doc := range documents {
			if hook := hookOf(doc.manifest); hook != "" {
				out.warnings = append(out.warnings, drift.Warning{Origin: origin, Message: hookWarning(doc.manifest, hook)})
				doc.leftOut = true
			}
			out.documents = append(out.documents, doc)
		}
	}
	return out, nil
}

// leaveOut names the definitions in crds/ of an app that does not include them.
// They are still the chart's: taken out of the app's hands, not deleted, for with
// a definition go all its objects. What cannot be read is nobody's business here.
func (h *helm) leaveOut(made chartOutput, out *output) {
	if len(made.crds) == 0 {
		return
	}
	out.warnings = append(out.warnings, drift.Warning{Origin: h.origin,
		Message: fmt.Sprintf("%s in crds/ left out: helm.includeCRDs is not set", plural(len(made.crds), "file is", "files are"))})
	for _, definition := range made.crds {
		values, err := decode(definition.name, definition.data, h.job.others())
		if err != nil {
			continue
		}
		for _, v := range values {
			doc, err := asDocument(v, h.origin)
			if err != nil {
				continue
			}
			if id, _, err := identify(doc); err == nil && id.Kind == "CustomResourceDefinition" {
				out.documents = append(out.documents, document{manifest: doc.manifest, origin: h.origin, leftOut: true})
			}
		}
	}
}

// crds adds what stands in crds/ folders, which are no templates.
func (h *helm) crds(made chartOutput, out *output) error {
	if !h.job.app.Helm.IncludeCRDs {
		h.leaveOut(made, out)
		return nil
	}
	for _, definition := range made.crds {
		file, template := h.place(made.parts, definition.name)
		origin := drift.Origin{Repository: h.job.app.Repository, File: file, Chart: made.version, Template: template}
		values, err := decode(file, definition.data, h.job.others())
		if err != nil {
			return err
		}
		for _, v := range values {
			// Not a template, so lines are those of the file, unless it is packed.
			if path.Ext(file) != archiveSuffix {
				origin.Line = v.line
			}
			doc, err := asDocument(v, origin)
			if err != nil {
				return err
			}
			out.documents = append(out.documents, doc)
		}
	}
	return nil
}

// manifests decodes what one template made. Its lines are not those of the
// template, so errors name them as rendered.
func (h *helm) manifests(name, content string, origin drift.Origin) ([]document, error) {
	g := h.job.others()
	g.notes = &notes{}
	values, err := decodeRendered(name, []byte(content), g)
	if err != nil {
		return nil, h.renderedProblem(origin, err)
	}
	for _, warning := range g.notes.warnings {
		h.job.notes.add(drift.Warning{Origin: origin, Message: fmt.Sprintf("what the template made, line %d: %s", warning.Origin.Line, warning.Message)})
	}
	var documents []document
	for _, v := range values {
		doc, err := asDocument(v, origin)
		if err != nil {
			return nil, err
		}
		expanded, err := expand(doc)
		if err != nil {
			return nil, err
		}
		documents = append(documents, expanded...)
	}
	return documents, nil
}

// templatePlaces are the forms in which Go's templates and Helm's engine name a
// place.
var templatePlaces = []*regexp.Regexp{
	regexp.MustCompile(`error at \(([^():]+):(\d+)`),
	regexp.MustCompile(`template: ([^:\s]+):(\d+)`),
	regexp.MustCompile(`error in \(([^():]+)()\)`),
}

// templateProblem places an error of a template at its file and line, and hides
// the values that functions quote in theirs.
func (h *helm) templateProblem(parts []chartPart, err error) error {
	message := tplText.ReplaceAllString(err.Error(), "$1 "+hidden)
	origin := h.origin
	for _, pattern := range templatePlaces {
		found := pattern.FindAllStringSubmatch(message, -1)
		// A text that tpl runs stands in no file.
		found = slices.DeleteFunc(found, func(place []string) bool { return place[1] == "gotpl" })
		if len(found) > 0 {
			// The innermost place comes last.
			last := found[len(found)-1]
			origin.File, _ = h.place(parts, last[1])
			if path.Ext(origin.File) != archiveSuffix {
				origin.Line, _ = strconv.Atoi(last[2])
			}
			break
		}
	}
	return problem(origin, "`helm template` shows the same error", "rendering the chart: %s", h.scrub(message))
}

// hookAnnotation marks a manifest that Helm runs instead of managing it
// (https://helm.sh/docs/topics/charts_hooks/).
const hookAnnotation = "helm.sh/hook"

// hookOf is the value of the hook annotation, "" for a manifest that is none.
func hookOf(manifest map[string]any) string {
	metadata, _ := manifest["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	v, present := annotations[hookAnnotation]
	if !present {
		return ""
	}
	if hook := text(v); hook != "" {
		return hook
	}
	return "unnamed"
}

func hookWarning(manifest map[string]any, hook string) string {
	what := "hook"
	if strings.HasPrefix(hook, "test") {
		what = "test"
	}
	return fmt.Sprintf("%s is a Helm %s (%s) and left out: Killick keeps objects, it runs none", titleOf(manifest), what, hook)
}

// titleOf names a manifest for people, whose kind and name nobody has checked: a hook is
// often given a name by the API server.
func titleOf(manifest map[string]any) string {
	metadata, _ := manifest["metadata"].(map[string]any)
	kind := text(manifest["kind"])
	name := cmp.Or(text(metadata["name"]), text(metadata["generateName"]))
	switch {
	case kind == "":
		return strings.TrimSpace("a manifest without a kind " + name)
	case name == "":
		return kind + " without a name"
	case text(metadata["name"]) == "":
		name += "*"
	}
	return kind + " " + name
}

var placed = regexp.MustCompile(`^(.*):(\d+)$`)

// renderedProblem says of an error in rendered text which template made the text.
// What the parser quotes may have been a value.
func (h *helm) renderedProblem(origin drift.Origin, err error) error {
	var found *drift.Problem
	if !errors.As(err, &found) {
		return err
	}
	line := ""
	if match := placed.FindStringSubmatch(found.File); match != nil {
		line = ", line " + match[2]
	}
	return &drift.Problem{Stage: stage, File: origin.File, Hint: found.Hint,
		Err: fmt.Errorf("what the template made%s: %s", line, h.scrub(found.Err.Error()))}
}
