// Package render turns an app's folder at one commit into desired objects:
// Kustomize, a Helm chart, or plain YAML.
//
// It takes plain values and returns plain values. What it reads comes from the
// checkout's file system and nowhere else: there is no network, no disk, no
// environment, no process and no cluster behind a render (docs/guards.md, "Isolation of
// input"). All input is hostile until proved otherwise: bytes, documents,
// nesting, aliases and output are bounded by Limits, and a panic of a library is an
// error of that app.
//
// Inside one process a library call that does not end cannot be ended, and memory
// that a template takes cannot be refused; a stack overflow ends the process. So
// Children render in child processes of this program, and Renderer is what such a
// child does.
//
// # Normal form
//
// Objects come out sorted by ID, unique, and with a manifest in normal form, so
// that comparing and hashing see only what a person meant:
//
//   - no status and none of the metadata that the API server writes
//     (creationTimestamp, generation, an empty uid, resourceVersion, selfLink,
//     ownerReferences or managedFields), and no last-applied annotation, which
//     is kubectl's own note;
//   - no null: an entry without a value is how templates say "not set", and
//     server-side apply would record ownership of a field that does not exist.
//     In string maps (labels, annotations, ConfigMap and Secret data) null is
//     the empty string, as the API server reads it;
//   - stringData of Secrets merged into data, base64 re-encoded;
//   - lists expanded, namespaces filled in from the app, namespaces of
//     cluster-scoped objects removed as the API server does;
//   - numbers as apimachinery's unstructured objects hold them: int64, float64.
package render
