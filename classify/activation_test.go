package classify_test

import (
	"math"
	"testing"

	"github.com/visionzoo/vision/classify"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/vision"
)

// told is a model that says what its scores have been through.
type told struct {
	made
	word string
}

func (m told) Activation() string { return m.word }

// Whether scores are probabilities is asked of the graph, then of the model, and
// only then of the numbers.
func TestActivation(t *testing.T) {
	scalar := func(b *ir.Builder, name string, v float32) *ir.Value { return b.Const(name, tensor.Scalar(v)) }
	logits := func(b *ir.Builder, x *ir.Value) *ir.Value { // 3 x 2 for white pixels
		return b.Node("Mul", []*ir.Value{b.Node("Flatten", []*ir.Value{b.Node("GlobalAveragePool", []*ir.Value{x})}), scalar(b, "two", 2)})
	}
	steps := func(b *ir.Builder, v *ir.Value) *ir.Value { // of 1/4
		scale, zero := scalar(b, "scale", 0.25), b.Const("zero", tensor.New(tensor.Uint8))
		return b.Node("DequantizeLinear", []*ir.Value{b.Node("QuantizeLinear", []*ir.Value{v, scale, zero}), scale, zero})
	}
	one := func(b *ir.Builder, x *ir.Value) *ir.Value { // 2 for white pixels
		mean := b.Node("ReduceMean", []*ir.Value{x, b.Const("axes", tensor.Of([]int64{1, 2, 3}, 3))})
		return b.Node("Flatten", []*ir.Value{b.Node("Mul", []*ir.Value{mean, scalar(b, "two", 2)})})
	}
	third := func(b *ir.Builder, x *ir.Value) *ir.Value { // 3 x 1/3, by a sum of its own
		return b.Node("Mul", []*ir.Value{logits(b, x), scalar(b, "sixth", 1./6)})
	}
	for _, c := range []struct {
		why, word string
		network   func(b *ir.Builder, x *ir.Value) *ir.Value
		want      float64 // of the first class
	}{
		{"logits", "", logits, 1. / 3},
		{"a softmax whose sum is 3/4", "", func(b *ir.Builder, x *ir.Value) *ir.Value {
			return steps(b, b.Node("Softmax", []*ir.Value{logits(b, x)}))
		}, 0.25},
		{"a sigmoid for each class", "", func(b *ir.Builder, x *ir.Value) *ir.Value {
			return b.Node("Sigmoid", []*ir.Value{logits(b, x)})
		}, 1 / (1 + math.Exp(-2))},
		{"one logit", "", one, 1 / (1 + math.Exp(-2))},
		{"one probability", "", func(b *ir.Builder, x *ir.Value) *ir.Value { return b.Node("Sigmoid", []*ir.Value{one(b, x)}) }, 1 / (1 + math.Exp(-2))},
		{"numbers that are probabilities", "", third, 1. / 3},
		{"the model's word, where the graph has none", "softmax", logits, 2},
		{"the graph's word against the model's", "none", func(b *ir.Builder, x *ir.Value) *ir.Value {
			return steps(b, b.Node("Softmax", []*ir.Value{logits(b, x)}))
		}, 0.25},
		{"logits that look like probabilities", "none", third, 1. / 3},
	} {
		m := told{build(t, c.network), c.word}
		white := vision.NewImage(2, 2)
		for i := range white.Pix {
			white.Pix[i] = 255
		}
		top, err := classify.Image(m, white)
		if err != nil || math.Abs(top[0].Probability-c.want) > 1e-6 {
			t.Errorf("%s: %v, %v; want %g", c.why, top, err, c.want)
		}
	}
}
