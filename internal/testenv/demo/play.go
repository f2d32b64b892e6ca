package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

const deleted = gitserver.Deleted

// play is the demo, step by step. It stops at the first thing that is not as it
// should be.
func (s *stage) play(ctx context.Context) error {
	for _, act := range []func(context.Context) error{s.introduce, s.tested, s.first, s.quiet, s.drift, s.foresee, s.reconcile, s.again} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) introduce(context.Context) error {
	fmt.Fprint(s.out, `
Killick keeps a cluster true to Git. Unlike other tools it decides for each
resource what may be done about a difference: a policy says so. The sample
repository holds three apps (plain YAML, a Kustomize overlay, a Helm chart) and
these policies:

`)
	for _, rule := range []string{
		"sync        whatever changed in Git",
		"heal        whatever was changed by hand",
		"prune       ConfigMaps and Services that left Git",
		"alert-only  an image set by hand: somebody fixes an outage",
		"alert-only  environment added by hand: somebody looks for a fault",
		"ignore      labels added by hand",
	} {
		fmt.Fprintln(s.out, "  "+rule)
	}
	return nil
}

// tested runs the policies' own tests.
func (s *stage) tested(ctx context.Context) error {
	s.say("Policies are code, and come with tests")
	result, _, err := s.execute(ctx, []string{"policy", "test"}, nil)
	if err != nil {
		return err
	}
	fmt.Fprint(s.out, indent(result.text))
	if result.code != 0 || !strings.Contains(result.text, "0 failed, 0 in error") {
		return fmt.Errorf("the tests of the sample policies must pass, exit code %d", result.code)
	}
	return nil
}

func (s *stage) first(ctx context.Context) error {
	s.say("First run: an empty cluster becomes what Git says")
	result, err := s.killick(ctx, "run")
	if err != nil {
		return err
	}
	synced, kinds := 0, map[string]bool{}
	for _, app := range result.report.Apps {
		synced += app.Counts.Synced
		for _, resource := range app.Resources {
			kinds[resource.Kind] = true
		}
		fmt.Fprintf(s.out, "  %-12s %-10s %2d objects created, health %s\n", app.Name, app.Renderer, app.Counts.Synced, app.Health)
	}
	if result.code != 0 || synced < 30 || len(kinds) < 8 {
		return fmt.Errorf("expected at least 30 objects of 8 kinds and exit code 0, got %d of %d and %d:\n%s",
			synced, len(kinds), result.code, result.text)
	}
	fmt.Fprintf(s.out, "  %d objects of %d kinds\n", synced, len(kinds))
	return s.cards("Slack hears of first runs in one digest")
}

func (s *stage) quiet(ctx context.Context) error {
	s.say("Plan right after: nothing differs, exit code 0")
	result, err := s.killick(ctx, "plan")
	if err != nil {
		return err
	}
	fmt.Fprint(s.out, indent(result.text))
	if result.code != 0 {
		return fmt.Errorf("plan right after a run must exit with 0, not %d", result.code)
	}
	return nil
}

func (s *stage) drift(ctx context.Context) error {
	s.say("Now people change things by hand ...")
	if err := s.byHand(ctx); err != nil {
		return err
	}
	s.say("... and Git moves on: a new image for orders, and the banner goes")
	if err := s.inGit(); err != nil {
		return err
	}
	_, err := s.settled(ctx) // while a rollout goes on nothing is pruned
	return err
}

// foresee plans: every object that differs, what would be done, and why.
func (s *stage) foresee(ctx context.Context) error {
	s.say("Plan: what would a run do, and why? Nothing is written; exit code 1 says that something differs")
	result, err := s.killick(ctx, "plan")
	if err != nil {
		return err
	}
	for _, app := range result.report.Apps {
		for _, resource := range app.Resources {
			fmt.Fprintf(s.out, "  %-10s  %-34s  %s\n", resource.Action, resource.ID().Short(), resource.Reason)
		}
	}
	if result.code != 1 {
		return fmt.Errorf("plan with drift must exit with 1, not %d:\n%s", result.code, result.text)
	}
	return nil
}

