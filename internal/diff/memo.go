package diff

import (
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/ownership"
)

// Predict says by what the state of a live object is known without a question:
// ByMemo, ByProof, or NotPredicted when the server is to be asked. row is the
// object's memo row, the zero value where none fits.
func Predict(b drift.Belief, object drift.Object, row drift.Row, live map[string]any, autoscaled bool) drift.Prediction {
	switch {
	case live == nil || b.Audit.Due(nested.UIDOf(live)):
		return drift.NotPredicted
	case b.Trust >= drift.TrustMemo && (autoscaled || !row.Autoscaled || b.Alone && row.Planned) && matchesRow(b, row, live):
		return drift.ByMemo
	case b.Trust >= drift.TrustProof && !b.Alone && Proved(object.Unpack(), live):
		return drift.ByProof
	}
	return drift.NotPredicted
}

// matchesRow says that an object is as its row confirmed it, as far as matters
// (T2): the same object, not being deleted, with the same digest.
func matchesRow(b drift.Belief, row drift.Row, live map[string]any) bool {
	if !row.Proof || row.UID == "" || row.UID != nested.UIDOf(live) || nested.Metadata(live)["deletionTimestamp"] != nil {
		return false
	}
	if row.Version != "" && row.Version == nested.ResourceVersionOf(live) {
		return true
	}
	digest, err := HashLive(b.Noise, b.Key, live)
	return err == nil && digest == row.Digest
}

// RowOf is what a row keeps of a manifest and of the live object that is as it says; the
// manifest's hash and what it proves are the run's to say. An error says that the live
// object's managedFields cannot be read.
func RowOf(n drift.Noise, key []byte, manifest, live map[string]any) (drift.Row, error) {
	entries, err := ownership.Read(n, live)
	if err != nil {
		return drift.Row{}, err
	}
	digest, err := digestOf(key, entries, live)
	shape := ownership.Structure(entries)
	return drift.Row{UID: nested.UIDOf(live), Digest: digest, Replicas: nested.Replicas(live),
		Named: NamedFields(manifest, live, shape), EmptyLists: emptyListsOf(manifest, live, entries, shape)}, err
}
