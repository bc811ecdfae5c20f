package plan

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
)

// shape says how a value that runs blocked is laid out: its format, the halo
// that its readers want, and where it lies in the buffer of a concatenation.
type shape struct {
	format kernel.Format
	halo   kernel.Halo
	root   *ir.Value // the concatenation whose buffer it lies in, nil: its own
	from   int       // its first channel there
}

// assign decides which nodes run on blocked activations and how each value is
// laid out, so that few conversions are needed.
func (b *builder) assign(nodes []*ir.Node) error {
	b.roles = map[*ir.Node]role{}
	b.shapes = map[*ir.Value]*shape{}
	b.left = map[*ir.Value]int{}
	for _, n := range nodes {
		for _, v := range n.Inputs {
			if v != nil {
				b.left[v]++
			}
		}
		r := b.role(n)
		if r == outside || r != convolve && !b.fedBlocked(n, r) {
			continue
		}
		b.roles[n] = r
		b.shapes[n.Outputs[0]] = &shape{format: b.opt.Rung.Block}
	}
	b.chains(nodes)
	b.foldGates(nodes)
	for i := len(nodes) - 1; i >= 0; i-- { // readers first
		if n := nodes[i]; b.roles[n] != outside {
			b.shapes[n.Outputs[0]].format = b.format(n)
		}
	}
	for _, n := range nodes {
		if b.roles[n] == convolve {
			b.wantHalo(n)
		}
	}
	for i := len(nodes) - 1; i >= 0; i-- { // the widest concatenation first
		if n := nodes[i]; b.roles[n] == concat {
			b.joinConcat(n)
		}
	}
	return nil
}

// fedBlocked reports whether a node that can run either way has its operands
// blocked already.
func (b *builder) fedBlocked(n *ir.Node, r role) bool {
	switch r {
	case combine, concat:
		for _, v := range n.Inputs {
			if b.shapes[v] == nil {
				return false
			}
		}
		return true
	case gate:
		return b.shapes[n.Inputs[0]] != nil || b.shapes[n.Inputs[1]] != nil
	}
	return b.shapes[n.Inputs[0]] != nil
}

// narrow is the format of 32-channel pixels that the precision asks for.
func (b *builder) narrow() kernel.Format {
	if b.opt.BF16 {
		return kernel.BF16x32
	}
	return kernel.Split32
}

// format is the one that the readers of a node's output want. What the tile
// unit reads is split as it is written, never by a pass of its own, unless
// other readers need plain numbers.
func (b *builder) format(n *ir.Node) kernel.Format {
	tile, plain := b.votes(n.Outputs[0])
	if tile > 0 && plain == 0 && b.canSplit(n) {
		return b.narrow()
	}
	return b.opt.Rung.Block
}

// canSplit reports whether a node's kernel can write 32-channel pixels.
func (b *builder) canSplit(n *ir.Node) bool {
	switch b.roles[n] {
	case globalPool:
		return false
	case concat: // parts that start inside a pixel are copied number by number
		at := 0
		for _, v := range n.Inputs {
			if at%32 != 0 {
				return false
			}
			at += b.channels(v)
		}
	}
	return true
}

// votes counts the readers of v that want 32-channel pixels and those that
// want plain float32 blocks.
func (b *builder) votes(v *ir.Value) (tile, plain int) {
	for _, n := range b.readers[v] {
		switch b.roles[n] {
		case convolve:
			if n.Inputs[0] != v {
				continue // a residual may be either
			}
			if op := n.Operator.(*ops.FusedConv); b.tiled(n, b.conv(n, op)) {
				tile++
			} else {
				plain++
			}
		case pool: // it reads float32, and widens what is not in passing
		case activate, combine, concat:
			if b.shapes[n.Outputs[0]].format == b.narrow() {
				tile++
			} else {
				plain++
			}
		case gate:
			if c := b.gated[n]; c != nil && b.tiled(c, b.conv(c, c.Operator.(*ops.FusedConv))) {
				if x, _ := b.gateOperands(n); x == v {
					tile++
					continue
				}
			}
			plain++
		case scaleShift:
			plain++
		case resize:
			// What takes numbers as they are does so in any format.
			if t := b.resizing(n); t.rows.Picks() && t.columns.Picks() && b.shapes[n.Outputs[0]].format == b.narrow() {
				tile++
			} else {
				plain++
			}
		}
	}
	return tile, plain
}

// wantHalo widens the halo of a convolution's input to its padding.
func (b *builder) wantHalo(n *ir.Node) {
	c := b.conv(n, n.Operator.(*ops.FusedConv))
	h := b.haloOf(n.Inputs[0])
	h.Top, h.Left = max(h.Top, c.PadTop), max(h.Left, c.PadLeft)
	h.Bottom, h.Right = max(h.Bottom, below(c)), max(h.Right, rightOf(c))
}

