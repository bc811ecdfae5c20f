package team

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"sync"
)

// systemCrowded returns a function that tells whether at least as many threads run, or wait
// to run, as there are processors, the caller's among them. It is nil where the system's
// count says nothing of the processors that this process may run on: where that are not all.
var systemCrowded = sync.OnceValue(func() func() bool {
	processors := runtime.NumCPU()
	online, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil || string(bytes.TrimSpace(online)) != "0-"+strconv.Itoa(processors-1) {
		return nil
	}
	loads, err := os.Open("/proc/loadavg")
	if err != nil {
		return nil
	}
	running := func() int {
		var text [64]byte
		n, _ := loads.ReadAt(text[:], 0)
		if threads, ok := runningThreads(text[:n]); ok {
			return threads
		}
		return 0
	}
	if running() < 1 { // not even the caller: some sandboxes leave the count out
		loads.Close()
		return nil
	}
	return func() bool { return running() >= processors }
})

// runningThreads reads a line of /proc/loadavg, such as "0.20 0.18 0.12 1/80 11206": three
// averages, then the threads that run or wait to run, a slash and all threads
// (proc_loadavg(5)).
func runningThreads(line []byte) (n int, ok bool) {
	before, _, found := bytes.Cut(line, []byte("/"))
	n, err := strconv.Atoi(string(before[bytes.LastIndexByte(before, ' ')+1:]))
	return n, found && err == nil
}
