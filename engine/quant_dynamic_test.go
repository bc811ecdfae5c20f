package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/built"
)

// quantised adds DynamicQuantizeLinear and returns codes, scale and zero point.
func (q *quantGraph) quantised(x string) [3]string {
	out := [3]string{q.fresh("codes"), q.fresh("scale"), q.fresh("zero")}
	q.g.Nodes = append(q.g.Nodes, &onnx.Node{Name: out[0], OpType: "DynamicQuantizeLinear", Inputs: []string{x}, Outputs: out[:]})
	return out
}

// either adds an operator whose operands commute.
func (q *quantGraph) either(op string, dims []int, a, b string) code {
	if q.Intn(2) == 0 {
		a, b = b, a
	}
	return q.node("", op, code{name: q.fresh("v"), dims: dims}, nil, a, b)
}

// scaled adds a product of codes with n outputs, and what makes float32 of its sums:
// dims are those of the result, and of what there is one of for each output.
func (q *quantGraph) scaled(op string, x string, weights []byte, shape []int, n int, dims, each []int, attrs []*onnx.Attribute) code {
	signed := q.Intn(2) == 0
	if len(each) > 1 {
		signed = signed || q.Intn(2) == 0
	}
	count, zeros := []int{1, n}[q.Intn(2)], make([]byte, 1)
	zeroDims, scaleDims := []int(nil), each
	if count == 1 {
		scaleDims = nil
	} else if q.Intn(2) == 0 {
		zeros, zeroDims = make([]byte, n), []int{n}
	}
	if q.Intn(2) == 0 || !signed {
		q.Read(zeros)
	}
	scales := make([]float32, count)
	for i := range scales {
		scales[i] = (0.2 + q.Float32()) / float32(len(weights))
	}
	codes := q.quantised(x)
	sums := q.node("", op, code{name: q.fresh("sums")}, attrs, codes[0], q.bytes(signed, weights, shape...), codes[2], q.bytes(signed, zeros, zeroDims...))
	cast := q.node("", "Cast", code{name: q.fresh("v")}, []*onnx.Attribute{integer("to", 1)}, sums.name)
	both := q.either("Mul", nil, codes[1], q.tensor(onnx.Tensor{DataType: 1, Floats: scales}, scaleDims...))
	y := q.either("Mul", dims, cast.name, both.name)
	if q.Intn(4) > 0 {
		bias := make([]float32, n)
		for i := range bias {
			bias[i] = q.Float32() - 0.5
		}
		y = q.either("Add", dims, y.name, q.tensor(onnx.Tensor{DataType: 1, Floats: bias}, each...))
	}
	if q.Intn(2) == 0 {
		y = q.node("", "Relu", code{name: q.fresh("v"), dims: dims}, nil, y.name)
	}
	return y
}

// dynamicConv adds a convolution.
func (q *quantGraph) dynamicConv(x code) code {
	cin, h, w := x.dims[1], x.dims[2], x.dims[3]
	k, s, d, cout := 1+2*q.Intn(3), 1+q.Intn(2), 1+q.Intn(2), 1+q.Intn(100)
	if (k-1)*d >= min(h, w) {
		k = 1
	}
	p := (k - 1) * d / 2
	out := func(n int) int { return (n+2*p-(k-1)*d-1)/s + 1 }
	weights := make([]byte, cout*cin*k*k)
	q.Read(weights)
	attrs := []*onnx.Attribute{ints("strides", int64(s), int64(s)), ints("pads", int64(p), int64(p), int64(p), int64(p)), ints("dilations", int64(d), int64(d))}
	return q.scaled("ConvInteger", x.name, weights, []int{cout, cin, k, k}, cout, []int{x.dims[0], cout, out(h), out(w)}, []int{1, cout, 1, 1}, attrs)
}

// growDynamic adds a random operator that computes the same to the bit on any kernels.
func (q *quantGraph) growDynamic(values []code) code {
	x := values[q.Intn(len(values))]
	n, c, h, w := x.dims[0], x.dims[1], x.dims[2], x.dims[3]
	v := func(dims ...int) code { return code{name: q.fresh("v"), dims: dims} }
	switch op := q.Intn(6); {
	case op == 0 && h > 3 && w > 3:
		attrs := []*onnx.Attribute{ints("kernel_shape", 3, 3), ints("strides", 2, 2), ints("pads", 1, 1, 1, 1)}
		return q.node("", "MaxPool", v(n, c, (h-1)/2+1, (w-1)/2+1), attrs, x.name)
	case op == 1 && c < 150:
		return q.node("", "Concat", v(n, 2*c, h, w), []*onnx.Attribute{integer("axis", 1)}, x.name, x.name)
	case op == 2:
		return q.node("", "Add", v(x.dims...), nil, x.name, x.name)
	}
	return q.dynamicConv(x)
}

