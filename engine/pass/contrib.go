package pass

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// spellOut replaces attention, sums in Einstein's notation, and what ONNX Runtime's
// optimiser has joined in a file, by the operators that they stand for: whatever has kernels, and the passes
// behind this one, know those.
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

// respell puts what rule makes of each node in its place; a node that it makes
// nothing of stays. It returns how many went.
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

// spelling is the rule for a node, nil where there is none.
func spelling(n *ir.Node) func(s *speller) {
	switch {
	case n.Domain == ops.Microsoft || is(n, "SimplifiedLayerNormalization"):
		return spellings[n.Op]
	case is(n, "Attention"):
		return spellAttention
	case is(n, "Einsum"):
		return spellEinsum
	case n.Domain == blocked:
		return blockedSpellings[n.Op]
	}
	return nil
}

// spellings are the rules; one that makes nothing leaves its node.
var spellings = map[string]func(s *speller){
	"FusedConv": spellConv, "FusedGemm": spellGemm, "FusedMatMul": spellMatMul, "TransposeMatMul": spellMatMul,
	"Gelu": spellGelu, "BiasGelu": spellGelu, "FastGelu": spellGelu, "QuickGelu": spellQuickGelu,
	"SkipLayerNormalization": spellSkipNorm, "SkipSimplifiedLayerNormalization": spellSkipNorm,
	"SimplifiedLayerNormalization": spellRMSNorm, "Attention": spellPackedAttention, "MultiHeadAttention": spellMultiHead,
}

// speller makes the nodes that stand for one.
type speller struct {
	graph *ir.Graph
	node  *ir.Node
	made  []*ir.Node
	err   error
}

// float32 reports whether the node works on numbers that the fused operators
// of Internal take.
func (s *speller) float32() bool { return s.node.Inputs[0].Fact.DType == tensor.Float32 }

// add makes a node with one output.
func (s *speller) add(domain, op string, version int, inputs []*ir.Value, attrs ...*ir.Attr) *ir.Value {
	return s.addMany(domain, op, version, 1, inputs, attrs...)[0]
}

// addMany makes a node with several outputs.
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

// give makes output i of the node of what v's maker makes.
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

// number is a constant of the node's element type.
func (s *speller) number(v float64) *ir.Value {
	t := tensor.New(s.node.Inputs[0].Fact.DType)
	tensor.Store(t, 0, 1, []float64{v})
	return s.graph.Constant(s.node.Name+"/number", t)
}

// activated is v behind an activation.
func (s *speller) activated(v *ir.Value, act kernel.Activation) *ir.Value {
	if act.Kind == kernel.Identity {
		return v
	}
	return s.add(ops.Internal, "Activate", 1, []*ir.Value{v}, ops.ActivationAttrs(act)...)
}

// plain are the node's attributes without its activation.
func (s *speller) plain() []*ir.Attr {
	return kept(s.node, "activation", "activation_params", "activation_alpha", "activation_beta")
}

// spellConv: whether sum and activation go into the convolution is for the
// passes behind to say.
func spellConv(s *speller) {
	if s.float32() {
		s.convolve(s.node.Inputs[:min(3, len(s.node.Inputs))], s.node.Operator.(ops.Activated).Act)
	}
}

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

// spellMatMul transposes operands first; one that is transposed already is
// transposed once.
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

// spellEinsum is a matrix product between operands whose dimensions are put in its
// order.
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

// spellSkipNorm adds and normalises. The standard's form without a mean gives no
// moments.
func spellSkipNorm(s *speller) {
	n := s.node
	centred := n.Op == "SkipLayerNormalization"
	bias, lines, moments := 3, n.Inputs[2:3], func(i int) bool { return i < len(n.Outputs) && n.Outputs[i].Name != "" }
	if centred {
		bias, lines = 4, n.Inputs[2:min(4, len(n.Inputs))]
	} else if moments(1) || moments(2) {
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
	if moments(3) {
		s.give(3, sum)
	}
}

func spellRMSNorm(s *speller) {
	if len(s.node.Outputs) == 1 {
		s.give(0, s.add("", "RMSNormalization", 23, s.node.Inputs, s.node.Attrs...))
	}
}
