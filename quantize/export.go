package quantize

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unsafe"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// exporter converts an ir.Graph to the graph of a file, quantised as a placement
// says.
type exporter struct {
	q     *quantizer
	p     *placement
	out   *onnx.Graph // the network's; others are regions
	names map[*ir.Value]string
	after map[*ir.Value]string // names of values after dequantisation
	used  map[string]bool      // names of values
	nodes map[string]bool      // names of nodes, which ONNX Runtime wants to differ
	held  map[*ir.Value]bool   // constants written already
	bytes int                  // of constants
	rows  []Layer
}

// export converts the network, quantised as p says, and returns the names of its
// values. It fills in the layers and sizes of the result. The empty placement leaves
// all in float32.
func (q *quantizer) export(p *placement, r *Result) (*onnx.Model, map[*ir.Value]string, error) {
	e := &exporter{q: q, p: p, names: map[*ir.Value]string{}, after: map[*ir.Value]string{}, used: map[string]bool{}, nodes: map[string]bool{}, held: map[*ir.Value]bool{}}
	e.out = &onnx.Graph{Name: q.graph.Name}
	if e.out.Name == "" {
		e.out.Name = "graph"
	}
	for _, v := range append(slices.Clone(q.graph.Inputs), q.graph.Outputs...) {
		e.name(v) // these keep their names
	}
	for _, n := range q.graph.Nodes {
		for _, v := range n.Outputs {
			if v.Name != "" {
				e.name(v) // and these, if they can
			}
		}
	}
	if err := e.graph(q.graph, e.out); err != nil {
		return nil, nil, err
	}
	r.Layers, r.Bytes = e.rows, e.bytes
	q.float = max(q.float, e.bytes) // the network in float32 is written first
	r.Float = q.float
	m := &onnx.Model{IRVersion: 8, ProducerName: "vision", Graph: e.out}
	for domain, version := range q.opsets {
		m.Opsets = append(m.Opsets, onnx.Opset{Domain: domain, Version: int64(version)})
	}
	slices.SortFunc(m.Opsets, func(a, b onnx.Opset) int { return strings.Compare(a.Domain, b.Domain) })
	if q.opsets[""] > 18 {
		m.IRVersion = 10
	}
	for _, key := range slices.Sorted(maps.Keys(q.metadata)) { // labels, for one
		m.Metadata = append(m.Metadata, onnx.Entry{Key: key, Value: q.metadata[key]})
	}
	return m, e.names, nil
}

// fresh returns a name that no value has.
func (e *exporter) fresh(stem string) string { return fresh(e.used, stem) }

// nodeName returns a name that no node has.
func (e *exporter) nodeName(stem string) string { return fresh(e.nodes, stem) }

// fresh returns a name that is not in use, and puts it to use.
func fresh(used map[string]bool, stem string) string {
	if stem == "" {
		stem = "value"
	}
	name := stem
	for i := 1; used[name]; i++ {
		name = fmt.Sprintf("%s_%d", stem, i)
	}
	used[name] = true
	return name
}

// name is a value's name in the file.
func (e *exporter) name(v *ir.Value) string {
	if n, ok := e.names[v]; ok {
		return n
	}
	n := e.fresh(v.Name)
	e.names[v] = n
	return n
}

// graph writes a graph or a region.
func (e *exporter) graph(g *ir.Graph, out *onnx.Graph) error {
	for _, v := range g.Inputs {
		out.Inputs = append(out.Inputs, &onnx.ValueInfo{Name: e.name(v), Type: typeOf(v.Fact)})
		if e.p.coded[v] {
			e.quantize(v, e.name(v))
		}
	}
	made := map[*ir.Value]bool{}
	for _, n := range g.Nodes {
		if err := e.node(n, out); err != nil {
			return n.Fail(err)
		}
		for _, v := range n.Outputs {
			made[v] = true
		}
	}
	for _, v := range g.Outputs {
		name, err := e.name(v), error(nil)
		if !made[v] {
			name, err = e.passed(v, out)
		}
		if err != nil {
			return err
		}
		made[v] = false // a second output of a region needs a name of its own
		out.Outputs = append(out.Outputs, &onnx.ValueInfo{Name: name, Type: typeOf(v.Fact)})
	}
	return nil
}