// dynamicModel is a random network from a picture to numbers.
func (q *quantGraph) dynamicModel() []byte {
	q.g = &onnx.Graph{Name: "g"}
	value := func(name string, dims ...int) *onnx.ValueInfo {
		t := &onnx.Type{Kind: onnx.KindTensor, ElemType: 1, HasShape: true}
		for _, d := range dims {
			t.Dims = append(t.Dims, onnx.Dim{HasValue: true, Value: int64(d)})
		}
		return &onnx.ValueInfo{Name: name, Type: t}
	}
	x := code{name: "x", dims: []int{1 + q.Intn(2), 1 + q.Intn(5), 7 + q.Intn(9), 8 + q.Intn(9)}}
	q.g.Inputs = []*onnx.ValueInfo{value("x", x.dims...)}
	values := []code{q.dynamicConv(x)}
	for range 2 + q.Intn(6) {
		values = append(values, q.growDynamic(values))
	}
	last := values[len(values)-1]
	k, n := last.dims[3], 1+q.Intn(100)
	weights := make([]byte, k*n)
	q.Read(weights)
	rows := []int{last.dims[0], last.dims[1], last.dims[2], n}
	y := q.scaled("MatMulInteger", last.name, weights, []int{k, n}, n, rows, []int{n}, nil)
	q.g.Outputs = []*onnx.ValueInfo{value(y.name, y.dims...), value(values[0].name, values[0].dims...)}
	var b bytes.Buffer
	if err := onnx.Write(&b, &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 13}}, Graph: q.g}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// TestDynamicGraphs: planned on integer kernels, random networks that are quantised
// at run time give what the operators give one after the other, to the bit.
func TestDynamicGraphs(t *testing.T) {
	for seed := range int64(60) {
		q := &quantGraph{Rand: rand.New(rand.NewSource(seed))}
		model := q.dynamicModel()
		way := func(opts ...engine.Option) (*engine.Session, engine.Values) {
			s, err := engine.OpenBytes(model, opts...)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			sizes, _ := s.Inputs()[0].Shape.Ints()
			x, rng := make([]float32, tensor.MustCount(sizes)), rand.New(rand.NewSource(seed))
			for i := range x {
				x[i] = float32(rng.NormFloat64())
			}
			out, err := s.Run(context.Background(), engine.Values{"x": tensor.Of(x, sizes...)})
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			return s, out
		}
		_, want := way(engine.Plain())
		for _, cpu := range engine.CPUs() {
			for _, threads := range []int{1, 2} {
				s, got := way(engine.CPU(cpu), engine.Threads(threads))
				for name, w := range want {
					if !bytes.Equal(got[name].Bytes(), w.Bytes()) {
						t.Fatalf("seed %d on %s with %d threads: output %s differs", seed, cpu, threads, name)
					}
				}
				for _, n := range s.Optimised().Nodes {
					if strings.HasSuffix(n.Op, "Integer") || n.Op == "DynamicQuantizeLinear" {
						t.Fatalf("seed %d: %s is left", seed, n.Op)
					}
				}
			}
		}
	}
}

// TestDynamicDepthwise: convolutions in groups round their numbers as the standard
// does, and their sums as float32.
func TestDynamicDepthwise(t *testing.T) {
	for seed := range int64(8) {
		q := &quantGraph{Rand: rand.New(rand.NewSource(seed)), g: &onnx.Graph{Name: "g"}}
		c := 1 + q.Intn(70)
		weights := make([]byte, c*9)
		q.Read(weights)
		dims := []onnx.Dim{{HasValue: true, Value: 1}, {HasValue: true, Value: int64(c)}, {HasValue: true, Value: 9}, {HasValue: true, Value: 11}}
		of := func(name string) []*onnx.ValueInfo {
			return []*onnx.ValueInfo{{Name: name, Type: &onnx.Type{Kind: onnx.KindTensor, ElemType: 1, HasShape: true, Dims: dims}}}
		}
		y := q.scaled("ConvInteger", "x", weights, []int{c, 1, 3, 3}, c, []int{1, c, 9, 11}, []int{1, c, 1, 1},
			[]*onnx.Attribute{integer("group", int64(c)), ints("pads", 1, 1, 1, 1)})
		q.g.Inputs, q.g.Outputs = of("x"), of(y.name)
		var b bytes.Buffer
		if err := onnx.Write(&b, &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 13}}, Graph: q.g}); err != nil {
			t.Fatal(err)
		}
		x := make([]float32, c*99)
		for i := range x {
			x[i] = float32(q.NormFloat64())
		}
		var want *tensor.Tensor
		for _, opt := range append([]engine.Option{engine.Plain()}, everyCPU()...) {
			s, err := engine.OpenBytes(b.Bytes(), opt)
			if err != nil {
				t.Fatal(err)
			}
			out, err := s.Run(context.Background(), engine.Values{"x": tensor.Of(x, 1, c, 9, 11)})
			if err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = out[y.name]
			}
			if err := near(out[y.name], want, false, false); err != nil {
				t.Fatal(fmt.Errorf("seed %d: %w", seed, err))
			}
		}
	}
}

