// Package ownership reads metadata.managedFields: which field manager set which fields of a
// live object, whether that is Killick's own entry, and how a list merges, which only the
// keys in a fieldset tell. With
//
//	managedFields:
//	- manager: killick
//	  operation: Apply
//	  fieldsV1: {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {"f:image": {}}}}}
//
// the entry is ours, it owns spec.containers[name=web].image, and the list of containers
// merges by name.
package ownership
