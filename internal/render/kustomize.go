package render

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/yaml"

	"github.com/killick-dev/killick/internal/drift"
)

// renderKustomize builds the folder's kustomization from memory.
//
// It differs from `kustomize build` in what it refuses: anything remote,
// plugins, functions, Helm inflation, and every path outside the repository.
// Inside the repository, files may stand anywhere, as with
// --load-restrictor=LoadRestrictionsNone: the repository is what was reviewed.
func renderKustomize(ctx context.Context, j job) (output, error) {
	scan := newScan(j)
	root, err := kustomizationFile(j.files.fsys, j.folder)
	if err != nil {
		return output{}, err
	}
	if err := scan.folder(ctx, j.folder); err != nil {
		return output{}, err
	}
	out, done, err := scan.buildInParts(ctx, root)
	if done || err != nil {
		return out, err
	}
	return scan.buildWhole(ctx, root)
}

// buildWhole builds a kustomization in one go.
func (s *scan) buildWhole(ctx context.Context, root string) (output, error) {
	data, _, err := s.withOrigins(root)
	if err != nil {
		return output{}, err
	}
	resources, err := s.build(ctx, root, map[string][]byte{root: data})
	if err != nil {
		return output{}, err
	}
	return s.collect(ctx, resources, root)
}

// build runs Kustomize on the folder of one kustomization, after everything it
// can reach was scanned. The files in replaced are served with that content; it
// makes the root record the origin of each resource.
func (s *scan) build(ctx context.Context, root string, replaced map[string][]byte) (resmap.ResMap, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	tree := &tree{files: s.job.files, limits: s.job.limits, replaced: replaced}
	if s.customSchema {
		// A custom schema stays in the library's globals and would change how
		// other apps' lists are merged.
		if s.job.in.shared {
			return nil, errNeedsOwn
		}
		openapi.ResetOpenAPI()
		defer openapi.ResetOpenAPI()
	}
	s.job.working(root)
	options := krusty.MakeDefaultOptions()
	options.LoadRestrictions = types.LoadRestrictionsNone
	options.PluginConfig = types.DisabledPluginConfig()
	resources, err := krusty.MakeKustomizer(options).Run(tree, tree.absolute(path.Dir(root)))
	if err != nil {
		if tree.refused != nil {
			err = tree.refused
		}
		return nil, s.buildProblem(root, err)
	}
	return resources, nil
}

// withOrigins adds originAnnotations to the kustomization's buildMetadata: how
// Kustomize tells where a resource came from. It says whether the kustomization
// asked for them itself.
func (s *scan) withOrigins(root string) (data []byte, asked bool, err error) {
	data, err = s.job.files.read(root)
	if err != nil {
		return nil, false, err
	}
	asJSON, err := yaml.YAMLToJSON(data)
	if err != nil {
		return nil, false, err
	}
	tree, err := parseJSON(asJSON) // keeps integers as they are
	if err != nil {
		return nil, false, err
	}
	fields, ok := tree.(map[string]any)
	if !ok {
		return data, false, nil // Kustomize says what is wrong with it
	}
	// Kustomize's own decoder ignores case.
	key, options := "buildMetadata", []any(nil)
	for name, v := range fields {
		if strings.EqualFold(name, key) {
			key = name
			options, _ = v.([]any)
		}
	}
	if slices.Contains(options, any(types.OriginAnnotations)) {
		return data, true, nil
	}
	fields[key] = append(slices.Clone(options), types.OriginAnnotations)
	data, err = json.Marshal(fields)
	return data, false, err
}

// collect turns resources into documents.
func (s *scan) collect(ctx context.Context, resources resmap.ResMap, root string) (output, error) {
	c, err := s.collector(root)
	if err != nil {
		return output{}, err
	}
	var out output
	for _, res := range resources.Resources() {
		if ctx.Err() != nil {
			return output{}, ctx.Err()
		}
		doc, err := c.document(res)
		if err != nil {
			return output{}, err
		}
		out.documents = append(out.documents, doc)
	}
	return out, nil
}

// collector turns the resources of one root into documents.
type collector struct {
	scan    *scan
	root    string
	asked   bool  // the kustomization wants origin annotations in its output
	written int64 // bytes so far
}

func (s *scan) collector(root string) (*collector, error) {
	_, asked, err := s.withOrigins(root)
	return &collector{scan: s, root: root, asked: asked}, err
}

