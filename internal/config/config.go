package config

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"time"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/githost"
)

// The only version and kind of the file.
const (
	APIVersion = "killick.dev/v1alpha1"
	Kind       = "Config"
)

// MaxSize bounds the file, in bytes. It comes from Git and is parsed before
// anything in it is trusted.
const MaxSize = 1 << 20

// Config is one validated configuration file. The rules that a single value can
// break stand in the field tags, from where the JSON Schema takes them too; the
// rules between values are in validate.go.
type Config struct {
	// APIVersion is the version of this format.
	APIVersion string `json:"apiVersion" rule:"required,enum=killick.dev/v1alpha1"`
	// Kind is always Config.
	Kind string `json:"kind" rule:"required,enum=Config"`
	// Cluster names the cluster that this file is for.
	Cluster Cluster `json:"cluster" rule:"required"`
	// Web is where people read the repository that holds this file. Messages link to
	// commits, files and lines there.
	Web *Web `json:"web,omitempty"`
	// Repositories are the further Git repositories that apps and policies may
	// come from, by name. The repository that holds this file needs no entry.
	Repositories map[string]Repository `json:"repositories,omitempty" rule:"keys=label"`
	// Policies are the Rego policies that decide, per resource, what may be done.
	// Without any, everything is alert-only.
	Policies []Policy `json:"policies,omitempty"`
	// Apps are the folders that are kept true, each an independent unit.
	Apps []App `json:"apps" rule:"required,minItems=1"`
	// Guards are the limits that no policy can relax.
	Guards Guards `json:"guards,omitzero"`
	// Drift says what is noise in this cluster: programs that do their job, and
	// what they leave behind.
	Drift Drift `json:"drift,omitzero"`
	// Notify says who is told.
	Notify Notify `json:"notify,omitzero"`
}

// Cluster names a cluster.
type Cluster struct {
	// Name stands in reports and messages, and as input.run.cluster in policies.
	Name string `json:"name" rule:"required,format=clusterName"`
	// UID is the UID of the cluster's kube-system namespace. When given, a run
	// refuses to work on any other cluster.
	UID string `json:"uid,omitempty" rule:"format=uid"`
}

// Repository is a Git repository with its credentials, which are always named,
// never written out.
type Repository struct {
	// URL is an https or ssh URL without credentials.
	URL string `json:"url" rule:"required,format=gitURL"`
	// Ref is a branch, a tag or a full commit.
	Ref string `json:"ref" rule:"required,format=ref"`
	// TokenFile is a file that holds an access token (https).
	TokenFile string `json:"tokenFile,omitempty" rule:"format=credentialFile"`
	// TokenEnv is an environment variable that holds an access token (https).
	TokenEnv string `json:"tokenEnv,omitempty" rule:"format=envName"`
	// UsernameFile is a file that holds a user name (https); needs passwordFile.
	UsernameFile string `json:"usernameFile,omitempty" rule:"format=credentialFile"`
	// PasswordFile is a file that holds a password (https); needs usernameFile.
	PasswordFile string `json:"passwordFile,omitempty" rule:"format=credentialFile"`
	// SSHKeyFile is a file that holds a private key (ssh); needs knownHostsFile.
	SSHKeyFile string `json:"sshKeyFile,omitempty" rule:"format=credentialFile"`
	// KnownHostsFile is a file that holds the server's host keys (ssh).
	KnownHostsFile string `json:"knownHostsFile,omitempty" rule:"format=credentialFile"`
	// CAFile is a file that holds PEM certificates to trust beside the system's
	// (https).
	CAFile string `json:"caFile,omitempty" rule:"format=credentialFile"`
	// Web is where people read this repository.
	Web *Web `json:"web,omitempty"`
}

// Web is where people read a repository in a browser. Of github.com, gitlab.com,
// bitbucket.org, codeberg.org, gitea.com and dev.azure.com it is known without.
type Web struct {
	// URL is the repository's page.
	URL string `json:"url" rule:"required,format=webURL"`
	// Host is the software that shows it, which decides how addresses are built; needed
	// where the URL is not one of a public service.
	Host githost.WebHost `json:"host,omitempty" rule:"enum=github|gitlab|bitbucket|bitbucket-server|gitea|forgejo|azure-devops"`
}

// Policy is one source of policies: a folder in a repository, or a pack that
// ships in the binary.
type Policy struct {
	// Path is a folder of Rego files, from the repository's root.
	Path string `json:"path,omitempty" rule:"format=repoPath"`
	// Repository names an entry of repositories; without it the path is in the
	// repository that holds this file.
	Repository string `json:"repository,omitempty" rule:"format=label"`
	// Builtin is the name of a pack that ships in the binary.
	Builtin string `json:"builtin,omitempty" rule:"format=label"`
	// Areas says what each policy area (the package drift.AREA) speaks for. Where
	// any entry has areas, every area must be listed; packs need no entry.
	// Without areas, every area speaks for everything.
	Areas map[string]Area `json:"areas,omitempty" rule:"keys=area,minItems=1"`
	// Data are parameters by area, seen by policies as data.params.AREA.
	Data map[string]any `json:"data,omitempty" rule:"keys=area"`
}

