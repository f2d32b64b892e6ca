package render

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/killick-dev/killick/internal/drift"
)

// krustyBuild is what the library itself makes of a tree, as bytes.
func krustyBuild(t testing.TB, tree fstest.MapFS, folder string) ([]byte, error) {
	t.Helper()
	disk := filesys.MakeFsInMemory()
	for name, file := range tree {
		if err := disk.WriteFile("/"+name, file.Data); err != nil {
			t.Fatal(err)
		}
	}
	options := krusty.MakeDefaultOptions()
	options.LoadRestrictions = types.LoadRestrictionsNone
	resources, err := krusty.MakeKustomizer(options).Run(disk, "/"+folder)
	if err != nil {
		return nil, err
	}
	return resources.AsYaml()
}

// partsBuild builds a tree in parts of the given size, whatever that wins; nil
// when it may not be built like that.
func partsBuild(t testing.TB, tree fstest.MapFS, folder string, size int) []byte {
	t.Helper()
	limits := Limits{}.withDefaults()
	s := newScan(job{app: drift.App{Name: "shop"}, folder: folder, files: newReader(tree, limits), notes: &notes{}, limits: limits, part: size})
	if err := s.folder(context.Background(), folder); err != nil {
		return nil
	}
	root := folder + "/kustomization.yaml"
	p, ok := s.plan(root)
	if !ok {
		return nil
	}
	out, ok, err := s.buildParts(context.Background(), root, p)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return nil
	}
	var b bytes.Buffer
	for i, doc := range out.documents {
		if i > 0 {
			b.WriteString("---\n")
		}
		text, err := yaml.Marshal(doc.manifest)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
	}
	whole, err := s.buildWhole(context.Background(), root)
	if err != nil {
		t.Fatalf("the parts are built and the whole is not: %v", err)
	}
	if diff := cmp.Diff(whole.documents, out.documents, cmp.AllowUnexported(document{})); diff != "" {
		t.Fatalf("parts of %d, documents with their origins (-whole +parts):\n%s\n%s", size, diff, show(tree))
	}
	return b.Bytes()
}

// TestPartsEqualTheWhole compares builds in parts with the library's own bytes
// for random kustomizations, made of few names so that they collide, refer to
// one another and follow prefixes in every way.
func TestPartsEqualTheWhole(t *testing.T) {
	count := 40
	if *manyParts > 0 {
		count = *manyParts
	}
	built, failed, declined := 0, 0, 0
	for seed := range count {
		tree := randomKustomization(rand.New(rand.NewPCG(uint64(seed), 1)))
		want, err := krustyBuild(t, tree, "app")
		if err != nil {
			failed++
		}
		for _, size := range []int{1, 4} {
			got := partsBuild(t, tree, "app", size)
			switch {
			case got == nil:
				declined++
			case err != nil:
				t.Fatalf("seed %d, parts of %d: Kustomize refuses it (%v), the parts do not\n%s", seed, size, err, show(tree))
			case !bytes.Equal(want, got):
				t.Fatalf("seed %d, parts of %d (-krusty +parts):\n%s\n%s", seed, size, cmp.Diff(string(want), string(got)), show(tree))
			default:
				built++
			}
		}
	}
	t.Logf("%d builds in parts equal the whole; %d kustomizations fail with Kustomize; %d builds were left to the whole", built, failed, declined)
	if built < count/2 || failed < count/10 {
		t.Errorf("the cases prove little: %d built, %d of %d failed", built, failed, count)
	}
}

// planOf scans a tree and plans its parts.
func planOf(t *testing.T, tree fstest.MapFS) (*plan, bool) {
	t.Helper()
	limits := Limits{}.withDefaults()
	s := newScan(job{folder: "app", files: newReader(tree, limits), notes: &notes{}, limits: limits, part: partObjects})
	if err := s.folder(context.Background(), "app"); err != nil {
		t.Fatal(err)
	}
	return s.plan("app/kustomization.yaml")
}

