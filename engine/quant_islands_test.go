package engine_test

import (
	"bytes"
	"context"
	"math/rand"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// island is a row of TestIslands: operators between codes.
type island struct {
	why   string
	ops   []string // the first takes the operands, the others follow
	attrs []*onnx.Attribute
	in    int // operands that are codes
	dims  []int
	w     []int // shape of constant weights, nil for none
	axis  int   // of their scales; -1: one scale
	same  bool  // input and output have one scale and zero point
	mixed bool  // the output is signed where the input is not
	exact bool  // the plain meaning to the bit
	stays bool  // no operator on codes says the same
}

var islands = []island{
	{why: "a convolution with a scale a channel", ops: []string{"Conv"}, in: 1, dims: []int{1, 5, 9, 8}, w: []int{7, 5, 3, 3}, axis: 0,
		attrs: []*onnx.Attribute{ints("pads", 1, 1, 1, 1)}},
	{why: "with one scale, stride and activation", ops: []string{"Conv", "Relu"}, in: 1, dims: []int{2, 70, 9, 8}, w: []int{33, 70, 1, 1}, axis: -1,
		attrs: []*onnx.Attribute{ints("strides", 2, 2)}},
	{why: "depthwise with a clip", ops: []string{"Conv", "Clip"}, in: 1, dims: []int{1, 70, 9, 8}, w: []int{70, 1, 3, 3}, axis: 0,
		attrs: []*onnx.Attribute{integer("group", 70)}},
	{why: "groups of few channels, which become one", ops: []string{"Conv", "Relu"}, in: 1, dims: []int{2, 48, 5, 4}, w: []int{24, 8, 3, 3}, axis: 0,
		attrs: []*onnx.Attribute{integer("group", 6), ints("pads", 1, 1, 1, 1)}},
	{why: "groups of which several become one", ops: []string{"Conv"}, in: 1, dims: []int{1, 192, 5, 4}, w: []int{192, 16, 1, 1}, axis: -1,
		attrs: []*onnx.Attribute{integer("group", 12)}},
	{why: "two filters for a channel", ops: []string{"Conv"}, in: 1, dims: []int{1, 5, 5, 4}, w: []int{10, 1, 3, 3}, axis: 0,
		attrs: []*onnx.Attribute{integer("group", 5)}},
	{why: "weights of one dimension", ops: []string{"Conv"}, in: 1, dims: []int{1, 4, 9}, w: []int{3, 4, 3}, axis: 0, stays: true},
	{why: "a scale along the wrong axis", ops: []string{"Conv"}, in: 1, dims: []int{1, 7, 9, 9}, w: []int{7, 7, 3, 3}, axis: 1, stays: true},
	{why: "a fully connected layer", ops: []string{"Gemm", "Relu"}, in: 1, dims: []int{3, 70}, w: []int{40, 70}, axis: 0, attrs: []*onnx.Attribute{integer("transB", 1)}},
	{why: "a product of matrices", ops: []string{"MatMul"}, in: 1, dims: []int{2, 5, 70}, w: []int{70, 40}, axis: 1},
	{why: "a product of the pixels of a picture with channels last", ops: []string{"MatMul"}, in: 1, dims: []int{2, 3, 5, 70}, w: []int{70, 40}, axis: 1},
	{why: "a product of many rows", ops: []string{"MatMul"}, in: 1, dims: []int{1100, 7}, w: []int{7, 5}, axis: -1},
	{why: "a product of pixels into codes of the other sign", ops: []string{"MatMul"}, in: 1, dims: []int{2, 3, 5, 70}, w: []int{70, 40}, axis: 1, mixed: true},
	{why: "a sum", ops: []string{"Add", "Relu"}, in: 2, dims: []int{1, 5, 9, 8}},
	{why: "a product", ops: []string{"Mul"}, in: 2, dims: []int{1, 5, 9, 8}},
	{why: "a concatenation", ops: []string{"Concat"}, in: 3, dims: []int{1, 5, 9, 8}, attrs: []*onnx.Attribute{integer("axis", 1)}, exact: true},
	{why: "a global mean", ops: []string{"GlobalAveragePool"}, in: 1, dims: []int{1, 5, 9, 8}},
	{why: "a mean", ops: []string{"AveragePool"}, in: 1, dims: []int{1, 5, 9, 8}, attrs: []*onnx.Attribute{ints("kernel_shape", 3, 3), ints("pads", 1, 1, 0, 0)}},
	{why: "a mean that counts padding", ops: []string{"AveragePool"}, in: 1, dims: []int{1, 5, 9, 8}, stays: true,
		attrs: []*onnx.Attribute{ints("kernel_shape", 3, 3), ints("pads", 1, 1, 0, 0), integer("count_include_pad", 1)}},
	{why: "a maximum", ops: []string{"MaxPool"}, in: 1, dims: []int{1, 5, 9, 8}, attrs: []*onnx.Attribute{ints("kernel_shape", 3, 3)}, same: true, exact: true},
	{why: "a maximum that is scaled", ops: []string{"MaxPool"}, in: 1, dims: []int{1, 5, 9, 8}, attrs: []*onnx.Attribute{ints("kernel_shape", 3, 3)}, stays: true},
	{why: "another shape", ops: []string{"Flatten"}, in: 1, dims: []int{1, 5, 9, 8}, same: true, exact: true},
	{why: "a function", ops: []string{"Sigmoid"}, in: 1, dims: []int{1, 5, 9, 8}, exact: true},
	{why: "a convolution into codes of the other sign", ops: []string{"Conv", "Relu"}, in: 1, dims: []int{1, 5, 9, 8}, w: []int{7, 5, 3, 3}, axis: 0, mixed: true},
	{why: "a fully connected layer into codes of the other sign", ops: []string{"Gemm"}, in: 1, dims: []int{3, 70}, w: []int{40, 70}, axis: 0,
		attrs: []*onnx.Attribute{integer("transB", 1)}, mixed: true},
	{why: "a product of matrices into codes of the other sign", ops: []string{"MatMul"}, in: 1, dims: []int{2, 5, 70}, w: []int{70, 40}, axis: 1, mixed: true},
	{why: "a function into codes of the other sign", ops: []string{"Sigmoid"}, in: 1, dims: []int{1, 5, 9, 8}, exact: true, mixed: true},
	{why: "a sum into codes of the other sign", ops: []string{"Add"}, in: 2, dims: []int{1, 5, 9, 8}, stays: true, mixed: true},
	{why: "a global mean into codes of the other sign", ops: []string{"GlobalAveragePool"}, in: 1, dims: []int{1, 5, 9, 8}, stays: true, mixed: true},
	{why: "another function", ops: []string{"HardSwish"}, in: 1, dims: []int{3}, exact: true},
}

// islandModel is DequantizeLinear, the operators, QuantizeLinear.
func islandModel(q *quantGraph, is island) []byte {
	q.g = &onnx.Graph{Name: "g"}
	kind := int32(2)
	if q.signed {
		kind = 3
	}
	var names []string
	first := q.to()
	for i := range is.in {
		x := first
		if i > 0 {
			x = q.to()
		}
		info := &onnx.ValueInfo{Name: string(rune('a' + i)), Type: &onnx.Type{Kind: onnx.KindTensor, ElemType: kind, HasShape: true}}
		for _, d := range is.dims {
			info.Type.Dims = append(info.Type.Dims, onnx.Dim{HasValue: true, Value: int64(d)})
		}
		q.g.Inputs = append(q.g.Inputs, info)
		names = append(names, q.node("", "DequantizeLinear", code{name: q.fresh("f")}, nil, info.Name, x.scale, x.zero).name)
	}
	if is.w != nil {
		names = append(names, islandWeights(q, is)...)
	}
	var last code
	for i, op := range is.ops {
		attrs := is.attrs
		if i > 0 {
			names, attrs = []string{last.name}, nil
			if op == "Clip" {
				names = append(names, q.float(-0.3), q.float(0.9))
			}
		}
		last = q.node("", op, code{name: q.fresh("f")}, attrs, names...)
	}
	if is.mixed {
		q.signed, kind = !q.signed, 5-kind
	}
	y := q.to()
	y.name = "y"
	if is.same {
		y.scale, y.zero = first.scale, first.zero
	}
	q.node("", "QuantizeLinear", y, nil, last.name, y.scale, y.zero)
	q.g.Outputs = []*onnx.ValueInfo{{Name: "y", Type: &onnx.Type{Kind: onnx.KindTensor, ElemType: kind}}}
	var b bytes.Buffer
	if err := onnx.Write(&b, &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 14}}, Graph: q.g}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// islandWeights adds weights and, but for MatMul, a bias in float32.
