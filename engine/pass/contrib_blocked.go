package pass

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// blockedSpellings are those of ONNX Runtime's operators on channels in blocks. Their
// values are taken for what they stand for, so all but the weights are what the
// standard has.
var blockedSpellings = map[string]func(s *speller){
	"Conv": spellBlockedConv, "Upsample": spellBlockedUpsample, "ReorderInput": spellReorder, "ReorderOutput": spellReorder,
	"MaxPool": spellSame(12), "AveragePool": spellSame(11), "GlobalMaxPool": spellSame(1), "GlobalAveragePool": spellSame(1),
}

// Values of these operators have the layout [N C H W] here, with a number of channels that is
// rounded up to whole blocks (see package ops), so most are the standard's under another name; only
// weights have to be reordered:
//
//	ReorderInput -> Conv(blocked w) -> MaxPool -> ReorderOutput
//	=>  Pad(channels) -> Conv(w) -> MaxPool -> Slice(channels)

// spellSame makes the standard's operator of the same name.
func spellSame(version int) func(s *speller) {
	return func(s *speller) { s.give(0, s.add("", s.node.Op, version, s.node.Inputs, s.node.Attrs...)) }
}

// spellBlockedConv reorders the weights, which must be constant.
func spellBlockedConv(s *speller) {
	op, w := s.node.Operator.(ops.BlockedConv), s.node.Input(1).Const()
	if w == nil {
		return
	}
	plain, err := op.Weights(w)
	if s.err = err; err != nil {
		return
	}
	inputs := slices.Clone(s.node.Inputs[:min(3, len(s.node.Inputs))])
	inputs[1] = s.graph.Constant(s.node.Input(1).Name+"/plain", plain)
	s.convolve(inputs, op.Act)
}

// spellBlockedUpsample makes a Resize with constant scales.
func spellBlockedUpsample(s *speller) {
	a := s.node.ReadAttrs()
	var scales []float32
	for _, k := range a.Ints("scales") {
		scales = append(scales, float32(k))
	}
	s.give(0, s.add("", "Resize", 13, []*ir.Value{s.node.Inputs[0], nil, s.graph.Constant(s.node.Name+"/scales", tensor.Of(scales))},
		ir.AttrString("mode", a.Str("mode", "nearest")), ir.AttrString("nearest_mode", "floor"),
		ir.AttrString("coordinate_transformation_mode", a.Str("coordinate_transformation_mode", "asymmetric"))))
}

// spellReorder makes a Pad that adds channels of zeros, or a Slice that drops the last ones, and
// transpositions for pictures with channels last. If the number of channels is not known, the node
// stays.
func spellReorder(s *speller) {
	x, y := s.node.Inputs[0], s.node.Outputs[0]
	a := s.node.Attr("channels_last")
	last := a != nil && a.Int != 0
	if x.Fact.Shape.Rank() != 4 || y.Fact.Shape.Rank() != 4 {
		return
	}
	from, to := x.Fact.Shape.Dims[1], y.Fact.Shape.Dims[1]
	if last && s.node.Op == "ReorderInput" {
		from = x.Fact.Shape.Dims[3]
	} else if last {
		to = y.Fact.Shape.Dims[3]
	}
	if !from.Known() || !to.Known() {
		return
	}
	v := x
	if last && s.node.Op == "ReorderInput" {
		v = s.transpose(v, toFirst)
	}
	number := func(k ...int64) *ir.Value { return s.graph.Constant(s.node.Name+"/number", tensor.Of(k)) }
	switch more := int64(to.N - from.N); {
	case more > 0:
		v = s.add("", "Pad", 13, []*ir.Value{v, number(0, 0, 0, 0, 0, more, 0, 0)})
	case more < 0:
		v = s.add("", "Slice", 13, []*ir.Value{v, number(0), number(int64(to.N)), number(1)})
	}
	if last && s.node.Op == "ReorderOutput" {
		v = s.transpose(v, toLast)
	}
	if v == x {
		v = s.add("", "Identity", 13, []*ir.Value{v})
	}
	s.give(0, v)
}
