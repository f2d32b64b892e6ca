package drift

// InputVersion names the version of the policy input document.
const InputVersion = "killick.dev/input/v1"

// Input is what policies see of one object. It is complete (every scalar is
// present) and closed; only Desired and Live are free-form. Times are
// nanoseconds since 1970, as OPA's time functions take them; 0 means never.
type Input struct {
	Version        string         `json:"version"`
	Run            InputRun       `json:"run"`
	Revision       InputRevision  `json:"revision"`
	App            InputApp       `json:"app"`
	Resource       InputResource  `json:"resource"`
	Drift          InputDrift     `json:"drift"`
	Changes        []InputChange  `json:"changes"`
	IgnoredChanges []InputChange  `json:"ignored_changes"`
	Ownership      InputOwnership `json:"ownership"`
	Health         InputHealth    `json:"health"`
	History        InputHistory   `json:"history"`
	Controls       InputControls  `json:"controls"`
	Approval       InputApproval  `json:"approval"`
	Incomplete     []string       `json:"incomplete"`
	Desired        map[string]any `json:"desired"`
	Live           map[string]any `json:"live"`
}

// InputRun is the moment of the run, as facts (policies have no clock).
type InputRun struct {
	TimeNS    int64  `json:"time_ns"`
	Weekday   string `json:"weekday"` // "Friday", UTC
	HourUTC   int    `json:"hour_utc"`
	MinuteUTC int    `json:"minute_utc"`
	Cluster   string `json:"cluster"`
}

// InputRevision is the commit.
type InputRevision struct {
	Ref      string `json:"ref"`
	Commit   string `json:"commit"`
	Author   string `json:"author"`
	TimeNS   int64  `json:"time_ns"`
	Signed   bool   `json:"signed"`
	SignedBy string `json:"signed_by"`
}

// InputApp is the app.
type InputApp struct {
	Name     string `json:"name"`
	Path     string `json:"path"`
	Renderer string `json:"renderer"`
}

// InputResource identifies the object; labels and annotations are the desired
// ones, for an extra the live ones.
type InputResource struct {
	Group           string            `json:"group"`
	Version         string            `json:"version"`
	Kind            string            `json:"kind"`
	Namespace       string            `json:"namespace"`
	Name            string            `json:"name"`
	Labels          map[string]string `json:"labels"`
	Annotations     map[string]string `json:"annotations"`
	NamespaceLabels map[string]string `json:"namespace_labels"`
}

// InputDrift is the comparison's result.
type InputDrift struct {
	Type  string `json:"type"`  // missing, modified, extra, in-sync (untracked and equal)
	Cause string `json:"cause"` // git, live, both, none
}

// InputChange is one field difference.
type InputChange struct {
	Path         []string `json:"path"`
	Pointer      string   `json:"pointer"`
	Op           string   `json:"op"`
	Desired      any      `json:"desired"`
	Live         any      `json:"live"`
	Cause        string   `json:"cause"`
	Manager      string   `json:"manager"`
	ManagerClass string   `json:"manager_class"`
	ChangedNS    int64    `json:"changed_ns"`
}

// InputOwnership says whose object it is.
type InputOwnership struct {
	Tracked    bool     `json:"tracked"`
	Foreign    bool     `json:"foreign"`
	Tool       string   `json:"tool"`
	Managers   []string `json:"managers"`
	Controlled bool     `json:"controlled"`
	Autoscaled bool     `json:"autoscaled"`
}

// InputHealth is the live object's health.
type InputHealth struct {
	Status string `json:"status"`
	Reason string `json:"reason"`
}

// InputHistory is what earlier runs saw.
type InputHistory struct {
	FirstSeenNS int64 `json:"first_seen_ns"`
	Healed24h   int   `json:"healed_24h"`
}

// InputControls are the switches on the live object.
type InputControls struct {
	Suspend    InputControl `json:"suspend"`
	BreakGlass InputControl `json:"break_glass"`
}

// InputControl is one switch.
type InputControl struct {
	Active  bool   `json:"active"`
	UntilNS int64  `json:"until_ns"`
	Reason  string `json:"reason"`
}

// InputApproval is the approval for exactly this candidate.
type InputApproval struct {
	ID        string `json:"id"`
	Granted   bool   `json:"granted"`
	By        string `json:"by"`
	Claimed   bool   `json:"claimed"`
	ExpiresNS int64  `json:"expires_ns"`
}
