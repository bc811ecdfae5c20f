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
		isle, ok := findIsland(e, n)
		if !ok {
			return nil
		}
		done, err := isle.join()
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
	isle := &island{Editor: e, node: n}
	isle.last = e.Only(n.Outputs[0])
	if isle.last == nil {
		return nil, false
	}
	if !linear(isle.last, "QuantizeLinear") {
		act, ok := ActivationOf(isle.last)
		if !ok || isle.last.Op != "Relu" && isle.last.Op != "Clip" {
			return nil, false
		}
		isle.act, isle.low, isle.high = isle.last, act.Alpha, act.Beta
		if isle.last = e.Only(isle.act.Outputs[0]); !linear(isle.last, "QuantizeLinear") {
			return nil, false
		}
	}
	var ok bool
	isle.out, ok = e.single(isle.last)
	return isle, ok
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
func (isle *island) codesOf(v *ir.Value) (coded, bool) {
	if v == nil || !linear(v.Node, "DequantizeLinear") {
		return coded{}, false
	}
	o, ok := isle.single(v.Node)
	return o, ok && o.codes.Const() == nil
}

// join rewrites the island if there is an operator for it.
func (isle *island) join() (bool, error) {
	x, ok := isle.codesOf(isle.node.Inputs[0])
	if !ok {
		return false, nil
	}
	switch isle.node.Op {
	case "Conv":
		return isle.conv(x)
	case "Gemm":
		return isle.gemm(x)
	case "MatMul":
		return isle.matMul(x)
	case "Add", "Mul":
		return isle.pair(x)
	case "Concat":
		return isle.concat()
	case "GlobalAveragePool":
		if x.dtype() != isle.out.dtype() {
			return false, nil
		}
		return isle.replaceBy(ops.Microsoft, "QLinearGlobalAveragePool", 1, nil, x.codes, x.scale, x.zero, isle.out.scale, isle.out.zero)
	case "AveragePool":
		return isle.average(x)
	case "MaxPool", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "DepthToSpace", "Identity", "Resize":
		return isle.move(x)
	}
	if tabled[isle.node.Op] && isle.act == nil {
		return isle.table(x)
	}
	return false, nil
}

// replaceBy replaces the island by an operator on codes. A clip that the saturation of
// the codes does not already perform becomes a table after it.
func (isle *island) replaceBy(domain, op string, version int, attrs []*ir.Attr, inputs ...*ir.Value) (bool, error) {
	at, d := isle.last, isle.out.dtype()
	table := isle.clipTable()
	if table != nil {
		at = isle.act
		at.Outputs[0].Fact = ir.Tensor(d, isle.last.Outputs[0].Fact.Shape)
	}
	if err := isle.Rebind(at, domain, op, version, inputs, attrs); err != nil {
		return false, err
	}
	isle.Remove(isle.node)
	switch {
	case table != nil:
		return true, isle.recode(isle.last, at.Outputs[0], table)
	case isle.act != nil:
		isle.Remove(isle.act)
	}
	return true, nil
}

// recode turns a node into a table look-up of codes.
func (isle *island) recode(n *ir.Node, codes *ir.Value, table []byte) error {
	t := isle.Graph.Constant(n.Name+"/table", tensor.View(isle.out.dtype(), table, []int{256}))
	return isle.Rebind(n, ops.Internal, "Recode", 1, []*ir.Value{codes, t}, nil)
}

