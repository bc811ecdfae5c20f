package pass

import (
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// joinClip turns maxima and minima with a number, as TensorFlow's exports write bounds, into a
// clip, and two in a row into one:
//
//	x -> Max(0) -> Min(6)  =>  x -> [Activate clip 0 6]
//
// The number may stand on either side. It must not raise the rank of x.
func joinClip(e *Editor) (int, error) {
	changes := 0
	err := e.Nodes(func(n *ir.Node) error {
		if !is(n, "Max") && !is(n, "Min") || len(n.Inputs) != 2 {
			return nil
		}
		x, number := n.Inputs[0], n.Inputs[1]
		if x != nil && x.Const() != nil {
			x, number = number, x
		}
		v, ok := scalar(number)
		if !ok || math.IsNaN(v) || x == nil || x.Fact.DType != tensor.Float32 || !sameRank(n, x) {
			return nil
		}
		act := kernel.Activation{Kind: kernel.Clip, Alpha: float32(v), Beta: float32(math.Inf(1))}
		if n.Op == "Min" {
			act.Alpha, act.Beta = float32(math.Inf(-1)), float32(v)
		}
		if x.Node != nil && e.Only(x) == n {
			if first, ok := ActivationOf(x.Node); ok && first.Kind == kernel.Clip {
				act.Alpha, act.Beta = min(max(first.Alpha, act.Alpha), act.Beta), min(max(first.Beta, act.Alpha), act.Beta)
				x = x.Node.Inputs[0]
			}
		}
		changes++
		return e.become(n, ops.Internal, "Activate", 1, []*ir.Value{x}, ops.ActivationAttrs(act)...)
	})
	return changes, err
}

// joinSilu joins activations that are a product of x with a gate, as exporters write them for opsets
// that lack the operator:
//
//	Mul(x, Sigmoid(x))                        =>  [Activate silu]
//	Mul(x, Sigmoid(Mul(x, alpha)))            =>  Swish alpha
//	Mul(x, HardSigmoid(x)), with 1/6 and 1/2  =>  [Activate hardswish]
//	Mul(x, Div(Clip(Add(x, 3), 0, 6), 6))     =>  [Activate hardswish]
//	Div(Mul(x, Clip(Add(x, 3), 0, 6)), 6)     =>  [Activate hardswish]
//	Mul(x, Tanh(Softplus(x)))                 =>  [Activate mish]
//
// Operands of Mul and Add may stand in either order.
func joinSilu(e *Editor) (int, error) {
	changes := 0
	err := e.Nodes(func(mul *ir.Node) error {
		if mul.Domain != "" || len(mul.Inputs) != 2 || mul.Inputs[0] == nil || mul.Inputs[0].Fact.DType != tensor.Float32 {
			return nil
		}
		if x, alpha := swishOf(mul); x != nil && sameRank(mul, x) {
			changes++
			return e.become(mul, "", "Swish", 24, []*ir.Value{x}, &ir.Attr{Name: "alpha", Type: onnx.AttrFloat, Float: alpha})
		}
		x, kind, ok := gated(mul)
		if !ok || !sameRank(mul, x) {
			return nil
		}
		changes++
		return e.become(mul, ops.Internal, "Activate", 1, []*ir.Value{x}, ops.ActivationAttrs(kernel.Activation{Kind: kind})...)
	})
	return changes, err
}

// swishOf matches x · sigmoid(alpha·x), which CLIP's transformers have; x is nil if it does not match.
func swishOf(mul *ir.Node) (x *ir.Value, alpha float32) {
	if !is(mul, "Mul") {
		return nil, 0
	}
	for i, v := range mul.Inputs {
		s := maker(v, "Sigmoid")
		if s == nil {
			continue
		}
		scaled := maker(s.Inputs[0], "Mul")
		if scaled == nil {
			continue
		}
		for j, c := range scaled.Inputs {
			if a, ok := scalar(c); ok && scaled.Inputs[1-j] == mul.Inputs[1-i] {
				return mul.Inputs[1-i], float32(a)
			}
		}
	}
	return nil, 0
}

// sameRank reports whether the output of a pattern has the rank of its input, so
// that no constant of a higher rank broadcasts it.
func sameRank(last *ir.Node, x *ir.Value) bool {
	s := last.Outputs[0].Fact.Shape
	return s.Ranked && x.Fact.Shape.Ranked && s.Rank() == x.Fact.Shape.Rank()
}

// gated matches the other products of joinSilu, and returns x and the activation.
func gated(n *ir.Node) (x *ir.Value, kind kernel.ActivationKind, ok bool) {
	if is(n, "Div") { // (x · clip(x+3, 0, 6)) / 6
		if six, ok := scalar(n.Inputs[1]); !ok || six != 6 {
			return nil, 0, false
		}
		mul := maker(n.Inputs[0], "Mul")
		if mul == nil {
			return nil, 0, false
		}
		for i, v := range mul.Inputs {
			if hardGate(v, mul.Inputs[1-i]) {
				return mul.Inputs[1-i], kernel.HardSwish, true
			}
		}
		return nil, 0, false
	}
	if !is(n, "Mul") {
		return nil, 0, false
	}
	for i, v := range n.Inputs {
		x := n.Inputs[1-i]
		if s := maker(v, "Sigmoid"); s != nil && s.Inputs[0] == x {
			return x, kernel.Silu, true
		}
		if t := maker(v, "Tanh"); t != nil {
			if s := maker(t.Inputs[0], "Softplus"); s != nil && s.Inputs[0] == x {
				return x, kernel.Mish, true
			}
		}
		if h := maker(v, "HardSigmoid"); h != nil && h.Inputs[0] == x {
			act, _ := ActivationOf(h)
			if near(act.Alpha, 1.0/6) && near(act.Beta, 0.5) {
				return x, kernel.HardSwish, true
			}
		}
		if d := maker(v, "Div"); d != nil && hardGate(d.Inputs[0], x) {
			if six, ok := scalar(d.Inputs[1]); ok && six == 6 {
				return x, kernel.HardSwish, true
			}
		}
	}
	return nil, 0, false
}

// hardGate reports whether v is clip(x+3, 0, 6).
func hardGate(v, x *ir.Value) bool {
	clip := maker(v, "Clip")
	if clip == nil {
		return false
	}
	act, ok := ActivationOf(clip)
	add := maker(clip.Inputs[0], "Add")
	if !ok || act.Alpha != 0 || act.Beta != 6 || add == nil {
		return false
	}
	for i, w := range add.Inputs {
		if three, ok := scalar(w); ok && three == 3 && add.Inputs[1-i] == x {
			return true
		}
	}
	return false
}

func near(a float32, b float64) bool { return math.Abs(float64(a)-b) < 1e-6 }

// besideNumber returns, for a commutative node of which one input is the number want, the other input; nil
// for other nodes. n may be nil.
func besideNumber(n *ir.Node, want float64) *ir.Value {
	if n == nil || len(n.Inputs) != 2 {
		return nil
	}
	for i, v := range n.Inputs {
		if c, ok := scalar(v); ok && math.Abs(c-want) <= 1e-6*math.Abs(want) {
			return n.Inputs[1-i]
		}
	}
	return nil
}

// joinGelu joins the operators of a GELU, in the orders in which exporters multiply:
//
//	x · (1 + Erf(x/√2)) · ½                           =>  [Activate gelu]
//	x · (1 + Tanh(√(2/π) · (x + 0.044715 · x³))) · ½  =>  Gelu approximate=tanh
//
// x/√2 may be a Div or a Mul, x³ a Pow or two Muls.
func joinGelu(e *Editor) (int, error) {
	changes := 0
	err := e.Nodes(func(last *ir.Node) error {
		if !is(last, "Mul") || last.Inputs[0] == nil || last.Inputs[0].Fact.DType != tensor.Float32 {
			return nil
		}
		if x := geluOf(last, tanhGate); x != nil && sameRank(last, x) {
			changes++
			return e.become(last, "", "Gelu", 20, []*ir.Value{x}, ir.AttrString("approximate", "tanh"))
		}
		x := geluOf(last, erfGate)
		if x == nil || !sameRank(last, x) {
			return nil
		}
		changes++
		return e.become(last, ops.Internal, "Activate", 1, []*ir.Value{x}, ops.ActivationAttrs(kernel.Activation{Kind: kernel.Gelu})...)
	})
	return changes, err
}

// geluOf returns the x of x · gate · ½, nil if the node is none.
func geluOf(last *ir.Node, gate func(v, x *ir.Value) bool) *ir.Value {
	// (x · gate) · ½
	if v := besideNumber(last, 0.5); v != nil {
		mul := maker(v, "Mul")
		if mul == nil {
			return nil
		}
		for i, w := range mul.Inputs {
			if x := mul.Inputs[1-i]; gate(w, x) {
				return x
			}
		}
		return nil
	}
	for i, v := range last.Inputs {
		other := last.Inputs[1-i]
		// x · (gate · ½)
		if half := besideNumber(maker(v, "Mul"), 0.5); half != nil && gate(half, other) {
			return other
		}
		// (x · ½) · gate
		if x := besideNumber(maker(v, "Mul"), 0.5); x != nil && gate(other, x) {
			return x
		}
	}
	return nil
}

// erfGate reports whether v is 1 + erf(x/√2).
func erfGate(v, x *ir.Value) bool {
	erf := maker(besideNumber(maker(v, "Add"), 1), "Erf")
	if erf == nil {
		return false
	}
	in := erf.Inputs[0]
	if d := maker(in, "Div"); d != nil {
		c, ok := scalar(d.Inputs[1])
		return ok && math.Abs(c-math.Sqrt2) < 1e-5 && d.Inputs[0] == x
	}
	return besideNumber(maker(in, "Mul"), math.Sqrt2/2) == x
}

// tanhGate reports whether v is 1 + tanh(√(2/π)·(x + 0.044715·x³)).
func tanhGate(v, x *ir.Value) bool {
	tanh := maker(besideNumber(maker(v, "Add"), 1), "Tanh")
	if tanh == nil {
		return false
	}
	sum := maker(besideNumber(maker(tanh.Inputs[0], "Mul"), math.Sqrt(2/math.Pi)), "Add")
	if sum == nil {
		return false
	}
	for i, v := range sum.Inputs {
		if v == x && cubeOf(besideNumber(maker(sum.Inputs[1-i], "Mul"), 0.044715), x) {
			return true
		}
	}
	return false
}

// cubeOf reports whether v is x³.
func cubeOf(v, x *ir.Value) bool {
	if p := maker(v, "Pow"); p != nil {
		three, ok := scalar(p.Inputs[1])
		return ok && three == 3 && p.Inputs[0] == x
	}
	m := maker(v, "Mul")
	if m == nil {
		return false
	}
	for i, w := range m.Inputs {
		if w == x && squareOf(m.Inputs[1-i], x) {
			return true
		}
	}
	return false
}

// joinLayerNorm joins the steps of a layer normalisation over the last axis:
//
//	mean = ReduceMean(x), d = x - mean, var = ReduceMean(d²)
//	d / √(var + ε) · scale + bias  =>  LayerNormalization(x, scale, bias; axis -1, epsilon ε)
//
// scale and bias must be constant vectors as long as the last axis. Normalisations over several
// axes or without scale and bias stay.
func joinLayerNorm(e *Editor) (int, error) {
	changes := 0
	err := e.Nodes(func(last *ir.Node) error {
		if !is(last, "Add") {
			return nil
		}
		for i, bias := range last.Inputs {
			x, scale, epsilon, ok := normOf(maker(last.Inputs[1-i], "Mul"))
			if !ok || !vectorOf(bias, x) || !sameRank(last, x) {
				continue
			}
			changes++
			return e.become(last, "", "LayerNormalization", 17, []*ir.Value{x, scale, bias},
				&ir.Attr{Name: "axis", Type: onnx.AttrInt, Int: -1},
				&ir.Attr{Name: "epsilon", Type: onnx.AttrFloat, Float: float32(epsilon)})
		}
		return nil
	})
	return changes, err
}

// vectorOf reports whether v is a constant with one number for each index of x's
// last axis.
func vectorOf(v, x *ir.Value) bool {
	dims := x.Fact.Shape.Dims
	return isFloats(v) && len(dims) > 0 && v.Const().Rank() == 1 && dims[len(dims)-1].N == v.Const().Len()
}

// normOf matches mul = scale · (x-mean)/√(var+ε).
func normOf(mul *ir.Node) (x, scale *ir.Value, epsilon float64, ok bool) {
	if mul == nil {
		return nil, nil, 0, false
	}
	for i, s := range mul.Inputs {
		div := maker(mul.Inputs[1-i], "Div")
		if div == nil {
			continue
		}
		sub, root := maker(div.Inputs[0], "Sub"), maker(div.Inputs[1], "Sqrt")
		if sub == nil || root == nil {
			continue
		}
		x, mean := sub.Inputs[0], maker(sub.Inputs[1], "ReduceMean")
		add := maker(root.Inputs[0], "Add")
		if mean == nil || mean.Inputs[0] != x || !lastAxis(mean) || add == nil || !vectorOf(s, x) {
			continue
		}
		for j, v := range add.Inputs {
			eps, isNumber := scalar(v)
			variance := maker(add.Inputs[1-j], "ReduceMean")
			if isNumber && variance != nil && lastAxis(variance) && squareOf(variance.Inputs[0], sub.Outputs[0]) {
				return x, s, eps, true
			}
		}
	}
	return nil, nil, 0, false
}

// squareOf reports whether v is d².
func squareOf(v, d *ir.Value) bool {
	if p := maker(v, "Pow"); p != nil {
		two, ok := scalar(p.Inputs[1])
		return ok && two == 2 && p.Inputs[0] == d
	}
	m := maker(v, "Mul")
	return m != nil && m.Inputs[0] == d && m.Inputs[1] == d
}

// lastAxis reports whether a reduction runs over the last axis and keeps it.
func lastAxis(n *ir.Node) bool {
	if k := n.Attr("keepdims"); k != nil && k.Int == 0 {
		return false
	}
	var axes []int64
	if a := n.Attr("axes"); a != nil {
		axes = a.Ints
	} else if len(n.Inputs) > 1 {
		axes = integers(n.Inputs[1])
	}
	return len(axes) == 1 && (axes[0] == -1 || int(axes[0]) == n.Inputs[0].Fact.Shape.Rank()-1)
}
