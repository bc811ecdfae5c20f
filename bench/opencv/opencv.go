//go:build gocv

// Package opencv runs ONNX files with OpenCV's dnn module, through gocv.
package opencv

/*
#cgo !windows pkg-config: opencv4
#cgo CXXFLAGS: --std=c++11
#include "threads.h"
*/
import "C"

import (
	"errors"
	"fmt"

	"gocv.io/x/gocv"
)

// Net is a network that OpenCV read, with the value of its only input.
type Net struct {
	net  gocv.Net
	in   gocv.Mat
	name string
}

// Open reads an ONNX file and keeps a float32 input for it: its shape and its
// numbers, four bytes each. OpenCV ends the process, with the reason on standard
// error, where it meets what it does not know.
func Open(file, input string, shape []int, numbers []byte, threads int) (*Net, error) {
	C.bench_opencv_threads(C.int(threads))
	n := &Net{net: gocv.ReadNetFromONNX(file), name: input}
	if n.net.Empty() {
		return nil, errors.New("OpenCV reads no network from this file")
	}
	if err := errors.Join(n.net.SetPreferableBackend(gocv.NetBackendOpenCV), n.net.SetPreferableTarget(gocv.NetTargetCPU)); err != nil {
		return nil, err
	}
	m, err := gocv.NewMatWithSizesFromBytes(shape, gocv.MatTypeCV32F, numbers)
	if err != nil {
		return nil, fmt.Errorf("input %s: %w", input, err)
	}
	n.in = m.Clone() // OpenCV may not keep Go's memory
	return n, m.Close()
}

// Run computes the last layer's output, which is the caller's to close.
func (n *Net) Run() gocv.Mat {
	n.net.SetInput(n.in, n.name)
	return n.net.Forward("")
}

// Version is that of the library.
func Version() string { return gocv.OpenCVVersion() }
