package pass

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// spellOut replaces operators that others can express: what ONNX Runtime's optimiser has fused in a
// saved file, attention, and Einstein sums. The kernels and the later passes know the operators they
// consist of, and fuse them again in this engine's way:
//
//	FusedConv(x, w, b, z; act)              =>  Conv -> Add(z) -> act
//	FusedGemm(a, b, c; act)                 =>  Gemm -> act
//	FusedMatMul(a, b; transA, alpha)        =>  Transpose(a) -> MatMul(b) -> Mul(alpha)
//	MatMulNBits(x, codes, scales, …)        =>  MatMul(x, weights) -> Add
//	Einsum("bij,bkj->bik")                  =>  MatMul(a, Transpose(b))
//	BiasGelu(x, b)                          =>  Add -> Gelu
//	QuickGelu(x; alpha)                     =>  Mul(x, Sigmoid(Mul(x, alpha)))
//	SkipLayerNormalization(x, skip, …)      =>  Add -> LayerNormalization
//	Attention, MultiHeadAttention           =>  MatMul -> Softmax -> MatMul (contrib_attention.go)
//	Conv, … of com.microsoft.nchwc          =>  Conv, … (contrib_blocked.go)
//
// A rule that meets a form it cannot express, such as attention with a cache of past keys, makes
// nothing, and the node stays: it has a reference kernel.
func spellOut(e *Editor) (int, error) {
	if !slices.ContainsFunc(e.Graph.Nodes, func(n *ir.Node) bool { return spelling(n) != nil }) {
		return 0, nil
	}
	return respell(e, func(s *speller) {
		if rule := spelling(s.node); rule != nil {
			rule(s)
		}
	})
}

// respell calls rule for each node and puts the nodes that it makes in the place of that one; a node
// for which it makes none stays. It returns how many nodes were replaced.
func respell(e *Editor, rule func(s *speller)) (changes int, err error) {
	var nodes []*ir.Node
	for _, n := range e.Graph.Nodes {
		s := &speller{graph: e.Graph, node: n}
		rule(s)
		if s.err != nil {
			return changes, s.err
		}
		if len(s.made) == 0 {
			nodes = append(nodes, n)
			continue
		}
		nodes = append(nodes, s.made...)
		changes++
	}
	if changes > 0 {
		e.Graph.Nodes = nodes
		e.look()
		e.changed = true
	}
	return changes, nil
}

// spelling returns the rule for a node, nil if there is none.
func spelling(n *ir.Node) func(s *speller) {
	switch {
	case n.Domain == ops.Microsoft || is(n, "SimplifiedLayerNormalization"):
		return spellings[n.Op]
	case is(n, "Attention"):
		return spellAttention
	case is(n, "Einsum"):
		return spellEinsum
	case n.Domain == ops.Blocked:
		return blockedSpellings[n.Op]
	}
	return nil
}

// spellings are the rules for operators of ONNX Runtime's domain.
var spellings = map[string]func(s *speller){
	"FusedConv": spellConv, "FusedGemm": spellGemm, "FusedMatMul": spellMatMul, "TransposeMatMul": spellMatMul,
	"Gelu": spellGelu, "BiasGelu": spellGelu, "FastGelu": spellGelu, "QuickGelu": spellQuickGelu,
	"SkipLayerNormalization": spellSkipNorm, "SkipSimplifiedLayerNormalization": spellSkipNorm,
	"SimplifiedLayerNormalization": spellRMSNorm, "Attention": spellPackedAttention, "MultiHeadAttention": spellMultiHead,
	"MatMulNBits": spellNBits,
}

// speller makes the nodes that take the place of one. A rule adds them in order, each with the values
// that earlier ones returned, and says with give which value is which output:
//
//	y := s.add("", "Add", 14, []*ir.Value{x, b})
//	s.give(0, s.add("", "Gelu", 20, []*ir.Value{y}))
//
// The first error is kept, and ends the pass.
type speller struct {
	graph *ir.Graph
	node  *ir.Node   // the one that is replaced
	made  []*ir.Node // those that take its place; none: it stays
	err   error
}

// float32 reports whether the node works on float32, for which there are kernels and activations.
func (s *speller) float32() bool { return s.node.Inputs[0].Fact.DType == tensor.Float32 }

// add makes a node with one output, and returns that.
func (s *speller) add(domain, op string, version int, inputs []*ir.Value, attrs ...*ir.Attr) *ir.Value {
	return s.addMany(domain, op, version, 1, inputs, attrs...)[0]
}