// A large app is built in parts, of which none is large, and is what the whole
// would be; a file of all its objects is cut as well.
func TestLargeAppsAreBuiltInParts(t *testing.T) {
	one := fstest.MapFS{"app/kustomization.yaml": {Data: []byte("namespace: prod\nresources: [all.yaml]\n")}, "app/all.yaml": {}}
	for name, file := range largeApp(200, false) {
		if strings.HasPrefix(name, "base/service") {
			one["app/all.yaml"].Data = append(append(one["app/all.yaml"].Data, "---\n"...), file.Data...)
		}
	}
	for name, tree := range map[string]fstest.MapFS{"a file per object": largeApp(200, true), "one file": one} {
		t.Run(name, func(t *testing.T) {
			p, ok := planOf(t, tree)
			if !ok || !p.wins() {
				t.Fatal("it is not built in parts")
			}
			for _, part := range p.parts {
				if part.objects > partObjects+20 {
					t.Errorf("a part has %d objects", part.objects)
				}
			}
			request := drift.RenderRequest{App: drift.App{Name: "shop", Path: "app", Namespace: "shop"}, Checkout: drift.Checkout{FS: tree}}
			whole := New(Options{})
			whole.part = 200
			want, err := whole.Render(context.Background(), request)
			if err != nil {
				t.Fatal(err)
			}
			got, err := New(Options{}).Render(context.Background(), request)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-whole +parts:\n%s", diff)
			}
			if len(got.Objects) != 200 {
				t.Errorf("%d objects, want 200", len(got.Objects))
			}
		})
	}
}

// What may reach from one resource to another, or could not be told apart, is
// left to the whole build.
func TestPlanDeclines(t *testing.T) {
	const base = "resources: [a.yaml, b.yaml]\n"
	tests := []struct{ name, kustomization, a string }{
		{"copies from one to another", base + "replacements: [{source: {kind: ConfigMap, name: a}, targets: [{select: {kind: ConfigMap}, fieldPaths: [data.x]}]}]", ""},
		{"variables", base + "vars: [{name: V, objref: {apiVersion: v1, kind: ConfigMap, name: a}}]", ""},
		{"other rules", base + "configurations: [rules.yaml]", ""},
		{"kinds of its own", base + "crds: [rules.yaml]", ""},
		{"another schema", base + "openapi: {version: v1.21.2}", ""},
		{"an order of its own", base + "sortOptions: {order: legacy}", ""},
		{"a generator that merges", base + "configMapGenerator: [{name: a, behavior: merge, literals: [x=y]}]", ""},
		{"a generator that reads a kustomization", base + "configMapGenerator: [{name: m, files: [kustomization.yaml]}]", ""},
		{"a generator that reads resources which would be cut", base + "configMapGenerator: [{name: m, files: [a.yaml]}]", configMap("a") + "---\n" + configMap("c")},
		{"a patch that may rename", base + "patches: [{path: patch.yaml, options: {allowNameChange: true}}]", ""},
		{"a JSON patch of the name", base + `patches: [{target: {kind: ConfigMap}, patch: '[{"op": "replace", "path": "/metadata/name", "value": "z"}]'}]`, ""},
		{"a JSON patch of everything", base + `patches: [{target: {kind: ConfigMap}, patch: '[{"op": "move", "from": "", "path": "/data"}]'}]`, ""},
		{"a JSON patch of the namespace", base + `patches: [{target: {kind: ConfigMap}, patch: '[{"op": "add", "path": "/metadata/namespace", "value": "z"}]'}]`, ""},
		{"a patch that deletes", base + "patches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, $patch: delete}'}]", ""},
		{"a patch that forgets the annotations", base + "patches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a, annotations: null}}'}]", ""},
		{"Kustomize's own annotations", base, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {internal.config.kubernetes.io/previousNames: b}}\n"},
		{"a list", base, "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}]\n"},
		{"a name that YAML may take for a number", base, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"1\"}\n"},
		{"binary text", base, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: !!binary YQ==}\n"},
		{"a file that cannot be cut", base, configMap("a") + "...\n---\n" + configMap("c")},
	}
	for _, test := range append(tests, struct{ name, kustomization, a string }{"", base, ""}) {
		t.Run(test.name, func(t *testing.T) {
			a := test.a
			if a == "" {
				a = configMap("a")
			}
			_, ok := planOf(t, files("app/kustomization.yaml", test.kustomization, "app/a.yaml", a, "app/b.yaml", configMap("b"),
				"app/rules.yaml", "{}", "app/patch.yaml", configMap("a")))
			if ok != (test.name == "") {
				t.Errorf("built in parts: %t", ok)
			}
		})
	}
}

// show prints a tree.
func show(tree fstest.MapFS) string {
	var b strings.Builder
	for name, file := range tree {
		fmt.Fprintf(&b, "==> %s\n%s\n", name, file.Data)
	}
	return b.String()
}

type dice struct{ *rand.Rand }

