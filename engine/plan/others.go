package plan

import (
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/engine/tensor"
)

// otherNode schedules a node other than a convolution on blocked activations; it
// reports false if no kernel supports it.
func (b *builder) otherNode(n *ir.Node, r role) (bool, error) {
	switch r {
	case pool:
		return b.poolNode(n)
	case globalPool:
		return b.globalPoolNode(n)
	case activate:
		act, ok := pass.ActivationOf(n)
		if !ok {
			return false, nil
		}
		return b.pointwise(n, kernel.Copy, act, n.Inputs[0])
	case combine:
		op := kernel.Add
		if n.Op == "Mul" {
			op = kernel.Mul
		}
		return b.pointwise(n, op, kernel.Activation{}, n.Inputs...)
	case gate:
		if b.gated[n] != nil {
			return true, nil
		}
		x, g := b.gateOperands(n)
		return b.pointwise(n, kernel.Mul, kernel.Activation{}, x, g)
	case pixelGate:
		x, by := b.pixelGateOperands(n)
		return b.pointwise(n, kernel.Mul, kernel.Activation{}, x, by)
	case roundCodes:
		return true, b.roundNode(n)
	case scaleShift:
		return true, b.scaleNode(n)
	case concat:
		return true, b.concatNode(n)
	case resize:
		return true, b.resizeNode(n)
	case shuffle:
		return true, b.chooseChannels(n, n.Inputs, n.Operator.(*ops.Shuffle).Channels, n.Outputs[0])
	case parts:
		return true, b.partsNode(n)
	}
	return false, nil
}

// inAnyFormat returns a value in the format in which its node wrote it, if that is a blocked one,
// else in the given format.
func (b *builder) inAnyFormat(v *ir.Value, f kernel.Format) (place, error) {
	if p, ok := b.blocked[v]; ok {
		return p, nil
	}
	return b.inFormat(v, f)
}

// finish records where a node's output lies and appends the work that computes it.
func (b *builder) finish(n *ir.Node, name string, w kernel.Work, in []place, out place) {
	b.blocked[n.Outputs[0]] = out
	b.addWork(n, name, w, in, nil, out)
}

// poolNode schedules a max or average pool.
func (b *builder) poolNode(n *ir.Node) (bool, error) {
	x, y := n.Inputs[0], n.Outputs[0]
	p, ok := b.poolWindow(n)
	if !ok {
		return false, nil
	}
	in, err := b.inAnyFormat(x, b.specs[y].format)
	if err != nil {
		return false, err
	}
	out := b.home(y)
	p.In, p.Out = in.layout, out.layout
	plan := b.opt.Rung.AveragePool
	if n.Op == "MaxPool" {
		plan = b.opt.Rung.MaxPool
	}
	w, err := plan(p)
	if err != nil {
		return false, err
	}
	b.finish(n, n.Op, w, []place{in}, out)
	return true, nil
}

// poolWindow reads the attributes of a pool.
func (b *builder) poolWindow(n *ir.Node) (p kernel.Pool, ok bool) {
	if b.fact(n.Inputs[0]).Shape.Rank() != 4 {
		return p, false
	}
	_, _, h, w := b.dims(n.Inputs[0])
	win, ok := ops.PictureWindowOf(n, h, w, nil)
	a := n.ReadAttrs()
	p = kernel.Pool{KernelH: win.KernelH, KernelW: win.KernelW, StrideH: win.StrideH, StrideW: win.StrideW,
		DilationH: win.DilationH, DilationW: win.DilationW,
		PadTop: win.PadTop, PadLeft: win.PadLeft, PadBottom: win.PadBottom, PadRight: win.PadRight,
		CountPad: a.Bool("count_include_pad", false)}
	if p.CountPad && a.Bool("ceil_mode", false) {
		return p, false // windows that reach beyond the padding are counted in a special way
	}
	return p, ok
}

// globalPoolNode schedules the mean of each plane, written in row-major order if no
// reader wants blocks.
func (b *builder) globalPoolNode(n *ir.Node) (bool, error) {
	in, err := b.inAnyFormat(n.Inputs[0], b.opt.Rung.Block)
	if err != nil {
		return false, err
	}
	out := b.meanPlace(n)
	w, err := b.opt.Rung.GlobalAverage(in.layout, out.layout)
	if err != nil {
		return false, err
	}
	b.addWork(n, n.Op, w, []place{in}, nil, out)
	return true, nil
}

// meanPlace is where a global pool writes.
func (b *builder) meanPlace(n *ir.Node) place {
	y := n.Outputs[0]
	for _, r := range b.readers[y] {
		if b.roles[r] != outside {
			b.blocked[y] = b.home(y)
			return b.blocked[y]
		}
	}
	l := planarLayout(b.fact(y))
	b.places[y] = place{buffer: b.newBuffer(l.Size()), layout: l}
	return b.places[y]
}

