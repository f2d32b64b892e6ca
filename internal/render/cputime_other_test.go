//go:build !unix

package render

import "time"

// cpuTime is not told on this system.
func cpuTime() (spent time.Duration, told bool) { return 0, false }
