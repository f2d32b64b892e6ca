// Package write makes the request that carries out a decision: the manifest to apply, the
// removals that an apply cannot make, and the entry of managedFields that takes foreign
// fields over, so that the apply removes them. Remaining says afterwards what of it did not
// happen.
package write
