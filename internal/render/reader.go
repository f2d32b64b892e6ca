package render

import (
	"fmt"
	"io"
	"io/fs"

	"github.com/killick-dev/killick/internal/drift"
)

// reader reads files of the checkout under a byte budget. A file that is read
// twice counts once.
type reader struct {
	fsys   fs.FS
	limits Limits
	left   int64
	cache  map[string][]byte
}

func newReader(fsys fs.FS, limits Limits) *reader {
	return &reader{fsys: fsys, limits: limits, left: limits.TotalBytes, cache: map[string][]byte{}}
}

// read returns a file's content, unless that is not in the repository; callers must not
// change it.
func (r *reader) read(name string) ([]byte, error) {
	data, err := r.raw(name)
	if err == nil && drift.IsLFSPointer(data) {
		return nil, pointerProblem(name)
	}
	return data, err
}

// raw returns what stands in the repository.
func (r *reader) raw(name string) ([]byte, error) {
	if data, ok := r.cache[name]; ok {
		return data, nil
	}
	file, err := r.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	// The size in the listing may lie, so the bytes themselves are bounded.
	limit := min(r.limits.FileBytes, r.left)
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, r.tooLarge(name)
	}
	r.left -= int64(len(data))
	r.cache[name] = data
	return data, nil
}

// replace makes later reads of a file return other content.
func (r *reader) replace(name string, data []byte) { r.cache[name] = data }

// spend takes bytes that do not come from a file of the checkout, such as an
// unpacked archive's, from the same budget.
func (r *reader) spend(name string, bytes int64) error {
	if bytes > r.left {
		return r.tooLarge(name)
	}
	r.left -= bytes
	return nil
}

func (r *reader) tooLarge(name string) error {
	return problem(drift.Origin{File: name}, "large files do not belong into an app's folder; split the app if it is really that large",
		"reading the app: more than %s in one file or %s in one app", size(r.limits.FileBytes), size(r.limits.TotalBytes))
}

// size is a byte count for people.
func size(bytes int64) string {
	switch {
	case bytes >= 1<<20 && bytes%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", bytes>>20)
	case bytes >= 1<<10 && bytes%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", bytes>>10)
	}
	return fmt.Sprintf("%d bytes", bytes)
}
