//go:build unix

// Package spent tells tests how much processor time their process has taken.
package spent

import (
	"syscall"
	"time"
)

// Time is the time of processors that this process has taken: unlike a clock it
// does not go on while others have them.
func Time() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
