package plan

import (
	"errors"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/engine/tensor"
)

// pairable reports whether a node adds or multiplies two values of one shape in blocks.
func (q *quants) pairable(n *ir.Node) bool {
	return n.Domain == ops.Microsoft && q.made[n.Inputs[0]] && q.made[n.Inputs[3]] && q.constants(n, 1, 2, 4, 5, 6, 7) &&
		q.fact(n.Inputs[0]).Shape.Equal(q.fact(n.Inputs[3]).Shape)
}

// pairNode schedules a sum or product of two values.
func (q *quants) pairNode(n *ir.Node) error {
	x, z, y := n.Inputs[0], n.Inputs[3], n.Outputs[0]
	a, err := q.inFormat(n, x, kernel.U8x64)
	if err != nil {
		return err
	}
	b, err := q.inFormat(n, z, kernel.U8x64)
	if err != nil {
		return err
	}
	out := q.home(n)
	w, err := q.opt.Rung.BytePair(kernel.BytePair{A: a.layout, B: b.layout, Out: out.layout, Mul: n.Op == "QLinearMul",
		Signed: q.flip(y) != 0, ZeroA: q.zero(n, 2, x), ZeroB: q.zero(n, 5, z), ZeroOut: q.zero(n, 7, y),
		ScaleA: q.number(n, 1), ScaleB: q.number(n, 4), ScaleOut: q.number(n, 6), High: 255})
	if err != nil {
		return err
	}
	q.addWork(n, n.Op, w, []place{a, b}, nil, out)
	return nil
}

// maximal reports whether the kernels support a max pool of codes.
func (q *quants) maximal(n *ir.Node) bool {
	_, ok := q.poolWindow(n)
	return ok && n.Domain == "" && q.made[n.Inputs[0]]
}

// averageable reports whether the kernels support an average pool of codes.
func (q *quants) averageable(n *ir.Node) bool {
	if !q.made[n.Inputs[0]] || len(q.fact(n.Inputs[0]).Shape.Dims) != 4 || !q.constants(n, 1, 2, 3, 4) {
		return false
	}
	if n.Op == "QLinearGlobalAveragePool" {
		a := n.Attr("channels_last")
		return n.Domain == ops.Microsoft && (a == nil || a.Int == 0)
	}
	_, ok := q.poolWindow(n)
	return n.Domain == ops.Internal && ok
}

// poolNode schedules a pool.
func (q *quants) poolNode(n *ir.Node) error {
	x, y := n.Inputs[0], n.Outputs[0]
	in, err := q.inFormat(n, x, kernel.U8x64)
	if err != nil {
		return err
	}
	p := kernel.Pool{KernelH: in.layout.H, KernelW: in.layout.W, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}
	if n.Op != "QLinearGlobalAveragePool" {
		p, _ = q.poolWindow(n)
	}
	out := q.home(n)
	p.In, p.Out = in.layout, out.layout
	var w kernel.Work
	if n.Op == "MaxPool" {
		w, err = q.opt.Rung.ByteMax(p)
	} else {
		w, err = q.opt.Rung.ByteAverage(kernel.ByteAverage{Pool: p, ZeroIn: q.zero(n, 2, x), ZeroOut: q.zero(n, 4, y),
			ScaleIn: q.number(n, 1), ScaleOut: q.number(n, 3)})
	}
	if err != nil {
		return err
	}
	q.addWork(n, n.Op, w, []place{in}, nil, out)
	return nil
}

// joinable reports whether a node concatenates blocks along channels. QLinearConcat has the
// output's scale and zero point first, then three inputs for each operand: value, scale,
// zero point.
func (q *quants) joinable(n *ir.Node) bool {
	a := n.Attr("axis")
	if a == nil || a.Int != 1 && a.Int != -3 || len(q.fact(n.Outputs[0]).Shape.Dims) != 4 {
		return false
	}
	first, step := 0, 1
	if n.Op == "QLinearConcat" {
		if n.Domain != ops.Microsoft {
			return false
		}
		first, step = 2, 3
	} else if n.Domain != "" {
		return false
	}
	for i := first; i < len(n.Inputs); i += step {
		v := n.Inputs[i]
		if v == nil || !q.made[v] || step == 3 && !q.constants(n, 0, 1, i+1, i+2) {
			return false
		}
	}
	return true
}

// concatNode schedules a concatenation: a copy of each operand, with a conversion
// if its scale or zero point differs from the output's.
func (q *quants) concatNode(n *ir.Node) error {
	first, step := 0, 1
	if n.Op == "QLinearConcat" {
		first, step = 2, 3
	}
	y := n.Outputs[0]
	out := q.home(n)
	at := 0
	for i := first; i < len(n.Inputs); i += step {
		v := n.Inputs[i]
		in, err := q.inFormat(n, v, kernel.U8x64)
		if err != nil {
			return err
		}
		m := kernel.ByteMove{From: in.layout, To: out.layout, First: at}
		if step == 3 && (q.number(n, i+1) != q.number(n, 0) || q.number(n, i+2) != q.number(n, 1)) {
			m.Table = recode(q.number(n, i+1), q.zero(n, i+2, v), q.number(n, 0), q.zero(n, 1, y), pass.SignBit(q.fact(y).DType))
		}
		w, err := q.opt.Rung.ByteMove(m)
		if err != nil {
			return err
		}
		q.addWork(n, n.Op, w, []place{in}, nil, out)
		at += in.layout.C
	}
	return nil
}

// recode is the table that converts codes of one scale and zero point to another; flip is
// that of both.
func recode(fromScale float32, fromZero uint8, toScale float32, toZero, flip uint8) *[256]uint8 {
	t := new([256]uint8)
	less := float32(flip)
	zero := float32(fromZero) - less
	for i := range t {
		v := (float32(i) - less - zero) * fromScale
		t[i] = pass.Code(v, toScale, toZero)
	}
	return t
}

