package drift

import (
	"time"

	"github.com/killick-dev/killick/internal/githost"
)

// ReportSchema names the version of the report document.
const ReportSchema = "killick.dev/report/v1alpha1"

// Report is the one document a run produces; every output is a view of it. It
// round-trips through JSON. Fields may be added, never renamed.
type Report struct {
	Schema  string        `json:"schema"`
	Cluster ReportCluster `json:"cluster"`
	Run     ReportRun     `json:"run"`
	Apps    []ReportApp   `json:"apps"`
	Errors  []ReportError `json:"errors"`
	// Warnings are what a person should know about the run and what stopped nothing.
	Warnings []string `json:"warnings,omitempty"`
}

// ReportCluster names the cluster a run looked at.
type ReportCluster struct {
	Name string `json:"name"`
	UID  string `json:"uid"` // of the kube-system namespace
}

// ReportRun is the run itself.
type ReportRun struct {
	ID       string    `json:"id"`
	Mode     string    `json:"mode"` // run, plan
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	ExitCode int       `json:"exitCode"`
	// ForPeople counts the resources that no further run will settle: alert-only, held back,
	// failed or unknown.
	ForPeople int `json:"forPeople,omitempty"`
	// Detect says that the run was told to change nothing: what is planned would have been
	// done.
	Detect bool `json:"detect,omitempty"`
	// Config is where the config file stands, or was looked for.
	Config *ConfigPlace `json:"config,omitempty"`
	// ConfigRevision is the commit that the config was read from.
	ConfigRevision *ReportRevision `json:"configRevision,omitempty"`
	// Policies are the folders of policies, each with the commit that it was read from.
	Policies []ReportPolicies `json:"policies,omitempty"`
	// Job is the Job that the run belongs to, as NAMESPACE/NAME; empty outside of one.
	Job string `json:"job,omitempty"`
	// Idle says that nothing had moved since the last full run, so that nothing was
	// fetched, rendered or decided; every object was looked at.
	Idle bool `json:"idle,omitempty"`
}

// ReportError is an error of the run, or of one app.
type ReportError struct {
	App     string `json:"app,omitempty"`
	Stage   string `json:"stage"` // config, policy, cluster, source, render, observe, decide, act
	Message string `json:"message"`
	File    string `json:"file,omitempty"` // file or file:line where there is one
	Hint    string `json:"hint,omitempty"`
}

// ReportApp is one app's part.
type ReportApp struct {
	Name     string         `json:"name"`
	Path     string         `json:"path"`
	Renderer Renderer       `json:"renderer,omitempty"`
	Revision ReportRevision `json:"revision"`
	// Complete says that everything of the app was fetched, rendered, read and
	// decided (docs/guards.md, P2 up to the writes).
	Complete bool         `json:"complete"`
	Health   HealthStatus `json:"health"`
	// Unhealthy are the live objects that keep the app from being Current, worst first; at
	// most MostUnhealthy of UnhealthyTotal.
	Unhealthy      []ReportHealth   `json:"unhealthy,omitempty"`
	UnhealthyTotal int              `json:"unhealthyTotal,omitempty"`
	FirstRun       bool             `json:"firstRun,omitempty"`
	Suspended      string           `json:"suspended,omitempty"`
	Counts         ReportCounts     `json:"counts"`
	Resources      []ReportResource `json:"resources"`
	Warnings       []string         `json:"warnings,omitempty"`
	// Withheld are deletions that a guard keeps back until a person accepts them.
	Withheld []ReportWithheld `json:"withheld,omitempty"`
}

// ReportWithheld is one set of deletions that one guard keeps back.
type ReportWithheld struct {
	Guard  Guard  `json:"guard"`
	Reason string `json:"reason"`
	// Hash is what guards.accept in the config must hold to lift this guard for these
	// very objects.
	Hash string `json:"hash"`
	// Later says that the guard speaks once the sets before it are accepted.
	Later   bool             `json:"later,omitempty"`
	Objects []ReportDeletion `json:"objects"`
}

