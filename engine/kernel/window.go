package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/args"
)

// windowArgs is one call of a window kernel: a row of output pixels.
type windowArgs args.Window

// windowOp is how a window kernel combines the taps.
type windowOp uint8

const (
	windowMax windowOp = iota // the maximum; NaN is the result only if it is the last tap
	windowSum                 // the sum times Scale
	windowDot                 // Bias plus the sum of tap times weight
)

// windowRow is a window kernel.
type windowRow func(op windowOp, a *windowArgs)

func windowLanes(lanes int, op windowOp, a *windowArgs) {
	offsets := unsafe.Slice((*int)(a.Offsets), a.Taps)
	for p := range a.Count {
		in := a.First + p*a.PixelStride
		out := floats(unsafe.Add(a.Out, 4*lanes*p), lanes)
		switch op {
		case windowMax:
			copy(out, floats(unsafe.Add(a.In, in+offsets[0]), lanes))
		case windowSum:
			clear(out)
		case windowDot:
			copy(out, floats(a.Bias, lanes))
		}
		for t, offset := range offsets {
			x := floats(unsafe.Add(a.In, in+offset), lanes)
			switch op {
			case windowMax:
				for i := range out {
					if !(out[i] > x[i]) {
						out[i] = x[i]
					}
				}
			case windowSum:
				for i := range out {
					out[i] += x[i]
				}
			case windowDot:
				w := floats(unsafe.Add(a.Weights, 4*lanes*t), lanes)
				for i := range out {
					out[i] += x[i] * w[i]
				}
			}
		}
		switch op {
		case windowSum:
			for i := range out {
				out[i] *= a.Scale
			}
		case windowDot:
			for i := range out {
				out[i] = clip(out[i], a.Low, a.High)
			}
		}
	}
}

// windowSpan is a run of output columns whose windows have the same kernel columns inside
// the picture, with the offsets of their taps, kernel row by kernel row. A window of 3 with
// padding 1 has three spans: the first column, all but the ends, and the last column.
type windowSpan struct {
	x, w    int
	columns int // kernel columns inside
	offsets []int
}

// windowSpans cuts a row of outW outputs into spans. With whole, windows include all
// kernel columns, because the halo of the input covers the padding.
func windowSpans(in *Layout, outW, kernelH, kernelW, stride, dilationH, dilationW, pad int, whole bool) []windowSpan {
	var spans []windowSpan
	last := [2]int{-1, -1}
	pixel := in.Format.PixelBytes()
	for x := range outW {
		first, end := 0, kernelW
		if !whole {
			first, end = windowInside(x*stride-pad, kernelW, dilationW, in.W)
		}
		if key := [2]int{first, end}; key != last || spans[len(spans)-1].w == maxUnit {
			last = key
			s := windowSpan{x: x, columns: end - first}
			for ky := range kernelH {
				for kx := first; kx < end; kx++ {
					s.offsets = append(s.offsets, (ky*dilationH*in.Pitch+kx*dilationW)*pixel)
				}
			}
			spans = append(spans, s)
		}
		spans[len(spans)-1].w++
	}
	return spans
}

// windowInside returns the taps [first, end) of a window that begins at pixel at which are
// inside [0, size).
func windowInside(at, kernel, dilation, size int) (first, end int) {
	if at < 0 {
		first = (-at + dilation - 1) / dilation
	}
	if at < size {
		end = min(kernel, (size-1-at)/dilation+1)
	}
	return min(first, end), end
}
