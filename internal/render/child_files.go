package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path"
	"time"
)

// The checkout stays with the parent, which fetches what is read when it is read.
// The child asks for one name at a time; of a folder that it lists it also gets the
// small files, because whoever lists a folder reads them next.
const (
	askStat = 's'
	askRead = 'r'
	askList = 'l'
)

const (
	// aheadFile and aheadFolder bound what comes with a listing, in bytes.
	aheadFile   = 256 << 10
	aheadFolder = 1 << 20
)

var errAnswer = errors.New("the parent's answer cannot be read")

// fileFacts is fs.FileInfo in plain values. It is also the entry of a listing,
// then without size and time: those would cost a question each, and no renderer
// looks at them.
type fileFacts struct {
	name    string
	mode    fs.FileMode
	size    int64
	changed time.Time
}

func (f fileFacts) Name() string               { return f.name }
func (f fileFacts) Size() int64                { return f.size }
func (f fileFacts) Mode() fs.FileMode          { return f.mode }
func (f fileFacts) ModTime() time.Time         { return f.changed }
func (f fileFacts) IsDir() bool                { return f.mode.IsDir() }
func (f fileFacts) Sys() any                   { return nil }
func (f fileFacts) Type() fs.FileMode          { return f.mode.Type() }
func (f fileFacts) Info() (fs.FileInfo, error) { return f, nil }

func (e *encoder) facts(f fileFacts) {
	e.text(f.name)
	e.number(uint64(f.mode))
	e.number(uint64(max(f.size, 0)))
	e.number(uint64(f.changed.UnixNano()))
}

func (d *decoder) facts() fileFacts {
	return fileFacts{name: d.text(), mode: fs.FileMode(d.number()), size: int64(d.number()), changed: time.Unix(0, int64(d.number())).UTC()}
}

// pipeFS is the checkout in the child, for one render.
type pipeFS struct {
	ask   func(question []byte) ([]byte, error)
	stats map[string]statAnswer
	ahead map[string]aheadContent // came with a listing, read once
}

type statAnswer struct {
	facts fileFacts
	err   error
}

type aheadContent struct {
	facts   fileFacts
	content []byte
}

var (
	_ fs.ReadDirFS  = (*pipeFS)(nil)
	_ fs.ReadFileFS = (*pipeFS)(nil)
	_ fs.StatFS     = (*pipeFS)(nil)
)

func newPipeFS(ask func([]byte) ([]byte, error)) *pipeFS {
	return &pipeFS{ask: ask, stats: map[string]statAnswer{}, ahead: map[string]aheadContent{}}
}

// question asks about a name. The answer begins with whether it is an error.
func (p *pipeFS) question(op byte, name string) (*decoder, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	answer, err := p.ask(append([]byte{op}, name...))
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	if len(answer) == 0 {
		return nil, errAnswer
	}
	if answer[0] == 0 {
		return &decoder{buf: answer[1:]}, nil
	}
	var failed wireError
	if err := json.Unmarshal(answer[1:], &failed); err != nil {
		return nil, errAnswer
	}
	return nil, failed.error(nil)
}

// Stat describes a file or a folder.
func (p *pipeFS) Stat(name string) (fs.FileInfo, error) {
	known, ok := p.stats[name]
	if !ok {
		d, err := p.question(askStat, name)
		if known.err = err; err == nil {
			known.facts, known.err = d.facts(), d.err
		}
		p.stats[name] = known
	}
	if known.err != nil {
		return nil, known.err
	}
	return known.facts, nil
}

// ReadFile returns a file's content.
func (p *pipeFS) ReadFile(name string) ([]byte, error) {
	file, err := p.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	return io.ReadAll(file)
}

// Open opens a file, which is held in memory while open, or a folder.
func (p *pipeFS) Open(name string) (fs.File, error) {
	if found, ok := p.ahead[name]; ok {
		delete(p.ahead, name)
		return &pipeFile{facts: found.facts, Reader: bytes.NewReader(found.content)}, nil
	}
	d, err := p.question(askRead, name)
	if err != nil {
		return nil, err
	}
	facts := d.facts()
	if facts.IsDir() {
		return &pipeFolder{facts: facts, fs: p, path: name}, d.err
	}
	return &pipeFile{facts: facts, Reader: bytes.NewReader(d.bytes())}, d.err
}

