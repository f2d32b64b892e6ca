package source

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"github.com/killick-dev/killick/internal/testenv/gitserver"
)

// packWriter writes packs by hand, wrong ones included (gitformat-pack).
type packWriter struct {
	body    bytes.Buffer
	count   uint32
	offsets []int
	deflate *zlib.Writer
}

const packHeader = 12

// entry adds an object with a declared size that need not be the real one.
// between stands between header and content: a delta's base.
func (p *packWriter) entry(kind plumbing.ObjectType, declared int, between, content []byte) int {
	p.offsets = append(p.offsets, packHeader+p.body.Len())
	size := uint64(declared)
	first := byte(kind)<<4 | byte(size&15)
	size >>= 4
	for size > 0 {
		p.body.WriteByte(first | 0x80)
		first = byte(size & 0x7f)
		size >>= 7
	}
	p.body.WriteByte(first)
	p.body.Write(between)
	if p.deflate == nil {
		p.deflate = zlib.NewWriter(&p.body)
	}
	p.deflate.Reset(&p.body)
	_, _ = p.deflate.Write(content) // into memory
	_ = p.deflate.Close()
	p.count++
	return len(p.offsets) - 1
}

func (p *packWriter) whole(kind plumbing.ObjectType, content []byte) int {
	return p.entry(kind, len(content), nil, content)
}

func (p *packWriter) refDelta(base plumbing.Hash, delta []byte) int {
	return p.entry(plumbing.REFDeltaObject, len(delta), base[:], delta)
}

func (p *packWriter) offsetDelta(base int, delta []byte) int {
	distance := packHeader + p.body.Len() - p.offsets[base]
	encoded := []byte{byte(distance & 0x7f)}
	for distance >>= 7; distance > 0; distance >>= 7 {
		distance--
		encoded = append([]byte{byte(distance&0x7f) | 0x80}, encoded...)
	}
	return p.entry(plumbing.OFSDeltaObject, len(delta), encoded, delta)
}

func (p *packWriter) bytes() []byte {
	var pack bytes.Buffer
	pack.WriteString("PACK")
	_ = binary.Write(&pack, binary.BigEndian, []uint32{2, p.count}) // into memory
	pack.Write(p.body.Bytes())
	sum := sha1.Sum(pack.Bytes())
	pack.Write(sum[:])
	return pack.Bytes()
}

// insert is a delta that replaces a base of some size by text of up to 127 bytes.
func insert(baseSize int, text string) []byte {
	delta := binary.AppendUvarint(nil, uint64(baseSize))
	delta = binary.AppendUvarint(delta, uint64(len(text)))
	delta = append(delta, byte(len(text)))
	return append(delta, text...)
}

// repeated is a delta that copies its base, of at most 64 KiB, many times.
func repeated(baseSize, times int) []byte {
	delta := binary.AppendUvarint(nil, uint64(baseSize))
	delta = binary.AppendUvarint(delta, uint64(baseSize*times))
	for range times {
		delta = append(delta, 0x80|0x10|0x20, byte(baseSize), byte(baseSize>>8))
	}
	return delta
}

var smallLimits = Options{MaxBytes: 8 << 20, MaxFileBytes: 1 << 20}.withDefaults()

func blobHash(content string) plumbing.Hash {
	return plumbing.ComputeHash(plumbing.BlobObject, []byte(content))
}

