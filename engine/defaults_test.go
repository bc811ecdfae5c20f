package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// withDefaults is a model of y = |x| * scale + shift, in which both are initializers
// that are listed as inputs, and shift is sparse.
func withDefaults(t *testing.T, irVersion int64) []byte {
	t.Helper()
	vector := func(name, size string) *onnx.ValueInfo {
		return &onnx.ValueInfo{Name: name, Type: &onnx.Type{Kind: onnx.KindTensor, ElemType: 1, HasShape: true, Dims: []onnx.Dim{{Param: size}}}}
	}
	m := &onnx.Model{IRVersion: irVersion, Opsets: []onnx.Opset{{Version: 17}}, Graph: &onnx.Graph{
		Inputs:       []*onnx.ValueInfo{vector("scale", "s"), vector("x", "n"), vector("shift", "s")},
		Outputs:      []*onnx.ValueInfo{vector("y", "n")},
		Initializers: []*onnx.Tensor{{Name: "scale", DataType: 1, Dims: []int64{1}, Floats: []float32{2}}},
		SparseInitializers: []*onnx.SparseTensor{{Dims: []int64{1}, Values: &onnx.Tensor{Name: "shift", DataType: 1, Dims: []int64{1}, Floats: []float32{1}},
			Indices: &onnx.Tensor{DataType: 7, Dims: []int64{1}, Int64s: []int64{0}}}},
		Nodes: []*onnx.Node{{OpType: "Abs", Inputs: []string{"x"}, Outputs: []string{"size"}},
			{OpType: "Mul", Inputs: []string{"size", "scale"}, Outputs: []string{"scaled"}},
			{OpType: "Add", Inputs: []string{"scaled", "shift"}, Outputs: []string{"y"}}}}}
	var b bytes.Buffer
	if err := onnx.Write(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Inputs that have a value of their own take another one; without it they are
// constants.
func TestDefaults(t *testing.T) {
	s, err := engine.OpenBytes(withDefaults(t, 4))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	part, err := s.Slice("size", "")
	if err != nil {
		t.Fatal(err)
	}
	last, err := s.Slice("scaled", "")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Inputs()) != 1 || len(s.Defaults()) != 2 || s.Defaults()[0].String() != `"scale" float32[s]` || len(last.Defaults()) != 1 {
		t.Errorf("inputs %v, defaults %v, of the last node %v", s.Inputs(), s.Defaults(), last.Defaults())
	}
	x, small := tensor.Of([]float32{-1, 3}, 2), tensor.Of([]float32{1, 3}, 2)
	both := tensor.Of([]float32{10, 20}, 2)
	for _, r := range []struct {
		name  string
		s     *engine.Session
		in    engine.Values
		want  []float32
		fails string
	}{
		{"none", s, engine.Values{"x": x}, []float32{3, 7}, ""},
		{"one", s, engine.Values{"x": x, "scale": tensor.Of([]float32{5}, 1)}, []float32{6, 16}, ""},
		{"a sparse one, of another size", s, engine.Values{"x": x, "shift": both}, []float32{12, 26}, ""},
		{"both", s, engine.Values{"x": x, "scale": both, "shift": both}, []float32{20, 80}, ""},
		{"none again", s, engine.Values{"x": x}, []float32{3, 7}, ""},
		{"of a part", part, engine.Values{"size": small, "scale": both}, []float32{11, 61}, ""},
		{"of its part", last, engine.Values{"scaled": small, "shift": both}, []float32{11, 23}, ""},
		{"not of that part", last, engine.Values{"scaled": small, "scale": both}, nil, `there is no input "scale"`},
		{"of another type", s, engine.Values{"x": x, "scale": tensor.Scalar(int64(1))}, nil, `input "scale" takes float32[s], not int64[]`},
		{"nil", s, engine.Values{"x": x, "scale": nil}, nil, `input "scale" is nil`},
		{"without the input", s, engine.Values{"scale": both}, nil, `input "x" is missing`},
		{"and a stranger", s, engine.Values{"x": x, "scale": both, "z": both}, nil, `there is no input "z"`},
	} {
		out, err := r.s.Run(context.Background(), r.in)
		if r.fails != "" {
			if err == nil || !strings.Contains(err.Error(), r.fails) || strings.Count(err.Error(), "model: ") != 1 {
				t.Errorf("%s: error %v, want %s", r.name, err, r.fails)
			}
			continue
		}
		if err != nil || !slices.Equal(tensor.Data[float32](out["y"]), r.want) {
			t.Errorf("%s: %v %v, want %v", r.name, out["y"], err, r.want)
		}
	}
	into := engine.Values{"y": tensor.New(tensor.Float32, 2)}
	if err := s.RunInto(context.Background(), engine.Values{"x": x, "shift": both}, into); err != nil || tensor.Data[float32](into["y"])[1] != 26 {
		t.Errorf("into: %v %v", into["y"], err)
	}
	ended, end := context.WithCancel(context.Background())
	end()
	if _, err := s.Run(ended, engine.Values{"x": x, "scale": both}); err == nil {
		t.Error("a run whose context is done ended well")
	}
}

// Any number of goroutines may give different defaults.
func TestDefaultsHammered(t *testing.T) {
	s, err := engine.OpenBytes(withDefaults(t, 8))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				in, want := engine.Values{"x": tensor.Of([]float32{1}, 1)}, float32(3)
				if i&1 != 0 {
					in["scale"], want = tensor.Of([]float32{float32(i)}, 1), want-2+float32(i)
				}
				if i&2 != 0 {
					in["shift"], want = tensor.Of([]float32{10}, 1), want+9
				}
				if out, err := s.Run(context.Background(), in); err != nil || tensor.Data[float32](out["y"])[0] != want {
					t.Errorf("%d: %v %v, want %v", i, out["y"], err, want)
				}
			}
		})
	}
	wg.Wait()
}

