package pass

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// net is a builder with the constants that tests need.
type net struct {
	*ir.Builder
	x *ir.Value // [1 4 6 6]
}

func (n net) number(v float32) *ir.Value { return n.Const("", tensor.Scalar(v)) }

// weights are counted up from 1, so that no two are alike.
func (n net) weights(shape ...int) *ir.Value {
	t := tensor.New(tensor.Float32, shape...)
	for i, d := 0, tensor.Data[float32](t); i < len(d); i++ {
		d[i] = float32(i+1) / 64
	}
	return n.Const("", t)
}

func (n net) conv(x *ir.Value, attrs ...*ir.Attr) *ir.Value {
	return n.Node("Conv", []*ir.Value{x, n.weights(4, 4, 3, 3), n.weights(4)}, append(attrs, ir.AttrInts("pads", 1, 1, 1, 1))...)
}

// focus is a convolution of every second pixel from each of the corners on.
func (n net) focus(corners ...corner) *ir.Value {
	number := func(v int) *ir.Value { return n.Const("", tensor.Of([]int64{int64(v)}, 1)) }
	var parts []*ir.Value
	for _, c := range corners {
		part := n.x
		for axis, first := range c {
			part = n.node("Slice", part, number(first), number(math.MaxInt32), number(2+axis), number(2))
		}
		parts = append(parts, part)
	}
	x := n.Node("Concat", parts, ir.AttrInt("axis", 1))
	return n.Node("Conv", []*ir.Value{x, n.weights(5, 16, 3, 3)}, ir.AttrInts("pads", 1, 1, 1, 1))
}

func (n net) batchNorm(x *ir.Value) *ir.Value {
	return n.Node("BatchNormalization", []*ir.Value{x, n.weights(4), n.weights(4), n.weights(4), n.weights(4)})
}

// dynamic is an integer convolution from and to float32.
func (n net) dynamic(cin, group int) *ir.Value {
	q := n.Nodes("DynamicQuantizeLinear", 3, []*ir.Value{n.x})
	y := n.Node("ConvInteger", []*ir.Value{q[0], n.Const("", tensor.New(tensor.Int8, 4, cin, 3, 3)), q[2]}, ir.AttrInt("group", group))
	y = n.Node("Cast", []*ir.Value{y}, ir.AttrInt("to", int(tensor.Float32)))
	return n.node("Mul", y, n.node("Mul", n.number(2), q[1]))
}

// half is a value in float16.
func (n net) half(x *ir.Value) *ir.Value {
	return n.Node("Cast", []*ir.Value{x}, ir.AttrInt("to", int(tensor.Float16)))
}

// row is x as [1 36 4].
func (n net) row() *ir.Value {
	return n.node("Reshape", n.x, n.Const("", tensor.Of([]int64{1, 36, 4})))
}

// shuffle lays the channels of x in turns of two groups, by way of a transposition.
func (n net) shuffle(x *ir.Value, perm ...int) *ir.Value {
	x = n.node("Reshape", x, n.Const("", tensor.Of([]int64{1, 2, -1, 6, 6})))
	x = n.Node("Transpose", []*ir.Value{x}, ir.AttrInts("perm", perm...))
	return n.node("Reshape", x, n.Const("", tensor.Of([]int64{1, -1, 6, 6})))
}

func (n net) node(op string, inputs ...*ir.Value) *ir.Value { return n.Node(op, inputs) }

