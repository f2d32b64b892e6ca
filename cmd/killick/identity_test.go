package main

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/killick-dev/killick/internal/cluster"
)

// stateOf is a client of the script's state namespace.
func stateOf(ts *testscript.TestScript) *cluster.Client {
	client, err := cluster.Connect(context.Background(), cluster.Options{
		Kubeconfig: placeOf(ts).cp.Kubeconfig(), StateNamespace: placeOf(ts).state})
	ts.Check(err)
	return client
}

func identifyVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	if len(args) != 1 {
		ts.Fatalf("usage: identify FILE")
	}
	uid, err := stateOf(ts).Identity(context.Background())
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(ts.ReadFile(args[0]), "CLUSTER-UID", uid)), 0o600))
}

// copied makes the state one of another cluster; copied still says that it is that yet, and
// so that nobody wrote it. copied old makes it one that says nothing of the config.
func copiedVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	client := stateOf(ts)
	state, err := client.LoadRun(context.Background())
	ts.Check(err)
	other := "6f1c7a52-0d0b-4d8e-9a53-0c6f1d6f7a10/" + placeOf(ts).state
	switch {
	case len(args) == 1 && args[0] == "still":
		if state.Installation != other {
			ts.Fatalf("the state was written over, by %s", state.Installation)
		}
		return
	case state.Installation == "" || state.Config == nil:
		ts.Fatalf("no run recorded the installation and the config")
	case len(args) == 1 && args[0] == "old":
		state.Config, other = nil, state.Installation
	}
	state.Installation = other
	ts.Check(client.SaveRun(context.Background(), state))
}

// holdVerb holds the lease, and renews it, until the script ends.
func holdVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	if len(args) != 1 {
		ts.Fatalf("usage: hold HOLDER")
	}
	_, release, err := stateOf(ts).AcquireLease(context.Background(), args[0], time.Minute)
	ts.Check(err)
	ts.Defer(func() { ts.Check(release(context.Background())) })
}
