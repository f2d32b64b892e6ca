package render

import (
	"bytes"
	"context"
	"encoding/json"
	"path"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
)

// partObjects is the size of the parts in which a large kustomization is
// built. Half and twice as many cost nearly the same (docs/performance.md).
const partObjects = 64

// buildInParts builds a large kustomization as several small ones, because
// Kustomize compares every resource with every other at each of its steps
// (kustomize #5084): each part is the same tree of kustomizations that names
// only some of the resources. It says false when the whole must be built at
// once, which is always right and only slow; then nothing was found out.
//
// The parts together are what the whole would be, because:
//
//   - what plan admits changes each resource by itself, except where Kustomize
//     looks for another resource by its name: patches without a target, replicas,
//     merging, ID conflicts, and references that follow a changed name;
//   - for these, a part also holds, as context, every resource that has a name
//     which a resource of the part, a kustomization or a patch says anywhere.
//     What stands for context is built, looked at, and left out; its own part
//     builds it with its own context;
//   - resources of one kind and name, whatever their namespaces, share a part,
//     so that a conflict is one there, too;
//   - an error in any part, and a part with more or fewer resources than
//     planned, discards all of them and builds the whole.
func (s *scan) buildInParts(ctx context.Context, root string) (output, bool, error) {
	objects := 0
	for _, seeds := range s.found {
		objects += len(seeds)
	}
	if objects <= 2*s.job.part {
		return output{}, false, nil
	}
	p, ok := s.plan(root)
	if !ok || !p.wins() {
		return output{}, false, nil
	}
	return s.buildParts(ctx, root, p)
}

// buildParts builds every part of a plan, and puts what they were built for into
// the order in which the whole would have it.
func (s *scan) buildParts(ctx context.Context, root string, p *plan) (output, bool, error) {
	documents := make([]document, len(p.slots))
	collector, err := s.collector(root)
	if err != nil {
		return output{}, false, err
	}
	for _, c := range p.parts {
		replaced, ok := p.show(c)
		if !ok {
			return output{}, false, nil
		}
		resources, err := s.build(ctx, root, replaced)
		if ctx.Err() != nil {
			return output{}, false, ctx.Err()
		}
		if err != nil || resources.Size() != c.objects {
			return output{}, false, nil //nolint:nilerr // the whole build says what is wrong, in Kustomize's words
		}
		next := 0
		for i, slot := range p.slots {
			if !c.holds(slot) {
				continue
			}
			res := resources.GetByIndex(next)
			next++
			if res.GetKind() != slot.kind {
				return output{}, false, nil
			}
			if slot.part != c {
				continue
			}
			if documents[i], err = collector.document(res); err != nil {
				return output{}, false, err
			}
		}
	}
	return output{documents: documents}, true, nil
}

// part is one of the builds.
type part struct {
	own     int            // resources that it is built for
	context map[*unit]bool // others that it must hold
	objects int            // resources that it builds, each use counted
}

func (c *part) holds(u *unit) bool { return u.everywhere || u.part == c || c.context[u] }

// show is the tree as the part sees it: kustomizations without the resources
// that it does not hold, and files without the documents.
func (p *plan) show(c *part) (map[string][]byte, bool) {
	kept := map[string][]bool{}
	for _, u := range p.units {
		if u.file == "" {
			continue // generated
		}
		if kept[u.file] == nil {
			kept[u.file] = make([]bool, max(1, len(p.pieces[u.file])))
		}
		kept[u.file][u.piece] = c.holds(u)
	}
	replaced := map[string][]byte{}
	for file, pieces := range p.pieces {
		if content, cut := cutOut(pieces, kept[file]); cut {
			replaced[file] = content
		}
	}
	// Folders come after those that they use.
	empty := map[string]bool{}
	for _, folder := range p.folders {
		k := *p.kustomizations[folder].fixed
		k.Resources = slices.DeleteFunc(slices.Clone(k.Resources), func(entry string) bool {
			target := path.Join(folder, entry)
			if holds, isFile := kept[target]; isFile {
				return !slices.Contains(holds, true)
			}
			return empty[target]
		})
		was := p.kustomizations[folder].fixed.Resources
		empty[folder] = len(was) > 0 && len(k.Resources) == 0 && len(k.ConfigMapGenerator) == 0 && len(k.SecretGenerator) == 0
		if len(k.Resources) == len(was) && folder != p.root {
			continue
		}
		if folder == p.root && !slices.Contains(k.BuildMetadata, types.OriginAnnotations) {
			k.BuildMetadata = append(slices.Clone(k.BuildMetadata), types.OriginAnnotations)
		}
		data, err := json.Marshal(k)
		if err != nil {
			return nil, false
		}
		var again types.Kustomization
		if err := again.Unmarshal(data); err != nil || !reflect.DeepEqual(emptied(k), again) {
			return nil, false // its own form does not keep what it says
		}
		replaced[p.kustomizations[folder].file] = data
	}
	return replaced, true
}

// piece is one document of a file and how it stands there.
type piece struct {
	text  []byte
	first bool // nothing stands before it, not even a separator
}

// cutOut is a file without the documents that are not kept; cut is false when
// all are.
func cutOut(pieces []piece, kept []bool) (content []byte, cut bool) {
	var b bytes.Buffer
	for i, p := range pieces {
		if !kept[i] {
			cut = true
			continue
		}
		if !p.first {
			b.WriteString("---")
		}
		b.Write(p.text)
	}
	return b.Bytes(), cut
}

// piecesOf cuts a file where Kustomize does. It is nil for a file that must be
// served whole: one where both might not agree, where a document is not one
// object, or with one document only.
func piecesOf(data []byte, seeds []seed) []piece {
	if len(seeds) < 2 || bytes.HasPrefix(data, []byte("\ufeff")) {
		return nil
	}
	chunks := split(data)
	if len(chunks) != len(seeds) {
		return nil
	}
	pieces := make([]piece, len(chunks))
	for i, c := range chunks {
		p := piece{text: c.text, first: c.line == 1 && !bytes.HasPrefix(data, []byte("---"))}
		rest, _, _ := bytes.Cut(c.text, []byte("\n"))
		rest = bytes.TrimSpace(rest)
		// Kustomize refuses text behind a separator, but not before the first.
		if seeds[i].line != c.start || bytes.Contains(c.text, []byte("\n...")) || bytes.HasPrefix(c.text, []byte("%")) ||
			bytes.Contains(c.text, []byte("\n%")) || (!p.first && len(rest) > 0 && rest[0] != '#') {
			return nil
		}
		pieces[i] = p
	}
	return pieces
}

// mayName says whether text could be the name of a resource.
func mayName(text string) bool {
	return text != "" && len(text) <= 253 && strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._:", r)
	}) < 0
}

// words collects the texts in a tree that could be names, and says whether it
// stays clear of the annotations by which Kustomize keeps its own accounts.
func words(tree any, into map[string]bool) bool {
	switch tree := tree.(type) {
	case map[string]any:
		for key, v := range tree {
			if kustomizesOwn(key) || !words(v, into) {
				return false
			}
		}
	case []any:
		for _, v := range tree {
			if !words(v, into) {
				return false
			}
		}
	case string:
		if mayName(tree) {
			into[tree] = true
		}
	}
	return true
}

// kustomizesOwn covers internal.config.kubernetes.io, config.kubernetes.io and
// kustomize.config.k8s.io.
func kustomizesOwn(key string) bool {
	return strings.Contains(key, "config.kubernetes.io") || strings.Contains(key, "config.k8s.io")
}
