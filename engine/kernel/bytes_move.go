package kernel

import (
	"encoding/binary"
	"fmt"
	"unsafe"
)

// ByteMove copies codes between the byte formats U8, U8x4 and U8x64: it changes the
// layout, writes one operand of a concatenation, or applies a function of one code.
type ByteMove struct {
	From, To Layout
	First    int         // the channel of To to which the first one of From is copied
	Table    *[256]uint8 // the function; nil: the identity
}

// FlipTable is the table of an XOR with flip, nil if that changes nothing.
func FlipTable(flip uint8) *[256]uint8 {
	if flip == 0 {
		return nil
	}
	t := new([256]uint8)
	for i := range t {
		t[i] = uint8(i) ^ flip
	}
	return t
}

type byteMove struct {
	rows
	ByteMove
	rung  *Rung
	chain *[256]uint8 // see chainOf
}

// ByteMove plans a copy. If the channels of From begin or end within a block of To,
// the other channels of that block keep their values.
func (r *Rung) ByteMove(p ByteMove) (Work, error) {
	for _, l := range []*Layout{&p.From, &p.To} {
		if l.Format != U8 && l.Format != U8x4 && l.Format != U8x64 {
			return Work{}, fmt.Errorf("%v: want bytes", l)
		}
	}
	f, t := p.From, p.To
	if f.N != t.N || f.H != t.H || f.W != t.W || p.First < 0 || p.First+f.C > t.C {
		return Work{}, fmt.Errorf("%v to %v from channel %d on: the shapes differ", f, t, p.First)
	}
	s := &byteMove{ByteMove: p, rung: r}
	if p.Table != nil {
		s.chain = chainOf(p.Table)
	}
	// A chunk copies all channels of its rows, so no two chunks write the same row.
	flat := t
	flat.C = 1
	s.rows = newRows(flat, float64(f.C))
	s.rows.planes = 1
	return Work{Steps: []Step{s}}, nil
}

// Run is part of Step.
func (s *byteMove) Run(chunk int, m *Memory) {
	s.each(chunk, func(n, _, y int) {
		if s.side64() {
			s.pixels(m, n, y)
		} else {
			s.channels(m, n, y)
		}
		if s.To.Format == U8 {
			return
		}
		each := s.To.Format.Channels()
		for c := s.First - s.First%each; c < s.First+s.From.C; c += each {
			s.To.clearAround(unsafe.Add(m.Out, s.To.At(n, c)), y, y+1)
		}
	})
}

// side64 reports whether 64 channels of a pixel are side by side in both layouts, as they
// are in blocks, and in planes of one pixel.
func (s *byteMove) side64() bool {
	for _, l := range []*Layout{&s.From, &s.To} {
		if l.Format != U8x64 && (l.Format != U8 || l.H*l.W > 1) {
			return false
		}
	}
	return true
}

// chainOf returns a table in the form that kernels look up 16 codes at a time: rows
// of 16, of which all but those that begin with code 0 and 128 are XORed with the row
// before.
func chainOf(t *[256]uint8) *[256]uint8 {
	chain := *t
	for i := range chain {
		if i%128 >= 16 {
			chain[i] ^= t[i-16]
		}
	}
	return &chain
}

// channels copies a row channel by channel.
func (s *byteMove) channels(m *Memory, n, y int) {
	from, to := s.From.Format.PixelBytes(), s.To.Format.PixelBytes()
	first := 0
	if s.From.Format == U8x64 && s.To.Format == U8 && s.To.W >= 8 {
		first = s.columns(m, n, y)
	}
	for c := first; c < s.From.C; c++ {
		src := bytesAt(unsafe.Pointer(s.From.byteAt(m.In, n, c, y, 0)), (s.To.W-1)*from+1)
		dst := bytesAt(unsafe.Pointer(s.To.byteAt(m.Out, n, s.First+c, y, 0)), (s.To.W-1)*to+1)
		switch {
		case s.Table != nil:
			for i, k := 0, 0; i < len(src); i, k = i+from, k+to {
				dst[k] = s.Table[src[i]]
			}
		case from == 1 && to == 1:
			copy(dst, src)
		default:
			for i, k := 0, 0; i < len(src) && k < len(dst); i, k = i+from, k+to {
				dst[k] = src[i]
			}
		}
	}
}