// TestPasses holds each pass to what it makes of a graph, and to what it must
// leave alone. Graphs are told by the operators that are left.
func TestPasses(t *testing.T) {
	for _, c := range []struct {
		name, passes string
		build        func(n net) *ir.Value
		want         string
	}{
		{"constants are computed", "fold", func(n net) *ir.Value {
			return n.node("Add", n.x, n.node("Mul", n.number(2), n.number(3)))
		}, "Add"},
		{"random numbers are not", "fold", func(n net) *ir.Value {
			return n.node("Add", n.x, n.Node("RandomNormal", nil, ir.AttrInts("shape", 1)))
		}, "RandomNormal Add"},
		{"dropout hands on", "identity", func(n net) *ir.Value {
			return n.node("Relu", n.node("Dropout", n.x))
		}, "Relu"},
		{"a cast that changes the type stays", "identity", func(n net) *ir.Value {
			return n.node("Neg", n.Node("Cast", []*ir.Value{n.x}, ir.AttrInt("to", 11)))
		}, "Cast Neg"},
		{"the name of an output stays", "identity", func(n net) *ir.Value {
			return n.node("Identity", n.node("Relu", n.x))
		}, "Relu Identity"},
		{"zeros around a picture", "pad", func(n net) *ir.Value {
			return n.conv(n.node("Pad", n.x, n.Const("", tensor.Of([]int64{0, 0, 1, 2, 0, 0, 3, 4}, 8))))
		}, "Conv"},
		{"padding of channels stays", "pad", func(n net) *ir.Value {
			return n.conv(n.node("Pad", n.Node("Slice", []*ir.Value{n.x, n.Const("", tensor.Of([]int64{0}, 1)),
				n.Const("", tensor.Of([]int64{3}, 1)), n.Const("", tensor.Of([]int64{1}, 1))}),
				n.Const("", tensor.Of([]int64{0, 1, 0, 0, 0, 0, 0, 0}, 8))))
		}, "Slice Pad Conv"},
		{"padding with ones stays", "pad", func(n net) *ir.Value {
			return n.conv(n.node("Pad", n.x, n.Const("", tensor.Of([]int64{0, 0, 1, 1, 0, 0, 1, 1}, 8)), n.number(1)))
		}, "Pad Conv"},
		{"padded pictures that are also the weights stay", "pad", func(n net) *ir.Value {
			p := n.node("Pad", n.x, n.Const("", tensor.Of([]int64{0, 0, 1, 1, 0, 0, 1, 1}, 8)))
			return n.node("Conv", p, p)
		}, "Pad Conv"},
		{"a channel shuffle between a concatenation and slices", "shuffle", func(n net) *ir.Value {
			y := n.shuffle(n.Node("Concat", []*ir.Value{n.x, n.node("Exp", n.x)}, ir.AttrInt("axis", 1)), 0, 2, 1, 3, 4)
			half := n.Nodes("Split", 2, []*ir.Value{y}, ir.AttrInt("axis", 1))
			rows := n.node("Slice", half[0], n.Const("", tensor.Of([]int64{1})), n.Const("", tensor.Of([]int64{3})), n.Const("", tensor.Of([]int64{2})))
			return n.node("MatMul", half[1], n.Node("Transpose", []*ir.Value{rows}, ir.AttrInts("perm", 0, 1, 3, 2)))
		}, "Exp vision.internal.Shuffle vision.internal.Shuffle Slice Transpose MatMul"},
		{"another transposition stays", "shuffle", func(n net) *ir.Value { return n.shuffle(n.x, 0, 2, 1, 4, 3) }, "Reshape Transpose Reshape"},
		{"a gather of channels", "shuffle", func(n net) *ir.Value {
			return n.Node("Gather", []*ir.Value{n.x, n.Const("", tensor.Of([]int64{3, -4, 1}))}, ir.AttrInt("axis", 1))
		}, "vision.internal.Shuffle"},
		{"a gather of rows stays", "shuffle", func(n net) *ir.Value {
			return n.Node("Gather", []*ir.Value{n.x, n.Const("", tensor.Of([]int64{3, -4, 1}))}, ir.AttrInt("axis", 2))
		}, "Gather"},
		{"every second pixel", "focus dead", func(n net) *ir.Value { return n.focus(corner{0, 0}, corner{1, 0}, corner{0, 1}, corner{1, 1}) }, "Conv"},
		{"every second pixel, some twice", "focus dead", func(n net) *ir.Value { return n.focus(corner{0, 0}, corner{1, 0}, corner{1, 0}, corner{1, 1}) },
			"Slice Slice Slice Slice Slice Slice Slice Slice Concat Conv"},
		{"every second pixel from depth", "focus", func(n net) *ir.Value {
			y := n.Node("SpaceToDepth", []*ir.Value{n.x}, ir.AttrInt("blocksize", 2))
			return n.Node("Conv", []*ir.Value{y, n.weights(5, 16, 3, 2)}, ir.AttrInts("pads", 1, 1, 0, 0), ir.AttrInts("strides", 2, 1))
		}, "Conv"},
		{"every third pixel from depth", "focus", func(n net) *ir.Value {
			y := n.Node("SpaceToDepth", []*ir.Value{n.x}, ir.AttrInt("blocksize", 3))
			return n.Node("Conv", []*ir.Value{y, n.weights(5, 36, 1, 1)})
		}, "SpaceToDepth Conv"},
		{"batch normalisation into the convolution before", "batchnorm", func(n net) *ir.Value {
			return n.batchNorm(n.conv(n.x))
		}, "Conv"},
		{"batch normalisation into the fused form, twice", "conv batchnorm", func(n net) *ir.Value {
			return n.batchNorm(n.batchNorm(n.conv(n.x)))
		}, "vision.internal.Conv"},
		{"batch normalisation alone", "batchnorm", func(n net) *ir.Value { return n.batchNorm(n.x) }, "vision.internal.ScaleShift"},
		{"a convolution that others read keeps its weights", "batchnorm", func(n net) *ir.Value {
			y := n.conv(n.x)
			return n.node("Add", y, n.batchNorm(y))
		}, "Conv vision.internal.ScaleShift Add"},
		{"a bias by itself", "conv batchnorm", func(n net) *ir.Value {
			return n.node("Add", n.weights(4, 1, 1), n.node("Mul", n.conv(n.x), n.weights(1, 4, 1, 1)))
		}, "vision.internal.Conv"},
		{"sums that are no bias", "conv batchnorm", func(n net) *ir.Value {
			return n.node("Add", n.node("Add", n.node("Add", n.conv(n.x), n.weights(4, 1, 6)), n.weights(6)), n.weights(2, 4, 1, 1))
		}, "vision.internal.Conv Add Add Add"},
		{"a number for all channels", "conv batchnorm", func(n net) *ir.Value {
			return n.node("Sub", n.number(1), n.node("Div", n.node("Mul", n.conv(n.x), n.number(3)), n.Const("", tensor.Of([]float32{2}, 1))))
		}, "vision.internal.Conv"},
		{"quotients that are no scale", "conv batchnorm", func(n net) *ir.Value {
			return n.node("Div", n.number(1), n.node("Div", n.node("Mul", n.conv(n.x), n.Const("", tensor.Of([]float32{2}, 1, 1, 1, 1, 1))), n.number(0)))
		}, "vision.internal.Conv Mul Div Div"},
		{"a learned scale and shift, into what reads it", "conv activation affine", func(n net) *ir.Value {
			y := n.node("Add", n.node("Mul", n.number(2), n.node("Relu", n.conv(n.x))), n.number(3))
			return n.node("Conv", y, n.weights(4, 4, 1, 1))
		}, "vision.internal.Conv vision.internal.Conv"},
		{"a learned scale alone, into what reads it padded", "conv activation affine", func(n net) *ir.Value {
			return n.conv(n.node("Mul", n.number(2), n.node("Relu", n.conv(n.x))))
		}, "vision.internal.Conv vision.internal.Conv"},
		{"a scale behind a scale and shift", "conv activation affine", func(n net) *ir.Value {
			return n.node("Mul", n.node("Add", n.node("Mul", n.number(2), n.node("Relu", n.conv(n.x))), n.number(3)), n.number(5))
		}, "vision.internal.Conv vision.internal.ScaleShift"},
		{"shifts of channels, into groups", "conv activation affine", func(n net) *ir.Value {
			y := n.node("Add", n.node("Relu", n.conv(n.x)), n.Const("", tensor.Of([]float32{1, 20, 300, -4000}, 4, 1, 1)))
			return n.Node("Conv", []*ir.Value{y, n.weights(4, 2, 1, 1)}, ir.AttrInt("group", 2))
		}, "vision.internal.Conv vision.internal.Conv"},
		{"padding is not shifted", "conv activation affine", func(n net) *ir.Value {
			return n.conv(n.node("Add", n.node("Mul", n.number(2), n.node("Relu", n.conv(n.x))), n.number(3)))
		}, "vision.internal.Conv vision.internal.ScaleShift vision.internal.Conv"},
		{"a shift that others read", "conv activation affine", func(n net) *ir.Value {
			y := n.node("Add", n.node("Relu", n.conv(n.x)), n.number(3))
			return n.node("Add", y, n.node("Conv", y, n.weights(4, 4, 1, 1)))
		}, "vision.internal.Conv vision.internal.ScaleShift vision.internal.Conv Add"},
		{"sums far from any convolution", "conv activation affine", func(n net) *ir.Value {
			return n.node("Mul", n.node("Add", n.node("Exp", n.x), n.number(3)), n.number(2))
		}, "Exp Add Mul"},
		{"convolutions of a line", "rows conv activation", func(n net) *ir.Value {
			conv := func(x *ir.Value) *ir.Value {
				return n.Node("Conv", []*ir.Value{x, n.weights(4, 36, 3), n.weights(4)}, ir.AttrInts("pads", 1, 1))
			}
			line := n.node("Reshape", n.x, n.Const("", tensor.Of([]int64{1, 36, 4})))
			a, b := conv(line), n.node("Relu", conv(line))
			y := n.Node("Concat", []*ir.Value{n.node("Add", a, n.weights(4, 1)), b}, ir.AttrInt("axis", 1))
			return n.node("Exp", n.Node("MaxPool", []*ir.Value{y}, ir.AttrInts("kernel_shape", 2)))
		}, "Reshape Unsqueeze vision.internal.Conv vision.internal.Conv Add Concat MaxPool Squeeze Exp"},
		{"a transposed convolution of a line", "rows", func(n net) *ir.Value {
			return n.Node("ConvTranspose", []*ir.Value{n.row(), n.weights(36, 2, 3)}, ir.AttrInts("strides", 2), ir.AttrInts("output_padding", 1), ir.AttrInts("pads", 0, 1))
		}, "Reshape Unsqueeze ConvTranspose Squeeze"},
		{"zeros around an average pool", "pad", func(n net) *ir.Value {
			pad := n.node("Pad", n.x, n.Const("", tensor.Of([]int64{0, 0, 1, 1, 0, 0, 0, 2})))
			return n.Node("AveragePool", []*ir.Value{pad}, ir.AttrInts("kernel_shape", 3, 3))
		}, "AveragePool"},
		{"zeros around a pool that rounds its size up stay", "pad", func(n net) *ir.Value {
			pad := n.node("Pad", n.x, n.Const("", tensor.Of([]int64{0, 0, 1, 1, 0, 0, 0, 0})))
			return n.Node("AveragePool", []*ir.Value{pad}, ir.AttrInts("kernel_shape", 2, 2), ir.AttrInts("strides", 2, 2), ir.AttrInt("ceil_mode", 1))
		}, "Pad AveragePool"},
		{"a line without convolutions", "rows", func(n net) *ir.Value {
			return n.Node("MaxPool", []*ir.Value{n.row()}, ir.AttrInts("kernel_shape", 2))
		}, "Reshape MaxPool"},
		{"bounds", "conv clip activation", func(n net) *ir.Value {
			return n.node("Min", n.number(6), n.node("Max", n.conv(n.x), n.Const("", tensor.Of([]float32{-1}, 1, 1, 1, 1))))
		}, "vision.internal.Conv"},
		{"bounds that are no number", "clip", func(n net) *ir.Value {
			return n.node("Max", n.node("Max", n.node("Min", n.x, n.weights(6)), n.number(float32(math.NaN()))), n.number(0), n.x)
		}, "Min Max Max"},
		{"silu", "silu dead", func(n net) *ir.Value { return n.node("Mul", n.node("Sigmoid", n.x), n.x) }, "vision.internal.Activate"},
		{"the gate of something else", "silu dead", func(n net) *ir.Value {
			return n.node("Mul", n.node("Sigmoid", n.node("Neg", n.x)), n.x)
		}, "Neg Sigmoid Mul"},
		{"scores of an attention", "contrib", func(n net) *ir.Value {
			return n.Node("Einsum", []*ir.Value{n.weights(2, 3, 5, 4), n.weights(2, 3, 6, 4)}, ir.AttrString("equation", "bhid,bhjd->bhij"))
		}, "Transpose MatMul"},
		{"positions relative to rows: the other operand has no batch", "contrib", func(n net) *ir.Value {
			return n.Node("Einsum", []*ir.Value{n.weights(2, 5, 6, 4), n.weights(5, 7, 4)}, ir.AttrString("equation", "bhwc,hkc->bhwk"))
		}, "Transpose MatMul"},
		{"an output in another order", "contrib", func(n net) *ir.Value {
			return n.Node("Einsum", []*ir.Value{n.weights(2, 5, 6), n.weights(6, 4)}, ir.AttrString("equation", "abk,kn->nba"))
		}, "Transpose MatMul Transpose"},
		{"a sum over two letters", "contrib", func(n net) *ir.Value {
			return n.Node("Einsum", []*ir.Value{n.weights(2, 5, 6), n.weights(5, 6, 3)}, ir.AttrString("equation", "akl,kln->an"))
		}, "Einsum"},
		{"a diagonal", "contrib", func(n net) *ir.Value {
			return n.Node("Einsum", []*ir.Value{n.weights(5, 5, 6), n.weights(6, 3)}, ir.AttrString("equation", "aak,kn->an"))
		}, "Einsum"},
		{"swish", "silu dead", func(n net) *ir.Value {
			return n.node("Mul", n.x, n.node("Sigmoid", n.node("Mul", n.number(1.702), n.x)))
		}, "Swish"},
		{"mish", "silu dead", func(n net) *ir.Value {
			return n.node("Mul", n.x, n.node("Tanh", n.node("Softplus", n.x)))
		}, "vision.internal.Activate"},
		{"hard swish in steps", "silu dead", func(n net) *ir.Value {
			gate := n.node("Clip", n.node("Add", n.x, n.number(3)), n.number(0), n.number(6))
			return n.node("Div", n.node("Mul", n.x, gate), n.number(6))
		}, "vision.internal.Activate"},
		{"hard swish with a six of another rank", "silu dead", func(n net) *ir.Value {
			gate := n.node("Clip", n.node("Add", n.x, n.number(3)), n.number(0), n.number(6))
			return n.node("Div", n.node("Mul", n.x, gate), n.Const("", tensor.Of([]float32{6}, 1, 1, 1, 1, 1)))
		}, "Add Clip Mul Div"},
		{"gelu", "gelu dead", func(n net) *ir.Value {
			erf := n.node("Erf", n.node("Div", n.x, n.number(math.Sqrt2)))
			return n.node("Mul", n.node("Mul", n.x, n.node("Add", erf, n.number(1))), n.number(0.5))
		}, "vision.internal.Activate"},
		{"gelu with another factor", "gelu dead", func(n net) *ir.Value {
			erf := n.node("Erf", n.node("Div", n.x, n.number(1.5)))
			return n.node("Mul", n.node("Mul", n.x, n.node("Add", erf, n.number(1))), n.number(0.5))
		}, "Div Erf Add Mul Mul"},
		{"gelu by tanh", "gelu dead", func(n net) *ir.Value {
			cube := n.node("Mul", n.node("Pow", n.x, n.number(3)), n.number(0.044715))
			tanh := n.node("Tanh", n.node("Mul", n.node("Add", n.x, cube), n.number(0.7978846)))
			return n.node("Mul", n.node("Mul", n.x, n.number(0.5)), n.node("Add", tanh, n.number(1)))
		}, "Gelu"},
		{"gelu by tanh of a square", "gelu dead", func(n net) *ir.Value {
			square := n.node("Mul", n.node("Pow", n.x, n.number(2)), n.number(0.044715))
			tanh := n.node("Tanh", n.node("Mul", n.node("Add", n.x, square), n.number(0.7978846)))
			return n.node("Mul", n.node("Mul", n.x, n.number(0.5)), n.node("Add", tanh, n.number(1)))
		}, "Pow Mul Add Mul Tanh Mul Add Mul"},
		{"layer normalisation", "layernorm dead", func(n net) *ir.Value {
			mean := func(v *ir.Value) *ir.Value { return n.Node("ReduceMean", []*ir.Value{v}, ir.AttrInts("axes", -1)) }
			d := n.node("Sub", n.x, mean(n.x))
			root := n.node("Sqrt", n.node("Add", mean(n.node("Pow", d, n.number(2))), n.number(1e-5)))
			return n.node("Add", n.node("Mul", n.node("Div", d, root), n.weights(6)), n.weights(6))
		}, "LayerNormalization"},
		{"an activation into the convolution", "conv activation", func(n net) *ir.Value { return n.node("Relu", n.conv(n.x)) },
			"vision.internal.Conv"},
		{"an activation of a value that others read", "conv activation", func(n net) *ir.Value {
			y := n.conv(n.x)
			return n.node("Add", y, n.node("Relu", y))
		}, "vision.internal.Conv Relu Add"},
		{"a sum and its activation", "conv residual", func(n net) *ir.Value {
			return n.node("Relu", n.node("Add", n.conv(n.x), n.x))
		}, "vision.internal.Conv"},
		{"a sum that is broadcast", "conv residual", func(n net) *ir.Value {
			return n.node("Add", n.conv(n.x), n.Node("GlobalAveragePool", []*ir.Value{n.x}))
		}, "vision.internal.Conv GlobalAveragePool Add"},
		{"channels last and back", "channels contrib", func(n net) *ir.Value {
			y := n.Node("Transpose", []*ir.Value{n.x}, ir.AttrInts("perm", 0, 2, 3, 1))
			y = n.node("Relu", n.Node("com.microsoft.NhwcFusedConv", []*ir.Value{y, n.weights(4, 4, 3, 3)}))
			return n.Node("Transpose", []*ir.Value{y}, ir.AttrInts("perm", 0, 3, 1, 2))
		}, "Conv Relu Identity"},
		{"codes with channels last, by a scale that is a list of one", "channels contrib dead", func(n net) *ir.Value {
			y := n.Node("Transpose", []*ir.Value{n.x}, ir.AttrInts("perm", 0, 2, 3, 1))
			y = n.node("com.microsoft.NhwcFusedConv", y, n.weights(4, 4, 3, 3))
			scale := n.Const("", tensor.Of([]float32{0.25}, 1))
			y = n.node("DequantizeLinear", n.node("QuantizeLinear", y, scale), scale)
			return n.Node("Transpose", []*ir.Value{y}, ir.AttrInts("perm", 0, 3, 1, 2))
		}, "Conv QuantizeLinear DequantizeLinear Identity"},
		{"channels last from the beginning", "channels contrib", func(n net) *ir.Value {
			return n.node("com.microsoft.NhwcFusedConv", n.x, n.weights(4, 6, 3, 3), nil, n.node("com.microsoft.NhwcFusedConv", n.x, n.weights(4, 6, 3, 3)))
		}, "Transpose Conv Conv Add Transpose"},
		{"weights with channels last", "channels fold", func(n net) *ir.Value { return n.node("com.microsoft.NhwcConv", n.x, n.weights(4, 3, 3, 6)) },
			"Transpose Conv Transpose"},
		{"a joined convolution, sum and activation", "contrib conv residual", func(n net) *ir.Value {
			return n.Node("com.microsoft.FusedConv", []*ir.Value{n.x, n.weights(4, 4, 3, 3), n.weights(4), n.x}, ir.AttrInts("pads", 1, 1, 1, 1), ir.AttrString("activation", "Relu"))
		}, "vision.internal.Conv"},
		{"a joined product of transposed operands", "contrib", func(n net) *ir.Value {
			y := n.Node("Transpose", []*ir.Value{n.x}, ir.AttrInts("perm", 0, 2, 1, 3))
			return n.Node("com.microsoft.FusedMatMul", []*ir.Value{n.weights(6, 4), y}, ir.AttrInt("transA", 1), ir.AttrInt("transB", 1), ir.AttrFloat("alpha", 0.5))
		}, "Transpose Transpose Transpose MatMul Mul"},
		{"a joined product with an operand of any rank", "contrib", func(n net) *ir.Value {
			return n.Node("com.microsoft.FusedMatMul", []*ir.Value{n.weights(6, 4), n.Input("any", tensor.Float32, ir.Shape{})}, ir.AttrInt("transA", 1))
		}, "com.microsoft.FusedMatMul"},
		{"a joined sum and normalisation", "contrib", func(n net) *ir.Value {
			return n.Nodes("com.microsoft.SkipLayerNormalization", 4, []*ir.Value{n.x, n.x, n.weights(6), nil, n.weights(6)})[3]
		}, "Add Add LayerNormalization"},
		{"moments that the standard's operator does not give", "contrib", func(n net) *ir.Value {
			return n.Nodes("com.microsoft.SkipSimplifiedLayerNormalization", 2, []*ir.Value{n.x, n.x, n.weights(6)})[1]
		}, "com.microsoft.SkipSimplifiedLayerNormalization"},
		{"a convolution that is quantised as it comes", "dynamic activation", func(n net) *ir.Value {
			return n.node("Relu", n.node("Add", n.dynamic(4, 1), n.weights(1, 4, 1, 1)))
		}, "vision.internal.DynamicConv"},
		{"a depthwise one", "dynamic dead", func(n net) *ir.Value { return n.dynamic(1, 4) }, "vision.internal.DynamicRound Conv"},
		{"one with a sum that is no bias", "dynamic", func(n net) *ir.Value { return n.node("Add", n.dynamic(4, 1), n.weights(4)) },
			"vision.internal.DynamicConv Add"},
		{"a product with numbers that ONNX Runtime has quantised", "dynamic", func(n net) *ir.Value {
			q := n.Nodes("DynamicQuantizeLinear", 3, []*ir.Value{n.x})
			return n.node("com.microsoft.MatMulIntegerToFloat", q[0], n.Const("", tensor.New(tensor.Int8, 6, 5)), q[1], n.weights(5), q[2], nil, n.weights(5))
		}, "com.microsoft.DynamicQuantizeMatMul"},
		{"integers with another zero point stay", "dynamic", func(n net) *ir.Value {
			q := n.Nodes("DynamicQuantizeLinear", 3, []*ir.Value{n.x})
			y := n.node("MatMulInteger", q[0], n.Const("", tensor.New(tensor.Int8, 6, 5)), n.Const("", tensor.Scalar(uint8(3))))
			return n.node("Mul", n.Node("Cast", []*ir.Value{y}, ir.AttrInt("to", int(tensor.Float32))), n.node("Mul", q[1], n.number(2)))
		}, "DynamicQuantizeLinear MatMulInteger Cast Mul Mul"},
		{"a network of float16", "widen", func(n net) *ir.Value {
			y := n.Node("Conv", []*ir.Value{n.half(n.x), n.Const("", tensor.New(tensor.Float16, 4, 4, 1, 1))})
			return n.node("Relu", n.node("Add", y, n.node("Neg", y)))
		}, "Cast Cast Conv Neg Add Relu Cast"},
		{"float16 that becomes another type, and sizes of it", "widen", func(n net) *ir.Value {
			y := n.node("Exp", n.half(n.x))
			size := n.Node("Cast", []*ir.Value{n.node("Size", y)}, ir.AttrInt("to", int(tensor.Float32)))
			return n.node("Add", n.Node("Cast", []*ir.Value{y}, ir.AttrInt("to", int(tensor.Float32))), size)
		}, "Cast Cast Exp Size Cast Cast Add"},
		{"float16 of an operator without a twin", "widen", func(n net) *ir.Value {
			return n.node("IsNaN", n.node("Exp", n.half(n.x)))
		}, "Cast Cast Exp Cast IsNaN"},
		{"float16 among float32", "widen", func(n net) *ir.Value { return n.node("Relu", n.conv(n.x)) }, "Conv Relu"},
		{"attention of heads", "contrib", func(n net) *ir.Value {
			return n.Node("com.microsoft.MultiHeadAttention", []*ir.Value{n.row(), n.row(), n.row(), n.weights(12)}, ir.AttrInt("num_heads", 2))
		}, "Reshape Reshape Reshape Add Add Add Reshape Transpose Reshape Transpose Reshape Transpose Mul MatMul Softmax MatMul Transpose Reshape"},
		{"attention with lengths", "contrib", func(n net) *ir.Value {
			return n.Node("com.microsoft.MultiHeadAttention", []*ir.Value{n.row(), n.row(), n.row(), nil, n.Const("", tensor.Of([]int32{1}))}, ir.AttrInt("num_heads", 2))
		}, "Reshape Reshape Reshape com.microsoft.MultiHeadAttention"},
		{"what nobody reads", "dead", func(n net) *ir.Value {
			n.node("Exp", n.x)
			return n.node("Relu", n.x)
		}, "Relu"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := left(t, 13, c.passes, c.build); got != c.want {
				t.Errorf("%s left %q, want %q", c.passes, got, c.want)
			}
		})
	}
}

