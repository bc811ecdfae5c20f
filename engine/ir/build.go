package ir

import (
	"fmt"
	"slices"
	"strings"

	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// Builder makes a model in Go, node by node; importers of other formats use it.
// Values are made before they are used, so the nodes are always in order. The first
// mistake is kept, and Model returns it.
type Builder struct {
	model Model
	named map[string]bool   // shared with regions
	made  map[*Value]*Graph // likewise: where each value belongs
	err   *error            // likewise
}

// NewBuilder starts a model that imports one version of the default operator
// set.
func NewBuilder(opset int) *Builder {
	return &Builder{
		model: Model{Graph: &Graph{Name: "main"}, Opsets: map[string]int{"": opset}, Metadata: map[string]string{}},
		named: map[string]bool{},
		made:  map[*Value]*Graph{},
		err:   new(error),
	}
}

// Region begins a body of If, Loop or Scan, whose nodes may read values that this
// builder has made so far. Its Graph is an attribute of the operator: see AttrGraph.
func (b *Builder) Region(name string) *Builder {
	around := b.Graph()
	return &Builder{
		model: Model{Graph: &Graph{Name: name, Parent: around}, Opsets: b.model.Opsets},
		named: b.named,
		made:  b.made,
		err:   b.err,
	}
}

// Graph is the graph as far as it is built.
func (b *Builder) Graph() *Graph {
	if b.model.Graph == nil {
		*b = *NewBuilder(0)
		b.fail("NewBuilder did not make the builder")
	}
	return b.model.Graph
}

// Import adds an operator set of another domain.
func (b *Builder) Import(domain string, version int) {
	b.Graph()
	b.model.Opsets[domain] = version
}

// Input adds an input of the model.
func (b *Builder) Input(name string, d tensor.DType, shape Shape) *Value {
	v, g := b.value(name, Tensor(d, shape)), b.Graph()
	g.Inputs = append(g.Inputs, v)
	return v
}

// Const adds a constant. If the name is empty, it gets a new one.
func (b *Builder) Const(name string, t *tensor.Tensor) *Value {
	if t == nil {
		b.fail("constant %s is no tensor", onnx.Quote(name))
		return b.value(name, Fact{})
	}
	return b.value(name, FactOf(t))
}

// Node adds an operator with one output. Operators of other domains are written
// domain.Op, such as "com.microsoft.Gelu"; a nil input is an omitted one.
func (b *Builder) Node(op string, inputs []*Value, attrs ...*Attr) *Value {
	return b.Nodes(op, 1, inputs, attrs...)[0]
}

// Nodes adds an operator with several outputs.
func (b *Builder) Nodes(op string, outputs int, inputs []*Value, attrs ...*Attr) []*Value {
	g, domain := b.Graph(), ""
	if i := strings.LastIndexByte(op, '.'); i >= 0 {
		domain, op = op[:i], op[i+1:]
	}
	version, ok := b.model.Opsets[domain]
	if !ok {
		b.fail("%s.%s: the model does not import domain %q", domain, op, domain)
	}
	if slices.Contains(attrs, nil) {
		b.fail("an attribute of %s is nil", op)
	}
	for i, v := range inputs {
		if v != nil && !b.sees(v) {
			b.fail("input %d of %s is %s, a value of another builder", i, op, onnx.Quote(v.Name))
		}
	}
	if outputs < 1 {
		b.fail("%s has %d outputs; it needs at least 1", op, outputs)
		outputs = 1
	}
	n := &Node{Domain: domain, Op: op, Version: version, Inputs: inputs, Attrs: attrs}
	for range outputs {
		v := b.value("", Fact{})
		v.Node = n
		n.Outputs = append(n.Outputs, v)
	}
	n.Name = n.Outputs[0].Name
	g.Nodes = append(g.Nodes, n)
	return n.Outputs
}

// Name renames what a node makes, and the node too if that is its first output. Values
// and nodes without a name of their own are numbered.
func (b *Builder) Name(name string, v *Value) *Value {
	if v == nil || v.Node == nil {
		b.fail("%s is to name a value that no node makes", onnx.Quote(name))
		return v
	}
	if !b.sees(v) {
		b.fail("%s is to name %s, a value of another builder", onnx.Quote(name), onnx.Quote(v.Name))
		return v
	}
	b.name(name)
	v.Name = name
	if v == v.Node.Outputs[0] {
		v.Node.Name = name
	}
	return v
}

// Output makes a value an output of the model or the region, under a name of its own.
func (b *Builder) Output(name string, v *Value) {
	if v == nil {
		b.fail("output %s is no value", onnx.Quote(name))
		return
	}
	if !b.sees(v) {
		b.fail("output %s is %s, a value of another builder", onnx.Quote(name), onnx.Quote(v.Name))
		return
	}
	g := b.Graph()
	if v.Node == nil || slices.Contains(g.Outputs, v) || g.Parent != nil && !slices.Contains(g.Nodes, v.Node) {
		// What has a name outside keeps it.
		v = b.Node("Identity", []*Value{v})
	}
	b.name(name)
	v.Name = name
	g.Outputs = append(g.Outputs, v)
}

// Model returns the model, or the first mistake. The builder must not be used
// afterwards.
func (b *Builder) Model() (*Model, error) {
	if len(b.Graph().Outputs) == 0 {
		b.fail("the model has no output")
	}
	if *b.err != nil {
		return nil, *b.err
	}
	return &b.model, nil
}

// sees reports whether nodes of this builder may read a value: its own and, in a
// region, those of the builders around it.
func (b *Builder) sees(v *Value) bool {
	for g := b.Graph(); g != nil; g = g.Parent {
		if b.made[v] == g {
			return true
		}
	}
	return false
}

func (b *Builder) value(name string, f Fact) *Value {
	if name == "" {
		name = fmt.Sprintf("v%d", b.Graph().Values())
	}
	b.name(name)
	v := b.Graph().NewValue(name, f)
	b.made[v] = b.Graph()
	return v
}

func (b *Builder) name(name string) {
	if b.named[name] {
		b.fail("two values are named %s", onnx.Quote(name))
	}
	b.named[name] = true
}

func (b *Builder) fail(format string, args ...any) {
	b.Graph() // one that NewBuilder did not make begins with this
	if *b.err == nil {
		*b.err = fmt.Errorf("build model: "+format, args...)
	}
}

// AttrInt is an integer attribute.
func AttrInt(name string, v int) *Attr {
	return &Attr{Name: name, Type: onnx.AttrInt, Int: int64(v)}
}

// AttrInts is an attribute of integers.
func AttrInts(name string, v ...int) *Attr {
	a := &Attr{Name: name, Type: onnx.AttrInts, Ints: make([]int64, len(v))}
	for i, n := range v {
		a.Ints[i] = int64(n)
	}
	return a
}

// AttrFloat is a float attribute.
func AttrFloat(name string, v float32) *Attr {
	return &Attr{Name: name, Type: onnx.AttrFloat, Float: v}
}

// AttrFloats is an attribute of floats.
func AttrFloats(name string, v ...float32) *Attr {
	return &Attr{Name: name, Type: onnx.AttrFloats, Floats: v}
}

// AttrString is a string attribute.
func AttrString(name, v string) *Attr {
	return &Attr{Name: name, Type: onnx.AttrString, String: v}
}

// AttrTensor is an attribute that holds a tensor.
func AttrTensor(name string, t *tensor.Tensor) *Attr {
	return &Attr{Name: name, Type: onnx.AttrTensor, Tensor: t}
}

// AttrGraph is an attribute that holds a region: the body of If, Loop or Scan.
func AttrGraph(name string, g *Graph) *Attr {
	return &Attr{Name: name, Type: onnx.AttrGraph, Graph: g}
}
