// Package decide makes an action of a change and of what policies said about it. Decide is
// the table of docs/policies.md, row by row; InputOf is what policies are asked with.
package decide
