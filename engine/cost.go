package engine

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// Cost is the work of one run of a model and the size of its weights. Unknown
// dimensions, such as the batch, count as 1.
type Cost struct {
	FLOPs      float64 // two per multiply-add of convolutions, matrix products, attentions and recurrent layers
	Parameters int     // number of weights: elements of constants
	Bytes      int64   // of constants
	Values     int64   // bytes of the values that are in use at once, before the passes, which save some
}

// Cost adds up the model's layers.
func (s *Session) Cost() Cost { return costOf(s.orEmpty().model.Graph) }

func costOf(g *ir.Graph) Cost {
	var c Cost
	seen := map[*tensor.Tensor]bool{}
	var walk func(g *ir.Graph)
	walk = func(g *ir.Graph) {
		for _, n := range g.Nodes {
			c.FLOPs += flops(n)
			for _, v := range n.Inputs {
				if v != nil && v.Const() != nil && !seen[v.Const()] {
					seen[v.Const()] = true
					c.Parameters += v.Const().Len()
					c.Bytes += int64(v.Const().Size())
				}
			}
			for _, r := range n.Regions() {
				walk(r)
			}
		}
	}
	walk(g)
	c.Values = int64(min(inUse(g), 1<<60))
	return c
}

// flopsOf is flops with the facts that a function returns, in place of those in the graph: a plan
// knows the sizes of a run.
func flopsOf(n *ir.Node, fact func(*ir.Value) ir.Fact) float64 {
	m := *n
	as := func(list []*ir.Value) []*ir.Value {
		out := make([]*ir.Value, len(list))
		for i, v := range list {
			if v != nil {
				w := *v
				w.Fact = fact(v)
				out[i] = &w
			}
		}
		return out
	}
	m.Inputs, m.Outputs = as(n.Inputs), as(n.Outputs)
	return flops(&m)
}

// flops counts the multiply-adds of one node, two each: of a convolution, each output has as many as a
// filter has weights; of a matrix product, as many as a row has numbers.
func flops(n *ir.Node) float64 {
	out := count(n.Outputs[0].Fact.Shape)
	at := func(input int, from int) float64 {
		if input >= len(n.Inputs) || n.Inputs[input] == nil {
			return 0
		}
		s := n.Inputs[input].Fact.Shape
		if !s.Ranked || from > len(s.Dims) {
			return 0
		}
		return count(ir.ShapeOf(s.Dims[from:]...))
	}
	switch n.Op {
	case "Conv", "ConvInteger", "FusedConv", "DynamicConv", "DeformConv", "NhwcConv", "NhwcFusedConv", "CausalConvWithState":
		return 2 * out * at(1, 1)
	case "QLinearConv":
		return 2 * out * at(3, 1)
	case "ConvTranspose", "ConvTransposeWithDynamicPads":
		return 2 * at(0, 0) * at(1, 1)
	case "MatMul", "MatMulInteger", "MatMulInteger16", "MatMulNBits", "QLinearMatMul", "MatMulIntegerToFloat", "DynamicQuantizeMatMul",
		"Gemm", "FusedGemm", "QGemm", "FusedMatMul", "TransposeMatMul":
		if transposed(n) {
			return 2 * out * depth(n.Inputs[0], -2)
		}
		return 2 * out * depth(n.Inputs[0], -1)
	case "Einsum":
		return einsumFLOPs(n)
	case "LSTM", "GRU", "RNN":
		return recurrentFLOPs(n)
	case "Attention":
		if n.Domain == ops.Microsoft {
			return packedAttentionFLOPs(n)
		}
		return attentionFLOPs(n)
	case "MultiHeadAttention", "FlexAttention":
		return attentionFLOPs(n)
	case "LinearAttention":
		return linearAttentionFLOPs(n)
	}
	return 0
}

// depth is a dimension of a value, counted from the end if axis is negative: 1 if it is not known,
// 0 if there is none. Mostly it is the one that a product sums over.
func depth(v *ir.Value, axis int) float64 {
	d := v.Fact.Shape.Dims
	if axis < 0 {
		axis += len(d)
	}
	if axis < 0 || axis >= len(d) {
		return 0
	}
	return math.Max(1, float64(d[axis].N))
}

// count multiplies the dimensions; unknown ones count as 1.
func count(s ir.Shape) float64 {
	n := 1.0
	for _, d := range s.Dims {
		if d.Known() {
			n *= float64(d.N)
		}
	}
	return n
}

// LoadCost is how long opening a session took, and what part of that went into
// packing weights.
type LoadCost struct{ Total, Pack time.Duration }

// LoadCost returns how long opening the session took.
func (s *Session) LoadCost() LoadCost {
	s = s.orEmpty()
	return LoadCost{s.opened, s.runner.PackTime()}
}

// CostOf is Cost for inputs of the given shapes, for models that leave dimensions
// open; an input that shapes does not name keeps its declared shape. Shapes that
// the model cannot take are an error.
func (s *Session) CostOf(shapes map[string][]int) (c Cost, err error) {
	err = s.Guard(func() error { // shapes may be constants
		c, err = s.costOf(shapes)
		return err
	})
	return c, err
}

func (s *Session) costOf(shapes map[string][]int) (Cost, error) {
	g := s.model.Graph.Clone()
	named := 0
	for _, v := range g.Inputs {
		sizes, ok := shapes[v.Name]
		if !ok {
			continue
		}
		named++
		if !takes(v.Fact.Shape, sizes) {
			return Cost{}, fmt.Errorf("%s: input %s takes %s, not %d", s.file, onnx.Quote(v.Name), v.Fact, sizes)
		}
		v.Fact.Shape = ir.Dims(sizes...)
	}
	for name := range shapes {
		if named < len(shapes) && !slices.ContainsFunc(g.Inputs, func(v *ir.Value) bool { return v.Name == name }) {
			return Cost{}, fmt.Errorf("%s: there is no input %s; Inputs lists them", s.file, onnx.Quote(name))
		}
	}
	if err := ops.Rebind(g); err != nil {
		return Cost{}, err
	}
	if err := ops.Infer(context.Background(), g); err != nil {
		return Cost{}, fmt.Errorf("%s: %w", s.file, err)
	}
	return costOf(g), nil
}

// takes reports whether sizes are numbers for the dimensions of a shape.
func takes(shape ir.Shape, sizes []int) bool {
	if shape.Ranked && len(shape.Dims) != len(sizes) {
		return false
	}
	for i, n := range sizes {
		if n < 0 || shape.Ranked && shape.Dims[i].Known() && shape.Dims[i].N != n {
			return false
		}
	}
	return true
}
