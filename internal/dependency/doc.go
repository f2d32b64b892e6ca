// Package dependency knows which objects need which: the order of writes (stages and waves)
// and of deletions, the references of one object to others, and who still uses an object
// that is to go (docs/guards.md, P2).
package dependency
