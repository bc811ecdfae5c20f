package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var pools = []Def{
	{Name: "MaxPool", Since: 12, Types: tensor.FloatTypes | byteTypes, In: Exactly(1), Out: Arity{1, 2}, New: newMaxPool},
	{Name: "MaxPool", Since: 8, Until: 11, Types: tensor.FloatTypes, In: Exactly(1), Out: Arity{1, 2}, New: newMaxPool},
	{Name: "MaxPool", Since: 1, Until: 7, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newMaxPool},
	{Name: "AveragePool", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newAveragePool},
	{Name: "LpPool", Since: 2, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newLpPool},
	{Name: "LpPool", Since: 1, Until: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newLpPool1},
	{Name: "GlobalMaxPool", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newGlobalMaxPool},
	{Name: "GlobalAveragePool", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newGlobalAveragePool},
	{Name: "GlobalLpPool", Since: 2, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newGlobalLpPool},
	{Name: "GlobalLpPool", Since: 1, Until: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newGlobalLpPool1},
	{Name: "MaxUnpool", Since: 9, Types: tensor.FloatTypes, In: Arity{2, 3}, Out: Exactly(1), New: newMaxUnpool},
	{Name: "MaxRoiPool", Since: 1, Types: tensor.FloatTypes, In: Exactly(2), Out: Exactly(1), New: newMaxRoiPool},
}

// poolShape infers a pool's output: X [N C spatial…] → [N C spatial…].
func poolShape(w *window, in ir.Fact) (ir.Shape, error) {
	dims, err := spatial(in)
	if err != nil || dims == nil {
		return ir.Shape{}, err
	}
	out, err := w.outDims(dims, nil)
	if err != nil {
		return ir.Shape{}, err
	}
	return ir.ShapeOf(append([]ir.Dim{in.Shape.Dims[0], in.Shape.Dims[1]}, out...)...), nil
}

// maxPool is the maximum of each window and, if requested, its index in the flattened input.
// Padding never is the maximum. ONNX MaxPool-12; -8 adds the indices, -10 ceil_mode and dilations,
// -12 bytes, -22 extends the types.
type maxPool struct {
	window
	columnMajor bool // storage_order of the indices within an image
}

func newMaxPool(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return &maxPool{readPool(a), a.Bool("storage_order", false)}, a.Err()
}

func (op *maxPool) Infer(in []ir.Fact) ([]ir.Fact, error) {
	shape, err := poolShape(&op.window, in[0])
	return []ir.Fact{ir.Tensor(in[0].DType, shape), ir.Tensor(tensor.Int64, shape)}, err
}

func (op *maxPool) Eval(c *Call) error {
	switch c.In[0].DType() {
	case tensor.Int8:
		return evalMaxPool(op, c, int8(math.MinInt8))
	case tensor.Uint8:
		return evalMaxPool(op, c, uint8(0))
	}
	return evalReal(c, func(c *Call) error { return evalMaxPool(op, c, float32(math.Inf(-1))) },
		func(c *Call) error { return evalMaxPool(op, c, math.Inf(-1)) })
}

func evalMaxPool[T number](op *maxPool, c *Call, lowest T) error {
	x := c.In[0]
	s, y, err := newPooled(c, &op.window)
	if err != nil {
		return err
	}
	var places []int64
	if c.wants(1) {
		if c.Out[1], err = c.New(tensor.Int64, y.Shape()...); err != nil {
			return err
		}
		places = tensor.Data[int64](c.Out[1])
	}
	src, dst := tensor.Data[T](x), tensor.Data[T](y)
	return s.each(c.Run, x.Dim(0)*x.Dim(1), func(plane, o int, w *hits) {
		best, at := lowest, -1
		for _, i := range w.offsets {
			if v := src[plane*s.inSize()+i]; at < 0 || v > best || v != v && best == best {
				best, at = v, i
			}
		}
		dst[o] = best
		if places != nil {
			places[o] = int64(plane*s.inSize() + s.order(max(at, 0), op.columnMajor))
		}
	})
}

// order converts the row-major index of a pixel to the order that is asked for: the same, or
// column-major, in which the first spatial dimension is contiguous.
func (s *slide) order(i int, columnMajor bool) int {
	if !columnMajor {
		return i
	}
	z, y, x := i/(s.in[1]*s.in[2]), i/s.in[2]%s.in[1], i%s.in[2]
	return z + s.in[0]*(y+s.in[1]*x)
}

// newPooled computes the window's geometry and allocates the output.
func newPooled(c *Call, w *window) (*slide, *tensor.Tensor, error) {
	x := c.In[0]
	if _, err := spatial(ir.TypeOf(x)); err != nil {
		return nil, nil, err
	}
	s, err := w.slide(x.Shape()[2:], nil)
	if err != nil {
		return nil, nil, err
	}
	y, err := c.zeroed(x.DType(), s.shape(x.Dim(0), x.Dim(1))...)
	return s, y, err
}

