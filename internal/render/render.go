package render

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"sort"
	"sync/atomic"

	"github.com/killick-dev/killick/internal/drift"
)

// Options are what a Renderer needs besides the request.
type Options struct {
	// StateNamespace is Killick's own namespace; empty is "killick". Objects
	// that touch Killick's state there are errors.
	StateNamespace string
	// Limits bound untrusted input; zero fields take the defaults.
	Limits Limits
}

// Limits bound what one render may read and produce.
type Limits struct {
	FileBytes      int64 // one file; default 16 MiB (a chart's own files: Helm's 5 MiB)
	TotalBytes     int64 // everything one render reads, archives unpacked; default 128 MiB
	DocumentBytes  int   // one YAML document; default 4 MiB, above the API server's 3 MiB request limit
	Depth          int   // nesting of one document; default 100
	Objects        int   // objects of one app; default 20,000
	OutputBytes    int64 // what templates or overlays produce; default 64 MiB
	Kustomizations int   // kustomizations visited, each use counted; default 1,000
}

func (l Limits) withDefaults() Limits {
	set := func(field *int64, value int64) {
		if *field <= 0 {
			*field = value
		}
	}
	number := func(field *int, value int) {
		if *field <= 0 {
			*field = value
		}
	}
	set(&l.FileBytes, 16<<20)
	set(&l.TotalBytes, 128<<20)
	set(&l.OutputBytes, 64<<20)
	number(&l.DocumentBytes, 4<<20)
	number(&l.Depth, 100)
	number(&l.Objects, 20_000)
	number(&l.Kustomizations, 1_000)
	return l
}

// Renderer renders apps. It holds no state: the same request gives the same
// objects, and concurrent calls are safe (Kustomize builds take turns, because
// its library keeps the OpenAPI schema in a global).
type Renderer struct {
	options Options
	part    int // objects per build of a large kustomization
}

// New makes a Renderer.
func New(options Options) *Renderer {
	if options.StateNamespace == "" {
		options.StateNamespace = "killick"
	}
	options.Limits = options.Limits.withDefaults()
	return &Renderer{options: options, part: partObjects}
}

// Render renders one app. Errors are a *drift.Problem of stage "render" with
// file, line and hint where there are any. An app without any object is not an
// error: guards decide about that (SAFETY P3).
//
// Render returns when ctx ends; a library call that ignores the context keeps
// its goroutine until it ends by itself.
func (r *Renderer) Render(ctx context.Context, request drift.RenderRequest) (drift.Rendered, error) {
	type outcome struct {
		rendered drift.Rendered
		err      error
	}
	done := make(chan outcome, 1)
	var waiting atomic.Bool
	go func() {
		var out outcome
		defer func() {
			// A panic of a parser is that app's failure. Its value may quote the
			// input, so only its type is told.
			if p := recover(); p != nil {
				out = outcome{err: &drift.Problem{Err: fmt.Errorf("the render library panicked on this input (%T)", p),
					Hint: "`kustomize build` or `helm template` in that folder most likely shows the same, and where"}}
			}
			done <- out
		}()
		out.rendered, out.err = r.render(ctx, request, &waiting)
	}()

	select {
	case <-ctx.Done():
		return drift.Rendered{}, asProblem(request.App.Path, tooSlow(ctx, waiting.Load()))
	case out := <-done:
		if out.err != nil {
			if ctx.Err() != nil {
				return drift.Rendered{}, asProblem(request.App.Path, tooSlow(ctx, waiting.Load()))
			}
			return drift.Rendered{}, asProblem(request.App.Path, out.err)
		}
		return out.rendered, nil
	}
}

// tooSlow says why a render ended with its context: its own work, or that of
// another app for which it had to wait.
func tooSlow(ctx context.Context, waiting bool) error {
	if waiting {
		return &drift.Problem{
			Err:  fmt.Errorf("another app's Kustomize build hangs or is too slow, and this one waited for its turn: %w", context.Cause(ctx)),
			Hint: "look at the app whose render did not finish in time; nothing is wrong with this one so far",
		}
	}
	return &drift.Problem{
		Err:  fmt.Errorf("rendering did not finish in time: %w", context.Cause(ctx)),
		Hint: "split the app, or look for a template or overlay that grows without end",
	}
}

// asProblem gives every error the stage, and a place where it has none.
func asProblem(file string, err error) error {
	var problem *drift.Problem
	if !errors.As(err, &problem) {
		return &drift.Problem{Stage: stage, File: file, Err: err}
	}
	placed := *problem
	placed.Stage = stage
	if placed.File == "" {
		placed.File = file
	}
	return &placed
}

// stage is this package's name in reports.
const stage = "render"

