package reconcile

import (
	"slices"

	"github.com/killick-dev/killick/internal/dependency"
	"github.com/killick-dev/killick/internal/drift"
)

// want is what one app asks the cluster about, and what it may believe without
// asking.
func (r Request) want(a app) drift.Want {
	want := drift.Want{App: a.config, PartOf: a.partOf, Objects: a.objects, Inventory: visible(a), Scaled: a.scaled,
		Belief: drift.Belief{Trust: r.Trust, Key: r.Key, Noise: r.Noise, Audit: r.Audit}}
	if !r.believes(a) {
		return want
	}
	want.Rows = make([]drift.Row, len(a.objects))
	for i, object := range a.objects {
		want.Rows[i] = r.row(a, object.ID)
	}
	return want
}

// row is the memo row that may stand for an object, the zero value where none may.
func (r Request) row(a app, id drift.ID) drift.Row {
	row := a.state.Rows[id.String()]
	// Of an object that is to be explained, everything is to be seen.
	if row.DesiredHash != a.hashes[id] || r.Explain != nil && r.Explain(id) {
		return drift.Row{}
	}
	return row
}

// packed are the app's objects, those packed that a memo row probably settles. What
// defines kinds is read again before the cluster is looked at.
func (r Request) packed(a app) ([]drift.Object, error) {
	if r.Trust < drift.TrustMemo || !r.believes(a) {
		return a.objects, nil
	}
	objects := slices.Clone(a.objects)
	for i, object := range objects {
		if !r.row(a, object.ID).Proof || dependency.StageOf(object.ID) == dependency.StageCRDs {
			continue
		}
		var err error
		if objects[i], err = object.Pack(); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

// believes says that an app's memo rows may stand for the API server's answer: this
// installation wrote them, with the rules of this binary.
func (r Request) believes(a app) bool {
	return a.state.Basis == r.basis() && a.state.Trusted(r.Key, a.config.Name)
}

// basis names what a memo row depends on beside the manifest and the object: the
// rules of this binary and of the config's table of noise.
func (r Request) basis() string { return r.Version + " " + r.Noise.Fingerprint() }

// visible is the part of the inventory that a run may look at. Secrets of an app
// that skips them, and what the render leaves out on purpose (Helm hooks), stay in the inventory and outside the plan: they are neither
// read nor candidates for anything (docs/guards.md, P2).
func visible(a app) drift.Inventory {
	inventory := a.inventory
	inventory.Entries = slices.DeleteFunc(slices.Clone(inventory.Entries), func(e drift.Entry) bool { return skipped(a, e.ID) })
	return inventory
}

func skipped(a app, id drift.ID) bool {
	return id.GroupKind() == "Secret" && a.config.Secrets != drift.SecretsManage || slices.Contains(a.rendered.LeftOut, id)
}
