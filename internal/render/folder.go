package render

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
)

// kustomizationNames are the file names Kustomize knows, in its order
// (https://kubectl.docs.kubernetes.io/references/kustomize/glossary/#kustomization).
var kustomizationNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

const chartFile = "Chart.yaml"

// appFolder resolves an app's path inside the repository. A path that does not
// exist is an error, never an empty render: the difference decides whether
// everything an app ever applied looks like an extra.
func appFolder(fsys fs.FS, name string) (string, error) {
	folder := path.Clean(strings.Trim(name, "/"))
	if !fs.ValidPath(folder) {
		return "", &drift.Problem{File: name, Err: fmt.Errorf("path %q leaves the repository", name),
			Hint: "path: is a folder inside the repository, such as apps/storefront"}
	}
	info, err := fs.Stat(fsys, folder)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid):
		return "", &drift.Problem{File: folder, Err: errors.New("no such folder in the repository at this commit"),
			Hint: nearestFolder(fsys, folder)}
	case err != nil:
		return "", folderProblem(folder, err)
	case !info.IsDir():
		return "", &drift.Problem{File: folder, Err: errors.New("the app's path is a file, not a folder"),
			Hint: fmt.Sprintf("did you mean %q?", path.Dir(folder))}
	}
	return folder, nil
}

// nearestFolder is a hint naming the folder that a mistyped path most likely
// meant: the longest part that exists, and the closest name in it.
func nearestFolder(fsys fs.FS, missing string) string {
	parts := strings.Split(missing, "/")
	base := "."
	for i, part := range parts {
		next := path.Join(base, part)
		info, err := fs.Stat(fsys, next)
		if err == nil && info.IsDir() {
			base = next
			continue
		}
		if closest := closestFolder(fsys, base, part); closest != "" {
			guess := path.Join(append([]string{base, closest}, parts[i+1:]...)...)
			if !exists(fsys, guess) {
				guess = path.Join(base, closest)
			}
			return fmt.Sprintf("did you mean %q?", guess)
		}
		break
	}
	if base == "." {
		return "no part of the path exists; check path: and ref: of the app"
	}
	return fmt.Sprintf("the nearest existing folder is %q", base)
}

// closestFolder is the folder in dir whose name is nearest to name; "" when none
// is near.
func closestFolder(fsys fs.FS, dir, name string) string {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return ""
	}
	var folders []string
	for _, entry := range entries {
		if entry.IsDir() {
			folders = append(folders, entry.Name())
		}
	}
	if near := drift.Near(name, folders); len(near) > 0 {
		return near[0]
	}
	return ""
}

// chooseRenderer looks at what stands in the folder (docs/configuration.md).
func chooseRenderer(fsys fs.FS, folder string) (drift.Renderer, error) {
	found, err := kustomizationFile(fsys, folder)
	if err != nil {
		return "", err
	}
	if found != "" {
		return drift.RendererKustomize, nil
	}
	chart, err := isFile(fsys, path.Join(folder, chartFile))
	if err != nil {
		return "", err
	}
	if chart {
		return drift.RendererHelm, nil
	}
	return drift.RendererYAML, nil
}

// kustomizationFile is the path of the folder's kustomization, "" without one.
// Two of them are an error: Kustomize would not know which one is meant.
func kustomizationFile(fsys fs.FS, folder string) (string, error) {
	var found []string
	for _, name := range kustomizationNames {
		file := path.Join(folder, name)
		present, err := isFile(fsys, file)
		if err != nil {
			return "", err
		}
		if present {
			found = append(found, file)
		}
	}
	sort.Strings(found)
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return found[0], nil
	}
	return "", &drift.Problem{File: found[0],
		Err:  fmt.Errorf("the folder has several kustomizations: %s", strings.Join(found, ", ")),
		Hint: "keep one of them"}
}

// folderProblem is an error of the checkout: its own, with its place and hint, where it
// refuses something, such as a symbolic link that leads to nothing.
func folderProblem(name string, err error) error {
	var refused *drift.Problem
	if errors.As(err, &refused) {
		return asProblem(name, refused)
	}
	return &drift.Problem{File: name, Err: fmt.Errorf("reading the app's folder: %w", err)}
}

// isFile says whether name is a file. Only "does not exist" means no.
func isFile(fsys fs.FS, name string) (bool, error) {
	info, err := fs.Stat(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, folderProblem(name, err)
	}
	return info.Mode().IsRegular(), nil
}
