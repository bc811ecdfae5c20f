package plan

import (
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/engine/tensor"
)

// quantOperands says which inputs of a node the operands are that QLinearConv,
// QLinearMatMul and QGemm have in common. The zero point of x is the input after its scale.
type quantOperands struct {
	x, xScale, w, wScale, wZero, bias, yScale, yZero int     // bias: -1 for none
	alpha                                            float32 // factor of the result
	transposed                                       bool    // w is [outputs, inputs…], else [inputs, outputs]
}

var (
	qlinearConv   = quantOperands{x: 0, xScale: 1, w: 3, wScale: 4, wZero: 5, bias: 8, yScale: 6, yZero: 7, alpha: 1, transposed: true}
	qlinearMatMul = quantOperands{x: 0, xScale: 1, w: 3, wScale: 4, wZero: 5, bias: -1, yScale: 6, yZero: 7, alpha: 1}
	qGemm         = quantOperands{x: 0, xScale: 1, w: 3, wScale: 4, wZero: 5, bias: 6, yScale: 7, yZero: 8, alpha: 1}
)

// operands returns the operands of a product or convolution.
func (q *quants) operands(n *ir.Node) (quantOperands, bool) {
	switch n.Op {
	case "QLinearConv":
		return qlinearConv, n.Domain == "" || n.Domain == ops.Microsoft
	case "QLinearMatMul":
		return qlinearMatMul, n.Domain == ""
	}
	a := n.ReadAttrs()
	p := qGemm
	p.alpha, p.transposed = a.Float("alpha", 1), a.Bool("transB", false)
	return p, n.Domain == ops.Microsoft && !a.Bool("transA", false) && len(n.Inputs) == 9 && n.Inputs[8] != nil && a.Err() == nil
}

// convolvable reports whether the kernels support a QLinearConv. If so, the halo of its
// input becomes as wide as its padding.
func (q *quants) convolvable(n *ir.Node) bool {
	x, w := n.Inputs[0], q.constant(n.Inputs[3])
	if !codes(q.fact(x)) || len(q.fact(x).Shape.Dims) != 4 || q.constant(x) != nil || w == nil || w.Rank() != 4 {
		return false
	}
	if a := n.Attr("channels_last"); a != nil && a.Int != 0 {
		return false
	}
	c, ok := q.convPads(n, w.Dim(2), w.Dim(3))
	if !ok {
		return false
	}
	c.In, c.Out = q.layout(x, kernel.U8x64), q.layout(n.Outputs[0], kernel.U8x64)
	if !q.paddedFits(c) || !q.multiplies(n, w) || !q.packable(qlinearConv, w, q.merged(c)) {
		return false
	}
	h := q.haloOf(x)
	*h = h.Union(c.Halo())
	return true
}

// multipliable reports whether the kernels support a product of matrices.
func (q *quants) multipliable(n *ir.Node) bool {
	x, w := n.Inputs[0], q.constant(n.Inputs[3])
	if !codes(q.fact(x)) || q.constant(x) != nil || w == nil || w.Rank() != 2 || len(q.fact(x).Shape.Dims) == 4 {
		return false
	}
	rows, _, _, _ := q.dims(x)
	return rows <= maxRows && q.multiplies(n, w)
}

// multiplies checks the conditions for all products: constant scales and zero
// points, and sums within int32 even if every code is 255 and every weight 255 away from
// its zero point, or else with the weights as they are.
func (q *quants) multiplies(n *ir.Node, w *tensor.Tensor) bool {
	p, ok := q.operands(n)
	if !ok || w.DType() != tensor.Uint8 && w.DType() != tensor.Int8 || !q.constants(n, p.xScale, p.xScale+1, p.yScale, p.yZero) {
		return false
	}
	scale := q.constant(n.Inputs[p.wScale])
	if scale == nil || scale.DType() != tensor.Float32 {
		return false
	}
	outs := q.outputs(p, w)
	if scale.Len() != 1 && scale.Len() != outs || w.Len() == 0 || !q.packable(p, w, 1) {
		return false
	}
	if zero := n.Inputs[p.wZero]; zero != nil {
		z := q.constant(zero)
		if z == nil || z.Len() != 1 && z.Len() != outs {
			return false
		}
	}
	bias, ok := q.biasOf(n, p, outs)
	if !ok || !q.setFill(n.Inputs[p.x], n.Inputs[p.xScale+1], q.fact(n.Inputs[p.x]).DType) {
		return false
	}
	per := int64(w.Len() / outs)
	for _, b := range bias {
		if per*255*255+int64(max(b, -b)) > math.MaxInt32 || b == math.MinInt32 {
			return q.smallSums(p, n, w, bias)
		}
	}
	return bias != nil || per*255*255 <= math.MaxInt32 || q.smallSums(p, n, w, bias)
}

