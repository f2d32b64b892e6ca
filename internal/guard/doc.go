// Package guard refuses deletions: the rules P1 to P8 and the budget of docs/guards.md. They
// look at one object (RefusePrune, RefuseReplace) or at all deletions of a run together
// (Withhold), and can only take a deletion away.
package guard
