package render

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/killick-dev/killick/internal/drift"
)

// Parent and child talk in frames: one byte that says what it is, four bytes of
// length (big endian), and so many bytes. Structs travel as JSON, so that a new
// field needs no code here; manifests travel as a tagged tree, which keeps int64
// and float64 apart, is read without a copy of the text, and is counted while it is
// read. Both ends are one binary, so there is one version of the format, and a
// child that speaks another one is a broken child.
type frameKind byte

const (
	frameSetup  frameKind = 'S' // parent: childSetup, the first frame of all
	frameRender frameKind = 'R' // parent: childRequest
	frameAsk    frameKind = 'A' // child: a question about the checkout
	frameAnswer frameKind = 'F' // parent: its answer
	framePlace  frameKind = 'P' // child: the file it works on, should it die there
	frameObject frameKind = 'O' // child: one rendered object
	frameDone   frameKind = 'D' // child: childAnswer, after which it waits for the next request
)

// frameBytes bounds one frame. The largest are files of the checkout, of
// Limits.FileBytes.
const frameBytes = 64 << 20

const frameHead = 5

var errFrame = errors.New("a frame is too large or of no known kind")

// writeFrame sends one frame; what must not wait has to be flushed.
func writeFrame(out io.Writer, kind frameKind, payload []byte) error {
	if len(payload) > frameBytes {
		return errFrame
	}
	var head [frameHead]byte
	head[0] = byte(kind)
	binary.BigEndian.PutUint32(head[1:], uint32(len(payload)))
	if _, err := out.Write(head[:]); err != nil {
		return err
	}
	_, err := out.Write(payload)
	return err
}

// readFrame reads one frame. Memory is taken as bytes arrive, so that a length
// alone costs nothing.
func readFrame(in io.Reader) (frameKind, []byte, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, err
	}
	length := int64(binary.BigEndian.Uint32(head[1:]))
	if length > frameBytes {
		return 0, nil, errFrame
	}
	if length <= 1<<16 {
		payload := make([]byte, length)
		_, err := io.ReadFull(in, payload)
		return frameKind(head[0]), payload, err
	}
	payload, err := io.ReadAll(io.LimitReader(in, length))
	if err == nil && int64(len(payload)) < length {
		err = io.ErrUnexpectedEOF
	}
	return frameKind(head[0]), payload, err
}

// Tags of a manifest's values.
const (
	tagNull = iota
	tagFalse
	tagTrue
	tagInt
	tagFloat
	tagText
	tagList
	tagMap
)

// encoder writes plain values one after the other.
type encoder struct{ buf []byte }

func (e *encoder) number(n uint64) { e.buf = binary.AppendUvarint(e.buf, n) }

func (e *encoder) text(s string) {
	e.number(uint64(len(s)))
	e.buf = append(e.buf, s...)
}

func (e *encoder) bytes(b []byte) {
	e.number(uint64(len(b)))
	e.buf = append(e.buf, b...)
}

// value writes a manifest's value. Other types than those of drift.Object never
// come out of a render.
func (e *encoder) value(v any) error {
	switch v := v.(type) {
	case nil:
		e.buf = append(e.buf, tagNull)
	case bool:
		e.buf = append(e.buf, tagFalse)
		if v {
			e.buf[len(e.buf)-1] = tagTrue
		}
	case int64:
		e.buf = binary.AppendVarint(append(e.buf, tagInt), v)
	case float64:
		e.buf = binary.BigEndian.AppendUint64(append(e.buf, tagFloat), math.Float64bits(v))
	case string:
		e.buf = append(e.buf, tagText)
		e.text(v)
	case []any:
		e.buf = append(e.buf, tagList)
		e.number(uint64(len(v)))
		for _, item := range v {
			if err := e.value(item); err != nil {
				return err
			}
		}
	case map[string]any:
		e.buf = append(e.buf, tagMap)
		e.number(uint64(len(v)))
		for key, item := range v {
			e.text(key)
			if err := e.value(item); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("a manifest holds a %T", v)
	}
	return nil
}

// decoder reads what an encoder wrote. What it reads may be anything: the first
// thing that is wrong stays, and everything after it reads as nothing.
type decoder struct {
	buf   []byte
	depth int   // nesting that is left
	left  int64 // bytes of memory that may still be taken
	err   error
}

var (
	errEncoding = errors.New("the encoding is broken")
	errSpace    = errors.New("the objects take too much memory")
)

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.buf = nil
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.buf)
	if size <= 0 {
		d.fail(errEncoding)
		return 0
	}
	d.buf = d.buf[size:]
	return n
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.buf)) {
		d.fail(errEncoding)
		return nil
	}
	taken := d.buf[:n]
	d.buf = d.buf[n:]
	return taken
}

