package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// quantGraph builds random graphs of the operators on 8-bit integers.
type quantGraph struct {
	*rand.Rand
	g      *onnx.Graph
	signed bool // activations
	n      int
}

// code is a value on the way: its name, shape, scale and zero point.
type code struct {
	name        string
	dims        []int // [1 C H W], or [1 C]
	scale, zero string
}

func (q *quantGraph) fresh(stem string) string { q.n++; return fmt.Sprint(stem, q.n) }

func (q *quantGraph) tensor(t onnx.Tensor, dims ...int) string {
	t.Name = q.fresh("c")
	for _, d := range dims {
		t.Dims = append(t.Dims, int64(d))
	}
	q.g.Initializers = append(q.g.Initializers, &t)
	return t.Name
}

func (q *quantGraph) bytes(signed bool, data []byte, dims ...int) string {
	kind := int32(2)
	if signed {
		kind = 3
	}
	return q.tensor(onnx.Tensor{DataType: kind, Raw: data, HasRaw: true}, dims...)
}

func (q *quantGraph) float(v float32) string {
	return q.tensor(onnx.Tensor{DataType: 1, Floats: []float32{v}})
}

// to makes the scale and zero point of a new value.
func (q *quantGraph) to(dims ...int) code {
	return code{q.fresh("v"), dims, q.float(0.01 + 0.05*q.Float32()), q.bytes(q.signed, []byte{byte(q.Intn(256))})}
}

func (q *quantGraph) node(domain, op string, out code, attrs []*onnx.Attribute, in ...string) code {
	q.g.Nodes = append(q.g.Nodes, &onnx.Node{Name: out.name, Domain: domain, OpType: op, Inputs: in, Outputs: []string{out.name}, Attributes: attrs})
	return out
}

func ints(name string, v ...int64) *onnx.Attribute {
	return &onnx.Attribute{Name: name, Type: onnx.AttrInts, Ints: v}
}

func integer(name string, v int64) *onnx.Attribute {
	return &onnx.Attribute{Name: name, Type: onnx.AttrInt, Int: v}
}

// conv adds a QLinearConv of random shape, weights and zero points.
func (q *quantGraph) conv(x code) code {
	cin, h, w := x.dims[1], x.dims[2], x.dims[3]
	k, s, cout, group := 1+2*q.Intn(3), 1+q.Intn(2), 1+q.Intn(100), 1
	if q.Intn(3) == 0 {
		cout, group = cin, cin
	}
	if k > min(h, w) {
		k = 1
	}
	p := k / 2
	out := func(n int) int { return (n+2*p-k)/s + 1 }
	y := q.to(1, cout, out(h), out(w))
	signed := q.Intn(2) == 0
	weights := make([]byte, cout*cin/group*k*k)
	q.Read(weights)
	count := []int{1, cout}[q.Intn(2)]
	scales, zeros := make([]float32, count), make([]byte, count)
	for i := range scales {
		scales[i] = (0.2 + q.Float32()) / float32(20*k*(1+cin/group))
	}
	if q.Intn(2) == 0 || !signed {
		q.Read(zeros)
	}
	bias := make([]int32, cout)
	for i := range bias {
		bias[i] = int32(q.Intn(2000) - 1000)
	}
	dims := []int{count}
	if count == 1 {
		dims = nil
	}
	wScale := q.tensor(onnx.Tensor{DataType: 1, Floats: scales}, dims...)
	wZero := q.bytes(signed, zeros, dims...)
	attrs := []*onnx.Attribute{ints("strides", int64(s), int64(s)), ints("pads", int64(p), int64(p), int64(p), int64(p)), integer("group", int64(group))}
	return q.node("", "QLinearConv", y, attrs, x.name, x.scale, x.zero, q.bytes(signed, weights, cout, cin/group, k, k), wScale, wZero, y.scale, y.zero,
		q.tensor(onnx.Tensor{DataType: 6, Int32s: bias}, cout))
}

