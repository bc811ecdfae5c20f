//go:build (amd64 || arm64) && !purego

package kernel

import "unsafe"

// widenBytes is a step that copies the input to the scratch, with 16 bits per code.
type widenBytes struct{ size int }

// widenEach is the number of bytes that a chunk widens.
const widenEach = 1 << 17

func (s *widenBytes) Chunks() int { return (s.size + widenEach - 1) / widenEach }

func (s *widenBytes) Run(chunk int, m *Memory) {
	from := chunk * widenEach
	wideBytes(unsafe.Add(m.Scratch, 2*from), unsafe.Add(m.In, from), min(widenEach, s.size-from))
}

// qconvOffsets returns the offset of the input of each step of the K loop of a dense
// convolution, in bytes.
func qconvOffsets(c *QConv, w *QConvWeights) []int {
	conv := c.Conv
	if c.In.Format == U8x4 { // the 64 bytes of a step hold a complete kernel row
		conv.KernelW = 1
	}
	offsets := stepOffsets(&conv)
	for _, step := range w.repeated {
		offsets = append(offsets, offsets[step])
	}
	return offsets
}

// stepOffsets returns the offset of each channel block and tap from the first tap of
// a pixel, in bytes, in the order of the packed weights.
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

// depthOffsets returns the offset of each tap from the first, in bytes.
func depthOffsets(c *QConv) []int {
	var offsets []int
	for y := range c.KernelH {
		for x := range c.KernelW {
			offsets = append(offsets, (y*c.DilationH*c.In.Pitch+x*c.DilationW)*64)
		}
	}
	return offsets
}
