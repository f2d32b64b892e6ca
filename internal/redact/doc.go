// Package redact hides secret values. Masking replaces the data of a Secret by a word that
// says whether the two sides differ. The Redactor is for everything else: it learns values
// and takes them out of any text, also where they stand encoded (base64, JSON, percent, hex)
// or in parts (lines, the user and password of a URL).
//
// It is the last step before every output, and fails closed: what it cannot read through
// is hidden whole (docs/guards.md, invariant 5).
package redact
