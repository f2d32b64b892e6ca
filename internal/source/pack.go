package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/memory"
)

// objects are the Git objects of one repository, in memory or on disk.
type objects struct {
	storer.EncodedObjectStorer
	// oversized are objects that were sent and not kept, with their sizes: blobs
	// above the limit, and whatever is no commit where only commits are kept.
	oversized map[plumbing.Hash]int64
	// dropped says that objects were not kept whose names are not known, being
	// deltas above the limit or built on such.
	dropped bool
	// used is what the objects in memory cost, in bytes.
	used int64
}

// add takes over the blobs of another pack.
func (o *objects) add(other *objects) error {
	iterator, err := other.IterEncodedObjects(plumbing.BlobObject)
	if err != nil {
		return err
	}
	o.used += other.used
	o.dropped = o.dropped || other.dropped
	maps.Copy(o.oversized, other.oversized)
	return iterator.ForEach(func(blob plumbing.EncodedObject) error {
		_, err := o.SetEncodedObject(blob)
		return err
	})
}

func (o *objects) has(hash plumbing.Hash) bool { return o.HasEncodedObject(hash) == nil }

// objectOverhead is what one object costs in memory besides its content: map
// entries, the object itself and the unpacker's notes. It makes a million empty
// objects count.
const objectOverhead = 256

// maxDeltaHeader is two sizes of at most ten bytes each.
const maxDeltaHeader = 2 * binary.MaxVarintLen64

// unpacker reads a pack as it streams in and keeps its objects. go-git's own
// parser inflates an object whole before anybody can look at its size, and
// holds all deltas until the end; this one refuses or drops by the declared
// size first.
type unpacker struct {
	options     Options
	commitsOnly bool
	scanner     *packfile.Scanner
	store       *memory.Storage
	into        *objects
	used        int64

	entries []packEntry
	at      map[int64]int           // entry by its offset in the pack
	byBase  map[plumbing.Hash][]int // deltas that wait for an object by name
	byEntry map[int][]int           // deltas that wait for another delta
	ready   []readyDelta            // deltas whose base has come
}

type readyDelta struct {
	index int
	base  plumbing.Hash
}

// packEntry is one object of the pack: resolved once hash is set.
type packEntry struct {
	hash    plumbing.Hash
	delta   []byte // until resolved
	dropped bool
}

// unpack reads a whole pack and verifies its checksum. Objects are stored under
// the hash of their content, so that a server cannot pass off one for another.
func unpack(ctx context.Context, pack io.Reader, options Options) (*objects, error) {
	return newUnpacker(pack, options).unpack(ctx)
}

// unpackCommits is unpack for who needs the commits of a pack alone. What else a
// server sends is read past and costs no memory.
func unpackCommits(ctx context.Context, pack io.Reader, options Options) (*objects, error) {
	u := newUnpacker(pack, options)
	u.commitsOnly = true
	return u.unpack(ctx)
}

func newUnpacker(pack io.Reader, options Options) *unpacker {
	store := memory.NewStorage()
	return &unpacker{
		options: options,
		scanner: packfile.NewScanner(onlyReader{pack}),
		store:   store,
		into:    &objects{EncodedObjectStorer: store, oversized: map[plumbing.Hash]int64{}},
		at:      map[int64]int{},
		byBase:  map[plumbing.Hash][]int{},
		byEntry: map[int][]int{},
	}
}

func (u *unpacker) unpack(ctx context.Context) (*objects, error) {
	_, count, err := u.scanner.Header()
	if err != nil {
		return nil, fmt.Errorf("reading the pack: %w", err)
	}
	for range count {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := u.next(); err != nil {
			return nil, fmt.Errorf("reading the pack: %w", err)
		}
	}
	if _, err := u.scanner.Checksum(); err != nil {
		return nil, fmt.Errorf("reading the pack: %w", err)
	}
	for i := range u.entries {
		if entry := &u.entries[i]; entry.hash.IsZero() && !entry.dropped {
			// Either its base was dropped under a name we cannot know, or the
			// pack is incomplete; whoever misses the object will say so.
			u.into.dropped = true
		}
	}
	u.into.used = u.used
	return u.into, nil
}

