package source

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is the longest file name of common file systems, in bytes.
const maxName = 255

// checkName says why an entry's name is not safe to hand on. Renderers join
// names to paths and print them; whoever writes a rendered tree to disk later
// must not be led into a .git folder under one of the spellings that Windows
// and macOS file systems take for it (CVE-2014-9390, CVE-2026-45571).
func checkName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%q is not a file name", name)
	case len(name) > maxName:
		return fmt.Errorf("a name is longer than %d bytes", maxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%q is not valid UTF-8", name)
	case strings.ContainsAny(name, `/\`):
		return fmt.Errorf("%q contains a separator", name)
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("%q contains control characters", name)
	case isDotGit(name):
		return fmt.Errorf("%q stands for Git's own folder", name)
	}
	return nil
}

// isDotGit recognises .git as HFS+ and NTFS do: without case, without the
// characters that HFS+ ignores, as a short name, with trailing dots and spaces,
// and with an alternate data stream (is_hfs_dotgit and is_ntfs_dotgit in git).
func isDotGit(name string) bool {
	name = strings.Map(func(r rune) rune {
		if ignoredByHFS(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
	name, _, _ = strings.Cut(name, ":")
	name = strings.TrimRight(name, ". ")
	return name == ".git" || name == "git~1"
}

// ignoredByHFS are the code points of next_hfs_char in git's utf8.c.
func ignoredByHFS(r rune) bool {
	return r >= 0x200c && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x206a && r <= 0x206f || r == 0xfeff
}

// unsafeFolder is the refusal of a folder that holds an unsafe name. The whole
// folder is refused, because an fs.FS cannot show such an entry and a listing
// without it would be wrong.
func unsafeFolder(folder *node, err error) error {
	return problem("rename or remove the entry",
		fmt.Errorf("folder %q has an entry that is refused: %w", folder.path(), err))
}

func tooDeep(folder *node, limit int) error {
	return problem("use fewer levels of folders",
		fmt.Errorf("folder %q is deeper than %d levels", folder.path(), limit))
}

// tooLarge is the refusal of a file above the limit; size is negative where it is
// not known.
func tooLarge(file *node, size, limit int64) error {
	err := fmt.Errorf("file %q has %s, more than the limit of %s", file.path(), mebibytes(size), mebibytes(limit))
	if size < 0 {
		err = fmt.Errorf("file %q is above the limit of %s", file.path(), mebibytes(limit))
	}
	return problem("keep large files out of the folders that are rendered", err)
}

func submodule(entry *node) error {
	return problem("name the other repository under repositories in the configuration, or copy its files",
		fmt.Errorf("%q is a submodule, and submodules are not supported", entry.path()))
}

var errDuplicate = errors.New("two entries have the same name")

// tooMany is the limit that stops a whole checkout.
func tooMany(limit int) error {
	return limitExceeded("the repository has more than %d files and folders", limit)
}
