package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/args"
)

// Kernels on rows of 8-bit codes: sums, products, pools, conversions and tables. The kernels
// of convolutions are in int8.go.

// byteRow is one call of a kernel on a row of 8-bit codes.
type byteRow args.ByteRow

// byteKernels holds a rung's kernels, which args.ByteRow describes.
type byteKernels struct {
	Add, Mul, Quantize, Pixels, Widen, Max, Sum, Table, Columns func(a *byteRow)
}

// plainBytes holds the twins.
var plainBytes = byteKernels{Add: byteAdd, Mul: byteMul, Quantize: byteQuantize, Pixels: bytePixels,
	Widen: byteWiden, Max: byteMax, Sum: byteSum, Table: byteTable, Columns: byteColumns}

// bytesAt returns the n codes at p.
func bytesAt(p unsafe.Pointer, n int) []uint8 { return unsafe.Slice((*uint8)(p), n) }

// code converts a number to a code; NaN becomes that of Low.
func (a *byteRow) code(v float32) uint8 {
	if !(v > a.Low) {
		v = a.Low
	}
	return uint8(int32(math.RoundToEven(float64(min(v, a.High)))) + a.OffOut)
}

// fma is x·y + z with x a code: the product is exact in float64. Rounding the sum to
// float64 and then to float32 stands in for rounding once.
func fma(x, y, z float32) float32 { return float32(float64(x)*float64(y) + float64(z)) }

func byteAdd(a *byteRow) {
	y, q := bytesAt(a.Dst, a.Count), bytesAt(a.B, a.Count)
	for i, p := range bytesAt(a.A, a.Count) {
		inner := fma(float32(int32(q[i])-a.OffB), a.RatioB, a.Fixed)
		y[i] = a.code(fma(float32(int32(p)-a.OffA), a.RatioA, inner))
	}
}

func byteMul(a *byteRow) {
	y, q := bytesAt(a.Dst, a.Count), bytesAt(a.B, a.Count)
	for i, p := range bytesAt(a.A, a.Count) {
		v := float32((int32(p)-a.OffA)*(int32(q[i])-a.OffB)) * a.RatioA
		y[i] = a.code(float32(v) + a.Fixed)
	}
}

func byteQuantize(a *byteRow) {
	y := bytesAt(a.Dst, a.Count)
	for i, x := range floats(a.A, a.Count) {
		y[i] = a.code(x / a.RatioA)
	}
}

func bytePixels(a *byteRow) {
	y := bytesAt(a.Dst, 4*a.Count)
	for c := range 3 {
		for i, x := range floats(unsafe.Add(a.A, c*a.Plane), a.Count) {
			y[4*i+c] = a.code(x / a.RatioA)
		}
	}
	for i := range a.Count {
		y[4*i+3] = 0
	}
}

func byteWiden(a *byteRow) {
	y := floats(a.Dst, a.Count)
	for i, p := range bytesAt(a.A, a.Count) {
		y[i] = float32(int32(p)-a.OffA) * a.RatioA
	}
}

func byteMax(a *byteRow) {
	offsets := unsafe.Slice(a.Offsets, a.Taps)
	for i := range a.Count {
		y := bytesAt(unsafe.Add(a.Dst, 64*i), 64)
		clear(y)
		for _, o := range offsets {
			for k, v := range bytesAt(unsafe.Add(a.A, a.First+o+i*a.PixelStride), 64) {
				y[k] = max(y[k], v)
			}
		}
	}
}

func byteSum(a *byteRow) {
	sums := unsafe.Slice((*int32)(a.Dst), 64)
	for i := range a.Count {
		for k, v := range bytesAt(unsafe.Add(a.A, i*a.PixelStride), 64) {
			sums[k] += int32(v)
		}
	}
}

func byteTable(a *byteRow) {
	y := bytesAt(a.Dst, a.Count)
	for i, p := range bytesAt(a.A, a.Count) {
		y[i] = a.Table[p]
	}
}

func byteColumns(a *byteRow) {
	for c := 0; c < 16*a.Taps; c += 8 {
		for x := 0; x < a.Count; x += 8 {
			x := min(x, a.Count-8)
			var v [8]uint64
			for i := range v {
				v[i] = binary.LittleEndian.Uint64(bytesAt(unsafe.Add(a.A, 64*(x+i)+c), 8))
			}
			transpose8(&v)
			for i := range v {
				binary.LittleEndian.PutUint64(bytesAt(unsafe.Add(a.Dst, (c+i)*a.Plane+x), 8), v[i])
			}
		}
	}
}

// transpose8 transposes eight rows of eight bytes: it swaps off-diagonal blocks of
// 4x4 bytes, then of 2x2, then of one.
func transpose8(v *[8]uint64) {
	for i := range 4 {
		t := (v[i]>>32 ^ v[i+4]) & 0xffffffff
		v[i], v[i+4] = v[i]^t<<32, v[i+4]^t
	}
	for _, i := range [4]int{0, 1, 4, 5} {
		t := (v[i]>>16 ^ v[i+2]) & 0x0000ffff0000ffff
		v[i], v[i+2] = v[i]^t<<16, v[i+2]^t
	}
	for i := 0; i < 8; i += 2 {
		t := (v[i]>>8 ^ v[i+1]) & 0x00ff00ff00ff00ff
		v[i], v[i+1] = v[i]^t<<8, v[i+1]^t
	}
}

