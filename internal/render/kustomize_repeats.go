package render

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"

	yamlv3 "go.yaml.in/yaml/v3"

	"github.com/killick-dev/killick/internal/drift"
)

// patchTexts looks for keys that a patch gives twice: Kustomize merges one of the two
// without a word.
func (s *scan) patchTexts(file string, k types.Kustomization) error {
	patches := append(slices.Clone(k.Patches), k.PatchesJson6902...)
	for _, patch := range k.PatchesStrategicMerge {
		if strings.Contains(string(patch), "\n") {
			patches = append(patches, types.Patch{Patch: string(patch)})
			continue
		}
		patches = append(patches, types.Patch{Path: string(patch)})
	}
	for _, patch := range patches {
		if patch.Path == "" {
			if err := s.inlinePatch(file, patch.Patch); err != nil {
				return err
			}
			continue
		}
		target, err := s.local(file, "patches", patch.Path)
		if err != nil {
			return err
		}
		data, err := s.job.files.read(target)
		if err != nil {
			continue // Kustomize says which patch it cannot read
		}
		if err := s.job.kustomize().repeats(target, data); err != nil {
			return err
		}
	}
	return nil
}

// inlinePatch does so for a patch in a kustomization, whose lines are not the file's.
func (s *scan) inlinePatch(file, patch string) error {
	g := s.job.kustomize()
	g.notes = &notes{}
	err := g.repeats("", []byte(patch))
	for _, warning := range g.notes.warnings {
		s.job.notes.add(drift.Warning{Origin: drift.Origin{File: file},
			Message: fmt.Sprintf("in an inline patch, line %d: %s", warning.Origin.Line, warning.Message)})
	}
	if err != nil {
		found := asPlain(err)
		return problem(drift.Origin{File: file}, found.Hint, "in an inline patch, line %s: %w", strings.TrimPrefix(found.File, ":"), found.Err)
	}
	return nil
}

// repeats judges the keys of a text. What is not YAML is left to Kustomize's own words.
func (g grammar) repeats(file string, data []byte) error {
	nodes, err := nodesOf(data, g.limits)
	if err != nil {
		return nil //nolint:nilerr // Kustomize explains it
	}
	k := &keyed{grammar: g}
	for _, node := range nodes {
		if _, err := k.value(node); err != nil {
			return nil //nolint:nilerr // Kustomize explains it
		}
	}
	return k.judge(file)
}

// withoutRepeats is a file of resources without the keys that it gives twice with equal
// values: Kustomize refuses them when it writes the object out. They were told.
func (s *scan) withoutRepeats(file string) error {
	data, err := s.job.files.read(file)
	if err != nil {
		return err
	}
	limits := s.job.limits
	before, err := nodesOf(data, limits)
	if err != nil {
		return nil //nolint:nilerr // Kustomize explains it
	}
	silent := grammar{limits: limits, kustomizeKeys: true}
	said, err := silent.all(before)
	if err != nil {
		return nil //nolint:nilerr // Kustomize explains it
	}
	var out bytes.Buffer
	encoder := yamlv3.NewEncoder(&out)
	for _, node := range before {
		dropRepeats(node)
		if err := encoder.Encode(node); err != nil {
			return fmt.Errorf("writing the file without repeated keys: %w", err)
		}
	}
	if err := encoder.Close(); err != nil {
		return fmt.Errorf("writing the file without repeated keys: %w", err)
	}
	after, err := nodesOf(out.Bytes(), limits)
	if err == nil {
		var again []any
		if again, err = silent.all(after); err == nil && reflect.DeepEqual(said, again) {
			s.job.files.replace(file, out.Bytes())
			return nil
		}
	}
	return problem(drift.Origin{File: file}, "remove the keys that are given twice", "reading YAML: keys are given twice, and the file cannot be read without them")
}

// all are the values of all documents.
func (g grammar) all(nodes []*yamlv3.Node) ([]any, error) {
	values := make([]any, len(nodes))
	for i, node := range nodes {
		v, err := (&keyed{grammar: g}).value(node)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

// keyProblem names the key for which Kustomize cannot write a resource as JSON: one that
// is a number, true, false or null, or that stands there twice; nil without one.
func (s *scan) keyProblem(root *yamlv3.Node, origin drift.Origin) error {
	path, key := oddKey(root, "")
	if key == nil {
		return nil
	}
	if data, err := s.job.files.read(origin.File); err == nil {
		if nodes, err := nodesOf(data, s.job.limits); err == nil {
			for _, node := range nodes {
				if line := lineOfKey(node, key); line > 0 && line >= origin.Line {
					origin.Line = line
					break
				}
			}
		}
	}
	if key.ShortTag() == "!!str" {
		return problem(origin, "remove one of the two", "building the kustomization: key %q in %s is given twice, and Kustomize cannot write it", key.Value, path)
	}
	return problem(origin, fmt.Sprintf("write %q in quotes", key.Value),
		"building the kustomization: key %s in %s is not text, and Kustomize cannot write it as JSON", key.Value, path)
}

// oddKey is the first key that is not text or stands there twice, and the path of its
// mapping.
func oddKey(node *yamlv3.Node, path string) (string, *yamlv3.Node) {
	seen := map[string]bool{}
	for i, child := range node.Content {
		below := path
		switch node.Kind {
		case yamlv3.SequenceNode:
			below = fmt.Sprintf("%s[%d]", path, i)
		case yamlv3.MappingNode:
			key := node.Content[i-i%2]
			if i%2 == 0 {
				if key.ShortTag() != "!!str" || seen[key.Value] {
					return cmp.Or(path, "the object"), key
				}
				seen[key.Value] = true
				continue
			}
			below = strings.TrimPrefix(path+"."+key.Value, ".")
		}
		if where, key := oddKey(child, below); key != nil {
			return where, key
		}
	}
	return "", nil
}

// lineOfKey is where a document has such a key; of one that it gives twice, the second.
func lineOfKey(node, key *yamlv3.Node) int {
	line := 0
	for i, child := range node.Content {
		if node.Kind == yamlv3.MappingNode && i%2 == 0 && child.Value == key.Value && (child.ShortTag() == key.ShortTag() || line > 0) {
			line = child.Line
		}
	}
	for _, child := range node.Content {
		if line > 0 {
			break
		}
		line = lineOfKey(child, key)
	}
	return line
}

// dropRepeats takes out each key that its mapping gave before.
func dropRepeats(node *yamlv3.Node) {
	if node.Kind == yamlv3.MappingNode {
		seen := map[string]bool{}
		kept := make([]*yamlv3.Node, 0, len(node.Content))
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			if !seen[key.Value] || key.Kind != yamlv3.ScalarNode {
				kept = append(kept, key, node.Content[i+1])
			}
			seen[key.Value] = true
		}
		node.Content = kept
	}
	for _, child := range node.Content {
		dropRepeats(child)
	}
}