func everyCPU() (all []engine.Option) {
	for _, cpu := range engine.CPUs() {
		all = append(all, engine.CPU(cpu))
	}
	return all
}

// TestIntegerSums: products of codes outside of quantised layers give what the operators define,
// on every rung: with zero points known and not, and matrices constant and not.
func TestIntegerSums(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	codes := func(signed bool, shape ...int) *tensor.Tensor {
		x := tensor.New(tensor.Uint8, shape...)
		rng.Read(x.Bytes())
		if signed {
			return x.As(tensor.Int8)
		}
		return x
	}
	for i, c := range []struct {
		op    string
		x, w  []int
		zeros int // of the weights
		attrs []*ir.Attr
	}{
		{op: "MatMulInteger", x: []int{17, 64}, w: []int{64, 33}, zeros: 1},
		{op: "MatMulInteger", x: []int{1, 300}, w: []int{300, 100}, zeros: 100},
		{op: "MatMulInteger", x: []int{2, 3, 5, 7}, w: []int{7, 9}, zeros: 9},
		{op: "MatMulInteger", x: []int{2, 1, 5, 70}, w: []int{3, 70, 9}, zeros: 1},
		{op: "MatMulInteger", x: []int{9}, w: []int{9, 4}, zeros: 1},
		{op: "MatMulInteger", x: []int{3, 2048}, w: []int{2048, 16}, zeros: 1},
		{op: "ConvInteger", x: []int{2, 3, 13, 14}, w: []int{33, 3, 7, 7}, zeros: 1, attrs: []*ir.Attr{ir.AttrInts("strides", 2, 2), ir.AttrInts("pads", 3, 3, 3, 2)}},
		{op: "ConvInteger", x: []int{1, 70, 9, 11}, w: []int{40, 70, 3, 3}, zeros: 40, attrs: []*ir.Attr{ir.AttrInts("pads", 1, 1, 1, 1)}},
		{op: "ConvInteger", x: []int{1, 70, 9, 11}, w: []int{7, 70, 1, 1}, zeros: 1},
		{op: "ConvInteger", x: []int{1, 32, 9, 11}, w: []int{32, 1, 3, 3}, zeros: 1, attrs: []*ir.Attr{ir.AttrInt("group", 32)}},
		{op: "ConvInteger", x: []int{1, 5, 20}, w: []int{4, 5, 3}, zeros: 1},
	} {
		for k := range 16 {
			x, w := codes(k&1 > 0, c.x...), codes(k&2 > 0, c.w...)
			xZero, wZero := codes(k&1 > 0, 1), codes(k&2 > 0, c.zeros)
			run := func(opts ...engine.Option) []byte {
				b, in := ir.NewBuilder(18), engine.Values{}
				operand := func(name string, v *tensor.Tensor, constant bool) *ir.Value {
					if constant {
						return b.Const("", v)
					}
					in[name] = v
					return b.Input(name, v.DType(), ir.TypeOf(v).Shape)
				}
				nodes := []*ir.Value{operand("x", x, false), operand("w", w, k&4 > 0), operand("xZero", xZero, k&8 > 0), nil}
				if k != 15 {
					nodes[3] = operand("wZero", wZero, k&4 > 0)
				}
				b.Output("y", b.Node(c.op, nodes, c.attrs...))
				out, err := built.Session(t, b, opts...).Run(context.Background(), in)
				if err != nil {
					t.Fatalf("row %d, case %d: %v", i, k, err)
				}
				return out["y"].Bytes()
			}
			want := run(engine.Plain())
			for _, cpu := range engine.CPUs() {
				for threads := range 2 {
					if !bytes.Equal(run(engine.CPU(cpu), engine.Threads(1+threads)), want) {
						t.Errorf("row %d, case %d on %s with %d threads differs", i, k, cpu, 1+threads)
					}
				}
			}
		}
	}
}
