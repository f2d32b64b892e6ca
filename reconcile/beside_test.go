package reconcile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/policies"
	"github.com/killick-dev/killick/reconcile"
)

// baseline are the rules of the pack that ships in the binary.
func baseline(t *testing.T) string {
	t.Helper()
	text, err := policies.FS.ReadFile("drift/baseline/baseline.rego")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(text), "package drift.baseline", "package drift.test", 1)
}

// causes are a resource's differences with the side that moved.
func causes(resource drift.ReportResource) []string {
	var lines []string
	for _, field := range resource.Fields {
		lines = append(lines, field.Op+" "+field.Path+" "+field.Cause)
	}
	slices.Sort(lines)
	return lines
}

// What Git names for the first time is Git's, whatever a hand added to the object, and
// stays told apart in every rollout after that one: each leaves a record of what Git named.
func TestRolloutsBesideAnAddition(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.rego = baseline(t)
	web := func(labels, env string) map[string]string {
		return map[string]string{"web.yaml": `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, labels: {` + labels + `}},
			spec: {replicas: 1, selector: {matchLabels: {app: x}}, template: {metadata: {labels: {app: x}}, spec: {containers: [
			{name: app, image: "example.com/app:1", env: [` + env + `]}]}}}}`}
	}
	const one, two = "{name: ONE, value: a}", "{name: TWO, value: b}"
	s.commit(web("tier: web", one))
	s.converge()
	s.merge("kubectl-label", "apps/v1 Deployment web", `{metadata: {labels: {team: payments}}}`)
	s.strategic("kubectl-set", "apps/v1 Deployment web", `{spec: {template: {spec: {containers: [{name: app, env: [{name: DEBUG, value: "1"}]}]}}}}`)
	added := []string{"add /metadata/labels/team live", "add " + container + "/env/[name=DEBUG] live"}
	alone := s.run()
	alone.expect("a hand's label and variable", "Deployment web: modified/live alert-only skipped")

	for i, step := range []struct {
		reason string
		files  map[string]string
		before func()
		want   string
		fields []string
	}{
		{"Git adds a label and a variable", web("tier: web, stage: prod", one+", "+two), nil, "Deployment web: modified/both sync applied",
			[]string{"remove /metadata/labels/stage git", "remove " + container + "/env/[name=TWO] git"}},
		{"the next rollout", web("tier: web, stage: prod, owner: ops", one+", "+two), nil, "Deployment web: modified/both sync applied",
			[]string{"remove /metadata/labels/owner git"}},
		{"without the cache there is no record, and nobody wrote there", web("tier: web, stage: prod, owner: ops, zone: a", one+", "+two),
			func() { s.forget(drift.StateName("shop")) }, "Deployment web: modified/both sync applied",
			[]string{"remove /metadata/labels/zone git"}},
		{"a hand removes what a rollout beside the addition brought", nil,
			func() { s.merge("kubectl-label", "apps/v1 Deployment web", `{metadata: {labels: {zone: null}}}`) },
			"Deployment web: modified/live heal applied", []string{"remove /metadata/labels/zone live"}},
	} {
		if step.files != nil {
			s.commit(step.files)
		}
		if step.before != nil {
			step.before()
		}
		r := s.run()
		r.expect(step.reason, step.want)
		want := append(slices.Clone(added), step.fields...)
		slices.Sort(want)
		if diff := cmp.Diff(want, causes(r.of("Deployment web"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.reason, diff)
		}
		first, last := alone.of("Deployment web").FirstSeen, r.of("Deployment web").FirstSeen
		if i < 2 && (first == nil || last == nil || !first.Equal(*last)) { // the cache is lost then
			t.Errorf("%s: first seen %v, and now %v", step.reason, first, last)
		}
	}
	after := s.run()
	after.expect("what a hand added is still there, and told", "Deployment web: modified/live alert-only skipped")
	if diff := cmp.Diff(added, causes(after.of("Deployment web"))); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
}

// One added label keeps nothing else from being put back, and is told all the while.
func TestHealsBesideAnAddition(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit func(*site)
		want []string // beside the label
		git  string   // how many replicas Git wants from now on; "" is the same
		line string
	}{
		{name: "scaled by hand", edit: func(s *site) { s.scale("apps/v1 Deployment web", "3") },
			want: []string{"replace /spec/replicas live"}, line: "Deployment web: modified/live heal applied"},
		{name: "another image", edit: func(s *site) {
			s.strategic("kubectl-set", "apps/v1 Deployment web", `{spec: {template: {spec: {containers: [{name: app, image: "example.com/app:2"}]}}}}`)
		}, want: []string{"replace " + container + "/image live"}, line: "Deployment web: modified/live heal applied"},
		{name: "a label of Git's removed", edit: func(s *site) {
			s.merge("kubectl-label", "apps/v1 Deployment web", `{metadata: {labels: {tier: null}}}`)
		},
			want: []string{"remove /metadata/labels/tier live"}, line: "Deployment web: modified/live heal applied"},
		{name: "scaled by hand, and Git moves", edit: func(s *site) { s.scale("apps/v1 Deployment web", "3") }, git: "2",
			want: []string{"replace /spec/replicas both"}, line: "Deployment web: modified/both sync applied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.rego = baseline(t)
			web := func(replicas string) map[string]string {
				text := existing("apps/v1", "Deployment", "web", strings.Replace(deployment("", ""), "replicas: 1, ", "replicas: "+replicas+", ", 1))
				return map[string]string{"web.yaml": strings.Replace(text, "name: web", "name: web, labels: {tier: web}", 1)}
			}
			s.commit(web("1"))
			s.converge()
			s.merge("kubectl-label", "apps/v1 Deployment web", `{metadata: {labels: {team: payments}}}`)
			const label = "add /metadata/labels/team live"
			s.run().expect("the label alone", "Deployment web: modified/live alert-only skipped")
			c.edit(s)
			if c.git != "" {
				s.commit(web(c.git))
			}
			r := s.run()
			r.expect("both", c.line)
			want := append([]string{label}, c.want...)
			slices.Sort(want)
			if diff := cmp.Diff(want, causes(r.of("Deployment web"))); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			if r.code != reconcile.ExitDrift {
				t.Errorf("exit code %d, while the label stays", r.code)
			}
			after := s.run()
			after.expect("the label stays", "Deployment web: modified/live alert-only skipped")
			if diff := cmp.Diff([]string{label}, causes(after.of("Deployment web"))); diff != "" {
				t.Errorf("what is left (-want +got):\n%s", diff)
			}
		})
	}
}