func TestUnpackKeepsWhatAPackHolds(t *testing.T) {
	cases := []struct {
		name string
		pack func(*packWriter)
		want []string
	}{
		{"whole objects", func(p *packWriter) { p.whole(plumbing.BlobObject, []byte("one")); p.whole(plumbing.BlobObject, nil) }, []string{"one", ""}},
		{"a delta on an earlier object", func(p *packWriter) {
			base := p.whole(plumbing.BlobObject, []byte("base"))
			p.offsetDelta(base, insert(4, "changed"))
		}, []string{"base", "changed"}},
		{"a delta on a delta", func(p *packWriter) {
			base := p.whole(plumbing.BlobObject, []byte("base"))
			next := p.offsetDelta(base, insert(4, "changed"))
			p.offsetDelta(next, insert(7, "again"))
		}, []string{"base", "changed", "again"}},
		{"a delta by name before its base", func(p *packWriter) {
			p.refDelta(blobHash("base"), insert(4, "changed"))
			p.whole(plumbing.BlobObject, []byte("base"))
		}, []string{"base", "changed"}},
		{"a delta on a delta that waits", func(p *packWriter) {
			waits := p.refDelta(blobHash("base"), insert(4, "changed"))
			p.offsetDelta(waits, insert(7, "again"))
			p.refDelta(blobHash("again"), insert(5, "and again"))
			p.whole(plumbing.BlobObject, []byte("base"))
		}, []string{"base", "changed", "again", "and again"}},
		{"a delta far behind its base", func(p *packWriter) {
			base := p.whole(plumbing.BlobObject, []byte("base"))
			for i := range 3000 {
				p.whole(plumbing.BlobObject, fmt.Appendf(nil, "filler %d", i))
			}
			p.offsetDelta(base, insert(4, "changed"))
		}, []string{"base", "filler 2999", "changed"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var writer packWriter
			c.pack(&writer)
			found, err := unpack(t.Context(), bytes.NewReader(writer.bytes()), smallLimits)
			if err != nil {
				t.Fatal(err)
			}
			for _, content := range c.want {
				stored, err := found.EncodedObject(plumbing.BlobObject, blobHash(content))
				if err != nil {
					t.Errorf("%q: %v", content, err)
					continue
				}
				got, err := readObject(stored, stored.Size())
				if err != nil || string(got) != content {
					t.Errorf("got %q, %v, want %q", got, err, content)
				}
			}
		})
	}
}