// tabled reports whether a function of one code has blocks to read and a table that is
// known.
func (q *quants) tabled(n *ir.Node) bool { return q.made[n.Inputs[0]] && q.constants(n, 1, 2, 3, 4) }

// tableNode schedules a function of one code.
func (q *quants) tableNode(n *ir.Node) error {
	x, y := n.Inputs[0], n.Outputs[0]
	in, err := q.inFormat(n, x, kernel.U8x64)
	if err != nil {
		return err
	}
	out := q.home(n)
	table, err := q.table(n)
	if err != nil {
		return err
	}
	stored := new([256]uint8)
	for i := range stored {
		stored[i] = table[uint8(i)^q.flip(x)] ^ q.flip(y)
	}
	w, err := q.opt.Rung.ByteMove(kernel.ByteMove{From: in.layout, To: out.layout, Table: stored})
	if err != nil {
		return err
	}
	q.addWork(n, n.Op, w, []place{in}, nil, out)
	return nil
}

// table maps the bytes of the node's input to those of its output. For nodes
// without a table it is computed by evaluating them on all codes.
func (q *quants) table(n *ir.Node) ([]byte, error) {
	if n.Op == "Recode" {
		return q.constant(n.Inputs[1]).Bytes(), nil
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	facts := n.Facts()
	facts[0] = ir.FactOf(tensor.View(q.fact(n.Inputs[0]).DType, all, []int{256}))
	for i := 1; i < len(facts); i++ {
		if n.Inputs[i] != nil {
			facts[i] = ir.FactOf(q.constant(n.Inputs[i]))
		}
	}
	out := pass.FoldWith(n, facts)
	if len(out) != 1 || out[0] == nil {
		return nil, errTable
	}
	return out[0].Bytes(), nil
}

var errTable = errors.New("BUG: a function of one code did not fold")

// linear reports whether a node is a QuantizeLinear from float32, or a DequantizeLinear
// to float32, with one scale.
func (q *quants) linear(n *ir.Node) bool {
	if n.Domain != "" && n.Domain != ops.Microsoft || !q.constants(n, 1, 2) || q.constant(n.Inputs[0]) != nil {
		return false
	}
	wide, narrow := q.fact(n.Inputs[0]), q.fact(n.Outputs[0])
	if n.Op == "DequantizeLinear" {
		wide, narrow = narrow, wide
	}
	count, ok := wide.Shape.Count()
	return ok && count > 0 && wide.DType == tensor.Float32 && (narrow.DType == tensor.Uint8 || narrow.DType == tensor.Int8) &&
		q.constant(n.Inputs[1]).DType() == tensor.Float32
}

// flat is the layout of a row-major value as one plane, with rows of some length: chunks are
// rows, whatever shape the value has.
func (q *quants) flat(v *ir.Value, f kernel.Format) kernel.Layout {
	d, _ := q.fact(v).Shape.Ints()
	rows, inner := tensor.MustCount(d), 1
	for i := len(d) - 1; i >= 0 && inner < 512; i-- {
		inner *= d[i]
		rows /= d[i]
	}
	return kernel.NewLayout(f, 1, 1, rows, inner, kernel.Halo{})
}

// quantizeNode schedules a QuantizeLinear: directly into pixels of four channels if
// only convolutions read it.
func (q *quants) quantizeNode(n *ir.Node) error {
	x, y := n.Inputs[0], n.Outputs[0]
	in, err := q.planar(x)
	if err != nil {
		return err
	}
	k := kernel.Quantize{From: q.flat(x, kernel.Planar), To: q.flat(y, kernel.U8), Scale: q.number(n, 1), Zero: q.zero(n, 2, y)}
	flip := q.flip(y)
	fours := q.onlyFours(y)
	if fours {
		k.From, k.To, flip = planarLayout(q.fact(x)), q.layout(y, kernel.U8x4), 0
	}
	p := place{buffer: q.newBuffer(k.To.Size()), layout: k.To}
	w, err := q.opt.Rung.Quantize(k, flip)
	if err != nil {
		return err
	}
	if fours {
		q.fours[y] = p
	} else {
		q.places[y] = place{buffer: p.buffer}
	}
	q.addWork(n, n.Op, w, []place{in}, nil, p)
	return nil
}

// onlyFours reports whether a value has three channels and is read by
// convolutions only.
func (q *quants) onlyFours(v *ir.Value) bool {
	if d, _ := q.fact(v).Shape.Ints(); len(d) != 4 || d[1] != 3 || q.needed[v] {
		return false
	}
	for _, r := range q.readers[v] {
		if !q.coded[r] || r.Op != "QLinearConv" {
			return false
		}
		w := q.constant(r.Inputs[3])
		if c, _ := q.convPads(r, w.Dim(2), w.Dim(3)); c.Group != 1 || c.DilationW != 1 {
			return false
		}
	}
	return true
}

// dequantizeNode schedules a DequantizeLinear, from and to row-major order.
func (q *quants) dequantizeNode(n *ir.Node) error {
	x, y := n.Inputs[0], n.Outputs[0]
	in, err := q.planar(x)
	if err != nil {
		return err
	}
	to := q.flat(y, kernel.Planar)
	p := place{buffer: q.newBuffer(to.Size()), layout: planarLayout(q.fact(y))}
	w, err := q.opt.Rung.Dequantize(q.flat(x, kernel.U8), to, q.number(n, 1), q.zero(n, 2, x), q.flip(x))
	if err != nil {
		return err
	}
	q.places[y] = p
	q.addWork(n, n.Op, w, []place{in}, nil, p)
	return nil
}
