package ops

import (
	"slices"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast convolves with weights that another node makes. For pictures with channels enough to fill
// blocks, they are packed in each run. Elsewhere the pixels that each window covers become a column
// (im2col), and a product of the weights [M C·taps] with the columns [C·taps pixels] gives the outputs
// of these pixels. Convolutions with one input channel for each group have too few products for that,
// and are left to Eval.
func (op *conv) EvalFast(c *Call) (bool, error) {
	x, w, bias := c.In[0], c.In[1], c.input(2)
	if c.vec(x, w) == nil || bias != nil && bias.DType() != tensor.Float32 || x.Len() == 0 || w.Len() == 0 {
		return false, nil
	}
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return true, err
	}
	s, err := op.slide(x.Shape()[2:], w.Shape()[2:])
	if err != nil {
		return true, err
	}
	shape := s.shape(x.Dim(0), w.Dim(0))
	if done, err := op.pack(c, s, shape, bias); done || err != nil {
		return done, err
	}
	if w.Dim(1) == 1 {
		return false, nil
	}
	if s.pointwise() { // the picture is its own columns
		return c.byColumns(s, shape, op.group, bias, nil)
	}
	return c.byColumns(s, shape, op.group, bias, func(n, first int, dst []float32, count int) error {
		return c.columns(s, first, count, dst, tensor.Data[float32](imageOf(x, n)))
	})
}

// madeConv is kept from run to run: a planned convolution, and the shapes it was planned for.
type madeConv struct {
	x, w []int
	conv *kernel.MadeConv
	mem  kernel.Memory
}

// leastPacked is the fewest pixels of a result for which weights are packed: with fewer, that takes
// longer than the products.
const leastPacked = 256

// pack convolves with packed weights; it reports false where columns are better.
func (op *conv) pack(c *Call, s *slide, shape []int, bias *tensor.Tensor) (bool, error) {
	x, w := c.In[0], c.In[1]
	depthwise := w.Dim(1) == 1 && op.group == w.Dim(0)
	full := w.Dim(1) >= 16 && (op.group == 1 || w.Dim(0)/op.group >= 16)
	if s.rank != 2 || s.outSize() < leastPacked || !full && !(depthwise && op.group >= 16) {
		return false, nil
	}
	p, ok := c.Kept.(*madeConv)
	if !ok || !slices.Equal(p.x, x.Shape()) || !slices.Equal(p.w, w.Shape()) {
		h, v := s.span[1], s.span[2]
		// Planning takes no memory, but what it plans for must fit: blocks with a halo, and the packed weights.
		size, err := tensor.Count([]int{4, x.Dim(0) + 1, max(x.Dim(1), w.Dim(0)) + 64, s.in[1] + h.before + max(0, h.after) + 2 + s.out[1], s.in[2] + v.before + max(0, v.after) + 2 + s.out[2]})
		packed, err2 := tensor.Count([]int{4, w.Dim(0) + 64, w.Dim(1) + 16, s.taps()})
		if err != nil || err2 != nil || c.Run.ReserveBytes(int64(size)) != nil || c.Run.ReserveBytes(int64(packed)) != nil {
			return false, nil
		}
		made, err := c.Run.Kernel.MadeConv(kernel.Conv{
			In:      kernel.NewLayout(kernel.Planar, x.Dim(0), x.Dim(1), s.in[1], s.in[2], kernel.Halo{}),
			Out:     kernel.NewLayout(kernel.Planar, x.Dim(0), w.Dim(0), s.out[1], s.out[2], kernel.Halo{}),
			KernelH: h.kernel, KernelW: v.kernel, StrideH: h.stride, StrideW: v.stride, DilationH: h.dilation, DilationW: v.dilation,
			PadTop: h.before, PadLeft: v.before, Group: op.group})
		if err != nil {
			return false, nil
		}
		p = &madeConv{x: slices.Clone(x.Shape()), w: slices.Clone(w.Shape()), conv: made}
		c.Kept = p
	}
	y, err := c.output(tensor.Float32, shape...)
	if err != nil {
		return true, err
	}
	var shift []float32
	if bias != nil {
		shift = tensor.Data[float32](bias)
	}
	p.conv.Use(kernel.Numbers{Float32: tensor.Data[float32](w)}, shift)
	p.mem.In, p.mem.Out = addressOf(x), addressOf(y)
	err = c.do(&p.conv.Work, &p.mem)
	p.mem.In, p.mem.Out = nil, nil
	p.conv.Use(kernel.Numbers{}, nil) // the weights are not ours to keep
	return true, err
}

// stripBytes is the most memory of columns at a time: a part of an L2 cache, which the product
// reads while they are there.
const stripBytes = 512 << 10

