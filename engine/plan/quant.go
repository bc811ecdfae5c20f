package plan

import (
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/engine/tensor"
)

// A quantised network computes with 8-bit codes: a code c stands for the number
// (c - zero)·scale. Its operators (QLinearConv, QLinearAdd, ...) name scale and zero point of
// every operand. The kernels know unsigned codes only: signed ones are stored plus 128, which
// is an XOR with 0x80, and so are their zero points. In memory, codes are
//
//	u8      row-major, as tensors have them
//	u8x4    pixels of up to 4 channels, which a first convolution reads
//	u8x64   blocks of 64 channels, which everything behind it reads and writes
//
// The halo of blocks is filled with the code for 0, the zero point of the convolutions that
// read them; all readers of a value must have the same.

// quantOp says how nodes of an operator are computed on 8-bit codes.
type quantOp struct {
	// fits reports whether a node can be, given the nodes before it. If so, it records what
	// halo and fill the kernel asks of the inputs.
	fits     func(q *quants, n *ir.Node) bool
	schedule func(q *quants, n *ir.Node) error
	rows     bool // its output is row-major; others make blocks
}

var quantOps = map[string]quantOp{
	"QuantizeLinear":           {(*quants).linear, (*quants).quantizeNode, true},
	"DequantizeLinear":         {(*quants).linear, (*quants).dequantizeNode, true},
	"QLinearConv":              {(*quants).convolvable, (*quants).convNode, false},
	"QLinearMatMul":            {(*quants).multipliable, (*quants).productNode, false}, // a convolution of one pixel
	"QGemm":                    {(*quants).multipliable, (*quants).productNode, false},
	"QLinearAdd":               {(*quants).pairable, (*quants).pairNode, false},
	"QLinearMul":               {(*quants).pairable, (*quants).pairNode, false},
	"MaxPool":                  {(*quants).maximal, (*quants).poolNode, false},
	"QLinearAveragePool":       {(*quants).averageable, (*quants).poolNode, false},
	"QLinearGlobalAveragePool": {(*quants).averageable, (*quants).poolNode, false},
	"QLinearConcat":            {(*quants).joinable, (*quants).concatNode, false},
	"Concat":                   {(*quants).joinable, (*quants).concatNode, false},
	"Recode":                   {(*quants).tabled, (*quants).tableNode, false},
	"QLinearLeakyRelu":         {(*quants).tabled, (*quants).tableNode, false},
	"QLinearSigmoid":           {(*quants).tabled, (*quants).tableNode, false},
}

// quants is the part of a builder that plans operators on 8-bit codes. Its maps and its
// methods dims, layout, home and in are for codes what the builder's are for float32.
type quants struct {
	*builder
	coded  map[*ir.Node]bool // nodes that are computed on codes
	halos  map[*ir.Value]*kernel.Halo
	fill   map[*ir.Value]uint8 // what the halo holds: the zero point of the readers
	made   map[*ir.Value]bool  // values that are computed in blocks
	blocks map[*ir.Value]place // values that exist in U8x64
	fours  map[*ir.Value]place // values that exist in U8x4
}

// assignQuant decides which nodes run on blocks of codes, and with which halos and fills.
func (b *builder) assignQuant(nodes []*ir.Node) {
	q := &quants{builder: b, coded: map[*ir.Node]bool{}, halos: map[*ir.Value]*kernel.Halo{}, fill: map[*ir.Value]uint8{},
		made: map[*ir.Value]bool{}, blocks: map[*ir.Value]place{}, fours: map[*ir.Value]place{}}
	b.quant = q
	for _, n := range nodes {
		op, ok := quantOps[n.Op]
		if !ok || len(n.Outputs) != 1 || n.Input(0) == nil {
			continue
		}
		if y := n.Outputs[0]; (op.rows || codes(q.fact(y))) && op.fits(q, n) {
			q.coded[n], q.made[y] = true, !op.rows
		}
	}
}

// quantNode schedules a node on codes; it reports false if the node has to be
// computed otherwise.
func (b *builder) quantNode(n *ir.Node) (bool, error) {
	if !b.quant.coded[n] {
		return false, nil
	}
	return true, quantOps[n.Op].schedule(b.quant, n)
}

// codes reports whether a value has 8-bit integers, is not empty, and has a shape
// that blocks can hold: pictures [N C H W], or rows […, C].
func codes(f ir.Fact) bool {
	n, ok := f.Shape.Count()
	rank := f.Shape.Rank()
	return ok && n > 0 && (f.DType == tensor.Uint8 || f.DType == tensor.Int8) && rank >= 2 && rank <= 4
}

// maxRows bounds the rows of a matrix in blocks, because each takes a plane of its
// own.
const maxRows = 1024

// dims returns the dimensions of a value as pictures: the rows of a matrix are
// pictures of one pixel.
func (q *quants) dims(v *ir.Value) (n, c, h, w int) {
	d, _ := q.fact(v).Shape.Ints()
	if len(d) == 4 {
		return d[0], d[1], d[2], d[3]
	}
	return tensor.MustCount(d[:len(d)-1]), d[len(d)-1], 1, 1
}

