package githost

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// WebHost is the software that shows a repository in a browser: each has its own
// addresses for commits and files.
type WebHost string

// The hosts whose addresses are known.
const (
	GitHub          WebHost = "github"
	GitLab          WebHost = "gitlab"
	Bitbucket       WebHost = "bitbucket"
	BitbucketServer WebHost = "bitbucket-server" // and Data Center
	Gitea           WebHost = "gitea"
	Forgejo         WebHost = "forgejo"
	AzureDevOps     WebHost = "azure-devops"
)

// Web is where people can read a repository in a browser. The zero value is nowhere:
// whatever would be a guess makes no link.
type Web struct {
	URL  string  `json:"url"` // of the repository's page, without credentials
	Host WebHost `json:"host"`
}

// publicHosts are the services that anybody can use, by the hosts of their URLs, those of
// ssh over port 443 included, with the host of their pages.
var publicHosts = map[string]struct {
	host  WebHost
	pages string
}{
	"github.com": {GitHub, "github.com"}, "ssh.github.com": {GitHub, "github.com"},
	"gitlab.com": {GitLab, "gitlab.com"}, "altssh.gitlab.com": {GitLab, "gitlab.com"},
	"bitbucket.org": {Bitbucket, "bitbucket.org"}, "altssh.bitbucket.org": {Bitbucket, "bitbucket.org"},
	"codeberg.org": {Forgejo, "codeberg.org"}, "gitea.com": {Gitea, "gitea.com"},
	"dev.azure.com": {AzureDevOps, "dev.azure.com"}, "ssh.dev.azure.com": {AzureDevOps, "dev.azure.com"},
	"vs-ssh.visualstudio.com": {AzureDevOps, "dev.azure.com"},
}

// HostOf is the software behind a page, known for public services only.
func HostOf(page string) WebHost {
	parsed, err := url.Parse(page)
	if err != nil {
		return ""
	}
	host, _ := publicHost(strings.ToLower(parsed.Hostname()))
	return host
}

// publicHost knows the services above, and the subdomains that two of them give to each
// customer.
func publicHost(host string) (kind WebHost, pages string) {
	if known, ok := publicHosts[host]; ok {
		return known.host, known.pages
	}
	customer, rest, _ := strings.Cut(host, ".")
	switch {
	case customer == "":
	case rest == "ghe.com":
		return GitHub, host
	case rest == "visualstudio.com":
		return AzureDevOps, host
	}
	return "", ""
}

// WebOf derives the page of a repository from the URL that it is fetched from, where that
// is one of a public service. User, password and query of the URL are not part of it.
func WebOf(repository string) Web {
	host, path, ssh := SplitGitURL(repository)
	kind, pages := publicHost(strings.ToLower(host))
	if kind == "" {
		return Web{}
	}
	parts := segments(path)
	if kind == AzureDevOps {
		parts = azureParts(parts, ssh, pages)
	} else if n := len(parts); n > 0 {
		parts[n-1] = strings.TrimSuffix(parts[n-1], ".git")
	}
	switch n := len(parts); {
	case n == 0, slices.Contains(parts, ""), kind != GitLab && kind != AzureDevOps && n != 2, n < 2, strings.HasSuffix(parts[n-1], ".wiki"):
		return Web{}
	}
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return Web{URL: "https://" + pages + "/" + strings.Join(parts, "/"), Host: kind}
}

// scpURL is Git's short form, [USER@]HOST:PATH.
var scpURL = regexp.MustCompile(`^(?:[^@/:]+@)?([A-Za-z0-9][A-Za-z0-9.-]*):([^\s:]+)$`)

// SplitGitURL takes an https or ssh URL apart; the path is empty for any other. A port of
// its own says that https is not answered by the service itself.
func SplitGitURL(repository string) (host, path string, ssh bool) {
	if match := scpURL.FindStringSubmatch(repository); match != nil && !strings.Contains(repository, "://") {
		return match[1], match[2], true
	}
	parsed, err := url.Parse(repository)
	if err != nil {
		return "", "", false
	}
	switch scheme := strings.ToLower(parsed.Scheme); {
	case scheme == "ssh":
		return parsed.Hostname(), parsed.EscapedPath(), true
	case scheme == "https" && (parsed.Port() == "" || parsed.Port() == "443"):
		return parsed.Hostname(), parsed.EscapedPath(), false
	}
	return "", "", false
}

