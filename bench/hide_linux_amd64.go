package main

// #include "hide_linux_amd64.h"
import "C"

import (
	"errors"
	"runtime"
)

// hideAVX512 makes libraries that this goroutine loads take the processor for one with
// AVX2 and no later vectors: CPUID faults and is answered without them.
func hideAVX512() error {
	runtime.LockOSThread()
	if C.bench_hide_avx512() != 0 {
		return errors.New("--as-avx2: CPUID does not fault here; it needs Linux 4.12, and an Intel processor whose flags in /proc/cpuinfo have cpuid_fault")
	}
	return nil
}

// showsAVX512 reports whether this thread's CPUID has AVX-512.
func showsAVX512() bool { return C.bench_shows_avx512() != 0 }
