package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/killick-dev/killick/internal/config"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/redact"
	"github.com/killick-dev/killick/notify"
	"github.com/killick-dev/killick/reconcile"
)

// What the end of a run may take, beside the time for its work. A Slack that
// hangs must not cost the state: saving has a time of its own. A run that was
// told to stop has as long as the chart's grace period leaves it.
const (
	telling     = 20 * time.Second
	saving      = 10 * time.Second
	interrupted = 5 * time.Second
)

// ending is the part of --timeout that is kept back for telling and saving.
func ending(timeout time.Duration) time.Duration { return min(telling+saving, timeout/2) }

// budget bounds one step of a run's end, which goes on after the run itself was
// told to stop.
func (s *session) budget(ctx context.Context, step time.Duration) (context.Context, context.CancelFunc) {
	if errors.Is(ctx.Err(), context.Canceled) {
		step = min(step, interrupted)
	}
	share := step.Seconds() / (telling + saving).Seconds()
	step = min(step, time.Duration(share*float64(ending(s.settings.Timeout))))
	return context.WithTimeout(context.WithoutCancel(ctx), step)
}

// redactor knows the run's credentials and every value seen in a Secret.
func (s *session) redactor(secrets []drift.SecretValue) redact.Redactor {
	for _, credential := range credentials(s.settings, s.desired.config, s.lookup) {
		secrets = append(secrets, drift.SecretValue{Value: credential})
	}
	return redact.Redactor{}.WithValues(secrets...)
}

// remember tells people, and saves what the next run needs. It goes on when the
// run was interrupted. The error joins what could not be saved; that people could not be
// told changes nothing.
func (s *session) remember(ctx, leased context.Context, outcome reconcile.Outcome, to notify.Config, redactor redact.Redactor) error {
	told := drift.Told{"": errorsTold(s.told)}
	for name, state := range outcome.States {
		told[name] = state.Notified
	}
	told, all := s.tell(ctx, redactor.Report(outcome.Report), told, to, redactor)
	if err := lostLease(leased); err != nil {
		return err
	}
	ctx, cancel := s.budget(ctx, saving)
	defer cancel()
	var unsaved []error
	for _, name := range slices.Sorted(maps.Keys(outcome.States)) {
		state := redact.State(outcome.States[name], redactor, s.key, name)
		state.Notified = told[name]
		if err := s.cluster.SaveState(ctx, name, state); err != nil {
			unsaved = append(unsaved, err)
		}
	}
	if record := outcome.Record; record != nil {
		record.Settled = record.Settled && all && len(unsaved) == 0
		if record.Standing != nil {
			record.Standing.State = s.cluster.StateDigest(*record)
		}
		sealed := redacted(*record, redactor).Sealed(s.key)
		s.told.Record, s.told.Audited = &sealed, s.started.Started.Truncate(time.Second)
	} else {
		s.unsettle()
	}
	return errors.Join(append(unsaved, s.saveRun(ctx, told, s.desired.config.Notify, redactor))...)
}

// unsaved are the errors of what could not be saved.
func unsaved(err error) []drift.ReportError {
	var told []drift.ReportError
	for _, one := range problems(err) {
		told = append(told, drift.ReportOf("", "cluster", one))
	}
	return told
}

// unsettle keeps the record of the last complete run, after one that was none: it
// still tells what was in sync, and no more that there is nothing to do.
func (s *session) unsettle() {
	if last := s.lastRecord(s.key); last != nil {
		kept := *last
		kept.Settled = false
		kept = kept.Sealed(s.key)
		s.told.Record = &kept
	}
}

// redacted is a record fit for the state, and for a run that prints it again and
// has seen no Secret itself.
func redacted(record drift.Record, redactor redact.Redactor) drift.Record {
	apps := slices.Clone(record.Apps)
	for i := range apps {
		apps[i].Report = redactor.Report(drift.Report{Apps: []drift.ReportApp{apps[i].Report}}).Apps[0]
	}
	record.Apps = apps
	return record
}

// tell sends what is new; all says that there is nothing left to tell. Slack's
// failure never changes the outcome, but is said.
func (s *session) tell(ctx context.Context, report drift.Report, told drift.Told, c notify.Config, redactor redact.Redactor) (_ drift.Told, all bool) {
	if !c.Enabled() {
		return told, true
	}
	ctx, cancel := s.budget(ctx, telling)
	defer cancel()
	notifier, err := notify.New(c, notify.Options{Getenv: s.getenv, ReadFile: os.ReadFile})
	if err == nil {
		told, err = s.notify(ctx, notifier, report, told)
	}
	if err != nil {
		for _, one := range problems(err) {
			fmt.Fprintln(s.err, "killick: telling Slack:", redactor.String(one.Error()))
		}
	}
	return told, err == nil
}