// Before IR version 4 every initializer was listed among the inputs.
func TestNoDefaults(t *testing.T) {
	s, err := engine.OpenBytes(withDefaults(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	one := tensor.Of([]float32{1}, 1)
	if _, err := s.Run(context.Background(), engine.Values{"x": one, "scale": one}); err == nil || len(s.Defaults()) != 0 {
		t.Errorf("defaults %v: %v", s.Defaults(), err)
	}
}

// There is no file to open anew for other values of a model that was built.
func TestBuiltDefaults(t *testing.T) {
	b := ir.NewBuilder(21)
	w := b.Const("w", tensor.Of([]float32{1, 2}, 2))
	b.Output("y", b.Node("Add", []*ir.Value{b.Input("x", tensor.Float32, ir.Dims(2)), w}))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	m.Defaults = []ir.Default{{Const: w, Fact: w.Fact}}
	s, err := engine.OpenModel(m)
	if err != nil {
		t.Fatal(err)
	}
	two := tensor.New(tensor.Float32, 2)
	if _, err := s.Run(context.Background(), engine.Values{"x": two, "w": two}); err == nil || !strings.Contains(err.Error(), `there is no input "w"`) || len(s.Defaults()) != 0 {
		t.Errorf("defaults %v: %v", s.Defaults(), err)
	}
}

// A sparse tensor's indices are one number or one vector for each value.
func TestSparseIndices(t *testing.T) {
	for _, shape := range [][]int64{{}, {1, 1}, {1, 1, 1}} { // of one index
		m := &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: &onnx.Graph{Outputs: []*onnx.ValueInfo{{Name: "y"}},
			Nodes: []*onnx.Node{{OpType: "Identity", Inputs: []string{"w"}, Outputs: []string{"y"}}},
			SparseInitializers: []*onnx.SparseTensor{{Dims: []int64{2, 2, 2}, Values: &onnx.Tensor{Name: "w", DataType: 1, Dims: []int64{1}, Floats: []float32{3}},
				Indices: &onnx.Tensor{DataType: 7, Dims: shape, Int64s: []int64{1}}}}}}
		var data bytes.Buffer
		if err := onnx.Write(&data, m); err != nil {
			t.Fatal(err)
		}
		if _, err := engine.OpenBytes(data.Bytes()); err == nil || !strings.Contains(err.Error(), fmt.Sprintf(`sparse tensor "w": 1 values with indices of shape %v`, shape)) {
			t.Errorf("%v: %v", shape, err)
		}
	}
}
