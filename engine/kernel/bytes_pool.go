package kernel

import (
	"fmt"
	"math"
	"unsafe"
)

// ByteMax plans a max pool of codes between layouts of U8x64. Padding is ignored; a
// window of nothing but padding gives 0.
func (r *Rung) ByteMax(p Pool) (Work, error) {
	if err := checkBytePool(&p); err != nil {
		return Work{}, err
	}
	s := &byteMaxStep{Pool: p, kernel: r.Bytes.Max}
	s.spans = p.windowSpans(&s.In)
	s.rows = newRows(p.Out, 1+0.5*float64(p.KernelH*p.KernelW))
	return Work{Steps: []Step{s}}, nil
}

// checkBytePool returns an error for a pool that the kernels on codes do not support.
func checkBytePool(p *Pool) error {
	if p.In.Format != U8x64 || p.Out.Format != U8x64 || p.In.N != p.Out.N || p.In.C != p.Out.C {
		return fmt.Errorf("pool of %v to %v: want bytes in blocks of 64, of as many pictures and channels", p.In, p.Out)
	}
	if min(p.KernelH, p.KernelW, p.StrideH, p.StrideW, p.DilationH, p.DilationW) < 1 {
		return fmt.Errorf("pool of %v: every size must be at least 1", p.In)
	}
	return nil
}

type byteMaxStep struct {
	rows
	Pool
	kernel func(*byteRow)
	spans  []windowSpan
}

// Run is part of Step.
func (s *byteMaxStep) Run(chunk int, m *Memory) {
	f := byteFrames.Get().(*byteFrame)
	s.each(chunk, func(n, plane, y int) {
		in, out := unsafe.Add(m.In, s.In.At(n, 64*plane)), unsafe.Add(m.Out, s.Out.At(n, 64*plane))
		top := y*s.StrideH - s.PadTop
		first, end := windowInside(top, s.KernelH, s.DilationH, s.In.H)
		for i := range s.spans {
			span := &s.spans[i]
			dst := unsafe.Add(out, s.Out.Pixel(y, span.x))
			if first >= end || span.columns == 0 { // all padding: the smallest code
				clear(bytesAt(dst, 64*span.w))
				continue
			}
			f.row = byteRow{Dst: dst, A: in, First: s.In.Pixel(top, span.x*s.StrideW-s.PadLeft), Count: span.w,
				Offsets: &span.offsets[first*span.columns], Taps: (end - first) * span.columns, PixelStride: 64 * s.StrideW}
			s.kernel(&f.row)
		}
		s.Out.clearAround(out, y, y+1)
	})
	f.free()
}

// ByteAverage is an average pool of codes. Sums are exact; n is the number of codes
// in a window without padding.
//
//	code = round(float32(sum - n·ZeroIn) · ScaleIn/(ScaleOut·n)) + ZeroOut
type ByteAverage struct {
	Pool
	ZeroIn, ZeroOut   uint8
	ScaleIn, ScaleOut float32
}

// ByteAverage plans an average pool between layouts of U8x64. With windows of a
// complete plane it is a global average.
func (r *Rung) ByteAverage(p ByteAverage) (Work, error) {
	if err := checkBytePool(&p.Pool); err != nil {
		return Work{}, err
	}
	if p.CountPad && (p.PadTop|p.PadLeft|p.PadBottom|p.PadRight) != 0 {
		return Work{}, fmt.Errorf("pool of %v: padding that counts has no kernel", p.In)
	}
	s := &byteAverage{ByteAverage: p, kernel: r.Bytes.Sum}
	s.rows = newRows(p.Out, 20+2*float64(p.KernelH*p.KernelW))
	return Work{Steps: []Step{s}}, nil
}

type byteAverage struct {
	rows
	ByteAverage
	kernel func(*byteRow)
}

// Run is part of Step.
func (s *byteAverage) Run(chunk int, m *Memory) {
	f := byteFrames.Get().(*byteFrame)
	s.each(chunk, func(n, plane, y int) {
		in, out := unsafe.Add(m.In, s.In.At(n, 64*plane)), unsafe.Add(m.Out, s.Out.At(n, 64*plane))
		for x := range s.Out.W {
			s.pixel(f, in, bytesAt(unsafe.Add(out, s.Out.Pixel(y, x)), 64), y, x)
		}
		s.Out.clearAround(out, y, y+1)
	})
	f.free()
}

// pixel computes the codes of 64 channels of one output.
func (s *byteAverage) pixel(f *byteFrame, in unsafe.Pointer, dst []uint8, y, x int) {
	top, left := y*s.StrideH-s.PadTop, x*s.StrideW-s.PadLeft
	y0, y1 := windowInside(top, s.KernelH, s.DilationH, s.In.H)
	x0, x1 := windowInside(left, s.KernelW, s.DilationW, s.In.W)
	count := max(y1-y0, 0) * max(x1-x0, 0)
	if count == 0 {
		for i := range dst {
			dst[i] = s.ZeroOut
		}
		return
	}
	clear(f.sums[:])
	for ky := y0; ky < y1; ky++ {
		f.row = byteRow{Dst: unsafe.Pointer(&f.sums), A: unsafe.Add(in, s.In.Pixel(top+ky*s.DilationH, left+x0*s.DilationW)),
			Count: x1 - x0, PixelStride: 64 * s.DilationW}
		s.kernel(&f.row)
	}
	per := s.ScaleOut * float32(count)
	scale := s.ScaleIn / per
	less := int32(count) * int32(s.ZeroIn)
	for i, sum := range f.sums {
		v := math.RoundToEven(float64(float32(sum-less)*scale)) + float64(s.ZeroOut)
		dst[i] = uint8(min(max(v, 0), 255))
	}
}
