package ir

import (
	"context"
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// nodes adds nodes in an order in which every value is made before it is used. This
// is the file's own order if the file follows the standard.
func (b *builder) nodes(list []*onnx.Node) error {
	order, err := b.sorted(list)
	if err != nil {
		return err
	}
	for _, p := range order {
		if b.ctx.Err() != nil {
			return context.Cause(b.ctx)
		}
		if err := b.node(p); err != nil {
			return err
		}
	}
	return nil
}

// sorted is Kahn's algorithm, which keeps an order that is already valid. The names
// that a node's regions read count as its inputs.
func (b *builder) sorted(list []*onnx.Node) ([]*onnx.Node, error) {
	maker := make(map[string]int, len(list))
	for i, n := range list {
		if len(n.Outputs) == 0 {
			return nil, fmt.Errorf("node %s (%s) has no output", onnx.Quote(n.Name), onnx.Quote(n.OpType))
		}
		for _, out := range n.Outputs {
			if j, ok := maker[out]; ok && out != "" {
				return nil, fmt.Errorf("value %s is made by two nodes, %s and %s", onnx.Quote(out), onnx.Quote(list[j].Name), onnx.Quote(n.Name))
			}
			if out != "" {
				maker[out] = i
			}
		}
	}
	waits := make([]int, len(list))
	readers := make([][]int, len(list))
	inOrder := true
	for i, n := range list {
		needs := map[int]bool{}
		freeNames(n, func(name string) {
			if j, ok := maker[name]; ok && !needs[j] {
				needs[j] = true
				readers[j] = append(readers[j], i)
				waits[i]++
				inOrder = inOrder && j < i
			}
		})
	}
	if inOrder {
		return list, nil
	}
	var ready []int
	for i, w := range waits {
		if w == 0 {
			ready = append(ready, i)
		}
	}
	out := make([]*onnx.Node, 0, len(list))
	for len(ready) > 0 {
		i := ready[0]
		ready = ready[1:]
		out = append(out, list[i])
		for _, r := range readers[i] {
			if waits[r]--; waits[r] == 0 {
				ready = append(ready, r)
			}
		}
	}
	if len(out) < len(list) {
		for i, w := range waits {
			if w > 0 {
				return nil, fmt.Errorf("node %s (%s) is part of a cycle: it needs its own output %s", onnx.Quote(list[i].Name),
					onnx.Quote(list[i].OpType), onnx.Quote(list[i].Outputs[0]))
			}
		}
	}
	return out, nil
}

// freeNames calls use for every name that a node reads: its inputs, and the names that its regions
// read from outside (their free names).
func freeNames(n *onnx.Node, use func(name string)) {
	for _, in := range n.Inputs {
		if in != "" {
			use(in)
		}
	}
	for _, a := range n.Attributes {
		if a.Graph != nil {
			freeNamesOf(a.Graph, use)
		}
	}
}

// freeNamesOf calls use for every name that a region reads and does not define.
func freeNamesOf(g *onnx.Graph, use func(name string)) {
	own := map[string]bool{}
	for _, v := range g.Inputs {
		own[v.Name] = true
	}
	for _, t := range g.Initializers {
		own[t.Name] = true
	}
	for _, s := range g.SparseInitializers {
		if s.Values != nil {
			own[s.Values.Name] = true
		}
	}
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			own[out] = true
		}
	}
	outer := func(name string) {
		if !own[name] {
			use(name)
		}
	}
	for _, n := range g.Nodes {
		freeNames(n, outer)
	}
	for _, v := range g.Outputs {
		outer(v.Name)
	}
}

