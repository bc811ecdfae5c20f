//go:build unix

package vision

import (
	"syscall"
	"time"
)

// spent is the time of processors that this process has taken: unlike a clock it
// does not go on while others have them.
func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
