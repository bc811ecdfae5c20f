package plan

import (
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// Networks that were quantised dynamically keep float32 between their layers and have only
// weights of 8 bits. The input of a layer is turned to codes when it runs, with a scale and a
// zero point that its smallest and largest number give. package pass has made one node of
// that, the integer product and the scaling: DynamicConv, or DynamicQuantizeMatMul.

// The inputs of such a node. There is no output scale.
var (
	dynamicConv   = quantOperands{x: 0, w: 1, wScale: 2, wZero: 3, bias: 4, transposed: true}
	dynamicMatMul = quantOperands{x: 0, w: 1, wScale: 2, wZero: 3, bias: 4}
)

// dynamicConv is the geometry of a DynamicConv, nil if the kernels do not support it.
func (b *builder) dynamicConv(n *ir.Node, op *ops.DynamicConv) *kernel.Conv {
	w := b.constant(n.Inputs[1])
	if b.constant(n.Inputs[0]) != nil || w == nil || w.Rank() != 4 {
		return nil
	}
	c, ok := b.quant.convPads(n, w.Dim(2), w.Dim(3))
	if !ok || c.Group != 1 || op.Act.Kind != kernel.Identity && op.Act.Kind != kernel.Clip {
		return nil
	}
	c.In, c.Out, c.Act = planarLayout(b.fact(n.Inputs[0])), planarLayout(b.fact(n.Outputs[0])), op.Act
	if !b.paddedFits(c) || !b.dynamicConstants(n, dynamicConv) {
		return nil
	}
	return c
}

// dynamicConstants reports whether weights, scales and bias are constant and no sum
// can leave the range of int32.
func (b *builder) dynamicConstants(n *ir.Node, p quantOperands) bool {
	q, w := b.quant, b.constant(n.Inputs[p.w])
	if w == nil || w.Len() == 0 || w.DType() != tensor.Uint8 && w.DType() != tensor.Int8 || !q.packable(p, w, 1) {
		return false
	}
	outs := q.outputs(p, w)
	for _, i := range []int{p.wScale, p.wZero, p.bias} {
		if v := n.Input(i); v != nil {
			c := b.constant(v)
			if c == nil || c.Len() != 1 && c.Len() != outs || i != p.wZero && c.DType() != tensor.Float32 {
				return false
			}
		}
	}
	return int64(w.Len()/outs)*255*255 <= math.MaxInt32 || q.smallSums(p, n, w, nil)
}

// dynamicNode schedules a DynamicConv.
func (b *builder) dynamicNode(n *ir.Node) error {
	c := b.dynamicConv(n, n.Operator.(*ops.DynamicConv))
	format := b.opt.Rung.Block
	if c.In.C <= 4 && c.DilationW == 1 && c.KernelW <= 16 && b.isPlanar(n.Inputs[0]) {
		format = kernel.Planar
	}
	in, err := b.inFormat(n.Inputs[0], format)
	if err != nil {
		return err
	}
	out := b.home(n.Outputs[0])
	c.In, c.Out = in.layout, out.layout
	b.blocked[n.Outputs[0]] = out
	return b.addDynamic(n, dynamicConv, c, in, out)
}

// roundNode schedules a DynamicRound.
func (b *builder) roundNode(n *ir.Node) error {
	in, err := b.inFormat(n.Inputs[0], b.opt.Rung.Block)
	if err != nil {
		return err
	}
	out := b.home(n.Outputs[0])
	w, err := b.opt.Rung.DynamicRound(in.layout, out.layout)
	if err != nil {
		return err
	}
	b.finish(n, n.Op, w, []place{in}, out)
	return nil
}

// dynamicProduct schedules a DynamicQuantizeMatMul as a convolution of pictures of one
// pixel; it reports false if the kernels do not support it.
func (b *builder) dynamicProduct(n *ir.Node) (bool, error) {
	if n.Op != "DynamicQuantizeMatMul" || n.Domain != ops.Microsoft {
		return false, nil
	}
	x, ok := b.matrix(n.Inputs[0], 2)
	w := b.constant(n.Inputs[1])
	if !ok || b.constant(n.Inputs[0]) != nil || w == nil || w.Rank() != 2 || !b.dynamicConstants(n, dynamicMatMul) {
		return false, nil
	}
	in, err := b.planar(n.Inputs[0])
	if err != nil {
		return false, err
	}
	out, err := b.newPlanar(n.Outputs[0])
	if err != nil {
		return false, err
	}
	rows := tensor.MustCount(x[:len(x)-1])
	return true, b.addDynamic(n, dynamicMatMul, kernel.OneTapOfRows(kernel.Planar, rows, w.Dim(0), w.Dim(1)), in, out)
}

// addDynamic plans the kernels.
func (b *builder) addDynamic(n *ir.Node, p quantOperands, c *kernel.Conv, in, out place) error {
	all := func(i int) []float32 {
		numbers := []float32{0}
		if v := n.Input(i); v != nil {
			numbers = tensor.Data[float32](b.constant(v))
		}
		return slices.Repeat(numbers, c.Out.C/len(numbers))
	}
	d := b.opt.Rung.NewDynamic(c, kernel.Floats{Scales: all(p.wScale), Bias: all(p.bias)})
	packed, err := b.packCodes(n, p, &d.QConv)
	if err != nil {
		return err
	}
	work, err := b.opt.Rung.Dynamic(d, packed)
	if err != nil {
		return err
	}
	b.addWork(n, "dynamic u8s8", work, []place{in}, nil, out)
	return nil
}

// packCodes packs the constant weights of a node.
func (b *builder) packCodes(n *ir.Node, p quantOperands, c *kernel.QConv) (*kernel.QConvWeights, error) {
	w := b.constant(n.Inputs[p.w])
	return b.packsForNode(n).codes(n, c, func() (kernel.QWeights, []int32) {
		fill, most := b.quant.weightsOf(n, p, w)
		codes, flip, zeros := b.quant.codesOf(n, p, w)
		return kernel.QWeights{Fill: fill, Max: most, Codes: codes, Flip: flip, Zeros: zeros}, nil
	})
}
