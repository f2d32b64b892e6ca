package render

import (
	"encoding/json"
	"path"
	"reflect"
	"slices"
	"strings"

	yamlv2 "go.yaml.in/yaml/v2"
	"sigs.k8s.io/kustomize/api/types"
)

// plan says how a kustomization is built in parts.
type plan struct {
	scan           *scan
	root           string // its folder
	kustomizations map[string]scanned
	folders        []string // of kustomizations, each after those that it uses
	slots          []*unit  // what Kustomize accumulates, in its order
	units          []*unit
	witnesses      map[witness]*unit
	byKey          map[unitKey]*unit
	pieces         map[string][]piece // files that can be served in part
	words          map[string]bool    // names that a kustomization or a patch says
	inputs         []string           // files and folders that are read for other ends than their resources
	parts          []*part
}

// unit is a document of a resource file, a whole file where it cannot be cut, or
// what one generator makes.
type unit struct {
	unitKey
	kind       string
	version    string
	name       string // in its file, as is the namespace
	namespace  string
	names      map[string]bool // all that it ever has during the build
	words      []string        // texts that could name another
	everywhere bool
	uses       int // a base that is used twice gives each resource twice
	part       *part
}

type unitKey struct {
	file  string // empty for a generator
	piece int
}

// witness stands for all resources that are alike in kind and in namespace, before
// and after the build. Where a reference says a namespace, Kustomize asks whether
// there is any resource of that original namespace at all (nameref,
// filterMapCandidatesByNamespace); one shows it for all.
type witness struct{ version, kind, original, final string }

// scanned is a kustomization as the scan read it.
type scanned struct {
	file  string
	fixed *types.Kustomization // after FixKustomization
}

// plan cuts the kustomization up; false means that it must be built at once.
func (s *scan) plan(root string) (*plan, bool) {
	if s.customSchema || s.listed {
		return nil, false
	}
	p := &plan{scan: s, root: path.Dir(root), kustomizations: s.kustomizations, byKey: map[unitKey]*unit{},
		pieces: map[string][]piece{}, words: map[string]bool{}, witnesses: map[witness]*unit{}}
	uses, ok := p.folder(p.root, nil)
	if !ok {
		return nil, false
	}
	for _, use := range uses {
		use.unit.uses++
		p.slots = append(p.slots, use.unit)
		if sort := (witness{use.version, use.kind, use.original(), use.final}); p.witnesses[sort] == nil {
			p.witnesses[sort] = use.unit
		}
		for _, prefix := range use.prefixes {
			for _, suffix := range use.suffixes {
				use.unit.names[prefix+use.name+suffix] = true
			}
		}
	}
	for _, input := range p.inputs {
		for _, k := range p.kustomizations {
			if within(k.file, input) {
				return nil, false // a generator reads what would be served changed
			}
		}
		for file, pieces := range p.pieces {
			if len(pieces) > 0 && within(file, input) {
				return nil, false
			}
		}
	}
	if !p.plainNames() {
		return nil, false
	}
	p.assign()
	return p, true
}

// wins says whether the parts cost much less than the whole, in comparisons.
func (p *plan) wins() bool {
	cost := 0
	for _, c := range p.parts {
		cost += c.objects * c.objects
	}
	return cost <= len(p.slots)*len(p.slots)/2
}

func within(file, folder string) bool {
	return file == folder || folder == "." || strings.HasPrefix(file, folder+"/")
}

// use is one use of a unit on its way up to the root, with every prefix and
// suffix that its name may have had.
type use struct {
	*unit
	final              string // namespace
	prefixes, suffixes []string
}

// original is the namespace that Kustomize takes the unit's file to mean.
func (u *unit) original() string {
	if u.namespace == "" {
		return "default"
	}
	return u.namespace
}

