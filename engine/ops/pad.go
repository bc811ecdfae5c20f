package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/limit"
)

// pad adds elements before and after each dimension; negative pads remove
// elements. ONNX Pad.
type pad struct {
	mode  string
	pads  []int // attributes of versions 1 and 2
	value float32
	attr  bool
}

// newPad18 has pads, value and axes as inputs; version 19 adds mode wrap. ONNX
// Pad-18.
func newPad18(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return pad{mode: a.OneOf("mode", "constant", "reflect", "edge", "wrap")}, a.Err()
}

// newPad11 has no axes. ONNX Pad-11.
func newPad11(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return pad{mode: a.OneOf("mode", "constant", "reflect", "edge")}, a.Err()
}

// newPad2 has pads and value as attributes. ONNX Pad-2.
func newPad2(n *ir.Node) (Op, error) { return newPadAttr(n, "pads") }

// newPad1 has another name for pads. ONNX Pad-1.
func newPad1(n *ir.Node) (Op, error) { return newPadAttr(n, "paddings") }

func newPadAttr(n *ir.Node, name string) (Op, error) {
	a := n.ReadAttrs().Need(name)
	return pad{mode: a.OneOf("mode", "constant", "reflect", "edge"), pads: a.Ints(name), value: a.Float("value", 0), attr: true}, a.Err()
}

// sizes returns the pads before and after each dimension.
func (op pad) sizes(rank int, pads, axes []int) (before, after []int, err error) {
	before, after = make([]int, rank), make([]int, rank)
	if axes == nil {
		for i := range rank {
			axes = append(axes, i)
		}
	} else if axes, err = axesOf(axes, rank); err != nil {
		return nil, nil, err
	}
	if len(pads) != 2*len(axes) {
		return nil, nil, fmt.Errorf("%d pads are given, %d axes need %d", len(pads), len(axes), 2*len(axes))
	}
	for i, a := range axes {
		before[a], after[a] = pads[i], pads[i+len(axes)]
	}
	return before, after, nil
}

// padded returns the size of one dimension with its pads.
func (op pad) padded(dim, before, after int) (int, error) {
	for _, p := range []int{before, after} {
		if p < -dim || p > wholeSize {
			if p > 0 {
				return 0, limit.Errorf("memory: a pad of %d is too large", p)
			}
			return 0, fmt.Errorf("a pad of %d removes more than the dimension's %d elements", p, dim)
		}
	}
	n := dim + before + after
	switch {
	case n < 0:
		return 0, fmt.Errorf("pads %d and %d remove more than the dimension's %d elements", before, after, dim)
	case dim == 0 && n > 0 && op.mode != "constant":
		return 0, fmt.Errorf("mode %s cannot pad a dimension of size 0", op.mode)
	}
	return n, nil
}

// Infer: data [d0…dn], pads [2r] → [d+before+after...].
func (op pad) Infer(in []ir.Fact) ([]ir.Fact, error) {
	pads, axes, known := op.pads, []int(nil), true
	if !op.attr {
		if err := wantRank(in, 1, 1, 2); err != nil { // early exporters write pads as [1, 2·rank]
			return nil, err
		}
		if f := fact(in, 2); f.Given() && f.DType != in[0].DType {
			return nil, fmt.Errorf("input 2 is %s, input 0 is %s; they must have the same type", f.DType, in[0].DType)
		}
		var err error
		if pads, known, err = knownInts(in, 1); err != nil {
			return nil, err
		}
		var ok bool
		if axes, ok, err = knownInts(in, 3); err != nil {
			return nil, err
		}
		known = known && ok
	}
	s := in[0].Shape
	if !s.Ranked {
		return []ir.Fact{{DType: in[0].DType}}, nil
	}
	out := ir.Tensor(in[0].DType, ir.AnyOfRank(s.Rank()))
	if !known {
		return []ir.Fact{out}, nil
	}
	before, after, err := op.sizes(s.Rank(), pads, axes)
	if err != nil {
		return nil, err
	}
	for i, d := range s.Dims {
		switch {
		case before[i] == 0 && after[i] == 0:
			out.Shape.Dims[i] = d
		case d.Known():
			if out.Shape.Dims[i].N, err = op.padded(d.N, before[i], after[i]); err != nil {
				return nil, err
			}
		}
	}
	return []ir.Fact{out}, nil
}