// haloOf is the halo of every blocked form of v.
func (b *builder) haloOf(v *ir.Value) *kernel.Halo {
	if s := b.shapes[v]; s != nil {
		return &s.halo
	}
	h := b.halos[v]
	if h == nil {
		h = &kernel.Halo{}
		b.halos[v] = h
	}
	return h
}

// joinConcat lets the operands of a concatenation be written where they will
// be read: side by side in one buffer. Operands whose channels do not start a
// block, or that lie elsewhere already, are copied instead.
func (b *builder) joinConcat(n *ir.Node) {
	out := b.shapes[n.Outputs[0]]
	root, base := n.Outputs[0], 0
	if out.root != nil {
		root, base = out.root, out.from
	} else if r, at, ok := b.prefix(n); ok { // its operands lie side by side in a wider one
		out.root, out.from = r, at
		b.spread(b.shapes[r], out)
		return
	}
	to := b.shapes[root]
	at := base
	for _, v := range n.Inputs {
		_, c, _, _ := b.dims(v)
		s := b.shapes[v]
		if s.root == nil && !b.isRoot(v) && s.format == to.format && at%to.format.Channels() == 0 && b.roles[v.Node] != globalPool {
			s.root, s.from = root, at
			b.spread(to, s)
		}
		at += c
	}
}

// spread makes two forms share one halo: the wider of both.
func (b *builder) spread(to, s *shape) {
	to.halo = kernel.Halo{Top: max(to.halo.Top, s.halo.Top), Left: max(to.halo.Left, s.halo.Left),
		Bottom: max(to.halo.Bottom, s.halo.Bottom), Right: max(to.halo.Right, s.halo.Right)}
}

// isRoot reports whether other values lie in v's buffer.
func (b *builder) isRoot(v *ir.Value) bool {
	for _, s := range b.shapes {
		if s.root == v {
			return true
		}
	}
	return false
}

// prefix reports where in a wider buffer all operands of a concatenation lie
// side by side already.
func (b *builder) prefix(n *ir.Node) (root *ir.Value, at int, ok bool) {
	first := b.shapes[n.Inputs[0]]
	if first.root == nil || b.shapes[n.Outputs[0]].format != b.shapes[first.root].format {
		return nil, 0, false
	}
	at = first.from
	next := at
	for _, v := range n.Inputs {
		s := b.shapes[v]
		if s.root != first.root || s.from != next {
			return nil, 0, false
		}
		_, c, _, _ := b.dims(v)
		next += c
	}
	return first.root, at, true
}

// layout is the layout of a value in a format of its own buffer.
func (b *builder) layout(v *ir.Value, f kernel.Format) kernel.Layout {
	n, c, h, w := b.dims(v)
	return kernel.NewLayout(f, n, c, h, w, *b.haloOf(v))
}

// home is where a blocked node writes its output: its own buffer, or its part
// of a concatenation's.
func (b *builder) home(v *ir.Value) place {
	s := b.shapes[v]
	if s.root == nil {
		l := b.layout(v, s.format)
		return place{buffer: b.newBuffer(l.Size()), layout: l}
	}
	r, ok := b.roots[s.root]
	if !ok {
		l := b.layout(s.root, b.shapes[s.root].format)
		r = place{buffer: b.newBuffer(l.Size()), layout: l}
		b.roots[s.root] = r
	}
	return view(r, s.from, b.channels(v))
}

func (b *builder) channels(v *ir.Value) int {
	_, c, _, _ := b.dims(v)
	return c
}

// view is channels [from, from+c) of a place; from starts a block.
func view(p place, from, c int) place {
	p.offset += p.layout.At(0, from)
	p.layout.C = c
	return p
}

// form identifies a copy of a value in another format.
type form struct {
	v *ir.Value
	f kernel.Format
}

// in is a value in a format, converted where it is there in another only.
func (b *builder) in(v *ir.Value, f kernel.Format) (place, error) {
	if f == kernel.Planar {
		return b.planar(v)
	}
	p, ok := b.blocked[v]
	if ok && p.layout.Format == f {
		return p, nil
	}
	if c, ok := b.forms[form{v, f}]; ok {
		return c, nil
	}
	if !ok {
		var err error
		if p, err = b.planar(v); err != nil {
			return place{}, err
		}
	}
	l := b.layout(v, f)
	c, err := b.convert(v, p, l)
	if err == nil {
		b.forms[form{v, f}] = c
	}
	return c, err
}

// toPlanar converts a blocked value for readers that know rows only.
func (b *builder) toPlanar(v *ir.Value, p place) (place, error) {
	c, err := b.convert(v, p, planarLayout(b.fact(v)))
	if err == nil {
		b.places[v] = c
	}
	return c, err
}

// convert appends a step that copies a value into another layout.
func (b *builder) convert(v *ir.Value, from place, to kernel.Layout) (place, error) {
	out := place{buffer: b.newBuffer(to.Size()), layout: to}
	work, err := b.opt.Rung.Convert(from.layout, to, 0)
	if err != nil {
		return place{}, err
	}
	n := v.Node
	if n == nil {
		n = b.readers[v][0]
	}
	b.addWork(n, fmt.Sprintf("%s to %s", from.layout.Format, to.Format), work, []place{from}, nil, out)
	return out, nil
}

