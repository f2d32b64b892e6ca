package summary

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// Part is one difference inside the two values of a field that is one change to the API
// server, such as one rule of a Role. It only shows: nothing is decided about parts.
type Part struct {
	// Path leads from the field's value to the part's; "[2]" is the third element of the
	// live list, or of Git's where only Git has the element.
	Path    nested.Path
	Op      drift.Op
	Live    any
	Desired any
	// Note says what the values do not show.
	Note string
}

// Parts are the differences inside two values: element by element of lists, field by
// field of maps, and of texts that both are JSON. Nil for what has no parts. A side that
// is nil is absent as a whole.
func Parts(live, desired any) []Part {
	if !container(live) && !container(desired) {
		left, right := jsonText(live), jsonText(desired)
		if left == nil || right == nil {
			return nil
		}
		live, desired = left, right
	}
	if live != nil && desired != nil && kindOf(live) != kindOf(desired) {
		return nil
	}
	return partsOf(nil, live, desired)
}

// partsOf goes as deep as both sides are containers of one kind.
func partsOf(path nested.Path, live, desired any) []Part {
	switch kind := max(kindOf(live), kindOf(desired)); {
	case live == nil && len(path) > 0:
		return []Part{{Path: path, Op: drift.OpRemove, Desired: desired}}
	case desired == nil && len(path) > 0:
		return []Part{{Path: path, Op: drift.OpAdd, Live: live}}
	case kind == aMap && (live == nil || desired == nil || kindOf(live) == kindOf(desired)):
		return mapParts(path, mapOf(live), mapOf(desired))
	case kind == aList && (live == nil || desired == nil || kindOf(live) == kindOf(desired)):
		a, _ := live.([]any)
		b, _ := desired.([]any)
		return listParts(path, a, b)
	case nested.EqualValues(live, desired):
		return nil
	}
	return []Part{{Path: path, Op: drift.OpReplace, Live: live, Desired: desired}}
}

func mapParts(path nested.Path, live, desired map[string]any) []Part {
	var parts []Part
	for _, key := range nested.Keys(live, desired) {
		a, inLive := live[key]
		b, inGit := desired[key]
		switch at := path.Field(key); {
		case !inLive:
			parts = append(parts, Part{Path: at, Op: drift.OpRemove, Desired: b})
		case !inGit:
			parts = append(parts, Part{Path: at, Op: drift.OpAdd, Live: a})
		case !nested.EqualValues(a, b):
			parts = append(parts, partsOf(at, a, b)...)
		}
	}
	return parts
}

// element is one element of a list, with its place.
type element struct {
	at    int
	value any
	text  string // as JSON
}

func (e element) path(path nested.Path) nested.Path { return path.With(fmt.Sprintf("[%d]", e.at)) }

// listParts compares two lists without keys: elements that both have are found in their
// order, and of the others those that are much alike are one element that changed.
func listParts(path nested.Path, live, desired []any) []Part {
	added, removed, moved := withoutMoved(onlyIn(live, desired))
	var parts []Part
	for _, a := range added {
		i := slices.IndexFunc(removed, func(b element) bool { return resemble(a.value, b.value) })
		if i < 0 && len(added) == len(removed) && scalars(added) && scalars(removed) {
			i = 0 // a value for a value
		}
		if i < 0 {
			parts = append(parts, Part{Path: a.path(path), Op: drift.OpAdd, Live: a.value})
			continue
		}
		parts = append(parts, partsOf(a.path(path), a.value, removed[i].value)...)
		removed = slices.Delete(removed, i, i+1)
	}
	for _, b := range removed {
		parts = append(parts, Part{Path: b.path(path), Op: drift.OpRemove, Desired: b.value})
	}
	if moved && len(parts) > 0 {
		parts = append(parts, Part{Path: path, Op: drift.OpReplace, Note: "the order of the other elements differs, too"})
	}
	return parts
}

