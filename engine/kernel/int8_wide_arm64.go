//go:build !purego

package kernel

import (
	"math"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/args"
	"github.com/visionzoo/vision/engine/kernel/arm64"
)

// wideQConvs are the integer convolutions of NEON without dot products of bytes:
// codes are widened to 16 bits, and products are accumulated in int32 (SMLAL).
var wideQConvs = qconvKernels{fast: true, wide: true, plan: func(_ *Rung, c *QConv, w *QConvWeights) (Work, error) {
	s := newWideQConv(c, w)
	if w.form == qconvWideDepth {
		return Work{Steps: []Step{s}}, nil
	}
	return Work{Steps: []Step{&widenBytes{c.In.Size()}, s}, Scratch: 2 * c.In.Size()}, nil
}}

// wideTile is one call of a kernel of integer convolutions on NEON.
type wideTile args.WideTile

// wideQConv is a planned convolution: a chunk computes some rows of s.outs outputs.
type wideQConv struct {
	conv    QConv
	weights *QConvWeights
	offsets []int
	outs    int // outputs that a call computes: 16, or 64 if the convolution is depthwise
	groupIn int // bytes from the input of a group of the convolution to the next
	each    int // rows in a chunk
	chunks  int // per plane
}

func newWideQConv(c *QConv, w *QConvWeights) *wideQConv {
	s := &wideQConv{conv: *c, weights: w, outs: 16}
	s.offsets = qconvOffsets(c, w)
	time := float64(len(s.offsets)) * 32 * 0.7
	if w.form == qconvWideDepth {
		s.outs, s.offsets = 64, depthOffsets(c)
		time = float64(len(s.offsets)) * 8
	} else {
		for i := range s.offsets {
			s.offsets[i] *= 2
		}
		if c.Group > 1 {
			s.groupIn = 2 * (c.In.C / c.Group / 64 * c.In.Block)
		}
	}
	s.each = min(c.Out.H, max(1, int(chunkTime/(time*float64(c.Out.W)))))
	s.chunks = (c.Out.H + s.each - 1) / s.each
	return s
}

func (s *wideQConv) Chunks() int {
	return s.conv.Out.N * ((s.conv.Out.C + s.outs - 1) / s.outs) * s.chunks
}

func (s *wideQConv) Run(chunk int, m *Memory) {
	c := &s.conv
	rows := chunk % s.chunks
	groups := (c.Out.C + s.outs - 1) / s.outs
	n, group := chunk/s.chunks/groups, chunk/s.chunks%groups
	var sums [6 * 16]int32
	a := wideTile{Weights: unsafe.Pointer(&s.weights.data[group*s.weights.panel]), Sums: unsafe.Pointer(&sums), Offsets: &s.offsets[0], Steps: len(s.offsets)}
	first, last := rows*s.each, min((rows+1)*s.each, c.Out.H)
	plane := unsafe.Add(m.Out, c.Out.At(n, s.outs*group))
	for y := first; y < last; y++ {
		if s.outs == 64 {
			s.depthRow(&a, &sums, m, n, group, y, plane)
		} else {
			s.row(&a, &sums, m, n, group, y, plane)
		}
	}
	each := c.Out.Format.Channels()
	for co := roundUp(s.outs*group, each); co < min(s.outs*(group+1), c.Out.C); co += each {
		c.Out.clearAround(unsafe.Add(m.Out, c.Out.At(n, co)), first, last)
	}
}

// finishFloats is finish for outputs of 32 bits.
func (s *wideQConv) finishFloats(sums []int32, first int, dst, ends unsafe.Pointer) {
	c := &s.conv
	for i, sum := range sums[:min(len(sums), c.Out.C-first)] {
		*(*uint32)(unsafe.Add(dst, i/8*c.Out.Block+4*(i%8))) = c.finishFloats(sum, first+i, ends)
	}
}

// row computes a row of 16 outputs, six pixels at a time. The last six end with the
// row, so some of them may be computed twice; rows of fewer than six pixels are
// computed pixel by pixel.
func (s *wideQConv) row(a *wideTile, sums *[96]int32, m *Memory, n, group, y int, plane unsafe.Pointer) {
	c := &s.conv
	a.RowStride = 2 * c.StrideW * c.In.Format.PixelBytes()
	in := unsafe.Add(m.Scratch, 2*n*c.In.Image+group*16/(c.Out.C/c.Group)*s.groupIn)
	for x := 0; x < c.Out.W; {
		count, start := 1, x
		if c.Out.W >= 6 {
			count, start = 6, min(x, c.Out.W-6)
		}
		a.In = unsafe.Add(in, 2*(c.In.Pixel(y*c.StrideH-c.PadTop, start*c.StrideW-c.PadLeft)))
		if count == 6 {
			wideTile6(a)
		} else {
			wideTile1(a)
		}
		for r := range count {
			at := c.Out.Pixel(y, start+r)
			if c.Floats != nil {
				s.finishFloats(sums[16*r:][:16], 16*group, unsafe.Add(plane, at), m.Ends)
				continue
			}
			s.finish(sums[16*r:][:16], 16*group, unsafe.Add(plane, at+16*group%64))
		}
		x = start + count
	}
}

// depthRow computes a row of 64 depthwise outputs.
func (s *wideQConv) depthRow(a *wideTile, sums *[96]int32, m *Memory, n, block, y int, plane unsafe.Pointer) {
	c := &s.conv
	in := unsafe.Add(m.In, c.In.At(n, 64*block))
	for x := range c.Out.W {
		a.In = unsafe.Add(in, c.In.Pixel(y*c.StrideH-c.PadTop, x*c.StrideW-c.PadLeft))
		wideDepth(a)
		s.finish(sums[:64], 64*block, unsafe.Add(plane, c.Out.Pixel(y, x)))
	}
}

// finish requantises the sums of one pixel, of outputs from first on.
func (s *wideQConv) finish(sums []int32, first int, dst unsafe.Pointer) {
	c, w := &s.conv, s.weights
	n := min(len(sums), c.Out.C-first)
	bias, scales := w.bias[first:][:n], w.scales[first:][:n]
	zero := float64(c.OutZero)
	codes := bytesAt(dst, n)
	for i := range codes {
		v := math.RoundToEven(float64(float32(sums[i]+bias[i])*scales[i])) + zero
		codes[i] = uint8(min(max(v, 0), 255))
	}
}

func wideBytes(dst, src unsafe.Pointer, n int) { arm64.WidenBytes(dst, src, n) }

func wideTile6(a *wideTile) { arm64.WideTile6((*arm64.WideTile)(a)) }

func wideTile1(a *wideTile) { arm64.WideTile1((*arm64.WideTile)(a)) }

func wideDepth(a *wideTile) { arm64.WideDepth((*arm64.WideTile)(a)) }
