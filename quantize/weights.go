package quantize

import (
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// coding holds quantised weights: int8 codes and one scale per output.
type coding struct {
	codes  []int8
	scales []float32
	per    []float64 // what rounding adds to each output's mean, to be subtracted from the bias
	error  float64   // rms of the rounding, relative to the rms of the weights
}

// eachWeight visits the weights of a layer output by output, with their position
// and their input channel, until the context is done.
func (q *quantizer) eachWeight(n *ir.Node, visit func(out, at, channel int)) {
	w, order := n.Inputs[1].Const(), orderOf(n)
	group, taps := 1, 1
	if n.Op == "Conv" {
		group, taps = n.ReadAttrs().Int("group", 1), w.Dim(2)*w.Dim(3)
	}
	for o := range order.outs {
		if q.ctx.Err() != nil {
			return
		}
		first := o / (order.outs / group) * (order.per / taps)
		for i := range order.per {
			visit(o, order.at(o, i), first+i/taps)
		}
	}
}

// weightOrder tells where the weights of each output of a layer are.
type weightOrder struct {
	outs, per     int // outputs, and weights of each
	outStep, step int // from an output to the next, and from a weight of an output to the next
}

func orderOf(n *ir.Node) weightOrder {
	w := n.Inputs[1].Const()
	p := weightOrder{outs: w.Dim(outAxis(n)), step: 1}
	p.per = w.Len() / p.outs
	p.outStep = p.per
	if outAxis(n) == 1 {
		p.outStep, p.step = 1, p.outs
	}
	return p
}

// at is the place of weight i of output o.
func (p weightOrder) at(o, i int) int { return o*p.outStep + i*p.step }

// code quantises the weights of a layer symmetrically: the largest of each output
// becomes 127. They are rounded so that their errors make up for each other.
func (q *quantizer) code(p *placement, n *ir.Node) coding {
	w := n.Inputs[1].Const()
	data := tensor.Data[float32](w)
	outs := w.Dim(outAxis(n))
	c := coding{codes: make([]int8, len(data)), scales: make([]float32, outs), per: make([]float64, outs)}
	q.eachWeight(n, func(o, at, _ int) {
		c.scales[o] = max(c.scales[o], float32(math.Abs(float64(data[at])))/127)
	})
	bias := biasOf(n)
	in := float64(q.ranges[p.of(n.Inputs[0])].scale())
	for o, s := range c.scales {
		if s < 1e-30 {
			s = 1 // all weights are zero
		}
		if bias != nil { // the bias counts in steps of input times weight: it must fit 32 bits with room for the sum
			s = max(s, float32(math.Abs(float64(bias[o]))/(in*(1<<29))))
		}
		c.scales[o] = s
	}
	q.eachWeight(n, func(o, at, _ int) {
		c.codes[at] = roundTo(float64(data[at]), float64(c.scales[o]))
	})
	q.compensate(n, &c)
	means := q.means[n.Inputs[0]]
	var off, all float64
	q.eachWeight(n, func(o, at, channel int) {
		v := float64(data[at])
		d := float64(c.codes[at])*float64(c.scales[o]) - v
		off, all = off+d*d, all+v*v
		if channel < len(means) {
			c.per[o] += d * means[channel]
		}
	})
	c.error = math.Sqrt(off / math.Max(all, 1e-300))
	return c
}

// roundTo is the code of a weight.
func roundTo(w, scale float64) int8 {
	return int8(min(max(math.RoundToEven(w/scale), -127), 127))
}

// biasOf is the bias of a layer, nil if it has none.
func biasOf(n *ir.Node) []float32 {
	if len(n.Inputs) > 2 && n.Inputs[2] != nil {
		return tensor.Data[float32](n.Inputs[2].Const())
	}
	return nil
}

// weights writes the quantised weights of a layer and returns the name of their
// DequantizeLinear.
func (e *exporter) weights(n *ir.Node, c *coding) string {
	v := n.Inputs[1]
	stem := e.name(v)
	t := &onnx.Tensor{Name: e.fresh(stem + "_code"), DataType: int32(tensor.Int8), Raw: make([]byte, len(c.codes)), HasRaw: true}
	for i, k := range c.codes {
		t.Raw[i] = byte(k)
	}
	for _, d := range v.Const().Shape() {
		t.Dims = append(t.Dims, int64(d))
	}
	e.row(n, c)
	return e.dequantized(stem, t, c.scales, outAxis(n))
}

// row adds a layer to the table of the result.
func (e *exporter) row(n *ir.Node, c *coding) {
	s := e.q.ranges[e.p.of(e.p.behind(n))]
	e.rows = append(e.rows, Layer{Node: n.Name, Op: n.Op, Integer: true, Low: s.low, High: s.high, Weights: len(c.codes), WeightRMS: c.error})
}

// behind is the coded value that a layer makes, possibly through its activation.
func (p *placement) behind(n *ir.Node) *ir.Value {
	y := n.Outputs[0]
	if r := p.readers[y]; !p.coded[y] && len(r) == 1 {
		return r[0].Outputs[0]
	}
	return y
}

// dequantized writes a DequantizeLinear of a constant with a scale for each index
// along an axis, and zero points of 0.
func (e *exporter) dequantized(stem string, t *onnx.Tensor, scales []float32, axis int) string {
	count := []int64{int64(len(scales))}
	zeros := make([]byte, len(scales)*tensor.DType(t.DataType).Size())
	scale := e.initial(&onnx.Tensor{Name: e.fresh(stem + "_scale"), Dims: count, DataType: int32(tensor.Float32), Raw: rawOf(scales), HasRaw: true})
	zero := e.initial(&onnx.Tensor{Name: e.fresh(stem + "_zero"), Dims: count, DataType: t.DataType, Raw: zeros, HasRaw: true})
	out := e.fresh(stem + "_coded")
	e.out.Nodes = append(e.out.Nodes, &onnx.Node{Name: e.nodeName(stem + "_dequantize"), OpType: "DequantizeLinear",
		Inputs: []string{e.initial(t), scale, zero}, Outputs: []string{out},
		Attributes: []*onnx.Attribute{{Name: "axis", Type: onnx.AttrInt, Int: int64(axis)}}})
	return out
}

// bias writes the corrected bias of a layer as int32, in steps of input scale times
// weight scale. A layer without a bias gets one.
func (e *exporter) bias(n *ir.Node, c *coding) string {
	in := e.q.ranges[e.p.of(n.Inputs[0])].scale()
	bias := biasOf(n)
	codes, scales := make([]int32, len(c.scales)), make([]float32, len(c.scales))
	for o := range codes {
		b := -c.per[o]
		if bias != nil {
			b += float64(bias[o])
		}
		scales[o] = in * c.scales[o]
		codes[o] = int32(min(max(math.RoundToEven(b/float64(scales[o])), -1<<30), 1<<30))
	}
	stem := e.fresh(e.name(n.Outputs[0]) + "_bias")
	t := &onnx.Tensor{Name: e.fresh(stem + "_code"), Dims: []int64{int64(len(codes))}, DataType: int32(tensor.Int32), Raw: rawOf(codes), HasRaw: true}
	return e.dequantized(stem, t, scales, 0)
}
