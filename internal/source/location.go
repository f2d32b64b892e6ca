package source

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// location is a parsed repository URL, without credentials.
type location struct {
	scheme string // https, http or ssh; "" is a local path
	host   string // without port; IPv6 without brackets
	port   string // "" means the scheme's own
	user   string // ssh only
	path   string // as the server is asked for it; for local, the path
	// display is what reports and errors show.
	display string
}

func (l location) local() bool { return l.scheme == "" }

// Local says that a repository is named by a path on this machine.
func Local(raw string) bool {
	where, err := parseLocation(raw)
	return err == nil && where.local()
}

// defaultSSHUser is the user of hosting services, and of gitolite and Gitea.
const defaultSSHUser = "git"

var (
	schemeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)
	// scpForm is git's own short form, host:path with a colon before any slash
	// (gitglossary and git-clone, "GIT URLS").
	scpForm = regexp.MustCompile(`^(?:([^@/:]+)@)?(\[[0-9A-Fa-f:.]+\]|[^@/:\[\]]+):(.+)$`)
)

// parseLocation reads a repository URL or path. Errors never repeat what may be
// a credential.
func parseLocation(raw string) (location, error) {
	switch {
	case raw == "":
		return location{}, problem("give --repo, or url in the configuration",
			errors.New("reading a repository: no URL or path given"))
	case clean(raw, len(raw)) != raw:
		return location{}, problem("",
			errors.New("reading a repository URL: it contains control characters or stray white space"))
	case schemeForm.MatchString(raw):
		return parseURL(raw)
	}
	if spillsCredentials(raw) {
		return location{}, problem("write https://host/path with tokenFile, ssh://git@host/path, git@host:path or a path",
			errors.New("reading a repository URL: it looks as if it contains credentials"))
	}
	if match := scpForm.FindStringSubmatch(raw); match != nil {
		return parseSCP(raw, match[1], match[2], match[3])
	}
	return location{path: raw, display: raw}, nil
}

func parseURL(raw string) (location, error) {
	shown := display(raw)
	refuse := func(hint, format string, args ...any) (location, error) {
		return location{}, problem(hint, fmt.Errorf("reading repository URL %q: %w", shown, fmt.Errorf(format, args...)))
	}
	parsed, err := url.Parse(raw)
	if err != nil {
		// The parser's error repeats the URL, password included.
		return refuse("", "it is not a valid URL")
	}
	scheme := strings.ToLower(parsed.Scheme)
	_, password := parsed.User.Password()
	const elsewhere = "remove it from the URL and use tokenFile, tokenEnv, usernameFile with passwordFile, or sshKeyFile (--git-token-file and so on)"
	switch {
	case scheme == "file":
		return refuse("write the path itself, without file://", "scheme %q is not supported", "file")
	case scheme != "https" && scheme != "http" && scheme != "ssh":
		return refuse("use https:// or ssh://", "scheme %q is not supported", scheme)
	case scheme != "ssh" && parsed.User != nil, password:
		return refuse(elsewhere, "it contains credentials")
	case looksCredentialed(raw):
		return refuse(elsewhere+"; an @ that belongs to the path is written %40", "it looks as if it contains credentials")
	case parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "":
		return refuse("a ref is given with --ref, a credential as a file", "it has a query or a fragment")
	case parsed.Hostname() == "":
		return refuse("", "it names no host")
	case scheme == "http" && !loopback(parsed.Hostname()):
		return refuse("use https://", "http is accepted for loopback hosts only, since it shows credentials and content to everybody in between")
	}
	where := location{
		scheme: scheme, host: parsed.Hostname(), port: parsed.Port(),
		path: parsed.EscapedPath(), display: clean(raw, 300),
	}
	if scheme != "ssh" {
		return where, nil
	}
	where.user = defaultSSHUser
	if parsed.User != nil {
		where.user = parsed.User.Username()
	}
	// As git does: ssh://host/~user/path means ~user/path on the server.
	where.path = parsed.Path
	if strings.HasPrefix(where.path, "/~") {
		where.path = where.path[1:]
	}
	return checkSSH(where)
}

// spillsCredentials says whether what is not a URL holds user:password@host.
func spillsCredentials(raw string) bool {
	colon := strings.Index(raw, ":")
	return colon >= 0 && strings.Contains(raw[colon:], "@")
}

// looksCredentialed says whether a URL that parses without a password may still
// hold one: user:pass/word@host is host "user", port "pass" to a parser.
func looksCredentialed(raw string) bool {
	_, rest, _ := strings.Cut(raw, "://")
	slash := strings.Index(rest, "/")
	at := strings.LastIndex(rest, "@")
	return slash >= 0 && at > slash && strings.Contains(rest[:at], ":")
}

func parseSCP(raw, user, host, path string) (location, error) {
	if strings.HasPrefix(path, ":") {
		// ext::, fd:: and the like run commands when git sees them.
		return location{}, problem("use https://, ssh://, git@host:path or a path",
			fmt.Errorf("reading repository URL %q: transport helpers are not supported", clean(host, 20)+"::…"))
	}
	if user == "" {
		user = defaultSSHUser
	}
	return checkSSH(location{
		scheme: "ssh", user: user, host: strings.Trim(host, "[]"), path: path, display: raw,
	})
}

// checkSSH refuses what a server's command line or a known_hosts lookup could
// take for an option (CVE-2017-1000117).
func checkSSH(where location) (location, error) {
	for _, part := range []string{where.user, where.host, where.path} {
		if part == "" || part == "/" || strings.HasPrefix(part, "-") {
			return location{}, problem("write ssh://git@host/path or git@host:path",
				fmt.Errorf("reading repository URL %q: its user, host or path is empty or begins with a dash", where.display))
		}
	}
	return where, nil
}

// display shows a URL that was not parsed, or was refused, without user
// information, query and fragment. Where an "@" stands behind the host, a
// password with an unescaped slash or hash may be spread over what looks like
// host and path; then nothing but the scheme is shown.
func display(raw string) string {
	if !schemeForm.MatchString(raw) {
		if spillsCredentials(raw) {
			return "***"
		}
		return clean(raw, 300)
	}
	scheme, rest, _ := strings.Cut(raw, "://")
	authority := rest
	if cut := strings.IndexAny(rest, "/?#"); cut >= 0 {
		authority = rest[:cut]
	}
	behind := rest[len(authority):]
	if strings.Contains(behind, "@") {
		return scheme + "://***"
	}
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		authority = "***@" + authority[at+1:]
	}
	path, _, _ := strings.Cut(behind, "?")
	path, _, _ = strings.Cut(path, "#")
	return clean(scheme+"://"+authority+path, 300)
}

// address is host:port for dialling and for known_hosts.
func (l location) address(defaultPort string) string {
	port := l.port
	if port == "" {
		port = defaultPort
	}
	return net.JoinHostPort(l.host, port)
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