// ReadDir lists a folder, sorted by name.
func (p *pipeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	d, err := p.question(askList, name)
	if err != nil {
		return nil, err
	}
	var entries []fs.DirEntry
	for count := d.number(); count > 0 && d.err == nil; count-- {
		entry := d.facts()
		entries = append(entries, entry)
		if d.number() == 1 {
			p.ahead[path.Join(name, entry.name)] = aheadContent{facts: d.facts(), content: d.bytes()}
		}
	}
	return entries, d.err
}

type pipeFile struct {
	facts fileFacts
	*bytes.Reader
}

func (f *pipeFile) Stat() (fs.FileInfo, error) { return f.facts, nil }
func (f *pipeFile) Close() error               { return nil }

// pipeFolder is an open folder.
type pipeFolder struct {
	facts   fileFacts
	fs      *pipeFS
	path    string
	listed  bool
	entries []fs.DirEntry
}

func (f *pipeFolder) Stat() (fs.FileInfo, error) { return f.facts, nil }
func (f *pipeFolder) Close() error               { return nil }

func (f *pipeFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.path, Err: fs.ErrInvalid}
}

// ReadDir lists the next n entries, or all that are left.
func (f *pipeFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if !f.listed {
		entries, err := f.fs.ReadDir(f.path)
		if err != nil {
			return nil, err
		}
		f.listed, f.entries = true, entries
	}
	count := len(f.entries)
	if n > 0 {
		count = min(n, count)
		if count == 0 {
			return nil, io.EOF
		}
	}
	next := f.entries[:count]
	f.entries = f.entries[count:]
	return next, nil
}

// checkoutFiles answers a child's questions about a checkout.
type checkoutFiles struct {
	fsys   fs.FS
	limits Limits
	failed []error // told to the child, by number
}

func (f *checkoutFiles) answer(question []byte) []byte {
	e := &encoder{buf: []byte{0}}
	err := errFrame
	if len(question) > 0 {
		switch name := string(question[1:]); question[0] {
		case askStat:
			err = f.stat(e, name)
		case askRead:
			err = f.read(e, name)
		case askList:
			err = f.list(e, name)
		}
	}
	if err == nil {
		return e.buf
	}
	f.failed = append(f.failed, err)
	wire := toWire(err)
	wire.Number = len(f.failed)
	encoded, err := json.Marshal(wire)
	if err != nil {
		return []byte{1}
	}
	return append([]byte{1}, encoded...)
}

// original is the error that a child was told under a number.
func (f *checkoutFiles) original(number int) error {
	if number < 1 || number > len(f.failed) {
		return nil
	}
	return f.failed[number-1]
}

func factsOf(info fs.FileInfo) fileFacts {
	return fileFacts{name: info.Name(), mode: info.Mode(), size: info.Size(), changed: info.ModTime()}
}

func (f *checkoutFiles) stat(e *encoder, name string) error {
	info, err := fs.Stat(f.fsys, name)
	if err == nil {
		e.facts(factsOf(info))
	}
	return err
}

// read sends one byte more than a file may have, by which the child sees that it is
// too large.
func (f *checkoutFiles) read(e *encoder, name string) error {
	info, content, err := f.content(name, f.limits.FileBytes+1)
	if err == nil {
		e.facts(factsOf(info))
		e.bytes(content)
	}
	return err
}

func (f *checkoutFiles) content(name string, limit int64) (fs.FileInfo, []byte, error) {
	file, err := f.fsys.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		return info, nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, min(limit, frameBytes-1<<10)))
	return info, content, err
}

func (f *checkoutFiles) list(e *encoder, name string) error {
	entries, err := fs.ReadDir(f.fsys, name)
	if err != nil {
		return err
	}
	e.number(uint64(len(entries)))
	left := int64(aheadFolder)
	for _, entry := range entries {
		e.facts(fileFacts{name: entry.Name(), mode: entry.Type()})
		info, content := f.aheadOf(entry, path.Join(name, entry.Name()), left)
		if info == nil {
			e.number(0)
			continue
		}
		left -= int64(len(content))
		e.number(1)
		e.facts(factsOf(info))
		e.bytes(content)
	}
	return nil
}

// aheadOf is a small file's content. What cannot be read is left to be asked for:
// then it is told.
func (f *checkoutFiles) aheadOf(entry fs.DirEntry, name string, left int64) (fs.FileInfo, []byte) {
	most := min(aheadFile, left, f.limits.FileBytes)
	if !entry.Type().IsRegular() || most <= 0 {
		return nil, nil
	}
	info, content, err := f.content(name, most+1)
	if err != nil || int64(len(content)) > most {
		return nil, nil
	}
	return info, content
}