// addMany makes a node with several outputs. It is bound and its facts are inferred at once, because
// rules ask for the shapes of what they have made. nil inputs at the end are left out.
func (s *speller) addMany(domain, op string, version, outputs int, inputs []*ir.Value, attrs ...*ir.Attr) []*ir.Value {
	for len(inputs) > 0 && inputs[len(inputs)-1] == nil {
		inputs = inputs[:len(inputs)-1]
	}
	n := &ir.Node{Name: s.node.Name, Domain: domain, Op: op, Version: version, Inputs: inputs, Attrs: attrs}
	for range outputs {
		v := s.graph.NewValue(s.node.Outputs[0].Name+"/"+op, ir.Fact{})
		v.Node = n
		n.Outputs = append(n.Outputs, v)
	}
	if s.err != nil {
		return n.Outputs
	}
	if s.err = ops.BindNode(n, ops.Find(domain, op, version)); s.err != nil {
		return n.Outputs
	}
	facts, err := ops.InferNode(n, n.Facts())
	if s.err = err; err == nil {
		for i, v := range n.Outputs {
			v.Fact = facts[i]
		}
		s.made = append(s.made, n)
	}
	return n.Outputs
}

// give makes v output i of the replaced node: whatever made v makes that output now, and nodes that
// read v read the output.
func (s *speller) give(i int, v *ir.Value) {
	if s.err != nil || i >= len(s.node.Outputs) {
		return
	}
	out := s.node.Outputs[i]
	for _, n := range s.made {
		for k, w := range n.Inputs {
			if w == v {
				n.Inputs[k] = out
			}
		}
		for k, w := range n.Outputs {
			if w == v {
				n.Outputs[k], out.Node = out, n
			}
		}
	}
}

// number is a scalar constant of the element type of the node's first input.
func (s *speller) number(v float64) *ir.Value {
	t := tensor.New(s.node.Inputs[0].Fact.DType)
	tensor.Store(t, 0, 1, []float64{v})
	return s.graph.Constant(s.node.Name+"/number", t)
}

// activated returns v with an activation behind it.
func (s *speller) activated(v *ir.Value, act kernel.Activation) *ir.Value {
	if act.Kind == kernel.Identity {
		return v
	}
	return s.add(ops.Internal, "Activate", 1, []*ir.Value{v}, ops.ActivationAttrs(act)...)
}

// plain returns the node's attributes without those of its activation.
func (s *speller) plain() []*ir.Attr {
	return kept(s.node, "activation", "activation_params", "activation_alpha", "activation_beta")
}

// spellConv separates the convolution, the sum and the activation of a FusedConv; whether they go
// together is for later passes to say.
func spellConv(s *speller) {
	if s.float32() {
		s.convolve(s.node.Inputs[:min(3, len(s.node.Inputs))], s.node.Operator.(ops.Activated).Act)
	}
}

// convolve makes a Conv of the given inputs with the node's attributes, the sum with the node's
// input 3 and an activation.
func (s *speller) convolve(inputs []*ir.Value, act kernel.Activation) {
	y := s.add("", "Conv", 11, inputs, s.plain()...)
	if z := s.node.Input(3); z != nil {
		y = s.add("", "Add", 14, []*ir.Value{y, z})
	}
	s.give(0, s.activated(y, act))
}

func spellGemm(s *speller) {
	if s.float32() {
		y := s.add("", "Gemm", 13, s.node.Inputs, s.plain()...)
		s.give(0, s.activated(y, s.node.Operator.(ops.Activated).Act))
	}
}

// spellMatMul transposes the operands of a FusedMatMul before an ordinary MatMul. Ranks must be known.
func spellMatMul(s *speller) {
	op := s.node.Operator.(ops.FusedMatMul)
	turned := slices.Clone(s.node.Inputs)
	if slices.ContainsFunc(turned, func(v *ir.Value) bool { return !v.Fact.Shape.Ranked }) {
		return
	}
	for i, v := range turned {
		if order := op.Order(i, v.Fact.Shape.Rank()); order != nil {
			turned[i] = s.transposed(v, order)
		}
	}
	y := s.add("", "MatMul", 13, turned)
	if op.Alpha != 1 {
		y = s.add("", "Mul", 14, []*ir.Value{y, s.number(op.Alpha)})
	}
	s.give(0, y)
}

// spellEinsum makes a MatMul of an Einsum that is one, with transpositions that put the dimensions of
// its operands and its result in order; see ops.EinsumProduct.
func spellEinsum(s *speller) {
	p, ok := ops.EinsumProductOf(s.node)
	if !ok || !s.float32() {
		return
	}
	ordered := func(v *ir.Value, order []int) *ir.Value {
		if slices.IsSorted(order) {
			return v
		}
		return s.transposed(v, order)
	}
	in := s.node.Inputs
	y := s.add("", "MatMul", 13, []*ir.Value{ordered(in[p.First], p.Left), ordered(in[1-p.First], p.Right)})
	s.give(0, ordered(y, p.Out))
}

