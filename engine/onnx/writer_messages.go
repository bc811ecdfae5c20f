package onnx

import "google.golang.org/protobuf/encoding/protowire"

// The messages, each the counterpart of its reader.

func (o *output) model(m *Model) {
	o.int(1, m.IRVersion)
	o.str(2, m.ProducerName)
	o.str(3, m.ProducerVersion)
	o.str(4, m.Domain)
	if m.ModelVersion != 0 {
		o.int(5, m.ModelVersion)
	}
	o.str(6, m.Doc)
	if m.Graph != nil {
		o.message(7, func(o *output) { o.graph(m.Graph) })
	}
	o.opsets(8, m.Opsets)
	o.entries(14, m.Metadata)
	for _, f := range m.Functions {
		o.message(25, func(o *output) { o.function(f) })
	}
}

func (o *output) opsets(n protowire.Number, list []Opset) {
	for _, s := range list {
		o.message(n, func(o *output) {
			o.str(1, s.Domain)
			o.int(2, s.Version)
		})
	}
}

func (o *output) entries(n protowire.Number, list []Entry) {
	for _, e := range list {
		o.message(n, func(o *output) {
			o.str(1, e.Key)
			o.str(2, e.Value)
		})
	}
}

func (o *output) graph(g *Graph) {
	o.nodes(1, g.Nodes)
	o.str(2, g.Name)
	for _, t := range g.Initializers {
		o.message(5, func(o *output) { o.tensor(t) })
	}
	o.str(10, g.Doc)
	o.values(11, g.Inputs)
	o.values(12, g.Outputs)
	o.values(13, g.ValueInfo)
	for _, s := range g.SparseInitializers {
		o.message(15, func(o *output) { o.sparse(s) })
	}
}

func (o *output) nodes(n protowire.Number, list []*Node) {
	for _, node := range list {
		o.message(n, func(o *output) {
			o.strs(1, node.Inputs)
			o.strs(2, node.Outputs)
			o.str(3, node.Name)
			o.str(4, node.OpType)
			o.attributes(5, node.Attributes)
			o.str(7, node.Domain)
			o.str(8, node.Overload)
		})
	}
}

func (o *output) function(f *Function) {
	o.str(1, f.Name)
	o.strs(4, f.Inputs)
	o.strs(5, f.Outputs)
	o.strs(6, f.AttributeNames)
	o.nodes(7, f.Nodes)
	o.opsets(9, f.Opsets)
	o.str(10, f.Domain)
	o.attributes(11, f.Attributes)
	o.str(13, f.Overload)
}

func (o *output) values(n protowire.Number, list []*ValueInfo) {
	for _, v := range list {
		o.message(n, func(o *output) {
			o.str(1, v.Name)
			if v.Type != nil {
				o.message(2, func(o *output) { o.typ(v.Type) })
			}
		})
	}
}

func (o *output) typ(t *Type) {
	numbers := map[TypeKind]protowire.Number{KindTensor: 1, KindSequence: 4, KindMap: 5, KindSparse: 8, KindOptional: 9}
	n, ok := numbers[t.Kind]
	if !ok {
		return
	}
	o.message(n, func(o *output) {
		elem := protowire.Number(1)
		if t.Kind != KindSequence && t.Kind != KindOptional {
			elem = 2
			if t.ElemType != 0 {
				o.int(1, int64(t.ElemType))
			}
		}
		if t.Elem != nil {
			o.message(elem, func(o *output) { o.typ(t.Elem) })
		}
		if t.HasShape {
			o.message(2, func(o *output) { o.shape(t.Dims) })
		}
	})
}

func (o *output) shape(dims []Dim) {
	for _, d := range dims {
		o.message(1, func(o *output) {
			if d.HasValue {
				o.int(1, d.Value)
			}
			o.str(2, d.Param)
		})
	}
}

func (o *output) attributes(n protowire.Number, list []*Attribute) {
	for _, a := range list {
		o.message(n, func(o *output) { o.attribute(a) })
	}
}

func (o *output) attribute(a *Attribute) {
	o.str(1, a.Name)
	if a.Ref == "" {
		o.attributeValue(a)
	}
	if a.Type != AttrUndefined {
		o.int(20, int64(a.Type))
	}
	o.str(21, a.Ref)
}

func (o *output) attributeValue(a *Attribute) {
	switch a.Type {
	case AttrFloat:
		o.floats(2, []float32{a.Float})
	case AttrInt:
		o.int(3, a.Int)
	case AttrString:
		o.bytes(4, []byte(a.String))
	case AttrTensor:
		if a.Tensor != nil {
			o.message(5, func(o *output) { o.tensor(a.Tensor) })
		}
	case AttrGraph:
		if a.Graph != nil {
			o.message(6, func(o *output) { o.graph(a.Graph) })
		}
	case AttrFloats:
		o.floats(7, a.Floats)
	case AttrInts:
		o.ints(8, a.Ints)
	case AttrStrings:
		o.strs(9, a.Strings)
	case AttrTensors:
		for _, t := range a.Tensors {
			o.message(10, func(o *output) { o.tensor(t) })
		}
	case AttrGraphs:
		for _, g := range a.Graphs {
			o.message(11, func(o *output) { o.graph(g) })
		}
	case AttrType:
		if a.TypeOf != nil {
			o.message(14, func(o *output) { o.typ(a.TypeOf) })
		}
	case AttrSparseTensor:
		if a.Sparse != nil {
			o.message(22, func(o *output) { o.sparse(a.Sparse) })
		}
	}
}

func (o *output) sparse(s *SparseTensor) {
	if s.Values != nil {
		o.message(1, func(o *output) { o.tensor(s.Values) })
	}
	if s.Indices != nil {
		o.message(2, func(o *output) { o.tensor(s.Indices) })
	}
	o.ints(3, s.Dims)
}

func (o *output) tensor(t *Tensor) {
	o.ints(1, t.Dims)
	o.int(2, int64(t.DataType))
	o.packedFloats(4, t.Floats)
	packedInts(o, 5, t.Int32s)
	for _, s := range t.Strings {
		o.bytes(6, s)
	}
	packedInts(o, 7, t.Int64s)
	o.str(8, t.Name)
	if t.HasRaw {
		o.bytes(9, t.Raw)
	}
	o.packedDoubles(10, t.Doubles)
	packedInts(o, 11, t.Uint64s)
	o.entries(13, t.External)
	if t.Location != 0 {
		o.int(14, int64(t.Location))
	}
}