// Axes may be int32, which the standard does not have but exporters write.
func TestNormOfInt32Axes(t *testing.T) {
	got := left(t, 18, "layernorm dead", func(n net) *ir.Value {
		mean := func(v *ir.Value) *ir.Value { return n.node("ReduceMean", v, n.Const("", tensor.Of([]int32{3}))) }
		d := n.node("Sub", n.x, mean(n.x))
		root := n.node("Sqrt", n.node("Add", mean(n.node("Mul", d, d)), n.number(1e-5)))
		return n.node("Add", n.node("Mul", n.node("Div", d, root), n.weights(6)), n.weights(6))
	})
	if got != "LayerNormalization" {
		t.Errorf("left %q", got)
	}
}

// bound is the graph of what was built, with its operators and facts.
func bound(t *testing.T, b *ir.Builder) *ir.Graph {
	t.Helper()
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	if err := ops.Bind(m); err != nil {
		t.Fatal(err)
	}
	if err := ops.Infer(context.Background(), m.Graph); err != nil {
		t.Fatal(err)
	}
	return m.Graph
}

// result is what a graph's operators make of x by their reference kernels; nil if it has other
// inputs or random numbers.
func result(t *testing.T, g *ir.Graph, x *tensor.Tensor) []float64 {
	t.Helper()
	if len(g.Inputs) > 1 || slices.ContainsFunc(g.Nodes, func(n *ir.Node) bool { return strings.HasPrefix(n.Op, "Random") }) {
		return nil
	}
	values := map[*ir.Value]*tensor.Tensor{g.Inputs[0]: x}
	for _, n := range g.Nodes {
		c := &ops.Call{Out: make([]*tensor.Tensor, len(n.Outputs)), Node: n, Run: ops.NewRun(context.Background(), 1<<28, 1)}
		for _, v := range n.Inputs {
			in := values[v]
			if v != nil && v.Const() != nil {
				in = v.Const()
			}
			c.In = append(c.In, in)
		}
		if err := n.Operator.(ops.Op).Eval(c); err != nil {
			t.Fatalf("%s: %v", n.Op, err)
		}
		for i, v := range n.Outputs {
			values[v] = c.Out[i]
		}
	}
	return tensor.ToFloat64(values[g.Outputs[0]])
}

