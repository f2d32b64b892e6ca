package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/write"
)

// subject is one case on its way.
type subject struct {
	script
	endpoint
	object   drift.Object     // what Git says, labelled
	truth    map[string]any   // what the server makes of it under another name
	uid      string           // of the object that Killick applied
	row      drift.Row        // its memo
	stored   map[string]any   // what Killick's last apply stored
	done     []act            // the acts that the server took
	before   []map[string]any // the object before each of them
	trace    []string
	invalid  error // the server does not take the manifest: the case says nothing
	problems []problem

	seen               drift.Observation
	change             drift.Change
	recorded           drift.Change // with the memo's row
	proved             bool
	recalled           bool          // the memo settles it
	unowned            bool          // nobody owns anything: the last entry's last field was taken away
	unremovable        []nested.Path // additions of which the server does not say what it would store without them
	same               bool          // the dry-run changes nothing, not even ownership
	withheld           string        // why nothing was healed
	healed             bool
	scaled             bool   // by hand, and only the memo can tell
	leftLists          []path // empty lists that Git dropped, and only the memo can tell
	judged, attributed int    // reported fields, and those whose author is known
}

// problem is something that is not as it must be.
type problem struct{ sort, text string }

func (s *subject) wrong(sort, format string, args ...any) {
	s.problems = append(s.problems, problem{sort, fmt.Sprintf(format, args...)})
}

func (s *subject) note(format string, args ...any) {
	s.trace = append(s.trace, fmt.Sprintf(format, args...))
}

// sort is what went wrong first, or "".
func (s *subject) sort() string {
	if len(s.problems) == 0 {
		return ""
	}
	return s.problems[0].sort
}

func (s *subject) String() string {
	var b strings.Builder
	b.WriteString(s.script.String())
	fmt.Fprintf(&b, "  replay: %s\n", s.script.record())
	for _, line := range s.trace {
		fmt.Fprintf(&b, "  · %s\n", line)
	}
	for _, p := range s.problems {
		fmt.Fprintf(&b, "  WRONG (%s): %s\n", p.sort, p.text)
	}
	return b.String()
}

// batch runs some cases in one namespace, observing them together as a run does.
func (l *lab) batch(ctx context.Context, namespace string, scripts []script) (done []*subject, failed error) {
	var subjects []*subject
	defer func() {
		for _, s := range subjects {
			failed = errors.Join(failed, s.remove(ctx))
		}
	}()
	for _, script := range scripts {
		s := l.subject(script, namespace)
		subjects = append(subjects, s)
		if err := l.play(ctx, s); err != nil {
			return nil, fmt.Errorf("%s%w", s, err)
		}
	}
	if err := l.observe(ctx, subjects); err != nil {
		return nil, err
	}
	var again, twice []*subject
	for _, s := range subjects {
		if s.invalid != nil {
			continue
		}
		if err := l.judge(ctx, s); err != nil {
			return nil, fmt.Errorf("%s%w", s, err)
		}
		merged := s.merged()
		if err := l.heal(ctx, s); err != nil {
			return nil, fmt.Errorf("%s%w", s, err)
		}
		if s.healed {
			again = append(again, s)
		}
		if s.healed && merged {
			twice = append(twice, s)
		}
	}
	if err := l.observe(ctx, again); err != nil {
		return nil, err
	}
	// A key that stands twice takes two runs where Git drops that very key.
	for _, s := range twice {
		var err error
		if s.change, err = l.compare(ctx, s); err == nil {
			err = l.heal(ctx, s)
		}
		if err != nil {
			return nil, fmt.Errorf("%s%w", s, err)
		}
	}
	if err := l.observe(ctx, twice); err != nil {
		return nil, err
	}
	for _, s := range again {
		if err := l.converged(ctx, s); err != nil {
			return nil, fmt.Errorf("%s%w", s, err)
		}
	}
	return subjects, nil
}

func (l *lab) subject(s script, namespace string) *subject {
	name := fmt.Sprintf("%s-%d", namespace, l.names.Add(1))
	return &subject{script: s, endpoint: l.endpoint(s.kind, namespace, name)}
}

// manifest is a labelled desired object.
func (l *lab) manifest(s *subject, content map[string]any) (drift.Object, error) {
	group, version, err := drift.ParseAPIVersion(s.script.kind.apiVersion)
	if err != nil {
		return drift.Object{}, err
	}
	tree := s.identify(nested.CloneMap(content))
	tree.SetAPIVersion(s.script.kind.apiVersion)
	tree.SetKind(s.script.kind.name)
	id := drift.ID{Group: group, Kind: s.script.kind.name, Namespace: s.ns, Name: s.name}
	return drift.WithPartOf(drift.Object{ID: id, Version: version, Manifest: tree.Object}, l.partOf)
}