// node adds one node, or the body of the function it calls.
func (b *builder) node(p *onnx.Node) error {
	place := func(err error) error {
		return &NodeError{Node: nodeName(p), Op: p.OpType, Err: err}
	}
	if p.OpType == "" {
		return place(fmt.Errorf("the operator has no name"))
	}
	inputs := make([]*Value, len(p.Inputs))
	for i, name := range p.Inputs {
		if name == "" {
			continue
		}
		if inputs[i] = b.scope.find(name); inputs[i] == nil {
			return place(fmt.Errorf("input %s is made by no node and is no input of the graph", onnx.Quote(name)))
		}
	}
	for len(inputs) > 0 && inputs[len(inputs)-1] == nil {
		inputs = inputs[:len(inputs)-1] // trailing omitted inputs are as if not there
	}
	attrs, err := b.attributes(p.Attributes)
	if err != nil {
		return place(err)
	}
	if f := b.called(p); f != nil {
		return b.inline(p, f, inputs, attrs)
	}
	domain := canonicalDomain(p.Domain)
	version, ok := b.opsets[domain]
	if !ok && domain == "com.microsoft" {
		version, ok = 1, true // there is no other; files of ONNX Runtime's tools may not import it
	}
	if !ok {
		return place(fmt.Errorf("its domain %s is not imported", onnx.Quote(p.Domain)))
	}
	n := &Node{Name: b.call.prefix() + nodeName(p), Domain: domain, Op: p.OpType, Version: version, Inputs: inputs, Attrs: attrs}
	for _, name := range p.Outputs {
		v := b.g.NewValue(b.call.prefix()+name, Fact{})
		if name == "" {
			v.Name = ""
		} else if err := b.scope.define(name, v); err != nil {
			return place(err)
		}
		v.Node = n
		n.Outputs = append(n.Outputs, v)
	}
	b.g.Nodes = append(b.g.Nodes, n)
	return nil
}

// nodeName is the node's name, or that of its first output.
func nodeName(p *onnx.Node) string {
	if p.Name != "" || len(p.Outputs) == 0 {
		return p.Name
	}
	return p.Outputs[0]
}

// attributes converts attributes; a reference gets the value that the call of the
// enclosing function passes.
func (b *builder) attributes(list []*onnx.Attribute) ([]*Attr, error) {
	out := make([]*Attr, 0, len(list))
	seen := map[string]bool{}
	for _, p := range list {
		if seen[p.Name] {
			return nil, fmt.Errorf("attribute %s is given twice", onnx.Quote(p.Name))
		}
		seen[p.Name] = true
		if p.Ref != "" {
			a, err := b.call.attribute(p.Ref)
			if err != nil {
				return nil, fmt.Errorf("attribute %s: %w", onnx.Quote(p.Name), err)
			}
			if a != nil {
				c := *a
				c.Name = p.Name
				out = append(out, &c)
			}
			continue
		}
		a := &Attr{Name: p.Name, Type: p.Type, Float: p.Float, Int: p.Int, String: p.String,
			Floats: p.Floats, Ints: p.Ints, Strings: p.Strings}
		var err error
		switch {
		case p.Tensor != nil:
			a.Tensor, err = b.constant(p.Tensor)
		case p.Graph != nil:
			a.Graph, err = b.graph(p.Graph, b, b.opsets)
		case p.Sparse != nil:
			a.Tensor, err = b.read.sparse(p.Sparse)
		case p.TypeOf != nil:
			var f Fact
			f, err = NewFact(p.TypeOf)
			a.TypeOf = &f
		case p.Tensors != nil, p.Graphs != nil:
			err = fmt.Errorf("lists of tensors or graphs have no meaning in any operator")
		}
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", onnx.Quote(p.Name), err)
		}
		out = append(out, a)
	}
	return out, nil
}

// constant reads a constant of an attribute, once for all calls of a function.
func (b *builder) constant(p *onnx.Tensor) (*tensor.Tensor, error) {
	if t := b.inCalls[p]; t != nil {
		return t, nil
	}
	t, err := b.read.named(p)
	if b.call != nil {
		b.inCalls[p] = t
	}
	return t, err
}

// call is a call of a function that is being inlined.
type call struct {
	name  string // prefix of names made by the body
	of    *onnx.Function
	attrs []*Attr
}

func (c *call) prefix() string {
	if c == nil {
		return ""
	}
	return c.name
}