// folder walks a kustomization as Kustomize accumulates it: resources in their
// order, then what it generates.
func (p *plan) folder(folder string, uses []use) ([]use, bool) {
	k, known := p.kustomizations[folder]
	if !known || !p.admits(*k.fixed) || !p.reads(folder, *k.fixed) {
		return nil, false
	}
	from := len(uses)
	for _, entry := range k.fixed.Resources {
		var ok bool
		target := path.Join(folder, entry)
		if _, isFolder := p.kustomizations[target]; isFolder {
			uses, ok = p.folder(target, uses)
		} else {
			uses, ok = p.file(target, uses)
		}
		if !ok {
			return nil, false
		}
	}
	for _, generator := range k.fixed.ConfigMapGenerator {
		uses = append(uses, p.generated("ConfigMap", generator.GeneratorArgs))
	}
	for _, generator := range k.fixed.SecretGenerator {
		uses = append(uses, p.generated("Secret", generator.GeneratorArgs))
	}
	for i := range uses[from:] {
		u := &uses[from+i]
		if k.fixed.Namespace != "" {
			u.final = k.fixed.Namespace
		}
		if k.fixed.NamePrefix != "" {
			u.prefixes = append(slices.Clone(u.prefixes), k.fixed.NamePrefix+u.prefixes[len(u.prefixes)-1])
		}
		if k.fixed.NameSuffix != "" {
			u.suffixes = append(slices.Clone(u.suffixes), u.suffixes[len(u.suffixes)-1]+k.fixed.NameSuffix)
		}
	}
	if !slices.Contains(p.folders, folder) {
		p.folders = append(p.folders, folder)
	}
	return uses, true
}

func newUse(u *unit) use {
	return use{unit: u, final: u.namespace, prefixes: []string{""}, suffixes: []string{""}}
}

// file adds the documents of one file.
func (p *plan) file(file string, uses []use) ([]use, bool) {
	seeds, known := p.scan.found[file]
	if !known {
		return nil, false
	}
	data, err := p.scan.job.files.read(file)
	if err != nil || strings.Contains(string(data), "!!binary") || strings.Contains(string(data), "tag:yaml.org") {
		return nil, false // texts could be others than those that Kustomize compares
	}
	if _, cut := p.pieces[file]; !cut && guardYAML(data, p.scan.job.limits) == nil && !strings.HasSuffix(strings.ToLower(file), ".json") {
		p.pieces[file] = piecesOf(data, seeds)
	}
	for i, seed := range seeds {
		if seed.reserved || !mayName(seed.name) {
			return nil, false
		}
		piece := 0
		if len(p.pieces[file]) > 0 {
			piece = i
		} else if len(seeds) > 1 {
			return nil, false // a file of several objects that cannot be cut
		}
		key := unitKey{file: file, piece: piece}
		u := p.byKey[key]
		if u == nil {
			u = &unit{unitKey: key, kind: seed.kind, version: seed.version, name: seed.name, namespace: seed.namespace, words: seed.words, names: map[string]bool{}}
			// Kustomize's namespace field renames Namespaces.
			u.everywhere = seed.kind == "Namespace"
			p.byKey[key] = u
			p.units = append(p.units, u)
		}
		uses = append(uses, newUse(u))
	}
	return uses, true
}

// generated adds what a generator makes. It is cheap and often named, so every
// part makes it.
func (p *plan) generated(kind string, arguments types.GeneratorArgs) use {
	u := &unit{kind: kind, version: "v1", name: arguments.Name, namespace: arguments.Namespace, names: map[string]bool{}, everywhere: true}
	p.units = append(p.units, u)
	return newUse(u)
}

// admits says whether the kustomization has only fields that change each
// resource by itself, or others only as buildInParts says.
func (p *plan) admits(k types.Kustomization) bool {
	for _, patch := range append(slices.Clone(k.Patches), k.PatchesJson6902...) {
		if patch.Options != nil { // may change names
			return false
		}
	}
	for _, generator := range k.ConfigMapGenerator {
		if generator.Behavior != "" && generator.Behavior != "create" {
			return false
		}
	}
	for _, generator := range k.SecretGenerator {
		if generator.Behavior != "" && generator.Behavior != "create" {
			return false
		}
	}
	if k.Kind != types.KustomizationKind || (k.NamePrefix != "" && !mayName(k.NamePrefix)) || (k.NameSuffix != "" && !mayName(k.NameSuffix)) {
		return false
	}
	k.TypeMeta, k.MetaData, k.BuildMetadata = types.TypeMeta{}, nil, nil
	k.Resources = nil
	if !p.says(k) {
		return false
	}
	k.NamePrefix, k.NameSuffix, k.Namespace = "", "", ""
	k.CommonLabels, k.Labels, k.CommonAnnotations = nil, nil, nil
	k.Images, k.Replicas = nil, nil
	k.Patches, k.PatchesJson6902, k.PatchesStrategicMerge = nil, nil, nil
	k.ConfigMapGenerator, k.SecretGenerator, k.GeneratorOptions = nil, nil, nil
	return reflect.DeepEqual(emptied(k), types.Kustomization{})
}