// passed is the name of an output that no node of the graph makes. ONNX Runtime
// refuses a region that gives what a graph around it has made.
func (e *exporter) passed(v *ir.Value, out *onnx.Graph) (string, error) {
	from, err := e.read(v, false)
	if err != nil || out == e.out {
		return e.name(v), err
	}
	to := e.fresh(e.name(v))
	out.Nodes = append(out.Nodes, &onnx.Node{Name: e.nodeName(to), OpType: "Identity", Inputs: []string{from}, Outputs: []string{to}})
	return to, nil
}

// typeOf converts a fact to a type of the file.
func typeOf(f ir.Fact) *onnx.Type {
	switch f.DType {
	case tensor.Sequence, tensor.Optional:
		t := &onnx.Type{Kind: onnx.KindSequence}
		if f.DType == tensor.Optional {
			t.Kind = onnx.KindOptional
		}
		if f.Elem != nil {
			t.Elem = typeOf(*f.Elem)
		}
		return t
	}
	t := &onnx.Type{Kind: onnx.KindTensor, ElemType: int32(f.DType), HasShape: f.Shape.Ranked}
	for _, d := range f.Shape.Dims {
		t.Dims = append(t.Dims, onnx.Dim{Value: int64(max(d.N, 0)), HasValue: d.Known(), Param: d.Symbol})
	}
	return t
}

// node writes a node, between codes if the placement says so.
func (e *exporter) node(n *ir.Node, out *onnx.Graph) error {
	if n.Domain == ops.Internal {
		return e.internal(n, out)
	}
	attrs, err := e.attrs(n.Attrs)
	if err != nil {
		return err
	}
	node := &onnx.Node{Name: e.nodeName(n.Name), OpType: n.Op, Domain: n.Domain, Attributes: attrs}
	if e.p.integer[n] && slices.Contains(e.p.layers, n) {
		node.Inputs, err = e.layerInputs(n)
	} else {
		node.Inputs, err = e.inputs(n)
	}
	if err != nil {
		return err
	}
	if !e.p.integer[n] && out == e.out && layer(n) {
		e.rows = append(e.rows, Layer{Node: n.Name, Op: n.Op, Weights: n.Inputs[1].Const().Len()})
	}
	out.Nodes = append(out.Nodes, node)
	for i, v := range n.Outputs {
		name := e.name(v)
		switch {
		case v.Name == "" && i > 0 && len(e.p.readers[v]) == 0 && !e.isOutput(v):
			name = "" // left out
		case e.p.coded[v]:
			if e.isOutput(v) { // the decoded value gets the output's name
				name = e.fresh(name + "_float")
			}
			e.quantize(v, name)
		}
		node.Outputs = append(node.Outputs, name)
	}
	return nil
}

