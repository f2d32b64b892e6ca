package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/killick-dev/killick/internal/drift"
)

// EnvPrefix begins every environment variable that sets a flag.
const EnvPrefix = "KILLICK_"

// EnvName is the variable that sets a flag: "git-token-file" →
// KILLICK_GIT_TOKEN_FILE.
func EnvName(flag string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// FromEnv sets every flag that the command line left alone and that has a
// variable: flag before environment before default. A variable that is empty
// counts as not set, because templates often leave an empty one behind. A list
// flag takes its values separated by commas. The error is a Problems that names
// each variable whose value does not fit, without its value.
func FromEnv(fs *pflag.FlagSet, lookup func(name string) (string, bool)) error {
	var problems Problems
	fs.VisitAll(func(flag *pflag.Flag) {
		if flag.Changed || flag.Name == "help" {
			return
		}
		name := EnvName(flag.Name)
		value, ok := lookup(name)
		if !ok || value == "" {
			return
		}
		if err := set(fs, flag, value); err != nil {
			problems = append(problems, &drift.Problem{
				Stage: "config",
				Hint:  fmt.Sprintf("%s sets --%s: %s", name, flag.Name, flag.Usage),
				Err:   fmt.Errorf("reading the environment variable %s: %w", name, err),
			})
		}
	})
	if len(problems) == 0 {
		return nil
	}
	return problems
}

// set gives a flag its value; a list is split at commas.
func set(fs *pflag.FlagSet, flag *pflag.Flag, value string) error {
	values := []string{value}
	if _, list := flag.Value.(pflag.SliceValue); list {
		values = strings.Split(value, ",")
	}
	for _, one := range values {
		err := fs.Set(flag.Name, strings.TrimSpace(one))
		var invalid *pflag.InvalidValueError
		if errors.As(err, &invalid) {
			return fmt.Errorf("its value is not a valid %s", flag.Value.Type())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// serviceLink matches what Kubernetes puts into every pod for a Service whose
// name begins with killick (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables);
// nobody meant those for us.
var serviceLink = regexp.MustCompile(`(_SERVICE_HOST|_SERVICE_PORT(_.*)?|_PORT|_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// What the chart tells a run about itself. These set no flag: there is nothing to choose.
const (
	EnvOwnNames     = EnvPrefix + "OWN_NAMES"     // what no app may manage, separated by commas
	EnvJobName      = EnvPrefix + "JOB_NAME"      // the Job of this Pod
	EnvJobNamespace = EnvPrefix + "JOB_NAMESPACE" // its namespace
)

// UnknownEnv warns about each variable of environ ("NAME=value") that begins
// with KILLICK_ and sets no flag of any of the sets, with the name that was
// likely meant. Names in allowed, such as Config.EnvNames, are left out. Values
// are never repeated.
func UnknownEnv(environ, allowed []string, sets ...*pflag.FlagSet) []string {
	known := []string{EnvOwnNames, EnvJobName, EnvJobNamespace}
	for _, fs := range sets {
		fs.VisitAll(func(flag *pflag.Flag) { known = append(known, EnvName(flag.Name)) })
	}
	var warnings []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, EnvPrefix) || slices.Contains(known, name) || slices.Contains(allowed, name) {
			continue
		}
		if serviceLink.MatchString(strings.TrimPrefix(name, strings.TrimSuffix(EnvPrefix, "_"))) {
			continue
		}
		warning := fmt.Sprintf("the environment variable %s sets no flag", name)
		if near := drift.Near(name, known); len(near) > 0 {
			warning += fmt.Sprintf("; did you mean %s?", near[0])
		}
		warnings = append(warnings, warning)
	}
	slices.Sort(warnings)
	return warnings
}
