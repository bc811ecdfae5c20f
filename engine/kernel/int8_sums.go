package kernel

import (
	"fmt"
	"unsafe"
)

// Sums is a convolution of 8-bit codes whose outputs are the exact sums, in int32, as ONNX's
// ConvInteger and MatMulInteger define them. Codes and sums are row-major. A product of matrices
// is a convolution of pictures of one pixel, and may make codes of its sums, as QLinearMatMul does.
//
// It takes these steps, with what is between them in the scratch:
//
//	endsOfSums   zero point  ─▶ biases of the sums (Ends)
//	byteMove     codes       ─▶ codes, in U8x64 or U8x4
//	inScratch    codes, Ends ─▶ the QConv itself: int32, in the rung's blocks or in rows of complete ones
//	transpose    blocks      ─▶ the output; of a matrix unpad, or codesOfRows
type Sums struct {
	QConv        // from stored codes to blocks of int32
	from  Layout // of the codes, U8
	into  Layout // of the output, Planar
	flip  uint8  // by which codes are stored
	codes *SumCodes
}

// SumCodes says how the sums of a matrix become codes: sum·Scales, rounded half to even, plus Zero.
type SumCodes struct {
	Scales []float32 // for each column
	Zero   uint8     // as stored
	Flip   uint8     // by which the codes are stored
}

// Recode makes the output of a product of matrices codes.
func (s *Sums) Recode(c SumCodes) {
	s.codes = &c
	s.Floats = &Floats{Scales: c.Scales, Bias: make([]float32, len(c.Scales))}
}

// NewSums returns a Sums; c.In is U8, c.Out is Planar, Group is 1. flip is 0x80 for signed codes,
// otherwise 0. zero is their zero point as stored (XOR flip), which the padding has.
func (r *Rung) NewSums(c *Conv, flip, zero uint8) *Sums {
	s := &Sums{QConv: QConv{Conv: *c, Floats: &Floats{Sums: true}, InZero: zero}, from: c.In, into: c.Out, flip: flip}
	s.layCodes(r, s.matrix(), c.In.C <= 4)
	s.In.Fill = zero
	if !s.matrix() {
		s.Out = NewLayout(r.Block, c.Out.N, c.Out.C, c.Out.H, c.Out.W, Halo{})
	}
	return s
}

// matrix reports whether input and output are matrices, whose rows are pictures of one pixel.
func (s *Sums) matrix() bool {
	return s.from.H*s.from.W == 1 && s.into.H*s.into.W == 1 && s.KernelH*s.KernelW == 1
}

// Sums plans a Sums with the weights that PackQConv has packed for it. A zero point that is
// known only at run time, of a matrix, is at Memory.More[0], as the codes have it.
func (r *Rung) Sums(s *Sums, w *QConvWeights) (Work, error) {
	conv, err := r.QConv(&s.QConv, w)
	if err != nil {
		return Work{}, err
	}
	if s.from.Format != U8 || s.into.Format != Planar || s.codes != nil && !s.matrix() {
		return Work{}, fmt.Errorf("%v: sums are made of u8, and planar", &s.Conv)
	}
	at, size := dynamicRooms{rows: -1}, 0
	room := func(at *int, bytes int) {
		*at = size
		size += roundUp(bytes, cacheLine)
	}
	room(&at.ends, roundUp(s.Out.C, 32)/32*floatEnds)
	room(&at.codes, s.In.Size())
	room(&at.convScratch, conv.Scratch)
	blocks := !s.matrix() || s.Out.Image != s.into.Image || s.codes != nil
	if blocks {
		room(&at.rows, s.Out.Size())
	}
	move, err := r.ByteMove(ByteMove{From: s.from, To: s.In, Table: FlipTable(s.flip)})
	if err != nil {
		return Work{}, err
	}
	steps := []Step{&endsOfSums{s, w, at.ends}, toScratch{move.Steps[0], at.codes}}
	for _, step := range conv.Steps {
		steps = append(steps, at.inside(step))
	}
	switch {
	case s.codes != nil:
		steps = append(steps, &codesOfRows{s.Out, at.rows, s.codes, r})
	case s.matrix() && blocks:
		steps = append(steps, &unpad{s.Out, s.into, at.rows})
	case blocks:
		steps = append(steps, fromScratch{newTranspose(r, s.Out, s.into, false), at.rows})
	}
	return Work{Steps: steps, Scratch: size}, nil
}

// endsOfSums computes the biases that take account of the codes' zero point, and lays the scales of
// what becomes codes beside them.
type endsOfSums struct {
	s       *Sums
	weights *QConvWeights
	at      int
}

func (s *endsOfSums) Chunks() int { return 1 }

func (s *endsOfSums) Run(_ int, m *Memory) {
	zero := s.s.InZero
	if len(m.More) > 0 {
		zero = *(*uint8)(m.More[0]) ^ s.s.flip
	}
	for first := 0; first < s.s.Out.C; first += 32 {
		sums := unsafe.Slice((*int32)(unsafe.Add(m.Scratch, s.at+first/32*floatEnds)), 32)
		clear(sums)
		for i := range min(32, s.s.Out.C-first) {
			sums[i] = s.weights.products.zero(zero) * s.weights.bias[first+i]
		}
		if s.s.codes != nil {
			floats := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(&sums[0]), 128)), 64) // scales, then biases
			clear(floats)
			copy(floats[:32], s.s.codes.Scales[first:])
		}
	}
}

// codesOfRows makes codes of the rows of a matrix, scaled sums that end with complete blocks.
type codesOfRows struct {
	from  Layout
	at    int
	codes *SumCodes
	rung  *Rung
}

func (s *codesOfRows) Chunks() int { return (s.from.N + unpadEach - 1) / unpadEach }

func (s *codesOfRows) Run(chunk int, m *Memory) {
	for n := chunk * unpadEach; n < min((chunk+1)*unpadEach, s.from.N); n++ {
		row := unsafe.Slice((*float32)(unsafe.Add(m.Scratch, s.at+n*s.from.Image)), s.from.C)
		s.rung.QuantizeRow(bytesAt(unsafe.Add(m.Out, n*s.from.C), s.from.C), row, 1, s.codes.Zero, s.codes.Flip)
	}
}
