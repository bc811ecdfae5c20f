package quantize_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/quantize"
)

// network builds a small classifier with what real ones have: batch
// normalisation, depthwise convolution, clip, residual sum, concatenation.
type network struct {
	*rand.Rand
	g *onnx.Graph
}

func (n *network) constant(name string, scale float64, dims ...int64) string {
	t := &onnx.Tensor{Name: name, DataType: 1, Dims: dims}
	count := int64(1)
	for _, d := range dims {
		count *= d
	}
	for range count {
		t.Floats = append(t.Floats, float32(n.NormFloat64()*scale))
	}
	if strings.HasSuffix(name, "variance") {
		for i, v := range t.Floats {
			t.Floats[i] = v*v + 0.1
		}
	}
	n.g.Initializers = append(n.g.Initializers, t)
	return name
}

func (n *network) op(op, out string, attrs []*onnx.Attribute, in ...string) string {
	n.g.Nodes = append(n.g.Nodes, &onnx.Node{Name: out, OpType: op, Inputs: in, Outputs: []string{out}, Attributes: attrs})
	return out
}

func ints(name string, v ...int64) *onnx.Attribute {
	return &onnx.Attribute{Name: name, Type: onnx.AttrInts, Ints: v}
}

func integer(name string, v int64) *onnx.Attribute {
	return &onnx.Attribute{Name: name, Type: onnx.AttrInt, Int: v}
}

func number(name string, v float32) *onnx.Attribute {
	return &onnx.Attribute{Name: name, Type: onnx.AttrFloat, Float: v}
}