// columns copies a row from blocks to planes, 16 channels at a time. It returns how many
// channels it copied: all, unless the last block has fewer than 16.
func (s *byteMove) columns(m *Memory, n, y int) int {
	f := byteFrames.Get().(*byteFrame)
	defer f.free()
	f.row = byteRow{Count: s.To.W, Plane: s.To.Block}
	move := func(c, groups int) {
		f.row.A = unsafe.Pointer(s.From.byteAt(m.In, n, c, y, 0))
		f.row.Dst = unsafe.Pointer(s.To.byteAt(m.Out, n, s.First+c, y, 0))
		f.row.Taps = groups
		s.rung.Bytes.Columns(&f.row)
	}
	c := 0
	for ; c+16 <= s.From.C; c = min(c+64, s.From.C) {
		count := min(64, s.From.C-c)
		move(c, count/16)
		if count%16 > 0 { // some of them again
			move(c+count-16, 1)
		}
	}
	if s.Table != nil {
		for i := range c {
			row := bytesAt(unsafe.Pointer(s.To.byteAt(m.Out, n, s.First+i, y, 0)), s.To.W)
			for x, v := range row {
				row[x] = s.Table[v]
			}
		}
	}
	return c
}

// pixels copies a row from blocks to blocks; the channels of one may be distributed
// over two.
func (s *byteMove) pixels(m *Memory, n, y int) {
	for c := 0; c < s.From.C; {
		to := s.First + c
		count := min(64-c%64, 64-to%64, s.From.C-c)
		src := bytesAt(unsafe.Pointer(s.From.byteAt(m.In, n, c, y, 0)), 64*(s.To.W-1)+count)
		dst := bytesAt(unsafe.Pointer(s.To.byteAt(m.Out, n, to, y, 0)), 64*(s.To.W-1)+count)
		switch {
		case s.Table != nil && count == 64:
			f := byteFrames.Get().(*byteFrame)
			f.row = byteRow{Dst: unsafe.Pointer(&dst[0]), A: unsafe.Pointer(&src[0]), Count: len(src), Table: s.Table, Chain: s.chain}
			s.rung.Bytes.Table(&f.row)
			f.free()
		case s.Table != nil:
			for x := 0; x < len(src); x += 64 {
				for i, v := range src[x : x+count] {
					dst[x+i] = s.Table[v]
				}
			}
		case count == 64:
			copy(dst, src)
		default:
			for x := 0; x < len(src); x += 64 {
				copy(dst[x:x+count], src[x:x+count])
			}
		}
		c += count
	}
}

// Quantize converts float32 to codes: code = round(x / Scale) + Zero, rounded half to
// even and saturated. From is planar, To is U8 or, with three channels, U8x4.
type Quantize struct {
	From, To Layout
	Scale    float32
	Zero     uint8 // as stored
}

type quantizeStep struct {
	rows
	Quantize
	rung *Rung
	flip uint8
}

// Quantize plans a conversion to codes, which are XORed with flip: 0x80 makes codes
// stored plus 128 signed bytes (U8 only), 0 leaves them as they are.
func (r *Rung) Quantize(p Quantize, flip uint8) (Work, error) {
	if p.From.Format != Planar || p.To.Format != U8 && (p.To.Format != U8x4 || p.From.C != 3 || flip != 0) {
		return Work{}, fmt.Errorf("quantize %v to %v: no kernel", p.From, p.To)
	}
	if err := sameShape(&p.From, &p.To); err != nil {
		return Work{}, err
	}
	s := &quantizeStep{Quantize: p, rung: r, flip: flip}
	flat := p.To
	if p.To.Format == U8x4 {
		flat.C = 1
	}
	s.rows = newRows(flat, 1)
	s.rows.planes = (p.To.C + p.To.Format.Channels() - 1) / p.To.Format.Channels()
	return Work{Steps: []Step{s}}, nil
}

