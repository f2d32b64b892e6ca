package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/killick-dev/killick/internal/dependency"
	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/ownership"
	"github.com/killick-dev/killick/internal/redact"
)

// appsAtOnce bounds how many apps render or write at the same time.
const appsAtOnce = 4

// prepare fetches and renders every app of the config, also those that --app
// leaves out: pruning needs to know what every app wants (docs/guards.md, P7). An app
// that fails drops out; the others go on.
//
// A custom resource may stand in one app and its CRD in another that this very
// run creates. Then the scope of the kind is known only after the first render,
// and whatever depends on it is rendered once more.
func (r Reconciler) prepare(ctx context.Context, request Request) []app {
	all := make([]int, len(request.Apps))
	for i := range all {
		all[i] = i
	}
	apps := r.prepareSome(ctx, request, make([]app, len(request.Apps)), all)
	coming := definedKinds(apps, request.Capabilities)
	if len(coming) == 0 {
		return apps
	}
	served := request.Capabilities.Kinds
	maps.Copy(coming, request.Capabilities.Kinds) // what is served keeps its own description
	request.Capabilities.Kinds = coming
	var again []int
	for i, a := range apps {
		if a.stage == "render" || slices.ContainsFunc(a.objects, func(o drift.Object) bool {
			_, known := served[o.Kind()]
			return !known
		}) {
			again = append(again, i)
		}
	}
	return r.prepareSome(ctx, request, apps, again)
}

// prepareSome prepares the apps at these places; the others stay as they are.
func (r Reconciler) prepareSome(ctx context.Context, request Request, apps []app, places []int) []app {
	prepared := slices.Clone(apps)
	own, err := r.checkout(ctx, "")
	group := errgroup.Group{}
	group.SetLimit(appsAtOnce)
	for _, i := range places {
		group.Go(func() error {
			prepared[i] = r.prepareApp(ctx, request, request.Apps[i], own.Revision, err)
			return nil
		})
	}
	_ = group.Wait() // every failure stands in its app
	return prepared
}

// definedKinds are the kinds that CRDs of any app define and the cluster does not
// serve yet.
func definedKinds(apps []app, served drift.Capabilities) map[drift.Kind]drift.KindInfo {
	coming := map[drift.Kind]drift.KindInfo{}
	for _, a := range apps {
		for _, object := range a.objects {
			kinds, namespaced, _ := dependency.CRDOf(object.Manifest)
			for _, kind := range kinds {
				if _, known := served.Kinds[kind]; !known {
					coming[kind] = drift.KindInfo{Namespaced: namespaced}
				}
			}
		}
	}
	return coming
}

// prepareApp prepares one app of the config that stands at own; without own it is not
// known what the app is of.
func (r Reconciler) prepareApp(ctx context.Context, request Request, config drift.App, own drift.Revision, err error) app {
	a := app{
		config:   config,
		partOf:   drift.ApplySetID(config.Name, request.StateNamespace),
		selected: len(request.Only) == 0 || slices.Contains(request.Only, config.Name),
	}
	if err != nil {
		return a.fail("source", err)
	}
	r.Progress.Stage(config.Name, "fetch", "")
	checkout, err := r.checkout(ctx, config.Repository)
	if err != nil {
		return a.fail("source", err)
	}
	a.revision = checkout.Revision
	r.Progress.Stage(config.Name, "render", short(checkout.Revision.Commit))
	a.rendered, err = r.render(ctx, drift.RenderRequest{
		App: config, Checkout: checkout, Capabilities: request.Capabilities,
	})
	if err != nil {
		return a.fail("render", err)
	}
	a.source = drift.ProvenanceOf(drift.ConfigPlace{Repository: own.Repository, Ref: own.Ref, Path: request.ConfigPath},
		config, checkout.Revision.Repository, a.rendered.Renderer)
	a.commit = drift.AppliedCommit{Config: own.Commit}
	if config.Repository != "" {
		a.commit.App = appliedRevision(checkout.Revision)
	}
	a.hashes, a.keeps = make(map[drift.ID]string, len(a.rendered.Objects)), map[drift.ID]string{}
	for _, object := range a.rendered.Objects {
		if a, err = a.with(request, object); err != nil {
			return a.fail("render", err)
		}
	}
	a.secrets = append(a.secrets, a.rendered.Secrets...)
	a.rendered.Objects, a.rendered.Secrets = nil, nil // from here on there are the labelled ones
	if !a.selected {
		return a
	}
	a.inventory, a.state, err = r.Memory.Load(ctx, config.Name)
	if err != nil {
		return a.fail("observe", err)
	}
	a.guards = drift.RecallGuards(request.Key, config.Name, request.NoMemo, a.inventory.Guards, a.state.Guards)
	if request.Local {
		a.source = a.source.Standing(a.inventory.Source)
	}
	if request.NoMemo {
		a.state.Rows = nil
	}
	if a.objects, err = request.packed(a); err != nil {
		return a.fail("render", err)
	}
	return a
}