// ReportDeletion is one object of such a set.
type ReportDeletion struct {
	Group     string `json:"group"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
	Replace   bool   `json:"replace,omitempty"` // it is created again
}

// ReportHealth is one object that is not Current.
type ReportHealth struct {
	Group     string       `json:"group"`
	Kind      string       `json:"kind"`
	Namespace string       `json:"namespace"`
	Name      string       `json:"name"`
	Health    HealthStatus `json:"health"`
	Reason    string       `json:"reason,omitempty"`
	// Since is when that began, as a condition of the object tells; Created is when the
	// object was made. Neither: its age is not known.
	Since   *time.Time `json:"since,omitempty"`
	Created *time.Time `json:"created,omitempty"`
}

// ID is the object's identity.
func (h ReportHealth) ID() ID {
	return ID{Group: h.Group, Kind: h.Kind, Namespace: h.Namespace, Name: h.Name}
}

// MostUnhealthy bounds the list of one app's objects that are not Current.
const MostUnhealthy = 20

// ReportRevision is the commit an app was rendered from.
type ReportRevision struct {
	Repository string    `json:"repository,omitempty"`
	Ref        string    `json:"ref"`
	Commit     string    `json:"commit"`
	Author     string    `json:"author"`
	Subject    string    `json:"subject,omitempty"`
	Time       time.Time `json:"time"`
	Worktree   bool      `json:"worktree,omitempty"`
	// URL is the commit's page on the Git host, and Web the repository's; empty where
	// that is not known for sure.
	URL string       `json:"url,omitempty"`
	Web *githost.Web `json:"web,omitempty"`
}

// ReportCounts are exact even where lists are cut. The first six say what was
// found and add up to everything seen; the others say what became of it.
type ReportCounts struct {
	InSync   int `json:"inSync"`
	Missing  int `json:"missing"`
	Modified int `json:"modified"`
	Extra    int `json:"extra"`
	Unknown  int `json:"unknown"`
	Skipped  int `json:"skipped"`

	Synced   int `json:"synced"`
	Healed   int `json:"healed"`
	Replaced int `json:"replaced"` // deleted and created again; not among synced and healed
	Pruned   int `json:"pruned"`
	Alerted  int `json:"alerted"`
	Waiting  int `json:"waiting"` // of the alerted: what waits for an approval
	Ignored  int `json:"ignored"`
	Failed   int `json:"failed"`
}

// ReportResource is one object that is not in sync or was acted on.
type ReportResource struct {
	Group     string `json:"group"`
	Version   string `json:"version"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`

	Drift   string `json:"drift"`   // missing, modified, extra, unknown, in-sync (adopted)
	Cause   string `json:"cause"`   // none, git, live, both
	Action  string `json:"action"`  // sync, heal, prune, alert-only, ignore
	Outcome string `json:"outcome"` // planned, applied, pruned, skipped, failed
	// Replace says that the action deletes the object and creates it again.
	Replace bool `json:"replace,omitempty"`
	// Lost names what goes with it then, such as Pods and a cluster IP.
	Lost   []string `json:"lost,omitempty"`
	Reason string   `json:"reason"`

	Rules     []ReportRule `json:"rules"`
	Overruled []ReportRule `json:"overruled"`
	// NotAsked are the policy areas in whose scope the object does not lie: what they would
	// say, a veto included, is not known.
	NotAsked []string      `json:"notAsked,omitempty"`
	Fields   []ReportField `json:"fields"`
	Ignored  []ReportField `json:"ignoredFields,omitempty"`
	Findings []string      `json:"findings,omitempty"`
	Refused  []string      `json:"refused,omitempty"`

	Origin       Origin       `json:"origin"`
	Health       HealthStatus `json:"health"`
	HealthReason string       `json:"healthReason,omitempty"`
	Severity     string       `json:"severity,omitempty"`
	Routes       []string     `json:"routes,omitempty"`
	FirstSeen    *time.Time   `json:"firstSeen,omitempty"`
	Approval     string       `json:"approval"`
	Waiting      bool         `json:"waiting,omitempty"` // policy grants the action once a person has approved it
	Error        string       `json:"error"`
	Hint         string       `json:"hint,omitempty"` // what to do about the error
	// Explanation is, in what killick explain prints, what became of every policy rule.
	Explanation string `json:"explanation,omitempty"`
}

// ReportRule is one policy rule that spoke.
type ReportRule struct {
	Verb   string `json:"verb"`
	Reason string `json:"reason"`
	Rule   string `json:"rule"` // file:line
	Ref    string `json:"ref,omitempty"`
}

// ReportField is one field difference. Values of Secrets are replaced before
// they get here.
type ReportField struct {
	Path         string     `json:"path"` // JSON pointer
	Op           string     `json:"op"`
	Desired      any        `json:"desired"`
	Live         any        `json:"live"`
	Cause        string     `json:"cause"`
	Manager      string     `json:"manager"`
	ManagerClass string     `json:"managerClass"`
	ManagerTime  *time.Time `json:"managerTime,omitempty"`
	Note         string     `json:"note,omitempty"`
	// Unverified says that an addition may be the API server's own default.
	Unverified bool `json:"unverified,omitempty"`
}

// ID is the resource's identity.
func (r ReportResource) ID() ID {
	return ID{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}
}
