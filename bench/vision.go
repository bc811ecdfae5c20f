package main

import (
	"context"

	"github.com/visionzoo/vision/engine"
)

type visionRunner struct {
	session *engine.Session
	first   string
	in, out engine.Values
}

func openVision(o opening) (runner, error) {
	p, err := engine.ParsePrecision(o.precision)
	if err != nil {
		return nil, err
	}
	s, err := engine.Open(o.model, engine.Threads(o.threads), engine.Precision(p), engine.CPU(o.cpu))
	if err != nil {
		return nil, err
	}
	return &visionRunner{session: s, first: o.feed.Outputs[0].Name, in: o.values}, nil
}

func (r *visionRunner) run() (err error) {
	r.out, err = r.session.Run(context.Background(), r.in)
	return err
}

func (r *visionRunner) output() ([]float32, error) { return floats(r.out[r.first]), nil }

// gflop is what a run computes, in 10⁹ operations.
func (r *visionRunner) gflop() (float64, error) {
	shapes := map[string][]int{}
	for name, t := range r.in {
		shapes[name] = t.Shape()
	}
	cost, err := r.session.CostOf(shapes)
	return cost.FLOPs / 1e9, err
}

func (r *visionRunner) version() string { return "" } // the page of the table says which