// resizeTaps holds the result of ops.ResizeTaps for a node.
type resizeTaps struct {
	rows, columns *vec.Taps
	ok            bool
}

// resizing computes the taps of a Resize or Upsample, once.
func (b *builder) resizing(n *ir.Node) resizeTaps {
	t, known := b.resized[n]
	if !known {
		x, _ := b.fact(n.Inputs[0]).Shape.Ints()
		t.rows, t.columns, t.ok = ops.ResizeTaps(n, x, b.constant)
		b.resized[n] = t
	}
	return t
}

// resizeNode schedules a Resize of rows and columns.
func (b *builder) resizeNode(n *ir.Node) error {
	in, err := b.inAnyFormat(n.Inputs[0], b.opt.Rung.Block)
	if err != nil {
		return err
	}
	out := b.home(n.Outputs[0])
	t := b.resizing(n)
	w, err := b.opt.Rung.Resize(kernel.Resize{In: in.layout, Out: out.layout, Rows: t.rows, Columns: t.columns})
	if err != nil {
		return err
	}
	b.finish(n, n.Op, w, []place{in}, out)
	return nil
}

// pointwise schedules an element-wise operation.
func (b *builder) pointwise(n *ir.Node, op kernel.PointOp, act kernel.Activation, values ...*ir.Value) (bool, error) {
	y := n.Outputs[0]
	p := kernel.Pointwise{Op: op, Act: act}
	var in []place
	for i, v := range values {
		var at place
		var err error
		if i == 1 && b.roles[n] == pixelGate {
			at, err = b.planar(v)
		} else {
			at, err = b.inAnyFormat(v, b.opt.Rung.Block)
		}
		if err != nil {
			return false, err
		}
		in = append(in, at)
	}
	out := b.output(y, values[0], in[0])
	p.A, p.Out = in[0].layout, out.layout
	if len(in) > 1 {
		p.B = in[1].layout
	}
	w, err := b.opt.Rung.Pointwise(p)
	if err != nil {
		return false, err
	}
	b.finish(n, n.Op, w, in, out)
	return true, nil
}

// scaleNode schedules a scale and a shift per channel, as a depthwise convolution
// of one tap.
func (b *builder) scaleNode(n *ir.Node) error {
	op := n.Operator.(*ops.ScaleShift)
	x, y := n.Inputs[0], n.Outputs[0]
	in, err := b.inFormat(x, b.opt.Rung.Block)
	if err != nil {
		return err
	}
	out := b.home(y)
	c := kernel.OneTap(in.layout, out.layout)
	c.Group, c.Act = in.layout.C, op.Act
	m := c.Method()
	packed, err := b.weights.vector(c, m, filter{weights: n.Inputs[1].Const(), bias: n.Inputs[2].Const()})
	if err != nil {
		return err
	}
	w, err := b.opt.Rung.Conv(m, c, packed)
	if err != nil {
		return err
	}
	b.finish(n, "scale and shift", w, []place{in}, out)
	return nil
}

// concatNode schedules a concatenation along channels: a copy for each operand that
// was not written in place, see blocked.go.
func (b *builder) concatNode(n *ir.Node) error {
	y := n.Outputs[0]
	s := b.specs[y]
	root, base := y, 0
	if s.root != nil {
		root, base = s.root, s.from
	}
	out := b.home(y)
	if s.root == nil {
		if r, ok := b.roots[y]; ok { // some operands lie in it already: the buffer of home is not needed
			b.buffers[out.buffer].size = 0
			out = r
		}
	}
	at := 0
	for _, v := range n.Inputs {
		if !b.lies(v, root, base+at) {
			if err := b.copyPart(n, v, out, at); err != nil {
				return err
			}
		}
		at += b.channels(v)
	}
	b.blocked[y] = out
	return nil
}

// lies reports whether a value lies in the buffer of a concatenation from a channel on,
// alone or as part of one that does.
func (b *builder) lies(v, root *ir.Value, from int) bool {
	s := b.specs[v]
	if s != nil && s.within != nil {
		return b.lies(s.within, root, from-s.first)
	}
	return s != nil && s.root == root && s.from == from
}

// copyPart schedules the copy of an operand to the channels of a concatenation from first
// on.
func (b *builder) copyPart(n *ir.Node, v *ir.Value, out place, first int) error {
	if first%out.layout.Format.Channels() > 0 {
		return b.mergePart(n, v, out, first)
	}
	from, err := b.inAnyFormat(v, out.layout.Format)
	if err != nil {
		return err
	}
	to := channelsOf(out, first, b.channels(v))
	w, err := b.opt.Rung.Convert(from.layout, to.layout)
	if err != nil {
		return err
	}
	b.addWork(n, "copy", w, []place{from}, nil, to)
	return nil
}

// bias is the constant bias of a convolution, nil if it has none.
func (b *builder) bias(n *ir.Node) *tensor.Tensor {
	if v := n.Input(2); v != nil {
		return v.Const()
	}
	return nil
}