// inputs are the names of a node's inputs, "" for those left out.
func (e *exporter) inputs(n *ir.Node) ([]string, error) {
	names := make([]string, len(n.Inputs))
	for i, v := range n.Inputs {
		var err error
		if v == nil {
			continue
		}
		if names[i], err = e.read(v, e.p.integer[n]); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// layerInputs writes the weights and the bias of a layer in integers, and names its
// inputs. A convolution without a bias gets one; a MatMul takes none.
func (e *exporter) layerInputs(n *ir.Node) ([]string, error) {
	c := e.q.code(e.p, n)
	if e.q.ctx.Err() != nil {
		return nil, context.Cause(e.q.ctx)
	}
	x, err := e.read(n.Inputs[0], true)
	if err != nil {
		return nil, err
	}
	names := []string{x, e.weights(n, &c)}
	if n.Op != "MatMul" {
		names = append(names, e.bias(n, &c))
	}
	return names, nil
}

// isOutput reports whether a value is one of the network's outputs.
func (e *exporter) isOutput(v *ir.Value) bool { return slices.Contains(e.q.graph.Outputs, v) }

// decoded is the name of a value after dequantisation.
func (e *exporter) decoded(v *ir.Value) string {
	if v.Node != nil && e.isOutput(v) {
		return e.name(v)
	}
	if e.after[v] == "" {
		e.after[v] = e.fresh(e.name(v) + "_coded")
	}
	return e.after[v]
}

// read is the name under which a node reads a value.
func (e *exporter) read(v *ir.Value, integer bool) (string, error) {
	if v.Const() != nil && v.Node == nil { // else a node makes it, although it is known
		return e.name(v), e.constant(v)
	}
	if e.p.coded[v] && (integer || v.Node != nil && e.p.integer[v.Node]) {
		return e.decoded(v), nil
	}
	return e.name(v), nil
}

// quantize writes the QuantizeLinear of a value, which the node before it calls from,
// and the DequantizeLinear.
func (e *exporter) quantize(v *ir.Value, from string) {
	to := e.decoded(v)
	s := e.q.ranges[e.p.of(v)]
	stem := e.name(v)
	scale := e.initial(&onnx.Tensor{Name: e.fresh(stem + "_scale"), DataType: int32(tensor.Float32), Raw: rawOf([]float32{s.scale()}), HasRaw: true})
	zero := e.initial(&onnx.Tensor{Name: e.fresh(stem + "_zero"), DataType: int32(tensor.Uint8), Raw: []byte{s.zero()}, HasRaw: true})
	code := e.fresh(stem + "_code")
	e.out.Nodes = append(e.out.Nodes,
		&onnx.Node{Name: e.nodeName(stem + "_quantize"), OpType: "QuantizeLinear", Inputs: []string{from, scale, zero}, Outputs: []string{code}},
		&onnx.Node{Name: e.nodeName(stem + "_dequantize"), OpType: "DequantizeLinear", Inputs: []string{code, scale, zero}, Outputs: []string{to}})
}

// initial adds a constant and returns its name.
func (e *exporter) initial(t *onnx.Tensor) string {
	e.out.Initializers = append(e.out.Initializers, t)
	e.bytes += len(t.Raw)
	return t.Name
}

// constant adds a constant of the network.
func (e *exporter) constant(v *ir.Value) error {
	if e.held[v] {
		return nil
	}
	e.held[v] = true
	t, err := tensorOf(v.Const())
	if err != nil {
		return err
	}
	t.Name = e.name(v)
	e.initial(t)
	return nil
}

// tensorOf converts a tensor to the file's form.
func tensorOf(t *tensor.Tensor) (*onnx.Tensor, error) {
	out := &onnx.Tensor{DataType: int32(t.DType())}
	for _, d := range t.Shape() {
		out.Dims = append(out.Dims, int64(d))
	}
	switch d := t.DType(); {
	case d == tensor.String:
		for _, s := range t.Strings() {
			out.Strings = append(out.Strings, []byte(s))
		}
	case !d.IsElement() || d.BitsInFile() < 8:
		return nil, fmt.Errorf("a constant of %s cannot be written", d)
	default:
		out.Raw, out.HasRaw = littleEndian(t.Bytes(), d.Size()), true
	}
	return out, nil
}

// littleEndian converts data to the byte order of files.
func littleEndian(data []byte, size int) []byte {
	if size == 1 || binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return data
	}
	out := slices.Clone(data)
	for i := 0; i+size <= len(out); i += size {
		slices.Reverse(out[i : i+size])
	}
	return out
}

// rawOf returns numbers as the bytes of a file.
func rawOf[T float32 | int32](v []T) []byte {
	return littleEndian(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v)), 4)
}

