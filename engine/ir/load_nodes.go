package ir

import (
	"context"
	"fmt"

	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// nodes adds nodes in an order in which every value is made before it is used. This
// is the file's own order if the file follows the standard.
func (l *graphLoader) nodes(list []*onnx.Node) error {
	order, err := sorted(list)
	if err != nil {
		return err
	}
	for _, p := range order {
		if l.ctx.Err() != nil {
			return context.Cause(l.ctx)
		}
		if err := l.node(p); err != nil {
			return err
		}
	}
	return nil
}

// node adds one node, or the body of the function it calls.
func (l *graphLoader) node(p *onnx.Node) error {
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
		if inputs[i] = l.scope.find(name); inputs[i] == nil {
			return place(fmt.Errorf("input %s is made by no node and is no input of the graph", onnx.Quote(name)))
		}
	}
	for len(inputs) > 0 && inputs[len(inputs)-1] == nil {
		inputs = inputs[:len(inputs)-1] // trailing omitted inputs are as if not there
	}
	attrs, err := l.attributes(p.Attributes)
	if err != nil {
		return place(err)
	}
	if f := l.called(p); f != nil {
		return l.inline(p, f, inputs, attrs)
	}
	domain := canonicalDomain(p.Domain)
	version, ok := l.opsets[domain]
	if !ok && domain == "com.microsoft" {
		version, ok = 1, true // there is no other; files of ONNX Runtime's tools may not import it
	}
	if !ok {
		return place(fmt.Errorf("its domain %s is not imported", onnx.Quote(p.Domain)))
	}
	n := &Node{Name: l.call.prefix() + nodeName(p), Domain: domain, Op: p.OpType, Version: version, Inputs: inputs, Attrs: attrs}
	for _, name := range p.Outputs {
		v := l.g.NewValue(l.call.prefix()+name, Fact{})
		if name == "" {
			v.Name = ""
		} else if err := l.scope.define(name, v); err != nil {
			return place(err)
		}
		v.Node = n
		n.Outputs = append(n.Outputs, v)
	}
	l.g.Nodes = append(l.g.Nodes, n)
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
func (l *graphLoader) attributes(list []*onnx.Attribute) ([]*Attr, error) {
	out := make([]*Attr, 0, len(list))
	seen := map[string]bool{}
	for _, p := range list {
		if seen[p.Name] {
			return nil, fmt.Errorf("attribute %s is given twice", onnx.Quote(p.Name))
		}
		seen[p.Name] = true
		if p.Ref != "" {
			a, err := l.call.attribute(p.Ref)
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
			a.Tensor, err = l.constant(p.Tensor)
		case p.Graph != nil:
			a.Graph, err = l.graph(p.Graph, l, l.opsets)
		case p.Sparse != nil:
			a.Tensor, err = l.read.sparse(p.Sparse)
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
func (l *graphLoader) constant(p *onnx.Tensor) (*tensor.Tensor, error) {
	if t := l.inCalls[p]; t != nil {
		return t, nil
	}
	t, err := l.read.named(p)
	if l.call != nil {
		l.inCalls[p] = t
	}
	return t, err
}
