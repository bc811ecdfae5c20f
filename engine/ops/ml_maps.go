package ops

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// mlMaps lists operators on dictionaries, values of type map. Their keys are one tensor, their values
// another or a sequence of scalars.
var mlMaps = []Def{
	{Domain: mlDomain, Name: "CastMap", Since: 1, In: Exactly(1), Out: Exactly(1), New: newCastMap},
	{Domain: mlDomain, Name: "DictVectorizer", Since: 1, In: Exactly(1), Out: Exactly(1), New: newDictVectorizer},
	{Domain: mlDomain, Name: "ZipMap", Since: 1, Types: tensor.Types(tensor.Float32), In: Exactly(1), Out: Exactly(1), New: newZipMap},
}

// pairs returns the keys of a map and a function for its values: value i is an
// element of a tensor.
func pairs(t *tensor.Tensor) (keys *tensor.Tensor, value func(i int) (*tensor.Tensor, int), err error) {
	if t.DType() != tensor.Map || t.Len() != 2 {
		return nil, nil, fmt.Errorf("input 0 is %s, it must be a map", t)
	}
	keys, values := t.Elems()[0], t.Elems()[1]
	if keys == nil || values == nil || keys.Len() != values.Len() {
		return nil, nil, errors.New("the map must have as many values as keys")
	}
	if values.DType() != tensor.Sequence {
		return keys, func(i int) (*tensor.Tensor, int) { return values, i }, nil
	}
	for i, e := range values.Elems() {
		if e == nil || !e.DType().IsElement() || e.Len() != 1 || e.DType() != values.Elems()[0].DType() {
			return nil, nil, fmt.Errorf("value %d of the map is %s, values must be scalars of the same type", i, e)
		}
	}
	return keys, func(i int) (*tensor.Tensor, int) { return values.Elems()[i], 0 }, nil
}

func wantMap(in []ir.Fact) error {
	if in[0].DType != tensor.Map {
		return fmt.Errorf("input 0 is %s, it must be a map", in[0].DType)
	}
	return nil
}

// castMap converts a map to a row: the values in ascending order of their keys
// (dense), or each at the index that is its key, with zeros between (sparse).
// ONNX CastMap-1.
type castMap struct {
	to   tensor.DType
	size int // max_map, the length of the sparse form; 0: dense
}

func newCastMap(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := castMap{to: map[string]tensor.DType{"TO_FLOAT": tensor.Float32, "TO_STRING": tensor.String, "TO_INT64": tensor.Int64}[a.OneOf("cast_to", "TO_FLOAT", "TO_STRING", "TO_INT64")]}
	if a.OneOf("map_form", "DENSE", "SPARSE") == "SPARSE" {
		if op.size = a.Int("max_map", 1); op.size < 1 || op.size > maxSpan {
			a.Fail("attribute %q is %d, it must be between 1 and %d", "max_map", op.size, maxSpan)
		}
	}
	return op, a.Err()
}

// Infer: a map of int64 to strings or floats → [1 n].
func (op castMap) Infer(in []ir.Fact) ([]ir.Fact, error) {
	n := ir.Unknown
	if op.size > 0 {
		n.N = op.size
	}
	return []ir.Fact{ir.Tensor(op.to, ir.ShapeOf(ir.Dim{N: 1}, n))}, wantMap(in)
}

func (op castMap) Eval(c *Call) error {
	keys, value, err := pairs(c.In[0])
	if err != nil {
		return err
	}
	if keys.DType() != tensor.Int64 {
		return fmt.Errorf("the keys are %s, they must be int64", keys.DType())
	}
	n := op.size
	if n == 0 {
		n = keys.Len()
	}
	y, err := c.zeroed(op.to, 1, n)
	if err != nil {
		return err
	}
	order, err := sortedKeys(c, keys)
	if err != nil {
		return err
	}
	for i, k := range order {
		at := i
		if op.size > 0 {
			key := tensor.Data[int64](keys)[k]
			if key < 0 {
				return fmt.Errorf("key %d is negative", key)
			}
			if key >= int64(n) {
				continue
			}
			at = int(key)
		}
		src, from := value(k)
		inner := *c
		one, err := inner.New(src.DType(), 1)
		if err != nil {
			return err
		}
		cp := newCopier(one, src)
		cp.copy(0, from, 1)
		inner.In, inner.Out = []*tensor.Tensor{one}, make([]*tensor.Tensor, 1)
		if one.DType() != op.to {
			if err := (cast{to: op.to}).Eval(&inner); err != nil {
				return err
			}
			one = inner.Out[0]
		}
		cp = newCopier(y, one)
		cp.copy(at, 0, 1)
		if err := c.Run.Check(); err != nil {
			return err
		}
	}
	return nil
}

