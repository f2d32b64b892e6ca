// Command oracle fuzzes drift detection on a real API server: random objects of
// many kinds, random edits by random clients, and for each case four questions
// whose answers are known from elsewhere.
//
// The truth is the script of edits, and for fields that Killick owns the API
// server's own dry-run; what an object should look like is what the server would
// make of its manifest under another name. Checked are:
//
//   - the local proof and the memo: what drift.Proved calls clean, the dry-run
//     leaves as it is, and what the memo settles, the comparison finds nothing in;
//   - the comparison: every scripted edit that still shows is found, and nothing is
//     found that nobody did, that looks as Git says, or that an apply leaves as it
//     is and no person or program for people added. With the memo's row the same is
//     found as without, and replicas scaled by hand where nobody owned them;
//   - what is said of each field: its operation, its field manager and that
//     manager's class, and which side moved. The manager is judged where the script
//     and the object before and after each act say who wrote what stands there
//     (subject.author lists what they leave open); the run prints how many those
//     are. The side is judged where one side alone touched the place
//     (subject.causes);
//   - the healing: one take-over and one apply, as a run does them, put back
//     everything, and a second look finds nothing. A list in which a key stands
//     twice may take two.
//
// Not judged are the wording of notes and findings, times, and what is done about
// several objects at once.
//
// A case follows from its seed alone. What went wrong is printed with the seed
// and the shortest script that still goes wrong:
//
//	go run ./internal/testenv/oracle -cases 20000 -seed 1
//	go run ./internal/testenv/oracle -only 4711,4712 -v
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/killick-dev/killick/internal/testenv"
)

func main() {
	options := options{}
	flag.IntVar(&options.cases, "cases", 1000, "how many `cases` to run")
	flag.Int64Var(&options.seed, "seed", 1, "the first case's `seed`; the others count up from it")
	flag.StringVar(&options.kind, "kind", "", "only objects of this `kind`")
	only := flag.String("only", "", "run the cases of these `seeds` alone, divided by commas")
	flag.IntVar(&options.workers, "workers", 8, "how many `namespaces` are worked in at a time")
	flag.IntVar(&options.shrink, "shrink", 10, "how many of the `cases` that went wrong are shortened")
	replay := flag.String("replay", "", "run the scripts of this `file` instead, as -v prints them or testdata has them")
	flag.BoolVar(&options.verbose, "v", false, "print every case")
	flag.Parse()
	for text := range strings.SplitSeq(*only, ",") {
		if seed, err := strconv.ParseInt(text, 10, 64); err == nil {
			options.seeds = append(options.seeds, seed)
		} else if text != "" {
			fmt.Fprintln(os.Stderr, "oracle: -only:", err)
			os.Exit(2)
		}
	}
	if *replay != "" {
		var err error
		if options.scripts, err = readScripts(*replay); err != nil {
			fmt.Fprintln(os.Stderr, "oracle:", err)
			os.Exit(2)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	wrong, err := fuzz(ctx, os.Stdout, options)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(2)
	case wrong:
		os.Exit(1)
	}
}

// inert switches off the controllers that would make pods: they are not asked
// anything here, and cost more than all the cases.
var inert = []string{"--controllers=*,-deployment-controller,-replicaset-controller,-statefulset-controller," +
	"-daemonset-controller,-job-controller,-cronjob-controller,-replicationcontroller-controller," +
	"-horizontal-pod-autoscaler-controller,-disruption-controller"}

// fuzz boots a control plane, or uses the one that tests share, and runs the
// cases; wrong says that at least one went wrong.
func fuzz(ctx context.Context, out io.Writer, options options) (wrong bool, failed error) {
	var cp *testenv.ControlPlane
	var err error
	if path := os.Getenv(testenv.KubeconfigVariable); path != "" {
		cp, err = testenv.Attach(path)
	} else {
		cp, err = testenv.Start(ctx, testenv.Options{Flags: map[string][]string{"kube-controller-manager": inert}})
	}
	if err != nil {
		return false, err
	}
	defer func() { failed = errors.Join(failed, cp.Stop()) }()
	lab, err := newLab(ctx, cp.Kubeconfig(), cp.RESTConfig(), options.workers)
	if err != nil {
		return false, err
	}
	defer func() { failed = errors.Join(failed, lab.close()) }()
	began := time.Now()
	tally, err := lab.run(ctx, options, out)
	tally.print(out, time.Since(began))
	return len(tally.wrong) > 0, err
}
