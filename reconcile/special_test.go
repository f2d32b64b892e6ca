package reconcile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// said is what a report says of one resource in words: its reason, its findings,
// and the notes of its fields.
func said(resource drift.ReportResource) []string {
	lines := []string{resource.Reason}
	lines = append(lines, resource.Findings...)
	for _, field := range resource.Fields {
		if field.Note != "" {
			lines = append(lines, field.Path+": "+field.Note)
		}
	}
	return lines
}

// says demands the whole wording about one resource.
func (r result) says(name string, want ...string) {
	r.Helper()
	if diff := cmp.Diff(want, said(r.of(name))); diff != "" {
		r.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

const recordGone = "nothing on the object records who wrote what (managedFields were reset, or could not be converted between API versions):" +
	" what was added to it cannot be told from defaults, until Killick writes it again"

const noOwner = "removed fields have no owner"

// TestBothMoved: without both grants nothing is written, and the reason says
// which two they are.
func TestBothMoved(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", `data: {a: "1", b: "1"}`)})
	s.converge()
	s.rego = "package drift.test\n\nsync contains \"Git says so\" if input.drift.type != \"extra\"\n"
	s.merge("kubectl-edit", settingsRef, `{data: {b: "9"}}`)
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", `data: {a: "2", b: "1"}`)})
	r := s.run()
	r.expect("both moved", "ConfigMap settings: modified/both alert-only skipped")
	r.says("ConfigMap settings", "Git and the cluster both moved; sync and heal are not both granted")
}

// TestStrippedLabel: the object stays ours by the inventory, and the label comes
// back.
func TestStrippedLabel(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", `data: {a: "1"}`)})
	s.converge()
	s.merge("kubectl-label", settingsRef, "{metadata: {labels: {applyset.kubernetes.io/part-of: null}}}")
	r := s.run()
	r.expect("a label is stripped", "ConfigMap settings: modified/live heal applied")
	r.says("ConfigMap settings", "put it back", "the part-of label was stripped from the live object", "/metadata/labels: "+noOwner)
	s.quiet("it is back")
}

// TestRecreated: an object that somebody deleted and made again is another one.
func TestRecreated(t *testing.T) {
	t.Parallel()
	const again = "was deleted and created again by somebody: it is not the object that Killick applied"
	s := newSite(t)
	s.commit(map[string]string{
		"plain.yaml":    existing("v1", "ConfigMap", "plain", `data: {a: "1"}`),
		"labelled.yaml": existing("v1", "ConfigMap", "labelled", `data: {a: "1"}`),
		"equal.yaml":    existing("v1", "ConfigMap", "equal", `data: {a: "1"}`),
	})
	s.converge()
	label := "labels: {" + drift.LabelPartOf + ": " + drift.ApplySetID("shop", s.state) + "}"
	for name, body := range map[string]string{
		"plain": `}, data: {a: "2"}}`, "labelled": `, ` + label + `}, data: {a: "2"}}`, "equal": `, ` + label + `}, data: {a: "1"}}`,
	} {
		s.remove("v1 ConfigMap " + name)
		s.create("kubectl-create", "{apiVersion: v1, kind: ConfigMap, metadata: {name: "+name+body)
	}
	r := s.run()
	r.expect("made again", "ConfigMap labelled: modified/live heal applied", "ConfigMap plain: modified/git alert-only skipped")
	r.says("ConfigMap labelled", "put it back", again)
	r.says("ConfigMap plain", "was deleted and created again by somebody; no policy grants adopt", again)
	r.warned("equal, and not ours to prune", "ConfigMap "+s.ns+"/equal: "+again)
	s.rego += adoption
	s.run().expect("with the grant", "ConfigMap plain: modified/git sync applied")
	s.forget(drift.StateName("shop"))
	r = s.run()
	r.expect("and then")
	r.warned("the inventory knows, not the cache", "ConfigMap "+s.ns+"/equal: "+again)
}

// TestOwnershipLost: edited and edited back, the values are Git's and the fields
// somebody else's.
func TestOwnershipLost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", `data: {a: "1", b: "1"}`)})
	s.converge()
	for _, v := range []string{"2", "1"} {
		s.merge("kubectl-edit", settingsRef, `{data: {a: "`+v+`"}}`)
		s.merge("k9s", settingsRef, `{data: {b: "`+v+`"}}`)
	}
	const lost = `another manager took ownership of fields with equal values: "k9s", "kubectl-edit"`
	for _, s.trust = range []drift.Trust{drift.TrustNothing, drift.TrustMemo, drift.TrustMemo} {
		r := s.run()
		r.expect("nothing differs")
		r.warned("whose they are", "ConfigMap "+s.ns+"/settings: "+lost)
	}
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", `data: {b: "1"}`)})
	r := s.run()
	r.expect("Git drops what is not ours any more", "ConfigMap settings: modified/live heal applied")
	if diff := cmp.Diff([]string{"add /data/a by kubectl-edit"}, fields(r.of("ConfigMap settings"))); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	s.quiet("the heal took both back")
}

// TestTerminating: an object on its way out is neither in sync nor written.
func TestTerminating(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", `data: {a: "1"}`)})
	s.converge()
	s.merge("example-operator", settingsRef, "{metadata: {finalizers: [example.com/hold]}}")
	s.run().silent("a finalizer is nobody's drift")
	resource, id := s.resource(settingsRef)
	if err := resource.Delete(s.Context(), id.Name, deleteNow); err != nil {
		t.Fatal(err)
	}
	r := s.run()
	r.expect("deleted, and held", "ConfigMap settings: modified/live alert-only skipped")
	when := s.value(settingsRef, "metadata deletionTimestamp").(string)
	r.says("ConfigMap settings", "is being deleted", "is being deleted since "+when)
	s.merge("example-operator", settingsRef, "{metadata: {finalizers: null}}")
	s.absent(settingsRef)
	r = s.run()
	r.expect("gone", "ConfigMap settings: missing/live heal applied")
	r.says("ConfigMap settings", "put it back", "was applied before and is gone: somebody deleted it; a deletion leaves no field manager")
}

// gauges is a CRD with two served versions; the older lacks a field of the newer.
const gauges = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gauges.$NS.example.com}
spec:
  group: $NS.example.com
  scope: Namespaced
  names: {kind: Gauge, plural: gauges}
  versions:
    - {name: v1beta1, served: true, storage: false, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {
        size: {type: integer}, old: {type: string}, parts: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name],
        items: {type: object, required: [name], properties: {name: {type: string}, weight: {type: integer}}}}}}}}}}
    - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {
        size: {type: integer}, old: {type: string}, new: {type: string}, parts: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name],
        items: {type: object, required: [name], properties: {name: {type: string}, weight: {type: integer}}}}}}}}}}
