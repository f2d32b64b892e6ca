package gitserver

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Marks begin with a NUL byte, which no manifest or text file holds.
const (
	executableMark = "\x00executable\x00"
	symlinkMark    = "\x00symlink\x00"
	submoduleMark  = "\x00submodule\x00"
)

// Deleted as a file's content removes the file, or the folder with all that is
// in it.
const Deleted = "\x00deleted\x00"

// Executable is the content of a file with the executable bit.
func Executable(content string) string { return executableMark + content }

// Symlink is the content of a symbolic link to a target.
func Symlink(target string) string { return symlinkMark + target }

// Submodule is the content of a submodule entry at a commit (40 hex digits),
// which need not exist.
func Submodule(commit string) string { return submoduleMark + commit }

// fastImport writes a change as git fast-import reads it (git-fast-import(1)),
// and asks for the new commit's hash.
func fastImport(change Change, parent string) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "commit refs/heads/%s\nmark :1\n", change.Branch)
	when := change.Time.Format("-0700")
	for _, role := range []string{"author", "committer"} {
		fmt.Fprintf(&b, "%s %s <%s> %d %s\n", role, change.Author.Name, change.Author.Email, change.Time.Unix(), when)
	}
	data(&b, change.Message)
	if parent != "" {
		fmt.Fprintf(&b, "from %s\n", parent)
	}
	for _, path := range slices.Sorted(maps.Keys(change.Files)) {
		if err := fileCommand(&b, path, change.Files[path]); err != nil {
			return nil, err
		}
	}
	b.WriteString("\nget-mark :1\ndone\n")
	return b.Bytes(), nil
}

func fileCommand(b *bytes.Buffer, path, content string) error {
	if path == "" || strings.HasPrefix(path, "/") {
		return fmt.Errorf("file %q: want a path relative to the repository", path)
	}
	name := quote(path)
	if content == Deleted {
		fmt.Fprintf(b, "D %s\n", name)
		return nil
	}
	if commit, found := strings.CutPrefix(content, submoduleMark); found {
		fmt.Fprintf(b, "M 160000 %s %s\n", commit, name)
		return nil
	}
	mode := "100644"
	if rest, found := strings.CutPrefix(content, executableMark); found {
		mode, content = "100755", rest
	}
	if rest, found := strings.CutPrefix(content, symlinkMark); found {
		mode, content = "120000", rest
	}
	fmt.Fprintf(b, "M %s inline %s\n", mode, name)
	data(b, content)
	return nil
}

// quote writes a path in the C style that fast-import reads in any position.
func quote(path string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(path) {
		if c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			fmt.Fprintf(&b, "\\%03o", c)
			continue
		}
		b.WriteByte(c)
	}
	b.WriteByte('"')
	return b.String()
}

func data(b *bytes.Buffer, content string) {
	fmt.Fprintf(b, "data %d\n%s\n", len(content), content)
}