// onlyReader hides Seek, which would make the scanner expect a file.
type onlyReader struct{ io.Reader }

func (u *unpacker) next() error {
	header, err := u.scanner.NextObjectHeader()
	if err != nil {
		return err
	}
	index := len(u.entries)
	u.at[header.Offset] = index
	u.entries = append(u.entries, packEntry{})
	switch header.Type {
	case plumbing.OFSDeltaObject, plumbing.REFDeltaObject:
		err = u.readDelta(index, header)
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
		err = u.readWhole(index, header)
	default:
		err = fmt.Errorf("%w: object of unknown type", packfile.ErrMalformedPackFile)
	}
	if err != nil {
		return err
	}
	return u.settle()
}

func (u *unpacker) readWhole(index int, header *packfile.ObjectHeader) error {
	passed := u.commitsOnly && header.Type != plumbing.CommitObject
	if passed || header.Length > u.options.MaxFileBytes {
		if !passed && header.Type != plumbing.BlobObject {
			return limitExceeded("a %s of %s is above the limit of %s", header.Type, mebibytes(header.Length), mebibytes(u.options.MaxFileBytes))
		}
		hasher := plumbing.NewHasher(header.Type, header.Length)
		if err := u.inflate(header, hasher); err != nil {
			return err
		}
		hash := hasher.Sum()
		u.into.oversized[hash] = header.Length
		u.drop(index)
		return u.charge(0)
	}
	content, err := u.inflated(header)
	if err != nil {
		return err
	}
	return u.keep(index, header.Type, content)
}

func (u *unpacker) readDelta(index int, header *packfile.ObjectHeader) error {
	if header.Length > u.options.MaxFileBytes {
		u.into.dropped = true
		if err := u.inflate(header, io.Discard); err != nil {
			return err
		}
		u.drop(index)
		return u.charge(0)
	}
	delta, err := u.inflated(header)
	if err != nil {
		return err
	}
	if header.Type == plumbing.REFDeltaObject {
		if !u.into.has(header.Reference) {
			if _, dropped := u.into.oversized[header.Reference]; dropped {
				u.into.dropped = true
				u.drop(index)
				return u.charge(0)
			}
			u.entries[index].delta = delta
			u.byBase[header.Reference] = append(u.byBase[header.Reference], index)
			return u.charge(len(delta))
		}
		return u.resolve(index, header.Reference, delta)
	}
	base, found := u.at[header.OffsetReference]
	if !found || base == index {
		return fmt.Errorf("%w: delta without base", packfile.ErrMalformedPackFile)
	}
	switch entry := u.entries[base]; {
	case entry.dropped:
		u.into.dropped = true
		u.drop(index)
		return u.charge(0)
	case entry.hash.IsZero():
		u.entries[index].delta = delta
		u.byEntry[base] = append(u.byEntry[base], index)
		return u.charge(len(delta))
	default:
		return u.resolve(index, entry.hash, delta)
	}
}

// resolve applies a delta to its base and keeps the outcome.
func (u *unpacker) resolve(index int, base plumbing.Hash, delta []byte) error {
	source, err := u.store.EncodedObject(plumbing.AnyObject, base)
	if err != nil {
		return fmt.Errorf("%w: delta without base", packfile.ErrMalformedPackFile)
	}
	size, err := deltaTarget(delta)
	if err != nil {
		return err
	}
	if size > uint64(u.options.MaxFileBytes) {
		if source.Type() != plumbing.BlobObject {
			return limitExceeded("a %s of %s is above the limit of %s", source.Type(), mebibytes(int64(min(size, 1<<62))), mebibytes(u.options.MaxFileBytes))
		}
		u.into.dropped = true
		u.drop(index)
		return u.charge(0)
	}
	content, err := packfile.PatchDelta(source.(*heldObject).content, delta)
	if err != nil {
		return fmt.Errorf("%w: %w", packfile.ErrMalformedPackFile, err)
	}
	return u.keep(index, source.Type(), bytes.Clone(content)) // its buffer grew to up to twice that
}