func (c *collector) document(res *resource.Resource) (document, error) {
	limits := c.scan.job.limits
	origin, err := c.scan.origin(res, c.root)
	if err != nil {
		return document{}, err
	}
	if !c.asked {
		if err := res.SetOrigin(nil); err != nil {
			return document{}, problem(origin, "", "removing the origin annotation: %w", err)
		}
	}
	data, err := res.MarshalJSON()
	if err != nil {
		if found := c.scan.keyProblem(res.YNode(), origin); found != nil {
			return document{}, found
		}
		return document{}, problem(origin, "", "reading what Kustomize built: %s", c.scan.scrub(err.Error()))
	}
	if c.written += int64(len(data)); c.written > limits.OutputBytes {
		return document{}, problem(origin, "split the app", "the kustomization builds more than %s", size(limits.OutputBytes))
	}
	value, err := parseJSON(data)
	if err != nil {
		return document{}, problem(origin, "", "reading what Kustomize built: %w", err)
	}
	conversion := converter{left: 2 * limits.DocumentBytes, depth: limits.Depth}
	if value, err = conversion.convert(value, 0); err != nil {
		return document{}, problem(origin, conversion.hint, "reading what Kustomize built: %w", err)
	}
	manifest, ok := value.(map[string]any)
	if !ok {
		return document{}, problem(origin, "", "reading what Kustomize built: it is not an object")
	}
	return document{manifest: manifest, origin: origin}, nil
}

// origin is the repository file a resource came from: its own, or the
// kustomization that generated it.
func (s *scan) origin(res *resource.Resource, root string) (drift.Origin, error) {
	folder := path.Dir(root)
	recorded, err := res.GetOrigin()
	if err != nil || recorded == nil {
		// A patch may have replaced all annotations.
		return drift.Origin{File: root}, nil //nolint:nilerr // the resource is fine, only its provenance is lost
	}
	if recorded.ConfiguredIn != "" {
		file := path.Join(folder, recorded.ConfiguredIn)
		return drift.Origin{File: file, Line: s.generatorLine(file, res.GetName())}, nil
	}
	file := path.Join(folder, recorded.Path)
	return drift.Origin{File: file, Line: s.resourceLine(file, res)}, nil
}

// resourceLine finds the document in a file that became the resource: the only
// one of its kind, or the one whose name is part of the final name (prefixes and
// suffixes are added by overlays).
func (s *scan) resourceLine(file string, res *resource.Resource) int {
	line, matches := 0, 0
	for _, found := range s.found[file] {
		if found.kind != res.GetKind() {
			continue
		}
		if found.name == res.GetName() {
			return found.line
		}
		if strings.Contains(res.GetName(), found.name) {
			line = found.line
			matches++
		}
	}
	if matches == 1 {
		return line
	}
	if len(s.found[file]) == 1 {
		return s.found[file][0].line
	}
	return 0
}

// generatorLine finds the generator's entry in a kustomization: the line that
// gives a name which the final name contains.
func (s *scan) generatorLine(file, name string) int {
	data, err := s.job.files.read(file)
	if err != nil {
		return 0
	}
	best, longest, line := 0, 0, 0
	for content := range bytes.Lines(data) {
		line++
		match := nameEntry.FindSubmatch(content)
		if match == nil {
			continue
		}
		if given := string(match[1]); len(given) > longest && strings.Contains(name, given) {
			best, longest = line, len(given)
		}
	}
	return best
}

var nameEntry = regexp.MustCompile(`^\s*(?:-\s+)?name:\s*["']?([A-Za-z0-9.-]+)["']?\s*(?:#.*)?$`)

// Kustomize quotes whole plugin configurations, literals and patches in its
// errors. They may hold secrets and say nothing that the rest does not.
var quotedInput = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile("(?s) with config: `.*`"), ""},
	{regexp.MustCompile(`(?s)literal sources \[.*\]`), "literal sources"},
	{regexp.MustCompile(`(?s)invalid literal source .*, expected`), "invalid literal source, expected"},
	{regexp.MustCompile(`(?s)\[patch: ".*"\]`), "[patch: …]"},
	{regexp.MustCompile(`(?s)(must specify one of patch and path|set at the same time).*`), "$1"},
	{regexp.MustCompile(`(?s)has invalid utf8 bytes : .*`), "has invalid UTF-8 bytes"},
}

// longestMessage bounds what a library's error may add to a report, in bytes.
const longestMessage = 2 << 10

// scrub takes quoted input and the literals of secret generators out of an error
// text, and makes paths those of the repository.
func (s *scan) scrub(message string) string {
	for _, q := range quotedInput {
		message = q.pattern.ReplaceAllString(message, q.instead)
	}
	for _, secret := range s.secrets {
		message = strings.ReplaceAll(message, secret, "…")
	}
	message = withoutGo(message)
	message = strings.ReplaceAll(message, mountPoint+"/", "")
	message = strings.ReplaceAll(message, mountPoint, ".")
	return cut(strings.TrimSpace(message))
}

// cut bounds a message.
func cut(message string) string {
	if len(message) <= longestMessage {
		return message
	}
	return strings.ToValidUTF8(message[:longestMessage], "") + " …"
}

func (s *scan) buildProblem(root string, err error) error {
	var known *drift.Problem
	if errors.As(err, &known) {
		return known
	}
	if errors.Is(err, errNoNetwork) {
		return problem(drift.Origin{File: root}, vendorHint, "building the kustomization: %w", errNoNetwork)
	}
	return problem(drift.Origin{File: root}, "`kustomize build` in that folder shows the same error",
		"building the kustomization: %s", s.scrub(err.Error()))
}