// A server that does not filter sends everything; what is no commit costs no
// memory, whatever its size and however it is packed.
func TestUnpackCommits(t *testing.T) {
	var writer packWriter
	large := bytes.Repeat([]byte("large "), 500_000)
	for range 4 {
		writer.whole(plumbing.BlobObject, large) // above both limits
		writer.whole(plumbing.TreeObject, large)
	}
	writer.offsetDelta(0, repeated(60_000, 100))
	base := writer.whole(plumbing.BlobObject, []byte("base"))
	writer.refDelta(blobHash("base"), insert(4, "changed"))
	changed := writer.offsetDelta(base, insert(4, "changed again"))
	writer.offsetDelta(changed, insert(13, "and again"))
	writer.refDelta(plumbing.ComputeHash(plumbing.CommitObject, []byte("later")), insert(5, "waits"))
	first := writer.whole(plumbing.CommitObject, []byte("first"))
	writer.offsetDelta(first, insert(5, "second"))
	writer.whole(plumbing.TagObject, []byte("tag"))
	writer.whole(plumbing.CommitObject, []byte("later"))
	found, err := unpackCommits(t.Context(), bytes.NewReader(writer.bytes()), smallLimits)
	if err != nil {
		t.Fatal(err)
	}
	iterator, err := found.IterEncodedObjects(plumbing.AnyObject)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	err = iterator.ForEach(func(object plumbing.EncodedObject) error {
		content, err := readObject(object, object.Size())
		kept = append(kept, fmt.Sprintf("%s %s", object.Type(), content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(kept)
	if want := []string{"commit first", "commit later", "commit second", "commit waits"}; !slices.Equal(kept, want) {
		t.Errorf("kept %q, want %q", kept, want)
	}
	if found.used > 100*objectOverhead {
		t.Errorf("%d bytes count as kept", found.used)
	}
}

func TestUnpackRefusesMalformedPacks(t *testing.T) {
	valid := func(change func([]byte) []byte) func(*packWriter) []byte {
		return func(p *packWriter) []byte {
			p.whole(plumbing.BlobObject, []byte("content"))
			return change(p.bytes())
		}
	}
	cases := []struct {
		name string
		pack func(*packWriter) []byte
		want error
	}{
		{"nothing", func(*packWriter) []byte { return nil }, packfile.ErrEmptyPackfile},
		{"not a pack", func(*packWriter) []byte { return []byte("<html>not a pack</html>") }, packfile.ErrBadSignature},
		{"wrong checksum", valid(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), packfile.ErrMalformedPackFile},
		{"cut in the checksum", valid(func(b []byte) []byte { return b[:len(b)-5] }), io.ErrUnexpectedEOF},
		{"cut in an object", valid(func(b []byte) []byte { return b[:16] }), io.ErrUnexpectedEOF},
		{"more objects announced than sent", valid(func(b []byte) []byte { b[8] = 0xff; return b[:len(b)-20] }), io.EOF},
		{"longer than declared", func(p *packWriter) []byte {
			p.entry(plumbing.BlobObject, 3, nil, []byte("longer"))
			return p.bytes()
		}, packfile.ErrInflatedSizeMismatch},
		{"shorter than declared", func(p *packWriter) []byte {
			p.entry(plumbing.BlobObject, 9, nil, []byte("short"))
			return p.bytes()
		}, packfile.ErrMalformedPackFile},
		{"an unknown type", func(p *packWriter) []byte { p.whole(5, []byte("x")); return p.bytes() }, packfile.ErrMalformedPackFile},
		{"a delta on nothing", func(p *packWriter) []byte {
			p.whole(plumbing.BlobObject, []byte("base"))
			p.entry(plumbing.OFSDeltaObject, 2, []byte{3}, []byte{1, 1})
			return p.bytes()
		}, packfile.ErrMalformedPackFile},
		{"a delta for a base of another size", func(p *packWriter) []byte {
			base := p.whole(plumbing.BlobObject, []byte("base"))
			p.offsetDelta(base, insert(5, "x"))
			return p.bytes()
		}, packfile.ErrMalformedPackFile},
		{"a delta without sizes", func(p *packWriter) []byte {
			base := p.whole(plumbing.BlobObject, []byte("base"))
			p.offsetDelta(base, []byte{0x80})
			return p.bytes()
		}, packfile.ErrMalformedPackFile},
		{"a delta that copies from behind the end", func(p *packWriter) []byte {
			base := p.whole(plumbing.BlobObject, []byte("base"))
			p.offsetDelta(base, []byte{4, 9, 0x80 | 0x10, 9})
			return p.bytes()
		}, packfile.ErrMalformedPackFile},
		{"a tree above the limit", func(p *packWriter) []byte {
			p.whole(plumbing.TreeObject, make([]byte, smallLimits.MaxFileBytes+1))
			return p.bytes()
		}, errLimit},
		{"a tree that a delta makes too large", func(p *packWriter) []byte {
			base := p.whole(plumbing.TreeObject, make([]byte, 60_000))
			p.offsetDelta(base, repeated(60_000, 100))
			return p.bytes()
		}, errLimit},
		{"too much in all", func(p *packWriter) []byte {
			for i := range 20 {
				p.whole(plumbing.BlobObject, bytes.Repeat([]byte{byte(i)}, 1<<19))
			}
			return p.bytes()
		}, errLimit},
		{"too much by deltas", func(p *packWriter) []byte {
			base := p.whole(plumbing.BlobObject, make([]byte, 60_000))
			for range 9 {
				p.offsetDelta(base, repeated(60_000, 17))
			}
			return p.bytes()
		}, errLimit},
		{"too many empty objects", func(p *packWriter) []byte {
			for range 40_000 {
				p.whole(plumbing.BlobObject, nil)
			}
			return p.bytes()
		}, errLimit},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := unpack(t.Context(), bytes.NewReader(c.pack(&packWriter{})), smallLimits)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// Blobs above the limit are hashed and forgotten: whoever opens such a file is
// told its size, and everything else is served.
func TestUnpackDropsLargeBlobs(t *testing.T) {
	var writer packWriter
	zeros := make([]byte, 64<<20)
	large := writer.whole(plumbing.BlobObject, zeros)
	writer.offsetDelta(large, insert(len(zeros), "on a dropped base"))
	writer.refDelta(plumbing.ComputeHash(plumbing.BlobObject, zeros), insert(len(zeros), "on a dropped base, by name"))
	base := writer.whole(plumbing.BlobObject, bytes.Repeat([]byte("x"), 60_000))
	grown := writer.offsetDelta(base, repeated(60_000, 100))
	writer.offsetDelta(grown, insert(6_000_000, "small again"))
	writer.whole(plumbing.BlobObject, []byte("small"))
	pack := writer.bytes()

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	found, err := unpack(t.Context(), bytes.NewReader(pack), smallLimits)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 4<<20 {
		t.Errorf("unpacking allocated %s for a small pack", mebibytes(int64(allocated)))
	}
	if !found.has(blobHash("small")) {
		t.Error("the small blob is gone")
	}
	if size := found.oversized[plumbing.ComputeHash(plumbing.BlobObject, zeros)]; size != 64<<20 {
		t.Errorf("the large blob is noted with %d bytes", size)
	}
	if !found.dropped {
		t.Error("dropped deltas are not noted")
	}
}

// A chain of deltas as long as the pack, each before its base, must not use the
// stack.
func TestUnpackLongChains(t *testing.T) {
	const length = 20_000
	var writer packWriter
	for i := length; i > 0; i-- {
		text := fmt.Sprintf("revision %06d", i)
		writer.refDelta(blobHash(fmt.Sprintf("revision %06d", i-1)), insert(len(text), text))
	}
	writer.whole(plumbing.BlobObject, []byte("revision 000000"))
	found, err := unpack(t.Context(), bytes.NewReader(writer.bytes()), Options{}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	if !found.has(blobHash(fmt.Sprintf("revision %06d", length))) {
		t.Error("the end of the chain is missing")
	}
}

// What git itself packs, with both kinds of deltas, comes out whole.
func TestUnpackAgreesWithGit(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Repo("app")
	for i := range 30 {
		files := map[string]string{}
		for j := range 10 {
			files[fmt.Sprintf("dir%d/file.yaml", j)] = strings.Repeat("a line that stays the same\n", 50) + fmt.Sprintf("revision %d of %d\n", i, j)
		}
		repo.Commit("change", files)
	}
	list := gitOutput(t, repo.Path(), "", "rev-list", "--objects", "--all", "--no-object-names")
	for _, mode := range []string{"--delta-base-offset", "--no-delta-base-offset"} {
		pack := gitOutput(t, repo.Path(), list, "pack-objects", "--stdout", "--window=50", "--depth=50", mode)
		found, err := unpack(t.Context(), strings.NewReader(pack), smallLimits)
		if err != nil {
			t.Fatal(err)
		}
		for hash := range strings.FieldsSeq(list) {
			if !found.has(plumbing.NewHash(hash)) {
				t.Errorf("%s: object %s is missing", mode, hash)
			}
		}
		if found.dropped || len(found.oversized) > 0 {
			t.Errorf("%s: objects were dropped", mode)
		}
	}
}

func gitOutput(t *testing.T, dir, stdin string, args ...string) string {
	t.Helper()
	command := exec.Command("git", args...)
	command.Dir = dir
	command.Env = append(gitserver.Env(t.TempDir()),
		"GIT_AUTHOR_NAME=Ada Example", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada Example", "GIT_COMMITTER_EMAIL=ada@example.com")
	command.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// Whatever a server sends: an error or objects, never a panic, and never more
// memory than the limits.
func FuzzUnpack(f *testing.F) {
	var writer packWriter
	base := writer.whole(plumbing.BlobObject, []byte("base"))
	writer.offsetDelta(base, insert(4, "changed"))
	writer.refDelta(blobHash("later"), insert(5, "waits"))
	writer.whole(plumbing.BlobObject, []byte("later"))
	writer.whole(plumbing.TreeObject, nil)
	pack := writer.bytes()
	f.Add(pack)
	f.Add(pack[:len(pack)/2])
	f.Add([]byte("PACK\x00\x00\x00\x02\xff\xff\xff\xff"))
	limits := Options{MaxBytes: 1 << 20, MaxFileBytes: 1 << 16}.withDefaults()
	f.Fuzz(func(t *testing.T, pack []byte) {
		found, err := unpack(t.Context(), bytes.NewReader(pack), limits)
		if (err == nil) == (found == nil) {
			t.Errorf("got objects %v and error %v", found != nil, err)
		}
	})
}
