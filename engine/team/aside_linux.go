package team

import (
	"runtime"
	"syscall"
)

// stepAside lets others run: first goroutines, then threads. The system may keep a
// caller and its helper on one processor for some milliseconds after a pause;
// without this, the one that waits would hold up the other until its time slice
// ends.
func stepAside() {
	runtime.Gosched()
	_, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0)
}