func (d dice) one(of ...string) string { return of[d.IntN(len(of))] }
func (d dice) name() string {
	if d.IntN(3) > 0 {
		return fmt.Sprintf("n%d", d.IntN(40))
	}
	return d.one("a", "b", "c", "d", "p-a", "a-s", "p-b-s", "q-p-a", "default", "prod")
}
func (d dice) maybe(percent int, text string) string {
	if d.IntN(100) < percent {
		return text
	}
	return ""
}

// randomKustomization is an overlay of one to three bases, one of which may be
// used twice.
func randomKustomization(r *rand.Rand) fstest.MapFS {
	d, tree := dice{r}, fstest.MapFS{}
	var resources []string
	for i := range 1 + d.IntN(3) {
		folder := fmt.Sprintf("base%d", i)
		d.kustomization(tree, folder, nil, 1+d.IntN(12))
		resources = append(resources, "../"+folder)
		if d.IntN(6) == 0 {
			// The same base again, below another prefix.
			d.kustomization(tree, folder+"-again", []string{"../" + folder}, d.IntN(2))
			tree[folder+"-again/kustomization.yaml"].Data = append(tree[folder+"-again/kustomization.yaml"].Data, "\n"...)
			resources = append(resources, "../"+folder+"-again")
		}
	}
	d.kustomization(tree, "app", resources, d.IntN(5))
	return tree
}

// kustomization writes one folder.
func (d dice) kustomization(tree fstest.MapFS, folder string, resources []string, files int) {
	put := func(name, content string) { tree[folder+"/"+name] = &fstest.MapFile{Data: []byte(content)} }
	var names []string
	for i := range files {
		name := fmt.Sprintf("file%d.yaml", i)
		var documents []string
		for range 1 + d.IntN(3)*d.IntN(2) {
			document, object := d.object()
			documents = append(documents, document)
			names = append(names, object)
		}
		put(name, d.maybe(20, "# a head\n")+d.maybe(20, "---\n")+strings.Join(documents, d.one("---\n", "--- # next\n", "---\n# a comment\n---\n"))+d.maybe(10, "---\n"))
		resources = append(resources, name)
	}
	var b strings.Builder
	if len(resources) > 0 {
		fmt.Fprintf(&b, "resources: [%s]\n", strings.Join(resources, ", "))
	}
	b.WriteString("buildMetadata: []\n")
	b.WriteString(d.maybe(25, "namePrefix: "+d.one("p-", "q-")+"\n"))
	b.WriteString(d.maybe(15, "nameSuffix: "+d.one("-s", "-t")+"\n"))
	b.WriteString(d.maybe(25, "namespace: "+d.one("prod", "test", "a")+"\n"))
	b.WriteString(d.maybe(25, "commonAnnotations: {note: "+d.name()+"}\n"))
	b.WriteString(d.maybe(25, "labels: [{pairs: {team: "+d.name()+"}, includeSelectors: "+d.one("true", "false")+"}]\n"))
	b.WriteString(d.maybe(2, "commonLabels: {env: "+d.name()+"}\n"))
	b.WriteString(d.maybe(25, "images: [{name: app, newName: "+d.one("other", "n1")+", newTag: v2}]\n"))
	if d.IntN(4) == 0 {
		fmt.Fprintf(&b, "configMapGenerator: [{name: %s, literals: [k=%s]%s}]\n", d.name(), d.name(), d.maybe(30, ", options: {disableNameSuffixHash: true}"))
	}
	if d.IntN(6) == 0 {
		fmt.Fprintf(&b, "secretGenerator: [{name: %s, literals: [k=%s]}]\n", d.name(), d.name())
	}
	target := "nobody"
	if len(names) > 0 {
		target = names[d.IntN(len(names))]
	}
	kind, name, _ := strings.Cut(target, " ")
	if d.IntN(3) == 0 && (kind == "Deployment" || kind == "StatefulSet" || d.IntN(20) == 0) {
		fmt.Fprintf(&b, "replicas: [{name: %s, count: 3}]\n", name)
	}
	var patches []string
	if d.IntN(4) == 0 {
		patches = append(patches, fmt.Sprintf("{target: {kind: %s}, patch: %q}", d.one(kind, "Deployment", "ConfigMap"),
			`[{"op": "add", "path": "/metadata/annotations", "value": {"by": "`+d.name()+`"}}]`))
	}
	if d.IntN(4) == 0 {
		patches = append(patches, fmt.Sprintf("{target: {kind: Deployment, name: %q}, patch: %q}", d.one(".*", name, "n.*"),
			`{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "any"}, "spec": {"template": {"spec": {"serviceAccountName": "`+d.name()+`"}}}}`))
	}
	if d.IntN(5) == 0 && kind == "ConfigMap" {
		put("patch.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "+d.one(name, name, "p-"+name)+"}\ndata: {patched: \"yes\"}\n")
		patches = append(patches, "{path: patch.yaml}")
	}
	if len(patches) > 0 {
		fmt.Fprintf(&b, "patches: [%s]\n", strings.Join(patches, ", "))
	}
	put("kustomization.yaml", b.String())
}