// setFill records what v's halo holds: the zero point of a reader. It reports false, and
// changes nothing, if that is not known or another reader has another zero point.
func (q *quants) setFill(v, zero *ir.Value, d tensor.DType) bool {
	z, ok := q.zeroOf(zero, d)
	if !ok {
		return false
	}
	if have, ok := q.fill[v]; ok && have != z {
		return false
	}
	q.fill[v] = z
	return true
}

// haloOf is the halo of v in blocks.
func (q *quants) haloOf(v *ir.Value) *kernel.Halo {
	h := q.halos[v]
	if h == nil {
		h = &kernel.Halo{}
		q.halos[v] = h
	}
	return h
}

// layout is the layout of a value in a byte format.
func (q *quants) layout(v *ir.Value, f kernel.Format) kernel.Layout {
	n, c, h, w := q.dims(v)
	l := kernel.NewLayout(f, n, c, h, w, *q.haloOf(v))
	l.Fill = q.fill[v]
	return l
}

// flip is the mask that is XORed to a tensor's bytes to get stored codes: signed
// codes are stored plus 128.
func (q *quants) flip(v *ir.Value) uint8 { return pass.SignBit(q.fact(v).DType) }

// home is where a node writes its output in blocks.
func (q *quants) home(n *ir.Node) place {
	l := q.layout(n.Outputs[0], kernel.U8x64)
	p := place{buffer: q.newBuffer(l.Size()), layout: l}
	q.blocks[n.Outputs[0]] = p
	return p
}

// inFormat returns a value in U8x64 or U8x4, and converts it if necessary; n is its reader.
func (q *quants) inFormat(n *ir.Node, v *ir.Value, f kernel.Format) (place, error) {
	have := q.blocks
	if f == kernel.U8x4 {
		have = q.fours
	}
	if p, ok := have[v]; ok {
		return p, nil
	}
	from, err := q.planar(v)
	if err != nil {
		return place{}, err
	}
	l := q.layout(v, f)
	p := place{buffer: q.newBuffer(l.Size()), layout: l}
	have[v] = p
	w, err := q.opt.Rung.ByteMove(kernel.ByteMove{From: q.layout(v, kernel.U8), To: l, Table: kernel.FlipTable(q.flip(v))})
	if err != nil {
		return place{}, err
	}
	q.addWork(n, "u8 to "+f.String(), w, []place{from}, nil, p)
	return p, nil
}

// codesToPlanar converts a value in blocks to row-major order.
func (b *builder) codesToPlanar(v *ir.Value) (place, bool, error) {
	q := b.quant
	from, ok := q.blocks[v]
	if !ok {
		return place{}, false, nil
	}
	to := q.layout(v, kernel.U8)
	p := place{buffer: q.newBuffer(to.Size())}
	w, err := q.opt.Rung.ByteMove(kernel.ByteMove{From: from.layout, To: to, Table: kernel.FlipTable(q.flip(v))})
	if err != nil {
		return place{}, true, err
	}
	b.places[v] = p
	q.addWork(v.Node, "u8x64 to u8", w, []place{from}, nil, p)
	return p, true, nil
}

// constants reports whether the inputs with the given numbers are constants of one
// element or omitted.
func (q *quants) constants(n *ir.Node, at ...int) bool {
	for _, i := range at {
		v := n.Input(i)
		if v == nil {
			continue
		}
		c := q.constant(v)
		if c == nil || c.Len() != 1 && n.Op != "Recode" {
			return false
		}
	}
	return true
}

// number is the value of a constant of one element; 0 if it is omitted.
func (q *quants) number(n *ir.Node, i int) float32 {
	v := n.Input(i)
	if v == nil {
		return 0
	}
	var number [1]float64
	tensor.Load(number[:], q.constant(v), 0, 1)
	return float32(number[0])
}

// zeroOf is a constant zero point in the form of stored codes.
func (q *quants) zeroOf(v *ir.Value, d tensor.DType) (uint8, bool) {
	if v == nil {
		return pass.SignBit(d), true
	}
	c := q.constant(v)
	if c == nil || c.Len() != 1 || c.DType() != d {
		return 0, false
	}
	return c.Bytes()[0] ^ pass.SignBit(d), true
}

// zero is the zero point at input i, which quantOp.fits has checked.
func (q *quants) zero(n *ir.Node, i int, v *ir.Value) uint8 {
	out, _ := q.zeroOf(n.Input(i), q.fact(v).DType)
	return out
}

// convPads returns the geometry of a convolution or pool.
func (q *quants) convPads(n *ir.Node, kh, kw int) (*kernel.Conv, bool) {
	_, _, h, w := q.dims(n.Inputs[0])
	win, ok := ops.PictureWindowOf(n, h, w, []int{kh, kw})
	return &kernel.Conv{KernelH: kh, KernelW: kw, StrideH: win.StrideH, StrideW: win.StrideW,
		DilationH: win.DilationH, DilationW: win.DilationW, PadTop: win.PadTop, PadLeft: win.PadLeft, Group: n.ReadAttrs().Int("group", 1)}, ok
}
