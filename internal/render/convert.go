package render

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// converter turns go-yaml's tree into the JSON tree that apimachinery's
// unstructured objects hold, following sigs.k8s.io/yaml's rules followed by a
// JSON decoder that keeps integers. It counts what it makes.
type converter struct {
	left  int // bytes
	depth int
	hint  string
}

func (c *converter) convert(raw any, depth int) (any, error) {
	if depth > c.depth {
		c.hint = "no Kubernetes object is nested that deeply"
		return nil, fmt.Errorf("nested more than %d levels deep", c.depth)
	}
	switch v := raw.(type) {
	case map[any]any:
		tree := make(map[string]any, len(v))
		for key, item := range v {
			if err := c.entry(tree, key, item, depth); err != nil {
				return nil, err
			}
		}
		return tree, nil
	case map[string]any:
		tree := make(map[string]any, len(v))
		for key, item := range v {
			if err := c.entry(tree, key, item, depth); err != nil {
				return nil, err
			}
		}
		return tree, nil
	case []any:
		tree := make([]any, len(v))
		for i, item := range v {
			if err := c.spend(2); err != nil {
				return nil, err
			}
			converted, err := c.convert(item, depth+1)
			if err != nil {
				return nil, err
			}
			tree[i] = converted
		}
		return tree, nil
	case string:
		return v, c.spend(len(v) + 2)
	}
	if err := c.spend(8); err != nil {
		return nil, err
	}
	return number(raw)
}

// errSameKey: two keys of a mapping become one.
var errSameKey = errors.New("given twice, once as text and once as a number or word")

func (c *converter) entry(tree map[string]any, key, item any, depth int) error {
	name, err := keyName(key)
	if err != nil {
		return err
	}
	if _, clash := tree[name]; clash {
		return fmt.Errorf("key %q is %w", name, errSameKey)
	}
	if err := c.spend(len(name) + 4); err != nil {
		return err
	}
	converted, err := c.convert(item, depth+1)
	if err != nil {
		return err
	}
	tree[name] = converted
	return nil
}

func (c *converter) spend(bytes int) error {
	c.left -= bytes
	if c.left < 0 {
		c.hint = "write less, or write YAML aliases out: what an alias repeats counts every time"
		return errors.New("the document grows too large once its aliases are expanded")
	}
	return nil
}

// keyName is the JSON key that sigs.k8s.io/yaml makes of a YAML key.
func keyName(key any) (string, error) {
	switch k := key.(type) {
	case string:
		return k, nil
	case int:
		return strconv.Itoa(k), nil
	case int64:
		return strconv.FormatInt(k, 10), nil
	case bool:
		return strconv.FormatBool(k), nil
	case float64:
		switch s := strconv.FormatFloat(k, 'g', -1, 32); s {
		case "+Inf":
			return ".inf", nil
		case "-Inf":
			return "-.inf", nil
		case "NaN":
			return ".nan", nil
		default:
			return s, nil
		}
	case nil:
		return "", errors.New("a key is null; quote it if it is meant as text")
	}
	return "", fmt.Errorf("a key is neither text, number nor word but %s", kindOf(key))
}

// number gives scalars the types they have after a round trip through JSON text:
// a float without a fraction reads back as an integer, an integer beyond int64
// as a float.
func number(raw any) (any, error) {
	switch v := raw.(type) {
	case nil, bool, int64:
		return v, nil
	case int:
		return int64(v), nil
	case uint64:
		if v > math.MaxInt64 {
			return float64(v), nil
		}
		return int64(v), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errors.New("infinite numbers and not-a-number have no JSON form; quote the value if it is meant as text")
		}
		if v == math.Trunc(v) && math.Abs(v) < 1e21 { // written without an exponent
			if n, err := strconv.ParseInt(strconv.FormatFloat(v, 'f', -1, 64), 10, 64); err == nil {
				return n, nil
			}
		}
		return v, nil
	}
	return nil, fmt.Errorf("a value is neither text, number nor word but a %T", raw)
}
