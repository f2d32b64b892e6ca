// Package cluster does all of Killick's Kubernetes I/O: it lists and reads live
// objects, asks the API server what an apply would store, writes and deletes
// under the judged preconditions, and keeps what one run leaves to the next in
// the state namespace.
//
// It returns facts and typed errors and decides nothing. Only the API server's
// NotFound makes an object Absent; everything that could not be read stays
// Unreadable and names its cause (docs/guards.md, invariant 1). Every answer is a plain
// JSON tree; no client-go type leaves the package.
package cluster
