//go:build unix

package engine_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// A file that shrinks under a session ends runs with an error, whatever reads it: the
// reader, a kernel on any of the threads, or packing.
func TestShrunkFile(t *testing.T) {
	const n = 1024
	dims := func(d ...int64) *onnx.Type {
		out := &onnx.Type{Kind: onnx.KindTensor, ElemType: 1, HasShape: true}
		for _, n := range d {
			out.Dims = append(out.Dims, onnx.Dim{Value: n, HasValue: n > 0, Param: map[bool]string{true: "rows"}[n == 0]})
		}
		return out
	}
	for _, c := range []struct {
		name, op string
		rows     int64 // of the input; 0: any, so that weights are packed in the first run
		weights  []int64
		inside   bool  // of the model's file
		left     int64 // bytes
	}{
		{"product that reads weights where they lie", "MatMul", 1, []int64{n, n}, false, 0},
		{"product with weights in the model's file", "MatMul", 1, []int64{n, n}, true, 0},
		{"product of whose weights the helper's half is gone", "Gemm", 1, []int64{16 * n, n}, false, 32 * n * n},
		{"weights packed later", "MatMul", 0, []int64{n, n}, false, 0},
		{"sum", "Add", n, []int64{n, n}, false, 0},
		{"product with one number per row", "Mul", n, []int64{n, 1}, false, 0},
		{"rows gathered", "Gather", 0, []int64{n, n}, false, 0},
	} {
		for _, cpu := range engine.CPUs() {
			for _, threads := range []int{1, 2} {
				t.Run(c.name+" "+cpu, func(t *testing.T) {
					m := &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: &onnx.Graph{
						Inputs: []*onnx.ValueInfo{{Name: "x", Type: dims(c.rows, n)}}, Outputs: []*onnx.ValueInfo{{Name: "y"}},
						Nodes: []*onnx.Node{{OpType: c.op, Inputs: []string{"x", "w"}, Outputs: []string{"y"}}},
						Initializers: []*onnx.Tensor{{Name: "w", DataType: 1, Dims: c.weights, Location: 1,
							External: []onnx.Entry{{Key: "location", Value: "w.bin"}}}},
					}}
					x := tensor.New(tensor.Float32, max(1, int(c.rows)), n)
					node := m.Graph.Nodes[0]
					switch c.op {
					case "Gemm":
						node.Attributes = []*onnx.Attribute{{Name: "transB", Type: onnx.AttrInt, Int: 1}}
					case "Gather":
						node.Inputs = []string{"w", "x"}
						m.Graph.Inputs[0].Type.ElemType = 7
						x = tensor.New(tensor.Int64, 1, n)
						for i := range n {
							tensor.Data[int64](x)[i] = int64(i)
						}
					}
					size := 4 * c.weights[0] * c.weights[1]
					if w := m.Graph.Initializers[0]; c.inside {
						w.Location, w.External, w.Raw, w.HasRaw = 0, nil, make([]byte, size), true
					}
					var data bytes.Buffer
					if err := onnx.Write(&data, m); err != nil {
						t.Fatal(err)
					}
					dir := t.TempDir()
					path, weights := filepath.Join(dir, "m.onnx"), filepath.Join(dir, "w.bin")
					if err := errors.Join(os.WriteFile(path, data.Bytes(), 0o600), os.WriteFile(weights, make([]byte, size), 0o600)); err != nil {
						t.Fatal(err)
					}
					s, err := engine.Open(path, engine.CPU(cpu), engine.Threads(threads))
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					if err := errors.Join(os.Truncate(weights, c.left), os.Truncate(path, 0)); err != nil {
						t.Fatal(err)
					}
					for range 2 {
						_, err = s.Run(context.Background(), engine.Values{"x": x})
						if !errors.Is(err, engine.ErrChanged) {
							t.Errorf("%v", err)
						}
					}
				})
			}
		}
	}
}

// A caller's own look at constants ends with an error too, and its own panics stay
// panics.
func TestGuard(t *testing.T) {
	m := &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: &onnx.Graph{
		Outputs:      []*onnx.ValueInfo{{Name: "w"}},
		Initializers: []*onnx.Tensor{{Name: "w", DataType: 1, Dims: []int64{1 << 20}, Raw: make([]byte, 4<<20), HasRaw: true}},
	}}
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := onnx.WriteFile(path, m); err != nil {
		t.Fatal(err)
	}
	s, err := engine.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sum := func() error {
		total := float32(0)
		for _, v := range tensor.Data[float32](s.Graph().Outputs[0].Const()) {
			total += v
		}
		if total != 0 {
			return errors.New("a sum of zeros")
		}
		return nil
	}
	if err := s.Guard(sum); err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if r := recover(); r != "mine" {
				t.Errorf("recovered %v", r)
			}
		}()
		s.Guard(func() error { panic("mine") })
	}()
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Guard(sum); !errors.Is(err, engine.ErrChanged) {
			t.Error(err)
		}
	}
}

// Close waits for the runs under way, of slices too: what they read stays mapped.
func TestCloseWaits(t *testing.T) {
	const n = 2048
	w := make([]byte, 4*n*n)
	for i := 2; i < len(w); i += 4 {
		w[i], w[i+1] = 0x80, 0x3f // 1
	}
	row := &onnx.Type{Kind: onnx.KindTensor, ElemType: 1, HasShape: true, Dims: []onnx.Dim{{Value: 1, HasValue: true}, {Value: n, HasValue: true}}}
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := onnx.WriteFile(path, &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: &onnx.Graph{
		Inputs: []*onnx.ValueInfo{{Name: "x", Type: row}}, Outputs: []*onnx.ValueInfo{{Name: "y"}},
		Nodes: []*onnx.Node{{OpType: "Gemm", Inputs: []string{"x", "w"}, Outputs: []string{"y"},
			Attributes: []*onnx.Attribute{{Name: "transB", Type: onnx.AttrInt, Int: 1}}}},
		Initializers: []*onnx.Tensor{{Name: "w", DataType: 1, Dims: []int64{n, n}, HasRaw: true, Raw: w}},
	}}); err != nil {
		t.Fatal(err)
	}
	in := engine.Values{"x": tensor.New(tensor.Float32, 1, n)}
	for i := range tensor.Data[float32](in["x"]) {
		tensor.Data[float32](in["x"])[i] = 1
	}
	for range 8 {
		s, err := engine.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		part, err := s.Slice("", "")
		if err != nil {
			t.Fatal(err)
		}
		var runs sync.WaitGroup
		begun := make(chan bool, 8)
		for _, s := range []*engine.Session{s, s, part} {
			runs.Go(func() {
				for {
					out, err := s.Run(context.Background(), in)
					select {
					case begun <- true:
					default:
					}
					if err != nil {
						if !errors.Is(err, engine.ErrClosed) {
							t.Error(err)
						}
						return
					}
					if slices.ContainsFunc(tensor.Data[float32](out["y"]), func(v float32) bool { return v != n }) {
						t.Error("wrong numbers")
						return
					}
				}
			})
		}
		<-begun
		if err := errors.Join(s.Close(), part.Close()); err != nil {
			t.Error(err)
		}
		runs.Wait()
	}
}
