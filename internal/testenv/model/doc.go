// Package model is a small API server for tests: one object, server-side apply and updates
// by any field manager, with the real managedFields of the API server's own library, and
// Killick's comparison and writes on top. It has no admission, no controllers and no clock
// but its own; what needs those is tested on the local control plane.
package model
