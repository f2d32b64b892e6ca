package render

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// fill sets every field of a value to something that is not its zero value.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(int64(*n), 0).UTC()))
		return
	case map[string]any: // a manifest or values: what a render makes of one
		v.Set(reflect.ValueOf(map[string]any{"n": int64(*n), "f": 0.5, "l": []any{"x", nil, true}, "m": map[string]any{}}))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		key, item := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(item, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, item)
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint8:
		v.SetUint(uint64(*n % 256))
	default:
		panic("fill knows no " + v.Type().String())
	}
}

func filled[T any]() T {
	var value T
	n := 0
	fill(reflect.ValueOf(&value).Elem(), &n)
	return value
}

// Every field of what parent and child say to each other arrives, those that are added
// later included.
func TestEveryFieldCrossesThePipe(t *testing.T) {
	t.Run("request", func(t *testing.T) {
		want := drift.RenderRequest{App: filled[drift.App](), Capabilities: filled[drift.Capabilities]()}
		want.Checkout.Revision = filled[drift.Revision]()
		payload, err := writeRequest(want, true)
		if err != nil {
			t.Fatal(err)
		}
		got, alone, err := readRequest(payload)
		if err != nil || !alone {
			t.Fatalf("alone %t, %v", alone, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
	t.Run("object", func(t *testing.T) {
		want := filled[drift.Object]()
		payload, err := encodeObject(want)
		if err != nil {
			t.Fatal(err)
		}
		left := int64(1 << 20)
		got, err := decodeObject(payload, 100, &left)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if left >= 1<<20-100 {
			t.Errorf("%d bytes are left: the memory was not counted", left)
		}
	})
	t.Run("answer", func(t *testing.T) {
		want := filled[drift.Rendered]()
		want.Objects = nil
		payload, err := json.Marshal(childAnswer{Rendered: want, Objects: 0})
		if err != nil {
			t.Fatal(err)
		}
		got := (&conversation{files: &checkoutFiles{}}).done(payload, nil)
		if diff := cmp.Diff(want, got.rendered); diff != "" || got.err != nil || got.died {
			t.Errorf("%v, -want +got:\n%s", got.err, diff)
		}
	})
	t.Run("options", func(t *testing.T) {
		want := childSetup{Options: filled[Options](), Part: 3}
		payload, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got childSetup
		if err := json.Unmarshal(payload, &got); err != nil || got != want {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// A child's answer may be anything: it is refused, and costs no more than it is long.
func TestBrokenAnswersAreRefused(t *testing.T) {
	object, err := encodeObject(drift.Object{Manifest: map[string]any{"a": "x"}})
	if err != nil {
		t.Fatal(err)
	}
	deep := append([]byte{2, '{', '}'}, bytes.Repeat([]byte{tagList, 1}, 1<<16)...)
	for _, c := range []struct {
		reason  string
		payload []byte
		left    int64
		want    error
	}{
		{"nothing", nil, 1 << 20, errEncoding},
		{"cut short", object[:len(object)-1], 1 << 20, errEncoding},
		{"something behind it", append(bytes.Clone(object), 0), 1 << 20, errEncoding},
		{"no map", []byte{2, '{', '}', tagNull}, 1 << 20, errEncoding},
		{"no JSON", []byte{1, '{', tagMap, 0}, 1 << 20, errEncoding},
		{"an unknown tag", []byte{2, '{', '}', 99}, 1 << 20, errEncoding},
		{"a map of endless length", binary.AppendUvarint([]byte{2, '{', '}', tagMap}, math.MaxUint64), 1 << 20, errEncoding},
		{"a text of endless length", append([]byte{2, '{', '}', tagMap, 1}, binary.AppendUvarint(nil, math.MaxUint64)...), 1 << 20, errEncoding},
		{"lists in lists without end", deep, 1 << 20, errEncoding},
		{"more memory than is left", object, 100, errSpace},
	} {
		left := c.left
		if _, err := decodeObject(c.payload, 100, &left); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.reason, err, c.want)
		}
	}
	for _, c := range []struct {
		reason string
		stream []byte
		want   error
	}{
		{"the end", nil, io.EOF},
		{"half a head", []byte{'D', 0, 0}, io.ErrUnexpectedEOF},
		{"a length without bytes", []byte{'D', 0, 0, 0, 9, 'x'}, io.ErrUnexpectedEOF},
		{"a large length without bytes", []byte{'D', 1, 0, 0, 0, 'x'}, io.ErrUnexpectedEOF},
		{"a length above the bound", []byte{'D', 255, 255, 255, 255}, errFrame},
	} {
		if _, _, err := readFrame(bytes.NewReader(c.stream)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.reason, err, c.want)
		}
	}
}

// FuzzDecodeObject: whatever a child says, the parent neither fails nor takes more memory
// than it allows; what it takes for an object reads the same again.
func FuzzDecodeObject(f *testing.F) {
	for _, manifest := range []map[string]any{{}, {"a": []any{int64(-1), 0.5, "x", nil, true, map[string]any{"b": "c"}}}} {
		payload, err := encodeObject(drift.Object{ID: drift.ID{Kind: "X", Name: "x"}, Manifest: manifest})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		left := int64(1 << 16)
		object, err := decodeObject(payload, 10, &left)
		if err != nil {
			return
		}
		again, err := encodeObject(object)
		if err != nil {
			t.Fatal(err)
		}
		left = 1 << 20
		if _, err := decodeObject(again, 10, &left); err != nil {
			t.Errorf("it cannot be read again: %v", err)
		}
	})
}

// A child sees of the checkout what is there, and asks no more than once for what came
// with a listing.
func TestTheCheckoutInTheChild(t *testing.T) {
	tree := files("a/b.yaml", "b", "a/c/d.yaml", "d", "a/large.bin", strings.Repeat("x", aheadFile+1), "e.txt", "")
	parent := &checkoutFiles{fsys: tree, limits: Limits{FileBytes: 1 << 20}.withDefaults()}
	asked := 0
	child := newPipeFS(func(question []byte) ([]byte, error) {
		asked++
		return parent.answer(question), nil
	})
	var walked []string
	err := fs.WalkDir(child, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(child, name)
		walked = append(walked, fmt.Sprintf("%s %d", name, len(content)))
		return err
	})
	want := []string{"a/b.yaml 1", "a/c/d.yaml 1", fmt.Sprintf("a/large.bin %d", aheadFile+1), "e.txt 0"}
	if diff := cmp.Diff(want, walked); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	if asked != 5 { // the root's facts, three listings, one large file
		t.Errorf("asked %d times, want 5", asked)
	}
	for _, name := range []string{"nowhere", "a/nowhere", "../a", "/a", ""} {
		if _, err := fs.Stat(child, name); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	parent.limits.FileBytes = 10
	content, err := fs.ReadFile(newPipeFS(func(q []byte) ([]byte, error) { return parent.answer(q), nil }), "a/large.bin")
	if len(content) != 11 || err != nil {
		t.Errorf("%d bytes of a file that is too large, %v; one more than the bound is enough to see it", len(content), err)
	}
	for _, broken := range [][]byte{nil, {0}, {1, '{'}, {2}} {
		if _, err := fs.ReadDir(newPipeFS(func([]byte) ([]byte, error) { return broken, nil }), "a"); err == nil {
			t.Errorf("the answer %q was read", broken)
		}
	}
}
