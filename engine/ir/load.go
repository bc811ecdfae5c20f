package ir

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/await"
	"github.com/visionzoo/vision/internal/limit"
)

// LoadOptions says where a model's external data is and how much memory its
// constants may take.
type LoadOptions struct {
	Files *onnx.Files           // external data; nil: there is none
	Limit func(bytes int) error // memory that the constants may take together, besides the file; nil: any
	Given []string              // names of Defaults that are inputs, not constants
}

// maxInlined bounds the nodes that calls of functions may grow to, and maxPrefixes the
// bytes by which the names of those nodes and of what they make grow: the calls' names
// stand before each.
const maxInlined, maxPrefixes = 10_000_000, 1 << 30

// Load builds the graph of a model: it turns names into edges, sorts the nodes,
// inlines the model's functions and reads its constants. It does not bind nodes to
// operators yet. A cancelled context ends it between two nodes.
func Load(ctx context.Context, m *onnx.Model, opt LoadOptions) (*Model, error) {
	switch {
	case ctx == nil:
		return nil, await.ErrNil
	case m == nil || m.Graph == nil:
		return nil, errors.New("the model holds no graph")
	}
	if m.IRVersion < 1 || m.IRVersion > 1<<16 {
		return nil, fmt.Errorf("ir_version %d does not exist", m.IRVersion)
	}
	opsets, err := importOpsets(m.Opsets)
	if err != nil {
		return nil, err
	}
	l := &loader{ctx: ctx, read: reader{files: opt.Files, limit: opt.Limit}, inCalls: map[*onnx.Tensor]*tensor.Tensor{}, given: opt.Given}
	if l.functions, err = indexFunctions(m.Functions); err != nil {
		return nil, err
	}
	if err := l.countInlined(m.Graph); err != nil {
		return nil, err
	}
	out := &Model{Opsets: opsets, IRVersion: int(m.IRVersion), Producer: m.ProducerName, Metadata: map[string]string{}}
	for _, e := range m.Metadata {
		out.Metadata[e.Key] = e.Value
	}
	out.Graph, err = l.graph(m.Graph, nil, opsets)
	if m.IRVersion >= 4 {
		out.Defaults = l.defaults
	}
	return out, err
}

// importOpsets checks the opset imports. "ai.onnx" is another name of "".
func importOpsets(list []onnx.Opset) (map[string]int, error) {
	if len(list) == 0 {
		return nil, errors.New("the model has no opset import")
	}
	opsets := map[string]int{}
	for _, o := range list {
		domain := canonicalDomain(o.Domain)
		if o.Version < 1 || o.Version > 1<<20 {
			return nil, fmt.Errorf("opset %d of domain %s does not exist", o.Version, onnx.Quote(o.Domain))
		}
		if v, ok := opsets[domain]; ok && v != int(o.Version) {
			return nil, fmt.Errorf("opset of domain %s is imported as %d and as %d", onnx.Quote(o.Domain), v, o.Version)
		}
		opsets[domain] = int(o.Version)
	}
	return opsets, nil
}

func canonicalDomain(d string) string {
	if d == "ai.onnx" {
		return ""
	}
	return d
}

// Functions are inlined: a node that calls one is replaced by the nodes of its body, under names
// that begin with the call's. So nothing after Load knows of functions. Nested calls multiply
// nodes, which a small file may use to make billions; their number is counted before any is made.

type functionKey struct{ domain, name, overload string }

type loader struct {
	ctx       context.Context
	read      reader
	functions map[functionKey]*onnx.Function
	inCalls   map[*onnx.Tensor]*tensor.Tensor // constants of functions' bodies, which all calls share
	given     []string                        // initializers of the outermost graph that are inputs
	defaults  []Default
}

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

// scope maps the names visible in a graph to values: its own and, through parent, those of the graphs
// around a region. The body of a function sees only its own.
type scope struct {
	names  map[string]*Value
	parent *scope
}

func (s *scope) find(name string) *Value {
	for ; s != nil; s = s.parent {
		if v := s.names[name]; v != nil {
			return v
		}
	}
	return nil
}

func (s *scope) define(name string, v *Value) error {
	if s.names[name] != nil {
		return fmt.Errorf("name %s is defined twice", onnx.Quote(name))
	}
	s.names[name] = v
	return nil
}

// graph builds the outermost graph (no parent) or a region.
func (l *loader) graph(p *onnx.Graph, parent *builder, opsets map[string]int) (*Graph, error) {
	b := &builder{loader: l, g: &Graph{Name: p.Name}, scope: &scope{names: map[string]*Value{}}, opsets: opsets}
	if parent != nil {
		b.g.Parent, b.scope.parent = parent.g, parent.scope
		b.call = parent.call
	}
	if err := b.constants(p); err != nil {
		return nil, err
	}
	if err := b.inputs(p); err != nil {
		return nil, err
	}
	if err := b.nodes(p.Nodes); err != nil {
		return nil, err
	}
	return b.g, b.outputs(p)
}

