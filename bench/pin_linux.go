package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// pin keeps this process, and those it starts, on as many processors as
// threads, so that the probe runs on the processor that is measured.
func pin(threads int) (undo func(), err error) {
	var old, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		return nil, err
	}
	for cpu := 0; set.Count() < threads && cpu < 1024; cpu++ {
		if old.IsSet(cpu) {
			set.Set(cpu)
		}
	}
	if err := everyThread(&set); err != nil {
		return nil, err
	}
	return func() { everyThread(&old) }, nil
}

// everyThread sets the processors of all threads of this process: affinity is a
// thread's, and a child gets that of the thread that starts it.
func everyThread(set *unix.CPUSet) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, set); err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}