func (e *exporter) attrs(list []*ir.Attr) ([]*onnx.Attribute, error) {
	var out []*onnx.Attribute
	for _, a := range list {
		b := &onnx.Attribute{Name: a.Name, Type: a.Type, Float: a.Float, Int: a.Int, String: a.String, Floats: a.Floats, Ints: a.Ints, Strings: a.Strings}
		var err error
		switch a.Type {
		case onnx.AttrTensor:
			b.Tensor, err = tensorOf(a.Tensor)
		case onnx.AttrGraph:
			b.Graph = &onnx.Graph{Name: "region"}
			err = e.graph(a.Graph, b.Graph)
		case onnx.AttrType:
			b.TypeOf = typeOf(*a.TypeOf)
		case onnx.AttrSparseTensor, onnx.AttrSparseTensors, onnx.AttrTensors, onnx.AttrGraphs, onnx.AttrTypes:
			err = fmt.Errorf("attribute %s of %s cannot be written", onnx.Quote(a.Name), a.Type)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// internal writes what the passes have made of a node: a batch normalisation that was not
// fused as a product and a sum, the bounds that ONNX Runtime fused as a Clip.
func (e *exporter) internal(n *ir.Node, out *onnx.Graph) error {
	switch op := n.Operator.(type) {
	case *ops.ScaleShift:
		if op.Act.Kind == 0 {
			return e.scaleShift(n, out)
		}
	case *ops.Activate:
		if low, high, ok := op.Bounds(); ok {
			return e.clip(n, low, high, out)
		}
		return fmt.Errorf("node %s: this fused activation has no standard form; quantize the network as it was before it was optimised", onnx.Quote(n.Name))
	}
	return fmt.Errorf("BUG: operator %s of the passes cannot be written", n.Op)
}

// clip writes bounds.
func (e *exporter) clip(n *ir.Node, low, high float32, out *onnx.Graph) error {
	x, err := e.read(n.Inputs[0], false)
	if err != nil {
		return err
	}
	inputs := []string{x}
	for _, bound := range []float32{low, high} {
		t, err := tensorOf(tensor.Scalar(bound))
		if err != nil {
			return err
		}
		t.Name = e.fresh(n.Name + "_bound")
		inputs = append(inputs, e.initial(t))
	}
	out.Nodes = append(out.Nodes, &onnx.Node{Name: e.nodeName(n.Name), OpType: "Clip", Inputs: inputs, Outputs: []string{e.name(n.Outputs[0])}})
	e.quantizeOutput(n)
	return nil
}

func (e *exporter) scaleShift(n *ir.Node, out *onnx.Graph) error {
	rank := n.Inputs[0].Fact.Shape.Rank()
	x, err := e.read(n.Inputs[0], false)
	if err != nil {
		return err
	}
	between := e.fresh(e.name(n.Outputs[0]) + "_scaled")
	for i, step := range []struct{ op, to string }{{"Mul", between}, {"Add", e.name(n.Outputs[0])}} {
		t, err := tensorOf(n.Inputs[1+i].Const())
		if err != nil {
			return err
		}
		t.Name = e.fresh(n.Inputs[1+i].Name)
		for range rank - 2 { // [C] to [C 1 …]
			t.Dims = append(t.Dims, 1)
		}
		out.Nodes = append(out.Nodes, &onnx.Node{Name: e.nodeName(n.Name + "_" + step.op), OpType: step.op,
			Inputs: []string{x, e.initial(t)}, Outputs: []string{step.to}})
		x = step.to
	}
	e.quantizeOutput(n)
	return nil
}

// quantizeOutput writes the codes of what a node has made, if they are read.
func (e *exporter) quantizeOutput(n *ir.Node) {
	if y := n.Outputs[0]; e.p.coded[y] {
		e.quantize(y, e.name(y))
	}
}