// grow adds a random operator behind one of the values.
func (q *quantGraph) grow(values []code) code {
	x := values[q.Intn(len(values))]
	like := slices.IndexFunc(values, func(v code) bool { return v.name != x.name && slices.Equal(v.dims, x.dims) })
	c, h, w := x.dims[1], x.dims[2], x.dims[3]
	switch op := q.Intn(7); {
	case op == 0 && like >= 0:
		z, y := values[like], q.to(x.dims...)
		return q.node("com.microsoft", []string{"QLinearAdd", "QLinearMul"}[q.Intn(2)], y, nil, x.name, x.scale, x.zero, z.name, z.scale, z.zero, y.scale, y.zero)
	case op == 1 && h > 3 && w > 3:
		y := code{q.fresh("v"), []int{1, c, (h-1)/2 + 1, (w-1)/2 + 1}, x.scale, x.zero}
		return q.node("", "MaxPool", y, []*onnx.Attribute{ints("kernel_shape", 3, 3), ints("strides", 2, 2), ints("pads", 1, 1, 1, 1)}, x.name)
	case op == 2 && c < 150:
		z, y := x, q.to(1, 2*c, h, w)
		if like >= 0 {
			z = values[like]
		}
		return q.node("com.microsoft", "QLinearConcat", y, []*onnx.Attribute{integer("axis", 1)}, y.scale, y.zero, x.name, x.scale, x.zero, z.name, z.scale, z.zero)
	case op == 3:
		y := q.to(x.dims...)
		return q.node("com.microsoft", "QLinearLeakyRelu", y, nil, x.name, x.scale, x.zero, y.scale, y.zero)
	}
	return q.conv(x)
}

// model is a random network from a picture to codes and numbers.
func (q *quantGraph) model() []byte {
	q.g = &onnx.Graph{Name: "g"}
	side := 7 + q.Intn(9)
	channels := 1 + q.Intn(5)
	value := func(name string, kind int32, dims ...int) *onnx.ValueInfo {
		t := &onnx.Type{Kind: onnx.KindTensor, ElemType: kind, HasShape: true}
		for _, d := range dims {
			t.Dims = append(t.Dims, onnx.Dim{HasValue: true, Value: int64(d)})
		}
		return &onnx.ValueInfo{Name: name, Type: t}
	}
	q.g.Inputs = []*onnx.ValueInfo{value("x", 1, 1, channels, side, side+2)}
	x := q.to(1, channels, side, side+2)
	values := []code{q.conv(q.node("", "QuantizeLinear", x, nil, "x", x.scale, x.zero))}
	for range 2 + q.Intn(8) {
		values = append(values, q.grow(values))
	}
	last := values[len(values)-1]
	c := last.dims[1]
	pooled := q.to(1, c, 1, 1)
	q.node("com.microsoft", "QLinearGlobalAveragePool", pooled, nil, last.name, last.scale, last.zero, pooled.scale, pooled.zero)
	flat := q.node("", "Flatten", code{q.fresh("v"), []int{1, c}, pooled.scale, pooled.zero}, nil, pooled.name)
	weights := make([]byte, 37*c)
	q.Read(weights)
	y := q.to(1, 37)
	q.node("", "QLinearMatMul", y, nil, flat.name, flat.scale, flat.zero, q.bytes(true, weights, c, 37), q.float(0.01), q.bytes(true, []byte{3}), y.scale, y.zero)
	q.node("", "DequantizeLinear", code{name: "y"}, nil, y.name, y.scale, y.zero)
	kind := int32(2)
	if q.signed {
		kind = 3
	}
	q.g.Outputs = []*onnx.ValueInfo{value("y", 1, 1, 37), value(last.name, kind, last.dims...)}
	var b bytes.Buffer
	if err := onnx.Write(&b, &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 13}, {Domain: "com.microsoft", Version: 1}}, Graph: q.g}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// TestQuantGraphs: planned on integer kernels, random networks give what the
