package summary

import (
	"regexp"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/drift"
)

// CommonError is one error that objects, apps or both met, in words that hold for all of
// them.
type CommonError struct {
	Errors  []drift.ReportError // of the run and of apps; may be empty
	Text    string              // NAME stands for the name of each object
	Hint    string
	Objects []ConcernedObject
	Quoted  bool // the reason of a decision about an object, or a refusal, ends with it
}

// ConcernedObject is one object that met an error.
type ConcernedObject struct {
	App string
	ID  drift.ID
}

// Shared says that more than one place of a report would tell the error, objects among
// them.
func (c CommonError) Shared() bool { return len(c.Objects)+len(c.Errors) > 1 && len(c.Objects) > 0 }

// Told says that the error is to be told by itself, not with the one object that met it.
func (c CommonError) Told() bool { return len(c.Errors) > 0 || c.Shared() }

// Words are the error as it was told first.
func (c CommonError) Words() string {
	if len(c.Errors) > 0 {
		return c.Errors[0].Message
	}
	return c.Text
}

// Apps are the apps that met the error, in the order of the report.
func (c CommonError) Apps() []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, e := range c.Errors {
		add(e.App)
	}
	for _, o := range c.Objects {
		add(o.App)
	}
	return names
}

// CommonErrors are the errors of a report, each told once: a webhook that is down refuses every
// object in the same words, and a list that fails is an error of its app as well. Those
// that a report has as errors come first, in its order.
type CommonErrors struct {
	All []CommonError
	of  map[string]int // by what errorKey makes of an object's error
}

// CommonErrorsOf gathers the errors of a report.
func CommonErrorsOf(report drift.Report) CommonErrors {
	found := CommonErrors{of: map[string]int{}}
	for _, e := range report.Errors {
		text := strings.TrimPrefix(e.Message, e.File+": ")
		if at := found.like(text); at >= 0 && e.App != "" {
			found.All[at].Errors = append(found.All[at].Errors, e)
			continue
		}
		found.All = append(found.All, CommonError{Errors: []drift.ReportError{e}, Text: text, Hint: e.Hint})
	}
	for _, app := range report.Apps {
		for _, r := range app.Resources {
			for _, text := range append(slices.Clone(r.Refused), r.Reason) {
				if at, _, quoted := found.Within(text); quoted {
					found.All[at].Quoted = true
				}
			}
			if r.Error == "" {
				continue
			}
			text := ErrorText(r)
			key := errorKey(text)
			at, known := found.of[key]
			if !known {
				if at = found.like(text); at < 0 {
					at = len(found.All)
					found.All = append(found.All, CommonError{Text: text, Hint: r.Hint})
				}
				found.of[key] = at
			}
			found.All[at].Objects = append(found.All[at].Objects, ConcernedObject{app.Name, r.ID()})
		}
	}
	return found
}

// like finds an error of which a text tells, or that tells it: one of them may say first
// what was attempted. -1 is none.
func (c CommonErrors) like(text string) int {
	key := errorKey(text)
	return slices.IndexFunc(c.All, func(one CommonError) bool {
		other := errorKey(one.Text)
		return key == other || strings.HasSuffix(key, ": "+other) || strings.HasSuffix(other, ": "+key)
	})
}

// Of is the error that an object shares with others.
func (c CommonErrors) Of(r drift.ReportResource) (at int, shared bool) {
	at, known := c.of[errorKey(ErrorText(r))]
	return at, known && r.Error != "" && c.All[at].Shared()
}

// Within finds an error of the run or an app that a text about an object ends with, such
// as a reason, and what stands before.
func (c CommonErrors) Within(text string) (at int, before string, found bool) {
	for i, one := range c.All {
		if head, ok := strings.CutSuffix(text, one.Text); ok && len(one.Errors) > 0 && head != "" && one.Text != "" {
			return i, head, true
		}
	}
	return 0, "", false
}

// ErrorText is the resource's error without its place in Git and without what holds for
// no other object: what was attempted with it. NAME stands for its name elsewhere.
func ErrorText(r drift.ReportResource) string {
	text := r.Error
	for _, place := range []string{drift.FileLine(r.Origin.File, r.Origin.Line), r.Origin.File} {
		if place != "" {
			text = strings.TrimPrefix(text, place+": ")
		}
	}
	text = withoutName(r).Replace(text)
	text = pathEnd.ReplaceAllStringFunc(text, func(end string) string {
		if strings.TrimRight(end[1:], " ") == r.Name {
			return "/" + ownName + end[1+len(r.Name):]
		}
		return end
	})
	for {
		head, rest, more := strings.Cut(text, ": ")
		if !more || !strings.Contains(head, ownName) {
			return strings.ReplaceAll(text, ownName, "NAME")
		}
		text = rest
	}
}

// ReasonRepeats says that the reason of a decision says nothing but that there was an
// error, which stands beside it.
func ReasonRepeats(r drift.ReportResource) bool {
	return r.Error != "" && (strings.HasPrefix(r.Reason, decide.NotCompared) || strings.HasPrefix(r.Reason, decide.RefusedDryRun))
}

// ownName stands for an object's own name where texts about several are compared.
const ownName = "\x00"

// withoutName replaces the ways in which a message names its object.
func withoutName(r drift.ReportResource) *strings.Replacer {
	return strings.NewReplacer(r.ID().String(), ownName, r.ID().Short(), ownName, r.Namespace+"/"+r.Name, ownName, `"`+r.Name+`"`, ownName)
}

// pathEnd is the last element of a path in a message.
var pathEnd = regexp.MustCompile(`/[^/ ]+( |$)`)

// What differs between objects that met the same error: how long a request was waited for,
// the port that it was sent from, and what each asked of a quota.
var (
	waited     = regexp.MustCompile(`\b(\d+(\.\d+)?(ms|s|m|h))+\b`)
	sentFrom   = regexp.MustCompile(`\b(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\]):\d+->`)
	quotaAsked = regexp.MustCompile(`(exceeded quota: [^,]+),.*`)
)

// errorKey is equal for texts that tell the same error.
func errorKey(text string) string {
	text = waited.ReplaceAllString(text, "TIME")
	text = sentFrom.ReplaceAllString(text, "")
	return quotaAsked.ReplaceAllString(text, "$1")
}