// expected is what one run must do about each changed object.
var expected = map[string]string{
	"Deployment storefront/web":          "modified live heal applied",
	"Deployment storefront/api":          "modified live alert-only skipped",
	"Service storefront/web":             "missing live heal applied",
	"Service storefront/api":             "modified live heal applied",
	"Deployment storefront/worker":       "modified live alert-only skipped",
	"ServiceAccount storefront/web":      "modified live ignore skipped",
	"ConfigMap storefront/settings":      "modified live heal applied",
	"ConfigMap storefront/summer-banner": "extra git prune pruned",
	"Deployment orders/orders":           "modified git sync applied",
	"Deployment orders/orders-consumer":  "modified git sync applied",
}

func (s *stage) reconcile(ctx context.Context) error {
	s.say("One run: policy decides for each resource, and only that is done")
	result, err := s.reconciled(ctx, expected)
	if err != nil {
		return err
	}
	if err := s.checkLive(ctx); err != nil {
		return err
	}
	if err := s.cards("The same in Slack"); err != nil {
		return err
	}
	return s.sum(result)
}

// reconciled runs once and compares the report with what is expected.
func (s *stage) reconciled(ctx context.Context, expected map[string]string) (ran, error) {
	result, err := s.killick(ctx, "run")
	if err != nil {
		return ran{}, err
	}
	fmt.Fprint(s.out, indent(result.text))
	if result.code != 0 {
		return ran{}, fmt.Errorf("run must exit with 0, not %d", result.code)
	}
	return result, checkReport(result, expected)
}

// outcomes are what can become of a difference, each with the action and the
// outcome that say so in the report.
var outcomes = [][3]string{
	{"healed", "heal", "applied"}, {"synced", "sync", "applied"}, {"pruned", "prune", "pruned"},
	{"alert-only", "alert-only", "skipped"}, {"ignored", "ignore", "skipped"},
}

// sum shows one resource for each outcome, with its reason and rule.
func (s *stage) sum(result ran) error {
	s.say("In short")
	for _, outcome := range outcomes {
		example, ok := result.first(outcome[1], outcome[2])
		if !ok || len(example.Rules) == 0 {
			return fmt.Errorf("no resource was %s by a rule", outcome[0])
		}
		fmt.Fprintf(s.out, "  %-10s  %-34s  %s\n  %-10s  %-34s  %s\n", outcome[0], example.ID().Short(), example.Reason, "", "", example.Rules[0].Rule)
	}
	return nil
}

// checkReport compares the report with what is expected of each object.
func checkReport(result ran, expected map[string]string) error {
	var wrong []error
	for name, want := range expected {
		resource, found := result.find(name)
		got := strings.Join([]string{resource.Drift, resource.Cause, resource.Action, resource.Outcome}, " ")
		switch {
		case !found:
			wrong = append(wrong, fmt.Errorf("%s is not in the report; expected %s", name, want))
		case got != want:
			wrong = append(wrong, fmt.Errorf("%s: expected %s, got %s (%s %s)", name, want, got, resource.Reason, resource.Error))
		case resource.Reason == "":
			wrong = append(wrong, fmt.Errorf("%s has no reason", name))
		}
	}
	for _, app := range result.report.Apps {
		for _, resource := range app.Resources {
			if _, ok := expected[resource.ID().Short()]; !ok {
				wrong = append(wrong, fmt.Errorf("%s is in the report (%s %s) and should not be", resource.ID().Short(), resource.Drift, resource.Action))
			}
		}
	}
	return errors.Join(wrong...)
}

