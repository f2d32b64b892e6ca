// Package githost makes links to what people look at on their Git host: a commit, a file at
// its line. It knows the addresses of GitHub, GitLab, Bitbucket, Azure DevOps and Gitea from
// the URL of a repository; whatever would be a guess makes no link.
package githost
