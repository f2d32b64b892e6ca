package render

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

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

func (o Options) withDefaults() Options {
	if o.StateNamespace == "" {
		o.StateNamespace = "killick"
	}
	o.Limits = o.Limits.withDefaults()
	return o
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

// Renderer renders apps in this process, where nothing bounds their memory and
// nothing ends what does not end: Children do it in processes of their own. Calls
// may not overlap, because Kustomize keeps its OpenAPI schema in package variables;
// apart from that, the same request gives the same objects.
type Renderer struct {
	options Options
	part    int // objects per build of a large kustomization
}

// New makes a Renderer.
func New(options Options) *Renderer {
	return &Renderer{options: options.withDefaults(), part: partObjects}
}

// Render renders one app. Errors are a *drift.Problem of stage "render" with
// file, line and hint where there are any. An app without any object is not an
// error: guards decide about that (docs/guards.md, P3). Render ends with ctx only between
// two calls of a library.
func (r *Renderer) Render(ctx context.Context, request drift.RenderRequest) (drift.Rendered, error) {
	return r.renderIn(ctx, request, host{})
}

// host is the process that a render runs in.
type host struct {
	shared bool // other apps are rendered in it, so that none may change it
	// at hears which file is worked on when a library is called that may not
	// return; nil when nobody listens.
	at func(file string)
}

// errNeedsOwn: the app changes the process for those after it, which share it.
var errNeedsOwn = errors.New("the app needs a process of its own")

var errNoCheckout = errors.New("rendering: there is no checkout")

func (r *Renderer) renderIn(ctx context.Context, request drift.RenderRequest, in host) (rendered drift.Rendered, err error) {
	defer func() {
		// A panic of a parser is that app's failure. Its value may quote the
		// input, so only its type is told.
		if p := recover(); p != nil {
			err = &drift.Problem{Err: fmt.Errorf("the render library panicked on this input (%T)", p),
				Hint: "`kustomize build` or `helm template` in that folder most likely shows the same, and where"}
		}
		switch {
		case err == nil:
			return
		case ctx.Err() != nil:
			err = tooSlow(context.Cause(ctx), false)
		}
		rendered, err = drift.Rendered{}, asProblem(request.App.Path, err)
	}()
	return r.render(ctx, request, in)
}

// tooSlow says why a render ended with its context: its own work, or that of
// others for which it had to wait.
func tooSlow(cause error, waiting bool) error {
	if waiting {
		return &drift.Problem{
			Err:  fmt.Errorf("the renders of other apps hang or are too slow, and this one waited for its turn: %w", cause),
			Hint: "look at the apps whose render did not finish in time; nothing is wrong with this one so far",
		}
	}
	return &drift.Problem{
		Err:  fmt.Errorf("rendering did not finish in time: %w", cause),
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

// asPlain is the problem in an error, or one that holds it.
func asPlain(err error) *drift.Problem {
	var found *drift.Problem
	if errors.As(err, &found) {
		return found
	}
	return &drift.Problem{Err: err}
}

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
	// leftOut is set for what Helm runs instead of managing it, and for
	// definitions that the app does not include: left out, but named.
	leftOut bool
}

// output is what one of the three renderers found.
type output struct {
	documents []document
	// again is what a second render made otherwise, with contrary answers of clock,
	// chance and map order; differ are the templates that it comes from.
	again    []document
	differ   map[drift.Origin]bool
	warnings []drift.Warning
	asked    bool // a template may have looked at the capabilities
}

// job is one render's input.
type job struct {
	app          drift.App
	folder       string // clean path inside the repository, "." for its root
	in           host
	files        *reader
	notes        *notes // what is noticed about the input
	capabilities drift.Capabilities
	limits       Limits
	part         int // objects per build of a large kustomization
}

// working tells that a library is about to work on a file.
func (j job) working(file string) {
	if j.in.at != nil {
		j.in.at(file)
	}
}

func (r *Renderer) render(ctx context.Context, request drift.RenderRequest, in host) (drift.Rendered, error) {
	if request.Checkout.FS == nil {
		return drift.Rendered{}, errNoCheckout
	}
	folder, err := appFolder(request.Checkout.FS, request.App.Path)
	if err != nil {
		return drift.Rendered{}, err
	}
	limits := r.options.Limits
	j := job{
		app:          request.App,
		folder:       folder,
		in:           in,
		files:        newReader(request.Checkout.FS, limits),
		notes:        &notes{},
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
	for i := range j.notes.warnings {
		j.notes.warnings[i].Origin.Repository = j.app.Repository
	}
	out.warnings = append(j.notes.warnings, out.warnings...)
	return r.finish(ctx, j, renderer, out)
}

// finish normalises what was rendered, and finds out what of it is chance's.
func (r *Renderer) finish(ctx context.Context, j job, renderer drift.Renderer, out output) (drift.Rendered, error) {
	flat, err := expandAll(out.documents, j.limits)
	if err != nil {
		return drift.Rendered{}, err
	}
	scopes := newScopes(j.capabilities, flat)
	first, err := r.objects(ctx, j, scopes, flat)
	if err != nil {
		return drift.Rendered{}, err
	}
	if len(out.differ) > 0 {
		again, err := expandAll(out.again, j.limits)
		if err != nil {
			return drift.Rendered{}, contraryProblem(err)
		}
		second, err := r.objects(ctx, j, scopes, again)
		if err != nil {
			return drift.Rendered{}, contraryProblem(err)
		}
		if err := markChance(first.Objects, second.Objects, out.differ); err != nil {
			return drift.Rendered{}, err
		}
	}
	if err := withoutPointers(first.Objects); err != nil {
		return drift.Rendered{}, err
	}
	first.Warnings = append(first.Warnings, trapsIn(first.Objects, renderer)...)
	if len(first.Objects) == 0 {
		first.Warnings = append(first.Warnings, rendersNothing(j, renderer, first))
	}
	first.Renderer, first.AskedCapabilities = renderer, out.asked
	first.LeftOut = onlyLeftOut(first.LeftOut, first.Objects)
	first.Warnings = append(out.warnings, first.Warnings...)
	return first, nil
}

// rendersNothing says why an app has no objects.
func rendersNothing(j job, renderer drift.Renderer, rendered drift.Rendered) drift.Warning {
	why := map[drift.Renderer]string{
		drift.RendererYAML:      "no file below its folder (.yaml, .yml or .json) holds one",
		drift.RendererKustomize: "its kustomization names no resource and generates none",
		drift.RendererHelm:      "its templates make none with these values",
	}[renderer]
	if rendered.Skipped > 0 {
		why = fmt.Sprintf("%s left out, and nothing else is there", plural(rendered.Skipped, "object is", "objects are"))
	}
	return drift.Warning{Origin: drift.Origin{Repository: j.app.Repository, File: j.folder}, Message: "the app renders no object: " + why}
}

// exists says whether name is a file or a folder in fsys.
func exists(fsys fs.FS, name string) bool {
	_, err := fs.Stat(fsys, name)
	return err == nil
}