// checkLive looks at the cluster itself: a report can lie.
func (s *stage) checkLive(ctx context.Context) error {
	client := s.cluster.Client()
	var wrong []error
	expect := func(what string, got, want any) {
		if got != want {
			wrong = append(wrong, fmt.Errorf("live %s is %v, not %v", what, got, want))
		}
	}
	get := metav1.GetOptions{}
	web, err := client.AppsV1().Deployments("storefront").Get(ctx, "web", get)
	if err != nil {
		return err
	}
	expect("replicas of web", *web.Spec.Replicas, int32(3))
	api, err := client.AppsV1().Deployments("storefront").Get(ctx, "api", get)
	if err != nil {
		return err
	}
	expect("image of api", api.Spec.Template.Spec.Containers[0].Image, "registry.example.com/storefront/api:3.2.0-hotfix")
	orders, err := client.AppsV1().Deployments("orders").Get(ctx, "orders", get)
	if err != nil {
		return err
	}
	expect("image of orders", orders.Spec.Template.Spec.Containers[0].Image, "registry.example.com/orders/orders:2.1.1")
	worker, err := client.AppsV1().Deployments("storefront").Get(ctx, "worker", get)
	if err != nil {
		return err
	}
	expect("env of worker", len(worker.Spec.Template.Spec.Containers[0].Env), 2)
	if _, err := client.CoreV1().Services("storefront").Get(ctx, "web", get); err != nil {
		wrong = append(wrong, err)
	}
	service, err := client.CoreV1().Services("storefront").Get(ctx, "api", get)
	if err != nil {
		return err
	}
	expect("number of ports of service api", len(service.Spec.Ports), 2)
	expect("port of service api", service.Spec.Ports[0].Port, int32(80))
	settings, err := client.CoreV1().ConfigMaps("storefront").Get(ctx, "settings", get)
	if err != nil {
		return err
	}
	expect("LOG_LEVEL", settings.Data["LOG_LEVEL"], "info")
	account, err := client.CoreV1().ServiceAccounts("storefront").Get(ctx, "web", get)
	if err != nil {
		return err
	}
	expect("label on-call", account.Labels["on-call"], "ada")
	_, err = client.CoreV1().ConfigMaps("storefront").Get(ctx, "summer-banner", get)
	expect("banner is gone, which", apierrors.IsNotFound(err), true)
	return errors.Join(wrong...)
}

func (s *stage) again(ctx context.Context) error {
	s.say("Once more: nothing is new, so nothing is written and Slack stays silent")
	before, err := s.settled(ctx)
	if err != nil {
		return err
	}
	s.slack.Reset()
	result, err := s.killick(ctx, "run")
	if err != nil {
		return err
	}
	after, err := s.versions(ctx)
	if err != nil {
		return err
	}
	switch {
	case result.code != 0:
		return fmt.Errorf("run must exit with 0, not %d:\n%s", result.code, result.text)
	case !maps.Equal(before, after):
		return fmt.Errorf("objects changed though nothing had to:\n%v\n%v", before, after)
	case len(after) < 30:
		return fmt.Errorf("only %d managed objects were found", len(after))
	case len(s.slack.Messages()) > 0:
		return fmt.Errorf("slack was told %d messages though nothing is new:\n%s", len(s.slack.Messages()), s.slack.Messages()[0].PlainText())
	}
	fmt.Fprintf(s.out, "  all %d managed objects have the resourceVersion they had; no message\n", len(after))
	return nil
}

// indent sets a text off from what the demo says itself.
func indent(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			out.WriteString("  ")
		}
		out.WriteString(line)
	}
	return out.String()
}

// cards prints what Slack received since the last look.
func (s *stage) cards(title string) error {
	messages := s.slack.Messages()
	if len(messages) == 0 {
		return errors.New("slack received nothing")
	}
	s.say("%s", title)
	for _, message := range messages {
		fmt.Fprintf(s.out, "\n#%s\n", strings.ToLower(strings.TrimPrefix(message.Channel, "C0")))
		for line := range strings.Lines(message.PlainText()) {
			fmt.Fprint(s.out, "  | ", line)
		}
		fmt.Fprintln(s.out)
	}
	s.slack.Reset()
	return nil
}