// clipTable returns the effect of the island's clip on the codes of the output as a table; nil if
// it has none, because the codes cannot stand for numbers beyond its bounds.
func (isle *island) clipTable() []byte {
	if isle.act == nil {
		return nil
	}
	zero, flip := isle.out.stored(), SignBit(isle.out.dtype())
	low, high := Code(isle.low, isle.out.number(), zero), Code(isle.high, isle.out.number(), zero)
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
func (isle *island) weights(v *ir.Value, axis int) (o coded, ok bool) {
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
	o.zero = isle.Graph.Constant(n.Name+"/zero", tensor.View(w.DType(), make([]byte, s.Len()), s.Shape()))
	return o, true
}

// bias converts a constant bias of n outputs to integers with the scale of the
// sums; it is nil if there is none.
func (isle *island) bias(v *ir.Value, x, w coded, n int) (*ir.Value, bool) {
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
	return isle.Graph.Constant(isle.node.Name+"/bias", tensor.Of(sums)), true
}

func (isle *island) conv(x coded) (bool, error) {
	w, ok := isle.weights(isle.node.Input(1), 0)
	if !ok || w.codes.Const().Rank() != 4 {
		return false, nil
	}
	bias, ok := isle.bias(isle.node.Input(2), x, w, w.codes.Const().Dim(0))
	if !ok {
		return false, nil
	}
	inputs := []*ir.Value{x.codes, x.scale, x.zero, w.codes, w.scale, w.zero, isle.out.scale, isle.out.zero}
	if bias != nil {
		inputs = append(inputs, bias)
	}
	return isle.replaceBy("", "QLinearConv", 10, isle.node.Attrs, inputs...)
}

func (isle *island) gemm(x coded) (bool, error) {
	a := isle.node.ReadAttrs()
	transB := a.Bool("transB", false)
	axis := 1
	if transB {
		axis = 0
	}
	w, ok := isle.weights(isle.node.Input(1), axis)
	if !ok || a.Bool("transA", false) || a.Float("alpha", 1) != 1 || a.Float("beta", 1) != 1 || a.Err() != nil || w.codes.Const().Rank() != 2 {
		return false, nil
	}
	bias, ok := isle.bias(isle.node.Input(2), x, w, w.codes.Const().Dim(axis))
	if !ok {
		return false, nil
	}
	return isle.replaceBy(ops.Microsoft, "QGemm", 1, kept(isle.node, "beta"), x.codes, x.scale, x.zero, w.codes, w.scale, w.zero, bias, isle.out.scale, isle.out.zero)
}

func (isle *island) matMul(x coded) (bool, error) {
	w, ok := isle.weights(isle.node.Input(1), 1)
	if !ok || w.codes.Const().Rank() != 2 {
		return false, nil
	}
	return isle.replaceBy("", "QLinearMatMul", 21, nil, x.codes, x.scale, x.zero, w.codes, w.scale, w.zero, isle.out.scale, isle.out.zero)
}

func (isle *island) pair(x coded) (bool, error) {
	z, ok := isle.codesOf(isle.node.Input(1))
	if !ok || x.dtype() != z.dtype() || x.dtype() != isle.out.dtype() {
		return false, nil
	}
	return isle.replaceBy(ops.Microsoft, "QLinear"+isle.node.Op, 1, nil, x.codes, x.scale, x.zero, z.codes, z.scale, z.zero, isle.out.scale, isle.out.zero)
}

func (isle *island) concat() (bool, error) {
	inputs := []*ir.Value{isle.out.scale, isle.out.zero}
	for _, v := range isle.node.Inputs {
		x, ok := isle.codesOf(v)
		if !ok || x.dtype() != isle.out.dtype() {
			return false, nil
		}
		inputs = append(inputs, x.codes, x.scale, x.zero)
	}
	return isle.replaceBy(ops.Microsoft, "QLinearConcat", 1, isle.node.Attrs, inputs...)
}

func (isle *island) average(x coded) (bool, error) {
	a := isle.node.ReadAttrs()
	padded := slices.ContainsFunc(a.Ints("pads"), func(p int) bool { return p != 0 }) || a.Str("auto_pad", "NOTSET") != "NOTSET"
	if x.dtype() != isle.out.dtype() || a.Bool("count_include_pad", false) && (padded || a.Bool("ceil_mode", false)) || a.Err() != nil {
		return false, nil
	}
	return isle.replaceBy(ops.Internal, "QLinearAveragePool", 1, kept(isle.node, "count_include_pad"), x.codes, x.scale, x.zero, isle.out.scale, isle.out.zero)
}

// move makes an operator that only selects or moves numbers work on codes.
func (isle *island) move(x coded) (bool, error) {
	if !x.alike(&isle.out) {
		return false, nil
	}
	version := isle.node.Version
	switch isle.node.Op {
	case "MaxPool":
		version = max(version, 12) // the first version that accepts bytes
	case "Resize":
		a := isle.node.ReadAttrs()
		outside := a.Str("coordinate_transformation_mode", "") == "tf_crop_and_resize" // the value outside is a number, not a code
		if a.Str("mode", "nearest") != "nearest" || outside {
			return false, nil
		}
	}
	inputs := slices.Clone(isle.node.Inputs)
	inputs[0] = x.codes
	return isle.replaceBy("", isle.node.Op, version, isle.node.Attrs, inputs...)
}

// tabled lists the functions of one number that become tables.
var tabled = map[string]bool{"Relu": true, "Clip": true, "LeakyRelu": true, "Sigmoid": true, "HardSigmoid": true, "HardSwish": true,
	"Tanh": true, "Elu": true, "Selu": true, "Gelu": true, "Mish": true, "Softplus": true, "Softsign": true, "Erf": true, "Exp": true,
	"Abs": true, "Neg": true, "Sqrt": true}

// table evaluates a function of one number on the numbers of all 256 codes. The result is that of the
// island to the bit.
func (isle *island) table(x coded) (bool, error) {
	numbers := make([]float32, 256)
	flip := SignBit(x.dtype())
	less := float32(flip) // 128 if codes are stored plus 128
	for i := range numbers {
		numbers[i] = (float32(byte(i)^flip) - less - (float32(x.stored()) - less)) * x.number()
	}
	facts := isle.node.Facts()
	facts[0] = ir.FactOf(tensor.Of(numbers))
	for _, f := range facts[1:] {
		if f.Given() && f.Const == nil {
			return false, nil
		}
	}
	out := FoldWith(isle.node, facts)
	if len(out) != 1 || out[0] == nil || out[0].Len() != 256 {
		return false, nil
	}
	table := make([]byte, 256)
	for i, v := range tensor.Data[float32](out[0]) {
		table[i] = Code(v, isle.out.number(), isle.out.stored()) ^ SignBit(isle.out.dtype())
	}
	isle.Remove(isle.node)
	return true, isle.recode(isle.last, x.codes, table)
}
