package plan

import (
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
)

// Nodes on channel blocks hand values to each other without conversion. So the layout of a
// value is decided by its readers, before anything is scheduled, and its node writes it so:
// in the format that they read, with a halo as wide as their padding, and, if a
// concatenation reads it, straight into its place there. In an inception block
//
//	          ┌─▶ a: 1x1, 64 channels ───┐
//	x [1 192] ┼─▶ b: 3x3, 128 channels ──┼─▶ y: Concat, 256 channels ─▶ 3x3, padding 1
//	          └─▶ c: pool, 1x1, 64 ──────┘
//
// a, b and c write channels [0, 64), [64, 192) and [192, 256) of y's buffer, which has a
// halo of one pixel for the convolution behind it. y is the root of a, b and c, and the
// Concat itself schedules nothing.

// layoutSpec says how a blocked value is laid out.
type layoutSpec struct {
	format kernel.Format
	halo   kernel.Halo // the widest that a reader needs
	root   *ir.Value   // the concatenation whose buffer it lies in, nil: its own
	from   int         // its first channel there
	within *ir.Value   // the value of which it is a part that is read there, see shuffle.go; nil: none
	first  int         // its first channel there
	viewed bool        // parts of it are read where it lies
}

// assign decides which nodes run on blocked activations and how each value is
// laid out, so that few conversions are needed: first the roles of nodes, then the formats
// of their outputs, then halos, then places in concatenations, each by those before.
func (b *builder) assign(nodes []*ir.Node) {
	b.roles = map[*ir.Node]role{}
	b.specs = map[*ir.Value]*layoutSpec{}
	b.readersLeft = map[*ir.Value]int{}
	b.joined = map[*ir.Value]bool{}
	for _, n := range nodes {
		for _, v := range n.Inputs {
			if v != nil {
				b.readersLeft[v]++
			}
		}
		r := b.role(n)
		if r == outside || !r.convertsInput() && !b.fedBlocked(n, r) {
			continue
		}
		b.roles[n] = r
		for _, v := range n.Outputs {
			b.specs[v] = &layoutSpec{format: b.opt.Rung.Block}
		}
	}
	b.countConvsAfter(nodes)
	b.foldGates(nodes)
	for _, n := range slices.Backward(nodes) { // readers first
		if b.roles[n] != outside {
			for _, v := range n.Outputs {
				b.specs[v].format = b.format(n, v)
			}
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
	for _, n := range slices.Backward(nodes) { // parts of parts first
		if b.roles[n] == parts {
			b.viewParts(n)
		}
	}
	for _, n := range slices.Backward(nodes) { // the widest concatenation first
		if b.roles[n] == concat {
			b.joinConcat(n)
		}
	}
}

// fedBlocked reports whether a node that can run blocked or planar has blocked
// operands already.
func (b *builder) fedBlocked(n *ir.Node, r role) bool {
	switch r {
	case combine, concat, shuffle:
		for _, v := range n.Inputs {
			if b.specs[v] == nil {
				return false
			}
		}
		return true
	case gate:
		return b.specs[n.Inputs[0]] != nil || b.specs[n.Inputs[1]] != nil
	case pixelGate:
		x, _ := b.pixelGateOperands(n)
		return b.specs[x] != nil
	}
	// Planes pool slowly, so a pool converts its input to blocks if its channels fill
	// at least half of one.
	return b.specs[n.Inputs[0]] != nil || r == pool && 2*b.channels(n.Inputs[0]) >= b.opt.Rung.Block.Channels()
}

// narrow is the format of 32-channel pixels that the precision asks for.
func (b *builder) narrow() kernel.Format {
	if b.opt.BF16 {
		return kernel.BF16x32
	}
	return kernel.Split32
}

// format is the format that the readers of an output of n want. Values for the
// tile unit are split into bfloat16 halves as they are written, not in a pass of
// their own, unless other readers need plain numbers.
func (b *builder) format(n *ir.Node, v *ir.Value) kernel.Format {
	tile, plain := b.votes(v)
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
	case convolve:
		return !b.beatsPairs(b.conv(n))
	case activate: // one that a transposed convolution computes
		p := n.Inputs[0].Node
		return p == nil || b.roles[p] != transposed
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

// votes counts the readers of v that want 32-channel pixels, for the tile unit, and those
// that want plain float32 blocks.
func (b *builder) votes(v *ir.Value) (tile, plain int) {
	for _, n := range b.readers[v] {
		switch b.wants(n, v) {
		case tilePixels:
			tile++
		case plainBlocks:
			plain++
		}
	}
	return tile, plain
}

// preference says in which format a node wants a value.
type preference uint8

const (
	anyFormat preference = iota
	tilePixels
	plainBlocks
)

// wants returns in which format a node wants to read v. Nodes that can read and write either
// want that of their output, which their readers have chosen before.
func (b *builder) wants(n *ir.Node, v *ir.Value) preference {
	tile := false
	switch b.roles[n] {
	case convolve:
		if n.Inputs[0] != v {
			return anyFormat // a residual
		}
		tile = b.runsTiled(n)
	case gate:
		c := b.gated[n] // reads the activation in place of the product
		x, _ := b.gateOperands(n)
		tile = c != nil && x == v && b.runsTiled(c)
	case pixelGate:
		if x, _ := b.pixelGateOperands(n); x != v {
			return anyFormat // what it multiplies with is planar
		}
		tile = b.writesTile(n)
	case activate, combine, concat, parts:
		tile = b.writesTile(n)
	case resize:
		t := b.resizing(n) // moves pixels of any format, but adds up only float32
		tile = t.rows.Picks() && t.columns.Picks() && b.writesTile(n)
	case scaleShift, dynamic, roundCodes, transposed, shuffle:
	default: // pools, which widen pixels as they read, and nodes that read row-major values
		return anyFormat
	}
	if tile {
		return tilePixels
	}
	return plainBlocks
}

// writesTile reports whether a node writes 32-channel pixels, and nothing else.
func (b *builder) writesTile(n *ir.Node) bool {
	for _, v := range n.Outputs {
		if b.specs[v].format != b.narrow() {
			return false
		}
	}
	return true
}

// wantHalo widens the halo of a convolution's input to its padding.
func (b *builder) wantHalo(n *ir.Node) {
	if b.tapByTap(n) != nil { // nothing reads the halo
		return
	}
	b.widenHalo(n.Inputs[0], b.conv(n))
}

// widenHalo widens the halo of a value to the padding of a convolution of it.
func (b *builder) widenHalo(v *ir.Value, c *kernel.Conv) {
	h := b.haloOf(v)
	*h = h.Union(c.Halo())
}

// haloOf returns the halo that all blocked forms of v share.
func (b *builder) haloOf(v *ir.Value) *kernel.Halo {
	if s := b.specs[v]; s != nil {
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
// block, or that lie elsewhere already, are copied instead. Where concatenations follow
// each other, as in DenseNet, whose blocks read ever longer lists of the same values, all
// lie in the buffer of the widest.
func (b *builder) joinConcat(n *ir.Node) {
	out := b.specs[n.Outputs[0]]
	root, base := n.Outputs[0], 0
	if out.root != nil {
		root, base = out.root, out.from
	} else if r, at, ok := b.sideBySide(n); ok { // its operands lie side by side in a wider buffer
		out.root, out.from = r, at
		b.specs[r].halo = b.specs[r].halo.Union(out.halo)
		return
	}
	to := b.specs[root]
	at := base
	for i, v := range n.Inputs {
		if b.specs[v].within != nil { // in its place if all of that value is
			v, _ = b.wholeOf(n.Inputs[i:])
		}
		if v != nil {
			s := b.specs[v]
			if s.root == nil && s.within == nil && !b.joined[v] && s.format == to.format && at%to.format.Channels() == 0 && b.roles[v.Node] != globalPool {
				s.root, s.from, b.joined[root] = root, at, true
				to.halo = to.halo.Union(s.halo)
			}
		}
		at += b.channels(n.Inputs[i])
	}
}

// sideBySide finds where in the buffer of a wider concatenation all operands of n already lie
// side by side, in their order.
func (b *builder) sideBySide(n *ir.Node) (root *ir.Value, at int, ok bool) {
	first := b.specs[n.Inputs[0]]
	if first.root == nil || b.specs[n.Outputs[0]].format != b.specs[first.root].format {
		return nil, 0, false
	}
	at = first.from
	next := at
	for _, v := range n.Inputs {
		s := b.specs[v]
		if s.root != first.root || s.from != next {
			return nil, 0, false
		}
		next += b.channels(v)
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
	s := b.specs[v]
	if s.root == nil {
		l := b.layout(v, s.format)
		return place{buffer: b.newBuffer(l.Size()), layout: l}
	}
	r, ok := b.roots[s.root]
	if !ok {
		l := b.layout(s.root, b.specs[s.root].format)
		r = place{buffer: b.newBuffer(l.Size()), layout: l}
		b.roots[s.root] = r
	}
	return channelsOf(r, s.from, b.channels(v))
}

// channels is the number of channels of a value of rank 4.
func (b *builder) channels(v *ir.Value) int {
	_, c, _, _ := b.dims(v)
	return c
}

// channelsOf returns channels [from, from+c) of a place; from must start a block.
func channelsOf(p place, from, c int) place {
	p.offset += p.layout.At(0, from)
	p.layout.C = c
	return p
}

// copyKey identifies a copy of a value in another format than its node wrote.
type copyKey struct {
	v *ir.Value
	f kernel.Format
}

// inFormat returns a value in the given format. If it does not exist in that yet, a step is
// appended that converts it, once for all readers.
func (b *builder) inFormat(v *ir.Value, f kernel.Format) (place, error) {
	if f == kernel.Planar {
		return b.planar(v)
	}
	p, ok := b.blocked[v]
	if ok && p.layout.Format == f {
		return p, nil
	}
	if c, ok := b.copies[copyKey{v, f}]; ok {
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
		b.copies[copyKey{v, f}] = c
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

// convert appends a step that copies a value into another layout. In traces it belongs to
// the value's node or, for inputs, to the first reader.
func (b *builder) convert(v *ir.Value, from place, to kernel.Layout) (place, error) {
	out := place{buffer: b.newBuffer(to.Size()), layout: to}
	work, err := b.opt.Rung.Convert(from.layout, to)
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
	if !done && err == nil { // no kernel supports it after all: the output is planar
		y := n.Outputs[0]
		b.halos[y] = b.haloOf(y)
		delete(b.specs, y)
	}
	return done, err
}

// releaseInputs records that a node no longer needs its inputs. Those of a gate that goes into
// the weights of a convolution are read by the convolution.
func (b *builder) releaseInputs(n *ir.Node) {
	if b.gated[n] != nil {
		return
	}
	if g := b.gates[n]; g != nil {
		b.readersLeft[g.Inputs[0]]--
		b.readersLeft[g.Inputs[1]]--
	}
	for _, v := range n.Inputs {
		if v != nil {
			b.readersLeft[v]--
		}
	}
}
