package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/killick-dev/killick/internal/testenv/gitserver"
	"github.com/killick-dev/killick/internal/testenv/slack"
)

// verbs are the commands of the scripts beside testscript's own.
var verbs = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"killick":    killickVerb,    // killick [NAME=VALUE...] ARGS: must exit with 0
	"exits":      exitsVerb,      // exits CODE killick ...
	"waitfor":    waitforVerb,    // waitfor killick ...: again until it exits with 0
	"commit":     commitVerb,     // commit MESSAGE: repo/ becomes the repository's content
	"git":        gitVerb,        // git break STATUS|hang|packs|twin, git mend, git move twin: a commit there alone
	"apply":      applyVerb,      // apply FILE: as the administrator
	"edit":       editVerb,       // edit KIND NAME MERGE-PATCH: by kubectl edit
	"delete":     deleteVerb,     // delete KIND NAME
	"denied":     deniedVerb,     // denied KIND NAME: waits until admission refuses an edit
	"get":        getVerb,        // [!] get KIND NAME: its YAML on stdout; with ! it must be absent
	"account":    accountVerb,    // account NAME FILE...: a kubeconfig NAME.kubeconfig with only the rules in the files
	"documented": documentedVerb, // documented FILE: the rules of the ClusterRole in docs/install.md
	"remember":   rememberVerb,   // remember: the resourceVersions of everything; untouched: they still are those
	"untouched":  untouchedVerb,
	"slack":      slackVerb, // [!] slack: prints and forgets the messages; with ! there must be none
	"clock":      clockVerb, // clock DURATION: killick's clock goes ahead by so much
	"replace":    replaceVerb,
	"identify":   identifyVerb, // identify FILE: CLUSTER-UID in it becomes the cluster's
	"copied":     copiedVerb,   // copied: the state is as a backup of another cluster leaves it; copied still: nobody wrote it; copied old: as before it named a config
	"hold":       holdVerb,     // hold HOLDER: somebody has the lease and renews it, until the script ends
	"webhook":    webhookVerb,  // webhook RESOURCE MESSAGE: refuses every write to it
	"refused":    refusedVerb,  // refused FILE: waits until the API server refuses to create what the file says
	"refuse":     refuseVerb,   // refuse VERB NAME [PASS]: once PASS passed, the API server forbids it; refuse nothing
	"requests":   requestsVerb, // requests record, and then requests cluster|git: prints and forgets what killick asked for
}

func placeOf(ts *testscript.TestScript) *place { return ts.Value(placeKey{}).(*place) }

func killickVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	expectCode(ts, 0, args)
}

func exitsVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	if len(args) < 2 || args[1] != "killick" {
		ts.Fatalf("usage: exits CODE killick ...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	expectCode(ts, want, args[2:])
}

// waitforVerb waits for the API server's own cache of webhooks.
func waitforVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	ts.Check(eventually(context.Background(), "exit code 0", func(context.Context) error {
		if code := runKillick(ts, args[1:]); code != 0 {
			return fmt.Errorf("exit code %d", code)
		}
		return nil
	}))
}

func positive(ts *testscript.TestScript, neg bool) {
	if neg {
		ts.Fatalf("does not support !")
	}
}

func expectCode(ts *testscript.TestScript, want int, args []string) {
	if got := runKillick(ts, args); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// runKillick runs one command line in this process.
func runKillick(ts *testscript.TestScript, args []string) int {
	p := placeOf(ts)
	own, args := assignments(args)
	lookup := func(name string) (string, bool) {
		if value, ok := own[name]; ok {
			return value, true
		}
		value := ts.Getenv(name)
		return value, value != ""
	}
	environ := []string{}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		environ = append(environ, name+"="+own[name])
	}
	_, tty := own["TTY"]
	code := execute(context.Background(), world{
		args: args, out: io.MultiWriter(ts.Stdout(), hearing{p}), err: io.MultiWriter(ts.Stderr(), hearing{p}),
		environ: environ, lookup: lookup, now: p.now, outTerminal: tty, width: 120,
	})
	for _, file := range reportsIn(args) {
		data, err := os.ReadFile(file)
		if err == nil {
			p.hear(string(data))
		}
	}
	return code
}

// hearing writes to a place's ears.
type hearing struct{ *place }

