// Package diff compares what Git wants with what the cluster has: which fields differ, which
// field manager set them, and whether Git or the cluster moved (docs/drift.md). What the API
// server would answer is taken from a memo of an earlier comparison (Predict), proved from
// the object alone (Proved), or asked for by a dry-run, whose result the caller brings.
//
// It decides nothing: package decide makes an action of a change.
package diff