func islandWeights(q *quantGraph, is island) []string {
	count, dims, attrs := 1, []int(nil), []*onnx.Attribute(nil)
	if is.axis >= 0 {
		count, dims = is.w[is.axis], []int{is.w[is.axis]}
		attrs = []*onnx.Attribute{integer("axis", int64(is.axis))}
	}
	scales, zeros := make([]float32, count), make([]byte, count)
	per := float32(tensor.MustCount(is.w) / is.w[max(is.axis, 0)])
	for i := range scales {
		scales[i] = (0.2 + q.Float32()) / (60 * per)
	}
	data := make([]byte, tensor.MustCount(is.w))
	q.Read(data)
	w := q.node("", "DequantizeLinear", code{name: q.fresh("f")}, attrs, q.bytes(true, data, is.w...),
		q.tensor(onnx.Tensor{DataType: 1, Floats: scales}, dims...), q.bytes(true, zeros, dims...))
	if is.ops[0] == "MatMul" {
		return []string{w.name}
	}
	bias := make([]float32, is.w[0])
	for i := range bias {
		bias[i] = q.Float32() - 0.5
	}
	return []string{w.name, q.tensor(onnx.Tensor{DataType: 1, Floats: bias}, len(bias))}
}

// TestIslands: operators between codes become operators on codes, and mean the
// same but for one step of the output.
func TestIslands(t *testing.T) {
	for _, is := range islands {
		for seed := range int64(6) {
			q := &quantGraph{Rand: rand.New(rand.NewSource(seed)), signed: seed%2 == 1}
			model := islandModel(q, is)
			fast, err := engine.OpenBytes(model)
			if err != nil {
				t.Errorf("%s: %v", is.why, err)
				break
			}
			var left []string
			for _, n := range fast.Optimised().Nodes {
				left = append(left, n.Op)
			}
			if stays := strings.Contains(strings.Join(left, " "), "DequantizeLinear"); stays != is.stays {
				t.Errorf("%s: %v is left", is.why, left)
			}
			in := engine.Values{}
			for _, v := range fast.Inputs() {
				data := make([]byte, tensor.MustCount(is.dims))
				q.Read(data)
				in[v.Name] = tensor.View(v.DType, data, is.dims)
			}
			got := runIsland(t, fast, in)
			for _, o := range []engine.Option{engine.Plain(), engine.Precision(engine.F32Strict)} {
				s, err := engine.OpenBytes(model, o)
				if err != nil {
					t.Fatal(err)
				}
				compareIsland(t, is, got, runIsland(t, s, in), q.signed)
			}
		}
	}
}

func runIsland(t *testing.T, s *engine.Session, in engine.Values) []byte {
	t.Helper()
	out, err := s.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out["y"].Bytes()
}

func compareIsland(t *testing.T, is island, got, want []byte, signed bool) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d codes, want %d", is.why, len(got), len(want))
	}
	flip := byte(0)
	if signed {
		flip = 0x80
	}
	beside := 0
	for i := range got {
		d := int(got[i]^flip) - int(want[i]^flip)
		if d < -1 || d > 1 || d != 0 && is.exact {
			t.Fatalf("%s, signed %v: code %d is %d, the plain meaning %d", is.why, signed, i, got[i]^flip, want[i]^flip)
		}
		if d != 0 {
			beside++
		}
	}
	if beside > 1+len(got)/50 {
		t.Errorf("%s: %d of %d codes are one step beside", is.why, beside, len(got))
	}
}
