// Command controlplane is etcd, kube-apiserver, kube-controller-manager,
// kube-scheduler and kwok in one multi-call binary: the first argument names
// the component, the rest are its own flags. One binary is linked once, where
// five would each link most of Kubernetes again.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	"sigs.k8s.io/kwok/pkg/config"
	kwok "sigs.k8s.io/kwok/pkg/kwok/cmd"
	"sigs.k8s.io/kwok/pkg/log"
	"sigs.k8s.io/kwok/pkg/utils/signals"

	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

const usage = "usage: controlplane etcd|kube-apiserver|kube-controller-manager|kube-scheduler|kwok [flags]"

// parentPipe, when set in the environment, says that standard input is a pipe
// that the parent holds open for as long as it lives.
const parentPipe = "KILLICK_PARENT_PIPE"

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	if os.Getenv(parentPipe) != "" {
		go exitWithParent(os.Stdin)
	}
	component := os.Args[1]
	os.Args = append([]string{component}, os.Args[2:]...)
	switch component {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllers.NewControllerManagerCommand()))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	case "kwok":
		command, err := newKwok()
		if err != nil {
			fmt.Fprintln(os.Stderr, "reading kwok's configuration:", err)
			os.Exit(2)
		}
		if err := command.Execute(); err != nil {
			fmt.Fprintln(os.Stderr, "kwok:", err)
			os.Exit(1)
		}
	default:
		fmt.Fprintf(os.Stderr, "unknown component %q; %s\n", component, usage)
		os.Exit(2)
	}
}

// exitWithParent ends this process when the parent's end of the pipe closes,
// which the system does for a parent that was killed.
func exitWithParent(stdin io.Reader) {
	_, _ = io.Copy(io.Discard, stdin) // any end of the pipe is the parent's end
	os.Exit(1)
}

// newKwok is kwok's own main: --config is read before the command is made,
// since the command's defaults come from it.
func newKwok() (*cobra.Command, error) {
	// Kubernetes' packages put a --version of another type here when they are
	// imported, and cobra would add it to the command.
	pflag.CommandLine = pflag.NewFlagSet("kwok", pflag.ContinueOnError)
	flags := pflag.NewFlagSet("global", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	ctx, _ := log.InitFlags(signals.SetupSignalContext(), flags)
	ctx, err := config.InitFlags(ctx, flags)
	if err != nil {
		return nil, err
	}
	command := kwok.NewCommand(ctx)
	command.PersistentFlags().AddFlagSet(flags)
	command.SetContext(ctx)
	return command, nil
}
