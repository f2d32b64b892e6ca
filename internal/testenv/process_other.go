//go:build !linux

package testenv

import "syscall"

// processAttributes: a group of its own, so that a terminal's interrupt reaches
// only us, who stop the children in order. Death with the parent is left to the
// pipe on standard input, since only Linux has a signal for it.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
