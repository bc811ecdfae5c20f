package onnx

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrNotModel is wrapped by errors about bytes that are not an ONNX model.
var ErrNotModel = errors.New("not an ONNX model")

// Read parses a ModelProto. Strings are copied; tensor data are views of data,
// which must not change while the model is in use.
func Read(data []byte) (*Model, error) { return ReadContext(context.Background(), data) }

// ReadContext is Read with a context that ends it between two nodes.
func ReadContext(ctx context.Context, data []byte) (*Model, error) {
	if what := recognise(data); what != "" {
		return nil, fmt.Errorf("%w: %s", ErrNotModel, what)
	}
	m := message{name: "model", buf: data, ctx: ctx}
	out := &Model{}
	err := m.each(func(f field) error {
		switch f.num {
		case 1:
			if err := m.int(f, &out.IRVersion); err != nil {
				return fmt.Errorf("ir_version: %w", err)
			}
			return nil
		case 2:
			return m.str(f, &out.ProducerName)
		case 3:
			return m.str(f, &out.ProducerVersion)
		case 4:
			return m.str(f, &out.Domain)
		case 5:
			return m.int(f, &out.ModelVersion)
		case 6:
			return m.str(f, &out.Doc)
		case 7:
			if out.Graph == nil {
				out.Graph = &Graph{}
			}
			return m.graph(f, out.Graph)
		case 8:
			return m.opset(f, &out.Opsets)
		case 14:
			return m.entry(f, &out.Metadata)
		case 25:
			return m.function(f, &out.Functions)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if out.Graph == nil {
		return nil, fmt.Errorf("the model holds no graph")
	}
	return out, nil
}

func (m *message) opset(f field, dst *[]Opset) error {
	c, err := m.child("opset import", f)
	if err != nil {
		return err
	}
	var o Opset
	err = c.each(func(f field) error {
		switch f.num {
		case 1:
			return c.str(f, &o.Domain)
		case 2:
			return c.int(f, &o.Version)
		}
		return nil
	})
	*dst = append(*dst, o)
	return err
}

func (m *message) entry(f field, dst *[]Entry) error {
	c, err := m.child("entry", f)
	if err != nil {
		return err
	}
	var e Entry
	err = c.each(func(f field) error {
		switch f.num {
		case 1:
			return c.str(f, &e.Key)
		case 2:
			return c.str(f, &e.Value)
		}
		return nil
	})
	*dst = append(*dst, e)
	return err
}

// graph reads into g; a second graph field merges, as protobuf says.
func (m *message) graph(f field, g *Graph) error {
	c, err := m.child("graph", f)
	if err != nil {
		return err
	}
	return c.each(func(f field) error {
		switch f.num {
		case 1:
			if c.ctx != nil && c.ctx.Err() != nil {
				return context.Cause(c.ctx)
			}
			return c.node(f, &g.Nodes)
		case 2:
			return c.str(f, &g.Name)
		case 5:
			t, err := c.tensor(f)
			g.Initializers = append(g.Initializers, t)
			return err
		case 10:
			return c.str(f, &g.Doc)
		case 11:
			return c.valueInfo(f, &g.Inputs)
		case 12:
			return c.valueInfo(f, &g.Outputs)
		case 13:
			return c.valueInfo(f, &g.ValueInfo)
		case 15:
			t, err := c.sparse(f)
			g.SparseInitializers = append(g.SparseInitializers, t)
			return err
		}
		return nil
	})
}

func (m *message) node(f field, dst *[]*Node) error {
	c, err := m.child("node", f)
	if err != nil {
		return err
	}
	n := &Node{}
	*dst = append(*dst, n)
	err = c.each(func(f field) error {
		switch f.num {
		case 1:
			return c.strs(f, &n.Inputs)
		case 2:
			return c.strs(f, &n.Outputs)
		case 3:
			return c.str(f, &n.Name)
		case 4:
			return c.str(f, &n.OpType)
		case 5:
			return c.attribute(f, &n.Attributes)
		case 7:
			return c.str(f, &n.Domain)
		case 8:
			return c.str(f, &n.Overload)
		}
		return nil
	})
	if err != nil && n.Name != "" {
		return fmt.Errorf("node %s: %w", Quote(n.Name), err)
	}
	return err
}

func (m *message) function(f field, dst *[]*Function) error {
	c, err := m.child("function", f)
	if err != nil {
		return err
	}
	fn := &Function{}
	*dst = append(*dst, fn)
	return c.each(func(f field) error {
		switch f.num {
		case 1:
			return c.str(f, &fn.Name)
		case 4:
			return c.strs(f, &fn.Inputs)
		case 5:
			return c.strs(f, &fn.Outputs)
		case 6:
			return c.strs(f, &fn.AttributeNames)
		case 7:
			return c.node(f, &fn.Nodes)
		case 9:
			return c.opset(f, &fn.Opsets)
		case 10:
			return c.str(f, &fn.Domain)
		case 11:
			return c.attribute(f, &fn.Attributes)
		case 13:
			return c.str(f, &fn.Overload)
		}
		return nil
	})
}

func (m *message) valueInfo(f field, dst *[]*ValueInfo) error {
	c, err := m.child("value info", f)
	if err != nil {
		return err
	}
	v := &ValueInfo{}
	*dst = append(*dst, v)
	return c.each(func(f field) error {
		switch f.num {
		case 1:
			return c.str(f, &v.Name)
		case 2:
			t, err := c.typ(f)
			v.Type = t
			return err
		}
		return nil
	})
}

// typ reads a TypeProto.
func (m *message) typ(f field) (*Type, error) {
	c, err := m.child("type", f)
	if err != nil {
		return nil, err
	}
	t := &Type{}
	err = c.each(func(f field) error {
		kinds := map[int]TypeKind{1: KindTensor, 4: KindSequence, 5: KindMap, 8: KindSparse, 9: KindOptional}
		kind, ok := kinds[int(f.num)]
		if !ok {
			return nil
		}
		t.Kind = kind
		inner, err := c.child("type", f)
		if err != nil {
			return err
		}
		return inner.each(func(f field) error {
			switch {
			case f.num == 1 && (kind == KindSequence || kind == KindOptional), f.num == 2 && kind == KindMap:
				t.Elem, err = inner.typ(f)
				return err
			case f.num == 1:
				return inner.int32(f, &t.ElemType)
			case f.num == 2:
				t.HasShape = true
				return inner.shape(f, &t.Dims)
			}
			return nil
		})
	})
	return t, err
}

func (m *message) shape(f field, dst *[]Dim) error {
	c, err := m.child("shape", f)
	if err != nil {
		return err
	}
	return c.each(func(f field) error {
		if f.num != 1 {
			return nil
		}
		d, err := c.child("dimension", f)
		if err != nil {
			return err
		}
		var dim Dim
		err = d.each(func(f field) error {
			switch f.num {
			case 1:
				dim.HasValue = true
				return d.int(f, &dim.Value)
			case 2:
				return d.str(f, &dim.Param)
			}
			return nil
		})
		*dst = append(*dst, dim)
		return err
	})
}

func (m *message) attribute(f field, dst *[]*Attribute) error {
	c, err := m.child("attribute", f)
	if err != nil {
		return err
	}
	a := &Attribute{}
	*dst = append(*dst, a)
	err = c.each(func(f field) error { return c.attributeField(f, a) })
	if err != nil {
		return fmt.Errorf("attribute %s: %w", Quote(a.Name), err)
	}
	return nil
}

func (m *message) attributeField(f field, a *Attribute) (err error) {
	switch f.num {
	case 1:
		return m.str(f, &a.Name)
	case 2:
		var v []float32
		if err := m.floats(f, &v); err != nil {
			return err
		}
		if len(v) == 1 {
			a.Float = v[0]
		}
		return a.set(AttrFloat)
	case 3:
		err = m.int(f, &a.Int)
		return cmp.Or(err, a.set(AttrInt))
	case 4:
		if f.typ != protowire.BytesType {
			return m.wrong(f, "a string")
		}
		a.String = string(f.bytes)
		return a.set(AttrString)
	case 5:
		a.Tensor, err = m.tensor(f)
		return cmp.Or(err, a.set(AttrTensor))
	case 6:
		if a.Graph == nil {
			a.Graph = &Graph{}
		}
		err = m.graph(f, a.Graph)
		return cmp.Or(err, a.set(AttrGraph))
	case 7:
		err = m.floats(f, &a.Floats)
		return cmp.Or(err, a.set(AttrFloats))
	case 8:
		err = varints(m, f, &a.Ints)
		return cmp.Or(err, a.set(AttrInts))
	case 9:
		if f.typ != protowire.BytesType {
			return m.wrong(f, "a string")
		}
		a.Strings = append(a.Strings, string(f.bytes))
		return a.set(AttrStrings)
	case 10:
		t, err := m.tensor(f)
		a.Tensors = append(a.Tensors, t)
		return cmp.Or(err, a.set(AttrTensors))
	case 11:
		g := &Graph{}
		a.Graphs = append(a.Graphs, g)
		err = m.graph(f, g)
		return cmp.Or(err, a.set(AttrGraphs))
	case 14:
		a.TypeOf, err = m.typ(f)
		return cmp.Or(err, a.set(AttrType))
	case 20:
		var t int32
		if err := m.int32(f, &t); err != nil {
			return err
		}
		return a.set(AttributeType(t))
	case 21:
		return m.str(f, &a.Ref)
	case 22:
		a.Sparse, err = m.sparse(f)
		return cmp.Or(err, a.set(AttrSparseTensor))
	}
	return nil
}

// set records the kind of an attribute's value. Files before IR version 2 have no
// type tag; in later ones it must agree with the value.
func (a *Attribute) set(t AttributeType) error {
	if t == AttrUndefined || t == a.Type {
		return nil
	}
	if a.Type != AttrUndefined {
		return fmt.Errorf("its value is both %s and %s", a.Type, t)
	}
	a.Type = t
	return nil
}

func (m *message) sparse(f field) (*SparseTensor, error) {
	c, err := m.child("sparse tensor", f)
	if err != nil {
		return nil, err
	}
	s := &SparseTensor{}
	err = c.each(func(f field) (err error) {
		switch f.num {
		case 1:
			s.Values, err = c.tensor(f)
		case 2:
			s.Indices, err = c.tensor(f)
		case 3:
			err = varints(&c, f, &s.Dims)
		}
		return err
	})
	return s, err
}

func (m *message) tensor(f field) (*Tensor, error) {
	c, err := m.child("tensor", f)
	if err != nil {
		return nil, err
	}
	t := &Tensor{}
	err = c.tensorFields(t)
	if err != nil && t.Name != "" {
		err = fmt.Errorf("tensor %s: %w", Quote(t.Name), err)
	}
	return t, err
}

func (m *message) tensorFields(t *Tensor) error {
	return m.each(func(f field) error {
		switch f.num {
		case 1:
			return varints(m, f, &t.Dims)
		case 2:
			return m.int32(f, &t.DataType)
		case 3:
			t.Segment = true
		case 4:
			return m.floatData(f, &t.Floats)
		case 5:
			return varints(m, f, &t.Int32s)
		case 6:
			if f.typ != protowire.BytesType {
				return m.wrong(f, "a string")
			}
			t.Strings = append(t.Strings, f.bytes)
		case 7:
			return varints(m, f, &t.Int64s)
		case 8:
			return m.str(f, &t.Name)
		case 9:
			if f.typ != protowire.BytesType {
				return m.wrong(f, "bytes")
			}
			t.Raw, t.HasRaw = f.bytes, true
		case 10:
			return m.doubles(f, &t.Doubles)
		case 11:
			return varints(m, f, &t.Uint64s)
		case 13:
			return m.entry(f, &t.External)
		case 14:
			return m.int32(f, &t.Location)
		}
		return nil
	})
}
