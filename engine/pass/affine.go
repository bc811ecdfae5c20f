package pass

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// fuseAffine joins sums and products with constants behind the activation of a convolution to one
// scale and shift, and moves that into the convolutions that read it:
//
//	[Conv act] -> Mul(s) -> Add(b)        =>  [Conv act] -> [ScaleShift s b]
//	[ScaleShift s b] -> [Conv W] -> …     =>  [Conv W·s, bias + W·b] -> …
//
// Such learned affine blocks are those of Cui et al. 2021, "PP-LCNet". (Sums and products without an
// activation before them are moved into the convolution before them by batchNorm.) A ScaleShift that
// other operators read, or that is an output, stays.
func fuseAffine(e *Editor) (int, error) {
	changes := 0
	err := e.Nodes(func(n *ir.Node) error {
		x, scale, shift := perChannel(n)
		if x == nil || !behindConv(x) || !sameRank(n, x) {
			return nil
		}
		if op, ok := x.Node.Operator.(*ops.ScaleShift); ok && op.Act.Kind == kernel.Identity {
			for i, s := range floats(x.Node.Inputs[1]) {
				shift[i] += scale[i] * floats(x.Node.Inputs[2])[i]
				scale[i] *= s
			}
			x = x.Node.Inputs[0]
		}
		changes++
		return e.become(n, ops.Internal, "ScaleShift", 1, []*ir.Value{x,
			e.Graph.Constant(n.Name+"/scale", tensor.Of(scale)), e.Graph.Constant(n.Name+"/shift", tensor.Of(shift))})
	})
	if err != nil {
		return changes, err
	}
	err = e.Nodes(func(n *ir.Node) error {
		done, err := intoReaders(e, n)
		if done {
			changes++
		}
		return err
	})
	return changes, err
}

// behindConv reports whether a value comes from a fused convolution, by way of operators that keep the
// convolutions' blocked layout (activations and pools). Elsewhere a ScaleShift is no faster than a sum
// and a product.
func behindConv(v *ir.Value) bool {
	for n := v.Node; n != nil && len(n.Inputs) > 0; n = n.Inputs[0].Node {
		switch n.Operator.(type) {
		case *ops.FusedConv, *ops.ScaleShift:
			return true
		}
		if _, ok := ActivationOf(n); !ok && !is(n, "MaxPool") && !is(n, "AveragePool") {
			return false
		}
	}
	return false
}

// intoReaders moves a ScaleShift into the convolutions that read it, which must be all its readers.
// The scale must be the same for all channels, because the fused form has scales for output
// channels only. If there is a shift, the convolution must have no padding, whose zeros would be
// shifted too.
func intoReaders(e *Editor, n *ir.Node) (bool, error) {
	op, ok := n.Operator.(*ops.ScaleShift)
	y := n.Outputs[0]
	if !ok || op.Act.Kind != kernel.Identity || e.output[y] || n.Inputs[0].Fact.Shape.Rank() < 2 {
		return false, nil
	}
	scale, shift := floats(n.Inputs[1]), floats(n.Inputs[2])
	if len(scale) == 0 || slices.ContainsFunc(scale, func(s float32) bool { return s != scale[0] }) {
		return false, nil
	}
	shifts := slices.ContainsFunc(shift, func(s float32) bool { return s != 0 })
	var readers []*ir.Node
	for _, r := range e.readers[y] {
		if !e.reads(r, y) {
			continue
		}
		_, ok := r.Operator.(*ops.FusedConv)
		if !ok || slices.Contains(r.Inputs[1:], y) || shifts && padded(r) || !n.Inputs[0].Fact.Shape.Dims[1].Known() {
			return false, nil
		}
		if !slices.Contains(readers, r) {
			readers = append(readers, r)
		}
	}
	for _, r := range readers {
		weights := r.Inputs[1].Const()
		if err := e.Rebind(r, r.Domain, r.Op, r.Version, affineInputs(e.Graph, r, n.Inputs[0], weights, scale[0], shift), r.Attrs); err != nil {
			return false, err
		}
	}
	e.prune(y)
	return len(readers) > 0, nil
}

// padded reports whether a convolution may read beyond its input.
func padded(conv *ir.Node) bool {
	if a := conv.Attr("auto_pad"); a != nil && a.String != "NOTSET" && a.String != "VALID" {
		return true
	}
	pads := conv.Attr("pads")
	return pads != nil && slices.ContainsFunc(pads.Ints, func(p int64) bool { return p != 0 })
}

// affineInputs returns the inputs of a fused convolution of x that computes what conv did on x·scale +
// shift: conv(x·scale + shift, W·S) + B = conv(x, W·S·scale) + B + conv(shift, W·S).
func affineInputs(g *ir.Graph, conv *ir.Node, x *ir.Value, weights *tensor.Tensor, scale float32, shift []float32) []*ir.Value {
	rows, channels, from := weights.Dim(0), weights.Dim(1), weights
	if n := weights.Narrow(); n != nil {
		from = n
	}
	group := conv.Operator.(*ops.FusedConv).Group
	inputs := make([]*ir.Value, 5)
	copy(inputs, conv.Inputs)
	bias, scales := make([]float32, rows), slices.Repeat([]float32{1}, rows)
	copy(bias, floats(inputs[2]))
	copy(scales, floats(inputs[4]))
	taps := weights.Len() / max(1, rows*channels)
	w := make([]float64, channels*taps)
	for i := range rows {
		sum, first := 0.0, i/(rows/group)*channels
		tensor.Load(w, from, i*channels*taps, 1)
		for c := range channels {
			for _, v := range w[c*taps:][:taps] {
				sum += v * float64(shift[first+c])
			}
		}
		bias[i] += float32(sum * float64(scales[i]))
		scales[i] *= scale
	}
	inputs[0] = x
	inputs[2] = g.Constant(conv.Name+"/bias", tensor.Of(bias))
	inputs[4] = g.Constant(conv.Name+"/scale", tensor.Of(scales))
	return inputs
}