// same reports whether numbers are equal to rounding, which is float16's in some graphs.
func same(got, want []float64) bool {
	size := 0.0
	for _, v := range want {
		if v-v == 0 {
			size = max(size, math.Abs(v))
		}
	}
	return slices.EqualFunc(got, want, func(a, b float64) bool {
		return a == b || a != a && b != b || math.Abs(a-b) <= 2e-3*size
	})
}

// left is the operators that passes leave of a graph, which still computes the same.
func left(t *testing.T, opset int, passes string, build func(n net) *ir.Value) string {
	t.Helper()
	b := ir.NewBuilder(opset)
	b.Import("com.microsoft", 1)
	n := net{b, b.Input("x", tensor.Float32, ir.Dims(1, 4, 6, 6))}
	b.Output("y", build(n))
	g := bound(t, b)
	x := tensor.New(tensor.Float32, 1, 4, 6, 6)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range x.Len() {
		tensor.Data[float32](x)[i] = float32(rng.NormFloat64())
	}
	want := result(t, g, x)
	for _, p := range All {
		if strings.Contains(" "+passes+" ", " "+p.Name+" ") {
			if _, err := (editors{}).run(context.Background(), g, p); err != nil {
				t.Fatal(err)
			}
		}
	}
	if out := g.Outputs[0]; out.Name != "y" || out.Node == nil {
		t.Errorf("the output is %q, made by %v", out.Name, out.Node)
	}
	if got := result(t, g, x); !same(got, want) {
		t.Errorf("gives %.60v, want %.60v", got, want)
	}
	return operators(g)
}

// operators lists the operators of a graph in order.
func operators(g *ir.Graph) string {
	var names []string
	for _, n := range g.Nodes {
		name := n.Op
		if n.Domain != "" {
			name = n.Domain + "." + n.Op
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}
