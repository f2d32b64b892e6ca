// Package summary makes the report of an app from the results of a run, and holds what every
// view of a report shares: groups of equal changes, the parts in which two long values
// differ, what a replacement loses, which objects are unhealthy.
package summary