// leastStrip is the fewest columns at a time, so that a product has work for all processors.
const leastStrip = 128

// byColumns multiplies the weights, input 1, in groups by the columns of each image of input 0,
// some pixels at a time. columns writes count of them, from pixel first on, to dst [channels·taps
// count]; nil: the image itself is the columns. The output has the given shape.
func (c *Call) byColumns(s *slide, shape []int, group int, bias *tensor.Tensor, columns func(n, first int, dst []float32, count int) error) (bool, error) {
	x, w := c.In[0], c.In[1]
	m, depth, pixels := w.Dim(0), w.Dim(1)*s.taps(), s.outSize()
	rows := group * depth
	size, err := tensor.Count([]int{4, rows, pixels})
	if err != nil || pixels == 0 || c.Run.ReserveBytes(int64(size)) != nil {
		return false, nil
	}
	count := pixels
	if columns != nil { // parts of the same size; the last one begins earlier if they do not add up
		parts := max(1, pixels/max(leastStrip, stripBytes/4/rows))
		count = (pixels + parts - 1) / parts
	}
	p := c.planned(x, w, func() *kernel.Gemm {
		return &kernel.Gemm{M: m / group, N: count, K: depth, RowA: depth, RowB: count, RowC: pixels, RowResidual: pixels, Scale: 1, Residual: bias != nil,
			Batch: []kernel.GemmBatch{{Count: group, A: m / group * depth, B: depth * count, C: m / group * pixels}}}
	})
	if p == nil {
		return false, nil
	}
	y, err := c.output(tensor.Float32, shape...)
	if err != nil {
		return true, err
	}
	var scratch *tensor.Tensor
	if columns != nil {
		if scratch, err = c.New(tensor.Float32, rows, count); err != nil {
			return true, err
		}
	}
	for n := range x.Dim(0) {
		b := imageOf(x, n)
		for done := 0; done < pixels; done += count {
			first := min(done, pixels-count)
			if columns != nil {
				if err := columns(n, first, tensor.Data[float32](scratch), count); err != nil {
					return true, err
				}
				b = scratch
			}
			out := tensor.View(tensor.Float32, imageOf(y, n).Bytes()[4*first:], nil)
			if bias != nil {
				dst := tensor.Data[float32](out)
				for i, b := range tensor.Data[float32](bias) {
					row := dst[i*pixels:][:count]
					for j := range row {
						row[j] = b
					}
				}
				p.mem.Residual = addressOf(out)
			}
			if err := p.run(c, out, w, b); err != nil {
				return true, err
			}
		}
	}
	return true, nil
}

// imageOf returns image n of a batch, without a shape.
func imageOf(t *tensor.Tensor, n int) *tensor.Tensor {
	size := len(t.Bytes()) / t.Dim(0)
	return tensor.View(t.DType(), t.Bytes()[n*size:(n+1)*size], nil)
}

// columns writes a row for each channel and tap, with the pixel that the tap meets in count windows
// from first on, 0 outside the image. dst is [channels taps count].
func (c *Call) columns(s *slide, first, count int, dst, image []float32) error {
	taps := s.taps()
	kh, kw := s.span[1].kernel, s.span[2].kernel
	return c.share(len(dst)/count, 0.3*float64(count)+20, func(from, to int) {
		for i := from; i < to; i++ {
			plane, tap, row := image[i/taps*s.inSize():][:s.inSize()], i%taps, dst[i*count:(i+1)*count]
			lo, hi := s.span[2].inside(tap%kw, s.in[2], s.out[2])
			for len(row) > 0 { // a line of windows, or what belongs to these of it
				pixel := first + count - len(row)
				o, left := pixel/s.out[2], pixel%s.out[2]
				line := row[:min(len(row), s.out[2]-left)]
				row = row[len(line):]
				z := s.span[0].at(o/s.out[1], tap/kw/kh)
				y := s.span[1].at(o%s.out[1], tap/kw%kh)
				lo, hi := min(max(lo-left, 0), len(line)), min(max(hi-left, 0), len(line))
				if lo >= hi || z < 0 || z >= s.in[0] || y < 0 || y >= s.in[1] {
					clear(line)
					continue
				}
				clear(line[:lo])
				clear(line[hi:])
				at, step := (z*s.in[1]+y)*s.in[2]+s.span[2].at(left+lo, tap%kw), s.span[2].stride
				if step == 1 {
					copy(line[lo:hi], plane[at:])
					continue
				}
				for j := range line[lo:hi] {
					line[lo+j] = plane[at+j*step]
				}
			}
		}
	})
}
