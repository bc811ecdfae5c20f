package kernel

import "unsafe"

// laneKernels are the kernels of a rung on pixels of one vector: of 8 or of 16 float32, its
// lanes. A rung has all of them, or those of the rung below.
type laneKernels struct {
	// ConvTile computes register tiles of a convolution.
	ConvTile convTile

	// Winograd has the transforms of F(4x4, 3x3), SmallWinograd those of F(2x2, 3x3).
	Winograd, SmallWinograd winogradUnit

	// WindowRow computes a row of pixels from windows of pixels.
	WindowRow windowRow

	// DepthRow computes a row of a depthwise convolution for which depthRowFits reports
	// true.
	DepthRow depthRow

	// Broadcast does what Rung.AddRow, SubRow and MulRow do with pixels at a and a single
	// pixel at b.
	Broadcast broadcasts

	// SumRow adds pixels to the pixel at sum.
	SumRow func(sum, src unsafe.Pointer, pixels int)

	// ScaleRows sets rows of one to three vectors to the rows at src, each multiplied by
	// its number at scale; there is at least one row. dst may be src.
	ScaleRows func(dst, src, scale unsafe.Pointer, rows, vecs int)

	// Interleave converts planes, plane bytes apart, to pixels; channels after the given
	// number are set to 0. Deinterleave converts pixels to that number of planes.
	Interleave, Deinterleave func(dst, src unsafe.Pointer, plane, channels, pixels int)

	// Shuffle chooses the numbers of pixels from those of two pixels side by side: number
	// i is number lanes[i] (of int32) of a's and b's. Where that is negative, it is 0 if
	// rest is 0, else as it was. dst may be a or b.
	Shuffle func(dst, a, b, lanes unsafe.Pointer, rest, pixels int)
}

// lanes returns the kernels on pixels of 8 or 16 numbers.
func (r *Rung) lanes(width int) *laneKernels {
	if width == 8 {
		return &r.Lanes8
	}
	return &r.Lanes16
}

// plainLanes returns the twins.
func plainLanes(lanes int) laneKernels {
	return laneKernels{
		ConvTile: plainConvTile(lanes), Winograd: plainWinograd(lanes), SmallWinograd: plainSmallWinograd(lanes),
		WindowRow: func(op windowOp, a *windowArgs) { windowLanes(lanes, op, a) },
		DepthRow:  func(kernelW, stride int, a *windowArgs) { depthLanes(lanes, kernelW, stride, a) },
		Broadcast: plainBroadcasts(lanes),
		SumRow:    func(sum, src unsafe.Pointer, pixels int) { sumLanes(lanes, sum, src, pixels) },
		ScaleRows: func(dst, src, scale unsafe.Pointer, rows, vecs int) { scaleRows(dst, src, scale, rows, lanes*vecs) },
		Interleave: func(dst, src unsafe.Pointer, plane, channels, pixels int) {
			interleaveLanes(lanes, dst, src, plane, channels, pixels)
		},
		Deinterleave: func(dst, src unsafe.Pointer, plane, channels, pixels int) {
			deinterleaveLanes(lanes, dst, src, plane, channels, pixels)
		},
		Shuffle: plainShuffle(lanes),
	}
}
