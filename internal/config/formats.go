package config

import (
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/killick-dev/killick/internal/drift"
)

// format is what a string must look like. The pattern also goes into the JSON
// Schema, so it is written in the part of the syntax that RE2 and ECMA 262
// share.
type format struct {
	pattern *regexp.Regexp
	longest int // in bytes; 0 means no limit
	// says completes "must be …".
	says string
	hint string
	// secret values are never repeated in an error: the user may have put the
	// credential itself there.
	secret bool
	// check finds what a pattern cannot say; it is only asked when the pattern
	// matches.
	check func(value string) *complaint
}

// complaint is what is wrong with a value and what to do about it.
type complaint struct {
	says string
	hint string
}

const (
	label     = `[a-z0-9]([-a-z0-9]*[a-z0-9])?`
	subdomain = label + `(\.` + label + `)*`
)

// formats are the string formats by the name that field tags use. Sources: DNS
// labels and subdomains are RFC 1123 as Kubernetes validates names; releaseName
// is Helm's chartutil.ValidateReleaseName; ref is git-check-ref-format(1).
var formats = map[string]format{
	"label": {
		pattern: regexp.MustCompile(`^` + label + `$`), longest: 63,
		says: "a DNS label: lower-case letters, digits and '-', at most 63 characters",
	},
	"clusterName": {
		pattern: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]*$`), longest: 253,
		says: "letters, digits and any of . _ : / @ -, starting with a letter or digit",
	},
	"uid": {
		pattern: regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`),
		says:    "a UID such as 6f1c7a52-0d0b-4d8e-9a53-0c6f1d6f7a10",
		hint:    "kubectl get namespace kube-system -o jsonpath={.metadata.uid}",
	},
	"gitURL": {
		pattern: regexp.MustCompile(`^\S+$`), secret: true,
		says: "an https or ssh URL", check: checkGitURL,
	},
	"webURL": {
		pattern: regexp.MustCompile(`^https?://[^\s"<>|]+$`), longest: 500, secret: true,
		says: "the https or http URL of a page", hint: "the address of the repository's page in a browser, such as https://git.example.com/platform/clusters",
		check: checkWebURL,
	},
	"ref": {
		pattern: regexp.MustCompile(`^[^-/\s~^:?*\[\\][^\s~^:?*\[\\]*$`), longest: 255,
		says: "a branch, a tag or a full commit", check: checkRef,
	},
	"repoPath": {
		pattern: regexp.MustCompile(`^[^/\s\\][^\\]*$`),
		says:    "a path from the repository's root, without a leading slash",
		check:   checkRepoPath,
	},
	"credentialFile": {
		pattern: regexp.MustCompile(`^/[^\s]+$`), secret: true,
		says: "the absolute path of a file", hint: "credentials never stand in the config: mount the Secret as a file and name that file",
		check: checkCredentialFile,
	},
	"envName": {
		pattern: regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`), secret: true,
		says: "the name of an environment variable", hint: "credentials never stand in the config: name the variable that holds it",
	},
	"serviceAccount": {
		pattern: regexp.MustCompile(`^(` + label + `/)?` + subdomain + `$`), longest: 317,
		says: "NAME or NAMESPACE/NAME of a ServiceAccount",
	},
	"text": {
		pattern: regexp.MustCompile(`\S`), longest: 500,
		says: "a text of at most 500 characters",
	},
	"duration": {
		pattern: regexp.MustCompile(`^([0-9]+(\.[0-9]+)?(h|m|s|ms))+$`), longest: 30,
		says: "a duration such as 30s, 5m or 1h30m", hint: "write a unit, such as 90s; 0s is no time at all",
		check: checkDuration,
	},
	"releaseName": {
		pattern: regexp.MustCompile(`^` + subdomain + `$`), longest: 53,
		says: "a Helm release name: lower-case letters, digits, '-' and '.', at most 53 characters",
	},
	"valueFile": {
		pattern: regexp.MustCompile(`^[^\\]*[^\\/]$`),
		says:    "a path relative to the chart, or from the repository's root with a leading slash", check: checkValueFile,
	},
	"unprotect": {
		pattern: regexp.MustCompile(`^[A-Z][A-Za-z0-9]*(\.` + subdomain + `)?(/[^/%\s]+)?$`),
		says:    "Kind, Kind.group, Kind/name or Kind.group/name",
		hint:    "a kind is written as in a manifest: PersistentVolumeClaim, Certificate.cert-manager.io, Namespace/scratch",
	},
	"acceptHash": {
		pattern: regexp.MustCompile(`^[0-9a-f]{32}$`),
		says:    "a hash as killick plan prints it: 32 lower-case hex digits", hint: "killick plan prints the line to paste",
	},
	"fieldManager": {
		pattern: regexp.MustCompile(`^(\*[^*]+|[^*]+\*?)$`), longest: 128,
		says: "a field manager: its name, NAME* or *NAME",
		hint: "kubectl get -o yaml --show-managed-fields shows who wrote what under metadata.managedFields", check: checkFieldManager,
	},
	"pointer": {
		pattern: regexp.MustCompile(`^(/([^/~]|~[01])+)+$`), longest: 512,
		says: "a JSON pointer without empty parts, such as /metadata/annotations/example.com~1stamp",
		hint: "a / inside a name is written ~1, a ~ is written ~0", check: checkPointer,
	},
	"namespacePattern": {
		pattern: regexp.MustCompile(`^[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?$`), longest: 63,
		says: "a namespace, in which * matches any number of characters",
	},
	"area": {
		pattern: regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`), longest: 63,
		says: "the name of a Rego package below drift: letters, digits and '_'", check: checkArea,
	},
	"route": {
		pattern: regexp.MustCompile(`^[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`), longest: 63,
		says: "lower-case letters, digits, '-' and '_'",
	},
	"channel": {
		pattern: regexp.MustCompile(`^[CDG][A-Z0-9]{8,20}$`),
		says:    "a channel ID such as C0123456789",
		hint:    "Slack shows a channel's ID at the bottom of its details; a name can be given to another channel, an ID cannot",
	},
}

