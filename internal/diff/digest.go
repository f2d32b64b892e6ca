package diff

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/ownership"
)

// HashManifest is an HMAC-SHA256 of a manifest under the installation's random
// key: manifests hold Secrets, and a plain hash of a short secret can be
// guessed. It begins with the key's own mark, so that a hash under a lost key is
// not taken for that of another manifest.
func HashManifest(key []byte, manifest map[string]any) (string, error) {
	data, err := json.Marshal(manifest)
	if err != nil {
		return "", fmt.Errorf("hashing manifest: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(data)
	return drift.KeyMark(key) + "." + drift.EncodeSum(mac), nil
}

// HashLive is an HMAC of what matters of a live object between two runs: which
// fields we and people own, the live values there, and the order of lists
// (docs/drift.md). Without our own Apply entry it covers the whole object except
// status, resourceVersion and managedFields' times.
func HashLive(n drift.Noise, key []byte, live map[string]any) (string, error) {
	entries, err := ownership.Read(n, live)
	if err != nil {
		return "", err
	}
	return digestOf(key, entries, live)
}

func digestOf(key []byte, entries []ownership.Entry, live map[string]any) (string, error) {
	mac := hmac.New(sha256.New, key)
	owned := false
	// The server orders entries by time, which is not part of the digest.
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, func(a, b ownership.Entry) int {
		return cmp.Or(cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Operation, b.Operation),
			cmp.Compare(a.Subresource, b.Subresource), cmp.Compare(a.ApiVersion, b.ApiVersion))
	})
	for _, entry := range entries {
		if !entry.Ours() && !entry.Human() {
			continue
		}
		owned = owned || entry.Ours()
		fields, err := entry.Fields.ToJSON()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(mac, "%q %q %q %s\n", entry.Manager, entry.Operation, entry.Subresource, fields)
		if err := writeProjection(mac, entry.Fields, live); err != nil {
			return "", err
		}
	}
	if !owned {
		data, err := json.Marshal(Comparable(live))
		if err != nil {
			return "", err
		}
		mac.Write(data)
	}
	writeHollow(mac, "", Comparable(live))
	if spec, ok := live["spec"].(map[string]any); ok {
		fmt.Fprintf(mac, "replicas %v\n", spec["replicas"])
	}
	return drift.EncodeSum(mac), nil
}

// writeHollow writes where a live object has empty maps and lists. No fieldset names
// an empty list that merges by key, so without this nobody would see it go.
func writeHollow(mac hash.Hash, at string, value any) {
	switch value := value.(type) {
	case map[string]any:
		if len(value) == 0 {
			fmt.Fprintf(mac, "empty %q\n", at)
		}
		for _, key := range slices.Sorted(maps.Keys(value)) {
			writeHollow(mac, at+"/"+key, value[key])
		}
	case []any:
		if len(value) == 0 {
			fmt.Fprintf(mac, "empty %q\n", at)
		}
		for i, item := range value {
			writeHollow(mac, fmt.Sprintf("%s/%d", at, i), item)
		}
	}
}

// writeProjection writes the live values that a fieldset names.
func writeProjection(mac hash.Hash, set *fieldpath.Set, live any) error {
	var failed error
	set.Leaves().Iterate(func(path fieldpath.Path) {
		v, present := ownership.ValueAt(live, path)
		data, err := json.Marshal(v)
		if err != nil {
			failed = err
			return
		}
		fmt.Fprintf(mac, "%q %t %s\n", path, present, data)
	})
	writeOrder(mac, set, live)
	return failed
}

// writeOrder writes the order of the elements of every keyed list.
func writeOrder(mac hash.Hash, set *fieldpath.Set, live any) {
	if items, ok := live.([]any); ok {
		shape := ownership.ShapeOf(set)
		for _, item := range items {
			if element, ok := shape.ElementFor(item); ok {
				fmt.Fprintf(mac, "%s,", element)
			}
		}
	}
	for element := range set.Children.All() {
		if child, ok := ownership.ChildOf(live, element); ok {
			writeOrder(mac, set.WithPrefix(element), child)
		}
	}
}
