package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
)

// inputs are what a model is fed with: the arrays in the .npz beside it where
// there is one, else numbers between -2 and 2. Free dimensions are 1, but the
// first, which is the batch.
func inputs(model string, infos []engine.Info, batch int) (engine.Values, error) {
	saved := map[string]*tensor.Tensor{}
	if file, err := os.Open(strings.TrimSuffix(model, ".onnx") + ".npz"); err == nil && batch == 1 {
		defer file.Close()
		stat, err := file.Stat()
		if err != nil {
			return nil, err
		}
		if saved, err = tensor.ReadNpz(file, stat.Size()); err != nil {
			return nil, err
		}
	}
	in := engine.Values{}
	r := rand.New(rand.NewPCG(1, 2))
	for _, info := range infos {
		if t := saved[info.Name]; t != nil {
			in[info.Name] = t
			continue
		}
		if !info.DType.IsElement() || !info.Shape.Ranked {
			return nil, fmt.Errorf("input %s: no numbers can be made up for %s", info.Name, info.Fact)
		}
		in[info.Name] = random(r, info, batch)
	}
	return in, nil
}

func random(r *rand.Rand, info engine.Info, batch int) *tensor.Tensor {
	var shape []int
	for i, d := range info.Shape.Dims {
		n := d.N
		if !d.Known() {
			n = 1
			if i == 0 {
				n = batch
			}
		}
		shape = append(shape, n)
	}
	t := tensor.New(info.DType, shape...)
	switch info.DType {
	case tensor.Float32:
		for i, d := 0, tensor.Data[float32](t); i < len(d); i++ {
			d[i] = r.Float32()*4 - 2
		}
	default:
		for i, d := 0, t.Bytes(); info.DType == tensor.Uint8 && i < len(d); i++ {
			d[i] = byte(r.Uint32())
		}
	}
	return t
}

// floats are the first numbers of a tensor of float32, at most 2,000.
func floats(t *tensor.Tensor) []float32 {
	if t == nil || t.DType() != tensor.Float32 {
		return nil
	}
	d := tensor.Data[float32](t)
	return append([]float32(nil), d[:min(len(d), 2000)]...)
}