// emptied makes empty lists of the fields that are not admitted none at all.
func emptied(k types.Kustomization) types.Kustomization {
	v := reflect.ValueOf(&k).Elem()
	for i := range v.NumField() {
		if field := v.Field(i); (field.Kind() == reflect.Slice || field.Kind() == reflect.Map) && field.Len() == 0 {
			field.SetZero()
		}
	}
	return k
}

// says adds the words of a kustomization.
func (p *plan) says(k types.Kustomization) bool {
	data, err := json.Marshal(k)
	if err != nil {
		return false
	}
	tree, err := parseJSON(data)
	return err == nil && words(tree, p.words)
}

// reads looks at the patches of a kustomization and notes every file that it
// reads besides resources.
func (p *plan) reads(folder string, k types.Kustomization) bool {
	var patches []types.Patch
	patches = append(append(patches, k.Patches...), k.PatchesJson6902...)
	for _, patch := range k.PatchesStrategicMerge {
		if strings.Contains(string(patch), "\n") {
			patches = append(patches, types.Patch{Patch: string(patch)})
			continue
		}
		patches = append(patches, types.Patch{Path: string(patch)})
	}
	for _, patch := range patches {
		name, data := p.kustomizations[folder].file, []byte(patch.Patch)
		if patch.Path != "" {
			name = path.Join(folder, patch.Path)
			p.inputs = append(p.inputs, name)
			var err error
			if data, err = p.scan.job.files.read(name); err != nil {
				return false
			}
		}
		g := p.scan.job.kustomize()
		g.notes = nil // the scan has told them
		values, err := decode(name, data, g)
		if err != nil {
			return false
		}
		for _, v := range values {
			if !keepsIdentity(v.tree) || !words(v.tree, p.words) {
				return false
			}
		}
	}
	var pairs []types.KvPairSources
	for _, generator := range k.ConfigMapGenerator {
		pairs = append(pairs, generator.KvPairSources)
	}
	for _, generator := range k.SecretGenerator {
		pairs = append(pairs, generator.KvPairSources)
	}
	for _, pair := range pairs {
		for _, source := range sources(pair) {
			if source != "" {
				p.inputs = append(p.inputs, path.Join(folder, source))
			}
		}
	}
	return true
}

// keepsIdentity says whether a patch leaves name, namespace, kind and existence
// alone, and the annotations in which Kustomize remembers former ones.
// Strategic-merge patches do, unless they delete or say otherwise in their
// options; JSON patches do what their paths say.
func keepsIdentity(patch any) bool {
	operations, isJSON := patch.([]any)
	if !isJSON {
		merge, ok := patch.(map[string]any)
		_, directive := merge["$patch"]
		metadata, named := merge["metadata"].(map[string]any)
		_, directiveBelow := metadata["$patch"]
		annotations, annotated := metadata["annotations"]
		notes, mapping := annotations.(map[string]any)
		_, directiveAbove := notes["$patch"]
		return ok && named && !directive && !directiveBelow && !directiveAbove && annotated == mapping &&
			!strings.HasSuffix(text(merge["kind"]), "List")
	}
	for _, operation := range operations {
		fields, ok := operation.(map[string]any)
		if !ok {
			return false
		}
		for _, field := range []string{"path", "from"} {
			pointer, given := fields[field]
			if given && !harmless(text(pointer)) {
				return false
			}
		}
	}
	return true
}

// harmless JSON pointers lead below a field that is no part of the identity.
func harmless(pointer string) bool {
	if kustomizesOwn(pointer) || !strings.HasPrefix(pointer, "/") {
		return false
	}
	field, rest, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	switch field {
	case "", "apiVersion", "kind":
		return false
	case "metadata":
		field, _, _ = strings.Cut(rest, "/")
		return field == "labels" || field == "annotations"
	}
	return true
}

// plainNames says whether every name is text in YAML however it is written: then
// a name and a word are equal for Kustomize if they are here.
func (p *plan) plainNames() bool {
	for _, u := range p.units {
		for name := range u.names {
			var v any
			if err := yamlv2.Unmarshal([]byte(name), &v); err != nil {
				return false
			}
			if _, plain := v.(string); !plain || !mayName(name) {
				return false
			}
		}
	}
	return true
}
