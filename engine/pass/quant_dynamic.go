package pass

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// joinDynamic joins what ONNX Runtime's quantize_dynamic writes, products of activations that are
// quantised at run time with weights of 8 bits:
//
//	x -> DynamicQuantizeLinear ─> codes, zero point ─> MatMulInteger(w) -> Cast ─┐
//	                           └> scale ─> Mul(scale of w) ──────────────────────┴> Mul -> Add(bias)
//	=>  x -> DynamicQuantizeMatMul(w, scale of w, bias)
//
// ConvInteger likewise becomes [DynamicConv]. A convolution in groups has few products for each number
// that it reads, so integer kernels gain nothing there; it becomes one of float32, which reads numbers
// rounded to what their codes stand for: x -> [DynamicRound] -> Conv. Weights, scales and bias must be
// constant, with one scale or one for each output.
func joinDynamic(e *Editor) (int, error) {
	changes := 0
	err := e.Nodes(func(n *ir.Node) error {
		d, ok := findDynamic(e, n)
		if !ok {
			return nil
		}
		changes++
		if n.Op == "ConvInteger" {
			return d.conv()
		}
		// Of the two forms this is the one that other programs know.
		return e.become(d.last, ops.Microsoft, "DynamicQuantizeMatMul", 1, []*ir.Value{d.x, d.w, d.scale, d.zero, d.bias})
	})
	return changes, err
}

// dynamic is one place where the pattern was found: an integer convolution or product, and what
// belongs to it.
type dynamic struct {
	*Editor
	node, last           *ir.Node  // the product, and the last node of the pattern
	x                    *ir.Value // before it is quantised
	w, scale, zero, bias *ir.Value // constants; zero and bias may be nil
}

// findDynamic looks for the pattern around its product. MatMulIntegerToFloat is the product with Cast,
// Mul and Add already joined, as ONNX Runtime's optimiser leaves it.
func findDynamic(e *Editor, n *ir.Node) (*dynamic, bool) {
	d := &dynamic{Editor: e, node: n}
	switch {
	case is(n, "ConvInteger"), is(n, "MatMulInteger"):
		return d, d.read(2, 3) && d.scaled()
	case n.Domain == ops.Microsoft && n.Op == "MatMulIntegerToFloat":
		d.last = n
		if len(n.Inputs) > 6 {
			d.bias = n.Inputs[6]
		}
		return d, d.read(4, 5) && n.Inputs[2] == n.Inputs[0].Node.Outputs[1] && d.vector(n.Inputs[3], 1, &d.scale) &&
			(d.bias == nil || d.vector(d.bias, 1, &d.bias))
	}
	return nil, false
}

// read reads the operands: the numbers come from a DynamicQuantizeLinear, the weights
// are constant. xZero and wZero are the inputs with their zero points.
func (d *dynamic) read(xZero, wZero int) bool {
	n := d.node
	q := maker(n.Inputs[0], "DynamicQuantizeLinear")
	d.w = n.Inputs[1]
	if q == nil || n.Inputs[0] != q.Outputs[0] || len(n.Inputs) <= xZero || n.Inputs[xZero] != q.Outputs[2] || d.w.Const() == nil || d.w.Const().Len() == 0 {
		return false
	}
	d.x = q.Inputs[0]
	if rank := d.w.Const().Rank(); rank != 2 && (n.Op != "ConvInteger" || rank != 4) {
		return false
	}
	if len(n.Inputs) > wZero && n.Inputs[wZero] != nil {
		d.zero = n.Inputs[wZero]
		c := d.zero.Const()
		return c != nil && (c.Len() == 1 || c.Len() == d.outputs())
	}
	return true
}

// outputs is the number of outputs.
func (d *dynamic) outputs() int {
	if d.node.Op == "ConvInteger" {
		return d.w.Const().Dim(0)
	}
	return d.w.Const().Dim(1)
}

// scaled follows the integer sums to the Mul that scales them, and to the Add of a bias if there is
// one.
func (d *dynamic) scaled() bool {
	cast := d.Only(d.node.Outputs[0])
	if !is(cast, "Cast") || cast.Outputs[0].Fact.DType != tensor.Float32 {
		return false
	}
	d.last = d.Only(cast.Outputs[0])
	if !is(d.last, "Mul") {
		return false
	}
	both := maker(other(d.last, cast.Outputs[0]), "Mul")
	axis := 1 // counted from the end
	if d.node.Op == "ConvInteger" {
		axis = 3
	}
	x := d.node.Inputs[0].Node.Outputs[1]
	if both == nil || !slices.Contains(both.Inputs, x) || !d.vector(other(both, x), axis, &d.scale) {
		return false
	}
	if add := d.Only(d.last.Outputs[0]); is(add, "Add") && d.vector(other(add, d.last.Outputs[0]), axis, &d.bias) {
		d.last = add
	}
	return true
}

// other is the operand of a node with two that is not v.
func other(n *ir.Node, v *ir.Value) *ir.Value {
	if n.Inputs[0] == v {
		return n.Inputs[1]
	}
	return n.Inputs[0]
}

// vector sets to to a constant with one number for all outputs, or one for each along
// the axis counted from the end.
func (d *dynamic) vector(v *ir.Value, axis int, to **ir.Value) bool {
	numbers := floats(v)
	if numbers == nil {
		return false
	}
	c := v.Const()
	if c.Rank() > max(1, d.node.Outputs[0].Fact.Shape.Rank()) || len(numbers) != 1 && (len(numbers) != d.outputs() || c.Rank() < axis || c.Dim(-axis) != len(numbers)) {
		return false
	}
	if *to = v; c.Rank() != 1 {
		*to = d.Graph.Constant(v.Name+"/flat", tensor.Of(numbers))
	}
	return true
}

// conv replaces a ConvInteger.
func (d *dynamic) conv() error {
	if group := d.node.Attr("group"); group == nil || group.Int == 1 {
		return d.become(d.last, ops.Internal, "DynamicConv", 1, []*ir.Value{d.x, d.w, d.scale, d.zero, d.bias}, d.node.Attrs...)
	}
	inputs := []*ir.Value{d.node.Outputs[0], d.Graph.Constant(d.w.Name+"/float", d.weights())}
	if d.bias != nil {
		inputs = append(inputs, d.Graph.Constant(d.bias.Name+"/all", tensor.Of(d.each(d.bias))))
	}
	round, attrs := d.node, d.node.Attrs
	round.Outputs[0].Fact = d.x.Fact
	if err := d.Rebind(round, ops.Internal, "DynamicRound", 1, []*ir.Value{d.x}, nil); err != nil {
		return err
	}
	return d.become(d.last, "", "Conv", 11, inputs, attrs...)
}

// each returns the numbers of a constant vector, repeated for all outputs if there is only one.
func (d *dynamic) each(v *ir.Value) []float32 {
	numbers := floats(v)
	return slices.Repeat(numbers, d.outputs()/len(numbers))
}

// weights returns the numbers for which the weights of a convolution stand.
func (d *dynamic) weights() *tensor.Tensor {
	w := d.w.Const()
	numbers, zeros := tensor.ToFloat64(w), []float64{0}
	if d.zero != nil {
		zeros = tensor.ToFloat64(d.zero.Const())
	}
	scales := d.each(d.scale)
	out := make([]float32, len(numbers))
	per := len(numbers) / max(len(scales), 1)
	for i, v := range numbers {
		k := i / per
		out[i] = float32(v-zeros[k%len(zeros)]) * scales[k]
	}
	return tensor.Of(out, w.Shape()...)
}
