package engine_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/built"
)

// external is a model whose output y is four floats of weights/w.bin.
func external(t *testing.T) []byte {
	t.Helper()
	four := &onnx.Type{Kind: onnx.KindTensor, ElemType: 1, HasShape: true, Dims: []onnx.Dim{{Value: 4, HasValue: true}}}
	m := &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: &onnx.Graph{
		Outputs: []*onnx.ValueInfo{{Name: "y", Type: four}},
		Nodes:   []*onnx.Node{{OpType: "Identity", Inputs: []string{"w"}, Outputs: []string{"y"}}},
		Initializers: []*onnx.Tensor{{Name: "w", DataType: 1, Dims: []int64{4}, Location: 1,
			External: []onnx.Entry{{Key: "location", Value: "weights/w.bin"}}}},
	}}
	var data bytes.Buffer
	if err := onnx.Write(&data, m); err != nil {
		t.Fatal(err)
	}
	return data.Bytes()
}

// External data of a model in memory lies in the caller's file system.
func TestWithFiles(t *testing.T) {
	three := &onnx.Type{Kind: onnx.KindTensor, ElemType: 1, HasShape: true, Dims: []onnx.Dim{{Value: 3, HasValue: true}}}
	m := &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: &onnx.Graph{
		Inputs: []*onnx.ValueInfo{{Name: "x", Type: three}}, Outputs: []*onnx.ValueInfo{{Name: "y", Type: three}},
		Nodes: []*onnx.Node{{OpType: "Add", Inputs: []string{"x", "w"}, Outputs: []string{"y"}}},
		Initializers: []*onnx.Tensor{{Name: "w", DataType: 1, Dims: []int64{3}, Location: 1,
			External: []onnx.Entry{{Key: "location", Value: "weights/w.bin"}, {Key: "offset", Value: "4"}, {Key: "length", Value: "12"}}}},
	}}
	var data, weights bytes.Buffer
	if err := onnx.Write(&data, m); err != nil {
		t.Fatal(err)
	}
	if err := binary.Write(&weights, binary.LittleEndian, []float32{-1, 10, 20, 30}); err != nil {
		t.Fatal(err)
	}
	s, err := engine.OpenBytes(data.Bytes(), engine.WithFiles(fstest.MapFS{"weights/w.bin": {Data: weights.Bytes()}}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out, err := s.Run(context.Background(), engine.Values{"x": tensor.Of([]float32{1, 2, 3}, 3)})
	if err != nil || !slices.Equal(tensor.Data[float32](out["y"]), []float32{11, 22, 33}) {
		t.Errorf("%v, %v", out, err)
	}
	if _, err := engine.OpenBytes(data.Bytes(), engine.WithFiles(fstest.MapFS{})); err == nil || !strings.Contains(err.Error(), "weights/w.bin") {
		t.Errorf("without the file: %v", err)
	}
	if _, err := engine.OpenBytes(data.Bytes()); err == nil || !strings.Contains(err.Error(), "engine.WithFiles") {
		t.Errorf("without a file system: %v", err)
	}
}

// WithFiles decides for a file too where its external data is, or that there is none; a
// model without any cannot be given some.
func TestWithFilesOfFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	ones, twos := bytes.Repeat([]byte{0, 0, 0x80, 0x3f}, 4), bytes.Repeat([]byte{0, 0, 0, 0x40}, 4)
	if err := errors.Join(os.WriteFile(path, external(t), 0o600), os.Mkdir(filepath.Join(dir, "weights"), 0o700),
		os.WriteFile(filepath.Join(dir, "weights", "w.bin"), ones, 0o600)); err != nil {
		t.Fatal(err)
	}
	for want, opts := range map[float32][]engine.Option{1: nil, 2: {engine.WithFiles(fstest.MapFS{"weights/w.bin": {Data: twos}})}} {
		s, err := engine.Open(path, opts...)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if out, err := s.Run(context.Background(), nil); err != nil || tensor.Data[float32](out["y"])[0] != want {
			t.Errorf("%v, %v; want %v", out, err, want)
		}
	}
	if _, err := engine.Open(path, engine.WithFiles(nil)); err == nil || !strings.Contains(err.Error(), `external data in "weights/w.bin"`) {
		t.Errorf("refused: %v", err)
	}
	m := ir.NewBuilder(17)
	m.Output("y", m.Input("x", tensor.Float32, ir.Dims(2)))
	built, err := m.Model()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.OpenModel(built, engine.Name("built.h5"), engine.WithFiles(fstest.MapFS{})); err == nil || !strings.HasPrefix(err.Error(), "built.h5: WithFiles") {
		t.Errorf("of a built model: %v", err)
	}
}

// Operators of other domains are built once their domain is imported.
func TestBuilderImports(t *testing.T) {
	build := func(imported bool) *ir.Builder {
		b := ir.NewBuilder(17)
		if imported {
			b.Import("com.microsoft", 1)
		}
		b.Output("y", b.Node("com.microsoft.Gelu", []*ir.Value{b.Input("x", tensor.Float32, ir.Dims(2))}))
		return b
	}
	if _, err := build(false).Model(); err == nil || !strings.Contains(err.Error(), `does not import domain "com.microsoft"`) {
		t.Errorf("a domain that is not imported: %v", err)
	}
	out, err := built.Session(t, build(true)).Run(context.Background(), engine.Values{"x": tensor.Of([]float32{0, 10}, 2)})
	if err != nil || !slices.Equal(tensor.Data[float32](out["y"]), []float32{0, 10}) {
		t.Errorf("%v, %v", out, err)
	}
}