// segments are the parts of an escaped path, unescaped; nil where it is not a plain one.
func segments(path string) []string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil || plain == "" || plain == "." || plain == ".." || strings.ContainsAny(plain, "/\\") {
			return nil
		}
		parts[i] = plain
	}
	return parts
}

// azureParts are the parts of a repository's page: ORG/PROJECT/_git/REPO, or without the
// project where it has the repository's name, or without the organisation where the host
// names it. By ssh it is v3/ORG/PROJECT/REPO.
// (https://learn.microsoft.com/en-us/azure/devops/repos/git/use-ssh-keys-to-authenticate)
func azureParts(parts []string, ssh bool, pages string) []string {
	if ssh {
		if len(parts) != 4 || parts[0] != "v3" {
			return nil
		}
		return []string{parts[1], parts[2], "_git", parts[3]}
	}
	at := slices.Index(parts, "_git")
	own := pages != "dev.azure.com" // the host names the organisation
	switch {
	case at < 0 || at != len(parts)-2:
		return nil
	case own && at <= 2, !own && (at == 1 || at == 2):
		return parts
	}
	return nil
}

// commitID is a full object name, SHA-1 or SHA-256.
var commitID = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// Commit is the address of a commit's page; empty when there is none.
func (w Web) Commit(commit string) string {
	if w.URL == "" || !commitID.MatchString(commit) {
		return ""
	}
	switch w.Host {
	case GitHub, Gitea, Forgejo, AzureDevOps:
		return w.URL + "/commit/" + commit
	case GitLab:
		return w.URL + "/-/commit/" + commit
	case Bitbucket, BitbucketServer:
		return w.URL + "/commits/" + commit
	}
	return ""
}

// File is the address of a file at a commit, and of a line in it (1-based; 0: the file);
// empty when there is none.
func (w Web) File(commit, file string, line int) string {
	parts := strings.Split(file, "/")
	if w.URL == "" || !commitID.MatchString(commit) || file == "" {
		return ""
	}
	escaped, asValue := make([]string, len(parts)), make([]string, len(parts))
	for i, part := range parts {
		if part == "" || part == "." || part == ".." {
			return ""
		}
		escaped[i] = url.PathEscape(part)
		asValue[i] = strings.ReplaceAll(url.QueryEscape(part), "+", "%20")
	}
	path, anchor := strings.Join(escaped, "/"), func(mark string) string {
		if line <= 0 {
			return ""
		}
		return mark + strconv.Itoa(line)
	}
	switch w.Host {
	case GitHub:
		return w.URL + "/blob/" + commit + "/" + path + anchor("#L")
	case GitLab:
		return w.URL + "/-/blob/" + commit + "/" + path + anchor("#L")
	case Gitea, Forgejo:
		return w.URL + "/src/commit/" + commit + "/" + path + anchor("#L")
	case Bitbucket:
		return w.URL + "/src/" + commit + "/" + path + anchor("#lines-")
	case BitbucketServer:
		return w.URL + "/browse/" + path + "?at=" + commit + anchor("#")
	case AzureDevOps:
		return w.URL + "?path=/" + strings.Join(asValue, "/") + "&version=GC" + commit + azureLine(line)
	}
	return ""
}

// azureLine selects one line, as a selection up to the beginning of the next.
func azureLine(line int) string {
	if line <= 0 {
		return ""
	}
	return "&line=" + strconv.Itoa(line) + "&lineEnd=" + strconv.Itoa(line+1) + "&lineStartColumn=1&lineEndColumn=1"
}

// FilePlace takes FileLine's "file:line" apart; the line is 0 where there is none.
func FilePlace(place string) (file string, line int) {
	if at := strings.LastIndexByte(place, ':'); at > 0 {
		if n, err := strconv.Atoi(place[at+1:]); err == nil && n > 0 {
			return place[:at], n
		}
	}
	return place, 0
}