func (h hearing) Write(text []byte) (int, error) {
	h.hear(string(text))
	return len(text), nil
}

// assignments splits leading NAME=VALUE words from a command line, as a shell
// does.
func assignments(args []string) (map[string]string, []string) {
	own := map[string]string{}
	for len(args) > 0 {
		name, value, ok := strings.Cut(args[0], "=")
		if !ok || strings.HasPrefix(name, "-") {
			break
		}
		own[name], args = value, args[1:]
	}
	return own, args
}

func reportsIn(args []string) []string {
	var files []string
	for _, arg := range args {
		if format, file, ok := strings.Cut(arg, "="); ok && filepath.IsAbs(file) && !strings.Contains(format, ".") {
			files = append(files, file)
		}
	}
	return files
}

func commitVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	commit, err := placeOf(ts).commit(strings.Join(args, " "))
	ts.Check(err)
	ts.Setenv("COMMIT", commit)
}

func gitVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	p := placeOf(ts)
	switch {
	case len(args) == 1 && args[0] == "mend":
		p.git.Break(nil)
	case len(args) == 2 && args[0] == "break" && args[1] == "hang":
		p.git.Break(gitserver.Hang())
	case len(args) == 2 && args[0] == "break" && args[1] == "packs":
		p.git.Break(gitserver.OnlyPacks(gitserver.Status(503)))
	case len(args) == 2 && args[0] == "move" && args[1] == "twin":
		_, err := p.twin.Write(gitserver.Change{Message: "elsewhere", Files: map[string]string{"notes.txt": "nothing of the shop's"},
			Author: gitserver.Person{Name: "Ada Example", Email: "ada@example.com"}})
		ts.Check(err)
	case len(args) == 2 && args[0] == "break" && args[1] == "twin":
		p.git.Break(gitserver.OnlyAt(p.twin, gitserver.Status(503)))
	case len(args) == 2 && args[0] == "break":
		status, err := strconv.Atoi(args[1])
		ts.Check(err)
		p.git.Break(gitserver.Status(status))
	default:
		ts.Fatalf("usage: git break STATUS|hang|packs|twin, git mend, git move twin")
	}
}

func applyVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	p := placeOf(ts)
	for _, file := range args {
		for _, text := range strings.Split(ts.ReadFile(file), "\n---\n") {
			ts.Check(p.apply(context.Background(), text))
		}
	}
}

// apply writes a manifest as the administrator; what is cluster-scoped is
// deleted when the script is over.
func (p *place) apply(ctx context.Context, manifest string) error {
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
		return err
	}
	client, err := p.client(object)
	if err != nil {
		return err
	}
	p.made = append(p.made, object)
	_, err = client.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "administrator", Force: true})
	return err
}

func editVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	if len(args) != 3 {
		ts.Fatalf("usage: edit KIND NAME MERGE-PATCH")
	}
	client, err := placeOf(ts).named(args[0])
	ts.Check(err)
	_, err = client.Patch(context.Background(), args[1], types.MergePatchType, []byte(args[2]), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	ts.Check(err)
}

func deleteVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	if len(args) != 2 {
		ts.Fatalf("usage: delete KIND NAME")
	}
	client, err := placeOf(ts).named(args[0])
	ts.Check(err)
	foreground := metav1.DeletePropagationForeground
	ts.Check(client.Delete(context.Background(), args[1], metav1.DeleteOptions{PropagationPolicy: &foreground}))
	ts.Check(eventually(context.Background(), args[1]+" to be gone", func(ctx context.Context) error {
		_, err := client.Get(ctx, args[1], metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return placeOf(ts).undiscovered(args[0], args[1])
		}
		return fmt.Errorf("it is still there: %w", err)
	}))
}

// undiscovered says that discovery still names a CRD's group: the API server takes
// it out a moment after the CRD is gone. Each group here has one kind.
func (p *place) undiscovered(kind, name string) error {
	if kind != "CustomResourceDefinition.apiextensions.k8s.io" {
		return nil
	}
	_, group, _ := strings.Cut(name, ".")
	groups, err := p.cp.Client().Discovery().ServerGroups()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(groups.Groups, func(g metav1.APIGroup) bool { return g.Name == group }) {
		return fmt.Errorf("discovery still has %s", group)
	}
	return nil
}

