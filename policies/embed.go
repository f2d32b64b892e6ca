// Package policies embeds the Rego that ships in the binary: the annotation
// that type-checks every policy, the library drift.lib, the fixtures
// drift.testing, the packs, their tests, and the JSON Schema of the input.
package policies

import "embed"

// FS holds drift/ (one folder per package) and input.schema.json.
//
//go:embed drift input.schema.json
var FS embed.FS

// InputSchema is the JSON Schema (draft-07) of the policy input document. It is
// generated from drift.Input; a test of internal/policy keeps them equal.
//
//go:embed input.schema.json
var InputSchema []byte
