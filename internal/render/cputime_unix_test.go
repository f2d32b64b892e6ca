//go:build unix

package render

import (
	"syscall"
	"testing"
	"time"
)

// cpuTime is what this process has spent so far, in user and system mode, all
// threads (getrusage(2)).
func cpuTime() (spent time.Duration, told bool) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, false
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), true
}

func TestCPUTime(t *testing.T) {
	before, told := cpuTime()
	if !told {
		t.Fatal("the system does not tell")
	}
	for began := time.Now(); time.Since(began) < 10*time.Second; {
		if now, _ := cpuTime(); now > before {
			return
		}
	}
	t.Errorf("busy for ten seconds, this process still has spent %s", before)
}
