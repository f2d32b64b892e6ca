package drift

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
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
	return keyMark(key) + "." + encodeSum(mac), nil
}

func keyMark(key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("killick key"))
	return encodeSum(mac)[:6]
}

// sameKey says that two manifest hashes were made under one key, so that they can
// be compared.
func sameKey(a, b string) bool {
	a, _, _ = strings.Cut(a, ".")
	b, _, _ = strings.Cut(b, ".")
	return a == b
}

func encodeSum(mac hash.Hash) string {
	return base64.RawStdEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// HashLive is an HMAC of what matters of a live object between two runs: which
// fields we and people own, the live values there, and the order of lists
// (DESIGN §5, T2). Without our own Apply entry it covers the whole object except
// status, resourceVersion and managedFields' times.
func (n Noise) HashLive(key []byte, live map[string]any) (string, error) {
	entries, err := n.read(live)
	if err != nil {
		return "", err
	}
	return digestOf(key, entries, live)
}

func digestOf(key []byte, entries []managed, live map[string]any) (string, error) {
	mac := hmac.New(sha256.New, key)
	owned := false
	// The server orders entries by time, which is not part of the digest.
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, func(a, b managed) int {
		return cmp.Or(cmp.Compare(a.manager, b.manager), cmp.Compare(a.operation, b.operation),
			cmp.Compare(a.subresource, b.subresource), cmp.Compare(a.apiVersion, b.apiVersion))
	})
	for _, entry := range entries {
		if !entry.ours() && !entry.human() {
			continue
		}
		owned = owned || entry.ours()
		fields, err := entry.fields.ToJSON()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(mac, "%q %q %q %s\n", entry.manager, entry.operation, entry.subresource, fields)
		if err := writeProjection(mac, entry.fields, live); err != nil {
			return "", err
		}
	}
	if !owned {
		data, err := json.Marshal(comparable(live))
		if err != nil {
			return "", err
		}
		mac.Write(data)
	}
	writeHollow(mac, "", comparable(live))
	if spec, ok := live["spec"].(map[string]any); ok {
		fmt.Fprintf(mac, "replicas %v\n", spec["replicas"])
	}
	return encodeSum(mac), nil
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
		v, present := valueAt(live, path)
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
		shape := shapeOf(set)
		for _, item := range items {
			if element, ok := shape.elementFor(item); ok {
				fmt.Fprintf(mac, "%s,", element)
			}
		}
	}
	for element := range set.Children.All() {
		if child, ok := childOf(live, element); ok {
			writeOrder(mac, set.WithPrefix(element), child)
		}
	}
}

// Seal is an HMAC of a value's JSON under the installation's key. State lies in
// ConfigMaps, which more accounts may write than read the key: what stands for the
// API server's answer, and where credentials are sent, must be what a run wrote.
// purpose keeps one state from standing for another.
func Seal(key []byte, purpose string, value any) (string, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("sealing %s: %w", purpose, err)
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%q ", purpose)
	mac.Write(data)
	return encodeSum(mac), nil
}