// checkDuration refuses what the pattern cannot: more than Go's durations hold.
func checkDuration(value string) *complaint {
	if _, err := time.ParseDuration(value); err != nil {
		return &complaint{says: "is longer than anybody waits"}
	}
	return nil
}

// checkRef follows git-check-ref-format(1) as far as it keeps a name from
// meaning something else to a server or a file system.
func checkRef(value string) *complaint {
	for part := range strings.SplitSeq(value, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return &complaint{says: "has an empty part, or one that Git does not allow"}
		}
	}
	if strings.Contains(value, "..") || strings.Contains(value, "@{") || strings.HasSuffix(value, ".") || value == "@" {
		return &complaint{says: "is not a name that Git allows", hint: "give a branch, a tag or a full commit, not an expression"}
	}
	if hasControl(value) {
		return &complaint{says: "contains control characters"}
	}
	return nil
}

func checkRepoPath(value string) *complaint {
	clean := path.Clean(value)
	if clean == ".." || strings.HasPrefix(clean, "../") {
		return &complaint{says: "leads out of the repository"}
	}
	if hasControl(value) {
		return &complaint{says: "contains control characters"}
	}
	return nil
}

func checkValueFile(value string) *complaint {
	if strings.Contains(value, "://") {
		return &complaint{says: "is a URL", hint: "value files are read from the repository only; copy the file there"}
	}
	if hasControl(value) {
		return &complaint{says: "contains control characters"}
	}
	return nil
}

// checkArea refuses the areas that docs/policies.md reserves, and Rego's keywords,
// which no package can be named.
func checkArea(value string) *complaint {
	switch value {
	case "lib", "testing":
		return &complaint{says: "is reserved for Killick's own library", hint: "choose another name for the area"}
	case "as", "contains", "data", "default", "else", "every", "false", "if", "import", "in", "input", "not", "null",
		"package", "some", "true", "with":
		return &complaint{says: "is a Rego keyword, so no package can have this name"}
	}
	if strings.HasSuffix(value, "_test") {
		return &complaint{says: "ends in _test", hint: "packages that end in _test are tests and are not loaded by runs"}
	}
	return nil
}

// checkFieldManager keeps Killick's own names: whose its fields are is no matter
// of taste.
func checkFieldManager(value string) *complaint {
	if hasControl(value) {
		return &complaint{says: "contains control characters"}
	}
	if value == drift.FieldManager || value == drift.ParentFieldManager {
		return &complaint{says: "is Killick's own name"}
	}
	return nil
}

func checkPointer(value string) *complaint {
	if hasControl(value) {
		return &complaint{says: "contains control characters"}
	}
	return nil
}

func hasControl(value string) bool {
	return strings.ContainsFunc(value, func(r rune) bool { return r < 0x20 || r == 0x7f })
}
