package plan

import (
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestLoopOfVectors holds that a body that declares its iteration and condition as
// vectors of one element, as PyTorch's exporter does, reads such.
func TestLoopOfVectors(t *testing.T) {
	type values = []*ir.Value
	n := newNetwork(t)
	x := n.input(4, 3)
	body := &network{t, &ir.Graph{}, n.rng}
	scalar := func(name string, d tensor.DType) *ir.Value {
		v := body.NewValue(name, ir.Tensor(d, ir.Dims(1)))
		body.Inputs = append(body.Inputs, v)
		return v
	}
	i, goOn, carried := scalar("i", tensor.Int64), scalar("goOn", tensor.Bool), body.input(4, 3)
	one := body.Constant("", tensor.Of([]int64{1}))
	row := body.op("Slice", values{carried, i, body.op("Add", values{i, one}), body.Constant("", tensor.Of([]int64{0}))})
	body.Outputs = values{body.op("Identity", values{goOn}), body.op("Add", values{carried, row})}
	n.Outputs = values{n.op("Loop", values{n.Constant("", tensor.Scalar(int64(4))), nil, x}, ir.AttrGraph("body", body.Graph))}
	n.check(1e-6)
}
