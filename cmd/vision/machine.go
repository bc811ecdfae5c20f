package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/visionzoo/vision/engine"
)

// usedCPU is the class of kernels that sessions use: the one that VISION_CPU
// names, else the best. It is an error where this machine cannot run the former.
func usedCPU() (string, error) {
	name := os.Getenv("VISION_CPU")
	if name == "" {
		return engine.BestCPU(), nil
	}
	if all := engine.CPUs(); !slices.Contains(all, name) {
		return name, fmt.Errorf("VISION_CPU=%s: this machine has %s", name, strings.Join(all, ", "))
	}
	return name, nil
}

// residentMiB is the peak of the process's resident memory; if the system does not
// report it, the memory that the Go runtime has obtained.
func residentMiB() float64 {
	if kib, ok := procField("/proc/self/status", "VmHWM"); ok {
		if n, err := strconv.ParseFloat(strings.Fields(kib)[0], 64); err == nil {
			return digits(n/1024, 1)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return digits(float64(m.Sys)/(1<<20), 1)
}

// procField returns what follows "name:" in one of Linux's files in /proc.
func procField(file, name string) (string, bool) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(data)) {
		key, value, ok := strings.Cut(line, ":")
		if value = strings.TrimSpace(value); ok && strings.TrimSpace(key) == name && value != "" {
			return value, true
		}
	}
	return "", false
}
