package kernel

import (
	"math/rand"
	"testing"
	"unsafe"
)

// canvas is a layout with memory, and guard bytes after it.
type canvas struct {
	Layout
	data []byte
}

const guardBytes, guardByte = 256, 0xa5

// newCanvas fills the memory with NaN, so that reads of memory that was not written are
// noticed.
func newCanvas(l Layout) *canvas {
	n := l.Size()
	c := &canvas{l, alignedBytes(n + guardBytes)}
	for i := range c.data {
		c.data[i] = 0xff
		if i >= n {
			c.data[i] = guardByte
		}
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

// check fails the test unless the halo is zero and the guard is unchanged.
func (c *canvas) check(t *testing.T) {
	t.Helper()
	for i, b := range c.data[c.Size():] {
		if b != guardByte {
			t.Fatalf("%v: guard byte %d behind the layout was written", c.Layout, i)
		}
	}
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
func run(w Work, m Memory) {
	if w.Scratch > 0 {
		m.Scratch = unsafe.Pointer(&alignedBytes(w.Scratch)[0])
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