// object is a random object and its kind and name: of every sort that refers to
// others by name in Kustomize's own rules, and that is referred to.
func (d dice) object() (document, object string) {
	form := objectForms[d.IntN(len(objectForms))]
	name := d.name()
	text := strings.ReplaceAll(form, "NAME", name)
	for strings.Contains(text, "REF") {
		text = strings.Replace(text, "REF", d.name(), 1)
	}
	namespace := d.maybe(30, ", namespace: "+d.one("prod", "test", "default", "a"))
	text = strings.ReplaceAll(text, ", NS", namespace)
	text = strings.ReplaceAll(text, "SUBJECTNS", d.maybe(40, ", namespace: "+d.one("prod", "test", "default")))
	_, kind, _ := strings.Cut(text, "kind: ")
	kind, _, _ = strings.Cut(kind, "\n")
	return text, kind + " " + name
}

var objectForms = []string{
	"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME, NS}\ndata: {k: REF}\n",
	"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME, NS}\ndata:\n  text: |+\n    REF\n\n",
	"apiVersion: v1\nkind: Secret\nmetadata: {name: NAME, NS, annotations: {x: y}}\nstringData: {k: REF}\n",
	"apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: NAME, NS}\nimagePullSecrets: [{name: REF}]\n",
	"apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: NAME, NS}\n",
	"apiVersion: v1\nkind: Service\nmetadata: {name: NAME, NS}\nspec: {selector: {app: REF}}\n",
	"apiVersion: v1\nkind: Namespace\nmetadata: {name: NAME}\n",
	"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: NAME, NS}\nspec: {volumeName: REF, storageClassName: REF}\n",
	"apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: NAME}\nspec: {storageClassName: REF}\n",
	"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: NAME, NS, labels: {app: REF}}\nspec:\n  selector: {matchLabels: {app: REF}}\n  template:\n    spec:\n      serviceAccountName: REF\n      containers: [{name: app, image: 'app:1', envFrom: [{configMapRef: {name: REF}}, {secretRef: {name: REF}}]}]\n      volumes: [{name: v, configMap: {name: REF}}, {name: w, persistentVolumeClaim: {claimName: REF}}]\n",
	"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: NAME, NS}\nspec: {template: {spec: {priorityClassName: REF, containers: [{name: app, image: REF, env: [{name: E, valueFrom: {configMapKeyRef: {name: REF, key: k}}}]}]}}}\n",
	"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: NAME, NS}\nspec: {serviceName: REF, template: {spec: {containers: [{name: app, image: app}]}}}\n",
	"apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: NAME, NS}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: REF}}\n",
	"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: NAME, NS, annotations: {nginx.ingress.kubernetes.io/auth-secret: REF}}\nspec: {ingressClassName: REF, tls: [{secretName: REF}], rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: REF, port: {number: 80}}}}]}}]}\n",
	"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: NAME, NS}\nrules: [{apiGroups: [''], resources: [secrets], resourceNames: [REF, REF], verbs: [get]}]\n",
	"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: NAME}\nrules: []\n",
	"apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: NAME, NS}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: REF}\nsubjects: [{kind: ServiceAccount, name: REF SUBJECTNS}, {kind: User, name: REF}]\n",
	"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: NAME}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: REF}\nsubjects: [{kind: ServiceAccount, name: REF SUBJECTNS}]\n",
	"apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: NAME}\nwebhooks: [{name: w, clientConfig: {service: {name: REF SUBJECTNS}}}]\n",
	"apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: NAME}\nspec: {service: {name: REF SUBJECTNS}}\n",
	"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: NAME}\nspec: {group: x.example, names: {kind: REF}}\n",
	"apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: NAME, NS}\nspec: {ref: {name: REF}, n: 1.50, big: 12345678901}\n",
}
