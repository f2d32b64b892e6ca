package drift

import (
	"time"
)

// Record is what a complete run leaves so that the next can tell whether anything
// moved, and can look after the cluster while Git does not answer.
type Record struct {
	// Basis names everything beside Git and the objects that a run depends on: the
	// binary, the flags that say what is read, what the cluster serves.
	Basis string `json:"basis"`
	// Tips are the commits that were read, by the repository's name in the config.
	Tips map[string]string `json:"tips"`
	// Repositories is that part of the config, as JSON without secrets.
	Repositories []byte        `json:"repositories,omitempty"`
	Apps         []RecordedApp `json:"apps"`
	// Warnings are the run's own.
	Warnings []string `json:"warnings,omitempty"`
	// Noise is the config's table likewise.
	Noise Noise `json:"noise,omitzero"`
	// Settled says that nothing was left to decide: every object in sync and on
	// record, nothing suspended, nothing untold. Only then may a run do nothing.
	Settled bool `json:"settled"`
	// Standing is how such a run left the objects; nil where that does not tell all.
	Standing *Standing `json:"standing,omitempty"`
	At       time.Time `json:"at"`             // when the run began
	Seal     string    `json:"seal,omitempty"` // of all the others
}

// Sealed is the record with its seal.
func (r Record) Sealed(key []byte) Record {
	r.Seal = r.seal(key)
	return r
}

// Trusted says that a run of this installation wrote the record: it says where Git
// is asked, with which credentials.
func (r Record) Trusted(key []byte) bool {
	return r.Seal != "" && r.Seal == r.seal(key)
}

func (r Record) seal(key []byte) string {
	r.Seal = ""
	seal, err := Seal(key, "record", r)
	if err != nil {
		return "" // stands for nothing
	}
	return seal
}

// RecordedApp is one app as the last complete run reported it, without resources.
type RecordedApp struct {
	Report         ReportApp `json:"report"`
	ServiceAccount string    `json:"serviceAccount,omitempty"`
	// Secrets says whether the app's Secrets may be read.
	Secrets SecretsMode `json:"secrets,omitempty"`
}

// App is what reading the app's objects needs.
func (r RecordedApp) App() App {
	return App{Name: r.Report.Name, Path: r.Report.Path, ServiceAccount: r.ServiceAccount, Secrets: r.Secrets}
}

// Fresh says that a run at this moment may still rely on the record.
func (r Record) Fresh(now time.Time) bool {
	return !now.Before(r.At) && now.Sub(r.At) < FullEvery
}
