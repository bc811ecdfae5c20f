package pass

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// shuffle makes one choice of channels of what exporters spell out. The channels of several groups are
// laid in turns by way of a transposition, and what is concatenated before or sliced after goes into
// the same choice:
//
//	a[N 58 H W] ─┐                                                             ┌> Slice [0:58]
//	b[N 58 H W] ─┴> Concat -> Reshape [N 2 58 H W] -> Transpose -> Reshape [N 116 H W] -> Slice [58:116]
//	=>  a, b -> [Shuffle a0 b0 a1 b1 … a28 b28]
//	    a, b -> [Shuffle a29 b29 … a57 b57]
//
// as between the units of ShuffleNetV2. A Gather of channels, as in CondenseNet, is one too. A plan can
// run these on blocks of channels, where a Transpose would have to be converted to planes and back.
func shuffle(e *Editor) (int, error) {
	if !slices.ContainsFunc(e.Graph.Nodes, func(n *ir.Node) bool { return shuffled(n) != nil || gathered(n) != nil }) {
		return 0, nil
	}
	total := 0 // numbers of channels in the attributes of the new nodes
	changes, err := respell(e, func(s *speller) {
		n := s.node
		if total > mostChannels {
			return
		}
		defer func() { total += s.channels() }()
		if channels := gathered(n); channels != nil {
			s.shuffle(0, n.Inputs[:1], channels)
			return
		}
		if channels := shuffled(n); channels != nil {
			inputs := []*ir.Value{n.Inputs[0].Node.Inputs[0].Node.Inputs[0]}
			if c := maker(inputs[0], "Concat"); c != nil && ofChannels(c) {
				inputs = c.Inputs
			}
			s.shuffle(0, inputs, channels)
			return
		}
		if len(n.Inputs) == 0 || n.Inputs[0] == nil || n.Inputs[0].Node == nil {
			return
		}
		before, ok := n.Inputs[0].Node.Operator.(*ops.Shuffle)
		if !ok {
			return
		}
		var out []ir.Fact
		for _, v := range n.Outputs {
			out = append(out, v.Fact)
		}
		parts, ok := ops.ChannelsOf(n, n.Facts(), out)
		if !ok {
			return
		}
		for i, channels := range parts {
			for k, c := range channels {
				channels[k] = before.Channels[c]
			}
			s.shuffle(i, n.Inputs[0].Node.Inputs, channels)
		}
	})
	if err != nil || changes == 0 {
		return changes, err
	}
	_, err = dropDead(e) // shuffles of which only parts are read, and the Concats before
	return changes, err
}

// mostChannels is how many channels are counted out in one graph: more than networks have.
const mostChannels = 1 << 20

// channels is how many channels the nodes that were made have.
func (s *speller) channels() (all int) {
	for _, n := range s.made {
		all += n.Outputs[0].Fact.Shape.Dims[1].N
	}
	return all
}

// shuffle makes output i of the node a choice of channels.
func (s *speller) shuffle(i int, inputs []*ir.Value, channels []int) {
	s.give(i, s.add(ops.Internal, "Shuffle", 1, inputs, ir.AttrInts("channels", channels...)))
}

// shuffled returns the channels that the last node of a channel shuffle has, nil if it is none.
func shuffled(n *ir.Node) []int {
	if !is(n, "Reshape") {
		return nil
	}
	turn := maker(n.Inputs[0], "Transpose")
	if turn == nil {
		return nil
	}
	apart := maker(turn.Inputs[0], "Reshape")
	if perm := turn.ReadAttrs().Ints("perm"); apart == nil || !slices.Equal(perm, []int{0, 2, 1, 3, 4}) || !pictures(apart.Inputs[0]) {
		return nil
	}
	x, groups, y := apart.Inputs[0].Fact.Shape, turn.Inputs[0].Fact.Shape, n.Outputs[0].Fact.Shape
	if groups.Rank() != 5 || !y.Equal(x) || groups.Dims[1].N*groups.Dims[2].N != x.Dims[1].N ||
		!groups.Dims[0].Same(x.Dims[0]) || !groups.Dims[3].Same(x.Dims[2]) || !groups.Dims[4].Same(x.Dims[3]) {
		return nil
	}
	var channels []int
	for c := range groups.Dims[2].N {
		for g := range groups.Dims[1].N {
			channels = append(channels, g*groups.Dims[2].N+c)
		}
	}
	return channels
}

// gathered returns the channels that a Gather of channels has, nil if the node is none.
func gathered(n *ir.Node) []int {
	if !is(n, "Gather") || !pictures(n.Inputs[0]) || n.ReadAttrs().Int("axis", 0) != 1 && n.ReadAttrs().Int("axis", 0) != -3 {
		return nil
	}
	index := integers(n.Inputs[1])
	if len(index) == 0 || n.Inputs[1].Const().Rank() != 1 {
		return nil
	}
	all := n.Inputs[0].Fact.Shape.Dims[1].N
	channels := make([]int, len(index))
	for i, c := range index {
		if c < -int64(all) || c >= int64(all) {
			return nil
		}
		channels[i] = (int(c) + all) % all
	}
	return channels
}

// ofChannels reports whether a Concat lays pictures side by side as channels.
func ofChannels(n *ir.Node) bool {
	axis := n.ReadAttrs().Int("axis", 0)
	return (axis == 1 || axis == -3) && !slices.ContainsFunc(n.Inputs, func(v *ir.Value) bool { return !pictures(v) })
}

// pictures reports whether v is float32 of shape [N C H W], of which C is known.
func pictures(v *ir.Value) bool {
	if v == nil || v.Const() != nil || v.Fact.DType != tensor.Float32 || v.Fact.Shape.Rank() != 4 {
		return false
	}
	c := v.Fact.Shape.Dims[1].N
	return c >= 0 && c <= mostChannels
}
