package drift

import (
	"path"
	"strings"
)

// ReportPolicies is one folder of policies, and the commit that it was read from.
type ReportPolicies struct {
	// Path is what the places of its rules begin with.
	Path string `json:"path"`
	// Folder is where it stands in its repository.
	Folder   string         `json:"folder"`
	Revision ReportRevision `json:"revision"`
}

// ReportRevisionOf is a commit with the addresses of its pages; files as they are on disk
// have none.
func ReportRevisionOf(revision Revision, web Web) ReportRevision {
	report := ReportRevision{
		Repository: revision.Repository, Ref: revision.Ref, Commit: revision.Commit,
		Author: revision.Author, Subject: revision.Subject,
		Time: revision.Time, Worktree: revision.Worktree,
	}
	if web.URL != "" && !revision.Worktree {
		report.Web, report.URL = &web, web.Commit(revision.Commit)
	}
	return report
}

// file is the page of a file:line at the commit; empty where there is none.
func (r ReportRevision) file(place string) string {
	if r.Web == nil {
		return ""
	}
	file, line := FilePlace(place)
	return r.Web.File(r.Commit, file, line)
}

// RulePage is the address of a policy rule's place (file:line) in a browser; empty where it
// is not known for sure, as for what ships in the binary.
func (r ReportRun) RulePage(place string) string {
	found := ""
	for _, policies := range r.Policies {
		below, ok := strings.CutPrefix(place, policies.Path+"/")
		if policies.Path == "." {
			below, ok = place, true
		}
		if !ok {
			continue
		}
		page := policies.Revision.file(path.Join(policies.Folder, below))
		if found != "" && page != found {
			return "" // one entry's folder looks like another's
		}
		found = page
	}
	return found
}

// ErrorPage is the address of an error's place in a browser; empty where there is none.
func (r Report) ErrorPage(e ReportError) string {
	switch e.Stage {
	case "config":
		if r.Run.ConfigRevision != nil {
			return r.Run.ConfigRevision.file(e.File)
		}
		return ""
	case "policy", "decide":
		return r.Run.RulePage(e.File)
	}
	for _, app := range r.Apps {
		if app.Name == e.App {
			return app.Revision.file(e.File)
		}
	}
	return ""
}
