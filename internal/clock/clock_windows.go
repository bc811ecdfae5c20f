// Package clock measures short times: on Windows, time.Now stands still for up to 16 ms.
package clock

import (
	"math/bits"
	"syscall"
	"time"
	"unsafe"
)

var (
	kernel32 = syscall.NewLazyDLL("kernel32.dll")
	counter  = kernel32.NewProc("QueryPerformanceCounter").Addr()

	perSecond = read(kernel32.NewProc("QueryPerformanceFrequency").Addr()) // ticks of the counter
	first     = read(counter)                                              // at start
	start     = time.Now()
)

// read calls a function that writes a number. Neither of the two can fail since
// Windows XP (learn.microsoft.com/windows/win32/sysinfo/acquiring-high-resolution-time-stamps).
func read(function uintptr) uint64 {
	var n uint64
	syscall.SyscallN(function, uintptr(unsafe.Pointer(&n)))
	return n
}

// Now is a moment that Since and other results of Now may be compared with.
func Now() time.Time {
	hi, lo := bits.Mul64(read(counter)-first, uint64(time.Second))
	ns, _ := bits.Div64(hi, lo, perSecond)
	return start.Add(time.Duration(ns))
}

// Since is the time from t, a result of Now, until now.
func Since(t time.Time) time.Duration { return Now().Sub(t) }
