package config

import (
	"net"
	"net/url"
	"path"
	"regexp"
	"strings"
)

const inAFile = "put the credential into a file or an environment variable and name that here"

// literals are field names under which people write a credential itself, in
// lower case without separators, with the field they want instead.
var literals = map[string]string{
	"token": "tokenFile", "accesstoken": "tokenFile", "bottoken": "tokenFile", "apitoken": "tokenFile",
	"password": "passwordFile", "username": "usernameFile", "user": "usernameFile", "passphrase": "sshKeyFile",
	"sshkey": "sshKeyFile", "privatekey": "sshKeyFile", "sshprivatekey": "sshKeyFile",
	"knownhosts": "knownHostsFile", "ca": "caFile", "cadata": "caFile", "cert": "caFile",
	"webhook": "webhookFile", "webhookurl": "webhookFile", "secret": "tokenFile", "credentials": "tokenFile",
}

// literal gives the field to use instead of one that would hold a credential,
// if the struct has it.
func literal(name string, fields []string) string {
	folded := strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
	want := literals[folded]
	for _, field := range fields {
		if field == want {
			return want
		}
	}
	return ""
}

// credentialShapes are values that are credentials wherever they stand: the
// documented prefixes of Slack, GitHub and GitLab tokens, Slack's webhook URLs,
// and PEM private keys.
var credentialShapes = regexp.MustCompile(`xox[a-z]-[0-9A-Za-z-]{8}|xapp-[0-9]|` +
	`gh[opsur]_[0-9A-Za-z]{16}|github_pat_[0-9A-Za-z]{8}|glpat-[0-9A-Za-z_-]{8}|` +
	`hooks\.slack\.com/(services|workflows|triggers)/|-----BEGIN [A-Z ]*PRIVATE KEY`)

// checkGitURL accepts what the source package can fetch: https://HOST/PATH,
// ssh://[USER@]HOST/PATH and [USER@]HOST:PATH. The texts leave the URL out.
func checkGitURL(value string) *complaint {
	remote := "give an https:// or ssh:// URL of a Git repository"
	if scpLike.MatchString(value) {
		return nil
	}
	parsed, err := url.Parse(value)
	if err != nil {
		return &complaint{says: "is not a URL", hint: remote}
	}
	switch parsed.Scheme {
	case "https":
		if parsed.User != nil {
			return &complaint{says: "holds a credential", hint: "leave user and password out of the URL; use tokenFile, or usernameFile with passwordFile"}
		}
	case "ssh":
		if _, has := parsed.User.Password(); has {
			return &complaint{says: "holds a credential", hint: "leave the password out of the URL; use sshKeyFile with knownHostsFile"}
		}
	case "http", "git":
		return &complaint{says: "is not encrypted", hint: remote}
	default:
		return &complaint{says: "is neither an https nor an ssh URL", hint: remote}
	}
	if parsed.Host == "" || strings.Trim(parsed.Path, "/") == "" {
		return &complaint{says: "names no host or no repository", hint: remote}
	}
	if parsed.RawQuery != "" || parsed.Fragment != "" {
		return &complaint{says: "has a query or a fragment", hint: "the ref is a field of its own, and credentials are named in fields of their own"}
	}
	return nil
}

// checkWebURL keeps credentials out of what everybody in a channel reads.
func checkWebURL(value string) *complaint {
	parsed, err := url.Parse(value)
	switch {
	case err != nil || parsed.Hostname() == "":
		return &complaint{says: "is not a URL"}
	case parsed.User != nil:
		return &complaint{says: "holds a credential", hint: "leave user and password out of the URL"}
	case parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "":
		return &complaint{says: "has a query or a fragment", hint: "give the repository's own page"}
	}
	return nil
}

// checkRepoFlag is checkGitURL for --repo, which whoever starts the process
// gives: there a server on this machine may be plain HTTP, since nobody stands in
// between. In the file it may not: a repository must not reach the pod's own
// ports.
func checkRepoFlag(value string) *complaint {
	if parsed, err := url.Parse(value); err == nil && parsed.Scheme == "http" && parsed.User == nil && loopback(parsed.Hostname()) {
		return nil
	}
	return checkGitURL(value)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// scpLike is Git's short form of an ssh URL (git-fetch(1), GIT URLS).
var scpLike = regexp.MustCompile(`^([A-Za-z0-9._-]+@)?[A-Za-z0-9][A-Za-z0-9.-]*:[^/\s:][^\s:]*$`)

// overSSH says whether a URL that passed checkGitURL is fetched over ssh.
func overSSH(gitURL string) bool {
	return strings.HasPrefix(gitURL, "ssh://") || scpLike.MatchString(gitURL)
}

// checkCredentialFile keeps whoever may edit the config from sending the pod's
// own identity, or its kernel state, to a server of their choice.
func checkCredentialFile(value string) *complaint {
	clean := path.Clean(value)
	for _, root := range []string{"/var/run/secrets/kubernetes.io", "/run/secrets/kubernetes.io", "/proc", "/sys", "/dev"} {
		if clean == root || strings.HasPrefix(clean, root+"/") {
			return &complaint{says: "is not a credential for this", hint: "name a file of its own, mounted from a Secret, such as /etc/killick/git/token"}
		}
	}
	return nil
}

// misuse is one wrong combination of a repository's credentials.
type misuse struct {
	field string // JSON name of the field to point at
	complaint
}

// combination finds what does not fit together in a repository's credentials:
// half of a pair, two ways at once, or a way that the URL cannot use.
func (r Repository) combination() []misuse {
	var wrong []misuse
	add := func(field, says, hint string) {
		wrong = append(wrong, misuse{field, complaint{says, hint}})
	}
	pair := func(have, haveField, need, needField string) {
		if have != "" && need == "" {
			add(haveField, "needs "+needField+" beside it", "")
		}
	}
	pair(r.UsernameFile, "usernameFile", r.PasswordFile, "passwordFile")
	pair(r.PasswordFile, "passwordFile", r.UsernameFile, "usernameFile")
	if r.TokenFile != "" && r.TokenEnv != "" {
		add("tokenEnv", "is given beside tokenFile", "keep one of them")
	}
	if (r.TokenFile != "" || r.TokenEnv != "") && (r.UsernameFile != "" || r.PasswordFile != "") {
		add("usernameFile", "is given beside a token", "use a token, or user name and password")
	}
	if r.URL == "" || checkGitURL(r.URL) != nil {
		return wrong
	}
	if !overSSH(r.URL) {
		if r.SSHKeyFile != "" {
			add("sshKeyFile", "is for ssh URLs, and this one is https", "")
		}
		if r.KnownHostsFile != "" {
			add("knownHostsFile", "is for ssh URLs, and this one is https", "")
		}
		return wrong
	}
	pair(r.SSHKeyFile, "sshKeyFile", r.KnownHostsFile, "knownHostsFile")
	for field, value := range map[string]string{"tokenFile": r.TokenFile, "tokenEnv": r.TokenEnv,
		"usernameFile": r.UsernameFile, "passwordFile": r.PasswordFile, "caFile": r.CAFile} {
		if value != "" {
			add(field, "is for https URLs, and this one is ssh", "use sshKeyFile with knownHostsFile")
		}
	}
	if r.SSHKeyFile == "" {
		add("url", "is ssh, so it needs sshKeyFile and knownHostsFile", "")
	}
	return wrong
}