// addWork appends the steps of one operation.
func (b *builder) addWork(n *ir.Node, name string, w kernel.Work, in []place, res *place, out place) {
	scratch := place{buffer: -1}
	if w.Scratch > 0 {
		scratch.buffer = b.newBuffer(w.Scratch)
	}
	for _, k := range w.Steps {
		b.add(step{node: n, name: name, kernel: k, in: in, res: res, out: out, scratch: scratch})
	}
}

// blockedNode schedules a node on blocked activations where that was decided;
// it reports false where the node is left to its operator.
func (b *builder) blockedNode(n *ir.Node) (bool, error) {
	r := b.roles[n]
	if r == outside {
		return false, nil
	}
	if r == convolve {
		return true, b.convNode(n)
	}
	done, err := b.otherNode(n, r)
	if !done && err == nil {
		y := n.Outputs[0] // it comes out planar
		b.halos[y] = b.haloOf(y)
		delete(b.shapes, y)
	}
	return done, err
}

// read notes that a node no longer needs its inputs.
func (b *builder) read(n *ir.Node) {
	for _, v := range n.Inputs {
		if v != nil {
			b.left[v]--
		}
	}
}

// convNode schedules a convolution.
func (b *builder) convNode(n *ir.Node) error {
	if chain := b.bandChain(n); chain != nil {
		return b.bandNode(chain)
	}
	c := b.conv(n, n.Operator.(*ops.FusedConv))
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

// convInputs are where a convolution reads its input and, behind it, what gates that.
func (b *builder) convInputs(n *ir.Node, c *kernel.Conv, tiled bool) (in []place, err error) {
	x := n.Inputs[0]
	if g := b.gates[n]; g != nil {
		var by *ir.Value
		x, by = b.gateOperands(g)
		at, err := b.in(by, b.opt.Rung.Block)
		if err != nil {
			return nil, err
		}
		in, c.Gate = append(in, at), &at.layout
	}
	from, err := b.in(x, b.reads(x, c, tiled))
	c.In = from.layout
	return append([]place{from}, in...), err
}

// convMean is where a convolution writes the means for a pool that goes into it; nil
// where none does.
func (b *builder) convMean(n *ir.Node, c *kernel.Conv) *place {
	p := b.meanOf(n, c)
	if p == nil {
		return nil
	}
	at := b.meanPlace(p)
	c.Mean = &at.layout
	b.done[p] = true
	return &at
}

// reads is the format in which a convolution reads its input x.
func (b *builder) reads(x *ir.Value, c *kernel.Conv, tiled bool) kernel.Format {
	switch {
	case tiled:
		return b.narrow()
	case c.In.C/c.Group <= 4 && c.Group == 1 && b.isPlanar(x):
		return kernel.Planar
	}
	return b.opt.Rung.Block
}

// hasResidual reports whether a convolution adds another value.
func hasResidual(n *ir.Node) bool { return len(n.Inputs) > 3 && n.Inputs[3] != nil }

// residual is what a convolution adds, nil where it adds nothing.
func (b *builder) residual(n *ir.Node, tiled bool) (*place, error) {
	if !hasResidual(n) {
		return nil, nil
	}
	f := b.shapes[n.Outputs[0]].format
	if z, ok := b.blocked[n.Inputs[3]]; ok && tiled {
		f = z.layout.Format
	}
	z, err := b.in(n.Inputs[3], f)
	return &z, err
}

func (b *builder) isPlanar(v *ir.Value) bool {
	_, ok := b.places[v]
	return ok
}

// output is where y is written: over an operand z, such as the residual of a
// convolution, where nobody reads that any more, which saves a stream of memory.
func (b *builder) output(y, z *ir.Value, at place) place {
	s, zs := b.shapes[y], b.shapes[z]
	if s.root == nil && zs != nil && zs.root == nil && !b.isRoot(z) && !b.isRoot(y) && b.left[z] == 1 && !b.needed[z] &&
		b.blocked[z] == at && at.layout == b.layout(y, s.format) {
		return at
	}
	return b.home(y)
}

// convWork is the kernel of a convolution, its weights packed.
func (b *builder) convWork(n *ir.Node, c *kernel.Conv, tiled bool) (kernel.Work, string, error) {
	plan, name, err := b.convPlan(n, c, tiled)
	if err != nil {
		return kernel.Work{}, "", err
	}
	work, err := plan(c)
	return work, name, err
}

// convPlan packs the weights of a convolution and returns what plans it, on as
// many rows as it may have, and how the kernel is called.
func (b *builder) convPlan(n *ir.Node, c *kernel.Conv, tiled bool) (plan func(*kernel.Conv) (kernel.Work, error), name string, err error) {
	f := filter{n.Inputs[1].Const(), b.bias(n), nil}
	if len(n.Inputs) > 4 && n.Inputs[4] != nil {
		f.scale = n.Inputs[4].Const()
	}
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
