package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// gatherElements takes, for each index, the element of data at the same position, except that the
// index is its coordinate along the axis: for axis 1, y[i,j] = data[i, indices[i,j]]. ONNX
// GatherElements-11.
type gatherElements struct{ axis int }

func newGatherElements(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return gatherElements{a.Int("axis", 0)}, a.Err()
}

// Infer: data [d…], indices [i…] of the same rank → [i…].
func (op gatherElements) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := firstError(wantType(in, 1, integerTypes), elementwiseIndex(in, op.axis)); err != nil {
		return nil, err
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[1].Shape)}, nil
}

// elementwiseIndex checks that data and indices have the same rank, and that the
// indices are not larger than the data except along the axis.
func elementwiseIndex(in []ir.Fact, axis int) error {
	s, idx := in[0].Shape, in[1].Shape
	if !s.Ranked {
		return nil
	}
	axis, err := tensor.Axis(axis, s.Rank())
	if err != nil || !idx.Ranked {
		return err
	}
	if idx.Rank() != s.Rank() {
		return fmt.Errorf("indices have shape %s, data %s; their ranks must be equal", idx, s)
	}
	for i, d := range idx.Dims {
		if i != axis && d.Known() && s.Dims[i].Known() && d.N > s.Dims[i].N {
			return fmt.Errorf("indices of shape %s exceed data of shape %s", idx, s)
		}
	}
	return nil
}

func (op gatherElements) Eval(c *Call) error {
	x, idx := c.In[0], c.In[1]
	if err := elementwiseIndex(factsOf(c.In), op.axis); err != nil {
		return err
	}
	y, err := c.zeroed(x.DType(), idx.Shape()...)
	if err != nil {
		return err
	}
	cp := newCopier(y, x)
	return eachIndex(c, x, idx, op.axis, func(i, at int) error {
		cp.copy(i, at, 1)
		return nil
	})
}

// eachIndex calls use for each element i of idx. at is the element of x at the
// same position, except that the index is its coordinate along the axis.
func eachIndex(c *Call, x, idx *tensor.Tensor, axis int, use func(i, at int) error) error {
	axis, err := tensor.Axis(axis, x.Rank())
	if err != nil {
		return err
	}
	index, err := callInts(c, 1)
	if err != nil {
		return err
	}
	dim := x.Dim(axis)
	if err := inRange(index, dim); err != nil {
		return err
	}
	steps := tensor.Strides(x.Shape())
	step := steps[axis]
	steps[axis] = 0
	w := newWalk(idx.Shape(), tensor.Strides(idx.Shape()), steps)
	var failed error
	err = w.rows(c.Run, func(n int, at, by []int) {
		i, j := at[0], at[1]
		for range n {
			if failed == nil {
				failed = use(i, j+fromEnd(index[i], dim)*step)
			}
			i += by[0]
			j += by[1]
		}
	})
	return firstError(failed, err)
}

// gatherND selects the slices to which the vectors in the last dimension of indices point: y[i…] =
// data[indices[i…, 0], indices[i…, 1], …]. With batch_dims b, this is done for each index of the
// first b dimensions, which data and indices share. ONNX GatherND-11; batch_dims is new in version
// 12.
type gatherND struct{ batch int }

func newGatherND(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := gatherND{a.Int("batch_dims", 0)}
	if op.batch < 0 {
		a.Fail("attribute \"batch_dims\" is %d, it must be at least 0", op.batch)
	}
	return op, a.Err()
}

