package drift_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/model"
)

// through is a value as it is read back from the state.
func through[T any](t *testing.T, value T) T {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var back T
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

func TestSealedState(t *testing.T) {
	t.Parallel()
	replicas := int64(3)
	full := drift.AppState{Basis: "v1", Rows: map[string]drift.Row{
		"ConfigMap a/b": {UID: "u", DesiredHash: "h", Digest: "d", Version: "7", Proof: true, Findings: []string{}},
		"Deployment c":  {UID: "v", Replicas: &replicas, Health: drift.HealthInProgress, Findings: []string{"said"}},
	}}
	for name, state := range map[string]drift.AppState{"full": full, "empty": {Rows: map[string]drift.Row{}}, "zero": {}} {
		sealed := through(t, state.Sealed(model.TestKey, "shop"))
		if !sealed.Trusted(model.TestKey, "shop") {
			t.Errorf("%s: a state as it was written is not trusted", name)
		}
		if sealed.Trusted(model.TestKey, "blog") || sealed.Trusted([]byte("another key"), "shop") || state.Trusted(model.TestKey, "shop") {
			t.Errorf("%s: trusted as another app's, under another key, or without a seal", name)
		}
	}
	forged := through(t, full.Sealed(model.TestKey, "shop"))
	row := forged.Rows["ConfigMap a/b"]
	row.Version = "8"
	forged.Rows["ConfigMap a/b"] = row
	if forged.Trusted(model.TestKey, "shop") {
		t.Error("a changed row is trusted")
	}
	forged = through(t, full.Sealed(model.TestKey, "shop"))
	if forged.Basis = "v2"; forged.Trusted(model.TestKey, "shop") {
		t.Error("another basis is trusted")
	}
}

func TestSealedRecord(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 3600)
	record := drift.Record{
		Basis: "b", Tips: map[string]string{"": "c0ffee"}, Repositories: []byte(`{}`), Settled: true,
		Standing: &drift.Standing{Kinds: map[string][]drift.Kind{"": {{Version: "v1", Kind: "ConfigMap"}, {Group: "apps", Version: "v1", Kind: "Deployment"}}}, Objects: "o", State: "s"},
		At:       time.Date(2026, 11, 21, 3, 4, 5, 0, time.UTC),
		Apps: []drift.RecordedApp{{Report: drift.ReportApp{Name: "shop", Resources: []drift.ReportResource{},
			Revision: drift.ReportRevision{Commit: "c0ffee", Time: time.Date(2026, 11, 20, 1, 2, 3, 0, zone)}}}},
	}
	sealed := through(t, record.Sealed(model.TestKey))
	if !sealed.Trusted(model.TestKey) || record.Trusted(model.TestKey) || sealed.Trusted([]byte("another key")) {
		t.Error("trusted is a record as it was written, and no other")
	}
	sealed.Repositories = []byte(`{"x": {"url": "https://elsewhere.example.com", "tokenFile": "/etc/killick/git/token"}}`)
	if sealed.Trusted(model.TestKey) {
		t.Error("a record that sends the token elsewhere is trusted")
	}
}