// onlyIn are the elements that have no counterpart in the other list's order.
func onlyIn(live, desired []any) (added, removed []element) {
	i, j := 0, 0
	for _, op := range sequenceDiff(Encoded(live), Encoded(desired)) {
		switch op.Op {
		case '-':
			added = append(added, element{i, live[i], op.Text})
			i++
		case '+':
			removed = append(removed, element{j, desired[j], op.Text})
			j++
		default:
			i, j = i+1, j+1
		}
	}
	return added, removed
}

// withoutMoved takes out what both sides have in another place.
func withoutMoved(added, removed []element) (left, right []element, moved bool) {
	there := map[string]int{}
	for _, b := range removed {
		there[b.text]++
	}
	gone := map[string]int{}
	for _, a := range added {
		if there[a.text] > gone[a.text] {
			gone[a.text]++
			continue
		}
		left = append(left, a)
	}
	for _, b := range removed {
		if gone[b.text] > 0 {
			gone[b.text]--
			moved = true
			continue
		}
		right = append(right, b)
	}
	return left, right, moved
}

// Encoded are the items of a list as JSON, to be compared as text.
func Encoded(items []any) []string {
	texts := make([]string, len(items))
	for i, item := range items {
		data, err := json.Marshal(item)
		if err != nil {
			data = fmt.Append(nil, item)
		}
		texts[i] = string(data)
	}
	return texts
}

func scalars(elements []element) bool {
	return !slices.ContainsFunc(elements, func(e element) bool { return container(e.value) })
}

// resemble says that two elements are one that changed: maps that name themselves equally,
// or that have at least half of their fields in common.
func resemble(a, b any) bool {
	left, isMap := a.(map[string]any)
	right, both := b.(map[string]any)
	if !isMap || !both {
		return false
	}
	for _, key := range []string{"name", "key", "id", "host", "ip", "mountPath", "path"} {
		if x, ok := left[key].(string); ok && x == right[key] {
			return true
		}
	}
	if x := nested.StringAt(nested.Metadata(left), "name"); x != "" && x == nested.StringAt(nested.Metadata(right), "name") {
		return true // claim templates
	}
	keys, same := nested.Keys(left, right), 0
	for _, key := range keys {
		if x, ok := left[key]; ok && nested.EqualValues(x, right[key]) {
			same++
		}
	}
	return same > 0 && 2*same >= len(keys)
}

const (
	aScalar = iota
	aList
	aMap
)

func kindOf(v any) int {
	switch v.(type) {
	case map[string]any:
		return aMap
	case []any:
		return aList
	}
	return aScalar
}

func container(v any) bool { return kindOf(v) != aScalar }

// jsonText is the map or list that a text is, or nil.
func jsonText(v any) any {
	text, ok := v.(string)
	if trimmed := strings.TrimSpace(text); !ok || !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") {
		return nil
	}
	var value any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil || decoder.More() || !container(value) {
		return nil
	}
	return value
}

// Decoded are the texts that two values hold in base64, where both do.
func Decoded(live, desired any) (from, to string, ok bool) {
	from, ok = base64Text(live)
	if !ok {
		return "", "", false
	}
	to, ok = base64Text(desired)
	return from, to, ok
}

// shortestBase64 keeps ordinary words from being taken for base64.
const shortestBase64 = 16

func base64Text(v any) (string, bool) {
	text, ok := v.(string)
	if !ok || len(text) < shortestBase64 {
		return "", false
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !utf8.Valid(data) {
		return "", false
	}
	decoded := string(data)
	unprintable := func(r rune) bool { return r != '\n' && r != '\r' && r != '\t' && !unicode.IsPrint(r) }
	return decoded, !strings.ContainsFunc(decoded, unprintable)
}

// Window is where in two texts, in runes, the parts lie that show their first difference
// within limit runes: a third of it before the difference.
func Window(live, desired []rune, limit int) (start int) {
	common := 0
	for common < len(live) && common < len(desired) && live[common] == desired[common] {
		common++
	}
	return max(0, min(common-limit/3, max(len(live), len(desired))-limit))
}