// builder fills one graph.
type builder struct {
	*loader
	g      *Graph
	scope  *scope
	opsets map[string]int
	call   *call // the function call whose body is being inlined
}

func (b *builder) constants(p *onnx.Graph) error {
	for _, t := range p.Initializers {
		if b.isGiven(t.Name) {
			continue
		}
		v, err := b.read.named(t)
		if err != nil {
			return err
		}
		if err := b.scope.define(t.Name, b.g.Constant(t.Name, v)); err != nil {
			return err
		}
	}
	for _, s := range p.SparseInitializers {
		if s.Values != nil && b.isGiven(s.Values.Name) {
			continue
		}
		v, err := b.read.sparse(s)
		if err != nil {
			return err
		}
		if err := b.scope.define(s.Values.Name, b.g.Constant(s.Values.Name, v)); err != nil {
			return err
		}
	}
	return nil
}

// isGiven reports whether the caller gives the value of an initializer.
func (b *builder) isGiven(name string) bool {
	return b.g.Parent == nil && slices.Contains(b.given, name)
}

// inputs makes the graph's inputs. Initializers that are listed among them are
// constants: before IR version 4 every initializer had to be, and since then they are
// the inputs' defaults.
func (b *builder) inputs(p *onnx.Graph) error {
	listed := map[string]bool{}
	for _, in := range p.Inputs {
		if listed[in.Name] {
			return fmt.Errorf("input %s is listed twice", onnx.Quote(in.Name))
		}
		listed[in.Name] = true
		fact, err := NewFact(in.Type)
		if err != nil && (b.g.Parent == nil || in.Type != nil && in.Type.Kind != onnx.KindNone) {
			return fmt.Errorf("input %s: %w", onnx.Quote(in.Name), err)
		}
		if v := b.scope.names[in.Name]; v != nil {
			if !fact.Admits(v.Const()) {
				return fmt.Errorf("initializer %s is %s, but the input of that name is %s", onnx.Quote(in.Name), v.Const(), fact)
			}
			if b.g.Parent == nil {
				b.defaults = append(b.defaults, Default{v, fact})
			}
			continue
		}
		v := b.g.NewValue(in.Name, fact)
		b.g.Inputs = append(b.g.Inputs, v)
		if err := b.scope.define(in.Name, v); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) outputs(p *onnx.Graph) error {
	for _, out := range p.Outputs {
		v := b.scope.find(out.Name)
		if v == nil {
			return fmt.Errorf("output %s is made by no node", onnx.Quote(out.Name))
		}
		if out.Type != nil && b.g.Parent == nil {
			// A declared type is only checked: types are inferred.
			if _, err := NewFact(out.Type); err != nil {
				return fmt.Errorf("output %s: %w", onnx.Quote(out.Name), err)
			}
		}
		b.g.Outputs = append(b.g.Outputs, v)
	}
	return nil
}

// NewFact converts a declared type.
func NewFact(t *onnx.Type) (Fact, error) {
	if t == nil {
		return Fact{}, errors.New("it has no type")
	}
	switch t.Kind {
	case onnx.KindTensor, onnx.KindSparse:
		d := tensor.DType(t.ElemType)
		if t.ElemType <= 0 || t.ElemType > 63 || !d.IsElement() {
			return Fact{}, fmt.Errorf("element type %d does not exist", t.ElemType)
		}
		f := Fact{DType: d, Shape: Shape{Ranked: t.HasShape}}
		for _, p := range t.Dims {
			dim := Sym(p.Param)
			if p.HasValue && p.Value > 0 {
				dim = Dim{N: nearestInt(p.Value)}
			} else if p.HasValue && p.Value == 0 {
				dim = Dim{N: 0}
			}
			f.Shape.Dims = append(f.Shape.Dims, dim)
		}
		return f, nil
	case onnx.KindSequence, onnx.KindOptional:
		elem, err := NewFact(t.Elem)
		elem.Shape = Shape{} // elements may differ in shape, whatever is declared
		kind := tensor.Sequence
		if t.Kind == onnx.KindOptional {
			kind = tensor.Optional
		}
		return Fact{DType: kind, Elem: &elem}, err
	case onnx.KindMap:
		elem, err := NewFact(t.Elem)
		return Fact{DType: tensor.Map, Elem: &elem}, err
	}
	return Fact{}, errors.New("its type is empty")
}

// Admits reports whether a tensor has f's dtype and fits its shape.
func (f Fact) Admits(t *tensor.Tensor) bool {
	if f.DType == tensor.Invalid {
		return true
	}
	if t == nil || t.DType() != f.DType {
		return false
	}
	if f.Elem != nil && t.DType() != tensor.Map {
		for _, e := range t.Elems() {
			if !f.Elem.Admits(e) {
				return false
			}
		}
	}
	if !f.Shape.Ranked || t.DType() >= tensor.Sequence {
		return true
	}
	if len(f.Shape.Dims) != t.Rank() {
		return false
	}
	for i, d := range f.Shape.Dims {
		if d.Known() && d.N != t.Dim(i) {
			return false
		}
	}
	return true
}
