package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

// compression is the level of everything that is compressed. The compressor is a module
// whose version go.mod fixes, because that of the standard library changes its output
// from one Go version to the next.
const compression = 6

// entry is a file or, when its path ends in "/", a folder of an archive.
type entry struct {
	path    string
	mode    fs.FileMode // permissions, and fs.ModeSticky
	content []byte
}

// tarball packs entries in the order of their paths, all of them root's, with one time.
func tarball(entries []entry, at time.Time) ([]byte, error) {
	var packed bytes.Buffer
	writer := tar.NewWriter(&packed)
	for _, one := range sorted(entries) {
		header := &tar.Header{
			Format: tar.FormatUSTAR, Typeflag: tar.TypeReg, Name: one.path, Size: int64(len(one.content)),
			Mode: int64(one.mode.Perm()), ModTime: at,
		}
		if one.mode&fs.ModeSticky != 0 {
			header.Mode |= 0o1000
		}
		if strings.HasSuffix(one.path, "/") {
			header.Typeflag = tar.TypeDir
		}
		if err := writer.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("packing %q: %w", one.path, err)
		}
		if _, err := writer.Write(one.content); err != nil {
			return nil, fmt.Errorf("packing %q: %w", one.path, err)
		}
	}
	if err := writer.Close(); err != nil { // it writes the archive's end
		return nil, err
	}
	return packed.Bytes(), nil
}

// zipped gzips without a name or a time.
func zipped(data []byte) ([]byte, error) {
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, compression)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(data); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// tarGz is a gzipped tarball.
func tarGz(entries []entry, at time.Time) ([]byte, error) {
	packed, err := tarball(entries, at)
	if err != nil {
		return nil, err
	}
	return zipped(packed)
}

// zipFile packs files the way Windows unpacks them without further tools.
func zipFile(entries []entry, at time.Time) ([]byte, error) {
	var packed bytes.Buffer
	writer := zip.NewWriter(&packed)
	writer.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, compression)
	})
	for _, one := range sorted(entries) {
		header := &zip.FileHeader{Name: one.path, Method: zip.Deflate, Modified: at.UTC()}
		header.SetMode(one.mode)
		file, err := writer.CreateHeader(header)
		if err != nil {
			return nil, fmt.Errorf("packing %q: %w", one.path, err)
		}
		if _, err := file.Write(one.content); err != nil {
			return nil, fmt.Errorf("packing %q: %w", one.path, err)
		}
	}
	if err := writer.Close(); err != nil { // it writes the archive's end
		return nil, err
	}
	return packed.Bytes(), nil
}

func sorted(entries []entry) []entry {
	return slices.SortedFunc(slices.Values(entries), func(a, b entry) int { return strings.Compare(a.path, b.path) })
}
