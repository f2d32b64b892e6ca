package drift

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"strings"
)

// KeyMark tells two keys apart without giving anything of them away.
func KeyMark(key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("killick key"))
	return EncodeSum(mac)[:6]
}

// SameKey says that two manifest hashes were made under one key, so that they can
// be compared.
func SameKey(a, b string) bool {
	a, _, _ = strings.Cut(a, ".")
	b, _, _ = strings.Cut(b, ".")
	return a == b
}

// EncodeSum is the first 16 bytes of a sum, as text.
func EncodeSum(mac hash.Hash) string {
	return base64.RawStdEncoding.EncodeToString(mac.Sum(nil)[:16])
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
	return EncodeSum(mac), nil
}
