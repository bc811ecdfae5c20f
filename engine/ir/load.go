package ir

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/await"
)

// LoadOptions says where a model's external data is and how much memory its
// constants may take.
type LoadOptions struct {
	Files *onnx.Files           // external data; nil: there is none
	Limit func(bytes int) error // memory that the constants may take together, besides the file; nil: any
	Given []string              // names of Defaults that are inputs, not constants
}

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

// loader loads one model.
type loader struct {
	ctx       context.Context
	read      reader
	functions map[functionKey]*onnx.Function
	inCalls   map[*onnx.Tensor]*tensor.Tensor // constants of functions' bodies, which all calls share
	given     []string                        // initializers of the outermost graph that are inputs
	defaults  []Default
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
func (l *loader) graph(p *onnx.Graph, parent *graphLoader, opsets map[string]int) (*Graph, error) {
	inner := &graphLoader{loader: l, g: &Graph{Name: p.Name}, scope: &scope{names: map[string]*Value{}}, opsets: opsets}
	if parent != nil {
		inner.g.Parent, inner.scope.parent = parent.g, parent.scope
		inner.call = parent.call
	}
	if err := inner.constants(p); err != nil {
		return nil, err
	}
	if err := inner.inputs(p); err != nil {
		return nil, err
	}
	if err := inner.nodes(p.Nodes); err != nil {
		return nil, err
	}
	return inner.g, inner.outputs(p)
}

// graphLoader fills one graph, or the nodes of a function that it calls.
type graphLoader struct {
	*loader
	g      *Graph
	scope  *scope
	opsets map[string]int
	call   *call // the function call whose body is being inlined
}

func (l *graphLoader) constants(p *onnx.Graph) error {
	for _, t := range p.Initializers {
		if l.isGiven(t.Name) {
			continue
		}
		v, err := l.read.named(t)
		if err != nil {
			return err
		}
		if err := l.scope.define(t.Name, l.g.Constant(t.Name, v)); err != nil {
			return err
		}
	}
	for _, s := range p.SparseInitializers {
		if s.Values != nil && l.isGiven(s.Values.Name) {
			continue
		}
		v, err := l.read.sparse(s)
		if err != nil {
			return err
		}
		if err := l.scope.define(s.Values.Name, l.g.Constant(s.Values.Name, v)); err != nil {
			return err
		}
	}
	return nil
}

// isGiven reports whether the caller gives the value of an initializer.
func (l *graphLoader) isGiven(name string) bool {
	return l.g.Parent == nil && slices.Contains(l.given, name)
}

// inputs makes the graph's inputs. Initializers that are listed among them are
// constants: before IR version 4 every initializer had to be, and since then they are
// the inputs' defaults.
func (l *graphLoader) inputs(p *onnx.Graph) error {
	listed := map[string]bool{}
	for _, in := range p.Inputs {
		if listed[in.Name] {
			return fmt.Errorf("input %s is listed twice", onnx.Quote(in.Name))
		}
		listed[in.Name] = true
		fact, err := NewFact(in.Type)
		if err != nil && (l.g.Parent == nil || in.Type != nil && in.Type.Kind != onnx.KindNone) {
			return fmt.Errorf("input %s: %w", onnx.Quote(in.Name), err)
		}
		if v := l.scope.names[in.Name]; v != nil {
			if !fact.Admits(v.Const()) {
				return fmt.Errorf("initializer %s is %s, but the input of that name is %s", onnx.Quote(in.Name), v.Const(), fact)
			}
			if l.g.Parent == nil {
				l.defaults = append(l.defaults, Default{v, fact})
			}
			continue
		}
		v := l.g.NewValue(in.Name, fact)
		l.g.Inputs = append(l.g.Inputs, v)
		if err := l.scope.define(in.Name, v); err != nil {
			return err
		}
	}
	return nil
}

func (l *graphLoader) outputs(p *onnx.Graph) error {
	for _, out := range p.Outputs {
		v := l.scope.find(out.Name)
		if v == nil {
			return fmt.Errorf("output %s is made by no node", onnx.Quote(out.Name))
		}
		if out.Type != nil && l.g.Parent == nil {
			// A declared type is only checked: types are inferred.
			if _, err := NewFact(out.Type); err != nil {
				return fmt.Errorf("output %s: %w", onnx.Quote(out.Name), err)
			}
		}
		l.g.Outputs = append(l.g.Outputs, v)
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
