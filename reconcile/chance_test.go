package reconcile_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/reconcile"
)

// drawn is a chart as databases have them: a key and a password that each render draws
// anew, and a Deployment that carries a checksum of them.
var drawn = map[string]string{
	"shop/Chart.yaml":  "{apiVersion: v2, name: shop, version: 1.0.0}",
	"shop/values.yaml": "image: registry.example.com/web:1\nuser: app\nflags: {a: 1, b: 2, c: 3}\n",
	"shop/templates/secret.yaml": `apiVersion: v1
kind: Secret
metadata: {name: db}
stringData:
  user: {{ .Values.user }}
  password: {{ randAlphaNum 20 | quote }}
  key: {{ genPrivateKey "ed25519" | quote }}
`,
	"shop/templates/web.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {deployed: {{ now | quote }}}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: {checksum/secret: {{ include (print .Template.BasePath "/secret.yaml") . | sha256sum }}, fixed: "1"}
    spec:
      containers:
      - name: web
        image: {{ .Values.image }}
        args: [{{ range keys .Values.flags }}"--{{ . }}",{{ end }}]
        env:
        - {name: USER, value: {{ .Values.user }}}
        - {name: SEED, value: {{ randAlpha 12 }}}
`,
}

// decided is what is said of fields that chance decides.
const decided = "the clock, a random function or the order of a map decides fields: they are set when the object is created, and left alone from then on"

const (
	webRef = "apps/v1 Deployment web"
	dbRef  = "v1 Secret db"
	webPod = "spec template "
)

// drawnAt are the fields of which each render has other values.
func (s *site) drawnAt() map[string]any {
	s.Helper()
	found := map[string]any{}
	for path, ref := range map[string]string{
		"data password": dbRef, "data key": dbRef, "metadata annotations deployed": webRef,
		webPod + "metadata annotations checksum/secret": webRef, webPod + "spec containers [name=web] args": webRef,
		webPod + "spec containers [name=web] env [name=SEED] value": webRef,
	} {
		found[path] = s.value(ref, path)
		if found[path] == nil || found[path] == "" {
			s.Errorf("%s of %s was not set", path, ref)
		}
	}
	return found
}

// still demands that nothing is told or written, whatever stands in for the API server's
// answer, and that the warnings alone name the fields.
func (s *site) still(reason string) {
	s.Helper()
	defer func(trust drift.Trust) { s.trust = trust }(s.trust)
	before := s.states()
	for _, s.trust = range []drift.Trust{drift.TrustNothing, drift.TrustProof, drift.TrustMemo} {
		r := s.run()
		r.expect(reason + " (trust " + s.trust.String() + ")")
		if r.code != reconcile.ExitOK {
			s.Errorf("%s: exit code %d\n%s", reason, r.code, r.details())
		}
		if said := strings.Join(r.Report.Apps[0].Warnings, "\n"); !strings.Contains(said, "Secret "+s.ns+"/db: "+decided+": data.key, data.password") || strings.Count(said, decided) != 2 {
			s.Errorf("%s: what is left to chance is not said: %q", reason, said)
		}
	}
	if diff := cmp.Diff(before["shop"], s.states()["shop"]); diff != "" {
		s.Logf("the state moved: %s", diff)
	}
}

// TestChance: what each render draws anew is set when the object is created, and never
// again; all the rest of the object follows Git, image bumps included.
func TestChance(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("shop", manageSecrets)
	s.commit(drawn)
	r := s.run()
	r.expect("the first run creates both", "Secret db: missing/git sync applied", "Deployment web: missing/git sync applied")
	first := s.drawnAt()
	s.still("every render differs, and nothing moved")

	s.commit(map[string]string{"values.yaml": strings.Replace(drawn["shop/values.yaml"], "web:1", "web:2", 1)})
	r = s.run()
	r.expect("Git has another image", "Deployment web: modified/git sync applied")
	fields := []string{}
	for _, field := range r.of("Deployment web").Fields {
		fields = append(fields, field.Path)
	}
	if diff := cmp.Diff([]string{"/spec/template/spec/containers/[name=web]/image"}, fields); diff != "" {
		t.Errorf("only the image is told (-want +got):\n%s", diff)
	}
	if got := s.value(webRef, webPod+"spec containers [name=web] image"); got != "registry.example.com/web:2" {
		t.Errorf("the image is %v", got)
	}
	if diff := cmp.Diff(first, s.drawnAt()); diff != "" {
		t.Errorf("what was drawn when the objects were created changed (-want +got):\n%s", diff)
	}
	s.still("the image is rolled out")

	s.commit(map[string]string{"values.yaml": strings.Replace(strings.Replace(drawn["shop/values.yaml"], "web:1", "web:2", 1), "user: app", "user: next", 1)})
	s.run().expect("Git has another user", "Secret db: modified/git sync applied", "Deployment web: modified/git sync applied")
	if diff := cmp.Diff(first, s.drawnAt()); diff != "" {
		t.Errorf("the password changed with the user (-want +got):\n%s", diff)
	}
	if got := s.value(dbRef, "data user"); got != "bmV4dA==" {
		t.Errorf("the user is %v", got)
	}
	s.still("the user is another one")
}

// TestChanceAndHands: what a hand does to such a field stays; what it does beside is
// drift; what it deletes is drawn anew.
func TestChanceAndHands(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("shop", manageSecrets)
	s.commit(drawn)
	s.run()
	first := s.drawnAt()

	s.merge("kubectl-edit", webRef, `{spec: {template: {metadata: {annotations: {checksum/secret: mine}}}}}`)
	s.still("a hand set the checksum")
	s.strategic("kubectl-set", webRef, `{spec: {template: {spec: {containers: [{name: web, image: "registry.example.com/web:9"}]}}}}`)
	s.run().expect("a hand moved the image", "Deployment web: modified/live heal applied")
	want := maps.Clone(first)
	want[webPod+"metadata annotations checksum/secret"] = "mine"
	if diff := cmp.Diff(want, s.drawnAt()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	s.still("the image is back")

	s.merge("kubectl-edit", webRef, `{spec: {template: {metadata: {annotations: {checksum/secret: null}}}}}`)
	s.commit(map[string]string{"values.yaml": strings.Replace(drawn["shop/values.yaml"], "web:1", "web:2", 1)})
	r := s.run()
	r.expect("a hand took the checksum away", "Deployment web: modified/git sync applied")
	if got := s.value(webRef, webPod+"metadata annotations"); got.(map[string]any)["checksum/secret"] != nil {
		t.Errorf("the checksum was set again: %v", got)
	}
	if said := strings.Join(r.of("Deployment web").Findings, "\n"); !strings.Contains(said, `the live object lacks spec.template.metadata.annotations["checksum/secret"]`) {
		t.Errorf("findings %q", said)
	}

	s.remove(dbRef)
	s.run().expect("a hand deleted the Secret", "Secret db: missing/live heal applied")
	if got := s.value(dbRef, "data password"); got == first["data password"] || got == nil {
		t.Errorf("the new Secret has the password %v", got)
	}
}

// TestChanceAdopts: an installation of Helm's keeps what Helm drew.
func TestChanceAdopts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("shop", manageSecrets)
	s.rego = grants + adoption
	s.create("helm", existing("v1", "Secret", "db", "type: Opaque, data: {user: YXBw, password: b25l, key: dHdv}"))
	s.commit(map[string]string{"shop/Chart.yaml": drawn["shop/Chart.yaml"], "shop/values.yaml": drawn["shop/values.yaml"], "shop/templates/secret.yaml": drawn["shop/templates/secret.yaml"]})
	r := s.run()
	if got := r.of("Secret db"); got.Action != "sync" || got.Outcome != "applied" {
		t.Errorf("%s\n%s", got.Outcome, r.details())
	}
	if diff := cmp.Diff(map[string]any{"user": "YXBw", "password": "b25l", "key": "dHdv"}, s.value(dbRef, "data")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	s.run().expect("it is ours")
	s.commit(map[string]string{"values.yaml": strings.Replace(drawn["shop/values.yaml"], "user: app", "user: next", 1)})
	s.run().expect("Git has another user", "Secret db: modified/git sync applied")
	if diff := cmp.Diff(map[string]any{"user": "bmV4dA==", "password": "b25l", "key": "dHdv"}, s.value(dbRef, "data")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