// notify tells what is new. What went wrong in a run that somebody started by hand is on
// their screen; neither is what another run told about called gone then.
func (s *session) notify(ctx context.Context, notifier *notify.Notifier, report drift.Report, told drift.Told) (drift.Told, error) {
	if s.unattended() {
		return notifier.Notify(ctx, report, told)
	}
	const ofTheRun = ""
	before := told[ofTheRun]
	told = maps.Clone(told)
	delete(told, ofTheRun)
	report.Errors = nil
	told, err := notifier.Notify(ctx, report, told)
	told[ofTheRun] = before
	return told, err
}

// unattended says that nobody looks at what this run prints: it runs in a Pod, or was
// given a route to Slack for just that. Elsewhere somebody made an experiment or a typing
// error, and a channel need not hear of it.
func (s *session) unattended() bool {
	return s.getenv("KUBERNETES_SERVICE_HOST") != "" || s.settings.BootstrapNotify().Slack != nil
}

func (s *session) getenv(name string) string {
	value, _ := s.lookup(name)
	return value
}

// errorsTold are the run-level errors that were told already.
func errorsTold(state drift.RunState) map[string]string {
	told := map[string]string{}
	for fingerprint := range state.Errors {
		told[fingerprint] = cmp.Or(state.ErrorTexts[fingerprint], fingerprint)
	}
	return told
}

// errorTexts bounds the errors that are kept in words.
const errorTexts = 40

// saveRun keeps what was told, the last valid notify section and the cluster's
// name: when the config cannot be read next time, people can still be told, and
// where it happened; and which cluster this is, so that the next run can hold to it.
func (s *session) saveRun(ctx context.Context, told drift.Told, section config.Notify, redactor redact.Redactor) error {
	state := s.told
	state.Cluster, state.Errors = s.knownCluster(), map[string]time.Time{}
	state.Installation, state.Own, state.Config = s.installation(), s.own(), s.place()
	if section.Slack != nil {
		if data, err := json.Marshal(section); err == nil {
			state.Notify = data
		}
	}
	state.ErrorTexts = map[string]string{}
	for _, fingerprint := range slices.Sorted(maps.Keys(told[""])) {
		if len(state.ErrorTexts) < errorTexts {
			state.ErrorTexts[fingerprint] = redactor.String(told[""][fingerprint])
		}
		if at, ok := s.told.Errors[fingerprint]; ok {
			state.Errors[fingerprint] = at
		} else {
			state.Errors[fingerprint] = s.now().UTC().Truncate(time.Second)
		}
	}
	return s.cluster.SaveRun(ctx, state)
}

// fail reports a run that could not begin, and tells people once per error: with
// the config's own route, else the last valid one, else the flags'.
func (s *session) fail(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		err = failed(reconcile.ExitInterrupted, "act", errInterrupted)
	}
	report, exitCode := s.failureReport(err)
	redactor := s.redactor(nil)
	if s.mode.Remembers() && exitCode != reconcile.ExitInterrupted && s.unattended() {
		told, _ := s.tell(ctx, redactor.Report(report), drift.Told{"": errorsTold(s.told)}, s.fallbackNotify(), redactor)
		if s.cluster != nil && s.uid != "" && !s.unread && mine(err) {
			ctx, cancel := s.budget(ctx, saving)
			defer cancel()
			if err := s.saveRun(ctx, told, s.desired.config.Notify, redactor); err != nil {
				report.Errors = append(report.Errors, drift.ReportOf("", "cluster", err))
			}
		}
	}
	if err := s.print(report, redactor); err != nil {
		return err
	}
	return code(exitCode)
}

// mine says that the state is this run's to write: it is neither another installation's nor
// that of a run that has the lease now.
func mine(err error) bool {
	return !errors.Is(err, drift.ErrWrongCluster) && !errors.Is(err, errElsewhere) && !errors.Is(err, drift.ErrLeaseLost)
}

var errInterrupted = errors.New("told to stop before anything was written")

// fallbackNotify is whom to tell when the config may not have been read.
func (s *session) fallbackNotify() notify.Config {
	if c := notifyConfig(s.desired.config.Notify, s.lookup); c.Enabled() {
		return c
	}
	var kept config.Notify
	if len(s.told.Notify) > 0 && json.Unmarshal(s.told.Notify, &kept) == nil {
		if c := notifyConfig(kept, s.lookup); c.Enabled() {
			return c
		}
	}
	return notifyConfig(s.settings.BootstrapNotify(), s.lookup)
}

// notifyConfig translates the config's section for the sender. Slack's API can
// stand elsewhere: GovSlack, or a test server.
func notifyConfig(section config.Notify, lookup func(string) (string, bool)) notify.Config {
	if section.Slack == nil {
		return notify.Config{}
	}
	routes := map[string]notify.Route{}
	for name, route := range section.Slack.Routes {
		routes[name] = notify.Route{Channel: route.Channel}
	}
	api, _ := lookup("SLACK_API_URL")
	return notify.Config{Slack: notify.SlackConfig{
		TokenFile: section.Slack.TokenFile, TokenEnv: section.Slack.TokenEnv,
		WebhookFile: section.Slack.WebhookFile, WebhookEnv: section.Slack.WebhookEnv,
		APIURL: api, Routes: routes, Syncs: notify.SyncMode(section.Slack.Syncs),
	}}
}