// deniedVerb waits for the API server's own cache of admission policies.
func deniedVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	if len(args) != 2 {
		ts.Fatalf("usage: denied KIND NAME")
	}
	client, err := placeOf(ts).named(args[0])
	ts.Check(err)
	ts.Check(eventually(context.Background(), "the denial", func(ctx context.Context) error {
		_, err := client.Patch(ctx, args[1], types.MergePatchType, []byte(`{"metadata":{"labels":{"probe":"x"}}}`),
			metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil {
			return errors.New("an edit is still accepted")
		}
		return nil
	}))
}

// refusedVerb waits for the API server's own cache of webhooks.
func refusedVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	if len(args) != 1 {
		ts.Fatalf("usage: refused FILE")
	}
	object := &unstructured.Unstructured{}
	ts.Check(yaml.Unmarshal([]byte(ts.ReadFile(args[0])), &object.Object))
	client, err := placeOf(ts).client(object)
	ts.Check(err)
	ts.Check(eventually(context.Background(), "the refusal", func(ctx context.Context) error {
		if _, err := client.Create(ctx, object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err == nil {
			return errors.New("it would still be created")
		}
		return nil
	}))
}

func getVerb(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] get KIND NAME")
	}
	client, err := placeOf(ts).named(args[0])
	ts.Check(err)
	object, err := client.Get(context.Background(), args[1], metav1.GetOptions{})
	if neg {
		if err == nil || present(err) != nil {
			ts.Fatalf("%s %s should be absent: %v", args[0], args[1], err)
		}
		return
	}
	ts.Check(err)
	object.SetManagedFields(nil)
	text, err := yaml.Marshal(object.Object)
	ts.Check(err)
	_, err = ts.Stdout().Write(text)
	ts.Check(err)
}

func rememberVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	p := placeOf(ts)
	var err error
	p.versions, err = p.seen(context.Background())
	ts.Check(err)
}

func untouchedVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	p := placeOf(ts)
	now, err := p.seen(context.Background())
	ts.Check(err)
	if diff := cmp.Diff(p.versions, now, ignoreEmpty); diff != "" {
		ts.Fatalf("objects changed (-before +after):\n%s", diff)
	}
}

func slackVerb(ts *testscript.TestScript, neg bool, args []string) {
	p := placeOf(ts)
	if len(args) > 0 {
		positive(ts, neg)
		if args[0] == "mend" {
			p.slack.Reset()
			return
		}
		if args[1] == "busy" {
			p.slack.Fail(slack.Fault{Status: 429, RetryAfter: 1})
			return
		}
		p.slack.Fail(slices.Repeat([]slack.Fault{fault(ts, args[1])}, 20)...)
		return
	}
	messages := p.slack.Messages()
	for _, message := range messages {
		p.hear(fmt.Sprint(message.Text, message.Blocks))
		fmt.Fprintf(ts.Stdout(), "#%s\n%s\n", message.Channel, message.PlainText())
	}
	for _, rejected := range p.slack.Rejected() {
		ts.Fatalf("slack rejected a request: %s", rejected)
	}
	p.slack.Reset()
	switch {
	case neg && len(messages) > 0:
		ts.Fatalf("slack received %d messages", len(messages))
	case !neg && len(messages) == 0:
		ts.Fatalf("slack received nothing")
	}
}

// fault is "429" (an hour to wait, each time; "busy" is a second, once), "500", "hang", or a Slack error (invalid_auth).
func fault(ts *testscript.TestScript, what string) slack.Fault {
	status, err := strconv.Atoi(what)
	switch {
	case what == "hang":
		return slack.Fault{Hang: true}
	case err != nil:
		return slack.Fault{Error: what}
	case status == 429:
		return slack.Fault{Status: status, RetryAfter: 3600}
	}
	return slack.Fault{Status: status}
}

func clockVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	ahead, err := time.ParseDuration(args[0])
	ts.Check(err)
	placeOf(ts).offset = ahead
}

// replaceVerb edits a file: replace FILE OLD NEW.
func replaceVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	if len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	before := ts.ReadFile(args[0])
	if !strings.Contains(before, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(before, args[1], args[2])), 0o600))
}
