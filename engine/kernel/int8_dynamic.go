package kernel

import (
	"fmt"
	"math"
	"unsafe"
)

// A Dynamic takes these steps, with what is between them in the scratch:
//
//	scan         numbers       ─▶ the range of each chunk's numbers
//	scaleOfSums  ranges        ─▶ scale and zero point (dynamicHead); biases and scales of the sums (Ends)
//	coding       numbers, head ─▶ codes, in U8x64 or U8x4
//	inScratch    codes, Ends   ─▶ the QConv itself: float32, of a matrix in rows of complete blocks
//	unpad        those rows    ─▶ the output

// Dynamic is a convolution of float32 numbers that are quantised when it runs, as
// ONNX's DynamicQuantizeLinear, ConvInteger and the scaling after it define: the
// smallest and the largest number give a scale and a zero point, the sums of products
// are exact, and as float32 they are multiplied by the product of both scales, a bias
// is added, and the result is clipped.
//
// The numbers are in blocks or, of up to four channels, planar. A product of matrices
// is a convolution of pictures of one pixel, planar on both sides.
type Dynamic struct {
	QConv        // from codes to blocks of float32
	from  Layout // of the numbers
	into  Layout // of the output
}

// Floats says how the sums of a QConv become float32, rather than codes: sum·Scales·s + Bias,
// where s is the scale of the input, known at run time. With Sums they stay int32.
type Floats struct {
	Sums   bool      // the outputs are the sums themselves (see Sums); there is nothing else
	Scales []float32 // of the weights, for each output
	Bias   []float32 // for each output
}

// NewDynamic returns a Dynamic. Group must be 1, Act a Clip or the identity.
func (r *Rung) NewDynamic(c *Conv, f Floats) *Dynamic {
	d := &Dynamic{QConv: QConv{Conv: *c, Floats: &f}, from: c.In, into: c.Out}
	d.layCodes(r, d.matrix(), c.In.Format == Planar)
	return d
}

// layCodes chooses the layout of the codes: of the rows of a matrix, for which it chooses the
// layout of the output too, or of pictures of few channels (up to four) or of more.
func (c *QConv) layCodes(r *Rung, matrix, few bool) {
	switch {
	case matrix:
		c.In = matrixLayout(U8x64, c.In.N, c.In.C, roundUp(c.In.C, 64))
		c.Out = matrixLayout(r.Block, c.Out.N, c.Out.C, 4*roundUp(c.Out.C, r.Block.Channels()))
	case few && c.DilationW == 1 && c.KernelW <= 16:
		c.In = NewLayout(U8x4, c.In.N, c.In.C, c.In.H, c.In.W, c.Halo())
	default:
		c.In = NewLayout(U8x64, c.In.N, c.In.C, c.In.H, c.In.W, c.Halo())
	}
}

// matrix reports whether input and output are matrices, whose rows are pictures of one
// pixel.
func (d *Dynamic) matrix() bool {
	return d.from.Format == Planar && d.into.Format == Planar && d.from.H*d.from.W == 1
}

// matrixLayout is the layout of pictures of one pixel whose blocks lie side by side: the rows
// of a matrix, of the given size in bytes.
func matrixLayout(f Format, n, c, bytes int) Layout {
	return Layout{Format: f, N: n, C: c, H: 1, W: 1, Pitch: 1, Block: f.PixelBytes(), Image: bytes}
}

// checkFloats is check for outputs in float32.
func (c *QConv) checkFloats() error {
	switch {
	case !c.Out.Format.blockedF32():
		return fmt.Errorf("%v: the output must be float32 in blocks", &c.Conv)
	case c.Group != 1 || c.Act.Kind != Identity && c.Act.Kind != Clip:
		return fmt.Errorf("%v: no kernel for its groups or its activation", &c.Conv)
	case !c.Floats.Sums && (len(c.Floats.Scales) != c.Out.C || len(c.Floats.Bias) != c.Out.C):
		return fmt.Errorf("%v: %d scales and %d biases, want %d", &c.Conv, len(c.Floats.Scales), len(c.Floats.Bias), c.Out.C)
	}
	return nil
}

// dynamicHead is what the range of the numbers gives; it lies at the beginning of the
// scratch.
type dynamicHead struct {
	scale float32
	zero  uint8
}

// dynamicRooms says where the parts of a Dynamic's scratch begin, in bytes, behind the head.
type dynamicRooms struct {
	ranges      int // of float32: the smallest and the largest number of each chunk
	ends        int // floatEnds bytes for each 32 outputs
	codes       int
	convScratch int // scratch of the convolution: 16-bit codes, if it multiplies those
	rows        int // of the output, padded to complete blocks; negative: the output itself
}

