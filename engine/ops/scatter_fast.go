package ops

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/tensor"
)

// updateLoops write updates to elements of y, or combine them, in the types in which they are combined.
// Updates that replace elements are written as unsigned integers of the same size.
var updateLoops = map[tensor.DType]struct {
	elements func(c *Call, op scatterElements, y *tensor.Tensor) error
	slices   func(c *Call, op scatterND, y *tensor.Tensor) error
}{
	tensor.Float32: {updateElements[float32], updateSlices[float32]}, tensor.Float64: {updateElements[float64], updateSlices[float64]},
	tensor.Int32: {updateElements[int32], updateSlices[int32]}, tensor.Int64: {updateElements[int64], updateSlices[int64]},
	tensor.Uint32: {updateElements[uint32], updateSlices[uint32]}, tensor.Uint64: {updateElements[uint64], updateSlices[uint64]},
}

// loopType is the type of the loops in updateLoops for elements of type d.
func (r reduction) loopType(d tensor.DType) tensor.DType {
	switch {
	case r == "none" && d.Size() == 4:
		return tensor.Uint32
	case r == "none" && d.Size() == 8:
		return tensor.Uint64
	}
	return d
}

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
	loop, ok := updateLoops[op.reduce.loopType(x.DType())]
	if !ok || idx.DType() != tensor.Int64 || x.Rank() == 0 || !sameBut(x, idx, op.axis) || !slices.Equal(idx.Shape(), updates.Shape()) {
		return false, nil
	}
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return true, err
	}
	y, err := c.copied(x)
	if err != nil {
		return true, err
	}
	return true, loop.elements(c, op, y)
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

func updateElements[T num.Number](c *Call, op scatterElements, y *tensor.Tensor) error {
	index, g := tensor.Data[int64](c.In[1]), newElementGrid(c.In[0], c.In[1], op.axis)
	dst, updates := words[T](y), words[T](c.In[2])
	pair, combined := updatePairs[op.reduce]
	if !combined {
		return g.each(c, func(at, base, n int) int {
			for i, v := range index[at : at+n] {
				if v < 0 {
					v += int64(g.dim)
				}
				if uint64(v) >= uint64(g.dim) {
					return i
				}
				dst[base+int(v)*g.step+i*g.side] = updates[at+i]
			}
			return n
		})
	}
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
	x := c.In[0]
	loop, ok := updateLoops[op.reduce.loopType(x.DType())]
	if !ok || c.Run.Kernel == nil {
		return false, nil
	}
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return true, err
	}
	y, err := c.copied(x)
	if err != nil {
		return true, err
	}
	return true, loop.slices(c, op, y)
}

func updateSlices[T num.Number](c *Call, op scatterND, y *tensor.Tensor) error {
	index, err := callInts(c, 1)
	if err != nil {
		return err
	}
	dst, updates := words[T](y), words[T](c.In[2])
	pair, combined := updatePairs[op.reduce]
	return eachSlice(c.Run, c.In[0].Shape(), c.In[1].Shape(), index, 0, func(i, at, n int) error {
		switch {
		case !combined && n == 1:
			dst[at] = updates[i]
		case !combined:
			copy(dst[at:at+n], updates[i*n:])
		case n == 1:
			dst[at] = combine(pair, dst[at], updates[i])
		default:
			to := dst[at : at+n]
			joinRow(c.Run.Kernel, pair, to, to, updates[i*n:][:n])
		}
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
