package plan

import (
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/engine/tensor"
)

// A transposed convolution of stride s computes the outputs of each phase, those whose
// row and column leave the same remainders when divided by s, from every s-th tap of
// its kernel: s·s plain convolutions of smaller kernels, whose pixels are laid side by
// side (Shi et al. 2016, "Is the deconvolution layer the same as a convolutional
// layer?", arXiv:1609.07009). In one dimension, with a kernel of 4 taps, stride 2 and
// padding 1, inputs a b c d become outputs
//
//	0: w1·a          1: w0·b + w2·a
//	2: w1·b + w3·a   3: w0·c + w2·b
//	4: w1·c + w3·b   5: w0·d + w2·c
//	6: w1·d + w3·c   7:        w2·d
//
// On the left is the phase of even outputs, a convolution with the weights w3 w1 and one
// zero before the inputs; on the right that of odd ones, with w2 w0 and one zero after them.
// Where each phase has one tap, on the same pixel, as with a kernel of 2x2 and stride 2,
// they are one 1x1 convolution whose channels are those of all phases.

// phase says which taps of a transposed kernel are the weights of a plain convolution:
// (y, x), (y, x+stepX), ... in reverse, because the kernel is turned around. There may be
// several phases, down times across, of which each next one begins one tap later; their
// channels follow each other. The zero value is for weights that are not transposed.
type phase struct {
	y, x, stepY, stepX int // the first tap, which comes last, and how far apart they are
	rows, columns      int // of taps
	down, across       int // phases
}

// phasesOf returns all weights [C M kh kw] as [down·across·M C rows columns].
func phasesOf[T any](f filter, all []T) []T {
	w, p := f.weights, f.phase
	c, m, kh, kw := w.Dim(0), w.Dim(1), w.Dim(2), w.Dim(3)
	out := make([]T, 0, p.down*p.across*m*c*p.rows*p.columns)
	for i := range p.down * p.across {
		one := p
		one.y, one.x = p.y+i/p.across, p.x+i%p.across
		for o := range m {
			for j := range c {
				out = appendTurned(out, all[(j*m+o)*kh*kw:][:kh*kw], kw, one)
			}
		}
	}
	return out
}

// appendTurned appends the taps of a single phase, turned around, from a plane of weights
// with rows of the given width.
func appendTurned[T any](out, plane []T, width int, p phase) []T {
	for y := p.rows - 1; y >= 0; y-- {
		for x := p.columns - 1; x >= 0; x-- {
			out = append(out, plane[(p.y+y*p.stepY)*width+p.x+x*p.stepX])
		}
	}
	return out
}

// axis is one dimension of a phase: its first tap in the kernel and their number, the
// padding of the plain convolution, and the number of outputs. In the example above the
// phases are {1, 2, 1, 4} and {0, 2, 0, 4}.
type axis struct{ first, taps, pad, out int }

// axes returns the phases of one dimension, one for each remainder or, if those are fewer,
// each output; nil if a phase has no taps or its padding would be negative.
func axes(kernel, stride, before, out int) []axis {
	all := make([]axis, min(stride, out))
	for i := range all {
		first, skipped := (i+before)%stride, (i+before)/stride
		a := axis{first: first, taps: (kernel - first + stride - 1) / stride, out: (out - i + stride - 1) / stride}
		if a.pad = a.taps - 1 - skipped; a.taps < 1 || a.pad < 0 {
			return nil
		}
		all[i] = a
	}
	return all
}

// transposition is a transposed convolution as plain ones, one for each pair of an axis in
// down and one in across.
type transposition struct {
	stepY, stepX int // the stride
	down, across []axis
	together     bool // the phases are one convolution
	out          int  // channels
}

// mostPhases bounds the convolutions of a transposed one, because planning takes time
// for each.
const mostPhases = 64