`

// TestConversion: Git moves to another version of the same object. Nothing is
// drift because of that; what hands do through either version is found, told
// under its manager, and put back.
func TestConversion(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hpa := func(version, metrics string) string {
		return existing("autoscaling/"+version, "HorizontalPodAutoscaler", "hpa",
			"spec: {minReplicas: 1, maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: nobody}, "+metrics+"}")
	}
	gauge := func(version string) string {
		return existing("$NS.example.com/"+version, "Gauge", "gauge", "spec: {size: 3, parts: [{name: a, weight: 1}]}")
	}
	s.budget = 0
	s.commit(map[string]string{"crd.yaml": gauges, "gauge.yaml": gauge("v1beta1"), "hpa.yaml": hpa("v1", "targetCPUUtilizationPercentage: 80")})
	s.converge()
	s.commit(map[string]string{"gauge.yaml": gauge("v1"),
		"hpa.yaml": hpa("v2", "metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]")})
	s.quiet("Git moved to another version of what is there")
	gaugeRef, oldRef := "$NS.example.com/v1 Gauge gauge", "$NS.example.com/v1beta1 Gauge gauge"
	hpaRef, oldHPA := "autoscaling/v2 HorizontalPodAutoscaler hpa", "autoscaling/v1 HorizontalPodAutoscaler hpa"
	for _, hand := range []struct {
		why                string
		edit               func()
		gaugeWant, hpaWant []string
	}{
		{"through the version of Git", func() {
			s.merge("kubectl-edit", gaugeRef, `{spec: {size: 5, parts: [{name: a, weight: 1}, {name: b}]}}`)
			s.merge("kubectl-edit", hpaRef, `{spec: {minReplicas: 2, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 90}}}]}}`)
		}, []string{"add /spec/parts/[name=b] by kubectl-edit", "replace /spec/size by kubectl-edit"},
			[]string{"replace /spec/metrics by kubectl-edit", "replace /spec/minReplicas by kubectl-edit"}},
		{"through the other version", func() {
			s.merge("kubectl-edit", oldRef, `{spec: {size: 5, old: x, parts: [{name: a, weight: 1}, {name: b}]}}`)
			s.merge("kubectl-edit", oldHPA, `{spec: {minReplicas: 2, targetCPUUtilizationPercentage: 90}}`)
		}, []string{"add /spec/old by kubectl-edit", "add /spec/parts/[name=b] by kubectl-edit", "replace /spec/size by kubectl-edit"},
			[]string{"replace /spec/metrics", "replace /spec/minReplicas by kubectl-edit"}},
	} {
		hand.edit()
		r := s.run()
		r.expect(hand.why, "HorizontalPodAutoscaler hpa: modified/live heal applied", "Gauge gauge: modified/live heal applied")
		if diff := cmp.Diff(hand.gaugeWant, fields(r.of("Gauge gauge"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", hand.why, diff)
		}
		if diff := cmp.Diff(hand.hpaWant, fields(r.of("HorizontalPodAutoscaler hpa"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", hand.why, diff)
		}
		s.quiet(hand.why + ", healed")
	}
	s.merge("kubectl-edit", oldHPA, `{spec: {targetCPUUtilizationPercentage: 70}}`)
	r := s.run()
	r.says("HorizontalPodAutoscaler hpa", "put it back", `/spec/metrics: nobody owns it at autoscaling/v2; "kubectl-edit" wrote at autoscaling/v1`)
	// The API server cannot convert what is new in v1 for the entry that was
	// written at v1beta1, and drops the whole record.
	s.merge("kubectl-edit", oldRef, `{spec: {old: word}}`)
	s.merge("kubectl-edit", gaugeRef, `{spec: {size: 7, new: x}}`)
	r = s.run()
	r.says("Gauge gauge", "put it back", recordGone)
	if diff := cmp.Diff([]string{"replace /spec/size"}, fields(r.of("Gauge gauge"))); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// TestVersionRemoved: Git names a version that the cluster does not serve any
// more; and an entry that was written under one is dropped with it.
func TestVersionRemoved(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	gauge := func(version, spec string) string {
		return existing("$NS.example.com/"+version, "Gauge", "gauge", "spec: {"+spec+"}")
	}
	s.commit(map[string]string{"crd.yaml": gauges, "gauge.yaml": gauge("v1beta1", "size: 3")})
	s.converge()
	s.commit(map[string]string{"crd.yaml": strings.Replace(gauges, "{name: v1beta1, served: true", "{name: v1beta1, served: false", 1)})
	s.run().expect("the CRD stops serving it", "CustomResourceDefinition gauges.$NS.example.com: modified/git sync applied")
	gone := "finding " + s.ns + ".example.com/v1beta1 Gauge: the cluster does not serve this kind; served versions: v1"
	r := s.run()
	r.expect("Git still names it", "Gauge gauge: unknown/none alert-only skipped", "error: shop observe: "+gone)
	r.says("Gauge gauge", "could not be compared: the cluster does not serve this kind")
	s.commit(map[string]string{"gauge.yaml": gauge("v1", "size: 3")})
	s.quiet("Git moved on")
	s.merge("kubectl-label", "$NS.example.com/v1 Gauge gauge", "{metadata: {labels: {x: z}}}")
	r = s.run()
	r.expect("a label, on what was applied at the old version", "Gauge gauge: modified/live heal applied")
	if diff := cmp.Diff([]string{"add /metadata/labels/x by kubectl-label"}, fields(r.of("Gauge gauge"))); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	s.quiet("put back")
}

// TestManagedFieldsReset: nobody's name is on the object any more. It is still
// ours by the inventory and its label; what is lost is said.
func TestManagedFieldsReset(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", `data: {a: "1", b: "1"}`)})
	s.converge()
	s.merge("kubectl-edit", settingsRef, "{metadata: {managedFields: [{}]}}")
	r := s.run()
	r.expect("nothing differs")
	r.warned("the record is gone", "ConfigMap "+s.ns+"/settings: "+recordGone)
	s.merge("kubectl-edit", settingsRef, `{data: {a: "2", c: "3"}}`)
	r = s.run()
	r.says("ConfigMap settings", "put it back", recordGone)
	if diff := cmp.Diff([]string{"replace /data/a"}, fields(r.of("ConfigMap settings"))); diff != "" {
		t.Errorf("what Git names is found; what was added cannot be told from a default (-want +got):\n%s", diff)
	}
	s.quiet("the heal wrote the record anew")
}

// TestEmptiedByGit: an apply that takes the last member of a map makes null of it,
// also where Git names it as empty; the defaults that the server keeps there are
// back in the same run, and not drift of the next.
func TestEmptiedByGit(t *testing.T) {
	t.Parallel()
	set := func(strategy string) map[string]string {
		return map[string]string{"set.yaml": existing("apps/v1", "StatefulSet", "db", `spec: {serviceName: db, replicas: 0, selector: {matchLabels: {app: db}},
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: "example.com/db:1"}]}},
  updateStrategy: {type: RollingUpdate, rollingUpdate: `+strategy+`}}`)}
	}
	s := newSite(t)
	s.commit(set("{partition: 0}"))
	s.converge()
	s.commit(set("{}"))
	s.run().expect("Git names no partition any more", "StatefulSet db: modified/git sync applied")
	s.quiet("the default stands where Git's value stood")
}

// twelveOperators has twelve clients update settings until the API server has merged the
// oldest records. Where the clock's second changes between its two merges it loses that
// record altogether, and there is nothing to tell: then the object is made anew.
func (s *site) twelveOperators() {
	s.Helper()
	for range 20 {
		for i := range 12 {
			s.merge(fmt.Sprintf("a%02d-operator", i), settingsRef, fmt.Sprintf(`{data: {k%02d: "1"}}`, i))
		}
		if strings.Contains(fmt.Sprint(s.value(settingsRef, "metadata managedFields")), "ancient-changes") {
			return
		}
		s.remove(settingsRef)
		s.run()
	}
	s.Fatal("the API server merges no records")
}

// TestMergedRecords: of an object that more than ten clients updated the API server
// keeps ten records, and merges the older ones. What stands in that one may be a
// controller's, so that it is neither told nor taken away.
func TestMergedRecords(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(map[string]string{"settings.yaml": existing("v1", "ConfigMap", "settings", `data: {a: "1"}`)})
	s.converge()
	s.twelveOperators()
	const merged = "more than ten clients updated it, and the API server merged its records of the first ones (ancient-changes):" +
		" what they added cannot be told from a controller's work"
	s.trust = drift.TrustNothing
	r := s.run()
	r.expect("controllers added to it")
	r.warned("whose the first ones are is not known", "ConfigMap "+s.ns+"/settings: "+merged)
	s.merge("kubectl-edit", settingsRef, `{data: {a: "2", mine: "1"}}`)
	r = s.run()
	r.says("ConfigMap settings", "put it back", merged)
	if diff := cmp.Diff([]string{"add /data/mine by kubectl-edit", "replace /data/a by kubectl-edit"}, fields(r.of("ConfigMap settings"))); diff != "" {
		t.Errorf("a hand's are found beside it (-want +got):\n%s", diff)
	}
	if got := s.value(settingsRef, "data"); len(got.(map[string]any)) != 13 {
		t.Errorf("of a and the operators' twelve there is %v", got)
	}
}
