package team

import (
	"runtime"
	"syscall"
)

// stepAside lets others run: first goroutines, then threads. Where the system
// keeps a caller and its helper on one processor, as it may for some milliseconds
// after a pause, the one that waits would hold up the one it waits for until its
// time is over.
func stepAside() {
	runtime.Gosched()
	_, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0)
}
