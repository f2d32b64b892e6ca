package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/killick-dev/killick/internal/report"
	"github.com/killick-dev/killick/internal/testenv/bench/peer"
)

// tool is one thing to measure.
type tool struct {
	// name in the tables.
	name string
	// program is a peer, "killick" or "kubectl".
	program string
	args    []string
	env     []string
	// set is whose objects it works on.
	set  string
	warm bool
	// kinds says that the peer gets the kinds and the count, not the objects.
	kinds bool
	// slow tools get fewer rounds, and those that take minutes one.
	slow, once bool
	// primed tools need a run before the measured ones, in which they learn.
	primed bool
	// exits are the exit codes besides 0 that are no failure.
	exits []int
	// found reads which objects differ from what the tool printed; nil when it
	// does not say.
	found func(s *stage, of set, result outcome) (differs []string, failed map[string]string, err error)
}

func (t tool) command(s *stage) []string {
	of := s.sets[t.set]
	switch t.program {
	case "killick":
		return append([]string{s.killick}, append(t.args, "--repo", of.git, "--ref", "main", "--kubeconfig", s.kubeconfig, "--timeout", "30m")...)
	case "kubectl":
		return append([]string{"kubectl", "--kubeconfig", s.kubeconfig}, append(t.args, "-f", of.manifests)...)
	}
	objects := []string{"-objects", of.objects}
	if t.kinds {
		objects = []string{"-objects", of.kinds, "-count", strconv.Itoa(len(of.entries))}
	}
	return slices.Concat([]string{filepath.Join(s.bin, t.program), "-kubeconfig", s.kubeconfig}, objects, t.args)
}

// trust is what `killick run` and `plan` know of --trust.
type trust struct{ run, plan bool }

// trustFlag is how killick is told how much it may believe without asking the
// server.
const trustFlag = "--trust"

func probeTrust(ctx context.Context, killick string) trust {
	knows := func(verb string) bool {
		help, err := exec.CommandContext(ctx, killick, verb, "--help").CombinedOutput()
		return err == nil && bytes.Contains(help, []byte(trustFlag))
	}
	return trust{run: knows("run"), plan: knows("plan")}
}

// Killick's ablations, from knowing nothing to everything.
var ablations = []struct{ mode, name string }{
	{"none", "killick, every object dry-run"},
	{"proof", "killick, T1 (proof) only"},
	{"memo", nameMemo},
	{"idle", nameIdle},
}

// Names that targets are looked up by.
const (
	nameIdle    = "**killick run**, idle skip"
	nameDefault = "**killick run**"
	nameStart   = "killick version (cold start)"
	nameMemo    = "killick, T1 + T2 (memo)"
	nameAudit   = "killick, T1 + T2, five minutes later, with the audit"
	nameFlux4   = "fluxcd/pkg/ssa Diff, concurrency 4"
	nameLists   = "bare LISTs of the same objects"
	nameHeads   = "bare LISTs, metadata alone"
	nameLoop    = "GET + dry-run loop, concurrency 4"
)

func killickRun(s *stage) tool {
	t := tool{name: nameDefault, program: "killick", args: []string{"run", "-o", "json"}, set: setKillick, primed: true, found: killickFound}
	if s.trust.run {
		t.name = nameIdle
	}
	return t
}

// killickMemo is the full run by what was learned before: it fetches, renders and
// compares, but asks about nothing that the memo settles.
func killickMemo(s *stage) tool {
	t := killickRun(s)
	t.name, t.args = nameMemo, append(t.args, trustFlag+"=memo")
	return t
}

func killickPlan(*stage) tool {
	return tool{name: "killick plan", program: "killick", args: []string{"plan", "-o", "json"}, set: setKillick, exits: []int{1, 4}, found: killickFound}
}

func killickHeal(*stage) tool {
	return tool{name: "killick run, putting back", program: "killick", args: []string{"run", "-o", "json"}, set: setKillick, exits: []int{4}, found: killickFound}
}

// killickModes are the runs with each kind of knowledge; without the flag there
// is one.
func killickModes(s *stage) []tool {
	if !s.trust.run {
		return []tool{killickRun(s)}
	}
	var tools []tool
	for _, a := range ablations {
		t := killickRun(s)
		t.name, t.args, t.slow = a.name, append(t.args, trustFlag+"="+a.mode), a.mode == "none"
		t.primed = a.mode == "memo" || a.mode == "idle" // the others believe nothing they learned
		tools = append(tools, t)
	}
	return tools
}