// packable reports whether weights fit the memory limit as kernels of 8 bits pack them:
// in blocks of 64 inputs and 32 outputs for each tap, in up to three parts; merged is the number of
// groups that are one.
func (q *quants) packable(p quantOperands, w *tensor.Tensor, merged int) bool {
	outs, ins := q.outputs(p, w), w.Len()/q.outputs(p, w)
	sizes := []int{3, outs + 31, ins + 63}
	if w.Rank() == 4 {
		sizes = []int{3, outs + 31, w.Dim(1)*merged + 63, w.Dim(2), w.Dim(3)}
	}
	n, err := tensor.Count(sizes)
	return err == nil && int64(n) <= q.opt.Memory
}

// smallSums reports, from the actual weights, whether no sum can overflow int32.
func (q *quants) smallSums(p quantOperands, n *ir.Node, w *tensor.Tensor, bias []int32) bool {
	outs := q.outputs(p, w)
	fill, _ := q.weightsOf(n, p, w)
	per := w.Len() / outs
	row := make([]int16, per)
	for co := range outs {
		fill(co, 1, row)
		sum := int64(0)
		for _, v := range row {
			sum += int64(max(v, -v))
		}
		sum *= 255
		if bias != nil {
			sum += max(int64(bias[co]), -int64(bias[co]))
		}
		if sum > math.MaxInt32 {
			return false
		}
	}
	return true
}

// outputs is the number of output channels or columns of weights.
func (q *quants) outputs(p quantOperands, w *tensor.Tensor) int {
	if p.transposed {
		return w.Dim(0)
	}
	return w.Dim(1)
}

// biasOf is the constant bias, one number per output; nil if there is none.
func (q *quants) biasOf(n *ir.Node, p quantOperands, outs int) (bias []int32, ok bool) {
	v := n.Input(p.bias)
	if v == nil {
		return nil, true
	}
	c := q.constant(v)
	if c == nil || c.DType() != tensor.Int32 || c.Len() != outs || c.Rank() > 0 && c.Dim(-1) != outs {
		return nil, false
	}
	return tensor.Data[int32](c), true
}

// weightsOf returns a function that reads weights minus their zero points, output by
// output: see kernel.QWeights for it and for most.
func (q *quants) weightsOf(n *ir.Node, p quantOperands, w *tensor.Tensor) (fill func(first, count int, dst []int16), most int) {
	outs := q.outputs(p, w)
	per := w.Len() / outs
	zeros := make([]int16, outs)
	data, flip := w.Bytes(), pass.SignBit(w.DType())
	value := func(b byte) int16 { return int16(b^flip) - int16(flip) }
	if v := n.Input(p.wZero); v != nil {
		z := q.constant(v).Bytes()
		for i := range zeros {
			zeros[i] = value(z[i%len(z)])
		}
	}
	if p.transposed {
		fill = func(first, count int, dst []int16) {
			for k := range count {
				zero := zeros[first+k]
				to := dst[k*per:][:per]
				for i, b := range data[(first+k)*per:][:per] {
					to[i] = value(b) - zero
				}
			}
		}
	} else {
		fill = func(first, count int, dst []int16) {
			for i := range per {
				for k, b := range data[i*outs+first:][:count] {
					dst[k*per+i] = value(b) - zeros[first+k]
				}
			}
		}
	}
	for _, z := range zeros {
		if z != 0 || flip == 0 {
			return fill, q.largest(data, value, zeros, p.transposed)
		}
	}
	return fill, 127 // signed weights around zero
}

// codesOf returns weights as the file has them, if that is output by output, else nil: each
// byte XOR flip is a signed byte. zeros are their zero points as such bytes, nil if all
// are 0.
func (q *quants) codesOf(n *ir.Node, p quantOperands, w *tensor.Tensor) (codes []byte, flip byte, zeros []int16) {
	if !p.transposed {
		return nil, 0, nil
	}
	flip = 0x80 ^ pass.SignBit(w.DType()) // of unsigned numbers
	of := []byte{0}
	if v := n.Input(p.wZero); v != nil {
		of = q.constant(v).Bytes()
	}
	if slices.ContainsFunc(of, func(z byte) bool { return z != flip }) {
		zeros = make([]int16, q.outputs(p, w))
		for i := range zeros {
			zeros[i] = int16(int8(of[i%len(of)] ^ flip))
		}
	}
	return w.Bytes(), flip, zeros
}

// largest is the largest of w and of -w-1 over all weights minus their zero points: 127 if
// they are signed bytes.
func (q *quants) largest(data []byte, value func(byte) int16, zeros []int16, transposed bool) int {
	per, most := len(data)/len(zeros), int16(0)
	if !transposed {
		for i, b := range data {
			v := value(b) - zeros[i%len(zeros)]
			most = max(most, v, -v-1)
		}
		return int(most)
	}
	for i, z := range zeros {
		var met [256]bool // codes, of which there are fewer than weights
		for _, b := range data[i*per:][:per] {
			met[b] = true
		}
		for b, ok := range met {
			if v := value(byte(b)) - z; ok {
				most = max(most, v, -v-1)
			}
		}
	}
	return int(most)
}

