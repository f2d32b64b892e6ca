// Package drift holds Killick's nouns: what an object is, what was observed of it, how it
// changed, what was decided and done about it, what a run remembers and what it reports.
// The packages that compute with them are listed in ARCHITECTURE.md.
//
// Nothing changes a value after returning it. Zero values are the safest ones, so that a
// forgotten assignment can only make a run do less: an Observation is Unreadable, a Change is
// Unknown, a Decision is AlertOnly, a Result is Skipped.
package drift
