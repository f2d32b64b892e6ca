// Command release makes what a release of Killick consists of, without a container
// engine, a base image or the network:
//
//	release image    an OCI image for linux/amd64 and linux/arm64
//	release all      the image, archives of the binary for six platforms, the chart, checksums
//
// The same commit gives the same bytes, on any machine: the binary is compiled with
// fixed flags and without the environment's say (compile.go), archives have fixed
// headers and a compressor whose version go.mod fixes (archive.go), and every time is the
// commit's. What else decides is the version of Go; goVersion names the one of releases.
//
// It is a module of its own, so that libraries for container images stay out of the
// product's. It publishes nothing: docs/install.md says how to push what it made.
package main
