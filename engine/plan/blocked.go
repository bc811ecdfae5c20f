package plan

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
)

// shape says how a blocked value is laid out: its format, the halo that its readers
// need, and where it lies in the buffer of a concatenation.
type shape struct {
	format kernel.Format
	halo   kernel.Halo
	root   *ir.Value // the concatenation whose buffer it lies in, nil: its own
	from   int       // its first channel there
}

// assign decides which nodes run on blocked activations and how each value is
// laid out, so that few conversions are needed.
func (b *builder) assign(nodes []*ir.Node) {
	b.roles = map[*ir.Node]role{}
	b.shapes = map[*ir.Value]*shape{}
	b.left = map[*ir.Value]int{}
	b.joined = map[*ir.Value]bool{}
	for _, n := range nodes {
		for _, v := range n.Inputs {
			if v != nil {
				b.left[v]++
			}
		}
		r := b.role(n)
		if r == outside || r != convolve && r != transposed && r != dynamic && r != roundCodes && !b.fedBlocked(n, r) {
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
		switch b.roles[n] {
		case convolve:
			b.wantHalo(n)
		case transposed:
			convs, _ := b.transposed(n).convs(planarLayout(b.fact(n.Inputs[0])))
			for i := range convs {
				b.widenHalo(n.Inputs[0], &convs[i])
			}
		}
	}
	for i := len(nodes) - 1; i >= 0; i-- { // the widest concatenation first
		if n := nodes[i]; b.roles[n] == concat {
			b.joinConcat(n)
		}
	}
}

// fedBlocked reports whether a node that can run blocked or planar has blocked
// operands already.
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
	case shade:
		x, _ := b.shadeOperands(n)
		return b.shapes[x] != nil
	}
	// Planes pool slowly. A few would leave most of each block empty.
	return b.shapes[n.Inputs[0]] != nil || r == pool && 2*b.channels(n.Inputs[0]) >= b.opt.Rung.Block.Channels()
}

// narrow is the format of 32-channel pixels that the precision asks for.
func (b *builder) narrow() kernel.Format {
	if b.opt.BF16 {
		return kernel.BF16x32
	}
	return kernel.Split32
}

// format is the format that the readers of a node's output want. Values for the
// tile unit are split into bfloat16 halves as they are written, not in a pass of
// their own, unless other readers need plain numbers.
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
	case globalPool, dynamic, roundCodes, transposed:
		return false
	case concat: // parts that start inside a pixel's block are copied number by number
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
				continue // a residual may have either format
			}
			if op := n.Operator.(*ops.FusedConv); b.tiled(n, b.conv(n, op)) {
				tile++
			} else {
				plain++
			}
		case pool: // it reads float32, and widens other formats as it reads
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
		case shade:
			if x, _ := b.shadeOperands(n); x != v { // what it multiplies with is planar
				continue
			}
			if b.shapes[n.Outputs[0]].format == b.narrow() {
				tile++
			} else {
				plain++
			}
		case scaleShift, dynamic, roundCodes, transposed:
			plain++
		case resize:
			// Nodes that only move numbers accept any format.
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
	if b.oneByOne(n) != nil {
		return
	}
	b.widenHalo(n.Inputs[0], b.conv(n, n.Operator.(*ops.FusedConv)))
}

// widenHalo widens the halo of a value to the padding of a convolution of it.
func (b *builder) widenHalo(v *ir.Value, c *kernel.Conv) {
	h := b.haloOf(v)
	h.Top, h.Left = max(h.Top, c.PadTop), max(h.Left, c.PadLeft)
	h.Bottom, h.Right = max(h.Bottom, below(c)), max(h.Right, rightOf(c))
}

// haloOf returns the halo that all blocked forms of v share.
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

// joinConcat makes the operands of a concatenation be written directly where they
// are read: side by side in one buffer. Operands whose channels do not start at a
// block, or that lie elsewhere already, are copied instead.
func (b *builder) joinConcat(n *ir.Node) {
	out := b.shapes[n.Outputs[0]]
	root, base := n.Outputs[0], 0
	if out.root != nil {
		root, base = out.root, out.from
	} else if r, at, ok := b.prefix(n); ok { // its operands lie side by side in a wider buffer
		out.root, out.from = r, at
		b.spread(b.shapes[r], out)
		return
	}
	to := b.shapes[root]
	at := base
	for _, v := range n.Inputs {
		_, c, _, _ := b.dims(v)
		s := b.shapes[v]
		if s.root == nil && !b.joined[v] && s.format == to.format && at%to.format.Channels() == 0 && b.roles[v.Node] != globalPool {
			s.root, s.from, b.joined[root] = root, at, true
			b.spread(to, s)
		}
		at += c
	}
}

// spread makes two shapes use the same halo, the wider of both.
func (b *builder) spread(to, s *shape) {
	to.halo = kernel.Halo{Top: max(to.halo.Top, s.halo.Top), Left: max(to.halo.Left, s.halo.Left),
		Bottom: max(to.halo.Bottom, s.halo.Bottom), Right: max(to.halo.Right, s.halo.Right)}
}

// prefix finds where in a wider buffer all operands of a concatenation already lie
// side by side.
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

// layout is the layout of a value in a buffer of its own, in the given format.
func (b *builder) layout(v *ir.Value, f kernel.Format) kernel.Layout {
	n, c, h, w := b.dims(v)
	return kernel.NewLayout(f, n, c, h, w, *b.haloOf(v))
}

// home is where a blocked node writes its output: a buffer of its own, or its part
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

// view returns channels [from, from+c) of a place; from must start a block.
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

// in returns a value in the given format, and converts it if necessary.
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

// toPlanar converts a blocked value for readers that need row-major order.
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

// blockedNode schedules a node on blocked activations if that was decided; it
// reports false if the node is left to its operator.
func (b *builder) blockedNode(n *ir.Node) (bool, error) {
	r := b.roles[n]
	if r == outside {
		return false, nil
	}
	switch r {
	case convolve:
		return true, b.convNode(n)
	case transposed:
		return true, b.transposedNode(n)
	case dynamic:
		return true, b.dynamicNode(n)
	}
	done, err := b.otherNode(n, r)
	if !done && err == nil {
		y := n.Outputs[0] // the output is planar
		b.halos[y] = b.haloOf(y)
		delete(b.shapes, y)
	}
	return done, err
}

// read records that a node no longer needs its inputs. Those of a gate that goes into
// the weights of a convolution are read by the convolution.
func (b *builder) read(n *ir.Node) {
	if b.gated[n] != nil {
		return
	}
	if g := b.gates[n]; g != nil {
		b.left[g.Inputs[0]]--
		b.left[g.Inputs[1]]--
	}
	for _, v := range n.Inputs {
		if v != nil {
			b.left[v]--
		}
	}
}