// deltaTarget reads the size of what a delta makes (gitformat-pack, "Deltified
// representation": two little-endian base-128 sizes, source and target).
func deltaTarget(delta []byte) (uint64, error) {
	head := delta[:min(len(delta), maxDeltaHeader)]
	_, n := binary.Uvarint(head)
	if n <= 0 {
		return 0, fmt.Errorf("%w: delta without sizes", packfile.ErrMalformedPackFile)
	}
	size, m := binary.Uvarint(head[n:])
	if m <= 0 {
		return 0, fmt.Errorf("%w: delta without sizes", packfile.ErrMalformedPackFile)
	}
	return size, nil
}

// keep stores an object, and puts what waited for it into the queue.
func (u *unpacker) keep(index int, kind plumbing.ObjectType, content []byte) error {
	if err := u.charge(len(content)); err != nil {
		return err
	}
	stored := &heldObject{kind: kind, content: content, hash: plumbing.ComputeHash(kind, content)}
	if _, err := u.store.SetEncodedObject(stored); err != nil {
		return err
	}
	u.entries[index].hash, u.entries[index].delta = stored.hash, nil
	for _, next := range append(u.byEntry[index], u.byBase[stored.hash]...) {
		u.ready = append(u.ready, readyDelta{next, stored.hash})
	}
	delete(u.byEntry, index)
	delete(u.byBase, stored.hash)
	return nil
}

// settle resolves the queue until it is empty. It is a queue rather than
// recursion because a hostile chain may be as long as the pack.
func (u *unpacker) settle() error {
	for len(u.ready) > 0 {
		next := u.ready[len(u.ready)-1]
		u.ready = u.ready[:len(u.ready)-1]
		if err := u.resolve(next.index, next.base, u.entries[next.index].delta); err != nil {
			return err
		}
	}
	return nil
}

// drop marks an entry that is not kept, and all that waits for it.
func (u *unpacker) drop(index int) {
	for waiting := []int{index}; len(waiting) > 0; {
		last := waiting[len(waiting)-1]
		waiting = append(waiting[:len(waiting)-1], u.byEntry[last]...)
		u.entries[last].dropped, u.entries[last].delta = true, nil
		delete(u.byEntry, last)
	}
}

// charge counts content and overhead of one object against the memory limit.
func (u *unpacker) charge(content int) error {
	u.used += int64(content) + objectOverhead
	if u.used > u.options.MaxBytes {
		return needTooMuch(u.options.MaxBytes)
	}
	return nil
}

func needTooMuch(limit int64) error {
	return limitExceeded("the repository's files need more than %s", mebibytes(limit))
}

func (u *unpacker) inflated(header *packfile.ObjectHeader) ([]byte, error) {
	// The declared size is bounded, but a lie must not be cheap: what is not
	// sent is not allocated beyond what is left of the limit.
	if u.used+header.Length > u.options.MaxBytes {
		return nil, needTooMuch(u.options.MaxBytes)
	}
	buffer := bytes.NewBuffer(make([]byte, 0, header.Length))
	if err := u.inflate(header, buffer); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

// inflate writes one object and checks its declared size; the scanner refuses
// one that is longer.
func (u *unpacker) inflate(header *packfile.ObjectHeader, w io.Writer) error {
	written, _, err := u.scanner.NextObject(w)
	if err != nil {
		return err
	}
	if written != header.Length {
		return fmt.Errorf("%w: object shorter than declared", packfile.ErrMalformedPackFile)
	}
	return nil
}

// heldObject is a Git object in memory. Unlike plumbing.MemoryObject it takes its
// content over without copying it, and never changes.
type heldObject struct {
	kind    plumbing.ObjectType
	hash    plumbing.Hash
	content []byte
}

func (o *heldObject) Hash() plumbing.Hash         { return o.hash }
func (o *heldObject) Type() plumbing.ObjectType   { return o.kind }
func (o *heldObject) SetType(plumbing.ObjectType) {}
func (o *heldObject) Size() int64                 { return int64(len(o.content)) }
func (o *heldObject) SetSize(int64)               {}
func (o *heldObject) Reader() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(o.content)), nil
}
func (o *heldObject) Writer() (io.WriteCloser, error) {
	return nil, fmt.Errorf("writing to object %s: it is stored", o.hash)
}
