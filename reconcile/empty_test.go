package reconcile_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/killick-dev/killick/internal/drift"
)

// TestGitEmpties: an apply makes null of what loses its last member, which this CRD does
// not allow, and leaves an empty list that it cannot own. Killick puts both right in the
// run that brings the change.
func TestGitEmpties(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	things := map[string]struct{ before, after, live string }{
		"emptied":     {`{words: [a], parts: [{name: a}]}`, `{}`, "map[]"},
		"list":        {`{words: [], parts: [{name: a}]}`, `{parts: [{name: a}]}`, "map[parts:[map[name:a]]]"},
		"lists":       {`{words: [], parts: []}`, `{}`, "map[]"},
		"list-beside": {`{words: [a], parts: []}`, `{}`, "map[]"},
		"list-kept":   {`{words: [a], parts: []}`, `{parts: []}`, "map[parts:[]]"},
		"in-a-port":   {`{ports: [{port: 80, hosts: []}]}`, `{ports: [{port: 80}]}`, "map[ports:[map[port:80 protocol:TCP]]]"},
		"in-an-item":  {`{parts: [{name: a, wires: []}, {name: b, wires: []}]}`, `{parts: [{name: a}, {name: b, wires: []}]}`, "map[parts:[map[name:a] map[name:b wires:[]]]]"},
	}
	write := func(body func(name string) string) {
		files := map[string]string{"crd.yaml": thingCRD}
		for name := range things {
			files[name+".yaml"] = existing("$NS.example.com/v1", "Thing", name, "spec: "+body(name))
		}
		s.commit(files)
	}
	write(func(name string) string { return things[name].before })
	s.converge()

	write(func(name string) string { return things[name].after })
	s.run().expect("Git drops it", "Thing emptied: modified/git sync applied", "Thing in-a-port: modified/git sync applied", "Thing in-an-item: modified/git sync applied",
		"Thing list: modified/git sync applied", "Thing list-beside: modified/git sync applied",
		"Thing list-kept: modified/git sync applied", "Thing lists: modified/git sync applied")
	for name, thing := range things {
		if got := fmt.Sprint(s.value("$NS.example.com/v1 Thing "+name, "spec")); got != thing.live {
			t.Errorf("%s: %s, and should be %s", name, got, thing.live)
		}
	}
	for _, s.trust = range []drift.Trust{drift.TrustMemo, drift.TrustNothing} {
		s.run().silent("nothing is left to do")
	}
}

// commitThing is a commit of one Thing with its CRD.
func (s *site) commitThing(spec string) {
	s.Helper()
	s.commit(map[string]string{"crd.yaml": thingCRD, "thing.yaml": existing("$NS.example.com/v1", "Thing", "thing", "spec: "+spec)})
}

// TestGitEmptiesInVain: what the API server refuses for another reason than the null it
// would make is refused when the map is empty already. Nothing of it is left done, and
// whose the fields are is not forgotten.
func TestGitEmptiesInVain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const ref = "$NS.example.com/v1 Thing thing"
	s.commitThing(`{note: good, options: {a: x, b: z}, words: []}`)
	s.converge()
	before := s.live(ref)
	s.commitThing(`{note: bad, options: {}, words: []}`) // that a rule refuses bad is only checked where nothing is null
	s.run().expect("a rule refuses the note", "Thing thing: modified/git sync failed")
	after := s.live(ref)
	for _, path := range []string{"spec", "metadata managedFields"} {
		if diff := cmp.Diff(valueIn(before, path), valueIn(after, path)); diff != "" {
			t.Errorf("%s after a write that was refused (-before +after):\n%s", path, diff)
		}
	}
	s.commitThing(`{note: fine, options: {}, words: []}`)
	s.run().expect("and a note that is allowed", "Thing thing: modified/git sync applied")
	s.run().silent("nothing is left to do")
}

// TestIgnoredEmptyList: what policy ignores is not forgotten.
func TestIgnoredEmptyList(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commitThing(`{note: a, words: []}`)
	s.converge()
	s.rego = grants + `ignore_fields contains "/spec/words" if input.resource.kind == "Thing"` + "\n"
	s.commitThing(`{note: a}`)
	s.run().silent("only what is ignored differs")
	s.commitThing(`{note: b}`)
	s.run().expect("something else differs too", "Thing thing: modified/git sync applied")
	s.run().silent("only what is ignored differs")
	s.rego = grants
	s.run().expect("it is not ignored any more", "Thing thing: modified/git sync applied")
	if got := fmt.Sprint(s.value("$NS.example.com/v1 Thing thing", "spec")); got != "map[note:b]" {
		t.Errorf("there is %s", got)
	}
	s.run().silent("nothing is left to do")
}
