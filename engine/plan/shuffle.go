package plan

import (
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
)

// Channels that are split, sliced or laid in another order stay in blocks. A unit of
// ShuffleNetV2 takes half of its channels and hands on the others:
//
//	a [1 58 28 28] ─┬▶ Shuffle ─▶ x1 [1 58 28 28] ────────────────────────────▶ …
//	b [1 58 28 28] ─┴▶ Shuffle ─▶ x2 [1 58 28 28] ─▶ 1x1 ─ depthwise ─ 1x1 ─▶ …
//
// A Shuffle writes each block of its output from the blocks of a and b that have its
// channels (kernel.Shuffle). Parts that are whole blocks need not be written at all: the
// halves of x in a block of YOLOv8,
//
//	                         ┌────────────────────────▶┐
//	1x1 ─▶ x [1 64 52 52] ─ Split [0:32] ─────────────▶┤
//	                      └ Split [32:64] ┬───────────▶┼─▶ Concat [1 96 52 52]
//	                                      └ 3x3 ─ 3x3 ─┘
//
// lie where x lies, and x lies in the buffer of the concatenation, whose first 64 channels
// its halves are.

// partsOf returns the first channel of each output of a Slice or Split that takes channels
// side by side; ok is false if n is none, or nothing reads its outputs in blocks.
func (b *builder) partsOf(n *ir.Node) (firsts []int, ok bool) {
	if n.Domain != "" || n.Op != "Slice" && n.Op != "Split" || n.Input(0) == nil || !b.picture(n.Inputs[0]) || b.constant(n.Inputs[0]) != nil {
		return nil, false
	}
	var out []ir.Fact
	read := false
	for _, v := range n.Outputs {
		if !b.picture(v) || b.constant(v) != nil {
			return nil, false
		}
		out = append(out, b.fact(v))
		read = read || b.readBlocked(v)
	}
	if !read {
		return nil, false
	}
	parts, ok := ops.ChannelsOf(n, b.inputFacts(n), out)
	for _, channels := range parts {
		for i, c := range channels {
			ok = ok && c == channels[0]+i
		}
		firsts = append(firsts, channels[0])
	}
	return firsts, ok
}

// viewParts decides which parts of a value are read where they lie: those of whole blocks.
// The value's halo must be wide enough for the readers of all.
func (b *builder) viewParts(n *ir.Node) {
	x := b.specs[n.Inputs[0]]
	firsts, _ := b.partsOf(n)
	for i, v := range n.Outputs {
		s, first, end, width := b.specs[v], firsts[i], firsts[i]+b.channels(v), x.format.Channels()
		if s.format == x.format && first%width == 0 && (end%width == 0 || end == b.channels(n.Inputs[0])) {
			s.within, s.first, x.viewed = n.Inputs[0], first, true
			x.halo = x.halo.Union(s.halo)
		}
	}
}

// wholeOf returns the value whose parts, all of them in their order, are the first values
// of a list, and how many they are; nil if there is none.
func (b *builder) wholeOf(values []*ir.Value) (x *ir.Value, count int) {
	x = b.specs[values[0]].within
	next := 0
	for x != nil && next < b.channels(x) {
		if count == len(values) {
			return nil, 0
		}
		s := b.specs[values[count]]
		if s.within != x || s.first != next {
			return nil, 0
		}
		next += b.channels(values[count])
		count++
	}
	return x, count
}

// partsNode schedules the parts of a value: nothing for those that are read where they lie.
func (b *builder) partsNode(n *ir.Node) error {
	firsts, _ := b.partsOf(n)
	for i, v := range n.Outputs {
		if whole, ok := b.blocked[n.Inputs[0]]; ok && b.specs[v].within != nil {
			b.blocked[v] = channelsOf(whole, firsts[i], b.channels(v))
			continue
		}
		if len(b.readers[v]) == 0 && !b.needed[v] {
			continue
		}
		channels := make([]int, b.channels(v))
		for k := range channels {
			channels[k] = firsts[i] + k
		}
		if err := b.chooseChannels(n, n.Inputs[:1], channels, v); err != nil {
			return err
		}
	}
	return nil
}

// chooseChannels schedules y with the given channels of values that are counted one after
// another.
func (b *builder) chooseChannels(n *ir.Node, values []*ir.Value, channels []int, y *ir.Value) error {
	p := kernel.Shuffle{Channels: channels}
	var in []place
	for _, v := range values {
		at, err := b.inFormat(v, b.opt.Rung.Block)
		if err != nil {
			return err
		}
		in, p.In = append(in, at), append(p.In, at.layout)
	}
	out := b.home(y)
	p.Out = out.layout
	w, err := b.opt.Rung.Shuffle(p)
	if err != nil {
		return err
	}
	b.blocked[y] = out
	b.addWork(n, "shuffle", w, in, nil, out)
	return nil
}

// mergePart schedules the copy of an operand of a concatenation from a channel on that does
// not begin a block. The channels before it in that block are there already.
func (b *builder) mergePart(n *ir.Node, v *ir.Value, out place, first int) error {
	from, err := b.inFormat(v, b.opt.Rung.Block)
	if err != nil {
		return err
	}
	width, all := out.layout.Format.Channels(), b.channels(v)
	before, count := first%width, all
	if from.buffer == out.buffer { // as the operand for the second time, which may end in that block: chunks that read it wait for those that write it
		count = min(all, width-before)
	}
	there := channelsOf(out, first-before, before)
	if err := b.copyChannels(n, []place{there, from}, 0, channelsOf(out, first-before, before+count)); err != nil || count == all {
		return err
	}
	return b.copyChannels(n, []place{from}, count, channelsOf(out, first+count, all-count))
}

// copyChannels schedules the copy of the channels of some values, counted one after another,
// from a channel on.
func (b *builder) copyChannels(n *ir.Node, in []place, first int, to place) error {
	p := kernel.Shuffle{Out: to.layout}
	for i := range in {
		p.In = append(p.In, in[i].layout)
	}
	for c := range to.layout.C {
		p.Channels = append(p.Channels, first+c)
	}
	w, err := b.opt.Rung.Shuffle(p)
	if err != nil {
		return err
	}
	b.addWork(n, "copy", w, in, nil, to)
	return nil
}
