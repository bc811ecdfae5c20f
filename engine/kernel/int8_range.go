package kernel

import (
	"fmt"
	"math"
	"unsafe"
)

// Numbers that are quantised when they are at hand get a scale and a zero point from their range:
// scan finds that of each chunk of rows, scaleOfRange joins them. DynamicRound needs nothing else,
// a Dynamic (int8_dynamic.go) multiplies the codes.

// scan finds the smallest and the largest number, 0 included, of some rows.
type scan struct {
	rows
	from Layout
	rung *Rung
	at   int
}

func newScan(r *Rung, from *Layout) *scan {
	s := &scan{from: *from, rung: r}
	s.rows = everyChannel(*from, 0.06)
	return s
}

// everyChannel cuts the rows of a layout into chunks, each with all channels.
// time is for a number, in nanoseconds.
func everyChannel(l Layout, time float64) rows {
	flat := l
	flat.C = 1
	s := newRows(flat, time*float64(l.C))
	s.planes = 1
	return s
}

// Run is part of Step.
func (s *scan) Run(chunk int, m *Memory) {
	var low, high float32
	each := s.from.Format.Channels()
	s.runs(chunk, func(n, _, top, count int) {
		if s.from.H*s.from.W == 1 && s.from.Format == Planar {
			low, high = s.rung.Widened(floats(unsafe.Add(m.In, n*s.from.Image), s.from.C), low, high)
			return
		}
		for c := 0; c < s.from.C; c += each {
			plane := unsafe.Add(m.In, s.from.At(n, c))
			if c+each > s.from.C { // the other channels are undefined
				low, high = s.firstChannels(plane, s.from.C-c, top, count, low, high)
				continue
			}
			first := s.from.Pixel(top, 0)
			size := s.from.Pixel(top+count-1, s.from.W) - first // the halo in between is 0
			low, high = s.rung.Widened(floats(unsafe.Add(plane, first), size/4), low, high)
		}
	})
	*(*[2]float32)(unsafe.Add(m.Scratch, s.at+8*chunk)) = [2]float32{low, high}
}

// Widened widens a range to the numbers of x. NaN counts as nothing.
func (r *Rung) Widened(x []float32, low, high float32) (float32, float32) {
	least, most := r.Vec.Smallest(x), r.Vec.Largest(x)
	if least == least && most == most {
		return min(low, least), max(high, most)
	}
	for _, v := range x {
		low, high = widened(low, high, v)
	}
	return low, high
}

// firstChannels is Widened by the first channels of a block.
func (s *scan) firstChannels(plane unsafe.Pointer, channels, top, count int, low, high float32) (float32, float32) {
	for y := top; y < top+count; y++ {
		for x := range s.from.W {
			for _, v := range floats(unsafe.Add(plane, s.from.Pixel(y, x)), channels) {
				low, high = widened(low, high, v)
			}
		}
	}
	return low, high
}

// widened is the range with v in it, unless v is NaN.
func widened(low, high, v float32) (float32, float32) {
	if v < low {
		low = v
	}
	if v > high {
		high = v
	}
	return low, high
}

// dynamicHead is what the range of the numbers gives; it lies at the beginning of the
// scratch.
type dynamicHead struct {
	scale float32
	zero  uint8
}

// frame returns a frame whose row codes numbers.
func (h *dynamicHead) frame() *byteFrame {
	f := byteFrames.Get().(*byteFrame)
	f.row = byteRow{RatioA: h.scale, OffOut: int32(h.zero), Low: -float32(h.zero), High: 255 - float32(h.zero)}
	return f
}

// DynamicScale is the scale and the zero point for numbers from low to high, 0 among
// them, as DynamicQuantizeLinear defines them. Without any other number they are 1 and
// 0.
func DynamicScale(low, high float32) (scale float32, zero uint8) {
	if scale = (high - low) / 255; !(scale > 0) {
		return 1, 0
	}
	return scale, uint8(math.RoundToEven(float64(min(max(-low/scale, 0), 255))))
}

// scaleOfRange computes the scale and the zero point from the ranges of all chunks.
type scaleOfRange struct{ ranges, count int }

func (s *scaleOfRange) Chunks() int { return 1 }

func (s *scaleOfRange) Run(_ int, m *Memory) {
	var low, high float32
	for _, v := range floats(unsafe.Add(m.Scratch, s.ranges), 2*s.count) {
		low, high = widened(low, high, v)
	}
	h := (*dynamicHead)(m.Scratch)
	h.scale, h.zero = DynamicScale(low, high)
}

// DynamicRound plans the rounding of numbers in blocks to what the codes of
// DynamicQuantizeLinear stand for.
func (r *Rung) DynamicRound(from, to Layout) (Work, error) {
	if !from.Format.blockedF32() || from.Format != to.Format {
		return Work{}, fmt.Errorf("round %v to %v: no kernel", &from, &to)
	}
	if err := sameShape(&from, &to); err != nil {
		return Work{}, err
	}
	scan := newScan(r, &from)
	scan.at = cacheLine
	return Work{Steps: []Step{scan, &scaleOfRange{scan.at, scan.Chunks()}, &rounding{everyChannel(to, 0.2), from, to, r}},
		Scratch: cacheLine + roundUp(8*scan.Chunks(), cacheLine)}, nil
}

type rounding struct {
	rows
	from, to Layout
	rung     *Rung
}

// Run is part of Step.
func (s *rounding) Run(chunk int, m *Memory) {
	h := (*dynamicHead)(m.Scratch)
	f := h.frame()
	lanes := s.to.Format.Channels()
	s.each(chunk, func(n, _, y int) {
		for c := 0; c < s.to.C; c += lanes {
			plane := unsafe.Add(m.Out, s.to.At(n, c))
			for x := 0; x < s.to.W; x += codedPixels {
				row, count := f.row, lanes*min(codedPixels, s.to.W-x)
				f.row.Dst, f.row.A, f.row.Count = unsafe.Pointer(&f.codes), unsafe.Add(m.In, s.from.At(n, c)+s.from.Pixel(y, x)), count
				s.rung.Bytes.Quantize(&f.row)
				f.row = byteRow{Dst: unsafe.Add(plane, s.to.Pixel(y, x)), A: unsafe.Pointer(&f.codes), Count: count, OffA: int32(h.zero), RatioA: h.scale}
				s.rung.Bytes.Widen(&f.row)
				f.row = row
			}
			s.to.clearAround(plane, y, y+1)
		}
	})
	f.free()
}