// Run is part of Step.
func (s *quantizeStep) Run(chunk int, m *Memory) {
	f := byteFrames.Get().(*byteFrame)
	f.row = byteRow{Count: s.To.W, Plane: s.From.Block, RatioA: s.Scale, OffOut: int32(s.Zero), Low: -float32(s.Zero), High: 255 - float32(s.Zero)}
	s.each(chunk, func(n, plane, y int) {
		c := plane * s.To.Format.Channels()
		out := unsafe.Add(m.Out, s.To.At(n, c))
		f.row.A = unsafe.Add(m.In, s.From.At(n, c)+s.From.Pixel(y, 0))
		f.row.Dst = unsafe.Add(out, s.To.Pixel(y, 0))
		f.row.Count = s.To.W // inWhole reduces it
		if s.To.Format == U8x4 {
			s.rung.Bytes.Pixels(&f.row)
			s.To.clearAround(out, y, y+1)
			return
		}
		s.rung.Bytes.Quantize(&f.row)
		flipBytes(bytesAt(unsafe.Add(out, s.To.Pixel(y, 0)), s.To.W), s.flip)
	})
	f.free()
}

// QuantizeRow sets dst to the codes of src: round(x/scale) + zero, clipped to 8 bits,
// NaN as 0, XOR flip. flip is 0x80, and zero 128 more than it stands for, for signed
// bytes.
func (r *Rung) QuantizeRow(dst []uint8, src []float32, scale float32, zero, flip uint8) {
	f := byteFrames.Get().(*byteFrame)
	for i := 0; i < len(src); i += codesAtOnce {
		n := min(codesAtOnce, len(src)-i)
		f.row = byteRow{Dst: unsafe.Pointer(&dst[i:][:n][0]), A: unsafe.Pointer(&src[i]), Count: n, RatioA: scale,
			OffOut: int32(zero), Low: -float32(zero), High: 255 - float32(zero)}
		r.Bytes.Quantize(&f.row)
		flipBytes(dst[i:i+n], flip)
	}
	f.free()
}

// codesAtOnce is the number of codes per call of a kernel. Assembly is not preempted, so
// a call must be short.
const codesAtOnce = 1 << 13

// flipBytes sets b to b XOR flip.
func flipBytes(b []uint8, flip uint8) {
	if flip == 0 {
		return
	}
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^0x0101010101010101*uint64(flip))
	}
	for i := range b {
		b[i] ^= flip
	}
}

// Dequantize plans a conversion of codes to float32, from U8 to planar:
// (code XOR flip - zero)·scale. flip is 0x80 for signed bytes, otherwise 0.
func (r *Rung) Dequantize(from, to Layout, scale float32, zero, flip uint8) (Work, error) {
	if from.Format != U8 || to.Format != Planar {
		return Work{}, fmt.Errorf("dequantize %v to %v: no kernel", from, to)
	}
	if err := sameShape(&from, &to); err != nil {
		return Work{}, err
	}
	s := &dequantizeStep{from: from, to: to, scale: scale, zero: zero, flip: flip, rung: r}
	s.rows = newRows(to, 1)
	s.rows.planes = to.C
	return Work{Steps: []Step{s}}, nil
}

type dequantizeStep struct {
	rows
	from, to   Layout
	scale      float32
	zero, flip uint8
	rung       *Rung
}

// Run is part of Step.
func (s *dequantizeStep) Run(chunk int, m *Memory) {
	f := byteFrames.Get().(*byteFrame)
	f.row = byteRow{OffA: int32(s.zero), RatioA: s.scale}
	s.each(chunk, func(n, c, y int) {
		in := unsafe.Add(m.In, s.from.At(n, c)+s.from.Pixel(y, 0))
		out := unsafe.Add(m.Out, s.to.At(n, c)+s.to.Pixel(y, 0))
		for x := 0; x < s.to.W; x += len(f.codes) {
			n := min(len(f.codes), s.to.W-x)
			f.row.A, f.row.Dst, f.row.Count = unsafe.Add(in, x), unsafe.Add(out, 4*x), n
			if s.flip != 0 {
				copy(f.codes[:n], bytesAt(unsafe.Add(in, x), n))
				flipBytes(f.codes[:n], s.flip)
				f.row.A = unsafe.Pointer(&f.codes)
			}
			s.rung.Bytes.Widen(&f.row)
		}
	})
	f.free()
}