// hits holds the elements of a plane that a window covers.
type hits struct {
	offsets []int // of the elements
	covered int   // number of taps on them or on padding, but not beyond it
}

// each calls f for every window of every plane: plane counts images and channels,
// o the elements of the output. What a window covers is the same in all planes.
func (s *slide) each(r *Run, planes int, f func(plane, o int, w *hits)) error {
	if s.outSize() == 0 || planes == 0 {
		return nil // nothing to compute, whatever the other number
	}
	work := 0 // since the last check
	for o := range s.outSize() {
		s.at = [3]int{o / s.out[2] / s.out[1], o / s.out[2] % s.out[1], o % s.out[2]}
		if err := s.collect(r); err != nil {
			return err
		}
		for plane := range planes {
			f(plane, plane*s.outSize()+o, &s.hits)
			if work += len(s.hits.offsets) + 10; work < 1<<16 {
				continue
			}
			if work = 0; r.Check() != nil {
				return r.Check()
			}
		}
	}
	return nil
}

// collect finds the hits of the window at s.at.
func (s *slide) collect(r *Run) error {
	var lo, hi, start [3]int
	s.hits.offsets, s.hits.covered = s.hits.offsets[:0], 1
	for i, p := range s.span {
		start[i] = s.at[i]*p.stride - p.before
		lo[i], hi[i] = tapsIn(start[i], p, 0, s.in[i])
		_, padded := tapsIn(start[i], p, -p.before, s.in[i]+p.after)
		s.hits.covered *= padded
	}
	for kz := lo[0]; kz < hi[0]; kz++ {
		z := start[0] + kz*s.span[0].dilation
		for ky := lo[1]; ky < hi[1]; ky++ {
			row := (z*s.in[1] + start[1] + ky*s.span[1].dilation) * s.in[2]
			for kx := lo[2]; kx < hi[2]; kx++ {
				s.hits.offsets = append(s.hits.offsets, row+start[2]+kx*s.span[2].dilation)
			}
		}
		if err := r.Check(); kz&63 == 63 && err != nil {
			return err
		}
	}
	return nil
}

// tapsIn returns the taps of a window that begins at start which are within [from, to): first ≤ k <
// last.
func tapsIn(start int, p span, from, to int) (first, last int) {
	if start < from {
		first = min((from-start+p.dilation-1)/p.dilation, p.kernel)
	}
	if to > start {
		last = min((to-start-1)/p.dilation+1, p.kernel)
	}
	return first, max(last, first)
}

// averagePool is the mean of each window. With includePad, padding counts as elements, but not what
// the window covers beyond the padding, which ceil_mode allows. ONNX AveragePool-19; -7 adds
// count_include_pad, -10 ceil_mode, -19 dilations, -22 extends the types.
type averagePool struct {
	window
	includePad bool
}

func newAveragePool(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return &averagePool{readPool(a), a.Bool("count_include_pad", false)}, a.Err()
}

func (op *averagePool) Infer(in []ir.Fact) ([]ir.Fact, error) {
	shape, err := poolShape(&op.window, in[0])
	return []ir.Fact{ir.Tensor(in[0].DType, shape)}, err
}

func (op *averagePool) Eval(c *Call) error {
	mean := func(sum float64, w *hits) float64 {
		n := len(w.offsets)
		if op.includePad {
			n = w.covered
		}
		return sum / float64(max(n, 1))
	}
	each := func(x float64) float64 { return x }
	return evalReal(c, func(c *Call) error { return evalPool[float32](c, &op.window, each, mean) },
		func(c *Call) error { return evalPool[float64](c, &op.window, each, mean) })
}

// evalPool sums each(x) over every window; the output is last of the sum.
func evalPool[T real](c *Call, w *window, each func(float64) float64, last func(sum float64, w *hits) float64) error {
	x := c.In[0]
	s, y, err := newPooled(c, w)
	if err != nil {
		return err
	}
	src, dst := tensor.Data[T](x), tensor.Data[T](y)
	return s.each(c.Run, x.Dim(0)*x.Dim(1), func(plane, o int, w *hits) {
		sum := 0.0
		for _, i := range w.offsets {
			sum += each(float64(src[plane*s.inSize()+i]))
		}
		dst[o] = T(last(sum, w))
	})
}

// lpPool is the p-norm of each window: (Σ|x|^p)^(1/p). ONNX LpPool-2; -18 adds ceil_mode and
// dilations, -22 extends the types.
type lpPool struct {
	window
	p float64
}