// reference gives, to the bit.
func TestQuantGraphs(t *testing.T) {
	for seed := range int64(60) {
		q := &quantGraph{Rand: rand.New(rand.NewSource(seed)), signed: seed%3 == 0}
		model := q.model()
		plain, err := engine.OpenBytes(model, engine.Plain())
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		sizes, _ := plain.Inputs()[0].Shape.Ints()
		x := make([]float32, tensor.MustCount(sizes))
		for i := range x {
			x[i] = float32(q.NormFloat64())
		}
		in := engine.Values{"x": tensor.Of(x, sizes...)}
		want, err := plain.Run(context.Background(), in)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, cpu := range engine.CPUs() {
			s, err := engine.OpenBytes(model, engine.CPU(cpu))
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			got, err := s.Run(context.Background(), in)
			if err != nil {
				t.Fatalf("seed %d on %s: %v", seed, cpu, err)
			}
			for name, w := range want {
				if !bytes.Equal(got[name].Bytes(), w.Bytes()) {
					t.Errorf("seed %d on %s: output %s differs\n got %v\nwant %v", seed, cpu, name, got[name].Bytes()[:min(64, len(w.Bytes()))], w.Bytes()[:min(64, len(w.Bytes()))])
				}
			}
		}
		if t.Failed() {
			return
		}
	}
}

// TestSumsAsONNXRuntime: sums that a last bit decides are those of ONNX Runtime 1.30 on a
// processor with AVX2. The convolutions by 1 before them let the kernels take part.
func TestSumsAsONNXRuntime(t *testing.T) {
	for _, r := range []struct {
		signed                 bool
		scaleA, scaleB, scaleY float32
		a, zeroA, b, zeroB     int
		zeroY, want            int
	}{
		{false, 0.19043198, 0.29679844, 0.07243952, 18, 216, 144, 41, 219, 121},
		{false, 0.21795492, 0.19259043, 0.2917526, 14, 76, 62, 85, 158, 96},
		{false, 0.20060073, 0.0393187, 0.12036958, 251, 215, 158, 34, 0, 100},
		{false, 0.25088578, 0.27664438, 0.122355364, 192, 203, 131, 35, 7, 202},
		{true, 0.20944877, 0.14099045, 0.0645686, -32, 35, 103, 93, 119, -76},
		{true, 0.27656463, 0.10921327, 0.06691483, -23, -50, 60, 38, -128, 19},
	} {
		q := &quantGraph{signed: r.signed, g: &onnx.Graph{Name: "g"}}
		kind := int32(2)
		if r.signed {
			kind = 3
		}
		value := func(name string) *onnx.ValueInfo {
			one := onnx.Dim{HasValue: true, Value: 1}
			return &onnx.ValueInfo{Name: name, Type: &onnx.Type{Kind: onnx.KindTensor, ElemType: kind, HasShape: true, Dims: []onnx.Dim{one, one, one, one}}}
		}
		operand := func(name string, scale float32, zero int) code {
			q.g.Inputs = append(q.g.Inputs, value(name))
			x := code{name + "1", nil, q.float(scale), q.bytes(r.signed, []byte{byte(zero)})}
			return q.node("", "QLinearConv", x, nil, name, x.scale, x.zero, q.bytes(true, []byte{1}, 1, 1, 1, 1), q.float(1), q.bytes(true, []byte{0}), x.scale, x.zero)
		}
		a, b := operand("a", r.scaleA, r.zeroA), operand("b", r.scaleB, r.zeroB)
		q.node("com.microsoft", "QLinearAdd", code{name: "y"}, nil, a.name, a.scale, a.zero, b.name, b.scale, b.zero, q.float(r.scaleY), q.bytes(r.signed, []byte{byte(r.zeroY)}))
		q.g.Outputs = []*onnx.ValueInfo{value("y")}
		var m bytes.Buffer
		if err := onnx.Write(&m, &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 13}, {Domain: "com.microsoft", Version: 1}}, Graph: q.g}); err != nil {
			t.Fatal(err)
		}
		in := engine.Values{}
		for name, v := range map[string]int{"a": r.a, "b": r.b} {
			in[name] = tensor.View(tensor.DType(kind), []byte{byte(v)}, []int{1, 1, 1, 1})
		}
		options := map[string]engine.Option{"plain": engine.Plain()}
		for _, cpu := range engine.CPUs() {
			options[cpu] = engine.CPU(cpu)
		}
		for name, o := range options {
			s, err := engine.OpenBytes(m.Bytes(), o)
			if err != nil {
				t.Fatal(err)
			}
			out, err := s.Run(context.Background(), in)
			if err != nil {
				t.Fatal(err)
			}
			if got := out["y"].Bytes()[0]; got != byte(r.want) {
				t.Errorf("%+v on %s: %d", r, name, got)
			}
		}
	}
}