// problem is an error at a place.
func problem(origin drift.Origin, hint, format string, args ...any) error {
	return &drift.Problem{
		Stage: stage,
		File:  drift.FileLine(origin.File, origin.Line),
		Hint:  hint,
		Err:   fmt.Errorf(format, args...),
	}
}

// document is one manifest before normalisation.
type document struct {
	manifest map[string]any
	origin   drift.Origin
	// nondeterministic is set when the template that made it calls a random or
	// clock function.
	nondeterministic bool
	// leftOut is set for what Helm runs instead of managing it, and for
	// definitions that the app does not include: left out, but named.
	leftOut bool
}

// output is what one of the three renderers found.
type output struct {
	documents []document
	// again holds further renders of the same input, to find what changes from
	// one to the next. Only templates can.
	again    [][]document
	warnings []drift.Warning
}

// job is one render's input.
type job struct {
	app    drift.App
	folder string // clean path inside the repository, "." for its root
	// waiting is set while the render waits for another app's Kustomize build.
	waiting      *atomic.Bool
	files        *reader
	capabilities drift.Capabilities
	limits       Limits
	part         int // objects per build of a large kustomization
}

func (r *Renderer) render(ctx context.Context, request drift.RenderRequest, waiting *atomic.Bool) (drift.Rendered, error) {
	if request.Checkout.FS == nil {
		return drift.Rendered{}, errors.New("rendering: there is no checkout")
	}
	folder, err := appFolder(request.Checkout.FS, request.App.Path)
	if err != nil {
		return drift.Rendered{}, err
	}
	limits := r.options.Limits
	j := job{
		app:          request.App,
		folder:       folder,
		waiting:      waiting,
		files:        newReader(request.Checkout.FS, limits),
		capabilities: request.Capabilities,
		limits:       limits,
		part:         r.part,
	}
	renderer, err := chooseRenderer(request.Checkout.FS, folder)
	if err != nil {
		return drift.Rendered{}, err
	}
	var out output
	switch renderer {
	case drift.RendererKustomize:
		out, err = renderKustomize(ctx, j)
	case drift.RendererHelm:
		out, err = renderHelm(ctx, j)
	default:
		out, err = renderYAML(ctx, j)
	}
	if err != nil {
		return drift.Rendered{}, err
	}
	return r.finish(ctx, j, renderer, out)
}

// finish normalises every pass and compares them.
func (r *Renderer) finish(ctx context.Context, j job, renderer drift.Renderer, out output) (drift.Rendered, error) {
	first, err := r.objects(ctx, j, out.documents)
	if err != nil {
		return drift.Rendered{}, err
	}
	for _, documents := range out.again {
		next, err := r.objects(ctx, j, documents)
		if err != nil {
			return drift.Rendered{}, err
		}
		if err := markChanged(first.Objects, next.Objects); err != nil {
			return drift.Rendered{}, err
		}
		first.LeftOut = append(first.LeftOut, next.LeftOut...)
		first.Secrets = append(first.Secrets, next.Secrets...)
	}
	first.Renderer = renderer
	first.LeftOut = onlyLeftOut(first.LeftOut, first.Objects)
	first.Warnings = append(out.warnings, first.Warnings...)
	for _, object := range first.Objects {
		if object.Nondeterministic {
			first.Warnings = append(first.Warnings, drift.Warning{Origin: object.Origin,
				Message: fmt.Sprintf("%s differs from one render to the next (its template calls a random or clock function): "+
					"it is created when missing and never updated", object.ID.Short())})
		}
	}
	return first, nil
}

// markChanged marks the objects that a further render made differently. An
// object that only one of the two renders has cannot be managed at all: each
// run would create a new one and prune the last.
func markChanged(objects, again []drift.Object) error {
	for i := range objects {
		j := sort.Search(len(again), func(j int) bool { return again[j].ID.Compare(objects[i].ID) >= 0 })
		if j == len(again) || again[j].ID != objects[i].ID {
			return unstable(objects[i])
		}
		if !reflect.DeepEqual(objects[i].Manifest, again[j].Manifest) {
			objects[i].Nondeterministic = true
		}
	}
	for _, object := range again {
		j := sort.Search(len(objects), func(j int) bool { return objects[j].ID.Compare(object.ID) >= 0 })
		if j == len(objects) || objects[j].ID != object.ID {
			return unstable(object)
		}
	}
	return nil
}

func unstable(object drift.Object) error {
	return problem(object.Origin,
		"give the object a fixed name: a name that is random or taken from the clock makes a new object in every run",
		"%s: its identity differs from one render to the next", object.ID.GroupKind())
}

// exists says whether name is a file or a folder in fsys.
func exists(fsys fs.FS, name string) bool {
	_, err := fs.Stat(fsys, name)
	return err == nil
}