// Area is the scope of one policy area. Exactly one of its fields is given.
type Area struct {
	// All lets the area speak for every resource, cluster-scoped ones included.
	All bool `json:"all,omitempty"`
	// Namespaces are the namespaces that the area speaks for; * matches any
	// number of characters.
	Namespaces []string `json:"namespaces,omitempty" rule:"format=namespacePattern,minItems=1,unique"`
}

// App is one folder of one repository and how it is rendered.
type App struct {
	// Name identifies the app in reports, in dependsOn and in its state in the
	// cluster. A renamed app is a new app.
	Name string `json:"name" rule:"required,format=label"`
	// Repository names an entry of repositories; without it the path is in the
	// repository that holds this file.
	Repository string `json:"repository,omitempty" rule:"format=label"`
	// Path is the app's folder from the repository's root. With a
	// kustomization.yaml in it, it is built by Kustomize; with a Chart.yaml, by
	// Helm; otherwise every YAML file below it is read.
	Path string `json:"path" rule:"required,format=repoPath"`
	// Namespace is for namespaced objects that name none.
	Namespace string `json:"namespace,omitempty" rule:"format=label"`
	// Secrets says whether the app's Secrets are read and written at all.
	Secrets drift.SecretsMode `json:"secrets,omitempty" rule:"enum=skip|manage,default=skip"`
	// ServiceAccount is impersonated for everything the app reads and writes:
	// NAME in Killick's own namespace, or NAMESPACE/NAME.
	ServiceAccount string `json:"serviceAccount,omitempty" rule:"format=serviceAccount"`
	// Suspend switches writes to the app off until a moment.
	Suspend *Suspend `json:"suspend,omitempty"`
	// DependsOn are apps that must be healthy before this one is written.
	DependsOn []string `json:"dependsOn,omitempty" rule:"format=label,unique"`
	// HealthTimeout is how long a run waits for what it applied to become healthy, such as
	// 30s or 5m; 0s waits for nothing.
	HealthTimeout string `json:"healthTimeout,omitempty" rule:"format=duration,default=90s"`
	// Helm are inputs for a Helm chart.
	Helm *Helm `json:"helm,omitempty"`
}

// Suspend switches writes off for a while.
type Suspend struct {
	// Until is the moment at which writes start again (RFC 3339).
	Until time.Time `json:"until" rule:"required"`
	// Reason is shown wherever the app is.
	Reason string `json:"reason" rule:"required,format=text"`
}

// Helm are the inputs of a Helm render besides the chart.
type Helm struct {
	// ReleaseName is .Release.Name; without it, the app's name.
	ReleaseName string `json:"releaseName,omitempty" rule:"format=releaseName"`
	// ValueFiles are merged in order, later ones win: relative to the chart's
	// folder, or from the repository's root with a leading slash.
	ValueFiles []string `json:"valueFiles,omitempty" rule:"format=valueFile,unique"`
	// Values are merged last, as a values file would be.
	Values map[string]any `json:"values,omitempty"`
	// IncludeCRDs renders the chart's crds folder too.
	IncludeCRDs bool `json:"includeCRDs,omitempty" rule:"default=false"`
	// SkipSchemaValidation does not check the values against the values.schema.json of
	// the chart and its dependencies.
	SkipSchemaValidation bool `json:"skipSchemaValidation,omitempty" rule:"default=false"`
}

// Guards are the limits that no policy can relax.
type Guards struct {
	// Prune bounds deletions.
	Prune Prune `json:"prune,omitzero"`
	// Unprotect names kinds, or single objects, that may be pruned although they
	// are protected by default: Kind, Kind.group, Kind/name or Kind.group/name.
	Unprotect []string `json:"unprotect,omitempty" rule:"format=unprotect,unique"`
	// Accept holds hashes of deletions that a guard withholds, as plan and the report
	// print them: each lifts that one guard for those very objects.
	Accept []string `json:"accept,omitempty" rule:"format=acceptHash,unique"`
}

// Prune bounds deletions, replacements included: at most clamp(percent of the
// inventory, floor, ceiling) objects of an app within 24 hours, and in one run at most
// runCeiling objects of all apps.
// A field left out has its default; 0 means 0.
type Prune struct {
	// Percent of an app's inventory that may be deleted within 24 hours.
	Percent *int `json:"percent,omitempty" rule:"min=0,max=100,default=20"`
	// Floor is how many objects of an app may be deleted however small it is.
	Floor *int `json:"floor,omitempty" rule:"min=0,default=3"`
	// Ceiling is how many objects of an app may be deleted however large it is.
	Ceiling *int `json:"ceiling,omitempty" rule:"min=0,default=20"`
	// RunCeiling is how many objects one run may delete in all apps together.
	RunCeiling *int `json:"runCeiling,omitempty" rule:"min=0,default=50"`
}

