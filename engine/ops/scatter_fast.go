package ops

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/tensor"
)

// updatePairs are the reductions as functions of two numbers.
var updatePairs = map[reduction]num.Pair{"add": num.Add, "mul": num.Mul, "max": num.Max, "min": num.Min}

// combine is a ∘ b.
func combine[T num.Number](op num.Pair, a, b T) T {
	switch op {
	case num.Add:
		return a + b
	case num.Mul:
		return a * b
	case num.Max:
		return max(a, b)
	}
	return min(a, b)
}

// EvalFast writes updates of 4- and 8-byte elements, or combines them with numbers of these sizes, if
// indices and data differ in size only along the axis. Elements with different coordinates along the
// other axes never collide, so they can be written concurrently.
func (op scatterElements) EvalFast(c *Call) (bool, error) {
	x, idx, updates := c.In[0], c.In[1], c.In[2]
	if !op.reduce.fits(x.DType()) || idx.DType() != tensor.Int64 || x.Rank() == 0 || !sameBut(x, idx, op.axis) || !slices.Equal(idx.Shape(), updates.Shape()) {
		return false, nil
	}
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return true, err
	}
	y, err := c.copied(x)
	switch {
	case err != nil:
		return true, err
	case op.reduce == "none" && x.DType().Size() == 4:
		return true, scatterRows(c, words[uint32](y), words[uint32](updates), op.axis)
	case op.reduce == "none":
		return true, scatterRows(c, words[uint64](y), words[uint64](updates), op.axis)
	}
	switch x.DType() {
	case tensor.Float32:
		return true, joinUpdates[float32](c, op, y)
	case tensor.Float64:
		return true, joinUpdates[float64](c, op, y)
	case tensor.Int32:
		return true, joinUpdates[int32](c, op, y)
	}
	return true, joinUpdates[int64](c, op, y)
}

// fits reports whether there are loops for elements of this type.
func (r reduction) fits(d tensor.DType) bool {
	if r == "none" {
		return d.Size() == 4 || d.Size() == 8
	}
	return tensor.Types(tensor.Float32, tensor.Float64, tensor.Int32, tensor.Int64).Is(d)
}

// copied returns output 0 as a copy of the data.
func (c *Call) copied(x *tensor.Tensor) (*tensor.Tensor, error) {
	y, err := c.output(x.DType(), x.Shape()...)
	if err != nil {
		return nil, err
	}
	bytes := y.Bytes()
	return y, c.share(len(bytes), 0.05, func(from, to int) { copy(bytes[from:to], x.Bytes()[from:]) })
}

// sameBut reports whether two shapes are equal except along an axis.
func sameBut(x, y *tensor.Tensor, axis int) bool {
	axis, err := tensor.Axis(axis, x.Rank())
	if err != nil || x.Rank() != y.Rank() {
		return false
	}
	for i, n := range x.Shape() {
		if i != axis && y.Dim(i) != n {
			return false
		}
	}
	return true
}

// elementGrid views indices as [outer along inner], divided into strips of inner, or as [outer 1 inner]
// if they run along the last axis.
type elementGrid struct {
	outer, along, inner int
	strips, width       int
	dim, step           int // size of the data along the axis, and how far apart its elements are
	side                int // how far apart in the data two neighbouring indices are, if they are equal
}

func newElementGrid(x, idx *tensor.Tensor, axis int) elementGrid {
	axis, _ = tensor.Axis(axis, x.Rank())
	g := elementGrid{dim: x.Dim(axis), side: 1}
	g.outer, g.along, g.inner = split3(idx.Shape(), axis)
	if g.step = g.inner; g.inner == 1 && g.along > 0 {
		g.along, g.inner, g.side, g.strips, g.width = 1, g.along, 0, 1, g.along
		return g
	}
	g.strips = (g.inner + stripWidth - 1) / stripWidth
	g.width = (g.inner + max(g.strips, 1) - 1) / max(g.strips, 1)
	return g
}

