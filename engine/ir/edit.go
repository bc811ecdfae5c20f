package ir

import "slices"

// Clone copies a graph with its nodes, values and regions. Constants and operators
// are immutable and shared. The clone of a region reads the original values of the
// enclosing graphs.
func (g *Graph) Clone() *Graph {
	c := &cloner{values: map[*Value]*Value{}}
	return c.graph(g, g.Parent)
}

type cloner struct{ values map[*Value]*Value }

func (c *cloner) graph(g, parent *Graph) *Graph {
	out := &Graph{Name: g.Name, Parent: parent, values: g.values}
	for _, v := range g.Inputs {
		out.Inputs = append(out.Inputs, c.define(v))
	}
	for _, n := range g.Nodes {
		m := *n
		m.Inputs = make([]*Value, len(n.Inputs))
		for i, v := range n.Inputs {
			m.Inputs[i] = c.use(v)
		}
		m.Attrs = slices.Clone(n.Attrs)
		rebind := false
		for i, a := range m.Attrs {
			if a.Graph != nil {
				b := *a
				b.Graph = c.graph(a.Graph, out)
				m.Attrs[i], rebind = &b, true
			}
		}
		if rebind {
			m.Operator = nil // it refers to the regions of the original
		}
		m.Outputs = make([]*Value, len(n.Outputs))
		for i, v := range n.Outputs {
			m.Outputs[i] = c.define(v)
			m.Outputs[i].Node = &m
		}
		out.Nodes = append(out.Nodes, &m)
	}
	for _, v := range g.Outputs {
		out.Outputs = append(out.Outputs, c.use(v))
	}
	return out
}

// define makes the copy of a value.
func (c *cloner) define(v *Value) *Value {
	w := *v
	c.values[v] = &w
	return &w
}

// use is the copy of a value, or the value itself if it is a constant or belongs to
// an enclosing graph.
func (c *cloner) use(v *Value) *Value {
	if w := c.values[v]; w != nil {
		return w
	}
	return v
}

// Find returns the value with the name in this graph (not its regions), nil if
// there is none.
func (g *Graph) Find(name string) *Value {
	for _, v := range g.Inputs {
		if v.Name == name {
			return v
		}
	}
	for _, n := range g.Nodes {
		for _, v := range n.Outputs {
			if v.Name == name {
				return v
			}
		}
	}
	return nil
}

// Attr returns the attribute with the name, nil if there is none.
func (n *Node) Attr(name string) *Attr {
	if n.asked != nil {
		*n.asked = append(*n.asked, name)
	}
	for _, a := range n.Attrs {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// Asked calls read and returns the names of the attributes that it looked for.
func (n *Node) Asked(read func()) []string {
	var names []string
	n.asked = &names
	defer func() { n.asked = nil }()
	read()
	return names
}
