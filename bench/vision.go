package main

import (
	"context"

	"github.com/visionzoo/vision/engine"
)

type visionRunner struct {
	session *engine.Session
	in, out engine.Values
}

func openVision(model, cpu, precision string, threads, batch int) (runner, float64, error) {
	p, err := engine.ParsePrecision(precision)
	if err != nil {
		return nil, 0, err
	}
	s, err := engine.Open(model, engine.Threads(threads), engine.Precision(p), engine.CPU(cpu))
	if err != nil {
		return nil, 0, err
	}
	in, err := inputs(model, s.Inputs(), batch)
	if err != nil {
		return nil, 0, err
	}
	return &visionRunner{session: s, in: in}, s.Cost().FLOPs * float64(batch) / 1e9, nil
}

func (r *visionRunner) run() (err error) {
	r.out, err = r.session.Run(context.Background(), r.in)
	return err
}

func (r *visionRunner) output() ([]float32, error) {
	return floats(r.out[r.session.Outputs()[0].Name]), nil
}

// describe gives the inputs of a model.
func describe(model string) ([]engine.Info, error) {
	s, err := engine.Open(model, engine.Plain())
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Inputs(), nil
}
