package plan

import (
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
)

// convNode schedules a convolution, with the chain that begins with it if that runs in
// bands. doc.go has the order in which methods are tried.
func (b *builder) convNode(n *ir.Node) error {
	if chain := b.bandChain(n); chain != nil {
		return b.bandNode(chain)
	}
	if taps := b.tapByTap(n); taps != nil {
		return b.tapsNode(n, taps)
	}
	c := b.conv(n)
	tiled := b.tiled(n, c)
	in, err := b.convInputs(n, c, tiled)
	if err != nil {
		return err
	}
	res, err := b.residual(n, tiled)
	if err != nil {
		return err
	}
	y := n.Outputs[0]
	var out place
	if res != nil {
		c.Residual = &res.layout
		out = b.output(y, n.Inputs[3], *res)
	} else {
		out = b.home(y)
	}
	c.Out = out.layout
	if c.Gate != nil && tiled {
		b.blocked[y] = out
		return b.gatedTiles(n, c, in, res, out)
	}
	mean := b.convMean(n, c)
	work, name, err := b.convWork(n, c, tiled)
	if err != nil {
		return err
	}
	b.blocked[y] = out
	first := len(b.steps)
	b.addWork(n, name, work, in, res, out)
	if mean != nil {
		for i := first; i < len(b.steps); i++ {
			b.steps[i].mean = mean
		}
		b.use(*mean, len(b.steps)-1)
	}
	return nil
}

// convInputs returns where a convolution reads its input, followed by the gate if
// there is one.
func (b *builder) convInputs(n *ir.Node, c *kernel.Conv, tiled bool) (in []place, err error) {
	x := n.Inputs[0]
	if g := b.gates[n]; g != nil {
		var by *ir.Value
		x, by = b.gateOperands(g)
		at, err := b.inFormat(by, b.opt.Rung.Block)
		if err != nil {
			return nil, err
		}
		in, c.Gate = append(in, at), &at.layout
	}
	from, err := b.inFormat(x, b.inputFormat(x, c, tiled))
	c.In = from.layout
	return append([]place{from}, in...), err
}

// convMean is where a convolution writes the means for a global pool that is fused
// into it; nil if none is.
func (b *builder) convMean(n *ir.Node, c *kernel.Conv) *place {
	p := b.meanOf(n, c)
	if p == nil {
		return nil
	}
	at := b.meanPlace(p)
	c.Mean = &at.layout
	b.fused[p] = true
	return &at
}

// inputFormat is the format in which a convolution reads its input x.
func (b *builder) inputFormat(x *ir.Value, c *kernel.Conv, tiled bool) kernel.Format {
	switch {
	case tiled:
		return b.narrow()
	case c.In.C/c.Group <= 4 && c.Group == 1 && b.isPlanar(x):
		return kernel.Planar
	}
	return b.opt.Rung.Block
}

// hasResidual reports whether a convolution adds another value.
func hasResidual(n *ir.Node) bool { return n.Input(3) != nil }

// residual is the place of the value that a convolution adds, nil if it adds none.
func (b *builder) residual(n *ir.Node, tiled bool) (*place, error) {
	if !hasResidual(n) {
		return nil, nil
	}
	f := b.specs[n.Outputs[0]].format
	if z, ok := b.blocked[n.Inputs[3]]; ok && tiled {
		f = z.layout.Format
	}
	z, err := b.inFormat(n.Inputs[3], f)
	return &z, err
}

// isPlanar reports whether a value exists in row-major order.
func (b *builder) isPlanar(v *ir.Value) bool {
	_, ok := b.places[v]
	return ok
}

// output is where y is written. It overwrites an operand z at the given place, such as the
// residual of a convolution, if nothing reads that any more and both have the same layout:
// that saves reading lines into the cache only to overwrite them.
func (b *builder) output(y, z *ir.Value, at place) place {
	s, zs := b.specs[y], b.specs[z]
	if s.root == nil && zs != nil && zs.root == nil && zs.within == nil && !zs.viewed && !b.joined[z] && !b.joined[y] && b.readersLeft[z] == 1 && !b.needed[z] &&
		b.blocked[z] == at && at.layout == b.layout(y, s.format) {
		return at
	}
	return b.home(y)
}

// convWork returns the kernel of a convolution with packed weights.
func (b *builder) convWork(n *ir.Node, c *kernel.Conv, tiled bool) (kernel.Work, string, error) {
	plan, name, err := b.convPlan(n, c, tiled)
	if err != nil {
		return kernel.Work{}, "", err
	}
	work, err := plan(c)
	return work, name, err
}

// convPlan chooses the kernel of a convolution and packs its weights. It returns a function
// that plans the kernel, which bands call with fewer rows, and the kernel's name.
func (b *builder) convPlan(n *ir.Node, c *kernel.Conv, tiled bool) (plan func(*kernel.Conv) (kernel.Work, error), name string, err error) {
	f := filterOf(n)
	f.bias, f.rect = b.bias(n), trim(b.untrimmed(n))
	if tiled || b.tiledPlanar(n, c) {
		w, err := b.weights.tile(c, f)
		if c.In.Format == kernel.BF16x32 {
			return func(c *kernel.Conv) (kernel.Work, error) { return b.opt.Rung.NewBF16(c, w) }, "conv bf16", err
		}
		return func(c *kernel.Conv) (kernel.Work, error) { return b.opt.Rung.NewSplit(c, w) }, "conv bf16x3", err
	}
	m, err := b.method(c)
	if err != nil {
		return nil, "", err
	}
	w, err := b.weights.vector(c, m, f)
	return func(c *kernel.Conv) (kernel.Work, error) { return b.opt.Rung.Conv(m, c, w) }, "conv " + m.String(), err
}
