package pass

import (
	"context"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestWidenedTakeBothTypes: every operator that is widened exists, and takes
// float32 wherever it takes float16.
func TestWidenedTakeBothTypes(t *testing.T) {
	const newest = 30
	for name := range widenable {
		found := name == "Where" && ops.Find("", name, newest) != nil // its first input is a condition
		for version := 1; version <= newest; version++ {
			d := ops.Find("", name, version)
			if d == nil || d.Types != 0 && !d.Types.Is(tensor.Float16) { // 0: any value
				continue
			}
			found = true
			if d.Types != 0 && !d.Types.Is(tensor.Float32) {
				t.Errorf("%s-%d takes no float32", name, version)
			}
		}
		if !found {
			t.Errorf("no %s takes float16", name)
		}
	}
}

// TestNarrowWeightsStay: weights of float16 are the same numbers as float32 without being
// widened, whether an operator takes them as they are or cast.
func TestNarrowWeightsStay(t *testing.T) {
	b := ir.NewBuilder(17)
	x := b.Input("x", tensor.Float32, ir.Dims(1, 2, 6, 6))
	h := b.Const("w", tensor.New(tensor.Float16, 2, 2, 3, 3))
	y := b.Node("Conv", []*ir.Value{x, b.Node("Cast", []*ir.Value{h}, ir.AttrInt("to", int(tensor.Float32)))})
	narrow := b.Node("Cast", []*ir.Value{y}, ir.AttrInt("to", int(tensor.Float16)))
	b.Output("y", b.Node("Conv", []*ir.Value{narrow, h}))
	g := bound(t, b)
	if _, err := Optimise(context.Background(), g, nil); err != nil {
		t.Fatal(err)
	}
	convs := 0
	for _, n := range g.Nodes {
		if n.Op != "Conv" {
			continue
		}
		convs++
		if w := n.Inputs[1].Const(); n.Domain != ops.Internal || w == nil || w.DType() != tensor.Float32 || w.Narrow() != h.Const() {
			t.Errorf("%s.%s has weights %v, not those of the file", n.Domain, n.Op, w)
		}
	}
	if convs != 2 {
		t.Errorf("%d convolutions, want 2", convs)
	}
}

// A small constant of float16 that a node makes is known before it is folded, and is
// no float32 where the attention that reads it is spelled out.
func TestWidenKnownConstants(t *testing.T) {
	b := ir.NewBuilder(23)
	q := b.Input("q", tensor.Float16, ir.Dims(1, 2, 4))
	k := b.Node("Reshape", []*ir.Value{b.Const("", tensor.New(tensor.Float16, 8)), b.Const("", tensor.Of([]int64{1, 2, 4}))})
	b.Output("y", b.Node("Attention", []*ir.Value{q, q, k}, ir.AttrInt("q_num_heads", 1), ir.AttrInt("kv_num_heads", 1)))
	if _, err := Optimise(context.Background(), bound(t, b), nil); err != nil {
		t.Fatal(err)
	}
}

// TestWidenedClip: a bound that is left out is that of the narrow type.
func TestWidenedClip(t *testing.T) {
	for d, top := range map[tensor.DType]float32{tensor.Float16: 65504, tensor.BFloat16: 0x1.fep127} {
		b := ir.NewBuilder(17)
		x := b.Input("x", d, ir.Dims(1, 2))
		b.Output("y", b.Node("Clip", []*ir.Value{x, nil, b.Const("max", tensor.New(d))}))
		b.Output("z", b.Node("Clip", []*ir.Value{x}))
		g := bound(t, b)
		if _, err := Optimise(context.Background(), g, map[string]bool{"conv": true, "clip": true, "activation": true}); err != nil {
			t.Fatal(err)
		}
		var got [][2]float32
		for _, n := range g.Nodes {
			if n.Op == "Clip" {
				got = append(got, [2]float32{floats(n.Inputs[1])[0], floats(n.Inputs[2])[0]})
			}
		}
		if want := [][2]float32{{-top, 0}, {-top, top}}; !slices.Equal(got, want) {
			t.Errorf("%v: bounds %v, want %v", d, got, want)
		}
	}
}
