// Package health judges one live object: Current, InProgress, Failed,
// Suspended, Terminating or Unknown, with a reason for people. It is pure: it
// looks at the object and at the time it is given, never at a cluster.
//
// The base is kstatus (sigs.k8s.io/cli-utils, pkg/kstatus/status): first what
// holds for every object (deletion, observed generation, the conditions
// Reconciling and Stalled), then a table of kinds, then the object's conditions,
// and an object that reports nothing is Current. Where kstatus would call
// something healthy that is not, or wait for ever, this package differs; each
// place says so:
//
//   - a Job that runs is InProgress, a Pod that failed is Failed, a
//     LoadBalancer Service waits for its address;
//   - a StatefulSet or DaemonSet with OnDelete waits for a person (Suspended)
//     while pods of the old revision run;
//   - a claim that waits for its first consumer is Suspended, so that nothing
//     waits for it in vain;
//   - Ready=False is Failed when its reason says so, not InProgress for ever;
//   - a condition that was written for an older generation proves nothing;
//   - kinds whose controllers always report are InProgress until they do.
//
// A false "healthy" is the worst answer, so what is said but not understood is
// Unknown.
package health
