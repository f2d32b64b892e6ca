package health

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// object is a live object with the parts that many rules look at. Values that
// are absent or of another type read as zero: the rules decide what that means.
type object struct {
	tree       map[string]any
	now        time.Time
	group      string
	kind       string
	generation int64
	conditions []condition
}

func newObject(live map[string]any, now time.Time) object {
	o := object{tree: live, now: now}
	group, _, found := strings.Cut(o.text("apiVersion"), "/")
	if found {
		o.group = group
	}
	o.kind = o.text("kind")
	o.generation, _ = o.number("metadata", "generation")
	o.conditions = conditions(o.list("status", "conditions"), o.generation)
	if len(o.conditions) == 0 && o.kind == "HorizontalPodAutoscaler" {
		o.conditions = conditions(o.annotatedConditions(), 0)
	}
	return o
}

// annotatedConditions are where version v1 of an autoscaler keeps them.
func (o object) annotatedConditions() []any {
	var list []any
	annotations := object{tree: o.fields("metadata", "annotations")}
	if json.Unmarshal([]byte(annotations.text("autoscaling.alpha.kubernetes.io/conditions")), &list) != nil {
		return nil
	}
	return list
}

// condition is one entry of status.conditions (metav1.Condition and its
// forerunners).
type condition struct {
	name    string
	status  string // True, False, Unknown, or a controller's own word
	reason  string
	message string
	since   time.Time
	// stale: written for an older generation, so it proves nothing about this one.
	stale bool
	// grave: Cluster API's severity Error.
	grave bool
}

func conditions(list []any, generation int64) []condition {
	var all []condition
	for _, item := range list {
		fields, ok := item.(map[string]any)
		if !ok {
			continue
		}
		o := object{tree: fields}
		observed, has := o.number("observedGeneration")
		since, _ := time.Parse(time.RFC3339, o.text("lastTransitionTime"))
		all = append(all, condition{
			name: o.text("type"), status: o.text("status"), reason: o.text("reason"), message: o.text("message"),
			since: since,
			stale: has && generation != 0 && observed != 0 && observed < generation,
			grave: o.text("severity") == "Error",
		})
	}
	return all
}

// explain is the condition's reason and message, on one line and not too long.
func (c condition) explain() string {
	text := strings.Join(strings.Fields(c.message), " ")
	switch {
	case text == "" && c.reason == "":
		return "no reason given"
	case text == "":
		text = c.reason
	case c.reason != "" && !strings.Contains(text, c.reason):
		text = c.reason + ": " + text
	}
	return shorten(text)
}

func shorten(text string) string {
	const longest = 300
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}

func (o object) condition(name string) (condition, bool) {
	for _, c := range o.conditions {
		if c.name == name {
			return c, true
		}
	}
	return condition{}, false
}

// isTrue says that a condition is True for the present generation.
func (o object) isTrue(name string) bool {
	c, ok := o.condition(name)
	return ok && c.status == "True" && !c.stale
}

// observedGeneration reads status.observedGeneration; Argo Rollouts write it as
// a string.
func (o object) observedGeneration() (int64, bool) {
	if n, ok := o.number("status", "observedGeneration"); ok {
		return n, true
	}
	n, err := strconv.ParseInt(o.text("status", "observedGeneration"), 10, 64)
	return n, err == nil
}

// observed says that the controller of a kind that always writes
// observedGeneration has looked at the object at all.
func (o object) observed() bool {
	_, ok := o.observedGeneration()
	return ok || o.generation == 0
}

func (o object) at(path ...string) any {
	var value any = o.tree
	for _, name := range path {
		fields, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = fields[name]
	}
	return value
}

func (o object) text(path ...string) string {
	text, _ := o.at(path...).(string)
	return text
}

func (o object) flag(path ...string) bool {
	flag, _ := o.at(path...).(bool)
	return flag
}

func (o object) list(path ...string) []any {
	list, _ := o.at(path...).([]any)
	return list
}

func (o object) fields(path ...string) map[string]any {
	fields, _ := o.at(path...).(map[string]any)
	return fields
}

// number reads an integer in any of the types that JSON trees use.
func (o object) number(path ...string) (int64, bool) {
	switch n := o.at(path...).(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	case int32:
		return int64(n), true
	case float64:
		return int64(n), n == float64(int64(n))
	case json.Number:
		i, err := n.Int64()
		return i, err == nil
	}
	return 0, false
}

// count reads a number of replicas or pods; absent is 0, as their API omits
// zeros.
func (o object) count(path ...string) int64 {
	n, _ := o.number(path...)
	return n
}

// replicas is spec.replicas, which defaults to 1.
func (o object) replicas() int64 {
	if n, ok := o.number("spec", "replicas"); ok {
		return n
	}
	return 1
}

func texts(list []any) []string {
	var all []string
	for _, item := range list {
		if text, ok := item.(string); ok {
			all = append(all, text)
		}
	}
	return all
}