// transposed returns v with its dimensions in the given order. Two transpositions become one: if a
// Transpose makes v, its input is transposed instead.
func (s *speller) transposed(v *ir.Value, order []int) *ir.Value {
	if before := maker(v, "Transpose"); before != nil {
		if a := before.Attr("perm"); a != nil && len(a.Ints) == len(order) {
			order = slices.Clone(order)
			for i, k := range order {
				order[i] = int(a.Ints[k])
			}
			v = before.Inputs[0]
		}
	}
	return s.add("", "Transpose", 13, []*ir.Value{v}, ir.AttrInts("perm", order...))
}

func spellGelu(s *speller) {
	x := s.node.Inputs[0]
	if b := s.node.Input(1); b != nil {
		x = s.add("", "Add", 14, []*ir.Value{x, b})
	}
	if s.node.Op == "FastGelu" {
		x = s.add("", "Gelu", 20, []*ir.Value{x}, ir.AttrString("approximate", "tanh"))
	} else {
		x = s.add("", "Gelu", 20, []*ir.Value{x})
	}
	s.give(0, x)
}

// spellQuickGelu is x·sigmoid(alpha·x).
func spellQuickGelu(s *speller) {
	a := s.node.Attr("alpha")
	x := s.node.Inputs[0]
	if a != nil && a.Float == 1 && s.float32() {
		s.give(0, s.activated(x, kernel.Activation{Kind: kernel.Silu}))
		return
	}
	alpha := 1.702
	if a != nil {
		alpha = float64(a.Float)
	}
	gate := s.add("", "Sigmoid", 13, []*ir.Value{s.add("", "Mul", 14, []*ir.Value{x, s.number(alpha)})})
	s.give(0, s.add("", "Mul", 14, []*ir.Value{x, gate}))
}

// spellSkipNorm adds and normalises: x + skip + bias, then LayerNormalization, or RMSNormalization for
// the simplified form. The latter has no second and third output (mean and inverse deviation), so a
// node of which these are read stays.
func spellSkipNorm(s *speller) {
	n := s.node
	centred := n.Op == "SkipLayerNormalization"
	bias, lines, read := 3, n.Inputs[2:3], func(i int) bool { return i < len(n.Outputs) && n.Outputs[i].Name != "" }
	if centred {
		bias, lines = 4, n.Inputs[2:min(4, len(n.Inputs))]
	} else if read(1) || read(2) {
		return
	}
	sum := s.add("", "Add", 14, n.Inputs[:2])
	if b := s.node.Input(bias); b != nil {
		sum = s.add("", "Add", 14, []*ir.Value{sum, b})
	}
	epsilon := float32(1e-12)
	if a := n.Attr("epsilon"); a != nil {
		epsilon = a.Float
	}
	attrs := []*ir.Attr{ir.AttrInt("axis", -1), ir.AttrFloat("epsilon", epsilon)}
	inputs := append([]*ir.Value{sum}, lines...)
	if centred {
		out := s.addMany("", "LayerNormalization", 17, min(3, len(n.Outputs)), inputs, attrs...)
		for i, v := range out {
			s.give(i, v)
		}
	} else {
		s.give(0, s.add("", "RMSNormalization", 23, inputs, attrs...))
	}
	if read(3) {
		s.give(3, sum)
	}
}

func spellRMSNorm(s *speller) {
	if len(s.node.Outputs) == 1 {
		s.give(0, s.add("", "RMSNormalization", 23, s.node.Inputs, s.node.Attrs...))
	}
}

// spellNBits makes float32 of weights of a few bits, which take eight times the memory then if they have
// four: more than foldTotal in all stay as they are. The exact weights are rounded to float32.
func spellNBits(s *speller) {
	op := s.node.Operator.(ops.MatMulNBits)
	if !s.float32() || fewBits(s.graph) > foldTotal/4 {
		return
	}
	in := make([]*tensor.Tensor, len(s.node.Inputs))
	for i, v := range s.node.Inputs[1:] {
		if v == nil {
			continue
		}
		if in[1+i] = v.Const(); in[1+i] == nil {
			return
		}
	}
	w, err := op.Weights(in)
	if s.err = err; err != nil {
		return
	}
	y := s.add("", "MatMul", 13, []*ir.Value{s.node.Inputs[0], s.graph.Constant(s.node.Inputs[1].Name+"/float32", w)})
	if bias := s.node.Input(5); bias != nil {
		y = s.add("", "Add", 14, []*ir.Value{y, bias})
	}
	s.give(0, y)
}

// fewBits is the number of weights of a few bits in a graph.
func fewBits(g *ir.Graph) (n int) {
	for _, node := range g.Nodes {
		if op, ok := node.Operator.(ops.MatMulNBits); ok {
			n += op.Size()
		}
	}
	return n
}
