//go:build (amd64 || arm64) && !purego

package kernel

import (
	"sync"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/args"
)

// depthwiseQConv is a planned depthwise convolution: a chunk computes some rows of a
// block of 64 channels. Kernels multiply a group of taps of a channel with one instruction,
// four where they multiply bytes and two where they multiply 16 bits. Where they multiply
// bytes, the groups of a 3x3 kernel are its three columns, each with a fourth tap of weight 0.
type depthwiseQConv struct {
	conv    QConv
	weights *QConvWeights
	kernel  func(a *args.DepthwiseArgs)
	offsets []int // of each tap, those of weight 0 included
	groups  int   // of taps
	each    int   // rows in a chunk
	chunks  int   // of a plane
}

func newDepthwiseQConv(c *QConv, w *QConvWeights, tiles byteTiles) *depthwiseQConv {
	s := &depthwiseQConv{conv: *c, weights: w, kernel: tiles.depthwise, offsets: make([]int, w.depthTaps())}
	for t, offset := range depthOffsets(c) {
		for k := range w.parts {
			s.offsets[w.depthTap(t, k)] = offset // the other offsets stay 0, like their weights
		}
	}
	s.groups = len(s.offsets) / 4
	if w.form == qconvPairDepth {
		s.groups = len(s.offsets) / 2
	}
	row := tiles.slow * float64(c.Out.W*len(s.offsets)) * 0.9
	if w.parts == 1 && c.KernelH == 3 && c.KernelW == 3 && c.DilationW == 1 && c.StrideW <= 2 && tiles.depthwise3[c.StrideW-1] != nil {
		s.kernel = tiles.depthwise3[c.StrideW-1]
		row = tiles.slow * float64(c.Out.W) * 8
	}
	s.each = min(c.Out.H, max(1, int(chunkTime/row)))
	s.chunks = (c.Out.H + s.each - 1) / s.each
	return s
}

func (s *depthwiseQConv) Chunks() int { return s.conv.Out.N * s.conv.Out.Blocks() * s.chunks }

func (s *depthwiseQConv) Run(chunk int, m *Memory) {
	c, w := &s.conv, s.weights
	first := chunk % s.chunks * s.each
	last := min(first+s.each, c.Out.H)
	n, b := chunk/s.chunks/c.Out.Blocks(), chunk/s.chunks%c.Out.Blocks()
	in := unsafe.Add(m.In, n*c.In.Image+b*c.In.Block)
	out := unsafe.Add(m.Out, n*c.Out.Image+b*c.Out.Block)
	a := depthFrames.Get().(*args.DepthwiseArgs)
	*a = args.DepthwiseArgs{
		Weights: unsafe.Pointer(&w.data[b*w.panel]), Bias: unsafe.Pointer(&w.ends[512*b]),
		Offsets: &s.offsets[0], Groups: s.groups, PixelStride: 64 * c.StrideW, Pixels: c.Out.W,
		Zero: int16(c.OutZero),
	}
	for y := first; y < last; y++ {
		a.In = unsafe.Add(in, c.In.Pixel(y*c.StrideH-c.PadTop, -c.PadLeft))
		a.Out = unsafe.Add(out, c.Out.Pixel(y, 0))
		s.kernel(a)
	}
	*a = args.DepthwiseArgs{}
	depthFrames.Put(a)
	c.Out.clearAround(out, first, last)
}

// depthFrames holds arguments of calls through a function value: these escape, and
// would be allocated at each run.
var depthFrames = sync.Pool{New: func() any { return new(args.DepthwiseArgs) }}

// Spans is part of Local.
func (s *depthwiseQConv) Spans(chunk int) (reads, writes RowSpan) {
	c := &s.conv
	if c.In.N > 1 {
		return EveryRow, EveryRow
	}
	first := chunk % s.chunks * s.each
	rows := RowSpan{first, min(first+s.each, c.Out.H)}
	return c.reads(rows), c.Out.around(rows)
}
