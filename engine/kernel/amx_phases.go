//go:build amd64 && !purego

package kernel

import "unsafe"

// phases is a step that sorts the input of a strided convolution into phases: pixels
// whose row and column have the same remainders modulo the stride become a plane of
// their own. With a stride of 2,
//
//	a b a b a b        a a a   b b b
//	c d c d c d  ───▶  a a a   b b b
//	a b a b a b
//	c d c d c d        c c c   d d d
//	                   c c c   d d d
//
// On these planes the convolution has stride 1, and each tap reads one of them: of 3x3 taps
// without padding, the four corners read a, the middle one reads d. Without it, a tile could
// not continue from one row of outputs to the next, because its rows have a fixed distance in
// memory: of outputs 7 pixels wide, more than half of each tile would be empty.
type phases struct {
	from             Layout
	strideH, strideW int
	conv             Conv // of stride 1, on the sorted input
	planes           []phase
	taps             []int // bytes from a block of the sorted input to the first pixel of each tap
}

// phase is a plane: its offset in its block in bytes, its size, and the pixel of the
// input with which it begins.
type phase struct{ at, h, w, y, x int }

// sortPhases plans the sorting of the input of c.
func sortPhases(c *Conv) *phases {
	p := &phases{from: c.In, strideH: c.StrideH, strideW: c.StrideW, conv: *c}
	size := c.In.Format.PixelBytes()
	shiftsY, mostY := shifts(c.KernelH, c.DilationH, c.StrideH)
	shiftsX, mostX := shifts(c.KernelW, c.DilationW, c.StrideW)
	in := Layout{Format: c.In.Format, N: c.In.N, C: c.In.C, H: c.Out.H + mostY, W: c.Out.W + mostX, Pitch: c.Out.W + mostX}
	begins := map[[2]int]int{}
	for y, shiftY := range shiftsY {
		for x, shiftX := range shiftsX {
			if shiftY < 0 || shiftX < 0 {
				continue
			}
			begins[[2]int{y, x}] = in.Block
			p.planes = append(p.planes, phase{in.Block, c.Out.H + shiftY, c.Out.W + shiftX, y - c.PadTop, x - c.PadLeft})
			in.Block += in.H * in.Pitch * size
		}
	}
	in.Image = in.Blocks() * in.Block
	for y := 0; y < c.KernelH*c.DilationH; y += c.DilationH {
		for x := 0; x < c.KernelW*c.DilationW; x += c.DilationW {
			begin := begins[[2]int{y % c.StrideH, x % c.StrideW}]
			p.taps = append(p.taps, begin+(y/c.StrideH*in.Pitch+x/c.StrideW)*size)
		}
	}
	p.conv.In, p.conv.StrideH, p.conv.StrideW, p.conv.PadTop, p.conv.PadLeft = in, 1, 1, 0, 0
	return p
}

// shifts returns, for each remainder modulo the stride, by how many pixels its plane
// must exceed the size of the output, or -1 if no tap has that remainder, and the
// largest of these numbers.
func shifts(kernel, dilation, stride int) (most []int, all int) {
	most = make([]int, stride)
	for i := range most {
		most[i] = -1
	}
	for t := 0; t < kernel*dilation; t += dilation {
		most[t%stride] = t / stride
		all = t / stride
	}
	return most, all
}

// offsets returns the offset of each channel block and tap from a pixel, in bytes, in
// the order of the packed weights.
func (p *phases) offsets() []int {
	var offsets []int
	blocks := (p.conv.In.C/p.conv.Group + p.from.Format.Channels() - 1) / p.from.Format.Channels()
	for b := range blocks {
		for _, tap := range p.taps {
			offsets = append(offsets, b*p.conv.In.Block+tap)
		}
	}
	return offsets
}

// time estimates how long the sorting of one block takes, in nanoseconds.
func (p *phases) time() float64 {
	return 4 * float64(p.conv.In.Block/p.from.Format.PixelBytes())
}

// Chunks returns one chunk for each block of channels of each picture.
func (p *phases) Chunks() int { return p.from.N * p.from.Blocks() }

// Run sorts the pixels of one block.
func (p *phases) Run(chunk int, m *Memory) {
	n, b := chunk/p.from.Blocks(), chunk%p.from.Blocks()
	from := unsafe.Add(m.In, n*p.from.Image+b*p.from.Block)
	to := unsafe.Add(m.Scratch, n*p.conv.In.Image+b*p.conv.In.Block)
	if p.from.Format == Split32 {
		sortPlanes[[128]byte](p, from, to)
	} else {
		sortPlanes[[64]byte](p, from, to)
	}
}

// sortPlanes copies the pixels of all planes of a block.
func sortPlanes[pixel [64]byte | [128]byte](p *phases, from, to unsafe.Pointer) {
	size := p.from.Format.PixelBytes()
	for _, plane := range p.planes {
		for y := range plane.h {
			in := unsafe.Add(from, p.from.Pixel(plane.y+y*p.strideH, plane.x))
			out := unsafe.Add(to, plane.at+y*p.conv.In.Pitch*size)
			for x := range plane.w {
				*(*pixel)(unsafe.Add(out, x*size)) = *(*pixel)(unsafe.Add(in, x*p.strideW*size))
			}
		}
	}
}
