package nested_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/internal/testenv/model"
)

// Property: a pointer reads back as the path it was written from.
func TestPointerRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		path := nested.Path(rapid.SliceOfN(rapid.OneOf(oddText(), rapid.String()), 1, 6).Draw(rt, "path"))
		back, err := nested.ParsePointer(path.Pointer())
		if err != nil || !back.Equal(path) {
			rt.Fatalf("%q became %q: %v", path, back, err)
		}
		if !path.Matches(path) || !path.HasPrefix(path[:1]) {
			rt.Fatalf("%q does not match itself", path)
		}
	})
}

// Property: an element of any keys leads to the item that has them, and to no
// other.
func TestKeyElementsFindTheirItem(t *testing.T) {
	t.Parallel()
	value := rapid.OneOf(
		rapid.Map(oddText(), func(s string) any { return s }),
		rapid.Map(rapid.Int64Range(-1<<53, 1<<53), func(n int64) any { return n }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
	)
	rapid.Check(t, func(rt *rapid.T) {
		keys := map[string]any{"a": value.Draw(rt, "a"), "b": value.Draw(rt, "b")}
		others := map[string]any{"a": value.Draw(rt, "other a"), "b": value.Draw(rt, "other b")}
		path := nested.Path{"list"}.Key(keys)
		same := path.Equal(nested.Path{"list"}.Key(others))
		items := []any{map[string]any{"a": others["a"], "b": others["b"], "v": "no"}, map[string]any{"a": keys["a"], "b": keys["b"], "v": "yes"}}
		got, found := nested.ValueAt(map[string]any{"list": items}, path.Field("v"))
		if !found || !same && got != "yes" {
			rt.Fatalf("%s found %v in %s", path, got, model.Short(items))
		}
	})
}
