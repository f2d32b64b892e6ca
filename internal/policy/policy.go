// Package policy asks Rego what may be done about one object's drift.
//
// Policies add reasons to sets (heal contains "…" if …); this package loads
// them, refuses what could only fail later or silently, evaluates them over one
// drift.Input and returns the reasons with the rules that gave them. What the
// reasons add up to is decided elsewhere (drift.Decide).
//
// A decision is a pure function of the input and the policies: builtins that
// see a clock, the network, the environment or chance do not exist, and nothing
// is cached between evaluations that could change an answer. A lost grant fails
// safe and a lost veto does not, so everything that could make a rule silently
// never fire is an error when policies are loaded (docs/policies.md).
package policy

import (
	"io/fs"
	"path"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// Source is one entry of the config's policies: a folder of Rego, or a pack
// that ships in the binary.
type Source struct {
	Path    string // for messages: the folder as a user knows it
	FS      fs.FS
	Dir     string // the folder inside FS; "" and "." are its root
	Builtin string // name of an embedded pack; then FS and Dir are unused
	// Areas says what areas speak for. Those of all sources count together: when
	// any source has some, every area but those of packs must be listed.
	Areas map[string]Area
	// Data are parameters by area; an area of this source sees its own as
	// data.params.<area>.
	Data map[string]any
}

// Area is what one area speaks for. It is not asked about other objects, so what is
// wrong with it concerns none of them.
type Area struct {
	All        bool     // every object, cluster-scoped ones included
	Namespaces []string // objects in namespaces that match one of these globs (path.Match)
}

// covers says whether the area speaks for objects of a namespace; "" is the
// namespace of cluster-scoped objects, for which only All speaks.
func (a Area) covers(namespace string) bool {
	if a.All {
		return true
	}
	for _, pattern := range a.Namespaces {
		if matched, err := path.Match(pattern, namespace); err == nil && matched && namespace != "" {
			return true
		}
	}
	return false
}

// Options are the limits of loading and evaluating; the zero value is the
// default.
type Options struct {
	// Steps bound what one area may do about one object and, five times as many, one
	// test. They do not depend on the machine (docs/guards.md, isolation of input).
	Steps int
	// Patience is how long an evaluation may take by the clock before it is taken for
	// one that nothing can stop, which ends the run. The default is five minutes,
	// a thousand times what the steps take.
	Patience time.Duration
	// MaxBytes bounds all policy files together. The default is 5 MB.
	MaxBytes int64
	// Run selects tests whose full name (data.drift.x_test.test_y) matches this
	// regular expression.
	Run string

	// NoData says that the config with the parameters is not at hand: what a policy
	// reads of data.params is then neither known nor wrong.
	NoData bool

	// shippedTests also runs the tests of what ships in the binary.
	shippedTests bool
}

func (o Options) withDefaults() Options {
	if o.Steps <= 0 {
		o.Steps = maxSteps
	}
	if o.Patience <= 0 {
		o.Patience = 5 * time.Minute
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 5_000_000
	}
	return o
}

// verbs are the rule names that a policy may define as sets, in the order of
// reports.
var verbs = []drift.Verb{
	drift.VerbSync, drift.VerbHeal, drift.VerbPrune, drift.VerbAlertOnly, drift.VerbIgnore,
	drift.VerbAdopt, drift.VerbReplace, drift.VerbIgnoreFields, drift.VerbAlertOnlyFields, drift.VerbRequireApproval, drift.VerbNotify,
}

func isVerb(name string) bool {
	for _, verb := range verbs {
		if string(verb) == name {
			return true
		}
	}
	return false
}

func verbNames() []string {
	names := make([]string, len(verbs))
	for i, verb := range verbs {
		names[i] = string(verb)
	}
	return names
}

// Load reads, checks and compiles all sources. The error joins one
// *drift.Problem per finding, each with file:line and a hint: everything that
// Check calls an error. Without sources the engine has nothing to say.
func Load(sources []Source, options Options) (*Engine, error) {
	options = options.withDefaults()
	set, problems := read(sources, options)
	compiled := problems.thenCompile(set, modeRun)
	if err := problems.err(); err != nil {
		return nil, err
	}
	return newEngine(set, compiled, options)
}
