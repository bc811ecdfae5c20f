//go:build (amd64 || arm64) && !purego

package kernel

import (
	"slices"
	"unsafe"
)

// widenBytes copies the input to the scratch, 16 bits a code.
type widenBytes struct{ size int }

// widenEach is the bytes of a chunk.
const widenEach = 1 << 17

func (s *widenBytes) Chunks() int { return (s.size + widenEach - 1) / widenEach }

func (s *widenBytes) Run(chunk int, m *Memory) {
	from := chunk * widenEach
	wideBytes(unsafe.Add(m.Scratch, 2*from), unsafe.Add(m.In, from), min(widenEach, s.size-from))
}

// qconvOffsets are where the inputs of each step lie.
func qconvOffsets(c *QConv, w *QConvWeights) []int {
	conv := c.Conv
	if c.In.Format == U8x4 { // 64 bytes hold a whole row of taps
		conv.KernelW = 1
	}
	offsets := stepOffsets(&conv)
	return slices.Repeat(offsets, w.times)
}

// stepOffsets lists where each channel block and tap lies from a row's first
// tap, in the order of the packed weights.
func stepOffsets(c *Conv) []int {
	var offsets []int
	size := c.In.Format.PixelBytes()
	blocks := (c.In.C/c.Group + c.In.Format.Channels() - 1) / c.In.Format.Channels()
	for b := range blocks {
		for y := range c.KernelH {
			for x := range c.KernelW {
				offsets = append(offsets, b*c.In.Block+(y*c.DilationH*c.In.Pitch+x*c.DilationW)*size)
			}
		}
	}
	return offsets
}

// depthOffsets are the bytes from the first tap to each.
func depthOffsets(c *QConv) []int {
	var offsets []int
	for y := range c.KernelH {
		for x := range c.KernelW {
			offsets = append(offsets, (y*c.DilationH*c.In.Pitch+x*c.DilationW)*64)
		}
	}
	return offsets
}
