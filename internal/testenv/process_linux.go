package testenv

import "syscall"

// processAttributes: a group of its own, so that a terminal's interrupt reaches
// only us, who stop the children in order; and death with the parent.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