// Infer: data [b…, d…], indices [b…, i…, k] → [b…, i…, dk…].
func (op gatherND) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantType(in, 1, integerTypes); err != nil {
		return nil, err
	}
	out := ir.Fact{DType: in[0].DType}
	s, idx := in[0].Shape, in[1].Shape
	if !s.Ranked || !idx.Ranked {
		return []ir.Fact{out}, nil
	}
	if idx.Rank() < 1 || s.Rank() < 1 || op.batch >= min(s.Rank(), idx.Rank()) {
		return nil, fmt.Errorf("indices %s and data %s must have more than %d dimensions", idx, s, op.batch)
	}
	for i := range op.batch {
		if a, b := s.Dims[i], idx.Dims[i]; a.Known() && b.Known() && a.N != b.N {
			return nil, fmt.Errorf("batch dimension %d is %s in data, %s in indices", i, a, b)
		}
	}
	k := idx.Dims[idx.Rank()-1]
	if !k.Known() {
		return []ir.Fact{out}, nil
	}
	if k.N < 1 || k.N > s.Rank()-op.batch {
		return nil, fmt.Errorf("indices %s point into %d dimensions of data %s", idx, k.N, s)
	}
	dims := append([]ir.Dim{}, idx.Dims[:idx.Rank()-1]...)
	out.Shape = ir.ShapeOf(append(dims, s.Dims[op.batch+k.N:]...)...)
	return []ir.Fact{out}, nil
}

func (op gatherND) Eval(c *Call) error {
	x, idx := c.In[0], c.In[1]
	y, err := c.inferred(op)
	if err != nil {
		return err
	}
	index, err := callInts(c, 1)
	if err != nil {
		return err
	}
	cp := newCopier(y, x)
	to := 0
	return eachSlice(c.Run, x.Shape(), idx.Shape(), index, op.batch, func(_, at, n int) error {
		cp.copy(to, at, n)
		to += n
		return nil
	})
}

// slicesOf finds the slices of data to which index vectors point. With data [2 3 4], indices [5 1]
// and no batch, each of the 5 vectors points into the dimension of 2, to a slice of 12 elements.
type slicesOf struct {
	dims, steps []int // the dimensions into which a vector points, and their strides
	batch       int   // number of batch dimensions
	perBatch    int   // vectors for each batch element
	whole       int   // elements of data for each batch element
	size        int   // elements of a slice
}

// newSlicesOf reads the shapes of data and indices. There is at least one index.
func newSlicesOf(data, indices []int, batch int) (s slicesOf, err error) {
	k := indices[len(indices)-1]
	s.dims, s.batch = data[batch:batch+k], batch
	if s.size, err = tensor.Count(data[batch+k:]); err != nil {
		return s, err
	}
	if s.whole, err = tensor.Count(data[batch:]); err != nil {
		return s, err
	}
	s.steps = tensor.Strides(data[batch:])[:k]
	s.perBatch, err = tensor.Count(indices[batch : len(indices)-1])
	return s, err
}

// at is the first element of the slice to which vector i points; false if one of its
// indices is out of range.
func (s *slicesOf) at(i int, index []int) (int, bool) {
	at := 0
	if s.batch > 0 {
		at = i / s.perBatch * s.whole
	}
	steps := s.steps
	for j, v := range index[i*len(steps) : (i+1)*len(steps)] {
		d := s.dims[j]
		if v < 0 {
			v += d
		}
		if uint(v) >= uint(d) {
			return 0, false
		}
		at += v * steps[j]
	}
	return at, true
}

// outside is the error for vector i, which at refused.
func (s *slicesOf) outside(i int, index []int) error {
	for j, d := range s.dims {
		if v := index[i*len(s.dims)+j]; v < -d || v >= d {
			return fmt.Errorf("index %d is outside [%d, %d] of dimension %d", v, -d, d-1, s.batch+j)
		}
	}
	return nil
}

// eachSlice calls use for each index vector i. at and size are the first element
// and the number of elements of the slice of data that it points to.
func eachSlice(run *Run, data, indices, index []int, batch int, use func(i, at, size int) error) error {
	if len(index) == 0 {
		return nil
	}
	s, err := newSlicesOf(data, indices, batch)
	if err != nil {
		return err
	}
	work := 0
	for i := range len(index) / len(s.dims) {
		at, ok := s.at(i, index)
		if !ok {
			return s.outside(i, index)
		}
		if err := use(i, at, s.size); err != nil {
			return err
		}
		if work += s.size + len(s.dims); work > 1<<18 {
			work = 0
			if err := run.Check(); err != nil {
				return err
			}
		}
	}
	return nil
}
