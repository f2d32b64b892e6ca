package drift

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/killick-dev/killick/internal/githost"
	"github.com/killick-dev/killick/internal/nested"
)

// Object is one desired object: what Git says, rendered and normalised. The
// manifest is a JSON tree of map[string]any, []any, string, bool, int64,
// float64 and nil, as apimachinery's unstructured objects hold it, and is never
// changed in place.
type Object struct {
	ID       ID
	Version  string // API version within the group, such as "v1"
	Manifest map[string]any
	Origin   Origin
	// Nondeterministic are the fields that differ from one render to the next, because
	// the clock, a random function or the order of a map decides them: set when the object
	// is created, and left alone from then on (see Standing). A list element is named by
	// fields that tell it from the others, whatever the API's own keys of the list are.
	Nondeterministic []nested.Path
	// Packed is the manifest as JSON where Manifest is nil: see Pack. Both are nil
	// once nobody will look at the object again.
	Packed []byte
}

// Pack is the object with its manifest as JSON, which takes a fifth of the memory
// of the tree. Most objects of a run are never looked at: their memo row holds.
func (o Object) Pack() (Object, error) {
	data, err := json.Marshal(o.Manifest)
	if err != nil {
		return o, fmt.Errorf("packing %s: %w", o.ID.Short(), err)
	}
	o.Manifest, o.Packed = nil, data
	return o, nil
}

// Unpack is the object with its manifest as a tree again.
func (o Object) Unpack() Object {
	if o.Packed == nil {
		return o
	}
	var manifest map[string]any
	if err := utiljson.Unmarshal(o.Packed, &manifest); err != nil {
		panic(fmt.Sprintf("unpacking %s, which this process packed: %v", o.ID, err))
	}
	o.Manifest, o.Packed = manifest, nil
	return o
}

// Kind is the object's group, version and kind.
func (o Object) Kind() Kind { return Kind{Group: o.ID.Group, Version: o.Version, Kind: o.ID.Kind} }

// Origin tells where a desired object comes from, for reports and errors.
type Origin struct {
	Repository string `json:"repository,omitempty"` // name in the config; empty is the config's own repository
	File       string `json:"file,omitempty"`       // path inside the repository
	Line       int    `json:"line,omitempty"`       // 1-based; 0 when a renderer cannot tell
	Chart      string `json:"chart,omitempty"`      // Helm chart name and version
	Template   string `json:"template,omitempty"`   // template inside the chart
}

// Revision is the commit a run read.
type Revision struct {
	Repository string // URL or path without credentials
	Ref        string
	Commit     string // 40 hex digits; empty for a worktree without commits
	Author     string // name, without address
	Subject    string // first line of the commit message
	Time       time.Time
	Worktree   bool // files as they are on disk, not as committed
}

// Checkout is one commit as a read-only file system. Symbolic links inside FS
// are already resolved, or were refused.
type Checkout struct {
	FS       fs.FS
	Revision Revision
}

// Renderer names how an app's folder becomes objects.
type Renderer string

// The renderers, chosen by what stands in an app's folder.
const (
	RendererKustomize Renderer = "kustomize"
	RendererHelm      Renderer = "helm"
	RendererYAML      Renderer = "yaml"
)

// SecretsMode says whether an app's Secrets are managed at all.
type SecretsMode string

// SecretsSkip is the default: Secrets are neither read nor written.
const (
	SecretsSkip   SecretsMode = "skip"
	SecretsManage SecretsMode = "manage"
)

// App is one unit of desired state: a folder of a repository.
type App struct {
	Name           string // a DNS label
	Repository     string // name of a repository in the config; empty is the config's own
	Path           string // folder inside the repository
	Namespace      string // for namespaced objects that name none
	Secrets        SecretsMode
	ServiceAccount string // impersonated when set: "name" in the state namespace, or "namespace/name"
	Suspend        Suspension
	DependsOn      []string
	HealthTimeout  time.Duration // how long a run waits for what it applied to become Current
	Helm           HelmOptions
	Web            githost.Web // where its repository can be read
}

// Suspension switches writes off for a while.
type Suspension struct {
	Until  time.Time // zero: not suspended
	Reason string
}

// Active says whether the suspension covers now.
func (s Suspension) Active(now time.Time) bool { return now.Before(s.Until) }

// HelmOptions are the inputs of a Helm render besides the chart.
type HelmOptions struct {
	ReleaseName string
	ValueFiles  []string // relative to the chart, or absolute ("/…") from the repository root
	Values      map[string]any
	IncludeCRDs bool
	// SkipSchemaValidation renders whatever the values.schema.json files say.
	SkipSchemaValidation bool
}

// Guards are the limits that policy cannot relax.
type Guards struct {
	Prune     PruneBudget
	Unprotect []string // kinds ("Namespace", "Certificate.cert-manager.io") or kind/name
	Accept    []string // hashes of withheld sets (Withheld.Hash)
}

// PruneBudget bounds deletions, replacements included: per app clamp(Percent of the
// inventory, Floor, Ceiling) within 24 hours, per run RunCeiling.
type PruneBudget struct {
	Percent    int
	Floor      int
	Ceiling    int
	RunCeiling int
}

// Capabilities is what the cluster serves. Rendering needs it as plain values.
type Capabilities struct {
	KubeVersion string            // "v1.36.3"
	APIVersions []string          // "v1", "apps/v1", and "apps/v1/Deployment", as Helm's .Capabilities.APIVersions
	Kinds       map[Kind]KindInfo // every served kind
	// Degraded lists group-versions whose discovery failed: their kinds are
	// unknown, never absent.
	Degraded map[string]string // "metrics.k8s.io/v1beta1" → reason
}

// Fingerprint names what the cluster serves: equal for equal capabilities, without
// the reasons why something is degraded.
func (c Capabilities) Fingerprint() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %q\n", c.KubeVersion, c.APIVersions, slices.Sorted(maps.Keys(c.Degraded)))
	kinds := slices.SortedFunc(maps.Keys(c.Kinds), func(a, b Kind) int { return strings.Compare(a.String(), b.String()) })
	for _, kind := range kinds {
		fmt.Fprintf(sum, "%q %+v\n", kind, c.Kinds[kind])
	}
	return base64.RawStdEncoding.EncodeToString(sum.Sum(nil))
}

// KindInfo is what discovery says about one served kind.
type KindInfo struct {
	Resource   string   // plural
	Names      []string // the singular and short names, as kubectl takes them
	Namespaced bool
	Scalable   bool // has a scale subresource
	Verbs      []string
}

// Rendered is the outcome of rendering one app.
type Rendered struct {
	Renderer Renderer
	Objects  []Object // sorted by ID, unique
	Warnings []Warning
	Skipped  int // objects left out on purpose: what LeftOut names, and what has no name
	// LeftOut names objects left out on purpose (Helm hooks and tests, Secrets with
	// secrets: skip, a chart's crds/ without includeCRDs): outside the plan, never
	// extra.
	LeftOut []ID
	// Secrets are the values of Secrets that were left out: what others say of the app
	// may hold them.
	Secrets []SecretValue
	// AskedCapabilities says that the render may have looked at RenderRequest's
	// KubeVersion and APIVersions, and that other ones may give other objects. Only
	// charts can; one that cannot be told apart counts as asking. (Kinds decide for
	// every renderer whether an object has a namespace.)
	AskedCapabilities bool
}

// Warning is something a person should know that stops nothing.
type Warning struct {
	Origin  Origin
	Message string
}