func fluxDiff(concurrency int) tool {
	return tool{name: fmt.Sprintf("fluxcd/pkg/ssa Diff, concurrency %d", concurrency), program: "flux", set: setFlux, slow: true, found: peerFound,
		args: []string{"-op=diff", fmt.Sprintf("-concurrency=%d", concurrency)}}
}

func fluxApply(concurrency int) tool {
	return tool{name: fmt.Sprintf("fluxcd/pkg/ssa ApplyAll, concurrency %d", concurrency), program: "flux", set: setFlux, slow: true, found: peerFound,
		args: []string{"-op=apply", fmt.Sprintf("-concurrency=%d", concurrency)}}
}

func loop() tool {
	return tool{name: nameLoop, program: "plain", set: setPlain, slow: true, found: peerFound, args: []string{"-op=diff", "-concurrency=4"}}
}

// lists reads Killick's objects, and so works on its set.
func lists() tool {
	return tool{name: nameLists, program: "plain", set: setKillick, kinds: true, args: []string{"-op=list", "-concurrency=4"}}
}

// heads are the LISTs as an idle run asks for them.
func heads() tool {
	return tool{name: nameHeads, program: "plain", set: setKillick, kinds: true, args: []string{"-op=heads", "-concurrency=4"}}
}

func argoLegacy() tool {
	return tool{name: "gitops-engine, three-way diff, cache warm", program: "argo", set: setArgo, warm: true, slow: true, found: peerFound,
		args: []string{"-op=legacy", "-concurrency=4", "-warm", "-manager=argocd-controller"}}
}

func argoServerSide() tool {
	return tool{name: "gitops-engine, server-side diff, cache warm", program: "argo", set: setPlain, warm: true, slow: true, found: peerFound,
		args: []string{"-op=server-side", "-concurrency=4", "-warm", "-manager=bench"}}
}

func kubectlDiff() tool {
	return tool{name: "kubectl diff --server-side", program: "kubectl", set: setPlain, slow: true, once: true, exits: []int{1, 2}, found: kubectlFound,
		args: []string{"diff", "--server-side", "--force-conflicts", "--field-manager=bench", "--concurrency=4"},
		env:  []string{"KUBECTL_EXTERNAL_DIFF=diff -u -N"}}
}

func peerFound(_ *stage, _ set, result outcome) ([]string, map[string]string, error) {
	var answer peer.Answer
	if err := json.Unmarshal(result.stdout, &answer); err != nil {
		return nil, nil, fmt.Errorf("reading a peer's answer: %w", err)
	}
	return answer.Differs, answer.Errors, nil
}

// killickFound reads a report: what is not in sync differs, and what could not be
// read or judged is an error.
func killickFound(_ *stage, _ set, result outcome) ([]string, map[string]string, error) {
	said, err := report.Read(bytes.NewReader(result.stdout))
	if err != nil {
		return nil, nil, err
	}
	if len(said.Errors) > 0 {
		return nil, nil, fmt.Errorf("killick: %s: %s", said.Errors[0].Stage, said.Errors[0].Message)
	}
	var differs []string
	failed := map[string]string{}
	for _, app := range said.Apps {
		for _, r := range app.Resources {
			id := peer.ID(r.Group, r.Kind, r.Namespace, r.Name)
			switch r.Drift {
			case "missing", "modified", "extra":
				differs = append(differs, id)
			case "unknown":
				failed[id] = r.Error
			}
		}
	}
	return differs, failed, nil
}

// diffHeader is how diff -u -N names the files that kubectl writes, which are
// named group.version.Kind.namespace.name.
var diffHeader = regexp.MustCompile(`(?m)^diff -u -N \S+/LIVE-\d+/(\S+) `)

func kubectlFound(_ *stage, of set, result outcome) ([]string, map[string]string, error) {
	ids := map[string]string{}
	for _, e := range of.entries {
		kind := e.object.GroupVersionKind()
		parts := []string{kind.Version, kind.Kind, e.object.GetNamespace(), e.object.GetName()}
		if kind.Group != "" {
			parts = append([]string{kind.Group}, parts...)
		}
		ids[strings.Join(parts, ".")] = e.id()
	}
	var differs []string
	for _, match := range diffHeader.FindAllSubmatch(result.stdout, -1) {
		id, known := ids[string(match[1])]
		if !known {
			return nil, nil, fmt.Errorf("kubectl diff names %q, which is none of the objects", match[1])
		}
		differs = append(differs, id)
	}
	failed := map[string]string{}
	if result.Exit > 1 {
		// It stops at the first error and does not say what it left out.
		for _, e := range of.entries {
			if !slices.Contains(differs, e.id()) {
				failed[e.id()] = string(result.stderr)
			}
		}
	}
	return differs, failed, nil
}