// each calls row for every row of every strip. Its indices are idx[at:at+n], and index i belongs to
// element base + i·side of the data, apart from the coordinate along the axis. row returns how many
// of them it has used: fewer than n if the next one is outside the data, which is an error.
func (g elementGrid) each(c *Call, row func(at, base, n int) (used int)) error {
	if g.along == 0 {
		return nil // whatever the number of rows
	}
	var outside atomic.Int64 // 1 + the place of an index; 0: none
	err := c.share(g.outer*g.strips, 2*float64(g.along*g.width)+10, func(from, to int) {
		for i := from; i < to; i++ {
			o, first := i/g.strips, i%g.strips*g.width
			n := min(g.width, g.inner-first)
			for a := range g.along {
				at := (o*g.along+a)*g.inner + first
				if used := row(at, o*g.dim*g.step+first, n); used < n {
					outside.Store(int64(at+used) + 1)
					return
				}
			}
		}
	})
	if at := outside.Load(); at > 0 {
		return fmt.Errorf("index %d is outside [%d, %d]", tensor.Data[int64](c.In[1])[at-1], -g.dim, g.dim-1)
	}
	return err
}

func scatterRows[T any](c *Call, y, updates []T, axis int) error {
	index, g := tensor.Data[int64](c.In[1]), newElementGrid(c.In[0], c.In[1], axis)
	return g.each(c, func(at, base, n int) int {
		for i, v := range index[at : at+n] {
			if v < 0 {
				v += int64(g.dim)
			}
			if uint64(v) >= uint64(g.dim) {
				return i
			}
			y[base+int(v)*g.step+i*g.side] = updates[at+i]
		}
		return n
	})
}

// joinUpdates combines elements of y with their updates.
func joinUpdates[T num.Number](c *Call, op scatterElements, y *tensor.Tensor) error {
	index, g, pair := tensor.Data[int64](c.In[1]), newElementGrid(c.In[0], c.In[1], op.axis), updatePairs[op.reduce]
	dst, updates := tensor.Data[T](y), tensor.Data[T](c.In[2])
	return g.each(c, func(at, base, n int) int {
		for i, v := range index[at : at+n] {
			if v < 0 {
				v += int64(g.dim)
			}
			if uint64(v) >= uint64(g.dim) {
				return i
			}
			p := &dst[base+int(v)*g.step+i*g.side]
			*p = combine(pair, *p, updates[at+i])
		}
		return n
	})
}

// EvalFast is that of ScatterElements for slices, one after the other: two may be the same.
func (op scatterND) EvalFast(c *Call) (bool, error) {
	x, updates := c.In[0], c.In[2]
	if !op.reduce.fits(x.DType()) || c.Run.Kernel == nil {
		return false, nil
	}
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return true, err
	}
	index, err := callInts(c, 1)
	if err != nil {
		return true, err
	}
	y, err := c.copied(x)
	switch {
	case err != nil:
		return true, err
	case op.reduce == "none" && x.DType().Size() == 4:
		return true, putSlices(c, index, words[uint32](y), words[uint32](updates))
	case op.reduce == "none":
		return true, putSlices(c, index, words[uint64](y), words[uint64](updates))
	}
	switch x.DType() {
	case tensor.Float32:
		return true, joinSlices[float32](c, index, updatePairs[op.reduce], y)
	case tensor.Float64:
		return true, joinSlices[float64](c, index, updatePairs[op.reduce], y)
	case tensor.Int32:
		return true, joinSlices[int32](c, index, updatePairs[op.reduce], y)
	}
	return true, joinSlices[int64](c, index, updatePairs[op.reduce], y)
}

func putSlices[T any](c *Call, index []int, y, updates []T) error {
	return eachSlice(c.Run, c.In[0].Shape(), c.In[1].Shape(), index, 0, func(i, at, n int) error {
		if n == 1 {
			y[at] = updates[i]
			return nil
		}
		copy(y[at:at+n], updates[i*n:])
		return nil
	})
}

