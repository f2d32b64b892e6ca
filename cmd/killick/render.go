package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/killick-dev/killick/internal/cluster"
	"github.com/killick-dev/killick/internal/config"
	"github.com/killick-dev/killick/internal/diff"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/internal/render"
	"github.com/killick-dev/killick/reconcile"
)

func renderCommand(w world) *cobra.Command {
	var settings config.Settings
	var offline offlineFlags
	cmd := &cobra.Command{
		Use: "render", Short: "Print the objects that Git asks for, as YAML",
		Long: `Print the objects that Git asks for, as YAML on standard output; warnings go to
standard error. Values of Secrets are hidden. With --offline no cluster is asked
what it serves; --kube-version and --api-versions tell charts what helm template's flags
of these names do, so that a pipeline renders what the cluster gets.`,
		Example: "  killick render --repo . --worktree --offline --app storefront",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := settings.Validate(); err != nil {
				return usage(err)
			}
			if err := offline.validate(); err != nil {
				return usage(err)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), settings.Timeout)
			defer cancel()
			return w.render(ctx, cmd.Root(), settings, offline)
		},
	}
	settings.AddSourceFlags(cmd.Flags())
	settings.AddClusterFlags(cmd.Flags())
	settings.AddFilterFlags(cmd.Flags())
	cmd.Flags().BoolVar(&offline.on, "offline", false, "do not ask a cluster which kinds and versions it serves")
	cmd.Flags().StringVar(&offline.kubeVersion, "kube-version", "", "with --offline: the Kubernetes `version` that charts see")
	cmd.Flags().StringSliceVar(&offline.apiVersions, "api-versions", nil, "with --offline: an API `version` that charts see beside Kubernetes' own (repeatable)")
	return cmd
}

// offlineFlags say what charts see where no cluster is asked.
type offlineFlags struct {
	on          bool
	kubeVersion string
	apiVersions []string
}

func (f offlineFlags) validate() error {
	if !f.on && (f.kubeVersion != "" || len(f.apiVersions) > 0) {
		return &drift.Problem{Err: errors.New("--kube-version and --api-versions need --offline"), Hint: "without it the cluster says what it serves"}
	}
	_, err := render.Offline(f.kubeVersion, f.apiVersions)
	return err
}

// capabilities are what the flags or the cluster say.
func (f offlineFlags) capabilities(ctx context.Context, settings config.Settings) (drift.Capabilities, error) {
	if f.on {
		return render.Offline(f.kubeVersion, f.apiVersions)
	}
	return served(ctx, settings)
}

func (w world) render(ctx context.Context, root *cobra.Command, settings config.Settings, offline offlineFlags) error {
	d, err := w.readDesired(ctx, root, settings)
	if err != nil {
		return usage(err)
	}
	capabilities, err := offline.capabilities(ctx, settings)
	if err != nil {
		return &exit{code: reconcile.ExitUnreachable, cause: err}
	}
	apps := d.config.DriftApps()
	if err := knownApps(apps, settings.Apps); err != nil {
		return usage(err)
	}
	apps = slices.DeleteFunc(apps, func(app drift.App) bool {
		return len(settings.Apps) > 0 && !slices.Contains(settings.Apps, app.Name)
	})
	renderer := newRenderer(settings)
	defer renderer.Close()
	all, failures := renderAll(ctx, d, renderer, apps, capabilities)
	secrets := all.Secrets
	for _, object := range all.Objects {
		secrets = append(secrets, redact.SecretValues(object.ID, object.Manifest)...)
	}
	hide := redact.Redactor{}.With(credentials(settings, d.config, w.lookup)...).WithValues(secrets...).Manifests()
	for _, object := range all.Objects {
		if said := diff.DescribeNondeterministic(object); said != "" {
			all.Warnings = append(all.Warnings, drift.Warning{Origin: object.Origin, Message: object.ID.Short() + ": " + said})
		}
	}
	for _, warning := range all.Warnings {
		warning.Message = hide.String(warning.Message)
		fmt.Fprintln(w.err, "warning:", located(warning))
	}
	if err := w.writeObjects(all.Objects, settings.Namespace, hide); err != nil {
		return err
	}
	switch len(failures) {
	case 0:
		return nil
	case len(apps):
		return &exit{code: reconcile.ExitUsage, cause: errors.Join(failures...), hide: hide}
	}
	return &exit{code: reconcile.ExitPartial, cause: errors.Join(failures...), hide: hide}
}

// newRenderer renders in child processes, none of which is started before something
// is to be rendered. Who makes it closes it.
func newRenderer(settings config.Settings) *render.Children {
	return render.NewChildren(render.ChildOptions{Options: render.Options{StateNamespace: settings.StateNamespace}})
}

// rendersAtOnce is how many apps are fetched and rendered at the same time.
const rendersAtOnce = 4

// renderAll renders all apps; one that fails drops out.
func renderAll(ctx context.Context, d desired, renderer reconcile.Renderer, apps []drift.App, capabilities drift.Capabilities) (drift.Rendered, []error) {
	renders, errs := make([]drift.Rendered, len(apps)), make([]error, len(apps))
	var group sync.WaitGroup
	slots := make(chan struct{}, rendersAtOnce)
	for i, app := range apps {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			renders[i], errs[i] = renderApp(ctx, d, renderer, app, capabilities)
		})
	}
	group.Wait()
	var all drift.Rendered
	var failures []error
	for i, rendered := range renders {
		if errs[i] != nil {
			failures = append(failures, &appError{app: apps[i].Name, err: errs[i]})
			continue
		}
		all.Objects = append(all.Objects, rendered.Objects...)
		all.Warnings = append(all.Warnings, rendered.Warnings...)
		all.Secrets = append(all.Secrets, rendered.Secrets...)
	}
	return all, failures
}

// located is a warning with its place in front, where it has one.
func located(warning drift.Warning) string {
	if place := drift.FileLine(warning.Origin.File, warning.Origin.Line); place != "" {
		return place + ": " + warning.Message
	}
	return warning.Message
}

// appError says which app an error belongs to; its place and hint stay those of
// the cause.
type appError struct {
	app string
	err error
}

func (e *appError) Error() string { return fmt.Sprintf("app %q: %s", e.app, e.err) }
func (e *appError) Unwrap() error { return e.err }

// served asks the cluster which kinds and versions it serves.
func served(ctx context.Context, settings config.Settings) (drift.Capabilities, error) {
	client, err := cluster.Connect(ctx, cluster.Options{Kubeconfig: settings.Kubeconfig, Context: settings.Context, Version: versionText()})
	if err != nil {
		return drift.Capabilities{}, err
	}
	return client.Capabilities(ctx)
}

func renderApp(ctx context.Context, d desired, renderer reconcile.Renderer, app drift.App, capabilities drift.Capabilities) (drift.Rendered, error) {
	checkout, err := d.sources.Checkout(ctx, app.Repository)
	if err != nil {
		return drift.Rendered{}, err
	}
	return renderer.Render(ctx, drift.RenderRequest{App: app, Checkout: checkout, Capabilities: capabilities})
}

// writeObjects prints objects as YAML, of one namespace when one is given. A
// Secret's values are hidden, also where another object repeats them.
func (w world) writeObjects(objects []drift.Object, namespace string, hide redact.ManifestRedactor) error {
	for _, object := range objects {
		if namespace != "" && object.ID.Namespace != namespace {
			continue
		}
		data, err := yaml.Marshal(hide.Object(object.ID, object.Manifest))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w.out, "---\n# %s\n%s", drift.FileLine(object.Origin.File, object.Origin.Line), data)
		if err != nil {
			return err
		}
	}
	return nil
}
