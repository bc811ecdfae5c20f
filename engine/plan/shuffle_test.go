package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/engine/tensor"
)

// conv is a 3x3 convolution that keeps height and width.
func (n *network) conv(x *ir.Value, from, to int) *ir.Value {
	return n.op("Conv", []*ir.Value{x, n.weights(to, from, 3, 3)}, integers("pads", 1, 1, 1, 1))
}

// slice is x's channels [from, to).
func (n *network) slice(x *ir.Value, from, to int) *ir.Value {
	number := func(v int) *ir.Value { return n.Constant("", tensor.Of([]int64{int64(v)}, 1)) }
	return n.op("Slice", []*ir.Value{x, number(from), number(to), number(1)})
}

// TestChannelsInBlocks: slices, splits, shuffles and concatenations of channels between
// convolutions need no planes, and where parts are whole blocks no step either.
func TestChannelsInBlocks(t *testing.T) {
	for _, c := range []struct {
		why      string
		channels int
		free     bool // no copies are needed
		build    func(n *network, x *ir.Value) *ir.Value
	}{
		{"halves of whole blocks, both in the concatenation", 64, true, func(n *network, x *ir.Value) *ir.Value {
			half := n.many("", 13, "Split", 2, []*ir.Value{x}, integer("axis", 1))
			return n.op("Concat", []*ir.Value{half[0], half[1], n.op("Add", []*ir.Value{half[1], n.conv(half[1], 32, 32)})}, integer("axis", 1))
		}},
		{"a part of a part", 64, true, func(n *network, x *ir.Value) *ir.Value {
			a := n.slice(x, 32, 64)
			return n.op("Concat", []*ir.Value{n.conv(a, 32, 16), n.conv(n.slice(a, 16, 32), 16, 8)}, integer("axis", 1))
		}},
		{"halves in the other order", 64, false, func(n *network, x *ir.Value) *ir.Value {
			half := n.many("", 13, "Split", 2, []*ir.Value{x}, integer("axis", -3))
			return n.op("Concat", []*ir.Value{half[1], half[0]}, integer("axis", 1))
		}},
		{"a value read as a whole and in part", 64, true, func(n *network, x *ir.Value) *ir.Value {
			return n.op("Add", []*ir.Value{n.conv(n.slice(x, 0, 32), 32, 64), x})
		}},
		{"odd halves", 58, false, func(n *network, x *ir.Value) *ir.Value {
			half := n.many("", 13, "Split", 2, []*ir.Value{x}, integer("axis", 1))
			return n.op("Concat", []*ir.Value{half[0], n.conv(half[1], 29, 29)}, integer("axis", 1))
		}},
		{"odd parts of a concatenation", 12, false, func(n *network, x *ir.Value) *ir.Value {
			return n.op("Concat", []*ir.Value{x, n.conv(x, 12, 3), n.conv(x, 12, 50), n.conv(x, 12, 7)}, integer("axis", 1))
		}},
		{"shuffled halves", 58, false, func(n *network, x *ir.Value) *ir.Value {
			y := n.inTurns(x, n.conv(x, 58, 58))
			return n.inTurns(n.slice(y, 0, 58), n.conv(n.slice(y, 58, 116), 58, 58))
		}},
	} {
		for _, pictures := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s/%d", c.why, pictures), func(t *testing.T) {
				n := newNetwork(t)
				x := n.op("Relu", []*ir.Value{n.conv(n.input(pictures, 5, 9, 11), 5, c.channels)})
				y := c.build(n, x)
				d, _ := y.Fact.Shape.Ints()
				n.Outputs = append(n.Outputs, n.conv(y, d[1], 20))
				planes := 0
				for _, s := range n.check(1e-4) {
					if strings.Contains(s, "planar") {
						planes++
					}
					if c.free && slices.Contains([]string{"copy", "shuffle"}, s) {
						t.Errorf("there is a step %q", s)
					}
				}
				if planes > 2 { // the input and the output
					t.Errorf("%d conversions from or to planes", planes)
				}
			})
		}
	}
}

// TestMergedTwice: where a concatenation has a value twice, no step reads blocks of the first
// while another of its chunks may write them.
func TestMergedTwice(t *testing.T) {
	n := newNetwork(t)
	x := n.op("Relu", []*ir.Value{n.conv(n.input(1, 5, 9, 11), 5, 41)})
	y := n.op("Concat", []*ir.Value{x, x}, integer("axis", 1))
	n.Outputs = append(n.Outputs, n.conv(y, 82, 20))
	n.check(1e-4)
	g := n.Clone()
	if err := ops.Rebind(g); err != nil {
		t.Fatal(err)
	}
	if _, err := pass.Optimise(context.Background(), g, nil); err != nil {
		t.Fatal(err)
	}
	for _, rung := range kernel.Available() {
		k, err := kernel.Select(rung)
		if err != nil {
			t.Fatal(err)
		}
		r, in := NewRunner(g, Options{Rung: k, Memory: 1 << 30, Turns: 1000}), []*tensor.Tensor{n.data(1, 5, 9, 11)}
		if _, err := r.Run(context.Background(), in, nil); err != nil {
			t.Fatal(err)
		}
		copies := 0
		for b, i := (&builder{Plan: r.static(in).plan}), 0; i < len(b.steps); i++ {
			s := &b.steps[i]
			if s.name != "copy" {
				continue
			}
			copies++
			for _, from := range s.in[1:] {
				if b.overlap(from, s.out) && s.out.layout.Blocks() > 1 {
					t.Errorf("%s: step %d reads %v and writes %v, which overlap", rung, i, from.layout, s.out.layout)
				}
			}
		}
		if copies == 0 {
			t.Errorf("%s: the parts are written in place by %d steps", rung, copies)
		}
	}
}

// inTurns is the channels of a and b in turns.
func (n *network) inTurns(a, b *ir.Value) *ir.Value {
	x := n.op("Concat", []*ir.Value{a, b}, integer("axis", 1))
	d, _ := x.Fact.Shape.Ints()
	shape := func(sizes ...int64) *ir.Value { return n.Constant("", tensor.Of(sizes, len(sizes))) }
	x = n.op("Reshape", []*ir.Value{x, shape(int64(d[0]), 2, int64(d[1]/2), int64(d[2]), int64(d[3]))})
	x = n.op("Transpose", []*ir.Value{x}, integers("perm", 0, 2, 1, 3, 4))
	return n.op("Reshape", []*ir.Value{x, shape(int64(d[0]), int64(d[1]), int64(d[2]), int64(d[3]))})
}
