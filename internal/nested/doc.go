// Package nested reads and edits what is nested in an object's content: the maps and lists
// that apimachinery calls unstructured. It has the path of a field as policies and reports
// write it, values at paths, JSON patches, and the few fields that every object has.
//
// Nothing here changes a value that it was given: an edit returns a new root that shares
// what did not change. With
//
//	live: {spec: {containers: [{name: web, image: a}]}}
//
// the path spec, containers, [name=web], image leads to "a", and WithValue(live, path, "b")
// is another object in which it is "b".
package nested
