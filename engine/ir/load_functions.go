package ir

import (
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/internal/limit"
)

// Functions are inlined: a node that calls one is replaced by the nodes of its body, under names
// that begin with the call's. So nothing after Load knows of functions. Nested calls multiply
// nodes, which a small file may use to make billions; their number is counted before any is made.

// maxInlined bounds the nodes that calls of functions may grow to, and maxPrefixes the
// bytes by which the names of those nodes and of what they make grow: the calls' names
// stand before each.
const maxInlined, maxPrefixes = 10_000_000, 1 << 30

type functionKey struct{ domain, name, overload string }

func indexFunctions(list []*onnx.Function) (map[functionKey]*onnx.Function, error) {
	out := map[functionKey]*onnx.Function{}
	for _, f := range list {
		key := functionKey{canonicalDomain(f.Domain), f.Name, f.Overload}
		if out[key] != nil {
			return nil, fmt.Errorf("function %s is defined twice", onnx.Quote(f.Name))
		}
		out[key] = f
	}
	return out, nil
}

func (l *loader) called(n *onnx.Node) *onnx.Function {
	if len(l.functions) == 0 {
		return nil
	}
	return l.functions[functionKey{canonicalDomain(n.Domain), n.OpType, n.Overload}]
}

// grown is what some nodes grow to when the functions that they call are inlined: how many nodes, how
// many names of nodes and values, and how many bytes of prefixes in front of those.
type grown struct{ nodes, names, prefixes int }

// inlining counts what functions grow to, each once.
type inlining struct {
	*loader
	sizes map[*onnx.Function]grown
	open  map[*onnx.Function]bool // those being counted
}

// countInlined refuses recursion, and functions that would grow past the
// budget, before anything is inlined.
func (l *loader) countInlined(g *onnx.Graph) error {
	if len(l.functions) == 0 {
		return nil
	}
	c := inlining{l, map[*onnx.Function]grown{}, map[*onnx.Function]bool{}}
	_, err := c.nodes(g.Nodes)
	return err
}

func (c *inlining) function(f *onnx.Function) (grown, error) {
	if n, ok := c.sizes[f]; ok {
		return n, nil
	}
	if c.open[f] {
		return grown{}, fmt.Errorf("function %s calls itself", onnx.Quote(f.Name))
	}
	if len(c.open) > 64 {
		return grown{}, fmt.Errorf("function %s: depth of calls is more than 64", onnx.Quote(f.Name))
	}
	c.open[f] = true
	n, err := c.nodes(f.Nodes)
	if err != nil {
		err = fmt.Errorf("function %s: %w", onnx.Quote(f.Name), err)
	}
	delete(c.open, f)
	c.sizes[f] = n
	return n, err
}

func (c *inlining) nodes(nodes []*onnx.Node) (total grown, err error) {
	for _, n := range nodes {
		total.nodes++
		total.names += 1 + len(n.Outputs)
		var in grown
		if f := c.called(n); f != nil {
			if in, err = c.function(f); err != nil {
				return grown{}, err
			}
			in.prefixes += in.names * (len(nodeName(n)) + 1)
		}
		total.add(in)
		for _, a := range n.Attributes {
			if a.Graph != nil {
				if in, err = c.nodes(a.Graph.Nodes); err != nil {
					return grown{}, err
				}
				total.add(in)
			}
		}
		if total.nodes > maxInlined {
			return grown{}, limit.Errorf("%s: functions grow to more than %d nodes", onnx.Quote(n.OpType), maxInlined)
		}
		if total.prefixes > maxPrefixes {
			return grown{}, limit.Errorf("%s: calls of functions make names of more than %d bytes", onnx.Quote(n.OpType), maxPrefixes)
		}
	}
	return total, nil
}

func (g *grown) add(more grown) {
	g.nodes, g.names, g.prefixes = g.nodes+more.nodes, g.names+more.names, g.prefixes+more.prefixes
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
func (l *graphLoader) inline(p *onnx.Node, f *onnx.Function, inputs []*Value, attrs []*Attr) error {
	place := func(err error) error {
		return fmt.Errorf("node %s: function %s: %w", onnx.Quote(nodeName(p)), onnx.Quote(f.Name), err)
	}
	if len(p.Inputs) > len(f.Inputs) || len(p.Outputs) > len(f.Outputs) {
		return place(fmt.Errorf("called with %d inputs and %d outputs, it has %d and %d",
			len(p.Inputs), len(p.Outputs), len(f.Inputs), len(f.Outputs)))
	}
	opsets := l.opsets
	if len(f.Opsets) > 0 {
		var err error
		if opsets, err = importOpsets(f.Opsets); err != nil {
			return place(err)
		}
	}
	body := &graphLoader{loader: l.loader, g: l.g, scope: &scope{names: map[string]*Value{}}, opsets: opsets}
	defaults, err := l.attributes(f.Attributes)
	if err != nil {
		return place(err)
	}
	body.call = &call{name: l.call.prefix() + nodeName(p) + "/", of: f, attrs: append(attrs, defaults...)}
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
			v = l.copied(nodeName(p), v, opsets)
		}
		named = append(named, v)
		if v.Node != nil {
			v.Name = l.call.prefix() + name
		}
		if err := l.scope.define(name, v); err != nil {
			return place(err)
		}
	}
	return nil
}

// copied is v under a second name: that of the call of a function which passes an input
// on, or gives a value twice.
func (l *graphLoader) copied(call string, v *Value, opsets map[string]int) *Value {
	n := &Node{Name: l.call.prefix() + call, Op: "Identity", Version: max(1, opsets[""]), Inputs: []*Value{v}}
	out := l.g.NewValue(v.Name, Fact{})
	out.Node, n.Outputs = n, []*Value{out}
	l.g.Nodes = append(l.g.Nodes, n)
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