func build(opset int64) []byte {
	n := &network{rand.New(rand.NewSource(1)), &onnx.Graph{Name: "small"}}
	typ := func(dims ...int64) *onnx.Type {
		t := &onnx.Type{Kind: onnx.KindTensor, ElemType: 1, HasShape: true}
		for _, d := range dims {
			t.Dims = append(t.Dims, onnx.Dim{HasValue: true, Value: d})
		}
		return t
	}
	n.g.Inputs = []*onnx.ValueInfo{{Name: "x", Type: typ(1, 3, 20, 20)}}
	n.g.Outputs = []*onnx.ValueInfo{{Name: "y", Type: typ(1, 10)}}
	pads := ints("pads", 1, 1, 1, 1)
	c := n.op("Conv", "conv1", []*onnx.Attribute{pads, ints("strides", 2, 2)}, "x", n.constant("w1", 0.3, 16, 3, 3, 3))
	c = n.op("BatchNormalization", "bn1", nil, c, n.constant("gamma", 1, 16), n.constant("beta", 0.3, 16), n.constant("mean", 0.3, 16), n.constant("variance", 1, 16))
	c = n.op("Relu", "relu1", nil, c)
	d := n.op("Conv", "depthwise", []*onnx.Attribute{pads, integer("group", 16)}, c, n.constant("w2", 0.4, 16, 1, 3, 3), n.constant("b2", 0.2, 16))
	if opset < 11 {
		d = n.op("Clip", "clip", []*onnx.Attribute{number("min", 0), number("max", 6)}, d)
	} else {
		n.g.Initializers = append(n.g.Initializers, &onnx.Tensor{Name: "zero", DataType: 1, Floats: []float32{0}}, &onnx.Tensor{Name: "six", DataType: 1, Floats: []float32{6}})
		d = n.op("Clip", "clip", nil, d, "zero", "six")
	}
	d = n.op("Conv", "conv3", nil, d, n.constant("w3", 0.3, 16, 16, 1, 1), n.constant("b3", 0.2, 16))
	s := n.op("Add", "sum", nil, d, c)
	p := n.op("MaxPool", "pool", []*onnx.Attribute{ints("kernel_shape", 2, 2), ints("strides", 2, 2)}, s)
	j := n.op("Concat", "join", []*onnx.Attribute{integer("axis", 1)}, p, n.op("Sigmoid", "gate", nil, p))
	j = n.op("Conv", "conv4", nil, j, n.constant("w4", 0.3, 24, 32, 1, 1), n.constant("b4", 0.2, 24))
	f := n.op("Flatten", "flat", nil, n.op("GlobalAveragePool", "pooled", nil, n.op("Relu", "relu4", nil, j)))
	n.op("Gemm", "y", []*onnx.Attribute{integer("transB", 1)}, f, n.constant("w5", 0.5, 10, 24), n.constant("b5", 0.2, 10))
	var b bytes.Buffer
	if err := onnx.Write(&b, &onnx.Model{IRVersion: 7, Opsets: []onnx.Opset{{Version: opset}}, Graph: n.g}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// value is the one input or output of a network.
func value(name string, dims ...int64) []*onnx.ValueInfo {
	of := &onnx.Type{Kind: onnx.KindTensor, ElemType: 1, HasShape: true}
	for _, d := range dims {
		of.Dims = append(of.Dims, onnx.Dim{HasValue: true, Value: d})
	}
	return []*onnx.ValueInfo{{Name: name, Type: of}}
}

// session opens the network.
func (n *network) session(t *testing.T, opset int64, metadata ...onnx.Entry) *engine.Session {
	t.Helper()
	var b bytes.Buffer
	if err := onnx.Write(&b, &onnx.Model{IRVersion: 7, Opsets: []onnx.Opset{{Version: opset}}, Graph: n.g, Metadata: metadata}); err != nil {
		t.Fatal(err)
	}
	s, err := engine.OpenBytes(b.Bytes(), quantize.Prepare())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// quantized opens the network and quantises all of its layers.
func (n *network) quantized(t *testing.T, opset int64, metadata ...onnx.Entry) (*engine.Session, *quantize.Result) {
	t.Helper()
	s := n.session(t, opset, metadata...)
	r, err := quantize.Session(context.Background(), s, samples(), quantize.Options{Exact: true})
	if err != nil {
		t.Fatalf("opset %d: %v", opset, err)
	}
	made := map[string]bool{"": true, "x": true}
	for _, c := range r.Model.Graph.Initializers {
		made[c.Name] = true
	}
	for _, node := range r.Model.Graph.Nodes {
		for _, name := range node.Inputs {
			if !made[name] {
				t.Errorf("node %s reads %s before it is made", node.Name, name) // which onnx.checker refuses
			}
		}
		for _, name := range node.Outputs {
			made[name] = true
		}
	}
	return s, r
}

// first is a network's first output for the first sample.
func first(t *testing.T, s *engine.Session) []float32 {
	t.Helper()
	in, err := samples().Load(0)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return tensor.Data[float32](out[s.Outputs()[0].Name])
}

// differ is the rms difference between the outputs of a network and of its result,
// relative to the outputs' rms.
func differ(t *testing.T, s *engine.Session, r *quantize.Result) float64 {
	t.Helper()
	var b bytes.Buffer
	if err := onnx.Write(&b, r.Model); err != nil {
		t.Fatal(err)
	}
	q, err := engine.OpenBytes(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	off, all := 0.0, 0.0
	got := first(t, q)
	for i, w := range first(t, s) {
		off += math.Pow(float64(w-got[i]), 2)
		all += math.Pow(float64(w), 2)
	}
	return math.Sqrt(off / all)
}

func samples() quantize.Samples {
	return quantize.Samples{Count: 24, Load: func(i int) (engine.Values, error) {
		r := rand.New(rand.NewSource(int64(i)))
		x := make([]float32, 3*20*20)
		for k := range x {
			x[k] = float32(r.NormFloat64())
		}
		return engine.Values{"x": tensor.Of(x, 1, 3, 20, 20)}, nil
	}}
}

// quantized opens and quantises.
func quantized(t *testing.T, opset int64, o quantize.Options) *quantize.Result {
	t.Helper()
	s, err := engine.OpenBytes(build(opset), quantize.Prepare())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r, err := quantize.Session(context.Background(), s, samples(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSession: every layer becomes an integer one, whatever the opset and the
// method; the result stays near and runs on integers only.
func TestSession(t *testing.T) {
	for _, opset := range []int64{9, 13, 17} {
		for method, worst := range map[quantize.Method]float64{quantize.MSE: 0.05, quantize.MinMax: 0.06, quantize.Percentile: 0.06} {
			r := quantized(t, opset, quantize.Options{Method: method, Exact: true})
			if len(r.Layers) != 5 || r.Error > worst || r.Error == 0 || r.Bytes >= r.Float {
				t.Errorf("opset %d by %s: %d layers, error %.3f, %d bytes of %d", opset, method, len(r.Layers), r.Error, r.Bytes, r.Float)
			}
			var b bytes.Buffer
			if err := onnx.Write(&b, r.Model); err != nil {
				t.Fatal(err)
			}
			s, err := engine.OpenBytes(b.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			var left []string
			for _, n := range s.Optimised().Nodes {
				if n.Op == "Conv" || n.Op == "Gemm" || n.Op == "Add" || n.Op == "Sigmoid" || n.Op == "Relu" || n.Op == "Clip" {
					left = append(left, n.Name)
				}
			}
			if left != nil {
				t.Errorf("opset %d by %s: still in float32: %v", opset, method, left)
			}
		}
	}
}

// TestBounds: what the passes have joined to bounds is written as Clip, and a bias for
// each row stays one.
func TestBounds(t *testing.T) {
	n := &network{rand.New(rand.NewSource(1)), &onnx.Graph{Name: "bounds"}}
	n.g.Inputs, n.g.Outputs = value("x", 1, 3, 20, 20), value("y", 8, 8)
	n.g.Initializers = append(n.g.Initializers, &onnx.Tensor{Name: "zero", DataType: 1, Floats: []float32{0}}, &onnx.Tensor{Name: "six", DataType: 1, Floats: []float32{6}},
		&onnx.Tensor{Name: "rows", DataType: 7, Dims: []int64{2}, Int64s: []int64{8, 400}})
	c := n.op("Conv", "conv1", []*onnx.Attribute{ints("pads", 1, 1, 1, 1)}, "x", n.constant("w1", 0.3, 8, 3, 3, 3))
	c = n.op("Min", "top", nil, n.op("Max", "bottom", nil, c, "zero"), "six")
	n.op("Gemm", "y", nil, n.op("Reshape", "flat", nil, c, "rows"), n.constant("w2", 0.1, 400, 8), n.constant("b2", 20, 8, 1))
	_, r := n.quantized(t, 13)
	if r.Error > 0.05 || len(r.Layers) != 1 {
		t.Errorf("error %.3f, %d layers", r.Error, len(r.Layers))
	}
}

// TestShuffle: ShuffleNet's exchange of channels, which the passes join, is written as it was.
func TestShuffle(t *testing.T) {
	n := &network{rand.New(rand.NewSource(1)), &onnx.Graph{Name: "shuffle"}}
	n.g.Inputs, n.g.Outputs = value("x", 1, 3, 20, 20), value("y", 1, 4, 18, 18)
	n.g.Initializers = []*onnx.Tensor{
		{Name: "apart", DataType: 7, Dims: []int64{5}, Int64s: []int64{1, 2, 4, 18, 18}}, {Name: "joined", DataType: 7, Dims: []int64{4}, Int64s: []int64{1, 8, 18, 18}},
		{Name: "first", DataType: 7, Dims: []int64{1}, Int64s: []int64{0}}, {Name: "half", DataType: 7, Dims: []int64{1}, Int64s: []int64{4}}, {Name: "axis", DataType: 7, Dims: []int64{1}, Int64s: []int64{1}}}
	v := n.op("Reshape", "parts", nil, n.op("Conv", "conv", nil, "x", n.constant("w1", 0.3, 8, 3, 3, 3)), "apart")
	v = n.op("Reshape", "shuffled", nil, n.op("Transpose", "exchanged", []*onnx.Attribute{ints("perm", 0, 2, 1, 3, 4)}, v), "joined")
	v = n.op("Slice", "kept", nil, v, "first", "half", "axis")
	n.op("Conv", "y", nil, v, n.constant("w2", 0.3, 4, 4, 1, 1))
	if _, r := n.quantized(t, 13); r.Error > 0.05 || len(r.Layers) != 2 {
		t.Errorf("error %.3f, %d layers", r.Error, len(r.Layers))
	}
}

// TestOldForms: what opset 13 writes in another form means the same there, and the
// session is as it was.
func TestOldForms(t *testing.T) {
	pads := ints("pads", 1, 1, 1, 1)
	text := func(name, v string) *onnx.Attribute {
		return &onnx.Attribute{Name: name, Type: onnx.AttrString, String: v}
	}
	scales := func(v float32) []float32 { return []float32{1, 1, v, v} }
	for _, c := range []struct {
		opset  int64
		op     string
		scale  float32
		mode   string
		inputs []string
		attrs  []*onnx.Attribute
	}{
		{7, "Upsample", 2, "nearest", nil, []*onnx.Attribute{{Name: "scales", Type: onnx.AttrFloats, Floats: scales(2)}}},
		{9, "Upsample", 1.5, "linear", []string{"scales"}, nil},
		{10, "Resize", 1.7, "nearest", []string{"scales"}, nil},
		{10, "Resize", 0.6, "nearest", []string{"scales"}, nil},
		{10, "Resize", 0.6, "linear", []string{"scales"}, nil},
		{11, "Resize", 2, "linear", []string{"none", "scales"}, []*onnx.Attribute{text("coordinate_transformation_mode", "align_corners")}},
	} {
		n := &network{rand.New(rand.NewSource(1)), &onnx.Graph{Name: "old"}}
		side := int64(float32(20) * c.scale)
		n.g.Inputs, n.g.Outputs = value("x", 1, 3, 20, 20), value("y", 1, 4, side, side)
		if c.inputs != nil {
			n.g.Initializers = append(n.g.Initializers, &onnx.Tensor{Name: "scales", DataType: 1, Dims: []int64{4}, Floats: scales(c.scale)},
				&onnx.Tensor{Name: "none", DataType: 1, Dims: []int64{0}})
		}
		v := n.op("Relu", "relu", nil, n.op("Conv", "conv1", []*onnx.Attribute{pads}, "x", n.constant("w1", 0.3, 8, 3, 3, 3)))
		v = n.op(c.op, "sized", append(c.attrs, text("mode", c.mode)), append([]string{v}, c.inputs...)...)
		n.op("Conv", "y", []*onnx.Attribute{pads}, v, n.constant("w2", 0.3, 4, 8, 3, 3))
		s, r := n.quantized(t, c.opset)
		before := first(t, s)
		if d := differ(t, s, r); d > 0.03 {
			t.Errorf("opset %d, %s by %v, %s: the outputs differ by %.3f", c.opset, c.op, c.scale, c.mode, d)
		}
		if !slices.Equal(first(t, s), before) {
			t.Errorf("opset %d: the session computes something else", c.opset)
		}
	}
}

// TestFloat: a layer that is to stay in float32 does, and the error shrinks
// where the ends of the network may.
func TestFloat(t *testing.T) {
	all := quantized(t, 13, quantize.Options{Exact: true})
	kept := quantized(t, 13, quantize.Options{Exact: true, Float: []string{"conv3"}})
	if len(kept.Layers) != len(all.Layers) {
		t.Errorf("%d layers are told of, want %d", len(kept.Layers), len(all.Layers))
	}
	for _, l := range kept.Layers {
		if l.Integer == (l.Node == "conv3") {
			t.Errorf("layer %s: integer %v", l.Node, l.Integer)
		}
	}
	if free := quantized(t, 13, quantize.Options{}); free.Error > all.Error || len(free.Kept) > 0 && free.Error > 0.85*all.Error {
		t.Errorf("error %.4f with %v in float32, %.4f without", free.Error, free.Kept, all.Error)
	}
}

// TestBelowGate: numbers that a gate makes 0 of take no codes.
func TestBelowGate(t *testing.T) {
	for gate, least := range map[string]float64{"Sigmoid": -8, "HardSigmoid": -2.5, "Tanh": -100} {
		n := &network{rand.New(rand.NewSource(1)), &onnx.Graph{Name: "gate"}}
		n.g.Inputs, n.g.Outputs = value("x", 1, 3, 20, 20), value("y", 1, 8, 18, 18)
		v := n.op("Conv", "conv", nil, "x", n.constant("w1", 3, 8, 3, 3, 3))
		v = n.op("Mul", "gated", nil, v, n.op(gate, "gate", nil, v))
		n.op("Conv", "y", nil, v, n.constant("w2", 0.3, 8, 8, 1, 1))
		_, r := n.quantized(t, 13)
		if low := r.Layers[0].Low; low < least || low > -1 || gate == "Tanh" && low > -9 {
			t.Errorf("%s: codes from %v", gate, low)
		}
	}
}

// TestFirstBeforePool: an input with a few huge numbers is better read in float32, and
// what comes after the pool is then quantised by its own range.
func TestFirstBeforePool(t *testing.T) {
	n := &network{rand.New(rand.NewSource(1)), &onnx.Graph{Name: "pool"}}
	n.g.Inputs, n.g.Outputs = value("x", 1, 3, 20, 20), value("y", 1, 4, 9, 9)
	n.g.Initializers = append(n.g.Initializers, &onnx.Tensor{Name: "zero", DataType: 1, Floats: []float32{0}}, &onnx.Tensor{Name: "six", DataType: 1, Floats: []float32{6}})
	v := n.op("Clip", "clip", nil, n.op("Conv", "conv1", nil, "x", n.constant("w1", 0.4, 8, 3, 3, 3)), "zero", "six")
	v = n.op("MaxPool", "pool", []*onnx.Attribute{ints("kernel_shape", 2, 2), ints("strides", 2, 2)}, v)
	v = n.op("Conv", "conv2", nil, v, n.constant("w2", 0.3, 8, 8, 1, 1))
	n.op("Conv", "y", nil, v, n.constant("w3", 0.3, 4, 8, 1, 1))
	huge := samples()
	plain := huge.Load
	huge.Load = func(i int) (engine.Values, error) {
		in, err := plain(i)
		if err == nil {
			tensor.Data[float32](in["x"])[i] = 1000
		}
		return in, err
	}
	r, err := quantize.Session(context.Background(), n.session(t, 13), huge, quantize.Options{Method: quantize.MinMax})
	if err != nil || r.Error > 0.03 || !slices.Contains(r.Kept, "conv1") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRefuses(t *testing.T) {
	s, err := engine.OpenBytes(build(13), quantize.Prepare())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for want, o := range map[string]quantize.Options{"method \"best\"": {Method: "best"}, "no node \"gone\"": {Float: []string{"gone"}},
		"nothing to": {Float: []string{"conv1", "depthwise", "conv3", "conv4", "y"}}} {
		_, err := quantize.Session(context.Background(), s, samples(), o)
		if want == "nothing to" {
			want = "no convolution or matrix product"
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, err := quantize.Session(context.Background(), s, quantize.Samples{}, quantize.Options{}); err == nil {
		t.Error("no samples, no error")
	}
	fused, err := engine.OpenBytes(build(13))
	if err != nil {
		t.Fatal(err)
	}
	defer fused.Close()
	if _, err := quantize.Session(context.Background(), fused, samples(), quantize.Options{}); err == nil || !strings.Contains(err.Error(), "open the session with the option quantize.Prepare()") {
		t.Errorf("a session that was opened without Prepare: %v", err)
	}
}

// TestRefusesQuantised: a network that is quantised as it runs is quantised already too.
func TestRefusesQuantised(t *testing.T) {
	n := &network{g: &onnx.Graph{Name: "dynamic", Inputs: value("x", 1, 3, 20, 20), Outputs: value("y", 1, 2, 20, 20)}}
	n.g.Initializers = []*onnx.Tensor{{Name: "w", DataType: 3, Dims: []int64{2, 3, 1, 1}, Raw: []byte{1, 2, 3, 4, 5, 6}, HasRaw: true}, {Name: "w_scale", DataType: 1, Floats: []float32{0.1}}}
	n.g.Nodes = []*onnx.Node{{Name: "codes", OpType: "DynamicQuantizeLinear", Inputs: []string{"x"}, Outputs: []string{"codes", "scale", "zero"}}}
	sums := n.op("Cast", "cast", []*onnx.Attribute{integer("to", 1)}, n.op("ConvInteger", "sums", nil, "codes", "w", "zero"))
	n.op("Mul", "y", nil, sums, n.op("Mul", "scales", nil, "scale", "w_scale"))
	_, err := quantize.Session(context.Background(), n.session(t, 13), samples(), quantize.Options{})
	if err == nil || !strings.Contains(err.Error(), "the network is quantised already") {
		t.Error(err)
	}
}

// TestAnyNumberOfObjects: a result with more or fewer of them is not taken for an equal one.
func TestAnyNumberOfObjects(t *testing.T) {
	for least, want := range map[float32]bool{0: true, 1e9: false} {
		n := &network{rand.New(rand.NewSource(1)), &onnx.Graph{Name: "objects"}}
		n.g.Inputs, n.g.Outputs = value("x", 1, 3, 20, 20), []*onnx.ValueInfo{{Name: "y", Type: &onnx.Type{Kind: onnx.KindTensor, ElemType: 1}}}
		n.g.Initializers = []*onnx.Tensor{{Name: "least", DataType: 1, Floats: []float32{least}}, {Name: "flat", DataType: 7, Dims: []int64{1}, Int64s: []int64{-1}}}
		v := n.op("Reshape", "all", nil, n.op("Conv", "conv", nil, "x", n.constant("w", 0.3, 8, 3, 3, 3)), "flat")
		n.op("Compress", "y", nil, v, n.op("Greater", "some", nil, v, "least"))
		if _, r := n.quantized(t, 13); r.Error > 0 != want {
			t.Errorf("objects above %v: error %v", least, r.Error)
		}
	}
}

// TestHalves: outputs of float16 are compared too.
func TestHalves(t *testing.T) {
	n := &network{rand.New(rand.NewSource(1)), &onnx.Graph{Name: "halves"}}
	n.g.Inputs, n.g.Outputs = value("x", 1, 3, 20, 20), value("y", 1, 8)
	n.g.Outputs[0].Type.ElemType = 10
	v := n.op("Flatten", "flat", nil, n.op("GlobalAveragePool", "mean", nil, n.op("Conv", "conv", nil, "x", n.constant("w", 0.3, 8, 3, 3, 3))))
	n.op("Cast", "y", []*onnx.Attribute{integer("to", 10)}, v)
	if _, r := n.quantized(t, 13); r.Error == 0 || r.Agreement < 0.5 {
		t.Errorf("error %v, agreement %v", r.Error, r.Agreement)
	}
}

// TestNaN: where the network itself gives no numbers, there is nothing to come near.
func TestNaN(t *testing.T) {
	s, err := engine.OpenBytes(build(13), quantize.Prepare())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	poisoned := samples()
	clean := poisoned.Load
	poisoned.Load = func(i int) (engine.Values, error) {
		in, err := clean(i)
		if i == 3 {
			x := tensor.Data[float32](in["x"])
			for k := range x {
				x[k] = float32(math.NaN())
			}
		}
		return in, err
	}
	if _, err := quantize.Session(context.Background(), s, quantize.Samples{Count: 1}, quantize.Options{}); err == nil || !strings.Contains(err.Error(), "Samples.Load is nil") {
		t.Error(err)
	}
	if r, err := quantize.Session(context.Background(), s, poisoned, quantize.Options{Exact: true}); r != nil || err == nil || !strings.Contains(err.Error(), `output "y" holds NaN in float32 already`) {
		t.Errorf("%v, %v", r, err)
	}
}

// TestShrunkFile: a model's file that becomes shorter while its network is quantised,
// or before that is written, is an error.
func TestShrunkFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("models are read whole on Windows; run on a system where they are mapped")
	}
	for _, before := range []string{"calibration", "writing"} {
		path := filepath.Join(t.TempDir(), "m.onnx")
		if err := os.WriteFile(path, build(13), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := engine.Open(path, quantize.Prepare())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		in := samples()
		load := in.Load
		in.Load = func(i int) (engine.Values, error) {
			if before == "calibration" {
				if err := os.Truncate(path, 0); err != nil {
					t.Skipf("%v; run on a system where mapped files shrink", err)
				}
			}
			return load(i)
		}
		r, err := quantize.Session(t.Context(), s, in, quantize.Options{Exact: true, Float: []string{"conv3", "conv4"}})
		if before == "writing" && err == nil {
			if err := os.Truncate(path, 0); err != nil {
				t.Skipf("%v; run on a system where mapped files shrink", err)
			}
			err = r.WriteFile(path + ".int8")
		}
		if !errors.Is(err, engine.ErrChanged) {
			t.Errorf("before %s: %v", before, err)
		}
	}
}