func (d *decoder) text() string  { return string(d.bytes()) }
func (d *decoder) bytes() []byte { return d.take(d.number()) }

// spend counts memory.
func (d *decoder) spend(bytes int64) bool {
	if d.left -= bytes; d.left < 0 {
		d.fail(errSpace)
		return false
	}
	return true
}

// What Go's containers take, roughly: an interface and what it points to, and an
// entry of a map with its share of the table.
const (
	itemBytes  = 24
	entryBytes = 72
)

func (d *decoder) value() any {
	if !d.spend(itemBytes) {
		return nil
	}
	tag := d.take(1)
	if tag == nil {
		return nil
	}
	switch tag[0] {
	case tagNull:
		return nil
	case tagFalse:
		return false
	case tagTrue:
		return true
	case tagInt:
		n, size := binary.Varint(d.buf)
		if size <= 0 {
			d.fail(errEncoding)
			return nil
		}
		d.buf = d.buf[size:]
		return n
	case tagFloat:
		if bits := d.take(8); bits != nil {
			return math.Float64frombits(binary.BigEndian.Uint64(bits))
		}
	case tagText:
		return d.spentText()
	case tagList, tagMap:
		return d.container(tag[0] == tagMap)
	default:
		d.fail(errEncoding)
	}
	return nil
}

func (d *decoder) spentText() string {
	text := d.bytes()
	if !d.spend(int64(len(text))) {
		return ""
	}
	return string(text)
}

// container reads a list or a map. Its length is believed only as far as there are
// bytes for it.
func (d *decoder) container(isMap bool) any {
	length := d.number()
	if length > uint64(len(d.buf)) || d.depth == 0 {
		d.fail(errEncoding)
		return nil
	}
	d.depth--
	defer func() { d.depth++ }()
	if !isMap {
		items := make([]any, 0, min(length, 1<<10))
		for range length {
			items = append(items, d.value())
			if d.err != nil {
				return nil
			}
		}
		return slices.Clip(items)
	}
	entries := make(map[string]any, min(length, 1<<10))
	for range length {
		if !d.spend(entryBytes) {
			return nil
		}
		key := d.spentText()
		entries[key] = d.value()
		if d.err != nil {
			return nil
		}
	}
	return entries
}

// encodeObject is one object: its manifest, and the rest as JSON.
func encodeObject(object drift.Object) ([]byte, error) {
	manifest := object.Manifest
	object.Manifest = nil
	rest, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	e := encoder{buf: make([]byte, 0, 2<<10)}
	e.bytes(rest)
	err = e.value(manifest)
	return e.buf, err
}

// decodeObject reads one object into what is left of the memory for all of them.
func decodeObject(payload []byte, depth int, left *int64) (drift.Object, error) {
	var object drift.Object
	// A document's own level and those of Limits.Depth.
	d := decoder{buf: payload, depth: depth + 2, left: *left}
	rest := d.bytes()
	d.spend(int64(len(rest)))
	manifest, isMap := d.value().(map[string]any)
	*left = d.left
	if d.err != nil {
		return object, d.err
	}
	if !isMap || len(d.buf) > 0 {
		return object, errEncoding
	}
	if err := json.Unmarshal(rest, &object); err != nil {
		return object, errEncoding
	}
	object.Manifest = manifest
	return object, nil
}