// dictVectorizer converts a map to a row in the order of a vocabulary, with 0 or
// "" for missing words. ONNX DictVectorizer-1.
type dictVectorizer struct{ words *tensor.Tensor }

func newDictVectorizer(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := dictVectorizer{}
	switch strings, numbers := a.Has("string_vocabulary"), a.Has("int64_vocabulary"); {
	case strings == numbers:
		a.Fail("attributes %q and %q: exactly one must be given", "string_vocabulary", "int64_vocabulary")
	case strings:
		op.words = tensor.OfStrings(a.Strs("string_vocabulary"))
	default:
		op.words = intList(a.Ints("int64_vocabulary"))
	}
	return op, a.Err()
}

// Infer: a map → [1 words], with the type of its values.
func (op dictVectorizer) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantMap(in); err != nil {
		return nil, err
	}
	elem := elemOf(in[0])
	if !elem.DType.IsElement() {
		return nil, errors.New("the type of the map's values is not known")
	}
	return []ir.Fact{ir.Tensor(elem.DType, ir.Dims(1, op.words.Len()))}, nil
}

func (op dictVectorizer) Eval(c *Call) error {
	keys, value, err := pairs(c.In[0])
	if err != nil {
		return err
	}
	if keys.DType() != op.words.DType() {
		return fmt.Errorf("the keys are %s, the vocabulary is %s; they must have the same type", keys.DType(), op.words.DType())
	}
	d := cmp.Or(c.Node.Outputs[0].Fact.DType, tensor.Float32) // of an empty map
	if keys.Len() > 0 {
		src, _ := value(0)
		d = src.DType()
	}
	y, err := c.zeroed(d, 1, op.words.Len())
	if err != nil {
		return err
	}
	places := map[any]int{}
	key := keysOf(keys)
	for i := range keys.Len() {
		places[key(i)] = i
	}
	word := keysOf(op.words)
	for i := range op.words.Len() {
		if at, ok := places[word(i)]; ok {
			src, from := value(at)
			cp := newCopier(y, src)
			cp.copy(i, from, 1)
		}
	}
	return c.Run.Check()
}

// zipMap converts each row of scores to a map with class labels as keys. ONNX
// ZipMap-1.
type zipMap struct{ names *tensor.Tensor }

func newZipMap(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := zipMap{classLabels(a, "classlabels_int64s")}
	if op.names == nil {
		a.Fail("attributes %q and %q: exactly one must be given", "classlabels_strings", "classlabels_int64s")
	}
	return op, a.Err()
}

// classLabels returns the names of classes: strings, or integers from attribute
// ints; nil if there are none.
func classLabels(a *ir.Attrs, ints string) *tensor.Tensor {
	words, numbers := a.Strs("classlabels_strings"), a.Ints(ints)
	switch {
	case len(words) > 0:
		return tensor.OfStrings(words)
	case len(numbers) > 0:
		return intList(numbers)
	}
	return nil
}

// Infer: [N names] or [names] → a sequence of N maps to float32.
func (op zipMap) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantRank(in, 0, 1, 2); err != nil {
		return nil, err
	}
	if d := lastDim(in[0].Shape); d.Known() && d.N != op.names.Len() {
		return nil, fmt.Errorf("needs rows of %d elements, one for each label; the input has shape %s", op.names.Len(), in[0].Shape)
	}
	value := ir.Tensor(tensor.Float32, ir.Dims())
	return []ir.Fact{{DType: tensor.Sequence, Elem: &ir.Fact{DType: tensor.Map, Elem: &value}}}, nil
}

func (op zipMap) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	n := op.names.Len()
	rows := make([]*tensor.Tensor, c.In[0].Len()/max(n, 1))
	for r := range rows {
		values, err := c.New(tensor.Float32, n)
		if err != nil {
			return err
		}
		copy(tensor.Data[float32](values), tensor.Data[float32](c.In[0])[r*n:])
		rows[r] = tensor.NewContainer(tensor.Map, op.names, values)
		if err := c.Run.Check(); err != nil {
			return err
		}
	}
	c.Out[0] = tensor.NewContainer(tensor.Sequence, rows...)
	return nil
}

// sortedKeys returns the indices of integer keys in ascending order of the keys.
func sortedKeys(c *Call, keys *tensor.Tensor) ([]int, error) {
	if err := c.Run.reserveList(keys.Len(), 8); err != nil {
		return nil, err
	}
	order := make([]int, keys.Len())
	for i := range order {
		order[i] = i
	}
	k := tensor.Data[int64](keys)
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(k[a], k[b]) })
	return order, nil
}
