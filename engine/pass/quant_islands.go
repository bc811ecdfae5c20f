package pass

import (
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// joinQuantized turns islands, operators between DequantizeLinear and QuantizeLinear, into
// operators on the codes themselves:
//
//	x8 -> DequantizeLinear ─┐
//	w8 -> DequantizeLinear ─┴> Conv -> Relu -> QuantizeLinear -> y8   =>   x8, w8 -> QLinearConv -> y8
//
// A Relu or Clip behind the operator mostly does what the saturation of codes does already;
// otherwise it becomes a table of 256 codes behind it ([Recode]). So do functions of one number,
// such as Sigmoid. Operators that only move numbers (MaxPool, Reshape, …) work on codes if input
// and output have the same scale and zero point.
//
// Sums are then exact and rounded once, whereas the island sums rounded float32 products: a result
// may differ by one step of the output's scale. ONNX Runtime makes the same trade. Scales and zero
// points must be constant, and codes have 8 bits; other islands stay.
func joinQuantized(e *Editor) (int, error) {
	if !slices.ContainsFunc(e.Graph.Nodes, func(n *ir.Node) bool { return linear(n, "QuantizeLinear") }) {
		return 0, nil
	}
	// Scales may still be computed by nodes; weights must not be converted to
	// float32.
	_, err := foldWhere(e, func(n *ir.Node) bool { return n.Op != "DequantizeLinear" })
	if err != nil {
		return 0, err
	}
	changes := 0
	err = e.Nodes(func(n *ir.Node) error {
		is, ok := findIsland(e, n)
		if !ok {
			return nil
		}
		done, err := is.join()
		if done {
			changes++
		}
		return err
	})
	if err != nil || changes == 0 {
		return changes, err
	}
	_, err = dropDead(e) // before folding converts weights that nothing reads any more
	return changes, err
}

// linear reports whether a node is QuantizeLinear or DequantizeLinear of either
// domain.
func linear(n *ir.Node, op string) bool {
	return n != nil && n.Op == op && (n.Domain == "" || n.Domain == ops.Microsoft)
}

// coded is a tensor of codes, each of which stands for (code - zero)·scale.
type coded struct {
	codes, scale, zero *ir.Value
}

// number is the scale, if there is only one.
func (o *coded) number() float32 { return tensor.Data[float32](o.scale.Const())[0] }

// stored is the zero point, plus 128 if it is signed.
func (o *coded) stored() uint8 { return o.zero.Const().Bytes()[0] ^ SignBit(o.zero.Fact.DType) }

func (o *coded) dtype() tensor.DType { return o.zero.Fact.DType }

// alike reports whether two operands have the same scale, zero point and type.
func (o *coded) alike(p *coded) bool {
	return o.dtype() == p.dtype() && o.number() == p.number() && o.stored() == p.stored()
}

// SignBit is what the codes of a type are XORed with to be stored: 0x80 if they are signed, else 0.
func SignBit(d tensor.DType) uint8 {
	if d == tensor.Int8 {
		return 0x80
	}
	return 0
}

// island is a node between codes: all its operands come from DequantizeLinear, and only a
// QuantizeLinear reads its result.
type island struct {
	*Editor
	node      *ir.Node
	act       *ir.Node // a Relu or Clip between node and last, nil if there is none
	low, high float32  // its bounds
	last      *ir.Node // the QuantizeLinear
	out       coded    // the codes that it makes
}

// findIsland looks for an island around a float32 node. Its operands are checked when it is joined.
func findIsland(e *Editor, n *ir.Node) (*island, bool) {
	if n.Domain != "" || len(n.Outputs) != 1 || len(n.Inputs) == 0 || n.Inputs[0] == nil || n.Outputs[0].Fact.DType != tensor.Float32 {
		return nil, false
	}
	is := &island{Editor: e, node: n}
	is.last = e.Only(n.Outputs[0])
	if is.last == nil {
		return nil, false
	}
	if !linear(is.last, "QuantizeLinear") {
		act, ok := ActivationOf(is.last)
		if !ok || is.last.Op != "Relu" && is.last.Op != "Clip" {
			return nil, false
		}
		is.act, is.low, is.high = is.last, act.Alpha, act.Beta
		if is.last = e.Only(is.act.Outputs[0]); !linear(is.last, "QuantizeLinear") {
			return nil, false
		}
	}
	var ok bool
	is.out, ok = e.single(is.last)
	return is, ok
}

// single returns the coding of a QuantizeLinear or DequantizeLinear, if it has one
// constant float32 scale and 8-bit codes.
func (e *Editor) single(n *ir.Node) (coded, bool) {
	o := coded{codes: n.Inputs[0], scale: n.Inputs[1]}
	d := n.Inputs[0].Fact.DType
	if n.Op == "QuantizeLinear" {
		o.codes, d = n.Outputs[0], n.Outputs[0].Fact.DType
	}
	if len(n.Inputs) > 2 {
		o.zero = n.Inputs[2]
	}
	s := o.scale.Const()
	if d != tensor.Uint8 && d != tensor.Int8 || s == nil || s.Len() != 1 || s.DType() != tensor.Float32 || !(o.number() > 0) {
		return o, false
	}
	if o.zero == nil {
		o.zero = e.Graph.Constant(n.Name+"/zero", tensor.View(d, []byte{0}, nil))
	}
	z := o.zero.Const()
	return o, z != nil && z.Len() == 1 && z.DType() == d
}

// codesOf returns the codes from which a DequantizeLinear makes an operand; ok is false for constants,
// which are weights.
func (is *island) codesOf(v *ir.Value) (coded, bool) {
	if v == nil || !linear(v.Node, "DequantizeLinear") {
		return coded{}, false
	}
	o, ok := is.single(v.Node)
	return o, ok && o.codes.Const() == nil
}

// join rewrites the island if there is an operator for it.
func (is *island) join() (bool, error) {
	x, ok := is.codesOf(is.node.Inputs[0])
	if !ok {
		return false, nil
	}
	switch is.node.Op {
	case "Conv":
		return is.conv(x)
	case "Gemm":
		return is.gemm(x)
	case "MatMul":
		return is.matMul(x)
	case "Add", "Mul":
		return is.pair(x)
	case "Concat":
		return is.concat()
	case "GlobalAveragePool":
		if x.dtype() != is.out.dtype() {
			return false, nil
		}
		return is.become(ops.Microsoft, "QLinearGlobalAveragePool", 1, nil, x.codes, x.scale, x.zero, is.out.scale, is.out.zero)
	case "AveragePool":
		return is.average(x)
	case "MaxPool", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "DepthToSpace", "Identity", "Resize":
		return is.move(x)
	}
	if tabled[is.node.Op] && is.act == nil {
		return is.table(x)
	}
	return false, nil
}

// become replaces the island by an operator on codes. A clip that the saturation of
// the codes does not already perform becomes a table after it.
func (is *island) become(domain, op string, version int, attrs []*ir.Attr, inputs ...*ir.Value) (bool, error) {
	at, d := is.last, is.out.dtype()
	table := is.clipTable()
	if table != nil {
		at = is.act
		at.Outputs[0].Fact = ir.Tensor(d, is.last.Outputs[0].Fact.Shape)
	}
	if err := is.Rebind(at, domain, op, version, inputs, attrs); err != nil {
		return false, err
	}
	is.Remove(is.node)
	switch {
	case table != nil:
		return true, is.recode(is.last, at.Outputs[0], table)
	case is.act != nil:
		is.Remove(is.act)
	}
	return true, nil
}

// recode turns a node into a table look-up of codes.
func (is *island) recode(n *ir.Node, codes *ir.Value, table []byte) error {
	t := is.Graph.Constant(n.Name+"/table", tensor.View(is.out.dtype(), table, []int{256}))
	return is.Rebind(n, ops.Internal, "Recode", 1, []*ir.Value{codes, t}, nil)
}

// clipTable returns the effect of the island's clip on the codes of the output as a table; nil if
// it has none, because the codes cannot stand for numbers beyond its bounds.
func (is *island) clipTable() []byte {
	if is.act == nil {
		return nil
	}
	zero, flip := is.out.stored(), SignBit(is.out.dtype())
	low, high := Code(is.low, is.out.number(), zero), Code(is.high, is.out.number(), zero)
	if low == 0 && high == 255 {
		return nil
	}
	table := make([]byte, 256)
	for i := range table {
		table[i] = min(max(byte(i)^flip, low), high) ^ flip
	}
	return table
}

// kept returns a node's attributes without those named.
func kept(n *ir.Node, but ...string) []*ir.Attr {
	return slices.DeleteFunc(slices.Clone(n.Attrs), func(a *ir.Attr) bool { return slices.Contains(but, a.Name) })
}

// weights reads a constant of 8-bit integers with one scale, or one for each of n
// outputs along axis.
func (is *island) weights(v *ir.Value, axis int) (o coded, ok bool) {
	if v == nil || !linear(v.Node, "DequantizeLinear") {
		return o, false
	}
	n := v.Node
	o = coded{codes: n.Inputs[0], scale: n.Inputs[1]}
	w, s := o.codes.Const(), o.scale.Const()
	if w == nil || s == nil || s.DType() != tensor.Float32 || w.DType() != tensor.Uint8 && w.DType() != tensor.Int8 || w.Rank() <= axis {
		return o, false
	}
	if a := n.Attr("block_size"); a != nil && a.Int != 0 {
		return o, false
	}
	if s.Len() != 1 {
		at := 1
		if a := n.Attr("axis"); a != nil {
			at = int(a.Int)
		}
		if at < 0 {
			at += w.Rank()
		}
		if at != axis || s.Len() != w.Dim(axis) {
			return o, false
		}
	}
	if len(n.Inputs) > 2 && n.Inputs[2] != nil {
		o.zero = n.Inputs[2]
		return o, o.zero.Const() != nil && o.zero.Const().Len() == s.Len()
	}
	o.zero = is.Graph.Constant(n.Name+"/zero", tensor.View(w.DType(), make([]byte, s.Len()), s.Shape()))
	return o, true
}

// bias converts a constant bias of n outputs to integers with the scale of the
// sums; it is nil if there is none.
func (is *island) bias(v *ir.Value, x, w coded, n int) (*ir.Value, bool) {
	if v == nil {
		return nil, true
	}
	b := v.Const()
	if b == nil && linear(v.Node, "DequantizeLinear") {
		if out := FoldWith(v.Node, v.Node.Facts()); len(out) == 1 {
			b = out[0]
		}
	}
	if b == nil || b.DType() != tensor.Float32 || b.Len() != n || b.Rank() > 0 && b.Dim(-1) != n {
		return nil, false
	}
	numbers := tensor.Data[float32](b)
	scales := tensor.Data[float32](w.scale.Const())
	sums := make([]int32, n)
	for i, b := range numbers {
		q := math.RoundToEven(float64(b) / (float64(x.number()) * float64(scales[i%len(scales)])))
		if !(math.Abs(q) <= math.MaxInt32) {
			return nil, false
		}
		sums[i] = int32(q)
	}
	return is.Graph.Constant(is.node.Name+"/bias", tensor.Of(sums)), true
}

func (is *island) conv(x coded) (bool, error) {
	w, ok := is.weights(is.node.Input(1), 0)
	if !ok || w.codes.Const().Rank() != 4 {
		return false, nil
	}
	bias, ok := is.bias(is.node.Input(2), x, w, w.codes.Const().Dim(0))
	if !ok {
		return false, nil
	}
	inputs := []*ir.Value{x.codes, x.scale, x.zero, w.codes, w.scale, w.zero, is.out.scale, is.out.zero}
	if bias != nil {
		inputs = append(inputs, bias)
	}
	return is.become("", "QLinearConv", 10, is.node.Attrs, inputs...)
}

func (is *island) gemm(x coded) (bool, error) {
	a := is.node.ReadAttrs()
	transB := a.Bool("transB", false)
	axis := 1
	if transB {
		axis = 0
	}
	w, ok := is.weights(is.node.Input(1), axis)
	if !ok || a.Bool("transA", false) || a.Float("alpha", 1) != 1 || a.Float("beta", 1) != 1 || a.Err() != nil || w.codes.Const().Rank() != 2 {
		return false, nil
	}
	bias, ok := is.bias(is.node.Input(2), x, w, w.codes.Const().Dim(axis))
	if !ok {
		return false, nil
	}
	return is.become(ops.Microsoft, "QGemm", 1, kept(is.node, "beta"), x.codes, x.scale, x.zero, w.codes, w.scale, w.zero, bias, is.out.scale, is.out.zero)
}

func (is *island) matMul(x coded) (bool, error) {
	w, ok := is.weights(is.node.Input(1), 1)
	if !ok || w.codes.Const().Rank() != 2 {
		return false, nil
	}
	return is.become("", "QLinearMatMul", 21, nil, x.codes, x.scale, x.zero, w.codes, w.scale, w.zero, is.out.scale, is.out.zero)
}

func (is *island) pair(x coded) (bool, error) {
	z, ok := is.codesOf(is.node.Input(1))
	if !ok || x.dtype() != z.dtype() || x.dtype() != is.out.dtype() {
		return false, nil
	}
	return is.become(ops.Microsoft, "QLinear"+is.node.Op, 1, nil, x.codes, x.scale, x.zero, z.codes, z.scale, z.zero, is.out.scale, is.out.zero)
}

func (is *island) concat() (bool, error) {
	inputs := []*ir.Value{is.out.scale, is.out.zero}
	for _, v := range is.node.Inputs {
		x, ok := is.codesOf(v)
		if !ok || x.dtype() != is.out.dtype() {
			return false, nil
		}
		inputs = append(inputs, x.codes, x.scale, x.zero)
	}
	return is.become(ops.Microsoft, "QLinearConcat", 1, is.node.Attrs, inputs...)
}

func (is *island) average(x coded) (bool, error) {
	a := is.node.ReadAttrs()
	padded := slices.ContainsFunc(a.Ints("pads"), func(p int) bool { return p != 0 }) || a.Str("auto_pad", "NOTSET") != "NOTSET"
	if x.dtype() != is.out.dtype() || a.Bool("count_include_pad", false) && (padded || a.Bool("ceil_mode", false)) || a.Err() != nil {
		return false, nil
	}
	return is.become(ops.Internal, "QLinearAveragePool", 1, kept(is.node, "count_include_pad"), x.codes, x.scale, x.zero, is.out.scale, is.out.zero)
}

// move makes an operator that only selects or moves numbers work on codes.
func (is *island) move(x coded) (bool, error) {
	if !x.alike(&is.out) {
		return false, nil
	}
	version := is.node.Version
	switch is.node.Op {
	case "MaxPool":
		version = max(version, 12) // the first version that accepts bytes
	case "Resize":
		a := is.node.ReadAttrs()
		outside := a.Str("coordinate_transformation_mode", "") == "tf_crop_and_resize" // the value outside is a number, not a code
		if a.Str("mode", "nearest") != "nearest" || outside {
			return false, nil
		}
	}
	inputs := slices.Clone(is.node.Inputs)
	inputs[0] = x.codes
	return is.become("", is.node.Op, version, is.node.Attrs, inputs...)
}

// tabled lists the functions of one number that become tables.
var tabled = map[string]bool{"Relu": true, "Clip": true, "LeakyRelu": true, "Sigmoid": true, "HardSigmoid": true, "HardSwish": true,
	"Tanh": true, "Elu": true, "Selu": true, "Gelu": true, "Mish": true, "Softplus": true, "Softsign": true, "Erf": true, "Exp": true,
	"Abs": true, "Neg": true, "Sqrt": true}

// table evaluates a function of one number on the numbers of all 256 codes. The result is that of the
// island to the bit.
func (is *island) table(x coded) (bool, error) {
	numbers := make([]float32, 256)
	flip := SignBit(x.dtype())
	less := float32(flip) // 128 if codes are stored plus 128
	for i := range numbers {
		numbers[i] = (float32(byte(i)^flip) - less - (float32(x.stored()) - less)) * x.number()
	}
	facts := is.node.Facts()
	facts[0] = ir.FactOf(tensor.Of(numbers))
	for _, f := range facts[1:] {
		if f.Given() && f.Const == nil {
			return false, nil
		}
	}
	out := FoldWith(is.node, facts)
	if len(out) != 1 || out[0] == nil || out[0].Len() != 256 {
		return false, nil
	}
	table := make([]byte, 256)
	for i, v := range tensor.Data[float32](out[0]) {
		table[i] = Code(v, is.out.number(), is.out.stored()) ^ SignBit(is.out.dtype())
	}
	is.Remove(is.node)
	return true, is.recode(is.last, x.codes, table)
}
