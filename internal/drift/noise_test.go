package drift_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
	"github.com/killick-dev/killick/internal/write"
)

// acme is a table with rules of one's own.
var acme = drift.Noise{
	Managers: []drift.ClassRule{
		{Pattern: "acme-deployer", Class: drift.ClassDeployer},
		{Pattern: "acme-*", Class: drift.ClassPipeline},
		{Pattern: "*-sync", Class: drift.ClassController},
		{Pattern: "kubectl-patch", Class: drift.ClassController},
		{Pattern: "kill*", Class: drift.ClassInteractive},
	},
	Quiet: []nested.Path{{"metadata", "annotations", "acme.io/stamp"}, {"metadata", "labels", "*"}},
}

func TestNoiseClasses(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]drift.Class{
		"acme-deployer": drift.ClassDeployer, "acme-bot": drift.ClassPipeline, "image-sync": drift.ClassController,
		"kubectl-patch": drift.ClassController, "killer": drift.ClassInteractive, "helm": drift.ClassDeployer,
		"killick": drift.ClassSelf, "killick-applyset": drift.ClassSelf, "": drift.ClassNone,
		"kubectl-edit": drift.ClassInteractive, "fixit": drift.ClassUnknown,
	} {
		if got := acme.ClassOf(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// Everything that asks for a class sees the same table.
func TestNoiseEverywhere(t *testing.T) {
	t.Parallel()
	judged := func(noise drift.Noise) (drift.Change, *model.Server) {
		s := model.Synced(t, model.ConfigMapYAML)
		s.Set("acme-deployer", "data extra", "x")
		s.Set("helm", "data chart", "y")
		s.Set("kubectl-annotate", "metadata annotations acme.io/stamp", "z")
		c := s.Comparison(model.ConfigMapYAML)
		c.Noise = noise
		return diff.Compare(c), s
	}
	standardly, s := judged(model.Standard)
	if got := diff.Additions(standardly); len(got) != 2 {
		t.Fatalf("without the table both are told: %v", got)
	}
	if change, _ := judged(acme); change.Type != drift.InSync {
		t.Errorf("with one's own table nothing is drift: %v", change.Fields)
	}
	digest := func(noise drift.Noise) string {
		got, err := diff.HashLive(noise, model.TestKey, s.Live)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if digest(model.Standard) == digest(acme) {
		t.Error("the digest covers a deployer's fields")
	}
	controller := drift.Noise{Managers: []drift.ClassRule{{Pattern: "acme-deployer", Class: drift.ClassController}}}
	for _, c := range []struct {
		noise drift.Noise
		moved bool
	}{{model.Standard, true}, {controller, false}} {
		fields, err := write.TakeOver(c.noise, s.Live, model.Added("data extra"), "v1", false, model.TestStart)
		if err != nil {
			t.Fatal(err)
		}
		if (fields != nil) != c.moved {
			t.Errorf("fields are taken from acme-deployer: %t, want %t", fields != nil, c.moved)
		}
	}
	adopted, err := write.TakeOver(acme, s.Live, nil, "v1", true, model.TestStart)
	if err != nil {
		t.Fatal(err)
	}
	after := nested.CloneMap(s.Live)
	nested.Metadata(after)["managedFields"] = adopted
	if slices.Contains(model.Managers(after), "acme-deployer Update") {
		t.Errorf("adoption takes from a deployer of one's own too: %v", model.Managers(after))
	}
	still := model.Added("data extra")
	still[0].Live = "x"
	if left := write.Remaining(acme, still, model.Desired(t, model.ConfigMapYAML).Manifest, s.Live, nil); len(left) != 1 {
		t.Error("a deployer's claim still counts after a write")
	}
	if left := write.Remaining(controller, still, model.Desired(t, model.ConfigMapYAML).Manifest, s.Live, nil); len(left) != 0 {
		t.Error("a controller's does not")
	}
}

// What Git names is never quiet: a table cannot hide a change of Git's own values.
func TestQuietNeverHidesGit(t *testing.T) {
	t.Parallel()
	s := model.Synced(t, model.ConfigMapYAML)
	s.Set("kubectl-edit", "data mode", "staging")
	s.Set("kubectl-edit", "data more", "x")
	c := s.Comparison(model.ConfigMapYAML)
	c.Noise = drift.Noise{Quiet: []nested.Path{{"data"}}}
	if diff := cmp.Diff([]string{`replace data.mode: "staging" → "production", live kubectl-edit`}, model.Told(diff.Compare(c).Fields)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	if acme.Fingerprint() != (drift.Noise{Managers: slices.Clone(acme.Managers), Quiet: []nested.Path{acme.Quiet[1], acme.Quiet[0], acme.Quiet[0]}}).Fingerprint() {
		t.Error("equal tables, another fingerprint")
	}
	if (drift.Noise{Managers: []drift.ClassRule{}, Quiet: []nested.Path{}}).Fingerprint() != model.Standard.Fingerprint() {
		t.Error("an empty extension is no extension")
	}
	turned := slices.Clone(acme.Managers)
	slices.Reverse(turned)
	seen := map[string]string{}
	for name, noise := range map[string]drift.Noise{
		"standard": model.Standard, "acme": acme, "another order": {Managers: turned, Quiet: acme.Quiet},
		"managers only": {Managers: acme.Managers}, "quiet only": {Quiet: acme.Quiet},
		"another class":   {Managers: []drift.ClassRule{{Pattern: "acme-deployer", Class: drift.ClassController}}},
		"another pattern": {Managers: []drift.ClassRule{{Pattern: "acme-deployer*", Class: drift.ClassController}}},
		"a class less":    {Managers: []drift.ClassRule{{Pattern: "acme-deployer", Class: drift.ClassPipeline}}},
	} {
		got := noise.Fingerprint()
		if twin, ok := seen[got]; ok || got == "" {
			t.Errorf("%s and %s have the fingerprint %q", name, twin, got)
		}
		seen[got] = name
	}
}
