// Command renders measures what a render costs beside the programs whose output it has to
// equal: the helm and kustomize of the versions of Killick's libraries (see the module
// ../references). Each render is a process of its own, so that its CPU time, with that of
// its children, is the kernel's account of it; the programs take turns, and the median of
// the rounds counts.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

func main() {
	var b bench
	flag.StringVar(&b.killick, "killick", "bin/killick", "the killick `binary` to measure")
	flag.StringVar(&b.bin, "bin", "bin/peers", "`folder` of helm and kustomize")
	flag.IntVar(&b.rounds, "rounds", 5, "how often each render is measured")
	flag.Parse()
	if err := b.run(os.Stdout, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "renders:", err)
		os.Exit(1)
	}
}

type bench struct {
	killick, bin string
	rounds       int
}

// What a render may cost, as a multiple of the reference's CPU time.
const (
	helmTarget      = 2.5
	kustomizeTarget = 2.0
)

// input is one folder to render.
type input struct {
	name, folder string
	chart        bool
}

// run measures the made inputs, and further charts in the folders that are named.
func (b bench) run(out io.Writer, charts []string) error {
	for _, program := range []*string{&b.killick, &b.bin} {
		whole, err := filepath.Abs(*program)
		if err != nil {
			return err
		}
		*program = whole
	}
	dir, err := os.MkdirTemp("", "killick-renders-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	inputs, err := makeInputs(dir)
	if err != nil {
		return err
	}
	for _, chart := range charts {
		name := filepath.Base(chart)
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(chart)); err != nil {
			return err
		}
		inputs = append(inputs, input{name: name, folder: name, chart: true})
	}
	fmt.Fprint(out, "| render | reference, CPU s | killick, CPU s | ÷ | wanted | |\n|---|--:|--:|--:|--:|---|\n")
	for _, in := range inputs {
		reference, own, err := b.measure(dir, in)
		if err != nil {
			return fmt.Errorf("%s: %w", in.name, err)
		}
		target, verdict := kustomizeTarget, "met"
		if in.chart {
			target = helmTarget
		}
		ratio := own.Seconds() / reference.Seconds()
		if ratio > target {
			verdict = "missed"
		}
		fmt.Fprintf(out, "| %s | %.2f | %.2f | %.2f | ≤ %.1f | %s |\n", in.name, reference.Seconds(), own.Seconds(), ratio, target, verdict)
	}
	return nil
}

// measure renders one input by both programs in turn.
func (b bench) measure(dir string, in input) (reference, own time.Duration, err error) {
	config := filepath.Join(dir, in.folder+".killick.yaml")
	settings := ""
	theirs := []string{filepath.Join(b.bin, "kustomize"), "build", in.folder}
	if in.chart {
		settings = ", helm: {includeCRDs: true}"
		theirs = []string{filepath.Join(b.bin, "helm"), "template", "shop", in.folder, "--namespace", "shop", "--include-crds", "--kube-version", "v1.36.3"}
	}
	text := "apiVersion: killick.dev/v1alpha1\nkind: Config\ncluster: {name: bench}\napps: [{name: shop, namespace: shop, secrets: manage, path: " + in.folder + settings + "}]\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return 0, 0, err
	}
	ours := []string{b.killick, "render", "--offline", "--worktree", "--repo", dir, "--config", filepath.Base(config)}
	var times [2][]time.Duration
	for range max(b.rounds, 1) {
		for i, args := range [][]string{theirs, ours} {
			took, err := cpu(dir, args)
			if err != nil {
				return 0, 0, err
			}
			times[i] = append(times[i], took)
		}
	}
	return median(times[0]), median(times[1]), nil
}

// cpu is what a command and its children took.
func cpu(dir string, args []string) (time.Duration, error) {
	command := exec.Command(args[0], args[1:]...)
	command.Dir = dir
	if _, err := command.Output(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return 0, fmt.Errorf("%s: %w: %.400s", filepath.Base(args[0]), err, exit.Stderr)
		}
		return 0, err
	}
	return command.ProcessState.UserTime() + command.ProcessState.SystemTime(), nil
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}
