package kernel

import (
	"fmt"
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
