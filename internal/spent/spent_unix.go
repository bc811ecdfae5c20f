//go:build unix

// Package spent tells tests how much processor time their process has taken.
package spent

import (
	"syscall"
	"time"
)

// Time is the processor time that this process has taken. Unlike a clock it does not
// advance while other processes run.
func Time() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