func newLpPool(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := &lpPool{readPool(a), float64(a.Int("p", 2))}
	return op, checkP(a, op.p)
}

// newLpPool1 reads LpPool-1, whose p is a float.
func newLpPool1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := &lpPool{readPool(a), float64(a.Float("p", 2))}
	return op, checkP(a, op.p)
}

func checkP(a *ir.Attrs, p float64) error {
	if !(p > 0) {
		a.Fail("attribute %q is %v, it must be positive", "p", p)
	}
	return a.Err()
}

func (op *lpPool) Infer(in []ir.Fact) ([]ir.Fact, error) {
	shape, err := poolShape(&op.window, in[0])
	return []ir.Fact{ir.Tensor(in[0].DType, shape)}, err
}

func (op *lpPool) Eval(c *Call) error {
	each := powerOf(op.p)
	root := func(sum float64, _ *hits) float64 { return math.Pow(sum, 1/op.p) }
	return evalReal(c, func(c *Call) error { return evalPool[float32](c, &op.window, each, root) },
		func(c *Call) error { return evalPool[float64](c, &op.window, each, root) })
}

// powerOf returns |x|^p; math.Pow would take most of the time of a norm.
func powerOf(p float64) func(x float64) float64 {
	switch p {
	case 1:
		return math.Abs
	case 2:
		return func(x float64) float64 { return x * x }
	}
	return func(x float64) float64 { return math.Pow(math.Abs(x), p) }
}

// globalPool reduces each channel of an image to one number: last(add(… add(first, x0) …, xn), n).
// ONNX GlobalAveragePool-1, GlobalMaxPool-1 and GlobalLpPool-2; newer versions extend the types.
type globalPool struct {
	first float64
	add   func(sum, x float64) float64
	last  func(sum float64, n int) float64
	line  *reduceLine // the kernels for float32; nil if there are none
}

func newGlobalAveragePool(n *ir.Node) (Op, error) {
	return &globalPool{line: reduceLines["ReduceMean"], add: func(sum, x float64) float64 { return sum + x },
		last: func(sum float64, n int) float64 { return sum / float64(n) }}, nil
}

func newGlobalMaxPool(n *ir.Node) (Op, error) {
	return &globalPool{line: reduceLines["ReduceMax"], first: math.Inf(-1), add: func(most, x float64) float64 { return max(most, x) }, last: func(sum float64, n int) float64 { return sum }}, nil
}

func newGlobalLpPool(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return globalLp(a, float64(a.Int("p", 2)))
}

// newGlobalLpPool1 reads GlobalLpPool-1, whose p is a float.
func newGlobalLpPool1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return globalLp(a, float64(a.Float("p", 2)))
}

func globalLp(a *ir.Attrs, p float64) (Op, error) {
	each := powerOf(p)
	op := &globalPool{add: func(sum, x float64) float64 { return sum + each(x) },
		last: func(sum float64, n int) float64 { return math.Pow(sum, 1/p) }}
	if p == 2 {
		op.line = reduceLines["ReduceL2"]
	}
	return op, checkP(a, p)
}

// Infer: X [N C spatial…] → [N C 1…].
func (op *globalPool) Infer(in []ir.Fact) ([]ir.Fact, error) {
	x := in[0]
	if !x.Shape.Ranked {
		return []ir.Fact{ir.Tensor(x.DType, ir.Shape{})}, nil
	}
	if x.Shape.Rank() < 2 {
		return nil, fmt.Errorf("needs an input of shape [N C spatial…], it has %s", x.Shape)
	}
	dims := append([]ir.Dim(nil), x.Shape.Dims...)
	for i := range dims[2:] {
		dims[2+i] = ir.Dim{N: 1}
	}
	return []ir.Fact{ir.Tensor(x.DType, ir.ShapeOf(dims...))}, nil
}

func (op *globalPool) Eval(c *Call) error {
	return evalReal(c, func(c *Call) error { return evalGlobalPool[float32](op, c) }, func(c *Call) error { return evalGlobalPool[float64](op, c) })
}

func evalGlobalPool[T real](op *globalPool, c *Call) error {
	x := c.In[0]
	y, err := c.inferred(op)
	if err != nil {
		return err
	}
	src, dst := tensor.Data[T](x), tensor.Data[T](y)
	if len(dst) == 0 {
		return nil
	}
	size := len(src) / len(dst)
	for i := range dst {
		if err := c.Run.Check(); err != nil {
			return err
		}
		sum := op.first
		for _, v := range src[i*size : (i+1)*size] {
			sum = op.add(sum, float64(v))
		}
		dst[i] = T(op.last(sum, size))
	}
	return nil
}
