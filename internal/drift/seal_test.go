package drift

import (
	"encoding/json"
	"testing"
	"time"
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
	full := AppState{Basis: "v1", Rows: map[string]Row{
		"ConfigMap a/b": {UID: "u", DesiredHash: "h", Digest: "d", Version: "7", Proof: true, Findings: []string{}},
		"Deployment c":  {UID: "v", Replicas: &replicas, Health: HealthInProgress, Findings: []string{"said"}},
	}}
	for name, state := range map[string]AppState{"full": full, "empty": {Rows: map[string]Row{}}, "zero": {}} {
		sealed := through(t, state.Sealed(testKey, "shop"))
		if !sealed.Trusted(testKey, "shop") {
			t.Errorf("%s: a state as it was written is not trusted", name)
		}
		if sealed.Trusted(testKey, "blog") || sealed.Trusted([]byte("another key"), "shop") || state.Trusted(testKey, "shop") {
			t.Errorf("%s: trusted as another app's, under another key, or without a seal", name)
		}
	}
	forged := through(t, full.Sealed(testKey, "shop"))
	row := forged.Rows["ConfigMap a/b"]
	row.Version = "8"
	forged.Rows["ConfigMap a/b"] = row
	if forged.Trusted(testKey, "shop") {
		t.Error("a changed row is trusted")
	}
	forged = through(t, full.Sealed(testKey, "shop"))
	if forged.Basis = "v2"; forged.Trusted(testKey, "shop") {
		t.Error("another basis is trusted")
	}
}

func TestSealedRecord(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 3600)
	record := Record{
		Basis: "b", Tips: map[string]string{"": "c0ffee"}, Repositories: []byte(`{}`), Settled: true,
		Standing: &Standing{Kinds: map[string][]Kind{"": {{Version: "v1", Kind: "ConfigMap"}, {Group: "apps", Version: "v1", Kind: "Deployment"}}}, Objects: "o", State: "s"},
		At:       time.Date(2026, 11, 21, 3, 4, 5, 0, time.UTC),
		Apps: []RecordedApp{{Report: ReportApp{Name: "shop", Resources: []ReportResource{},
			Revision: ReportRevision{Commit: "c0ffee", Time: time.Date(2026, 11, 20, 1, 2, 3, 0, zone)}}}},
	}
	sealed := through(t, record.Sealed(testKey))
	if !sealed.Trusted(testKey) || record.Trusted(testKey) || sealed.Trusted([]byte("another key")) {
		t.Error("trusted is a record as it was written, and no other")
	}
	sealed.Repositories = []byte(`{"x": {"url": "https://elsewhere.example.com", "tokenFile": "/etc/killick/git/token"}}`)
	if sealed.Trusted(testKey) {
		t.Error("a record that sends the token elsewhere is trusted")
	}
}