// Drift extends the built-in table of what is noise. It only concerns what was
// added beside Git: a value that Git names is compared whoever changed it.
type Drift struct {
	// Managers gives field managers a class, before the built-in rules: by exact
	// name, by prefix (NAME*) or by suffix (*NAME). An exact name goes before a
	// pattern, and a longer pattern before a shorter one. What managers of class
	// interactive, pipeline and unknown add is drift; what a controller or another
	// deployer adds is not.
	Managers map[string]drift.Class `json:"managers,omitempty" rule:"keys=fieldManager,enum=interactive|pipeline|deployer|controller|unknown"`
	// Quiet are JSON pointers to additions that are never drift, whoever makes
	// them: * matches one element, and everything below is included.
	Quiet []string `json:"quiet,omitempty" rule:"format=pointer,unique"`
}

// Notify says who is told. As JSON it holds no credential, so that a run can
// keep the last valid one in the cluster.
type Notify struct {
	// Slack sends messages to Slack.
	Slack *Slack `json:"slack,omitempty"`
}

// Slack says how messages get to Slack: as a bot with a token (tokenFile or
// tokenEnv, with routes), or through one incoming webhook (webhookFile or
// webhookEnv, which posts to the channel it was made for). Exactly one of the
// four is given.
type Slack struct {
	// TokenFile is a file that holds a bot token.
	TokenFile string `json:"tokenFile,omitempty" rule:"format=credentialFile"`
	// TokenEnv is an environment variable that holds a bot token.
	TokenEnv string `json:"tokenEnv,omitempty" rule:"format=envName"`
	// WebhookFile is a file that holds the URL of an incoming webhook.
	WebhookFile string `json:"webhookFile,omitempty" rule:"format=credentialFile"`
	// WebhookEnv is an environment variable that holds the URL of an incoming
	// webhook.
	WebhookEnv string `json:"webhookEnv,omitempty" rule:"format=envName"`
	// Routes are the channels that policies may name; default takes everything
	// else. Needed with a token, not allowed with a webhook.
	Routes map[string]Route `json:"routes,omitempty" rule:"keys=route"`
	// Syncs says whether successful rollouts that policy allowed are told: not at
	// all, together, or each.
	Syncs Syncs `json:"syncs,omitempty" rule:"enum=off|digest|each,default=off"`
}

// DefaultRoute is the route of everything that no policy routes elsewhere.
const DefaultRoute = "default"

// Route is where messages of one route go.
type Route struct {
	// Channel is a channel's ID, such as C0123456789. (A name can be given to
	// another channel; an ID cannot.)
	Channel string `json:"channel" rule:"required,format=channel"`
}

// Syncs says how successful, allowed rollouts are told.
type Syncs string

// The choices for Slack.Syncs; off is the default.
const (
	SyncsOff    Syncs = "off"
	SyncsDigest Syncs = "digest"
	SyncsEach   Syncs = "each"
)

// Load reads and validates the file at name in a checkout. The error is a
// Problems with one entry for everything that is wrong.
func Load(fsys fs.FS, name string) (Config, error) {
	clean := path.Clean(name)
	if !fs.ValidPath(clean) {
		return Config{}, problem(name, fmt.Errorf("reading the config: %q is not a path inside the repository", name),
			"give the path from the repository's root, such as clusters/prod/killick.yaml")
	}
	data, err := read(fsys, clean)
	if err != nil {
		return Config{}, problem(clean, fmt.Errorf("reading the config: %w", err),
			"--config is the path of the file from the repository's root, at the ref that is read")
	}
	if drift.IsLFSPointer(data) {
		return Config{}, problem(clean, fmt.Errorf("reading the config: %s", drift.LFSWords), drift.LFSHint)
	}
	return Parse(clean, data)
}

// clusterNamed finds cluster.name in a file that may be no YAML at all.
var clusterNamed = regexp.MustCompile(`(?m)^cluster:[ \t]*(?:\{[^}\n]*?\bname:|(?:#.*)?\r?\n(?:[ \t]+.*\n|[ \t]*#.*\n|\r?\n)*?[ \t]+name:)[ \t]*["']?([A-Za-z0-9][A-Za-z0-9._:/@-]{0,252})`)

// ClusterName is what a config that Load refused seems to call its cluster; empty when
// that cannot be read either. It is for telling people where something went wrong, and
// nothing is decided by it.
func ClusterName(fsys fs.FS, name string) string {
	clean := path.Clean(name)
	if !fs.ValidPath(clean) {
		return ""
	}
	data, err := read(fsys, clean)
	if err != nil {
		return ""
	}
	if match := clusterNamed.FindSubmatch(data); match != nil {
		return string(match[1])
	}
	return ""
}

// read refuses a file above MaxSize without holding it in memory.
func read(fsys fs.FS, name string) ([]byte, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	data, err := io.ReadAll(io.LimitReader(file, MaxSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxSize {
		return nil, fmt.Errorf("larger than %d bytes", MaxSize)
	}
	return data, nil
}

// Parse validates a file's content. The name stands in errors only. The error is
// a Problems with one entry for everything that is wrong; the Config is then the
// zero value.
func Parse(name string, data []byte) (Config, error) {
	d := newDecoder(name)
	config, ok := d.document(data)
	if ok {
		validate(d, &config)
	}
	if err := d.err(); err != nil {
		return Config{}, err
	}
	return config, nil
}