// play makes the object and lets everybody do what the script says.
func (l *lab) play(ctx context.Context, s *subject) error {
	applied, desired := s.manifests()
	var err error
	if s.object, err = l.manifest(s, desired); err != nil {
		return err
	}
	if s.truth, s.invalid = s.underAnotherName(ctx); s.invalid != nil {
		return onlyRefusals(s.invalid)
	}
	var live map[string]any
	var last drift.Object
	for _, content := range applied {
		object, err := l.manifest(s, content)
		if err != nil {
			return err
		}
		last = object
		live, err = l.apply(ctx, object, live)
		if errors.Is(err, drift.ErrConflict) && s.uid != "" { // a controller was faster
			live, err = l.apply(ctx, object, l.killick.Get(ctx, l.app, object.ID, object.Version).Live)
		}
		if s.invalid = err; err != nil {
			return onlyRefusals(err)
		}
		s.uid, s.stored = nested.UIDOf(live), live
		if s.row, err = remembering(object.Manifest, live); err != nil {
			return err
		}
	}
	for _, a := range s.acts {
		before, err := s.resource.Get(ctx, s.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		refused, err := s.do(ctx, a)
		if err != nil {
			return err
		}
		if refused != nil {
			s.note("refused %s: %v", a.edit, refused)
			continue
		}
		s.done, s.before = append(s.done, a), append(s.before, before.Object)
	}
	return s.afterwards(ctx, last)
}

// apply writes what Git says now, as a run does that finds nothing else.
func (l *lab) apply(ctx context.Context, object drift.Object, live map[string]any) (map[string]any, error) {
	request, err := write.RequestOf(l.noise, l.app, drift.Step{Object: object, Observation: drift.Observation{Live: live},
		Change: drift.Change{UID: nested.UIDOf(live), ResourceVersion: nested.ResourceVersionOf(live)}}, time.Now())
	if err != nil {
		return nil, err
	}
	return l.killick.Apply(ctx, request)
}

// onlyRefusals leaves out that the server says no to a manifest.
func onlyRefusals(err error) error {
	var status apierrors.APIStatus
	var refusal *drift.Refusal
	if errors.As(err, &status) || errors.As(err, &refusal) || errors.Is(err, drift.ErrConflict) {
		return nil // a conflict: a controller was faster again and again
	}
	return err
}

// underAnotherName is what the server would make of the manifest if nobody had
// touched anything.
func (s *subject) underAnotherName(ctx context.Context) (map[string]any, error) {
	other := s.endpoint
	other.name += "-truth"
	return other.apply(ctx, s.object.Manifest, metav1.ApplyOptions{DryRun: []string{metav1.DryRunAll}})
}

// apply applies a manifest in Killick's name.
func (o endpoint) apply(ctx context.Context, content map[string]any, options metav1.ApplyOptions) (map[string]any, error) {
	tree := o.identify(nested.CloneMap(content))
	tree.SetAPIVersion(o.kind.apiVersion)
	options.FieldManager, options.Force = drift.FieldManager, true
	made, err := o.resource.Apply(ctx, o.name, tree, options)
	if err != nil {
		return nil, err
	}
	return made.Object, nil
}

// afterwards does what is no edit of a field.
func (s *subject) afterwards(ctx context.Context, last drift.Object) error {
	switch s.special {
	case "delete", "recreate":
		if err := s.remove(ctx); err != nil || s.special == "delete" {
			return err
		}
		tree := &unstructured.Unstructured{Object: nested.CloneMap(last.Manifest)}
		_, err := s.resource.Create(ctx, tree, metav1.CreateOptions{FieldManager: recreator})
		return err
	case "unlabel":
		body := fmt.Sprintf(`{"metadata":{"labels":{%q:null}}}`, drift.LabelPartOf)
		_, err := s.resource.Patch(ctx, s.name, types.MergePatchType, []byte(body), metav1.PatchOptions{FieldManager: "kubectl-label"})
		return err
	case "reset":
		_, err := s.resource.Patch(ctx, s.name, types.MergePatchType, []byte(`{"metadata":{"managedFields":[{}]}}`), metav1.PatchOptions{FieldManager: "curl"})
		return err
	}
	return nil
}

// patience is how long a controller may take to let go of an object with a finalizer.
const patience = 5 * time.Second

// remove deletes the object for good. Controllers take their finalizers off
// themselves; only what nobody lets go of is set free by hand. Two who take the last
// finalizer off at the same time make the API server delete twice, and the second
// time whatever has that name by then: that delete has no precondition.
func (o endpoint) remove(ctx context.Context) error {
	now, background := int64(0), metav1.DeletePropagationBackground
	err := o.resource.Delete(ctx, o.name, metav1.DeleteOptions{GracePeriodSeconds: &now, PropagationPolicy: &background})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		_, err := o.resource.Get(ctx, o.name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return false, err
	})
	if !wait.Interrupted(err) || ctx.Err() != nil {
		return err
	}
	return retry.OnError(retry.DefaultBackoff, func(error) bool { return true }, func() error {
		_, err := o.resource.Patch(ctx, o.name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		if err == nil || apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
}

// observe looks at subjects as a run does, each with the server's dry-run.
func (l *lab) observe(ctx context.Context, subjects []*subject) error {
	want := drift.Want{App: l.app, PartOf: l.partOf, Inventory: drift.Inventory{Known: true}}
	var looked []*subject
	for _, s := range subjects {
		if s.invalid == nil {
			want.Objects = append(want.Objects, s.object)
			looked = append(looked, s)
		}
	}
	if len(looked) == 0 {
		return nil
	}
	seen, err := l.killick.Observe(ctx, []drift.Want{want})
	if err != nil {
		return err
	}
	for i, s := range looked {
		s.seen = seen[0].Objects[i]
	}
	return nil
}
