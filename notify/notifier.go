package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// Options replaces what a Notifier takes from its surroundings; zero values mean
// the real thing.
type Options struct {
	HTTPClient *http.Client // default: a client whose requests end after 15 seconds
	Getenv     func(name string) string
	ReadFile   func(name string) ([]byte, error)
	// Wait pauses between attempts; it returns early with the context's error.
	Wait func(ctx context.Context, d time.Duration) error
}

func (o Options) withDefaults() Options {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	if o.Wait == nil {
		o.Wait = pause
	}
	return o
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Notifier plans and delivers messages. It implements reconcile's Notifier.
type Notifier struct {
	config Config
	sender *Sender
	err    error // why the credential cannot be used
}

// New checks the config and reads its credential. Only a wrong config is an
// error here. A credential that cannot be read is a failing Slack: it must not
// stop a run, so [Notifier.Notify] returns it each time, also when there is
// nothing to tell.
func New(config Config, options Options) (*Notifier, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	options = options.withDefaults()
	c, err := readCredential(config.Slack, options)
	if err != nil {
		return &Notifier{config: config, err: err}, nil //nolint:nilerr // Notify tells it each time
	}
	return &Notifier{config: config, sender: newSender(config.Slack, c, options)}, nil
}

// Notify tells what is new in the report and returns what has been told now. An
// entry changes only when its message was delivered, so that what failed is due
// again in the next run; the returned Told is valid beside an error. The error
// says everything that could not be told, and routes that policies name and the
// config lacks; it never holds the credential.
func (n *Notifier) Notify(ctx context.Context, report drift.Report, told drift.Told) (drift.Told, error) {
	messages, told := Messages(report, told, n.config)
	var failures []error
	if names := UnknownRoutes(report, n.config); len(names) > 0 {
		failures = append(failures, problem(fmt.Errorf("routing: policies name %s, which notify.slack.routes does not have; the default route was told",
			quoted(names)), "add the route to the config, or correct the policy's notify rule"))
	}
	if n.err != nil {
		return lose(told, messages), errors.Join(append(failures, n.err)...)
	}
	for i, message := range messages {
		err := n.sender.Send(ctx, message)
		if err == nil {
			told = message.Delivered(told)
			continue
		}
		told = message.Lost(told)
		failures = append(failures, err)
		if rest := messages[i+1:]; hopeless(err) && len(rest) > 0 {
			failures = append(failures, problem(fmt.Errorf("not trying %s more for the same reason", count(len(rest), "message")), ""))
			told = lose(told, rest)
			break
		}
	}
	return told, errors.Join(failures...)
}

func lose(told drift.Told, messages []Message) drift.Told {
	for _, message := range messages {
		told = message.Lost(told)
	}
	return told
}

func quoted(names []string) string {
	quotes := make([]string, len(names))
	for i, name := range names {
		quotes[i] = fmt.Sprintf("%q", cut(clean(name), valueLimit))
	}
	return strings.Join(quotes, ", ")
}