// scalesOf is x·w/y for every output, rounded in the order in which ONNX Runtime computes
// it.
func (q *quants) scalesOf(n *ir.Node, p quantOperands, outs int) []float32 {
	ws := tensor.Data[float32](q.constant(n.Inputs[p.wScale]))
	x, y := q.number(n, p.xScale), q.number(n, p.yScale)
	out := make([]float32, outs)
	for i := range out {
		both := x * ws[i%len(ws)]
		out[i] = both / y
		out[i] *= p.alpha
	}
	return out
}

// convNode schedules a QLinearConv.
func (q *quants) convNode(n *ir.Node) error {
	w := q.constant(n.Inputs[3])
	c, _ := q.convPads(n, w.Dim(2), w.Dim(3))
	format := kernel.U8x64
	_, channels, _, _ := q.dims(n.Inputs[0])
	if _, blocked := q.blocks[n.Inputs[0]]; channels <= 4 && c.Group == 1 && c.DilationW == 1 && !blocked {
		format = kernel.U8x4
	}
	return q.multiply(n, qlinearConv, c, w, format)
}

// productNode schedules a product of matrices as a convolution of one pixel.
func (q *quants) productNode(n *ir.Node) error {
	p, _ := q.operands(n)
	return q.multiply(n, p, kernel.OneTap(kernel.Layout{}, kernel.Layout{}), q.constant(n.Inputs[p.w]), kernel.U8x64)
}

// multiply schedules a convolution, or a product as one, whose geometry c has.
func (q *quants) multiply(n *ir.Node, p quantOperands, c *kernel.Conv, w *tensor.Tensor, format kernel.Format) error {
	x, y := n.Inputs[p.x], n.Outputs[0]
	in, err := q.inFormat(n, x, format)
	if err != nil {
		return err
	}
	out := q.home(n)
	c.In, c.Out = in.layout, out.layout
	merged := q.merged(c)
	c.Group /= merged
	k := &kernel.QConv{Conv: *c, InZero: q.zero(n, p.xScale+1, x), OutZero: q.zero(n, p.yZero, y), Scales: q.scalesOf(n, p, c.Out.C)}
	packed, err := q.packsForNode(n).codes(n, k, func() (kernel.QWeights, []int32) {
		fill, most := q.weightsOf(n, p, w)
		bias, _ := q.biasOf(n, p, c.Out.C)
		if merged > 1 {
			return kernel.QWeights{Fill: mergedFill(fill, merged, c), Max: most}, bias
		}
		codes, flip, zeros := q.codesOf(n, p, w)
		return kernel.QWeights{Fill: fill, Max: most, Codes: codes, Flip: flip, Zeros: zeros}, bias
	})
	if err != nil {
		return err
	}
	work, err := q.opt.Rung.QConv(k, packed)
	if err != nil {
		return err
	}
	q.addWork(n, "u8s8", work, []place{in}, nil, out)
	return nil
}

// merged is the number of groups that are multiplied as one group, with weights of 0 from the inputs of
// one to the outputs of another: kernels multiply blocks of 64 inputs and 32 outputs, so that groups
// of 8 channels cost as much as a group of 64.
func (q *quants) merged(c *kernel.Conv) int {
	if c.Group == 1 || c.Group == c.In.C && c.Group == c.Out.C || q.opt.Rung.Name == "purego" {
		return 1
	}
	for m := range c.Group {
		if m > 0 && c.Group%m == 0 && c.In.C/c.Group*m%64 == 0 && c.Out.C/c.Group*m%32 == 0 {
			return m
		}
	}
	return c.Group
}

// mergedFill is kernel.QWeights.Fill of merged groups, for a convolution c of the groups that are left;
// fill is that of the weights as they are.
func mergedFill(fill func(first, count int, dst []int16), merged int, c *kernel.Conv) func(first, count int, dst []int16) {
	all := c.In.C / c.Group * c.KernelH * c.KernelW
	own, outs := all/merged, c.Out.C/c.Group/merged
	return func(first, count int, dst []int16) {
		clear(dst[:count*all])
		for i := range count {
			group := (first + i) / outs % merged
			fill(first+i, 1, dst[i*all+group*own:][:own])
		}
	}
}

// quantKey is the node and the format for which 8-bit weights were packed. The node
// stands for its constants: see packsFor.
type quantKey struct {
	node *ir.Node
	in   kernel.Format
}

// codes packs weights of 8-bit integers.
func (w *weights) codes(n *ir.Node, c *kernel.QConv, source func() (kernel.QWeights, []int32)) (*kernel.QConvWeights, error) {
	return once(w, w.quant, quantKey{n, c.In.Format}, c.Out.C*(c.In.C/c.Group)*c.KernelH*c.KernelW, func() (*kernel.QConvWeights, error) {
		weights, bias := source()
		return w.opt.Rung.PackQConv(c, weights, bias)
	})
}
