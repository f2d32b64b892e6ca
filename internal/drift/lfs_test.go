package drift

import (
	"strings"
	"testing"
)

func TestPointersAreRecognised(t *testing.T) {
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
	for text, want := range map[string]bool{
		pointer: true,
		strings.ReplaceAll(pointer, "\n", "\r\n"):      true,
		"# about\n" + pointer:                          false,
		"version https://git-lfs.github.com/spec/v1\n": false,
		pointer + strings.Repeat("x", 1024):            false,
		"":                                             false,
	} {
		if IsLFSPointer([]byte(text)) != want {
			t.Errorf("%q: %t, want %t", text, !want, want)
		}
	}
}
