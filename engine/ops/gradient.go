package ops

import (
	"errors"
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/limit"
)

// Gradient of ai.onnx.preview.training asks for the derivatives of a value y of the graph with
// respect to others (xs), at the values that are the node's inputs; zs are further values that are
// given. Before a graph is bound, each such node is replaced by nodes that compute the derivatives,
// in reverse mode (Griewank and Walther 2008, "Evaluating Derivatives", chapter 3): copies of the
// nodes on which y depends, applied to the inputs, and then the derivative of y with respect to
// each of their values, from y backwards. For c = Mul(a, b), y = Exp(c):
//
//	Gradient(a', b'; xs a b, y y)  =>  c' = Mul(a', b'), y' = Exp(c')
//	                                   dy = OnesLike(y'), dc = Mul(dy, y'), da = Mul(dc, b'), db = Mul(dc, a')
//
// (With SumTo behind da and db, in case that a or b is broadcast.)

// maxDerived bounds the number of nodes: gradients may be nested.
const maxDerived = 100_000

// expandGradients replaces the Gradient nodes of a graph.
func expandGradients(g *ir.Graph) error {
	var out []*ir.Node
	made := 0
	for _, n := range g.Nodes {
		if n.Domain != training || n.Op != "Gradient" {
			out = append(out, n)
			continue
		}
		d, err := newDerivation(g, out, n)
		if err == nil {
			err = d.derive()
		}
		if made += len(d.nodes); err == nil && made > maxDerived {
			err = limit.Errorf("gradients expand to more than %d nodes", maxDerived)
		}
		if err != nil {
			return n.Fail(err)
		}
		out = append(out, d.nodes...)
	}
	g.Nodes = out
	return nil
}

// derivation is the expansion of one Gradient node.
type derivation struct {
	graph    *ir.Graph
	node     *ir.Node
	xs       []*ir.Value               // variables of the derivatives
	y        *ir.Value                 // function
	copy     map[*ir.Value]*ir.Value   // copies of the values on which y depends
	adjoints map[*ir.Value][]*ir.Value // terms of the derivative of y with respect to a copy: one for each reader
	nodes    []*ir.Node                // created nodes
}

// newDerivation looks up the values that the node names, among the outputs of the
// nodes before it.
func newDerivation(g *ir.Graph, before []*ir.Node, n *ir.Node) (*derivation, error) {
	d := &derivation{graph: g, node: n, copy: map[*ir.Value]*ir.Value{}, adjoints: map[*ir.Value][]*ir.Value{}}
	a := n.ReadAttrs().Need("xs", "y")
	xs, zs, y := a.Strs("xs"), a.Strs("zs"), a.Str("y", "")
	if a.Err() != nil {
		return d, a.Err()
	}
	if len(n.Inputs) != len(xs)+len(zs) || len(n.Outputs) != len(xs) || len(xs) == 0 {
		return d, fmt.Errorf("has %d inputs and %d outputs; with %d names in xs and %d in zs it needs an input for each name and an output for each of xs",
			len(n.Inputs), len(n.Outputs), len(xs), len(zs))
	}
	named := map[string]*ir.Value{}
	for _, v := range g.Inputs {
		named[v.Name] = v
	}
	for _, m := range before {
		for _, v := range append(m.Inputs[:len(m.Inputs):len(m.Inputs)], m.Outputs...) {
			if v != nil {
				named[v.Name] = v
			}
		}
	}
	for i, name := range append(xs[:len(xs):len(xs)], zs...) {
		v := named[name]
		if v == nil || n.Inputs[i] == nil {
			return d, fmt.Errorf("no earlier value is named %s, or the input for it is missing", onnx.Quote(name))
		}
		d.copy[v] = n.Inputs[i]
		if i < len(xs) {
			d.xs = append(d.xs, v)
		}
	}
	if d.y = named[y]; d.y == nil {
		return d, fmt.Errorf("no earlier value is named %s", onnx.Quote(y))
	}
	return d, nil
}

