package pass

import (
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// scalar returns the number in a constant of one element; ok is false for other values.
func scalar(v *ir.Value) (number float64, ok bool) {
	if v == nil || v.Const() == nil || v.Const().Len() != 1 || v.Const().DType() == tensor.String {
		return 0, false
	}
	return tensor.ToFloat64(v.Const())[0], true
}

// isFloats reports whether v is a constant of float32 that is not empty. Unlike floats, it does not
// ask for its numbers, which would convert those of a tensor.Widened.
func isFloats(v *ir.Value) bool {
	return v != nil && v.Const() != nil && v.Const().DType() == tensor.Float32 && v.Const().Len() > 0
}

// floats returns the data of a constant float32 tensor, nil if v is not one.
func floats(v *ir.Value) []float32 {
	if v == nil || v.Const() == nil || v.Const().DType() != tensor.Float32 {
		return nil
	}
	return tensor.Data[float32](v.Const())
}

// batchNorm turns a BatchNormalization with constant statistics into a scale and a shift for each
// channel, and moves these into the convolution (or transposed convolution) before it, if nothing else
// reads that. Sums and products with constants are moved in the same way:
//
//	Conv(W, B) -> BatchNormalization(scale, shift)  =>  Conv(W·scale, B·scale + shift)
//	Conv(W, B) -> Mul(scale) -> Add(shift)          =>  Conv(W·scale, B·scale + shift)
//	other      -> BatchNormalization                =>  other -> [ScaleShift]
//
// A convolution of the fused form takes the scale as an input, so that its weights stay in the file;
// they are multiplied when they are packed. A normalisation in training mode stays, and so do sums and
// products that broadcast along other dimensions than channels.
func batchNorm(e *Editor) (int, error) {
	changes := 0
	err := e.Nodes(func(bn *ir.Node) error {
		scale, shift, ok := scaleShift(bn)
		var x *ir.Value
		if ok {
			x = bn.Inputs[0]
		} else if x, scale, shift = perChannel(bn); x == nil {
			return nil
		}
		if conv := x.Node; conv != nil && e.Only(x) == bn {
			done, err := scaleFused(e, conv, scale, shift)
			if err != nil {
				return err
			}
			if done || scaleConv(e.Graph, conv, scale, shift) {
				changes++
				e.note(conv)
				swapOutput(conv, bn)
				e.Remove(bn)
				return nil
			}
		}
		if !ok {
			return nil
		}
		changes++
		return e.Rebind(bn, ops.Internal, "ScaleShift", 1, []*ir.Value{x,
			e.Graph.Constant(bn.Name+"/scale", tensor.Of(scale)), e.Graph.Constant(bn.Name+"/shift", tensor.Of(shift))}, nil)
	})
	return changes, err
}

// scaleShift returns the scale and shift that a BatchNormalization of float32 is at inference: gamma /
// √(variance + epsilon), and beta - mean·scale. ok is false in training mode, with statistics that are
// not constant, and with statistics for each pixel (attribute spatial of version 7).
func scaleShift(n *ir.Node) (scale, shift []float32, ok bool) {
	if !is(n, "BatchNormalization") || len(n.Inputs) != 5 || n.Inputs[0].Fact.DType != tensor.Float32 || len(n.Outputs) > 1 && n.Outputs[1].Name != "" {
		return nil, nil, false
	}
	if a := n.Attr("training_mode"); a != nil && a.Int != 0 {
		return nil, nil, false
	}
	if a := n.Attr("spatial"); a != nil && a.Int == 0 {
		return nil, nil, false
	}
	gamma, beta, mean, variance := floats(n.Inputs[1]), floats(n.Inputs[2]), floats(n.Inputs[3]), floats(n.Inputs[4])
	if gamma == nil || beta == nil || mean == nil || variance == nil {
		return nil, nil, false
	}
	epsilon := 1e-5
	if a := n.Attr("epsilon"); a != nil {
		epsilon = float64(a.Float)
	}
	if len(beta) != len(gamma) || len(mean) != len(gamma) || len(variance) != len(gamma) {
		return nil, nil, false
	}
	scale, shift = make([]float32, len(gamma)), make([]float32, len(gamma))
	for i := range gamma {
		s := float64(gamma[i]) / math.Sqrt(float64(variance[i])+epsilon)
		scale[i] = float32(s)
		shift[i] = float32(float64(beta[i]) - float64(mean[i])*s)
	}
	return scale, shift, true
}

// perChannel reads a sum, difference, product or quotient of a value of rank 4 and a constant, with a
// number for each channel or one for all, as a scale and a shift: c - x is scale -1 and shift c. Some
// exporters write biases and learned scales this way. x is nil for other nodes, and for constants that
// would make a scaled weight NaN.
func perChannel(n *ir.Node) (x *ir.Value, scale, shift []float32) {
	if n.Domain != "" || len(n.Inputs) != 2 || n.Version < 7 || !slices.Contains([]string{"Add", "Sub", "Mul", "Div"}, n.Op) {
		return nil, nil, nil
	}
	x, c := n.Inputs[0], n.Inputs[1]
	if c.Const() == nil && n.Op != "Div" {
		x, c = c, x
	}
	values, shape := floats(c), x.Fact.Shape
	if values == nil || x.Node == nil || shape.Rank() != 4 || !shape.Dims[1].Known() {
		return nil, nil, nil
	}
	channels, of := shape.Dims[1].N, c.Const().Shape()
	rank := len(of)
	if channels > constants(x.Node) {
		return nil, nil, nil
	}
	if len(values) == 1 && rank <= 4 {
		values = slices.Repeat(values, channels)
	} else if len(values) != channels || rank < 3 || rank > 4 || of[rank-3] != channels {
		return nil, nil, nil
	}
	scale, shift = make([]float32, channels), make([]float32, channels)
	for i, v := range values {
		switch scale[i] = 1; {
		case n.Op == "Add":
			shift[i] = v
		case n.Op == "Sub" && x == n.Inputs[0]:
			shift[i] = -v
		case n.Op == "Sub":
			scale[i], shift[i] = -1, v
		case n.Op == "Mul":
			scale[i] = v
		default:
			scale[i] = 1 / v
		}
		if s := scale[i] + shift[i]; s-s != 0 { // weights of 0 would make it NaN
			return nil, nil, nil
		}
	}
	return x, scale, shift
}

// constants returns how many numbers a node has in constants, and so in the file. A number of channels
// beyond it is only claimed by a shape, and no reason to allocate memory.
func constants(n *ir.Node) (sum int) {
	for _, v := range n.Inputs {
		if v != nil && v.Const() != nil {
			sum += v.Const().Len()
		}
	}
	return sum
}

// scaleFused moves the scale and shift of the node behind it into a convolution of the fused form,
// unless that has an activation or a residual, which come between.
func scaleFused(e *Editor, conv *ir.Node, scale, shift []float32) (bool, error) {
	op, ok := conv.Operator.(*ops.FusedConv)
	if !ok || op.Act.Kind != kernel.Identity || conv.Input(3) != nil || conv.Inputs[1].Const().Dim(0) != len(scale) {
		return false, nil
	}
	inputs := make([]*ir.Value, 5)
	copy(inputs, conv.Inputs)
	inputs[2] = e.Graph.Constant(conv.Name+"/bias", tensor.Of(shiftBias(conv, shift, scale))) // an earlier scale is already in the bias
	if inputs[4] != nil {
		before := floats(inputs[4])
		scale = slices.Clone(scale)
		for i := range scale {
			scale[i] *= before[i]
		}
	}
	inputs[4] = e.Graph.Constant(conv.Name+"/scale", tensor.Of(scale))
	return true, e.Rebind(conv, conv.Domain, conv.Op, conv.Version, inputs, conv.Attrs)
}

// shiftBias returns a convolution's bias times a scale, plus a shift.
func shiftBias(conv *ir.Node, shift, scale []float32) []float32 {
	bias := slices.Clone(shift)
	if len(conv.Inputs) > 2 {
		for i, b := range floats(conv.Inputs[2]) {
			bias[i] += b * scale[i]
		}
	}
	return bias
}

// scaleConv applies a scale and a shift for each output channel to the constant weights and bias of a
// convolution of the standard. It reports false for other nodes.
func scaleConv(g *ir.Graph, conv *ir.Node, scale, shift []float32) bool {
	transposed := is(conv, "ConvTranspose")
	if !is(conv, "Conv") && !transposed || len(conv.Inputs) > 2 && !isFloats(conv.Inputs[2]) {
		return false
	}
	w := floats(conv.Inputs[1])
	shape := conv.Inputs[1].Fact.Const
	channels := len(scale)
	if len(w) == 0 || channels == 0 {
		return false
	}
	// Conv: [C, …]; ConvTranspose: [Cin, C/group, …], where output channels are
	// counted group by group.
	per, groups := len(w)/channels, 1
	if transposed {
		if a := conv.Attr("group"); a != nil {
			groups = int(a.Int)
		}
		if groups != 1 || shape.Dim(1) != channels {
			return false
		}
		per = len(w) / shape.Dim(0) / channels
	} else if shape.Dim(0) != channels {
		return false
	}
	scaled := make([]float32, len(w))
	for i, v := range w {
		scaled[i] = v * scale[i/per%channels]
	}
	bias := shiftBias(conv, shift, scale)
	conv.Inputs = []*ir.Value{conv.Inputs[0],
		g.Constant(conv.Inputs[1].Name+"/scaled", tensor.Of(scaled, shape.Shape()...)),
		g.Constant(conv.Name+"/bias", tensor.Of(bias))}
	return true
}

// fuseConv converts convolutions of two and three dimensions with constant float32 weights to the form
// that can also scale its weights, add a residual and end in an activation (ops.FusedConv):
//
//	Conv(x, W, B)  =>  [Conv](x, W, B)
func fuseConv(e *Editor) (int, error) {
	changes := 0
	err := e.Nodes(func(n *ir.Node) error {
		if !is(n, "Conv") || !isFloats(n.Inputs[1]) || len(n.Inputs) > 2 && !isFloats(n.Inputs[2]) {
			return nil
		}
		if rank := n.Inputs[1].Const().Rank(); rank != 4 && rank != 5 {
			return nil
		}
		changes++
		return e.Rebind(n, ops.Internal, "Conv", 1, n.Inputs, n.Attrs)
	})
	return changes, err
}

// fuseActivation moves an activation into the convolution or ScaleShift before it, a clip also past a
// max pool:
//
//	[Conv] -> Relu             =>  [Conv relu]
//	[Conv] -> MaxPool -> Relu  =>  [Conv relu] -> MaxPool
//
// Nothing else may read the values between. Of all activations, convolutions take those up to
// kernel.LastInConv.
func fuseActivation(e *Editor) (int, error) {
	changes := 0
	err := e.Nodes(func(n *ir.Node) error {
		act, ok := EpilogueOf(n)
		if !ok {
			return nil
		}
		x := n.Inputs[0]
		last := x.Node // the node whose output replaces n's
		if last == nil || e.Only(x) != n {
			return nil
		}
		before := last
		if is(last, "MaxPool") && act.Kind == kernel.Clip && len(last.Outputs) == 1 && e.Only(last.Inputs[0]) == last && meetsPicture(last) {
			before = last.Inputs[0].Node // the maximum of clipped numbers is the clipped maximum
		}
		if before == nil || !accepts(before, act) {
			return nil
		}
		inputs, attrs := before.Inputs, withActivation(before.Attrs, act)
		if err := e.Rebind(before, before.Domain, before.Op, before.Version, inputs, attrs); err != nil {
			return err
		}
		swapOutput(last, n)
		e.Remove(n)
		changes++
		return nil
	})
	return changes, err
}

// meetsPicture reports whether every window of a max pool surely has a pixel of the picture: one of
// padding alone gives -Inf, which a clip behind the pool changes and one before it does not.
func meetsPicture(pool *ir.Node) bool {
	if d := pool.Attr("dilations"); d != nil && slices.ContainsFunc(d.Ints, func(n int64) bool { return n != 1 }) {
		return false
	}
	kernel, pads := pool.Attr("kernel_shape"), pool.Attr("pads")
	if pads == nil {
		return true
	}
	for i, p := range pads.Ints {
		if p >= kernel.Ints[i%len(kernel.Ints)] {
			return false
		}
	}
	return true
}

// swapOutput makes node before produce the value that node after produced, so that readers, and the
// graph's outputs, need no change.
func swapOutput(before, after *ir.Node) {
	before.Outputs[0], after.Outputs[0] = after.Outputs[0], before.Outputs[0]
	before.Outputs[0].Node, after.Outputs[0].Node = before, after
}

// accepts reports whether a node can still take an activation.
func accepts(n *ir.Node, act kernel.Activation) bool {
	switch op := n.Operator.(type) {
	case *ops.FusedConv:
		return op.Act.Kind == kernel.Identity
	case *ops.ScaleShift:
		return op.Act.Kind == kernel.Identity
	case *ops.DynamicConv:
		return op.Act.Kind == kernel.Identity && act.Kind == kernel.Clip
	}
	return false
}

// withActivation returns attributes with another activation.
func withActivation(attrs []*ir.Attr, act kernel.Activation) []*ir.Attr {
	kept := slices.DeleteFunc(slices.Clone(attrs), func(a *ir.Attr) bool {
		return a.Name == "activation" || a.Name == "activation_params"
	})
	return append(kept, ops.ActivationAttrs(act)...)
}

// EpilogueOf returns the activation that a node computes, if convolutions and products can end in it.
func EpilogueOf(n *ir.Node) (kernel.Activation, bool) {
	act, ok := ActivationOf(n)
	return act, ok && act.Kind <= kernel.LastInConv
}

// ActivationOf returns the activation that a node of float32 computes, with its attributes; false for
// other nodes and for activations that depend on values that are not constant.
func ActivationOf(n *ir.Node) (kernel.Activation, bool) {
	if op, ok := n.Operator.(*ops.Activate); ok {
		return op.Act, true
	}
	none := kernel.Activation{}
	if n.Domain != "" || len(n.Inputs) == 0 || n.Inputs[0] == nil || n.Inputs[0].Fact.DType != tensor.Float32 {
		return none, false
	}
	attr := func(name string, or float32) float32 {
		if a := n.Attr(name); a != nil {
			return a.Float
		}
		return or
	}
	inf := float32(math.Inf(1))
	switch n.Op {
	case "Relu":
		return kernel.Activation{Kind: kernel.Clip, Alpha: 0, Beta: inf}, true
	case "Clip":
		return clipOf(n, attr)
	case "LeakyRelu":
		return kernel.Activation{Kind: kernel.LeakyRelu, Alpha: attr("alpha", 0.01)}, true
	case "Sigmoid":
		return kernel.Activation{Kind: kernel.Sigmoid}, true
	case "HardSigmoid":
		return kernel.Activation{Kind: kernel.HardSigmoid, Alpha: attr("alpha", 0.2), Beta: attr("beta", 0.5)}, true
	case "HardSwish":
		return kernel.Activation{Kind: kernel.HardSwish}, true
	case "Tanh":
		return kernel.Activation{Kind: kernel.Tanh}, true
	case "Mish":
		return kernel.Activation{Kind: kernel.Mish}, true
	case "Softplus":
		return kernel.Activation{Kind: kernel.Softplus}, true
	case "Elu":
		return kernel.Activation{Kind: kernel.Elu, Alpha: attr("alpha", 1), Beta: 1}, true
	case "Selu":
		alpha, gamma := ops.SeluFactors(n)
		return kernel.Activation{Kind: kernel.Elu, Alpha: alpha * gamma, Beta: gamma}, true
	case "Gelu":
		a := n.Attr("approximate")
		return kernel.Activation{Kind: kernel.Gelu}, a == nil || a.String == "none"
	}
	return none, false
}

// clipOf reads a Clip, whose bounds are attributes before version 11 and inputs from then on. A lower
// bound above the upper one is left to the operator.
func clipOf(n *ir.Node, attr func(string, float32) float32) (kernel.Activation, bool) {
	act := kernel.Activation{Kind: kernel.Clip, Alpha: -math.MaxFloat32, Beta: math.MaxFloat32} // infinite numbers are clipped too
	if n.Version < 11 {
		act.Alpha, act.Beta = attr("min", act.Alpha), attr("max", act.Beta)
		return act, act.Alpha <= act.Beta
	}
	for i, bound := range []*float32{&act.Alpha, &act.Beta} {
		if i+1 < len(n.Inputs) && n.Inputs[i+1] != nil {
			v, ok := scalar(n.Inputs[i+1])
			if !ok {
				return act, false
			}
			*bound = float32(v)
		}
	}
	return act, act.Alpha <= act.Beta
}

// fuseResidual moves the sum of two branches, and an activation behind it, into the convolution at the
// end of one of them:
//
//	x -> [Conv] -> Add(z) -> Relu  =>  x, z -> [Conv +z relu]
//
// z must be computed before the convolution runs: of two branches, the one computed last takes the
// other. It must have the convolution's shape, because nothing may broadcast, and it must not be a
// constant; and the convolution must not have an activation or a residual already.
func fuseResidual(e *Editor) (int, error) {
	changes := 0
	place := map[*ir.Node]int{}
	for i, n := range e.Graph.Nodes {
		place[n] = i
	}
	err := e.Nodes(func(add *ir.Node) error {
		if !is(add, "Add") || !sameShape(add) {
			return nil
		}
		conv, z := lastConv(e, add, place)
		if conv == nil {
			return nil
		}
		inputs := make([]*ir.Value, max(4, len(conv.Inputs)))
		copy(inputs, conv.Inputs)
		inputs[3] = z
		attrs := conv.Attrs
		after := e.Only(add.Outputs[0])
		act, ok := kernel.Activation{}, false
		if after != nil {
			if act, ok = EpilogueOf(after); ok {
				attrs = withActivation(attrs, act)
			}
		}
		if err := e.Rebind(conv, ops.Internal, "Conv", 1, inputs, attrs); err != nil {
			return err
		}
		swapOutput(conv, add)
		e.Remove(add)
		if ok {
			swapOutput(conv, after)
			e.Remove(after)
		}
		changes++
		return nil
	})
	return changes, err
}

// sameShape reports whether both inputs of a node are known to have the same shape
// of rank 4 or 5, so that nothing broadcasts.
func sameShape(n *ir.Node) bool {
	a, b := n.Inputs[0], n.Inputs[1]
	if a == nil || b == nil || a == b || a.Fact.DType != tensor.Float32 {
		return false
	}
	x, y := a.Fact.Shape, b.Fact.Shape
	if x.Rank() != y.Rank() || x.Rank() != 4 && x.Rank() != 5 {
		return false
	}
	for i := range x.Dims {
		if !x.Dims[i].Same(y.Dims[i]) && !(i != 1 && bothUnnamed(x.Dims[i], y.Dims[i])) {
			return false
		}
	}
	return true
}

// bothUnnamed reports whether neither dimension is a number. Even if they have the names of different
// symbols, they are mostly equal. Should one be 1 and broadcast, the plan, which knows the numbers,
// falls back to the reference kernel.
func bothUnnamed(a, b ir.Dim) bool { return !a.Known() && !b.Known() }

// lastConv finds the convolution that computes one operand of a sum and can take the other operand, z,
// as its residual; the later one if both can. place is the position of each node in the graph.
func lastConv(e *Editor, add *ir.Node, place map[*ir.Node]int) (conv *ir.Node, z *ir.Value) {
	best := -1
	for i, v := range add.Inputs {
		other := add.Inputs[1-i]
		op, ok := (*ops.FusedConv)(nil), false
		if v.Node != nil {
			op, ok = v.Node.Operator.(*ops.FusedConv)
		}
		if !ok || op.Act.Kind != kernel.Identity || v.Node.Input(3) != nil || e.Only(v) != add {
			continue
		}
		if other.Node != nil && place[other.Node] > place[v.Node] || other.Const() != nil {
			continue
		}
		if p := place[v.Node]; p > best {
			best, conv, z = p, v.Node, other
		}
	}
	return conv, z
}
