// Command rest opens a model as a small program would, runs it on zeros, rests
// and tells as JSON what of it is in memory, in bytes.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
)

func main() {
	if err := rest(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func rest(path string) error {
	before := resident()
	s, err := engine.Open(path)
	if err != nil {
		return err
	}
	defer s.Close()
	in := engine.Values{}
	for _, i := range s.Inputs() {
		var d []int
		for _, n := range i.Shape.Dims {
			d = append(d, max(n.N, 1))
		}
		in[i.Name] = tensor.New(i.DType, d...)
	}
	for range 3 {
		if _, err := s.Run(context.Background(), in); err != nil {
			return err
		}
	}
	time.Sleep(14 * time.Second) // memory of activations waits for ten, and busy machines are late
	all, program, file := regions(path)
	return json.NewEncoder(os.Stdout).Encode(map[string]int64{"Before": before, "After": all, "Program": program, "File": file})
}

// resident is the memory of this process, 0 where the system does not tell.
func resident() int64 {
	sizes, _ := os.ReadFile("/proc/self/statm")
	f := strings.Fields(string(sizes))
	if len(f) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(f[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// regions is the same, and what of it are pages of the program and of a file.
func regions(path string) (all, program, file int64) {
	self, _ := os.Executable()
	maps, _ := os.ReadFile("/proc/self/smaps")
	name := ""
	for line := range strings.Lines(string(maps)) {
		if fields := strings.Fields(line); len(fields) > 4 && !strings.HasSuffix(fields[0], ":") {
			name = strings.Join(fields[5:], " ")
		}
		v, ok := strings.CutPrefix(line, "Rss:")
		if !ok {
			continue
		}
		n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 10, 64)
		all += n << 10
		switch name {
		case self:
			program += n << 10
		case path:
			file += n << 10
		}
	}
	return all, program, file
}
