package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/visionzoo/vision/engine"
)

// usedCPU is the class of kernels that sessions use: what VISION_CPU names, else
// the best.
func usedCPU() string {
	if name := os.Getenv("VISION_CPU"); name != "" {
		return name
	}
	return engine.BestCPU()
}

// residentMiB is the most memory the process has had in use so far; where the
// system does not tell, what the Go runtime has from it.
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

// procField is what stands behind "name:" in one of Linux's own files.
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
