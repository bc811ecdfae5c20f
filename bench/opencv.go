//go:build gocv

package main

import (
	"fmt"

	"gocv.io/x/gocv"

	"github.com/visionzoo/vision/bench/opencv"
	"github.com/visionzoo/vision/engine/tensor"
)

// opencvVersion says that this build has OpenCV. Such a build is for that
// contender alone: the libraries take memory that others would be blamed for.
func opencvVersion() error {
	fmt.Println(opencv.Version())
	return nil
}

type opencvRunner struct {
	net *opencv.Net
	out gocv.Mat
}

func openOpenCV(o opening) (runner, error) {
	if len(o.feed.Inputs) != 1 || o.feed.Inputs[0].DType != tensor.Float32 {
		return nil, fmt.Errorf("this benchmark feeds OpenCV one input of float32")
	}
	a := o.feed.Inputs[0]
	t := o.values[a.Name]
	n, err := opencv.Open(o.model, a.Name, t.Shape(), t.Bytes(), o.threads)
	if err != nil {
		return nil, err
	}
	return &opencvRunner{net: n, out: gocv.NewMat()}, nil
}

func (r *opencvRunner) run() error {
	r.out.Close()
	r.out = r.net.Run()
	return nil
}

func (r *opencvRunner) output() ([]float32, error) {
	d, err := r.out.DataPtrFloat32()
	if err != nil {
		return nil, err
	}
	return append([]float32(nil), d[:min(len(d), compared)]...), nil
}

func (r *opencvRunner) version() string { return "OpenCV " + opencv.Version() }
