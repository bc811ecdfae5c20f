package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// labelMap maps keys to values; other is the value for unknown keys.
type labelMap struct{ keys, values, other *tensor.Tensor }

// labels maps each element by a table. It has a table for each type of keys. ONNX
// LabelEncoder-4, -2.
type labels struct{ maps []labelMap }

// newLabelEncoder reads keys_*, values_* and default_*, as lists or tensors.
func newLabelEncoder(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	m := labelMap{keys: listAttr(a, "keys"), values: listAttr(a, "values")}
	if m.keys == nil || m.values == nil || m.keys.Len() != m.values.Len() {
		a.Fail("attributes \"keys_…\" and \"values_…\" must be lists of the same length")
		return nil, a.Err()
	}
	switch {
	case a.Has("default_tensor"):
		m.other = a.Tensor("default_tensor")
	case m.values.DType() == tensor.String:
		m.other = tensor.OfStrings([]string{a.Str("default_string", "_Unused")})
	case m.values.DType() == tensor.Int64:
		m.other = tensor.Of([]int64{int64(a.Int("default_int64", -1))})
	case m.values.DType() == tensor.Float32:
		m.other = tensor.Of([]float32{a.Float("default_float", float32(math.Copysign(0, -1)))})
	case arithmeticOf(m.values.DType()) == inSigned:
		m.other = tensor.New(m.values.DType(), 1)
		tensor.Store(m.other, 0, 1, []int64{-1})
	default:
		m.other = tensor.New(m.values.DType(), 1)
	}
	if m.other == nil || m.other.DType() != m.values.DType() || m.other.Len() != 1 {
		a.Fail("attribute \"default_tensor\" must have one element of the values' type")
	}
	return labels{[]labelMap{m}}, a.Err()
}

// listAttr returns the list attribute prefix_tensor, _strings, _int64s or
// _floats.
func listAttr(a *ir.Attrs, prefix string) *tensor.Tensor {
	switch {
	case a.Has(prefix + "_tensor"):
		return a.Tensor(prefix + "_tensor")
	case a.Has(prefix + "_strings"):
		return tensor.OfStrings(a.Strs(prefix + "_strings"))
	case a.Has(prefix + "_int64s"):
		return intList(a.Ints(prefix + "_int64s"))
	case a.Has(prefix + "_floats"):
		return tensor.Of(a.Floats(prefix + "_floats"))
	}
	return nil
}

func intList(v []int) *tensor.Tensor {
	out := make([]int64, len(v))
	for i := range v {
		out[i] = int64(v[i])
	}
	return tensor.Of(out)
}

// bothWays maps strings to integers and integers to strings.
func bothWays(a *ir.Attrs, strings []string, numbers *tensor.Tensor) (Op, error) {
	words := tensor.OfStrings(strings)
	if words.Len() != numbers.Len() {
		a.Fail("has %d strings and %d integers, they must be as many", words.Len(), numbers.Len())
	}
	return labels{[]labelMap{
		{words, numbers, tensor.Of([]int64{int64(a.Int("default_int64", -1))})},
		{numbers, words, tensor.OfStrings([]string{a.Str("default_string", "_Unused")})},
	}}, a.Err()
}

// newLabelEncoder1 maps each class to its index, and back. ONNX LabelEncoder-1.
func newLabelEncoder1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	classes := a.Strs("classes_strings")
	places := make([]int, len(classes))
	for i := range places {
		places[i] = i
	}
	return bothWays(a, classes, intList(places))
}

// newCategoryMapper maps strings to integers and back. ONNX CategoryMapper-1.
func newCategoryMapper(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return bothWays(a, a.Strs("cats_strings"), intList(a.Ints("cats_int64s")))
}

// find returns the map for keys of dtype d.
func (op labels) find(d tensor.DType) (labelMap, error) {
	for _, m := range op.maps {
		if m.keys.DType() == d {
			return m, nil
		}
	}
	return labelMap{}, fmt.Errorf("input is %s, the keys are %s; they must have the same type", d, op.maps[0].keys.DType())
}

// Infer: X → the values' dtype, same shape.
func (op labels) Infer(in []ir.Fact) ([]ir.Fact, error) {
	m, err := op.find(in[0].DType)
	if err != nil {
		return nil, err
	}
	return []ir.Fact{ir.Tensor(m.values.DType(), in[0].Shape)}, nil
}

// Eval looks up each element. The last of equal keys counts, and all NaN are
// equal.
func (op labels) Eval(c *Call) error {
	m, err := op.find(c.In[0].DType())
	if err != nil {
		return err
	}
	y, err := c.zeroed(m.values.DType(), c.In[0].Shape()...)
	if err != nil {
		return err
	}
	keys, elements := keysOf(m.keys), keysOf(c.In[0])
	places := map[any]int{}
	for i := range m.keys.Len() {
		places[keys(i)] = i
	}
	for i := range c.In[0].Len() {
		if i%rowLength == 0 {
			if err := c.Run.Check(); err != nil {
				return err
			}
		}
		src, at := m.other, 0
		if place, ok := places[elements(i)]; ok {
			src, at = m.values, place
		}
		w := newWalk(nil, nil, nil)
		w.start[0], w.start[1] = i, at
		if err := w.move(c.Run, y, src); err != nil {
			return err
		}
	}
	return nil
}

// keysOf returns a function for the elements of a tensor as keys of a Go map.
func keysOf(t *tensor.Tensor) func(i int) any {
	if t.DType() == tensor.String {
		return func(i int) any { return t.Strings()[i] }
	}
	if arithmeticOf(t.DType()) != inFloat {
		return func(i int) any {
			var v [1]int64
			tensor.Load(v[:], t, i, 1)
			return v[0]
		}
	}
	return func(i int) any {
		var v [1]float64
		tensor.Load(v[:], t, i, 1)
		if v[0] != v[0] {
			return "NaN"
		}
		return v[0]
	}
}
