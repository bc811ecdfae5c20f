package quantize

import (
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// placement says which nodes compute on 8-bit codes and which values are stored as
// codes.
type placement struct {
	graph   *ir.Graph
	readers map[*ir.Value][]*ir.Node
	layers  []*ir.Node              // convolutions and products that can be quantised
	integer map[*ir.Node]bool       // nodes between codes
	fused   map[*ir.Node]bool       // activations that are fused into the node before
	coded   map[*ir.Value]bool      // values with a scale and zero point
	root    map[*ir.Value]*ir.Value // values with the scale and zero point of another, since they hold the same numbers
	order   []*ir.Value             // coded values in the order of the graph
}

// follows lists the operators that compute on codes if their operands are codes
// already; true for those that pass numbers on unchanged.
var follows = map[string]bool{"Add": false, "Mul": false, "Concat": false, "AveragePool": false, "GlobalAveragePool": false,
	"Relu": false, "Clip": false, "LeakyRelu": false, "Sigmoid": false, "HardSigmoid": false, "HardSwish": false,
	"MaxPool": true, "Flatten": true, "Reshape": true, "Squeeze": true, "Unsqueeze": true, "Transpose": true, "Identity": true}

// place makes the placement; float lists the layers that stay in float32.
func (q *quantizer) place(float []*ir.Node) *placement {
	p := &placement{graph: q.graph, readers: map[*ir.Value][]*ir.Node{}, integer: map[*ir.Node]bool{}, fused: map[*ir.Node]bool{},
		coded: map[*ir.Value]bool{}, root: map[*ir.Value]*ir.Value{}}
	for _, n := range q.graph.Nodes {
		for _, v := range n.Uses() {
			if !slices.Contains(p.readers[v], n) {
				p.readers[v] = append(p.readers[v], n)
			}
		}
	}
	for _, n := range q.graph.Nodes {
		switch {
		case layer(n) && !slices.Contains(q.opt.Float, n.Name):
			p.layers = append(p.layers, n)
			p.integer[n] = !slices.Contains(float, n)
		case p.follower(n) && !slices.Contains(q.opt.Float, n.Name):
			p.integer[n] = true
		}
	}
	p.dropTails()
	for _, n := range q.graph.Nodes {
		if p.integer[n] {
			p.code(n)
		}
	}
	return p
}

// layer reports whether a node is a convolution or product with constant float32
// weights that integer kernels support.
func layer(n *ir.Node) bool {
	if n.Domain != "" || n.Op != "Conv" && n.Op != "Gemm" && n.Op != "MatMul" {
		return false
	}
	w := n.Inputs[1].Const()
	if n.Inputs[0] == nil || n.Inputs[0].Const() != nil || w == nil || w.DType() != tensor.Float32 || w.Len() == 0 {
		return false
	}
	if len(n.Inputs) > 2 && n.Inputs[2] != nil {
		b := n.Inputs[2].Const()
		if b == nil || b.Len() != w.Dim(outAxis(n)) || b.Rank() > 0 && b.Dim(-1) != b.Len() {
			return false
		}
	}
	if n.Op == "Conv" {
		return w.Rank() == 4
	}
	a := n.ReadAttrs()
	return w.Rank() == 2 && (n.Op == "MatMul" || !a.Bool("transA", false) && a.Float("alpha", 1) == 1 && a.Float("beta", 1) == 1)
}

// outAxis is the axis of the weights that corresponds to outputs.
func outAxis(n *ir.Node) int {
	if n.Op == "Conv" || n.Op == "Gemm" && n.ReadAttrs().Bool("transB", false) {
		return 0
	}
	return 1
}

// follower reports whether a node can compute on the codes of its operands.
func (p *placement) follower(n *ir.Node) bool {
	if _, ok := follows[n.Op]; !ok || n.Domain != "" || n.Inputs[0] == nil || n.Inputs[0].Fact.DType != tensor.Float32 {
		return false
	}
	data := n.Inputs
	switch n.Op {
	case "Add", "Mul":
		if !n.Inputs[0].Fact.Shape.Equal(n.Inputs[1].Fact.Shape) {
			return false
		}
	case "Concat":
	default:
		data = n.Inputs[:1]
	}
	for _, v := range data {
		if v == nil || v.Const() != nil || v.Node == nil || !p.integer[v.Node] {
			return false
		}
	}
	return true
}

// dropTails removes followers after which no layer comes: quantising the end of a
// network gains nothing.
func (p *placement) dropTails() {
	for i := len(p.graph.Nodes) - 1; i >= 0; i-- {
		n := p.graph.Nodes[i]
		if !p.integer[n] || layer(n) {
			continue
		}
		needed := p.activates(n)
		for _, v := range n.Outputs {
			for _, r := range p.readers[v] {
				needed = needed || p.integer[r]
			}
		}
		p.integer[n] = needed
	}
}

// activates reports whether a node is a Relu or Clip that can be fused into the
// node before it.
func (p *placement) activates(n *ir.Node) bool {
	if n.Op != "Relu" && n.Op != "Clip" || n.Inputs[0] == nil {
		return false
	}
	before := n.Inputs[0].Node
	if before == nil || !p.integer[before] || p.fused[before] || len(p.readers[n.Inputs[0]]) != 1 || slices.Contains(p.graph.Outputs, n.Inputs[0]) {
		return false
	}
	return before.Op == "Conv" || before.Op == "Gemm" || before.Op == "MatMul" || before.Op == "Add"
}

// code records which values must be codes for a node.
func (p *placement) code(n *ir.Node) {
	p.fused[n] = p.activates(n)
	y := n.Outputs[0]
	data := n.Inputs
	if n.Op != "Concat" && n.Op != "Add" && n.Op != "Mul" {
		data = n.Inputs[:1]
	}
	if !p.fused[n] {
		for _, v := range data {
			p.add(v)
		}
	}
	if r := p.readers[y]; len(r) == 1 && p.integer[r[0]] && p.activates(r[0]) {
		return // coded after the activation
	}
	if follows[n.Op] {
		root := n.Inputs[0]
		if r := p.root[root]; r != nil {
			root = r
		}
		p.root[y] = root
	}
	p.add(y)
}

func (p *placement) add(v *ir.Value) {
	if !p.coded[v] {
		p.coded[v] = true
		p.order = append(p.order, v)
	}
}

// of is the value whose range gives v its scale and zero point.
func (p *placement) of(v *ir.Value) *ir.Value {
	if r := p.root[v]; r != nil {
		return r
	}
	return v
}

// floor is a number below which it makes no difference what a value is, because all
// that is made of it is x·gate(x): from there down a hard sigmoid is 0, and x times a
// sigmoid nearer to 0 than 0.003.
func (p *placement) floor(v *ir.Value) float64 {
	r := p.readers[v]
	switch {
	case slices.Contains(p.graph.Outputs, v):
	case len(r) == 1 && r[0].Op == "HardSwish":
		return -3
	case len(r) == 2 && r[1].Op == "Mul" && slices.Contains(r[1].Inputs, r[0].Outputs[0]) && len(p.readers[r[0].Outputs[0]]) == 1:
		a := r[0].ReadAttrs()
		if alpha := a.Float("alpha", 0.2); r[0].Op == "HardSigmoid" && alpha > 0 {
			return -float64(a.Float("beta", 0.5)) / float64(alpha)
		}
		if r[0].Op == "Sigmoid" {
			return -8
		}
	}
	return math.Inf(-1)
}
