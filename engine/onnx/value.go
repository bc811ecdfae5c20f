package onnx

import "google.golang.org/protobuf/encoding/protowire"

// ReadValue parses what a test case stores for a graph's input or output: a
// TensorProto, SequenceProto or OptionalProto, as the type says.
func ReadValue(data []byte, t *Type) (*Value, error) {
	m := message{name: "value", buf: data}
	kind := KindTensor
	if t != nil {
		kind = t.Kind
	}
	return m.value(kind)
}

func (m *message) value(kind TypeKind) (*Value, error) {
	v := &Value{Kind: kind}
	switch kind {
	case KindSequence, KindOptional:
		return v, m.container(v)
	case KindMap:
		return v, m.mapping(v)
	}
	v.Tensor = &Tensor{}
	return v, m.tensorFields(v.Tensor)
}

// container reads a SequenceProto or an OptionalProto. Both number the kinds of
// their elements alike: tensor 3, sparse 4, sequence 5, map 6, optional 7.
func (m *message) container(v *Value) error {
	kinds := map[int]TypeKind{3: KindTensor, 5: KindSequence, 6: KindMap, 7: KindOptional}
	return m.each(func(f field) error {
		kind, ok := kinds[int(f.num)]
		if !ok {
			return nil
		}
		c, err := m.child("element", f)
		if err != nil {
			return err
		}
		e, err := c.value(kind)
		v.Elems = append(v.Elems, e)
		return err
	})
}

// mapping reads a MapProto: keys as one tensor, values as a sequence.
func (m *message) mapping(v *Value) error {
	keys := &Tensor{}
	values := &Value{Kind: KindSequence}
	err := m.each(func(f field) error {
		switch f.num {
		case 2:
			return m.int32(f, &keys.DataType)
		case 3:
			return varints(m, f, &keys.Int64s)
		case 4:
			if f.typ != protowire.BytesType {
				return m.wrong(f, "a string")
			}
			keys.Strings = append(keys.Strings, f.bytes)
		case 5:
			c, err := m.child("values", f)
			if err != nil {
				return err
			}
			return c.container(values)
		}
		return nil
	})
	keys.Dims = []int64{int64(max(len(keys.Int64s), len(keys.Strings)))}
	v.Elems = []*Value{{Kind: KindTensor, Tensor: keys}, values}
	return err
}
