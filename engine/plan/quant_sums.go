package plan

import (
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/engine/tensor"
)

// The inputs of ConvInteger and MatMulInteger. The zero point of x is input 2, as QLinearMatMul's.
var (
	integerConv   = quantOperands{x: 0, w: 1, wScale: -1, wZero: 3, bias: -1, transposed: true}
	integerMatMul = quantOperands{x: 0, w: 1, wScale: -1, wZero: 3, bias: -1}
)

const sumsZero = 2

// sumsNode schedules a ConvInteger or MatMulInteger of constant weights, or a QLinearMatMul that does
// not run on blocks of codes; it reports false if the kernels do not support it.
func (b *builder) sumsNode(n *ir.Node) (bool, error) {
	c, p := b.sumsConv(n)
	if c == nil || !b.dynamicConstants(n, p) {
		return false, nil
	}
	x := n.Inputs[0]
	zero, known := b.quant.zeroOf(n.Input(sumsZero), b.fact(x).DType)
	if !known && p.transposed { // it fills the padding
		return false, nil
	}
	var in []place
	for _, v := range []*ir.Value{x, n.Input(sumsZero)} {
		if v == x || !known {
			at, err := b.planar(v)
			if err != nil {
				return false, err
			}
			in = append(in, at)
		}
	}
	s := b.opt.Rung.NewSums(c, b.quant.flip(x), zero)
	if y := n.Outputs[0]; p == qlinearMatMul {
		s.Recode(kernel.SumCodes{Scales: b.quant.scalesOf(n, p, c.Out.C), Zero: b.quant.zero(n, p.yZero, y), Flip: b.quant.flip(y)})
	}
	packed, err := b.packCodes(n, p, &s.QConv)
	if err != nil {
		return false, err
	}
	work, err := b.opt.Rung.Sums(s, packed)
	if err != nil {
		return false, err
	}
	out, err := b.newPlanar(n.Outputs[0])
	if err != nil {
		return false, err
	}
	b.addWork(n, n.Op+" u8s8", work, in, nil, out)
	return true, nil
}

// sumsConv is the geometry of a ConvInteger, a MatMulInteger or a QLinearMatMul, nil if the kernels
// do not support it.
func (b *builder) sumsConv(n *ir.Node) (*kernel.Conv, quantOperands) {
	p, ok := map[string]quantOperands{"ConvInteger": integerConv, "MatMulInteger": integerMatMul, "QLinearMatMul": qlinearMatMul}[n.Op]
	if n.Domain != "" || !ok || p == qlinearMatMul && !b.quant.constants(n, p.xScale, p.yScale, p.yZero) {
		return nil, quantOperands{}
	}
	x, w := n.Inputs[0], b.constant(n.Inputs[p.w])
	f, y := b.fact(x), b.fact(n.Outputs[0])
	d, ok := f.Shape.Ints()
	if !ok || w == nil || b.constant(x) != nil || pass.SignBit(f.DType) == 0 && f.DType != tensor.Uint8 || !b.fitsLimit(f.Shape) || !b.fitsLimit(y.Shape) || !b.oneZero(n) {
		return nil, quantOperands{}
	}
	if p == qlinearMatMul {
		if _, ok := b.quant.zeroOf(n.Inputs[p.yZero], y.DType); !ok || y.DType != tensor.Int8 && y.DType != tensor.Uint8 {
			return nil, quantOperands{}
		}
	}
	if !p.transposed {
		if len(d) < 2 || w.Rank() != 2 {
			return nil, quantOperands{}
		}
		rows := tensor.MustCount(d[:len(d)-1])
		return kernel.OneTapOfRows(kernel.U8, rows, w.Dim(0), w.Dim(1)), p
	}
	if len(d) != 4 || w.Rank() != 4 {
		return nil, quantOperands{}
	}
	c, ok := b.quant.convPads(n, w.Dim(2), w.Dim(3))
	if !ok || c.Group != 1 {
		return nil, quantOperands{}
	}
	o, _ := y.Shape.Ints()
	c.In = kernel.NewLayout(kernel.U8, d[0], d[1], d[2], d[3], kernel.Halo{})
	c.Out = kernel.NewLayout(kernel.Planar, o[0], o[1], o[2], o[3], kernel.Halo{})
	if !b.paddedFits(c) {
		return nil, quantOperands{}
	}
	return c, p
}

// oneZero reports whether the zero point of x, if there is one, is a single number.
func (b *builder) oneZero(n *ir.Node) bool {
	v := n.Input(sumsZero)
	if v == nil {
		return true
	}
	f := b.fact(v)
	count, ok := f.Shape.Count()
	return ok && count == 1 && f.DType == b.fact(n.Inputs[0]).DType
}