// derive creates the nodes: the copies, then the derivatives.
func (d *derivation) derive() error {
	varies := map[*ir.Value]bool{} // depends on xs
	for _, x := range d.xs {
		varies[d.copy[x]] = true
	}
	path, err := d.copyNodes(varies)
	if err != nil {
		return err
	}
	y := d.use(d.y)
	d.adjoints[y] = []*ir.Value{d.add("OnesLike", y)}
	for i := len(path) - 1; i >= 0; i-- {
		n := path[i]
		dy := d.adjoint(n.Outputs[0])
		if dy == nil {
			continue
		}
		rule := gradientRules[n.Op]
		if rule == nil || n.Domain != "" && n.Domain != Internal || len(n.Outputs) != 1 {
			return fmt.Errorf("%s has no derivative rule", n)
		}
		slopes, err := rule(d, n, dy)
		if err != nil {
			return fmt.Errorf("%s: %w", n, err)
		}
		for k, s := range slopes {
			if s != nil && varies[n.Inputs[k]] {
				d.adjoints[n.Inputs[k]] = append(d.adjoints[n.Inputs[k]], s)
			}
		}
	}
	for i, x := range d.xs {
		s := d.adjoint(d.use(x))
		if s == nil {
			s = d.add("Sub", d.use(x), d.use(x)) // y does not depend on x
		}
		v := d.node.Outputs[i]
		d.nodes = append(d.nodes, d.made(&ir.Node{Op: "Identity", Inputs: []*ir.Value{s}, Outputs: []*ir.Value{v}}))
	}
	return nil
}

// copyNodes copies the nodes on which y depends, and returns those copies that depend on xs. It
// marks the copies of values that do in varies.
func (d *derivation) copyNodes(varies map[*ir.Value]bool) (path []*ir.Node, err error) {
	cone, err := d.cone()
	if err != nil {
		return nil, err
	}
	for _, n := range cone {
		m := *n
		m.Operator, m.Inputs, m.Outputs = nil, nil, nil
		depends := false
		for _, v := range n.Inputs {
			u := d.use(v)
			m.Inputs = append(m.Inputs, u)
			depends = depends || varies[u]
		}
		for _, v := range n.Outputs {
			w := d.copy[v]
			if w == nil { // otherwise v is given as an input
				w = d.graph.NewValue(v.Name, ir.Fact{})
				d.copy[v] = w
			} else {
				w = d.graph.NewValue("", ir.Fact{})
			}
			w.Node = &m
			varies[w] = depends
			m.Outputs = append(m.Outputs, w)
		}
		d.nodes = append(d.nodes, &m)
		if depends {
			path = append(path, &m)
		}
	}
	return path, nil
}

// cone returns the nodes on which y depends, in topological order, up to the values that are given. It
// goes through the graph without recursion, which a long chain of nodes would make too deep.
func (d *derivation) cone() ([]*ir.Node, error) {
	var list []*ir.Node
	seen := map[*ir.Node]bool{}
	type visit struct {
		n    *ir.Node
		done bool
	}
	stack := []visit{}
	push := func(v *ir.Value) {
		if v != nil && v.Node != nil && d.copy[v] == nil && !seen[v.Node] {
			stack = append(stack, visit{n: v.Node})
		}
	}
	for push(d.y); len(stack) > 0; {
		top := &stack[len(stack)-1]
		if top.done {
			list = append(list, top.n)
			stack = stack[:len(stack)-1]
			continue
		}
		if seen[top.n] {
			stack = stack[:len(stack)-1]
			continue
		}
		n := top.n
		seen[n], top.done = true, true
		if len(n.Regions()) > 0 {
			return nil, fmt.Errorf("%s has no derivative rule: it has subgraphs", n)
		}
		if len(seen) > maxDerived {
			return nil, limit.Errorf("gradients expand to more than %d nodes", maxDerived)
		}
		for _, v := range n.Inputs {
			push(v)
		}
	}
	return list, nil
}

// use returns the copy of a value, or the value itself if it has none.
func (d *derivation) use(v *ir.Value) *ir.Value {
	if w := d.copy[v]; w != nil {
		return w
	}
	return v
}

