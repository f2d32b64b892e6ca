// Package config turns one YAML file in Git, command-line flags and environment
// variables into validated values.
//
// The file is read strictly: an unknown field, a field given twice, a value of
// the wrong type, a reference to something that does not exist, or a credential
// that stands in the file is an error with file, line and, where one can tell,
// the name that was meant. All errors of a file are reported at once. Error
// texts never repeat a value that might be a credential.
//
// The package reads one file and touches neither network nor cluster. It names
// the files and variables that hold credentials and does not read them.
package config
