package drift

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// acme is a table with rules of one's own.
var acme = Noise{
	Managers: []ClassRule{
		{"acme-deployer", ClassDeployer},
		{"acme-*", ClassPipeline},
		{"*-sync", ClassController},
		{"kubectl-patch", ClassController},
		{"kill*", ClassInteractive},
	},
	Quiet: []Path{{"metadata", "annotations", "acme.io/stamp"}, {"metadata", "labels", "*"}},
}

func TestNoiseClasses(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Class{
		"acme-deployer": ClassDeployer, "acme-bot": ClassPipeline, "image-sync": ClassController,
		"kubectl-patch": ClassController, "killer": ClassInteractive, "helm": ClassDeployer,
		"killick": ClassSelf, "killick-applyset": ClassSelf, "": ClassNone,
		"kubectl-edit": ClassInteractive, "fixit": ClassUnknown,
	} {
		if got := acme.ClassOf(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// Everything that asks for a class sees the same table.
func TestNoiseEverywhere(t *testing.T) {
	t.Parallel()
	judged := func(noise Noise) (Change, *server) {
		s := synced(t, configMapYAML)
		s.set("acme-deployer", "data extra", "x")
		s.set("helm", "data chart", "y")
		s.set("kubectl-annotate", "metadata annotations acme.io/stamp", "z")
		c := s.comparison(configMapYAML)
		c.Noise = noise
		return Compare(c), s
	}
	standardly, s := judged(standard)
	if got := Additions(standardly); len(got) != 2 {
		t.Fatalf("without the table both are told: %v", got)
	}
	if change, _ := judged(acme); change.Type != InSync {
		t.Errorf("with one's own table nothing is drift: %v", change.Fields)
	}
	digest := func(noise Noise) string {
		got, err := noise.HashLive(testKey, s.live)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if digest(standard) == digest(acme) {
		t.Error("the digest covers a deployer's fields")
	}
	controller := Noise{Managers: []ClassRule{{"acme-deployer", ClassController}}}
	for _, c := range []struct {
		noise Noise
		moved bool
	}{{standard, true}, {controller, false}} {
		fields, err := c.noise.TakeOver(s.live, added("data extra"), "v1", false, testStart)
		if err != nil {
			t.Fatal(err)
		}
		if (fields != nil) != c.moved {
			t.Errorf("fields are taken from acme-deployer: %t, want %t", fields != nil, c.moved)
		}
	}
	adopted, err := acme.TakeOver(s.live, nil, "v1", true, testStart)
	if err != nil {
		t.Fatal(err)
	}
	after := CloneMap(s.live)
	metadata(after)["managedFields"] = adopted
	if slices.Contains(managers(after), "acme-deployer Update") {
		t.Errorf("adoption takes from a deployer of one's own too: %v", managers(after))
	}
	still := added("data extra")
	still[0].Live = "x"
	if left := acme.Remaining(still, desired(t, configMapYAML).Manifest, s.live, nil); len(left) != 1 {
		t.Error("a deployer's claim still counts after a write")
	}
	if left := controller.Remaining(still, desired(t, configMapYAML).Manifest, s.live, nil); len(left) != 0 {
		t.Error("a controller's does not")
	}
}

func added(path string) []FieldChange {
	return []FieldChange{{Path: at(path), Op: OpAdd, Addition: true}}
}

// What Git names is never quiet: a table cannot hide a change of Git's own values.
func TestQuietNeverHidesGit(t *testing.T) {
	t.Parallel()
	s := synced(t, configMapYAML)
	s.set("kubectl-edit", "data mode", "staging")
	s.set("kubectl-edit", "data more", "x")
	c := s.comparison(configMapYAML)
	c.Noise = Noise{Quiet: []Path{{"data"}}}
	if diff := cmp.Diff([]string{`replace data.mode: "staging" → "production", live kubectl-edit`}, told(Compare(c).Fields)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	if acme.Fingerprint() != (Noise{Managers: slices.Clone(acme.Managers), Quiet: []Path{acme.Quiet[1], acme.Quiet[0], acme.Quiet[0]}}).Fingerprint() {
		t.Error("equal tables, another fingerprint")
	}
	if (Noise{Managers: []ClassRule{}, Quiet: []Path{}}).Fingerprint() != standard.Fingerprint() {
		t.Error("an empty extension is no extension")
	}
	turned := slices.Clone(acme.Managers)
	slices.Reverse(turned)
	seen := map[string]string{}
	for name, noise := range map[string]Noise{
		"standard": standard, "acme": acme, "another order": {Managers: turned, Quiet: acme.Quiet},
		"managers only": {Managers: acme.Managers}, "quiet only": {Quiet: acme.Quiet},
		"another class":   {Managers: []ClassRule{{"acme-deployer", ClassController}}},
		"another pattern": {Managers: []ClassRule{{"acme-deployer*", ClassController}}},
		"a class less":    {Managers: []ClassRule{{"acme-deployer", ClassPipeline}}},
	} {
		got := noise.Fingerprint()
		if twin, ok := seen[got]; ok || got == "" {
			t.Errorf("%s and %s have the fingerprint %q", name, twin, got)
		}
		seen[got] = name
	}
}

// The tables themselves: whole, without doubles, and no class that a rule cannot
// give.
func TestBuiltinNoise(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, rule := range BuiltinQuiet() {
		if rule.Why == "" || len(rule.Path) == 0 || seen[rule.Path.Pointer()] {
			t.Errorf("%q: %q", rule.Path.Pointer(), rule.Why)
		}
		seen[rule.Path.Pointer()] = true
	}
	for i, rule := range BuiltinManagers() {
		if rule.Class == ClassNone || rule.Class == ClassSelf || rule.Class == ClassUnknown || seen[rule.Pattern] {
			t.Errorf("%+v", rule)
		}
		seen[rule.Pattern] = true
		for _, earlier := range BuiltinManagers()[:i] {
			if matchName(earlier.Pattern, rule.Pattern) && earlier.Class == rule.Class {
				t.Errorf("%q is in %q already", rule.Pattern, earlier.Pattern)
			}
		}
	}
}
