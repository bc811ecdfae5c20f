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

// quantRole is the kind of kernel that can compute a node on 8-bit codes.
type quantRole uint8

const (
	quantNone    quantRole = iota
	quantConv              // QLinearConv
	quantProduct           // QLinearMatMul and QGemm: a convolution of one pixel
	quantPair              // QLinearAdd and QLinearMul of one shape
	quantMax               // MaxPool
	quantMean              // average pools
	quantConcat            // along channels
	quantTable             // a function of one code
	quantizing             // QuantizeLinear
	dequantizing           // DequantizeLinear
)

// quants is the part of a builder that plans operators on 8-bit codes. Its maps and its
// methods dims, layout, home and in are for codes what the builder's are for float32.
type quants struct {
	*builder
	roles  map[*ir.Node]quantRole
	halos  map[*ir.Value]*kernel.Halo
	fill   map[*ir.Value]uint8 // what the halo holds: the zero point of the readers
	made   map[*ir.Value]bool  // values that are computed in blocks
	blocks map[*ir.Value]place // values that exist in U8x64
	fours  map[*ir.Value]place // values that exist in U8x4
}

// assignQuant decides which nodes run on blocks of codes, and with which halos and fills.
func (b *builder) assignQuant(nodes []*ir.Node) {
	q := &quants{builder: b, roles: map[*ir.Node]quantRole{}, halos: map[*ir.Value]*kernel.Halo{}, fill: map[*ir.Value]uint8{},
		made: map[*ir.Value]bool{}, blocks: map[*ir.Value]place{}, fours: map[*ir.Value]place{}}
	b.quant = q
	for _, n := range nodes {
		r := q.role(n)
		if r == quantNone {
			continue
		}
		q.roles[n] = r
		if r != quantizing && r != dequantizing {
			q.made[n.Outputs[0]] = true
		}
	}
}

// quantNode schedules a node on codes; it reports false if the node has to be
// computed otherwise.
func (b *builder) quantNode(n *ir.Node) (bool, error) {
	q := b.quant
	switch q.roles[n] {
	case quantConv:
		return true, q.convNode(n)
	case quantProduct:
		return true, q.productNode(n)
	case quantPair:
		return true, q.pairNode(n)
	case quantMax, quantMean:
		return true, q.poolNode(n)
	case quantConcat:
		return true, q.concatNode(n)
	case quantTable:
		return true, q.tableNode(n)
	case quantizing:
		return true, q.quantizeNode(n)
	case dequantizing:
		return true, q.dequantizeNode(n)
	}
	return false, nil
}

// role returns the role that a node can have, given the nodes before it. It records what
// halo and fill that role asks of the inputs.
func (q *quants) role(n *ir.Node) quantRole {
	if len(n.Outputs) != 1 || n.Input(0) == nil {
		return quantNone
	}
	switch n.Op {
	case "QuantizeLinear", "DequantizeLinear":
		return q.linearRole(n)
	}
	if !codes(q.fact(n.Outputs[0])) {
		return quantNone
	}
	fed := q.made[n.Inputs[0]]
	switch n.Op {
	case "QLinearConv":
		if q.convolvable(n) {
			return quantConv
		}
	case "QLinearMatMul", "QGemm":
		if q.multipliable(n) {
			return quantProduct
		}
	case "QLinearAdd", "QLinearMul":
		if n.Domain == ops.Microsoft && fed && q.made[n.Inputs[3]] && q.constants(n, 1, 2, 4, 5, 6, 7) &&
			q.fact(n.Inputs[0]).Shape.Equal(q.fact(n.Inputs[3]).Shape) && q.setFill(n.Outputs[0], nil, q.fact(n.Inputs[0]).DType) {
			return quantPair
		}
	case "MaxPool":
		if _, ok := q.poolWindow(n); ok && n.Domain == "" && fed {
			return quantMax
		}
	case "QLinearGlobalAveragePool", "QLinearAveragePool":
		if fed && q.averageable(n) {
			return quantMean
		}
	case "QLinearConcat", "Concat":
		if q.joinable(n) {
			return quantConcat
		}
	case "Recode", "QLinearLeakyRelu", "QLinearSigmoid":
		if fed && q.constants(n, 1, 2, 3, 4) {
			return quantTable
		}
	}
	return quantNone
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
func (q *quants) setFill(v *ir.Value, zero *ir.Value, d tensor.DType) bool {
	if zero == nil {
		return true
	}
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

// flipTable is flip as a table, nil if it changes nothing.
func flipTable(flip uint8) *[256]uint8 {
	if flip == 0 {
		return nil
	}
	t := new([256]uint8)
	for i := range t {
		t[i] = uint8(i) ^ flip
	}
	return t
}

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
	w, err := q.opt.Rung.ByteMove(kernel.ByteMove{From: q.layout(v, kernel.U8), To: l, Table: flipTable(q.flip(v))})
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
	w, err := q.opt.Rung.ByteMove(kernel.ByteMove{From: from.layout, To: to, Table: flipTable(q.flip(v))})
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

// zero is the zero point at input i, which role has checked.
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