// transposed returns how a transposed convolution is computed on blocked activations;
// nil if its operator has to compute it.
func (b *builder) transposed(n *ir.Node) *transposition {
	if b.opt.Rung.Pays(kernel.Split32) && !b.opt.Strict { // products of all taps at once run on the tile unit
		return nil
	}
	if n.Domain != "" || n.Op != "ConvTranspose" || b.constant(n.Inputs[0]) != nil || n.Input(2) != nil && n.Inputs[2].Const() == nil {
		return nil
	}
	weights := n.Inputs[1].Const()
	if weights == nil || weights.Rank() != 4 || weights.DType() != tensor.Float32 {
		return nil
	}
	_, _, h, w := b.dims(n.Inputs[0])
	_, c, oh, ow := b.dims(n.Outputs[0])
	win, ok := ops.TransposedWindowOf(n, h, w, weights.Shape()[2:])
	if !ok || win.DilationH*win.DilationW != 1 || c != weights.Dim(1) || 2*c < b.opt.Rung.Block.Channels() {
		return nil // of another group, or so few channels that most of each block would be empty
	}
	if !b.blocksFit(c, oh+64, ow+64) {
		return nil
	}
	t := &transposition{stepY: win.StrideH, stepX: win.StrideW, out: c}
	if h == 1 { // each tap meets the one row once, whatever the stride
		t.stepY = max(win.StrideH, win.KernelH)
	}
	if w == 1 {
		t.stepX = max(win.StrideW, win.KernelW)
	}
	t.down, t.across = axes(win.KernelH, t.stepY, win.PadTop, oh), axes(win.KernelW, t.stepX, win.PadLeft, ow)
	if t.down == nil || t.across == nil {
		return nil
	}
	t.together = c%b.opt.Rung.Block.Channels() == 0 && alike(t.down) && alike(t.across)
	if phases := len(t.down) * len(t.across); !t.together && phases > mostPhases {
		return nil
	}
	return t
}

// alike reports whether phases have one tap each, on the same pixel, and as many
// outputs.
func alike(phases []axis) bool {
	for i, a := range phases {
		if a.taps != 1 || a.pad != 0 || a.out != phases[0].out || a.first != phases[0].first+i {
			return false
		}
	}
	return true
}

// convs returns the plain convolutions of the given input, with planar outputs and without
// an activation, and the taps that are their weights.
func (t *transposition) convs(in kernel.Layout) (convs []kernel.Conv, weights []phase) {
	add := func(y, x axis, down, across int) {
		convs = append(convs, kernel.Conv{In: in, Out: kernel.NewLayout(kernel.Planar, in.N, down*across*t.out, y.out, x.out, kernel.Halo{}),
			KernelH: y.taps, KernelW: x.taps, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, PadTop: y.pad, PadLeft: x.pad, Group: 1})
		weights = append(weights, phase{y: y.first, x: x.first, stepY: t.stepY, stepX: t.stepX, rows: y.taps, columns: x.taps, down: down, across: across})
	}
	if t.together {
		add(t.down[0], t.across[0], len(t.down), len(t.across))
		return convs, weights
	}
	for _, y := range t.down {
		for _, x := range t.across {
			add(y, x, 1, 1)
		}
	}
	return convs, weights
}

// transposedNode schedules a transposed convolution, and an activation after it.
func (b *builder) transposedNode(n *ir.Node) error {
	t := b.transposed(n)
	from, err := b.inFormat(n.Inputs[0], b.opt.Rung.Block)
	if err != nil {
		return err
	}
	y, act := b.activated(n)
	convs, weights := t.convs(from.layout)
	var phases []place
	for i := range convs {
		c := &convs[i]
		c.Act = act
		c.Out = kernel.NewLayout(b.opt.Rung.Block, c.Out.N, c.Out.C, c.Out.H, c.Out.W, kernel.Halo{})
		out := place{buffer: b.newBuffer(c.Out.Size()), layout: c.Out}
		m, err := b.method(c)
		if err != nil {
			return err
		}
		packed, err := b.weights.vector(c, m, filter{weights: n.Inputs[1].Const(), bias: b.bias(n), phase: weights[i]})
		if err != nil {
			return err
		}
		work, err := b.opt.Rung.Conv(m, c, packed)
		if err != nil {
			return err
		}
		b.addWork(n, "conv "+m.String(), work, []place{from}, nil, out)
		for k := range weights[i].down * weights[i].across {
			phases = append(phases, channelsOf(out, k*t.out, t.out))
		}
	}
	out := b.home(y)
	p := kernel.Interleave{Rows: len(t.down), Columns: len(t.across), Out: out.layout}
	for _, in := range phases {
		p.In = append(p.In, in.layout)
	}
	work, err := b.opt.Rung.Interleave(p)
	if err != nil {
		return err
	}
	b.blocked[y] = out
	b.addWork(n, "interleave", work, phases, nil, out)
	return nil
}

// activated returns the output of the activation that alone reads a node's output, and
// what it computes; the node's own output if there is none.
func (b *builder) activated(n *ir.Node) (*ir.Value, kernel.Activation) {
	y := n.Outputs[0]
	if !b.needed[y] && len(b.readers[y]) == 1 {
		if r := b.readers[y][0]; b.roles[r] == activate {
			if act, ok := pass.EpilogueOf(r); ok {
				b.fused[r] = true
				return r.Outputs[0], act
			}
		}
	}
	return y, kernel.Activation{}
}
