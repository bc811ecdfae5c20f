package engine_test

import (
	"cmp"
	"context"
	"math"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/built"
)

// TestRewrites: forms at the edge of what the passes rewrite keep their shapes and
// numbers. All are computed without passes too.
func TestRewrites(t *testing.T) {
	floats := func(n int, shape ...int) *tensor.Tensor {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(i%7) - 3
		}
		return tensor.Of(x, shape...)
	}
	bytes := func(n int, shape ...int) *tensor.Tensor {
		x := make([]int8, n)
		for i := range x {
			x[i] = int8(i*37%255 - 127)
		}
		return tensor.Of(x, shape...)
	}
	for _, r := range []struct {
		name  string
		build func(b *ir.Builder, x *ir.Value) *ir.Value
		in    *tensor.Tensor
		open  bool // the shape of the input is not declared
		opset int  // 0: 18
		free  bool // the first dimension is not declared
	}{
		{name: "an integer product of a vector whose scale is a matrix", build: func(b *ir.Builder, x *ir.Value) *ir.Value {
			q := b.Nodes("DynamicQuantizeLinear", 3, []*ir.Value{x})
			y := b.Node("MatMulInteger", []*ir.Value{q[0], b.Const("", bytes(40, 8, 5)), q[2]})
			scale := b.Node("Mul", []*ir.Value{q[1], b.Const("", floats(1, 1, 1))})
			return b.Node("Mul", []*ir.Value{b.Node("Cast", []*ir.Value{y}, ir.AttrInt("to", int(tensor.Float32))), scale})
		}, in: floats(8, 8)},
		{name: "a bias for each row between codes", build: func(b *ir.Builder, x *ir.Value) *ir.Value {
			scale, zero := b.Const("", tensor.Scalar(float32(0.5))), b.Const("", tensor.Scalar(int8(0)))
			codes := func(v *ir.Value) *ir.Value {
				return b.Node("DequantizeLinear", []*ir.Value{b.Node("QuantizeLinear", []*ir.Value{v, scale, zero}), scale, zero})
			}
			w := b.Node("DequantizeLinear", []*ir.Value{b.Const("", bytes(32, 8, 4)), b.Const("", tensor.Scalar(float32(0.0103))), zero})
			return codes(b.Node("Gemm", []*ir.Value{codes(x), w, b.Const("", floats(4, 4, 1))}))
		}, in: floats(32, 4, 8)},
		{name: "a norm of anything before a convolution", build: func(b *ir.Builder, x *ir.Value) *ir.Value {
			one := func() *ir.Value { return b.Const("", tensor.Of([]float32{2}, 1)) }
			n := b.Node("BatchNormalization", []*ir.Value{x, one(), one(), one(), one()})
			return b.Node("Conv", []*ir.Value{n, b.Const("", floats(2, 2, 1, 1, 1))})
		}, in: floats(9, 1, 1, 3, 3), open: true},
		{name: "a quotient by a number whose inverse is infinite", build: func(b *ir.Builder, x *ir.Value) *ir.Value {
			return b.Node("Div", []*ir.Value{b.Node("Conv", []*ir.Value{x, b.Const("", tensor.New(tensor.Float32, 2, 1, 1, 1))}), b.Const("", tensor.Scalar(float32(1e-39)))})
		}, in: floats(9, 1, 1, 3, 3)},
		{name: "a sum in a convolution without bias", build: func(b *ir.Builder, x *ir.Value) *ir.Value {
			return b.Node("com.microsoft.FusedConv", []*ir.Value{x, b.Const("", floats(1, 1, 1, 1, 1)), nil, x}, ir.AttrString("activation", "Relu"))
		}, in: floats(9, 1, 1, 3, 3)},
		{name: "a picture of one pixel that is quantised as it comes", build: func(b *ir.Builder, x *ir.Value) *ir.Value {
			q := b.Nodes("DynamicQuantizeLinear", 3, []*ir.Value{x})
			y := b.Node("ConvInteger", []*ir.Value{q[0], b.Const("", bytes(96, 32, 3, 1, 1)), q[2]})
			y = b.Node("Cast", []*ir.Value{y}, ir.AttrInt("to", int(tensor.Float32)))
			return b.Node("Mul", []*ir.Value{y, b.Node("Mul", []*ir.Value{q[1], b.Const("", tensor.Scalar(float32(0.01)))})})
		}, in: floats(3, 1, 3, 1, 1)},
		{name: "weights of four bits, with a block that is not full", build: func(b *ir.Builder, x *ir.Value) *ir.Value {
			codes := b.Const("", tensor.View(tensor.Uint8, bytes(48, 48).Bytes(), []int{3, 2, 8}))
			return b.Node("com.microsoft.MatMulNBits", []*ir.Value{x, codes, b.Const("", floats(6, 6)), nil, nil, b.Const("", floats(3, 3))},
				ir.AttrInt("K", 20), ir.AttrInt("N", 3), ir.AttrInt("block_size", 16))
		}, in: floats(40, 2, 20)},
		{name: "a volume whose sum has more volumes", build: func(b *ir.Builder, x *ir.Value) *ir.Value {
			two := b.Node("Concat", []*ir.Value{x, x}, ir.AttrInt("axis", 0))
			wide := b.Node("Concat", []*ir.Value{two, two}, ir.AttrInt("axis", 1))
			return b.Node("Add", []*ir.Value{b.Node("Conv", []*ir.Value{x, b.Const("", floats(8, 4, 2, 1, 1, 1))}), wide})
		}, in: floats(36, 1, 2, 2, 3, 3), free: true},
		{name: "a pool of a large picture behind taps that are far apart", build: func(b *ir.Builder, x *ir.Value) *ir.Value {
			c := b.Node("Conv", []*ir.Value{x, b.Const("", floats(8*64*9, 8, 64, 3, 3))}, ir.AttrInts("dilations", 64, 64), ir.AttrInts("pads", 64, 64, 64, 64))
			return b.Node("MaxPool", []*ir.Value{c}, ir.AttrInts("kernel_shape", 2, 2), ir.AttrInts("strides", 2, 2))
		}, in: floats(64*192*192, 1, 64, 192, 192)},
		{name: "bounds behind windows of padding alone", build: func(b *ir.Builder, x *ir.Value) *ir.Value {
			p := b.Node("MaxPool", []*ir.Value{b.Node("Conv", []*ir.Value{x, b.Const("", floats(16, 16, 1, 1, 1))})}, ir.AttrInts("kernel_shape", 2, 2),
				ir.AttrInts("dilations", 2, 2), ir.AttrInts("pads", 1, 1, 1, 1))
			return b.Node("Relu", []*ir.Value{p})
		}, in: floats(1, 1, 1, 1, 1)},
		{name: "a bound of attributes and infinite numbers", build: func(b *ir.Builder, x *ir.Value) *ir.Value {
			c := b.Node("Conv", []*ir.Value{x, b.Const("", floats(1, 1, 1, 1, 1))})
			return b.Node("Clip", []*ir.Value{c}, ir.AttrFloat("min", 0))
		}, in: tensor.Of([]float32{float32(math.Inf(-1)), 1}, 1, 1, 1, 2), opset: 9},
	} {
		t.Run(r.name, func(t *testing.T) {
			run := func(opts ...engine.Option) *tensor.Tensor {
				b := ir.NewBuilder(cmp.Or(r.opset, 18))
				b.Import("com.microsoft", 1)
				shape := ir.TypeOf(r.in).Shape
				if r.open {
					shape = ir.Shape{}
				}
				if r.free {
					shape.Dims[0] = ir.Unknown
				}
				b.Output("y", r.build(b, b.Input("x", tensor.Float32, shape)))
				s := built.Session(t, b, opts...)
				out, err := s.Run(context.Background(), engine.Values{"x": r.in})
				if err != nil {
					t.Fatal(err)
				}
				return out["y"]
			}
			near := func(a, b float64) bool { return a == b || math.Abs(a-b) < 1e-4 }
			want := run(engine.Plain())
			for _, cpu := range engine.CPUs() {
				if got := run(engine.CPU(cpu)); !slices.Equal(got.Shape(), want.Shape()) || !slices.EqualFunc(tensor.ToFloat64(got), tensor.ToFloat64(want), near) {
					t.Errorf("%s gives %v %.60v, want %v %.60v", cpu, got, tensor.ToFloat64(got), want, tensor.ToFloat64(want))
				}
			}
		})
	}
}

// Random numbers have no inputs that the passes could look at.
func TestRewritesOfRandom(t *testing.T) {
	b := ir.NewBuilder(18)
	b.Output("y", b.Node("Relu", []*ir.Value{b.Node("RandomNormal", nil, ir.AttrInts("shape", 4))}))
	s := built.Session(t, b)
	out, err := s.Run(context.Background(), engine.Values{})
	if err != nil || out["y"].Len() != 4 {
		t.Errorf("%v, %v", out, err)
	}
}
