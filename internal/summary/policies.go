package summary

import (
	"path"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/githost"
)

// ReportRevisionOf is a commit with the addresses of its pages; files as they are on disk
// have none.
func ReportRevisionOf(revision drift.Revision, web githost.Web) drift.ReportRevision {
	report := drift.ReportRevision{
		Repository: revision.Repository, Ref: revision.Ref, Commit: revision.Commit,
		Author: revision.Author, Subject: revision.Subject,
		Time: revision.Time, Worktree: revision.Worktree,
	}
	if web.URL != "" && !revision.Worktree {
		report.Web, report.URL = &web, web.Commit(revision.Commit)
	}
	return report
}

// filePage is the page of a file:line at the commit; empty where there is none.
func filePage(r drift.ReportRevision, place string) string {
	if r.Web == nil {
		return ""
	}
	file, line := githost.FilePlace(place)
	return r.Web.File(r.Commit, file, line)
}

// RulePage is the address of a policy rule's place (file:line) in a browser; empty where it
// is not known for sure, as for what ships in the binary.
func RulePage(r drift.ReportRun, place string) string {
	found := ""
	for _, policies := range r.Policies {
		below, ok := strings.CutPrefix(place, policies.Path+"/")
		if policies.Path == "." {
			below, ok = place, true
		}
		if !ok {
			continue
		}
		page := filePage(policies.Revision, path.Join(policies.Folder, below))
		if found != "" && page != found {
			return "" // one entry's folder looks like another's
		}
		found = page
	}
	return found
}

// ErrorPage is the address of an error's place in a browser; empty where there is none.
func ErrorPage(r drift.Report, e drift.ReportError) string {
	switch e.Stage {
	case "config":
		if r.Run.ConfigRevision != nil {
			return filePage((*r.Run.ConfigRevision), e.File)
		}
		return ""
	case "policy", "decide":
		return RulePage(r.Run, e.File)
	}
	for _, app := range r.Apps {
		if app.Name == e.App {
			return filePage(app.Revision, e.File)
		}
	}
	return ""
}