// inside returns a step of the QConv between these rooms.
func (at *dynamicRooms) inside(s Step) Step {
	return &inScratch{s, at.codes, at.rows, at.convScratch, at.ends}
}

// floatEnds is the size of the int32 biases of 32 outputs, their scales, and the
// float32 biases.
const floatEnds = 3 * 128

// Dynamic plans a Dynamic with the weights that PackQConv has packed for it.
func (r *Rung) Dynamic(d *Dynamic, w *QConvWeights) (Work, error) {
	conv, err := r.QConv(&d.QConv, w)
	if err != nil {
		return Work{}, err
	}
	if f := d.from.Format; f != Planar && !f.blockedF32() || f == Planar && d.from.C > 4 && !d.matrix() {
		return Work{}, fmt.Errorf("%v: no kernel quantises it", &d.from)
	}
	scan := newScan(r, &d.from)
	at, size := dynamicRooms{rows: -1}, cacheLine
	room := func(at *int, bytes int) {
		*at = size
		size += roundUp(bytes, cacheLine)
	}
	room(&at.ranges, 8*scan.Chunks())
	room(&at.ends, roundUp(d.Out.C, 32)/32*floatEnds)
	room(&at.codes, d.In.Size())
	room(&at.convScratch, conv.Scratch)
	padded := d.matrix() && d.Out.Image != d.into.Image
	if padded {
		room(&at.rows, d.Out.Size())
	}
	scan.at = at.ranges
	steps := []Step{scan, &scaleOfSums{scaleOfRange{at.ranges, scan.Chunks()}, d, w, at}, newCoding(r, d, at.codes)}
	for _, s := range conv.Steps {
		steps = append(steps, at.inside(s))
	}
	if padded {
		steps = append(steps, &unpad{d.Out, d.into, at.rows})
	}
	return Work{Steps: steps, Scratch: size}, nil
}

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

// scaleOfSums is scaleOfRange, and computes by what the sums of the convolution are scaled.
type scaleOfSums struct {
	scaleOfRange
	d       *Dynamic
	weights *QConvWeights
	at      dynamicRooms
}

func (s *scaleOfSums) Run(chunk int, m *Memory) {
	s.scaleOfRange.Run(chunk, m)
	h, f := (*dynamicHead)(m.Scratch), s.d.Floats
	for first := 0; first < s.d.Out.C; first += 32 {
		ends := unsafe.Add(m.Scratch, s.at.ends+first/32*floatEnds)
		numbers := floats(ends, floatEnds/4)
		clear(numbers)
		sums := unsafe.Slice((*int32)(ends), 32)
		for i := range min(32, s.d.Out.C-first) {
			sums[i] = s.weights.products.zero(h.zero) * s.weights.bias[first+i]
			numbers[32+i] = h.scale * f.Scales[first+i]
			numbers[64+i] = f.Bias[first+i]
		}
	}
}

// coding makes codes of rows of numbers, and fills the halo with the code for 0.
type coding struct {
	rows
	d    *Dynamic
	rung *Rung
	at   int // of the codes
}

func newCoding(r *Rung, d *Dynamic, at int) *coding {
	return &coding{rows: everyChannel(d.In, 0.15), d: d, rung: r, at: at}
}

// codedPixels is how many pixels of a block are coded at a time.
const codedPixels = 64

// Run is part of Step.
func (s *coding) Run(chunk int, m *Memory) {
	h := (*dynamicHead)(m.Scratch)
	from, to := &s.d.from, s.d.In
	to.Fill = h.zero
	f := h.frame()
	codes := unsafe.Add(m.Scratch, s.at)
	s.each(chunk, func(n, _, y int) {
		switch {
		case s.d.matrix():
			s.code(f, unsafe.Add(codes, n*to.Image), unsafe.Add(m.In, n*from.Image), from.C)
			return
		case to.Format == U8x4:
			s.pixels(f, codes, m.In, n, y)
		default:
			for c := 0; c < from.C; c += from.Format.Channels() {
				s.block(f, unsafe.Add(codes, to.At(n, c)+to.Pixel(y, 0)+c%64), unsafe.Add(m.In, from.At(n, c)+from.Pixel(y, 0)))
			}
		}
		for c := 0; c < to.C; c += to.Format.Channels() {
			to.clearAround(unsafe.Add(codes, to.At(n, c)), y, y+1)
		}
	})
	f.free()
}

// frame returns a frame whose row codes numbers.
func (h *dynamicHead) frame() *byteFrame {
	f := byteFrames.Get().(*byteFrame)
	f.row = byteRow{RatioA: h.scale, OffOut: int32(h.zero), Low: -float32(h.zero), High: 255 - float32(h.zero)}
	return f
}

