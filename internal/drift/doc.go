// Package drift holds Killick's nouns and its pure logic: what an object is,
// how a desired object differs from the live one, which field manager wrote the
// difference, what a policy verdict turns into, which objects may be pruned and
// what a run reports.
//
// Nothing here reads a file, a socket or a clock, and nothing changes a value
// after returning it: every function takes values and returns new ones. Zero
// values are the safest ones, so that a forgotten assignment can only make a
// run do less: an Observation is Unreadable, a Change is Unknown, a Decision is
// AlertOnly, a Result is Skipped.
package drift
