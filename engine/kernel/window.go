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

// windowSpans cuts a row of outputs into spans; source is what the windows read.
func (p *Pool) windowSpans(source *Layout) []windowSpan {
	var spans []windowSpan
	last := [2]int{-1, -1}
	for x := range p.Out.W {
		first, end := windowInside(x*p.StrideW-p.PadLeft, p.KernelW, p.DilationW, source.W)
		if key := [2]int{first, end}; key != last || spans[len(spans)-1].w == maxUnit {
			last = key
			spans = append(spans, windowSpan{x: x, columns: end - first, offsets: source.taps(p.KernelH, p.DilationH, first, end, p.DilationW)})
		}
		spans[len(spans)-1].w++
	}
	return spans
}

// taps returns the offsets of the taps of a window in the given number of rows and in columns
// [first, end), in bytes, row by row.
func (l *Layout) taps(rows, dilationH, first, end, dilationW int) (offsets []int) {
	for y := range rows {
		for x := first; x < end; x++ {
			offsets = append(offsets, (y*dilationH*l.Pitch+x*dilationW)*l.Format.PixelBytes())
		}
	}
	return offsets
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
