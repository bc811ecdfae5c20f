package ops

import (
	"errors"
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var scatters = []Def{
	{Name: "ScatterElements", Since: 16, Types: tensor.AllTypes, In: Exactly(3), Out: Exactly(1), New: newScatterElements},
	{Name: "ScatterElements", Since: 11, Until: 15, Types: tensor.AllTypes, In: Exactly(3), Out: Exactly(1), New: newScatterElements11},
	{Name: "Scatter", Since: 9, Types: tensor.AllTypes, In: Exactly(3), Out: Exactly(1), New: newScatterElements11},
	{Name: "ScatterND", Since: 16, Types: tensor.AllTypes, In: Exactly(3), Out: Exactly(1), New: newScatterND},
	{Name: "ScatterND", Since: 11, Until: 15, Types: tensor.AllTypes, In: Exactly(3), Out: Exactly(1), New: newScatterND11},
	{Name: "TensorScatter", Since: 24, Types: tensor.AllTypes, In: Arity{2, 3}, Out: Exactly(1), New: newTensorScatter},
}

// reduction combines an element with its update; "none" replaces it.
type reduction string

func readReduction(a *ir.Attrs) reduction {
	return reduction(a.OneOf("reduction", "none", "add", "mul", "max", "min"))
}

// check rejects reductions of types without arithmetic.
func (r reduction) check(d tensor.DType) error {
	if r != "none" && !(tensor.NumericTypes | tensor.Types(tensor.Bool)).Is(d) {
		return fmt.Errorf("reduction %s is not defined for %s", string(r), d)
	}
	return nil
}

// updater returns a function that combines n updates, from element from of updates on, with the
// elements of y from element to on.
func (r reduction) updater(y, updates *tensor.Tensor) func(to, from, n int) {
	if r == "none" {
		cp := newCopier(y, updates)
		return cp.copy
	}
	switch arithmeticOf(y.DType()) {
	case inSigned:
		return update(y, updates, reducing[int64](r))
	case inUnsigned:
		return update(y, updates, reducing[uint64](r))
	}
	return update(y, updates, reducing[float64](r))
}

// reducing returns the function of an element and its update. NaN wins over all
// numbers, as in numpy.
func reducing[T tensor.Number](r reduction) func(a, b T) T {
	switch r {
	case "add":
		return func(a, b T) T { return a + b }
	case "mul":
		return func(a, b T) T { return a * b }
	case "max":
		return func(a, b T) T { return max(a, b) }
	}
	return func(a, b T) T { return min(a, b) }
}

// update is updater for one arithmetic.
func update[T tensor.Number](y, updates *tensor.Tensor, f func(a, b T) T) func(to, from, n int) {
	var old, by [rowLength]T
	return func(to, from, n int) {
		for n > 0 {
			k := min(n, rowLength)
			tensor.Load(old[:k], y, to, 1)
			tensor.Load(by[:k], updates, from, 1)
			for i := range k {
				old[i] = f(old[i], by[i])
			}
			tensor.Store(y, to, 1, old[:k])
			to, from, n = to+k, from+k, n-k
		}
	}
}

// copyOf allocates an output as a copy of the data.
func copyOf(c *Call, x *tensor.Tensor) (*tensor.Tensor, error) {
	y, err := c.zeroedLike(x)
	if err != nil {
		return nil, err
	}
	cp := newCopier(y, x)
	cp.copy(0, 0, x.Len())
	return y, nil
}

// scatterElements writes each update to its own position, except that the index is its coordinate
// along the axis: for axis 1, y[i, indices[i,j]] = updates[i,j]. ONNX ScatterElements-16, which
// adds reductions; max and min are new in version 18.
type scatterElements struct {
	axis   int
	reduce reduction
}

func newScatterElements(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return scatterElements{a.Int("axis", 0), readReduction(a)}, a.Err()
}

// newScatterElements11 has no reductions. ONNX ScatterElements-11, Scatter-9.
func newScatterElements11(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return scatterElements{a.Int("axis", 0), "none"}, a.Err()
}

// Infer: data [d…], indices and updates [i…] → [d…].
func (op scatterElements) Infer(in []ir.Fact) ([]ir.Fact, error) {
	err := firstError(wantType(in, 1, integerTypes), sameTypes(in, 0, 2), elementwiseIndex(in, op.axis), op.reduce.check(in[0].DType))
	if err == nil && !fitsShape(in[1].Shape, in[2].Shape) {
		err = fmt.Errorf("indices have shape %s, updates %s; they must be equal", in[1].Shape, in[2].Shape)
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, err
}

// sameTypes checks that two inputs have the same dtype.
func sameTypes(in []ir.Fact, i, j int) error {
	if in[i].Given() && in[j].Given() && in[i].DType != in[j].DType {
		return fmt.Errorf("input %d is %s, input %d is %s; they must have the same type", j, in[j].DType, i, in[i].DType)
	}
	return nil
}

func (op scatterElements) Eval(c *Call) error {
	x, idx, updates := c.In[0], c.In[1], c.In[2]
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	y, err := copyOf(c, x)
	if err != nil {
		return err
	}
	put := op.reduce.updater(y, updates)
	return eachIndex(c, x, idx, op.axis, func(i, at int) error {
		put(at, i, 1)
		return nil
	})
}

// scatterND writes slices of updates to the positions to which the vectors in the last dimension of
// indices point: y[indices[i…, 0], indices[i…, 1], …] = updates[i…]. ONNX ScatterND-16, which adds
// reductions; max and min are new in version 18.
type scatterND struct{ reduce reduction }

func newScatterND(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return scatterND{readReduction(a)}, a.Err()
}

// newScatterND11 has no reductions. ONNX ScatterND-11.
func newScatterND11(n *ir.Node) (Op, error) { return scatterND{"none"}, nil }

// Infer: data [d…], indices [i…, k], updates [i…, dk…] → [d…].
func (op scatterND) Infer(in []ir.Fact) ([]ir.Fact, error) {
	err := firstError(wantType(in, 1, tensor.Types(tensor.Int64)), sameTypes(in, 0, 2), op.reduce.check(in[0].DType))
	if err != nil {
		return nil, err
	}
	if in[0].Shape.Ranked && in[1].Shape.Ranked {
		slices, err := gatherND{}.Infer(in[:2])
		if err != nil {
			return nil, err
		}
		if !fitsShape(slices[0].Shape, in[2].Shape) {
			return nil, fmt.Errorf("updates have shape %s; data %s with indices %s need %s", in[2].Shape, in[0].Shape, in[1].Shape, slices[0].Shape)
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, nil
}

func (op scatterND) Eval(c *Call) error {
	x, idx, updates := c.In[0], c.In[1], c.In[2]
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	y, err := copyOf(c, x)
	if err != nil {
		return err
	}
	index, err := callInts(c, 1)
	if err != nil {
		return err
	}
	put := op.reduce.updater(y, updates)
	return eachSlice(c.Run, x.Shape(), idx.Shape(), index, 0, func(i, at, n int) error {
		put(at, i*n, n)
		return nil
	})
}

// tensorScatter writes an update into a cache of keys or values, for each sample
// of the batch from its own index on. ONNX TensorScatter-24.
type tensorScatter struct {
	axis     int
	circular bool // what exceeds the cache goes on at its beginning
}

func newTensorScatter(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return tensorScatter{a.Int("axis", -2), a.OneOf("mode", "linear", "circular") == "circular"}, a.Err()
}

// Infer: cache [b, …, m, …], update [b, …, s ≤ m, …], indices [b] → cache.
func (op tensorScatter) Infer(in []ir.Fact) ([]ir.Fact, error) {
	err := firstError(sameTypes(in, 0, 1), wantType(in, 2, tensor.Types(tensor.Int64)), wantRank(in, 2, 1))
	if s, u := in[0].Shape, in[1].Shape; err == nil && s.Ranked {
		var axis int
		if axis, err = tensor.Axis(op.axis, s.Rank()); err == nil && axis == 0 {
			err = errors.New("the axis must not be the batch axis")
		}
		if err == nil && u.Ranked {
			if u.Rank() != s.Rank() || !fitsShape(withDim(s, axis, ir.Unknown), withDim(u, axis, ir.Unknown)) ||
				u.Dims[axis].Known() && s.Dims[axis].Known() && u.Dims[axis].N > s.Dims[axis].N {
				err = fmt.Errorf("an update of shape %s does not fit a cache of shape %s along axis %d", u, s, axis)
			}
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, err
}

func (op tensorScatter) Eval(c *Call) error {
	x, u := c.In[0], c.In[1]
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	index, err := callInts(c, 2)
	if err != nil {
		return err
	}
	y, err := copyOf(c, x)
	if err != nil || u.Len() == 0 {
		return err
	}
	if index == nil {
		index = make([]int, x.Dim(0))
	}
	if len(index) != x.Dim(0) {
		return fmt.Errorf("there are %d write indices for a batch of %d", len(index), x.Dim(0))
	}
	axis, _ := tensor.Axis(op.axis, x.Rank())
	before, most, after := split3(x.Shape(), axis)
	n := u.Dim(axis)
	cp := newCopier(y, u)
	for i := range before {
		at := index[i/(before/x.Dim(0))]
		if at < 0 || !op.circular && at > most-n {
			return fmt.Errorf("write index %d with an update of length %d exceeds the cache length %d", at, n, most)
		}
		for j := range n {
			cp.copy((i*most+(at%most+j)%most)*after, (i*n+j)*after, after)
		}
	}
	return c.Run.Check()
}