// code makes n codes.
func (s *coding) code(f *byteFrame, dst, src unsafe.Pointer, n int) {
	row := f.row // kernels may change it
	f.row.Dst, f.row.A, f.row.Count = dst, src, n
	s.rung.Bytes.Quantize(&f.row)
	f.row = row
}

// block codes a row of pixels of a block.
func (s *coding) block(f *byteFrame, dst, src unsafe.Pointer) {
	lanes := s.d.from.Format.Channels()
	if s.d.from.Format == Planar {
		lanes = 1
	}
	for x := 0; x < s.d.from.W; x += codedPixels {
		n := min(codedPixels, s.d.from.W-x)
		s.code(f, unsafe.Pointer(&f.codes), unsafe.Add(src, 4*lanes*x), lanes*n)
		switch to := unsafe.Add(dst, 64*x); lanes {
		case 16:
			for i := range n {
				*(*[2]uint64)(unsafe.Add(to, 64*i)) = *(*[2]uint64)(unsafe.Pointer(&f.codes[16*i]))
			}
		case 8:
			for i := range n {
				*(*uint64)(unsafe.Add(to, 64*i)) = *(*uint64)(unsafe.Pointer(&f.codes[8*i]))
			}
		default:
			for i, v := range f.codes[:n] {
				*(*uint8)(unsafe.Add(to, 64*i)) = v
			}
		}
	}
}

// pixels codes a row of planes as pixels of four channels.
func (s *coding) pixels(f *byteFrame, codes, in unsafe.Pointer, n, y int) {
	from, to := &s.d.from, &s.d.In
	dst := unsafe.Add(codes, to.At(n, 0)+to.Pixel(y, 0))
	src := unsafe.Add(in, from.At(n, 0)+from.Pixel(y, 0))
	if from.C == 3 {
		row := f.row
		f.row.Dst, f.row.A, f.row.Count, f.row.Plane = dst, src, from.W, from.Block
		s.rung.Bytes.Pixels(&f.row)
		f.row = row
		return
	}
	for c := range from.C {
		for x := 0; x < from.W; x += len(f.codes) {
			n := min(len(f.codes), from.W-x)
			s.code(f, unsafe.Pointer(&f.codes), unsafe.Add(src, c*from.Block+4*x), n)
			for i, v := range f.codes[:n] {
				*(*uint8)(unsafe.Add(dst, 4*(x+i)+c)) = v
			}
		}
	}
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

// unpad copies the rows of a matrix from the scratch, where they end with complete
// blocks.
type unpad struct {
	from, to Layout
	at       int
}

// unpadEach is the number of rows that a chunk copies.
const unpadEach = 16

func (s *unpad) Chunks() int { return (s.to.N + unpadEach - 1) / unpadEach }

func (s *unpad) Run(chunk int, m *Memory) {
	for n := chunk * unpadEach; n < min((chunk+1)*unpadEach, s.to.N); n++ {
		copy(bytesAt(unsafe.Add(m.Out, n*s.to.Image), s.to.Image), bytesAt(unsafe.Add(m.Scratch, s.at+n*s.from.Image), s.to.Image))
	}
}

// finishFloats makes an output of a sum, with the ends of its 32 outputs: the bits of a
// float32, or of an int32.
func (c *QConv) finishFloats(sum int32, co int, ends unsafe.Pointer) uint32 {
	of := unsafe.Add(ends, co/32*floatEnds+4*(co%32))
	if sum += *(*int32)(of); c.Floats.Sums {
		return uint32(sum)
	}
	number := func(at int) float32 { return *(*float32)(unsafe.Add(of, at)) }
	scaled := float32(float32(sum) * number(128))
	low, high, _ := c.Act.limits()
	return math.Float32bits(min(max(scaled+number(256), low), high))
}

// plainFloats is the twin of the convolutions with outputs of 32 bits.
type plainFloats struct{ plainQConv }

func (s *plainFloats) Run(chunk int, m *Memory) {
	c := &s.conv
	n, co := chunk/c.Out.C, chunk%c.Out.C
	plane, lanes := unsafe.Add(m.Out, c.Out.At(n, co)), c.Out.Format.Channels()
	for y := range c.Out.H {
		for x := range c.Out.W {
			v := c.finishFloats(s.sum(m, n, co, y, x), co, m.Ends)
			*(*uint32)(unsafe.Add(plane, c.Out.Pixel(y, x)+4*(co%lanes))) = v
		}
	}
	if co%lanes == 0 {
		c.Out.clearAround(plane, 0, c.Out.H)
	}
}