// attribute is the value of an attribute of the function, nil if the call leaves out one
// without a default.
func (c *call) attribute(name string) (*Attr, error) {
	if c == nil {
		return nil, fmt.Errorf("refers to attribute %s of a function, but is in none", onnx.Quote(name))
	}
	for _, a := range c.attrs {
		if a.Name == name {
			return a, nil
		}
	}
	if !slices.Contains(c.of.AttributeNames, name) {
		return nil, fmt.Errorf("refers to attribute %s, which function %s does not declare", onnx.Quote(name), onnx.Quote(c.of.Name))
	}
	return nil, nil
}

// inline adds the body of a function: its inputs are the caller's values; its names
// and opsets are its own.
func (b *builder) inline(p *onnx.Node, f *onnx.Function, inputs []*Value, attrs []*Attr) error {
	place := func(err error) error {
		return fmt.Errorf("node %s: function %s: %w", onnx.Quote(nodeName(p)), onnx.Quote(f.Name), err)
	}
	if len(p.Inputs) > len(f.Inputs) || len(p.Outputs) > len(f.Outputs) {
		return place(fmt.Errorf("called with %d inputs and %d outputs, it has %d and %d",
			len(p.Inputs), len(p.Outputs), len(f.Inputs), len(f.Outputs)))
	}
	opsets := b.opsets
	if len(f.Opsets) > 0 {
		var err error
		if opsets, err = importOpsets(f.Opsets); err != nil {
			return place(err)
		}
	}
	body := &builder{loader: b.loader, g: b.g, scope: &scope{names: map[string]*Value{}}, opsets: opsets}
	defaults, err := b.attributes(f.Attributes)
	if err != nil {
		return place(err)
	}
	body.call = &call{name: b.call.prefix() + nodeName(p) + "/", of: f, attrs: append(attrs, defaults...)}
	for i, name := range f.Inputs {
		if i < len(inputs) && inputs[i] != nil {
			if err := body.scope.define(name, inputs[i]); err != nil {
				return place(err)
			}
		} else {
			body.scope.names[name] = nil
		}
	}
	if err := body.nodes(omitMissing(f, inputs)); err != nil {
		return place(err)
	}
	named := slices.Clone(inputs) // values that have a name around the call
	for i, name := range p.Outputs {
		if name == "" {
			continue
		}
		v := body.scope.find(f.Outputs[i])
		if v == nil {
			return place(fmt.Errorf("its output %s is made by no node", onnx.Quote(f.Outputs[i])))
		}
		if slices.Contains(named, v) {
			v = b.copied(nodeName(p), v, opsets)
		}
		named = append(named, v)
		if v.Node != nil {
			v.Name = b.call.prefix() + name
		}
		if err := b.scope.define(name, v); err != nil {
			return place(err)
		}
	}
	return nil
}

// copied is v under a second name: that of the call of a function which passes an input
// on, or gives a value twice.
func (b *builder) copied(call string, v *Value, opsets map[string]int) *Value {
	n := &Node{Name: b.call.prefix() + call, Op: "Identity", Version: max(1, opsets[""]), Inputs: []*Value{v}}
	out := b.g.NewValue(v.Name, Fact{})
	out.Node, n.Outputs = n, []*Value{out}
	b.g.Nodes = append(b.g.Nodes, n)
	return out
}

// omitMissing is the body of f in which the inputs that the caller omits are
// omitted from the nodes that read them.
func omitMissing(f *onnx.Function, inputs []*Value) []*onnx.Node {
	missing := map[string]bool{}
	for i, name := range f.Inputs {
		if i >= len(inputs) || inputs[i] == nil {
			missing[name] = true
		}
	}
	if len(missing) == 0 {
		return f.Nodes
	}
	out := make([]*onnx.Node, len(f.Nodes))
	for i, n := range f.Nodes {
		c := *n
		c.Inputs = make([]string, len(n.Inputs))
		for j, in := range n.Inputs {
			if !missing[in] {
				c.Inputs[j] = in
			}
		}
		out[i] = &c
	}
	return out
}
