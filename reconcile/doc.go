// Package reconcile is the run: it fetches, renders, observes, compares,
// decides, acts, judges health and reports, in that order, for all apps at once.
//
// Data moves one way and nothing is written before every app is planned. The
// package owns the small interfaces through which it reaches Git, the renderers,
// the cluster, the policies and people; it knows none of their libraries.
package reconcile