// What a rollout brought is known to have been there, although something else of the object
// stays as it is: a hand that takes it away is the cluster's change, which sync alone does
// not put back.
func TestRemovedBesideWhatStays(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.rego = "package drift.test\n" + `sync contains "Git says so"` + "\n" + `alert_only_fields contains "/data/mode"` + "\n"
	git := func(data string) map[string]string {
		return map[string]string{"a.yaml": existing("v1", "ConfigMap", "a", "data: {"+data+"}")}
	}
	s.commit(git("mode: a"))
	s.converge()
	s.merge("kubectl-edit", "v1 ConfigMap a", `{data: {mode: b}}`)
	for _, data := range []string{"mode: a, one: u", "mode: a, one: u, two: v"} {
		s.commit(git(data))
		s.run().expect("the rollout of "+data, "ConfigMap a: modified/both sync applied")
	}
	s.merge("kubectl-edit", "v1 ConfigMap a", `{data: {one: null, two: null}}`)
	for _, r := range []result{s.plan(), s.run()} {
		r.expect("both are taken away", "ConfigMap a: modified/both alert-only skipped")
		want := []string{"remove /data/one both", "remove /data/two both", "replace /data/mode both"}
		if diff := cmp.Diff(want, causes(r.of("ConfigMap a"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.Report.Run.Mode, diff)
		}
	}
}