// adjoint returns the derivative with respect to v, nil if y does not depend on it.
func (d *derivation) adjoint(v *ir.Value) *ir.Value {
	list := d.adjoints[v]
	if len(list) == 0 {
		return nil
	}
	s := list[0]
	for _, t := range list[1:] {
		s = d.add("Add", s, t)
	}
	d.adjoints[v] = []*ir.Value{s}
	return s
}

// derivedOpset is the opset version of the created nodes.
const derivedOpset = 17

// made completes a node with its name and version, and says that it makes its outputs.
func (d *derivation) made(n *ir.Node) *ir.Node {
	n.Name, n.Version = d.node.Name, derivedOpset
	if n.Op == "SumTo" || n.Op == "OnesLike" {
		n.Domain, n.Version = Internal, 1
	}
	for _, v := range n.Outputs {
		v.Node = n
	}
	return n
}

// add appends a node with one output.
func (d *derivation) add(op string, in ...*ir.Value) *ir.Value {
	v := d.graph.NewValue(d.node.Name, ir.Fact{})
	d.nodes = append(d.nodes, d.made(&ir.Node{Op: op, Inputs: in, Outputs: []*ir.Value{v}}))
	return v
}

// with adds an attribute to the node that makes v.
func (d *derivation) with(v *ir.Value, a *ir.Attr) *ir.Value {
	v.Node.Attrs = append(v.Node.Attrs, a)
	return v
}

// scalar returns the constant x with the type of like.
func (d *derivation) scalar(x float32, like *ir.Value) *ir.Value {
	return d.add("CastLike", d.graph.Constant("", tensor.Scalar(x)), like)
}

// gradientRule returns the derivative of y with respect to each input of n (nil: none), given dy, that
// with respect to its output.
type gradientRule func(d *derivation, n *ir.Node, dy *ir.Value) ([]*ir.Value, error)

// elementwiseRule is the rule of an elementwise y = f(x); slope creates f'(x).
func elementwiseRule(slope func(d *derivation, x, y *ir.Value) *ir.Value) gradientRule {
	return func(d *derivation, n *ir.Node, dy *ir.Value) ([]*ir.Value, error) {
		return []*ir.Value{d.add("Mul", dy, slope(d, n.Inputs[0], n.Outputs[0]))}, nil
	}
}

// binaryRule is the rule of a function of two operands that broadcast: each
// derivative is summed to the shape of its operand.
func binaryRule(slopes func(d *derivation, a, b, y, dy *ir.Value) (da, db *ir.Value)) gradientRule {
	return func(d *derivation, n *ir.Node, dy *ir.Value) ([]*ir.Value, error) {
		a, b := n.Inputs[0], n.Inputs[1]
		da, db := slopes(d, a, b, n.Outputs[0], dy)
		return []*ir.Value{d.add("SumTo", da, a), d.add("SumTo", db, b)}, nil
	}
}

// reshapeRule is the rule of operators that only change the shape.
func reshapeRule(d *derivation, n *ir.Node, dy *ir.Value) ([]*ir.Value, error) {
	return []*ir.Value{d.add("Reshape", dy, d.add("Shape", n.Inputs[0]))}, nil
}

// reduceRule is the rule of a sum, or of a mean, over all elements or with
// keepdims.
func reduceRule(mean bool) gradientRule {
	return func(d *derivation, n *ir.Node, dy *ir.Value) ([]*ir.Value, error) {
		a := n.ReadAttrs()
		some := a.Has("axes") || len(n.Inputs) > 1 && n.Inputs[1] != nil || a.Bool("noop_with_empty_axes", false)
		if some && !a.Bool("keepdims", true) {
			return nil, errors.New("has a derivative rule only with keepdims or over all axes")
		}
		x := n.Inputs[0]
		if mean {
			size := func(v *ir.Value) *ir.Value { return d.add("CastLike", d.add("Size", v), dy) }
			dy = d.add("Mul", dy, d.add("Div", size(n.Outputs[0]), size(x)))
		}
		return []*ir.Value{d.add("Expand", dy, d.add("Shape", x))}, nil
	}
}