// with is the app with one more object that its render wants, labelled as the app's.
func (a app) with(request Request, object drift.Object) (app, error) {
	labelled, err := drift.WithPartOf(object, a.partOf)
	if err != nil {
		return a, err
	}
	if reason := request.own().Owns(object.ID, object.Manifest); reason != "" {
		return a, &drift.Problem{Stage: "render",
			File: drift.FileLine(object.Origin.File, object.Origin.Line),
			Hint: "an app cannot manage what Killick itself runs on; rename or remove the object",
			Err:  fmt.Errorf("%s is %s", object.ID.Short(), reason)}
	}
	a.hashes[object.ID], err = diff.HashManifest(request.Key, diff.WithoutNondeterministic(labelled).Manifest)
	if err != nil {
		return a, err
	}
	if mark := ownership.KeepMark(labelled.Manifest); mark != "" {
		a.keeps[object.ID] = mark
	}
	if scaler, ok := diff.ScalerOf(object.ID, labelled.Manifest); ok {
		a.scalers = append(a.scalers, scaler)
	}
	a.objects = append(a.objects, labelled)
	a.secrets = append(a.secrets, redact.SecretValues(object.ID, object.Manifest)...)
	return a, nil
}

// A Git host that hangs, or a template without an end, must cost its own app and no
// other. Renders wait for each other where few processors are, so half of a render's
// time is for its own work (render.ChildOptions, Time).
const (
	fetchTime  = 2 * time.Minute
	renderTime = 4 * time.Minute
)

// share is the time for one step: its bound, or a third of what is left of the run.
func share(ctx context.Context, bound time.Duration) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		bound = min(bound, time.Until(deadline)/3)
	}
	return context.WithTimeout(ctx, bound)
}

func (r Reconciler) checkout(ctx context.Context, repository string) (drift.Checkout, error) {
	ctx, cancel := share(ctx, fetchTime)
	defer cancel()
	return r.Source.Checkout(ctx, repository)
}

func (r Reconciler) render(ctx context.Context, request drift.RenderRequest) (drift.Rendered, error) {
	ctx, cancel := share(ctx, renderTime)
	defer cancel()
	return r.Renderer.Render(ctx, request)
}

func appliedRevision(r drift.Revision) drift.AppliedRevision {
	return drift.AppliedRevision{Repository: r.Repository, Ref: r.Ref, Commit: r.Commit}
}

func short(commit string) string { return commit[:min(len(commit), 8)] }

// failedApps are the apps of which is not known what they want.
func failedApps(apps []app) map[string]bool {
	failed := map[string]bool{}
	for _, a := range apps {
		if a.err != nil {
			failed[a.config.Name] = true
		}
	}
	return failed
}

// contested maps every ID that more than one app wants to those apps.
func contested(apps []app) map[drift.ID][]string {
	wanted := map[drift.ID][]string{}
	for _, a := range apps {
		for _, object := range a.objects {
			wanted[object.ID] = append(wanted[object.ID], a.config.Name)
		}
	}
	for id, names := range wanted {
		if len(names) < 2 {
			delete(wanted, id)
		}
	}
	return wanted
}
