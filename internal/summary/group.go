package summary

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// fewestAlike is how many objects must have changed alike to be told as one.
const fewestAlike = 3

// Alike puts resources together of which all is equal that a reader would act on: what
// differs, from what to what, who wrote it, what was decided by which rule, what became of
// it. Names, places in Git and times are each object's own. The order is that of the first
// of each group.
func Alike(resources []drift.ReportResource) [][]drift.ReportResource {
	keys := make([]string, len(resources))
	members := map[string][]drift.ReportResource{}
	for i, r := range resources {
		keys[i] = likeness(r)
		members[keys[i]] = append(members[keys[i]], r)
	}
	var groups [][]drift.ReportResource
	for i, r := range resources {
		switch group := members[keys[i]]; {
		case len(group) < fewestAlike && len(group) > 0:
			groups = append(groups, []drift.ReportResource{r})
		case len(group) > 0:
			groups = append(groups, group)
			members[keys[i]] = nil // told
		}
	}
	return groups
}

// likeness is everything of a resource but what is its own.
func likeness(r drift.ReportResource) string {
	own := withoutName(r)
	r.Reason, r.Error, r.Hint, r.HealthReason = own.Replace(r.Reason), errorKey(ErrorText(r)), own.Replace(r.Hint), own.Replace(r.HealthReason)
	r.Findings, r.Refused = unnamed(r.Findings, own), unnamed(r.Refused, own)
	r.Fields, r.Ignored = WithoutTimes(r.Fields), WithoutTimes(r.Ignored)
	r.Group, r.Version, r.Kind, r.Namespace, r.Name = "", "", "", "", ""
	r.Origin, r.FirstSeen = drift.Origin{}, nil
	key, err := json.Marshal(r)
	if err != nil {
		key = fmt.Appendf(nil, "%#v", r)
	}
	return string(key)
}

func unnamed(texts []string, own *strings.Replacer) []string {
	texts = slices.Clone(texts)
	for i := range texts {
		texts[i] = own.Replace(texts[i])
	}
	return texts
}

// WithoutTimes are fields without the moments of their last writes.
func WithoutTimes(fields []drift.ReportField) []drift.ReportField {
	fields = slices.Clone(fields)
	for i := range fields {
		fields[i].ManagerTime = nil
	}
	return fields
}
