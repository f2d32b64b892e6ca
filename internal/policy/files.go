package policy

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// file is one policy file as it stands in the repository.
type file struct {
	name  string // as messages show it
	below string // its path below the entry's folder
	text  []byte
}

// budget bounds the bytes that are read.
type budget struct{ left, total int64 }

// readFiles reads the .rego files of a source in lexical order, as far as the
// budget goes. It also returns the names of files that look like data.
func (b *budget) readFiles(source Source, found *problems) (files []file, ignored []string) {
	dir := path.Clean(cmp.Or(source.Dir, "."))
	if source.FS == nil {
		found.add(source.Path, 0, "", "reading policies: no file system")
		return nil, nil
	}
	if link := linkOnTheWay(source.FS, dir); link != "" {
		found.add(source.Path, 0, "name the folder that it leads to", "reading policies: %q is a symbolic link", link)
		return nil, nil
	}
	err := fs.WalkDir(source.FS, dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name == dir && entry.IsDir() {
			return nil
		}
		if strings.HasPrefix(entry.Name(), ".") {
			return leaveOut(entry)
		}
		below := strings.TrimPrefix(strings.TrimPrefix(name, dir), "/")
		shown := path.Join(source.Path, below)
		if isLink(source.FS, name) {
			found.refuseLink(source.FS, entry, name, shown)
			return leaveOut(entry)
		}
		if entry.IsDir() {
			return nil
		}
		switch path.Ext(name) {
		case ".json", ".yaml", ".yml":
			ignored = append(ignored, shown)
			return nil
		case ".rego":
		default:
			found.refuseNearMiss(entry.Name(), shown)
			return nil
		}
		text, err := readBounded(source.FS, name, b.left)
		if err != nil {
			return err
		}
		b.left -= int64(len(text))
		files = append(files, file{name: shown, below: below, text: text})
		return nil
	})
	switch {
	case errors.Is(err, errTooLarge):
		found.add(source.Path, 0, "keep data out of policies; parameters go under data: of the policies entry",
			"reading policies: more than %d bytes of Rego in all", b.total)
	case errors.Is(err, fs.ErrNotExist):
		found.add(source.Path, 0, "policies: path: is a folder in the repository", "reading policies: there is no folder %q", source.Path)
	case err != nil:
		found.add(source.Path, 0, "", "reading policies: %v", err)
	case len(files) == 0:
		found.add(source.Path, 0, "put at least one .rego file there, or remove the entry", "reading policies: no .rego file in %q", source.Path)
	}
	return files, ignored
}

// leaveOut leaves an entry out, with all that is in it: what a tool or a person has put
// aside, such as .git-backup.
func leaveOut(entry fs.DirEntry) error {
	if entry.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// linkOnTheWay is the first part of a path that is a symbolic link, or "".
func linkOnTheWay(fsys fs.FS, dir string) string {
	for i := range len(dir) + 1 {
		if i == len(dir) || dir[i] == '/' {
			if isLink(fsys, dir[:i]) {
				return dir[:i]
			}
		}
	}
	return ""
}

// isLink says whether a name is a symbolic link; listings may show what it leads to.
func isLink(fsys fs.FS, name string) bool {
	links, ok := fsys.(interface {
		ReadLink(name string) (string, error)
	})
	if !ok {
		return false
	}
	_, err := links.ReadLink(name)
	return err == nil
}

// refuseLink: who owns an area's folder owns what stands in it, and what a link
// leads to may belong to somebody else.
func (ps *problems) refuseLink(fsys fs.FS, entry fs.DirEntry, name, shown string) {
	target, err := fs.Stat(fsys, name)
	if entry.IsDir() || err == nil && target.IsDir() || isRego(entry.Name()) {
		ps.add(shown, 0, "put the policies themselves there", "reading policies: %q is a symbolic link", shown)
	}
}

// refuseNearMiss: a file that looks like a policy and is not read would lose its
// vetoes without a word.
func (ps *problems) refuseNearMiss(name, shown string) {
	if isRego(name) {
		ps.add(shown, 0, "name it *.rego, or move it out of the policies", "a policy is a file named *.rego, and %q would not be read", name)
	}
}

// isRego says whether a name has .rego among its endings, in whatever case.
func isRego(name string) bool {
	for _, ending := range strings.Split(strings.ToLower(name), ".")[1:] {
		if strings.TrimRight(ending, "~0123456789") == "rego" {
			return true
		}
	}
	return false
}

var errTooLarge = errors.New("too large")

func readBounded(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if int64(len(text)) > limit {
		return nil, errTooLarge
	}
	return text, nil
}