// inWhole runs a kernel on complete vectors of 16 numbers and the twin on the rest.
// dst and src are the bytes per number at Dst and at A.
func (a *byteRow) inWhole(dst, src int, kernel func(), twin func(*byteRow)) {
	n := a.Count
	whole := n &^ 15
	if a.Count = whole; whole > 0 {
		kernel()
	}
	if whole == n {
		return
	}
	a.Dst, a.A, a.Count = unsafe.Add(a.Dst, whole*dst), unsafe.Add(a.A, whole*src), n-whole
	twin(a)
}

// byteFrame holds the working memory of a chunk of a step on bytes.
type byteFrame struct {
	row   byteRow
	sums  [64]int32
	codes [16 * codedPixels]uint8
}

var byteFrames = sync.Pool{New: func() any { return new(byteFrame) }}

func (f *byteFrame) free() {
	f.row = byteRow{}
	byteFrames.Put(f)
}

// BytePair is the element-wise sum or product of two values in U8x64, as ONNX
// Runtime's QLinearAdd and QLinearMul define it on the numbers that the codes
// represent. Zero points and bounds refer to the codes as stored.
type BytePair struct {
	A, B, Out             Layout
	Mul                   bool
	ZeroA, ZeroB, ZeroOut uint8
	Signed                bool // the codes are signed bytes, stored plus 128
	ScaleA, ScaleB        float32
	ScaleOut              float32
	Low, High             uint8 // bounds of the output; 0 and 255 for none
}

type bytePair struct {
	rows
	BytePair
	kernel func(*byteRow)
	row    byteRow
}

// BytePair plans a sum or product. A is Memory.In, B is Memory.More[0].
func (r *Rung) BytePair(p BytePair) (Work, error) {
	if err := bytesOnly(&p.A, &p.B, &p.Out); err != nil {
		return Work{}, err
	}
	s := &bytePair{BytePair: p}
	s.kernel, s.row = r.pair(&p)
	s.rows = newRows(p.Out, 3)
	return Work{Steps: []Step{s}}, nil
}

// pair returns the kernel of a sum or product, and its numbers.
func (r *Rung) pair(p *BytePair) (kernel func(*byteRow), row byteRow) {
	off := int32(0)
	if p.Signed {
		off = 128
	}
	zero := func(z uint8) float32 { return float32(int32(z) - off) }
	row = byteRow{OffA: off, OffB: off, OffOut: off, Low: zero(p.Low), High: zero(p.High)}
	if p.Mul {
		product := p.ScaleA * p.ScaleB
		row.OffA, row.OffB = int32(p.ZeroA), int32(p.ZeroB)
		row.RatioA, row.Fixed = product/p.ScaleOut, zero(p.ZeroOut)
		return r.Bytes.Mul, row
	}
	row.RatioA, row.RatioB = p.ScaleA/p.ScaleOut, p.ScaleB/p.ScaleOut
	b := row.RatioB * zero(p.ZeroB)
	row.Fixed = zero(p.ZeroOut) - fma(zero(p.ZeroA), row.RatioA, b)
	return r.Bytes.Add, row
}

// pairRoom holds the operands of PairRow as the kernels want them.
type pairRoom struct {
	row       byteRow
	a, b, out [1024]uint8
}

var pairRooms = sync.Pool{New: func() any { return new(pairRoom) }}

// PairRow sets dst to the sums or products of a row of codes that are stored as tensors have them; a or
// b may be one code for the whole row. The layouts of p are not used.
func (r *Rung) PairRow(p *BytePair, dst, a, b []uint8) {
	f := pairRooms.Get().(*pairRoom)
	kernel, row := r.pair(p)
	flip := uint8(0)
	if p.Signed {
		flip = 0x80
	}
	lay := func(room []uint8, from []uint8, at int) {
		switch {
		case len(from) > 1 || len(dst) == 1:
			copy(room, from[at:])
			flipBytes(room, flip)
		case at == 0:
			for i := range room {
				room[i] = from[0] ^ flip
			}
		}
	}
	for at := 0; at < len(dst); at += len(f.out) {
		n := min(len(f.out), len(dst)-at)
		lay(f.a[:n], a, at)
		lay(f.b[:n], b, at)
		f.row = row
		f.row.A, f.row.B, f.row.Dst, f.row.Count = unsafe.Pointer(&f.a), unsafe.Pointer(&f.b), unsafe.Pointer(&f.out), roundUp(n, 64)
		kernel(&f.row)
		flipBytes(f.out[:n], flip)
		copy(dst[at:], f.out[:n])
	}
	f.row = byteRow{}
	pairRooms.Put(f)
}

// bytesOnly returns an error if a layout is not in U8x64 or not of the first one's
// shape.
func bytesOnly(ls ...*Layout) error {
	for _, l := range ls {
		if l.Format != U8x64 {
			return fmt.Errorf("%v: want bytes in blocks of 64", l)
		}
		if err := sameShape(ls[0], l); err != nil {
			return err
		}
	}
	return nil
}

// Run is part of Step.
func (s *bytePair) Run(chunk int, m *Memory) {
	f := byteFrames.Get().(*byteFrame)
	f.row = s.row
	f.row.Count = 64 * s.Out.W
	s.each(chunk, func(n, plane, y int) {
		out := unsafe.Add(m.Out, s.Out.At(n, 64*plane))
		f.row.A = unsafe.Add(m.In, s.A.At(n, 64*plane)+s.A.Pixel(y, 0))
		f.row.B = unsafe.Add(m.More[0], s.B.At(n, 64*plane)+s.B.Pixel(y, 0))
		f.row.Dst = unsafe.Add(out, s.Out.Pixel(y, 0))
		s.kernel(&f.row)
		s.Out.clearAround(out, y, y+1)
	})
	f.free()
}