// from returns the index of the input that index i of a padded dimension comes from;
// -1: the constant value.
func (op pad) from(i, dim, before, after int) int {
	// Elements removed at one end are not repeated at the other.
	lo, hi := max(0, -before), dim-max(0, -after)
	j := i - before
	switch {
	case j >= lo && j < hi:
		return j
	case op.mode == "constant" || hi <= lo:
		return -1
	case op.mode == "edge":
		return max(lo, min(j, hi-1))
	case op.mode == "wrap":
		return lo + wrapped(j-lo, hi-lo)
	}
	return lo + mirror(j-lo, hi-lo)
}

func wrapped(a, n int) int { return ((a % n) + n) % n }

// mirror reflects an index at the first and last element until it is in [0, n).
func mirror(a, n int) int {
	if n == 1 {
		return 0
	}
	a = wrapped(a, 2*n-2)
	return min(a, 2*n-2-a)
}

// padding is what a call pads with.
type padding struct {
	value         *tensor.Tensor
	before, after []int // elements of each dimension
	shape         []int // of the output
}

func (op pad) read(c *Call) (p padding, err error) {
	x := c.In[0]
	pads, axes := op.pads, []int(nil)
	p.value = tensor.New(x.DType(), 1)
	if op.attr {
		p.value = floatOf(x.DType(), op.value)
	} else {
		if pads, err = callInts(c, 1); err != nil {
			return p, err
		}
		if axes, err = callInts(c, 3); err != nil {
			return p, err
		}
		if v := c.input(2); v != nil {
			if v.DType() != x.DType() || v.Len() != 1 {
				return p, fmt.Errorf("the value is %s, it must be a single %s", v, x.DType())
			}
			p.value = v
		}
	}
	if p.before, p.after, err = op.sizes(x.Rank(), pads, axes); err != nil {
		return p, err
	}
	p.shape = make([]int, x.Rank())
	for i, d := range x.Shape() {
		if p.shape[i], err = op.padded(d, p.before[i], p.after[i]); err != nil {
			return p, err
		}
	}
	return p, nil
}

// origins returns, for each index along the dimensions from first to end of an output
// that is not empty, the index of the input that it comes from.
func (op pad) origins(c *Call, p padding, first, end int) ([][]int, error) {
	side := 0 // the output is not empty, so the sum does not overflow
	for _, d := range p.shape[first:end] {
		side += d
	}
	if err := c.Run.reserveList(side, 8); err != nil {
		return nil, err
	}
	origins := make([][]int, end-first)
	for k := range origins {
		d := first + k
		origins[k] = make([]int, p.shape[d])
		for i := range origins[k] {
			origins[k][i] = op.from(i, c.In[0].Dim(d), p.before[d], p.after[d])
		}
	}
	return origins, nil
}

func (op pad) Eval(c *Call) error {
	x := c.In[0]
	p, err := op.read(c)
	if err != nil {
		return err
	}
	y, err := c.New(x.DType(), p.shape...)
	if err != nil || y.Len() == 0 {
		c.Out[0] = y
		return err
	}
	origins, err := op.origins(c, p, 0, x.Rank())
	if err != nil {
		return err
	}
	c.Out[0] = y
	from, of, steps := newCopier(y, x), newCopier(y, p.value), tensor.Strides(x.Shape())
	for i := range y.Len() {
		if i&0xffff == 0 {
			if err := c.Run.Check(); err != nil {
				return err
			}
		}
		rest, at := i, 0
		for a := len(origins) - 1; a >= 0 && at >= 0; a-- {
			if o := origins[a][rest%len(origins[a])]; o < 0 {
				at = -1
			} else {
				at += o * steps[a]
			}
			rest /= len(origins[a])
		}
		if at < 0 {
			of.copy(i, 0, 1)
		} else {
			from.copy(i, at, 1)
		}
	}
	return nil
}

// floatOf returns a number in a float dtype.
func floatOf(d tensor.DType, v float32) *tensor.Tensor {
	switch d {
	case tensor.Float64:
		return tensor.Scalar(float64(v))
	case tensor.Float16:
		return tensor.Scalar(tensor.ToFloat16(v))
	case tensor.BFloat16:
		return tensor.Scalar(tensor.ToBFloat16(v))
	}
	return tensor.Scalar(v)
}
