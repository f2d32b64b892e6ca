package config

import "strconv"

// trail is the way to a value from the root: field names and list indexes.
type trail struct {
	parent *trail
	key    any // string or int
}

func (t *trail) field(name string) *trail { return &trail{parent: t, key: name} }
func (t *trail) item(index int) *trail    { return &trail{parent: t, key: index} }

// String is "apps[0].path"; the root is "".
func (t *trail) String() string {
	if t == nil {
		return ""
	}
	parent := t.parent.String()
	if index, ok := t.key.(int); ok {
		return parent + "[" + strconv.Itoa(index) + "]"
	}
	if parent == "" {
		return t.key.(string)
	}
	return parent + "." + t.key.(string)
}

// find gives the value at a trail in a JSON tree, or nil.
func (t *trail) find(tree any) any {
	if t == nil {
		return tree
	}
	parent := t.parent.find(tree)
	switch key := t.key.(type) {
	case string:
		fields, _ := parent.(map[string]any)
		return fields[key]
	case int:
		if items, _ := parent.([]any); key < len(items) {
			return items[key]
		}
	}
	return nil
}