// joinSlices combines slices of y with their updates.
func joinSlices[T num.Number](c *Call, index []int, op num.Pair, y *tensor.Tensor) error {
	dst, updates := tensor.Data[T](y), tensor.Data[T](c.In[2])
	return eachSlice(c.Run, c.In[0].Shape(), c.In[1].Shape(), index, 0, func(i, at, n int) error {
		if n == 1 {
			dst[at] = combine(op, dst[at], updates[i])
			return nil
		}
		to := dst[at : at+n]
		joinRow(c.Run.Kernel, op, to, to, updates[i*n:][:n])
		return nil
	})
}

// EvalFast gathers 4- and 8-byte elements if indices and data differ in size only
// along the axis.
func (op gatherElements) EvalFast(c *Call) (bool, error) {
	x, idx := c.In[0], c.In[1]
	size := x.DType().Size()
	if size != 4 && size != 8 || idx.DType() != tensor.Int64 || x.Rank() == 0 || !sameBut(x, idx, op.axis) {
		return false, nil
	}
	y, err := c.output(x.DType(), idx.Shape()...)
	if err != nil {
		return true, err
	}
	if size == 4 {
		return true, gatherRows(c, words[uint32](y), words[uint32](x), op.axis)
	}
	return true, gatherRows(c, words[uint64](y), words[uint64](x), op.axis)
}

func gatherRows[T any](c *Call, y, x []T, axis int) error {
	index, g := tensor.Data[int64](c.In[1]), newElementGrid(c.In[0], c.In[1], axis)
	return g.each(c, func(at, base, n int) int {
		for i, v := range index[at : at+n] {
			if v < 0 {
				v += int64(g.dim)
			}
			if uint64(v) >= uint64(g.dim) {
				return i
			}
			y[at+i] = x[base+int(v)*g.step+i*g.side]
		}
		return n
	})
}

// EvalFast gathers slices on several threads, and single elements of 4 and 8 bytes
// without a copy of bytes each.
func (op gatherND) EvalFast(c *Call) (bool, error) {
	x, idx := c.In[0], c.In[1]
	if x.DType() == tensor.String || x.Len() == 0 || idx.Len() == 0 {
		return false, nil
	}
	facts, err := op.Infer(factsOf(c.In))
	if err != nil {
		return true, err
	}
	index, err := callInts(c, 1)
	if err != nil {
		return true, err
	}
	s, err := newSlicesOf(x.Shape(), idx.Shape(), op.batch)
	if err != nil {
		return true, err
	}
	shape, _ := facts[0].Shape.Ints()
	y, err := c.output(x.DType(), shape...)
	if err != nil {
		return true, err
	}
	switch size := x.DType().Size(); {
	case s.size == 1 && size == 4:
		return true, gatherPoints(c, words[uint32](y), words[uint32](x), &s, index)
	case s.size == 1 && size == 8:
		return true, gatherPoints(c, words[uint64](y), words[uint64](x), &s, index)
	}
	cp := newCopier(y, x)
	return true, s.each(c, index, 0.05*float64(s.size*cp.size)+5, func(i, at int) { cp.copy(i*s.size, at, s.size) })
}

func gatherPoints[T any](c *Call, y, x []T, s *slicesOf, index []int) error {
	return s.each(c, index, 1, func(i, at int) { y[i] = x[at] })
}

// each calls use for every vector, on several threads; unit is its time in
// nanoseconds.
func (s *slicesOf) each(c *Call, index []int, unit float64, use func(i, at int)) error {
	var outside atomic.Int64
	err := c.share(len(index)/len(s.dims), unit+2*float64(len(s.dims)), func(from, to int) {
		for i := from; i < to; i++ {
			at, ok := s.at(i, index)
			if !ok {
				outside.Store(int64(i) + 1)
				return
			}
			use(i, at)
		}
	})
	if i := outside.Load(); i > 0 {
		return s.outside(int(i)-1, index)
	}
	return err
}
