package kernel

import (
	"math/rand"
	"testing"
	"unsafe"

	"github.com/visionzoo/vision/internal/fence"
)

// fenced returns n bytes that end right before a page without access, so that kernels that
// read or write too far fault; see TestAfterFence.
var fenced = fence.Before[byte]

// fencedFloats copies src there: before the fence to an unaligned address, as in a mapped
// file.
func fencedFloats(tb testing.TB, src []float32) []float32 {
	tb.Helper()
	if len(src) == 0 {
		return src
	}
	b := fenced(tb, 4*len(src)+1)
	copy(b, unsafe.Slice((*byte)(unsafe.Pointer(&src[0])), 4*len(src)))
	return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(src))
}

// TestAfterFence repeats tests with operands that begin right after a page without access.
func TestAfterFence(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as the tests that it repeats; run without -short")
	}
	fenced = fence.After[byte]
	defer func() { fenced = fence.Before[byte] }()
	for name, test := range map[string]func(*testing.T){
		"Conv": TestConv, "ConvEveryWidth": TestConvEveryWidth, "Depthwise": TestDepthwise, "WinogradEverySize": TestWinogradEverySize,
		"Pool": TestPool, "Resize": TestResize, "Convert": TestConvert, "RowKernels": TestRowKernels, "RowKernelsOfPixels": TestRowKernelsOfPixels,
		"RowKernelsOfPlanes": TestRowKernelsOfPlanes, "WindowKernels": TestWindowKernels, "ByteRows": TestByteRows, "QConv": TestQConv,
		"Gemm": TestGemm, "GemmNarrowInPlace": TestGemmNarrowInPlace, "TileConv": TestTileConv,
	} {
		t.Run(name, test)
	}
}

// canvas is a layout with memory beside a fence.
type canvas struct {
	Layout
	data []byte
}

// newCanvas fills the memory with NaN, so that reads of memory that was not written are
// noticed.
func newCanvas(tb testing.TB, l Layout) *canvas {
	c := &canvas{l, fenced(tb, l.Size())}
	for i := range c.data {
		c.data[i] = 0xff
	}
	return c
}

func alignedBytes(n int) []byte {
	f := alignedFloats((n + 3) / 4)
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&f[0])), n)
}

func (c *canvas) base() unsafe.Pointer { return unsafe.Pointer(&c.data[0]) }

func (c *canvas) get(n, ch, y, x int) float32    { return c.Layout.get(c.base(), n, ch, y, x) }
func (c *canvas) set(n, ch, y, x int, v float32) { c.Layout.set(c.base(), n, ch, y, x, v) }

// numbers returns the numbers as [N][C][H][W].
func (c *canvas) numbers() []float32 {
	all := make([]float32, 0, c.N*c.C*c.H*c.W)
	for n := range c.N {
		for ch := range c.C {
			for y := range c.H {
				for x := range c.W {
					all = append(all, c.get(n, ch, y, x))
				}
			}
		}
	}
	return all
}

// randomize writes normally distributed numbers, also to channels after the last one, and
// zeros to the halo.
func (c *canvas) randomize(rng *rand.Rand) *canvas {
	for n := range c.N {
		for ch := range c.Blocks() * c.Format.Channels() {
			for y := range c.H {
				for x := range c.W {
					c.set(n, ch, y, x, float32(rng.NormFloat64()))
				}
			}
		}
		for b := range c.Blocks() {
			c.clearAround(unsafe.Pointer(&c.data[c.At(n, b*c.Format.Channels())]), 0, c.H)
		}
	}
	return c
}

// check fails the test unless the halo is zero.
func (c *canvas) check(t *testing.T) {
	t.Helper()
	pixel := c.Format.PixelBytes()
	for n := range c.N {
		for b := range c.Blocks() {
			plane := c.data[c.At(n, b*c.Format.Channels()):]
			for y := -c.Top; y < c.H+c.Bottom; y++ {
				for x := -c.Left; x < c.W+c.Right; x++ {
					if y >= 0 && y < c.H && x >= 0 && x < c.W {
						continue
					}
					for _, v := range plane[c.Pixel(y, x):][:pixel] {
						if v != c.Fill {
							t.Fatalf("%v: halo pixel %d,%d of block %d is not clear", c.Layout, y, x, b)
						}
					}
				}
			}
		}
	}
}

// run runs all chunks of a work in reverse order, which must make no difference.
func run(tb testing.TB, w Work, m Memory) {
	if w.Scratch > 0 {
		m.Scratch = unsafe.Pointer(&fenced(tb, roundUp(w.Scratch, cacheLine))[0])
	}
	for _, s := range w.Steps {
		for i := s.Chunks() - 1; i >= 0; i-- {
			s.Run(i, &m)
		}
	}
}

func normals(n int, rng *rand.Rand) []float32 {
	f := make([]float32, n)
	for i := range f {
		f[i] = float32(rng.NormFloat64())
	}
	return f
}
